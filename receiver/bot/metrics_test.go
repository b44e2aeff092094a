package bot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
)

// Who writes an alert on a metric finds it in the guide, with all the values
// that its labels have, and finds it at zero before anything has happened:
// otherwise the first refusal is never seen to rise.
func TestTheGuideTellsOfEveryMetricAndOfAllItsValues(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "sample-configs", "bot", "README.md"))
	require.NoError(t, err)
	_, watch, found := strings.Cut(string(text), "## What to watch")
	require.True(t, found)

	registry := prometheus.NewRegistry()
	var m metrics
	m.init(registry)
	families, err := registry.Gather()
	require.NoError(t, err)
	require.Len(t, families, 6)
	for _, family := range families {
		i := strings.Index(watch, "`"+family.GetName())
		require.GreaterOrEqual(t, i, 0, "%s is in no guide", family.GetName())
		row, _, _ := strings.Cut(watch[i:], "\n")
		name, _, _ := strings.Cut(row, " |")
		for _, metric := range family.Metric {
			require.Zero(t, metric.Counter.GetValue())
			for _, label := range metric.Label {
				require.Regexp(t, "[{,]"+label.GetName()+"[,}]", name)
				require.Contains(t, row, "`"+label.GetValue()+"`", family.GetName())
			}
		}
	}
	require.Equal(t, 6, testutil.CollectAndCount(m.activities))
	m.taken("handoffFromMars")
	require.Equal(t, 6, testutil.CollectAndCount(m.activities), "strangers make no labels")
}
