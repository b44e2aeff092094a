package teams

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/teamsrelay/teamsrelay/plugins/outputs/teams/relay"
	"github.com/teamsrelay/teamsrelay/receiver/ruler"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
)

// relayMode hands alerts to a receiver or an Alertmanager.
type relayMode struct {
	state string // the store's file
	set   *rules.Set
	api   *relay.API
}

func (m *relayMode) rules() *rules.Set { return m.set }

func (m *relayMode) open(ctx context.Context, log *slog.Logger) (*work, error) {
	db, err := openStore(ctx, m.state, log)
	if err != nil {
		return nil, err
	}
	now := func() time.Time { return time.Now().Round(0) }
	onward, err := relay.New(ctx, relay.Options{API: m.api, Store: db, Logger: log, Now: now})
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	decides, err := ruler.New(ctx, ruler.Options{
		Store: db, Logger: log, Registerer: prometheus.NewRegistry(), Now: now, Hand: onward.Hand,
	}, m.set)
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return start(db, log, decides.Samples, decides.Run, onward.Run), nil
}
