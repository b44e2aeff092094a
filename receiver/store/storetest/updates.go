package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

func testUpdates(k *kit) {
	ctx := context.Background()

	k.run("an update that fails leaves nothing behind and returns its own error", func(k *kit) {
		mine := errors.New("mine")
		err := k.store.Update(ctx, func(tx store.Tx) error {
			g := anEpisode("k", "o", 1)
			if err := tx.SaveGroup(&g); err != nil {
				return err
			}
			return mine
		})
		require.ErrorIs(k, err, mine)
		require.NotErrorIs(k, err, store.ErrUnavailable, "somebody would be told to try again for ever")
		k.lasting(func(tx store.Tx) {
			require.Empty(k, must[[]string](k)(keys(tx, "o")))
		})
	})

	k.run("an update that fails takes back the ids that it has given", func(k *kit) {
		g, i, a := anEpisode("k", "o", 1), store.Intent{Source: "s", Verb: "v"}, store.Audit{Who: "Alice"}
		p := aPost(g, "a")
		d, s, sub := store.Delivery{Address: "a"}, store.Silence{}, store.Subscription{Address: "a"}
		fails := errors.New("mine")
		save := func(tx store.Tx) error {
			if err := tx.SaveGroup(&g); err != nil {
				return err
			}
			p.GroupID, i.GroupID, d.GroupID = g.ID, g.ID, g.ID
			return errors.Join(tx.SavePost(&p), tx.SaveIntent(&i), tx.SaveDelivery(&d), tx.SaveSilence(&s), tx.SaveSubscription(&sub), tx.AddAudit(&a), fails)
		}
		ids := func() []int64 { return []int64{g.ID, p.ID, i.ID, d.ID, s.ID, sub.ID, a.ID} }
		require.ErrorIs(k, k.store.Update(ctx, save), fails)
		require.Equal(k, make([]int64, 7), ids(), "who tries again would change rows that are not there, or another's")
		fails = nil
		k.update(save)
		require.NotContains(k, ids(), int64(0))
		k.lasting(func(tx store.Tx) {
			require.Len(k, must[[]string](k)(keys(tx, "o")), 1)
			require.Equal(k, p, must[store.Post](k)(tx.Post(p.ID)))
		})
	})

	k.run("failing updates take nothing from those they share a commit with", func(k *kit) {
		const writers, each = 24, 20
		var wait sync.WaitGroup
		wrong := make(chan string, writers*each)
		for w := range writers {
			wait.Go(func() {
				for i := range each {
					fails := (w+i)%3 == 0
					err := k.store.Update(ctx, func(tx store.Tx) error {
						g := anEpisode(fmt.Sprintf("%d/%d", w, i), fmt.Sprintf("fails=%t", fails), 1)
						if err := tx.SaveGroup(&g); err != nil {
							return err
						}
						p := aPost(g, "a")
						if err := tx.SavePost(&p); err != nil {
							return err
						}
						if fails {
							return errors.New("after writing")
						}
						return nil
					})
					if fails != (err != nil) {
						wrong <- fmt.Sprintf("update %d/%d: fails=%t, but err=%v", w, i, fails, err)
					}
				}
			})
		}
		wait.Wait()
		close(wrong)
		for message := range wrong {
			k.Error(message)
		}
		succeeded := 0
		for w := range writers {
			for i := range each {
				if (w+i)%3 != 0 {
					succeeded++
				}
			}
		}
		k.lasting(func(tx store.Tx) {
			require.Empty(k, must[[]string](k)(keys(tx, "fails=true")))
			require.Len(k, must[[]string](k)(keys(tx, "fails=false")), succeeded)
			require.Equal(k, succeeded, must[int](k)(tx.Backlog("a", store.RankQuiet, start, 10000)))
		})
	})

	k.run("concurrent updates of one row lose nothing", func(k *kit) {
		g := k.saveGroup(anEpisode("counter", "o", 1))
		const writers, each = 16, 25
		var wait sync.WaitGroup
		var failed atomic.Int32
		for range writers {
			wait.Go(func() {
				for range each {
					if k.store.Update(ctx, func(tx store.Tx) error {
						g, err := tx.Group(g.ID)
						if err != nil {
							return err
						}
						g.Rev++
						return tx.SaveGroup(&g)
					}) != nil {
						failed.Add(1)
					}
				}
			})
		}
		wait.Wait()
		require.Zero(k, failed.Load())
		k.lasting(func(tx store.Tx) {
			require.Equal(k, 1+writers*each, must[group.Group](k)(tx.Group(g.ID)).Rev)
		})
	})

	k.run("an update sees what it wrote itself, a view does not before the commit", func(k *kit) {
		var inside, outside []string
		k.update(func(tx store.Tx) error {
			g := anEpisode("k", "o", 1)
			if err := tx.SaveGroup(&g); err != nil {
				return err
			}
			var err error
			if inside, err = keys(tx, "o"); err != nil {
				return err
			}
			return k.store.View(ctx, func(tx store.Tx) (err error) {
				outside, err = keys(tx, "o")
				return err
			})
		})
		require.Equal(k, []string{"k"}, inside)
		require.Empty(k, outside, "a page would show what may never be stored")
	})

	k.run("a view stays on its snapshot while others write", func(k *kit) {
		k.saveGroup(anEpisode("before", "o", 1))
		k.view(func(tx store.Tx) error {
			require.Equal(k, []string{"before"}, must[[]string](k)(keys(tx, "o")))
			k.saveGroup(anEpisode("meanwhile", "o", 1)) // does not wait for the view either
			require.Equal(k, []string{"before"}, must[[]string](k)(keys(tx, "o")))
			return nil
		})
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []string{"before", "meanwhile"}, must[[]string](k)(keys(tx, "o")))
		})
	})

	k.run("every writing method is refused in a view", func(k *kit) {
		g := k.saveGroup(anEpisode("k", "o", 1))
		p := k.savePost(aPost(g, "a"))
		k.update(func(tx store.Tx) error { return tx.SaveSubscription(&store.Subscription{Address: "a"}) })
		for name, write := range map[string]func(store.Tx) error{
			"SaveGroup":     func(tx store.Tx) error { g := anEpisode("new", "o", 1); return tx.SaveGroup(&g) },
			"SaveGroup old": func(tx store.Tx) error { g := g; return tx.SaveGroup(&g) },
			"SavePost":      func(tx store.Tx) error { p := aPost(g, "b"); return tx.SavePost(&p) },
			"SavePost old":  func(tx store.Tx) error { p := p; return tx.SavePost(&p) },
			"DeletePost":    func(tx store.Tx) error { return tx.DeletePost(p.ID) },
			"SaveDelivery":  func(tx store.Tx) error { return tx.SaveDelivery(&store.Delivery{}) },
			"Prune":         func(tx store.Tx) error { _, err := tx.Prune(at(1), 0, 10); return err },
			"SaveAddress":   func(tx store.Tx) error { return tx.SaveAddress(&store.Address{Address: "a"}) },
			"Lease":         func(tx store.Tx) error { _, err := tx.Lease("a", "me", at(0), at(1)); return err },
			"ReleaseLeases": func(tx store.Tx) error { return tx.ReleaseLeases("") },
			"RecordSend":    func(tx store.Tx) error { return tx.RecordSend("a", at(0), at(0)) },
			"ShiftTimers":   func(tx store.Tx) error { return tx.ShiftTimers(1) },
			"SaveIntent":    func(tx store.Tx) error { return tx.SaveIntent(&store.Intent{GroupID: g.ID}) },
			"SaveConversation": func(tx store.Tx) error {
				return tx.SaveConversation(&store.Conversation{ID: "c"})
			},
			"Seen":               func(tx store.Tx) error { _, err := tx.Seen("1", at(0)); return err },
			"SaveSilence":        func(tx store.Tx) error { return tx.SaveSilence(&store.Silence{}) },
			"SaveSubscription":   func(tx store.Tx) error { return tx.SaveSubscription(&store.Subscription{}) },
			"DeleteSubscription": func(tx store.Tx) error { return tx.DeleteSubscription(1) },
			"AddAudit":           func(tx store.Tx) error { return tx.AddAudit(&store.Audit{}) },
			"SaveReplay":         func(tx store.Tx) error { return tx.SaveReplay(&store.Replay{}) },
			"AddKey":             func(tx store.Tx) error { return tx.AddKey(store.Key{ID: "k"}) },
			"SavePerson":         func(tx store.Tx) error { return tx.SavePerson(&store.Person{Name: "alice"}) },
			"SaveRoster":         func(tx store.Tx) error { return tx.SaveRoster(&store.Roster{ID: "group:1"}) },
			"MovePosts":          func(tx store.Tx) error { _, _, err := tx.MovePosts("a", "b", at(0), 10); return err },
			"MoveSubscriptions":  func(tx store.Tx) error { return tx.MoveSubscriptions("a", "b") },
			"SaveReplica":        func(tx store.Tx) error { return tx.SaveReplica(&store.Replica{Name: "a"}) },
			"ForgetReplica":      func(tx store.Tx) error { return tx.ForgetReplica("a") },
			"SaveSightings":      func(tx store.Tx) error { return tx.SaveSightings([]store.Sighting{{Fingerprint: 1}}) },
			"NoteChange":         func(tx store.Tx) error { return tx.NoteChange(g.ID, at(0)) },
			"SaveTime":           func(tx store.Tx) error { return tx.SaveTime(at(0)) },
			"Readdress":          func(tx store.Tx) error { _, err := tx.Readdress("ops", []string{"z"}); return err },
		} {
			require.Error(k, k.store.View(ctx, write), name)
		}
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []string{"k"}, must[[]string](k)(keys(tx, "o")))
			require.Equal(k, p, must[store.Post](k)(tx.Post(p.ID)))
		})
	})

	k.run("a panic hurts its own caller only, and the store works on", func(k *kit) {
		var wait sync.WaitGroup
		var fine atomic.Int32
		for i := range 20 {
			wait.Go(func() {
				if k.store.Update(ctx, func(tx store.Tx) error {
					g := anEpisode(fmt.Sprint(i), "o", 1)
					if err := tx.SaveGroup(&g); err != nil {
						return err
					}
					if i%2 == 0 {
						panic("as planned")
					}
					return nil
				}) == nil {
					fine.Add(1)
				}
			})
		}
		wait.Wait()
		require.EqualValues(k, 10, fine.Load())
		k.lasting(func(tx store.Tx) {
			require.Len(k, must[[]string](k)(keys(tx, "o")), 10)
		})
	})

	k.run("a caller who is gone before its turn has changed nothing", func(k *kit) {
		gone, cancel := context.WithCancel(ctx)
		cancel()
		err := k.store.Update(gone, func(tx store.Tx) error {
			g := anEpisode("k", "o", 1)
			return tx.SaveGroup(&g)
		})
		require.ErrorIs(k, err, context.Canceled)
		k.lasting(func(tx store.Tx) {
			require.Empty(k, must[[]string](k)(keys(tx, "o")))
		})
	})

	k.run("the store says whether it could take an alert now", func(k *kit) {
		require.NoError(k, k.store.Check(ctx))
		require.NoError(k, k.store.Check(ctx), "it must not be used up by being asked")
		k.reopen()
		require.NoError(k, k.store.Check(ctx))
	})

	k.run("a closed store says not now, to everybody", func(k *kit) {
		require.NoError(k, k.store.Close())
		nothing := func(store.Tx) error { return nil }
		require.ErrorIs(k, k.store.Update(ctx, nothing), store.ErrUnavailable)
		require.ErrorIs(k, k.store.View(ctx, nothing), store.ErrUnavailable)
		require.ErrorIs(k, k.store.Check(ctx), store.ErrUnavailable)
	})

	k.run("closing answers everybody, and what was answered with success is there", func(k *kit) {
		var wait sync.WaitGroup
		var stored atomic.Int32
		for w := range 16 {
			wait.Go(func() {
				for i := range 1000 {
					err := k.store.Update(ctx, func(tx store.Tx) error {
						g := anEpisode(fmt.Sprintf("%d/%d", w, i), "o", 1)
						return tx.SaveGroup(&g)
					})
					if err != nil {
						return
					}
					if stored.Add(1) == 50 {
						_ = k.store.Close() // in the middle of everything
					}
				}
			})
		}
		wait.Wait()
		k.reopen()
		k.view(func(tx store.Tx) error {
			require.Len(k, must[[]string](k)(keys(tx, "o")), int(stored.Load()))
			return nil
		})
	})
}

// keys returns the keys of an origin's groups.
func keys(tx store.Tx, origin string) ([]string, error) {
	groups, err := tx.Groups(origin)
	var keys []string
	for _, g := range groups {
		keys = append(keys, g.Key)
	}
	return keys, err
}
