package web

import (
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Intent is what somebody wants done in the system that an alert came from, in
// GET /api/v1/alerts and POST /api/v1/alerts/{id}/{verb}.
type Intent struct {
	ID          int64      `json:"id"`
	Alert       string     `json:"alert"`
	Source      string     `json:"source"`
	Verb        string     `json:"verb"`
	Who         string     `json:"who"`
	Text        string     `json:"text"`
	State       string     `json:"state"` // requested, active, failed
	Attempts    int        `json:"attempts"`
	Reason      string     `json:"reason"`
	RequestedAt time.Time  `json:"requested_at"`
	DoneAt      *time.Time `json:"done_at,omitempty"`
}

func intentOf(i *store.Intent) Intent {
	return Intent{
		ID: i.ID, Alert: alert.ShortID(i.GroupID), Source: i.Source, Verb: i.Verb, Who: i.Who, Text: i.Text,
		State: string(i.State), Attempts: i.Attempts, Reason: i.Reason, RequestedAt: i.RequestedAt, DoneAt: optional(i.DoneAt),
	}
}

// intentsOf are the intents of groups, by group.
func intentsOf(tx store.Tx, groups []int64) (map[int64][]Intent, error) {
	found, err := tx.Intents(groups)
	byGroup := make(map[int64][]Intent)
	for i := range found {
		byGroup[found[i].GroupID] = append(byGroup[found[i].GroupID], intentOf(&found[i]))
	}
	return byGroup, err
}
