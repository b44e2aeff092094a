package people_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// crowd are people who all wait, with nothing installed.
func (r *rig) crowd(n int) (names []string) {
	for _, u := range r.server.AddUsers(n) {
		names = append(names, u.UPN)
	}
	return names
}

// What an administrator has to mend, or what is down, fails for everybody: one
// attempt stands for all, everybody's state says why, and when it works again
// nobody waits for their turn.
func TestWhatFailsForEverybodyIsTriedOnceForAll(t *testing.T) {
	for name, c := range map[string]struct {
		breaks, mends func(s *teamstest.Server)
		reason        teams.Reason
		words, do     string
		// asked is how much of Graph is asked for in an hour at most, requests of
		// a $batch counted each.
		asked int
	}{
		"the secret has expired": {
			breaks: func(s *teamstest.Server) {
				s.BotFault(teamstest.SignIn, teamstest.Fault{Code: "AADSTS7000222", Times: -1})
			},
			mends: (*teamstest.Server).ClearFaults, reason: teams.Auth, words: "secret has expired", do: "Certificates & secrets", asked: 0,
		},
		"nobody consented to installing": {
			breaks: func(s *teamstest.Server) { s.Consent("User.ReadBasic.All", "AppCatalog.Read.All") },
			mends:  func(s *teamstest.Server) { s.Consent(teamstest.RecommendedRoles...) },
			reason: teams.Consent, words: "TeamsAppInstallation.ReadWriteSelfForUser.All", do: "Grant admin consent", asked: 1100,
		},
		"the app is not in the catalogue": {
			breaks: (*teamstest.Server).Unpublish,
			mends:  func(s *teamstest.Server) { s.Publish(teamstest.DefaultApp) },
			reason: teams.NoCatalogue, words: "not in the organization's catalogue", do: "Upload new app", asked: 150,
		},
		"Graph is down": {
			breaks: func(s *teamstest.Server) {
				s.GraphFault(teamstest.AnyGraph, teamstest.Fault{Status: 503, Times: -1})
			},
			mends: (*teamstest.Server).ClearFaults, reason: teams.Unavailable, words: "503", do: "status.cloud.microsoft", asked: 100,
		},
		"Graph cannot be reached": {
			breaks: func(s *teamstest.Server) {
				s.GraphFault(teamstest.AnyGraph, teamstest.Fault{Cut: teamstest.CutBefore, Times: -1})
			},
			mends: (*teamstest.Server).ClearFaults, reason: teams.Network, words: "graph.microsoft.com", do: "HTTPS_PROXY", asked: 100,
		},
		"Graph wants less": {
			breaks: func(s *teamstest.Server) {
				s.GraphFault(teamstest.AnyGraph, teamstest.Fault{Status: 429, RetryAfter: 10 * time.Minute, Times: -1})
			},
			mends: (*teamstest.Server).ClearFaults, reason: teams.Throttled, words: "429", do: "tried again", asked: 20,
		},
		"the bot's service is down": {
			breaks: func(s *teamstest.Server) {
				s.BotFault(teamstest.Connector, teamstest.Fault{Status: 503, Times: -1})
			},
			mends: (*teamstest.Server).ClearFaults, reason: teams.Unavailable, words: "503", do: "status.cloud.microsoft", asked: 700,
		},
	} {
		t.Run(name, func(t *testing.T) {
			inside(t, teamstest.Options{Graph: teamstest.GraphOptions{Throttle: teamstest.RealGraphThrottle}}, func(r *rig) {
				names := r.crowd(100)
				c.breaks(r.server)
				r.want(names...)
				r.start()
				r.after(30 * time.Second)
				for _, name := range names {
					p := r.person(name)
					require.Equal(t, string(c.reason), p.Reason, p.Message)
					require.True(t, p.Wanted, "what is to be told waits")
					require.Contains(t, p.Message, c.words)
				}
				status := people.Look(r.person(names[0]), nil, store.Address{})
				require.Contains(t, status.Words, c.words)
				require.Contains(t, status.Do, c.do)
				_, _ = r.results()

				r.after(time.Hour)
				all, _ := r.results()
				require.Less(t, len(all), 100, "what everybody's state says is not stored again and again")
				require.LessOrEqual(t, len(r.server.GraphRequests()), c.asked)
				require.Equal(t, 1, strings.Count(r.log.String(), "People cannot be made reachable"), "one line, not one for each person or attempt")

				late := r.crowd(1)[0]
				r.want(late)
				r.w.Wake()
				r.after(time.Second)
				require.Equal(t, string(c.reason), r.person(late).Reason, "who comes meanwhile is told why")

				c.mends(r.server)
				r.after(5*time.Minute + 15*time.Second)
				if c.reason == teams.Throttled {
					r.after(5 * time.Minute) // as long as Microsoft asked for
				}
				for _, name := range append(names, late) {
					require.Equal(t, store.PersonReachable, r.person(name).State, r.person(name).Message)
				}
				require.Contains(t, r.log.String(), "can be made reachable again")
			})
		})
	}
}

