package postgres

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/postgrestest"
)

// webhook is what the store sees of one Alertmanager webhook that brings a new
// group of n alerts: look for the group, store it, store its post.
func webhook(tx store.Tx, id int64, alerts int, now time.Time) error {
	origin := fmt.Sprintf(`alertmanager/teams/{}/{severity="critical"}:{alertname="HighLatency", instance="host-%d:9100"}`, id)
	if _, err := tx.Groups(origin); err != nil {
		return err
	}
	if _, err := tx.Revisions(); err != nil {
		return err
	}
	g := group.Group{
		Key: origin + "/0", Origin: origin, Episode: 1, Rev: 1, Phase: group.Open, OpenedAt: now, HeardAt: now, ToldAt: now,
		Spec: group.Spec{
			Route: "{}", Source: "alertmanager", Ready: true,
			Labels:  map[string]string{"alertname": "HighLatency"},
			Targets: []group.Target{{Destination: "ops", Card: "alert"}},
		},
		History: []group.History{{At: now, Change: group.FirstFiring, Count: alerts}},
	}
	for i := range alerts {
		g.Alerts = append(g.Alerts, group.Member{
			Alert: alert.Alert{
				Fingerprint: alert.Fingerprint(id<<8 + int64(i)), Status: alert.Firing, StartsAt: now,
				Labels: map[string]string{
					"alertname": "HighLatency", "severity": "critical", "job": "api",
					"instance": fmt.Sprintf("host-%d-%d:9100", id, i),
				},
				Annotations: map[string]string{
					"summary":     "The 99th percentile of the latency is above one second.",
					"runbook_url": "https://runbooks.example.com/high-latency",
				},
				GeneratorURL: "http://prometheus.example.com/graph?g0.expr=latency+%3E+1&g0.tab=1",
			},
			State: group.Firing, Told: group.Firing, SeenAt: now,
		})
	}
	if err := tx.SaveGroup(&g); err != nil {
		return err
	}
	return tx.SavePost(&store.Post{
		GroupID: g.ID, Address: "workflow:5f2a77c01b9e", Destination: "ops", Card: "alert", Title: "HighLatency",
		State: store.Due, Want: 1, Loud: true, Rank: store.RankLoudCritical, Since: now, NotBefore: now, UpdatedAt: now,
	})
}

// BenchmarkUpdateParallel32 is the durable part of a webhook with 32 clients of
// two replicas, on a server that waits for its disk.
func BenchmarkUpdateParallel32(b *testing.B) {
	server := postgrestest.Own(b)
	for _, alerts := range []int{1, 100} {
		b.Run(fmt.Sprintf("alerts=%d", alerts), func(b *testing.B) {
			name, err := server.CreateDatabase()
			if err != nil {
				b.Fatal(err)
			}
			replicas := []*Store{openAt(b, server.URL(name)), openAt(b, server.URL(name))}
			var ids, left atomic.Int64
			left.Store(int64(b.N))
			took := make([][]time.Duration, 32)
			now := time.Now()
			b.ReportAllocs()
			b.ResetTimer()
			var wait sync.WaitGroup
			for client := range took {
				wait.Go(func() {
					for left.Add(-1) >= 0 {
						begin := time.Now()
						if err := replicas[client%2].Update(context.Background(), func(tx store.Tx) error {
							return webhook(tx, ids.Add(1), alerts, now)
						}); err != nil {
							b.Error(err)
						}
						took[client] = append(took[client], time.Since(begin))
					}
				})
			}
			wait.Wait()
			b.StopTimer()
			all := slices.Concat(took...)
			slices.Sort(all)
			b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(all[len(all)*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
		})
	}
}
