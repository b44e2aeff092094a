package card

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// Check renders a card for groups of every kind and holds the results against
// the full Teams schema. It returns what is wrong, each mistake once; it costs
// milliseconds and is meant for check-config and tests.
func (s *Set) Check(name string) []Problem {
	var problems []Problem
	for message := range s.trials(name) {
		var fault Problem
		if errors.As(message.Fault, &fault) {
			fault.Do = "without it people get the minimal card"
			problems = append(problems, fault)
			continue
		}
		for _, line := range teamsSchema().faults(message.Card) {
			problem := Problem{What: fmt.Sprintf("card %q: %s", name, line), Do: "Teams may refuse the card"}
			if t := s.templates.Lookup(name); t != nil {
				problem.File, problem.Line = t.ParseName, s.defined[name]
			}
			problems = append(problems, problem)
		}
	}
	slices.SortFunc(problems, compareProblems)
	return slices.Compact(problems)
}

// trials renders a card for one group of every kind.
func (s *Set) trials(name string) func(yield func(Message) bool) {
	now := time.Date(2026, 1, 2, 10, 14, 0, 0, time.UTC)
	limit := WorkflowLimit
	return func(yield func(Message) bool) {
		if name == digestName {
			rows := []DigestRow{{Title: "InstanceDown", Severity: "critical", Rank: int(alert.SeverityCritical), Firing: 3, Since: now, ID: "fgq8"}}
			_ = yield(s.Digest(DigestInput{Rows: rows, Now: now, Oldest: now}, limit)) &&
				yield(s.Digest(DigestInput{Now: now}, limit))
			return
		}
		partly, one, over, bare := Sample(now), Sample(now), Sample(now), Input{Now: now}
		one.Group.Alerts = one.Group.Alerts[:1]
		over.Group.Phase, over.Group.OverAt = group.Over, now
		over.Group.Alerts[0].State, over.Group.Alerts[0].Status, over.Group.Alerts[0].EndsAt = group.Resolved, alert.Resolved, now
		bare.Group.Alerts = []group.Member{{State: group.Firing, Alert: alert.Alert{Status: alert.Firing}}}
		for _, in := range []Input{partly, one, over, bare} {
			if !yield(s.Render(name, in, limit)) {
				return
			}
		}
	}
}
