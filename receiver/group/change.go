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
	SilenceEnds    Change = "silence_ended"
	Failed         Change = "failed" // another system did not do what somebody asked for
	Assigned       Change = "assigned"
	Reopened       Change = "reopened"
	Commented      Change = "commented"
	Updated        Change = "updated"
	Acknowledged   Change = "acknowledged"
	Unacknowledged Change = "unacknowledged"
	Silenced       Change = "silenced"
	Asked          Change = "asked"   // another system was asked to do something
	Granted        Change = "granted" // and has done it
	Joins          Change = "joined"
	PartlyResolved Change = "partly_resolved"
	Vanishes       Change = "unseen"
	Reworded       Change = "reworded"
	Escalated      Change = "escalated" // nobody took care of it: others are told
	Unreached      Change = "unreached" // somebody could not be told: others are in their place
	Reminds        Change = "reminder"
	Nothing        Change = ""
)

// Loud says whether a change must reach somebody's attention by itself. The
// end of an episode is quiet unless its route says otherwise.
func (c Change) Loud() bool {
	switch c {
	case FirstFiring, FiresAgain, SeverityRises, JoinsCritical, SilenceEnds, Failed, Assigned, Reminds:
		return true
	}
	return false
}

// Message says whether a change is a message of its own where a card cannot
// be edited. What another system did not do is news for who asked for it, and
// nobody can ask there.
func (c Change) Message() bool {
	return c.Loud() && c != Failed || c == AllResolved || c == Reopened || c == Commented || c == Updated
}

// ofPeople says that somebody did it: it reaches whom it concerns, also while
// the alert is silenced.
func (c Change) ofPeople() bool {
	switch c {
	case Failed, Assigned, Reopened, Commented, Acknowledged, Unacknowledged, Asked, Granted, SilenceEnds:
		return true
	}
	return false
}
