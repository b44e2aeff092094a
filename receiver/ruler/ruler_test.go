package ruler_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/ruler"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlitetest"
	"github.com/teamsrelay/teamsrelay/receiver/store/storetest"
)

const hot = `
groups:
  - name: datacenter
    rules:
      - alert: Hot
        measurement: temperature
        when: temp_c > 27
        labels: {severity: warning}
        annotations: {summary: '{{ $labels.rack }} is at {{ $value }} °C'}
`

const hotForTwoMinutes = hot + "        for: 2m\n"

// rig is a ruler on a real store that notes what it hands on.
type rig struct {
	t      *testing.T
	file   string
	db     store.Store
	ruler  *ruler.Ruler
	metric *prometheus.Registry
	log    bytes.Buffer
	slow   chan struct{} // if set, handing on waits for it
	stop   func()
	ahead  atomic.Int64 // by how much the clock was set

	mu     sync.Mutex
	refuse bool
	asked  int      // how often the store was asked while it refused
	saved  int      // rows
	handed []string // "firing r1", one for each time
	until  time.Time
}

func newRig(t *testing.T) *rig {
	return &rig{t: t, file: sqlitetest.File(t)}
}

func parse(t *testing.T, text string) *rules.Set {
	t.Helper()
	set, problems := rules.Parse([]rules.File{{Name: "rules.yml", Data: []byte(text)}})
	require.Empty(t, problems.Error())
	return set
}

// start makes a ruler and runs it until stop is called.
func (r *rig) start(text string) *rules.Set {
	r.t.Helper()
	var err error
	r.db, err = sqlite.Open(r.file, sqlite.Options{})
	require.NoError(r.t, err)
	r.metric = prometheus.NewRegistry()
	set := parse(r.t, text)
	r.ruler, err = ruler.New(r.t.Context(), ruler.Options{
		Store: fragile{storetest.Twice(r.db), r}, Logger: slog.New(slog.NewTextHandler(&r.log, nil)), Registerer: r.metric,
		Now: func() time.Time { return time.Now().Round(0).Add(time.Duration(r.ahead.Load())) }, Hand: r.hand,
	}, set)
	require.NoError(r.t, err)
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- r.ruler.Run(ctx) }()
	synctest.Wait() // what fires is handed on first
	r.stop = func() {
		cancel()
		if err := <-done; !r.refusing() {
			require.NoError(r.t, err)
		}
		require.NoError(r.t, r.db.Close())
	}
	return set
}

func (r *rig) hand(ctx context.Context, alerts []ingest.Posted, also func(store.Tx) error) error {
	if r.refusing() {
		return r.refusal()
	}
	if r.slow != nil {
		<-r.slow
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range alerts {
		r.handed = append(r.handed, string(a.Status)+" "+a.Labels["rack"])
		r.until = a.Until
	}
	if also == nil {
		return nil
	}
	return r.db.Update(ctx, func(tx store.Tx) error { return also(counting{tx, r}) })
}

// fragile is the store as the ruler sees it.
type fragile struct {
	store.Store
	rig *rig
}

func (f fragile) Update(ctx context.Context, fn func(store.Tx) error) error {
	if f.rig.refusing() {
		return f.rig.refusal()
	}
	return f.Store.Update(ctx, fn)
}

func (r *rig) refusing() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refuse
}

func (r *rig) refusal() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	return store.ErrUnavailable
}

// told is what was handed on since the last call.
func (r *rig) told() []string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	handed := r.handed
	r.handed = nil
	return handed
}

// lives is until when what was handed on last fires.
func (r *rig) lives() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.until
}

func (r *rig) refuses(refuse bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = refuse
}

func at(rack string, celsius float64) sample.Sample {
	return sample.Sample{
		Measurement: "temperature", Time: time.Now(),
		Tags:   []sample.Tag{{Key: "rack", Value: rack}},
		Fields: []sample.Field{{Key: "temp_c", Value: sample.Num(celsius)}},
	}
}

func (r *rig) samples(samples ...sample.Sample) {
	r.t.Helper()
	require.NoError(r.t, r.ruler.Samples(r.t.Context(), samples))
}

func TestWhatWasDecidedIsHandedOnOnceAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start(hot)
		defer func() { r.stop() }()
		r.samples(at("r1", 20), at("r2", 30), at("r1", 30), at("r2", 20))
		require.Equal(t, []string{"firing r2", "firing r1", "resolved r2"}, r.told())
		r.samples(at("r1", 31))
		require.Empty(t, r.told(), "nothing was decided")
	})
}

func TestAStoreThatRefusesLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start(hot)
		defer func() { r.stop() }()
		r.told()
		r.refuses(true)
		require.ErrorIs(t, r.ruler.Samples(t.Context(), []sample.Sample{at("r1", 30)}), store.ErrUnavailable)
		require.ErrorIs(t, r.ruler.Samples(t.Context(), []sample.Sample{at("r2", 30), at("r1", 20)}), store.ErrUnavailable)
		require.ErrorIs(t, r.ruler.Samples(t.Context(), nil), store.ErrUnavailable)
		r.refuses(false)
		require.NoError(t, r.ruler.Samples(t.Context(), nil))
		require.Equal(t, []string{"firing r1", "firing r2", "resolved r1"}, r.told())
	})
}

func TestAStoreThatRefusesIsTriedAgainWithoutSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start(hot)
		defer func() { r.stop() }()
		r.refuses(true)
		require.Error(t, r.ruler.Samples(t.Context(), []sample.Sample{at("r1", 30)}))
		r.refuses(false)
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{"firing r1"}, r.told(), "somebody waits for it")
	})
}

func TestAStoreThatRefusesIsAskedOnceASecondAndComplainedOfOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start(hot)
		defer func() { r.stop() }()
		r.refuses(true)
		require.Error(t, r.ruler.Samples(t.Context(), []sample.Sample{at("r1", 30)}))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		r.mu.Lock()
		asked := r.asked
		r.mu.Unlock()
		require.InDelta(t, 300, asked, 10, "a full disk must not cost a processor")
		require.InDelta(t, 5, bytes.Count(r.log.Bytes(), []byte("could not be stored")), 1, "the log may be on the disk that is full")
		r.refuses(false)
		time.Sleep(2 * time.Second)
		require.Contains(t, r.told(), "firing r1")
	})
}

func TestARestartKnowsWhatFires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start(hot)
		r.samples(at("r1", 30), at("r2", 30))
		r.told()
		r.stop()

		time.Sleep(time.Hour)
		r.start(hot)
		told := r.told()
		slices.Sort(told)
		require.Equal(t, []string{"firing r1", "firing r2"}, told, "whoever takes them may have started anew")
		r.samples(at("r1", 20))
		require.Equal(t, []string{"resolved r1"}, r.told())
		r.stop()
	})
}

func TestARestartGoesOnWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start(hotForTwoMinutes)
		r.samples(at("r1", 30))
		time.Sleep(time.Minute)
		r.stop()
		r.start(hotForTwoMinutes)
		defer func() { r.stop() }()
		r.samples(at("r1", 30))
		require.Empty(t, r.told())
		time.Sleep(time.Minute + time.Second)
		require.Equal(t, []string{"firing r1"}, r.told(), "it was hot before the restart too")
	})
}

func TestTimersRunWithoutSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start(hotForTwoMinutes)
		defer func() { r.stop() }()
		r.samples(at("r1", 30))
		time.Sleep(2 * time.Minute)
		require.Empty(t, r.told(), "two minutes are not longer than two minutes")
		time.Sleep(time.Second)
		require.Equal(t, []string{"firing r1"}, r.told())
	})
}

func TestWhatFiresIsHandedOnAgainBeforeItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start(hot)
		defer func() { r.stop() }()
		r.samples(at("r1", 30))
		r.told()
		for range 5 {
			time.Sleep(time.Minute)
			require.Equal(t, []string{"firing r1"}, r.told())
			require.GreaterOrEqual(t, time.Until(r.lives()), 3*time.Minute, "one that gets lost on the way must not end the alert")
		}
	})
}

func TestAlertsOfOurOwnFireUntilTheyAreReportedAsResolved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start(hot)
		defer func() { r.stop() }()
		failed := alert.Alert{Status: alert.Firing, StartsAt: time.Now(), Labels: map[string]string{"alertname": "InfluxDBQueryFailed", "rack": "dc"}}
		r.refuses(true)
		require.Error(t, r.ruler.Report(t.Context(), failed))
		r.refuses(false)
		require.NoError(t, r.ruler.Report(t.Context(), failed))
		require.Equal(t, []string{"firing dc"}, r.told())
		time.Sleep(time.Minute)
		require.Equal(t, []string{"firing dc"}, r.told())
		failed.Status, failed.EndsAt = alert.Resolved, time.Now()
		require.NoError(t, r.ruler.Report(t.Context(), failed))
		require.Equal(t, []string{"resolved dc"}, r.told())
		time.Sleep(5 * time.Minute)
		require.Empty(t, r.told())
	})
}

func TestAlertsOfOurOwnFireOnAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start(hot)
		failed := alert.Alert{Status: alert.Firing, StartsAt: time.Now(), Labels: map[string]string{"alertname": "InfluxDBQueryFailed", "rack": "dc"}}
		require.NoError(t, r.ruler.Report(t.Context(), failed))
		r.told()
		r.stop()
		r.start(hot)
		require.Equal(t, []string{"firing dc"}, r.told(), "it would end by itself, and the database is still down")
		began := failed.StartsAt
		time.Sleep(time.Minute)
		failed.StartsAt = time.Now() // as far as this process knows
		require.NoError(t, r.ruler.Report(t.Context(), failed))
		reported, err := r.ruler.Reported(t.Context())
		require.NoError(t, err)
		require.True(t, began.Equal(reported[0].StartsAt), "the card would say that it was shorter than it was")
		r.told()
		failed.Status, failed.StartsAt, failed.EndsAt = alert.Resolved, time.Time{}, time.Now()
		require.NoError(t, r.ruler.Report(t.Context(), failed))
		r.told()
		r.stop()
		r.start(hot)
		defer func() { r.stop() }()
		require.Empty(t, r.told())
		require.Empty(t, r.stored())
	})
}

