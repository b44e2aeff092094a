package workflow

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
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
	// Untrusted: the URL was not written by whoever runs us, so it may lead to
	// Microsoft's webhooks and to what is Allowed, and to nothing else; the
	// former never to an address that is not public.
	Untrusted bool `yaml:"-"`
	// Allowed are hosts, HOST or HOST:PORT in lower case, that an untrusted URL
	// may name beside Microsoft's. They may have any address, and http is taken
	// where they are this machine.
	Allowed []string `yaml:"-"`

	// Transport carries the requests instead of the network, in tests that
	// must not open sockets; proxy and TLS are then not used.
	Transport http.RoundTripper `yaml:"-"`
}

// Problem is something wrong with a Config.
type Problem = outbound.Problem

// Check tells everything that is wrong with c. It reads the files of the TLS
// options and does not touch the network.
func (c Config) Check() []Problem {
	problems := checkURL(c.URL, c.StrictHosts)
	if c.Untrusted && outbound.Failed(problems) == nil {
		problems = append(problems, checkUntrusted(c.URL, c.Allowed)...)
	}
	problems = append(problems, outbound.CheckProxy(c.ProxyURL)...)
	if c.Timeout < 0 {
		problems = append(problems, Problem{
			Field: "timeout", What: fmt.Sprintf("%v is below zero", c.Timeout),
			Hint: fmt.Sprintf("leave it out for %v, or write a time like 10s", DefaultTimeout),
		})
	}
	return append(problems, outbound.CheckTLS(c.TLS, "read the webhook's secret", "your proxy")...)
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
	case u.Scheme == "http" && outbound.IsLoopback(host):
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
	case !outbound.IsLoopback(host):
		warn(fmt.Sprintf("%s is not a host that Microsoft is known to use for webhooks", host),
			"check the URL for a typing mistake; nothing to do when the relay or proxy there is yours")
	}
	return problems
}
