package alertmanager

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/ingest/answer"
)

// Handler answers Alertmanager and Prometheus. It says 200 only when Snapshot
// or Posted, which store what they are given, have returned without an error.
type Handler struct {
	Snapshot func(context.Context, ingest.Snapshot) error
	// Posted is given what reads the alerts, and not the alerts: their ends
	// count from the time at which they are read.
	Posted func(ctx context.Context, read func(now time.Time) []ingest.Posted) error
	// Destination finds the destination behind the last part of a path; ""
	// when there is none.
	Destination    func(path string) string
	ResolveTimeout func() time.Duration
	Now            func() time.Time
	Logger         *slog.Logger
	// Refused counts what was not taken, by status code.
	Refused func(status int)
	outage  answer.Outage
}

// What to do about a body that is too large, of either path.
const (
	smallerGroup = "set max_alerts in Alertmanager's webhook_configs, or group by more labels"
	fewerAlerts  = "post fewer alerts at once, or shorten their annotations"
)

func (h *Handler) writer() answer.Writer {
	return answer.Writer{Logger: h.Logger, Refused: h.Refused, Outage: &h.outage}
}

// NotPosted answers who comes to a path where alerts are sent in any other way
// than by POST: mostly people who look whether something is there.
func (h *Handler) NotPosted(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", http.MethodPost)
	h.writer().Refuse(w, r, http.StatusMethodNotAllowed, fmt.Errorf("alerts are not sent with %s", answer.Clip(r.Method)),
		"POST it: this is where Alertmanager sends; for people there are the pages at /")
}

// Webhook takes POST /alertmanager and POST /alertmanager/{destination}.
func (h *Handler) Webhook(w http.ResponseWriter, r *http.Request) {
	out := h.writer()
	if !out.Program(w, r) {
		return
	}
	destination := ""
	if name := r.PathValue("destination"); name != "" {
		if destination = h.Destination(name); destination == "" {
			out.Refuse(w, r, http.StatusNotFound, fmt.Errorf("there is no destination %q", answer.Clip(name)),
				"add it under destinations: in the configuration, or post to /alertmanager and let the routes choose")
			return
		}
	}
	body, ok := out.Body(w, r, smallerGroup)
	if !ok {
		return
	}
	snapshot, err := ParseWebhook(body, h.Now())
	if err != nil {
		hint := "send Alertmanager's webhook body (webhook_configs)"
		if len(body) > 0 && body[0] == '[' {
			hint = "a list of alerts belongs to /api/v2/alerts"
		}
		out.Refuse(w, r, http.StatusBadRequest, err, hint)
		return
	}
	if destination != "" {
		snapshot.Destination = destination
		snapshot.Origin = ingest.Origin(snapshot.Origin, destination)
	}
	if len(snapshot.Alerts) > 0 {
		if err := h.Snapshot(r.Context(), snapshot); err != nil {
			out.Unavailable(w, r, err)
			return
		}
	}
	out.Accepted(w)
}

// Alerts takes POST /api/v2/alerts.
func (h *Handler) Alerts(w http.ResponseWriter, r *http.Request) {
	out := h.writer()
	if !out.Program(w, r) {
		return
	}
	body, ok := out.Body(w, r, fewerAlerts)
	if !ok {
		return
	}
	var posted []ingest.Posted
	var invalid error
	err := h.Posted(r.Context(), func(now time.Time) []ingest.Posted {
		posted, invalid = ParseAlerts(body, h.ResolveTimeout(), now)
		return posted
	})
	if err != nil {
		out.Unavailable(w, r, err)
		return
	}
	if invalid != nil {
		hint := fmt.Sprintf("%d valid alerts of this request were taken", len(posted))
		if len(posted) == 0 {
			hint = "send a list of alerts with labels, as Prometheus does; Alertmanager's webhook belongs to /alertmanager"
		}
		out.Refuse(w, r, http.StatusBadRequest, invalid, hint)
		return
	}
	out.Accepted(w)
}
