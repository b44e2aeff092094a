package group

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

var (
	alice = Person{Name: "Alice", ID: "a"}
	bob   = Person{Name: "Bob", ID: "b"}
)

// wasTold is a group of which people know that it fires.
func wasTold(t *testing.T, ready bool, alerts ...alert.Alert) Group {
	t.Helper()
	s := Spec{Route: "r", Ready: ready, Targets: []Target{{Destination: "ops"}}, Timing: Timing{Wait: time.Minute, Interval: 5 * time.Minute, Repeat: 4 * time.Hour}}
	g, changed := Receive(Group{}, Received{Spec: s, Alerts: alerts, Snapshot: ready}, minute(0))
	require.True(t, changed)
	g, due := Advance(g, Tick{}, minute(1))
	require.Len(t, due, 1)
	return g
}

func firingNow(name, severity string) alert.Alert {
	labels := map[string]string{alert.NameLabel: name, alert.SeverityLabel: severity}
	return alert.Alert{Fingerprint: alert.FingerprintOf(labels), Status: alert.Firing, Labels: labels, StartsAt: minute(0)}
}

func ended(a alert.Alert) alert.Alert {
	a.Status, a.EndsAt = alert.Resolved, minute(2)
	return a
}

// What people do is told at once, to those who see the card, in the words of
// the table in doc.go.
func TestWhatPeopleDo(t *testing.T) {
	type step struct {
		fact   Fact
		err    error
		change Change // of the telling that follows at once; Nothing: none
		loud   bool
	}
	ack := Fact{Deed: Acknowledged, By: alice}
	cases := map[string][]step{
		"an acknowledgement edits the card and wakes nobody":       {{fact: ack, change: Acknowledged}},
		"a second one does nothing, so ten presses are one action": {{fact: ack, change: Acknowledged}, {fact: Fact{Deed: Acknowledged, By: bob}, err: ErrAlready}},
		"it can be taken back by who saw it": {
			{fact: ack, change: Acknowledged}, {fact: Fact{Deed: Unacknowledged, By: bob, Of: 1}, change: Unacknowledged},
		},
		"a card that shows an older acknowledgement takes nothing back": {
			{fact: ack, change: Acknowledged}, {fact: Fact{Deed: Unacknowledged, By: bob, Of: AnyMark}, change: Unacknowledged},
			{fact: Fact{Deed: Acknowledged, By: bob}, change: Acknowledged}, {fact: Fact{Deed: Unacknowledged, By: alice, Of: 1}, err: ErrStale},
		},
		"an assignment reaches whom it concerns": {{fact: Fact{Deed: Assigned, By: alice, To: bob}, change: Assigned, loud: true}},
		"two who press assign to me on the same card: the first has it": {
			{fact: Fact{Deed: Assigned, By: alice, To: alice}, change: Assigned, loud: true}, {fact: Fact{Deed: Assigned, By: bob, To: bob}, err: ErrStale},
		},
		"a typed assignment takes it over": {
			{fact: Fact{Deed: Assigned, By: alice, To: alice}, change: Assigned, loud: true},
			{fact: Fact{Deed: Assigned, By: bob, To: bob, Of: AnyMark}, change: Assigned, loud: true},
		},
		"a comment is told and quiet":           {{fact: Fact{Deed: Commented, By: alice, Text: "looking"}, change: Commented}},
		"what is resolved by hand is over":      {{fact: Fact{Deed: AllResolved, By: alice}, change: AllResolved}, {fact: ack, err: ErrOver}},
		"resolving twice does nothing more":     {{fact: Fact{Deed: AllResolved, By: alice}, change: AllResolved}, {fact: Fact{Deed: AllResolved, By: bob}, err: ErrAlready}},
		"what was resolved by hand is reopened": {{fact: Fact{Deed: AllResolved, By: alice}, change: AllResolved}, {fact: Fact{Deed: Reopened, By: bob, Of: 1}, change: Reopened}},
		"after a reopening it can be resolved again, and is told again": {
			{fact: Fact{Deed: AllResolved, By: alice}, change: AllResolved}, {fact: Fact{Deed: Reopened, By: bob, Of: AnyMark}, change: Reopened},
			{fact: Fact{Deed: AllResolved, By: alice}, change: AllResolved},
		},
		"what fires cannot be reopened": {{fact: Fact{Deed: Reopened, By: bob, Of: AnyMark}, err: ErrAlready}},
		"a comment after the end by hand is told": {
			{fact: Fact{Deed: AllResolved, By: alice}, change: AllResolved}, {fact: Fact{Deed: Commented, By: bob, Text: "why?"}, change: Commented},
		},
		"what another system was asked is shown, and that it did not do it reaches who asked": {
			{fact: Fact{Deed: Asked, By: alice, Wish: Wish{Verb: "silence", ID: 1, State: WishAsked}}, change: Asked},
			{fact: Fact{Deed: Asked, By: alice, Wish: Wish{Verb: "silence", ID: 1, State: WishAsked, Reason: "no answer"}}, change: Reworded},
			{fact: Fact{Deed: Asked, By: alice, Wish: Wish{Verb: "silence", ID: 1, State: WishAsked, Reason: "no answer"}}, err: ErrAlready},
			{fact: Fact{Deed: Failed, By: alice, Wish: Wish{Verb: "silence", ID: 1, State: WishFailed, Reason: "no"}}, change: Failed, loud: true},
		},
	}
	for name, steps := range cases {
		for _, ready := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				g := wasTold(t, ready, firingNow("Hot", "warning"))
				for i, s := range steps {
					now := minute(float64(2 + i))
					next, err := Do(g, s.fact, now)
					require.ErrorIs(t, err, s.err, "step %d", i)
					if s.err != nil {
						require.Equal(t, g, next, "step %d: what was refused changed the group", i)
						continue
					}
					var due []Due
					g, due = Advance(next, Tick{}, now)
					require.Len(t, due, 1, "step %d: it has to be told at once", i)
					require.Equal(t, s.change, due[0].Change, "step %d", i)
					require.Equal(t, s.loud, due[0].Loud, "step %d", i)
					require.Equal(t, s.loud || s.change == Commented, due[0].Call, "step %d", i)
				}
			})
		}
	}
}

