package web

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// past gives a site a past of some episodes, with a post and two deliveries
// each, and open ones of which one in ten has a hundred alerts. It returns the id
// of the last open one, which has fired before.
func (s *site) past(t testing.TB, over, open int) string {
	t.Helper()
	var last string
	severities := []string{"critical", "warning", "info", "error"}
	destinations := []string{"ops", "dba"}
	now := s.engine.Now()
	for begin := 0; begin < over+open; begin += 1000 {
		require.NoError(t, s.store.Update(t.Context(), func(tx store.Tx) error {
			for i := begin; i < min(over+open, begin+1000); i++ {
				d := destinations[i%2]
				at := now.Add(-time.Duration(over+open-i) * time.Second)
				g := group.Group{Key: fmt.Sprint("k", i%200), Origin: "o", Episode: i/200 + 1, Rev: 2, Phase: group.Over, OpenedAt: at, OverAt: at.Add(time.Minute), HeardAt: at, ToldAt: at}
				state := store.Accepted
				if i >= over {
					g.Key, g.Episode, g.Phase, g.OverAt = fmt.Sprint("open", i), 1, group.Open, time.Time{}
					state = store.Waiting
				}
				if i == over+open-1 {
					g.Key, g.Episode = "k7", (over+open)/200+2
				}
				g.Spec = group.Spec{Source: "alertmanager", Ready: true, Labels: map[string]string{"alertname": "Down", "site": "fra1"}, Targets: []group.Target{{Destination: d}}}
				count := 1
				if i >= over && i%10 == 0 {
					count = 100
				}
				for j := range count {
					labels := map[string]string{"alertname": "Down", "severity": severities[i%4], "instance": fmt.Sprintf("web-%d-%d.example.com:9100", i, j), "job": "node", "site": "fra1"}
					m := group.Member{State: group.Firing, SeenAt: at, Alert: alert.Alert{
						Fingerprint: alert.FingerprintOf(labels), Status: alert.Firing, Labels: labels, StartsAt: at,
						Annotations: map[string]string{"summary": "Instance is down", "description": strings.Repeat("It has not answered for five minutes. ", 4)},
					}}
					if g.Phase == group.Over {
						m.State = group.Resolved
					}
					g.Alerts = append(g.Alerts, m)
				}
				if err := tx.SaveGroup(&g); err != nil {
					return err
				}
				last = g.ShortID()
				p := store.Post{GroupID: g.ID, Address: s.engine.Destinations()[i%2].Addresses[0].ID, Destination: d, Title: g.Title(), State: state, Want: 2, Shown: 2, UpdatedAt: at, Since: at}
				if err := tx.SavePost(&p); err != nil {
					return err
				}
				for n := range 2 {
					if err := tx.SaveDelivery(&store.Delivery{PostID: p.ID, GroupID: g.ID, Address: p.Address, Destination: d, Title: p.Title, Kind: store.KindCard, State: store.DeliveryAccepted, Attempt: 1 + n, At: at}); err != nil {
						return err
					}
				}
			}
			return nil
		}))
	}
	return last
}

// historyOf is how much past a benchmark has: $HISTORY, or else what it says.
func historyOf(b *testing.B, otherwise int) int {
	text := os.Getenv("HISTORY")
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(b, err)
	return n
}

// BenchmarkPages is what whoever looks waits for, with 5,000 open episodes and
// $HISTORY that are over (100,000).
func BenchmarkPages(b *testing.B) {
	over := historyOf(b, 100_000)
	s := newSite(b)
	id := s.past(b, over, 5000)
	for _, path := range []string{"/", "/?destination=dba&severity=critical", "/?q=web", "/alerts/" + id, "/alerts/" + alert.ShortID(4711)} {
		b.Run(strings.ReplaceAll(path, id, "LATEST"), func(b *testing.B) {
			for b.Loop() {
				require.Equal(b, 200, s.ask("GET", path, "").Code)
			}
		})
	}
}
