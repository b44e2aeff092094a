package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

const toOncall = `
destinations: [oncall]
group_by: [alertname]
group_wait: 30s
group_interval: 1m
repeat_interval: 100h
`

// oncall is people whom Microsoft makes reachable when the test says so.
type oncall struct {
	*rig
	no    map[string]teams.Outcome // what comes of sending to a conversation
	urged int                      // how often somebody was to be tried at once
}

// personal makes the destination "oncall" of a configuration people, and all
// others channels.
func (o *oncall) personal(c Config, roster string, names ...string) Config {
	c = o.inChannels(c)
	conversation := func(id string) deliver.Address {
		a := o.channel(id)
		a.ID, a.Destination = botframework.AddressID(id), "oncall"
		send, edit, call := a.Send, a.Edit, a.Call
		refused := func() (teams.Outcome, bool) {
			o.mu.Lock()
			defer o.mu.Unlock()
			outcome, ok := o.no[id]
			return outcome, ok
		}
		a.Send = func(ctx context.Context, m card.Message) teams.Outcome {
			if outcome, ok := refused(); ok {
				return outcome
			}
			return send(ctx, m)
		}
		a.Edit = func(ctx context.Context, message string, m card.Message) teams.Outcome {
			if outcome, ok := refused(); ok {
				return outcome
			}
			return edit(ctx, message, m)
		}
		a.Call = func(ctx context.Context, message string, m card.Message) teams.Outcome {
			if outcome, ok := refused(); ok {
				return outcome
			}
			return call(ctx, message, m)
		}
		return a
	}
	for i := range c.Destinations {
		if c.Destinations[i].Name == "oncall" {
			c.Destinations[i].Addresses = nil
			c.Destinations[i].Audience = &Audience{Names: names, Roster: roster, Address: conversation}
		}
	}
	other := c.Conversation
	c.Conversation = func(address string) (Destination, bool) {
		if id, ok := strings.CutPrefix(address, "bot:a:"); ok {
			a := conversation("a:" + id)
			a.Destination = "chat-" + id
			return Destination{Name: a.Destination, Addresses: []deliver.Address{a}}, true
		}
		if !strings.HasPrefix(address, "bot:") {
			return Destination{}, false
		}
		return other(address)
	}
	return c
}

// refuse has Teams take nothing for a conversation, until accept.
func (o *oncall) refuse(conversation string, outcome teams.Outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.no[conversation] = outcome
}

func (o *oncall) accept(conversation string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.no, conversation)
}

// with is the configuration with these people, for whom sre stands in.
func (o *oncall) with(c Config, roster string, users ...string) Config {
	c = o.personal(c, roster, users...)
	c.Urged = func() { o.urged++ }
	for i := range c.Destinations {
		if c.Destinations[i].Name == "oncall" {
			c.Destinations[i].Fallback = "sre"
		}
	}
	return c
}

func (o *oncall) run(routes string, roster string, users ...string) {
	o.begin = func(c Config) Config { return o.with(c, roster, users...) }
	o.start(routes, "oncall", "sre", "managers")
}

func (o *oncall) reload(routes, roster string, users ...string) {
	o.t.Helper()
	c := o.with(o.config(routes, "oncall", "sre", "managers"), roster, users...)
	require.NoError(o.t, o.engine.Reload(context.Background(), c))
}

// wanted are the names of those whom the worker would work on.
func (o *oncall) wanted() (names []string) {
	o.t.Helper()
	require.NoError(o.t, o.store.View(context.Background(), func(tx store.Tx) error {
		ready, _, err := tx.PeopleToReach(o.engine.Now(), 100)
		for _, p := range ready {
			names = append(names, p.Name)
		}
		return err
	}))
	return names
}

func (o *oncall) person(name string) (p store.Person) {
	o.t.Helper()
	require.NoError(o.t, o.store.View(context.Background(), func(tx store.Tx) (err error) {
		p, err = personOf(tx, name)
		return err
	}))
	return p
}

// reach is what the worker says once somebody's conversation is there.
func (o *oncall) reach(name, conversation string) {
	o.t.Helper()
	p := o.person(name)
	p.ObjectID = "id-of-" + name
	p.DisplayName = strings.ToUpper(name[:1]) + strings.Split(name[1:], "@")[0]
	require.NoError(o.t, o.engine.Settle(context.Background(), []people.Settled{{Person: p, Place: &botframework.Place{Conversation: conversation, Kind: store.Personal, User: p.ObjectID}}}))
}

