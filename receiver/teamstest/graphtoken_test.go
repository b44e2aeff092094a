package teamstest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

const graphScope = "https://graph.microsoft.com/.default"

// tokenFor signs in with Microsoft's library, whose check of the authority is
// real, and returns the header.
func tokenFor(t *testing.T, s *teamstest.Server, scope string) string {
	t.Helper()
	header, err := tokenOf(t, teamstest.DefaultTenant, scope, azcore.ClientOptions{Transport: &http.Client{Transport: s.Transport()}})
	require.NoError(t, err)
	return header
}

func tokenOf(t *testing.T, tenant, scope string, o azcore.ClientOptions) (string, error) {
	t.Helper()
	o.Retry = policy.RetryOptions{MaxRetries: -1}
	credential, err := azidentity.NewClientSecretCredential(tenant, teamstest.DefaultAppID, teamstest.DefaultSecret,
		&azidentity.ClientSecretCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: true})
	require.NoError(t, err)
	given, err := credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{scope}})
	return "Authorization: Bearer " + given.Token, err
}

// A token that leaks from one API must be worth nothing at the other, and a
// client that mixes them up must find out here.
func TestATokenWorksOnlyAtItsOwnAPI(t *testing.T) {
	s := withGraph(t, teamstest.Options{Bot: teamstest.Bot{Signed: true, Endpoint: startBot(t).endpoint}})
	require.NoError(t, s.InstallEverywhere(t.Context()))
	ofGraph, ofBot := tokenFor(t, s, graphScope), tokenFor(t, s, scope.Scopes[0])
	require.Equal(t, 2, s.SignIns())
	require.Equal(t, 1, s.GraphSignIns())

	status, answer := ask(t, s, "GET", "/users/alice@contoso.com", nil, ofGraph)
	require.Equal(t, 200, status, "%v", answer)
	status, _ = connector(t, s, "POST", alerts+"/activities", ackCard(), ofBot)
	require.Equal(t, 201, status)
	status, _ = connector(t, s, "POST", alerts+"/activities", ackCard(), ofGraph)
	require.Equal(t, 401, status, "the connector takes no token of Graph's")

	forged := func(claim string, value any) string {
		claims := s.SignInClaims("https://graph.microsoft.com")
		claims[claim] = value
		return "Authorization: Bearer " + s.SignAsSignIn(claims)
	}
	status, _ = ask(t, s, "GET", "/users/alice@contoso.com", nil, forged("ver", "1.0"))
	require.Equal(t, 200, status, "nothing is wrong with this one")
	for name, header := range map[string]string{
		"of another tenant":        forged("tid", "11111111-2222-3333-4444-555555555555"),
		"for another cloud":        forged("aud", "https://graph.microsoft.us"),
		"that ended a second ago":  forged("exp", time.Now().Add(-time.Second).Unix()),
		"without an end":           forged("exp", nil),
		"none":                     "X: y",
		"the bot's":                ofBot,
		"Microsoft's for the bot":  "Authorization: Bearer " + s.Sign(s.Claims()),
		"one that nobody signed":   "Authorization: Bearer " + s.SignUnsigned(teamstest.Claims{"aud": "https://graph.microsoft.com"}),
		"a name and a password":    "Authorization: Basic YTpi",
		"something else than that": "Authorization: Bearer x",
	} {
		t.Run(name, func(t *testing.T) {
			status, answer := ask(t, s, "GET", "/users/alice@contoso.com", nil, header)
			require.Equal(t, 401, status)
			require.Equal(t, "InvalidAuthenticationToken", code(answer))
		})
	}
	s.RevokeTokens()
	status, _ = ask(t, s, "GET", "/users/alice@contoso.com", nil, ofGraph)
	require.Equal(t, 401, status)
}

func TestWithoutTokensGraphWantsNone(t *testing.T) {
	s := withGraph(t, teamstest.Options{})
	status, _ := ask(t, s, "GET", "/users/alice@contoso.com", nil)
	require.Equal(t, 200, status)
	status, _ = ask(t, s, "GET", "/users/alice@contoso.com", nil, "Authorization: Bearer x")
	require.Equal(t, 401, status, "a bot in its insecure local mode must not send a token to anybody")
}