// Who has put a new secret in place and says so sees at once whether it is right.
func TestWhoSaysThatItIsMendedNeedNotWait(t *testing.T) {
	inside(t, teamstest.Options{}, func(r *rig) {
		r.server.GraphFault(teamstest.AnyGraph, teamstest.Fault{Status: 503, Times: -1})
		r.want(alice, bob)
		r.start()
		r.after(30*time.Minute + 7*time.Second)
		require.Equal(t, string(teams.Unavailable), r.person(alice).Reason)
		r.server.ClearFaults()
		r.after(time.Second)
		require.NotEqual(t, store.PersonReachable, r.person(alice).State, "or the test proves nothing: the next attempt was due anyway")
		r.w.Urge()
		r.after(5 * time.Second)
		require.Equal(t, store.PersonReachable, r.person(alice).State)
		require.Equal(t, store.PersonReachable, r.person(bob).State)
	})
}

// One person for whom Graph always fails must not look like an outage.
func TestOnePersonsTroubleKeepsNobodyElseWaiting(t *testing.T) {
	inside(t, teamstest.Options{}, func(r *rig) {
		r.server.As("bob").GraphFault(teamstest.FindUser, teamstest.Fault{Status: 503, Times: -1})
		r.want(bob)
		r.start()
		r.after(20 * time.Minute)
		p := r.person(bob)
		require.Equal(t, string(teams.Unavailable), p.Reason)
		require.True(t, p.Wanted)
		for i, name := range r.crowd(5) {
			r.want(name)
			r.w.Wake()
			r.after(2 * time.Second)
			require.Equal(t, store.PersonReachable, r.person(name).State, "number %d", i)
		}
		asked := r.server.GraphCalls(teamstest.FindUser)
		r.want(r.crowd(100)...)
		r.w.Wake()
		r.after(time.Minute)
		require.Less(t, r.server.GraphCalls(teamstest.FindUser)-asked, 115, "and bob is not asked about with each of the others")
	})
}

// Microsoft says how long it wants us to stay away.
func TestRetryAfterWins(t *testing.T) {
	inside(t, teamstest.Options{}, func(r *rig) {
		r.server.GraphFault(teamstest.Installing, teamstest.Fault{Status: 429, RetryAfter: 40 * time.Second})
		r.want(r.crowd(30)...)
		r.start()
		r.after(38 * time.Second)
		calls := r.server.GraphCalls(teamstest.Installing)
		require.LessOrEqual(t, calls, 30, "who was asked already may have been taken")
		r.after(15 * time.Second)
		require.Zero(t, r.waiting())
	})
}

// waiting counts who is still wanted.
func (r *rig) waiting() (n int) {
	r.t.Helper()
	require.NoError(r.t, r.store.View(r.t.Context(), func(tx store.Tx) error {
		all, err := tx.People("", 0)
		for _, p := range all {
			if p.Wanted {
				n++
			}
		}
		return err
	}))
	return n
}

// A chunk in which some fail for a moment: they come later by themselves.
func TestSomeFailInTheMiddleOfOthers(t *testing.T) {
	inside(t, teamstest.Options{}, func(r *rig) {
		names := r.crowd(20)
		for _, u := range r.server.Users() {
			if strings.HasSuffix(u.UPN, "5@contoso.com") {
				r.server.As(u.Name).GraphFault(teamstest.Installing, teamstest.Fault{Status: 503}, teamstest.Fault{Status: 503})
			}
		}
		r.want(names...)
		r.start()
		r.after(2 * time.Second)
		require.Less(t, r.waiting(), 5, "the others are told already")
		r.after(10 * time.Second)
		require.Zero(t, r.waiting())
	})
}

