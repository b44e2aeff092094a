package group

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// world is what really is so, beside a group that only hears of it.
type world struct {
	t         *testing.T
	rand      *rand.Rand
	spec      Spec
	now       time.Time
	g         Group
	real      map[alert.Fingerprint]State // "" for those that were never mentioned
	muted     bool
	inhibited map[string]bool
	first     bool // a first firing was told, and its end was not
}

const letters = "abcDE"

func (w *world) status(name string) alert.Status {
	if w.rand.IntN(5) < 2 {
		return alert.Resolved
	}
	return alert.Firing
}

// news brings a random body, alerts twice and unordered, and the tick that
// the engine makes with it.
func (w *world) news() {
	r := Received{Spec: w.spec, Snapshot: w.spec.Ready && w.rand.IntN(8) > 0, Repeats: w.rand.IntN(2) == 0}
	if w.rand.IntN(10) == 0 {
		r.Truncated = 1
	}
	for range w.rand.IntN(2 * len(letters)) {
		name := string(letters[w.rand.IntN(len(letters))])
		a := named(name, w.status(name), w.now)
		r.Alerts = append(r.Alerts, a)
		if a.Status == alert.Firing || w.spec.Ready || w.real[a.Fingerprint] != "" {
			w.real[a.Fingerprint] = State(a.Status)
		}
	}
	if r.Snapshot && r.Truncated == 0 {
		present := map[alert.Fingerprint]bool{}
		for _, a := range r.Alerts {
			present[a.Fingerprint] = true
		}
		for fp, state := range w.real {
			if state == Firing && !present[fp] {
				w.real[fp] = Unseen
			}
		}
	}
	next, changed := Receive(w.g, r, w.now)
	if changed {
		w.g = next
	}
	w.tick()
}

func (w *world) tick() {
	before := w.g
	next, due := Advance(w.g, Tick{Muted: w.muted, Inhibited: func(a *alert.Alert) bool { return w.inhibited[a.Labels["name"]] }}, w.now)
	w.g = next
	require.True(w.t, w.g.DueAt.IsZero() || w.g.DueAt.After(w.now), "it would be ticked for ever: %+v\nbefore: %+v", w.g, before)
	if len(due) == 0 {
		return
	}
	require.False(w.t, w.muted, "told though muted")
	require.Len(w.t, due, len(w.spec.Targets))
	switch due[0].Change {
	case FirstFiring:
		require.False(w.t, w.first, "a new episode was told before the end of the last one: %+v", before)
		w.first = true
	case AllResolved:
		require.True(w.t, w.first || w.g.Rev == 1 || w.spec.Ready, "one end was told twice: %+v", before)
		w.first = w.g.Phase != Over
	}
}

// pass lets time go by, with all the ticks that the group asks for.
func (w *world) pass(d time.Duration) {
	until := w.now.Add(d)
	for !w.g.DueAt.IsZero() && !w.g.DueAt.After(until) {
		if w.g.DueAt.After(w.now) {
			w.now = w.g.DueAt
		}
		w.tick()
	}
	w.now = until
}

// check: once nothing holds it back, what was told is what is so.
func (w *world) check() {
	seen := map[alert.Fingerprint]bool{}
	for _, m := range w.g.Alerts {
		require.False(w.t, seen[m.Fingerprint], "an alert is there twice: %+v", w.g)
		seen[m.Fingerprint] = true
		require.Equal(w.t, w.real[m.Fingerprint], m.State, "%s: %+v", m.Labels["name"], w.g)
		if m.State == Firing || m.Told == Firing || m.Told == Unseen {
			require.Equal(w.t, m.State, m.Told, "%s was not told: %+v", m.Labels["name"], w.g)
		}
	}
	for fp, state := range w.real {
		if state == Firing {
			require.True(w.t, seen[fp], "an alert that fires is in no episode")
		}
	}
	require.Equal(w.t, w.g.Phase != Over && !w.g.ToldAt.IsZero(), w.first, "the last message says something else than is so: %+v", w.g)
}

func TestWhateverHappensWhatWasToldIsInTheEndWhatIsSo(t *testing.T) {
	for seed := range uint64(1000) {
		w := &world{
			t: t, rand: rand.New(rand.NewPCG(seed, 1)), spec: ours, now: minute(0), g: Group{Key: "key"},
			real: map[alert.Fingerprint]State{}, inhibited: map[string]bool{},
		}
		if seed%2 == 1 {
			w.spec = theirs
		}
		for range 60 {
			switch w.rand.IntN(10) {
			case 0:
				w.muted = !w.muted
			case 1, 2:
				name := string(letters[w.rand.IntN(len(letters))])
				w.inhibited[name] = !w.inhibited[name]
			case 3:
				w.pass(time.Duration(w.rand.IntN(120)) * time.Minute)
			case 4:
				w.muted, w.inhibited = false, map[string]bool{}
				w.pass(max(w.spec.Timing.Interval, 2*muteCheck) + w.spec.Timing.Wait)
				w.check()
			default:
				w.news()
				w.pass(time.Duration(w.rand.IntN(120)) * time.Second)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
