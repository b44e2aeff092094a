package main

import (
	_ "embed"
	"html/template"
	"os"
	"path/filepath"
)

// overviewWidth is how wide the picture of all cards is, in pixels.
const overviewWidth = 2400

var (
	//go:embed sheet.html
	sheetText string
	//go:embed overview.html
	overviewText string

	sheetPage    = template.Must(template.New("sheet").Parse(sheetText))
	overviewPage = template.Must(template.New("overview").Parse(overviewText))
)

// group is a card with its states.
type group struct {
	Card   string
	States []state
}

// state is a card in one state, in all looks.
type state struct {
	Name, Title, Preview, Size string
	Notes                      []string
	Pictures                   []file
}

// file is one picture.
type file struct {
	Name, Theme, Width string
}

// sheets writes the contact sheet and the page of all cards at once.
func sheets(dir string, pictures []picture) (sheet, overview string, err error) {
	var groups []group
	for _, p := range pictures {
		if len(groups) == 0 || groups[len(groups)-1].Card != p.card {
			groups = append(groups, group{Card: p.card})
		}
		s := state{Name: p.state, Title: p.shown.Name, Preview: p.shown.Summary, Size: p.shown.Size, Notes: p.shown.Notes}
		for _, l := range looks {
			s.Pictures = append(s.Pictures, file{Name: p.file(l), Theme: l.theme, Width: l.width})
		}
		g := &groups[len(groups)-1]
		g.States = append(g.States, s)
	}
	sheet, overview = filepath.Join(dir, "index.html"), filepath.Join(dir, "overview.html")
	if err := writePage(sheet, sheetPage, groups); err != nil {
		return "", "", err
	}
	return sheet, overview, writePage(overview, overviewPage, groups)
}

func writePage(name string, page *template.Template, groups []group) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := page.Execute(f, groups); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
