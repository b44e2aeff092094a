package postgres

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
)

// insertion is an INSERT of a row whose result nobody needs. Those of a shared
// transaction become one statement for all their rows, which costs the server a
// fraction of as many statements.
type insertion struct {
	one, many string
	types     []string // of the columns
}

// inserting is an insertion for columns as they stand in CREATE TABLE.
func inserting(table, columns string) *insertion {
	var i insertion
	var names, marks, arrays []string
	for column := range strings.SplitSeq(columns, ",") {
		name, kind, _ := strings.Cut(strings.TrimSpace(column), " ")
		names, marks, arrays = append(names, name), append(marks, "?"), append(arrays, "?::"+kind+"[]")
		i.types = append(i.types, kind)
	}
	into := `INSERT INTO ` + table + ` (` + strings.Join(names, ", ") + `) `
	i.one = into + `VALUES (` + strings.Join(marks, ", ") + `)`
	i.many = into + `SELECT * FROM unnest(` + strings.Join(arrays, ", ") + `)`
	return &i
}

// all is the statement that inserts many rows.
func (i *insertion) all(rows [][]any) statement {
	args := make([]any, len(i.types))
	for c, kind := range i.types {
		switch kind {
		case "bigint":
			args[c] = column(rows, c, func(v any) pgtype.Int8 {
				n, ok := v.(int64)
				return pgtype.Int8{Int64: n, Valid: ok}
			})
		case "text":
			args[c] = column(rows, c, func(v any) string { return v.(string) })
		case "boolean":
			args[c] = column(rows, c, func(v any) bool { return v.(bool) })
		case "bytea":
			args[c] = column(rows, c, func(v any) []byte { return v.([]byte) })
		default:
			panic(fmt.Sprintf("no row has a column of type %q", kind))
		}
	}
	return statement{sql: i.many, args: args}
}

func column[T any](rows [][]any, c int, value func(any) T) []T {
	values := make([]T, len(rows))
	for i, row := range rows {
		values[i] = value(row[c])
	}
	return values
}

// store queues an insertion of a row.
func (t *tx) store(i *insertion, row ...any) error {
	if !t.writable {
		return errReadOnly
	}
	t.queue = append(t.queue, statement{sql: i.one, args: row, insertion: i})
	return t.failed
}
