package graph_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
	"github.com/teamsrelay/teamsrelay/receiver/teams/graph"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// listening is the simulated Teams behind TLS on a real socket, and a transport
// that finds it there under these host names, and nothing else.
func listening(t *testing.T, hosts ...string) (*teamstest.Server, *http.Transport) {
	t.Helper()
	server := teamstest.New(teamstest.Options{Bot: teamstest.Bot{Signed: true}})
	t.Cleanup(server.Close)
	listener := httptest.NewTLSServer(server)
	t.Cleanup(listener.Close)
	transport := listener.Client().Transport.(*http.Transport).Clone()
	transport.TLSClientConfig.ServerName = "example.com" // for which the certificate is
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, _ := strings.Cut(address, ":")
		for _, known := range hosts {
			if host == known {
				return (&net.Dialer{}).DialContext(ctx, network, listener.Listener.Addr().String())
			}
		}
		t.Errorf("something is asked at %s", address)
		return nil, &net.DNSError{Name: host}
	}
	return server, transport
}

// Microsoft's own library signs in over TLS, with its own check of the
// authority: at Microsoft's addresses it asks Microsoft's document of instances
// first, and a sign-in that is not Microsoft's must be configured.
func TestMicrosoftsLibrarySignsInForGraphOverTLS(t *testing.T) {
	server, transport := listening(t, "login.microsoftonline.com", "login.microsoft.com", "graph.microsoft.com")
	c, err := graph.New(auth.Config{
		TenantID: teamstest.DefaultTenant, AppID: teamstest.DefaultAppID, Secret: teamstest.DefaultSecret, Transport: transport,
	}, graph.App{ManifestID: teamstest.DefaultApp.ManifestID})
	require.NoError(t, err)
	alice := server.As("alice")
	require.NoError(t, c.Users(t.Context(), []string{alice.UPN})[0].Err)
	require.NoError(t, c.Install(t.Context(), []string{alice.ObjectID})[0].Err)
	require.NotEmpty(t, server.AppVersion("alice"))
	roles, err := c.Roles(t.Context())
	require.NoError(t, err)
	require.Subset(t, roles, teamstest.RecommendedRoles[:1])
	require.Equal(t, 1, server.GraphSignIns())
	require.Zero(t, server.SignIns()-server.GraphSignIns(), "the bot's token is another one, and was not asked for")
}

func TestAnOwnSignInAndGraphOverTLS(t *testing.T) {
	server, transport := listening(t, "login.test", "graph.test")
	c, err := graph.New(auth.Config{
		TenantID: teamstest.DefaultTenant, AppID: teamstest.DefaultAppID, Secret: teamstest.DefaultSecret, Transport: transport,
		Endpoints: auth.Endpoints{Login: "https://login.test", Graph: "https://login.test"},
	}, graph.App{ManifestID: teamstest.DefaultApp.ManifestID})
	require.NoError(t, err)
	require.NoError(t, c.Users(t.Context(), []string{server.As("alice").UPN})[0].Err)
}

func TestACertificateThatNobodyKnowsIsSaidSo(t *testing.T) {
	_, transport := listening(t, "login.test", "graph.microsoft.com")
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	c, err := graph.New(config(transport), graph.App{ManifestID: manifest})
	require.NoError(t, err)
	failed := wrong(t, c.Users(t.Context(), []string{"1"})[0].Err)
	require.Equal(t, teams.TLS, failed.Reason)
	require.Contains(t, failed.Message, "Microsoft Graph", "it says for whom the token was")
}
