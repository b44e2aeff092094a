package storetest

import (
	"fmt"
	"math"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// testReplays is about dead letters that are sent again.
func testReplays(k *kit) {
	k.run("a replay goes on after a restart where it stood", func(k *kit) {
		want := store.Replay{
			By: group.Person{ID: "o1", Name: "Alice"}, From: "page 127.0.0.1", Destination: "ops", Reason: "auth",
			State: store.ReplayRunning, Next: math.MaxInt64, Total: 100_000, At: at(1),
		}
		k.update(func(tx store.Tx) error { return tx.SaveReplay(&want) })
		done := store.Replay{State: store.ReplayDone, Total: 1, Replayed: 1, At: at(2), EndedAt: at(2)}
		k.update(func(tx store.Tx) error { return tx.SaveReplay(&done) })
		want.Next, want.Replayed, want.Left = 17, 400, 3
		k.update(func(tx store.Tx) error { return tx.SaveReplay(&want) })
		k.lasting(func(tx store.Tx) {
			require.Equal(k, want, must[store.Replay](k)(tx.Replay(want.ID)))
			require.Equal(k, []store.Replay{want}, must[[]store.Replay](k)(tx.RunningReplays()))
			require.Equal(k, []store.Replay{done, want}, must[[]store.Replay](k)(tx.Replays(0, 10)))
			require.Equal(k, []store.Replay{want}, must[[]store.Replay](k)(tx.Replays(done.ID, 10)))
			_, err := tx.Replay(4711)
			require.ErrorIs(k, err, store.ErrNotFound)
		})
		k.update(func(tx store.Tx) error {
			_, err := tx.Prune(at(2).Add(time.Hour), time.Minute, 10)
			return err
		})
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []store.Replay{want}, must[[]store.Replay](k)(tx.Replays(0, 10)), "what still runs is never old")
		})
	})
	k.run("what became of its letters is counted, and dead letters are found by kind", func(k *kit) {
		replay := store.Replay{State: store.ReplayDone}
		k.update(func(tx store.Tx) error { return tx.SaveReplay(&replay) })
		letter := func(n int, destination, reason string, change func(p *store.Post)) store.Post {
			g := k.saveGroup(anEpisode(fmt.Sprint("k", n), "o", 1))
			p := aPost(g, fmt.Sprint("a", n))
			p.Destination = destination
			p.GiveUp(reason, "In words.", at(n))
			p.Since = at(n)
			if change != nil {
				p.Replay(at(n))
				p.ReplayID = replay.ID
				change(&p)
			}
			return k.savePost(p)
		}
		told := letter(1, "ops", "auth", func(p *store.Post) { p.Delivered(1, "m", true, at(20)) })
		due := letter(2, "ops", "auth", func(*store.Post) {})
		waits := letter(3, "ops", "auth", func(p *store.Post) { p.Retry(at(30), "timeout", "", at(20)) })
		again := letter(4, "ops", "auth", func(p *store.Post) { p.GiveUp("auth", "", at(20)) })
		other := letter(5, "ops", "auth", nil)
		sre := letter(6, "sre", "auth", nil)
		gone := letter(7, "ops", "not_found", nil)
		k.lasting(func(tx store.Tx) {
			require.Equal(k, store.ReplayCount{Told: 1, Waiting: 2, Dead: 1}, must[store.ReplayCount](k)(tx.CountReplay(replay.ID)))
			require.Equal(k, store.ReplayCount{}, must[store.ReplayCount](k)(tx.CountReplay(4711)))
			for name, c := range map[string]struct {
				filter store.PostFilter
				want   []store.Post
			}{
				"all of the replay":       {store.PostFilter{Replay: replay.ID}, []store.Post{again, waits, due, told}},
				"those that failed again": {store.PostFilter{Replay: replay.ID, DeadLetters: true, States: []store.State{store.Dead}}, []store.Post{again}},
				"of a reason":             {store.PostFilter{DeadLetters: true, Reason: "auth"}, []store.Post{sre, other, again, due}},
				"of both":                 {store.PostFilter{DeadLetters: true, Reason: "not_found", Destination: "ops"}, []store.Post{gone}},
				"a page of a destination": {store.PostFilter{DeadLetters: true, Destination: "ops", Before: gone.ID, Limit: 2}, []store.Post{other, again}},
				"of an episode":           {store.PostFilter{DeadLetters: true, GroupID: sre.GroupID}, []store.Post{sre}},
			} {
				require.Equal(k, c.want, must[[]store.Post](k)(tx.ListPosts(c.filter)), name)
			}
			piles := must[[]store.LetterPile](k)(tx.LetterPiles(10))
			for i := range piles {
				piles[i].Example = 0
			}
			require.Equal(k, []store.LetterPile{
				{Reason: "auth", Destination: "ops", Dead: 2, Waiting: 1, Since: again.Since},
				{Reason: "auth", Destination: "sre", Dead: 1, Since: sre.Since},
				{Reason: "not_found", Destination: "ops", Dead: 1, Since: gone.Since},
				{Reason: "timeout", Destination: "ops", Waiting: 1},
			}, piles)
			require.Equal(k, 1, must[[]store.LetterPile](k)(tx.LetterPiles(1))[0].Dead, "who asks for one does not pay for all")
			require.Equal(k, map[int64]group.Phase{sre.GroupID: group.Open}, must[map[int64]group.Phase](k)(tx.Phases([]int64{sre.GroupID, 4711})))
		})
	})
}

