package typed

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/command"
)

// now is a Saturday, 10:15 in Berlin.
var now = func() time.Time {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return time.Date(2026, 11, 21, 10, 15, 0, 0, berlin)
}()

// say is a command in one line, for tables.
func say(c Command) string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	add("%s", c.Verb)
	if c.Of != "" {
		add("of=%s", c.Of)
	}
	for _, id := range c.IDs {
		add("#%d", id)
	}
	for _, m := range c.Matchers {
		add("{%s}", m)
	}
	if !c.Until.IsZero() {
		add("until %s", c.Until.Format("02.01. 15:04"))
	}
	switch {
	case c.To.Me:
		add("to me")
	case c.To.ID != "":
		add("to %s=%s", c.To.Name, c.To.ID)
	case c.To.Name != "":
		add("to %s", c.To.Name)
	}
	if c.Title != "" {
		add("title=%q", c.Title)
	}
	if c.Text != "" {
		add("text=%q", c.Text)
	}
	return strings.Join(out, " ")
}

var (
	bot   = Mention{ID: "28:app", Name: "Ops Bot", Text: "<at>Ops Bot</at>", Bot: true}
	alice = Mention{ID: "29:alice", Name: "Alice Smith", Text: "<at>Alice Smith</at>"}
	twin  = Mention{ID: "29:twin", Name: "Alice Smith", Text: "<at>Alice Smith</at>"}
)

