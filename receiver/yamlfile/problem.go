package yamlfile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Level says whether a problem stops the program.
type Level string

// The levels. A file with warnings works.
const (
	Error   Level = "error"
	Warning Level = "warning"
)

// Problem is one mistake in a file.
type Problem struct {
	File  string
	Line  int // from 1
	Level Level
	What  string // what is wrong; never a secret
	Do    string // what to do about it
}

// String is the problem as check-config prints it, on one line.
func (p Problem) String() string {
	return fmt.Sprintf("%s:%d: %s: %s; %s", p.File, p.Line, p.Level, p.What, p.Do)
}

// Problems are the mistakes of some files.
type Problems []Problem

// Failed says whether any of them is more than a warning.
func (ps Problems) Failed() bool {
	return slices.ContainsFunc(ps, func(p Problem) bool { return p.Level == Error })
}

// Error is all problems, one on a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// WorstFirst puts what stops the program before the warnings, for those who have
// room for the first lines only.
func (ps Problems) WorstFirst() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Compare(a.Level, b.Level) // as words: error, warning
	})
}

// Sort puts problems in the order in which a reader of the files meets them.
func (ps Problems) Sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
}
