package deliver

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever stands under pace: in a file, what is taken can be kept: a window of
// nothing would hold an address for ever.
func FuzzParsePace(f *testing.F) {
	for _, seed := range []string{"4/1s", "4/1s,20/5m", "0/1s", "4/0s", "-1/1s", "4/-1s", "9999999999999999999/1s", "4/1d", "4 / 1s", "/", "4/1s/2s", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		windows, err := ParsePace(strings.Split(text, ","))
		if err != nil {
			return
		}
		for _, w := range windows {
			require.Positive(t, w.N, "%q", text)
			require.Positive(t, w.Per, "%q", text)
		}
	})
}
