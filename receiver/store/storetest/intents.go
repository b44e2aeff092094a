package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

func testIntents(k *kit) {
	// request saves an intent that may be tried at a time.
	request := func(k *kit, g group.Group, source string, notBefore time.Time) store.Intent {
		k.Helper()
		i := store.Intent{GroupID: g.ID, Source: source, Verb: "comment", State: store.IntentRequested, NotBefore: notBefore, RequestedAt: start}
		k.update(func(tx store.Tx) error { return tx.SaveIntent(&i) })
		return i
	}
	settle := func(k *kit, i store.Intent) {
		k.Helper()
		i.State, i.NotBefore = store.IntentActive, time.Time{}
		k.update(func(tx store.Tx) error { return tx.SaveIntent(&i) })
	}
	next := func(k *kit, source string, now time.Time) store.Intent {
		k.Helper()
		var found store.Intent
		k.lasting(func(tx store.Tx) { found = must[store.Intent](k)(tx.NextIntent(source, now, at(100))) })
		return found
	}
	nothing := func(k *kit, source string, now time.Time) {
		k.Helper()
		k.lasting(func(tx store.Tx) {
			_, err := tx.NextIntent(source, now, at(100))
			require.ErrorIs(k, err, store.ErrNotFound)
		})
	}

	k.run("an intent comes back exactly as it was saved", func(k *kit) {
		g := k.saveGroup(anEpisode("k", "o", 1))
		i := store.Intent{GroupID: g.ID, Source: "jira", Verb: "comment", Who: "Alice 🔥", Text: "done\n\"so\"", State: store.IntentRequested,
			Attempts: 3, NotBefore: at(1), Reason: "503", RequestedAt: start}
		k.update(func(tx store.Tx) error { return tx.SaveIntent(&i) })
		require.NotZero(k, i.ID)
		k.lasting(func(tx store.Tx) { require.Equal(k, i, must[store.Intent](k)(tx.Intent(i.ID))) })
		i.State, i.DoneAt, i.NotBefore = store.IntentFailed, at(2), time.Time{}
		k.update(func(tx store.Tx) error { return tx.SaveIntent(&i) })
		k.lasting(func(tx store.Tx) {
			require.Equal(k, i, must[store.Intent](k)(tx.Intent(i.ID)))
			_, err := tx.Intent(4711)
			require.ErrorIs(k, err, store.ErrNotFound)
		})
		require.ErrorIs(k, k.store.Update(k.Context(), func(tx store.Tx) error {
			return tx.SaveIntent(&store.Intent{ID: 4711, GroupID: g.ID})
		}), store.ErrNotFound)
	})

	k.run("those of a group are told in the order in which they were requested", func(k *kit) {
		a, b, c := k.saveGroup(anEpisode("a", "o", 1)), k.saveGroup(anEpisode("b", "o", 1)), k.saveGroup(anEpisode("c", "o", 1))
		first, other, second := request(k, a, "jira", at(5)), request(k, b, "jira", at(0)), request(k, a, "jira", at(0))
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []store.Intent{first, second}, must[[]store.Intent](k)(tx.Intents([]int64{a.ID})))
			require.ElementsMatch(k, []store.Intent{first, second, other}, must[[]store.Intent](k)(tx.Intents([]int64{a.ID, b.ID, c.ID})))
			require.Empty(k, must[[]store.Intent](k)(tx.Intents([]int64{c.ID})))
			require.Empty(k, must[[]store.Intent](k)(tx.Intents(nil)))
		})
	})

	k.run("a comment is not made before what was said before it, and holds up no other alert", func(k *kit) {
		a, b := k.saveGroup(anEpisode("a", "o", 1)), k.saveGroup(anEpisode("b", "o", 1))
		first, second, other := request(k, a, "jira", at(10)), request(k, a, "jira", at(0)), request(k, b, "jira", at(1))
		nothing(k, "jira", at(0))
		require.Equal(k, other, next(k, "jira", at(1)), "the first of the other alert waits for its time, the second for the first")
		require.Equal(k, first, next(k, "jira", at(10)))
		settle(k, first)
		require.Equal(k, second, next(k, "jira", at(0)))
		settle(k, second)
		settle(k, other)
		nothing(k, "jira", at(99))
	})

	k.run("each source has a time at which it has something to do", func(k *kit) {
		k.lasting(func(tx store.Tx) { require.Empty(k, must[[]store.IntentQueue](k)(tx.IntentQueues(at(0), at(100)))) })
		a, b, c := k.saveGroup(anEpisode("a", "o", 1)), k.saveGroup(anEpisode("b", "o", 1)), k.saveGroup(anEpisode("c", "o", 1))
		request(k, a, "jira", at(10))
		request(k, a, "jira", at(0)) // behind the first
		request(k, b, "jira", at(7))
		request(k, c, "github", at(3))
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []store.IntentQueue{{Source: "github", NotBefore: at(3)}, {Source: "jira", NotBefore: at(7)}},
				must[[]store.IntentQueue](k)(tx.IntentQueues(at(0), at(100))))
		})
		nothing(k, "github", at(2))
		nothing(k, "nobody", at(99))
		k.update(func(tx store.Tx) error { return tx.ShiftTimers(time.Minute) })
		nothing(k, "github", at(3))
		require.Equal(k, at(4), next(k, "github", at(4)).NotBefore, "the clock was set, and the wait with it")
	})

	k.run("a time that no wait can lead to is not waited for", func(k *kit) {
		a, b := k.saveGroup(anEpisode("a", "o", 1)), k.saveGroup(anEpisode("b", "o", 1))
		request(k, a, "jira", at(100))
		nothing(k, "jira", at(99))
		ahead := request(k, b, "jira", at(101))
		require.Equal(k, ahead, next(k, "jira", at(99)), "stored while the clock was ahead, it would wait for ever")
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []store.IntentQueue{{Source: "jira"}}, must[[]store.IntentQueue](k)(tx.IntentQueues(at(99), at(100))))
		})
	})

	k.run("they go with their group, which stays until they are settled and old", func(k *kit) {
		g := anEpisode("k", "o", 1)
		g.Phase = group.Over
		g = k.saveGroup(g)
		i := request(k, g, "jira", at(0))
		prune := func(before time.Time) {
			k.Helper()
			k.update(func(tx store.Tx) error {
				_, err := tx.Prune(before, 0, 10)
				return err
			})
		}
		prune(at(1))
		require.Equal(k, i, next(k, "jira", at(0)), "somebody was told that it will be done")
		i.State, i.NotBefore, i.DoneAt = store.IntentFailed, time.Time{}, at(1)
		k.update(func(tx store.Tx) error { return tx.SaveIntent(&i) })
		prune(at(1))
		k.lasting(func(tx store.Tx) {
			require.Equal(k, i, must[store.Intent](k)(tx.Intent(i.ID)), "who asked for it has not seen yet that it failed")
		})
		prune(at(2))
		k.lasting(func(tx store.Tx) {
			_, err := tx.Intent(i.ID)
			require.ErrorIs(k, err, store.ErrNotFound, fmt.Sprint("of group ", g.ID))
			require.Empty(k, must[[]store.IntentQueue](k)(tx.IntentQueues(at(0), at(100))))
		})
	})
}