// fires is a story of its own.
func (o *oncall) fires(alerts ...alert.Alert) {
	o.t.Helper()
	s := snapshot(alerts...)
	s.Origin = "am of " + alerts[0].Name()
	require.NoError(o.t, o.engine.Snapshot(context.Background(), s))
}

func (o *oncall) fail(name string, reason teams.Reason, waits bool) {
	o.t.Helper()
	p := o.person(name)
	p.Reason, p.Message, p.CheckedAt = string(reason), "In words.", o.engine.Now()
	if reason != teams.UnknownUser { // of others Microsoft says what they are called
		p.DisplayName = strings.ToUpper(name[:1]) + strings.Split(name[1:], "@")[0]
	}
	require.NoError(o.t, o.engine.Settle(context.Background(), []people.Settled{{Person: p, Waits: waits}}))
}

func withPeople(t *testing.T, name string, story func(*oncall)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { story(&oncall{rig: newRig(t), no: map[string]teams.Outcome{}}) })
	})
}

const alices, bobs = "alice@contoso.com", "bob@contoso.com"

func TestPeopleAreToldPersonally(t *testing.T) {
	withPeople(t, "each once they are reached, and never twice", func(o *oncall) {
		o.run(toOncall, "", alices, bobs)
		defer o.stop()
		o.fires(labeled("Hot", "critical"))
		o.expect()
		require.Equal(o.t, []string{alices, bobs}, o.wanted())
		o.reach(alices, "a:1")
		o.expect("a:1: new Hot")
		require.Equal(o.t, []string{bobs}, o.wanted())
		o.reach(bobs, "a:2")
		o.expect("a:2: new Hot")
		require.Empty(o.t, o.wanted())
		o.fires(labeled("Wet", "critical"))
		o.expect("a:1: new Wet", "a:2: new Wet")
	})
	withPeople(t, "and see what any one of them does", func(o *oncall) {
		o.run(toOncall, "", alices, bobs)
		defer o.stop()
		o.reach(alices, "a:1")
		o.reach(bobs, "a:2")
		o.fires(labeled("Hot", "critical"))
		o.expect("a:1: new Hot", "a:2: new Hot")
		o.do(command.Command{Verb: command.Ack, Group: o.only().ID, By: alice})
		o.soon("a:1: edit acknowledged", "a:2: edit acknowledged")
	})
	withPeople(t, "once, though they have two names", func(o *oncall) {
		o.run(toOncall, "", alices, "id-of-alice")
		defer o.stop()
		o.reach(alices, "a:1")
		o.reach("id-of-alice", "a:1")
		o.fires(labeled("Hot", "critical"))
		o.expect("a:1: new Hot")
	})
	withPeople(t, "once, though they have subscribed to the same", func(o *oncall) {
		o.run(toOncall, "", alices)
		defer o.stop()
		require.NoError(o.t, o.store.Update(context.Background(), func(tx store.Tx) error {
			return tx.SaveSubscription(&store.Subscription{Address: "bot:a:1", Name: "Alice", By: alice})
		}))
		o.fires(labeled("Hot", "critical"))
		o.expect("a:1: new Hot") // the subscription
		o.reach(alices, "a:1")
		o.expect()
		o.fires(labeled("Wet", "critical"))
		o.expect("a:1: new Wet")
	})
	withPeople(t, "also when a restart comes between the alert and their conversation", func(o *oncall) {
		o.run(toOncall, "", alices)
		o.fires(labeled("Hot", "critical"))
		o.stop()
		o.run(toOncall, "", alices)
		defer o.stop()
		o.expect()
		require.Equal(o.t, []string{alices}, o.wanted())
		o.reach(alices, "a:1")
		o.expect("a:1: new Hot")
	})
	withPeople(t, "and nobody has the app installed who left the file before", func(o *oncall) {
		o.run(toOncall, "", alices, bobs)
		defer o.stop()
		o.fires(labeled("Hot", "critical"))
		require.Equal(o.t, []string{alices, bobs}, o.wanted())
		o.reload(toOncall, "", bobs)
		time.Sleep(time.Second) // of the bubble's clock
		require.Equal(o.t, []string{bobs}, o.wanted(), "at once: an installation takes a second")
		time.Sleep(2 * lookAgain)
		require.Equal(o.t, []string{bobs}, o.wanted())
		o.reach(bobs, "a:2")
		o.expect("a:2: new Hot")
		o.reload(toOncall, "", alices, bobs)
		o.fires(labeled("Wet", "critical"))
		require.Equal(o.t, []string{alices}, o.wanted(), "who is back is wanted with the next alert")
	})
	withPeople(t, "nor who left the group", func(o *oncall) {
		o.run(toOncall, "group:g", alices)
		defer o.stop()
		in := func(ids ...string) {
			persons := make([]store.Person, len(ids))
			for i, id := range ids {
				persons[i] = store.Person{Name: id, ObjectID: id, State: store.PersonKnown}
			}
			require.NoError(o.t, o.engine.Assemble(context.Background(), store.Roster{ID: "group:g", Members: ids, RefreshedAt: o.engine.Now()}, persons))
		}
		in("id-alice", "id-bob")
		o.fires(labeled("Hot", "critical"))
		require.Equal(o.t, []string{"id-alice", "id-bob"}, o.wanted())
		in("id-bob")
		time.Sleep(2 * lookAgain)
		require.Equal(o.t, []string{"id-bob"}, o.wanted())
	})
	withPeople(t, "and not somebody of another tenant who has their id", func(o *oncall) {
		o.begin = func(c Config) Config {
			c = o.with(c, "", "id-of-alice")
			c.Tenant = "ours"
			return c
		}
		o.start(toOncall, "oncall", "sre", "managers")
		defer o.stop()
		o.fires(labeled("Hot", "critical"))
		c := store.Conversation{ID: "a:1", Kind: store.Personal, UserObjectID: "id-of-alice", UserID: "29:x", Installed: true, Tenant: "theirs"}
		require.NoError(o.t, o.engine.Met(context.Background(), c))
		o.expect()
		c.ID, c.Tenant = "a:2", "OURS"
		require.NoError(o.t, o.engine.Met(context.Background(), c))
		o.expect("a:2: new Hot")
	})
	withPeople(t, "and whom Teams tells us of needs nobody to ask", func(o *oncall) {
		o.run(toOncall, "", "id-of-alice")
		defer o.stop()
		o.fires(labeled("Hot", "critical"))
		c := store.Conversation{ID: "a:1", Kind: store.Personal, UserObjectID: "ID-of-alice", UserID: "29:x", Installed: true}
		require.NoError(o.t, o.engine.Met(context.Background(), c))
		o.expect("a:1: new Hot")
		require.Empty(o.t, o.wanted())
	})
	withPeople(t, "and who joins hears of what is loud, who leaves is left alone, though their card stays true", func(o *oncall) {
		o.run(toOncall, "", alices, bobs)
		defer o.stop()
		o.reach(alices, "a:1")
		o.reach(bobs, "a:2")
		o.fires(labeled("Hot", "warning"))
		o.expect("a:1: new Hot", "a:2: new Hot")
		o.reload(toOncall, "", bobs, "carol@contoso.com")
		o.reach("carol@contoso.com", "a:3")
		o.do(command.Command{Verb: command.Ack, Group: o.only().ID, By: alice})
		o.soon("a:1: edit acknowledged", "a:2: edit acknowledged")
		o.fires(labeled("Hot", "warning"), labeled("Hot", "critical", "rack", "2"))
		o.soon("a:1: edit", "a:2: edit", "a:2: call", "a:3: new Hot")
	})
	withPeople(t, "and nobody is told of the end of what they never heard of", func(o *oncall) {
		o.run(toOncall, "", alices)
		defer o.stop()
		o.reach(alices, "a:1")
		a := labeled("Hot", "warning")
		o.fires(a)
		o.expect("a:1: new Hot")
		o.reload(toOncall, "", alices, bobs)
		o.reach(bobs, "a:2")
		o.fires(over(a))
		o.soon("a:1: edit resolved")
	})
}

