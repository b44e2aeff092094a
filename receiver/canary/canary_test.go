package canary

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/clock"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlitetest"
	"github.com/teamsrelay/teamsrelay/receiver/store/storetest"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

var start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

var (
	delivered = teams.Outcome{Kind: teams.Delivered}
	deleted   = teams.Outcome{Kind: teams.GiveUp, Reason: teams.NotFound, Message: "The flow was deleted."}
	throttled = teams.Outcome{Kind: teams.Retry, Reason: teams.Throttled, Message: "Too many."}
)

func TestAfterAnAttempt(t *testing.T) {
	c := Canary{Destination: "ops", Every: 15 * time.Minute}
	well := store.Canary{Destination: "ops", Since: start.Add(-time.Hour), OKAt: start.Add(-15 * time.Minute), TriedAt: start.Add(-15 * time.Minute)}
	with := func(change func(*store.Canary)) store.Canary { row := well; change(&row); return row }
	for name, x := range map[string]struct {
		row    store.Canary
		o      teams.Outcome
		t      tried // "": made
		failed bool
		next   time.Duration
	}{
		"one that arrives is asked for again after its interval": {row: well, o: delivered, next: 15 * time.Minute},
		"what somebody has to mend is told at once":              {row: well, o: deleted, failed: true, next: 5 * time.Minute},
		"a bad minute of Teams is not told":                      {row: well, o: throttled, next: 5 * time.Minute},
		"Teams says when it wants to be asked again":             {row: well, o: teams.Outcome{Kind: teams.Retry, After: 10 * time.Minute}, next: 10 * time.Minute},
		"but no longer than the interval":                        {row: well, o: teams.Outcome{Kind: teams.Retry, After: time.Hour}, next: 15 * time.Minute},
		"the third bad answer in a row is told": {
			row: with(func(r *store.Canary) { r.Failures = 2 }), o: throttled, failed: true, next: 5 * time.Minute,
		},
		"a destination without room for it is asked soon": {row: well, t: busy, next: 30 * time.Second},
		"one that was in the way of a storm for an hour is not told: what is told there arrives": {
			row: with(func(r *store.Canary) { r.OKAt = start.Add(-time.Hour) }), t: busy, next: 30 * time.Second,
		},
		"one that was kept back for two intervals because nothing is sent there is late": {
			row: with(func(r *store.Canary) { r.OKAt = start.Add(-31 * time.Minute) }), t: waits, failed: true, next: 30 * time.Second,
		},
		"one that never arrived is late two intervals after it began": {
			row: with(func(r *store.Canary) { r.OKAt, r.Since = time.Time{}, start.Add(-31*time.Minute) }), t: waits, failed: true, next: 30 * time.Second,
		},
		"one that began a moment ago is not": {
			row: with(func(r *store.Canary) { r.OKAt, r.Since = time.Time{}, start.Add(-time.Minute) }), t: waits, next: 30 * time.Second,
		},
		"after a night in which nobody tried it is not late": {
			row: with(func(r *store.Canary) { r.OKAt, r.Since = start.Add(-8*time.Hour), start }), o: throttled, next: 5 * time.Minute,
		},
		"one that fails goes on failing until it arrives": {
			row: with(func(r *store.Canary) { r.FailedAt, r.Failures = start.Add(-time.Minute), 1 }), t: busy, failed: true, next: 30 * time.Second,
		},
		"and then it is over": {
			row: with(func(r *store.Canary) { r.FailedAt, r.Failures = start.Add(-time.Minute), 9 }), o: delivered, next: 15 * time.Minute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if x.t == "" {
				x.t = made
			}
			is := c.after(x.row, x.o, x.t, start)
			require.Equal(t, x.failed, !is.FailedAt.IsZero())
			require.Equal(t, start.Add(x.next), is.NextAt)
			if x.t == made && x.o.Kind == teams.Delivered {
				require.Equal(t, start, is.OKAt)
				require.Zero(t, is.Failures)
			} else {
				require.Equal(t, x.row.OKAt, is.OKAt)
			}
			if !x.row.FailedAt.IsZero() && x.failed {
				require.Equal(t, x.row.FailedAt, is.FailedAt, "since when it fails does not move")
			}
		})
	}
}

func TestBeforeAnAttempt(t *testing.T) {
	c := Canary{Destination: "ops", Every: 15 * time.Minute}
	row := store.Canary{
		Destination: "ops", Address: "bot:a", MessageID: "1", Since: start.Add(-time.Hour), TriedAt: start.Add(-time.Minute), NextAt: start.Add(14 * time.Minute),
	}
	require.Equal(t, row, c.begin(row, "bot:a", start), "what goes on goes on")

	moved := c.begin(row, "bot:b", start)
	require.Empty(t, moved.MessageID, "the message is not in the other channel")
	require.Equal(t, []time.Time{start, start}, []time.Time{moved.NextAt, moved.Since}, "what was mended is tried at once")

	away := c.begin(row, "bot:a", start.Add(time.Hour))
	require.Equal(t, start.Add(time.Hour), away.Since)

	ahead := row
	ahead.OKAt = start.AddDate(1, 0, 0)
	require.Equal(t, start, c.begin(ahead, "bot:a", start).OKAt, "nobody would hear for a year that it is late")

	c.Every = time.Minute
	require.Equal(t, start, c.begin(row, "bot:a", start).NextAt, "who wants it more often need not wait for the old interval")
}

