package storetest

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

func testDeliveries(k *kit) {
	k.run("an attempt comes back exactly as it was saved", func(k *kit) {
		for name, d := range map[string]store.Delivery{
			"with nothing set": {},
			"with everything set": {
				PostID: 1, GroupID: 2, Address: "a", Destination: "ops", Title: "Down 🔥", Kind: store.KindCall, State: store.DeliverySending,
				Attempt: 3, Revision: 4, Digest: 5, Status: 429, Reason: "throttled", Message: "wait",
				MessageID: "77", At: start, Took: 1234567 * time.Nanosecond,
			},
		} {
			k.update(func(tx store.Tx) error { return tx.SaveDelivery(&d) })
			require.NotZero(k, d.ID, name)
			k.lasting(func(tx store.Tx) {
				require.Equal(k, d, must[store.Delivery](k)(tx.Delivery(d.ID)), name)
			})
			d.State, d.Status, d.Took = store.DeliveryAccepted, 202, time.Second
			k.update(func(tx store.Tx) error { return tx.SaveDelivery(&d) })
			k.lasting(func(tx store.Tx) {
				require.Equal(k, d, must[store.Delivery](k)(tx.Delivery(d.ID)), "changed, "+name)
			})
		}
	})

	k.run("what is not there is not found", func(k *kit) {
		k.lasting(func(tx store.Tx) {
			_, err := tx.Delivery(4711)
			require.ErrorIs(k, err, store.ErrNotFound)
		})
		require.ErrorIs(k, k.store.Update(context.Background(), func(tx store.Tx) error {
			return tx.SaveDelivery(&store.Delivery{ID: 4711})
		}), store.ErrNotFound)
	})

	k.run("the log is filtered, newest first, page by page", func(k *kit) {
		var log []store.Delivery
		for i := range 8 {
			d := store.Delivery{
				PostID: int64(1 + i%3), GroupID: int64(1 + i%2), Address: "a",
				Destination: []string{"ops", "sre"}[i%2],
				State:       []string{store.DeliveryAccepted, store.DeliveryRetry}[i/4],
				At:          at(i),
			}
			k.update(func(tx store.Tx) error { return tx.SaveDelivery(&d) })
			log = append([]store.Delivery{d}, log...)
		}
		pick := func(indices ...int) (picked []store.Delivery) {
			for _, i := range indices {
				picked = append(picked, log[len(log)-1-i])
			}
			return picked
		}
		for name, list := range map[string]struct {
			filter store.DeliveryFilter
			want   []store.Delivery
		}{
			"all":                {store.DeliveryFilter{}, log},
			"a page":             {store.DeliveryFilter{Before: log[2].ID, Limit: 3}, log[3:6]},
			"of a post":          {store.DeliveryFilter{PostID: 1}, pick(6, 3, 0)},
			"of a group":         {store.DeliveryFilter{GroupID: 2}, pick(7, 5, 3, 1)},
			"of a destination":   {store.DeliveryFilter{Destination: "ops"}, pick(6, 4, 2, 0)},
			"in a state":         {store.DeliveryFilter{State: store.DeliveryRetry}, pick(7, 6, 5, 4)},
			"since a time":       {store.DeliveryFilter{Since: at(6)}, pick(7, 6)},
			"everything at once": {store.DeliveryFilter{PostID: 2, GroupID: 1, Destination: "ops", State: store.DeliveryRetry, Since: at(1), Before: log[1].ID, Limit: 1}, pick(4)},
			"of nobody":          {store.DeliveryFilter{Destination: "nobody"}, nil},
		} {
			k.lasting(func(tx store.Tx) {
				require.Equal(k, list.want, must[[]store.Delivery](k)(tx.Deliveries(list.filter)), name)
			})
		}
	})
}

