package workflow_test

import (
	"strings"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/teamsrelay/teamsrelay/receiver/teams/workflow"
)

func TestCheckOfTheURL(t *testing.T) {
	const query = "?sig=" + secret
	for name, c := range map[string]struct {
		url     string
		warning string // "": none
		err     string // "": none
		strict  string // the error with strict_hosts; "": none
	}{
		"the old form":                       {secretURL, "", "", ""},
		"the current form":                   {"https://default0123.4f.environment.api.powerplatform.com:443/powerautomate/x" + query, "", "", ""},
		"the current form with a region":     {"https://default0123.4f.ea.environment.api.powerplatform.com/x" + query, "", "", ""},
		"an API Management front":            {"https://contoso.azure-api.net/teams", "", "", ""},
		"capitals and a dot at the end":      {"https://PROD-1.Logic.Azure.COM./x" + query, "", "", ""},
		"cut off at the first &":             {"https://prod-1.logic.azure.com/x?api-version=1", "no sig=", "", ""},
		"an attacker's domain behind it":     {"https://evil-logic.azure.com.attacker.example/x" + query, "not a host that Microsoft", "", "strict_hosts"},
		"an attacker's domain in front":      {"https://evil-logic.azure.com/x" + query, "not a host that Microsoft", "", "strict_hosts"},
		"an attacker's path":                 {"https://attacker.example/logic.azure.com" + query, "not a host that Microsoft", "", "strict_hosts"},
		"an attacker's user part":            {"https://x.logic.azure.com@attacker.example/" + query, "not a host that Microsoft", "", "strict_hosts"},
		"the bare domain":                    {"https://logic.azure.com/x" + query, "not a host that Microsoft", "", "strict_hosts"},
		"a relay of one's own":               {"https://relay.contoso.example/x", "relay.contoso.example", "", "strict_hosts"},
		"a simulated Teams":                  {"http://127.0.0.1:9099/workflow/ops", "", "", "strict_hosts"},
		"a simulated Teams by name":          {"http://localhost:9099/workflow/ops", "", "", "strict_hosts"},
		"a simulated Teams, IPv6":            {"http://[::1]:9099/workflow/ops", "", "", "strict_hosts"},
		"a connector":                        {connectorURL, "May 2026", "", ""},
		"a connector of old":                 {"https://outlook.office.com/webhook/x", "NOTHING SENT THERE ARRIVES", "", ""},
		"http to the world":                  {"http://prod-1.logic.azure.com/x" + query, "", "in the clear", "in the clear"},
		"http to a name that sounds like us": {"http://localhost.attacker.example/x", "", "in the clear", "in the clear"},
		"nothing":                            {" ", "", "no webhook URL", "no webhook URL"},
		"no URL":                             {"https://%zz" + query, "", "not a URL", "not a URL"},
		"a path":                             {"/etc/passwd", "", "not a URL", "not a URL"},
		"another scheme":                     {"ftp://x.logic.azure.com/" + query, "", "scheme", "scheme"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, strict := range []bool{false, true} {
				wantErr := c.err
				if strict {
					wantErr = c.strict
				}
				cfg := workflow.Config{URL: c.url, StrictHosts: strict}
				problems := cfg.Check()
				_, err := workflow.New(cfg)
				switch {
				case wantErr != "":
					require.ErrorContains(t, err, wantErr)
					require.NotContains(t, err.Error(), secret)
				case c.warning != "":
					require.NoError(t, err, "a warning keeps nobody from working")
					require.Len(t, problems, 1)
					require.True(t, problems[0].Warning)
					require.Contains(t, problems[0].String(), c.warning)
				default:
					require.NoError(t, err)
					require.Empty(t, problems)
				}
				for _, p := range problems {
					require.NotEmpty(t, p.Hint, "a problem says what to do")
					require.NotContains(t, p.String(), secret)
				}
			}
		})
	}
}

func TestCheckReportsEveryMistakeAtOnce(t *testing.T) {
	c := workflow.Config{
		URL:      "ftp://x",
		ProxyURL: "proxy:3128:" + secret,
		Timeout:  -time.Second,
		TLS:      promconfig.TLSConfig{CAFile: "there/is/no/such.pem", InsecureSkipVerify: true},
	}
	var fields []string
	for _, p := range c.Check() {
		fields = append(fields, p.Field)
		require.NotContains(t, p.String(), secret)
	}
	require.Equal(t, []string{"url", "proxy_url", "timeout", "tls_config", "tls_config"}, fields)
	_, err := workflow.New(c)
	require.ErrorContains(t, err, "proxy_url")
	require.ErrorContains(t, err, "such.pem")
	require.NotContains(t, err.Error(), "insecure_skip_verify", "a warning is no error")
}

func TestOptionsReadAsPrometheusWritesThem(t *testing.T) {
	var c workflow.Config
	d := yaml.NewDecoder(strings.NewReader(`
proxy_url: http://proxy.example:3128
timeout: 5s
strict_hosts: true
tls_config:
  ca_file: ca.pem
  cert_file: cert.pem
  key_file: key.pem
  server_name: teams.example
  insecure_skip_verify: true
`))
	d.KnownFields(true)
	require.NoError(t, d.Decode(&c))
	require.Equal(t, workflow.Config{
		ProxyURL: "http://proxy.example:3128", Timeout: 5 * time.Second, StrictHosts: true,
		TLS: promconfig.TLSConfig{CAFile: "ca.pem", CertFile: "cert.pem", KeyFile: "key.pem", ServerName: "teams.example", InsecureSkipVerify: true},
	}, c)
}

func TestAddressIDIsOneForEachWebhook(t *testing.T) {
	id := workflow.AddressID(secretURL)
	require.Regexp(t, `^workflow:[0-9a-f]{16}$`, id)
	for name, same := range map[string]string{
		"without the default port": strings.Replace(secretURL, ":443", "", 1),
		"in capitals":              strings.Replace(secretURL, "prod-12.westeurope", "PROD-12.WestEurope", 1),
		"with spaces around":       " " + secretURL + "\n",
		"with a fragment":          secretURL + "#x",
		"with slashes unescaped":   strings.ReplaceAll(secretURL, "%2F", "/"),
		"with the query reordered": strings.Replace(secretURL, "api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun", "sp=%2Ftriggers%2Fmanual%2Frun&api-version=2016-06-01", 1),
	} {
		require.Equal(t, id, workflow.AddressID(same), "the same webhook %s must not get every card twice", name)
	}
	for name, other := range map[string]string{
		"another signature": secretURL + "x",
		"another flow":      strings.Replace(secretURL, flowID, strings.Repeat("f", 32), 1),
		"another port":      strings.Replace(secretURL, ":443", ":444", 1),
	} {
		require.NotEqual(t, id, workflow.AddressID(other), name)
	}
}
