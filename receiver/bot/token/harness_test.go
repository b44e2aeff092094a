package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/bot/token"
)

const (
	appID    = "11111111-2222-3333-4444-555555555555"
	issuer   = "https://api.botframework.test"
	metadata = "https://login.botframework.test/v1/.well-known/openidconfiguration"
	keySet   = "https://login.botframework.test/v1/.well-known/keys"
	service  = "https://smba.trafficmanager.test/emea/"
)

// start is when the tests play.
var start = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)

// The keys of the tests: making one takes a while.
var (
	ours    = sync.OnceValue(func() *rsa.PrivateKey { return newKey(2048) })
	another = sync.OnceValue(func() *rsa.PrivateKey { return newKey(2048) })
	weak    = sync.OnceValue(func() *rsa.PrivateKey { return newKey(1024) })
)

func newKey(bits int) *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return k
}

// fields are a JSON object.
type fields map[string]any

// but is the fields with some of them changed; nil takes one out.
func (f fields) but(changes fields) fields {
	made := maps.Clone(f)
	for name, value := range changes {
		if value == nil {
			delete(made, name)
			continue
		}
		made[name] = value
	}
	return made
}

// published is an RSA key as Microsoft publishes it.
func published(id string, k *rsa.PrivateKey) fields {
	return fields{
		"kty": "RSA", "use": "sig", "kid": id, "x5t": id,
		"n":            base64.RawURLEncoding.EncodeToString(k.N.Bytes()),
		"e":            base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.E)).Bytes()),
		"endorsements": []string{"webchat", "msteams"},
	}
}

// certificate is one of a key, for a time, as it stands in x5c.
func certificate(k *rsa.PrivateKey, from, until time.Time) []string {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		panic(err)
	}
	return []string{base64.StdEncoding.EncodeToString(der)}
}

// elliptic is a key of another type.
func ellipticKey(id string) fields {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	point, err := k.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	return fields{
		"kty": "EC", "crv": "P-256", "kid": id, "endorsements": []string{"msteams"},
		"x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:]),
	}
}

// microsoft answers for Microsoft's host.
type microsoft struct {
	mu        sync.Mutex
	documents map[string]string // by URL
	status    int               // of every answer
	down      bool              // nobody answers
	slow      time.Duration
	asked     map[string]int // by URL
}

func newMicrosoft(keys ...fields) *microsoft {
	m := &microsoft{asked: map[string]int{}, status: http.StatusOK, documents: map[string]string{
		metadata: `{"issuer":"` + issuer + `","jwks_uri":"` + keySet + `"}`,
	}}
	m.publish(keys...)
	return m
}

func (m *microsoft) publish(keys ...fields) {
	body, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		panic(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.documents[keySet] = string(body)
}

func (m *microsoft) fetches(u string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked[u]
}

func (m *microsoft) setDown(down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
}

func (m *microsoft) RoundTrip(r *http.Request) (*http.Response, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked[r.URL.String()]++
	if m.slow > 0 {
		m.mu.Unlock()
		select {
		case <-time.After(m.slow):
			m.mu.Lock()
		case <-r.Context().Done():
			m.mu.Lock()
			return nil, r.Context().Err()
		}
	}
	if m.down {
		return nil, errors.New("connection refused")
	}
	body, ok := m.documents[r.URL.String()]
	status := m.status
	if !ok {
		status = http.StatusNotFound
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// clock is a time that only tests move.
type clock struct{ now atomic.Int64 }

func (c *clock) Now() time.Time          { return start.Add(time.Duration(c.now.Load())) }
func (c *clock) advance(d time.Duration) { c.now.Add(int64(d)) }

// verifier is one that trusts m at the time of a clock.
func verifier(t testing.TB, m http.RoundTripper, now func() time.Time) *token.Verifier {
	v, err := token.New(token.Options{
		AppID: appID, Issuer: issuer, Metadata: metadata, Transport: m, Now: now,
		Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	require.NoError(t, err)
	return v
}

// claims are those of a token that is right at a time.
func claims(now time.Time) fields {
	return fields{
		"iss": issuer, "aud": appID, "serviceurl": service,
		"nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(time.Hour).Unix(),
	}
}

var header = fields{"alg": "RS256", "typ": "JWT", "kid": "one"}

// part is one part of a token.
func part(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// signed is a token, signed as its header says.
func signed(header, claims fields, k *rsa.PrivateKey) string {
	content := part(header) + "." + part(claims)
	var signature []byte
	var err error
	switch header["alg"] {
	case "none":
	case "HS256": // with the public key as the secret: what a forger has
		mac := hmac.New(sha256.New, x509.MarshalPKCS1PublicKey(&k.PublicKey))
		mac.Write([]byte(content))
		signature = mac.Sum(nil)
	case "RS512":
		sum := sha512.Sum512([]byte(content))
		signature, err = rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA512, sum[:])
	default:
		sum := sha256.Sum256([]byte(content))
		signature, err = rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, sum[:])
	}
	if err != nil {
		panic(err)
	}
	return content + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// with is a request's header with Authorization values.
func with(values ...string) http.Header {
	h := http.Header{}
	for _, v := range values {
		h.Add("Authorization", v)
	}
	return h
}

// reasonOf is why something was refused, "" if it was not.
func reasonOf(t testing.TB, err error) token.Reason {
	if err == nil {
		return ""
	}
	var refusal *token.Refusal
	require.ErrorAs(t, err, &refusal)
	require.NotEmpty(t, refusal.What)
	require.Contains(t, token.Reasons, refusal.Reason, "the metric has this reason from the start")
	return refusal.Reason
}
