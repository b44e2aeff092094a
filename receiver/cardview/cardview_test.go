package cardview

import (
	"encoding/json"
	"flag"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

var update = flag.Bool("update", false, "write the golden files anew")

// shipped are the cards of package card in every state that its golden files
// hold, by the file's name.
func shipped(t testing.TB) map[string][]byte {
	t.Helper()
	cards := map[string][]byte{}
	root := filepath.Join("..", "card", "testdata")
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var parts []json.RawMessage // what is around the card, and the card
		if err := json.Unmarshal(content, &parts); err != nil {
			return err
		}
		cards[path] = parts[len(parts)-1]
		return nil
	}))
	require.Greater(t, len(cards), 200, "the golden files are elsewhere now, so this tests nothing")
	return cards
}

func TestEveryElementOfEveryShippedCardIsShown(t *testing.T) {
	for name, card := range shipped(t) {
		page, unknown := view(card)
		require.Empty(t, unknown, "%s has elements of which people would see a note only", name)
		isSafe(t, string(page))
		isWhole(t, string(page))
		require.NotContains(t, page, "which is not shown here", name)
	}
}

// understood are the properties that our cards have and that change what
// people see. Those of aside change nothing on a page.
var (
	understood = map[string][]string{
		"AdaptiveCard":            {"actions", "body", "fallbackText", "msteams"},
		"TextBlock":               {"color", "fontType", "horizontalAlignment", "isSubtle", "size", "style", "text", "weight", "wrap"},
		"RichTextBlock":           {"inlines", "horizontalAlignment"},
		"FactSet":                 {"facts"},
		"ColumnSet":               {"columns", "style"},
		"Column":                  {"items", "width", "verticalContentAlignment", "style"},
		"Container":               {"items", "style", "bleed", "verticalContentAlignment"},
		"Image":                   {"altText", "size", "style", "url"},
		"ImageSet":                {"images"},
		"CodeBlock":               {"codeSnippet"},
		"ActionSet":               {"actions"},
		"Action.OpenUrl":          {"title", "url"},
		"Action.ShowCard":         {"title", "card"},
		"Action.ToggleVisibility": {"title", "targetElements"},
		"Action.Submit":           {"title"},
		"Action.Execute":          {"title"},
		"Input.Text":              {"label", "isMultiline"},
	}
	everywhere = []string{"type", "id", "separator", "spacing", "isVisible", "fallback"}
	aside      = map[string][]string{
		"AdaptiveCard":   {"$schema", "version", "speak"},
		"CodeBlock":      {"language"},
		"Image":          {"msteams"},                                 // whether a click makes it larger
		"Action.Submit":  {"associatedInputs", "data"},                // what would be sent
		"Action.Execute": {"associatedInputs", "data", "verb"},        //
		"Input.Text":     {"errorMessage", "isRequired", "maxLength"}, // nobody types here
	}
)

func TestEveryPropertyOfEveryShippedCardIsThoughtOf(t *testing.T) {
	var look func(t *testing.T, v any)
	look = func(t *testing.T, v any) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				look(t, item)
			}
		case map[string]any:
			name := word(v, "type")
			if _, ok := understood[name]; ok {
				for property := range v {
					all := slices.Concat(understood[name], everywhere, aside[name])
					if !slices.Contains(all, property) {
						t.Errorf("%s has %s, and whoever looks at the page does not see what it does", name, property)
					}
				}
			}
			for property, item := range v {
				if property != "msteams" && property != "data" {
					look(t, item)
				}
			}
		}
	}
	for name, card := range shipped(t) {
		t.Run(name, func(t *testing.T) {
			var v any
			require.NoError(t, json.Unmarshal(card, &v))
			look(t, v)
		})
	}
}

// letters are those of a text, in their order: what is left when marks, tags
// and room are gone.
func letters(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, html.UnescapeString(text))
}

var linkTarget = regexp.MustCompile(`([^\\])\]\([^)]*\)`)

