package deliver

import (
	"context"
	"log/slog"
	"time"
)

// logAgain is how long the log is spared a failure that people share.
const logAgain = time.Minute

// log names the person, where the address is one: a destination can be a
// thousand of them.
func (t *turn) log() *slog.Logger {
	if t.address.Who == "" {
		return t.d.log
	}
	return t.d.log.With("person", t.address.Name)
}

// shared logs what happens to many at once: a thousand people have an address
// each, and all wait for the same secret. Of people the first is named, and the
// others only where somebody looks for them (level debug). what tells one such
// event from another.
func (t *turn) shared(level slog.Level, what, words string, args ...any) {
	if t.address.Who != "" && !t.d.first(what) {
		level = slog.LevelDebug
	}
	t.log().Log(context.Background(), level, words, args...)
}

// first says that something was not logged for a while.
func (d *Deliverer) first(what string) bool {
	now := d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if at, ok := d.logged[what]; ok && now.Sub(at).Abs() < logAgain {
		return false
	}
	if d.logged == nil {
		d.logged = map[string]time.Time{}
	}
	d.logged[what] = now
	return true
}
