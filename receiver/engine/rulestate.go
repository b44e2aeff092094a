package engine

import (
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/ingest/influxdb"
	"github.com/teamsrelay/teamsrelay/receiver/role"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// RuleState is how rules are doing, as far as this process knows.
type RuleState struct {
	// By is the replica that evaluates them, "" where nobody shares the store or
	// nobody does now. Here: it is this one, and Stats are true.
	By    string
	Here  bool
	Stats []rules.Stats // in the order of the files
}

// RuleState says how rules are doing. It waits for nothing.
func (e *Engine) RuleState(tx store.Tx) (RuleState, error) {
	is := RuleState{Here: true, Stats: e.ruler.Stats()}
	if !e.store.Shared() {
		return is, nil
	}
	lease, err := tx.Address(role.Lease(roleRules))
	is.Here = lease.Holder == e.roles.Holder
	if lease.LeasedUntil.After(e.Now()) {
		is.By, _, _ = strings.Cut(lease.Holder, "/")
	}
	return is, err
}

// Asked is how it was when a polled rule was asked for last, here; false: it was
// not.
func (e *Engine) Asked(rule *rules.Rule) (influxdb.Query, bool) { return e.queries.Last(rule) }

// Rules are those that are loaded; nil: none.
func (e *Engine) Rules() *rules.Set { return e.current.Load().Rules }
