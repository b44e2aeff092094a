package alert_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// What stands on a card must lead to its alert when somebody types it.
func TestAnIDLeadsBackToItsNumber(t *testing.T) {
	check := func(n int64) {
		id := alert.ShortID(n)
		got, ok := alert.FromShortID(id)
		require.True(t, ok, "%d is %s", n, id)
		require.Equal(t, n, got, id)
		got, ok = alert.FromShortID(strings.ToUpper(id))
		require.True(t, ok)
		require.Equal(t, n, got, "phones write the first letter large")
	}
	for n := range int64(3000) {
		check(n + 1)
	}
	const four, five = 27 * 27 * 27 * 27, 27 * 27 * 27 * 27 * 27
	for _, n := range []int64{four - 1, four, four + 1, four + five - 1, four + five, 1e9, 1e11, 1e12, 1e15, 1e17} {
		check(n)
	}
	for range 2000 {
		check(1 + rand.Int64N(1e13))
	}
	require.Equal(t, "fgq8", alert.ShortID(42), "ids stand on cards that are there already")
}

func TestWhatIsNoIDLeadsNowhere(t *testing.T) {
	for _, text := range []string{"", "fgq", "fgqa", "fgq1", "fg q8", "fgq8 ", "../..", strings.Repeat("z", 14), "2222", "ünü"} {
		_, ok := alert.FromShortID(text)
		require.False(t, ok, text)
	}
}
