package workflow_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/workflow"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// authority signs certificates for a test.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.cert, a.key, _ = a.issue(t, "ca", func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	})
	return a
}

// issue makes a certificate, writes NAME.pem and NAME.key, and returns it;
// the authority's first one signs itself.
func (a *authority) issue(t *testing.T, name string, change func(*x509.Certificate)) (*x509.Certificate, *ecdsa.PrivateKey, tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	change(template)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	private, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	write := func(file, kind string, content []byte) {
		require.NoError(t, os.WriteFile(a.path(file), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600))
	}
	write(name+".pem", "CERTIFICATE", der)
	write(name+".key", "EC PRIVATE KEY", private)
	return cert, key, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (a *authority) path(file string) string { return filepath.Join(a.dir, file) }

// serveTLS is a simulated Teams behind the authority's certificate.
func (a *authority) serveTLS(t *testing.T, change func(*tls.Config)) (*teamstest.Server, string) {
	t.Helper()
	_, _, cert := a.issue(t, "server", func(*x509.Certificate) {})
	return serveTLSWith(t, cert, change)
}

func serveTLSWith(t *testing.T, cert tls.Certificate, change func(*tls.Config)) (*teamstest.Server, string) {
	t.Helper()
	simulated := teamstest.New(teamstest.Options{})
	l := httptest.NewUnstartedServer(simulated)
	l.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	change(l.TLS)
	l.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are what is tested
	l.StartTLS()
	t.Cleanup(l.Close)
	return simulated, l.URL + "/workflow/ops?sig=" + secret
}

func noChange(*tls.Config) {}

func sendWith(t *testing.T, cfg workflow.Config) teams.Outcome {
	t.Helper()
	s, err := workflow.New(cfg)
	require.NoError(t, err)
	o := s.Send(t.Context(), hot)
	requireNoSecret(t, o.Message)
	return o
}

func requireNoSecret(t *testing.T, text string) {
	t.Helper()
	for _, part := range []string{secret, "sig=", flowID, "/triggers", "/workflow/ops", "hunter2"} {
		require.NotContains(t, text, part, "a secret must not be in an error")
	}
}

func TestACustomAuthorityAndAClientCertificate(t *testing.T) {
	ca := newAuthority(t)
	ca.issue(t, "client", func(*x509.Certificate) {})
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	simulated, url := ca.serveTLS(t, func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, pool })

	trusting := promconfig.TLSConfig{CAFile: ca.path("ca.pem")}
	o := sendWith(t, workflow.Config{URL: url, TLS: trusting})
	require.Equal(t, teams.TLS, o.Reason, o.Message)
	require.Contains(t, o.Message, "cert_file", "the words name the option that is missing")
	require.False(t, o.Uncertain, "without a handshake nothing was shown")

	trusting.CertFile, trusting.KeyFile = ca.path("client.pem"), ca.path("client.key")
	o = sendWith(t, workflow.Config{URL: url, TLS: trusting})
	require.Equal(t, teams.Delivered, o.Kind, o.Message)
	require.Len(t, simulated.Shown("ops"), 1)
}

func TestCertificatesThatCannotBeTrusted(t *testing.T) {
	ca := newAuthority(t)
	_, _, expired := ca.issue(t, "expired", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	_, _, foreign := ca.issue(t, "foreign", func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"other.example"} })
	_, _, good := ca.issue(t, "good", func(*x509.Certificate) {})
	trusting := promconfig.TLSConfig{CAFile: ca.path("ca.pem")}
	for name, c := range map[string]struct {
		cert   tls.Certificate
		client promconfig.TLSConfig
		change func(*tls.Config)
		says   string
	}{
		"an authority nobody knows":  {good, promconfig.TLSConfig{}, noChange, "ca_file"},
		"a certificate that expired": {expired, trusting, noChange, "clock"},
		"another host's certificate": {foreign, trusting, noChange, "server_name"},
		"a server with TLS 1.1 only": {good, trusting, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, "tls_config"},
	} {
		t.Run(name, func(t *testing.T) {
			simulated, url := serveTLSWith(t, c.cert, c.change)
			o := sendWith(t, workflow.Config{URL: url, TLS: c.client})
			require.Equal(t, teams.Retry, o.Kind, "whoever runs it can mend it")
			require.Equal(t, teams.TLS, o.Reason, o.Message)
			require.Contains(t, o.Message, c.says)
			require.False(t, o.Uncertain)
			require.Empty(t, simulated.Messages(""), "the card must not go to somebody we do not trust")
		})
	}
	t.Run("a server without TLS", func(t *testing.T) {
		l := httptest.NewServer(teamstest.New(teamstest.Options{}))
		defer l.Close()
		o := sendWith(t, workflow.Config{URL: strings.Replace(l.URL, "http:", "https:", 1) + "/workflow/ops?sig=" + secret})
		require.Equal(t, teams.TLS, o.Reason, o.Message)
	})
}

