package web

import (
	"net/http"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/heartbeat"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Heartbeat is one of GET /api/v1/heartbeats.
type Heartbeat struct {
	Name     string   `json:"name"`
	State    string   `json:"state"` // beating, missing, waiting
	Matchers []string `json:"matchers"`
	// WithinSeconds is how long it may be silent.
	WithinSeconds float64 `json:"within_seconds"`
	// LastAt is when it last came, and From from whom; it has never come
	// without.
	LastAt *time.Time `json:"last_at,omitempty"`
	From   string     `json:"from"`
	// MissingAt is since when people are told that it does not come.
	MissingAt *time.Time `json:"missing_at,omitempty"`
}

// heartbeats are those of the configuration, in its order.
func (s *server) heartbeats(w http.ResponseWriter, r *http.Request) {
	list := []Heartbeat{}
	s.list(w, r, "heartbeats", &list, func(tx store.Tx) error {
		list = list[:0]
		known, err := s.Engine.Heartbeats(tx)
		for i := range known {
			list = append(list, heartbeatOf(&known[i]))
		}
		return err
	})
}

func heartbeatOf(s *heartbeat.Status) Heartbeat {
	out := Heartbeat{
		Name: s.Name, State: s.State(), WithinSeconds: s.Within.Seconds(),
		LastAt: optional(s.Known.BeatAt), From: s.Known.From, MissingAt: optional(s.Known.MissingAt),
	}
	for _, m := range s.Matchers {
		out.Matchers = append(out.Matchers, m.String())
	}
	return out
}