// world is a destination at which a canary can be.
type world struct {
	*Worker
	t        *testing.T
	store    store.Store
	registry *prometheus.Registry
	address  deliver.Address
	there    bool
	outcome  func(messageID string) (teams.Outcome, error)
	asked    []string // the message that each attempt edited, "" for a new one
	cards    []card.Message
	firing   []alert.Alert
}

func newWorld(t *testing.T, editable bool, every time.Duration) *world {
	s, err := sqlite.Open(sqlitetest.File(t), sqlite.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	w := &world{t: t, store: storetest.Twice(s), registry: prometheus.NewRegistry(), there: true, address: deliver.Address{ID: "a", Destination: "ops", Editable: editable}}
	w.outcome = func(id string) (teams.Outcome, error) {
		o := delivered
		if id == "" && editable {
			o.MessageID = "m1"
		}
		return o, nil
	}
	w.Worker, err = New(Options{
		Store: s, Logger: slog.New(slog.DiscardHandler), Registerer: w.registry, Clock: clock.New(nil, nil),
		Canaries: func() []Canary { return []Canary{{Destination: "ops", Every: every}} },
		Address:  func(string) (deliver.Address, bool) { return w.address, w.there },
		Probe: func(_ context.Context, address, title, id string, m card.Message) (teams.Outcome, error) {
			require.Equal(t, w.address.ID, address)
			w.asked, w.cards = append(w.asked, id), append(w.cards, m)
			return w.outcome(id)
		},
		Settle: func(_ context.Context, name string, firing []alert.Alert) error {
			require.Equal(t, AlertName, name)
			w.firing = firing
			return nil
		},
	})
	require.NoError(t, err)
	return w
}

// look looks once, and returns which messages were edited or made.
func (w *world) look() []string {
	w.t.Helper()
	w.asked = nil
	require.NoError(w.t, w.Worker.look(w.t.Context(), func(store.Tx) error { return nil }))
	return w.asked
}

func TestWithTheBotOneMessageIsEditedAndProvenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, true, 15*time.Minute)
		require.Equal(t, []string{"", "m1"}, w.look(), "a message, and the proof that it is there")
		require.Empty(t, w.look(), "it is not due")
		time.Sleep(15 * time.Minute)
		require.Equal(t, []string{"m1"}, w.look(), "nobody is called")
		require.Contains(t, string(w.cards[2].Card), "Seen at 00:15 UTC")

		w.outcome = func(id string) (teams.Outcome, error) {
			if id == "m1" {
				return teams.Outcome{Kind: teams.Retry, Reason: teams.NotFound, Gone: true}, nil
			}
			return teams.Outcome{Kind: teams.Delivered, MessageID: "m2"}, nil
		}
		time.Sleep(15 * time.Minute)
		require.Equal(t, []string{"m1", "", "m2"}, w.look(), "somebody has deleted it")
		require.Empty(t, w.firing, "which says nothing against the channel")
	})
}

func TestThroughAWebhookEachIsANewMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, false, 24*time.Hour)
		require.Equal(t, []string{""}, w.look())
		time.Sleep(24*time.Hour - time.Second)
		require.Empty(t, w.look(), "people see each of them")
		time.Sleep(time.Second)
		require.Equal(t, []string{""}, w.look())
	})
}

func TestAMessageThatVanishesAtOnceHasNotArrived(t *testing.T) {
	w := newWorld(t, true, 15*time.Minute)
	w.outcome = func(id string) (teams.Outcome, error) {
		if id == "" {
			return teams.Outcome{Kind: teams.Delivered, MessageID: "m1"}, nil
		}
		return deleted, nil
	}
	w.look()
	require.Len(t, w.firing, 1, "Teams said 201 and there is no message")
}

func TestAFailureIsToldUntilTheCanaryArrivesAlsoByTheNextProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, false, 24*time.Hour)
		well := w.outcome
		w.outcome = func(string) (teams.Outcome, error) { return deleted, nil }
		w.look()
		require.Len(t, w.firing, 1)
		require.Equal(t, map[string]string{"alertname": "TeamsrelayCanaryFailed", "severity": "critical", "destination": "ops"}, w.firing[0].Labels)
		require.Contains(t, w.firing[0].Annotations["description"], "The flow was deleted.")
		require.Contains(t, w.firing[0].Annotations["description"], "It has not arrived yet.")
		first := w.firing[0]

		w.Worker = &Worker{Options: w.Worker.Options} // what it knew in memory is nothing
		time.Sleep(time.Minute)
		require.Empty(t, w.look(), "it is not due")
		require.Equal(t, []alert.Alert{first}, w.firing, "and says the same, so nobody is told twice")

		w.outcome = well
		time.Sleep(4 * time.Minute)
		require.Equal(t, []string{""}, w.look())
		require.Empty(t, w.firing)
	})
}

