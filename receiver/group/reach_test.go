package group

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// watch lives through an episode with its timers, and writes down who hears
// what: "17 managers escalated!" is a loud telling in minute 17.
type watch struct {
	t        *testing.T
	g        Group
	now      time.Time
	heard    []string
	silenced func(*Member) (Silence, bool)
	muted    bool
}

func (w *watch) advance() {
	data, err := json.Marshal(&w.g) // as another process finds it in the store
	require.NoError(w.t, err)
	back := Group{ID: w.g.ID, Key: w.g.Key, Origin: w.g.Origin, Episode: w.g.Episode, Rev: w.g.Rev, DueAt: w.g.DueAt}
	require.NoError(w.t, json.Unmarshal(data, &back))
	var due []Due
	w.g, due = Advance(back, Tick{Silenced: w.silenced, Muted: w.muted}, w.now)
	for _, d := range due {
		line := fmt.Sprintf("%v %s %s", w.now.Sub(minute(0)).Minutes(), d.Target.Destination, d.Change)
		if d.Loud {
			require.True(w.t, d.Message && d.Call, "what is loud reaches people whatever the transport: %+v", d)
			line += "!"
		}
		w.heard = append(w.heard, line)
	}
}

// until lets time pass.
func (w *watch) until(m float64) {
	for !w.g.DueAt.IsZero() && !w.g.DueAt.After(minute(m)) {
		if w.g.DueAt.After(w.now) {
			w.now = w.g.DueAt
		}
		w.advance()
		require.True(w.t, w.g.DueAt.IsZero() || w.g.DueAt.After(w.now), "it would be ticked for ever: %+v", w.g)
	}
	w.now = minute(m)
}

func (w *watch) do(f Fact) {
	g, err := Do(w.g, f, w.now)
	require.NoError(w.t, err)
	w.g = g
	w.advance()
}

func (w *watch) news(alerts ...alert.Alert) {
	g, changed := Receive(w.g, Received{Spec: w.g.Spec, Alerts: alerts, Snapshot: w.g.Spec.Ready}, w.now)
	require.True(w.t, changed)
	w.g = g
	w.advance()
}

func (w *watch) missed(m Miss, fallback string) {
	var fallbacks []Target
	if fallback != "" {
		fallbacks = []Target{{Destination: fallback}}
	}
	g, changed := Missed(w.g, m, fallbacks, w.now)
	require.True(w.t, changed)
	w.g = g
	w.advance()
}

// hears is what was heard since it was last asked.
func (w *watch) hears(lines ...string) {
	w.t.Helper()
	require.Equal(w.t, strings.Join(lines, "\n"), strings.Join(w.heard, "\n"))
	w.heard = nil
}

func minutes(m float64) time.Duration { return time.Duration(m * float64(time.Minute)) }

// onCall fires from minute 1 on. After 15 minutes the managers are told, after
// 45 the directors, and those every 30 minutes again.
func onCall(t *testing.T, ready bool) *watch {
	spec := Spec{
		Route: "r", Ready: ready, Targets: []Target{{Destination: "ops"}}, Timing: Timing{Wait: time.Minute, Interval: time.Minute},
		Escalate: []Step{
			{After: minutes(15), Targets: []Target{{Destination: "managers", Card: "alert"}}},
			{After: minutes(45), Targets: []Target{{Destination: "directors", Card: "alert"}}, Every: minutes(30)},
		},
	}
	w := &watch{t: t, now: minute(0)}
	g, changed := Receive(Group{}, Received{Spec: spec, Alerts: []alert.Alert{firingNow("Hot", "critical")}, Snapshot: ready}, minute(0))
	require.True(t, changed)
	w.g, w.now = g, minute(1)
	w.advance()
	w.hears("1 ops fired!")
	return w
}

