package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

func testRevisions(k *kit) {
	ctx := context.Background()
	mine := errors.New("mine")
	revisions := func(k *kit) (is store.Revisions) {
		k.Helper()
		k.view(func(tx store.Tx) (err error) {
			is, err = tx.Revisions()
			return err
		})
		return is
	}

	k.run("as long as nothing changes the numbers stay, whatever else is written", func(k *kit) {
		was := revisions(k)
		require.NotZero(k, was.Silences, "0 is what somebody has who has read nothing")
		require.NotZero(k, was.Subscriptions)
		require.NotZero(k, was.Destinations)
		k.savePost(aPost(k.saveGroup(anEpisode("k", "o", 1)), "a"))
		k.savePeople(store.Person{Name: "alice"})
		k.update(func(tx store.Tx) error {
			now, err := tx.Revisions()
			if err == nil && now != was {
				err = fmt.Errorf("in an update they are %v, not %v: every alert would have all of it read", now, was)
			}
			return err
		})
		require.Equal(k, was, revisions(k))
	})

	k.run("every change of silences or subscriptions gives a new number, inside the transaction and after it", func(k *kit) {
		silence := store.Silence{State: store.SilenceActive, StartsAt: at(0), EndsAt: at(5)}
		subscription, second := store.Subscription{Address: "a"}, store.Subscription{Address: "b"}
		saveSilence := func(tx store.Tx) error { return tx.SaveSilence(&silence) }
		given := map[int64]string{}
		for _, change := range []struct {
			name                                  string
			silences, subscriptions, destinations bool
			do                                    func(tx store.Tx) error
		}{
			{"a silence is made", true, false, false, saveSilence},
			{"it is changed", true, false, false, saveSilence},
			{"timers are shifted", true, false, false, func(tx store.Tx) error { return tx.ShiftTimers(time.Hour) }},
			{"it is over and goes", true, false, false, func(tx store.Tx) error { _, err := tx.Prune(at(1000), 0, 10); return err }},
			{"a subscription is made", false, true, false, func(tx store.Tx) error {
				if err := tx.SaveSubscription(&second); err != nil {
					return err
				}
				return tx.SaveSubscription(&subscription)
			}},
			{"it is changed", false, true, false, func(tx store.Tx) error { return tx.SaveSubscription(&subscription) }},
			{"it is moved", false, true, false, func(tx store.Tx) error { return tx.MoveSubscriptions("a", "c") }},
			{"it is moved to where one is", false, true, false, func(tx store.Tx) error { return tx.MoveSubscriptions("c", "b") }},
			{"it is deleted", false, true, false, func(tx store.Tx) error { return tx.DeleteSubscription(second.ID) }},
			{"a destination is added", false, false, true, func(tx store.Tx) error {
				return tx.SaveDestination(&store.Destination{Name: "d", Sealed: []byte("s")})
			}},
			{"it is disabled", false, false, true, func(tx store.Tx) error { return tx.Disable(&store.Disabled{Destination: "d"}) }},
			{"it is enabled", false, false, true, func(tx store.Tx) error { return tx.Enable("d") }},
			{"it is removed", false, false, true, func(tx store.Tx) error { return tx.DeleteDestination("d") }},
		} {
			before := revisions(k)
			given[before.Silences], given[before.Subscriptions], given[before.Destinations] = "before", "before", "before"
			var inside store.Revisions
			k.update(func(tx store.Tx) error {
				if err := change.do(tx); err != nil {
					return err
				}
				var err error
				inside, err = tx.Revisions()
				return err
			})
			after := revisions(k)
			require.Equal(k, inside, after, "%s: what was read inside it would be read again", change.name)
			if change.silences {
				require.Empty(k, given[after.Silences], "%s: whoever was silenced stays so", change.name)
			}
			if change.subscriptions {
				require.Empty(k, given[after.Subscriptions], "%s: who has subscribed is not told", change.name)
			}
			if change.destinations {
				require.Empty(k, given[after.Destinations], "%s: the other replica goes on with what was", change.name)
			} else {
				require.Equal(k, before.Destinations, after.Destinations, "%s: all destinations would be opened anew", change.name)
			}
		}
	})

	k.run("what an update wrote that failed has a number that nobody sees again", func(k *kit) {
		var never []store.Revisions
		for i := range 5 {
			require.ErrorIs(k, k.store.Update(ctx, func(tx store.Tx) error {
				if err := tx.SaveSilence(&store.Silence{}); err != nil {
					return err
				}
				if err := tx.SaveSubscription(&store.Subscription{Address: "never"}); err != nil {
					return err
				}
				is, err := tx.Revisions()
				never = append(never, is)
				return errors.Join(err, mine)
			}), mine)
			see := func(is store.Revisions) {
				for _, n := range never {
					require.NotEqual(k, n.Silences, is.Silences, "somebody is silenced by what nobody asked for")
					require.NotEqual(k, n.Subscriptions, is.Subscriptions)
				}
			}
			see(revisions(k))
			if i%2 == 1 {
				k.update(func(tx store.Tx) error {
					if err := tx.SaveSubscription(&store.Subscription{Address: "a"}); err != nil {
						return err
					}
					return tx.SaveSilence(&store.Silence{})
				})
				see(revisions(k))
			}
		}
	})

	k.run("a view that goes on while others write has no number that is newer than what it sees", func(k *kit) {
		was := revisions(k)
		k.view(func(tx store.Tx) error {
			require.Empty(k, must[[]store.Subscription](k)(tx.Subscriptions("")))
			k.update(func(tx store.Tx) error { return tx.SaveSubscription(&store.Subscription{Address: "a"}) })
			require.Equal(k, was, must[store.Revisions](k)(tx.Revisions()), "it would keep none for all who come after it")
			require.Empty(k, must[[]store.Subscription](k)(tx.Subscriptions("")))
			return nil
		})
	})

	// Whatever is kept under a number by whoever reads first, those who see the
	// number later find nothing older, and nothing that never was, while others
	// write, fail and panic in the same commits.
	k.run("what is kept under a number is what those find who see it later", func(k *kit) {
		type content struct {
			version int
			by      string
		}
		var mu sync.Mutex
		kept := map[int64]content{}
		var wrong atomic.Pointer[string]
		// check reads the one subscription and compares it with what is kept.
		check := func(tx store.Tx, update bool) (content, error) {
			is, err := tx.Revisions()
			if err != nil {
				return content{}, err
			}
			rows, err := tx.Subscriptions("a")
			if err != nil {
				return content{}, err
			}
			found := content{by: rows[0].Name}
			if _, err := fmt.Sscan(rows[0].Matchers[0], &found.version); err != nil {
				return content{}, err
			}
			mu.Lock()
			defer mu.Unlock()
			was, known := kept[is.Subscriptions]
			if !known {
				kept[is.Subscriptions] = found
				return found, nil
			}
			// A view takes its number before it begins, so what it sees may be
			// newer than what others kept under that number, for a moment.
			if was.version == found.version && was.by != found.by || update && was != found {
				text := fmt.Sprintf("under number %d %v was kept, and there is %v", is.Subscriptions, was, found)
				wrong.Store(&text)
			}
			return found, nil
		}
		row := store.Subscription{Address: "a", Name: "first", Matchers: []string{"1"}}
		k.update(func(tx store.Tx) error { return tx.SaveSubscription(&row) })
		var wait sync.WaitGroup
		for w := range 12 {
			wait.Go(func() {
				for i := range 60 {
					if (w+i)%4 == 0 {
						_ = k.store.View(ctx, func(tx store.Tx) error { _, err := check(tx, false); return err })
						continue
					}
					_ = k.store.Update(ctx, func(tx store.Tx) error {
						found, err := check(tx, true)
						if err != nil || (w+i)%4 == 1 {
							return err
						}
						mine := row
						mine.Name, mine.Matchers = fmt.Sprintf("%d/%d", w, i), []string{fmt.Sprint(found.version + 1)}
						if err := tx.SaveSubscription(&mine); err != nil {
							return err
						}
						if _, err := check(tx, true); err != nil {
							return err
						}
						switch i % 5 {
						case 0:
							return errors.New("after writing")
						case 1:
							panic("as planned")
						}
						return nil
					})
				}
			})
		}
		wait.Wait()
		if text := wrong.Load(); text != nil {
			k.Fatal(*text)
		}
		mu.Lock()
		defer mu.Unlock()
		require.Greater(k, len(kept), 300, "hardly anything was written")
	})
}
