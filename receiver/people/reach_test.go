package people_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
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

// An alert to a thousand people who never heard of us: with the limits that
// Microsoft has, installing takes 34 seconds for all of them, and the first must
// not wait for the others.
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
		r.want(names...)
		r.mu.Lock()
		r.began = time.Now()
		r.mu.Unlock()
		r.w.Wake()
		r.after(time.Minute)

		all, at := r.results()
		var arrived []time.Duration
		for i, s := range all {
			if s.Place != nil {
				arrived = append(arrived, at[i])
			}
		}
		require.Len(t, arrived, 1000)
		require.Less(t, arrived[0], time.Second, "the first is told while the others are still looked up")
		require.Less(t, arrived[500], 21*time.Second, "30 a second")
		require.Less(t, arrived[999], 37*time.Second, "as fast as Graph takes installations")
		require.Zero(t, r.server.GraphThrottled(), "no limit was met")
		require.NotContains(t, r.log.String(), "waits", "nor the connector's")
		require.Equal(t, 1000, r.server.GraphCalls(teamstest.Installing))
		require.Equal(t, 1000, r.server.GraphCalls(teamstest.FindUser))
		require.Less(t, r.server.GraphCalls(teamstest.AnyGraph), 200, "many at once")
		require.Equal(t, 1, r.server.GraphSignIns(), "one token for all")
		require.Equal(t, 2, r.server.SignIns(), "and one for the bot")
		require.Less(t, r.calls, 200, "what came of them is stored together")

		r.want(names...) // somebody's mistake: they are known
		r.w.Wake()
		calls := r.server.GraphCalls(teamstest.AnyGraph)
		r.after(time.Hour)
		require.Equal(t, calls, r.server.GraphCalls(teamstest.AnyGraph), "known people need no Graph")
	})
}

// What Microsoft says of one person concerns nobody else: they are given up with
// the reason, and the others in the same request are told.
func TestWhoCannotBeToldHasAReason(t *testing.T) {
	for name, c := range map[string]struct {
		situation teamstest.Situation
		who       string // "": bob
		roles     []string
		reason    teams.Reason
		state     store.PersonState
		words, do string
	}{
		"nobody has the name":              {who: "nobody@contoso.com", reason: teams.UnknownUser, state: store.PersonUnknown, words: "nobody@contoso.com", do: "Entra admin center"},
		"the account was deleted":          {situation: teamstest.Situation{Gone: true}, reason: teams.UnknownUser, state: store.PersonUnknown, words: bob, do: "Entra admin center"},
		"the account is disabled":          {situation: teamstest.Situation{Disabled: true}, roles: append([]string{"User.Read.All"}, teamstest.RecommendedRoles...), reason: teams.Disabled, state: store.PersonKnown, words: "disabled", do: "Account enabled"},
		"they never opened Teams":          {situation: teamstest.Situation{NoTeams: true}, reason: teams.NoTeams, state: store.PersonKnown, words: "no Teams", do: "licence"},
		"they belong to another tenant":    {situation: teamstest.Situation{Foreign: true}, reason: teams.Foreign, state: store.PersonUnknown, words: "another tenant", do: "account of this tenant"},
		"a policy keeps the app from them": {situation: teamstest.Situation{Policy: true}, reason: teams.Policy, state: store.PersonPolicy, words: "policy", do: "Teams admin center"},
	} {
		t.Run(name, func(t *testing.T) {
			inside(t, teamstest.Options{Graph: teamstest.GraphOptions{Roles: c.roles}}, func(r *rig) {
				who := c.who
				if who == "" {
					who = bob
					r.server.As("bob").Become(c.situation)
				}
				r.want(alice, who, carol)
				r.start()
				r.after(10 * time.Second)
				r.reached(alice, "alice")
				r.reached(carol, "carol")
				p := r.person(who)
				require.Equal(t, string(c.reason), p.Reason, p.Message)
				require.Equal(t, c.state, p.State)
				require.False(t, p.Wanted, "it is given up")
				require.False(t, p.CheckedAt.IsZero(), "so that the next alert does not have it asked again at once")
				status := people.Look(p, nil, store.Address{})
				require.Contains(t, status.Words, c.words)
				require.Contains(t, status.Do, c.do)

				calls := r.server.GraphCalls(teamstest.AnyGraph)
				r.after(time.Minute)
				require.Equal(t, calls, r.server.GraphCalls(teamstest.AnyGraph), "nobody is asked again and again")

				r.server.As("bob").Become(teamstest.Situation{})
				if c.who == "" {
					r.want(who) // an hour later, or `users retry`
					r.w.Wake()
					r.after(10 * time.Second)
					r.reached(who, "bob")
				}
			})
		})
	}
}

