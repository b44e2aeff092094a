package deliver

import "time"

// clockJump is the least jump that matters: smaller ones are what time
// synchronisation does all day.
const clockJump = 5 * time.Second

// ClockWatch notices that the wall clock jumped, by comparing it with the time
// that has really passed. Timers in the store are wall time, so whoever sees a
// jump calls store.ShiftTimers with it, and then WakeAll. The zero value is
// ready.
type ClockWatch struct {
	wall time.Time
	ran  time.Duration
}

// Jump takes the wall clock and how long the process has been running by the
// monotonic clock, and returns by how much the wall clock moved against it
// since the last call; 0 when that is not worth anything.
func (w *ClockWatch) Jump(wall time.Time, ran time.Duration) time.Duration {
	wall = wall.Round(0) // drops the monotonic reading, which would hide the jump
	if w.wall.IsZero() {
		w.wall, w.ran = wall, ran
		return 0
	}
	jump := wall.Sub(w.wall) - (ran - w.ran)
	w.wall, w.ran = wall, ran
	if jump.Abs() <= clockJump {
		return 0
	}
	return jump
}
