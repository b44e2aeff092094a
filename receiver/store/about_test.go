package store

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// A year later nobody can look up any more what an id stood for.
func TestALineOfTheAuditSaysInWordsWhatItIsAbout(t *testing.T) {
	one := []string{`alertname="Down"`, `site="fra1"`}
	for name, c := range map[string]struct {
		title string
		sets  [][]string
		want  string
	}{
		"an episode":                               {"Down fra1", nil, "Down fra1"},
		"an episode that was silenced":             {"Down fra1", [][]string{one, {`a="b"`}}, `Down fra1 {alertname="Down", site="fra1"} {a="b"}`},
		"a silence of nothing that fires":          {"", [][]string{one}, `{alertname="Down", site="fra1"}`},
		"a name with line breaks stays in its row": {"Down\n\t=1\r\n", nil, "Down =1"},
		"nothing": {"", nil, ""},
		"what is longer than anybody reads has an end": {strings.Repeat("ü", maxAbout+1), nil, strings.Repeat("ü", maxAbout) + "…"},
	} {
		require.Equal(t, c.want, About(c.title, c.sets), name)
	}
	var crowd [][]string
	for range 100 {
		crowd = append(crowd, one)
	}
	many := About("Down", crowd)
	require.LessOrEqual(t, utf8.RuneCountInString(many), maxAbout+len(" and 100 more"))
	require.Regexp(t, `^Down (\{alertname="Down", site="fra1"\} )+and 8\d more$`, many, "what there is no room for is counted")
	require.Contains(t, About("", [][]string{{strings.Repeat("x", 2*maxAbout)}}), "{xxx", "the only one is there as far as there is room")
}
