package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

func testAddresses(k *kit) {
	k.run("an address comes back exactly as it was saved", func(k *kit) {
		full := store.Address{
			Address: "b", Holder: "me", LeasedUntil: at(1), NotBefore: at(2), Failures: 3, DigestAt: at(4),
			Broken: "the flow was deleted", BrokenReason: "not_found", BrokenAt: at(5), Waits: true,
		}
		empty := store.Address{Address: "a"}
		for range 2 { // once new, once over what is there
			k.update(func(tx store.Tx) error {
				if err := tx.SaveAddress(&full); err != nil {
					return err
				}
				return tx.SaveAddress(&empty)
			})
			k.lasting(func(tx store.Tx) {
				require.Equal(k, full, must[store.Address](k)(tx.Address("b")))
				require.Equal(k, empty, must[store.Address](k)(tx.Address("a")))
				require.Equal(k, []store.Address{empty, full}, must[[]store.Address](k)(tx.Addresses()))
			})
			full = store.Address{Address: "b", Failures: 1}
		}
	})

	k.run("an address that nobody knows is a zero one with its name", func(k *kit) {
		k.lasting(func(tx store.Tx) {
			require.Equal(k, store.Address{Address: "new"}, must[store.Address](k)(tx.Address("new")))
			require.Empty(k, must[[]store.Address](k)(tx.Addresses()))
		})
	})

	lease := func(k *kit, holder string, now, until time.Time) (got bool) {
		k.update(func(tx store.Tx) (err error) {
			got, err = tx.Lease("a", holder, now, until)
			return err
		})
		k.reopen()
		return got
	}

	k.run("a lease is exclusive until it ends, and its holder renews it", func(k *kit) {
		require.True(k, lease(k, "one", at(0), at(2)), "nobody has it")
		require.False(k, lease(k, "two", at(1), at(3)), "two would send at once")
		require.True(k, lease(k, "one", at(1), at(4)), "the holder renews")
		require.False(k, lease(k, "two", at(4).Add(-1), at(9)), "renewed")
		require.True(k, lease(k, "two", at(4), at(6)), "it ended")
		require.False(k, lease(k, "one", at(5), at(9)), "the old holder has lost it")
		k.lasting(func(tx store.Tx) {
			a := must[store.Address](k)(tx.Address("a"))
			require.Equal(k, store.Address{Address: "a", Holder: "two", LeasedUntil: at(6)}, a)
		})
	})

	k.run("a lease without an end is nobody's", func(k *kit) {
		k.update(func(tx store.Tx) error { return tx.SaveAddress(&store.Address{Address: "a", Holder: "one"}) })
		require.True(k, lease(k, "two", at(0), at(2)), "nothing would be sent there any more")
	})

	k.run("a lease keeps what else is known of the address", func(k *kit) {
		known := store.Address{Address: "a", NotBefore: at(2), Failures: 3, Broken: "x", BrokenReason: "auth", BrokenAt: at(1)}
		k.update(func(tx store.Tx) error { return tx.SaveAddress(&known) })
		require.True(k, lease(k, "one", at(0), at(2)))
		known.Holder, known.LeasedUntil = "one", at(2)
		k.lasting(func(tx store.Tx) {
			require.Equal(k, known, must[store.Address](k)(tx.Address("a")))
		})
	})

	k.run("leases are given back, one holder's or everybody's", func(k *kit) {
		for _, holder := range []string{"one", "two", ""} {
			k.update(func(tx store.Tx) error {
				for address, by := range map[string]string{"a": "one", "b": "one", "c": "two"} {
					if _, err := tx.Lease(address, by, at(0), at(100)); err != nil {
						return err
					}
				}
				return tx.ReleaseLeases(holder)
			})
			k.lasting(func(tx store.Tx) {
				for _, a := range must[[]store.Address](k)(tx.Addresses()) {
					by := map[string]string{"a": "one", "b": "one", "c": "two"}[a.Address]
					if holder == "" || holder == by {
						require.Equal(k, store.Address{Address: a.Address}, a, "released by %q", holder)
					} else {
						require.Equal(k, by, a.Holder, "released by %q", holder)
					}
				}
			})
		}
	})

	k.run("send times are kept apart by address, in order, and forgotten when old", func(k *kit) {
		k.update(func(tx store.Tx) error {
			for _, minute := range []int{2, 1, 3, 3} { // two in one moment are two
				if err := tx.RecordSend("a", at(minute), at(0)); err != nil {
					return err
				}
			}
			return tx.RecordSend("b", at(1), at(0))
		})
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []time.Time{at(1), at(2), at(3), at(3)}, must[[]time.Time](k)(tx.Sends("a", time.Time{})))
			require.Equal(k, []time.Time{at(2), at(3), at(3)}, must[[]time.Time](k)(tx.Sends("a", at(2))))
			require.Empty(k, must[[]time.Time](k)(tx.Sends("c", at(0))))
		})
		k.update(func(tx store.Tx) error { return tx.RecordSend("a", at(4), at(3)) })
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []time.Time{at(3), at(3), at(4)}, must[[]time.Time](k)(tx.Sends("a", time.Time{})))
			require.Equal(k, []time.Time{at(1)}, must[[]time.Time](k)(tx.Sends("b", time.Time{})), "not the other's")
		})
	})
}

