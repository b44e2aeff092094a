package group

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// told is an event of a story about a ticket, and what people must be told.
type told struct {
	at       float64 // minutes
	status   alert.Status
	severity string // "" warning
	state    string // a label
	words    string // an annotation
	deed     Change
	text     string
	id       uint64
	tick     bool // no event, only time
	muted    bool

	change  Change
	loud    bool
	message bool
	phase   Phase
	next    float64 // minutes; 0: never
}

func playEvents(t *testing.T, expires time.Duration, story []told) Group {
	t.Helper()
	g := Group{Key: "key", Origin: "origin"}
	spec := Spec{Source: "jira", Ready: true, Targets: []Target{{Destination: "ops"}}}
	for i, f := range story {
		step := fmt.Sprintf("step %d, minute %v", i, f.at)
		now := minute(f.at)
		if !f.tick {
			if f.severity == "" {
				f.severity = "warning"
			}
			before := g
			next, changed := Receive(g, Received{
				Spec: spec,
				Alerts: []alert.Alert{{
					Fingerprint: 7, Status: f.status, StartsAt: now,
					Labels:      map[string]string{"ticket": "OPS-1", "severity": f.severity, "status": f.state},
					Annotations: map[string]string{"summary": f.words},
				}},
				Event: &Event{Deed: f.deed, Who: "Alice", Text: f.text, ID: f.id, Expires: expires},
			}, now)
			if !changed {
				require.Equal(t, before, next, "%s: what is not worth remembering changed the group", step)
			}
			g = next
		}
		var due []Due
		g, due = Advance(g, Tick{Muted: f.muted}, now)
		want := []Due{}
		if f.change != Nothing {
			want = append(want, Due{Target: spec.Targets[0], Change: f.change, Loud: f.loud, Message: f.message, Call: f.loud || f.change == Commented})
		}
		require.ElementsMatch(t, want, due, step)
		require.Equal(t, f.phase, g.Phase, step)
		next := time.Time{}
		if f.next != 0 {
			next = minute(f.next)
		}
		require.Equal(t, next, g.DueAt, "%s: the next tick", step)
	}
	return g
}

