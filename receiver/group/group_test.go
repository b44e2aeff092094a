package group

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// minute turns a time of the stories below, in minutes, into one.
func minute(m float64) time.Time {
	return time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC).Add(time.Duration(m * float64(time.Minute)))
}

// named makes an alert: "a" fires as a warning, "A" as a critical one.
func named(name string, status alert.Status, starts time.Time) alert.Alert {
	labels := map[string]string{"alertname": "Test", "name": name, "severity": "warning"}
	if name[0] >= 'A' && name[0] <= 'Z' {
		labels["severity"] = "critical"
	}
	return alert.Alert{Fingerprint: alert.FingerprintOf(labels), Status: status, Labels: labels, StartsAt: starts}
}

// fact is one step of a story: news in the order firing, resolved, and then
// the tick that the group asked for, should its time have come.
type fact struct {
	at       float64 // minutes
	firing   string  // names of alerts that fire, a letter each
	resolved string
	repeats  bool // the sender says that it repeats itself, or nothing
	cut      int  // alerts that the sender left out
	tick     bool // no news, only time
	muted    bool
	inhibit  string // names of alerts that are inhibited

	told  Change // what is told; "" nothing
	quiet bool   // the telling is not loud
	phase Phase
	next  float64 // when the group wants its next tick, in minutes; 0: never
}

func play(t *testing.T, spec Spec, story []fact) Group {
	t.Helper()
	g := Group{Key: "key", Origin: "origin"}
	for i, f := range story {
		step := fmt.Sprintf("step %d, minute %v", i, f.at)
		now := minute(f.at)
		if !f.tick {
			r := Received{Spec: spec, Snapshot: spec.Ready, Repeats: f.repeats, Truncated: f.cut}
			for _, name := range f.firing {
				r.Alerts = append(r.Alerts, named(string(name), alert.Firing, minute(0)))
			}
			for _, name := range f.resolved {
				a := named(string(name), alert.Resolved, minute(0))
				a.EndsAt = now
				r.Alerts = append(r.Alerts, a)
			}
			before := g
			next, changed := Receive(g, r, now)
			if !changed {
				require.Equal(t, before, next, "%s: what is not worth remembering changed the group", step)
			}
			g = next
		}
		inhibited := func(a *alert.Alert) bool {
			for _, name := range f.inhibit {
				if a.Labels["name"] == string(name) {
					return true
				}
			}
			return false
		}
		var due []Due
		g, due = Advance(g, Tick{Muted: f.muted, Inhibited: inhibited}, now)
		if f.told == Nothing {
			require.Empty(t, due, step)
		} else {
			require.Len(t, due, len(spec.Targets), "%s: everybody is told", step)
			for _, d := range due {
				require.Equal(t, f.told, d.Change, step)
				require.Equal(t, !f.quiet, d.Loud, "%s: loud", step)
			}
		}
		require.Equal(t, f.phase, g.Phase, "%s: phase", step)
		if f.next == 0 {
			require.True(t, g.DueAt.IsZero(), "%s: wants a tick at %v", step, g.DueAt)
		} else {
			require.Equal(t, minute(f.next), g.DueAt, "%s: next tick", step)
		}
	}
	return g
}

var targets = []Target{{Destination: "ops", Card: "alert"}, {Destination: "sre", Card: "alert"}}

// ours is a group that we make ourselves: half a minute of group_wait, 5
// minutes of group_interval, 60 of repeat_interval.
var ours = Spec{Route: "{}", Source: "api", Targets: targets,
	Timing: Timing{Wait: 30 * time.Second, Interval: 5 * time.Minute, Repeat: time.Hour}}

// theirs is a group that Alertmanager made.
var theirs = Spec{Route: "{}", Source: "alertmanager", Ready: true, Targets: targets}