// Consent is in the token: who has an old one needs a new one, as at Microsoft.
func TestThePermissionsAreThoseOfTheToken(t *testing.T) {
	s := withGraph(t, teamstest.Options{Bot: teamstest.Bot{Signed: true}, Graph: teamstest.GraphOptions{Roles: []string{}}})
	before := tokenFor(t, s, graphScope)
	s.Consent("User.ReadBasic.All")
	status, answer := ask(t, s, "GET", "/users/alice@contoso.com", nil, before)
	require.Equal(t, 403, status)
	require.Equal(t, "Authorization_RequestDenied", code(answer))
	after := tokenFor(t, s, graphScope)
	status, _ = ask(t, s, "GET", "/users/alice@contoso.com?$select=id,mail", nil, after)
	require.Equal(t, 200, status)
	for _, more := range []string{"/users/alice@contoso.com?$select=id,accountEnabled", filtered("/users", "proxyAddresses/any(p:p eq 'smtp:x')")} {
		status, answer = ask(t, s, "GET", more, nil, after)
		require.Equal(t, 403, status, "User.ReadBasic.All does not show it")
		require.Equal(t, "Authorization_RequestDenied", code(answer))
	}
	s.Consent("User.Read.All")
	s.As("Alice").Become(teamstest.Situation{Disabled: true})
	_, answer = ask(t, s, "GET", "/users/alice@contoso.com?$select=id,accountEnabled", nil, tokenFor(t, s, graphScope))
	require.Equal(t, false, answer["accountEnabled"])
}

func TestATokenOfGraphsEndsAfterAnHour(t *testing.T) {
	s := withGraph(t, teamstest.Options{Bot: teamstest.Bot{Signed: true}})
	synctest.Test(t, func(t *testing.T) {
		header := tokenFor(t, s, graphScope)
		time.Sleep(time.Hour - time.Second)
		status, _ := ask(t, s, "GET", "/users/alice@contoso.com", nil, header)
		require.Equal(t, 200, status)
		time.Sleep(time.Second)
		status, answer := ask(t, s, "GET", "/users/alice@contoso.com", nil, header)
		require.Equal(t, 401, status)
		require.Contains(t, in(answer, "error", "message"), "expired")
	})
}

// Over real TLS, with a certificate that an authority of the test vouches for,
// and Graph under the address by which it is reached.
func TestSignInGivesTokensForGraphOverTLS(t *testing.T) {
	s := withGraph(t, teamstest.Options{Bot: teamstest.Bot{Signed: true}, Graph: teamstest.GraphOptions{URL: "https://graph.example"}})
	l := httptest.NewTLSServer(s)
	t.Cleanup(func() { s.Close(); l.Close() })
	for name, c := range map[string]struct{ tenant, scope, asked, problem string }{
		"under its own address":          {teamstest.DefaultTenant, l.URL + "/.default", l.URL + "/v1.0", ""},
		"under a configured one":         {teamstest.DefaultTenant, "https://graph.example/.default", "https://graph.example/v1.0", ""},
		"under Microsoft's":              {teamstest.DefaultTenant, graphScope, "", ""},
		"for an API that there is not":   {teamstest.DefaultTenant, "https://vault.azure.net/.default", "", "AADSTS70011"},
		"with a path of Graph's":         {teamstest.DefaultTenant, l.URL + "/v1.0/.default", "", "AADSTS70011"},
		"of another tenant":              {"11111111-2222-3333-4444-555555555555", graphScope, "", "AADSTS90002"},
		"of the tenant of bots for many": {"botframework.com", graphScope, "", "AADSTS90002"},
	} {
		t.Run(name, func(t *testing.T) {
			header, err := tokenOf(t, c.tenant, c.scope, azcore.ClientOptions{
				Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: l.URL}, Transport: l.Client(),
			})
			if c.problem != "" {
				require.ErrorContains(t, err, c.problem)
				return
			}
			require.NoError(t, err)
			status, answer := ask(t, s, "GET", c.asked+"/users/alice@contoso.com", nil, header)
			require.Equal(t, 200, status, "%v", answer)
		})
	}
}
