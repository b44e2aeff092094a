package canary

import "github.com/teamsrelay/teamsrelay/receiver/store"

// What a canary does.
const (
	Arriving = "arriving" // it was there when it was last tried
	Shaky    = "shaky"    // it was not, and that is not told yet
	Failing  = "failing"  // people are told that it does not arrive
	Waiting  = "waiting"  // it has not been tried yet
)

// Status is a canary with what is known of it; Known is zero if nothing is.
type Status struct {
	Canary
	Known store.Canary
}

// State is one of the states above.
func (s *Status) State() string {
	switch {
	case !s.Known.FailedAt.IsZero():
		return Failing
	case s.Known.Failures > 0:
		return Shaky
	case s.Known.OKAt.IsZero():
		return Waiting
	}
	return Arriving
}

// Edited says that it is one message that is edited each time: that it arrives
// proves that the message is there, and not only that it was taken.
func (s *Status) Edited() bool { return s.Known.MessageID != "" }

// List returns all canaries of the configuration, in its order.
func (w *Worker) List(tx store.Tx) ([]Status, error) { return list(tx, w.Canaries()) }

func list(tx store.Tx, configured []Canary) ([]Status, error) {
	rows, err := tx.Canaries()
	known := make(map[string]store.Canary, len(rows))
	for _, row := range rows {
		known[row.Destination] = row
	}
	all := make([]Status, len(configured))
	for i, c := range configured {
		all[i] = Status{Canary: c, Known: known[c.Destination]}
	}
	return all, err
}