func TestAlertmanagersGroupIsToldAtOnceAndOnlyWhenSomethingChanged(t *testing.T) {
	for name, story := range map[string][]fact{
		"firing and its end are one message each": {
			{at: 1, firing: "a", told: FirstFiring, phase: Open},
			{at: 2, resolved: "a", told: AllResolved, quiet: true, phase: Over},
		},
		"the other of two Alertmanagers is not told twice": {
			{at: 1, firing: "a", repeats: true, told: FirstFiring, phase: Open},
			{at: 1.2, firing: "a", repeats: true, phase: Open},
			{at: 9, resolved: "a", told: AllResolved, quiet: true, phase: Over},
			{at: 9.2, resolved: "a", phase: Over},
			{at: 600, resolved: "a", phase: Over},
		},
		"a repetition after more than ten minutes reminds, sooner it does not": {
			{at: 1, firing: "a", told: FirstFiring, phase: Open},
			{at: 11, firing: "a", repeats: true, phase: Open},
			{at: 11.5, firing: "a", repeats: true, told: Reminds, phase: Open},
			{at: 12, firing: "a", repeats: true, phase: Open},
		},
		"a body that says it is not a repetition is no reminder": {
			{at: 1, firing: "a", told: FirstFiring, phase: Open},
			{at: 100, firing: "a", phase: Open},
		},
		"alerts that join a warning are quiet, a critical one is loud, and so are those that join it": {
			{at: 1, firing: "a", told: FirstFiring, phase: Open},
			{at: 2, firing: "ab", told: Joins, quiet: true, phase: Open},
			{at: 3, firing: "abC", told: SeverityRises, phase: Open},
			{at: 4, firing: "abCd", told: JoinsCritical, phase: Open},
			{at: 5, firing: "abd", resolved: "C", told: PartlyResolved, quiet: true, phase: Open},
			{at: 6, firing: "abCd", told: SeverityRises, phase: Open},
		},
		"a critical alert that makes room for a milder one wakes nobody a second time": {
			{at: 1, firing: "C", told: FirstFiring, phase: Open},
			{at: 2, firing: "a", resolved: "C", told: SeverityFalls, quiet: true, phase: Open},
			{at: 3, firing: "C", resolved: "a", told: SeverityRises, phase: Open},
		},
		"an alert that is not mentioned is unseen, not resolved, and its return is quiet": {
			{at: 1, firing: "ab", told: FirstFiring, phase: Open},
			{at: 2, firing: "a", told: Vanishes, quiet: true, phase: Open},
			{at: 3, firing: "ab", told: Joins, quiet: true, phase: Open},
		},
		"nothing is unseen when the sender left alerts out": {
			{at: 1, firing: "ab", told: FirstFiring, phase: Open},
			{at: 2, firing: "a", cut: 1, phase: Open},
		},
		"the last firing alert's end is told though others are unseen, and the episode goes on": {
			{at: 1, firing: "ab", told: FirstFiring, phase: Open},
			{at: 2, firing: "a", told: Vanishes, quiet: true, phase: Open},
			{at: 3, resolved: "a", told: AllResolved, quiet: true, phase: Unheard},
			{at: 4, firing: "b", told: FiresAgain, phase: Open},
			{at: 5, resolved: "b", told: AllResolved, quiet: true, phase: Over},
		},
		"the end of something unseen is heard": {
			{at: 1, firing: "ab", told: FirstFiring, phase: Open},
			{at: 2, firing: "a", told: Vanishes, quiet: true, phase: Open},
			{at: 3, resolved: "a", told: AllResolved, quiet: true, phase: Unheard},
			{at: 4, resolved: "b", told: AllResolved, quiet: true, phase: Over},
		},
		"an end that comes without its beginning is told": {
			{at: 1, resolved: "a", told: AllResolved, quiet: true, phase: Over},
			{at: 2, resolved: "a", phase: Over},
		},
		"firing again is a new episode, told like the first": {
			{at: 1, firing: "a", told: FirstFiring, phase: Open},
			{at: 2, resolved: "a", told: AllResolved, quiet: true, phase: Over},
			{at: 2.1, firing: "a", told: FirstFiring, phase: Open},
		},
		"while the route is muted nothing is told, and afterwards what is still so": {
			{at: 1, firing: "a", muted: true, phase: Gathering, next: 2},
			{at: 2, tick: true, muted: true, phase: Gathering, next: 3},
			{at: 3, tick: true, told: FirstFiring, phase: Open},
		},
		"what came and went while the route was muted is nobody's business": {
			{at: 1, firing: "a", muted: true, phase: Gathering, next: 2},
			{at: 1.5, resolved: "a", muted: true, phase: Over},
		},
		"an end during a mute is told after it, if the beginning was told": {
			{at: 1, firing: "a", told: FirstFiring, phase: Open},
			{at: 2, resolved: "a", muted: true, phase: Over, next: 3},
			{at: 3, tick: true, told: AllResolved, quiet: true, phase: Over},
		},
		"what fires again before the mute lets its end through goes on, and people hear of both": {
			{at: 1, firing: "a", told: FirstFiring, phase: Open},
			{at: 2, resolved: "a", muted: true, phase: Over, next: 3},
			{at: 2.5, firing: "a", muted: true, phase: Open, next: 3.5},
			{at: 3.5, tick: true, told: FiresAgain, phase: Open},
			{at: 9, resolved: "a", told: AllResolved, quiet: true, phase: Over},
		},
		"a reminder that was muted is not waited for when nothing fires any more": {
			{at: 1, firing: "ab", told: FirstFiring, phase: Open},
			{at: 2, firing: "a", told: Vanishes, quiet: true, phase: Open},
			{at: 3, resolved: "a", told: AllResolved, quiet: true, phase: Unheard},
			{at: 4, firing: "c", muted: true, phase: Open, next: 5},
			{at: 20, firing: "c", repeats: true, muted: true, phase: Open, next: 21},
			{at: 20.5, resolved: "c", muted: true, phase: Unheard},
		},
		"an alert that is twice in a body is there once": {
			{at: 1, firing: "aa", told: FirstFiring, phase: Open},
			{at: 2, resolved: "a", told: AllResolved, quiet: true, phase: Over},
		},
	} {
		t.Run(name, func(t *testing.T) { play(t, theirs, story) })
	}
}

