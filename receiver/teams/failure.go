package teams

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
)

// Connection is what is known of a connection when it fails, for words that
// say what to do.
type Connection struct {
	Host    string
	Timeout time.Duration // of an attempt
	// Proxy names the option or variable that sets the proxy.
	Proxy string
	// CA says where a certificate goes that is to be trusted.
	CA string
	// TLSOptions: the connection has a tls_config.
	TLSOptions bool
	// Repeatable: a request that is made twice does no more than once, so
	// nothing about it is uncertain.
	Repeatable bool
	// Hide takes out of a text what nobody may see; nil: nothing.
	Hide func(string) string
}

// Failure turns an error of the HTTP client into an outcome. Errors of net/url
// hold the whole URL, so the error's text is used only below that layer.
// attempt is the context of the attempt, and ctx the one that it is made of.
// uncertain: the whole request may have arrived. All of it is tried again:
// whatever stands between us and Teams can be mended.
func (c Connection) Failure(ctx, attempt context.Context, err error, uncertain bool) Outcome {
	var urlError *url.Error
	if errors.As(err, &urlError) {
		err = urlError.Err
	}
	retry := func(reason Reason, words string) Outcome {
		return Outcome{Kind: Retry, Reason: reason, Message: words, Uncertain: uncertain && !c.Repeatable}
	}
	if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return retry(Interrupted, "We were stopped while the message was on its way; it is tried again after the start.")
	}
	if words, ok := c.tlsTrouble(err); ok {
		// No handshake, no request: nothing can have been shown.
		uncertain = false
		return retry(TLS, words)
	}
	var timeout net.Error
	if attempt.Err() != nil || errors.As(err, &timeout) && timeout.Timeout() {
		if uncertain {
			return retry(Timeout, fmt.Sprintf("%s took the request but did not answer within %v. It is tried again%s.", c.Host, c.Timeout, c.twice()))
		}
		return retry(Timeout, fmt.Sprintf("%s could not be reached within %v. See whether a firewall drops the connection, or whether a proxy is needed (%s).", c.Host, c.Timeout, c.Proxy))
	}
	var refused *proxyError
	if errors.As(err, &refused) {
		o := retry(Network, c.proxyWords(refused.status))
		o.Status = refused.status
		return o
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return retry(Network, fmt.Sprintf("The name %s cannot be looked up. Check the name server of this machine, or set %s if only a proxy knows the internet.", Printable(dns.Name, 253), c.Proxy))
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "proxyconnect" {
		return retry(Network, "The proxy cannot be reached. Check "+c.proxyOptions()+".")
	}
	if uncertain {
		return retry(Network, fmt.Sprintf("The connection to %s broke after the request was sent. It is tried again%s.", c.Host, c.twice()))
	}
	return retry(Network, fmt.Sprintf("No connection to %s (%s). See whether a firewall is in the way, or whether a proxy is needed (%s).", c.Host, c.cause(err), c.Proxy))
}

// twice is what can come of trying again what is uncertain.
func (c Connection) twice() string {
	if c.Repeatable {
		return ""
	}
	return ", and may then appear twice"
}

func (c Connection) proxyOptions() string {
	const variable = "HTTPS_PROXY in the environment"
	if c.Proxy == "HTTPS_PROXY" {
		return variable
	}
	return c.Proxy + ", or " + variable
}

// cause is the innermost error in words: "connection refused".
func (c Connection) cause(err error) string {
	text := WithoutURLs(outbound.Cause(err).Error())
	if c.Hide != nil {
		text = c.Hide(text)
	}
	return Printable(text, maxCause)
}

// maxCause is how much of an error is quoted, in runes.
const maxCause = 200

// tlsTrouble recognises what is wrong with certificates, on either side.
func (c Connection) tlsTrouble(err error) (string, bool) {
	// option is a hint about an option that not every connection has.
	option := func(hint string) string {
		if !c.TLSOptions {
			return ""
		}
		return hint
	}
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	var notTLS tls.RecordHeaderError
	var op *net.OpError
	switch {
	case errors.As(err, &unknown):
		return fmt.Sprintf("The certificate of %s is signed by an authority that this machine does not know. If a proxy of yours opens TLS, put its authority's certificate into %s.", c.Host, c.CA), true
	case errors.As(err, &name):
		return fmt.Sprintf("The certificate that %s shows is for another name. Check the URL%s.", c.Host, option(", or set tls_config.server_name")), true
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("The certificate of %s has expired or is not valid yet. Check this machine's clock first.", c.Host), true
	case errors.As(err, &verification):
		return fmt.Sprintf("The certificate of %s cannot be verified. Check %s.", c.Host, c.CA), true
	case errors.As(err, &notTLS), errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Sprintf("%s does not speak TLS on this port. Check the port in the URL, and %s.", c.Host, c.Proxy), true
	case errors.As(err, &op) && op.Op == "remote error":
		// An alert of the other side; it comes when a client certificate is
		// missing or not trusted, with TLS 1.3 only after we have written.
		return fmt.Sprintf("%s ended the TLS handshake (%s).%s", c.Host, c.cause(err), option(" If it wants a client certificate, set tls_config.cert_file and key_file to one that it trusts.")), true
	case errors.As(err, &op) && op.Op == "local error":
		return fmt.Sprintf("No TLS with %s (%s).%s", c.Host, c.cause(err), option(" Check tls_config.")), true
	}
	return "", false
}

// proxyError is a proxy that will not let us through.
type proxyError struct{ status int }

func (e *proxyError) Error() string { return fmt.Sprintf("proxy answers %d", e.status) }

func (c Connection) proxyWords(status int) string {
	if status == http.StatusProxyAuthRequired {
		return ProxySignIn(c.Proxy)
	}
	return fmt.Sprintf("The proxy does not let us through to %s (%d). Ask whoever runs it to allow that host.", c.Host, status)
}

// ProxySignIn is what to do when a proxy answers 407; option sets the proxy.
func ProxySignIn(option string) string {
	return "The proxy wants a name and password (407). Put them into " + option + ", as in http://name:password@proxy:3128."
}

// ProxyAnswer is for http.Transport.OnProxyConnectResponse: it lets Failure
// know what a proxy answers to CONNECT.
func ProxyAnswer(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode >= 200 && answer.StatusCode < 300 {
		return nil
	}
	return &proxyError{answer.StatusCode}
}

var anyURL = regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]*://[^\s"'<>\\]+|\bsig=[^\s"'<>\\&]+|\beyJ[\w-]{8,}(?:\.[\w-]*)*`)

// WithoutURLs is a text in which "…" stands for every URL: others may write
// secrets into theirs. So it does for every token of Entra's, which are known
// by how they begin, also when somebody quotes a part of ours.
func WithoutURLs(text string) string { return anyURL.ReplaceAllString(text, "…") }

// Printable is text on one line of at most limit runes.
func Printable(text string, limit int) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool {
		return r <= ' ' || r == 0x7f || !strconv.IsPrint(r)
	}), " ")
	if runes := []rune(text); len(runes) > limit {
		text = string(runes[:limit-1]) + "…"
	}
	return text
}
