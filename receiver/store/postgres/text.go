package postgres

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// PostgreSQL takes no zero byte in a text and nothing that is not UTF-8. What a
// sender puts into a label must not keep an alert from being stored, and comes
// back as it was: texts are escaped as arguments, and unescaped where a row is
// scanned.

// scanned are rows whose texts are unescaped.
type scanned struct{ pgx.Rows }

// Scan implements pgx.Rows.
func (s scanned) Scan(values ...any) error {
	err := s.Rows.Scan(values...)
	for _, v := range values {
		if text, ok := v.(*string); ok {
			*text = unescape(*text)
		}
	}
	return err
}

// mark stands before the two digits of a byte that PostgreSQL does not take,
// and of its own. No text has it: Unicode has set it aside for such uses.
const mark = "\uFDD0"

// escaped are the arguments of a statement as PostgreSQL takes them.
func escaped(args []any) []any {
	for i, arg := range args {
		switch arg := arg.(type) {
		case string:
			args[i] = escape(arg)
		case []string:
			all := make([]string, len(arg))
			for j, s := range arg {
				all[j] = escape(s)
			}
			args[i] = all
		}
	}
	return args
}

func escape(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 && !strings.Contains(s, mark) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if plain := r != 0 && !(r == utf8.RuneError && size == 1) && !strings.HasPrefix(s[i:], mark); plain {
			b.WriteString(s[i : i+size])
		} else {
			for _, c := range []byte(s[i : i+size]) {
				fmt.Fprintf(&b, "%s%02x", mark, c)
			}
		}
		i += size
	}
	return b.String()
}

func unescape(s string) string {
	if !strings.Contains(s, mark) {
		return s
	}
	parts := strings.Split(s, mark)
	var b strings.Builder
	b.WriteString(parts[0])
	for _, part := range parts[1:] {
		if len(part) >= 2 {
			if c, err := hex.DecodeString(part[:2]); err == nil {
				b.Write(c)
				part = part[2:]
			}
		}
		b.WriteString(part)
	}
	return b.String()
}
