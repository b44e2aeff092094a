package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

const toBoth = `
destinations: [oncall, night]
group_by: [alertname]
group_wait: 30s
group_interval: 1m
repeat_interval: 100h
`

// shifts are two destinations of people: oncall, for whom standIn[0] stands in,
// and night, for whom standIn[1] does.
func (o *oncall) shifts(routes string, oncall, night []string, standIn ...string) {
	o.begin = func(c Config) Config {
		c = o.personal(c, "", oncall...)
		var audience Audience
		for _, d := range c.Destinations {
			if d.Audience != nil {
				audience = *d.Audience
			}
		}
		audience.Names = night
		for i := range c.Destinations {
			switch d := &c.Destinations[i]; d.Name {
			case "oncall":
				d.Fallback = standIn[0]
			case "night":
				d.Addresses, d.Audience, d.Fallback = nil, &audience, standIn[1]
			}
		}
		return c
	}
	o.start(routes, "oncall", "night", "sre", "managers")
}

func TestSomebodyOfSeveralDestinations(t *testing.T) {
	for _, standIn := range [][]string{{"", "sre"}, {"sre", ""}, {"sre", "sre"}} {
		withPeople(t, fmt.Sprintf("has those told instead who stand in for any of them: %q", standIn), func(o *oncall) {
			o.shifts(toBoth, []string{alices}, []string{alices}, standIn...)
			defer o.stop()
			o.fires(labeled("Hot", "critical"))
			o.fail(alices, teams.Disabled, false)
			o.soon("sre: new Hot")
			require.Len(o.t, o.only().Misses, 1, "one person is missed once")
			o.reach(alices, "a:1")
			o.soon("a:1: new Hot", "sre: edit Hot")
			require.Empty(o.t, o.only().Misses)
		})
	}
	withPeople(t, "has everybody told who stands in for one of them", func(o *oncall) {
		o.shifts(toBoth, []string{alices}, []string{alices}, "managers", "sre")
		defer o.stop()
		o.reach(alices, "a:1")
		o.refuse("a:1", teams.Outcome{Kind: teams.GiveUp, Reason: teams.Blocked, Status: 403, Message: "blocked"})
		o.fires(labeled("Hot", "critical"))
		o.soon("sre: new Hot", "managers: new Hot")
		o.accept("a:1")
		require.NoError(o.t, o.engine.Revive(context.Background(), "bot:a:1"))
		o.soon("a:1: new Hot", "sre: edit Hot", "managers: edit Hot")
		require.Empty(o.t, o.only().Misses)
	})
	withPeople(t, "who cannot be told in the place of themselves has the next one told", func(o *oncall) {
		o.shifts(toOncall, []string{alices}, []string{alices}, "night", "sre")
		defer o.stop()
		o.fires(labeled("Hot", "critical"))
		o.fail(alices, teams.Disabled, false)
		o.soon("sre: new Hot")
	})
	withPeople(t, "has others told though a subscription of their own came first", func(o *oncall) {
		o.run(toOncall, "", alices)
		defer o.stop()
		require.NoError(o.t, o.store.Update(context.Background(), func(tx store.Tx) error {
			return tx.SaveSubscription(&store.Subscription{Address: "bot:a:1", Name: "Alice", By: alice})
		}))
		o.fires(labeled("Hot", "warning"))
		o.soon("a:1: new Hot") // the subscription
		o.reach(alices, "a:1")
		o.soon()
		o.refuse("a:1", teams.Outcome{Kind: teams.GiveUp, Reason: teams.Blocked, Status: 403, Message: "blocked"})
		o.fires(labeled("Hot", "warning"), labeled("Hot", "critical", "rack", "2"))
		o.soon("sre: new Hot")
	})
}

func TestSomebodyOfTwoNamesIsMissedNoMore(t *testing.T) {
	withPeople(t, "once they are told, whatever they were called", func(o *oncall) {
		o.run(toOncall, "", alices, "id-of-alice")
		defer o.stop()
		o.fires(labeled("Hot", "critical"))
		o.fail(alices, teams.Disabled, false)
		o.soon("sre: new Hot")
		o.fail("id-of-alice", teams.Disabled, false)
		o.soon("sre: edit Hot")
		o.reach(alices, "a:1")
		o.reach("id-of-alice", "a:1")
		arrived := o.messages()
		time.Sleep(10 * time.Second)
		arrived = append(arrived, o.messages()...)
		require.Contains(o.t, strings.Join(arrived, "\n"), "a:1: new")
		require.Empty(o.t, o.only().Misses)
	})
}