// Graph takes an order and Teams carries it out when it can.
func TestTheConversationMayBeLate(t *testing.T) {
	for name, c := range map[string]struct {
		late    time.Duration
		within  time.Duration
		reasons []string // that were stored meanwhile
	}{
		"a moment":      {500 * time.Millisecond, 3 * time.Second, nil},
		"ten seconds":   {10 * time.Second, 20 * time.Second, nil},
		"a minute":      {time.Minute, 2*time.Minute + 10*time.Second, nil},
		"three minutes": {3 * time.Minute, 6 * time.Minute, []string{string(teams.Installing)}},
	} {
		t.Run(name, func(t *testing.T) {
			inside(t, teamstest.Options{}, func(r *rig) {
				r.server.As("bob").Become(teamstest.Situation{Delay: c.late, Silent: true})
				r.want(bob, alice)
				r.start()
				r.after(2 * time.Second)
				r.reached(alice, "alice")
				r.after(c.within)
				r.reached(bob, "bob")
				require.Equal(t, 2, r.server.GraphCalls(teamstest.Installing), "it was ordered once for each")
				all, _ := r.results()
				var reasons []string
				for _, s := range all {
					if s.Place == nil {
						require.True(t, s.Waits, "nothing is given up")
						if s.Person.Reason != "" && !slices.Contains(reasons, s.Person.Reason) {
							reasons = append(reasons, s.Person.Reason)
						}
					}
				}
				require.Equal(t, c.reasons, reasons)
			})
		})
	}
}

// After two minutes people are told that it takes long; it goes on all the same,
// and Graph is asked what became of the installation.
func TestAnInstallationThatTakesForEverIsSaidAndGoesOn(t *testing.T) {
	inside(t, teamstest.Options{}, func(r *rig) {
		r.server.As("bob").Become(teamstest.Situation{Held: true, Silent: true})
		r.want(bob)
		r.start()
		r.after(time.Minute)
		p := r.person(bob)
		require.Equal(t, store.PersonInstalling, p.State)
		require.Empty(t, p.Reason)
		require.Contains(t, people.Look(p, nil, store.Address{}).Words, "in a moment")
		require.Equal(t, 1, r.server.GraphCalls(teamstest.ListInstalls), "on the second failure")
		r.after(time.Hour)
		p = r.person(bob)
		require.Equal(t, string(teams.Installing), p.Reason)
		require.True(t, p.Wanted)
		require.Less(t, r.server.GraphCalls(teamstest.AnyGraph), 50, "more and more seldom")
		require.Contains(t, people.Look(p, nil, store.Address{}).Do, "write to the bot once")
		r.server.As("bob").Arrive()
		r.after(6 * time.Minute)
		r.reached(bob, "bob")
	})
}

// Graph forgets an order now and then: it is given again.
func TestAnInstallationThatDidNotHappenIsOrderedAgain(t *testing.T) {
	inside(t, teamstest.Options{}, func(r *rig) {
		r.server.As("bob").Become(teamstest.Situation{Held: true, Silent: true})
		r.want(bob)
		r.start()
		r.after(time.Second)
		require.Equal(t, 1, r.server.GraphCalls(teamstest.Installing))
		_, _ = r.server.As("bob").Uninstall(t.Context(), r.server.PersonalChat("bob"))
		r.server.As("bob").Become(teamstest.Situation{})
		r.after(10 * time.Second)
		require.Equal(t, 2, r.server.GraphCalls(teamstest.Installing))
		r.reached(bob, "bob")
	})
}

func TestA400ThatSucceedsWhenItIsAskedAgain(t *testing.T) {
	inside(t, teamstest.Options{}, func(r *rig) {
		r.server.As("bob").Become(teamstest.Situation{Flaky: 1})
		r.want(bob)
		r.start()
		r.after(5 * time.Second)
		r.reached(bob, "bob")
	})
}

