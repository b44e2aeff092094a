package heartbeat

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/clock"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlitetest"
	"github.com/teamsrelay/teamsrelay/receiver/store/storetest"
)

var start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return start.Add(d) }

func watchdog() *Heartbeat {
	return &Heartbeat{
		Name: "fra", Within: 5 * time.Minute, Severity: "critical", Labels: map[string]string{"team": "infra"},
		Matchers: labels.Matchers{{Type: labels.MatchEqual, Name: "alertname", Value: "Watchdog"}},
	}
}

func TestJudge(t *testing.T) {
	none := time.Time{}
	for name, c := range map[string]struct {
		row     store.Heartbeat
		now     time.Duration
		missing bool
		from    time.Time // WatchedFrom afterwards
	}{
		"who has just been told of the heartbeat waits for it": {
			row: store.Heartbeat{}, now: time.Hour, from: at(time.Hour),
		},
		"one that never came is missing when it had its time": {
			row: store.Heartbeat{WatchedFrom: at(0), WatchedAt: at(5 * time.Minute)}, now: 5*time.Minute + time.Second, missing: true, from: at(0),
		},
		"exactly in time is in time": {
			row: store.Heartbeat{BeatAt: at(0), WatchedFrom: at(-time.Hour), WatchedAt: at(5 * time.Minute)}, now: 5 * time.Minute, from: at(-time.Hour),
		},
		"one that was silent for too long is missing": {
			row: store.Heartbeat{BeatAt: at(0), WatchedFrom: at(-time.Hour), WatchedAt: at(5 * time.Minute)}, now: 5*time.Minute + time.Second, missing: true, from: at(-time.Hour),
		},
		"after an hour in which we were not there it has its time again: it could not have reached us": {
			row: store.Heartbeat{BeatAt: at(0), WatchedFrom: at(-time.Hour), WatchedAt: at(time.Minute)}, now: time.Hour, from: at(time.Hour),
		},
		"the half minute in which another replica took over is forgiven nothing": {
			row: store.Heartbeat{BeatAt: at(0), WatchedFrom: at(-time.Hour), WatchedAt: at(5 * time.Minute)}, now: 5*time.Minute + 30*time.Second, missing: true, from: at(-time.Hour),
		},
		"who was told that it is missing is not told that it is there because we were away": {
			row: store.Heartbeat{BeatAt: at(0), WatchedFrom: at(-time.Hour), WatchedAt: at(6 * time.Minute), MissingAt: at(6 * time.Minute)}, now: time.Hour, missing: true, from: at(time.Hour),
		},
		"when it comes again it is there": {
			row: store.Heartbeat{BeatAt: at(9 * time.Minute), WatchedFrom: at(-time.Hour), WatchedAt: at(9 * time.Minute), MissingAt: at(6 * time.Minute)}, now: 9*time.Minute + time.Second, from: at(-time.Hour),
		},
		"a beat that was stored by a clock that is a little ahead counts": {
			row: store.Heartbeat{BeatAt: at(30 * time.Second), WatchedFrom: at(-time.Hour), WatchedAt: at(0), MissingAt: none}, now: time.Second, from: at(-time.Hour),
		},
		"one of next year, when this computer had no battery, came by now": {
			row: store.Heartbeat{BeatAt: at(8760 * time.Hour), WatchedFrom: at(8000 * time.Hour), WatchedAt: at(8760 * time.Hour)}, now: 0, from: at(0),
		},
		"a clock that was set back begins anew": {
			row: store.Heartbeat{BeatAt: none, WatchedFrom: at(0), WatchedAt: at(time.Hour)}, now: 0, from: at(0),
		},
	} {
		t.Run(name, func(t *testing.T) {
			is := watchdog().judge(c.row, at(c.now))
			require.Equal(t, c.missing, !is.MissingAt.IsZero())
			require.Equal(t, c.from, is.WatchedFrom)
			require.Equal(t, at(c.now), is.WatchedAt)
			if c.row.BeatAt.After(at(c.now + time.Minute)) {
				require.Equal(t, at(c.now), is.BeatAt, "or nobody would miss it until then")
			} else {
				require.Equal(t, c.row.BeatAt, is.BeatAt)
			}
			again := watchdog().judge(is, at(c.now))
			require.Equal(t, is, again, "what is judged twice is told once")
		})
	}
}