func TestNoWordOfAShippedCardIsLost(t *testing.T) {
	var said func(v any) []string
	said = func(v any) (texts []string) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				texts = append(texts, said(item)...)
			}
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				switch text, ok := v[name].(string); {
				case ok && (name == "text" || name == "title" || name == "value" || name == "codeSnippet" || name == "label"):
					texts = append(texts, strings.NewReplacer("<at>", "", "</at>", "").Replace(linkTarget.ReplaceAllString(text, "$1]")))
				case name != "msteams" && name != "data" && name != "fallback":
					texts = append(texts, said(v[name])...)
				}
			}
		}
		return texts
	}
	for name, card := range shipped(t) {
		var v any
		require.NoError(t, json.Unmarshal(card, &v))
		page := letters(textOf(t, string(HTML(card))))
		for _, text := range said(v) {
			if !strings.Contains(page, letters(strings.ToValidUTF8(text, "\uFFFD"))) {
				t.Errorf("%s: nobody reads %q", name, text)
			}
		}
	}
}

// textOf is what people read of HTML.
func textOf(t testing.TB, page string) string {
	t.Helper()
	var out strings.Builder
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return out.String()
		case html.TextToken:
			out.Write(z.Text())
		}
	}
}

var allowed = map[string][]string{
	"div": {"class"}, "span": {"class"}, "p": {}, "br": {}, "ul": {}, "ol": {}, "li": {}, "em": {}, "strong": {}, "pre": {"class"},
	"dl": {"class"}, "dt": {}, "dd": {}, "table": {"class"}, "tr": {"class"}, "td": {"class"}, "th": {"class"},
	"a": {"class", "rel", "href"}, "img": {"class", "src", "alt"}, "details": {"class"}, "summary": {},
	"button": {"type", "disabled"}, "label": {}, "input": {"disabled", "value", "type", "checked"}, "textarea": {"disabled", "rows"},
	"select": {"disabled"}, "option": {"selected"},
}

var (
	ourClasses = regexp.MustCompile(`^[a-z0-9 -]*$`)
	aPicture   = regexp.MustCompile(`^data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\r\n]+$`)
)

// isSafe says that HTML has nothing in it that could do anything, and that all
// that it opens is closed, so that the page around it stays as it is. It asks
// testify only for what is wrong, because hostile cards have many elements.
func isSafe(t testing.TB, page string) {
	t.Helper()
	var open []string
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			require.Empty(t, open, "the rest of the page would be within the card")
			return
		case html.CommentToken, html.DoctypeToken:
			t.Fatalf("%q is neither an element nor text", z.Raw())
		case html.EndTagToken:
			name, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				t.Fatalf("%s ends what it did not begin: %v", name, open)
			}
			open = open[:len(open)-1]
		case html.StartTagToken, html.SelfClosingTagToken:
			token := z.Token()
			attributes, ok := allowed[token.Data]
			if !ok {
				t.Fatalf("nobody writes <%s>", token.Data)
			}
			for _, a := range token.Attr {
				if !slices.Contains(attributes, a.Key) || !harmless(a) {
					t.Fatalf("<%s> has %s=%q", token.Data, a.Key, a.Val)
				}
			}
			if token.Data != "br" && token.Data != "img" && token.Data != "input" {
				open = append(open, token.Data)
			}
		}
	}
}

// harmless says whether the value of an attribute leads nowhere that a card may
// not lead.
func harmless(a html.Attribute) bool {
	switch a.Key {
	case "class":
		return ourClasses.MatchString(a.Val)
	case "href":
		u, err := url.Parse(a.Val)
		return err == nil && slices.Contains([]string{"http", "https", "mailto"}, u.Scheme)
	case "src":
		return aPicture.MatchString(a.Val)
	}
	return true
}

// isWhole says that a browser moves nothing around, as it does where one
// element must not be in another.
func isWhole(t testing.TB, page string) {
	t.Helper()
	body, err := html.Parse(strings.NewReader("<!doctype html><html><head></head><body><main>" + page + "</main></body></html>"))
	require.NoError(t, err)
	var out strings.Builder
	require.NoError(t, html.Render(&out, body))
	names := func(text string) (tags []string) {
		z := html.NewTokenizer(strings.NewReader(text))
		for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
			if name, _ := z.TagName(); len(name) > 0 && string(name) != "tbody" {
				tags = append(tags, string(name))
			}
		}
		return tags
	}
	inside := names(out.String())
	inside = inside[slices.Index(inside, "main")+1:]
	require.Equal(t, names(page), inside[:len(inside)-3])
}