func TestOurGroupKeepsAlertmanagersTiming(t *testing.T) {
	for name, story := range map[string][]fact{
		"the first telling waits for group_wait and takes along what came meanwhile": {
			{at: 0, firing: "a", phase: Gathering, next: 0.5},
			{at: 0.3, firing: "b", phase: Gathering, next: 0.5},
			{at: 0.4, tick: true, phase: Gathering, next: 0.5},
			{at: 0.5, tick: true, told: FirstFiring, phase: Open, next: 60.5},
		},
		"what joins waits for the next whole group_interval": {
			{at: 0, firing: "a", phase: Gathering, next: 0.5},
			{at: 0.5, tick: true, told: FirstFiring, phase: Open, next: 60.5},
			{at: 7, firing: "B", phase: Open, next: 10.5},
			{at: 10.5, tick: true, told: SeverityRises, phase: Open, next: 70.5},
		},
		"the end of everything is told at once": {
			{at: 0, firing: "ab", phase: Gathering, next: 0.5},
			{at: 0.5, tick: true, told: FirstFiring, phase: Open, next: 60.5},
			{at: 1, resolved: "a", phase: Open, next: 5.5},
			{at: 2, resolved: "b", told: AllResolved, quiet: true, phase: Over},
		},
		"what stops and starts within group_wait is told": {
			{at: 0, firing: "a", phase: Gathering, next: 0.5},
			{at: 0.2, resolved: "a", told: AllResolved, quiet: true, phase: Over},
		},
		"firing again within group_interval waits for the rest of it": {
			{at: 0, firing: "a", phase: Gathering, next: 0.5},
			{at: 0.5, tick: true, told: FirstFiring, phase: Open, next: 60.5},
			{at: 2, resolved: "a", told: AllResolved, quiet: true, phase: Over},
			{at: 3, firing: "a", phase: Gathering, next: 7},
			{at: 7, tick: true, told: FirstFiring, phase: Open, next: 67},
		},
		"firing again later waits for group_wait only": {
			{at: 0, firing: "a", phase: Gathering, next: 0.5},
			{at: 0.5, tick: true, told: FirstFiring, phase: Open, next: 60.5},
			{at: 2, resolved: "a", told: AllResolved, quiet: true, phase: Over},
			{at: 20, firing: "a", phase: Gathering, next: 20.5},
		},
		"an alert that ends and fires again between two tellings is no news": {
			{at: 0, firing: "ab", phase: Gathering, next: 0.5},
			{at: 0.5, tick: true, told: FirstFiring, phase: Open, next: 60.5},
			{at: 1, resolved: "a", phase: Open, next: 5.5},
			{at: 2, firing: "a", phase: Open, next: 60.5},
		},
		"repeat_interval reminds, and again": {
			{at: 0, firing: "a", phase: Gathering, next: 0.5},
			{at: 0.5, tick: true, told: FirstFiring, phase: Open, next: 60.5},
			{at: 60.5, tick: true, told: Reminds, phase: Open, next: 120.5},
			{at: 120.5, tick: true, told: Reminds, phase: Open, next: 180.5},
		},
		"an end that nobody waits for changes nothing": {
			{at: 0, resolved: "a"},
		},
		"an inhibited alert is not told, and is when it is not inhibited any more": {
			{at: 0, firing: "a", phase: Gathering, next: 0.5},
			{at: 0.5, tick: true, inhibit: "a", phase: Gathering, next: 5.5},
			{at: 5.5, tick: true, inhibit: "a", phase: Gathering, next: 10.5},
			{at: 10.5, tick: true, told: FirstFiring, phase: Open, next: 70.5},
		},
		"what came and went while inhibited is not told": {
			{at: 0, firing: "a", inhibit: "a", phase: Gathering, next: 0.5},
			{at: 0.2, resolved: "a", inhibit: "a", phase: Over},
		},
		"an alert that is inhibited beside others is told as soon as it is not inhibited any more": {
			{at: 0, firing: "ab", phase: Gathering, next: 0.5},
			{at: 0.5, tick: true, inhibit: "b", told: FirstFiring, phase: Open, next: 5.5},
			{at: 5.5, tick: true, inhibit: "b", phase: Open, next: 10.5},
			{at: 10.5, tick: true, told: Joins, quiet: true, phase: Open, next: 60.5},
		},
		"the end of what was told is told though it was inhibited later": {
			{at: 0, firing: "a", phase: Gathering, next: 0.5},
			{at: 0.5, tick: true, told: FirstFiring, phase: Open, next: 60.5},
			{at: 60.5, tick: true, inhibit: "a", phase: Open, next: 65.5},
			{at: 61, resolved: "a", inhibit: "a", told: AllResolved, quiet: true, phase: Over},
		},
		"the end comes as an end though the last alerts were inhibited": {
			{at: 0, firing: "ab", phase: Gathering, next: 0.5},
			{at: 0.5, tick: true, inhibit: "b", told: FirstFiring, phase: Open, next: 5.5},
			{at: 1, resolved: "a", inhibit: "b", phase: Open, next: 5.5},
			{at: 5.5, tick: true, inhibit: "b", told: PartlyResolved, quiet: true, phase: Open, next: 10.5},
			{at: 6, resolved: "b", inhibit: "b", told: AllResolved, quiet: true, phase: Over},
		},
		"an alert that fires and ends in one body is told to be over": {
			{at: 0, firing: "a", resolved: "a", told: AllResolved, quiet: true, phase: Over},
		},
		"muting holds back until the next group_interval after it": {
			{at: 0, firing: "a", phase: Gathering, next: 0.5},
			{at: 0.5, tick: true, muted: true, phase: Gathering, next: 5.5},
			{at: 5.5, tick: true, told: FirstFiring, phase: Open, next: 65.5},
		},
	} {
		t.Run(name, func(t *testing.T) { play(t, ours, story) })
	}
}

