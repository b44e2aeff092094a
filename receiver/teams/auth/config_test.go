package auth_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
)

func TestWhatIsWrongWithTheConfigurationIsSaidBeforeItRuns(t *testing.T) {
	noKey := filepath.Join(t.TempDir(), "empty.pem")
	require.NoError(t, os.WriteFile(noKey, nil, 0o600))
	for name, c := range map[string]struct {
		change func(*auth.Config)
		field  string // "": nothing is wrong
		says   string
	}{
		"all is well":                    {func(*auth.Config) {}, "", ""},
		"no application":                 {func(c *auth.Config) { c.AppID = " " }, "app_id", "Azure portal"},
		"an application with a slash":    {func(c *auth.Config) { c.AppID = "a/b" }, "app_id", "looks like"},
		"a bot for all tenants":          {func(c *auth.Config) { c.TenantID = "" }, "", ""},
		"the ids of the Playground":      {func(c *auth.Config) { c.TenantID = "00000000-0000-0000-0000-0000000000001" }, "", ""},
		"a tenant that leads elsewhere":  {func(c *auth.Config) { c.TenantID = "../../x" }, "tenant_id", "looks like"},
		"no cloud of Microsoft's":        {func(c *auth.Config) { c.Cloud = "germany" }, "cloud", "gcchigh"},
		"nothing proves who we are":      {func(c *auth.Config) { c.Secret = "" }, "client_secret", "managed_identity"},
		"two things prove it":            {func(c *auth.Config) { c.ManagedIdentity = true }, "managed_identity", "keep one"},
		"no certificate there":           {func(c *auth.Config) { c.Secret, c.CertificateFile = "", "/nowhere/bot.pem" }, "certificate_file", "no such file"},
		"an empty certificate":           {func(c *auth.Config) { c.Secret, c.CertificateFile = "", noKey }, "certificate_file", "openssl"},
		"a password without certificate": {func(c *auth.Config) { c.CertificatePassword = "x" }, "certificate_password", "add the file"},
		"insecure_local needs no secret": {func(c *auth.Config) { c.Secret, c.InsecureLocal = "", true }, "", ""},
		"insecure_local uses no secret":  {func(c *auth.Config) { c.InsecureLocal = true }, "client_secret", "not used"},
		"a login with a path":            {func(c *auth.Config) { c.Endpoints.Login = "https://login.test/common" }, "endpoints.login", "only https://login.test"},
		"a login in the clear":           {func(c *auth.Config) { c.Endpoints.Login = "http://login.test" }, "endpoints.login", "use https"},
		"a login on this machine":        {func(c *auth.Config) { c.Endpoints.Login = "http://localhost:9099" }, "", ""},
		"a login with a password":        {func(c *auth.Config) { c.Endpoints.Login = "https://a:b@login.test" }, "endpoints.login", "not the URL"},
		"a login that is no URL":         {func(c *auth.Config) { c.Endpoints.Login = "login.test" }, "endpoints.login", "not the URL"},
		"metadata over ftp":              {func(c *auth.Config) { c.Endpoints.BotOpenIDMetadata = "ftp://x/y" }, "endpoints.bot_openid_metadata", "use https"},
		"a graph with its version":       {func(c *auth.Config) { c.Endpoints.Graph = "https://graph.test/v1.0" }, "endpoints.graph", "version"},
		"a service that gets no token":   {func(c *auth.Config) { c.Endpoints.ServiceURL = "https://service.test/x" }, "endpoints.service_url", "allowed_service_hosts"},
		"a host without its service":     {func(c *auth.Config) { c.Endpoints.AllowedServiceHosts = []string{"127.0.0.1:9099"} }, "", ""},
		"a service and its host": {func(c *auth.Config) {
			c.Endpoints.ServiceURL, c.Endpoints.AllowedServiceHosts = "https://service.test/x", []string{"service.test"}
		}, "", ""},
		"a simulated service and its port": {func(c *auth.Config) {
			c.Endpoints.ServiceURL, c.Endpoints.AllowedServiceHosts = "http://127.0.0.1:9099/bot", []string{"127.0.0.1:9099"}
		}, "", ""},
		"a host that is a URL":  {func(c *auth.Config) { c.Endpoints.AllowedServiceHosts = []string{"https://service.test"} }, "endpoints.allowed_service_hosts", "*.teams.microsoft.com"},
		"any host at all":       {func(c *auth.Config) { c.Endpoints.AllowedServiceHosts = []string{"*"} }, "endpoints.allowed_service_hosts", "not a host"},
		"any host of a country": {func(c *auth.Config) { c.Endpoints.AllowedServiceHosts = []string{"*.com"} }, "endpoints.allowed_service_hosts", "not a host"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := auth.Config{TenantID: tenant, AppID: app, Secret: secret}
			c.change(&cfg)
			problems := cfg.Check()
			if c.field == "" {
				require.Empty(t, problems)
				_, err := auth.New(cfg)
				require.NoError(t, err)
				return
			}
			require.NotEmpty(t, problems)
			require.Equal(t, c.field, problems[0].Field)
			require.Contains(t, problems[0].String(), c.says)
			require.NotContains(t, problems[0].String(), secret)
			_, err := auth.New(cfg)
			require.Equal(t, outbound.Failed(problems) != nil, err != nil, "what check-config refuses does not start, and what it warns of does")
		})
	}
}

