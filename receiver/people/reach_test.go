package people_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

func TestSomebodyWhoNeverDidAnythingCanBeToldASecondLater(t *testing.T) {
	inside(t, teamstest.Options{Graph: teamstest.GraphOptions{Throttle: teamstest.RealGraphThrottle}}, func(r *rig) {
		r.want(alice)
		r.start()
		r.after(2 * time.Second)
		r.reached(alice, "alice")
		p := r.person(alice)
		require.Equal(t, r.server.As("alice").ObjectID, p.ObjectID)
		require.NotEmpty(t, p.DisplayName)
		require.False(t, p.InstalledAt.IsZero())
		require.NotEmpty(t, r.server.AppVersion("alice"))
	})
}

func TestAThousandNewPeople(t *testing.T) {
	inside(t, teamstest.Options{
		Bot:   teamstest.Bot{Throttle: teamstest.RealBotThrottle},
		Graph: teamstest.GraphOptions{Throttle: teamstest.RealGraphThrottle},
	}, func(r *rig) {
		var names []string
		for _, u := range r.server.AddUsers(1000) {
			names = append(names, u.UPN)
		}
		r.start()
		r.after(time.Second)
		r.began = time.Now()
		r.want(names...)
		r.w.Wake()
		r.after(time.Minute)
		all, at := r.results()
		var first, last time.Duration
		n := 0
		for i, s := range all {
			if s.Place != nil {
				if n == 0 {
					first = at[i]
				}
				n++
				last = at[i]
			}
		}
		t.Logf("first %v, last %v, %d results in %d transactions, graph %d requests, sign-ins %d/%d", first, last, len(all), r.calls,
			r.server.GraphCalls(teamstest.AnyGraph), r.server.GraphSignIns(), r.server.SignIns())
		require.Equal(t, 1000, n)
	})
}

var _ = people.Look
var _ store.Person
