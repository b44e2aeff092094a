package teams_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

func TestRedactedURLsShowHostAndShortHashOnly(t *testing.T) {
	for name, c := range map[string]struct{ url, host string }{
		"a webhook":          {"https://prod-1.Logic.Azure.com:443/workflows/secret/x?sig=secret", "prod-1.logic.azure.com"},
		"a user part":        {"https://secret:secret@example.com/", "example.com"},
		"an IPv6 address":    {"http://[::1]:9099/workflow/secret", "::1"},
		"what is no URL":     {"secret", "no host"},
		"what looks like it": {"https://secret%zz/", "no host"},
		"nothing":            {"", "no host"},
	} {
		t.Run(name, func(t *testing.T) {
			got := teams.RedactURL(c.url)
			require.Regexp(t, `^\S+( host)? #[0-9a-f]{8}$`, got)
			require.Contains(t, got, c.host+" #")
			require.NotContains(t, got, "secret", "a log line would give the webhook away")
			require.Contains(t, got, teams.URLHash(c.url)[:8], "log and store name it alike")
		})
	}
}

func TestURLHashKeepsPlacesApart(t *testing.T) {
	seen := map[string]string{}
	for _, url := range []string{
		"", "x", "https://a.example/", "https://a.example/x", "https://a.example:8443/", "http://a.example/",
		"https://[::1]/", "https://b.example/", "https://a.example/?sig=1", "https://a.example/?sig=2", "https://a.example/X",
	} {
		hash := teams.URLHash(url)
		require.NotContains(t, seen, hash, "%q and %q would share one post", url, seen[hash])
		seen[hash] = url
	}
	require.Equal(t, teams.URLHash("https://a.example"), teams.URLHash("HTTPS://A.example.:443/#top"))
}