func TestSentencesThatPeopleWrite(t *testing.T) {
	for _, test := range []struct {
		name, text, want string
		mentions         []Mention
	}{
		// Every command of the issue, as it stands there.
		{name: "help", text: "help", want: "help"},
		{name: "status", text: "status", want: "status"},
		{name: "alerts", text: "alerts", want: "alerts"},
		{name: "alerts with matchers", text: `alerts severity="critical"`, want: `alerts {severity="critical"}`},
		{name: "show", text: "show fgq8", want: "show #42"},
		{name: "ack", text: "ack fgq8", want: "ack #42"},
		{name: "unack", text: "unack fgq8", want: "unack #42"},
		{name: "silence an alert", text: "silence fgq8 2h", want: "silence #42 until 21.11. 12:15"},
		{name: "silence an alert and say why", text: "silence fgq8 2h new disks", want: `silence #42 until 21.11. 12:15 text="new disks"`},
		{name: "silence by matchers", text: `silence alertname="Disk" site=~"fra.*" 1d`, want: `silence {alertname="Disk"} {site=~"fra.*"} until 22.11. 10:15`},
		{name: "silences", text: "silences", want: "silences"},
		{name: "expire", text: "expire fgq8", want: "expire #42"},
		{name: "assign to somebody", text: "<at>Ops Bot</at> assign fgq8 <at>Alice Smith</at>", mentions: []Mention{bot, alice}, want: "assign #42 to Alice Smith=29:alice"},
		{name: "assign to me", text: "assign fgq8 me", want: "assign #42 to me"},
		{name: "comment", text: `comment fgq8 "fan replaced"`, want: `comment #42 text="fan replaced"`},
		{name: "resolve", text: "resolve fgq8", want: "resolve #42"},
		{name: "reopen", text: "reopen fgq8", want: "reopen #42"},
		{name: "status resolved", text: "fgq8 status resolved", want: "resolve #42"},
		{name: "status in progress", text: "fgq8 status in_progress", want: "ack #42"},
		{name: "create", text: `create "Printer on fire" "Second floor"`, want: `create title="Printer on fire" text="Second floor"`},
		{name: "subscribe", text: "subscribe", want: "subscribe"},
		{name: "subscribe to what matches", text: `subscribe team="storage"`, want: `subscribe {team="storage"}`},
		{name: "unsubscribe", text: "unsubscribe", want: "unsubscribe"},
		{name: "unsubscribe one", text: "unsubscribe fgq8", want: "unsubscribe #42"},
		{name: "subscriptions", text: "subscriptions", want: "subscriptions"},
		{name: "test", text: "test", want: "test"},

		// The bot's name, and other people's.
		{name: "nothing but the bot's name", text: "<at>Ops Bot</at>", mentions: []Mention{bot}, want: "help"},
		{name: "the bot's name first", text: "<at>Ops Bot</at>&nbsp;ack fgq8", mentions: []Mention{bot}, want: "ack #42"},
		{name: "the bot's name in the middle", text: "ack <at>Ops Bot</at> fgq8", mentions: []Mention{bot}, want: "ack #42"},
		{name: "the bot's name last, without a space", text: "ack fgq8<at>Ops Bot</at>", mentions: []Mention{bot}, want: "ack #42"},
		{name: "the bot's name three times and once among the entities", text: "<at>Ops Bot</at> ack <at>Ops Bot</at> fgq8 <at>Ops Bot</at>", mentions: []Mention{bot}, want: "ack #42"},
		{name: "the bot was renamed and its entity has the new name", text: "<at>SentryTest</at> help\n", mentions: []Mention{bot}, want: "help"},
		{name: "two people with one name keep their order", text: "comment fgq8 <at>Alice Smith</at> ask <at>Alice Smith</at>", mentions: []Mention{alice, twin}, want: `comment #42 text="@Alice Smith ask @Alice Smith"`},
		{name: "the second of two people with one name", text: "assign fgq8 <at>Alice Smith</at>", mentions: []Mention{twin}, want: "assign #42 to Alice Smith=29:twin"},
		{name: "a person whose name was typed", text: "assign fgq8 @Alice Smith", want: "assign #42 to Alice Smith"},
		{name: "a person by the address, which Teams made a link of", text: `assign fgq8 <a href="mailto:bob@contoso.com">bob@contoso.com</a>`, want: "assign #42 to bob@contoso.com"},
		{name: "assign the other way round", text: "assign <at>Alice Smith</at> to fgq8", mentions: []Mention{alice}, want: "assign #42 to Alice Smith=29:alice"},
		{name: "assign to me in words", text: "Assign fgq8 to me, please", want: "assign #42 to me"},
		{name: "assign several", text: "assign fgq8 3gd3 to me", want: "assign #42 #43 to me"},
		{name: "assign what this thread is about", text: "assign me", want: "assign to me"},

		// Phones and office programs.
		{name: "large letters", text: "ACK FGQ8", want: "ack #42"},
		{name: "non-breaking spaces", text: "ack\u00a0fgq8", want: "ack #42"},
		{name: "narrow and wide spaces", text: "silence\u202ffgq8\u30002h\u2009disks", want: `silence #42 until 21.11. 12:15 text="disks"`},
		{name: "characters that cannot be seen", text: "\ufeffa\u200bck fgq\u2060\u200e8", want: "ack #42"},
		{name: "entities", text: "ack&nbsp;fgq8&#160;", want: "ack #42"},
		{name: "markup around it", text: "<div><p>ack <b>fgq8</b></p></div>", want: "ack #42"},
		{name: "what looks like markup in a comment", text: "comment fgq8 load &lt;b&gt; &amp; 5 &lt; 6", want: `comment #42 text="load <b> & 5 < 6"`},
		{name: "a slash, as elsewhere", text: "/ack fgq8", want: "ack #42"},
		{name: "a number sign, as on the card", text: "ack #fgq8", want: "ack #42"},
		{name: "a full stop", text: "ack fgq8.", want: "ack #42"},
		{name: "a question", text: "status?", want: "status"},
		{name: "a question mark alone", text: "?", want: "help"},
		{name: "emphasis", text: "ack **fgq8**", want: "ack #42"},
		{name: "an id in quotation marks", text: "ack “fgq8”", want: "ack #42"},
		{name: "politeness", text: "Hello, please ack fgq8", want: "ack #42"},
		{name: "nothing but politeness", text: "hi", want: "help"},
		{name: "nothing at all", text: " \n ", want: "help"},

		// Several ids, and words after them.
		{name: "several ids", text: "ack fgq8 3gd3", want: "ack #42 #43"},
		{name: "several ids as people write lists", text: "ack #fgq8, #3gd3 and fgq8", want: "ack #42 #43"},
		{name: "why", text: "ack fgq8 on my way", want: `ack #42 text="on my way"`},
		{name: "an id alone", text: "#fgq8", want: "show #42"},
		{name: "the id first", text: "fgq8 ack", want: "ack #42"},
		{name: "the id first, with a comment", text: "fgq8: comment it's the fan", want: `comment #42 text="it's the fan"`},
		{name: "the id first, silent", text: "fgq8 mute 30m", want: "silence #42 until 21.11. 10:45"},
		{name: "status of one", text: "status fgq8", want: "show #42"},
		{name: "status the other way round", text: "status fgq8 resolved", want: "resolve #42"},
		{name: "in progress as two words", text: "fgq8 status in progress", want: "ack #42"},
		{name: "is resolved", text: "fgq8 is resolved now", want: `resolve #42 text="now"`},
		{name: "what this thread is about", text: "ack", want: "ack"},
		{name: "what this thread is about, with words", text: "ack on it", want: `ack text="on it"`},
		{name: "a comment on what this thread is about", text: "comment fan replaced", want: `comment text="fan replaced"`},
		{name: "the first word of a comment looks like an id", text: "comment fgq8 3gd3 is the same", want: `comment #42 text="3gd3 is the same"`},
		{name: "a silence named as one", text: "expire silence fgq8", want: "expire of=silence #42"},
		{name: "the silence of an alert", text: "unmute alert fgq8", want: "expire of=alert #42"},

		// Other words for the same.
		{name: "acknowledge", text: "Acknowledge fgq8", want: "ack #42"},
		{name: "close", text: "close fgq8", want: "resolve #42"},
		{name: "snooze", text: "snooze fgq8 1h", want: "silence #42 until 21.11. 11:15"},
		{name: "help about one", text: "help mute", want: `help text="silence"`},

		// Quotation marks.
		{name: "German ones", text: "comment fgq8 „Lüfter getauscht“", want: `comment #42 text="Lüfter getauscht"`},
		{name: "French ones", text: "comment fgq8 « ventilateur »", want: `comment #42 text="ventilateur"`},
		{name: "those of Word", text: "create “Printer on fire” “Second floor”", want: `create title="Printer on fire" text="Second floor"`},
		{name: "different ones at the two ends", text: `create “Printer" ”Second floor“`, want: `create title="Printer" text="Second floor"`},
		{name: "single ones with an apostrophe inside", text: "comment fgq8 'it's the fan'", want: `comment #42 text="it's the fan"`},
		{name: "curly single ones with an apostrophe inside", text: "comment fgq8 ‘it’s the fan’", want: `comment #42 text="it’s the fan"`},
		{name: "those of code", text: "comment fgq8 `systemctl restart x`", want: `comment #42 text="systemctl restart x"`},
		{name: "quoted words inside of a comment stay", text: `comment fgq8 he said "no" twice`, want: `comment #42 text="he said \"no\" twice"`},
		{name: "a quotation in a quotation", text: `comment fgq8 "he said “no” twice"`, want: `comment #42 text="he said “no” twice"`},
		{name: "two quotations are not one", text: `comment fgq8 "a" or "b"`, want: `comment #42 text="\"a\" or \"b\""`},
		{name: "an apostrophe is no quotation", text: "comment fgq8 it's Bob's", want: `comment #42 text="it's Bob's"`},
		{name: "a quotation that does not end", text: `comment fgq8 "fan`, want: `comment #42 text="\"fan"`},
		{name: "a comment over two lines", text: "comment fgq8 one<br>two", want: `comment #42 text="one\ntwo"`},

		// Alerts made by hand.
		{name: "a title and nothing more", text: "create Printer on fire", want: `create title="Printer on fire"`},
		{name: "a title and lines below it", text: "create Printer on fire\nSecond floor.\nDo not enter.", want: `create title="Printer on fire" text="Second floor.\nDo not enter."`},
		{name: "a title without quotation marks", text: `create Printer on fire "Second floor"`, want: `create title="Printer on fire" text="Second floor"`},
		{name: "a description without quotation marks", text: `create "Printer on fire" Second floor`, want: `create title="Printer on fire" text="Second floor"`},
		{name: "an alert, in words", text: `new alert "Printer on fire"`, want: `create title="Printer on fire"`},
		{name: "somebody is mentioned", text: `create "Printer on fire" "call <at>Alice Smith</at>"`, mentions: []Mention{alice}, want: `create title="Printer on fire" text="call @Alice Smith"`},
		{name: "quotation marks in a title", text: `create 'Printer "Gutenberg"' 'on fire'`, want: `create title="Printer \"Gutenberg\"" text="on fire"`},

		// How long.
		{name: "minutes", text: "silence fgq8 30m", want: "silence #42 until 21.11. 10:45"},
		{name: "in words", text: "silence fgq8 2 hours", want: "silence #42 until 21.11. 12:15"},
		{name: "for", text: "silence fgq8 for 2 hours because of disks", want: `silence #42 until 21.11. 12:15 text="because of disks"`},
		{name: "hours and minutes", text: "silence fgq8 1h30m", want: "silence #42 until 21.11. 11:45"},
		{name: "hours and minutes, in words", text: "silence fgq8 1 hour and 30 minutes", want: "silence #42 until 21.11. 11:45"},
		{name: "one and a half", text: "silence fgq8 1.5h", want: "silence #42 until 21.11. 11:45"},
		{name: "an hour", text: "silence fgq8 an hour", want: "silence #42 until 21.11. 11:15"},
		{name: "half an hour", text: "silence fgq8 for half an hour", want: "silence #42 until 21.11. 10:45"},
		{name: "a week", text: "silence fgq8 1w", want: "silence #42 until 28.11. 10:15"},
		{name: "until a time", text: "silence fgq8 until 14:00", want: "silence #42 until 21.11. 14:00"},
		{name: "until a time that is over today", text: "silence fgq8 until 09:00", want: "silence #42 until 22.11. 09:00"},
		{name: "until a time, the American way", text: "silence fgq8 until 2:30 pm", want: "silence #42 until 21.11. 14:30"},
		{name: "until an hour", text: "silence fgq8 until 2pm deploy", want: `silence #42 until 21.11. 14:00 text="deploy"`},
		{name: "until noon", text: "silence fgq8 until noon", want: "silence #42 until 21.11. 12:00"},
		{name: "until midnight", text: "silence fgq8 until midnight", want: "silence #42 until 22.11. 00:00"},
		{name: "tomorrow", text: "silence fgq8 tomorrow", want: "silence #42 until 22.11. 08:00"},
		{name: "until tomorrow", text: "silence fgq8 until tomorrow", want: "silence #42 until 22.11. 08:00"},
		{name: "until tomorrow morning", text: "silence fgq8 until tomorrow morning, disks", want: `silence #42 until 22.11. 08:00 text="disks"`},
		{name: "until tomorrow at a time", text: "silence fgq8 until tomorrow at 10:30", want: "silence #42 until 22.11. 10:30"},
		{name: "until a day of the week", text: "silence fgq8 until Monday", want: "silence #42 until 23.11. 08:00"},
		{name: "until the same day of the week", text: "silence fgq8 until next saturday 9:00", want: "silence #42 until 28.11. 09:00"},
		{name: "until a date", text: "silence fgq8 until 2026-12-01 12:00", want: "silence #42 until 01.12. 12:00"},
		{name: "until a date, the way computers write it", text: "silence fgq8 until 2026-12-01T12:00", want: "silence #42 until 01.12. 12:00"},
		{name: "the time first", text: "silence 2h fgq8 disks", want: `silence #42 until 21.11. 12:15 text="disks"`},
		{name: "what this thread is about", text: "silence 2h", want: "silence until 21.11. 12:15"},
		{name: "an id that looks like a time", text: "silence 48hr 2h", want: "silence #" + number48hr + " until 21.11. 12:15"},
		{name: "a time that looks like an id", text: "silence fgq8 48hr", want: "silence #42 until 23.11. 10:15"},

		// Matchers.
		{name: "without quotation marks", text: "alerts severity=critical site=fra1", want: `alerts {severity="critical"} {site="fra1"}`},
		{name: "in braces", text: `alerts {a="b",c="d"}`, want: `alerts {a="b"} {c="d"}`},
		{name: "with spaces around", text: `alerts { a = "b" , c != "d e" }`, want: `alerts {a="b"} {c!="d e"}`},
		{name: "all four kinds", text: `alerts a="1" b!="2" c=~"3|4" d!~"5.*"`, want: `alerts {a="1"} {b!="2"} {c=~"3|4"} {d!~"5.*"}`},
		{name: "a phone's quotation marks", text: "alerts alertname=“Disk full”, site=„fra1“", want: `alerts {alertname="Disk full"} {site="fra1"}`},
		{name: "quotation marks inside", text: `alerts a='say "hi"'`, want: `alerts {a="say \"hi\""}`},
		{name: "and", text: "alerts a=b and c=d", want: `alerts {a="b"} {c="d"}`},
		{name: "a regular expression without quotation marks", text: `alerts host=~web-\d{1,2} a=b`, want: `alerts {host=~"web-\\d{1,2}"} {a="b"}`},
		{name: "a regular expression with a backslash", text: `alerts host=~"web-\d+"`, want: `alerts {host=~"web-\\d+"}`},
		{name: "programmers", text: `alerts severity=="critical"`, want: `alerts {severity="critical"}`},
		{name: "a name that Prometheus would not take", text: `alerts "größe.x"="5" straße=1`, want: `alerts {größe.x="5"} {straße="1"}`},
		{name: "a sentence", text: "alerts with severity=critical?", want: `alerts {severity="critical"}`},
		{name: "a label that is missing", text: `alerts team=""`, want: `alerts {team=""}`},
		{name: "subscribe to all", text: "subscribe to everything", want: "subscribe"},
		{name: "silence what has a comma between", text: "silence a=b,c=d for 1h: disks", want: `silence {a="b"} {c="d"} until 21.11. 11:15 text="disks"`},
		{name: "a label that is named like a filler", text: "alerts all=1", want: `alerts {all="1"}`},
	} {
		t.Run(test.name+": "+test.text, func(t *testing.T) {
			got, err := Parse(Message{Text: test.text, Mentions: test.mentions}, now)
			require.NoError(t, err)
			require.Equal(t, test.want, say(got))
		})
	}
}