func TestAnAcknowledgedAlertRemindsNobody(t *testing.T) {
	g := wasTold(t, false, firingNow("Hot", "warning"))
	require.False(t, g.DueAt.IsZero(), "else there would be no reminder to stop")
	g, err := Do(g, Fact{Deed: Acknowledged, By: alice}, minute(2))
	require.NoError(t, err)
	g, _ = Advance(g, Tick{}, minute(2))
	require.True(t, g.DueAt.IsZero(), "a reminder waits for %s", g.DueAt)

	ready := wasTold(t, true, firingNow("Hot", "warning"))
	ready, err = Do(ready, Fact{Deed: Acknowledged, By: alice}, minute(2))
	require.NoError(t, err)
	ready, _ = Advance(ready, Tick{}, minute(2))
	ready, _ = Receive(ready, Received{Alerts: []alert.Alert{firingNow("Hot", "warning")}, Snapshot: true, Repeats: true}, minute(300))
	ready, due := Advance(ready, Tick{}, minute(300))
	require.Empty(t, due)
	require.True(t, ready.DueAt.IsZero(), "the group asks for a tick at %s although nothing is to be told", ready.DueAt)
}

// While a silence holds, nothing that the alert does reaches anybody, and when
// it ends and the alert still fires somebody hears of it.
func TestASilenceOfOurs(t *testing.T) {
	until := minute(30)
	silenced := Tick{Silenced: func(*Member) (Silence, bool) { return Silence{ID: 7, By: bob, Until: until}, true }}
	look := func(g Group, tick Tick, at int) (Group, []Due) {
		g.DueAt = minute(float64(at))
		return Advance(g, tick, minute(float64(at)))
	}

	g, due := look(wasTold(t, false, firingNow("Hot", "warning")), silenced, 2)
	require.Equal(t, Silenced, due[0].Change)
	require.False(t, due[0].Loud || due[0].Message)
	require.Equal(t, until, g.DueAt, "its end must be looked at when it comes")

	rises, _ := Receive(g, Received{Alerts: []alert.Alert{firingNow("Hot", "warning"), firingNow("Hotter", "critical")}}, minute(3))
	rises, due = look(rises, silenced, 4)
	require.Equal(t, SeverityRises, due[0].Change)
	require.False(t, due[0].Loud || due[0].Message || due[0].Call, "a silenced alert woke somebody")

	after, due := Advance(rises, Tick{}, until)
	require.Equal(t, SilenceEnds, due[0].Change)
	require.True(t, due[0].Loud && due[0].Message)
	require.Nil(t, after.Silence)

	over, _ := Receive(rises, Received{Alerts: []alert.Alert{ended(firingNow("Hot", "warning")), ended(firingNow("Hotter", "critical"))}}, minute(5))
	over, due = Advance(over, silenced, minute(5))
	require.Equal(t, AllResolved, due[0].Change)
	require.True(t, due[0].Message, "who read that it fires must read its end")
	_, due = Advance(over, Tick{}, until)
	require.Empty(t, due, "the end of a silence of what is over is no news")
}