// The token is the key to every conversation of the bot.
func TestOurTokenGoesToMicrosoftOnly(t *testing.T) {
	yes := func(cfg auth.Config, urls ...string) {
		for _, u := range urls {
			require.True(t, cfg.Allows(u), "alerts for %s would never arrive", u)
		}
	}
	no := func(cfg auth.Config, urls ...string) {
		for _, u := range urls {
			require.False(t, cfg.Allows(u), "whoever answers at %s would be us from then on", u)
		}
	}
	public := auth.Config{}
	yes(public, "https://smba.trafficmanager.net/emea/", "https://smba.trafficmanager.net/amer/"+tenant+"/", "https://SMBA.trafficmanager.net:443/teams",
		"https://smba.infra.gcc.teams.microsoft.com/teams", "https://smba.trafficmanager.net./teams")
	no(public, "", "smba.trafficmanager.net", "http://smba.trafficmanager.net/emea/", "https://smba.trafficmanager.net:8443/", "https://evil.trafficmanager.net/",
		"https://smba.trafficmanager.net.evil.example/", "https://evilsmba.trafficmanager.net/", "https://a.smba.trafficmanager.net/", "https://evil-teams.microsoft.com/", "https://teams.microsoft.com.evil.example/",
		"https://smba.trafficmanager.net@evil.example/", "https://user@smba.trafficmanager.net/", "https://smba.trafficmanager.net/?x=y", "https://smba.trafficmanager.net/#x",
		"https://smba.infra.gov.teams.microsoft.us/teams", "http://127.0.0.1:9099/", "https://127.0.0.1/", "ftp://smba.trafficmanager.net/", "https://\x00/", "https://[::1]/", "//smba.trafficmanager.net/")
	us := auth.Config{Cloud: "gcchigh"}
	yes(us, "https://smba.infra.gov.teams.microsoft.us/teams")
	no(us, "https://smba.trafficmanager.net/emea/")

	own := auth.Config{Endpoints: auth.Endpoints{AllowedServiceHosts: []string{"127.0.0.1:9099", "[::1]:9099", "service.test:8443"}}}
	yes(own, "http://127.0.0.1:9099/bot/", "https://127.0.0.1:9099/", "https://service.test:8443/", "http://[::1]:9099/")
	no(own, "http://127.0.0.1:9098/", "http://service.test:8443/", "https://service.test/", "https://smba.trafficmanager.net/emea/")

	local := auth.Config{InsecureLocal: true}
	yes(local, "http://localhost:56150/_connector", "http://127.0.0.1:1/", "http://[::1]:56150/")
	no(local, "http://192.168.1.7:56150/_connector", "http://localhost.evil.example/")
}