func TestStoriesOfEvents(t *testing.T) {
	const day = 24 * 60
	for name, c := range map[string]struct {
		expires time.Duration
		story   []told
	}{
		"a ticket from its creation to its end": {story: []told{
			{at: 0, status: alert.Firing, state: "open", change: FirstFiring, loud: true, message: true, phase: Open},
			{at: 1, status: alert.Firing, state: "open", deed: Assigned, change: Assigned, loud: true, message: true, phase: Open},
			{at: 2, status: alert.Firing, state: "open", deed: Commented, text: "on it", change: Commented, message: true, phase: Open},
			{at: 3, status: alert.Firing, state: "in progress", change: Updated, message: true, phase: Open},
			{at: 4, status: alert.Firing, state: "in progress", words: "Disk is full", change: Reworded, phase: Open},
			{at: 5, status: alert.Firing, state: "in progress", words: "Disk is full", severity: "critical", change: SeverityRises, loud: true, message: true, phase: Open},
			{at: 6, status: alert.Resolved, state: "done", change: AllResolved, message: true, phase: Over},
		}},
		"the same event again says nothing": {story: []told{
			{at: 0, status: alert.Firing, change: FirstFiring, loud: true, message: true, phase: Open},
			{at: 1, status: alert.Firing, phase: Open},
			{at: 2, status: alert.Firing, deed: Commented, text: "on it", id: 5, change: Commented, message: true, phase: Open},
			{at: 3, status: alert.Firing, deed: Commented, text: "on it", id: 5, phase: Open},
			{at: 4, status: alert.Resolved, change: AllResolved, message: true, phase: Over},
			{at: 5, status: alert.Resolved, phase: Over},
			{at: 6, status: alert.Firing, deed: Commented, text: "on it", id: 5, phase: Over},
		}},
		"a service that stops, starts and stops is told three times": {story: []told{
			{at: 0, status: alert.Firing, change: FirstFiring, loud: true, message: true, phase: Open},
			{at: 0.01, status: alert.Resolved, change: AllResolved, message: true, phase: Over},
			{at: 0.02, status: alert.Firing, change: FirstFiring, loud: true, message: true, phase: Open},
		}},
		"a start whose stop was never seen is told": {story: []told{
			{at: 0, status: alert.Resolved, change: AllResolved, message: true, phase: Over},
			{at: 1, status: alert.Resolved, phase: Over},
		}},
		"a comment on a ticket that is closed is told": {story: []told{
			{at: 0, status: alert.Firing, change: FirstFiring, loud: true, message: true, phase: Open},
			{at: 1, status: alert.Resolved, change: AllResolved, message: true, phase: Over},
			{at: 2, status: alert.Resolved, deed: Commented, text: "thanks", id: 9, change: Commented, message: true, phase: Over},
			{at: 3, status: alert.Resolved, deed: Commented, text: "thanks", id: 9, phase: Over},
			{at: 4, status: alert.Resolved, deed: Assigned, id: 10, change: Assigned, loud: true, message: true, phase: Over},
			{at: 5, tick: true, phase: Over},
			{at: 6, status: alert.Firing, change: FirstFiring, loud: true, message: true, phase: Open},
		}},
		"a comment is the first that is heard of a ticket that is closed": {story: []told{
			{at: 0, status: alert.Resolved, deed: Commented, text: "thanks", change: Commented, message: true, phase: Over},
			{at: 1, status: alert.Resolved, phase: Over},
			{at: 2, status: alert.Resolved, deed: Commented, text: "bye", change: Commented, message: true, phase: Over},
		}},
		"a comment on a story that was given up is a comment": {expires: 24 * time.Hour, story: []told{
			{at: 0, status: alert.Firing, change: FirstFiring, loud: true, message: true, phase: Open, next: day},
			{at: day, tick: true, change: Vanishes, phase: Unheard},
			{at: day + 1, status: alert.Firing, deed: Commented, text: "still there?", change: Commented, message: true, phase: Open, next: 2*day + 1},
			{at: day + 2, status: alert.Resolved, change: AllResolved, message: true, phase: Over},
		}},
		"a severity that rose and fell while the route was muted must wake nobody": {story: []told{
			{at: 0, status: alert.Firing, change: FirstFiring, loud: true, message: true, phase: Open},
			{at: 1, status: alert.Firing, severity: "critical", muted: true, phase: Open, next: 2},
			{at: 1.5, status: alert.Firing, severity: "info", muted: true, phase: Open, next: 2.5},
			{at: 3, status: alert.Firing, change: Updated, message: true, phase: Open},
			{at: 4, status: alert.Firing, severity: "critical", change: SeverityRises, loud: true, message: true, phase: Open},
		}},
		"a comment is the first that is heard of a ticket": {story: []told{
			{at: 0, status: alert.Firing, deed: Commented, text: "hm", change: FirstFiring, loud: true, message: true, phase: Open},
		}},
		"what happens while the route is muted is told as the most important of it": {story: []told{
			{at: 0, status: alert.Firing, change: FirstFiring, loud: true, message: true, phase: Open},
			{at: 1, status: alert.Firing, deed: Commented, text: "1", muted: true, phase: Open, next: 2},
			{at: 1.5, status: alert.Firing, deed: Assigned, muted: true, phase: Open, next: 2.5},
			{at: 1.7, status: alert.Firing, deed: Commented, text: "2", muted: true, phase: Open, next: 2.7},
			{at: 3, tick: true, change: Assigned, loud: true, message: true, phase: Open},
		}},
		"a story without news is given up quietly, and goes on with the next": {expires: 24 * time.Hour, story: []told{
			{at: 0, status: alert.Firing, change: FirstFiring, loud: true, message: true, phase: Open, next: day},
			{at: 10, status: alert.Firing, phase: Open, next: day},
			{at: day - 1, tick: true, phase: Open, next: day},
			{at: day, tick: true, change: Vanishes, phase: Unheard},
			{at: day + 60, status: alert.Resolved, change: AllResolved, message: true, phase: Over},
		}},
		"a source that says the same again and again keeps its story open": {expires: 24 * time.Hour, story: []told{
			{at: 0, status: alert.Firing, change: FirstFiring, loud: true, message: true, phase: Open, next: day},
			{at: day - 60, status: alert.Firing, phase: Open, next: 2*day - 60},
			{at: 2*day - 61, tick: true, phase: Open, next: 2*day - 60},
		}},
	} {
		t.Run(name, func(t *testing.T) { playEvents(t, c.expires, c.story) })
	}
}

