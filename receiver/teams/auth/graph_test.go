package auth_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
)

func graphSource(t *testing.T, cfg auth.Config) *auth.Source {
	t.Helper()
	s, err := auth.NewGraph(cfg)
	require.NoError(t, err)
	return s
}

// The table of teams-platform §2.1. A token for the wrong Graph, or of the
// wrong tenant, opens nothing.
func TestEveryCloudGivesTokensForItsOwnGraph(t *testing.T) {
	for cloud, want := range map[string]struct{ login, scope string }{
		"":        {"https://login.microsoftonline.com/", "https://graph.microsoft.com/.default"},
		"public":  {"https://login.microsoftonline.com/", "https://graph.microsoft.com/.default"},
		"gcc":     {"https://login.microsoftonline.com/", "https://graph.microsoft.com/.default"},
		"gcchigh": {"https://login.microsoftonline.us/", "https://graph.microsoft.us/.default"},
		"dod":     {"https://login.microsoftonline.us/", "https://dod-graph.microsoft.us/.default"},
		"china":   {"https://login.partner.microsoftonline.cn/", "https://microsoftgraph.chinacloudapi.cn/.default"},
	} {
		t.Run("cloud "+cloud, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &entra{}
				good(t, graphSource(t, auth.Config{AppID: app, Secret: secret, TenantID: tenant, Cloud: cloud, Transport: e}), "")
				require.Equal(t, want.login+tenant+"/oauth2/v2.0/token", e.urls[len(e.urls)-1], "always the customer's own tenant")
				require.Contains(t, strings.Fields(e.forms[0].Get("scope")), want.scope)
				require.NotContains(t, e.forms[0].Get("scope"), "botframework")
				require.Equal(t, app, e.forms[0].Get("client_id"))
				require.Equal(t, secret, e.forms[0].Get("client_secret"))
			})
		})
	}
}

func TestAnOwnGraphIsWhatTheTokenIsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{}
		cfg := config(e)
		cfg.Endpoints.Graph = "https://graph.test/"
		good(t, graphSource(t, cfg), "")
		require.Contains(t, strings.Fields(e.forms[0].Get("scope")), "https://graph.test/.default")
		require.Equal(t, []string{"https://login.test/" + tenant + "/oauth2/v2.0/token"}, e.urls)
	})
}

func TestThereIsNoTokenForGraphWithoutATenant(t *testing.T) {
	cfg := config(&entra{})
	cfg.TenantID = ""
	_, err := auth.New(cfg)
	require.NoError(t, err, "the bot may be one for all tenants")
	_, err = auth.NewGraph(cfg)
	require.ErrorContains(t, err, "tenant_id")
	require.ErrorContains(t, err, "Directory (tenant) ID")

	cfg.AppID = ""
	_, err = auth.NewGraph(cfg)
	require.ErrorContains(t, err, "tenant_id")
	require.ErrorContains(t, err, "app_id", "every mistake is told at once")

	local := auth.Config{AppID: app, InsecureLocal: true, Transport: &entra{}}
	require.Empty(t, good(t, graphSource(t, local), ""))
}

// The bot's token opens every conversation of the bot, and Graph's everything
// that an administrator has consented to: neither may go in the other's place.
func TestTheTwoAudiencesHaveTokensOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{}
		bot, graph := source(t, config(e)), graphSource(t, config(e))
		require.Equal(t, "token-1", good(t, bot, ""))
		require.Equal(t, "token-2", good(t, graph, ""))
		require.Equal(t, "token-1", good(t, bot, ""))
		require.Equal(t, "token-2", good(t, graph, ""))
		require.Equal(t, "token-3", good(t, graph, "token-2"))
		require.Equal(t, "token-1", good(t, bot, ""), "what Graph refuses, Teams may take")
	})
}

func TestATokenForGraphIsAskedForOnceAndReplacedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{delay: time.Second}
		s := graphSource(t, config(e))
		all := func(want, refused string) {
			var wait sync.WaitGroup
			for range 500 {
				wait.Go(func() { require.Equal(t, want, good(t, s, refused)) })
			}
			wait.Wait()
		}
		all("token-1", "")
		require.Equal(t, 1, e.asked(), "a thousand new people are one token")

		time.Sleep(51 * time.Minute) // less than ten are left
		before := time.Now()
		all("token-1", "")
		require.Equal(t, before, time.Now(), "nobody waits for the next one")
		time.Sleep(2 * time.Second)
		all("token-2", "")
		require.Equal(t, 2, e.asked())

		all("token-3", "token-2") // 401
		all("token-3", "token-3") // again, which asking will not mend
		require.Equal(t, 3, e.asked())
	})
}

func TestEveryWayToProveWhoWeAreWorksForGraphToo(t *testing.T) {
	pem := filepath.Join(t.TempDir(), "bot.pem")
	certificate(t, pem)
	federated := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(federated, []byte("what kubernetes says"), 0o600))
	pfx := strings.TrimSuffix(pem, "pem") + "pfx"
	_, err := exec.LookPath("openssl")
	hasOpenSSL := err == nil
	if hasOpenSSL {
		out, err := exec.Command("openssl", "pkcs12", "-export", "-in", pem, "-inkey", pem, "-out", pfx, "-passout", "pass:open sesame",
			"-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1").CombinedOutput()
		require.NoError(t, err, string(out))
	}
	for name, c := range map[string]struct {
		change    func(*auth.Config)
		federated string
		proof     string // the parameter that proves it; "": none, the machine does
	}{
		"a secret":            {func(c *auth.Config) { c.Secret = secret }, "", "client_secret"},
		"a certificate":       {func(c *auth.Config) { c.CertificateFile = pem }, "", "client_assertion"},
		"a PFX":               {func(c *auth.Config) { c.CertificateFile, c.CertificatePassword = pfx, "open sesame" }, "", "client_assertion"},
		"a managed identity":  {func(c *auth.Config) { c.ManagedIdentity = true }, "", ""},
		"a workload identity": {func(c *auth.Config) { c.ManagedIdentity = true }, federated, "client_assertion"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "a PFX" && !hasOpenSSL {
				t.Skip("openssl, which makes the PFX, is not installed")
			}
			t.Setenv("AZURE_FEDERATED_TOKEN_FILE", c.federated)
			e := &entra{}
			cfg := config(e)
			cfg.Secret = ""
			c.change(&cfg)
			s := graphSource(t, cfg)
			require.Equal(t, "token-1", good(t, s, ""))
			require.Equal(t, "token-2", good(t, s, "token-1"), "a token that Graph refuses must not come back from the library's cache")
			form := e.forms[0]
			if c.proof == "" {
				require.Equal(t, "https://graph.microsoft.com", form.Get("resource"))
				return
			}
			require.NotEmpty(t, form.Get(c.proof))
			require.Contains(t, strings.Fields(form.Get("scope")), "https://graph.microsoft.com/.default")
			require.False(t, slices.ContainsFunc(e.urls, func(u string) bool { return !strings.HasPrefix(u, "https://login.test/"+tenant+"/") }), "%v", e.urls)
		})
	}
}

func TestWhyThereIsNoTokenForGraph(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{answer: func(int) (*http.Response, error) {
			return refusing(400, "AADSTS500011: The resource principal named https://graph.microsoft.com was not found in the tenant"), nil
		}}
		got := failing(t, graphSource(t, config(e)))
		require.Equal(t, teams.Auth, got.Reason)
		require.Contains(t, got.Message, "Microsoft Graph")
	})
}
