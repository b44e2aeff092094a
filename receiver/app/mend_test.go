package app

import (
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
)

// mending is a mend with an engine that tells nobody, so that what it would
// tell can be read from the store.
type mending struct {
	*mend
	t     *testing.T
	store store.Store
}

func newMending(t *testing.T) mending {
	t.Helper()
	c, problems := config.Parse("relay.yml", []byte(`
storage: {url: "sqlite:relay.db"}
destinations: [{name: ops, workflow: {url: "http://127.0.0.1:1/workflow/ops"}}]
route: {destinations: [ops]}
`), config.Env{})
	require.False(t, problems.Failed(), problems)
	relay, err := c.Engine(nil)
	require.NoError(t, err)
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "relay.db"), sqlite.Options{})
	require.NoError(t, err)
	log := slog.New(slog.DiscardHandler)
	e, err := engine.New(engine.Options{Store: db, Logger: log, Registerer: prometheus.NewRegistry()}, relay)
	require.NoError(t, err)
	return mending{&mend{engine: e, log: log}, t, db}
}

// episodes are the groups about the configuration, newest first.
func (m mending) episodes() (groups []group.Group) {
	m.t.Helper()
	synctest.Wait()
	require.NoError(m.t, m.store.View(m.t.Context(), func(tx store.Tx) (err error) {
		groups, err = tx.ListGroups(false, 0, 10)
		return err
	}))
	return groups
}

func TestABrokenConfigurationIsToldWhenNobodyMendsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMending(t)
		defer func() { require.NoError(t, m.store.Close()) }()
		m.broken(errors.New("relay.yml:3: error: no such key"))
		time.Sleep(unmendedAfter - time.Second)
		require.Empty(t, m.episodes(), "whoever edits the file knows already")
		m.broken(errors.New("relay.yml:4: error: another mistake"))
		time.Sleep(2 * time.Second)
		told := m.episodes()
		require.Len(t, told, 1)
		require.Equal(t, reloadFailed, told[0].Name())
		require.Equal(t, "relay.yml:4: error: another mistake", told[0].Alerts[0].Annotations["description"], "the mistake that is in the file now")

		m.mended(t.Context())
		require.Equal(t, group.Over, m.episodes()[0].Phase)
		time.Sleep(2 * unmendedAfter)
		require.Len(t, m.episodes(), 1)
	})
}

func TestAConfigurationThatIsMendedAtOnceIsNobodysBusiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMending(t)
		defer func() { require.NoError(t, m.store.Close()) }()
		m.broken(errors.New("a mistake"))
		time.Sleep(time.Minute)
		m.mended(t.Context())
		time.Sleep(2 * unmendedAfter)
		require.Empty(t, m.episodes())
	})
}

func TestOnlyTheFirstMistakesAreTold(t *testing.T) {
	require.Equal(t, 5+1, len(strings.Split(shortened(strings.Repeat("a mistake\n", 500)), "\n")), "the card would be a wall of text")
}
