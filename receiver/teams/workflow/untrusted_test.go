package workflow_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/workflow"
)

// Whoever may add a destination could otherwise have us post to what only we
// can reach: the metadata service, the router, the store's neighbours.
func TestURLsThatSomebodyHandsUs(t *testing.T) {
	const path = "/workflows/x/triggers/manual/paths/invoke?sig=" + secret
	allowed := []string{"relay.contoso.example", "relay.contoso.example:8443", "127.0.0.1:9099"}
	for name, c := range map[string]struct {
		url string
		err string // "": it is taken
	}{
		"one of Microsoft's":                      {"https://prod-1.westeurope.logic.azure.com:443" + path, ""},
		"one of Microsoft's new ones":             {"https://default01.4f.environment.api.powerplatform.com" + path, ""},
		"one with blanks around it":               {" https://prod-1.logic.azure.com" + path + "\n", ""},
		"what the file allows":                    {"https://relay.contoso.example/hook", ""},
		"what the file allows, in capitals":       {"https://RELAY.contoso.example./hook", ""},
		"what the file allows, with its port":     {"https://relay.contoso.example:8443/hook", ""},
		"the simulator that the file allows":      {"http://127.0.0.1:9099/workflow/ops", ""},
		"another port of what the file allows":    {"https://relay.contoso.example:22/", "relay.contoso.example:22, in runtime_destinations.allowed_hosts"},
		"another port of the simulator":           {"http://127.0.0.1:9097/api/v1/destinations", "only https"},
		"another name of the simulator":           {"http://localhost:9099/workflow/ops", "only https"},
		"http to Microsoft":                       {"http://prod-1.logic.azure.com" + path, "in the clear"},
		"another port at Microsoft":               {"https://prod-1.logic.azure.com:8443" + path, "not a host"},
		"loopback":                                {"https://127.0.0.1/x", "not a host"},
		"loopback by name":                        {"https://localhost/x", "not a host"},
		"loopback, IPv6":                          {"https://[::1]/x", "not a host"},
		"loopback, IPv4 in IPv6":                  {"https://[::ffff:127.0.0.1]/x", "not a host"},
		"loopback as one number":                  {"https://2130706433/x", "not a host"},
		"loopback, octal":                         {"https://0177.0.0.1/x", "not a host"},
		"loopback, hexadecimal":                   {"https://0x7f000001/x", "not a host"},
		"nothing":                                 {"https://0/x", "not a host"},
		"the metadata service":                    {"https://169.254.169.254/latest/meta-data/", "not a host"},
		"the metadata service, http":              {"http://169.254.169.254/latest/meta-data/", "in the clear"},
		"the metadata service, by name":           {"https://metadata.google.internal/", "not a host"},
		"a private address":                       {"https://10.0.0.1/x", "not a host"},
		"somebody's domain behind Microsoft's":    {"https://prod-1.logic.azure.com.attacker.example" + path, "not a host"},
		"somebody's domain in front":              {"https://evil-logic.azure.com" + path, "not a host"},
		"Microsoft's name in a user part":         {"https://prod-1.logic.azure.com@attacker.example" + path, "user or a password"},
		"a user part before Microsoft's":          {"https://user:pass@prod-1.logic.azure.com" + path, "user or a password"},
		"Microsoft's name in the path":            {"https://attacker.example/prod-1.logic.azure.com" + path, "not a host"},
		"Microsoft's name after a backslash":      {`https://attacker.example\.logic.azure.com` + path, "not a URL"},
		"Microsoft's name after a #":              {"https://attacker.example#.logic.azure.com" + path, "not a host"},
		"Microsoft's name after an escaped slash": {"https://attacker.example%2f.logic.azure.com" + path, "not a URL"},
		"letters that only look like a dot":       {"https://attacker.example\u3002logic.azure.com" + path, "not a host"},
		"letters that look like a slash":          {"https://attacker.example\uff0f.logic.azure.com" + path, "not a host"},
		"a connector":                             {connectorURL, "not a host"},
		"a file":                                  {"file:///etc/passwd", "not a URL"},
		"another protocol":                        {"gopher://prod-1.logic.azure.com" + path, "scheme"},
		"a script":                                {"javascript:alert(1)//.logic.azure.com", "not a URL"},
		"no host":                                 {"https:///x?sig=" + secret, "not a URL"},
		"a line break in it":                      {"https://prod-1.logic.azure.com/\r\nHost: x" + path, "not a URL"},
		"something without an end":                {"https://prod-1.logic.azure.com/" + strings.Repeat("x", 5000), "not the URL"},
		"a secret where the host should be":       {"https://%zz" + path, "not a URL"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := workflow.New(workflow.Config{URL: c.url, Untrusted: true, Allowed: allowed})
			if c.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.err)
			require.NotContains(t, err.Error(), secret)
		})
	}
}

// Who owns a name decides where it leads, and may decide otherwise the moment
// after we have looked.
func TestNoNameLeadsInside(t *testing.T) {
	called := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")

	allowed, err := workflow.New(workflow.Config{URL: server.URL + "/x?sig=" + secret, Untrusted: true, Allowed: []string{address}})
	require.NoError(t, err)
	require.Equal(t, teams.Delivered, allowed.Send(context.Background(), card.Message{}).Kind)
	require.True(t, called)

	inside, err := workflow.New(workflow.Config{URL: "https://prod-1.logic.azure.com/x?sig=" + secret, Untrusted: true})
	require.NoError(t, err)
	workflow.LookUp(inside, address) // as a name server would that somebody else runs
	called = false
	outcome := inside.Send(context.Background(), card.Message{})
	require.False(t, called)
	require.Equal(t, teams.Retry, outcome.Kind, "a name server can be mended")
	require.Contains(t, outcome.Message, "inside our own network")
	require.NotContains(t, outcome.Message, secret)
}
