package influxdb

import (
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"
)

func TestCheckNamesEachMistakeAndWhatToDo(t *testing.T) {
	good := Config{Name: "dc", URL: "http://localhost:8086"}
	for name, c := range map[string]struct {
		change  func(*Config)
		field   string
		what    string
		warning bool
	}{
		"no name":                {func(c *Config) { c.Name = " " }, "name", "no name", false},
		"no URL":                 {func(c *Config) { c.URL = "" }, "url", "there is no URL", false},
		"no URL at all":          {func(c *Config) { c.URL = "::" }, "url", "not a URL", false},
		"host without scheme":    {func(c *Config) { c.URL = "localhost:8086" }, "url", "not a URL", false},
		"another scheme":         {func(c *Config) { c.URL = "udp://localhost:8089" }, "url", `"udp"`, false},
		"password in the URL":    {func(c *Config) { c.URL = "http://u:s3cret@localhost:8086" }, "url", "others would see", false},
		"database in the URL":    {func(c *Config) { c.URL = "http://localhost:8086/?db=s3cret" }, "url", "behind a ?", false},
		"the API's own path":     {func(c *Config) { c.URL = "http://localhost:8086/query" }, "url", "InfluxDB's API", false},
		"the new API's path":     {func(c *Config) { c.URL = "http://localhost:8086/api/v2/" }, "url", "InfluxDB's API", false},
		"a token in the clear":   {func(c *Config) { c.URL, c.Token = "http://influx.example:8086", "s3cret" }, "url", "http sends the token to influx.example:8086", true},
		"a password likewise":    {func(c *Config) { c.URL, c.Username, c.Password = "http://influx.example", "u", "s3cret" }, "url", "http sends the password", true},
		"both sign-ins":          {func(c *Config) { c.Token, c.Username = "s3cret", "u" }, "token", "also a username", false},
		"password without user":  {func(c *Config) { c.Password = "s3cret" }, "password", "no username", false},
		"a token of two lines":   {func(c *Config) { c.Token = "s3cret\nmore" }, "token", "line break", false},
		"a short token":          {func(c *Config) { c.Token = "abc" }, "token", "too short to be hidden", true},
		"a short password":       {func(c *Config) { c.Username, c.Password = "u", "abc" }, "password", "too short to be hidden", true},
		"a proxy that is none":   {func(c *Config) { c.ProxyURL = "s3cret" }, "proxy_url", "not the URL of a proxy", false},
		"a time below zero":      {func(c *Config) { c.Timeout = -time.Second }, "timeout", "-1s", false},
		"a CA that is not there": {func(c *Config) { c.TLS.CAFile = "does-not-exist.pem" }, "tls_config", "does-not-exist.pem", false},
		"old TLS":                {func(c *Config) { c.TLS.MinVersion = promconfig.TLSVersions["TLS10"] }, "tls_config", "older than 1.2", false},
		"half a certificate":     {func(c *Config) { c.TLS.CertFile = "a.pem" }, "tls_config", "key", false},
		"no check of the server": {func(c *Config) { c.TLS.InsecureSkipVerify = true }, "tls_config", "insecure_skip_verify", true},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			c.change(&cfg)
			problems := cfg.Check()
			require.Len(t, problems, 1)
			require.Equal(t, c.field, problems[0].Field)
			require.Equal(t, c.warning, problems[0].Warning)
			require.Contains(t, problems[0].What, c.what)
			require.NotEmpty(t, problems[0].Hint)
			require.NotContains(t, problems[0].String(), "s3cret")
			_, err := New(cfg)
			if c.warning {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, problems[0].Hint)
			require.NotContains(t, err.Error(), "s3cret")
		})
	}
}

func TestCheckTellsEverythingAtOnce(t *testing.T) {
	problems := Config{URL: "x", Password: "pass", Timeout: -1}.Check()
	require.Len(t, problems, 4, "one run, all mistakes: name, url, password, timeout")
}

func TestCheckHasNothingToSayOfWhatWorks(t *testing.T) {
	for name, cfg := range map[string]Config{
		"1.x without a sign-in":  {Name: "a", URL: "http://influx.example:8086", Database: "dc"},
		"1.x with one, on https": {Name: "a", URL: "https://influx.example:8086", Username: "u", Password: "pass"},
		"2.x on this machine":    {Name: "a", URL: "http://[::1]:8086", Token: "t0ken", Org: "ops"},
		"behind a path":          {Name: "a", URL: "https://example.com/influx/", Token: "t0ken", Timeout: time.Minute, ProxyURL: "socks5://proxy:1080"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Empty(t, cfg.Check())
			s, err := New(cfg)
			require.NoError(t, err)
			require.Equal(t, "a", s.Name())
		})
	}
}