func TestWhenSomebodyCannotBeReached(t *testing.T) {
	withPeople(t, "the fallback is told instead, with who and why, and it clears when they are", func(o *oncall) {
		o.run(toOncall, "", alices, bobs)
		defer o.stop()
		o.reach(bobs, "a:2")
		o.fires(labeled("Hot", "critical"))
		o.expect("a:2: new Hot")
		o.fail(alices, teams.UnknownUser, false)
		o.expect("sre: new Hot")
		g := o.only()
		require.Len(o.t, g.Misses, 1)
		require.Equal(o.t, "sre", g.Misses[0].Fallback)
		require.Equal(o.t, alices, g.Misses[0].Who)
		require.Empty(o.t, o.wanted(), "asking again at once would say the same")

		dead := func() (posts []store.Post) {
			require.NoError(o.t, o.store.View(context.Background(), func(tx store.Tx) (err error) {
				posts, err = tx.ListPosts(store.PostFilter{DeadLetters: true})
				return err
			}))
			return posts
		}
		letters := dead()
		require.Len(o.t, letters, 1)
		o.do(command.Command{Verb: command.Comment, Group: g.ID, By: bob, Text: "on my way"})
		time.Sleep(10 * time.Second)
		o.messages()
		require.Equal(o.t, letters, dead(), "who could not be told that it fires is not missed with every change")

		o.reach(alices, "a:1") // as after `users retry`
		time.Sleep(10 * time.Second)
		arrived := strings.Join(o.messages(), "\n")
		require.Contains(o.t, arrived, "a:1: new")
		require.Contains(o.t, arrived, "sre: edit")
		require.Empty(o.t, o.only().Misses)
	})
	withPeople(t, "Microsoft is asked again with an alert after an hour", func(o *oncall) {
		o.run(toOncall, "", alices)
		defer o.stop()
		o.fires(labeled("Hot", "critical"))
		o.fail(alices, teams.Disabled, false)
		o.expect("sre: new Hot")
		require.Equal(o.t, "Alice", o.only().Misses[0].Who, "at 3 am a name is read, and an address looked up")
		var letters []store.Post
		require.NoError(o.t, o.store.View(context.Background(), func(tx store.Tx) (err error) {
			letters, err = tx.ListPosts(store.PostFilter{DeadLetters: true})
			return err
		}))
		require.Len(o.t, letters, 1)
		require.Equal(o.t, `"Hot" was not told to Alice of oncall (disabled): `+people.Words(teams.Disabled, "Alice", "")+" "+people.Do(teams.Disabled, alices), letters[0].Message,
			"what is read here, in users list and on the page is the same")
		time.Sleep(59 * time.Minute)
		o.fires(labeled("Wet", "critical"))
		o.messages()
		require.Empty(o.t, o.wanted())
		time.Sleep(2 * time.Minute)
		o.fires(labeled("Dry", "critical"))
		require.Equal(o.t, []string{alices}, o.wanted())
	})
	withPeople(t, "an expired secret has the fallback told at once, and everybody when it is mended", func(o *oncall) {
		o.run(toOncall, "", alices, bobs)
		defer o.stop()
		o.fires(labeled("Hot", "critical"))
		o.fail(alices, teams.Auth, true)
		o.fail(bobs, teams.Auth, true)
		o.expect("sre: new Hot")
		o.reach(alices, "a:1")
		o.reach(bobs, "a:2")
		o.soon("a:1: new Hot", "a:2: new Hot", "sre: edit Hot")
		require.Empty(o.t, o.only().Misses)
	})
	withPeople(t, "Graph's hiccup is waited for, and after five minutes others are told", func(o *oncall) {
		o.run(toOncall, "", alices)
		defer o.stop()
		o.fires(labeled("Hot", "critical"))
		o.fail(alices, teams.Unavailable, true)
		time.Sleep(4*time.Minute + 50*time.Second)
		o.expect()
		time.Sleep(30 * time.Second)
		o.expect("sre: new Hot")
		o.reach(alices, "a:1")
		o.soon("a:1: new Hot", "sre: edit Hot")
	})
	withPeople(t, "who has blocked the bot is replaced with every alert, and told of what is open once they have not", func(o *oncall) {
		o.run(toOncall, "", alices)
		defer o.stop()
		o.reach(alices, "a:1")
		o.refuse("a:1", teams.Outcome{Kind: teams.GiveUp, Reason: teams.Blocked, Status: 403, Message: "blocked"})
		o.fires(labeled("Hot", "critical"))
		o.expect("sre: new Hot")
		all, err := o.engine.People(context.Background())
		require.NoError(o.t, err)
		require.Len(o.t, all, 1)
		require.Equal(o.t, string(teams.Blocked), all[0].Status.Reason)
		o.accept("a:1")
		require.NoError(o.t, o.engine.Revive(context.Background(), "bot:a:1"))
		o.soon("a:1: new Hot", "sre: edit Hot")
	})
	withPeople(t, "who unblocks the bot and says nothing is found out by an alert, an hour later at most", func(o *oncall) {
		o.run(toOncall, "", alices)
		defer o.stop()
		o.reach(alices, "a:1")
		o.refuse("a:1", teams.Outcome{Kind: teams.GiveUp, Reason: teams.Blocked, Status: 403, Message: "blocked"})
		o.fires(labeled("Hot", "critical"))
		o.expect("sre: new Hot")
		o.accept("a:1")
		time.Sleep(time.Hour)
		o.fires(labeled("Wet", "critical"))
		o.soon("a:1: new Wet", "a:1: new Hot", "sre: edit Hot")
		all, err := o.engine.People(context.Background())
		require.NoError(t, err)
		require.Equal(t, store.PersonReachable, all[0].Status.State)
	})
	withPeople(t, "a replay waits for what Microsoft says now, and is not given up again with what it said", func(o *oncall) {
		o.run(toOncall, "", alices)
		defer o.stop()
		o.fires(labeled("Hot", "critical"))
		o.fail(alices, teams.Policy, false)
		o.expect("sre: new Hot")
		time.Sleep(2 * time.Hour)
		_, err := o.engine.Replay(context.Background(), Letters{}, alice, "test")
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, []string{alices}, o.wanted())
		time.Sleep(time.Minute)
		require.NoError(t, o.store.View(context.Background(), func(tx store.Tx) error {
			waiting, err := tx.ReadyPosts(people.AddressID(alices), o.engine.Now(), 10)
			require.Len(t, waiting, 1)
			return err
		}))
	})
	withPeople(t, "an administrator has them asked about anew, which the audit says", func(o *oncall) {
		o.run(toOncall, "", alices)
		defer o.stop()
		require.ErrorIs(o.t, o.engine.Retry(context.Background(), "nobody@contoso.com", alice, "api 127.0.0.1"), ErrUnknownPerson)
		o.fires(labeled("Hot", "critical"))
		o.fail(alices, teams.NoTeams, false)
		o.expect("sre: new Hot")
		require.NoError(o.t, o.engine.Retry(context.Background(), "Alice@contoso.com", alice, "api 127.0.0.1"))
		require.Equal(o.t, []string{alices}, o.wanted())
		require.Equal(o.t, 1, o.urged, "what failed for everybody is tried now, because they say that it is mended")
		require.Len(o.t, o.audit(), 1)
		o.reach(alices, "a:1")
		o.soon("a:1: new Hot", "sre: edit Hot")
	})
}

