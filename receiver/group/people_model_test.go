package group

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// crowd is people who press whatever there is while sources send whatever they
// like, beside a group that only hears of it.
type crowd struct {
	t        *testing.T
	rand     *rand.Rand
	spec     Spec
	now      time.Time
	g        Group
	muted    bool
	silences map[string]Silence // by the alert's name
	number   int64
}

func (c *crowd) silenced(m *Member) (Silence, bool) {
	s, ok := c.silences[m.Labels["name"]]
	return s, ok && s.Until.After(c.now)
}

// stored is the group as it comes back from the store.
func (c *crowd) stored(g Group) Group {
	data, err := json.Marshal(&g)
	require.NoError(c.t, err)
	back := Group{ID: g.ID, Key: g.Key, Origin: g.Origin, Episode: g.Episode, Rev: g.Rev, DueAt: g.DueAt}
	require.NoError(c.t, json.Unmarshal(data, &back))
	again, err := json.Marshal(&back)
	require.NoError(c.t, err)
	require.JSONEq(c.t, string(data), string(again))
	return back
}

func (c *crowd) tick() []Due {
	before := c.g
	next, due := Advance(c.g, Tick{Muted: c.muted, Silenced: c.silenced}, c.now)
	require.True(c.t, next.DueAt.IsZero() || next.DueAt.After(c.now), "it would be ticked for ever: %+v\nbefore: %+v", next, before)
	c.g = c.stored(next)
	for _, d := range due {
		if d.Change == Escalated || d.Change == Unreached && d.Loud {
			require.True(c.t, before.Ack == nil && c.g.Silence == nil && c.g.Phase == Open, "others were called though somebody takes care: %+v", c.g)
		}
		if d.Loud {
			require.False(c.t, c.muted && !before.Here, "somebody was woken though the route is muted: %+v", d)
		}
	}
	return due
}

func (c *crowd) pass(d time.Duration) {
	until := c.now.Add(d)
	for !c.g.DueAt.IsZero() && !c.g.DueAt.After(until) {
		if c.g.DueAt.After(c.now) {
			c.now = c.g.DueAt
		}
		c.tick()
	}
	c.now = until
}

func (c *crowd) news() {
	r := Received{Spec: c.spec, Snapshot: c.spec.Ready && c.rand.IntN(4) > 0, Repeats: c.rand.IntN(2) == 0}
	for range 1 + c.rand.IntN(4) {
		status := alert.Firing
		if c.rand.IntN(5) < 2 {
			status = alert.Resolved
		}
		a := named(string(letters[c.rand.IntN(len(letters))]), status, c.now)
		if c.rand.IntN(3) == 0 {
			a.Annotations = map[string]string{"summary": string(letters[c.rand.IntN(len(letters))])}
		}
		r.Alerts = append(r.Alerts, a)
	}
	if next, changed := Receive(c.g, r, c.now); changed {
		if next.Episode != c.g.Episode {
			require.Nil(c.t, next.Ack, "a new episode begins acknowledged")
			require.Nil(c.t, next.Owner)
			require.Nil(c.t, next.Closed)
			next.ID++
		}
		c.g = c.stored(next)
	}
	c.tick()
}

// press has somebody do something, as the card says it or as they saw it long
// ago, and checks that it is told at once or refused for a reason.
func (c *crowd) press() {
	if c.g.Phase == "" {
		return
	}
	who := Person{Name: string(letters[c.rand.IntN(3)])}
	f := Fact{By: who, Of: c.rand.IntN(c.g.Facts+2) - 1}
	switch c.rand.IntN(7) {
	case 0:
		f.Deed = Acknowledged
	case 1:
		f.Deed = Unacknowledged
	case 2:
		f.Deed, f.To = Assigned, Person{Name: string(letters[c.rand.IntN(3)])}
	case 3:
		f.Deed, f.Text = Commented, "words"
	case 4:
		f.Deed = AllResolved
	case 5:
		f.Deed = Reopened
	case 6:
		f.Deed = Asked
		f.Wish = Wish{Verb: "silence", ID: int64(c.rand.IntN(3)), By: who, At: c.now, State: WishAsked, System: "Alertmanager"}
		switch c.rand.IntN(3) {
		case 0:
			f.Deed, f.Wish.State = Granted, WishGranted
		case 1:
			f.Deed, f.Wish.State, f.Wish.Reason = Failed, WishFailed, "gone"
		}
	}
	before := c.g
	next, err := Do(c.g, f, c.now)
	if err != nil {
		require.True(c.t, errors.Is(err, ErrAlready) || errors.Is(err, ErrStale) || errors.Is(err, ErrOver) || errors.Is(err, ErrOpen), "%v", err)
		require.Equal(c.t, before, next, "what was refused has changed something")
		return
	}
	c.g = c.stored(next)
	// Ten presses are one action.
	if f.Deed != Commented {
		_, err := Do(next, f, c.now)
		require.Error(c.t, err, "%s was done twice: %+v", f.Deed, next)
	}
	known := !before.ToldAt.IsZero()
	if due := c.tick(); known && !c.muted {
		require.NotEmpty(c.t, due, "%s by %s is not shown: %+v", f.Deed, who.Name, c.g)
	}
}

