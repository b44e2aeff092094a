package silence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"

	httptransport "github.com/go-openapi/runtime/client"
	"github.com/go-openapi/strfmt"
	amsilence "github.com/prometheus/alertmanager/api/v2/client/silence"
	"github.com/prometheus/alertmanager/api/v2/models"
	"github.com/prometheus/alertmanager/pkg/labels"
	promconfig "github.com/prometheus/common/config"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
)

const (
	// requestTimeout is how long one request may take, from the dial to the
	// last byte of the answer.
	requestTimeout = 10 * time.Second
	// maxAnswer is how much of an answer is read, in bytes: what 50,000
	// silences need.
	maxAnswer = 64 << 20
	// maxRefusal is how much is read of an answer that says no, in bytes, and
	// maxQuote how much of that is passed on, in characters.
	maxRefusal, maxQuote = 16 << 10, 200
)

// Alertmanager is one in which silences can be made and ended.
type Alertmanager struct {
	base *url.URL
	api  amsilence.ClientService
}

// NewAlertmanager returns the Alertmanager at a URL such as
// http://alertmanager:9093, with its path prefix if it has one.
func NewAlertmanager(address string) (*Alertmanager, error) {
	transport, err := outbound.Transport("", promconfig.TLSConfig{})
	if err != nil {
		return nil, err
	}
	transport.IdleConnTimeout = time.Minute
	transport.MaxResponseHeaderBytes = maxRefusal
	return newAlertmanager(address, transport)
}

func newAlertmanager(address string, transport http.RoundTripper) (*Alertmanager, error) {
	base, err := url.Parse(address)
	if err != nil || base.Host == "" || base.User != nil {
		return nil, errors.New("the URL of an Alertmanager is written like http://alertmanager:9093")
	}
	// The client would have us named scheme, host and path apart; what makes
	// it print all that is sent (DEBUG in the environment) is not ours.
	api := httptransport.NewWithClient(base.Host, path.Join("/", base.Path, "api/v2"), []string{base.Scheme},
		&http.Client{Transport: careful{transport}})
	api.Debug = false
	return &Alertmanager{base: base, api: amsilence.New(api, strfmt.Default)}, nil
}

// is says whether the Alertmanager calls itself so, as the externalURL of what
// it sends.
func (a *Alertmanager) is(externalURL string) bool {
	return strings.TrimSuffix(a.base.String(), "/") == strings.TrimSuffix(externalURL, "/")
}

// kept is a silence that an Alertmanager has, active or to come.
type kept struct {
	id       string
	comment  string
	matchers string // key of them
	endsAt   time.Time
}

// silences are those that are not over.
func (a *Alertmanager) silences(ctx context.Context) ([]kept, error) {
	yes, no := true, false
	answer, err := a.api.GetSilences(amsilence.NewGetSilencesParamsWithContext(ctx).WithTimeout(requestTimeout).
		WithActive(&yes).WithPending(&yes).WithExpired(&no))
	if err != nil {
		return nil, a.explain(err)
	}
	return keptOf(answer.Payload), nil
}

// keptOf is what can be used of the silences that somebody says there are.
func keptOf(silences models.GettableSilences) []kept {
	all := make([]kept, 0, len(silences))
	for _, s := range silences {
		// Old ones know no filter by state.
		if s == nil || s.ID == nil || s.Comment == nil || s.EndsAt == nil || !nameOfSilence.MatchString(*s.ID) ||
			s.Status != nil && s.Status.State != nil && *s.Status.State == models.SilenceStatusStateExpired {
			continue
		}
		if matchers, ok := matchersOf(s.Matchers); ok {
			all = append(all, kept{id: *s.ID, comment: *s.Comment, matchers: key(matchers), endsAt: time.Time(*s.EndsAt).UTC()})
		}
	}
	return all
}

// nameOfSilence is what stands in an address of ours; Alertmanager's are UUIDs.
var nameOfSilence = regexp.MustCompile(`^[0-9A-Za-z-]{1,64}$`)

// matchersOf are ours of Alertmanager's; false: they are none.
func matchersOf(theirs models.Matchers) (labels.Matchers, bool) {
	ours := make(labels.Matchers, 0, len(theirs))
	for _, m := range theirs {
		if m == nil || m.Name == nil || m.Value == nil {
			return nil, false
		}
		isEqual := m.IsEqual == nil || *m.IsEqual // before 0.22 there was no other
		isRegexp := m.IsRegex != nil && *m.IsRegex
		kind := labels.MatchEqual
		switch {
		case isEqual && isRegexp:
			kind = labels.MatchRegexp
		case isRegexp:
			kind = labels.MatchNotRegexp
		case !isEqual:
			kind = labels.MatchNotEqual
		}
		ours = append(ours, &labels.Matcher{Type: kind, Name: *m.Name, Value: *m.Value})
	}
	return ours, true
}

