package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// routings are what reloads and restarts choose from.
var routings = []string{
	base,
	"destinations: [ops]\ngroup_by: [host]\ngroup_wait: 0s\ngroup_interval: 1m",
	"destinations: [ops, sre]\ngroup_by: ['...']\ngroup_wait: 1s\nroutes:\n" +
		"- {matchers: ['severity=\"critical\"'], destinations: [sre], continue: true}\n" +
		"- {matchers: ['host=\"h1\"'], destinations: [ops], mute_time_intervals: [first-hour]}\n" +
		"- {matchers: ['host=~\".+\"'], destinations: [sre], group_by: []}",
}

// storm is an engine, those who send to it, and what they say in the end.
type storm struct {
	*rig
	rand   *rand.Rand
	alerts []alert.Alert
}

// some is a random choice of alerts, some of them over, now and then one twice.
func (s *storm) some() []alert.Alert {
	var chosen []alert.Alert
	for range 1 + s.rand.IntN(4) {
		a := s.alerts[s.rand.IntN(len(s.alerts))]
		if s.rand.IntN(3) == 0 {
			a.Annotations = map[string]string{"summary": fmt.Sprint(s.rand.IntN(3))}
		}
		if s.rand.IntN(5) < 2 {
			a = over(a)
		}
		chosen = append(chosen, a)
	}
	return chosen
}

func origin(n int) string { return fmt.Sprintf("am%d", n) }

// senders send at the same time; what is refused they do not send again.
func (s *storm) senders() {
	var all sync.WaitGroup
	for range 1 + s.rand.IntN(4) {
		chosen, theirs, complete := s.some(), s.rand.IntN(3) == 0, s.rand.IntN(5) > 0
		from := origin(s.rand.IntN(2))
		all.Go(func() {
			if theirs {
				_ = s.engine.Snapshot(context.Background(), ingest.Snapshot{
					Source: "alertmanager", Origin: from, Complete: complete, Repeats: true, Alerts: once(chosen),
				})
				return
			}
			_ = s.engine.Posted(context.Background(), these(posted(chosen)...))
		})
	}
	all.Wait()
}

func posted(alerts []alert.Alert) []ingest.Posted {
	out := make([]ingest.Posted, len(alerts))
	for i, a := range alerts {
		out[i] = ingest.Posted{Alert: a, Until: time.Now().Add(5 * time.Minute)}
	}
	return out
}

// once leaves out what is there already, as the webhook does.
func once(alerts []alert.Alert) (out []alert.Alert) {
	seen := map[alert.Fingerprint]bool{}
	for _, a := range alerts {
		if !seen[a.Fingerprint] {
			out = append(out, a)
		}
		seen[a.Fingerprint] = true
	}
	return out
}

func (s *storm) routing() string { return routings[s.rand.IntN(len(routings))] }

// settle lets every sender say once more what is so in the end, and checks that this is what people were told.
func (s *storm) settle() {
	s.store.refuse.Store(false)
	fires := map[alert.Fingerprint]bool{}
	var ours []alert.Alert
	for _, a := range s.alerts {
		if s.rand.IntN(2) == 0 {
			ours = append(ours, a)
			fires[a.Fingerprint] = true
		}
	}
	theirs := map[string]map[alert.Fingerprint]bool{}
	for n := range 2 {
		theirs[origin(n)] = map[alert.Fingerprint]bool{}
		var body []alert.Alert
		for _, a := range s.alerts {
			if s.rand.IntN(2) == 0 {
				theirs[origin(n)][a.Fingerprint] = true
				body = append(body, a)
			} else if s.rand.IntN(2) == 0 {
				body = append(body, over(a))
			}
		}
		require.NoError(s.t, s.engine.Snapshot(context.Background(), ingest.Snapshot{
			Source: "alertmanager", Origin: origin(n), Complete: true, Alerts: body,
		}))
	}
	last := posted(ours)
	for i := range last {
		last[i].Until = time.Now().Add(2 * time.Hour)
	}
	require.NoError(s.t, s.engine.Posted(context.Background(), these(last...)))
	time.Sleep(75 * time.Minute) // an hour of mute, and a group_interval
	synctest.Wait()

	told := map[string]map[alert.Fingerprint]bool{}
	require.NoError(s.t, s.store.View(context.Background(), func(tx store.Tx) error {
		for id := int64(1); ; id++ {
			g, err := tx.Group(id)
			if err != nil {
				require.ErrorIs(s.t, err, store.ErrNotFound)
				break
			}
			s.check(&g, tx, theirs, fires, told)
		}
		return nil
	}))
	for _, a := range s.alerts {
		require.Equal(s.t, fires[a.Fingerprint], told["ours"][a.Fingerprint], "%v fires, and that is told", a.Labels)
		for from := range theirs {
			require.Equal(s.t, theirs[from][a.Fingerprint], told[from][a.Fingerprint], "%v of %s fires, and that is told", a.Labels, from)
		}
	}
}

// check looks at one episode, and notes what it says that fires.
func (s *storm) check(g *group.Group, tx store.Tx, theirs map[string]map[alert.Fingerprint]bool, fires map[alert.Fingerprint]bool, told map[string]map[alert.Fingerprint]bool) {
	truth, from := fires, "ours"
	if g.Spec.Ready {
		truth, from = theirs[g.Origin], g.Origin
	}
	if told[from] == nil {
		told[from] = map[alert.Fingerprint]bool{}
	}
	for _, m := range g.Alerts {
		if m.State == group.Firing {
			require.True(s.t, truth[m.Fingerprint], "%v of %s is over, and its card says that it fires: %+v", m.Labels, from, g)
			told[from][m.Fingerprint] = true
		}
		if !m.Inhibited && (m.State == group.Firing || m.Told == group.Firing) {
			require.Equal(s.t, m.State, m.Told, "%v of %s: what was told is not so: %+v", m.Labels, from, g)
		}
	}
	posts, err := tx.ListPosts(store.PostFilter{GroupID: g.ID})
	require.NoError(s.t, err)
	for _, p := range posts {
		require.Equal(s.t, store.Accepted, p.State, "it waits: %+v", p)
	}
	if !g.ToldAt.IsZero() {
		require.Len(s.t, posts, len(g.Spec.Targets), "not everybody was told: %+v", g)
	}
}

func TestWhateverHappensWhatWasAcknowledgedIsTold(t *testing.T) {
	for seed := range uint64(10) {
		test(t, fmt.Sprint("seed ", seed), func(r *rig) {
			s := &storm{rig: r, rand: rand.New(rand.NewPCG(seed, 2))}
			for host := range 3 {
				for _, name := range []string{"DiskFull", "SiteDown", "Slow"} {
					severity := []string{"warning", "critical", "info"}[s.rand.IntN(3)]
					s.alerts = append(s.alerts, labeled(name, severity, "host", fmt.Sprint("h", host), "site", fmt.Sprint("s", host)))
				}
			}
			s.start(s.routing())
			for range 40 {
				switch s.rand.IntN(10) {
				case 0:
					s.store.refuse.Store(false)
					s.stop()
					s.start(s.routing())
				case 1:
					_ = s.engine.Reload(context.Background(), s.config(s.routing()))
				case 2:
					s.store.refuse.Store(!s.store.refuse.Load())
				case 3:
					time.Sleep(time.Duration(s.rand.IntN(600)) * time.Second)
				default:
					s.senders()
					time.Sleep(time.Duration(s.rand.IntN(30)) * time.Second)
				}
			}
			s.settle()
			s.stop()
		})
	}
}
