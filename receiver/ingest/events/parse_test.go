package events

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

var now = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// source makes a source of a mapping that is right.
func source(t testing.TB, c Config) *Source {
	t.Helper()
	if c.Name == "" {
		c.Name = "shop"
	}
	s, problems := New(c)
	require.Empty(t, problems)
	return s
}

func TestAFewLinesOfMappingMakeAnAlert(t *testing.T) {
	s := source(t, Config{Mapping: Mapping{
		Name: ".title", Key: ".id", Status: `if .done then "resolved" else "firing" end`,
		Labels: map[string]string{"host": ".host"}, Annotations: map[string]string{"summary": ".text"},
		StartsAt: ".at", Card: `"alert"`,
	}})
	got, err := s.Parse([]byte(`{"title":"Disk full","id":10000000000000001,"host":"h1","text":"97 %","at":"2026-11-21T09:00:00Z"}`), http.Header{}, now)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, "events\x1fshop\x1f10000000000000001", got[0].Origin)
	a := got[0].Alerts[0]
	require.Equal(t, map[string]string{"alertname": "Disk full", "host": "h1", "event_source": "shop"}, a.Labels)
	require.Equal(t, map[string]string{"summary": "97 %", "teamsrelay_card": "alert"}, a.Annotations)
	require.Equal(t, alert.Firing, a.Status)
	require.Equal(t, now.Add(-time.Hour), a.StartsAt)
}