func TestADestinationThatIsDisabledIsLeftAlone(t *testing.T) {
	w := newWorld(t, false, time.Hour)
	w.outcome = func(string) (teams.Outcome, error) { return deleted, nil }
	w.look()
	require.Len(t, w.firing, 1)
	w.there = false
	require.Empty(t, w.look())
	require.Empty(t, w.firing, "somebody knows that nothing is sent there: they have wanted it")
	for _, name := range []string{"teamsrelay_canary_up", "teamsrelay_canary_last_success_timestamp_seconds"} {
		n, err := testutil.GatherAndCount(w.registry, name)
		require.NoError(t, err)
		require.Zero(t, n, "Prometheus does not miss it either")
	}
}

func TestWhatIsToldComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, true, 15*time.Minute)
		well := w.outcome
		w.outcome = func(string) (teams.Outcome, error) { return teams.Outcome{}, deliver.ErrBusy }
		require.Equal(t, []string{""}, w.look())
		require.Empty(t, w.look())
		time.Sleep(30 * time.Second)
		w.outcome = well
		require.Equal(t, []string{"", "m1"}, w.look())
		require.Empty(t, w.firing)
	})
}

// An hour of 429 is told as one that fails, but not its first minutes; an hour in
// which others are told there is not.
func TestThrottlingIsToldWhenItLastsAndAStormIsNot(t *testing.T) {
	for name, c := range map[string]struct {
		outcome teams.Outcome
		err     error
		quiet   time.Duration // nobody is told for that long
		told    bool          // in the end
	}{
		"Teams throttles the canary":    {outcome: throttled, quiet: 9 * time.Minute, told: true},
		"Teams throttles what is told":  {err: deliver.ErrWaiting, quiet: 14 * time.Minute, told: true},
		"a storm takes all of the pace": {err: deliver.ErrBusy, quiet: 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, true, 15*time.Minute)
				w.look()
				time.Sleep(15 * time.Minute)
				w.outcome = func(string) (teams.Outcome, error) { return c.outcome, c.err }
				began := time.Now()
				for time.Since(began) < 2*time.Hour {
					w.look()
					if time.Since(began) <= c.quiet {
						require.Empty(t, w.firing)
					}
					time.Sleep(10 * time.Second)
				}
				require.Equal(t, c.told, len(w.firing) == 1)
			})
		})
	}
}

func TestWhoLostTheRoleStoresNothing(t *testing.T) {
	w := newWorld(t, false, time.Hour)
	require.ErrorIs(t, w.Worker.look(t.Context(), func(store.Tx) error { return store.ErrNotFound }), store.ErrNotFound)
	require.NoError(t, w.store.View(t.Context(), func(tx store.Tx) error {
		rows, err := tx.Canaries()
		require.Empty(t, rows)
		return err
	}))
}

// A store that takes the lease and not what came of it, as on a disk that is
// about to be full, must not have a channel get a card a second.
func TestAnAttemptThatCannotBeStoredIsNotMadeAgainAtOnce(t *testing.T) {
	for name, world := range map[string]func(*world) func(store.Tx) error{
		"what came of it": func(w *world) func(store.Tx) error {
			w.outcome = func(string) (teams.Outcome, error) { return delivered, store.ErrUnavailable }
			return func(store.Tx) error { return nil }
		},
		"that it was made": func(*world) func(store.Tx) error {
			return func(store.Tx) error { return store.ErrUnavailable }
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, false, 24*time.Hour)
				fence := world(w)
				for range 3600 {
					_ = w.Worker.look(t.Context(), fence)
					time.Sleep(time.Second)
				}
				require.LessOrEqual(t, len(w.asked), 12)
				require.NotEmpty(t, w.asked)
			})
		})
	}
}

func TestMetricsAreThereBeforeTheFirstAttempt(t *testing.T) {
	w := newWorld(t, false, time.Hour)
	require.NoError(t, testutil.GatherAndCompare(w.registry, strings.NewReader(`
# HELP teamsrelay_canary_interval_seconds How often the canary is to arrive.
# TYPE teamsrelay_canary_interval_seconds gauge
teamsrelay_canary_interval_seconds{destination="ops"} 3600
# HELP teamsrelay_canary_last_success_timestamp_seconds When the canary last arrived at the destination; 0: never.
# TYPE teamsrelay_canary_last_success_timestamp_seconds gauge
teamsrelay_canary_last_success_timestamp_seconds{destination="ops"} 0
# HELP teamsrelay_canary_up Whether the canary arrives at the destination, as far as anybody knows.
# TYPE teamsrelay_canary_up gauge
teamsrelay_canary_up{destination="ops"} 1
`)))
}
