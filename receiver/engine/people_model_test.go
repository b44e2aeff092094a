package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

// crew is people of whom some cannot be told, and what happens to them.
type crew struct {
	*oncall
	rand   *rand.Rand
	names  []string
	alerts []alert.Alert
}

const toCrew = toOncall + `
escalate:
- {after: 15m, destinations: [managers], every: 30m}
`

// conversation is where a name leads: the last name is the first person too.
func (c *crew) conversation(i int) string { return fmt.Sprint("a:", i%(len(c.names)-1)) }

func (c *crew) some() (names []string) {
	for _, name := range c.names {
		if c.rand.IntN(3) > 0 {
			names = append(names, name)
		}
	}
	return append(names, c.names[0])
}

func (c *crew) restart() {
	names := c.some()
	c.stop()
	c.run(toCrew, "", names...)
}

// happens is one thing that happens to somebody.
func (c *crew) happens() {
	i := c.rand.IntN(len(c.names))
	name, conversation := c.names[i], c.conversation(i)
	a := c.alerts[c.rand.IntN(len(c.alerts))]
	c.messages() // nobody sends while it is changed what comes of it
	switch c.rand.IntN(12) {
	case 0, 1, 2:
		c.fires(a)
	case 3:
		c.fires(over(a))
	case 4:
		c.reach(name, conversation)
	case 5:
		if c.person(name).Conversation == "" {
			reason := []teams.Reason{teams.UnknownUser, teams.Consent, teams.Unavailable}[c.rand.IntN(3)]
			c.fail(name, reason, reason != teams.UnknownUser)
		}
	case 6:
		c.refuse(conversation, []teams.Outcome{
			{Kind: teams.GiveUp, Reason: teams.Blocked, Status: 403}, {Kind: teams.Retry, Reason: teams.Unavailable, Status: 503},
		}[c.rand.IntN(2)])
	case 7:
		c.back(conversation)
	case 8:
		_ = c.engine.Retry(context.Background(), name, alice, "api 127.0.0.1")
	case 9:
		c.reload(toCrew, "", c.some()...)
	case 10:
		c.restart()
	case 11:
		groups := c.open()
		if len(groups) == 0 {
			return
		}
		verb := []string{command.Ack, command.Unack}[c.rand.IntN(2)]
		_, err := c.engine.Do(context.Background(), command.Command{Verb: verb, Group: groups[c.rand.IntN(len(groups))].ID, By: alice, Of: group.AnyMark})
		require.NoError(c.t, err)
	}
}

func (c *crew) back(conversation string) {
	c.accept(conversation)
	require.NoError(c.t, c.engine.Revive(context.Background(), botframework.AddressID(conversation)))
}

// open are the episodes that are not over and of which people know.
func (c *crew) open() (open []group.Group) {
	require.NoError(c.t, c.store.View(context.Background(), func(tx store.Tx) error {
		open = nil
		return tx.OpenGroups(func(g group.Group) error {
			if !g.ToldAt.IsZero() {
				open = append(open, g)
			}
			return nil
		})
	}))
	return open
}

func (c *crew) posts(g *group.Group) (posts []store.Post) {
	require.NoError(c.t, c.store.View(context.Background(), func(tx store.Tx) (err error) {
		posts, err = tx.ListPosts(store.PostFilter{GroupID: g.ID})
		return err
	}))
	return posts
}

// stoodIn: where somebody has waited for long, others know.
func (c *crew) stoodIn() {
	time.Sleep(20 * time.Minute)
	c.messages()
	for _, g := range c.open() {
		if g.Ack != nil || g.Phase != group.Open {
			continue
		}
		for _, p := range c.posts(&g) {
			_, held := people.NameOf(p.Address)
			person := held || strings.HasPrefix(p.Address, "bot:a:")
			require.False(c.t, person && p.Shown == 0 && !g.Spec.Has(group.Target{Destination: "sre"}),
				"nobody stands in for who cannot be told: %+v of %+v", p, g)
		}
	}
}

// mended: once everybody can be told, they are, and nobody is missed.
func (c *crew) mended() {
	c.reload(toCrew, "", c.names...)
	for i, name := range c.names {
		c.reach(name, c.conversation(i))
		c.back(c.conversation(i))
	}
	time.Sleep(15 * time.Minute)
	c.messages()
	for _, g := range c.open() {
		require.Zero(c.t, len(g.Misses)+g.MoreMisses+len(g.Fallbacks)+len(g.Recount), "somebody is missed who was told: %+v", g)
		for _, p := range c.posts(&g) {
			require.Equal(c.t, store.Shown, p.State, "what is open is still to be told: %+v of %+v", p, g)
			require.False(c.t, p.Missed || p.DeadLetter, "%+v", p)
		}
	}
	c.fires(labeled("Last", "critical"))
	want := []string{}
	for i := range c.names[1:] {
		want = append(want, c.conversation(i)+": new Last")
	}
	c.expect(want...)
}

func TestWhateverHappensToPeopleTheyAreToldOrOthersAre(t *testing.T) {
	for seed := range uint64(2) {
		withPeople(t, fmt.Sprint("seed ", seed), func(o *oncall) {
			c := &crew{oncall: o, rand: rand.New(rand.NewPCG(seed, 6)), names: []string{"p0@contoso.com", "p1@contoso.com", "p2@contoso.com", "id-of-p0"}}
			for _, name := range []string{"Hot", "Wet", "Loud"} {
				c.alerts = append(c.alerts, labeled(name, "critical"), labeled(name, "warning", "rack", "2"))
			}
			c.run(toCrew, "", c.some()...)
			for range 3 {
				for range 15 {
					c.happens()
					time.Sleep(time.Duration(c.rand.IntN(400)) * time.Second)
				}
				c.stoodIn()
			}
			c.mended()
			c.stop()
		})
	}
}
