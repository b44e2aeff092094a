package route

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever may subscribe or silence, by a command, the API, a page or a file,
// must not be able to stop the process with a pattern of a few characters.
func TestAPatternThatRepeatsTooMuchIsRefusedBeforeItIsCompiled(t *testing.T) {
	for name, c := range map[string]struct {
		line    string
		refused bool
	}{
		"the same, negated":                 {`a!~"(` + strings.Repeat(".", 300) + `){1000}"`, true},
		"long and repeated":                 {`a=~"(` + strings.Repeat(".", 300) + `){1000}"`, true},
		"what people write":                 {`instance=~"db[0-9]{1,3}\\..*"`, false},
		"a value that looks like a pattern": {`a="(.{500}){1000}"`, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseMatchers([]string{c.line})
			if c.refused {
				require.ErrorContains(t, err, "too large a pattern")
				return
			}
			require.NoError(t, err)
		})
	}
}
