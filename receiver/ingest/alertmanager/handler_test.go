package alertmanager

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/ingest/answer"
)

func TestWhoSendsTooMuchIsToldWhatTheyCanDo(t *testing.T) {
	h := &Handler{Logger: slog.New(slog.DiscardHandler), Refused: func(int) {}}
	for name, c := range map[string]struct {
		take http.HandlerFunc
		hint string
	}{
		"Alertmanager, which can be told to send fewer":    {h.Webhook, "max_alerts"},
		"Prometheus and scripts, which have no max_alerts": {h.Alerts, "post fewer alerts at once"},
	} {
		r := httptest.NewRequest("POST", "/", http.NoBody)
		r.ContentLength = answer.MaxBody + 1
		w := httptest.NewRecorder()
		c.take(w, r)
		require.Equal(t, http.StatusRequestEntityTooLarge, w.Code, name)
		require.Contains(t, w.Body.String(), c.hint, name)
	}
}

func TestARestlessSenderDoesNotFillTheLogWhileNothingCanBeStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		gone := errors.New("the disk is full")
		h := &Handler{
			Logger: slog.New(slog.NewTextHandler(&log, nil)), Refused: func(int) {}, Now: time.Now,
			ResolveTimeout: func() time.Duration { return time.Minute },
			Snapshot:       func(context.Context, ingest.Snapshot) error { return gone },
			Posted: func(_ context.Context, read func(time.Time) []ingest.Posted) error {
				read(time.Now())
				return gone
			},
		}
		for range 100 {
			w := httptest.NewRecorder()
			h.Alerts(w, httptest.NewRequest("POST", "/api/v2/alerts", strings.NewReader(`[{"labels":{"alertname":"A"}}]`)))
			require.Equal(t, http.StatusServiceUnavailable, w.Code)
		}
		require.Equal(t, 1, strings.Count(log.String(), "the disk is full"), log.String())
	})
}
