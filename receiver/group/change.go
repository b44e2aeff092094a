package group

// Change names what happened to a group since it was last told.
type Change string

// The changes. When several happened at once, the first in this list counts.
const (
	FirstFiring    Change = "fired"
	FiresAgain     Change = "fired_again"
	SeverityRises  Change = "severity_rose"
	JoinsCritical  Change = "joined_critical"
	AllResolved    Change = "resolved"
	SeverityFalls  Change = "severity_fell"
	Assigned       Change = "assigned"
	Commented      Change = "commented"
	Updated        Change = "updated"
	Joins          Change = "joined"
	PartlyResolved Change = "partly_resolved"
	Vanishes       Change = "unseen"
	Reworded       Change = "reworded"
	Reminds        Change = "reminder"
	Nothing        Change = ""
)

// Loud says whether a change must reach somebody's attention by itself. The
// end of an episode is quiet unless its route says otherwise.
func (c Change) Loud() bool {
	switch c {
	case FirstFiring, FiresAgain, SeverityRises, JoinsCritical, Assigned, Reminds:
		return true
	}
	return false
}

// Message says whether a change is a message of its own where a card cannot
// be edited.
func (c Change) Message() bool {
	return c.Loud() || c == AllResolved || c == Commented || c == Updated
}
