package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

func testHeartbeats(k *kit) {
	all := func(tx store.Tx) []store.Heartbeat { return must[[]store.Heartbeat](k)(tx.Heartbeats()) }

	k.run("what is known of a heartbeat comes back, the latest of each name", func(k *kit) {
		k.lasting(func(tx store.Tx) { require.Empty(k, all(tx)) })
		first := store.Heartbeat{
			Name: "fra", BeatAt: at(1), From: "alertmanager fra:9093", WatchedFrom: at(0), WatchedAt: at(2), MissingAt: at(3),
		}
		k.update(func(tx store.Tx) error { return tx.SaveHeartbeat(&first) })
		k.update(func(tx store.Tx) error { return tx.SaveHeartbeat(&store.Heartbeat{Name: "ber"}) })
		k.lasting(func(tx store.Tx) { require.Equal(k, []store.Heartbeat{{Name: "ber"}, first}, all(tx)) })
		first.MissingAt, first.WatchedAt = time.Time{}, at(4)
		k.update(func(tx store.Tx) error { return tx.SaveHeartbeat(&first) })
		k.lasting(func(tx store.Tx) { require.Equal(k, first, all(tx)[1]) })
	})

	k.run("a beat makes the row that there is not, and changes nothing else of one that there is", func(k *kit) {
		k.update(func(tx store.Tx) error { return tx.Beat("fra", at(1), "api") })
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []store.Heartbeat{{Name: "fra", BeatAt: at(1), From: "api"}}, all(tx))
		})
		known := store.Heartbeat{Name: "fra", BeatAt: at(1), From: "api", WatchedFrom: at(0), WatchedAt: at(2), MissingAt: at(3)}
		k.update(func(tx store.Tx) error { return tx.SaveHeartbeat(&known) })
		k.update(func(tx store.Tx) error { return tx.Beat("fra", at(5), "rules") })
		known.BeatAt, known.From = at(5), "rules"
		k.lasting(func(tx store.Tx) { require.Equal(k, []store.Heartbeat{known}, all(tx)) })
	})

	k.run("a beat that another replica stores late takes nothing back", func(k *kit) {
		k.update(func(tx store.Tx) error { return tx.Beat("fra", at(5), "a") })
		k.update(func(tx store.Tx) error { return tx.Beat("fra", at(4), "b") })
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []store.Heartbeat{{Name: "fra", BeatAt: at(5), From: "a"}}, all(tx))
		})
	})

	k.run("a heartbeat that is forgotten is gone, and forgetting twice does no harm", func(k *kit) {
		k.update(func(tx store.Tx) error { return tx.Beat("fra", at(1), "a") })
		k.update(func(tx store.Tx) error { return tx.Beat("ber", at(1), "a") })
		for range 2 {
			k.update(func(tx store.Tx) error { return tx.DeleteHeartbeat("fra") })
		}
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []store.Heartbeat{{Name: "ber", BeatAt: at(1), From: "a"}}, all(tx))
		})
	})

	k.run("when the clock was set, nothing is missing for the hour that never was", func(k *kit) {
		h := store.Heartbeat{Name: "fra", BeatAt: at(1), WatchedFrom: at(0), WatchedAt: at(2), MissingAt: at(3)}
		k.update(func(tx store.Tx) error { return tx.SaveHeartbeat(&h) })
		k.update(func(tx store.Tx) error { return tx.SaveHeartbeat(&store.Heartbeat{Name: "never"}) })
		k.update(func(tx store.Tx) error { return tx.ShiftTimers(time.Hour) })
		h.BeatAt, h.WatchedFrom, h.WatchedAt = at(61), at(60), at(62)
		k.lasting(func(tx store.Tx) { require.Equal(k, []store.Heartbeat{h, {Name: "never"}}, all(tx)) })
	})
}