func testTimers(k *kit) {
	for _, d := range []time.Duration{90 * time.Minute, -90 * time.Minute, 3 * time.Nanosecond} {
		k.run(fmt.Sprintf("all timers move by %s when the clock jumps", d), func(k *kit) {
			due := anEpisode("due", "o", 1)
			due.DueAt, due.NotBefore = at(1), at(2)
			due = k.saveGroup(due)
			none := k.saveGroup(anEpisode("no timer", "o", 1))
			waiting := aPost(due, "a")
			waiting.State, waiting.NotBefore = store.Waiting, at(3)
			waiting = k.savePost(waiting)
			address := store.Address{Address: "a", Holder: "me", LeasedUntil: at(4), NotBefore: at(5), BrokenAt: at(6)}
			idle := store.Address{Address: "idle"}
			k.update(func(tx store.Tx) error {
				if err := tx.SaveAddress(&address); err != nil {
					return err
				}
				if err := tx.SaveAddress(&idle); err != nil {
					return err
				}
				if err := tx.RecordSend("a", at(6), at(0)); err != nil {
					return err
				}
				return tx.ShiftTimers(d)
			})
			due.DueAt, due.NotBefore = at(1).Add(d), at(2).Add(d)
			waiting.NotBefore = at(3).Add(d)
			address.LeasedUntil, address.NotBefore = at(4).Add(d), at(5).Add(d)
			k.lasting(func(tx store.Tx) {
				require.Equal(k, due, must[group.Group](k)(tx.Group(due.ID)), "what was held back would stay so for the jump")
				require.Equal(k, none, must[group.Group](k)(tx.Group(none.ID)), "no timer stays no timer")
				require.Equal(k, waiting, must[store.Post](k)(tx.Post(waiting.ID)), "since when it waits is history, not a timer")
				require.Equal(k, address, must[store.Address](k)(tx.Address("a")))
				require.Equal(k, idle, must[store.Address](k)(tx.Address("idle")))
				require.Equal(k, []time.Time{at(6).Add(d)}, must[[]time.Time](k)(tx.Sends("a", time.Time{})))
				require.Equal(k, at(1).Add(d), must[time.Time](k)(tx.NextDueGroup()))
				require.Equal(k, at(3).Add(d), must[time.Time](k)(tx.NextPost("a")))
			})
		})
	}

	k.run("a timer that is far away stays far away", func(k *kit) {
		g := anEpisode("k", "o", 1)
		g.DueAt = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC) // sent by somebody who means never
		k.saveGroup(g)
		for range 3 {
			k.update(func(tx store.Tx) error { return tx.ShiftTimers(1<<63 - 1) })
		}
		k.lasting(func(tx store.Tx) {
			require.Greater(k, must[time.Time](k)(tx.NextDueGroup()).Year(), 2190)
			require.Empty(k, must[[]int64](k)(tx.DueGroups(at(100), 10)))
		})
	})
}

