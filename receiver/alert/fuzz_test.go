package alert

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzPoints: the past of a number comes with alerts of other agents. Whatever
// is written there, it is numbers and gaps, and is written as it was read.
func FuzzPoints(f *testing.F) {
	for _, seed := range []string{`[]`, `null`, `[1,null,2.5]`, `[1e308,-1e308]`, `["a"]`, `[{}]`, `[[1]]`, `{}`, `[1e999]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var points Points
		if json.Unmarshal(data, &points) != nil {
			return
		}
		written, err := json.Marshal(points)
		require.NoError(t, err, "%s", data)
		var again Points
		require.NoError(t, json.Unmarshal(written, &again))
		require.Len(t, again, len(points))
		for i := range points {
			require.False(t, math.IsInf(points[i], 0), "%s", data)
			require.True(t, points[i] == again[i] || math.IsNaN(points[i]) && math.IsNaN(again[i]), "%s", data)
		}
	})
}

// FuzzShortID: people type ids.
func FuzzShortID(f *testing.F) {
	for _, seed := range []string{"", "k3f9", "#k3f9", "K3F9", "zzzzzzzz", "zzzzzzzzzzzzzzzzz", "0", "-1", "l1oO", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, ok := FromShortID(text)
		if !ok {
			return
		}
		require.Positive(t, id, "%q", text)
		again, ok := FromShortID(ShortID(id))
		require.True(t, ok, "%q", text)
		require.Equal(t, id, again, "%q", text)
	})
}
