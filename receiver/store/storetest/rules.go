package storetest

import (
	"math"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

func testSeries(k *kit) {
	all := func(tx store.Tx) (rows []rules.Row) {
		require.NoError(k, tx.EachSeries(func(row rules.Row) error {
			rows = append(rows, row)
			return nil
		}))
		return rows
	}
	k.run("what a rule knows comes back byte for byte, the latest of each series", func(k *kit) {
		k.lasting(func(tx store.Tx) { require.Empty(k, all(tx)) })
		strange := rules.Row{Rule: "a", Series: "tab\there\x1fand \"quotes\"", State: []byte{0, 1, 255, 0}}
		large := rules.Row{Rule: "b", Series: strings.Repeat("s", 5000), State: []byte(strings.Repeat("x", 100_000))}
		k.update(func(tx store.Tx) error {
			return tx.SaveSeries([]rules.Row{large, {Rule: "a", Series: "", State: []byte("old")}, strange, {Rule: "a", Series: "", State: []byte("new")}})
		})
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []rules.Row{{Rule: "a", Series: "", State: []byte("new")}, strange, large}, all(tx))
		})
	})
	k.run("a series that is forgotten is gone, and forgetting twice does no harm", func(k *kit) {
		k.update(func(tx store.Tx) error {
			return tx.SaveSeries([]rules.Row{{Rule: "a", Series: "1", State: []byte("x")}, {Rule: "a", Series: "2", State: []byte("y")}, {Rule: "b", Series: "1", State: []byte("z")}})
		})
		for range 2 {
			k.update(func(tx store.Tx) error { return tx.SaveSeries([]rules.Row{{Rule: "a", Series: "1"}}) })
		}
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []rules.Row{{Rule: "a", Series: "2", State: []byte("y")}, {Rule: "b", Series: "1", State: []byte("z")}}, all(tx))
		})
	})
	k.run("a decision and what its rule knows stand or fall together", func(k *kit) {
		require.Error(k, k.store.Update(k.Context(), func(tx store.Tx) error {
			if err := tx.SaveSeries([]rules.Row{{Rule: "a", Series: "1", State: []byte("x")}}); err != nil {
				return err
			}
			return store.ErrNotFound
		}))
		k.lasting(func(tx store.Tx) { require.Empty(k, all(tx)) })
	})
}

func testRelayed(k *kit) {
	hot := alert.Alert{
		Fingerprint: math.MaxUint64, Status: alert.Firing, Labels: map[string]string{"alertname": "Hot", "rack": "r1"},
		Annotations: map[string]string{"summary": "33 °C"}, StartsAt: at(0), Values: map[string]float64{"temp_c": 33},
		Chart: &alert.Chart{Field: "temp_c", From: at(-60), Step: 60e9, Points: alert.Points{31, 33}, Thresholds: []alert.Threshold{{Severity: "warning", Value: 27}}},
	}
	over := alert.Alert{Fingerprint: 1, Status: alert.Resolved, Labels: map[string]string{"alertname": "Cold"}, StartsAt: at(0), EndsAt: at(1)}
	k.run("an alert waits until it is handed over, through restarts", func(k *kit) {
		k.update(func(tx store.Tx) error {
			return tx.SaveRelayed([]store.Relayed{{Alert: hot}, {Alert: over, Told: true}})
		})
		k.lasting(func(tx store.Tx) {
			require.ElementsMatch(k, []store.Relayed{{Alert: over, Told: true}, {Alert: hot}}, must[[]store.Relayed](k)(tx.Relayed()))
		})
		k.update(func(tx store.Tx) error {
			if err := tx.SaveRelayed([]store.Relayed{{Alert: hot, Told: true}}); err != nil {
				return err
			}
			return tx.DeleteRelayed([]alert.Fingerprint{1, 2})
		})
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []store.Relayed{{Alert: hot, Told: true}}, must[[]store.Relayed](k)(tx.Relayed()))
		})
	})
}