func TestAClockThatIsSetBackIsNotWaitedFor(t *testing.T) {
	g, _ := Receive(Group{Key: "key"}, Received{Spec: ours, Alerts: []alert.Alert{named("a", alert.Firing, minute(0))}}, minute(0))
	const day = -24 * 60
	g.DueAt = minute(day + 0.5) // as the store moves it
	g, _ = Receive(g, Received{Spec: ours, Alerts: []alert.Alert{named("b", alert.Firing, minute(0))}}, minute(day+0.1))
	require.Equal(t, minute(day+0.6), g.DueAt, "who joins must not hold the first telling back for a day")
	g, due := Advance(g, Tick{}, minute(day+1))
	require.NotEmpty(t, due)

	g, _ = Receive(g, Received{Spec: ours, Alerts: []alert.Alert{named("C", alert.Firing, minute(0))}}, minute(2*day))
	require.Equal(t, minute(2*day+5), g.DueAt, "what joins is told a group_interval later")
}

func TestTheRouteCanMakeTheEndLoud(t *testing.T) {
	spec := theirs
	spec.LoudResolve = true
	play(t, spec, []fact{
		{at: 1, firing: "a", told: FirstFiring, phase: Open},
		{at: 2, resolved: "a", told: AllResolved, phase: Over},
	})
}

