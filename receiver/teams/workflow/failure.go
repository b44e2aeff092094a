package workflow

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// failure turns an error of the HTTP client into an outcome. Errors of net/url
// hold the whole URL, so the error's text is used only below that layer.
// uncertain: the whole request may have arrived. All of it is tried again:
// whatever stands between us and Teams can be mended.
func (s *Sender) failure(ctx, attempt context.Context, err error, uncertain bool) teams.Outcome {
	var urlError *url.Error
	if errors.As(err, &urlError) {
		err = urlError.Err
	}
	retry := func(reason teams.Reason, words string) teams.Outcome {
		return teams.Outcome{Kind: teams.Retry, Reason: reason, Message: words, Uncertain: uncertain}
	}
	if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return retry(teams.Interrupted, "We were stopped while the message was on its way; it is tried again after the start.")
	}
	if words, ok := s.tlsTrouble(err); ok {
		// No handshake, no request: nothing can have been shown.
		uncertain = false
		return retry(teams.TLS, words)
	}
	var timeout net.Error
	if attempt.Err() != nil || errors.As(err, &timeout) && timeout.Timeout() {
		if uncertain {
			return retry(teams.Timeout, fmt.Sprintf("%s took the message but did not answer within %v. It is tried again, and may then appear twice.", s.host, s.timeout))
		}
		return retry(teams.Timeout, fmt.Sprintf("%s could not be reached within %v. See whether a firewall drops the connection, or whether a proxy is needed (proxy_url).", s.host, s.timeout))
	}
	var refused *proxyError
	if errors.As(err, &refused) {
		o := retry(teams.Network, refused.words(s.host))
		o.Status = refused.status
		return o
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return retry(teams.Network, fmt.Sprintf("The name %s cannot be looked up. Check the name server of this machine, or set proxy_url if only a proxy knows the internet.", printable(dns.Name, 253)))
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "proxyconnect" {
		return retry(teams.Network, "The proxy cannot be reached. Check proxy_url, or HTTPS_PROXY in the environment.")
	}
	if uncertain {
		return retry(teams.Network, fmt.Sprintf("The connection to %s broke after the message was sent. It is tried again, and may then appear twice.", s.host))
	}
	return retry(teams.Network, fmt.Sprintf("No connection to %s (%s). See whether a firewall is in the way, or whether a proxy is needed (proxy_url).", s.host, s.cause(err)))
}

// cause is the innermost error in words: "connection refused".
func (s *Sender) cause(err error) string {
	text := outbound.Cause(err).Error()
	return printable(s.secrets.Replace(anyURL.ReplaceAllString(text, "…")), maxExcerpt)
}

// tlsTrouble recognises what is wrong with certificates, on either side.
func (s *Sender) tlsTrouble(err error) (string, bool) {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	var notTLS tls.RecordHeaderError
	var op *net.OpError
	switch {
	case errors.As(err, &unknown):
		return fmt.Sprintf("The certificate of %s is signed by an authority that this machine does not know. If a proxy of yours opens TLS, put its authority's certificate into tls_config.ca_file.", s.host), true
	case errors.As(err, &name):
		return fmt.Sprintf("The certificate that %s shows is for another name. Check the URL, or set tls_config.server_name.", s.host), true
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("The certificate of %s has expired or is not valid yet. Check this machine's clock first.", s.host), true
	case errors.As(err, &verification):
		return fmt.Sprintf("The certificate of %s cannot be verified. Check tls_config.ca_file.", s.host), true
	case errors.As(err, &notTLS), errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Sprintf("%s does not speak TLS on this port. Check the port in the URL, and proxy_url.", s.host), true
	case errors.As(err, &op) && op.Op == "remote error":
		// An alert of the other side; it comes when a client certificate is
		// missing or not trusted, with TLS 1.3 only after we have written.
		return fmt.Sprintf("%s ended the TLS handshake (%s). If it wants a client certificate, set tls_config.cert_file and key_file to one that it trusts.", s.host, s.cause(err)), true
	case errors.As(err, &op) && op.Op == "local error":
		return fmt.Sprintf("No TLS with %s (%s). Check tls_config.", s.host, s.cause(err)), true
	}
	return "", false
}

// proxyError is a proxy that will not let us through.
type proxyError struct{ status int }

func (e *proxyError) Error() string { return fmt.Sprintf("proxy answers %d", e.status) }

func (e *proxyError) words(host string) string {
	if e.status == http.StatusProxyAuthRequired {
		return outcomeOf(e.status, "", 0).Message
	}
	return fmt.Sprintf("The proxy does not let us through to %s (%d). Ask whoever runs it to allow that host.", host, e.status)
}

// proxyAnswer is called with a proxy's answer to CONNECT.
func proxyAnswer(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if isSuccess(answer.StatusCode) {
		return nil
	}
	return &proxyError{answer.StatusCode}
}
