package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// webhook is what the store sees of one Alertmanager webhook that brings a new
// group of n alerts: look for the group, store it, store its post.
func webhook(tx store.Tx, id int64, alerts int, now time.Time) error {
	origin := fmt.Sprintf(`alertmanager/teams/{}/{severity="critical"}:{alertname="HighLatency", instance="host-%d:9100"}`, id)
	if _, err := tx.Groups(origin); err != nil {
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

// BenchmarkUpdateParallel32 is the durable part of a webhook with 32 clients.
func BenchmarkUpdateParallel32(b *testing.B) {
	for _, alerts := range []int{1, 100} {
		b.Run(fmt.Sprintf("alerts=%d", alerts), func(b *testing.B) {
			s := openAt(b, filepath.Join(b.TempDir(), "bench.db"))
			var ids atomic.Int64
			var left atomic.Int64
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
						if err := s.Update(context.Background(), func(tx store.Tx) error {
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
			b.ReportMetric(float64(all[len(all)-1].Microseconds()), "max-µs")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "updates/s")
		})
	}
}

// BenchmarkUpdateAlone is one client who waits for every commit.
func BenchmarkUpdateAlone(b *testing.B) {
	s := openAt(b, filepath.Join(b.TempDir(), "bench.db"))
	id := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		id++
		require.NoError(b, s.Update(context.Background(), func(tx store.Tx) error {
			return webhook(tx, id, 1, time.Now())
		}))
	}
}

// BenchmarkAt5000Waiting asks about an address where 5,000 posts wait, in a
// store with 100,000 open groups.
func BenchmarkAt5000Waiting(b *testing.B) {
	s := openAt(b, filepath.Join(b.TempDir(), "bench.db"))
	now := time.Now()
	for id := int64(0); id < 100_000; {
		require.NoError(b, s.Update(context.Background(), func(tx store.Tx) error {
			for range 5000 {
				id++
				if err := webhook(tx, id, 1, now); err != nil {
					return err
				}
				if id%20 == 0 {
					continue // stays at the busy address
				}
				g, err := tx.ListGroups(true, 0, 1)
				if err != nil {
					return err
				}
				p, err := tx.PostOf(g[0].ID, "workflow:5f2a77c01b9e")
				if err != nil {
					return err
				}
				p.State, p.Address, p.MessageID = store.Shown, fmt.Sprintf("bot:%d", id%50), fmt.Sprint(1_700_000_000_000+id)
				if err := tx.SavePost(&p); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	for name, ask := range map[string]func(store.Tx) error{
		"ReadyPosts": func(tx store.Tx) error {
			posts, err := tx.ReadyPosts("workflow:5f2a77c01b9e", now, 1)
			require.Len(b, posts, 1)
			return err
		},
		"ReadyPosts none yet": func(tx store.Tx) error {
			posts, err := tx.ReadyPosts("workflow:5f2a77c01b9e", now.Add(-1), 1)
			require.Empty(b, posts)
			return err
		},
		"Backlog": func(tx store.Tx) error {
			n, err := tx.Backlog("workflow:5f2a77c01b9e", store.RankQuiet, now, 10000)
			require.Equal(b, 5000, n)
			return err
		},
		"NextPost":      func(tx store.Tx) error { _, err := tx.NextPost("workflow:5f2a77c01b9e"); return err },
		"BusyAddresses": func(tx store.Tx) error { _, err := tx.BusyAddresses(); return err },
		"CountPosts":    func(tx store.Tx) error { _, err := tx.CountPosts(); return err },
		"Groups":        func(tx store.Tx) error { _, err := tx.Groups("nobody"); return err },
		"PostByMessage": func(tx store.Tx) error {
			p, err := tx.PostByMessage("bot:27", "1700000077777")
			require.Equal(b, store.Shown, p.State)
			return err
		},
		"ActiveSilences none": func(tx store.Tx) error { _, err := tx.ActiveSilences(now); return err },
		"OpenGroupsAt": func(tx store.Tx) error {
			groups, err := tx.OpenGroupsAt([]string{"bot:27", "bot:28"}, 500)
			require.Len(b, groups, 500)
			return err
		},
		"OpenGroupsAt none": func(tx store.Tx) error {
			groups, err := tx.OpenGroupsAt([]string{"bot:99"}, 500)
			require.Empty(b, groups)
			return err
		},
		"NextDueGroup": func(tx store.Tx) error { _, err := tx.NextDueGroup(); return err },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, s.View(context.Background(), ask))
			}
		})
	}
}