// testSearch is about finding attempts by whatever is known of them.
func testSearch(k *kit) {
	k.run("a search finds what all conditions hold for", func(k *kit) {
		var log []store.Delivery
		k.update(func(tx store.Tx) error {
			log = nil // it may run more than once
			for i := range 12 {
				d := store.Delivery{
					PostID: int64(i % 5), GroupID: int64(i%4 + 1), Destination: []string{"ops", "sre"}[i%2], Title: fmt.Sprint("Disk ", i), Message: "100% Full_",
					State: []string{store.DeliveryDelivered, store.DeliveryRetry, store.DeliveryDead}[i%3], Kind: []string{store.KindCard, store.KindEdit}[i/6],
					Reason: []string{"", "timeout", "auth"}[i%3], At: at(i),
				}
				if err := tx.SaveDelivery(&d); err != nil {
					return err
				}
				log = append([]store.Delivery{d}, log...)
			}
			return nil
		})
		k.view(func(tx store.Tx) error {
			eachCondition(func(name string, f store.DeliveryFilter) {
				var want []store.Delivery
				for _, d := range log {
					if matches(&f, &d) {
						want = append(want, d)
					}
				}
				found, further, err := tx.SearchDeliveries(f)
				require.NoError(k, err, name)
				require.Equal(k, want, found, name)
				require.Zero(k, further, name)
				f.Limit = 1
				found, further, err = tx.SearchDeliveries(f)
				require.NoError(k, err, name)
				if len(want) > 0 {
					require.Equal(k, want[:1], found, name)
					require.Equal(k, want[0].ID, further, name)
				}
			})
			for text, n := range map[string]int{"disk": 12, "DISK 1": 3, "%": 12, "0% f": 12, "full_": 12, "_ull": 0, "nobody": 0} {
				found, _, err := tx.SearchDeliveries(store.DeliveryFilter{Text: text})
				require.NoError(k, err, text)
				require.Len(k, found, n, text)
			}
			return nil
		})
	})
	k.run("a search for what there is not ends, and goes on where it ended", func(k *kit) {
		k.update(func(tx store.Tx) error {
			for i := range store.MaxLooked + 2 {
				d := store.Delivery{Destination: "ops", Title: "Disk", Kind: store.KindCard, At: at(i)}
				if i == 0 {
					d.Kind = store.KindEdit
				}
				if err := tx.SaveDelivery(&d); err != nil {
					return err
				}
			}
			return nil
		})
		k.view(func(tx store.Tx) error {
			f := store.DeliveryFilter{Destination: "ops", Kind: store.KindEdit}
			found, further, err := tx.SearchDeliveries(f)
			require.NoError(k, err)
			require.Empty(k, found)
			require.NotZero(k, further)
			f.Before = further
			found, further, err = tx.SearchDeliveries(f)
			require.Len(k, found, 1)
			require.Zero(k, further)
			return err
		})
	})
}

func matches(f *store.DeliveryFilter, d *store.Delivery) bool {
	return (f.PostID == 0 || f.PostID == d.PostID) && (f.GroupID == 0 || f.GroupID == d.GroupID) && (f.Destination == "" || f.Destination == d.Destination) &&
		(f.State == "" || f.State == d.State) && (f.Kind == "" || f.Kind == d.Kind) && (f.Reason == "" || f.Reason == d.Reason) &&
		(f.Since.IsZero() || !d.At.Before(f.Since)) && (f.Until.IsZero() || !d.At.After(f.Until))
}

// eachCondition calls fn with every combination of some conditions.
func eachCondition(fn func(name string, f store.DeliveryFilter)) {
	set := []func(*store.DeliveryFilter){
		func(f *store.DeliveryFilter) { f.PostID = 2 },
		func(f *store.DeliveryFilter) { f.GroupID = 3 },
		func(f *store.DeliveryFilter) { f.Destination = "ops" },
		func(f *store.DeliveryFilter) { f.State = store.DeliveryRetry },
		func(f *store.DeliveryFilter) { f.Kind = store.KindEdit },
		func(f *store.DeliveryFilter) { f.Reason = "timeout" },
		func(f *store.DeliveryFilter) { f.Since = at(3) },
		func(f *store.DeliveryFilter) { f.Until = at(9) },
	}
	for chosen := range 1 << len(set) {
		var f store.DeliveryFilter
		for i, condition := range set {
			if chosen&(1<<i) != 0 {
				condition(&f)
			}
		}
		fn(fmt.Sprintf("%08b", chosen), f)
	}
}
