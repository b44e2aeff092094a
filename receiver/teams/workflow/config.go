package workflow

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// DefaultTimeout is how long one attempt may take, from the dial to the last
// byte of the answer (issue 2, point 4).
const DefaultTimeout = 8 * time.Second

// Config is the `workflow:` part of a destination.
type Config struct {
	// URL is the webhook, a secret. It has no key of its own here: package
	// config knows where secrets come from (url, url_file, ${ENV}).
	URL string `yaml:"-"`
	// ProxyURL is the proxy to go through; empty: HTTPS_PROXY and its like
	// from the environment. It may hold a password.
	ProxyURL string `yaml:"proxy_url"`
	// TLS is Prometheus' tls_config. Client certificates are read anew for
	// each connection, the CA when the sender is made.
	TLS promconfig.TLSConfig `yaml:"tls_config"`
	// Timeout is how long one attempt may take; 0: DefaultTimeout.
	Timeout time.Duration `yaml:"timeout"`
	// StrictHosts refuses a host that is not one of Microsoft's.
	StrictHosts bool `yaml:"strict_hosts"`

	// Transport carries the requests instead of the network, in tests that
	// must not open sockets; proxy and TLS are then not used.
	Transport http.RoundTripper `yaml:"-"`
}

// Problem is something wrong with a Config.
type Problem struct {
	Field   string // the option: "url", "proxy_url", "tls_config", "timeout"
	Warning bool   // it works, but somebody should look at it
	What    string // what is wrong; without the URL
	Hint    string // what to do
}

func (p Problem) String() string { return p.Field + ": " + p.What + "; " + p.Hint }

// Check tells everything that is wrong with c. It reads the files of the TLS
// options and does not touch the network.
func (c Config) Check() []Problem {
	problems := checkURL(c.URL, c.StrictHosts)
	if c.ProxyURL != "" {
		problems = append(problems, checkProxy(c.ProxyURL)...)
	}
	if c.Timeout < 0 {
		problems = append(problems, Problem{
			Field: "timeout", What: fmt.Sprintf("%v is below zero", c.Timeout),
			Hint: fmt.Sprintf("leave it out for %v, or write a time like 10s", DefaultTimeout),
		})
	}
	return append(problems, checkTLS(c.TLS)...)
}

func checkURL(raw string, strict bool) []Problem {
	bad := func(what, hint string) []Problem {
		return []Problem{{Field: "url", What: what, Hint: hint}}
	}
	if strings.TrimSpace(raw) == "" {
		return bad("there is no webhook URL",
			"in Teams choose Workflows, \"Send webhook alerts to a channel\", and put the URL that it shows here")
	}
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || u.Hostname() == "" {
		return bad("this is not a URL", "copy the whole webhook URL from Teams again, from https:// to the end")
	}
	host := hostOf(u)
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && isLoopback(host):
	case u.Scheme == "http":
		return bad(fmt.Sprintf("http to %s would send the secret in the URL in the clear", host),
			"use https; http is only for a simulated Teams on this machine")
	default:
		return bad(fmt.Sprintf("the scheme %q cannot carry a webhook", u.Scheme), "use https")
	}

	var problems []Problem
	warn := func(what, hint string) {
		problems = append(problems, Problem{Field: "url", Warning: true, What: what, Hint: hint})
	}
	switch {
	case isConnector(u):
		warn(fmt.Sprintf("%s is an Office 365 connector, and Microsoft switched those off in May 2026: NOTHING SENT THERE ARRIVES", host),
			"make a Workflows webhook in Teams (\"Send webhook alerts to a channel\") and use its URL; keep this one only if something of your own answers there")
	case isWorkflowHost(host):
		if !u.Query().Has("sig") && !strings.HasSuffix(host, ".azure-api.net") {
			warn("the URL has no sig=, so Teams will ask for a sign-in that a webhook cannot give",
				"copy the whole URL again (a shell cuts it at the first & unless it is quoted) and set the flow's trigger to \"Anyone\"")
		}
	case strict:
		return bad(fmt.Sprintf("%s is not a host of Microsoft's webhooks, and strict_hosts is on", host),
			"check the URL for a typing mistake, or set strict_hosts: false")
	case !isLoopback(host):
		warn(fmt.Sprintf("%s is not a host that Microsoft is known to use for webhooks", host),
			"check the URL for a typing mistake; nothing to do when the relay or proxy there is yours")
	}
	return problems
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
			Field: "tls_config", Warning: true, What: "insecure_skip_verify lets anybody on the way read the webhook's secret",
			Hint: "put the certificate of your proxy's authority into ca_file instead",
		})
	}
	return problems
}

// failed is every problem that is more than a warning, as one error; nil when
// there is none.
func failed(raw string, problems []Problem) error {
	var errs []error
	for _, p := range problems {
		if !p.Warning {
			errs = append(errs, errors.New(p.String()))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("webhook %s: %w", teams.RedactURL(raw), errors.Join(errs...))
}
