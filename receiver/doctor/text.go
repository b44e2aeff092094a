package doctor

import (
	"fmt"
	"io"
	"strings"
)

// lineLength is how many characters a line has at most, so that it can be read
// in a terminal and quoted in a mail.
const lineLength = 88

// Text writes findings for people, each as it comes, without colours: the
// words say it.
type Text struct {
	w     io.Writer
	check string // of the finding before
	brief bool   // it was not made
	// why and do are the last of this check, which are not repeated.
	why, do string
	err     error
}

// NewText writes to w.
func NewText(w io.Writer) *Text { return &Text{w: w} }

// words for results; what failed is to be seen among many lines.
var shout = map[Result]string{OK: "ok", Warning: "warning", Failed: "FAILED", Skipped: "skipped"}

// indent is where sentences begin.
const indent = "           "

// Write writes one finding.
func (t *Text) Write(f Finding) {
	first := f.Check != t.check
	about := f.About
	switch {
	case first && f.Result == Skipped && about == "":
		// A check that was not made has one line, without a heading.
		about = titleOf(f.Check)
		if !t.brief {
			t.line("")
		}
		t.brief = true
	case first:
		t.line("\n" + titleOf(f.Check))
		t.brief = false
	}
	if first {
		t.check, t.why, t.do = f.Check, "", ""
	}
	what := f.What
	if about != "" {
		what = about + ": " + what
	}
	t.line(wrap(fmt.Sprintf("  %-9s", shout[f.Result]), what))
	t.part("Why: ", f.Why, &t.why)
	t.part("Do:  ", f.Do, &t.do)
}

// part writes a sentence below a finding, unless it stands above already.
func (t *Text) part(label, text string, before *string) {
	switch {
	case text == "":
		return
	case text == *before:
		t.line(indent + label + "as above.")
	default:
		t.line(wrap(indent+label, text))
	}
	*before = text
}

// End writes what came of it all.
func (t *Text) End(found []Finding) error {
	count := make(map[Result]int)
	for _, f := range found {
		count[f.Result]++
	}
	t.line(fmt.Sprintf("\n%d ok, %s, %d failed, %d skipped.", count[OK], plural(count[Warning], "warning"), count[Failed], count[Skipped]))
	if count[Failed] > 0 {
		t.line("Mend what failed from the top, and run this again: what comes later may follow from it.")
	}
	return t.err
}

func (t *Text) line(text string) {
	if t.err == nil {
		_, t.err = fmt.Fprintln(t.w, text)
	}
}

// together keeps two words on one line.
const together = "\x00"

// wrap breaks a text into lines after words; all but the first begin with as
// many blanks as start is long. A word that is too long has a line of its own:
// people copy it.
func wrap(start, text string) string {
	text = strings.ReplaceAll(text, " > ", together+"> ")
	var b strings.Builder
	b.WriteString(start)
	length := len(start)
	for i, word := range strings.Fields(text) {
		size := len([]rune(word))
		switch {
		case i == 0:
		case length+1+size > lineLength:
			b.WriteString("\n" + strings.Repeat(" ", len(start)))
			length = len(start)
		default:
			b.WriteByte(' ')
			length++
		}
		b.WriteString(word)
		length += size
	}
	return strings.ReplaceAll(b.String(), together, " ")
}