const number48hr = "206573" // alert.ShortID of it is 48hr

func TestWhatIsNotUnderstoodGetsAnAnswerThatHelps(t *testing.T) {
	for _, test := range []struct{ name, text, verb, what, example string }{
		{"a slip of the finger", "akc fgq8", command.Ack, "Did you mean ack?", "ack fgq8"},
		{"a letter too few", "silnce fgq8 2h", command.Silence, "Did you mean silence?", `silence fgq8 2h "new disks are coming"`},
		{"a letter too many", "alertss", Alerts, "Did you mean alerts?", `alerts severity="critical"`},
		{"something else", "what is the weather like", "", "The command help lists what I do.", ""},
		{"a severity alone", "critical", Alerts, "by their labels", `alerts severity="critical"`},
		{"a severity where matchers stand", "alerts critical", Alerts, "is no matcher", `alerts severity="critical"`},
		{"a word where matchers stand", "subscribe storage", Subscribe, "“storage” is no matcher", `subscribe team="storage"`},
		{"an id with a letter that ids do not have", "ack fga8", command.Ack, "“fga8” is no id", "ack fgq8"},
		{"an id that is too short", "resolve fq8", command.Resolve, "“fq8” is no id", "resolve fgq8"},
		{"one of two ids", "ack fgq8 fga1", command.Ack, "“fga1” is no id", "ack fgq8"},
		{"no text", "comment fgq8", command.Comment, "no text", `comment fgq8 "fan replaced"`},
		{"empty quotation marks", `comment fgq8 ""`, command.Comment, "no text", `comment fgq8 "fan replaced"`},
		{"nobody", "assign fgq8", command.Assign, "Who", "assign fgq8 me"},
		{"nobody, in an empty message", "assign", command.Assign, "Who", "assign fgq8 me"},
		{"no time", "silence fgq8", command.Silence, "How long", `silence fgq8 2h "new disks are coming"`},
		{"a time that is none", "silence fgq8 soon", command.Silence, "“soon” is no time", `silence fgq8 2h "new disks are coming"`},
		{"until what is no time", "silence fgq8 until the cows come home", command.Silence, "is no time", "silence fgq8 until 14:00"},
		{"an hour that no day has", "silence fgq8 until 25:00", command.Silence, "is no time", "silence fgq8 until 14:00"},
		{"a month that no year has", "silence fgq8 until 2026-13-01", command.Silence, "is no time", "silence fgq8 until 14:00"},
		{"for ever", "silence fgq8 1000d", command.Silence, "90 days", `silence fgq8 2h "new disks are coming"`},
		{"a number that overflows", "silence fgq8 999999w999999w", command.Silence, "90 days", `silence fgq8 2h "new disks are coming"`},
		{"no time at all", "silence fgq8 0m", command.Silence, "from a minute", `silence fgq8 2h "new disks are coming"`},
		{"a date that is over", "silence fgq8 until 2026-11-01", command.Silence, "from a minute", `silence fgq8 2h "new disks are coming"`},
		{"neither an id nor a matcher", "silence disks 2h", command.Silence, "neither", `silence alertname="DiskFull" 2h`},
		{"everything", "silence all 2h", command.Silence, "neither", `silence alertname="DiskFull" 2h`},
		{"a value with a space", "silence alertname=Disk full 2h", command.Silence, "“full”", `silence alertname="Disk full" 2h`},
		{"a label without a name", `alerts ""=1`, Alerts, "is no matcher", `alerts severity="critical"`},
		{"a regular expression that is none", `alerts a=~"("`, Alerts, "is no matcher", `alerts severity="critical"`},
		{"a pattern that would take all memory", "alerts a=~(" + strings.Repeat(".", 300) + "){1000}", Alerts, "too large a pattern", `alerts severity="critical"`},
		{"the same, with escaped quotation marks", `alerts a=~"(\"` + strings.Repeat(".", 300) + `){1000}"`, Alerts, "too large a pattern", `alerts severity="critical"`},
		{"the same, with its braces written as numbers", `alerts a=~"` + strings.Repeat(`.\x7b900\x7d`, 8) + `"`, Alerts, "too large a pattern", `alerts severity="critical"`},
		{"a state that is none", "fgq8 status broken", Status, "“broken”", "fgq8 status resolved"},
		{"no title", "create", Create, "needs a title", `create "Printer on fire" "Second floor, do not enter"`},
		{"an empty title", `create "" "x"`, Create, "needs a title", `create "Printer on fire" "Second floor, do not enter"`},
		{"a title that is too long", "create " + strings.Repeat("x", 151), Create, "too long", `create "Printer on fire" "Second floor, do not enter"`},
		{"a comment that is too long", "comment fgq8 " + strings.Repeat("ü", command.MaxText+1), command.Comment, "too long", `comment fgq8 "fan replaced"`},
		{"a message that is too long", strings.Repeat("x", MaxMessage+1), "", "too long", "help silence"},
		{"what is no subscription", "unsubscribe storage", Unsubscribe, "“storage”", "unsubscribe"},
		{"more ids than anybody reads", "ack " + strings.Join(manyIDs(MaxIDs+1), " "), command.Ack, "20 ids", "ack fgq8"},
		{"more matchers than anybody reads", "alerts " + strings.Repeat("a=b ", MaxMatchers+1), Alerts, "too many", `alerts severity="critical"`},
		{"a matcher that is too long", "alerts a=" + strings.Repeat("x", MaxMatcher), Alerts, "too long", `alerts severity="critical"`},
		{"an id and a word that is no command", "fgq8 ackk", command.Ack, "Did you mean ack?", "ack fgq8"},
		{"an id and a command that takes none", "fgq8 subscriptions", Subscriptions, "is about no alert", "subscriptions"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := Parse(Message{Text: test.text}, now)
			var p *Problem
			require.ErrorAs(t, err, &p, "%+v", c)
			require.Equal(t, test.verb, p.Verb)
			require.Contains(t, p.What, test.what)
			require.Equal(t, test.example, p.Example)
			require.Less(t, len(p.What), 300, "it is read on a phone")
		})
	}
}

