package postgres

import "strings"

// walk goes through an index from its end, between two places in it. It says so
// by comparing rows: of conditions and an order PostgreSQL would guess, without
// their arguments, whether another index has the same order and fewer rows in
// between, and walk through a million that nobody has asked for.
type walk struct {
	columns []string // those of the index
	// first are what the first row has at least there, and end what all are
	// before: a question mark, or what SQL makes of one.
	first, end []string
}

// between is the condition, with the arguments of first and then of end.
func (w *walk) between() string {
	columns := `(` + strings.Join(w.columns, `, `) + `)`
	return columns + ` >= (` + strings.Join(w.first, `, `) + `) AND ` + columns + ` < (` + strings.Join(w.end, `, `) + `)`
}

func (w *walk) order() string { return ` ORDER BY ` + strings.Join(w.columns, ` DESC, `) + ` DESC` }
