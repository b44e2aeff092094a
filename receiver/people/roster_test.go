package people_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// latest is the roster that was handed over last, and how many were.
func (r *rig) latest() (store.Roster, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	require.NotEmpty(r.t, r.assembled)
	return r.assembled[len(r.assembled)-1], len(r.assembled)
}

func TestAGroupIsReadAndFollowed(t *testing.T) {
	inside(t, teamstest.Options{}, func(r *rig) {
		group := r.server.AddGroup("On call", "alice", "bob")
		id := people.GroupID(group)
		r.rosters = []string{id}
		stop := r.start()
		r.after(time.Second)
		got, n := r.latest()
		require.Equal(t, 1, n)
		require.Equal(t, id, got.ID)
		require.Equal(t, "On call", got.DisplayName)
		require.ElementsMatch(t, []string{r.server.As("alice").ObjectID, r.server.As("bob").ObjectID}, got.Members)
		require.IsIncreasing(t, got.Members)
		require.Empty(t, got.Reason)
		require.False(t, got.RefreshedAt.IsZero())
		require.Len(t, r.members, 2)
		require.Equal(t, r.members[0].Name, r.members[0].ObjectID, "the object id is the name")
		require.NotEmpty(t, r.members[0].DisplayName)

		r.server.ChangeGroup(group, "bob", "carol")
		r.after(14 * time.Minute)
		_, n = r.latest()
		require.Equal(t, 1, n, "not more often than every 15 minutes")
		r.after(2 * time.Minute)
		got, n = r.latest()
		require.Equal(t, 2, n)
		require.ElementsMatch(t, []string{r.server.As("carol").ObjectID, r.server.As("bob").ObjectID}, got.Members)

		stop()
		r.server.ChangeGroup(group, "carol")
		r.after(2 * time.Minute)
		r.start()
		r.after(time.Second)
		got, _ = r.latest()
		require.Len(t, got.Members, 1, "a start reads it at once")

		r.w.Wake()
		r.mu.Lock()
		r.rosters = append(r.rosters, people.TagID("team", "none"))
		r.mu.Unlock()
		r.w.Wake()
		r.after(time.Second)
		got, _ = r.latest()
		require.Equal(t, people.TagID("team", "none"), got.ID, "a reload may bring another one")
		require.Equal(t, string(teams.NotFound), got.Reason)
	})
}

func TestAMemberNeedsNoLookUp(t *testing.T) {
	inside(t, teamstest.Options{}, func(r *rig) {
		r.rosters = []string{people.GroupID(r.server.AddGroup("On call", "alice"))}
		r.start()
		r.after(time.Second)
		p := r.members[0]
		p.Wanted = true
		r.update(func(tx store.Tx) error { return tx.SavePerson(&p) })
		r.w.Wake()
		r.after(2 * time.Second)
		r.reached(p.Name, "alice")
		require.Zero(t, r.server.GraphCalls(teamstest.FindUser))
	})
}

func TestATagIsReadLikeAGroup(t *testing.T) {
	inside(t, teamstest.Options{}, func(r *rig) {
		r.rosters = []string{people.TagID(teamstest.TeamGroup, r.server.AddTag("Night shift", "alice", "bob"))}
		r.start()
		r.after(time.Second)
		got, _ := r.latest()
		require.Empty(t, got.Message)
		require.Len(t, got.Members, 2)
		require.Equal(t, "Night shift", got.DisplayName)
	})
}

// While Graph is down those who were in a group are told all the same.
func TestAGroupThatCannotBeReadKeepsItsMembers(t *testing.T) {
	inside(t, teamstest.Options{}, func(r *rig) {
		r.rosters = []string{people.GroupID(r.server.AddGroup("On call", "alice", "bob"))}
		r.start()
		r.after(time.Second)
		r.server.GraphFault(teamstest.AnyGraph, teamstest.Fault{Status: 503, Times: -1})
		r.after(16 * time.Minute)
		got, n := r.latest()
		require.Len(t, got.Members, 2)
		require.Equal(t, string(teams.Unavailable), got.Reason)
		require.False(t, got.NotBefore.IsZero(), "it is tried again by itself")
		require.False(t, got.RefreshedAt.IsZero())
		require.Less(t, n, 10)
		r.after(time.Hour)
		_, n = r.latest()
		require.Less(t, n, 25, "at most every five minutes")
		r.server.ClearFaults()
		r.after(5*time.Minute + 10*time.Second)
		got, _ = r.latest()
		require.Empty(t, got.Reason)
		require.Empty(t, got.Message)
		require.Zero(t, got.Attempts)
	})
}