func TestWhereACardCannotBeEditedOnlyLoudChangesAndTheEndAreMessages(t *testing.T) {
	for change, want := range map[Change]bool{
		FirstFiring: true, FiresAgain: true, SeverityRises: true, JoinsCritical: true, Reminds: true, AllResolved: true,
		SeverityFalls: false, Joins: false, PartlyResolved: false, Vanishes: false,
	} {
		require.Equal(t, want, change.Message(), "%s", change)
	}
}

// TestWhatJoinsQuietlyIsShownByTheNextReminder: over a webhook it was in no
// message, and quiet changes that go on must not put the reminder off for ever.
func TestWhatJoinsQuietlyIsShownByTheNextReminder(t *testing.T) {
	play(t, ours, []fact{
		{at: 0, firing: "a", phase: Gathering, next: 0.5},
		{at: 0.5, tick: true, told: FirstFiring, phase: Open, next: 60.5},
		{at: 20, firing: "b", phase: Open, next: 20.5},
		{at: 20.5, tick: true, told: Joins, quiet: true, phase: Open, next: 60.5},
		{at: 50, firing: "c", phase: Open, next: 50.5},
		{at: 50.5, tick: true, told: Joins, quiet: true, phase: Open, next: 60.5},
		{at: 60.5, tick: true, told: Reminds, phase: Open, next: 120.5},
	})
}

func TestALongEpisodeStaysSmall(t *testing.T) {
	g := Group{Key: "key"}
	const rounds = 1000
	for i := range rounds {
		now := minute(float64(i))
		keep := named("keep", alert.Firing, minute(0))
		labels := map[string]string{"alertname": "Test", "pod": fmt.Sprint(i)}
		pod := alert.Alert{Fingerprint: alert.FingerprintOf(labels), Labels: labels, Status: alert.Firing}
		g, _ = Receive(g, Received{Spec: theirs, Alerts: []alert.Alert{keep, pod}, Snapshot: true}, now)
		g, _ = Advance(g, Tick{}, now)
		pod.Status = alert.Resolved
		g, _ = Receive(g, Received{Spec: theirs, Alerts: []alert.Alert{keep, pod}, Snapshot: true}, now)
		g, _ = Advance(g, Tick{}, now)
	}
	firing, resolved, _ := g.Counts()
	require.Equal(t, 1, firing)
	require.Equal(t, rounds, resolved, "none is forgotten in the count")
	require.LessOrEqual(t, len(g.Alerts), maxResolved+2, "alerts kept")
	require.LessOrEqual(t, len(g.History), maxHistory, "lines of history kept")
	require.Equal(t, FirstFiring, g.History[0].Change, "the beginning stays")

	labels := map[string]string{"alertname": "Test", "pod": "0"}
	again := alert.Alert{Fingerprint: alert.FingerprintOf(labels), Labels: labels, Status: alert.Resolved}
	_, changed := Receive(g, Received{Spec: theirs, Alerts: []alert.Alert{again}}, minute(rounds))
	require.False(t, changed, "the other Alertmanager tells an end that was told and forgotten; it counts once")
	keep := named("keep", alert.Resolved, minute(0))
	g, _ = Receive(g, Received{Spec: theirs, Alerts: []alert.Alert{keep}, Snapshot: true}, minute(rounds))
	g, _ = Advance(g, Tick{}, minute(rounds))
	require.Equal(t, Over, g.Phase)
	_, changed = Receive(g, Received{Spec: theirs, Alerts: []alert.Alert{again}}, minute(rounds+1))
	require.False(t, changed, "nor does it make an episode of its own")
}

func TestFactsNeverChangeTheGroupTheyAreAppliedTo(t *testing.T) {
	before, _ := Receive(Group{Key: "key"}, Received{Spec: theirs, Alerts: []alert.Alert{named("a", alert.Firing, minute(0))}, Snapshot: true}, minute(0))
	before, _ = Advance(before, Tick{}, minute(0))
	copied := before
	copied.Alerts = append([]Member(nil), before.Alerts...)
	after, changed := Receive(before, Received{Spec: theirs, Alerts: []alert.Alert{named("a", alert.Resolved, minute(0))}, Snapshot: true}, minute(1))
	require.True(t, changed)
	_, due := Advance(after, Tick{}, minute(1))
	require.NotEmpty(t, due)
	require.Equal(t, copied, before, "a transaction that is taken back must leave the old group as it was")
}