// Who the bot knows already is not looked up, however the bot came to know them.
func TestWhoTheStoreKnowsNeedsNoGraph(t *testing.T) {
	inside(t, teamstest.Options{}, func(r *rig) {
		id := r.server.As("bob").ObjectID
		r.update(func(tx store.Tx) error {
			return tx.SaveConversation(&store.Conversation{ID: "a:bob", Kind: store.Personal, UserObjectID: id, Installed: true, UpdatedAt: time.Now()})
		})
		r.after(time.Second)
		r.want(id)
		r.start()
		r.after(time.Second)
		p := r.person(id)
		require.Equal(t, "a:bob", p.Conversation)
		require.Equal(t, id, p.ObjectID)
		r.want(bob) // by name it has to be asked who it is, and nothing is installed
		r.w.Wake()
		r.after(time.Second)
		require.Equal(t, "a:bob", r.person(bob).Conversation)
		require.Equal(t, 1, r.server.GraphCalls(teamstest.AnyGraph))
		require.Zero(t, r.server.GraphCalls(teamstest.Installing))
	})
}

// People of other tenants may talk to the bot, too. Whatever id somebody has at
// home, their chat is not that of one of ours, who are asked for where they are.
func TestAConversationOfAnotherTenantIsNobodysHere(t *testing.T) {
	inside(t, teamstest.Options{}, func(r *rig) {
		id := r.server.As("bob").ObjectID
		r.update(func(tx store.Tx) error {
			return tx.SaveConversation(&store.Conversation{
				ID: "a:eve", Kind: store.Personal, UserObjectID: id, Tenant: "99999999-0000-4000-8000-000000000000", Installed: true, UpdatedAt: time.Now(),
			})
		})
		r.after(time.Second)
		r.want(id, bob)
		r.start()
		r.after(5 * time.Second)
		r.reached(id, "bob")
		r.reached(bob, "bob")
	})
}

// Teams sends no second conversationUpdate to who installs the app again, so
// what was remembered is used.
func TestWhoRemovedTheAppIsInstalledForAgainAndKeepsTheConversation(t *testing.T) {
	for name, c := range map[string]store.Conversation{
		"an event told of it":              {Installed: false},
		"the bot was blocked":              {Installed: true, Blocked: "the person has blocked the bot"},
		"nobody told us, and it was tried": {Installed: true},
	} {
		t.Run(name, func(t *testing.T) {
			inside(t, teamstest.Options{}, func(r *rig) {
				r.want(bob)
				stop := r.start()
				r.after(2 * time.Second)
				r.reached(bob, "bob")
				stop()
				chat := r.server.PersonalChat("bob")
				_, _ = r.server.As("bob").Uninstall(t.Context(), chat)
				r.after(time.Second)
				r.update(func(tx store.Tx) error {
					known, err := tx.Conversation(chat)
					if err != nil {
						return err
					}
					known.Installed, known.Blocked = c.Installed, c.Blocked
					if err := tx.SaveConversation(&known); err != nil {
						return err
					}
					p, err := tx.Person(bob) // as engine.Retry does
					if err != nil {
						return err
					}
					p.Conversation, p.State = "", store.PersonUnknown
					return tx.SavePerson(&p)
				})
				r.want(bob)
				r.start()
				r.after(5 * time.Second)
				require.Equal(t, 2, r.server.GraphCalls(teamstest.Installing))
				r.reached(bob, "bob")
				require.Equal(t, chat, r.person(bob).Conversation)
			})
		})
	}
}

func TestSeveralNamesOfOnePersonAreOnePerson(t *testing.T) {
	inside(t, teamstest.Options{}, func(r *rig) {
		id := r.server.As("bob").ObjectID
		r.want(bob, id)
		r.start()
		r.after(3 * time.Second)
		r.reached(bob, "bob")
		r.reached(id, "bob")
		require.Equal(t, 1, r.server.GraphCalls(teamstest.Installing))
	})
}

// The event of the installation may come first: the engine stores what it tells.
func TestAnEventMayBeFaster(t *testing.T) {
	inside(t, teamstest.Options{}, func(r *rig) {
		r.server.As("bob").Become(teamstest.Situation{Held: true, Silent: true})
		r.want(bob)
		r.start()
		r.after(10 * time.Second)
		p := r.person(bob)
		require.Equal(t, r.server.As("bob").ObjectID, p.ObjectID, "stored before the event comes, which knows nothing else")
		r.update(func(tx store.Tx) error { // as engine.Met does
			p.Conversation, p.State, p.Wanted = "a:event", store.PersonReachable, false
			return tx.SavePerson(&p)
		})
		r.server.As("bob").Arrive()
		r.after(10 * time.Minute)
		require.Equal(t, "a:event", r.person(bob).Conversation, "what was under way does not take it back")
	})
}
