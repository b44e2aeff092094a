package doctor_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/bot/token"
	"github.com/teamsrelay/teamsrelay/receiver/doctor"
)

// TestWhatStandsBeforeTheEndpoint: between Microsoft and the receiver are DNS,
// a firewall, a proxy and a certificate, and each of them has its own way to
// be wrong.
func TestWhatStandsBeforeTheEndpoint(t *testing.T) {
	const ours = `{"error":"there is no Authorization header"}`
	for name, c := range map[string]struct {
		answer func(*http.Request) (*http.Response, error)
		url    string // "": publicURL
		result doctor.Result
		what   string
		do     string
	}{
		"our receiver":                     {answer: ourEndpoint, result: doctor.OK, what: "Our receiver answers"},
		"nothing listens":                  {answer: failing(errors.New("connection refused")), result: doctor.Failed, what: "connection refused", do: "port 443 is open"},
		"a certificate that nobody trusts": {answer: failing(x509.UnknownAuthorityError{}), result: doctor.Failed, what: "signed by an authority", do: "fullchain.pem"},
		"a certificate for another name":   {answer: failing(x509.HostnameError{Certificate: &x509.Certificate{}, Host: relay}), result: doctor.Failed, what: "another name", do: "ssl_certificate"},
		"a certificate that has ended": {
			answer: failing(x509.CertificateInvalidError{Reason: x509.Expired}), result: doctor.Failed, what: "has expired", do: "ssl_certificate",
		},
		"no TLS at the port":                {answer: failing(tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}), result: doctor.Failed, what: "does not speak TLS"},
		"a proxy that does not reach us":    {answer: always(502, page, "Content-Type: text/html"), result: doctor.Failed, what: "502", do: "--public.listen-address"},
		"a proxy without this path":         {answer: always(404, page, "Content-Type: text/html"), result: doctor.Failed, what: "404", do: "whole path"},
		"a static website":                  {answer: always(405, ""), result: doctor.Failed, what: "405", do: "POST"},
		"a firewall":                        {answer: always(403, ""), result: doctor.Failed, what: "403", do: "from anywhere"},
		"a proxy with a password":           {answer: always(401, "", "WWW-Authenticate: Basic realm=x"), result: doctor.Failed, what: "wants a sign-in (401)", do: "without a sign-in of its own"},
		"another program with tokens":       {answer: always(401, `{"error":"unauthorized"}`, "WWW-Authenticate: Bearer"), result: doctor.Failed, what: "wants a sign-in (401)"},
		"a redirect":                        {answer: always(301, "", "Location: https://other.example/secret-path?sig=secret"), result: doctor.Failed, what: "redirect (301) to https://other.example,", do: "Messaging endpoint"},
		"a web page":                        {answer: always(200, page, "Content-Type: text/html"), result: doctor.Failed, what: "A web page answers"},
		"somebody else":                     {answer: always(200, `{"ok":true}`), result: doctor.Failed, what: "Somebody answers 200 who is not our receiver"},
		"a receiver in its local mode":      {answer: always(403, `{"error":"without tokens (insecure_local) nothing is taken that comes through a proxy"}`), result: doctor.Failed, what: "insecure_local"},
		"our receiver without Teams' keys":  {answer: always(503, `{"error":"the keys: the host has not answered in time"}`), result: doctor.Warning, what: "cannot take activities now (503)"},
		"a proxy that drops the token":      {answer: always(401, ours, "WWW-Authenticate: Bearer"), result: doctor.Failed, what: "does not arrive", do: "proxy_set_header"},
		"http":                              {url: "http://relay.example.com/api/messages", result: doctor.Failed, what: "Teams sends to https only"},
		"another path":                      {url: "https://relay.example.com/", result: doctor.Failed, what: "Its path is not /api/messages"},
		"no URL":                            {url: "relay.example.com", result: doctor.Failed, what: "not a URL"},
		"a URL with a password":             {url: "https://us:proxy-password-nobody-may-see@relay.example.com/api/messages", result: doctor.Failed, what: "more than a host and a path"},
		"a URL with a key in it":            {url: "https://relay.example.com/api/messages?sig=sig-of-the-webhook-nobody-may-see", result: doctor.Failed, what: "more than a host and a path"},
		"a URL with a key, and no real one": {url: "https://%zz/?sig=sig-of-the-webhook-nobody-may-see", result: doctor.Failed, what: "not a URL"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if c.answer != nil {
				w.hosts[relay] = c.answer
			}
			// Nothing else is asked: the endpoint is examined without a
			// configuration too.
			found, text := w.examine("not a configuration", func(o *doctor.Options) {
				if c.url != "" {
					o.PublicURL = c.url
				}
			})
			said := only(found, "endpoint", c.result)
			require.NotEmpty(t, said, text)
			last := said[len(said)-1]
			if c.result == doctor.OK {
				last = said[0]
			}
			require.Contains(t, last.What, c.what)
			require.Contains(t, last.Do, c.do)
			require.NotContains(t, text, "secret-path", "only the host of a redirect is anybody's business")
			for _, r := range w.requests("") {
				require.Equal(t, "POST "+relay+"/api/messages", r, "no redirect is followed")
			}
		})
	}
}

func TestAnEndpointWhoseCertificateEndsSoonIsAWarning(t *testing.T) {
	w := newWorld(t)
	w.hosts[relay] = func(r *http.Request) (*http.Response, error) {
		response, err := ourEndpoint(r)
		response.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{NotAfter: now.Add(3 * 24 * time.Hour)}}}
		return response, err
	}
	found, text := w.examine(w.settings(""), nil)
	warned := only(found, "endpoint", doctor.Warning)
	require.Len(t, warned, 1, text)
	require.Equal(t, "Its certificate ends on 24 November 2026.", warned[0].What)
}

// TestOurOwnRefusalIsRecognised: ourEndpoint of these tests says what the
// receiver says. If that changes, doctor would tell people that somebody else
// answers.
func TestOurOwnRefusalIsRecognised(t *testing.T) {
	verifier, err := token.New(token.Options{
		AppID: "7a9c1f60-5b7e-4c55-9f0e-3d1f6f0a2b11", Issuer: "https://api.botframework.com", Metadata: "https://login.botframework.com/v1/.well-known/openidconfiguration",
		Transport: newWorld(t), Now: time.Now, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	require.NoError(t, err)
	for authorization, said := range map[string]string{"": "there is no Authorization header", "Bearer teamsrelay-doctor": "the token does not have three parts"} {
		header := http.Header{}
		if authorization != "" {
			header.Set("Authorization", authorization)
		}
		_, err := verifier.Verify(t.Context(), header)
		require.EqualError(t, err, said)
		r := httptest.NewRequest(http.MethodPost, publicURL, nil)
		r.Header = header
		answer, err := ourEndpoint(r)
		require.NoError(t, err)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.True(t, strings.Contains(string(body), said), string(body))
	}
}
