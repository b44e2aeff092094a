package heartbeat

import "github.com/teamsrelay/teamsrelay/receiver/store"

// The states of a heartbeat.
const (
	Beating = "beating"
	Missing = "missing"
	Waiting = "waiting" // it has never come, and has time left
)

// Status is a heartbeat of the configuration with what is known of it.
type Status struct {
	*Heartbeat
	Known store.Heartbeat
}

// State is one of the states above.
func (s *Status) State() string {
	switch {
	case !s.Known.MissingAt.IsZero():
		return Missing
	case s.Known.BeatAt.IsZero():
		return Waiting
	}
	return Beating
}

// List returns all heartbeats of the configuration, in its order.
func (w *Worker) List(tx store.Tx) ([]Status, error) { return list(tx, w.Heartbeats()) }

func list(tx store.Tx, configured []*Heartbeat) ([]Status, error) {
	rows, err := tx.Heartbeats()
	known := make(map[string]store.Heartbeat, len(rows))
	for _, row := range rows {
		known[row.Name] = row
	}
	all := make([]Status, len(configured))
	for i, h := range configured {
		all[i] = Status{Heartbeat: h, Known: known[h.Name]}
	}
	return all, err
}
