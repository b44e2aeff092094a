package deliver

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// allReasons reads the closed set from its source: the constants of type Reason.
func allReasons(t *testing.T) []teams.Reason {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "teams", "teams.go"), nil, 0)
	require.NoError(t, err)
	var all []teams.Reason
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != "Reason" {
			return true
		}
		for _, v := range spec.Values {
			text, err := strconv.Unquote(v.(*ast.BasicLit).Value)
			require.NoError(t, err)
			all = append(all, teams.Reason(text))
		}
		return true
	})
	require.Contains(t, all, teams.NoCatalogue, "they are not written as they were")
	return all
}

func TestEveryReasonHasWords(t *testing.T) {
	all := allReasons(t)
	for _, r := range all {
		text, ok := advices[r]
		require.True(t, ok, "who reads a dead letter with reason %q would not learn what to do", r)
		require.True(t, strings.HasSuffix(text, "."), "%s: %s", r, text)
		for _, a := range []Address{{}, {Who: "Alice"}} {
			why := because(&a, r)
			require.NotEmpty(t, why, r)
			require.NotContains(t, why, ".", "%s: it stands within a sentence", r)
			require.Less(t, len(why), 70, "%s: it stands in a line of a card", r)
		}
	}
	require.Len(t, advices, len(all), "words for a reason that there is not")
	require.NotEmpty(t, advice("made_up"))
	require.NotEmpty(t, because(&Address{}, "made_up"))
	require.Equal(t, "has no chat with the bot any more", because(&Address{Who: "Alice"}, teams.NotFound))
	require.Equal(t, "what leads there is gone", because(&Address{}, teams.NotFound), "a webhook has no chat with the bot")
}

func TestADeadLetterSaysOnceWhatToDo(t *testing.T) {
	for why, want := range map[string]string{
		"":                                 "\"disk\" was not told to Alice of oncall (blocked). Ask them to unblock the app in Teams; what is still open is told when they do or write to the bot.",
		"they have blocked the bot":        "\"disk\" was not told to Alice of oncall (blocked): they have blocked the bot. Ask them to unblock the app in Teams; what is still open is told when they do or write to the bot.",
		"mend this, then replay.":          "\"disk\" was not told to Alice of oncall (blocked): mend this, then replay.",
		"run teamsrelay users retry alice": "\"disk\" was not told to Alice of oncall (blocked): run teamsrelay users retry alice.",
	} {
		require.Equal(t, want, deadLetter("disk", "Alice of oncall", teams.Blocked, why))
	}
}
