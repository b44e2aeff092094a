package events

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatIsWrongWithAMappingIsSaidByFieldAndPlace(t *testing.T) {
	for _, c := range []struct {
		name    string
		mapping Mapping
		field   string
		what    string
	}{
		{"cut off", Mapping{Key: ".a |"}, "mapping.key", "the expression ends too early"},
		{"a word too many", Mapping{Name: ".title .x y"}, "mapping.name", `unexpected token "y" at character 11`},
		{"on a later line", Mapping{Status: "if .a\nthen \"x\"\n) else 1 end"}, "mapping.status", `unexpected token ")" at line 3, character 1`},
		{"a text that does not end", Mapping{Card: `"alert`}, "mapping.card", "unterminated string"},
		{"a text without quotes", Mapping{Card: "alert"}, "mapping.card", "jq has no function alert without arguments, at character 1"},
		{"a function with too few arguments", Mapping{When: ".a | test"}, "mapping.when", "jq has no function test without arguments, at character 6"},
		{"a variable that nobody set", Mapping{ID: "$body.id"}, "mapping.id", "variable not defined: $body"},
		{"a label", Mapping{Labels: map[string]string{"host": ".host."}}, "mapping.labels.host", "ends too early"},
		{"an annotation", Mapping{Annotations: map[string]string{"a b": "}"}}, "mapping.annotations.a b", `unexpected token "}" at character 1`},
		{"a value", Mapping{Values: map[string]string{"v": "1 +"}}, "mapping.values.v", "ends too early"},
		{"a label's name", Mapping{Labels: map[string]string{"my-host": ".h"}}, "mapping.labels.my-host", `"my-host" cannot be the name of a label`},
		{"a label that is the name", Mapping{Labels: map[string]string{"alertname": ".n"}}, "mapping.labels.alertname", "made of name"},
		{"a label that is ours", Mapping{Labels: map[string]string{"event_source": ".s"}}, "mapping.labels.event_source", "always the source's name"},
		{"an annotation that is the card", Mapping{Annotations: map[string]string{"teamsrelay_card": ".c"}}, "mapping.annotations.teamsrelay_card", "made of card"},
		{"the functions", Mapping{Functions: "def f: .a;\ndef g: .b", Key: "f"}, "mapping.functions", "the expression ends too early"},
		{"a module", Mapping{Key: `import "x" as x; .`}, "mapping.key", "cannot load module"},
		{"behind functions, the place is that in the field", Mapping{Functions: "def f: .a;\ndef g: .b;", Key: "f | )"}, "mapping.key", `unexpected token ")" at character 5`},
		{"a comment on one of many", Mapping{Each: ".[]", Text: ".t"}, "mapping.text", "text is of one event"},
		{"time that runs backwards", Mapping{Expires: -time.Hour}, "mapping.expires", "less than nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, problems := New(Config{Name: "x", Mapping: c.mapping})
			require.Nil(t, s, "a source that misunderstands events must not start")
			require.Len(t, problems, 1)
			require.Equal(t, c.field, problems[0].Field)
			require.Contains(t, problems[0].What, c.what)
			require.NotEmpty(t, problems[0].Do)
			require.False(t, problems[0].Warning)
		})
	}
}

func TestEveryMistakeOfAMappingIsReportedAtOnce(t *testing.T) {
	_, problems := New(Config{Name: "", Preset: "jiraa", Token: "t", HMACSecret: "s", Mapping: Mapping{Key: "(", Labels: map[string]string{"a": "(", "b": "("}}})
	var fields []string
	for _, p := range problems {
		fields = append(fields, p.Field)
	}
	require.Equal(t, []string{"name", "preset", "mapping.key", "mapping.labels.a", "mapping.labels.b", ""}, fields)
}

func TestAnUnquotedTextIsExplained(t *testing.T) {
	_, problems := New(Config{Name: "x", Mapping: Mapping{Card: "alert"}})
	require.Contains(t, problems[0].Do, `write .alert for a field of the event, '"alert"' for a text`)
}

func TestAMappingChangesItsPreset(t *testing.T) {
	s := source(t, Config{Preset: "generic", Mapping: Mapping{
		Name: `"Ours"`, Labels: map[string]string{"team": `"web"`}, Annotations: map[string]string{"description": " "}, Expires: time.Hour,
	}})
	got := one(t, s, `{"title":"t","text":"hello","details":"more","host":"h1"}`)
	require.Equal(t, map[string]string{"alertname": "Ours", "team": "web", "host": "h1", "event_source": "shop"}, got.Alerts[0].Labels)
	require.Equal(t, map[string]string{"summary": "hello"}, got.Alerts[0].Annotations, "an empty expression takes one away")
	require.Equal(t, time.Hour, got.Event.Expires)
	require.Contains(t, one(t, source(t, Config{Preset: "generic"}), `{"title":"t","details":"more"}`).Alerts[0].Annotations, "description",
		"one source's changes must not reach another's preset")
}

func TestFunctionsOfAPresetCanBeUsedAndReplaced(t *testing.T) {
	s := source(t, Config{Preset: "generic", Mapping: Mapping{Functions: `def title: "replaced";`, Key: "title", Status: `"firing"`}})
	require.Contains(t, one(t, s, `{"title":"t"}`).Origin, "replaced")
}

func TestWithoutPresetAndMappingASourceGuesses(t *testing.T) {
	require.Equal(t, "t", one(t, source(t, Config{}), `{"title":"t"}`).Alerts[0].Name())
}

func TestEveryPresetCompiles(t *testing.T) {
	require.Subset(t, Presets(), []string{"butler", "generic", "qlik-cloud"})
	for _, name := range Presets() {
		s := source(t, Config{Preset: name})
		require.False(t, s.Authenticated())
	}
}
