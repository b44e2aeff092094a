package engine

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Until the last replica has the new file the old ones go on to take alerts, for
// the webhook of theirs.
func TestWhatAnOldConfigurationStillTakesIsToldAtTheNewAddress(t *testing.T) {
	together(t, "whoever sends it", func(c *cluster) {
		routes := base + "- {matchers: [alertname=\"AtOnce\"], destinations: [sre], group_wait: 0s}\n"
		old, anew := c.config(routes), c.config(routes)
		anew.Destinations[1].Addresses[0].ID = "workflow:moved"
		a := c.join("a", old)
		c.join("b", anew)
		time.Sleep(time.Minute)
		c.refuse(1000)
		a.post(labeled("AtOnce", "warning"))
		time.Sleep(time.Minute)
		require.NoError(c.t, c.db.View(context.Background(), func(tx store.Tx) error {
			posts, err := tx.ListPosts(store.PostFilter{})
			require.Len(c.t, posts, 1)
			require.NotEqual(c.t, store.Dead, posts[0].State, "%s: %s", posts[0].Reason, posts[0].Message)
			require.Equal(c.t, "workflow:moved", posts[0].Address, "the old webhook may not be there any more")
			return err
		}))
		c.refuse(0)
		time.Sleep(time.Minute)
		c.expect("sre: AtOnce firing")
	})
	together(t, "or waits, as long as one of them knows its destination", func(c *cluster) {
		old, anew := c.config(base), c.config(base)
		anew.Destinations = slices.DeleteFunc(slices.Clone(anew.Destinations), func(d Destination) bool { return d.Name == "ops" })
		a := c.join("a", old)
		b := c.join("b", anew)
		time.Sleep(time.Minute)
		a.post(labeled("DiskFull", "warning")) // b works the timers
		time.Sleep(time.Minute)
		require.NoError(c.t, c.db.View(context.Background(), func(tx store.Tx) error {
			posts, err := tx.ListPosts(store.PostFilter{})
			require.Len(c.t, posts, 1)
			require.NotEqual(c.t, store.Dead, posts[0].State, "%s: %s", posts[0].Reason, posts[0].Message)
			return err
		}))
		require.NoError(c.t, b.engine.Reload(context.Background(), c.config(base)), "somebody sees that this was not meant")
		time.Sleep(time.Minute)
		c.expect("ops: DiskFull firing")
	})
	together(t, "or is a dead letter, once nobody knows it", func(c *cluster) {
		old, anew := c.config(base), c.config(base)
		anew.Destinations = slices.DeleteFunc(slices.Clone(anew.Destinations), func(d Destination) bool { return d.Name == "ops" })
		a := c.join("a", old)
		c.join("b", anew)
		time.Sleep(time.Minute)
		a.post(labeled("DiskFull", "warning"))
		time.Sleep(time.Minute)
		a.kill()
		time.Sleep(2 * time.Minute)
		require.NoError(c.t, c.db.View(context.Background(), func(tx store.Tx) error {
			posts, err := tx.ListPosts(store.PostFilter{})
			require.Len(c.t, posts, 1)
			require.Equal(c.t, store.Dead, posts[0].State)
			return err
		}))
	})
	together(t, "or nobody knows the destination any more, when the old ones are gone", func(c *cluster) {
		old, anew := c.config(base), c.config(base)
		anew.Destinations = anew.Destinations[1:]
		a := c.join("a", old)
		c.refuse(1000)
		a.post(labeled("DiskFull", "warning"))
		time.Sleep(time.Minute)
		c.join("b", anew)
		time.Sleep(time.Minute)
		state := func() (state store.State) {
			require.NoError(c.t, c.db.View(context.Background(), func(tx store.Tx) error {
				posts, err := tx.ListPosts(store.PostFilter{})
				state = posts[0].State
				return err
			}))
			return state
		}
		require.NotEqual(c.t, store.Dead, state(), "the old one can still tell it")
		a.kill()
		time.Sleep(2 * time.Minute)
		require.Equal(c.t, store.Dead, state())
	})
}

