package postgres

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func FuzzTextComesBack(f *testing.F) {
	for _, s := range []string{"", "plain", "zero \x00", "\xff\xfe", mark, mark + "00", "\uFFFD", "🔥\x00\xc3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		there := escape(s)
		require.NotContains(t, there, "\x00", "PostgreSQL would refuse it, and the alert with it")
		require.True(t, utf8.ValidString(there))
		require.Equal(t, s, unescape(there))
	})
}
