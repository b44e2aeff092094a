package ruler_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/role"
	"github.com/teamsrelay/teamsrelay/receiver/ruler"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
)

// shared is a store that another replica writes to too.
type shared struct{ store.Store }

func (shared) Shared() bool { return true }

// seat is the role of running the rules, and who has it.
type seat struct {
	t  *testing.T
	db store.Store
	of string
	// handed is what everybody handed on, without what was handed on again.
	handed []string
}

func (s *seat) replica(name, text string) (r *ruler.Ruler, fence role.Fence) {
	s.t.Helper()
	hand := func(ctx context.Context, alerts []ingest.Posted, also func(store.Tx) error) error {
		if also == nil {
			return nil
		}
		if err := s.db.Update(ctx, also); err != nil {
			return err
		}
		for _, a := range alerts {
			s.handed = append(s.handed, string(a.Status)+" "+a.Name())
		}
		return nil
	}
	r, err := ruler.New(s.t.Context(), ruler.Options{
		Store: shared{s.db}, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), Now: time.Now, Hand: hand,
	}, parse(s.t, text))
	require.NoError(s.t, err)
	return r, func(store.Tx) error {
		if s.of != name {
			return role.ErrLost
		}
		return nil
	}
}

// Two that both know of an alert would tell it twice, and one that has it from
// long ago would end what fires.
func TestWhoTakesOverTheRulesGoesOnWithWhatIsStored(t *testing.T) {
	file := t.TempDir() + "/ruler.db"
	synctest.Test(t, func(t *testing.T) {
		db, err := sqlite.Open(file, sqlite.Options{})
		require.NoError(t, err)
		defer func() { require.NoError(t, db.Close()) }()
		ctx := t.Context()
		s := &seat{t: t, db: db, of: "a"}
		a, ofA := s.replica("a", hot)
		b, ofB := s.replica("b", hot)
		sees := func(r *ruler.Ruler, celsius float64) error {
			return r.Samples(ctx, []sample.Sample{at("r1", celsius)})
		}

		require.NoError(t, a.Begin(ctx, ofA))
		require.NoError(t, sees(a, 30))
		require.ErrorIs(t, sees(b, 20), role.ErrLost)
		require.Equal(t, []string{"firing Hot"}, s.handed)

		// a hangs in front of its next transaction, and b takes over.
		s.of = "b"
		require.NoError(t, b.Begin(ctx, ofB))
		time.Sleep(time.Second)
		require.ErrorIs(t, sees(a, 20), role.ErrLost, "what fires is not a's to end any more")
		require.NoError(t, sees(b, 31))
		require.Equal(t, []string{"firing Hot"}, s.handed, "b knows that it fires")

		// b goes, and leaves nothing behind that it would bring back with it.
		ended, stop := context.WithCancel(ctx)
		stop()
		require.NoError(t, b.Run(ended))
		s.of = "a"
		require.NoError(t, a.Begin(ctx, ofA))
		time.Sleep(time.Second)
		require.NoError(t, sees(a, 20))
		require.Equal(t, []string{"firing Hot", "resolved Hot"}, s.handed)
		require.ErrorIs(t, sees(b, 30), role.ErrLost)
	})
}

// A replica that cannot reload its file says so, whether it runs the rules or not,
// and who runs them has it go on.
func TestAReplicaThatDoesNotRunTheRulesReportsToo(t *testing.T) {
	file := t.TempDir() + "/ruler.db"
	synctest.Test(t, func(t *testing.T) {
		db, err := sqlite.Open(file, sqlite.Options{})
		require.NoError(t, err)
		defer func() { require.NoError(t, db.Close()) }()
		ctx := t.Context()
		s := &seat{t: t, db: db, of: "a"}
		a, ofA := s.replica("a", hot)
		b, _ := s.replica("b", hot)
		require.NoError(t, a.Begin(ctx, ofA))
		broken := alert.Alert{Status: alert.Firing, Labels: map[string]string{"alertname": "Broken"}, StartsAt: time.Now()}
		require.NoError(t, b.Report(ctx, broken))
		require.NoError(t, b.Reload(ctx, parse(t, hotForTwoMinutes)), "other rules, which are not b's to apply")
		require.Equal(t, []string{"firing Broken"}, s.handed)
		for _, r := range []*ruler.Ruler{a, b} {
			reported, err := r.Reported(ctx)
			require.NoError(t, err)
			require.Len(t, reported, 1)
		}
		broken.Status, broken.EndsAt = alert.Resolved, time.Now()
		require.NoError(t, a.Report(ctx, broken))
		reported, err := b.Reported(ctx)
		require.NoError(t, err)
		require.Empty(t, reported)
	})
}
