package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// corpus is what Telegraf's inputs write, collected beside the project.
const corpus = "../../../../../../shared/corpus/telegraf-metrics"

// TestCorpus: every file goes through the loop to rules that look at all of
// its metrics, and no neighbour is lost.
func TestCorpus(t *testing.T) {
	if _, err := os.Stat(corpus); err != nil {
		t.Skip("the corpus of metrics is not beside the project")
	}
	var stream bytes.Buffer
	names := map[string]bool{"marker": true}
	count := 0
	require.NoError(t, filepath.WalkDir(corpus, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`(?m)^[\w./-]+`).FindAll(data, -1) {
			names[string(m)] = true
		}
		fmt.Fprintf(&stream, "marker,n=%d v=1\n%s\n", count, data)
		count++
		return nil
	}))
	fmt.Fprintf(&stream, "marker,n=%d v=1\n", count)

	dir := t.TempDir()
	file := writeSection(t, dir, "http://127.0.0.1:9/workflow/nobody")
	rules := bytes.NewBufferString("groups:\n  - name: all\n    rules:\n")
	for name := range names {
		fmt.Fprintf(rules, "      - {alert: 'A%s', measurement: %q, when: 'field(\"value\") > 1e300'}\n", name, name)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rules.yml"), rules.Bytes(), 0o600))
	plugin, err := load(file, os.LookupEnv)
	require.NoError(t, err)
	plugin.Log = &logger{out: io.Discard, err: io.Discard}
	require.NoError(t, plugin.Init())
	require.NoError(t, plugin.Connect())

	markers := 0
	l := newLoop(loopOptions{
		wants: plugin.Wants, log: &logger{out: io.Discard, err: io.Discard}, now: time.Now, grace: readGrace, store: storeGrace,
		samples: func(ctx context.Context, all []sample.Sample) error {
			for _, s := range all {
				if s.Measurement == "marker" {
					require.Equal(t, fmt.Sprint(markers), s.Tag("n"), "a neighbour is lost, or the order")
					markers++
				}
			}
			return plugin.Samples(ctx, all)
		},
	})
	require.NoError(t, l.run(t.Context(), &stream))
	require.NoError(t, plugin.Close())
	require.Equal(t, count+1, markers)
	require.Greater(t, l.counts.evaluated.Load(), int64(4*count), "the rules look at hardly anything")
	t.Log(l.counts.text())
}