func testCanaries(k *kit) {
	all := func(tx store.Tx) []store.Canary { return must[[]store.Canary](k)(tx.Canaries()) }
	canary := store.Canary{
		Destination: "ops", Address: "bot:19:x", MessageID: "17", Since: at(0), OKAt: at(1), TriedAt: at(2), NextAt: at(3),
		Failures: 2, Reason: "not_found", Message: "it is gone", FailedAt: at(2),
	}

	k.run("what is known of a canary comes back, the latest of each destination", func(k *kit) {
		k.lasting(func(tx store.Tx) { require.Empty(k, all(tx)) })
		k.update(func(tx store.Tx) error { return tx.SaveCanary(&canary) })
		k.update(func(tx store.Tx) error { return tx.SaveCanary(&store.Canary{Destination: "dev"}) })
		k.lasting(func(tx store.Tx) { require.Equal(k, []store.Canary{{Destination: "dev"}, canary}, all(tx)) })
		well := store.Canary{Destination: "ops", Address: "bot:19:x", MessageID: "18", Since: at(0), OKAt: at(4), TriedAt: at(4), NextAt: at(5)}
		k.update(func(tx store.Tx) error { return tx.SaveCanary(&well) })
		k.lasting(func(tx store.Tx) { require.Equal(k, well, all(tx)[1]) })
	})

	k.run("a canary that is forgotten is gone, and forgetting twice does no harm", func(k *kit) {
		k.update(func(tx store.Tx) error { return tx.SaveCanary(&canary) })
		for range 2 {
			k.update(func(tx store.Tx) error { return tx.DeleteCanary("ops") })
		}
		k.lasting(func(tx store.Tx) { require.Empty(k, all(tx)) })
	})

	k.run("when the clock was set, a canary is neither late nor silent for a year", func(k *kit) {
		k.update(func(tx store.Tx) error { return tx.SaveCanary(&canary) })
		k.update(func(tx store.Tx) error { return tx.ShiftTimers(-time.Hour) })
		shifted := canary
		shifted.Since, shifted.OKAt, shifted.NextAt = at(-60), at(-59), at(-57)
		k.lasting(func(tx store.Tx) { require.Equal(k, []store.Canary{shifted}, all(tx)) })
	})
}

func testCounts(k *kit) {
	k.run("groups are counted that are open, the latest episode of each", func(k *kit) {
		k.lasting(func(tx store.Tx) { require.Empty(k, must[map[group.Phase]int](k)(tx.CountGroups())) })
		for i, phase := range []group.Phase{group.Gathering, group.Open, group.Open, group.Unheard, group.Over} {
			g := anEpisode(string(rune('a'+i)), "o", 1)
			g.Phase = phase
			k.saveGroup(g)
		}
		earlier := anEpisode("twice", "o", 1)
		k.saveGroup(earlier)
		later := anEpisode("twice", "o", 2)
		later.Phase = group.Over
		k.saveGroup(later)
		k.lasting(func(tx store.Tx) {
			require.Equal(k, map[group.Phase]int{group.Gathering: 1, group.Open: 2, group.Unheard: 1}, must[map[group.Phase]int](k)(tx.CountGroups()))
		})
	})
	k.run("since when something waits to be sent is known of each address", func(k *kit) {
		k.lasting(func(tx store.Tx) { require.Empty(k, must[map[string]time.Time](k)(tx.OldestWaiting())) })
		post := func(key, address string, state store.State, since time.Time) {
			p := aPost(k.saveGroup(anEpisode(key, "o", 1)), address)
			p.State, p.Since = state, since
			if state == store.Due {
				p.Rank = store.RankQuiet
			}
			k.savePost(p)
		}
		stale := aPost(k.saveGroup(anEpisode("told", "o", 1)), "three")
		stale.Rank, stale.Since = store.RankStale, at(0)
		k.savePost(stale)
		post("a", "one", store.Due, at(3))
		post("b", "one", store.Waiting, at(2))
		post("c", "one", store.Sending, at(0))
		post("d", "one", store.Shown, at(0))
		post("e", "two", store.Dead, at(0))
		post("f", "three", store.Due, at(5))
		k.lasting(func(tx store.Tx) {
			require.Equal(k, map[string]time.Time{"one": at(2), "three": at(5)}, must[map[string]time.Time](k)(tx.OldestWaiting()))
		})
	})
}