func TestTheAlertSaysWhatIsMissingSinceWhenAndFromWhom(t *testing.T) {
	row := store.Heartbeat{Name: "fra", BeatAt: at(0), From: "alertmanager fra:9093"}
	a := watchdog().alert(&row)
	require.Equal(t, map[string]string{"alertname": "HeartbeatMissing", "heartbeat": "fra", "severity": "critical", "team": "infra"}, a.Labels)
	require.Equal(t, "The heartbeat fra does not come any more", a.Annotations["summary"])
	for _, part := range []string{`alertname="Watchdog"`, "every 5m.", "09:00:00 UTC on 1 March 2026", "from alertmanager fra:9093"} {
		require.Contains(t, a.Annotations["description"], part)
	}
	require.Equal(t, at(0), a.StartsAt)

	a = watchdog().alert(&store.Heartbeat{Name: "fra", WatchedFrom: at(time.Minute)})
	require.Equal(t, "The heartbeat fra has never come", a.Annotations["summary"])
	require.NotContains(t, a.Annotations["description"], "last one")
	require.Equal(t, at(time.Minute), a.StartsAt)
}

// A computer that began in next year and was set right while we were stopped
// must not keep what comes from being stored, nor what does not from being missed.
func TestWhatCameInNextYearIsMissedToday(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t)
		next := time.Now().AddDate(1, 0, 0)
		require.NoError(t, s.Update(t.Context(), func(tx store.Tx) error {
			return tx.SaveHeartbeat(&store.Heartbeat{Name: "fra", BeatAt: next, From: "api", WatchedFrom: next, WatchedAt: next})
		}))
		r := newReplica(t, s, watchdog())
		require.Empty(t, r.told(t))
		require.WithinDuration(t, time.Now(), rows(t, s)[0].BeatAt, 0)
		r.passes(t, time.Minute)
		require.True(t, r.Take(aBeat(alert.Firing), "api"))
		r.store(t.Context())
		require.WithinDuration(t, time.Now(), rows(t, s)[0].BeatAt, 0, "it counts")
		r.passes(t, 5*time.Minute)
		require.Empty(t, r.told(t))
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{"fra"}, r.told(t))
	})
}

// passes lets time pass in which somebody looks as often as Watch does.
func (r *replica) passes(t *testing.T, d time.Duration) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(min(lookEvery, time.Until(end)))
		require.NoError(t, r.look(t.Context(), free))
	}
}

// What came while the store refused is in the memory of the replica that it
// reached, and that may store it a moment after another one looks.
func TestNothingIsMissedRightAfterTheStoreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openStore(t)
		mine := &refusing{Store: db}
		looks, hears := newReplica(t, mine, watchdog()), newReplica(t, &refusing{Store: db}, watchdog())
		require.True(t, hears.Take(aBeat(alert.Firing), "api"))
		hears.store(t.Context())
		looks.passes(t, 4*time.Minute+50*time.Second)

		mine.set(true)
		require.True(t, hears.Take(aBeat(alert.Firing), "api"), "which cannot be stored now")
		for range 10 { // of the role's holder nobody hears for twenty seconds
			time.Sleep(lookEvery)
			_ = looks.look(t.Context(), free)
		}
		mine.set(false)
		require.NoError(t, looks.look(t.Context(), free))
		require.Empty(t, looks.settled[len(looks.settled)-1], "it is five minutes and ten seconds since the last one that is stored")
		time.Sleep(lookEvery)
		hears.store(t.Context())
		time.Sleep(outageGrace)
		require.Empty(t, looks.told(t))
	})
}