func TestAThousandWhoAreToldAfterAll(t *testing.T) {
	withPeople(t, "are missed on no card any more, those least of whom it only said how many they are", func(o *oncall) {
		var names []string
		for i := range 30 {
			names = append(names, fmt.Sprintf("user%04d@contoso.com", i))
		}
		o.run(toOncall, "", names...)
		defer o.stop()
		o.fires(labeled("Hot", "critical"))
		for _, name := range names {
			o.fail(name, teams.Consent, true)
		}
		time.Sleep(10 * time.Second)
		require.Equal(o.t, 20, o.only().MoreMisses)
		o.messages()
		said := func() string {
			var last string
			for _, m := range o.messages() {
				if strings.HasPrefix(m, "sre: edit") {
					last = m
				}
			}
			return last
		}
		for i, name := range names[:25] {
			o.reach(name, fmt.Sprint("a:", i))
			time.Sleep(5 * time.Second) // Graph's limits are felt
		}
		time.Sleep(10 * time.Second)
		said()
		for i, name := range names[25:] {
			o.reach(name, fmt.Sprint("a:", 25+i))
		}
		time.Sleep(10 * time.Second)
		require.NotEmpty(o.t, said(), "the card of who stood in must not say for ever that somebody was not told")
		require.Zero(o.t, o.only().MoreMisses)
	})
}

func TestSomebodyForWhomManyAlertsWait(t *testing.T) {
	withPeople(t, "has others told of the next one too", func(o *oncall) {
		o.run(toOncall, "", alices)
		defer o.stop()
		for i := range manyPosts + 1 {
			o.fires(labeled(fmt.Sprint("Hot", i), "critical"))
		}
		o.fail(alices, teams.Consent, true)
		time.Sleep(5 * time.Minute)
		o.messages()
		o.fires(labeled("Wet", "critical"))
		time.Sleep(6 * time.Minute)
		require.Contains(o.t, strings.Join(o.messages(), "\n"), "Wet")
	})
}

func TestManyAlertsWaitForAWebhookThatBecomesPeople(t *testing.T) {
	withPeople(t, "and none of them is lost", func(o *oncall) {
		o.start(toOncall, "oncall", "sre", "managers")
		defer o.stop()
		o.throttle = 1_000_000
		for i := range manyPosts + 50 {
			o.fires(labeled(fmt.Sprint("Hot", i), "critical"))
		}
		o.reload(toOncall, "", alices)
		o.reach(alices, "a:1")
		time.Sleep(time.Minute)
		o.throttle = 0
		left := map[string]int{}
		require.NoError(o.t, o.store.View(context.Background(), func(tx store.Tx) error {
			posts, err := tx.ListPosts(store.PostFilter{Destination: "oncall", Limit: 10 * manyPosts})
			for _, p := range posts {
				left[p.Address]++
			}
			return err
		}))
		require.Equal(o.t, map[string]int{"bot:a:1": manyPosts + 50}, left)
	})
}

func TestAGroupThatNobodyIsInAnyMore(t *testing.T) {
	roster := people.GroupID("G-1")
	withPeople(t, "because its destination has another name: what waits for its members is told, or is a dead letter", func(o *oncall) {
		o.run(toOncall, roster)
		defer o.stop()
		o.fires(labeled("Hot", "critical"))
		o.expect()
		c := o.with(o.config(strings.ReplaceAll(toOncall, "oncall", "night"), "night", "sre", "managers"), "")
		audience := o.with(o.config(toOncall, "oncall", "sre", "managers"), roster)
		for i := range c.Destinations {
			if c.Destinations[i].Name == "night" {
				c.Destinations[i].Addresses, c.Destinations[i].Audience = nil, audience.Destinations[0].Audience
			}
		}
		require.NoError(o.t, o.engine.Reload(context.Background(), c))
		r := store.Roster{ID: roster, Members: []string{"1"}, RefreshedAt: time.Now()}
		require.NoError(o.t, o.engine.Assemble(context.Background(), r, []store.Person{{Name: "1", ObjectID: "1"}}))
		o.reach("1", "a:1")
		o.soon("a:1: new Hot")
	})
	withPeople(t, "because the file names it no more: what waits is a dead letter at once, and not after a day", func(o *oncall) {
		o.run(toOncall, roster)
		defer o.stop()
		o.fires(labeled("Hot", "critical"))
		o.expect()
		o.reload(toOncall, "", alices)
		o.reach(alices, "a:1")
		o.soon("a:1: new Hot")
	})
	withPeople(t, "because its destination is gone: what waits is a dead letter at once, and not after a day", func(o *oncall) {
		o.run(toOncall, roster)
		defer o.stop()
		o.fires(labeled("Hot", "critical"))
		o.expect()
		require.NoError(o.t, o.engine.Reload(context.Background(), o.inChannels(o.config(strings.ReplaceAll(toOncall, "oncall", "sre"), "sre", "managers"))))
		time.Sleep(time.Minute)
		var letters []store.Post
		require.NoError(o.t, o.store.View(context.Background(), func(tx store.Tx) (err error) {
			letters, err = tx.ListPosts(store.PostFilter{DeadLetters: true})
			return err
		}))
		require.Len(o.t, letters, 1)
		require.Equal(o.t, string(teams.NoAddress), letters[0].Reason)
	})
}