func TestEscalation(t *testing.T) {
	ack := Fact{Deed: Acknowledged, By: alice}
	hot := firingNow("Hot", "critical")
	for name, story := range map[string]func(w *watch){
		"each step is told at its time, loud to its own people and quietly on the cards that are there; the last again and again": func(w *watch) {
			w.until(15.9)
			w.hears()
			w.until(110)
			w.hears(
				"16 ops escalated", "16 managers escalated!",
				"46 ops escalated", "46 managers escalated", "46 directors escalated!",
				"76 directors escalated!", "106 directors escalated!",
			)
		},
		"an acknowledgement stops it, and all who were told see that": func(w *watch) {
			w.until(20)
			w.do(ack)
			w.until(300)
			w.hears("16 ops escalated", "16 managers escalated!", "20 ops acknowledged", "20 managers acknowledged")
		},
		"who takes it back begins to count anew": func(w *watch) {
			w.until(20)
			w.do(ack)
			w.until(30)
			w.do(Fact{Deed: Unacknowledged, By: alice, Of: AnyMark})
			w.heard = nil
			w.until(46)
			w.hears("45 ops escalated", "45 managers escalated!")
		},
		"a silence stops it, and its end begins to count anew": func(w *watch) {
			w.until(10)
			w.silenced = func(*Member) (Silence, bool) {
				return Silence{ID: 1, By: bob, Until: minute(60)}, w.now.Before(minute(60))
			}
			w.g.DueAt = w.now // the engine looks after every silence
			w.advance()
			w.until(59)
			w.hears("10 ops silenced")
			w.until(76)
			w.hears("60 ops silence_ended!", "75 ops escalated", "75 managers escalated!")
		},
		"an end stops it and is told to all who were called": func(w *watch) {
			w.until(17)
			w.heard = nil
			w.news(ended(hot))
			w.until(300)
			w.hears("17 ops resolved", "17 managers resolved")
		},
		"an end by hand stops it": func(w *watch) {
			w.until(5)
			w.do(Fact{Deed: AllResolved, By: alice})
			w.until(300)
			w.hears("5 ops resolved")
		},
		"an assignment does not: somebody else has said that it is theirs": func(w *watch) {
			w.until(5)
			w.do(Fact{Deed: Assigned, By: alice, To: bob})
			w.until(17)
			w.hears("5 ops assigned!", "16 ops escalated", "16 managers escalated!")
		},
		"a muted route calls nobody, and does once it is not": func(w *watch) {
			w.muted = true
			w.until(20)
			w.hears()
			w.muted = false
			w.until(22)
			require.Contains(w.t, w.heard[len(w.heard)-1], "managers escalated!")
		},
		"news does not begin to count anew": func(w *watch) {
			w.until(10)
			w.news(hot, firingNow("Hotter", "critical"))
			w.until(17)
			require.Contains(w.t, w.heard, "16 managers escalated!")
		},
		"an hour that never was calls nobody": func(w *watch) {
			w.until(5)
			w.now = w.now.Add(time.Hour)
			w.g.DueAt = w.g.DueAt.Add(time.Hour) // as the store does
			w.g.Shift(time.Hour)
			w.until(65 + 10)
			w.hears()
			w.until(65 + 12)
			w.hears("76 ops escalated", "76 managers escalated!")
		},
	} {
		for _, ready := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s (ready %v)", name, ready), func(t *testing.T) { story(onCall(t, ready)) })
		}
	}
}

func TestTheStorySaysWhoWasCalledOnceAndNotHowOften(t *testing.T) {
	w := onCall(t, false)
	w.until(200)
	var lines []string
	for _, h := range w.g.History {
		if h.Change == Escalated {
			lines = append(lines, h.Text)
		}
	}
	require.Equal(t, []string{"managers", "directors"}, lines)
	require.Equal(t, w.g.Rev, w.g.Reminded, "a repetition reads as a reminder")
}

