package events

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// example is one block of YAML of the README.
type example struct {
	Events []struct {
		Name, Preset string
		Mapping      Mapping
	}
	Mapping Mapping
}

func readme(t *testing.T) (text string, examples []example) {
	t.Helper()
	data, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(data, -1) {
		var e example
		require.NoError(t, yaml.Unmarshal(block[1], &e), string(block[1]))
		examples = append(examples, e)
	}
	return string(data), examples
}

// People copy examples: one that does not work is worse than none.
func TestTheExamplesOfTheREADMEWork(t *testing.T) {
	_, examples := readme(t)
	require.Len(t, examples, 5)
	for _, e := range examples {
		source(t, Config{Mapping: e.Mapping})
		for _, s := range e.Events {
			source(t, Config{Name: s.Name, Preset: s.Preset, Mapping: s.Mapping})
		}
	}

	backup := source(t, Config{Name: "backup", Mapping: examples[0].Events[0].Mapping})
	failed := one(t, backup, `{"title": "Backup failed", "job": "db1-nightly", "ok": false, "host": "db1", "text": "no space left on nas2"}`)
	require.Equal(t, "no space left on nas2", failed.Alerts[0].Annotations["summary"])
	done := one(t, backup, `{"title": "Backup done", "job": "db1-nightly", "ok": true, "host": "db1"}`)
	require.Equal(t, failed.Origin, done.Origin)
	require.Equal(t, alert.Resolved, done.Alerts[0].Status)

	tickets := source(t, Config{Mapping: examples[3].Mapping})
	created := one(t, tickets, `{"event":"created","by":{"name":"Ann"},"ticket":{"id":"T-1","status":"new","title":"Printer","prio":"high"}}`)
	require.Equal(t, "ticket-created", created.Alerts[0].Annotations[alert.CardAnnotation])
	require.Equal(t, "error", created.Alerts[0].Labels["severity"])
	comment := one(t, tickets, `{"event":"commented","by":{"name":"Bob"},"comment":{"text":"on it"},"ticket":{"id":"T-1"}}`)
	require.Equal(t, created.Origin, comment.Origin)
	require.Equal(t, group.Commented, comment.Event.Deed)
	require.Equal(t, "Bob", comment.Event.Who)
	require.Equal(t, "on it", comment.Event.Text)
	require.Equal(t, alert.Resolved, one(t, tickets, `{"event":"closed","ticket":{"id":"T-1"}}`).Alerts[0].Status)
}

func TestTheREADMEAndThePackageNameEveryFieldAndPreset(t *testing.T) {
	text, _ := readme(t)
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	fields := reflect.TypeFor[Mapping]()
	require.Len(t, new(Mapping).single(), fields.NumField()-5, "all but functions, labels, annotations, values and expires")
	for i := range fields.NumField() {
		name := fields.Field(i).Tag.Get("yaml")
		require.Contains(t, text, "`"+name+"`", "README.md")
		require.Regexp(t, `(?m)^//\t.*\b`+name+`\b`, string(doc), "doc.go")
	}
	for _, name := range Presets() {
		require.Contains(t, text, "| `"+name+"` |")
	}
	for _, header := range signatureHeaders {
		require.Contains(t, text, header)
	}
}

func TestEveryPresetBeginsWithWhatToDo(t *testing.T) {
	for _, name := range Presets() {
		data, err := presetFiles.ReadFile("presets/" + name + ".yml")
		require.NoError(t, err)
		first, _, _ := strings.Cut(string(data), "\n")
		require.True(t, strings.HasPrefix(first, "# "), "%s: %s", name, first)
	}
}

// What a preset's file says is what people copy under mapping: of their own
// file, where times are written as in Prometheus.
func TestAPresetCanBeCopied(t *testing.T) {
	for _, name := range Presets() {
		data, err := presetFiles.ReadFile("presets/" + name + ".yml")
		require.NoError(t, err)
		var copied struct{ Mapping Mapping }
		indented := "mapping:\n  " + strings.ReplaceAll(string(data), "\n", "\n  ")
		require.NoError(t, yaml.Unmarshal([]byte(indented), &copied), name)
		source(t, Config{Mapping: copied.Mapping})
	}
}
