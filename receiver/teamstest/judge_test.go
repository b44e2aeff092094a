package teamstest_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// Cards that others published must not be called wrong, or our own tests
// would refuse what Teams takes. What the parser of 1.5 does not know may be.
func TestCardsOfOthersAreShown(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(root, "../shared/corpus/cards/*/*.json"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("the corpus is not at ../shared beside the project")
	}
	shown := 0
	for _, file := range files {
		card, err := os.ReadFile(file)
		require.NoError(t, err)
		var head struct{ Type string }
		if json.Unmarshal(card, &head) != nil || head.Type != "AdaptiveCard" {
			continue // a whole message, or a template that is no JSON yet
		}
		s := teamstest.New(teamstest.Options{})
		_, err = post(t, s, `{"type":"message","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","content":`+string(card)+`}]}`)
		require.NoError(t, err)
		got := s.Messages("ops")[0]
		if got.Shown {
			shown++
			continue
		}
		newer := strings.Contains(got.Reason, "no fallback")
		template := strings.Contains(got.Reason, `Container without "items"`) || got.Status == 413
		require.True(t, newer || template, "%s: %s", filepath.Base(file), got.Reason)
	}
	require.Greater(t, shown, 60, "most of them are ordinary cards")
}

// Anybody can post to a simulator that listens.
func FuzzAnyBodyIsJudged(f *testing.F) {
	for _, body := range []string{
		"", "null", "[]", "{}", envelope("hot"), `{"type":"message","attachments":[null]}`,
		`{"type":"message","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","content":{"type":"AdaptiveCard","version":"1.5","body":[{"type":"Table","columns":[1],"rows":[{"cells":[{}]}]}],"selectAction":[]}}]}`,
		strings.Repeat(`{"type":"message","attachments":[`, 300),
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s := teamstest.New(teamstest.Options{})
		r, err := post(t, s, body)
		require.NoError(t, err)
		require.Contains(t, []int{202, 400, 413}, r.StatusCode)
		for _, m := range s.Messages("ops") {
			require.Equal(t, m.Reason == "", m.Shown, "what is not shown has a reason")
		}
		_, err = json.Marshal(s.Messages("ops"))
		require.NoError(t, err, "the page could not be told of it")
	})
}
