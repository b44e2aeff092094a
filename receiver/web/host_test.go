package web

import (
	"context"
	"net"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAPageOfAnotherSiteCannotReadOurs(t *testing.T) {
	s := newNowSite(t)
	name, err := os.Hostname()
	require.NoError(t, err)
	by := func(host, from string) func(*http.Request) {
		return func(r *http.Request) {
			r.Host, r.RemoteAddr = host, from
			*r = *r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9097}))
		}
	}
	for why, c := range map[string]struct {
		host, from string
		status     int
	}{
		"a name that points to loopback":              {"evil.example:9097", "127.0.0.1:50000", 403},
		"over IPv6":                                   {"evil.example:9097", "[::1]:50000", 403},
		"with a dot at its end":                       {"evil.example.:9097", "127.0.0.1:50000", 403},
		"that looks like localhost":                   {"localhost.evil.example:9097", "127.0.0.1:50000", 403},
		"localhost":                                   {"localhost:9097", "127.0.0.1:50000", 200},
		"localhost's own":                             {"relay.localhost:9097", "127.0.0.1:50000", 200},
		"an address":                                  {"127.0.0.1:9097", "127.0.0.1:50000", 200},
		"an address of IPv6":                          {"[::1]:9097", "[::1]:50000", 200},
		"this machine's name":                         {name + ":9097", "127.0.0.1:50000", 200},
		"a reverse proxy that hands its name on":      {"relay.example.com", "127.0.0.1:50000", 200},
		"a reverse proxy at another port":             {"relay.example.com:8443", "127.0.0.1:50000", 200},
		"somebody elsewhere, by whatever name it has": {"relay.example.com:9097", "192.0.2.1:50000", 200},
	} {
		for _, path := range []string{"/", "/users", "/api/v1/alerts"} {
			w := s.ask("GET", path, "", by(c.host, c.from))
			require.Equal(t, c.status, w.Code, "%s: %s", why, path)
			if c.status == 403 {
				require.NotContains(t, w.Body.String(), "HostDown", why)
				require.Contains(t, w.Body.String(), "localhost", "whoever did it on purpose is told how")
			}
		}
	}
	// It may say X-Forwarded-For as it likes.
	w := s.ask("GET", "/api/v1/alerts", "", by("evil.example:9097", "127.0.0.1:50000"), func(r *http.Request) { r.Header.Set("X-Forwarded-For", "192.0.2.1") })
	require.Equal(t, 403, w.Code)
	for _, path := range []string{"/metrics", "/-/healthy"} {
		require.Equal(t, 200, s.ask("GET", path, "", by("relay:9097", "127.0.0.1:50000")).Code, "Prometheus has a name of its own for it")
	}
	require.Equal(t, 200, s.ask("POST", "/alertmanager", firing, by("relay:9097", "127.0.0.1:50000")).Code, "so has Alertmanager")
}
