package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

func testGroups(k *kit) {
	k.run("an episode comes back exactly as it was saved", func(k *kit) {
		for name, g := range map[string]group.Group{
			"with everything set": everything(),
			"with nothing set":    {},
			"with zero times":     {Key: "zero", Origin: "o", Episode: 1, Phase: group.Gathering},
			"with unicode":        unicode(),
			"with an alert of 1 MB": func() group.Group {
				g := anEpisode("big", "o", 1)
				g.Alerts[0].Annotations = map[string]string{"description": strings.Repeat("ümlaut ", 1<<20/8)}
				return g
			}(),
			"with 1,000 alerts": func() group.Group {
				g := anEpisode("many", "o", 1)
				for i := range 1000 {
					g.Alerts = append(g.Alerts, group.Member{
						Alert: alert.Alert{Fingerprint: alert.Fingerprint(i) << 50, Labels: map[string]string{"i": fmt.Sprint(i)}},
					})
				}
				return g
			}(),
		} {
			g.Key += " " + name
			saved := k.saveGroup(g)
			require.NotZero(k, saved.ID, name)
			k.lasting(func(tx store.Tx) {
				require.Equal(k, saved, must[group.Group](k)(tx.Group(saved.ID)), name)
			})
			saved.Rev, saved.Phase, saved.DueAt, saved.OverAt = saved.Rev+1, group.Over, time.Time{}, at(9)
			k.saveGroup(saved)
			k.lasting(func(tx store.Tx) {
				require.Equal(k, saved, must[group.Group](k)(tx.Group(saved.ID)), "changed, "+name)
			})
		}
	})

	k.run("what is not there is not found", func(k *kit) {
		k.lasting(func(tx store.Tx) {
			_, err := tx.Group(4711)
			require.ErrorIs(k, err, store.ErrNotFound)
			require.Empty(k, must[[]string](k)(keys(tx, "nobody")))
			require.Empty(k, must[[]group.Group](k)(tx.ListGroups(false, 0, 10)))
			require.Empty(k, must[[]int64](k)(tx.DueGroups(at(100), 10)))
			require.Zero(k, must[time.Time](k)(tx.NextDueGroup()))
			require.NoError(k, tx.OpenGroups(func(group.Group) error { return errors.New("there is none") }))
		})
		err := k.store.Update(context.Background(), func(tx store.Tx) error {
			g := anEpisode("k", "o", 1)
			g.ID = 4711
			return tx.SaveGroup(&g)
		})
		require.ErrorIs(k, err, store.ErrNotFound, "a pruned group must not look stored")
	})

	k.run("a new episode of a key becomes its latest, and ids are never used twice", func(k *kit) {
		first := anEpisode("k", "o", 1)
		first.Phase, first.DueAt = group.Over, at(1)
		first = k.saveGroup(first)
		other := k.saveGroup(anEpisode("other", "o", 1))
		elsewhere := k.saveGroup(anEpisode("elsewhere", "p", 1))
		second := k.saveGroup(anEpisode("k", "o", 2))
		require.Greater(k, second.ID, first.ID)
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []group.Group{second, other}, must[[]group.Group](k)(tx.Groups("o")), "by key")
			require.Equal(k, []group.Group{elsewhere}, must[[]group.Group](k)(tx.Groups("p")))
			require.Equal(k, first, must[group.Group](k)(tx.Group(first.ID)), "the old one can still be looked at")
			require.Equal(k, []group.Group{second, elsewhere, other}, must[[]group.Group](k)(tx.ListGroups(false, 0, 10)))
			require.Empty(k, must[[]int64](k)(tx.DueGroups(at(5), 10)), "an old episode has no timer")
		})
	})

	k.run("due groups come longest due first, and not before their time", func(k *kit) {
		var ids []int64
		for _, minute := range []int{3, 1, 2, 1} {
			g := anEpisode(fmt.Sprint(len(ids)), "o", 1)
			g.DueAt = at(minute)
			ids = append(ids, k.saveGroup(g).ID)
		}
		k.saveGroup(anEpisode("without a timer", "o", 1))
		k.lasting(func(tx store.Tx) {
			require.Equal(k, at(1), must[time.Time](k)(tx.NextDueGroup()))
			require.Empty(k, must[[]int64](k)(tx.DueGroups(at(1).Add(-1), 10)), "one nanosecond early")
			require.Equal(k, []int64{ids[1], ids[3]}, must[[]int64](k)(tx.DueGroups(at(1), 10)))
			require.Equal(k, []int64{ids[1], ids[3], ids[2], ids[0]}, must[[]int64](k)(tx.DueGroups(at(9), 10)))
			require.Equal(k, []int64{ids[1], ids[3]}, must[[]int64](k)(tx.DueGroups(at(9), 2)))
		})
		for _, id := range ids {
			k.update(func(tx store.Tx) error {
				g, err := tx.Group(id)
				if err != nil {
					return err
				}
				g.DueAt = time.Time{}
				return tx.SaveGroup(&g)
			})
		}
		k.lasting(func(tx store.Tx) {
			require.Zero(k, must[time.Time](k)(tx.NextDueGroup()))
		})
	})

	k.run("open groups are all that are not over, however many", func(k *kit) {
		const many = 250 // more than a batch
		want := map[string]bool{}
		k.update(func(tx store.Tx) error {
			for i := range many {
				g := anEpisode(fmt.Sprint(i), "o", 1)
				g.Phase = []group.Phase{group.Gathering, group.Open, group.Unheard, group.Over}[i%4]
				if g.Phase != group.Over {
					want[g.Key] = true
				}
				if err := tx.SaveGroup(&g); err != nil {
					return err
				}
			}
			return nil
		})
		k.lasting(func(tx store.Tx) {
			got := map[string]bool{}
			require.NoError(k, tx.OpenGroups(func(g group.Group) error {
				require.False(k, got[g.Key], "told twice")
				got[g.Key] = true
				return nil
			}))
			require.Equal(k, want, got)
			enough := errors.New("enough")
			require.ErrorIs(k, tx.OpenGroups(func(group.Group) error { return enough }), enough)
		})
	})

	k.run("open groups can be changed while they are gone through", func(k *kit) {
		for i := range 3 {
			k.saveGroup(anEpisode(fmt.Sprint(i), "o", 1))
		}
		k.update(func(tx store.Tx) error {
			return tx.OpenGroups(func(g group.Group) error {
				g.Phase = group.Over
				return tx.SaveGroup(&g)
			})
		})
		k.lasting(func(tx store.Tx) {
			require.NoError(k, tx.OpenGroups(func(group.Group) error { return errors.New("one is left") }))
		})
	})

	k.run("lists go page by page, newest first", func(k *kit) {
		var all, open []group.Group
		for i := range 7 {
			g := anEpisode(fmt.Sprint(i), "o", 1)
			if i%2 == 1 {
				g.Phase = group.Over
			}
			g = k.saveGroup(g)
			all = append([]group.Group{g}, all...)
			if i%2 == 0 {
				open = append([]group.Group{g}, open...)
			}
		}
		k.lasting(func(tx store.Tx) {
			require.Equal(k, all[:3], must[[]group.Group](k)(tx.ListGroups(false, 0, 3)))
			require.Equal(k, all[3:6], must[[]group.Group](k)(tx.ListGroups(false, all[2].ID, 3)))
			require.Equal(k, open, must[[]group.Group](k)(tx.ListGroups(true, 0, 10)))
			require.Equal(k, open[2:], must[[]group.Group](k)(tx.ListGroups(true, open[1].ID, 10)))
		})
	})
}