// A roster that will not get better by itself says so: its posts must go to
// somebody else.
func TestARosterThatNobodyCanBeToldBySaysWhy(t *testing.T) {
	for name, c := range map[string]struct {
		id     func(r *rig) string
		reason teams.Reason
		words  string
		waits  bool
	}{
		"the group does not exist": {func(*rig) string { return people.GroupID("0a0a0a0a-0000-4000-8000-000000000000") }, teams.NotFound, "Entra admin center", false},
		"nobody is in it":          {func(r *rig) string { return people.GroupID(r.server.AddGroup("Empty")) }, teams.NotFound, `nobody in the group "Empty"`, false},
		"too many are in it": {func(r *rig) string {
			var all []string
			for _, u := range r.server.AddUsers(5001) {
				all = append(all, u.Name)
			}
			return people.GroupID(r.server.AddGroup("Everybody", all...))
		}, teams.Rejected, "5000", false},
		"we may not read it": {func(r *rig) string {
			r.server.Consent("User.ReadBasic.All")
			return people.GroupID(r.server.AddGroup("Secret", "alice"))
		}, teams.Consent, "GroupMember.Read.All", true},
	} {
		t.Run(name, func(t *testing.T) {
			inside(t, teamstest.Options{}, func(r *rig) {
				r.rosters = []string{c.id(r)}
				r.start()
				r.after(10 * time.Second)
				got, _ := r.latest()
				require.Equal(t, string(c.reason), got.Reason)
				require.Contains(t, got.Message, c.words)
				require.Equal(t, c.waits, !got.NotBefore.IsZero())
				require.True(t, got.RefreshedAt.IsZero(), "so what is to be told waits at the roster, or is given up there")
				require.Empty(t, got.Members)
			})
		})
	}
}

// Where a group was emptied, the people who were in it are not told any more.
func TestAGroupThatWasEmptiedTellsNobody(t *testing.T) {
	inside(t, teamstest.Options{}, func(r *rig) {
		group := r.server.AddGroup("On call", "alice")
		r.rosters = []string{people.GroupID(group)}
		r.start()
		r.after(time.Second)
		r.server.ChangeGroup(group)
		r.after(16 * time.Minute)
		got, _ := r.latest()
		require.Empty(t, got.Members)
		require.True(t, got.RefreshedAt.IsZero(), "somebody else must be told")
		require.Equal(t, string(teams.NotFound), got.Reason)
		r.server.ChangeGroup(group, "bob")
		r.after(16 * time.Minute)
		got, _ = r.latest()
		require.Len(t, got.Members, 1)
	})
}

func TestAnAccountThatIsDisabledIsNotInARoster(t *testing.T) {
	inside(t, teamstest.Options{Graph: teamstest.GraphOptions{Roles: append([]string{"User.Read.All"}, teamstest.RecommendedRoles...)}}, func(r *rig) {
		r.server.As("bob").Become(teamstest.Situation{Disabled: true})
		r.rosters = []string{people.GroupID(r.server.AddGroup("On call", "alice", "bob"))}
		r.start()
		r.after(time.Second)
		got, _ := r.latest()
		require.Equal(t, []string{r.server.As("alice").ObjectID}, got.Members)
	})
}

func TestRostersNeedGraph(t *testing.T) {
	inside(t, teamstest.Options{}, func(r *rig) {
		r.withoutGraph, r.rosters = true, []string{people.GroupID("g")}
		r.start()
		r.after(time.Second)
		got, _ := r.latest()
		require.Contains(t, got.Message, "Name the people one by one")
		require.True(t, got.NotBefore.IsZero())
	})
}

