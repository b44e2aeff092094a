package storetest

import (
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

func testBriefs(k *kit) {
	briefs := func(tx store.Tx) (all []store.Brief, err error) {
		err = tx.Briefs(func(b store.Brief) error {
			all = append(all, b)
			return nil
		})
		return all, err
	}

	k.run("all that is open is told in a few words, newest first", func(k *kit) {
		first := anEpisode("k", "o", 1)
		first.Alerts[0].Labels = map[string]string{"alertname": "Down", "severity": "critical"}
		first.Alerts[0].Annotations = map[string]string{"summary": strings.Repeat("ü", 400)}
		first.Spec.Targets = []group.Target{{Destination: "ops"}, {Destination: "dba"}, {Destination: "ops", Card: "x"}}
		first.Ack = &group.Mark{ID: 1, By: group.Person{Name: "Alice"}, At: at(1)}
		first.Silence = &group.Silence{ID: 1, By: group.Person{Name: "Bob"}, Until: at(60)}
		first = k.saveGroup(first)
		second := anEpisode("l", "o", 1)
		second.Phase = group.Unheard
		second = k.saveGroup(second)
		over := anEpisode("m", "o", 1)
		over.Phase = group.Over
		k.saveGroup(over)
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []store.Brief{store.BriefOf(&second), store.BriefOf(&first)}, must[[]store.Brief](k)(briefs(tx)))
		})
		told := store.BriefOf(&first)
		require.Equal(k, []string{"ops", "dba"}, told.Destinations)
		require.Equal(k, "Alice", told.AckBy)
		require.Len(k, []rune(told.Summary), 160)

		first.Ack, first.Owner = nil, &group.Mark{ID: 2, To: group.Person{Name: "Carol"}, At: at(2)}
		k.saveGroup(first)
		second.Phase = group.Over
		k.saveGroup(second)
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []store.Brief{store.BriefOf(&first)}, must[[]store.Brief](k)(briefs(tx)), "as it is now")
		})
		k.saveGroup(anEpisode("k", "o", 2))
		k.lasting(func(tx store.Tx) {
			all := must[[]store.Brief](k)(briefs(tx))
			require.Len(k, all, 1, "the latest episode only")
			require.Empty(k, all[0].Owner)
		})
	})

	k.run("the episodes of a group are found from any of them", func(k *kit) {
		var all []group.Group
		for n := 1; n <= 4; n++ {
			k.saveGroup(anEpisode("between", "o", n))
			all = append(all, k.saveGroup(anEpisode("k", "o", n)))
		}
		k.lasting(func(tx store.Tx) {
			for i := range all {
				latest, before, err := tx.Episodes(all[i].ID, 2)
				require.NoError(k, err)
				require.Equal(k, all[3].ID, latest)
				require.Len(k, before, min(i, 2))
				for j := range before {
					require.Equal(k, all[i-1-j], before[j])
				}
			}
			_, _, err := tx.Episodes(4711, 2)
			require.ErrorIs(k, err, store.ErrNotFound)
		})
	})

	k.run("episodes that were kept long enough are missing, and that is all", func(k *kit) {
		first := anEpisode("k", "o", 1)
		first.Phase, first.OverAt = group.Over, at(1)
		k.saveGroup(first)
		second := anEpisode("k", "o", 2)
		second.OpenedAt, second.HeardAt, second.ToldAt = at(500), at(500), at(500)
		second = k.saveGroup(second)
		k.update(func(tx store.Tx) error {
			_, err := tx.Prune(at(600), at(200).Sub(start), 10)
			return err
		})
		k.lasting(func(tx store.Tx) {
			latest, before, err := tx.Episodes(second.ID, 5)
			require.NoError(k, err)
			require.Equal(k, second.ID, latest)
			require.Empty(k, before)
		})
	})
}