// everything is an episode with every field set.
func everything() group.Group {
	return group.Group{
		Key: "everything", Origin: "alertmanager/r/{}:{alertname=\"Down\"}", Episode: 3, Rev: 9,
		Phase: group.Unheard,
		Spec: group.Spec{
			Route: "{}/{team=\"net\"}", Source: "api", Ready: true,
			Labels:      map[string]string{"site": "fra1"},
			Targets:     []group.Target{{Destination: "ops", Card: "alert"}, {Destination: "sre", Card: "threshold"}},
			Timing:      group.Timing{Wait: time.Second, Interval: time.Minute, Repeat: time.Hour},
			LoudResolve: true, Mute: []string{"night"}, Active: []string{"day"},
		},
		Alerts: []group.Member{{
			Alert: alert.Alert{
				Fingerprint: 0xfedcba9876543210, Status: alert.Resolved,
				Labels:      map[string]string{"alertname": "Down", "empty": ""},
				Annotations: map[string]string{"summary": "a\nb\x00c"},
				StartsAt:    start, EndsAt: at(1), GeneratorURL: "http://prometheus/graph?g0.expr=up%3D%3D0",
				Values: map[string]float64{"value": -0.1, "big": 1e300},
			},
			State: group.Resolved, Told: group.Firing, Inhibited: true, SeenAt: at(2),
		}},
		Sender:   group.SenderDetails{Receiver: "r", ExternalURL: "http://am", RouteLabels: map[string]string{"a": "b"}},
		OpenedAt: start, ToldAt: at(3), OverAt: at(4), HeardAt: at(5), NotBefore: at(6), DueAt: at(7),
		Forgotten: 2, Truncated: 3,
		History: []group.History{{At: start, Change: group.FirstFiring, Count: 1}},
	}
}

// unicode is an episode in which every text is hard.
func unicode() group.Group {
	const hard = "日本語 🔥 \u202e \u0000 \\ \" ' ; -- <b>&amp;\u2028"
	g := anEpisode(hard, hard, 1)
	g.Spec.Route = hard
	g.Alerts[0].Labels = map[string]string{hard: hard}
	return g
}
