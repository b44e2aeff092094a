package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// RunShared tests a store that several processes share. open makes two of them
// on one empty database.
func RunShared(t *testing.T, open func(t *testing.T) (a, b store.Store)) {
	ctx := context.Background()
	run := func(name string, test func(t *testing.T, both [2]store.Store)) {
		t.Run(name, func(t *testing.T) {
			a, b := open(t)
			require.True(t, a.Shared())
			test(t, [2]store.Store{a, b})
		})
	}
	// together runs fn in several goroutines of both and returns their errors.
	together := func(both [2]store.Store, n int, fn func(i int, s store.Store) error) error {
		errs := make([]error, n)
		var wait sync.WaitGroup
		for i := range n {
			wait.Go(func() { errs[i] = fn(i, both[i%2]) })
		}
		wait.Wait()
		return errors.Join(errs...)
	}

	run("what one has committed the other one sees at once", func(t *testing.T, both [2]store.Store) {
		for i := range 10 {
			key := fmt.Sprint(i)
			require.NoError(t, both[i%2].Update(ctx, func(tx store.Tx) error {
				g := anEpisode(key, key, 1)
				return tx.SaveGroup(&g)
			}))
			require.NoError(t, both[(i+1)%2].View(ctx, func(tx store.Tx) error {
				groups, err := tx.Groups(key)
				require.Len(t, groups, 1)
				return err
			}))
		}
	})

	run("two that count in one row lose nothing", func(t *testing.T, both [2]store.Store) {
		g := anEpisode("k", "o", 1)
		require.NoError(t, both[0].Update(ctx, func(tx store.Tx) error { return tx.SaveGroup(&g) }))
		require.NoError(t, together(both, 16, func(i int, s store.Store) error {
			for range 10 {
				if err := s.Update(ctx, func(tx store.Tx) error {
					if i%4 < 2 { // an alert comes, and may share a transaction
						known, err := tx.Groups("o")
						if err != nil {
							return err
						}
						known[0].Rev++
						return tx.SaveGroup(&known[0])
					}
					g, err := tx.Group(g.ID)
					if err != nil {
						return err
					}
					g.Rev++
					return tx.SaveGroup(&g)
				}); err != nil {
					return err
				}
			}
			return nil
		}))
		require.NoError(t, both[1].View(ctx, func(tx store.Tx) error {
			g, err := tx.Group(g.ID)
			require.Equal(t, 161, g.Rev)
			return err
		}))
	})

	run("what is read to be changed is changed by nobody else until the commit", func(t *testing.T, both [2]store.Store) {
		testReadToBeChanged(t, both, func(n int, fn func(i int, s store.Store) error) error { return together(both, n, fn) })
	})

	run("what is raised while its post moves is told at the new address", func(t *testing.T, both [2]store.Store) {
		testMovedMeanwhile(t, both, func(n int, fn func(i int, s store.Store) error) error { return together(both, n, fn) })
	})

	run("nobody moves timers while somebody counts by them", func(t *testing.T, both [2]store.Store) {
		require.NoError(t, together(both, 12, func(i int, s store.Store) error {
			return s.Update(ctx, func(tx store.Tx) error {
				if i%2 == 0 {
					return tx.ShiftTimers(time.Minute)
				}
				before, err := tx.Shifted()
				if err != nil {
					return err
				}
				for range 40 { // others have their chance
					if now, err := tx.Shifted(); err != nil || now != before {
						return errors.Join(err, fmt.Errorf("they moved by %s", now-before))
					}
				}
				return nil
			})
		}))
	})

	run("of all who bring the first alert of an origin one makes its group", func(t *testing.T, both [2]store.Store) {
		for round := range 5 {
			origin := fmt.Sprint("o", round)
			var made atomic.Int32
			require.NoError(t, together(both, 12, func(_ int, s store.Store) error {
				mine := false
				err := s.Update(ctx, func(tx store.Tx) error {
					mine = false
					known, err := tx.Groups(origin)
					if err != nil || len(known) > 0 {
						return err
					}
					g := anEpisode("k"+origin, origin, 1)
					mine = true
					return tx.SaveGroup(&g)
				})
				if mine {
					made.Add(1)
				}
				return err
			}))
			require.EqualValues(t, 1, made.Load(), "people are told twice")
		}
	})

	run("who moves posts waits for none that is where it belongs", func(t *testing.T, both [2]store.Store) {
		g := anEpisode("k", "o", 1)
		p := store.Post{Address: "a", Destination: "ops", State: store.Due}
		require.NoError(t, both[0].Update(ctx, func(tx store.Tx) error {
			if err := tx.SaveGroup(&g); err != nil {
				return err
			}
			p.GroupID = g.ID
			return tx.SavePost(&p)
		}))
		require.NoError(t, both[0].Update(ctx, func(tx store.Tx) error {
			if _, err := tx.Post(p.ID); err != nil { // it is being sent
				return err
			}
			return both[1].Update(ctx, func(other store.Tx) error {
				_, err := other.Readdress("ops", []string{"a", "b"})
				return err
			})
		}))
	})

	run("two that lock the same rows in opposite order both come through", func(t *testing.T, both [2]store.Store) {
		var ids [4]int64
		require.NoError(t, both[0].Update(ctx, func(tx store.Tx) error {
			for i := range ids {
				g := anEpisode(fmt.Sprint(i), fmt.Sprint(i), 1)
				if err := tx.SaveGroup(&g); err != nil {
					return err
				}
				ids[i] = g.ID
			}
			return nil
		}))
		require.NoError(t, together(both, 4, func(i int, s store.Store) error {
			order := ids[:]
			if i%2 == 0 {
				order = slices.Clone(order)
				slices.Reverse(order)
			}
			return s.Update(ctx, func(tx store.Tx) error {
				for _, id := range order {
					g, err := tx.Group(id)
					if err != nil {
						return err
					}
					g.Rev++
					if err := tx.SaveGroup(&g); err != nil {
						return err
					}
				}
				return nil
			})
		}))
		require.NoError(t, both[0].View(ctx, func(tx store.Tx) error {
			for _, id := range ids {
				g, err := tx.Group(id)
				require.NoError(t, err)
				require.Equal(t, 5, g.Rev)
			}
			return nil
		}))
	})

	run("a lease has one holder", func(t *testing.T, both [2]store.Store) {
		for round := range 5 {
			address := fmt.Sprint("a", round)
			var got atomic.Int32
			require.NoError(t, together(both, 12, func(i int, s store.Store) error {
				mine := false
				defer func() {
					if mine {
						got.Add(1)
					}
				}()
				return s.Update(ctx, func(tx store.Tx) (err error) {
					if mine = false; i%3 > 0 {
						mine, err = tx.Lease(address, fmt.Sprint(i), at(0), at(1))
						return err
					}
					row, err := tx.Address(address)
					if err != nil || row.Holder != "" {
						return err
					}
					if _, err := tx.LastTime(); err != nil { // others have their chance
						return err
					}
					row.Holder, row.LeasedUntil, mine = fmt.Sprint(i), at(1), true
					return tx.SaveAddress(&row)
				})
			}))
			require.EqualValues(t, 1, got.Load(), "two send to one address at once")
		}
	})

	run("turns of an address that has no row yet follow each other", func(t *testing.T, both [2]store.Store) {
		for round := range 5 {
			address := fmt.Sprint("new", round)
			require.NoError(t, together(both, 12, func(_ int, s store.Store) error {
				return s.Update(ctx, func(tx store.Tx) error {
					row, err := tx.Address(address)
					if err != nil {
						return err
					}
					if _, err := tx.LastTime(); err != nil { // others have their chance
						return err
					}
					row.Failures++
					return tx.SaveAddress(&row)
				})
			}))
			require.NoError(t, both[0].View(ctx, func(tx store.Tx) error {
				row, err := tx.Address(address)
				require.Equal(t, 12, row.Failures)
				return err
			}))
		}
	})

	run("timers that move during a turn have moved after it", func(t *testing.T, both [2]store.Store) {
		const shifts = 6
		require.NoError(t, both[0].Update(ctx, func(tx store.Tx) error {
			return tx.SaveAddress(&store.Address{Address: "a", NotBefore: at(0)})
		}))
		require.NoError(t, together(both, 2*shifts, func(i int, s store.Store) error {
			return s.Update(ctx, func(tx store.Tx) error {
				if i < shifts {
					return tx.ShiftTimers(time.Minute)
				}
				row, err := tx.Address("a")
				if err != nil {
					return err
				}
				if _, err := tx.LastTime(); err != nil { // others have their chance
					return err
				}
				row.Failures++
				return tx.SaveAddress(&row)
			})
		}))
		require.NoError(t, both[0].View(ctx, func(tx store.Tx) error {
			row, err := tx.Address("a")
			require.Equal(t, []any{shifts, at(shifts)}, []any{row.Failures, row.NotBefore})
			return err
		}))
	})

	run("a person, a conversation and a roster that two meet for the first time are not overwritten", func(t *testing.T, both [2]store.Store) {
		for round := range 5 {
			name := fmt.Sprint("new", round)
			require.NoError(t, together(both, 12, func(_ int, s store.Store) error {
				return s.Update(ctx, func(tx store.Tx) error {
					p, err := tx.Person(name)
					if err != nil && !errors.Is(err, store.ErrNotFound) {
						return err
					}
					c, err := tx.Conversation(name)
					if err != nil && !errors.Is(err, store.ErrNotFound) {
						return err
					}
					r, err := tx.Roster(name)
					if err != nil {
						return err
					}
					p.Name, c.ID = name, name
					p.Attempts++
					c.Name += "x"
					r.Attempts++
					return errors.Join(tx.SavePerson(&p), tx.SaveConversation(&c), tx.SaveRoster(&r))
				})
			}))
			require.NoError(t, both[0].View(ctx, func(tx store.Tx) error {
				p, errPerson := tx.Person(name)
				c, errConversation := tx.Conversation(name)
				r, errRoster := tx.Roster(name)
				require.Equal(t, []int{12, 12, 12}, []int{p.Attempts, len(c.Name), r.Attempts})
				return errors.Join(errPerson, errConversation, errRoster)
			}))
		}
	})

	run("an activity that comes to both is worked by one", func(t *testing.T, both [2]store.Store) {
		for round := range 5 {
			var first atomic.Int32
			require.NoError(t, together(both, 12, func(_ int, s store.Store) error {
				before := true
				err := s.Update(ctx, func(tx store.Tx) (err error) {
					before, err = tx.Seen(fmt.Sprint(round), at(0))
					return err
				})
				if !before {
					first.Add(1)
				}
				return err
			}))
			require.EqualValues(t, 1, first.Load())
		}
	})

	run("what one changes has a number at the other one that nobody has seen", func(t *testing.T, both [2]store.Store) {
		seen := map[int64]bool{}
		for i := range 10 {
			require.NoError(t, both[i%2].Update(ctx, func(tx store.Tx) error {
				return errors.Join(tx.SaveSilence(&store.Silence{}), tx.SaveSubscription(&store.Subscription{}), tx.Disable(&store.Disabled{Destination: "ops"}))
			}))
			var numbers [2]store.Revisions
			for j, s := range both {
				require.NoError(t, s.View(ctx, func(tx store.Tx) (err error) {
					numbers[j], err = tx.Revisions()
					return err
				}))
			}
			require.Equal(t, numbers[0], numbers[1])
			for _, n := range []int64{numbers[0].Silences, numbers[0].Subscriptions, numbers[0].Destinations} {
				require.False(t, seen[n], "what was kept under it would be taken for what is")
				seen[n] = true
			}
		}
	})

	run("two that subscribe at the same time after they have looked make one subscription", func(t *testing.T, both [2]store.Store) {
		require.NoError(t, together(both, 8, func(_ int, s store.Store) error {
			return s.Update(ctx, func(tx store.Tx) error {
				there, err := tx.Subscriptions("a")
				if err != nil || len(there) > 0 {
					return err
				}
				return tx.SaveSubscription(&store.Subscription{Address: "a"})
			})
		}))
		require.NoError(t, both[0].View(ctx, func(tx store.Tx) error {
			all, err := tx.Subscriptions("")
			require.Len(t, all, 1)
			return err
		}))
	})

	run("a change that is noted while another one has not ended is missed by nobody", func(t *testing.T, both [2]store.Store) {
		var after string
		begin := func() error {
			return both[1].View(ctx, func(tx store.Tx) (err error) {
				after, err = tx.LastChange()
				return err
			})
		}
		require.NoError(t, both[0].Update(ctx, func(tx store.Tx) error {
			if err := tx.NoteChange(1, at(0)); err != nil {
				return err
			}
			if _, err := tx.Groups("flush"); err != nil { // it is under way in the database
				return err
			}
			if err := both[1].Update(ctx, func(tx store.Tx) error { return tx.NoteChange(2, at(0)) }); err != nil {
				return err
			}
			return begin()
		}))
		require.NoError(t, both[1].View(ctx, func(tx store.Tx) error {
			groups, _, err := tx.Changes(after)
			require.Contains(t, groups, int64(1), "it was committed after the other one, and began before it")
			return err
		}))
	})

	run("a transaction that lasts has nobody read again all that has changed since", func(t *testing.T, both [2]store.Store) {
		changes := func(after string) (groups []int64, next string) {
			require.NoError(t, both[1].View(ctx, func(tx store.Tx) (err error) {
				groups, next, err = tx.Changes(after)
				return err
			}))
			return groups, next
		}
		note := func(id int64) error {
			return both[1].Update(ctx, func(tx store.Tx) error { return tx.NoteChange(id, at(0)) })
		}
		var next string
		require.NoError(t, both[0].Update(ctx, func(tx store.Tx) error {
			if err := tx.NoteChange(1, at(0)); err != nil {
				return err
			}
			if _, err := tx.Groups("flush"); err != nil { // it is under way in the database
				return err
			}
			require.NoError(t, note(2))
			_, next = changes("")
			require.NoError(t, note(3))
			var groups []int64
			groups, next = changes(next)
			require.Equal(t, []int64{3}, groups, "an hour of somebody's report would be an hour's groups for every look")
			return nil
		}))
		groups, _ := changes(next)
		require.Equal(t, []int64{1}, groups, "it has ended only now")
	})

	run("what comes to an episode while it is pruned goes with it or keeps it", func(t *testing.T, both [2]store.Store) {
		testPrunedMeanwhile(t, both, func(n int, fn func(i int, s store.Store) error) error { return together(both, n, fn) })
	})

	run("who prunes waits for nobody", func(t *testing.T, both [2]store.Store) {
		g := anEpisode("k", "o", 1)
		g.Phase = group.Over
		d := store.Delivery{State: store.DeliveryAccepted, At: at(0)}
		require.NoError(t, both[0].Update(ctx, func(tx store.Tx) error { return errors.Join(tx.SaveGroup(&g), tx.SaveDelivery(&d)) }))
		require.NoError(t, both[0].Update(ctx, func(tx store.Tx) error {
			_, errGroup := tx.Group(g.ID)
			_, errDelivery := tx.Delivery(d.ID)
			return errors.Join(errGroup, errDelivery, both[1].Update(ctx, func(other store.Tx) error {
				_, err := other.Prune(at(10), 0, 50)
				return err
			}))
		}))
	})

	run("two that prune at the same time do not wait for each other in a circle", func(t *testing.T, both [2]store.Store) {
		require.NoError(t, both[0].Update(ctx, func(tx store.Tx) error {
			for i := range 200 {
				g := anEpisode(fmt.Sprint(i), "o", 1)
				g.Phase = group.Over
				if err := tx.SaveGroup(&g); err != nil {
					return err
				}
				p := aPost(g, "a")
				p.State = store.Shown
				if err := tx.SavePost(&p); err != nil {
					return err
				}
			}
			return nil
		}))
		require.NoError(t, together(both, 8, func(_ int, s store.Store) error {
			return s.Update(ctx, func(tx store.Tx) error {
				_, err := tx.Prune(at(10), 0, 50)
				return err
			})
		}))
		require.NoError(t, both[0].View(ctx, func(tx store.Tx) error {
			groups, errGroups := tx.ListGroups(false, 0, 0)
			posts, errPosts := tx.ListPosts(store.PostFilter{})
			require.Empty(t, groups)
			require.Empty(t, posts)
			return errors.Join(errGroups, errPosts)
		}))
	})
}
