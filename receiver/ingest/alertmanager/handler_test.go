package alertmanager

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

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
