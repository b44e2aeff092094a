package cardview

import (
	"encoding/base64"
	"math"
	"net/url"
	"strconv"
	"strings"
)

// element writes one element with the room above it. One that is hidden until
// somebody presses a button can be unfolded.
func (w *writer) element(e map[string]any, depth int) {
	if !w.more(depth) {
		return
	}
	if is(e, "separator", false) {
		w.raw(`<div class="cv-line"></div>`)
	}
	w.open("cv-el", class("cv-space-", e, "spacing", "none", "small", "medium", "large", "extralarge", "padding"))
	hidden := !is(e, "isVisible", true)
	if hidden {
		w.raw("<details><summary>")
		if title := w.toggles[word(e, "id")]; title != "" {
			w.text(title)
		} else {
			w.text("Hidden")
		}
		w.raw("</summary>")
	}
	w.inside(e, depth)
	if hidden {
		w.raw("</details>")
	}
	w.close()
}

func (w *writer) inside(e map[string]any, depth int) {
	switch word(e, "type") {
	case "TextBlock":
		w.textBlock(e)
	case "RichTextBlock":
		w.richTextBlock(e, depth)
	case "FactSet":
		w.factSet(e, depth)
	case "ColumnSet":
		w.columnSet(e, depth)
	case "Container", "CarouselPage":
		w.container(e, depth)
	case "Carousel":
		w.items(list(e["pages"]), depth+1)
	case "Table":
		w.table(e, depth)
	case "Image":
		w.image(e)
	case "ImageSet":
		w.imageSet(e, depth)
	case "CodeBlock":
		w.codeBlock(e)
	case "ActionSet":
		w.actions(list(e["actions"]), depth+1)
	case "Badge":
		w.badge(e)
	case "Icon":
		w.icon(e)
	case "Input.Text", "Input.Number", "Input.Date", "Input.Time":
		w.input(e)
	case "Input.Toggle":
		w.toggle(e)
	case "Input.ChoiceSet":
		w.choices(e, depth)
	default:
		w.stranger(e, "An element", depth)
	}
}

// stranger writes what stands for an element or action that is not known.
func (w *writer) stranger(e map[string]any, what string, depth int) {
	name := word(e, "type")
	if len(w.unknown) < maxElements {
		w.unknown = append(w.unknown, name)
	}
	if fallback := object(e["fallback"]); fallback != nil {
		if what == "An action" {
			w.action(fallback, depth+1)
		} else {
			w.element(fallback, depth+1)
		}
		return
	}
	if word(e, "fallback") == "drop" {
		return
	}
	name = short(name, 40)
	if name == "" {
		w.note(what + " without a type, which Teams refuses.")
		return
	}
	w.note(what + " that only Teams shows: " + name + ".")
}

// looks are the classes of a text.
func looks(e map[string]any) []string {
	classes := []string{
		class("cv-size-", e, "size", "small", "medium", "large", "extralarge"),
		class("cv-weight-", e, "weight", "bolder", "lighter"),
		class("cv-color-", e, "color", "accent", "good", "warning", "attention"),
		class("cv-font-", e, "fontType", "monospace"),
		class("cv-to-", e, "horizontalAlignment", "center", "right"),
	}
	if is(e, "isSubtle", false) {
		classes = append(classes, "cv-subtle")
	}
	return classes
}

func (w *writer) textBlock(e map[string]any) {
	classes := append(looks(e), "cv-text")
	if !is(e, "wrap", false) {
		classes = append(classes, "cv-cut")
	}
	if strings.EqualFold(word(e, "style"), "heading") {
		classes = append(classes, "cv-heading")
	}
	w.open(classes...)
	w.markdown(word(e, "text"))
	w.close()
}

func (w *writer) richTextBlock(e map[string]any, depth int) {
	w.open("cv-text", class("cv-to-", e, "horizontalAlignment", "center", "right"))
	for _, inline := range list(e["inlines"]) {
		if !w.more(depth) {
			break
		}
		if text, ok := inline.(string); ok {
			w.text(text)
			continue
		}
		run := object(inline)
		classes := looks(run)
		for _, mark := range []string{"italic", "strikethrough", "underline", "highlight"} {
			if is(run, mark, false) {
				classes = append(classes, "cv-"+mark)
			}
		}
		end := w.link(word(object(run["selectAction"]), "url"))
		w.tag("span", classes...)
		w.text(word(run, "text"))
		w.raw("</span>", end)
	}
	w.close()
}

// link begins a link where people may be led, and returns its end.
func (w *writer) link(address string) string {
	if !leads(address) {
		return ""
	}
	w.raw(`<a rel="noopener noreferrer" href="`)
	w.text(address)
	w.raw(`">`)
	return "</a>"
}

// leads says whether a link may lead to an address.
func leads(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	switch u.Scheme {
	case "http", "https":
		return u.Host != ""
	case "mailto":
		return true
	}
	return false
}

