package teams

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/teamsrelay/teamsrelay/plugins/outputs/teams/relay"
	"github.com/teamsrelay/teamsrelay/receiver/clock"
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
	db, err := openStore(ctx, m.state, "state_file", log)
	if err != nil {
		return nil, err
	}
	c := clock.New(nil, nil)
	onward, err := relay.New(ctx, relay.Options{API: m.api, Store: db, Logger: log, Now: c.Now})
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	decides, err := ruler.New(ctx, ruler.Options{
		Store: db, Logger: log, Registerer: prometheus.NewRegistry(), Now: c.Now, Hand: onward.Hand,
	}, m.set)
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	follow := func(ctx context.Context) error { return followClock(ctx, c, decides, onward, log) }
	return start(db, log, decides.Samples, decides.Run, onward.Run, follow), nil
}

// clockEvery is how often the wall clock is looked at.
const clockEvery = 5 * time.Second

// followClock moves all timers with the wall clock when that was set, until
// ctx ends.
func followClock(ctx context.Context, c *clock.Clock, decides *ruler.Ruler, onward *relay.Relay, log *slog.Logger) error {
	look := time.NewTicker(clockEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
		jump := c.Jump()
		if jump == 0 {
			continue
		}
		err := decides.Shift(jump, func() error {
			return c.Move(jump, func() error {
				onward.Shift(jump)
				return nil
			})
		})
		if err != nil {
			return err
		}
		log.Warn("The wall clock was set; timers have moved with it", "by", jump)
	}
}