// make makes a silence and returns its name there.
func (a *Alertmanager) make(ctx context.Context, matchers labels.Matchers, createdBy, comment string, startsAt, endsAt time.Time) (string, error) {
	theirs := make(models.Matchers, len(matchers))
	for i, m := range matchers {
		isRegexp := m.Type == labels.MatchRegexp || m.Type == labels.MatchNotRegexp
		isEqual := m.Type == labels.MatchEqual || m.Type == labels.MatchRegexp
		theirs[i] = &models.Matcher{Name: &m.Name, Value: &m.Value, IsRegex: &isRegexp, IsEqual: &isEqual}
	}
	starts, ends := strfmt.DateTime(startsAt.UTC()), strfmt.DateTime(endsAt.UTC())
	answer, err := a.api.PostSilences(amsilence.NewPostSilencesParamsWithContext(ctx).WithTimeout(requestTimeout).
		WithSilence(&models.PostableSilence{Silence: models.Silence{
			Matchers: theirs, CreatedBy: &createdBy, Comment: &comment, StartsAt: &starts, EndsAt: &ends,
		}}))
	switch {
	case err != nil:
		return "", a.explain(err)
	case answer.Payload == nil || !nameOfSilence.MatchString(answer.Payload.SilenceID):
		return "", a.explain(errForeign)
	}
	return answer.Payload.SilenceID, nil
}

// end ends a silence. One that is not there has ended.
func (a *Alertmanager) end(ctx context.Context, id string) error {
	_, err := a.api.DeleteSilence(amsilence.NewDeleteSilenceParamsWithContext(ctx).WithTimeout(requestTimeout).
		WithSilenceID(strfmt.UUID(id)))
	if said := (*refusal)(nil); err == nil || errors.As(err, &said) && said.status == http.StatusNotFound {
		return nil
	}
	return a.explain(err)
}

// problem is why an Alertmanager has not done something, in words, without a
// URL and without a secret.
type problem struct {
	words string
	// refused: it understands and does not want to, so that asking again, or
	// asking another of its cluster, brings nothing.
	refused bool
}

func (p *problem) Error() string { return p.words }

// errForeign says that an answer is none of Alertmanager's.
var errForeign = errors.New("it does not answer like an Alertmanager")

// explain says what is wrong and what to do.
func (a *Alertmanager) explain(err error) error {
	host := a.base.Host
	var wrapped *url.Error
	if errors.As(err, &wrapped) { // it holds the URL
		err = wrapped.Err
	}
	var said *refusal
	var timeout net.Error
	var op *net.OpError
	switch {
	case errors.As(err, &said):
		return said.explain(host)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return &problem{words: fmt.Sprintf("Alertmanager at %s has not answered within %v", host, requestTimeout)}
	case errors.Is(err, errTooLong):
		return &problem{words: fmt.Sprintf("Alertmanager at %s answers with more than %d MiB; let it forget silences that nobody needs", host, maxAnswer>>20)}
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return &problem{words: "the proxy to Alertmanager cannot be reached; check HTTPS_PROXY in the environment"}
	case errors.As(err, &op), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), wrapped != nil:
		return &problem{words: fmt.Sprintf("Alertmanager at %s cannot be reached (%s)", host, outbound.Secrets{}.Quote(outbound.Cause(err).Error(), maxQuote))}
	}
	return &problem{words: fmt.Sprintf("%s does not answer like an Alertmanager; correct its url under alertmanagers in the configuration", host)}
}

// refusal is an answer other than 200.
type refusal struct {
	status int
	said   string // nothing where it is a page
}

func (r *refusal) Error() string { return fmt.Sprintf("answers %d", r.status) }

func (r *refusal) explain(host string) error {
	words := fmt.Sprintf("Alertmanager at %s answers %d", host, r.status)
	if r.said != "" {
		words += ": " + r.said
	}
	switch {
	case r.status == http.StatusBadRequest:
		return &problem{words: words, refused: true}
	case r.status >= 300 && r.status < 400:
		return &problem{words: fmt.Sprintf("%s answers with a redirect (%d), which is not followed; put the address that it leads to under alertmanagers in the configuration", host, r.status)}
	case r.status == http.StatusUnauthorized, r.status == http.StatusForbidden:
		return &problem{words: words + "; let teamsrelay in there, or name an address of it under alertmanagers that does"}
	case r.status == http.StatusNotFound, r.status == http.StatusMethodNotAllowed:
		return &problem{words: words + "; correct its url under alertmanagers in the configuration"}
	}
	return &problem{words: words}
}

// careful carries requests. It bounds what is read of an answer, and makes an
// error of every status but 200: those may come from a proxy in any form, which
// the client cannot read, and none of them is followed.
type careful struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (c careful) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := c.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode == http.StatusOK {
		answer.Body = &bounded{ReadCloser: answer.Body, left: maxAnswer}
		return answer, nil
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(io.LimitReader(answer.Body, maxRefusal))
	if err != nil || strings.Contains(answer.Header.Get("Content-Type"), "html") {
		said = nil // the status says what matters
	}
	var text string
	if json.Unmarshal(said, &text) != nil { // Alertmanager writes its words as JSON
		text = string(said)
	}
	return nil, &refusal{status: answer.StatusCode, said: outbound.Secrets{}.Quote(text, maxQuote)}
}

var errTooLong = errors.New("the answer is too long")

// bounded reads so much and no more.
type bounded struct {
	io.ReadCloser
	left int
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