func manyIDs(n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("%c%c%c%c", "bcdfghjkmnpqrstvwxz"[i%19], "bcdfgh"[i/19], 'b', '8'))
	}
	return ids
}

// What help shows must work when somebody copies it.
func TestEveryExampleIsUnderstood(t *testing.T) {
	for _, u := range Usages {
		c, err := Parse(Message{Text: u.Example}, now)
		require.NoError(t, err, u.Example)
		require.Equal(t, u.Verb, c.Verb, u.Example)
		require.NotEmpty(t, u.Does)
	}
	for _, text := range []string{"silence fgq8 until 14:00", `silence alertname="Disk full" 2h`, `silence alertname="DiskFull" 2h`, "fgq8 status resolved"} {
		_, err := Parse(Message{Text: text}, now)
		require.NoError(t, err, text)
	}
}

// No word stands for two commands, and none is taken for an id.
func TestEveryWordMeansOneThing(t *testing.T) {
	count := 0
	for _, u := range Usages {
		count += 1 + len(strings.Fields(u.others))
	}
	require.Len(t, verbs, count)
	for word := range verbs {
		require.Equal(t, word, strings.ToLower(word))
	}
}

func TestTheSpansOfTheButtonsAreUnderstood(t *testing.T) {
	for span, want := range map[string]string{"1h": "21.11. 11:15", "4h": "21.11. 14:15", "1d": "22.11. 10:15", "tomorrow": "22.11. 08:00", " 2 hours ": "21.11. 12:15", "until 14:00": "21.11. 14:00"} {
		until, ok := Until(span, now)
		require.True(t, ok, span)
		require.Equal(t, want, until.Format("02.01. 15:04"), span)
	}
	for _, span := range []string{"", "x", "1h and more", "0m", "100d", "1h <b>", strings.Repeat("1h", 200)} {
		_, ok := Until(span, now)
		require.False(t, ok, span)
	}
}

// "Until tomorrow morning" is eight o'clock on the wall, also when the clock is
// changed in between.
func TestTomorrowMorningIsEightOClockAfterTheClockWasChanged(t *testing.T) {
	before := time.Date(2026, 10, 24, 22, 0, 0, 0, now.Location()) // the night has an hour more
	until, ok := Until("tomorrow", before)
	require.True(t, ok)
	require.Equal(t, "25.10. 08:00", until.Format("02.01. 15:04"))
	require.Equal(t, 11*time.Hour, until.Sub(before))
}
