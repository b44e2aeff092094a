package lines

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// corpus is what Telegraf's inputs write, collected beside the project.
const corpus = "../../../../../shared/corpus/telegraf-metrics"

// TestCorpus: whatever others have written, it is no crash, and the metrics
// around it are read.
func TestCorpus(t *testing.T) {
	if _, err := os.Stat(corpus); err != nil {
		t.Skip("the corpus of metrics is not beside the project")
	}
	count, samples, broken := 0, 0, 0
	err := filepath.WalkDir(corpus, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		count++
		got := read(t, everything, "before v=1 1\n", string(data), "\nafter v=1 1\n")
		require.Equal(t, "before v=1 @1", got.samples[0], path)
		require.Equal(t, "after v=1 @1", got.samples[len(got.samples)-1], path)
		samples += len(got.samples) - 2
		broken += len(got.broken)
		for _, line := range got.broken { // documentation is written by hand
			_, err := telegrafs(t, line)
			require.Error(t, err, "Telegraf can read it, of %s: %s", path, line)
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, count, 20)
	require.Greater(t, samples, 20*broken, "it is about metrics")
	t.Logf("%d files, %d metrics, %d broken lines", count, samples, broken)
}
