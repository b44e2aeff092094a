package alertmanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/ingest"
)

// Handler answers Alertmanager and Prometheus. It says 200 only when Snapshot
// or Posted, which store what they are given, have returned without an error.
type Handler struct {
	Snapshot func(context.Context, ingest.Snapshot) error
	Posted   func(context.Context, []ingest.Posted) error
	// Destination finds the destination behind the last part of a path; ""
	// when there is none.
	Destination    func(path string) string
	ResolveTimeout func() time.Duration
	Now            func() time.Time
	Logger         *slog.Logger
	// Refused counts what was not taken, by status code.
	Refused func(status int)
}

// Webhook takes POST /alertmanager and POST /alertmanager/{destination}.
func (h *Handler) Webhook(w http.ResponseWriter, r *http.Request) {
	destination := ""
	if name := r.PathValue("destination"); name != "" {
		if destination = h.Destination(name); destination == "" {
			h.refuse(w, r, http.StatusNotFound, fmt.Errorf("there is no destination %q", clip(name)),
				"add it under destinations: in the configuration, or post to /alertmanager and let the routes choose")
			return
		}
	}
	body, ok := h.read(w, r)
	if !ok {
		return
	}
	snapshot, err := ParseWebhook(body, h.Now())
	if err != nil {
		hint := "send Alertmanager's webhook body (webhook_configs)"
		if len(body) > 0 && body[0] == '[' {
			hint = "a list of alerts belongs to /api/v2/alerts"
		}
		h.refuse(w, r, http.StatusBadRequest, err, hint)
		return
	}
	if destination != "" {
		snapshot.Destination = destination
		snapshot.Origin = ingest.Origin(snapshot.Origin, destination)
	}
	if len(snapshot.Alerts) > 0 {
		if err := h.Snapshot(r.Context(), snapshot); err != nil {
			h.unavailable(w, r, err)
			return
		}
	}
	h.accepted(w)
}

// Alerts takes POST /api/v2/alerts.
func (h *Handler) Alerts(w http.ResponseWriter, r *http.Request) {
	body, ok := h.read(w, r)
	if !ok {
		return
	}
	posted, invalid := ParseAlerts(body, h.ResolveTimeout(), h.Now())
	if len(posted) > 0 {
		if err := h.Posted(r.Context(), posted); err != nil {
			h.unavailable(w, r, err)
			return
		}
	}
	if invalid != nil {
		hint := fmt.Sprintf("%d valid alerts of this request were taken", len(posted))
		if len(posted) == 0 {
			hint = "send a list of alerts with labels, as Prometheus does; Alertmanager's webhook belongs to /alertmanager"
		}
		h.refuse(w, r, http.StatusBadRequest, invalid, hint)
		return
	}
	h.accepted(w)
}

// read returns the body, or answers and returns false. What is too large is
// refused before it is read where the sender says its size.
func (h *Handler) read(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	if r.ContentLength > MaxBody {
		h.tooLarge(w, r)
		return nil, false
	}
	body := make([]byte, 0, max(r.ContentLength+1, 512)) // one more, so that the end is seen without growing
	reader := http.MaxBytesReader(w, r.Body, MaxBody)
	for {
		n, err := reader.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		var tooLarge *http.MaxBytesError
		switch {
		case err == io.EOF:
			return body, true
		case errors.As(err, &tooLarge):
			h.tooLarge(w, r)
			return nil, false
		case err != nil:
			// Whole it may be right, and only after a 5xx it is sent again. A
			// proxy in between can wait for an answer that the sender cannot.
			w.Header().Set("Retry-After", "5")
			h.refuse(w, r, http.StatusServiceUnavailable, errors.New("the body broke off"), "send it again")
			return nil, false
		}
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
	}
}

func (h *Handler) tooLarge(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "close")
	h.refuse(w, r, http.StatusRequestEntityTooLarge, fmt.Errorf("the body is over %d MiB", MaxBody>>20),
		"set max_alerts in Alertmanager's webhook_configs, or group by more labels")
}

func (h *Handler) accepted(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(w, "{}\n")
}

// unavailable is "not now": Alertmanager tries again after a 5xx and only then.
func (h *Handler) unavailable(w http.ResponseWriter, r *http.Request, err error) {
	w.Header().Set("Retry-After", "5")
	h.Logger.Error("Alerts could not be stored; the sender has to try again", "path", r.URL.Path, "err", err)
	h.answer(w, http.StatusServiceUnavailable, "the alerts could not be stored", "send them again")
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, status int, err error, hint string) {
	h.Logger.Warn("Refused a request", "path", clip(r.URL.Path), "from", r.RemoteAddr, "status", status, "err", err)
	h.answer(w, status, err.Error(), hint)
}

func (h *Handler) answer(w http.ResponseWriter, status int, message, hint string) {
	h.Refused(status)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct {
		Error string `json:"error"`
		Hint  string `json:"hint"`
	}{message, hint})
}