func (w *writer) factSet(e map[string]any, depth int) {
	w.raw(`<dl class="cv-facts">`)
	for _, f := range list(e["facts"]) {
		if !w.more(depth) {
			break
		}
		w.raw("<dt>")
		w.inline(word(object(f), "title"))
		w.raw("</dt><dd>")
		w.inline(word(object(f), "value"))
		w.raw("</dd>")
	}
	w.raw("</dl>")
}

func (w *writer) columnSet(e map[string]any, depth int) {
	w.open("cv-columns", style(e))
	for _, c := range list(e["columns"]) {
		if !w.more(depth) {
			break
		}
		column := object(c)
		w.open("cv-column", width(column["width"]), style(column), middle(column),
			class("cv-space-", column, "spacing", "none", "small", "medium", "large", "extralarge"))
		w.items(list(column["items"]), depth+1)
		w.close()
	}
	w.close()
}

// width is the class of a column's width: as wide as what is in it, or its
// share of what is left, 1 to 9. A width in pixels becomes the first, because
// a style sheet cannot know it.
func width(v any) string {
	share := 0.0
	switch v := v.(type) {
	case float64:
		share = v
	case string:
		if v == "" || strings.EqualFold(v, "stretch") {
			return "cv-stretch"
		}
		share, _ = strconv.ParseFloat(v, 64)
	case nil:
		return "cv-stretch"
	}
	if !(share > 0) || math.IsInf(share, 1) { // also what is no number, such as "80px" or "Inf"
		return "cv-auto"
	}
	for share > 9 {
		share /= 10 // 50 and 50 is 5 and 5
	}
	return "cv-share" + strconv.Itoa(int(max(1, share+0.5)))
}

func middle(e map[string]any) string {
	return class("cv-valign-", e, "verticalContentAlignment", "center", "bottom")
}

// style is the class of a box's style.
func style(e map[string]any) string {
	return class("cv-style-", e, "style", "emphasis", "good", "attention", "warning", "accent")
}

func (w *writer) container(e map[string]any, depth int) {
	bleed := ""
	if is(e, "bleed", false) {
		bleed = "cv-bleed"
	}
	w.open("cv-container", style(e), bleed, middle(e))
	w.items(list(e["items"]), depth+1)
	w.close()
}

func (w *writer) table(e map[string]any, depth int) {
	grid := "cv-grid"
	if !is(e, "showGridLines", true) {
		grid = ""
	}
	heads := is(e, "firstRowAsHeaders", true)
	w.open("cv-wide")
	w.tag("table", "cv-table", grid)
	for i, r := range list(e["rows"]) {
		if !w.more(depth) {
			break
		}
		row := object(r)
		w.tag("tr", style(row))
		cell, end := "td", "</td>"
		if heads && i == 0 {
			cell, end = "th", "</th>"
		}
		for _, c := range list(row["cells"]) {
			if !w.more(depth) {
				break
			}
			w.tag(cell, style(object(c)))
			w.items(list(object(c)["items"]), depth+1)
			w.raw(end)
		}
		w.raw("</tr>")
	}
	w.raw("</table>")
	w.close()
}

func (w *writer) image(e map[string]any) {
	address, alt := word(e, "url"), word(e, "altText")
	if !isPicture(address) {
		w.open("cv-nopicture")
		if alt != "" {
			w.text("Picture: " + alt)
		} else {
			w.text("A picture that is not part of the card, so that it is shown in Teams only.")
		}
		w.close()
		return
	}
	w.raw(`<img src="`)
	w.text(address)
	w.raw(`" alt="`)
	w.text(alt)
	w.raw(`" class="`, strings.Join([]string{
		"cv-image",
		class("cv-image-", e, "size", "small", "medium", "large", "stretch"),
		class("cv-image-", e, "style", "person", "roundedcorners"),
		class("cv-to-", e, "horizontalAlignment", "center", "right"),
	}, " "), `">`)
}

// isPicture says whether an address is a picture itself, of a kind that is
// only a picture (SVG is not).
func isPicture(address string) bool {
	kind, data, ok := strings.Cut(address, ";base64,")
	switch kind {
	case "data:image/png", "data:image/jpeg", "data:image/gif", "data:image/webp":
	default:
		return false
	}
	if !ok || data == "" {
		return false
	}
	_, err := base64.StdEncoding.DecodeString(data)
	return err == nil
}

func (w *writer) imageSet(e map[string]any, depth int) {
	w.open("cv-images")
	for _, i := range list(e["images"]) {
		if !w.more(depth) {
			break
		}
		w.image(object(i))
	}
	w.close()
}

func (w *writer) codeBlock(e map[string]any) {
	w.raw(`<pre class="cv-code">`)
	w.text(word(e, "codeSnippet"))
	w.raw("</pre>")
}

func (w *writer) badge(e map[string]any) {
	w.tag("span", "cv-badge", class("cv-color-", e, "style", "accent", "good", "warning", "attention"))
	w.text(word(e, "text"))
	w.raw("</span>")
}

func (w *writer) icon(e map[string]any) {
	w.tag("span", "cv-subtle", "cv-size-small")
	w.text("[" + word(e, "name") + "]")
	w.raw("</span>")
}