func inCard(elements string) string {
	return string(HTML([]byte(`{"type":"AdaptiveCard","body":[` + elements + `],"msteams":{"entities":[{"type":"mention","text":"<at>Alice</at>"}]}}`)))
}

func textBlock(text string) string {
	block, _ := json.Marshal(map[string]any{"type": "TextBlock", "wrap": true, "text": text})
	page := inCard(string(block))
	page = page[strings.Index(page, `<div class="cv-text">`)+len(`<div class="cv-text">`):]
	return page[:strings.Index(page, "</div>")]
}

func TestTextIsReadAsTeamsReadsIt(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                                         "<p>plain</p>",
		"**bold** and *italic* and _italic_":            "<p><strong>bold</strong> and <em>italic</em> and <em>italic</em></p>",
		"__bold__ ***both***":                           "<p><strong>bold</strong> <strong><em>both</em></strong></p>",
		"**bold with *italic* in it**":                  "<p><strong>bold with <em>italic</em> in it</strong></p>",
		"snake_case_name 2 * 3 * 4":                     "<p>snake_case_name 2 * 3 * 4</p>",
		`temp\_c \*not\* \[no\](link) \\`:               `<p>temp_c *not* [no](link) \</p>`,
		"**never closed":                                "<p>**never closed</p>",
		"one\n\ntwo":                                    "<p>one</p><p>two</p>",
		"one\rtwo":                                      "<p>one<br>two</p>",
		"- first\n- second **b**\n\nafter":              "<ul><li>first</li><li>second <strong>b</strong></li></ul><p>after</p>",
		"1. first\n2. second":                           "<ol><li>first</li><li>second</li></ol>",
		"[the wiki](https://wiki.example/a_b)":          `<p><a rel="noopener noreferrer" href="https://wiki.example/a_b">the wiki</a></p>`,
		"[x](https://en.example/a_(b))":                 `<p><a rel="noopener noreferrer" href="https://en.example/a_(b)">x</a></p>`,
		"[**90 %** used](https://a.example)":            `<p><a rel="noopener noreferrer" href="https://a.example"><strong>90 %</strong> used</a></p>`,
		"[no](javascript:alert(1))":                     "<p>[no](javascript:alert(1))</p>",
		"[no](/relative) [no](https:)":                  "<p>[no](/relative) [no](https:)</p>",
		"&lt;at>everyone&lt;/at> &amp;":                 "<p>&lt;at&gt;everyone&lt;/at&gt; &amp;</p>",
		"<at>Alice</at> <at>Bob</at>":                   `<p><span class="cv-at">Alice</span> &lt;at&gt;Bob&lt;/at&gt;</p>`,
		"# no heading, no `code`":                       "<p># no heading, no `code`</p>",
		"<script>alert(1)</script>":                     "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>",
		`[a](https://x.example/"onclick="y)`:            `<p><a rel="noopener noreferrer" href="https://x.example/&#34;onclick=&#34;y">a</a></p>`,
		"[a [b](https://b.example)](https://c.example)": `<p>[a <a rel="noopener noreferrer" href="https://b.example">b</a>](https://c.example)</p>`,
	} {
		require.Equal(t, want, textBlock(text), text)
	}
}

func TestPicturesAreNeverFetched(t *testing.T) {
	require.Contains(t, inCard(`{"type":"Image","url":"data:image/png;base64,iVBORw0KGgo=","altText":"temp rose"}`), `<img src="data:image/png;base64,iVBORw0KGgo=" alt="temp rose"`)
	for _, address := range []string{
		"https://images.example.com/a.png", "http://169.254.169.254/", "data:image/svg+xml;base64,PHN2Zz4=", "data:text/html;base64,PHN2Zz4=",
		"data:image/png;base64,…", "data:image/png,raw", "//x/a.png", "",
	} {
		page := inCard(`{"type":"Image","url":"` + address + `","altText":"what it shows"}`)
		require.NotContains(t, page, "<img", address)
		require.Contains(t, page, "what it shows", "whoever looks knows at least what there would be")
	}
	require.NotContains(t, inCard(`{"type":"Container","backgroundImage":"https://x.example/a.png","items":[]}`), "x.example")
}