func TestAllGoesThroughTheProxy(t *testing.T) {
	ca := newAuthority(t)
	simulated, url := ca.serveTLS(t, noChange)
	target := strings.Split(strings.TrimPrefix(url, "https://"), "/")[0]
	var asked, authorization string
	status := http.StatusOK
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, authorization = r.Method+" "+r.Host, r.Header.Get("Proxy-Authorization")
		if status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		there, err := net.Dial("tcp", target)
		if err != nil {
			return
		}
		w.WriteHeader(http.StatusOK)
		here, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		go func() { _, _ = io.Copy(there, here); there.Close() }()
		go func() { _, _ = io.Copy(here, there); here.Close() }()
	}))
	defer proxy.Close()
	cfg := workflow.Config{
		URL: url, TLS: promconfig.TLSConfig{CAFile: ca.path("ca.pem")},
		ProxyURL: strings.Replace(proxy.URL, "http://", "http://relay:hunter2@", 1),
	}
	o := sendWith(t, cfg)
	require.Equal(t, teams.Delivered, o.Kind, o.Message)
	require.Equal(t, "CONNECT "+target, asked)
	require.NotEmpty(t, authorization)
	require.Len(t, simulated.Shown("ops"), 1)

	for answered, says := range map[int]string{407: "name and password", 403: "allow that host", 502: "does not let us through"} {
		status = answered
		o = sendWith(t, cfg)
		require.Equal(t, teams.Network, o.Reason, o.Message)
		require.Equal(t, teams.Retry, o.Kind, "a proxy can be mended")
		require.Contains(t, o.Message, says)
		require.False(t, o.Uncertain)
	}
	proxy.Close()
	o = sendWith(t, cfg)
	require.Equal(t, teams.Network, o.Reason)
	require.Contains(t, o.Message, "proxy cannot be reached")
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	url := fmt.Sprintf("http://%s/workflow/ops?sig=%s", l.Addr(), secret)
	require.NoError(t, l.Close())
	o := sendWith(t, workflow.Config{URL: url})
	require.Equal(t, teams.Retry, o.Kind)
	require.Equal(t, teams.Network, o.Reason)
	require.Contains(t, o.Message, fmt.Sprintf("No connection to %s (connection refused).", l.Addr()), "the port may be what is mistyped")
	require.False(t, o.Uncertain, "nothing was sent, so a second attempt cannot show it twice")
}

func TestAConnectionIsUsedAgain(t *testing.T) {
	simulated := teamstest.New(teamstest.Options{})
	connections := 0
	l := httptest.NewUnstartedServer(simulated)
	l.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections++
		}
	}
	l.Start()
	defer l.Close()
	s, err := workflow.New(workflow.Config{URL: l.URL + "/workflow/ops"})
	require.NoError(t, err)
	for range 5 {
		require.Equal(t, teams.Delivered, s.Send(t.Context(), hot).Kind)
	}
	require.Equal(t, 1, connections, "a handshake for each card would cost most of the 10 ms")
}

func TestARealConnectionThatBreaksAfterTheRequestIsUncertain(t *testing.T) {
	simulated := teamstest.New(teamstest.Options{})
	simulated.Fault("ops", teamstest.Fault{Cut: teamstest.CutAfter})
	l := httptest.NewServer(simulated)
	defer l.Close()
	o := sendWith(t, workflow.Config{URL: l.URL + "/workflow/ops?sig=" + secret})
	require.Equal(t, teams.Network, o.Reason)
	require.True(t, o.Uncertain)
	require.Len(t, simulated.Shown("ops"), 1)
}

// A server may give our URL back in any spelling; it stays out of the words
// that go to logs and pages.
func FuzzNoAnswerGivesTheSecretAway(f *testing.F) {
	for _, body := range []string{
		"", "1", `{"error":{"code":"x","message":"` + secretURL + `"}}`,
		"no such path /workflows/" + flowID + "/triggers/manual/paths/invoke",
		"sig=" + secret + "&x", "the signature " + secret + " is wrong", "\x00\xff" + secret,
		"Webhook message delivery failed: HTTP error 429 " + secretURL,
	} {
		for _, status := range []int{200, 202, 302, 400, 401, 404, 413, 429, 500} {
			f.Add(status, body, secretURL)
		}
	}
	f.Fuzz(func(t *testing.T, status int, body, header string) {
		if status < 200 || status > 999 {
			t.Skip("no such status")
		}
		h := http.Header{"Retry-After": {header}, "Location": {header}, "Content-Type": {header}}
		s, err := workflow.New(workflow.Config{URL: secretURL, Transport: answering(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
		})})
		require.NoError(t, err)
		o := s.Send(t.Context(), hot)
		require.NotContains(t, o.Message, secret)
		require.NotContains(t, o.Message, flowID)
		require.Contains(t, []teams.Kind{teams.Delivered, teams.Retry, teams.GiveUp}, o.Kind)
		require.Equal(t, o.Kind == teams.Delivered, o.Reason == "")
		require.GreaterOrEqual(t, o.After, time.Duration(0))
		require.LessOrEqual(t, o.After, time.Hour)
		require.Less(t, len(o.Message), 4000)
		require.NotContains(t, o.Message, "\n", "one line for the log")
	})
}
