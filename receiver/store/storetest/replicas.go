package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

func testReplicas(k *kit) {
	k.run("a replica comes back as it was saved last, until it is gone", func(k *kit) {
		a := store.Replica{Name: "a", Until: at(1), SightedAt: at(0), Config: "c1", ConfigAt: at(-5)}
		b := store.Replica{Name: "b", Until: at(3)}
		k.update(func(tx store.Tx) error {
			return errors.Join(tx.SaveReplica(&b), tx.SaveReplica(&store.Replica{Name: "a", Config: "c0"}), tx.SaveReplica(&a))
		})
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []store.Replica{a, b}, must[[]store.Replica](k)(tx.Replicas(at(0))))
			require.Equal(k, []store.Replica{b}, must[[]store.Replica](k)(tx.Replicas(at(1))), "who has not renewed it is gone")
		})
		k.update(func(tx store.Tx) error { return errors.Join(tx.ForgetReplica("b"), tx.ForgetReplica("nobody")) })
		k.lasting(func(tx store.Tx) { require.Empty(k, must[[]store.Replica](k)(tx.Replicas(at(2)))) })
	})

	k.run("the latest sighting of an alert counts, whoever stores it last", func(k *kit) {
		// The highest bit: a fingerprint is no signed number.
		big, small := alert.Fingerprint(1<<63+7), alert.Fingerprint(7)
		late := store.Sighting{Fingerprint: big, At: at(2), Until: at(3)}
		other := store.Sighting{Fingerprint: small, At: at(1), Until: at(6)}
		k.update(func(tx store.Tx) error {
			return tx.SaveSightings([]store.Sighting{{Fingerprint: big, At: at(0), Until: at(5)}, late, other})
		})
		k.update(func(tx store.Tx) error {
			return tx.SaveSightings([]store.Sighting{{Fingerprint: big, At: at(1), Until: at(9)}})
		})
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []store.Sighting{late}, must[[]store.Sighting](k)(tx.Sightings([]alert.Fingerprint{big})))
			require.ElementsMatch(k, []store.Sighting{late, other}, must[[]store.Sighting](k)(tx.Sightings([]alert.Fingerprint{small, big, 9})))
			require.Empty(k, must[[]store.Sighting](k)(tx.Sightings(nil)))
		})
	})

	k.run("who asks for changes gets every group once, and goes on from there", func(k *kit) {
		ask := func(after string) (groups []int64, next string) {
			k.view(func(tx store.Tx) (err error) {
				groups, next, err = tx.Changes(after)
				return err
			})
			return groups, next
		}
		last := func() (after string) {
			k.view(func(tx store.Tx) (err error) {
				after, err = tx.LastChange()
				return err
			})
			return after
		}
		note := func(ids ...int64) {
			for _, id := range ids {
				k.update(func(tx store.Tx) error { return tx.NoteChange(id, at(0)) })
			}
		}
		begin := last()
		note(5, 3, 5)
		groups, next := ask(begin)
		require.Equal(k, []int64{3, 5}, groups)
		note(4)
		groups, next = ask(next)
		require.Equal(k, []int64{4}, groups)
		groups, _ = ask(next)
		require.Empty(k, groups)
		k.reopen()
		note(9)
		groups, _ = ask(next)
		require.Contains(k, groups, int64(9))
		// What is left out at the start is what was there before it.
		after := last()
		note(8)
		groups, _ = ask(after)
		require.Contains(k, groups, int64(8))
		require.NotContains(k, groups, int64(3))
	})

	k.run("a change that is noted early and committed late is not missed", func(k *kit) {
		if !k.store.Shared() {
			k.Skip("one transaction at a time")
		}
		noted, goOn, done := make(chan struct{}), make(chan struct{}), make(chan error)
		begin := ""
		k.view(func(tx store.Tx) (err error) { begin, err = tx.LastChange(); return err })
		go func() {
			done <- k.store.Update(context.Background(), func(tx store.Tx) error {
				if err := tx.NoteChange(1, at(0)); err != nil {
					return err
				}
				if _, err := tx.Replicas(at(0)); err != nil { // what is queued is written now
					return err
				}
				close(noted)
				<-goOn
				return nil
			})
		}()
		<-noted
		k.update(func(tx store.Tx) error { return tx.NoteChange(2, at(0)) })
		var next string
		k.view(func(tx store.Tx) error {
			groups, after, err := tx.Changes(begin)
			next = after
			require.Equal(k, []int64{2}, groups)
			return err
		})
		close(goOn)
		require.NoError(k, <-done)
		k.view(func(tx store.Tx) error {
			groups, _, err := tx.Changes(next)
			require.Contains(k, groups, int64(1), "another replica would not hear of what fires here")
			return err
		})
	})

	k.run("what replicas leave behind is pruned", func(k *kit) {
		old, young := at(0), at(0).Add(25*time.Hour)
		k.update(func(tx store.Tx) error {
			return errors.Join(
				tx.SaveReplica(&store.Replica{Name: "old", Until: old}), tx.SaveReplica(&store.Replica{Name: "young", Until: young}),
				tx.SaveSightings([]store.Sighting{{Fingerprint: 1, At: old, Until: old}, {Fingerprint: 2, At: old, Until: young}}),
				tx.NoteChange(1, old), tx.NoteChange(2, young))
		})
		begin := ""
		k.update(func(tx store.Tx) error { _, err := tx.Prune(young.Add(time.Minute), time.Hour, 10); return err })
		k.lasting(func(tx store.Tx) {
			all := must[[]store.Replica](k)(tx.Replicas(old.Add(-time.Hour)))
			require.Len(k, all, 1)
			require.Equal(k, "young", all[0].Name)
			sighted := must[[]store.Sighting](k)(tx.Sightings([]alert.Fingerprint{1, 2}))
			require.Len(k, sighted, 1)
			require.Equal(k, alert.Fingerprint(2), sighted[0].Fingerprint)
			groups, _, err := tx.Changes(begin)
			require.NoError(k, err)
			require.Equal(k, []int64{2}, groups)
		})
	})

	k.run("what replicas say of time moves with the clock, and how far it moved is kept", func(k *kit) {
		k.update(func(tx store.Tx) error {
			return errors.Join(tx.SaveReplica(&store.Replica{Name: "a", Until: at(1), SightedAt: at(0), ConfigAt: at(-1)}),
				tx.SaveSightings([]store.Sighting{{Fingerprint: 1, At: at(0), Until: at(5)}}))
		})
		k.update(func(tx store.Tx) error { return tx.ShiftTimers(time.Hour) })
		k.update(func(tx store.Tx) error { return tx.ShiftTimers(-time.Minute) })
		k.lasting(func(tx store.Tx) {
			require.Equal(k, 59*time.Minute, must[time.Duration](k)(tx.Shifted()))
			require.Equal(k, []store.Replica{{Name: "a", Until: at(60), SightedAt: at(59), ConfigAt: at(-1)}}, must[[]store.Replica](k)(tx.Replicas(at(0))))
			require.Equal(k, []store.Sighting{{Fingerprint: 1, At: at(59), Until: at(64)}}, must[[]store.Sighting](k)(tx.Sightings([]alert.Fingerprint{1})))
		})
	})

	k.run("the time that was stored last is there for the next process, and agrees with the timers", func(k *kit) {
		last := func(tx store.Tx) time.Time { return must[time.Time](k)(tx.LastTime()) }
		k.update(func(tx store.Tx) error { return tx.ShiftTimers(time.Hour) })
		k.lasting(func(tx store.Tx) { require.Zero(k, last(tx), "nobody has said what time it is") })
		for _, now := range []time.Time{at(7), at(3)} { // the clock was set back by seconds, and nothing was moved for that
			k.update(func(tx store.Tx) error { return tx.SaveTime(now) })
			k.lasting(func(tx store.Tx) { require.Equal(k, now, last(tx)) })
		}
		k.update(func(tx store.Tx) error { return tx.ShiftTimers(-time.Hour) })
		k.lasting(func(tx store.Tx) {
			require.Equal(k, at(3).Add(-time.Hour), last(tx), "timers would be moved again by who comes next")
		})
		err := k.store.Update(context.Background(), func(tx store.Tx) error {
			return errors.Join(tx.SaveTime(at(9)), errors.New("no"))
		})
		require.Error(k, err)
		k.lasting(func(tx store.Tx) { require.Equal(k, at(3).Add(-time.Hour), last(tx)) })
		k.update(func(tx store.Tx) error { return tx.SaveTime(time.Time{}) })
		k.lasting(func(tx store.Tx) { require.Zero(k, last(tx)) })
	})
}
