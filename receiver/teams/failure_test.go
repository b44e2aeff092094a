package teams_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// Words about options that a connection does not have send people looking for
// what is not there.
func TestAFailureNamesWhatCanBeSet(t *testing.T) {
	withOptions := teams.Connection{Host: "hook.test", Timeout: 8 * time.Second, Proxy: "proxy_url", CA: "tls_config.ca_file", TLSOptions: true}
	without := teams.Connection{Host: "bot.test", Timeout: 8 * time.Second, Proxy: "HTTPS_PROXY", CA: "this machine's trusted certificates", Repeatable: true}
	for name, c := range map[string]struct {
		err             error
		sent            bool
		reason          teams.Reason
		with, withoutIt string
	}{
		"an unknown authority":  {x509.UnknownAuthorityError{}, false, teams.TLS, "into tls_config.ca_file", "into this machine's trusted certificates"},
		"another name":          {x509.HostnameError{Certificate: &x509.Certificate{}}, false, teams.TLS, ", or set tls_config.server_name.", "Check the URL."},
		"an old certificate":    {x509.CertificateInvalidError{Reason: x509.Expired}, false, teams.TLS, "clock", "clock"},
		"another trouble":       {&tls.CertificateVerificationError{Err: errors.New("x")}, false, teams.TLS, "Check tls_config.ca_file", "Check this machine's trusted certificates"},
		"no TLS there":          {tls.RecordHeaderError{}, false, teams.TLS, "proxy_url", "HTTPS_PROXY"},
		"it ends the handshake": {&net.OpError{Op: "remote error", Err: errors.New("bad certificate")}, false, teams.TLS, "tls_config.cert_file", "(bad certificate)."},
		"we end the handshake":  {&net.OpError{Op: "local error", Err: errors.New("no version")}, false, teams.TLS, "Check tls_config.", "(no version)."},
		"no such name":          {&net.DNSError{Name: "x.test"}, false, teams.Network, "set proxy_url", "set HTTPS_PROXY"},
		"no proxy there":        {&net.OpError{Op: "proxyconnect", Err: syscall.ECONNREFUSED}, false, teams.Network, "Check proxy_url, or HTTPS_PROXY in the environment.", "Check HTTPS_PROXY in the environment."},
		"no connection":         {&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, false, teams.Network, "(proxy_url)", "(HTTPS_PROXY)"},
		"it breaks after all":   {errors.New("EOF"), true, teams.Network, "twice", "tried again."},
		"nobody answers":        {&net.OpError{Op: "read", Err: timeout{}}, true, teams.Timeout, "twice", "tried again."},
	} {
		t.Run(name, func(t *testing.T) {
			err := &url.Error{Op: "Post", URL: "https://hook.test/secret", Err: c.err}
			o := withOptions.Failure(context.Background(), context.Background(), err, c.sent)
			require.Equal(t, teams.Retry, o.Kind)
			require.Equal(t, c.reason, o.Reason, o.Message)
			require.Contains(t, o.Message, c.with)
			require.NotContains(t, o.Message, "secret")
			require.Equal(t, c.sent, o.Uncertain)

			o = without.Failure(context.Background(), context.Background(), err, c.sent)
			require.Contains(t, o.Message, c.withoutIt)
			require.NotContains(t, o.Message, "tls_config")
			require.NotContains(t, o.Message, "proxy_url")
			require.False(t, o.Uncertain, "what may be repeated need not wait")
		})
	}
}

type timeout struct{}

func (timeout) Error() string   { return "i/o timeout" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }
