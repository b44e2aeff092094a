package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

func testSilences(k *kit) {
	save := func(k *kit, s store.Silence) store.Silence {
		k.Helper()
		k.update(func(tx store.Tx) error { return tx.SaveSilence(&s) })
		return s
	}
	prune := func(k *kit, now time.Time, retention time.Duration) (more bool) {
		k.Helper()
		k.update(func(tx store.Tx) (err error) {
			more, err = tx.Prune(now, retention, 10)
			return err
		})
		return more
	}
	// states has one of each state that began at 1 and ends at 5, in this order.
	states := []store.SilenceState{store.SilenceRequested, store.SilenceActive, store.SilenceFailed, store.SilenceEnding, store.SilenceEnded}
	oneOfEach := func(k *kit, theirs bool) (all []store.Silence) {
		for _, state := range states {
			all = append(all, save(k, store.Silence{State: state, Theirs: theirs, StartsAt: at(1), EndsAt: at(5)}))
		}
		return all
	}

	k.run("a silence comes back exactly as it was saved", func(k *kit) {
		for name, s := range map[string]store.Silence{
			"with nothing set": {},
			"with everything set": {
				GroupID: 7, Sets: [][]string{{`a="b"`, `c=~"d|\"🔥"`}, {`a="x"`}}, By: group.Person{Name: "Alice", ID: "o1"},
				From: "channel sre", Comment: "deploy\n\"now\"", StartsAt: at(1), EndsAt: at(2), Theirs: true, TheirIDs: []string{"x", ""},
				State: store.SilenceEnding, Attempts: 3, NotBefore: at(3), Reason: "503", EndedBy: group.Person{Name: "Bob", ID: "o2"},
			},
		} {
			s = save(k, s)
			require.NotZero(k, s.ID, name)
			k.lasting(func(tx store.Tx) { require.Equal(k, s, must[store.Silence](k)(tx.Silence(s.ID)), name) })
			s.State, s.EndsAt, s.TheirIDs = store.SilenceEnded, at(9), []string{"y"}
			save(k, s)
			k.lasting(func(tx store.Tx) { require.Equal(k, s, must[store.Silence](k)(tx.Silence(s.ID)), "changed, "+name) })
		}
		k.lasting(func(tx store.Tx) {
			_, err := tx.Silence(4711)
			require.ErrorIs(k, err, store.ErrNotFound)
		})
		require.ErrorIs(k, k.store.Update(k.Context(), func(tx store.Tx) error {
			return tx.SaveSilence(&store.Silence{ID: 4711})
		}), store.ErrNotFound)
	})

	k.run("a silence is active from its beginning until its end, when it is kept by somebody", func(k *kit) {
		all := oneOfEach(k, false)
		for minute, want := range map[int][]store.Silence{0: nil, 1: {all[1], all[3]}, 4: {all[1], all[3]}, 5: nil} {
			k.lasting(func(tx store.Tx) {
				require.Equal(k, want, must[[]store.Silence](k)(tx.ActiveSilences(at(minute))), "after %d minutes", minute)
			})
		}
	})

	k.run("those that are not over are listed, newest first", func(k *kit) {
		all := oneOfEach(k, true)
		later := save(k, store.Silence{State: store.SilenceActive, StartsAt: at(8), EndsAt: at(9)})
		for minute, want := range map[int][]store.Silence{0: {later, all[3], all[1], all[0]}, 4: {later, all[3], all[1], all[0]}, 5: {later}, 9: nil} {
			k.lasting(func(tx store.Tx) {
				require.Equal(k, want, must[[]store.Silence](k)(tx.OpenSilences(at(minute))), "after %d minutes", minute)
			})
		}
	})

	k.run("what Alertmanager has to be told of is worked oldest first, each at its time", func(k *kit) {
		all := oneOfEach(k, true)
		tried := save(k, store.Silence{State: store.SilenceRequested, NotBefore: at(3)})
		far := save(k, store.Silence{State: store.SilenceEnding, NotBefore: at(7)})
		type answer struct {
			ready []store.Silence
			next  time.Time
		}
		for _, c := range []struct {
			now   time.Time
			limit int
			want  answer
		}{
			{at(0), 10, answer{[]store.Silence{all[0], all[3]}, at(3)}},
			{at(0), 1, answer{[]store.Silence{all[0]}, at(3)}},
			{at(3), 10, answer{[]store.Silence{all[0], all[3], tried}, at(7)}},
			{at(7), 10, answer{[]store.Silence{all[0], all[3], tried, far}, time.Time{}}},
		} {
			k.lasting(func(tx store.Tx) {
				ready, next, err := tx.UnsettledSilences(c.now, c.limit)
				require.NoError(k, err)
				require.Equal(k, c.want, answer{ready, next})
			})
		}
	})

	k.run("without any there is nothing to do and no time for it", func(k *kit) {
		k.lasting(func(tx store.Tx) {
			ready, next, err := tx.UnsettledSilences(at(0), 10)
			require.NoError(k, err)
			require.Empty(k, ready)
			require.Zero(k, next)
			require.Empty(k, must[[]store.Silence](k)(tx.ActiveSilences(at(0))))
			require.Empty(k, must[[]store.Silence](k)(tx.OpenSilences(at(0))))
		})
	})

	k.run("when the clock jumps, times move with it, but for those that Alertmanager's clock keeps", func(k *kit) {
		const d = 90 * time.Minute
		moved := []store.Silence{
			save(k, store.Silence{State: store.SilenceActive, StartsAt: at(1), EndsAt: at(5)}),
			save(k, store.Silence{State: store.SilenceRequested, Theirs: true, StartsAt: at(1), EndsAt: at(5), NotBefore: at(3)}),
			save(k, store.Silence{State: store.SilenceActive}), // no times stay no times
		}
		theirs := save(k, store.Silence{State: store.SilenceEnding, Theirs: true, StartsAt: at(1), EndsAt: at(5), NotBefore: at(3)})
		k.update(func(tx store.Tx) error { return tx.ShiftTimers(d) })
		moved[0].StartsAt, moved[0].EndsAt = at(1).Add(d), at(5).Add(d)
		moved[1].StartsAt, moved[1].EndsAt, moved[1].NotBefore = at(1).Add(d), at(5).Add(d), at(3).Add(d)
		theirs.NotBefore = at(3).Add(d)
		k.lasting(func(tx store.Tx) {
			for _, s := range append(moved, theirs) {
				require.Equal(k, s, must[store.Silence](k)(tx.Silence(s.ID)), "an hour's silence would last no time, or two")
			}
		})
	})

	k.run("what is over goes after the retention, what Alertmanager does not know of stays", func(k *kit) {
		all := oneOfEach(k, true)
		left := func(k *kit) (ids []int64) {
			k.lasting(func(tx store.Tx) {
				ids = nil
				for _, s := range all {
					if _, err := tx.Silence(s.ID); err == nil {
						ids = append(ids, s.ID)
					}
				}
			})
			return ids
		}
		require.False(k, prune(k, at(65), time.Hour))
		require.Len(k, left(k), 5)
		prune(k, at(66), time.Hour)
		require.Equal(k, []int64{all[0].ID, all[3].ID}, left(k), "somebody was told that it will be ended")
		require.Greater(k, save(k, store.Silence{}).ID, all[4].ID, "the number on an old card would end another")
	})

	k.run("an episode stays while Alertmanager has to be told of its silence", func(k *kit) {
		g := anEpisode("k", "o", 1)
		g.Phase = group.Over
		g = k.saveGroup(g)
		gone := func(k *kit) (is bool) {
			k.lasting(func(tx store.Tx) { _, err := tx.Group(g.ID); is = err != nil })
			return is
		}
		s := store.Silence{GroupID: g.ID, EndsAt: at(5)}
		for _, state := range []store.SilenceState{store.SilenceRequested, store.SilenceEnding} {
			s.State = state
			s = save(k, s)
			prune(k, at(100), time.Minute)
			require.False(k, gone(k), "what becomes of the silence could not be told on its card (%s)", state)
		}
		s.State, s.EndsAt = store.SilenceActive, at(200)
		save(k, s)
		prune(k, at(100), time.Minute)
		require.True(k, gone(k))
		k.lasting(func(tx store.Tx) {
			require.Equal(k, s, must[store.Silence](k)(tx.Silence(s.ID)), "the same alert may fire again before it ends")
		})
	})
}