func TestAGroupsMembersAreTold(t *testing.T) {
	roster := people.GroupID("G-1")
	members := func(ids ...string) (r store.Roster, all []store.Person) {
		r = store.Roster{ID: roster, DisplayName: "On call", Members: ids, RefreshedAt: time.Now()}
		for _, id := range ids {
			all = append(all, store.Person{Name: id, ObjectID: id, DisplayName: "Name of " + id, State: store.PersonKnown})
		}
		return r, all
	}
	withPeople(t, "and what comes before anybody knows who they are waits", func(o *oncall) {
		o.run(toOncall, roster)
		defer o.stop()
		require.Equal(o.t, []string{roster}, o.engine.Rosters())
		o.fires(labeled("Hot", "critical"))
		o.expect()
		r, all := members("1", "2")
		require.NoError(o.t, o.engine.Assemble(context.Background(), r, all))
		require.Equal(o.t, []string{"1", "2"}, o.wanted())
		o.reach("1", "a:1")
		o.reach("2", "a:2")
		o.expect("a:1: new Hot", "a:2: new Hot")
	})
	withPeople(t, "a group that does not exist has the fallback told", func(o *oncall) {
		o.run(toOncall, roster)
		defer o.stop()
		o.fires(labeled("Hot", "critical"))
		require.NoError(o.t, o.engine.Assemble(context.Background(), store.Roster{ID: roster, Reason: string(teams.NotFound), Message: "There is no such group."}, nil))
		o.expect("sre: new Hot")
		r, all := members("1")
		require.NoError(o.t, o.engine.Assemble(context.Background(), r, all))
		o.reach("1", "a:1")
		o.soon("a:1: new Hot", "sre: edit Hot")
		require.Empty(o.t, o.only().Misses)
	})
	withPeople(t, "members who are known stay, while Graph cannot say who they are", func(o *oncall) {
		o.run(toOncall, roster)
		defer o.stop()
		r, all := members("1")
		require.NoError(o.t, o.engine.Assemble(context.Background(), r, all))
		o.fires(labeled("Hot", "critical"))
		o.reach("1", "a:1")
		o.expect("a:1: new Hot")
		r.Reason, r.Message = string(teams.Unavailable), "Graph is down."
		require.NoError(o.t, o.engine.Assemble(context.Background(), r, nil))
		o.fires(labeled("Wet", "critical"))
		o.expect("a:1: new Wet")
	})
}

