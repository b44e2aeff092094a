package auth_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
)

const (
	tenant = "11111111-2222-3333-4444-555555555555"
	app    = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
	secret = "abc8Q~the-secret-that-nobody-may-see"
)

// entra is Microsoft's sign-in as far as it gives tokens to applications. It
// carries the requests itself, so no test opens a socket.
type entra struct {
	mu     sync.Mutex
	forms  []url.Values // of the requests for tokens
	urls   []string     // of all requests, without query
	life   time.Duration
	answer func(n int) (*http.Response, error) // to the nth request for a token; nil: a token
	delay  time.Duration                       // before each token
}

func (e *entra) RoundTrip(r *http.Request) (*http.Response, error) {
	tenant := "/" + strings.Split(strings.Trim(r.URL.Path, "/"), "/")[0]
	base := r.URL.Scheme + "://" + r.URL.Host
	e.mu.Lock()
	e.urls = append(e.urls, base+r.URL.Path)
	e.mu.Unlock()
	switch {
	case strings.HasSuffix(r.URL.Path, "/discovery/instance"):
		authority, _ := url.Parse(r.URL.Query().Get("authorization_endpoint"))
		return answering(200, map[string]any{
			"tenant_discovery_endpoint": "https://" + authority.Host + strings.TrimSuffix(authority.Path, "/oauth2/v2.0/authorize") + "/v2.0/.well-known/openid-configuration",
			"metadata":                  []map[string]any{{"preferred_network": authority.Host, "preferred_cache": authority.Host, "aliases": []string{authority.Host}}},
		}), nil
	case strings.HasSuffix(r.URL.Path, "/openid-configuration"):
		return answering(200, map[string]any{
			"issuer": base + tenant + "/v2.0", "authorization_endpoint": base + tenant + "/oauth2/v2.0/authorize", "token_endpoint": base + tenant + "/oauth2/v2.0/token",
		}), nil
	}
	var form url.Values
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		form, _ = url.ParseQuery(string(body))
	}
	if r.Method == http.MethodGet { // a managed identity
		form = r.URL.Query()
	}
	e.mu.Lock()
	e.forms = append(e.forms, form)
	n := len(e.forms)
	e.mu.Unlock()
	if e.delay > 0 {
		select {
		case <-time.After(e.delay):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if e.answer != nil {
		if answer, err := e.answer(n); answer != nil || err != nil {
			return answer, err
		}
	}
	life := e.life
	if life == 0 {
		life = time.Hour
	}
	return answering(200, map[string]any{
		"token_type": "Bearer", "expires_in": int(life.Seconds()), "access_token": fmt.Sprintf("token-%d", n),
	}), nil
}

// asked is how many tokens were asked for.
func (e *entra) asked() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.forms)
}

func answering(status int, body any, headers ...string) *http.Response {
	encoded, ok := body.(string)
	if !ok {
		raw, _ := json.Marshal(body)
		encoded = string(raw)
	}
	r := &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(encoded)),
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	return r
}

// refusing is Entra's answer to what it does not take.
func refusing(status int, description string) *http.Response {
	return answering(status, map[string]any{"error": "invalid_client", "error_description": description})
}

func config(e *entra) auth.Config {
	return auth.Config{TenantID: tenant, AppID: app, Secret: secret, Transport: e, Endpoints: auth.Endpoints{Login: "https://login.test"}}
}

func source(t *testing.T, cfg auth.Config) *auth.Source {
	t.Helper()
	s, err := auth.New(cfg)
	require.NoError(t, err)
	return s
}

// good gets a token that must be there.
func good(t *testing.T, s *auth.Source, refused string) string {
	t.Helper()
	token, err := s.Token(t.Context(), refused)
	require.NoError(t, err)
	return token
}

// failing gets the error of a token that cannot be had.
func failing(t *testing.T, s *auth.Source) *auth.Error {
	t.Helper()
	token, err := s.Token(context.Background(), "")
	require.Empty(t, token)
	var e *auth.Error
	require.ErrorAs(t, err, &e)
	require.NotEmpty(t, e.Message)
	require.NotContains(t, e.Message, secret, "the message goes into logs and on pages")
	require.NotContains(t, e.Message, "://", "no URL in messages")
	require.Contains(t, []teams.Reason{teams.Auth, teams.Network, teams.Timeout, teams.TLS, teams.Throttled, teams.Unavailable, teams.Interrupted}, e.Reason)
	return e
}

// certificate writes a new certificate with its key into a PEM file.
func certificate(t *testing.T, file string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: "bot"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der}))
	require.NoError(t, pem.Encode(&b, &pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
	require.NoError(t, os.WriteFile(file, b.Bytes(), 0o600))
}
