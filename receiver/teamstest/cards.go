package teamstest

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"strings"
)

// cardsPage is a page of cards that is one file: what it needs is written
// into it.
//
//go:embed page/cards
var cardsPage embed.FS

// ShownCard is a card on a page, and what is told beside it.
type ShownCard struct {
	Name    string `json:"name"`
	Card    Card   `json:"card"`
	Summary string `json:"summary"` // the preview text that a phone shows
	Size    string `json:"size"`    // in words
	// Notes are what somebody should know of it: what was left out, what is
	// wrong.
	Notes []string `json:"notes"`
}

// WriteCards writes a page that shows cards with Microsoft's renderer, light
// and dark, as wide as on a desktop and on a phone. The page is one file and
// asks nobody for anything; whatever the cards hold, it runs no script but its
// own. Without the renderer (Bundled) it shows the JSON and says why.
func WriteCards(w io.Writer, title string, cards []ShownCard) error {
	page, err := template.ParseFS(cardsPage, "page/cards/cards.html")
	if err != nil {
		return err
	}
	script, err := module("page/site/hostconfig.js", "page/site/card.js", "page/cards/cards.js")
	if err != nil {
		return err
	}
	style, err := joined("page/site/theme.css", "page/cards/cards.css", "page/site/card.css")
	if err != nil {
		return err
	}
	vendor, licences, err := renderer()
	if err != nil {
		return err
	}
	if cards == nil {
		cards = []ShownCard{} // null is no list
	}
	scripts := make([]template.JS, len(vendor))
	for i := range vendor {
		scripts[i] = template.JS(vendor[i])
	}
	return page.Execute(w, struct {
		Title, Policy, Licences string
		Style                   template.CSS
		Vendor                  []template.JS
		Module                  template.JS
		Cards                   []ShownCard
	}{
		Title: title, Licences: licences, Style: template.CSS(style), Vendor: scripts, Module: template.JS(script), Cards: cards,
		// Only what stands in the page may run or be seen; everything else is
		// what somebody wrote into an alert.
		Policy: fmt.Sprintf("default-src 'none'; script-src %s; style-src %s; img-src data:; base-uri 'none'; form-action 'none'",
			hashes(append(vendor, script)...), hashes(style)),
	})
}

// renderer reads the scripts of Microsoft's renderer and of Markdown, and the
// licences that have to travel with them; nothing when they are not built in.
func renderer() (scripts []string, licences string, err error) {
	if !Bundled() {
		return nil, "", nil
	}
	for _, name := range []string{"markdown-it", "adaptivecards"} {
		script, err := fs.ReadFile(site, "page/site/vendor/"+name+".min.js")
		if err != nil {
			return nil, "", err
		}
		licence, err := fs.ReadFile(site, "page/site/vendor/"+name+".LICENSE")
		if err != nil {
			return nil, "", err
		}
		scripts = append(scripts, inline(string(script)))
		licences += name + "\n\n" + string(licence) + "\n"
	}
	return scripts, licences, nil
}

// module makes one script of modules that import each other: without their
// imports and exports they share their names.
func module(names ...string) (string, error) {
	text, err := joined(names...)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "import ") {
			out.WriteString(strings.TrimPrefix(line, "export "))
		}
	}
	return inline(out.String()), nil
}

// joined reads files, one after the other.
func joined(names ...string) (string, error) {
	var out strings.Builder
	for _, name := range names {
		from := fs.FS(site)
		if strings.HasPrefix(name, "page/cards/") {
			from = cardsPage
		}
		text, err := fs.ReadFile(from, name)
		if err != nil {
			return "", err
		}
		out.Write(text)
	}
	return out.String(), nil
}

// inline keeps the strings of a script from ending the element it stands in.
func inline(script string) string {
	return strings.NewReplacer("</script", `\x3c/script`, "<script", `\x3cscript`, "<!--", `\x3c!--`).Replace(script)
}

// hashes allows texts in a policy by their hashes.
func hashes(texts ...string) string {
	allowed := make([]string, len(texts))
	for i, text := range texts {
		sum := sha256.Sum256([]byte(text))
		allowed[i] = "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return strings.Join(allowed, " ")
}