func TestEscalationSurvivesARestart(t *testing.T) {
	routes := toOncall + `
escalate:
- {after: 15m, destinations: [managers], every: 30m}
`
	withPeople(t, "because its timers are in the store", func(o *oncall) {
		o.run(routes, "", alices)
		o.reach(alices, "a:1")
		o.fires(labeled("Hot", "critical"))
		o.expect("a:1: new Hot")
		time.Sleep(14 * time.Minute)
		o.expect()
		o.stop()
		time.Sleep(2 * time.Minute) // it is down when it was due
		o.run(routes, "", alices)
		o.soon("managers: new Hot", "a:1: edit")
		o.stop()
		o.run(routes, "", alices)
		time.Sleep(29 * time.Minute)
		o.expect()
		time.Sleep(2 * time.Minute)
		o.expect("managers: edit Hot", "managers: call Hot")
		o.do(command.Command{Verb: command.Ack, Group: o.only().ID, By: alice})
		o.soon("a:1: edit acknowledged", "managers: edit acknowledged")
		time.Sleep(3 * time.Hour)
		o.expect()
		o.stop()
	})
}

// A thousand people are one transaction a change, not a thousand; and a
// thousand who cannot be told wake the fallback once.
// What waits for a webhook that is gone is not lost when people take its place,
// nor what waits for people when a channel does.
func TestADestinationBecomesPeopleAndBack(t *testing.T) {
	withPeople(t, "and what waits goes with it", func(o *oncall) {
		o.start(toOncall, "oncall", "sre", "managers")
		defer o.stop()
		o.throttle = 1000
		o.fires(labeled("Hot", "critical"))
		o.expect()
		o.reload(toOncall, "", alices)
		o.throttle = 0
		o.reach(alices, "a:1")
		o.expect("a:1: new Hot")
		o.fires(labeled("Wet", "critical"))
		o.expect("a:1: new Wet")

		o.reload(toOncall, "", bobs)
		o.fires(labeled("Dry", "critical"))
		o.expect()
		require.NoError(o.t, o.engine.Reload(context.Background(), o.inChannels(o.config(toOncall, "oncall", "sre", "managers"))))
		o.soon("oncall: new Dry")
	})
}

func TestAThousandPeople(t *testing.T) {
	withPeople(t, "cost the fallback one message", func(o *oncall) {
		names := make([]string, 1000)
		for i := range names {
			names[i] = fmt.Sprintf("user%04d@contoso.com", i)
		}
		o.run(toOncall, "", names...)
		defer o.stop()
		o.fires(labeled("Hot", "critical"))
		var all []people.Settled
		for _, name := range names {
			p := o.person(name)
			p.Reason, p.Message, p.CheckedAt = string(teams.Consent), "Nobody has consented.", o.engine.Now()
			all = append(all, people.Settled{Person: p, Waits: true})
		}
		require.NoError(o.t, o.engine.Settle(context.Background(), all))
		time.Sleep(10 * time.Second)
		o.expect("sre: new Hot")
		require.Equal(o.t, 1000, len(o.only().Misses)+o.only().MoreMisses)
	})
}