// TestAReminderIsOneThoughItsWordsHaveChanged is Grafana, whose annotations
// hold the value: without it nobody would hear again of what goes on for days.
func TestAReminderIsOneThoughItsWordsHaveChanged(t *testing.T) {
	var g Group
	spec := Spec{Source: "grafana", Ready: true, Targets: []Target{{Destination: "ops"}}}
	var changes []Change
	for i, at := range []float64{0, 1, 5, 240, 241, 480} {
		a := named("a", alert.Firing, minute(0))
		a.Annotations = map[string]string{"summary": fmt.Sprintf("CPU is at %d %%", 90+i)}
		g, _ = Receive(g, Received{Spec: spec, Alerts: []alert.Alert{a}, Snapshot: true, Repeats: true, Event: &Event{}}, minute(at))
		var due []Due
		g, due = Advance(g, Tick{}, minute(at))
		for _, d := range due {
			changes = append(changes, d.Change)
		}
	}
	require.Equal(t, []Change{FirstFiring, Reworded, Reworded, Reminds, Reworded, Reminds}, changes)
	require.Contains(t, g.Alerts[0].Annotations["summary"], "95", "the card says what is so now")
}

func TestAStoryRemembersWhoDidWhatAndWhenItBegan(t *testing.T) {
	g := playEvents(t, 0, []told{
		{at: 0, status: alert.Firing, change: FirstFiring, loud: true, message: true, phase: Open},
		{at: 1, status: alert.Firing, deed: Assigned, change: Assigned, loud: true, message: true, phase: Open},
		{at: 2, status: alert.Firing, deed: Commented, text: "on it", change: Commented, message: true, phase: Open},
		{at: 3, status: alert.Resolved, change: AllResolved, message: true, phase: Over},
	})
	require.Equal(t, []History{
		{At: minute(0), Change: FirstFiring, Count: 1, Who: "Alice", Told: 1},
		{At: minute(1), Change: Assigned, Count: 1, Who: "Alice", Rev: 2, Told: 2},
		{At: minute(2), Change: Commented, Count: 1, Who: "Alice", Text: "on it", Rev: 3, Told: 3},
		{At: minute(3), Change: AllResolved, Count: 1, Who: "Alice", Told: 4},
	}, g.History)
	require.Equal(t, minute(0), g.Alerts[0].StartsAt, "the card would say that the ticket is as old as its last event")
}

func TestALongStoryStaysSmall(t *testing.T) {
	story := []told{{at: 0, status: alert.Firing, change: FirstFiring, loud: true, message: true, phase: Open}}
	for i := range 300 {
		story = append(story, told{
			at: float64(i + 1), status: alert.Firing, deed: Commented, text: strings.Repeat("é", 5000), id: uint64(i + 1),
			change: Commented, message: true, phase: Open,
		})
	}
	g := playEvents(t, 0, story)
	require.LessOrEqual(t, len(g.History), maxHistory)
	require.LessOrEqual(t, len(g.Events), maxEvents)
	texts := 0
	for _, h := range g.History {
		require.LessOrEqual(t, len([]rune(h.Text)), maxDeedRunes)
		if h.Text != "" {
			texts++
		}
	}
	require.Equal(t, maxDeedTexts, texts, "people would miss words, or the row of the group would grow")
}
