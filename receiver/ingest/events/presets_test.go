package events

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
)

var update = flag.Bool("update", false, "write the tables of what the presets tell anew")

// body is one real body of a preset's system: a file of testdata, written by
// us in the shape of those that are named in from.
type body struct {
	file, from string
	headers    []string
}

func (b body) header() http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i < len(b.headers); i += 2 {
		h.Set(b.headers[i], b.headers[i+1])
	}
	return h
}

var presetSources sync.Map

// presetSource is a source of a preset; to compile one takes a while.
func presetSource(t testing.TB, preset string) *Source {
	made, ok := presetSources.Load(preset)
	if !ok {
		made, _ = presetSources.LoadOrStore(preset, source(t, Config{Name: preset, Preset: preset}))
	}
	return made.(*Source)
}

// parsed is what a preset makes of a body.
func parsed(t testing.TB, preset string, b body) []ingest.Snapshot {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", preset, b.file+".json"))
	require.NoError(t, err)
	snapshots, err := presetSource(t, preset).Parse(data, b.header(), now)
	require.NoError(t, err, b.file)
	return snapshots
}

// toldAs parses a body of which one story is told.
func toldAs(t testing.TB, preset string, b body) ingest.Snapshot {
	t.Helper()
	snapshots := parsed(t, preset, b)
	require.Len(t, snapshots, 1, b.file)
	return snapshots[0]
}

// tables compares what a preset makes of all its bodies with the table in
// testdata that people can read.
func tables(t *testing.T, preset string, bodies []body) {
	t.Helper()
	ids := map[uint64]int{}
	var all strings.Builder
	for _, b := range bodies {
		fmt.Fprintf(&all, "== %s, as in %s\n", b.file, b.from)
		snapshots := parsed(t, preset, b)
		if len(snapshots) == 0 {
			all.WriteString("not told\n")
		}
		for _, s := range snapshots {
			table(&all, s, ids)
		}
		all.WriteString("\n")
	}
	golden := filepath.Join("testdata", preset+".txt")
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(all.String()), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err, "go test ./receiver/ingest/events -update writes it")
	require.Equal(t, string(want), all.String())

	files, err := filepath.Glob(filepath.Join("testdata", preset, "*.json"))
	require.NoError(t, err)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		require.True(t, slices.ContainsFunc(bodies, func(b body) bool { return b.file == name }), "%s is tested by nobody", file)
	}
}

func table(out *strings.Builder, s ingest.Snapshot, ids map[uint64]int) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(out, "%-9s %s\n", name, strings.ReplaceAll(value, "\n", "\n          "))
		}
	}
	line("story", strings.ReplaceAll(s.Origin, "\x1f", " / "))
	e := s.Event
	deed := string(e.Deed)
	if e.ID != 0 {
		if ids[e.ID] == 0 {
			ids[e.ID] = len(ids) + 1
		}
		deed += fmt.Sprintf(" #%d", ids[e.ID])
	}
	line("deed", strings.TrimSpace(deed))
	line("who", e.Who)
	line("text", e.Text)
	var flags []string
	for name, set := range map[string]bool{"partial": s.Partial, "stateless": s.Stateless, "follows": s.Follows, "complete": s.Complete} {
		if set {
			flags = append(flags, name)
		}
	}
	slices.Sort(flags)
	line("is", strings.Join(flags, ", "))
	if s.Truncated > 0 {
		line("left out", fmt.Sprint(s.Truncated))
	}
	for _, a := range s.Alerts {
		state := string(a.Status)
		if a.Momentary {
			state = "it happened"
		}
		for _, at := range []struct {
			word string
			time time.Time
		}{{"since", a.StartsAt}, {"until", a.EndsAt}} {
			if !at.time.IsZero() {
				state += " " + at.word + " " + at.time.Format(time.RFC3339)
			}
		}
		line("state", state)
		line("name", a.Name())
		line("card", a.Annotations[alert.CardAnnotation])
		line("url", a.GeneratorURL)
		line("labels", listed(a.Labels, alert.NameLabel, sourceLabel))
		line("says", listed(a.Annotations, alert.CardAnnotation))
		if len(a.Values) > 0 {
			line("values", fmt.Sprint(a.Values))
		}
	}
}

// listed are labels or annotations, one a line.
func listed(m map[string]string, without ...string) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if !slices.Contains(without, name) {
			lines = append(lines, name+": "+strings.ReplaceAll(m[name], "\n", "\n    "))
		}
	}
	return strings.Join(lines, "\n")
}

// noAPI fails where a link of an alert leads to an API: people who press it
// would see JSON, or be asked for a token.
func noAPI(t *testing.T, preset string, bodies []body) {
	t.Helper()
	for _, b := range bodies {
		for _, s := range parsed(t, preset, b) {
			for _, a := range s.Alerts {
				links := maps.Clone(a.Annotations)
				links["url"] = a.GeneratorURL
				for name, link := range links {
					if strings.HasSuffix(name, "url") {
						require.NotRegexp(t, `api\.|/api/|/rest/`, link, "%s: %s", b.file, name)
					}
				}
			}
		}
	}
}

func TestEveryPresetIsRight(t *testing.T) {
	for _, name := range Presets() {
		_, problems := New(Config{Name: "x", Preset: name})
		require.Empty(t, problems, name)
	}
}