// A replica that hears a moment late that a webhook was replaced stores what it
// takes meanwhile at the old one's address. Whoever has heard of it would give
// that up: nobody would be told, of alerts that both had taken.
func TestWhatComesToAnAddressAfterItWasReplacedIsToldAtTheNewOne(t *testing.T) {
	for first, destinations := range map[string][]string{
		"whoever finds it": {"sre", "gone"},
		"also behind what leads nowhere any more, at a webhook that two destinations had": {"gone", "sre"},
	} {
		together(t, first, func(c *cluster) {
			c.join("a", c.config(base))
			c.join("b", c.config(base))
			time.Sleep(time.Minute)
			require.NoError(c.t, c.db.Update(context.Background(), func(tx store.Tx) error {
				for _, destination := range destinations {
					g := group.Group{Key: destination, Origin: "late", Episode: 1, Rev: 1, Phase: group.Open, OpenedAt: time.Now(), Alerts: []group.Member{
						{State: group.Firing, Alert: labeled("DiskFull", "warning")},
					}}
					if err := tx.SaveGroup(&g); err != nil {
						return err
					}
					p := store.Post{GroupID: g.ID, Address: "workflow:leaked", Destination: destination, Card: "alert", Title: destination}
					p.Raise(1, group.Due{Loud: true}, store.RankLoud, time.Now())
					if err := tx.SavePost(&p); err != nil {
						return err
					}
				}
				return nil
			}))
			time.Sleep(time.Minute)
			c.expect("sre: DiskFull firing")
			require.NoError(c.t, c.db.View(context.Background(), func(tx store.Tx) error {
				posts, err := tx.ListPosts(store.PostFilter{Destination: "gone"})
				require.Len(c.t, posts, 1)
				require.Equal(c.t, store.Dead, posts[0].State, "what leads nowhere any more is a dead letter")
				return err
			}))
		})
	}
}

// Whoever reloads while the database fails over may not hear that it was stored
// with which file it works, and goes on with the old one. The store then says for
// some seconds that it has the new one, with destinations that it does not know.
func TestWhoseReloadWasStoredWithoutAnAnswerGivesNothingUp(t *testing.T) {
	together(t, "what the new file has", func(c *cluster) {
		anew, old := c.config(base), c.config(base)
		old.Destinations = old.Destinations[1:]
		c.join("a", anew)
		b := c.join("b", old)
		time.Sleep(time.Minute)
		require.NoError(c.t, c.db.Update(context.Background(), func(tx store.Tx) error {
			live, err := tx.Replicas(b.engine.Now())
			require.NoError(c.t, err)
			require.Len(c.t, live, 2)
			live[1].Config, live[1].ConfigAt = live[0].Config, live[0].ConfigAt
			require.NoError(c.t, tx.SaveReplica(&live[1]))
			left, err := b.engine.behind(tx, anew.Destinations[0].Addresses[0].ID)
			require.NoError(c.t, err)
			require.True(c.t, left, "what waits there would become dead letters")
			outdated, err := b.engine.outdatedIn(tx, b.engine.Now())
			require.NoError(c.t, err)
			require.True(c.t, outdated, "what is due there would become a dead letter")
			return nil
		}))
	})
}

// An address that did not take messages may take them again: who knows it tries
// with what comes in, and who has an old file and does not know it must not give
// that up first.
func TestAnOldConfigurationGivesNothingUpAtABrokenAddressThatItDoesNotKnow(t *testing.T) {
	together(t, "which may have been mended", func(c *cluster) {
		anew, old := c.config(base), c.config(base)
		at := anew.Destinations[0].Addresses[0].ID
		old.Destinations = old.Destinations[1:]
		a := c.join("a", old)
		time.Sleep(time.Minute)
		b := c.join("b", anew)
		time.Sleep(time.Minute)
		b.line.cut.Store(true) // for a moment
		require.NoError(c.t, c.db.Update(context.Background(), func(tx store.Tx) error {
			row, err := tx.Address(at)
			require.NoError(c.t, err)
			row.Break("auth", "the webhook is not there any more", false, time.Now().Add(-time.Minute))
			require.NoError(c.t, tx.SaveAddress(&row))
			g := group.Group{Key: "g", Origin: "o", Episode: 1, Rev: 1, Phase: group.Open, OpenedAt: time.Now(), Alerts: []group.Member{
				{State: group.Firing, Alert: labeled("DiskFull", "warning")},
			}}
			require.NoError(c.t, tx.SaveGroup(&g))
			p := store.Post{GroupID: g.ID, Address: at, Destination: anew.Destinations[0].Name, Card: "alert", Title: "DiskFull"}
			p.Raise(1, group.Due{Loud: true}, store.RankLoud, time.Now())
			return tx.SavePost(&p)
		}))
		a.engine.deliver.Wake(at)
		time.Sleep(time.Second)
		b.line.cut.Store(false)
		time.Sleep(time.Minute)
		c.expect(anew.Destinations[0].Name + ": DiskFull firing")
		require.NoError(c.t, c.db.View(context.Background(), func(tx store.Tx) error {
			posts, err := tx.ListPosts(store.PostFilter{})
			require.Len(c.t, posts, 1)
			require.NotEqual(c.t, store.Dead, posts[0].State, "%s: %s", posts[0].Reason, posts[0].Message)
			return err
		}))
	})
}