func TestWhatAPageCannotDoIsDisabled(t *testing.T) {
	page := string(HTML([]byte(`{"type":"AdaptiveCard","body":[
		{"type":"Input.Text","id":"a","label":"Why?","value":"because"},{"type":"Input.Toggle","title":"Also","value":"true"},
		{"type":"Input.ChoiceSet","label":"For","choices":[{"title":"1 hour","value":"1h"},{"title":"1 day","value":"1d"}],"value":"1d"},
		{"type":"Container","id":"log","isVisible":false,"items":[{"type":"TextBlock","text":"LOAD"}]}],
		"actions":[{"type":"Action.Execute","title":"Acknowledge"},{"type":"Action.OpenUrl","title":"Runbook","url":"https://runbooks.example/x"},
		{"type":"Action.OpenUrl","title":"Bad","url":"javascript:alert(1)"},{"type":"Action.ToggleVisibility","title":"The log","targetElements":["log"]},
		{"type":"Action.ShowCard","title":"Silence","card":{"type":"AdaptiveCard","actions":[{"type":"Action.Submit","title":"4 hours"}]}}]}`)))
	isSafe(t, page)
	for _, want := range []string{
		`<button type="button" disabled>Acknowledge</button>`, `<a class="cv-button" rel="noopener noreferrer" href="https://runbooks.example/x">Runbook</a>`,
		`<button type="button" disabled>Bad</button>`, `<details class="cv-show"><summary>Silence</summary>`, `<button type="button" disabled>4 hours</button>`,
		`<label>Why?<input disabled value="because"></label>`, `<input type="checkbox" disabled checked>Also`, "<option selected>1 day</option>",
		"<details><summary>The log</summary>",
	} {
		require.Contains(t, page, want)
	}
}

func TestAnElementThatIsNotKnownIsNotPassedOverInSilence(t *testing.T) {
	require.Contains(t, inCard(`{"type":"Chart.Donut"}`), "An element that only Teams shows: Chart.Donut.")
	require.Contains(t, inCard(`{"type":"Chart.Donut","fallback":{"type":"TextBlock","text":"33 %"}}`), "33 %")
	require.NotContains(t, inCard(`{"type":"Chart.Donut","fallback":"drop"}`), "Chart")
	require.Contains(t, inCard(`{"text":"no type"}`), "which Teams refuses")
	require.Contains(t, inCard(`7`), "which Teams refuses")
}

func TestWhatIsNoCardIsSaidSo(t *testing.T) {
	for card, want := range map[string]string{
		"": "not JSON", "null": "not a card", "[]": "not a card", "{}": "empty", `{"type":"AdaptiveCard","fallbackText":"as **text**"}`: "as <strong>text</strong>",
		`{"body":"x","actions":7}`: "empty", `"` + strings.Repeat("a", maxBytes) + `"`: "too large",
	} {
		require.Contains(t, HTML([]byte(card)), want)
	}
}