// Where there is no Graph, as against a Teams that is simulated on this machine,
// people are reached where the app is already.
func TestWithoutGraph(t *testing.T) {
	inside(t, teamstest.Options{}, func(r *rig) {
		r.withoutGraph = true
		_, _ = r.server.As("alice").Install(t.Context(), r.server.PersonalChat("alice"))
		id, other := r.server.As("alice").ObjectID, r.server.As("bob").ObjectID
		r.want(id, other, carol)
		r.start()
		r.after(time.Second)
		r.reached(id, "alice")
		for _, name := range []string{other, carol} {
			p := r.person(name)
			require.Equal(t, string(teams.NotInstalled), p.Reason)
			require.False(t, p.Wanted)
			status := people.Look(p, nil, store.Address{})
			require.Contains(t, status.Words, "write to the bot once")
			require.Contains(t, status.Words, "object id")
		}
		_, _ = r.server.As("bob").Install(t.Context(), r.server.PersonalChat("bob"))
		r.want(other)
		r.w.Wake()
		r.after(time.Second)
		r.reached(other, "bob")
	})
}

func TestAnAppThatIsOlderThanTheCataloguesIsUpgraded(t *testing.T) {
	newer := teamstest.DefaultApp
	newer.Version = "1.2.0"
	inside(t, teamstest.Options{}, func(r *rig) {
		_, _ = r.server.As("bob").Install(t.Context(), r.server.PersonalChat("bob"))
		r.server.Publish(newer)
		r.want(bob)
		r.start()
		r.after(2 * time.Second)
		r.reached(bob, "bob")
		r.after(10 * time.Second)
		require.Equal(t, "1.2.0", r.server.AppVersion("bob"), "it was there already, so its version was looked at")
		require.Equal(t, "1.2.0", r.person(bob).Version)
		require.Equal(t, 1, r.server.GraphCalls(teamstest.Upgrading))
	})
}

// Once a day, slowly, and never in the way of somebody who is to be told.
func TestVersionsAreLookedAtOnceADay(t *testing.T) {
	inside(t, teamstest.Options{Graph: teamstest.GraphOptions{Throttle: teamstest.RealGraphThrottle}}, func(r *rig) {
		names := r.crowd(100)
		r.want(names...)
		stop := r.start()
		r.after(20 * time.Hour)
		require.Zero(t, r.waiting())
		require.Zero(t, r.server.GraphCalls(teamstest.ListInstalls))
		newer := teamstest.DefaultApp
		newer.Version = "1.2.0"
		r.server.Publish(newer)
		r.server.As(r.server.Users()[50].Name).GraphFault(teamstest.Upgrading, teamstest.Fault{Status: 500, Times: -1})
		r.after(6 * time.Hour)
		require.Equal(t, 100, r.server.GraphCalls(teamstest.ListInstalls))
		upgraded := 0
		for _, name := range names {
			p := r.person(name)
			require.Equal(t, store.PersonReachable, p.State)
			if p.Version == "1.2.0" {
				upgraded++
			}
		}
		require.Equal(t, 99, upgraded, "one could not be, which harms nobody")
		var times []time.Time
		for _, q := range r.server.GraphRequests() {
			if q.Call == teamstest.ListInstalls {
				times = append(times, q.At)
			}
		}
		for i := range times[10:] {
			require.GreaterOrEqual(t, times[i+10].Sub(times[i]), 5*time.Second, "ten at a time, and then a pause")
		}
		stop()

		_, _ = r.server.As(r.server.Users()[60].Name).Uninstall(t.Context(), r.server.PersonalChat(r.server.Users()[60].Name))
		r.start()
		r.after(10 * time.Hour)
		require.Equal(t, 100, r.server.GraphCalls(teamstest.ListInstalls), "a restart does not make it a day earlier")
		r.after(20 * time.Hour)
		require.Equal(t, 200, r.server.GraphCalls(teamstest.ListInstalls))
		gone := 0
		for _, name := range names {
			p := r.person(name)
			require.Equal(t, store.PersonReachable, p.State, "what is sent there tells it, or an event")
			require.NotEmpty(t, p.Conversation)
			if p.Version == "" {
				gone++
			}
		}
		require.Equal(t, 1, gone)
	})
}