func TestAnAlertThatIsSilencedFromItsBeginningIsNotToldBeforeTheSilenceEnds(t *testing.T) {
	until := minute(30)
	silenced := Tick{Silenced: func(*Member) (Silence, bool) { return Silence{ID: 7, Until: until}, true }}
	g, _ := Receive(Group{}, Received{Spec: Spec{Route: "r", Ready: true, Targets: []Target{{Destination: "ops"}}}, Alerts: []alert.Alert{firingNow("Hot", "warning")}}, minute(0))
	g, due := Advance(g, silenced, minute(0))
	require.Empty(t, due)
	require.Equal(t, until, g.DueAt)
	_, due = Advance(g, Tick{}, until)
	require.Equal(t, FirstFiring, due[0].Change)
}

func TestOneAlertThatIsNotSilencedMakesTheGroupLoud(t *testing.T) {
	g := wasTold(t, true, firingNow("Hot", "warning"), firingNow("Wet", "critical"))
	only := Tick{Silenced: func(m *Member) (Silence, bool) { return Silence{ID: 7, Until: minute(30)}, m.Name() == "Hot" }}
	g.DueAt = minute(2)
	g, due := Advance(g, only, minute(2))
	require.Empty(t, due)
	require.Nil(t, g.Silence)
}

// A source goes on repeating what somebody has resolved by hand. That is no
// news; what is new is.
func TestAfterAnEndByHand(t *testing.T) {
	hot, wet := firingNow("Hot", "warning"), firingNow("Wet", "warning")
	for name, c := range map[string]struct {
		news    []alert.Alert
		episode int
		change  Change
	}{
		"the same alert, repeated, tells nobody":          {[]alert.Alert{hot}, 1, Nothing},
		"its end at the source tells nobody":              {[]alert.Alert{ended(hot)}, 1, Nothing},
		"another alert of the group begins a new story":   {[]alert.Alert{hot, wet}, 2, FirstFiring},
		"the same with a worse severity begins a new one": {[]alert.Alert{firingNow("Hot", "critical")}, 2, FirstFiring},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := Do(wasTold(t, true, hot), Fact{Deed: AllResolved, By: alice}, minute(2))
			require.NoError(t, err)
			g, _ = Advance(g, Tick{}, minute(2))
			g, _ = Receive(g, Received{Spec: g.Spec, Alerts: c.news, Snapshot: true, Repeats: true}, minute(60))
			g, due := Advance(g, Tick{}, minute(60))
			require.Equal(t, c.episode, g.Episode)
			if c.change == Nothing {
				require.Empty(t, due)
				return
			}
			require.Equal(t, c.change, due[0].Change)
			require.Nil(t, g.Closed)
		})
	}
	t.Run("an alert that ended and fires anew begins a new story", func(t *testing.T) {
		g, err := Do(wasTold(t, true, hot), Fact{Deed: AllResolved, By: alice}, minute(2))
		require.NoError(t, err)
		g, _ = Advance(g, Tick{}, minute(2))
		g, _ = Receive(g, Received{Alerts: []alert.Alert{ended(hot)}}, minute(3))
		g, _ = Advance(g, Tick{}, minute(3))
		g, _ = Receive(g, Received{Spec: g.Spec, Alerts: []alert.Alert{hot}}, minute(60))
		require.Equal(t, 2, g.Episode)
	})
}

// A comment made in Teams is passed on to the ticket's system, which reports
// it as a comment. People must not read it twice.
func TestACommentThatComesBackIsNotToldAgain(t *testing.T) {
	for name, c := range map[string]struct {
		said, event string
		after       float64 // minutes
		told        bool
	}{
		"word for word":                          {said: "on it", event: "on it\n", after: 3},
		"with the name before it":                {said: "looking into it", event: "Alice (teamsrelay): looking into it", after: 3},
		"somebody else's that ends in the same":  {said: "ok", event: "the disk is ok", after: 3, told: true},
		"the same words on another day are news": {said: "on it", event: "on it", after: 60, told: true},
	} {
		t.Run(name, func(t *testing.T) {
			hot := firingNow("Hot", "warning")
			g, err := Do(wasTold(t, true, hot), Fact{Deed: Commented, By: alice, Text: c.said}, minute(2))
			require.NoError(t, err)
			g, _ = Advance(g, Tick{}, minute(2))
			g, _ = Receive(g, Received{Alerts: []alert.Alert{hot}, Event: &Event{Deed: Commented, Who: "api", Text: c.event}}, minute(c.after))
			_, due := Advance(g, Tick{}, minute(c.after))
			require.Equal(t, c.told, len(due) == 1)
		})
	}
}
