package auth_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
)

// The tables of teams-platform §2.1 and §2.2.
func TestEveryCloudSignsInAtItsOwnPlace(t *testing.T) {
	for cloud, want := range map[string]struct{ token, scope, tenant, issuer, metadata, graph, service string }{
		"":        {"https://login.microsoftonline.com/", "https://api.botframework.com/.default", "botframework.com", "https://api.botframework.com", "https://login.botframework.com/v1/.well-known/openidconfiguration", "https://graph.microsoft.com", "https://smba.trafficmanager.net/teams/"},
		"public":  {"https://login.microsoftonline.com/", "https://api.botframework.com/.default", "botframework.com", "https://api.botframework.com", "https://login.botframework.com/v1/.well-known/openidconfiguration", "https://graph.microsoft.com", "https://smba.trafficmanager.net/teams/"},
		"gcc":     {"https://login.microsoftonline.com/", "https://api.botframework.com/.default", "botframework.com", "https://api.botframework.com", "https://login.botframework.com/v1/.well-known/openidconfiguration", "https://graph.microsoft.com", "https://smba.infra.gcc.teams.microsoft.com/teams"},
		"gcchigh": {"https://login.microsoftonline.us/", "https://api.botframework.us/.default", "MicrosoftServices.onmicrosoft.us", "https://api.botframework.us", "https://login.botframework.azure.us/v1/.well-known/openidconfiguration", "https://graph.microsoft.us", "https://smba.infra.gov.teams.microsoft.us/teams"},
		"dod":     {"https://login.microsoftonline.us/", "https://api.botframework.us/.default", "MicrosoftServices.onmicrosoft.us", "https://api.botframework.us", "https://login.botframework.azure.us/v1/.well-known/openidconfiguration", "https://dod-graph.microsoft.us", "https://smba.infra.dod.teams.microsoft.us/teams"},
		"china":   {"https://login.partner.microsoftonline.cn/", "https://api.botframework.azure.cn/.default", "microsoftservices.partner.onmschina.cn", "https://api.botframework.azure.cn", "https://login.botframework.azure.cn/v1/.well-known/openidconfiguration", "https://microsoftgraph.chinacloudapi.cn", ""},
	} {
		t.Run("cloud "+cloud, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &entra{}
				cfg := auth.Config{AppID: app, Secret: secret, Cloud: cloud, Transport: e}
				require.Empty(t, cfg.Check())
				where := cfg.Where()
				require.Equal(t, want.issuer, where.BotIssuer)
				require.Equal(t, want.metadata, where.BotOpenIDMetadata)
				require.Equal(t, want.graph, where.Graph)
				require.Equal(t, want.service, where.ServiceURL)
				require.True(t, want.service == "" || cfg.Allows(want.service), "the cloud's own service gets our token")

				good(t, source(t, cfg), "")
				last := e.urls[len(e.urls)-1]
				// The library may use another name of the same sign-in, which it
				// knows or learned from Microsoft.
				require.Equal(t, want.token+want.tenant+"/oauth2/v2.0/token", last)
				require.Contains(t, strings.Fields(e.forms[0].Get("scope")), want.scope)
				require.Equal(t, app, e.forms[0].Get("client_id"))
				require.Equal(t, secret, e.forms[0].Get("client_secret"))
				require.Equal(t, "client_credentials", e.forms[0].Get("grant_type"))

				cfg.TenantID = tenant
				good(t, source(t, cfg), "")
				require.Equal(t, want.token+tenant+"/oauth2/v2.0/token", e.urls[len(e.urls)-1], "a bot of one tenant signs in there")
			})
		})
	}
}

func TestAnOwnLoginIsAskedForTokensAndNothingElse(t *testing.T) {
	for _, login := range []string{"https://login.test", "https://login.test/", "http://127.0.0.1:9099"} {
		t.Run(login, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &entra{}
				cfg := config(e)
				cfg.Endpoints.Login = login
				good(t, source(t, cfg), "")
				require.Equal(t, []string{strings.TrimSuffix(login, "/") + "/" + tenant + "/oauth2/v2.0/token"}, e.urls,
					"no request to Microsoft's instance discovery, or tests and closed networks would need the internet")
			})
		})
	}
}

