package group

// Change names what happened to a group since it was last told.
type Change string

// The changes, worst first: when several happened, the first one counts.
const (
	FirstFiring    Change = "fired"           // the episode begins
	FiresAgain     Change = "fired_again"     // nothing fired, of some the end was unknown, now something does
	SeverityRises  Change = "severity_rose"   // a worse alert joined
	JoinsCritical  Change = "joined_critical" // alerts joined a critical group
	AllResolved    Change = "resolved"        // the last firing alert is resolved
	Reminds        Change = "reminder"        // nothing changed for repeat_interval
	Joins          Change = "joined"          // alerts joined
	PartlyResolved Change = "partly_resolved" // some alerts are resolved
	Vanishes       Change = "unseen"          // alerts are not mentioned any more
	Nothing        Change = ""
)