func testPrune(k *kit) {
	// old saves an episode that did not change after start, with a post.
	old := func(k *kit, key string, phase group.Phase, state store.State) (group.Group, store.Post) {
		g := anEpisode(key, "o", 1)
		g.Phase = phase
		g = k.saveGroup(g)
		p := aPost(g, "a")
		p.State = state
		return g, k.savePost(p)
	}

	k.run("what is finished and old goes with its posts, everything else stays", func(k *kit) {
		gone := map[string]bool{}
		for _, phase := range []group.Phase{group.Gathering, group.Open, group.Unheard, group.Over} {
			for _, state := range []store.State{store.Due, store.Sending, store.Waiting, store.Shown, store.Accepted, store.Dead} {
				key := fmt.Sprintf("%s and %s", phase, state)
				old(k, key, phase, state)
				finished := phase == group.Over || phase == group.Unheard
				settled := state == store.Shown || state == store.Accepted || state == store.Dead
				gone[key] = finished && settled
			}
		}
		k.update(func(tx store.Tx) error {
			more, err := tx.Prune(at(1), 0, 1000)
			if more {
				return fmt.Errorf("there should be nothing left")
			}
			return err
		})
		k.lasting(func(tx store.Tx) {
			left := map[string]bool{}
			for _, g := range must[[]group.Group](k)(tx.Groups("o")) {
				left[g.Key] = true
				_, err := tx.PostOf(g.ID, "a")
				require.NoError(k, err, g.Key)
			}
			for key, gone := range gone {
				require.Equal(k, gone, !left[key], key)
			}
			require.Len(k, must[[]store.Post](k)(tx.ListPosts(store.PostFilter{})), len(left))
		})
	})

	k.run("what changed since stays", func(k *kit) {
		g, p := old(k, "its alert", group.Over, store.Shown)
		g.HeardAt = at(1)
		k.saveGroup(g)
		_, q := old(k, "its post", group.Over, store.Dead)
		q.UpdatedAt = at(1)
		k.savePost(q)
		k.update(func(tx store.Tx) error {
			_, err := tx.Prune(at(1), 0, 1000)
			return err
		})
		k.lasting(func(tx store.Tx) {
			require.Equal(k, p, must[store.Post](k)(tx.Post(p.ID)))
			require.Equal(k, q, must[store.Post](k)(tx.Post(q.ID)))
		})
	})

	k.run("it goes in small steps until nothing is left", func(k *kit) {
		for i := range 5 {
			old(k, fmt.Sprint(i), group.Over, store.Shown)
			k.update(func(tx store.Tx) error {
				return tx.SaveDelivery(&store.Delivery{State: store.DeliveryAccepted, At: at(-i)})
			})
		}
		k.update(func(tx store.Tx) error {
			return tx.SaveDelivery(&store.Delivery{State: store.DeliveryAccepted, At: at(1), Title: "young"})
		})
		for step, want := range []struct {
			left int
			more bool
		}{{3, true}, {1, true}, {0, false}} {
			var more bool
			k.update(func(tx store.Tx) (err error) {
				more, err = tx.Prune(at(1), 0, 2)
				return err
			})
			require.Equal(k, want.more, more, "step %d", step)
			k.lasting(func(tx store.Tx) {
				require.Len(k, must[[]string](k)(keys(tx, "o")), want.left, "step %d", step)
				require.Len(k, must[[]store.Delivery](k)(tx.Deliveries(store.DeliveryFilter{})), want.left+1, "step %d", step)
			})
		}
	})

	k.run("an attempt that has not ended stays in the log", func(k *kit) {
		under := store.Delivery{State: store.DeliverySending, At: at(0)}
		k.update(func(tx store.Tx) error { return tx.SaveDelivery(&under) })
		k.update(func(tx store.Tx) error { _, err := tx.Prune(at(1), 0, 10); return err })
		k.update(func(tx store.Tx) error { // its end could not be stored, nor what is sent next
			under.State = store.DeliveryAccepted
			return tx.SaveDelivery(&under)
		})
	})

	k.run("an earlier episode goes, the latest of the key stays", func(k *kit) {
		first, _ := old(k, "k", group.Over, store.Shown)
		second := anEpisode("k", "o", 2)
		second.HeardAt = at(5)
		second = k.saveGroup(second)
		k.update(func(tx store.Tx) error {
			_, err := tx.Prune(at(1), 0, 10)
			return err
		})
		k.lasting(func(tx store.Tx) {
			_, err := tx.Group(first.ID)
			require.ErrorIs(k, err, store.ErrNotFound)
			require.Equal(k, []group.Group{second}, must[[]group.Group](k)(tx.Groups("o")))
		})
	})

	k.run("the number of a pruned episode is not given to another", func(k *kit) {
		g, _ := old(k, "k", group.Over, store.Shown)
		k.update(func(tx store.Tx) error {
			_, err := tx.Prune(at(1), 0, 10)
			return err
		})
		k.reopen()
		next := k.saveGroup(anEpisode("next", "o", 1))
		require.Greater(k, next.ID, g.ID, "the id on an old card would name another alert")
	})
}
