package store

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// Brief is an episode that is not over in a few words: what a list of all that
// fires needs, so that thousands can be chosen from without reading their
// alerts.
type Brief struct {
	ID       int64
	Title    string
	Severity alert.Severity // the worst that fires
	Phase    group.Phase
	// Since is when the first of what fires began, as its source says; of what
	// does not fire any more, when the episode did.
	Since time.Time
	// Summary is what its first firing alert says of itself, up to
	// maxBriefSummary characters; "": nothing.
	Summary string
	Firing  int
	Alerts  int // those that have ended too
	// Destinations are those that it goes to, escalations that were taken and
	// fallbacks too, in this order, each once.
	Destinations []string
	// Who acknowledged it, whose it is, and who silenced it until when; "":
	// nobody.
	AckBy         string
	Owner         string
	SilencedBy    string
	SilencedUntil time.Time
	// Escalated is how many steps of its escalation were taken.
	Escalated int
	Missed    int // who could not be told
}

const maxBriefSummary = 160

// BriefOf is a group in a few words; a store keeps it with the group.
func BriefOf(g *group.Group) Brief {
	b := Brief{
		ID: g.ID, Title: g.Title(), Severity: g.Severity(), Phase: g.Phase,
		Alerts: len(g.Alerts) + g.Forgotten, Missed: len(g.Misses) + g.MoreMisses,
	}
	b.Firing, _, _ = g.Counts()
	for i := range g.Alerts {
		m := &g.Alerts[i]
		if m.State != group.Firing {
			continue
		}
		if b.Since.IsZero() {
			b.Summary = shortened(m.Annotations["summary"])
		}
		if b.Since.IsZero() || !m.StartsAt.IsZero() && m.StartsAt.Before(b.Since) {
			b.Since = m.StartsAt
		}
	}
	if b.Since.IsZero() {
		b.Since = g.OpenedAt
	}
	b.Since = b.Since.UTC().Truncate(time.Second)
	add := func(targets []group.Target) {
		for _, t := range targets {
			if !slices.Contains(b.Destinations, t.Destination) {
				b.Destinations = append(b.Destinations, t.Destination)
			}
		}
	}
	add(g.Spec.Targets)
	for i, at := range g.Escalated {
		if !at.IsZero() && i < len(g.Spec.Escalate) {
			add(g.Spec.Escalate[i].Targets)
			b.Escalated++
		}
	}
	add(g.Fallbacks)
	for _, m := range g.Misses {
		if m.Fallback != "" {
			add([]group.Target{{Destination: m.Fallback}})
		}
	}
	if g.Ack != nil {
		b.AckBy = g.Ack.By.Name
	}
	if g.Owner != nil {
		b.Owner = g.Owner.To.Name
	}
	if g.Silence != nil {
		b.SilencedBy, b.SilencedUntil = g.Silence.By.Name, g.Silence.Until.UTC().Truncate(time.Second)
	}
	return b
}

func shortened(text string) string {
	if len(text) <= maxBriefSummary {
		return text
	}
	if runes := []rune(text); len(runes) > maxBriefSummary {
		return string(runes[:maxBriefSummary-1]) + "…"
	}
	return text
}

// A brief is stored as its fields with a character between them that no text
// has: whoever lists thousands reads thousands, and JSON takes ten times as
// long. Fields are only ever added at the end.
const (
	betweenFields = "\x1f"
	betweenItems  = "\x1e"
)

var without = strings.NewReplacer(betweenFields, " ", betweenItems, " ")

// MarshalText writes all but the ID, which the store keeps beside it.
func (b Brief) MarshalText() ([]byte, error) {
	items := make([]string, len(b.Destinations))
	for i, d := range b.Destinations {
		items[i] = without.Replace(d)
	}
	return []byte(strings.Join([]string{
		without.Replace(b.Title), strconv.Itoa(int(b.Severity)), string(b.Phase), seconds(b.Since), without.Replace(b.Summary),
		strconv.Itoa(b.Firing), strconv.Itoa(b.Alerts), strings.Join(items, betweenItems),
		without.Replace(b.AckBy), without.Replace(b.Owner), without.Replace(b.SilencedBy), seconds(b.SilencedUntil),
		strconv.Itoa(b.Escalated), strconv.Itoa(b.Missed),
	}, betweenFields)), nil
}

// UnmarshalText reads what MarshalText wrote, now or before there were more
// fields. The ID stays.
func (b *Brief) UnmarshalText(text []byte) error {
	rest, more := string(text), true
	var err error
	next := func() (field string) {
		if more {
			field, rest, more = strings.Cut(rest, betweenFields)
		}
		return field
	}
	number := func() int64 {
		field := next()
		if field == "" {
			return 0
		}
		n, wrong := strconv.ParseInt(field, 10, 64)
		err = errors.Join(err, wrong)
		return n
	}
	moment := func() time.Time {
		if n := number(); n != 0 {
			return time.Unix(n, 0).UTC()
		}
		return time.Time{}
	}
	*b = Brief{ID: b.ID, Title: next(), Severity: alert.Severity(number()), Phase: group.Phase(next()), Since: moment(), Summary: next(), Firing: int(number()), Alerts: int(number())}
	if items := next(); items != "" {
		b.Destinations = strings.Split(items, betweenItems)
	}
	b.AckBy, b.Owner, b.SilencedBy, b.SilencedUntil = next(), next(), next(), moment()
	b.Escalated, b.Missed = int(number()), int(number())
	return err
}

// seconds is a time as it is stored, "" for a zero one.
func seconds(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.Unix(), 10)
}