// TestHostileCardsEnd would take minutes if any of it took more than one go.
func TestHostileCardsEnd(t *testing.T) {
	nested := func(open, close string, n int) string { return strings.Repeat(open, n) + strings.Repeat(close, n) }
	text := func(unit string) string {
		block, _ := json.Marshal(map[string]any{"type": "TextBlock", "text": strings.Repeat(unit, (maxBytes-1024)/len(unit)/2)})
		return `{"type":"AdaptiveCard","body":[` + string(block) + `]}`
	}
	for name, card := range map[string]string{
		"containers in containers": `{"body":` + nested(`[{"type":"Container","items":`, `}]`, 3000) + `}`,
		"cards behind buttons":     `{"actions":` + nested(`[{"type":"Action.ShowCard","card":{"actions":`, `}}]`, 2000) + `}`,
		"fallbacks of fallbacks":   `{"body":[` + strings.Repeat(`{"type":"X","fallback":`, 5000) + `{}` + strings.Repeat(`}`, 5000) + `]}`,
		"lists in lists":           `{"body":` + nested("[", "]", 9000) + `}`,
		"many elements":            `{"body":[` + strings.Repeat(`{},`, 60_000) + `{}]}`,
		"many facts":               `{"body":[{"type":"FactSet","facts":[` + strings.Repeat(`{},`, 60_000) + `{}]}]}`,
		"brackets":                 text("["), "links": text("[a](b) "), "links in links": text("[[x](http://y) "), "ends": text("](x"),
		"stars": text("**a *b "), "more stars": text("*a**"), "underscores": text("_a "), "mentions": text("<at>"), "backslashes": text(`\`),
		"items": text("- a\n"), "entities": text("&lt;"), "parentheses": text("[a]("), "returns": text("\r"), "mixed": text("[*a_ "),
	} {
		t.Run(name, func(t *testing.T) {
			page := string(HTML([]byte(card)))
			isSafe(t, page)
			require.Less(t, len(page), 32*maxBytes)
		})
	}
}

// TestEverythingLooksAsItDidBefore holds every element in one golden file.
// A width is a word of whoever wrote the card, and there is none that a page
// waits for without end.
func TestNoWidthOfAColumnIsWaitedForWithoutEnd(t *testing.T) {
	for _, width := range []string{`"Inf"`, `"+infinity"`, `"1e999"`, `"-Inf"`, `"NaN"`, `1e308`, `"0x1p1000"`, `-1`, `"80px"`} {
		page := HTML([]byte(`{"type":"AdaptiveCard","body":[{"type":"ColumnSet","columns":[{"width":` + width + `,"items":[{"type":"TextBlock","text":"seen"}]}]}]}`))
		require.Contains(t, page, "seen", width)
		isSafe(t, string(page))
	}
}

// One long title beside thousands of hidden elements would make hundreds of
// megabytes of a card of a quarter of one.
func TestACardIsNeverMuchLongerThanItsJSON(t *testing.T) {
	hidden := strings.Repeat(`{"type":"TextBlock","id":"a","isVisible":false},`, 2000)
	card := `{"type":"AdaptiveCard","body":[` + hidden + `{"type":"TextBlock","text":"seen"}],` +
		`"actions":[{"type":"Action.ToggleVisibility","title":"` + strings.Repeat("é", 60_000) + `","targetElements":["a"]}]}`
	require.Less(t, len(card), maxBytes, "this card is not shown at all, so this tests nothing")
	page := HTML([]byte(card))
	require.Contains(t, page, "seen")
	require.Less(t, len(page), 1<<20, "a page of %d bytes", len(page))
}

func TestEverythingLooksAsItDidBefore(t *testing.T) {
	card, err := os.ReadFile(filepath.Join("testdata", "everything.json"))
	require.NoError(t, err)
	page, unknown := view(card)
	require.Empty(t, unknown)
	isSafe(t, string(page))
	isWhole(t, string(page))
	got := strings.ReplaceAll(string(page), "<div", "\n<div") + "\n"
	file := filepath.Join("testdata", "everything.html")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "run the test with -update and look at the new file")
	require.Equal(t, string(want), got, "cards look different; when that is meant, run the test with -update")
}

// TestEveryClassHasAStyle would fail for a class that changes nothing, so that
// people take a critical card for a calm one.
func TestEveryClassHasAStyle(t *testing.T) {
	card, err := os.ReadFile(filepath.Join("testdata", "everything.json"))
	require.NoError(t, err)
	for _, attribute := range regexp.MustCompile(`class="([^"]*)"`).FindAllStringSubmatch(string(HTML(card)), -1) {
		for name := range strings.FieldsSeq(attribute[1]) {
			if name != "cv-container" && name != "cv-stretch" { // what all others differ from
				require.Contains(t, Style, "."+name)
			}
		}
	}
	require.NotContains(t, Style, "url(", "nothing is fetched")
}

func FuzzHTML(f *testing.F) {
	card, err := os.ReadFile(filepath.Join("testdata", "everything.json"))
	require.NoError(f, err)
	f.Add(card)
	f.Add([]byte(`{"body":[{"type":"TextBlock","text":"<at>a</at> **b [c](https://d)** _e_"}]}`))
	f.Add([]byte(`{"actions":[{"type":"Action.ShowCard","card":{"body":[{"type":"Input.ChoiceSet","choices":[7]}]}}]}`))
	f.Fuzz(func(t *testing.T, card []byte) {
		isSafe(t, string(HTML(card)))
	})
}

func FuzzText(f *testing.F) {
	for _, text := range []string{"**a *b* c**", "[a](https://b) [c](d)", "- a\n1. b\n\nc", `\*\_&lt;<at>Alice</at>`, "***a** b*", "[*a](https://b)*"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		block, err := json.Marshal(map[string]any{"type": "TextBlock", "text": text})
		require.NoError(t, err)
		isSafe(t, inCard(string(block)))
	})
}
