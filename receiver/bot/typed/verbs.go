package typed

import (
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/command"
)

// exampleID stands in examples for an alert's id.
const exampleID = "fgq8"

// Usage is how a command is written and what it does, for people.
type Usage struct {
	Verb    string
	Usage   string // with words for what differs: "ack ID"
	Does    string // one sentence without its full stop
	Example string
	others  string // what people write for the verb as well
}

// Usages are all commands, in the order in which help tells of them: reading,
// doing something about an alert, getting more or fewer alerts.
var Usages = []Usage{
	{Help, "help [COMMAND]", "shows this", "help silence", "? commands h usage"},
	{Status, "status", "says what goes on here", "status", "state overview"},
	{Alerts, "alerts [MATCHERS]", "lists what is not over", `alerts severity="critical"`, "alert list ls firing"},
	{Show, "show ID", "shows the card once more", "show " + exampleID, "view details info display get"},
	{command.Ack, "ack ID", "acknowledges: no reminders", "ack " + exampleID, "acknowledge acknowledged acknowledging acked take"},
	{command.Unack, "unack ID", "takes that back", "unack " + exampleID, "unacknowledge unacknowledged unacked nack un-ack"},
	{command.Assign, "assign ID @NAME", "says who takes care of it; me is you", "assign " + exampleID + " me", "assigned owner give"},
	{command.Comment, `comment ID "TEXT"`, "writes something into its story", "comment " + exampleID + ` "fan replaced"`, "note remark say comments"},
	{command.Resolve, "resolve ID", "ends it by hand", "resolve " + exampleID, "resolved close closed done fix fixed"},
	{command.Reopen, "reopen ID", "takes that back", "reopen " + exampleID, "re-open unresolve reopened"},
	{command.Silence, "silence ID TIME [COMMENT]", "keeps it quiet; matchers may stand for ID", "silence " + exampleID + ` 2h "new disks are coming"`, "mute snooze silenced quiet hush"},
	{Silences, "silences", "lists the silences", "silences", "mutes snoozes"},
	{command.Expire, "expire ID", "ends a silence, or that of an alert", "expire " + exampleID, "unsilence unmute unsnooze expired"},
	{Create, `create "TITLE" "TEXT"`, "makes an alert by hand", `create "Printer on fire" "Second floor, do not enter"`, "new raise open declare"},
	{Subscribe, "subscribe [MATCHERS]", "sends what matches here as well", `subscribe team="storage"`, "follow sub"},
	{Unsubscribe, "unsubscribe [ID]", "ends that; without ID all of it", "unsubscribe", "unfollow unsub"},
	{Subscriptions, "subscriptions", "lists them", "subscriptions", "subs subscription"},
	{Test, "test", "sends a card that says that it is a test", "test", "ping"},
}

// verbs are the words for each verb.
var verbs = func() map[string]string {
	all := map[string]string{}
	for _, u := range Usages {
		all[u.Verb] = u.Verb
		for _, other := range strings.Fields(u.others) {
			all[other] = u.Verb
		}
	}
	return all
}()

// verbOf is the verb that a word stands for.
func verbOf(text string) (string, bool) {
	verb, ok := verbs[strings.ToLower(text)]
	return verb, ok
}

// example is something that would have been understood.
func example(verb string) string {
	for _, u := range Usages {
		if u.Verb == verb {
			return u.Example
		}
	}
	return Help
}

// notUnderstood is the answer to a word that is no command: the nearest one.
func notUnderstood(text string) *Problem {
	if verb := nearest(strings.ToLower(text)); verb != "" {
		return &Problem{Verb: verb, What: "I do not know " + quoted(text) + ". Did you mean " + verb + "?", Example: example(verb)}
	}
	if isSeverity(text) {
		return &Problem{Verb: Alerts, What: "I do not know " + quoted(text) + ". Alerts are found by their labels.", Example: `alerts severity="` + strings.ToLower(text) + `"`}
	}
	return &Problem{What: "I do not understand " + quoted(text) + ". The command help lists what I do."}
}

func noID(verb, text string) *Problem {
	return &Problem{Verb: verb, What: quoted(text) + " is no id. Every card has one in its last line, and the command alerts lists them.", Example: example(verb)}
}

// notMatcher is the answer to a word where matchers stand.
func notMatcher(verb, text string) *Problem {
	p := &Problem{Verb: verb, What: quoted(text) + ` is no matcher: write name="value", and name=~"regex" for patterns.`, Example: example(verb)}
	if isSeverity(text) {
		p.Example = verb + ` severity="` + strings.ToLower(text) + `"`
	}
	return p
}

// notTarget is the answer to what is neither an alert nor matchers.
func notTarget(text string) *Problem {
	return &Problem{
		Verb:    command.Silence,
		What:    quoted(text) + " is neither an id nor a matcher. Silence an alert by its id, or by labels that say which.",
		Example: `silence alertname="DiskFull" 2h`,
	}
}

// isSeverity says that a word is one of those that say how bad an alert is.
func isSeverity(text string) bool {
	return alert.SeverityOf(map[string]string{alert.SeverityLabel: text}) != alert.SeverityUnknown
}

// nearest is the verb that somebody may have meant; "" if none is near.
func nearest(text string) string {
	const longest = 20
	if len(text) < 3 || len(text) > longest {
		return ""
	}
	best, least := "", 1+len(text)/3 // one slip in three letters
	for _, u := range Usages {
		for _, name := range append([]string{u.Verb}, strings.Fields(u.others)...) {
			if d := distance(text, name); d < least || d == least && best == "" {
				best, least = u.Verb, d
			}
		}
	}
	return best
}

// distance is how many letters have to be changed, added, left out or
// exchanged with their neighbour to make one word of another.
func distance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	var last []int
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last, before = before, row
		row = make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(before[j+1]+1, row[j]+1, before[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], last[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
