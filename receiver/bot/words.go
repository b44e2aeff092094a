package bot

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/bot/typed"
	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// How much of what others wrote stands in an answer, in characters.
const (
	maxName    = 60
	maxComment = 120
	maxReason  = 300
)

// md is what somebody else wrote, as Markdown that shows it and nothing else,
// on one line.
func md(text string) string { return card.EscapeMarkdown(oneLine(text)) }

// oneLine is a text without line breaks and without space around it.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// shorten cuts a text to at most most characters.
func shorten(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

// code is a text as code. It holds no backtick: ours, or cut out. Behind "<"
// stands an invisible word joiner, because Teams looks for mentions everywhere.
func code(text string) string {
	return "`" + strings.NewReplacer("`", "'", "<", "<\u2060").Replace(oneLine(text)) + "`"
}

// idOf is an id as it stands in an answer.
func idOf(n int64) string { return "**" + alert.ShortID(n) + "**" }

// paragraphs puts lines below each other: on phones Teams shows no lists, and
// a single line break nowhere (teams-platform §2.9, §7.4).
func paragraphs(lines ...string) string { return strings.Join(lines, "\n\n") }

// when is a time on the readers' clock: "12:15" today, "22 Nov 08:00" on
// another day, with the zone.
func (b *Bot) when(at time.Time) string {
	now := b.clock()
	at = at.In(now.Location())
	zone := at.Format("MST")
	if zone[0] == '+' || zone[0] == '-' { // it has no name
		zone = "UTC" + zone
	}
	switch {
	case at.Year() != now.Year():
		return at.Format("2 Jan 2006 15:04 ") + zone
	case at.YearDay() != now.YearDay():
		return at.Format("2 Jan 15:04 ") + zone
	}
	return at.Format("15:04 ") + zone
}

// counted is a number of things: "1 alert", "2 alerts".
func counted(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + one + "s"
}

// named is an alert in a few words: its id and what it is about.
func named(g *group.Group) string { return idOf(g.ID) + " " + md(shorten(g.Title(), 100)) }

// line is an alert in one line of a list.
func (b *Bot) line(g *group.Group) string {
	parts := []string{named(g)}
	state := severityWord(g)
	switch {
	case g.Closed != nil || g.Phase == group.Over:
		state = "resolved"
	case g.Phase == group.Unheard:
		state = strings.TrimPrefix(state+", no news", ", ")
	}
	if state != "" {
		parts = append(parts, md(state))
	}
	if firing, _, _ := g.Counts(); firing > 1 {
		parts = append(parts, strconv.Itoa(firing)+" firing")
	}
	parts = append(parts, "since "+b.when(g.OpenedAt))
	if g.Silence != nil {
		parts = append(parts, "silenced until "+b.when(g.Silence.Until)+" by "+name(g.Silence.By))
	}
	if g.Ack != nil {
		parts = append(parts, "acknowledged by "+name(g.Ack.By))
	}
	if g.Owner != nil {
		parts = append(parts, "assigned to "+name(g.Owner.To))
	}
	return strings.Join(parts, " · ")
}

// severityWord is the word of the worst alert that fires, as its source wrote
// it.
func severityWord(g *group.Group) string {
	worst := g.Severity()
	for i := range g.Alerts {
		if g.Alerts[i].Severity() == worst {
			return shorten(g.Alerts[i].Labels[alert.SeverityLabel], 24)
		}
	}
	return ""
}

func name(p group.Person) string { return md(shorten(p.Name, maxName)) }

// silenceLine is a silence in one line of a list.
func (b *Bot) silenceLine(s *store.Silence, about string) string {
	parts := []string{idOf(s.ID) + " " + about}
	switch s.State {
	case store.SilenceRequested:
		words := "asked of Alertmanager, not silent yet"
		if s.Reason != "" {
			words += ": " + md(shorten(s.Reason, maxReason))
		}
		parts = append(parts, words)
	case store.SilenceEnding:
		parts = append(parts, "ending")
	}
	parts = append(parts, "until "+b.when(s.EndsAt), "by "+name(s.By))
	if s.Comment != "" {
		parts = append(parts, "“"+md(shorten(s.Comment, maxComment))+"”")
	}
	return strings.Join(parts, " · ")
}

// listed cuts a list after most lines and says how many more there are.
func cutList(lines []string, most int, more int) []string {
	if len(lines) > most {
		more += len(lines) - most
		lines = lines[:most]
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return lines
}

// matcherWords are matchers as people read and type them.
func matcherWords(matchers []string) string {
	if len(matchers) == 0 {
		return "everything"
	}
	return code(shorten(strings.Join(matchers, " "), maxReason))
}

// helpGroups are the commands that help shows together.
var helpGroups = []struct {
	title string
	first string // the verb that a group begins with
}{
	{"Look", typed.Help}, {"Act", "ack"}, {"Silence", "silence"}, {"More alerts", typed.Create},
}

// helpWords is what help says about everything.
func helpWords(alone bool) string {
	var lines []string
	for _, u := range typed.Usages {
		for _, g := range helpGroups {
			if g.first == u.Verb {
				lines = append(lines, "**"+g.title+"**")
			}
		}
		lines = append(lines, code(u.Usage)+" "+u.Does)
	}
	end := "ID stands in the last line of every card. Under a card it can be left out. For example: " + code(`silence fgq8 until tomorrow "new disks"`) + ", " + code(`alerts severity="critical"`) + "."
	if !alone {
		end = "Mention me first. " + end
	}
	return paragraphs(append(lines, end)...)
}

// helpAbout is what help says about one command.
func helpAbout(verb string) string {
	for _, u := range typed.Usages {
		if u.Verb == verb {
			return paragraphs(code(u.Usage)+" "+u.Does+".", "For example: "+code(u.Example))
		}
	}
	return ""
}

// Greeting is what the bot says where it was just installed.
func Greeting(c store.Conversation) string {
	if c.Kind == store.Personal {
		return paragraphs("Hello! I bring alerts here, and do something about them when you ask: on the card, or in words.",
			"Write "+code("help")+" for what I understand, or "+code("subscribe")+" to get alerts here.")
	}
	return paragraphs("Hello! I bring alerts here. Everybody here can answer them on the card, or in words that mention me.",
		"Mention me with "+code("help")+" for what I understand.")
}