func TestACertificateSignsInAndIsReadAnewForEachToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bot.pem")
	certificate(t, file)
	e := &entra{}
	cfg := config(e)
	cfg.Secret, cfg.CertificateFile = "", file
	require.Empty(t, cfg.Check())
	s := source(t, cfg)
	require.Equal(t, "token-1", good(t, s, ""))
	require.Empty(t, e.forms[0].Get("client_secret"))
	require.Equal(t, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", e.forms[0].Get("client_assertion_type"))
	header := func(n int) string {
		first, _, _ := strings.Cut(e.forms[n].Get("client_assertion"), ".")
		return first
	}
	certificate(t, file) // it was renewed
	require.Equal(t, "token-2", good(t, s, "token-1"))
	require.NotEqual(t, header(0), header(1), "a certificate that was renewed must not need a restart")

}

func TestACertificateThatIsReplacedBySomethingElse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bot.pem")
	certificate(t, file)
	cfg := config(&entra{})
	cfg.Secret, cfg.CertificateFile = "", file
	s := source(t, cfg)
	require.NoError(t, os.WriteFile(file, []byte("half a file"), 0o600))
	e := failing(t, s)
	require.Equal(t, teams.Auth, e.Reason)
	require.Contains(t, e.Message, "check-config")
}

func TestAPFXSignsInWithItsPassword(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl, which makes the PFX, is not installed")
	}
	dir := t.TempDir()
	pem, pfx := filepath.Join(dir, "bot.pem"), filepath.Join(dir, "bot.pfx")
	certificate(t, pem)
	out, err := exec.Command("openssl", "pkcs12", "-export", "-in", pem, "-inkey", pem, "-out", pfx, "-passout", "pass:open sesame",
		"-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1").CombinedOutput()
	require.NoError(t, err, string(out))
	e := &entra{}
	cfg := config(e)
	cfg.Secret, cfg.CertificateFile, cfg.CertificatePassword = "", pfx, "open sesame"
	require.Empty(t, cfg.Check())
	good(t, source(t, cfg), "")
	require.NotEmpty(t, e.forms[0].Get("client_assertion"))

	cfg.CertificatePassword = "open barley"
	problems := cfg.Check()
	require.Len(t, problems, 1)
	require.Equal(t, "certificate_file", problems[0].Field)
	require.NotContains(t, problems[0].String(), "barley")
}

func TestAManagedIdentityAsksTheMachine(t *testing.T) {
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", "")
	e := &entra{}
	cfg := auth.Config{AppID: app, ManagedIdentity: true, Transport: e}
	require.Empty(t, cfg.Check())
	s := source(t, cfg)
	require.Equal(t, "token-1", good(t, s, ""))
	require.Equal(t, "http://169.254.169.254/metadata/identity/oauth2/token", e.urls[0])
	require.Equal(t, app, e.forms[0].Get("client_id"))
	require.Equal(t, "https://api.botframework.com", e.forms[0].Get("resource"))
	require.Equal(t, "token-2", good(t, s, "token-1"), "a token that Teams refuses must not come back from the library's cache")
}

func TestAWorkloadIdentityShowsWhatKubernetesGave(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("what kubernetes says"), 0o600))
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", file)
	e := &entra{}
	cfg := config(e)
	cfg.Secret, cfg.ManagedIdentity = "", true
	require.Empty(t, cfg.Check())
	good(t, source(t, cfg), "")
	require.Equal(t, "what kubernetes says", e.forms[0].Get("client_assertion"))
	require.Equal(t, "https://login.test/"+tenant+"/oauth2/v2.0/token", e.urls[0])
}

func TestInsecureLocalAsksForNothing(t *testing.T) {
	e := &entra{}
	cfg := auth.Config{AppID: app, InsecureLocal: true, Transport: e}
	require.Empty(t, cfg.Check())
	require.Empty(t, good(t, source(t, cfg), ""))
	require.Zero(t, e.asked())
}

func TestHowLongTheCertificateIsGood(t *testing.T) {
	dir := t.TempDir()
	file, other := filepath.Join(dir, "bot.pem"), filepath.Join(dir, "other.pem")
	certificate(t, file)
	certificate(t, other)
	cfg := config(&entra{})
	cfg.Secret, cfg.CertificateFile = "", file
	ends, err := cfg.CertificateEnds()
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Hour), ends, time.Minute)

	mine, err := os.ReadFile(file)
	require.NoError(t, err)
	theirs, err := os.ReadFile(other)
	require.NoError(t, err)
	_, key, _ := strings.Cut(string(theirs), "-----END CERTIFICATE-----\n")
	its, _, _ := strings.Cut(string(mine), "-----BEGIN PRIVATE KEY-----")
	require.NoError(t, os.WriteFile(file, []byte(its+key), 0o600))
	_, err = cfg.CertificateEnds()
	require.ErrorContains(t, err, "is that of its key", "it is not what is signed in with")

	require.NoError(t, os.Remove(file))
	_, err = cfg.CertificateEnds()
	require.Error(t, err)
}