// While a database is down for ten minutes, whoever beats is answered, and
// nobody is told that it was silent. When it really stops they are.
func TestTenMinutesWithoutTheStoreAreNoSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &refusing{Store: openStore(t)}
		r := newReplica(t, s, watchdog())
		ctx, stop := context.WithCancel(t.Context())
		var work sync.WaitGroup
		work.Go(func() { r.Run(ctx) })
		work.Go(func() { r.Watch(ctx, free) })
		defer func() { stop(); work.Wait() }()
		beats := func(n int) {
			for range n {
				require.True(t, r.Take(aBeat(alert.Firing), "api"))
				time.Sleep(time.Minute)
				synctest.Wait()
			}
		}
		beats(5)
		s.set(true)
		beats(10)
		s.set(false)
		beats(5)
		for _, names := range r.settledNames() {
			require.Empty(t, names)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		all := r.settledNames()
		require.Equal(t, []string{"fra"}, all[len(all)-1])
	})
}

func TestHeartbeatsThatPeopleWereToldOfAreEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplica(t, openStore(t), watchdog())
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { r.Watch(ctx, free); close(done) }()
		time.Sleep(50 * time.Second)
		stop()
		<-done
		require.Equal(t, []string{"Watchdog", "Watchdog"}, r.ended, "soon, and again: another replica may have told it with a file that is older")
	})
}

// replica is a Worker with a store that others may have too, in synctest's time.
type replica struct {
	*Worker
	mu       sync.Mutex
	settled  [][]string // the names that each Settle had
	ended    []string   // what each End would have ended of a Watchdog and a full disk
	registry *prometheus.Registry
}

func newReplica(t *testing.T, s store.Store, configured ...*Heartbeat) *replica {
	r := &replica{registry: prometheus.NewRegistry()}
	var err error
	r.Worker, err = New(Options{
		Store: s, Logger: slog.New(slog.DiscardHandler), Registerer: r.registry, Clock: clock.New(nil, nil),
		Heartbeats: func() []*Heartbeat { return configured },
		Settle: func(_ context.Context, name string, firing []alert.Alert) error {
			require.Equal(t, AlertName, name)
			names := []string{}
			for _, a := range firing {
				names = append(names, a.Labels[NameLabel])
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			r.settled = append(r.settled, names)
			return nil
		},
		End: func(_ context.Context, is func(map[string]string) bool) error {
			for _, name := range []string{"Watchdog", "DiskFull"} {
				if is(map[string]string{"alertname": name}) {
					r.ended = append(r.ended, name)
				}
			}
			return nil
		},
	})
	require.NoError(t, err)
	return r
}

func (r *replica) settledNames() [][]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.settled)
}

// told is what fires after a look.
func (r *replica) told(t *testing.T) []string {
	t.Helper()
	require.NoError(t, r.look(t.Context(), free))
	return r.settled[len(r.settled)-1]
}

func free(store.Tx) error { return nil }

func openStore(t *testing.T) store.Store {
	s, err := sqlite.Open(sqlitetest.File(t), sqlite.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return storetest.Twice(s)
}

func aBeat(status alert.Status) *alert.Alert {
	return &alert.Alert{Status: status, Labels: map[string]string{"alertname": "Watchdog", "severity": "none"}}
}

func TestABeatThatReachesOneReplicaCountsForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t)
		a, b := newReplica(t, s, watchdog()), newReplica(t, s, watchdog())
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { a.Run(ctx); close(done) }()
		require.Empty(t, b.told(t))
		for range 20 { // for ten minutes b alone looks, and a alone hears
			time.Sleep(30 * time.Second)
			require.True(t, a.Take(aBeat(alert.Firing), "api prometheus:9090"))
			synctest.Wait()
			require.Empty(t, b.told(t))
		}
		for range 10 {
			time.Sleep(30 * time.Second)
			require.Empty(t, b.told(t))
		}
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{"fra"}, b.told(t), "it is silent for longer than five minutes")
		require.True(t, a.Take(aBeat(alert.Firing), "api prometheus:9090"))
		time.Sleep(2 * time.Second)
		require.Empty(t, b.told(t), "and comes again")
		stop()
		<-done
	})
}

