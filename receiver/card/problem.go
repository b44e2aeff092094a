package card

import (
	"cmp"
	"strconv"
	"strings"
)

// Problem is a mistake in a template file.
type Problem struct {
	File    string // "" when it is in no file
	Line    int    // from 1; 0 when the mistake is in no line
	Warning bool   // the cards can be used all the same
	What    string
	Do      string // what to do about it
	syntax  bool   // what the template writes is not JSON
	noData  bool   // the template stumbled over a value that the data do not have
	button  spot   // of a button that is left out for its address
}

// String is the line that check-config prints: "FILE:LINE: error: what; what to do".
func (p Problem) String() string {
	kind := "error"
	if p.Warning {
		kind = "warning"
	}
	text := p.File
	if p.Line > 0 {
		text += ":" + strconv.Itoa(p.Line)
	}
	if text != "" {
		text += ": "
	}
	text += kind + ": " + p.What
	if p.Do != "" {
		text += "; " + p.Do
	}
	return text
}

// Error makes a Problem an error.
func (p Problem) Error() string { return p.String() }

// compareProblems sorts by file and line.
func compareProblems(a, b Problem) int {
	return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), strings.Compare(a.What, b.What))
}
