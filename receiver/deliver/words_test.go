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

	"github.com/teamsrelay/teamsrelay/receiver/people"
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
		_, ok := advices[r]
		require.Equal(t, !ofPeople(r), ok, "who reads a dead letter with reason %q would learn nothing, or the wrong thing", r)
		require.True(t, strings.HasSuffix(advice(r), "."), "%s: %s", r, advice(r))
		for _, a := range []Address{{}, {Who: "Alice"}} {
			why := because(&a, r)
			require.NotEmpty(t, why, r)
			require.NotContains(t, why, ".", "%s: it stands within a sentence", r)
			require.Less(t, len(why), 70, "%s: it stands in a line of a card", r)
		}
	}
	require.NotEmpty(t, advice("made_up"))
	require.NotEmpty(t, because(&Address{}, "made_up"))
	require.Equal(t, "has no chat with the bot any more", because(&Address{Who: "Alice"}, teams.NotFound))
	require.Equal(t, "what leads there is gone", because(&Address{}, teams.NotFound), "a webhook has no chat with the bot")
}

func TestADeadLetterSaysOnceWhatToDo(t *testing.T) {
	for why, want := range map[string]string{
		"":                               `"disk" was not told to sre (rejected). ` + advices[teams.Rejected],
		"it answers 418":                 `"disk" was not told to sre (rejected): it answers 418. ` + advices[teams.Rejected],
		"mend this, then send it again.": `"disk" was not told to sre (rejected): mend this, then send it again.`,
	} {
		require.Equal(t, want, deadLetter(&Address{}, "disk", "sre", teams.Rejected, why))
	}
}

func TestADeadLetterOfSomebodySaysWhatIsSaidOfThemEverywhere(t *testing.T) {
	alice := Address{Who: "Alice Adams", Name: "alice@contoso.com"}
	for _, r := range allReasons(t) {
		text := deadLetter(&alice, "disk", "Alice Adams of oncall", r, "")
		require.Equal(t, `"disk" was not told to Alice Adams of oncall (`+string(r)+`): `+people.Words(r, "Alice Adams", "")+" "+people.Do(r, "alice@contoso.com"), text)
	}
	policy := deadLetter(&alice, "disk", "Alice Adams of oncall", teams.Policy, `A policy keeps the app from this person. Allow it elsewhere. Graph says: "Forbidden".`)
	require.Equal(t, 1, strings.Count(policy, "Allow it"), "two places to click are one too many: %s", policy)
	require.Contains(t, policy, "`teamsrelay users retry alice@contoso.com`", "who has no conversation cannot write to the bot from there")
}