func TestOnlyWhatFiresIsABeatAndWhatResolvesIsSwallowed(t *testing.T) {
	s := openStore(t)
	r := newReplica(t, s, watchdog())
	require.False(t, r.Take(&alert.Alert{Labels: map[string]string{"alertname": "DiskFull"}}, "api"), "people are to be told of it")
	require.True(t, r.Take(aBeat(alert.Resolved), "api"), "nobody is told that the Watchdog is over")
	r.store(t.Context())
	require.Empty(t, rows(t, s), "and it is no sign of life")
	require.True(t, r.Take(aBeat(alert.Firing), "api"))
	r.store(t.Context())
	require.Len(t, rows(t, s), 1)
}

func rows(t *testing.T, s store.Store) (all []store.Heartbeat) {
	require.NoError(t, s.View(t.Context(), func(tx store.Tx) (err error) { all, err = tx.Heartbeats(); return err }))
	return all
}

func TestWhatComesWhileTheStoreRefusesIsStoredWhenItTakesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &refusing{Store: openStore(t)}
		r := newReplica(t, s, watchdog())
		s.set(true)
		require.True(t, r.Take(aBeat(alert.Firing), "api"))
		came := time.Now()
		r.store(t.Context())
		time.Sleep(time.Minute)
		s.set(false)
		r.store(t.Context())
		require.Len(t, rows(t, s), 1)
		require.WithinDuration(t, came, rows(t, s)[0].BeatAt, time.Second, "when it came, not when it could be stored")
	})
}

type refusing struct {
	store.Store
	mu     sync.Mutex
	refuse bool
}

func (s *refusing) set(refuse bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = refuse
}

func (s *refusing) View(ctx context.Context, fn func(store.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse {
		return store.ErrUnavailable
	}
	return s.Store.View(ctx, fn)
}

func (s *refusing) Update(ctx context.Context, fn func(store.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse {
		return store.ErrUnavailable
	}
	return s.Store.Update(ctx, fn)
}

func TestWhoLostTheRoleStoresAndTellsNothing(t *testing.T) {
	s := openStore(t)
	r := newReplica(t, s, watchdog())
	require.ErrorIs(t, r.look(t.Context(), func(store.Tx) error { return store.ErrNotFound }), store.ErrNotFound)
	require.Empty(t, rows(t, s))
	require.Empty(t, r.settled)
}

func TestAHeartbeatThatLeavesTheFileIsForgotten(t *testing.T) {
	s := openStore(t)
	require.NoError(t, s.Update(t.Context(), func(tx store.Tx) error {
		return tx.SaveHeartbeat(&store.Heartbeat{Name: "gone", MissingAt: at(0)})
	}))
	require.Empty(t, newReplica(t, s, watchdog()).told(t))
	require.Len(t, rows(t, s), 1)
	require.Equal(t, "fra", rows(t, s)[0].Name)
}

func TestMetricsAreThereForEveryHeartbeatOfTheFileFromTheStart(t *testing.T) {
	s := openStore(t)
	never := watchdog()
	never.Name = "ber"
	r := newReplica(t, s, watchdog(), never)
	require.NoError(t, s.Update(t.Context(), func(tx store.Tx) error {
		return tx.SaveHeartbeat(&store.Heartbeat{Name: "fra", BeatAt: at(0), MissingAt: at(time.Hour)})
	}))
	require.NoError(t, testutil.GatherAndCompare(r.registry, strings.NewReader(`
# HELP teamsrelay_heartbeat_last_timestamp_seconds When the heartbeat last came to any replica; 0: never.
# TYPE teamsrelay_heartbeat_last_timestamp_seconds gauge
teamsrelay_heartbeat_last_timestamp_seconds{heartbeat="ber"} 0
teamsrelay_heartbeat_last_timestamp_seconds{heartbeat="fra"} 1.7723556e+09
# HELP teamsrelay_heartbeat_missing Whether people are told that the heartbeat does not come.
# TYPE teamsrelay_heartbeat_missing gauge
teamsrelay_heartbeat_missing{heartbeat="ber"} 0
teamsrelay_heartbeat_missing{heartbeat="fra"} 1
`)))
}
