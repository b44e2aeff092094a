package influxdb

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
)

// The outcomes of asking for one rule: a closed set, for metrics.
const (
	outcomeOK          = "ok"
	outcomeUnreachable = "unreachable" // no connection, or it broke
	outcomeTimeout     = "timeout"
	outcomeAuth        = "auth"        // InfluxDB does not know us, or we may not
	outcomeRefused     = "refused"     // InfluxDB cannot run this query
	outcomeUnavailable = "unavailable" // InfluxDB is there, but does not work now
	outcomeUnreadable  = "unreadable"  // what came is no answer, or too large
	outcomeUseless     = "useless"     // the rows do not have what the rule needs
)

var outcomes = []string{
	outcomeOK, outcomeUnreachable, outcomeTimeout, outcomeAuth,
	outcomeRefused, outcomeUnavailable, outcomeUnreadable, outcomeUseless,
}

// failure is why there are no rows, in words that stay the same as long as the
// reason does, so that an alert which quotes them does not change all the time.
type failure struct {
	outcome string
	source  string // set by explain
	host    string
	what    string
	hint    string
}

func (f *failure) Error() string {
	return fmt.Sprintf("InfluxDB %s (%s): %s; %s", f.source, f.host, f.what, f.hint)
}

func tooLarge(than string) *failure {
	return &failure{
		outcome: outcomeUnreadable,
		what:    "the answer has " + than,
		hint:    "let the query aggregate, filter or look at less time",
	}
}

// unreadable is an answer that is not what InfluxDB sends; said is why, and
// quoted where it could hold something of the answer.
func unreadable(said string) *failure {
	return &failure{
		outcome: outcomeUnreadable,
		what:    "the answer cannot be read: " + said,
		hint:    "check that url leads to InfluxDB and not to something in between",
	}
}

// refusedQuery is an error that InfluxDB reports in its answer.
func refusedQuery(said string) *failure {
	return &failure{
		outcome: outcomeRefused,
		what:    "the query fails: " + said,
		hint:    "try the query in InfluxDB and correct the rule",
	}
}

// proxyRefuses is an answer of the proxy instead of InfluxDB's. It is not
// quoted: it is about how we signed in.
func proxyRefuses(status int) *failure {
	return &failure{
		outcome: outcomeUnreachable,
		what:    fmt.Sprintf("the proxy does not let us through (%d)", status),
		hint:    "check proxy_url and its password, and ask whoever runs the proxy to allow this host",
	}
}

// refusal is what an answer means that is no success.
func (s *Source) refusal(status int, said string) *failure {
	if status == http.StatusProxyAuthRequired {
		return proxyRefuses(status)
	}
	said = s.quote(said)
	if said == "" {
		said = http.StatusText(status)
	}
	f := &failure{what: fmt.Sprintf("it answers %d: %s", status, said)}
	switch {
	case status == http.StatusUnauthorized:
		f.outcome, f.hint = outcomeAuth, "check token (2.x, 3), or username and password (1.x)"
	case status == http.StatusForbidden:
		f.outcome, f.hint = outcomeAuth, "let this token or user read what the query asks for; on 1.x Flux needs flux-enabled = true"
	case status == http.StatusNotFound:
		f.outcome, f.hint = outcomeRefused, "check org, and the bucket or database in the query; if InfluxDB does not know the path, check url and whether this version speaks the query's language"
	case status == http.StatusTooManyRequests:
		f.outcome, f.hint = outcomeUnavailable, "it is asked too often: give the rules a longer interval"
	case status >= 300 && status < 400:
		f.outcome, f.what = outcomeUnreadable, fmt.Sprintf("it answers with a redirect (%d), which is not followed", status)
		f.hint = "put the address that it leads to into url"
	case status == http.StatusNotImplemented, status == http.StatusMethodNotAllowed:
		f.outcome, f.hint = outcomeRefused, "this version does not speak the query's language: write it in the other one"
	case status == http.StatusInternalServerError: // so 1.8 answers to Flux that is wrong
		f.outcome, f.hint = outcomeRefused, "try the query in InfluxDB and correct the rule; if it is right, see InfluxDB's log"
	case status > 500:
		f.outcome, f.hint = outcomeUnavailable, "see InfluxDB's log, and that of a proxy before it"
	default:
		f.outcome, f.hint = outcomeRefused, "try the query in InfluxDB and correct the rule"
	}
	return f
}

// explain makes a failure of what went wrong. Errors of net/url hold the whole
// URL, so an error's text is used only below that layer.
func (s *Source) explain(asked context.Context, err error) *failure {
	var f *failure
	if !errors.As(err, &f) {
		f = s.network(asked, err)
	}
	named := *f
	named.source, named.host = s.name, s.host
	return &named
}

func (s *Source) network(asked context.Context, err error) *failure {
	unreachable := func(what, hint string) *failure {
		return &failure{outcome: outcomeUnreachable, what: what, hint: hint}
	}
	if what, hint := tlsTrouble(err); what != "" {
		return unreachable(what, hint)
	}
	var timeout net.Error
	var dns *net.DNSError
	var op *net.OpError
	dialing := errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect")
	switch {
	case errors.As(err, &dns):
		return unreachable("its name cannot be looked up", "check url, and the name server of this machine")
	case dialing && op.Op == "proxyconnect":
		return unreachable("the proxy cannot be reached", "check proxy_url, or HTTPS_PROXY in the environment")
	case dialing && op.Timeout() && asked.Err() == nil:
		return unreachable(fmt.Sprintf("no connection within %v", outbound.DialTimeout), "see whether it runs, and whether a firewall drops the connection")
	case dialing && asked.Err() == nil:
		return unreachable("no connection ("+outbound.Cause(err).Error()+")", "see whether it runs, and check host and port in url")
	case errors.As(err, &timeout) && timeout.Timeout():
		return &failure{
			outcome: outcomeTimeout,
			what:    fmt.Sprintf("no answer within %v", s.timeout),
			hint:    "see how busy it is, let the query look at less, or raise timeout",
		}
	}
	return unreachable("the connection broke before the answer was whole", "see whether it was restarted, and whether a proxy cuts long answers")
}

// tlsTrouble recognises what is wrong with certificates, on either side.
func tlsTrouble(err error) (what, hint string) {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	var notTLS tls.RecordHeaderError
	var op *net.OpError
	switch {
	case errors.As(err, &unknown):
		return "its certificate is signed by an authority that this machine does not know", "put that authority's certificate into tls_config.ca_file"
	case errors.As(err, &name):
		return "its certificate is for another name", "check url, or set tls_config.server_name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate has expired or is not valid yet", "renew it, and check this machine's clock"
	case errors.As(err, &verification):
		return "its certificate cannot be verified", "check tls_config.ca_file"
	case errors.As(err, &notTLS), errors.Is(err, http.ErrSchemeMismatch):
		return "it does not speak TLS on this port", "write http instead of https in url, or correct the port"
	case errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error"):
		return "there is no TLS with it (" + outbound.Cause(err).Error() + ")", "check tls_config: it may want a client certificate"
	}
	return "", ""
}

// isBroken tells whether err comes from the network or from guard, and not
// from making sense of what came.
func isBroken(err error) bool {
	var f *failure
	var request *url.Error
	var body *brokenBody
	return errors.As(err, &f) || errors.As(err, &request) || errors.As(err, &body)
}