const polled = `
groups:
  - name: polled
    influxdb: dc
    rules: [{alert: Cold, query: q, when: _value > 27, labels: {severity: warning}}]
`

func TestMetricsDoNotWaitForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start(hot)
		defer func() { r.stop() }()
		r.samples(at("r1", 20))
		_, err := r.metric.Gather()
		require.NoError(t, err)
		r.slow = make(chan struct{})
		stored := make(chan error, 1)
		go func() { stored <- r.ruler.Samples(t.Context(), []sample.Sample{at("r2", 30)}) }()
		synctest.Wait()
		n, err := testutil.GatherAndCount(r.metric, "teamsrelay_rule_series")
		require.NoError(t, err)
		require.Equal(t, 1, n, "whoever watches us must not hang on our disk")
		close(r.slow)
		require.NoError(t, <-stored)
	})
}

func TestARuleThatIsGoneEndsItsAlerts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start(hot)
		r.samples(at("r1", 30))
		r.told()
		require.NoError(t, r.ruler.Reload(t.Context(), nil))
		require.Equal(t, []string{"resolved r1"}, r.told())
		r.stop()

		r.start(hot) // the file is back
		defer func() { r.stop() }()
		require.Empty(t, r.told(), "what is over stays over")
	})
}

func TestARuleThatIsGoneAfterARestartEndsItsAlertsToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start(hot)
		r.samples(at("r1", 30))
		r.told()
		r.stop()
		r.start("groups: [{name: other, rules: [{alert: Cold, measurement: temperature, when: temp_c < 5}]}]")
		defer func() { r.stop() }()
		require.Equal(t, []string{"resolved r1"}, r.told(), "nobody else will ever say so")
		require.Empty(t, r.stored(), "what no rule looks at takes no room")
	})
}

// stored are the rows in the store.
func (r *rig) stored() (rows []rules.Row) {
	require.NoError(r.t, r.db.View(r.t.Context(), func(tx store.Tx) error {
		return tx.EachSeries(func(row rules.Row) error {
			rows = append(rows, row)
			return nil
		})
	}))
	return rows
}

func TestADamagedRowCostsItsOwnSeriesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start(hot)
		r.samples(at("r1", 30), at("r2", 30))
		rows := r.stored()
		require.Len(t, rows, 2)
		rows[0].State = []byte("garbage")
		require.NoError(t, r.db.Update(t.Context(), func(tx store.Tx) error { return tx.SaveSeries(rows[:1]) }))
		r.told()
		r.stop()
		r.start(hot)
		defer func() { r.stop() }()
		known := r.told()
		require.Len(t, known, 1)
		require.Len(t, r.stored(), 1, "nobody is to read of it again at each start")
		r.samples(at("r1", 30), at("r2", 30))
		anew := r.told()
		require.ElementsMatch(t, []string{"firing r1", "firing r2"}, append(known, anew...))
	})
}

func TestWindowsSurviveAStopAndACrashLosesTheLatestOfThem(t *testing.T) {
	const mean = `
groups:
  - name: datacenter
    rules:
      - {alert: Hot, measurement: temperature, when: 'mean(temp_c, "10m") > 27', labels: {severity: warning}}
`
	for _, test := range []struct {
		name  string
		crash bool
		after time.Duration
		told  []string
	}{
		{"a stop keeps all of it", false, time.Second, nil},
		{"a crash keeps what is older than five minutes", true, 6 * time.Minute, nil},
		{"a crash loses what is younger", true, time.Second, []string{"firing r1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.start(mean)
				r.samples(at("r1", 10))
				time.Sleep(test.after)
				r.refuses(test.crash)
				r.stop()
				r.refuses(false)
				r.start(mean)
				defer func() { r.stop() }()
				r.samples(at("r1", 40)) // the mean of both is 25
				require.Equal(t, test.told, r.told())
			})
		})
	}
}

func TestSeriesAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start(hot)
		defer func() { r.stop() }()
		r.samples(at("r1", 30), at("r2", 20))
		synctest.Wait() // while they are being stored, the metrics say what was before
		n, err := testutil.GatherAndCount(r.metric, "teamsrelay_rule_series", "teamsrelay_rule_alerts")
		require.NoError(t, err)
		require.Equal(t, 2, n)
	})
}
