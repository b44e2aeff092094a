package influxdb

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
)

const (
	// maxComplaint is how much is read of an answer that is no success, in
	// bytes.
	maxComplaint = 16 << 10
	// idleTimeout is how long a connection is kept for the next query; groups
	// ask every half minute or so.
	idleTimeout = 90 * time.Second
	// handshakeTimeout makes a host that takes connections and says nothing
	// known well before a query's timeout.
	handshakeTimeout = 10 * time.Second
)

func newTransport(cfg Config) (*http.Transport, error) {
	transport, err := outbound.Transport(cfg.ProxyURL, cfg.TLS)
	if err != nil {
		return nil, err
	}
	transport.TLSHandshakeTimeout = handshakeTimeout
	transport.MaxIdleConnsPerHost = 8
	transport.IdleConnTimeout = idleTimeout
	transport.MaxResponseHeaderBytes = maxComplaint
	transport.OnProxyConnectResponse = proxyAnswer
	return transport, nil
}

// proxyAnswer is called with a proxy's answer to CONNECT.
func proxyAnswer(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return proxyRefuses(answer.StatusCode)
}

// guard stands between the client and the network, so that both languages are
// judged and bounded alike: what is not a success becomes an error with words,
// and of a success only so much can be read. A redirect is no success: it would
// hand token and query to whoever it names.
type guard struct {
	next   http.RoundTripper
	source *Source
}

// RoundTrip implements http.RoundTripper.
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	// The client asks for gzip and unpacks it without a limit; without this
	// header Go's transport asks and unpacks, below our limit.
	r = r.Clone(r.Context())
	r.Header.Del("Accept-Encoding")
	answer, err := g.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		defer answer.Body.Close()
		// What cannot be read any more of a complaint is not missed.
		body, _ := io.ReadAll(io.LimitReader(answer.Body, maxComplaint))
		return nil, g.source.refusal(answer.StatusCode, complaint(answer.Header, body))
	}
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); kind == "text/html" {
		answer.Body.Close()
		return nil, &failure{
			outcome: outcomeUnreadable,
			what:    "a web page answers instead of InfluxDB",
			hint:    "check url: another program, a proxy or a sign-in page stands there",
		}
	}
	answer.Body = newBounded(answer.Body, g.source.maxBytes)
	return answer, nil
}

// complaint is what InfluxDB says of a failure: 2.x in message, 1.x in error
// or in a header, anything else as text.
func complaint(header http.Header, body []byte) string {
	var said struct{ Message, Error string }
	if json.Unmarshal(body, &said) == nil {
		switch {
		case said.Message != "":
			return said.Message
		case said.Error != "":
			return said.Error
		}
	}
	if said := header.Get("X-Influxdb-Error"); said != "" {
		return said
	}
	if kind, _, _ := mime.ParseMediaType(header.Get("Content-Type")); kind == "text/html" {
		return "" // a proxy's page says nothing in one line
	}
	return string(body)
}

// bounded is a body of which only so much can be read.
type bounded struct {
	io.ReadCloser
	most int64
	left int64
	seen bool // something that is not white space
}

func newBounded(body io.ReadCloser, most int64) *bounded {
	return &bounded{ReadCloser: body, most: most, left: most}
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, tooLarge(fmt.Sprintf("more than %d MiB", b.most>>20))
	}
	// One byte more than allowed, so that the next call knows that there was more.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	b.seen = b.seen || len(bytes.TrimSpace(p[:n])) > 0
	if err != nil && err != io.EOF {
		return n, &brokenBody{err}
	}
	return n, err
}

// brokenBody is an answer that could not be read to its end.
type brokenBody struct{ err error }

func (b *brokenBody) Error() string { return b.err.Error() }
func (b *brokenBody) Unwrap() error { return b.err }