// A store that cannot be written for a while loses nothing that was found out,
// and is not pressed.
func TestWhatWasFoundOutIsStoredLater(t *testing.T) {
	inside(t, teamstest.Options{}, func(r *rig) {
		r.down.Store(true)
		names := r.crowd(200)
		r.want(names...)
		r.start()
		r.after(30 * time.Second)
		require.Less(t, int(r.refused.Load()), 10)
		installs := r.server.GraphCalls(teamstest.Installing)
		require.LessOrEqual(t, installs, 200, "it is not done again meanwhile")
		r.down.Store(false)
		r.after(20 * time.Second)
		require.Zero(t, r.waiting())
		require.Equal(t, 200, r.server.GraphCalls(teamstest.Installing))
	})
}

// Restarts at any moment of the work on some people, by the same process and by
// another one.
func TestARestartAtAnyPointGoesOn(t *testing.T) {
	for ms := 50; ms <= 1500; ms += 145 {
		t.Run(fmt.Sprintf("after %d ms", ms), func(t *testing.T) {
			inside(t, teamstest.Options{}, func(r *rig) {
				r.server.As("bob").Become(teamstest.Situation{Delay: time.Second, Silent: true})
				names := append(r.crowd(45), bob)
				r.want(names...)
				stop := r.start()
				r.after(time.Duration(ms) * time.Millisecond)
				stop()
				r.after(time.Second)
				r.start()
				r.after(10 * time.Second)
				require.Zero(t, r.waiting())
				r.reached(bob, "bob")
			})
		})
	}
}

func TestWhoIsInstallingGoesOnAfterARestartWithoutBeingLookedUpAgain(t *testing.T) {
	inside(t, teamstest.Options{}, func(r *rig) {
		r.server.As("bob").Become(teamstest.Situation{Held: true, Silent: true})
		r.want(bob)
		stop := r.start()
		r.after(time.Second)
		stop()
		require.Equal(t, store.PersonInstalling, r.person(bob).State)
		r.server.As("bob").Arrive()
		r.start()
		r.after(5 * time.Second)
		r.reached(bob, "bob")
		require.Equal(t, 1, r.server.GraphCalls(teamstest.FindUser))
		require.Equal(t, 1, r.server.GraphCalls(teamstest.Installing))
	})
}

// Of several replicas one works at a time; what one leaves when it dies another
// takes over.
func TestReplicas(t *testing.T) {
	inside(t, teamstest.Options{}, func(r *rig) {
		names := r.crowd(100)
		a, b := r.worker("a"), r.worker("b")
		r.run(a)
		r.run(b)
		r.after(time.Second)
		r.want(names...)
		a.Wake()
		b.Wake()
		r.after(10 * time.Second)
		require.Zero(t, r.waiting())
		require.Equal(t, 100, r.server.GraphCalls(teamstest.Installing), "nobody was installed for twice")

		r.update(func(tx store.Tx) error { // somebody who was killed
			_, err := tx.Lease("people", "dead", time.Now(), time.Now().Add(20*time.Second))
			return err
		})
		r.want(bob)
		a.Wake()
		calls := r.server.GraphCalls(teamstest.AnyGraph)
		r.after(19 * time.Second)
		require.Equal(t, calls, r.server.GraphCalls(teamstest.AnyGraph), "who has the lease may be at work")
		r.after(5 * time.Second)
		r.reached(bob, "bob")
	})
}

// Who has lost the lease, because the store was away for longer than it holds,
// stops before the next request.
func TestALostLeaseStopsTheWork(t *testing.T) {
	inside(t, teamstest.Options{}, func(r *rig) {
		names := r.crowd(1000) // half a minute of work
		r.want(names...)
		r.start()
		r.after(5 * time.Second)
		r.update(func(tx store.Tx) error {
			row, err := tx.Address("people")
			if err != nil {
				return err
			}
			require.Equal(t, "here", row.Holder)
			row.Holder, row.LeasedUntil = "thief", time.Now().Add(time.Hour)
			return tx.SaveAddress(&row)
		})
		r.after(12 * time.Second) // the next renewal
		calls := len(r.server.GraphRequests())
		require.Less(t, calls, 1900)
		r.after(time.Minute)
		require.Equal(t, calls, len(r.server.GraphRequests()))
		r.update(func(tx store.Tx) error { return tx.ReleaseLeases("thief") })
		r.after(time.Minute)
		require.Zero(t, r.waiting())
	})
}

// Another replica may want somebody, and nobody wakes us for that.
func TestWhoAnotherReplicaWantsIsFound(t *testing.T) {
	inside(t, teamstest.Options{}, func(r *rig) {
		r.start()
		r.after(time.Second)
		r.want(bob)
		r.after(12 * time.Second)
		r.reached(bob, "bob")
	})
}