func (c *crowd) silence() {
	name := string(letters[c.rand.IntN(len(letters))])
	if _, ok := c.silences[name]; ok && c.rand.IntN(2) == 0 {
		delete(c.silences, name)
	} else {
		c.number++
		c.silences[name] = Silence{ID: c.number, By: alice, Until: c.now.Add(time.Duration(1+c.rand.IntN(90)) * time.Minute)}
		if c.rand.IntN(3) == 0 { // all that there is
			for _, l := range letters {
				c.silences[string(l)] = c.silences[name]
			}
		}
	}
	c.look()
}

// miss has somebody be missed, or reached after all.
func (c *crowd) miss() {
	if c.g.Phase == "" {
		return
	}
	m := Miss{Destination: string(letters[c.rand.IntN(2)]), Address: string(letters[c.rand.IntN(3)]), Why: string(letters[c.rand.IntN(2)])}
	var fallbacks []Target
	for _, name := range []string{"fallback", "other"} {
		if c.rand.IntN(3) > 0 {
			fallbacks = append(fallbacks, Target{Destination: name})
		}
	}
	next, changed := Missed(c.g, m, fallbacks, c.now)
	if c.rand.IntN(3) == 0 {
		next, changed = Reached(c.g, []string{m.Address}, c.now)
	}
	if changed {
		c.g = c.stored(next)
		c.tick()
	}
}

// look is what the engine does after every silence that was made or ended.
func (c *crowd) look() {
	if c.g.Phase != "" && c.g.Phase != Over && c.g.HushChanges(c.silenced) {
		c.g.DueAt = c.now
		c.tick()
	}
}

// check: once nothing holds it back, what people read last is what is so.
func (c *crowd) check() {
	g := &c.g
	if g.ToldAt.IsZero() {
		require.True(c.t, g.Phase == "" || g.Phase == Over || g.Phase == Unheard, "it fires, nothing keeps it quiet, and nobody was told: %+v", g)
		return
	}
	require.Equal(c.t, Nothing, g.Deed, "what somebody did was not told: %+v", g)
	require.False(c.t, g.standsIn() || len(g.Recount) > 0, "somebody who is to be told in another's place was not: %+v", g)
	require.Zero(c.t, g.ToldSilence, "the card claims a silence that is over: %+v", g)
	for _, m := range g.Alerts {
		if g.Closed == nil && (m.State == Firing || m.Told == Firing || m.Told == Unseen) {
			require.Equal(c.t, m.State, m.Told, "%s was not told: %+v", m.Labels["name"], g)
		}
	}
	change, _ := g.change()
	require.Equal(c.t, Nothing, change, "%+v", g)
}

func TestWhateverPeoplePressWhatTheyReadInTheEndIsWhatIsSo(t *testing.T) {
	for seed := range uint64(150) {
		c := &crowd{
			t: t, rand: rand.New(rand.NewPCG(seed, 7)), spec: ours, now: minute(0), g: Group{Key: "key"},
			silences: map[string]Silence{},
		}
		switch seed % 3 {
		case 1:
			c.spec = theirs
		case 2:
			c.spec = theirs
			c.spec.Expires = 40 * time.Minute
		}
		if seed%2 == 0 {
			c.spec.Escalate = []Step{
				{After: 10 * time.Minute, Targets: []Target{{Destination: "managers"}}},
				{After: 20 * time.Minute, Targets: []Target{{Destination: "directors"}}, Every: 10 * time.Minute},
			}
		}
		for range 60 {
			switch c.rand.IntN(13) {
			case 12:
				c.miss()
			case 0:
				c.muted = !c.muted
			case 1, 2:
				c.silence()
			case 3:
				c.pass(time.Duration(c.rand.IntN(120)) * time.Minute)
			case 4:
				c.muted, c.silences = false, map[string]Silence{}
				c.look()
				c.pass(max(c.spec.Timing.Interval, 2*muteCheck) + c.spec.Timing.Wait)
				c.check()
			case 5, 6, 7:
				c.press()
			default:
				c.news()
				c.pass(time.Duration(c.rand.IntN(120)) * time.Second)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
