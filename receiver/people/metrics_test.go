package people_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// An operator has an alert on people who cannot be reached, and on a permission
// that is missing.
func TestWhatIsCounted(t *testing.T) {
	inside(t, teamstest.Options{}, func(r *rig) {
		r.server.As("bob").Become(teamstest.Situation{Policy: true})
		r.want(alice, bob, carol, "nobody@contoso.com")
		stop := r.start()
		r.after(5 * time.Second)
		r.update(func(tx store.Tx) error { // what sending found out
			p, err := tx.Person(carol)
			if err != nil {
				return err
			}
			row := store.Address{Address: botframework.AddressID(p.Conversation)}
			row.Break("blocked", "x", false, time.Now())
			return tx.SaveAddress(&row)
		})
		require.NoError(t, testutil.GatherAndCompare(r.registry, strings.NewReader(`
# HELP teamsrelay_people People who were to be told personally, by whether they can be.
# TYPE teamsrelay_people gauge
teamsrelay_people{state="blocked"} 1
teamsrelay_people{state="installing"} 0
teamsrelay_people{state="known"} 0
teamsrelay_people{state="policy"} 1
teamsrelay_people{state="reachable"} 1
teamsrelay_people{state="unknown"} 1
# HELP teamsrelay_people_working Whether people can be made reachable, as far as Microsoft's services and our permissions go.
# TYPE teamsrelay_people_working gauge
teamsrelay_people_working 1
`), "teamsrelay_people", "teamsrelay_people_working"))
		stop()
		r.server.Unpublish()
		r.want(r.crowd(1)...)
		r.start()
		r.after(time.Second)
		require.Equal(t, 0.0, gauge(t, r))
	})
}

func gauge(t *testing.T, r *rig) float64 {
	t.Helper()
	all, err := r.registry.Gather()
	require.NoError(t, err)
	for _, family := range all {
		if family.GetName() == "teamsrelay_people_working" {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatal("there is no such metric")
	return 0
}
