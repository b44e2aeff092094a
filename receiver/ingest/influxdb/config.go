package influxdb

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
)

// DefaultTimeout is how long one query may take, from the dial to the last row
// (design §6).
const DefaultTimeout = 30 * time.Second

// Config is one entry of `influxdb:`.
type Config struct {
	// Name is what groups of rules call the connection.
	Name string `yaml:"name"`
	// URL is where InfluxDB answers: scheme, host, port, and a path where a
	// proxy wants one.
	URL string `yaml:"url"`
	// Token is a secret, so it has no key of its own here: package config
	// knows where secrets come from. 1.x knows none and takes Username and
	// Password, or no sign-in at all.
	Token string `yaml:"-"`
	// Org is the organisation that Flux queries belong to; 1.x and 3 know
	// none.
	Org string `yaml:"org"`
	// Username and Password are 1.x's sign-in; the password is a secret.
	Username string `yaml:"username"`
	Password string `yaml:"-"`
	// Database is the one that InfluxQL queries look at, unless they name it
	// themselves.
	Database string `yaml:"database"`
	// Timeout is how long one query may take; 0: DefaultTimeout.
	Timeout time.Duration `yaml:"timeout"`
	// TLS is Prometheus' tls_config. Client certificates are read anew for
	// each connection, the CA when the source is made.
	TLS promconfig.TLSConfig `yaml:"tls_config"`
	// ProxyURL is the proxy to go through; empty: HTTPS_PROXY and its like
	// from the environment. It may hold a password.
	ProxyURL string `yaml:"proxy_url"`

	// Transport carries the requests instead of the network, in tests that
	// must not open sockets; proxy and TLS are then not used.
	Transport http.RoundTripper `yaml:"-"`
}

// Problem is something wrong with a Config.
type Problem = outbound.Problem

// Check tells everything that is wrong with c. It reads the files of the TLS
// options and does not touch the network.
func (c Config) Check() []Problem {
	var problems []Problem
	bad := func(field, what, hint string) {
		problems = append(problems, Problem{Field: field, What: what, Hint: hint})
	}
	if strings.TrimSpace(c.Name) == "" {
		bad("name", "the connection has no name", "give it one, like main; groups of rules name it in influxdb")
	}
	problems = append(problems, c.checkURL()...)
	switch {
	case c.Token != "" && (c.Username != "" || c.Password != ""):
		bad("token", "there is a token and also a username or password", "keep the token for InfluxDB 2 and 3, username and password for 1.x")
	case c.Username == "" && c.Password != "":
		bad("password", "there is a password but no username", "add the username, or leave the password out")
	}
	if strings.ContainsAny(c.Token, "\r\n") || strings.ContainsAny(c.Username+c.Password, "\r\n") {
		bad(c.secretField(), "it has a line break inside", "put it into its file on one line")
	}
	if c.Token != "" && outbound.IsWeak(c.Token) || c.Password != "" && outbound.IsWeak(c.Password) {
		problems = append(problems, Problem{
			Field: c.secretField(), Warning: true, What: "it is too short to be hidden in what InfluxDB says, so nothing of that will be shown",
			Hint: fmt.Sprintf("choose one of %d or more characters", outbound.MinSecret),
		})
	}
	problems = append(problems, outbound.CheckProxy(c.ProxyURL)...)
	if c.Timeout < 0 {
		bad("timeout", fmt.Sprintf("%v is below zero", c.Timeout),
			fmt.Sprintf("leave it out for %v, or write a time like 10s", DefaultTimeout))
	}
	return append(problems, outbound.CheckTLS(c.TLS, "read the token and change the answers", "InfluxDB")...)
}

// secretField is the option that holds what nobody may see, "" if there is none.
func (c Config) secretField() string {
	switch {
	case c.Token != "":
		return "token"
	case c.Password != "":
		return "password"
	case c.Username != "":
		return "username"
	}
	return ""
}

func (c Config) checkURL() []Problem {
	bad := func(what, hint string) []Problem { return []Problem{{Field: "url", What: what, Hint: hint}} }
	if strings.TrimSpace(c.URL) == "" {
		return bad("there is no URL", "write where InfluxDB answers, like http://influxdb.example:8086")
	}
	u, err := url.Parse(strings.TrimSpace(c.URL))
	switch {
	case err != nil || u.Hostname() == "":
		return bad("this is not a URL", "write it like http://influxdb.example:8086")
	case u.Scheme != "http" && u.Scheme != "https":
		return bad(fmt.Sprintf("the scheme %q does not lead to InfluxDB", u.Scheme), "use http or https")
	case u.User != nil:
		return bad("it holds a user or a password, which others would see", "put them into username and password (or password_file)")
	case u.RawQuery != "" || u.Fragment != "":
		return bad("it has something behind a ? or #", "leave only scheme, host, port and path; database and org have options of their own")
	case strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/query"), strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/api/v2"):
		return bad("it leads into InfluxDB's API", "leave out /query and /api/v2; they are added")
	}
	if field := c.secretField(); field != "" && u.Scheme == "http" && !outbound.IsLoopback(u.Hostname()) {
		return []Problem{{
			Field: "url", Warning: true, What: fmt.Sprintf("http sends the %s to %s in the clear", field, hostOf(u)),
			Hint: "use https if InfluxDB offers it; nothing to do when you trust that network",
		}}
	}
	return nil
}

// hostOf is what may be told of a URL: host and port.
func hostOf(u *url.URL) string { return strings.ToLower(u.Host) }
