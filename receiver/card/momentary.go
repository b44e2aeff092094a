package card

import (
	"slices"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// momentary says whether all alerts only happened: their sources said nothing
// of a state, so to call them firing, or to miss news of them, would be made up.
func momentary(members []*group.Member) bool {
	return len(members) > 0 && !slices.ContainsFunc(members, func(m *group.Member) bool {
		return !m.Momentary || m.State == group.Resolved
	})
}

// statusOfMoment is the severity, or who says it, and the card's own word for
// what happened, if it has one.
func (t *teller) statusOfMoment(s *Story) string {
	status := strings.ToUpper(s.Severity)
	if status == "" {
		status = capital(t.in.Group.Spec.Source)
	}
	if t.words.firing != ofMoments.firing {
		status += " · " + t.words.firing
	}
	switch {
	case t.silenced():
		status += " · silenced"
	case t.acknowledged():
		status += " · acknowledged"
	}
	return status
}

// fine is what is so again when these alerts are resolved. Their names say
// what was wrong, which over a good message reads like the opposite.
var fine = map[string]string{
	"WorkflowFailed":   "Workflow works again",
	"DeploymentFailed": "Deployment works again",
}

// titleOf is the name in words.
func (t *teller) titleOf(s *Story) string {
	if words := fine[s.Name]; words != "" && s.State == string(group.Resolved) && !t.byHand() {
		return words
	}
	return titleWords(oneLine(s.Name))
}
