package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/ingest/answer"
)

// Handler takes events: POST, PUT and GET /events/{source}. It says 200 only
// when Snapshot, which stores what it is given, has returned without an error
// for all of them.
type Handler struct {
	// Source finds a source by its name; nil when there is none.
	Source   func(name string) *Source
	Snapshot func(context.Context, ingest.Snapshot) error
	Now      func() time.Time
	Logger   *slog.Logger
	// Refused counts what was not taken, by status code.
	Refused func(status int)
	// Public: the listener can be reached from anywhere, so that sources
	// without credentials are refused.
	Public bool
	outage answer.Outage
}

// smaller is what to do about a body that is too large.
var smaller = fmt.Sprintf("send fewer events at once, or less of each: at most %d MiB, %d values and %d events are taken in one body",
	answer.MaxBody>>20, maxValues, maxEvents)

// ServeHTTP takes one request; the path's last part is its value "source".
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out := answer.Writer{Logger: h.Logger, Refused: h.Refused, Outage: &h.outage}
	if r.Method != http.MethodPost && r.Method != http.MethodPut && r.Method != http.MethodGet {
		w.Header().Set("Allow", "GET, POST, PUT")
		out.Refuse(w, r, http.StatusMethodNotAllowed, fmt.Errorf("events are not sent with %s", clip(r.Method)), "send them with POST, PUT or GET")
		return
	}
	if !out.Program(w, r) {
		return
	}
	name := r.PathValue("source")
	source := h.Source(name)
	if h.Public && (source == nil || !source.Authenticated()) { // nobody outside learns which of the two
		w.Header().Set("WWW-Authenticate", "Bearer")
		out.Refuse(w, r, http.StatusUnauthorized, fmt.Errorf("no event source %q takes this from outside", clip(name)),
			"only sources with a token, basic_auth or hmac in the configuration do; the others send to the main listener")
		return
	}
	if source == nil {
		out.Refuse(w, r, http.StatusNotFound, fmt.Errorf("there is no event source %q", clip(name)),
			"add it under events: in the configuration, and reload")
		return
	}
	if err, hint := source.check.headers(r); err != nil {
		unauthorized(out, w, r, source, err, hint)
		return
	}
	body, ok := h.body(out, w, r, source)
	if !ok {
		return
	}
	h.take(out, w, r, source, body)
}

func unauthorized(out answer.Writer, w http.ResponseWriter, r *http.Request, source *Source, err error, hint string) {
	w.Header().Set("WWW-Authenticate", source.check.challenge())
	out.Refuse(w, r, http.StatusUnauthorized, err, hint)
}

// body is the JSON of a request, or it answers and returns false.
func (h *Handler) body(out answer.Writer, w http.ResponseWriter, r *http.Request, source *Source) ([]byte, bool) {
	var data []byte
	var err error
	if r.Method == http.MethodGet {
		if source.check.kind == signed {
			w.Header().Set("Allow", "POST, PUT")
			out.Refuse(w, r, http.StatusMethodNotAllowed, errors.New("this source wants a signature, and a GET has no body to sign"),
				"send the event with POST, or give the source a token or basic_auth")
			return nil, false
		}
		data, err = fields(r.URL.Query())
		if errors.Is(err, answer.ErrEmpty) {
			err = errors.New("the request has no query parameters, which are the event's fields with GET")
		}
	} else {
		body, ok := out.Body(w, r, smaller)
		if !ok {
			return nil, false
		}
		if err, hint := source.check.body(body, r.Header); err != nil {
			unauthorized(out, w, r, source, err, hint)
			return nil, false
		}
		data, err = unwrap(body, r.Header.Get("Content-Type"))
	}
	if err != nil {
		out.Refuse(w, r, http.StatusBadRequest, err, "send the event as JSON")
		return nil, false
	}
	return data, true
}

// take hands the events of a body on. What fails of some of them does not
// cost the others: they are stored, and the answer tells of the failure.
func (h *Handler) take(out answer.Writer, w http.ResponseWriter, r *http.Request, source *Source, data []byte) {
	snapshots, invalid := source.parse(r.Context(), data, r.Header, h.Now())
	taken := 0
	var failed error
	for _, snapshot := range snapshots {
		if err := h.Snapshot(r.Context(), snapshot); err != nil {
			failed = err
			continue
		}
		taken++
	}
	switch {
	case failed != nil: // and sent again, those that were taken are known
		out.Unavailable(w, r, failed)
	case late(invalid): // nothing is wrong with the event that we know of
		w.Header().Set("Retry-After", "30")
		out.RefuseQuietly(w, r, http.StatusServiceUnavailable, invalid,
			"send it again; if it never passes, simplify the source's mapping or send less", withoutEvent(invalid))
	case invalid != nil:
		h.Logger.Debug("An event was not understood", "event_source", source.name,
			"err", source.loggable([]byte(invalid.Error())), "body", source.loggable(data))
		hint := "correct the mapping of the source, or what is sent; the log has the event at --log.level=debug"
		var limit *limitError
		if errors.As(invalid, &limit) {
			hint = smaller
		}
		if taken > 0 {
			hint = fmt.Sprintf("%d other events of this request were taken; %s", taken, hint)
		}
		out.RefuseQuietly(w, r, http.StatusBadRequest, invalid, hint, withoutEvent(invalid))
	default:
		if len(snapshots) == 0 {
			h.Logger.Debug("Nothing in a request is to be told", "event_source", source.name, "body", source.loggable(data))
		}
		out.Accepted(w)
	}
}

// withoutEvent is what a log may say of an event that was not understood:
// which field of the mapping failed, but nothing that came out of it.
func withoutEvent(err error) string {
	var failed *fieldError
	switch is := errors.As(err, &failed); {
	case is && late(failed):
		return failed.Error()
	case is:
		return failed.field + " failed on an event; --log.level=debug shows it"
	}
	return err.Error()
}

// loggable is text of an event for the log, without the source's own
// credentials, should a sender have put them there.
func (s *Source) loggable(text []byte) slog.LogValuer { return logged{s, text} }

// logged makes the text only if somebody reads it.
type logged struct {
	source *Source
	text   []byte
}

func (l logged) LogValue() slog.Value {
	const most = 64 << 10
	text := string(l.text)
	for _, secret := range l.source.secrets {
		text = strings.ReplaceAll(text, secret, "…")
	}
	return slog.StringValue(cut(text, most))
}