func testReaddress(k *kit) {
	readdress := func(k *kit, destination string, addresses ...string) (moved int) {
		k.update(func(tx store.Tx) (err error) {
			moved, err = tx.Readdress(destination, addresses)
			return err
		})
		return moved
	}

	k.run("what is not told yet goes to the new address, what is told stays", func(k *kit) {
		posts := map[store.State]store.Post{}
		for _, state := range []store.State{store.Due, store.Sending, store.Waiting, store.Shown, store.Accepted, store.Dead} {
			g := k.saveGroup(anEpisode(string(state), "o", 1))
			p := aPost(g, "old")
			p.State, p.DeadLetter, p.MessageID = state, state == store.Dead, "m1"
			posts[state] = k.savePost(p)
		}
		g := k.saveGroup(anEpisode("of another destination", "o", 1))
		foreign := aPost(g, "old")
		foreign.Destination = "sre"
		foreign = k.savePost(foreign)
		g = k.saveGroup(anEpisode("at another address of it", "o", 1))
		second := k.savePost(aPost(g, "second"))

		require.Equal(k, 4, readdress(k, "ops", "new", "second"))
		k.lasting(func(tx store.Tx) {
			for state, p := range posts {
				if state != store.Shown && state != store.Accepted {
					p.Address = "new"
				}
				if state != store.Shown && state != store.Accepted {
					p.MessageID = "" // every edit through the new address would fail
				}
				if state == store.Waiting { // for the old address, whatever it asked for
					p.NotBefore = p.UpdatedAt
				}
				require.Equal(k, p, must[store.Post](k)(tx.Post(p.ID)), string(state))
			}
			require.Equal(k, foreign, must[store.Post](k)(tx.Post(foreign.ID)))
			require.Equal(k, second, must[store.Post](k)(tx.Post(second.ID)))
			require.Equal(k, 1, must[int](k)(tx.Backlog("old", store.RankQuiet, at(1), 10000)), "only the other destination's")
			require.Equal(k, 2, must[int](k)(tx.Backlog("new", store.RankQuiet, at(1), 10000)))
		})
		require.Zero(k, readdress(k, "ops", "new", "second"), "a second time there is nothing to do")
	})

	k.run("a dead letter that meets a post of its episode at the new address stays one", func(k *kit) {
		g := k.saveGroup(anEpisode("k", "o", 1))
		there := aPost(g, "new")
		there.State, there.Want, there.Shown = store.Accepted, 1, 1
		there = k.savePost(there)
		dead := aPost(g, "old")
		dead.Want = 2
		dead.GiveUp("not_found", "the flow was deleted", at(3))
		k.savePost(dead)
		require.Equal(k, 1, readdress(k, "ops", "new"))
		k.lasting(func(tx store.Tx) {
			now := must[store.Post](k)(tx.Post(there.ID))
			require.Equal(k, store.Dead, now.State, "people decide whether it is still wanted")
			require.True(k, now.DeadLetter)
			require.Equal(k, 2, now.Want)
			require.Equal(k, "not_found", now.Reason)
		})
	})

	k.run("where the episode is at the new address already, it is told there once, and completely", func(k *kit) {
		g := k.saveGroup(anEpisode("k", "o", 1))
		there := aPost(g, "new")
		there.State, there.Want, there.Shown, there.Loud, there.Rank = store.Accepted, 1, 1, false, store.RankQuiet
		there = k.savePost(there)
		waits := aPost(g, "old")
		waits.State, waits.Want, waits.Call = store.Waiting, 3, 3
		waits = k.savePost(waits)
		require.Equal(k, 1, readdress(k, "ops", "new"))
		k.lasting(func(tx store.Tx) {
			_, err := tx.Post(waits.ID)
			require.ErrorIs(k, err, store.ErrNotFound)
			got := must[store.Post](k)(tx.Post(there.ID))
			require.Equal(k, store.Due, got.State)
			require.Equal(k, 3, got.Want)
			require.Equal(k, 3, got.Call, "nobody there was called for it")
			require.True(k, got.Loud)
			require.Equal(k, store.RankLoud, got.Rank)
		})
	})

	k.run("what waits for several people is told once where they are a channel now", func(k *kit) {
		g := k.saveGroup(anEpisode("k", "o", 1))
		alice, bob, carol := aPost(g, "user:alice@contoso.com"), aPost(g, "bot:a:bob"), aPost(g, "bot:a:carol")
		alice.GiveUp("no_teams", "they have never opened Teams", at(1))
		alice.Missed = true
		bob.Want, bob.Call = 3, 3
		carol.Begin(1, at(1))
		carol.Delivered(1, "m1", true, at(1))
		for _, p := range []*store.Post{&alice, &bob, &carol} {
			*p = k.savePost(*p)
		}
		require.Equal(k, 2, readdress(k, "ops", "workflow:1"))
		k.lasting(func(tx store.Tx) {
			require.Equal(k, carol, must[store.Post](k)(tx.Post(carol.ID)), "what was told stays where it is read")
			ready := must[[]store.Post](k)(tx.ReadyPosts("workflow:1", at(1), 10))
			require.Len(k, ready, 1, "the channel would read it once for each of them")
			p := ready[0]
			require.Equal(k, []any{3, 3, true, true, true}, []any{p.Want, p.Call, p.Loud, p.DeadLetter, p.Missed})
			require.Equal(k, []string{"workflow:1"}, must[[]string](k)(tx.BusyAddresses()))
		})
		require.Zero(k, readdress(k, "ops", "workflow:1"))
	})
}