func TestOthersAreToldInThePlaceOfWhomNothingReaches(t *testing.T) {
	miss := func(who string) Miss {
		return Miss{Destination: "oncall", Address: "user:" + who, Who: who, Why: "has blocked the bot"}
	}
	for name, story := range map[string]func(w *watch){
		"the fallback hears of it at once, and then how it goes on": func(w *watch) {
			w.missed(miss("alice"), "sre")
			w.hears("1 sre unreached!")
			w.do(Fact{Deed: Acknowledged, By: bob})
			w.hears("1 ops acknowledged", "1 sre acknowledged")
		},
		"a thousand who are missed are one loud telling and one quiet one": func(w *watch) {
			for i := range 1000 {
				w.missed(miss(fmt.Sprint("user", i)), "sre")
			}
			w.until(2)
			w.hears("1 sre unreached!", "1.05 sre unreached")
			require.Len(w.t, w.g.Misses, maxMisses)
			require.Equal(w.t, 1000-maxMisses, w.g.MoreMisses)
		},
		"nobody stands in while somebody takes care": func(w *watch) {
			w.do(Fact{Deed: Acknowledged, By: bob})
			w.missed(miss("alice"), "sre")
			w.until(14)
			w.hears("1 ops acknowledged")
			w.do(Fact{Deed: Unacknowledged, By: bob, Of: AnyMark})
			w.hears("14 ops unacknowledged", "14 sre unacknowledged!")
		},
		"who is reached after all is missed no more, and the fallback's card says so": func(w *watch) {
			w.missed(miss("alice"), "sre")
			w.until(3)
			g, changed := Reached(w.g, []string{"user:alice", "bot:a:1"}, w.now)
			require.True(w.t, changed)
			w.g = g
			w.until(4)
			w.hears("1 sre unreached!", "3.05 sre unreached")
			require.Empty(w.t, w.g.Misses)
			_, changed = Reached(w.g, []string{"user:alice", "bot:a:1"}, w.now)
			require.False(w.t, changed)
		},
		"a fallback that knows of the alert already is woken all the same": func(w *watch) {
			w.missed(miss("alice"), "ops")
			w.hears("1 ops unreached!")
			require.Len(w.t, w.g.Spec.Targets, 1)
		},
		"without a fallback the card still says it when it is next told": func(w *watch) {
			w.missed(miss("alice"), "")
			w.until(3)
			w.hears()
			require.Len(w.t, w.g.Misses, 1)
		},
		"who was to stand in for two still does when one of them is reached": func(w *watch) {
			w.do(Fact{Deed: Acknowledged, By: bob})
			w.missed(miss("alice"), "sre")
			w.missed(miss("bob"), "sre")
			g, changed := Reached(w.g, []string{"user:alice"}, w.now)
			require.True(w.t, changed)
			w.g = g
			w.do(Fact{Deed: Unacknowledged, By: bob, Of: AnyMark})
			w.hears("1 ops acknowledged", "1 ops unacknowledged", "1 sre unacknowledged!")
		},
		"what is over wakes nobody": func(w *watch) {
			w.do(Fact{Deed: AllResolved, By: bob})
			w.missed(miss("alice"), "sre")
			w.until(10)
			w.hears("1 ops resolved")
		},
		"the same again is no news": func(w *watch) {
			w.missed(miss("alice"), "sre")
			_, changed := Missed(w.g, miss("alice"), []Target{{Destination: "sre"}}, w.now)
			require.False(w.t, changed)
		},
		"each who stands in for somebody is told, and hears that they need not any more": func(w *watch) {
			both := []Target{{Destination: "sre"}, {Destination: "leads"}}
			g, changed := Missed(w.g, miss("alice"), both, w.now)
			require.True(w.t, changed)
			_, changed = Missed(g, miss("alice"), both, w.now)
			require.False(w.t, changed)
			w.g = g
			w.advance()
			w.g, _ = Reached(w.g, []string{"user:alice"}, w.now)
			w.until(2)
			w.hears("1 sre unreached!", "1 leads unreached!", "1.05 sre unreached", "1.05 leads unreached")
		},
		"those of whom only the number is known are missed on the card until the last of them is reached": func(w *watch) {
			for i := range maxMisses + 2 {
				w.missed(miss(fmt.Sprint("user", i)), "sre")
			}
			w.until(2)
			for i := range maxMisses + 2 {
				w.g, _ = Reached(w.g, []string{fmt.Sprint("user:user", i)}, w.now)
				w.until(3 + float64(i))
			}
			require.Len(w.t, w.heard, 2+maxMisses+2, "each of them is an edit: %q", w.heard)
			require.Zero(w.t, len(w.g.Misses)+w.g.MoreMisses+len(w.g.MoreFor))
			w.heard = nil
		},
		"who is to stand in still is while anybody is missed of whom only the number is known": func(w *watch) {
			w.do(Fact{Deed: Acknowledged, By: bob})
			for i := range maxMisses + 1 {
				w.missed(miss(fmt.Sprint("user", i)), "sre")
			}
			for i := range maxMisses {
				w.g, _ = Reached(w.g, []string{fmt.Sprint("user:user", i)}, w.now)
			}
			w.do(Fact{Deed: Unacknowledged, By: bob, Of: AnyMark})
			w.hears("1 ops acknowledged", "1 ops unacknowledged", "1 sre unacknowledged!")
		},
		"two destinations with one fallback wake it twice": func(w *watch) {
			w.missed(miss("alice"), "sre")
			other := miss("carol")
			other.Destination = "leads"
			w.missed(other, "sre")
			w.hears("1 sre unreached!", "1 sre unreached!")
		},
	} {
		for _, ready := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s (ready %v)", name, ready), func(t *testing.T) {
				w := onCall(t, ready)
				story(w)
			})
		}
	}
}
