package app

import (
	"context"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
)

// unmendedAfter is how long a configuration may be broken before people are
// told: whoever edits it by hand has seen the mistakes and is mending them.
const unmendedAfter = 5 * time.Minute

// mend watches whether a reload that failed is followed by one that succeeds,
// and tells of it through the routes that are in force.
type mend struct {
	engine  *engine.Engine
	log     *slog.Logger
	replica string // this process in leases

	mu    sync.Mutex
	since time.Time // of the first failure; zero: nothing is broken
	what  string
	timer *time.Timer
}

// broken takes note of a reload that failed.
func (m *mend) broken(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.what = shortened(err.Error())
	if m.since.IsZero() {
		m.since = m.engine.Now()
		m.timer = time.AfterFunc(unmendedAfter, m.tell)
	}
}

func (m *mend) tell() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.since.IsZero() {
		return
	}
	if err := m.engine.Report(context.Background(), m.alert(alert.Firing)); err != nil {
		m.log.Error("That the configuration is broken could not be stored; trying again", "err", err)
		m.timer.Reset(unmendedAfter)
	}
}

// mended takes note of a configuration that is in force. What an earlier
// process told is over too.
func (m *mend) mended(ctx context.Context) {
	m.mu.Lock()
	over := m.alert(alert.Resolved)
	m.mu.Unlock()
	m.stop()
	told, err := m.engine.Reported(ctx)
	if err != nil {
		m.log.Error("It could not be read whether people were told of a broken configuration; the next reload tells them that it is mended", "err", err)
	}
	if !slices.ContainsFunc(told, func(a alert.Alert) bool { return maps.Equal(a.Labels, over.Labels) }) {
		return
	}
	if err := m.engine.Report(ctx, over); err != nil {
		m.log.Error("That the configuration is mended could not be stored; the next reload tells it", "err", err)
	}
}

// stop forgets what was broken.
func (m *mend) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.timer != nil {
		m.timer.Stop()
	}
	m.since, m.what = time.Time{}, ""
}

// reloadFailed is the name of the alert.
const reloadFailed = "TeamsrelayReloadFailed"

// alert is the alert about what is broken. The lock must be held.
func (m *mend) alert(status alert.Status) alert.Alert {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	a := alert.Alert{
		Status:   status,
		Labels:   map[string]string{alert.NameLabel: reloadFailed, alert.SeverityLabel: "warning", "host": host},
		StartsAt: m.since,
		Annotations: map[string]string{
			"summary":     "teamsrelay on " + host + " could not reload its configuration",
			"description": m.what,
		},
	}
	if m.engine.Replicas() != nil { // others may have read another file
		a.Labels[engine.ReplicaLabel] = m.replica
	}
	if status == alert.Resolved {
		a.EndsAt = m.engine.Now()
	}
	return a
}

// shortened is the first of many mistakes: check-config has all of them.
func shortened(problems string) string {
	const most = 5
	lines := strings.Split(strings.TrimSpace(problems), "\n")
	if len(lines) > most {
		lines = append(lines[:most], "…")
	}
	return strings.Join(lines, "\n")
}