func TestAGroupWithoutMembers(t *testing.T) {
	roster := people.GroupID("G-1")
	withPeople(t, "has others told at once, and who joins it is told then", func(o *oncall) {
		o.run(toOncall, roster)
		defer o.stop()
		r := store.Roster{ID: roster, RefreshedAt: time.Now()}
		require.NoError(o.t, o.engine.Assemble(context.Background(), r, nil))
		o.fires(labeled("Hot", "critical"))
		o.soon("sre: new Hot")
		require.Equal(o.t, "has no members", o.only().Misses[0].Why)
		time.Sleep(time.Hour)
		o.expect()
		r.Members = []string{"1"}
		require.NoError(o.t, o.engine.Assemble(context.Background(), r, []store.Person{{Name: "1", ObjectID: "1"}}))
		o.reach("1", "a:1")
		o.soon("a:1: new Hot", "sre: edit Hot")
		require.Empty(o.t, o.only().Misses)
	})
}

func TestANameThatWasCorrected(t *testing.T) {
	withPeople(t, "has who was meant told of what is open, and nobody else once more", func(o *oncall) {
		o.run(toOncall, "", "alcie@contoso.com", bobs)
		defer o.stop()
		o.reach(bobs, "a:2")
		o.fires(labeled("Hot", "critical"))
		o.expect("a:2: new Hot")
		o.fail("alcie@contoso.com", teams.UnknownUser, false)
		o.expect("sre: new Hot")
		o.reload(toOncall, "", alices, bobs)
		o.soon("sre: edit Hot")
		o.reach(alices, "a:1")
		o.soon("a:1: new Hot")
	})
}

func TestAnAlertThatComesAgainWhileNothingArrives(t *testing.T) {
	withPeople(t, "has others told each time, though it waits for what came before it", func(o *oncall) {
		o.run(toOncall, "", alices)
		defer o.stop()
		o.reach(alices, "a:1")
		o.refuse("a:1", teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable, Status: 503})
		a := labeled("Hot", "critical")
		o.fires(a)
		time.Sleep(6 * time.Minute)
		o.expect("sre: new Hot")
		o.fires(over(a))
		o.soon("sre: edit Hot")
		o.fires(a)
		time.Sleep(10 * time.Minute)
		o.expect("sre: new Hot")
	})
}

func TestPeopleWhoseDestinationIsGone(t *testing.T) {
	withPeople(t, "have cards that stay true, and what is loud is one dead letter and not one for each", func(o *oncall) {
		o.run(toOncall, "", alices, bobs)
		defer o.stop()
		o.reach(alices, "a:1")
		o.reach(bobs, "a:2")
		a := labeled("Hot", "warning")
		o.fires(a)
		o.expect("a:1: new Hot", "a:2: new Hot")
		letters := func() (posts []store.Post) {
			require.NoError(o.t, o.store.View(context.Background(), func(tx store.Tx) (err error) {
				posts, err = tx.ListPosts(store.PostFilter{DeadLetters: true})
				return err
			}))
			return posts
		}
		gone := o.personal(o.config(strings.ReplaceAll(toOncall, "oncall", "sre"), "sre", "managers"), "")
		require.NoError(o.t, o.engine.Reload(context.Background(), gone))
		o.do(command.Command{Verb: command.Ack, Group: o.only().ID, By: alice})
		o.soon("a:1: edit acknowledged", "a:2: edit acknowledged")
		require.Empty(o.t, letters())
		worse := labeled("Hot", "critical", "rack", "2")
		for range 2 {
			o.fires(a, worse)
			o.messages()
		}
		require.Len(o.t, letters(), 1)
		require.Equal(o.t, "none:oncall", letters()[0].Address)
		o.soon("a:1: edit", "a:2: edit")
		o.reload(toOncall, "", alices, bobs)
		o.soon("a:1: call", "a:2: call")
		require.Empty(o.t, letters(), "who is in the file again was called to what they had missed")
		require.NoError(o.t, o.engine.Reload(context.Background(), gone))
		o.fires(over(a), over(worse))
		time.Sleep(10 * time.Second)
		require.Contains(o.t, strings.Join(o.messages(), "\n"), "a:2: edit")
		require.Empty(o.t, letters())
	})
}
