package influxdb

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"
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
type Problem struct {
	Field   string // the option: "name", "url", "token", "username", …
	Warning bool   // it works, but somebody should look at it
	What    string // what is wrong; without URL, token and password
	Hint    string // what to do
}

func (p Problem) String() string { return p.Field + ": " + p.What + "; " + p.Hint }

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
	if c.ProxyURL != "" {
		problems = append(problems, checkProxy(c.ProxyURL)...)
	}
	if c.Timeout < 0 {
		bad("timeout", fmt.Sprintf("%v is below zero", c.Timeout),
			fmt.Sprintf("leave it out for %v, or write a time like 10s", DefaultTimeout))
	}
	return append(problems, checkTLS(c.TLS)...)
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
	if field := c.secretField(); field != "" && u.Scheme == "http" && !isLoopback(u.Hostname()) {
		return []Problem{{
			Field: "url", Warning: true, What: fmt.Sprintf("http sends the %s to %s in the clear", field, hostOf(u)),
			Hint: "use https if InfluxDB offers it; nothing to do when you trust that network",
		}}
	}
	return nil
}

func checkProxy(raw string) []Problem {
	u, err := url.Parse(raw)
	if err == nil && u.Hostname() != "" {
		switch u.Scheme {
		case "http", "https", "socks5", "socks5h":
			return nil
		}
	}
	return []Problem{{
		Field: "proxy_url", What: "this is not the URL of a proxy",
		Hint: "write it like http://proxy.example:3128 (http, https or socks5)",
	}}
}

func checkTLS(c promconfig.TLSConfig) []Problem {
	var problems []Problem
	if err := c.Validate(); err != nil {
		return []Problem{{Field: "tls_config", What: err.Error(), Hint: "give each thing once, and a certificate together with its key"}}
	}
	if v := uint16(c.MinVersion); v != 0 && v < tls.VersionTLS12 {
		problems = append(problems, Problem{
			Field: "tls_config", What: "min_version allows a TLS older than 1.2",
			Hint: "leave min_version out, or write TLS12 or TLS13",
		})
	}
	if _, err := promconfig.NewTLSConfig(&c); err != nil {
		problems = append(problems, Problem{
			Field: "tls_config", What: err.Error(),
			Hint: "check that the file is there, that this user may read it, and that it is PEM",
		})
	}
	if c.InsecureSkipVerify {
		problems = append(problems, Problem{
			Field: "tls_config", Warning: true, What: "insecure_skip_verify lets anybody on the way read the token and change the answers",
			Hint: "put the certificate of InfluxDB's authority into ca_file instead",
		})
	}
	return problems
}

// failed is every problem that is more than a warning, as one error; nil when
// there is none.
func failed(name string, problems []Problem) error {
	var errs []error
	for _, p := range problems {
		if !p.Warning {
			errs = append(errs, errors.New(p.String()))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("influxdb %q: %w", name, errors.Join(errs...))
}

// hostOf is what may be told of a URL: host and port.
func hostOf(u *url.URL) string { return strings.ToLower(u.Host) }

func isLoopback(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
