package ruler_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// counting counts the rows that are saved with what is handed on.
type counting struct {
	store.Tx
	rig *rig
}

func (c counting) SaveSeries(rows []rules.Row) error {
	c.rig.saved += len(rows)
	return c.Tx.SaveSeries(rows)
}

// TestACheckpointThatWaitsIsNotStoredOverWhatWasDecidedSince would fail for who
// has an alert that fires for ever: what a checkpoint could not store is as old
// as that, and a crash would forget that the alert was told.
func TestACheckpointThatWaitsIsNotStoredOverWhatWasDecidedSince(t *testing.T) {
	const mean = `
groups:
  - name: datacenter
    rules:
      - {alert: Hot, measurement: temperature, when: 'mean(temp_c, "1h") > 27'}
`
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start(mean)
		r.samples(at("r1", 10))
		r.refuses(true)
		time.Sleep(6 * time.Minute) // over a checkpoint
		r.refuses(false)
		r.samples(at("r1", 80))
		require.Contains(t, r.told(), "firing r1")
		time.Sleep(6 * time.Minute) // and another
		r.told()
		r.refuses(true) // a crash stores nothing any more
		r.stop()
		r.refuses(false)

		r.start(mean)
		defer func() { r.stop() }()
		require.Equal(t, []string{"firing r1"}, r.told())
		r.samples(at("r1", -100))
		require.Equal(t, []string{"resolved r1"}, r.told())
	})
}

// TestAStoreThatRefusesForLongCostsARowASeries would fail for who has a disk
// that was full for a night: memory must not grow with each thing that was
// decided.
func TestAStoreThatRefusesForLongCostsARowASeries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start(hot)
		defer func() { r.stop() }()
		r.told()
		r.refuses(true)
		for range 50 {
			require.Error(t, r.ruler.Samples(t.Context(), []sample.Sample{at("r1", 30), at("r2", 30)}))
			require.Error(t, r.ruler.Samples(t.Context(), []sample.Sample{at("r1", 20)}))
		}
		r.refuses(false)
		require.NoError(t, r.ruler.Samples(t.Context(), nil))
		require.LessOrEqual(t, r.saved, 2)
		require.Len(t, r.told(), 101, "what was decided is told, all of it")
		require.Len(t, r.stored(), 1)
	})
}

// TestWhatFiresIsHandedOnAgainWhenTheClockWasSetBack would fail for whoever
// takes alerts for over that are not handed on again.
func TestWhatFiresIsHandedOnAgainWhenTheClockWasSetBack(t *testing.T) {
	for _, by := range []time.Duration{-3 * time.Hour, 3 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.start(hot)
			defer func() { r.stop() }()
			r.samples(at("r1", 30))
			r.told()
			require.NoError(t, r.ruler.Shift(by, func() error {
				r.ahead.Add(int64(by))
				return nil
			}))
			require.Empty(t, r.told(), "a clock that was set is no burst")
			for range 3 {
				time.Sleep(time.Minute)
				require.Equal(t, []string{"firing r1"}, r.told())
			}
		})
	}
}

func TestPollsDoNotPileUpWhileTheStoreRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		set := r.start(polled)
		defer func() { r.stop() }()
		row := func(rack string, value float64) sample.Sample {
			return sample.Sample{Time: time.Now(), Tags: []sample.Tag{{Key: "rack", Value: rack}}, Fields: []sample.Field{{Key: "_value", Value: sample.Num(value)}}}
		}
		rule := set.Groups[0].Rules[0]
		r.refuses(true)
		_, err := r.ruler.Rows(t.Context(), rule, []sample.Sample{row("r1", 30)})
		require.ErrorIs(t, err, store.ErrUnavailable, "decided, and kept until it is stored")
		_, err = r.ruler.Rows(t.Context(), rule, []sample.Sample{row("r2", 30)})
		require.ErrorIs(t, err, store.ErrUnavailable, "not even looked at: it will be asked for again")
		r.refuses(false)
		time.Sleep(2 * time.Second)
		require.Equal(t, []string{"firing r1"}, r.told())
		verdict, err := r.ruler.Rows(t.Context(), rule, []sample.Sample{row("r2", 30)})
		require.NoError(t, err)
		require.Equal(t, rules.Verdict{Rows: 1, Used: 1}, verdict)
		require.Equal(t, []string{"firing r2"}, r.told())
	})
}
