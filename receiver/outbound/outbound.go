// Package outbound is what all connections that we open to other servers have
// in common: proxy, TLS, and checks of both in words. A connection's own
// package says where it leads and what is sent.
package outbound

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"
)

// Problem is something wrong with the options of a connection.
type Problem struct {
	Field   string // the option: "url", "proxy_url", "tls_config", "timeout", …
	Warning bool   // it works, but somebody should look at it
	What    string // what is wrong; without URL, token and password
	Hint    string // what to do
}

func (p Problem) String() string { return p.Field + ": " + p.What + "; " + p.Hint }

// Failed is every problem that is more than a warning, as one error; nil when
// there is none.
func Failed(problems []Problem) error {
	var errs []error
	for _, p := range problems {
		if !p.Warning {
			errs = append(errs, errors.New(p.String()))
		}
	}
	return errors.Join(errs...)
}

// CheckProxy checks the URL of a proxy; none is no problem.
func CheckProxy(raw string) []Problem {
	if raw == "" {
		return nil
	}
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

// CheckTLS checks TLS options and reads their files. risk says what becomes of
// us when nobody checks who answers, and ca whose certificate mends that.
func CheckTLS(c promconfig.TLSConfig, risk, ca string) []Problem {
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
			Field: "tls_config", Warning: true, What: "insecure_skip_verify lets anybody on the way " + risk,
			Hint: "put the certificate of " + ca + "'s authority into ca_file instead",
		})
	}
	return problems
}

// Transport makes a transport with a proxy, "" for the environment's, and TLS
// options. It speaks HTTP/1.1 only, as one with a TLS configuration of its own
// does: we have few requests at a time, so HTTP/2 has nothing to give, and its
// connections can die without anybody noticing.
func Transport(proxyURL string, c promconfig.TLSConfig) (*http.Transport, error) {
	tlsConfig, err := promconfig.NewTLSConfig(&c)
	if err != nil {
		return nil, err
	}
	tlsConfig.MinVersion = max(tlsConfig.MinVersion, tls.VersionTLS12)
	proxy := http.ProxyFromEnvironment
	if proxyURL != "" {
		u, err := url.Parse(proxyURL)
		if err != nil { // it may hold a password, and err does
			return nil, errors.New("proxy_url is not a URL")
		}
		proxy = http.ProxyURL(u)
	}
	return &http.Transport{
		Proxy:           proxy,
		DialContext:     (&net.Dialer{Timeout: DialTimeout, KeepAlive: 15 * time.Second}).DialContext,
		TLSClientConfig: tlsConfig,
	}, nil
}

// DialTimeout is how long connecting may take: a host that does not answer is
// known before the time for a whole request is over, if that is longer.
const DialTimeout = 10 * time.Second

// IsLoopback says whether a host is this machine, where http is as good as
// https.
func IsLoopback(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// Cause is the innermost error: "connection refused". Those around it hold
// addresses and URLs.
func Cause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
