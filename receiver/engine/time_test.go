package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// shifted is by how much timers have been moved in all.
func (r *rig) shifted() (by time.Duration) {
	r.t.Helper()
	require.NoError(r.t, r.store.View(context.Background(), func(tx store.Tx) (err error) {
		by, err = tx.Shifted()
		return err
	}))
	return by
}

// onceAMinute is a configuration in which ops takes one message a minute.
func onceAMinute(c Config) Config {
	c.Destinations[0].Addresses[0].Pace = []deliver.Window{{N: 1, Per: time.Minute}}
	return c
}

// TestAProcessThatDiedWhileTheClockWasAhead: a time server that was wrong for a
// minute, and a restart, would mean no card until the time has come that it had
// said.
func TestAProcessThatDiedWhileTheClockWasAhead(t *testing.T) {
	const ahead = 7 * time.Minute
	paced := func(r *rig) {
		for _, origin := range []string{"am", "am2"} {
			s := snapshot(labeled("DiskFull", "warning", "from", origin))
			s.Origin = origin
			require.NoError(r.t, r.engine.Snapshot(context.Background(), s))
		}
		r.expect("ops: DiskFull")
	}
	for name, story := range map[string]struct {
		before, after func(*rig)
	}{
		"the first card of a group comes after group_wait": {
			func(r *rig) { r.post(labeled("DiskFull", "warning")) },
			func(r *rig) {
				time.Sleep(40 * time.Second)
				r.expect("ops: DiskFull firing")
			},
		},
		"what waits for its pace is sent when that allows it": {
			paced,
			func(r *rig) {
				time.Sleep(70 * time.Second)
				r.expect("ops: DiskFull")
			},
		},
		"an alert that nobody posts any more is over after resolve_timeout": {
			func(r *rig) {
				r.post(labeled("DiskFull", "warning"))
				time.Sleep(40 * time.Second)
				r.expect("ops: DiskFull firing")
			},
			func(r *rig) {
				time.Sleep(4*time.Minute + 50*time.Second)
				r.expect()
				time.Sleep(20 * time.Second)
				r.expect("ops: DiskFull resolved")
			},
		},
	} {
		for when, die := range map[string]func(*rig){
			"it was set back while nobody ran": func(r *rig) {
				r.kill()
				r.skew.Store(0)
			},
			"it was set back, and nobody had noticed": func(r *rig) {
				r.skew.Store(0)
				r.kill()
			},
			"it was set back while nobody ran, and the disk is full at the start": func(r *rig) {
				r.kill()
				r.skew.Store(0)
				r.begin = func(c Config) Config {
					full := func() { r.store.refuse.Store(true) } // who only looks for the keys writes nothing yet
					r.store.before.Store(&full)
					return onceAMinute(c)
				}
			},
		} {
			test(t, name+" though "+when, func(r *rig) {
				r.begin = onceAMinute
				r.start(base)
				r.skew.Store(int64(ahead))
				time.Sleep(15 * time.Second)
				require.Equal(r.t, ahead, r.shifted(), "it was noticed")
				story.before(r)
				time.Sleep(5 * time.Second)
				die(r)
				time.Sleep(time.Second)
				r.start(base)
				defer func() { r.stop() }()
				time.Sleep(3 * time.Second)
				r.store.refuse.Store(false)
				story.after(r)
				require.InDelta(r.t, 0, r.shifted(), float64(10*time.Second))
				require.WithinDuration(r.t, time.Now(), r.engine.Now(), time.Second)
			})
		}
	}
}

// TestTimeThatReallyPassed is nobody's to take back: an alert that waited for a
// process that was down would wait for as long again.
func TestTimeThatReallyPassed(t *testing.T) {
	test(t, "while nobody ran: what became due is told at once", func(r *rig) {
		r.start(base)
		r.post(labeled("DiskFull", "warning"))
		time.Sleep(5 * time.Second)
		r.kill()
		time.Sleep(7 * time.Minute)
		r.start(base)
		defer r.stop()
		time.Sleep(2 * time.Second)
		r.expect("ops: DiskFull firing")
		require.Zero(r.t, r.shifted())
	})
	test(t, "since a store was written by a version that did not keep the time: nothing moves", func(r *rig) {
		r.start(base)
		time.Sleep(6 * time.Second)
		require.NoError(r.t, r.store.Update(context.Background(), func(tx store.Tx) error { return tx.SaveTime(time.Time{}) }))
		r.kill()
		r.skew.Store(int64(-time.Hour))
		r.start(base)
		defer r.stop()
		time.Sleep(15 * time.Second)
		require.Zero(r.t, r.shifted())
	})
}

func TestAllReplicasDiedWhileTheDatabasesClockWasAhead(t *testing.T) {
	const ahead = 7 * time.Minute
	together(t, "and the next ones tell what waits in its time", func(c *cluster) {
		a, b := c.join("a", c.config(base)), c.join("b", c.config(base))
		c.ahead.Store(int64(ahead))
		time.Sleep(20 * time.Second)
		a.post(labeled("DiskFull", "warning"))
		time.Sleep(5 * time.Second)
		a.kill()
		b.kill()
		c.ahead.Store(0)
		time.Sleep(time.Second)
		other := c.config(base, "ops", "sre", "managers")
		next := c.join("c", other)
		c.join("d", other)
		require.WithinDuration(c.t, time.Now(), next.engine.Now(), time.Second)
		require.WithinDuration(c.t, time.Now(), next.engine.others.selfIn(next.engine.Replicas()).ConfigAt, time.Second,
			"the next configuration would be taken for an older one")
		time.Sleep(time.Minute) // until the leases of the dead are over, too
		c.expect("ops: DiskFull firing")
		require.InDelta(c.t, 0, c.moved(), float64(10*time.Second), "once")
	})
	together(t, "but for one that has moved the timers: who comes then leaves them", func(c *cluster) {
		a, b := c.join("a", c.config(base)), c.join("b", c.config(base))
		c.ahead.Store(int64(ahead))
		time.Sleep(20 * time.Second)
		b.kill()
		c.ahead.Store(0)
		time.Sleep(20 * time.Second)
		require.Zero(c.t, c.moved())
		a.post(labeled("DiskFull", "warning"))
		c.join("c", c.config(base))
		time.Sleep(20 * time.Second)
		require.Zero(c.t, c.moved())
		c.expect()
		time.Sleep(12 * time.Second)
		c.expect("ops: DiskFull firing")
	})
	together(t, "but for one that is about to find out: the timers move once", func(c *cluster) {
		a := c.join("a", c.config(base))
		c.ahead.Store(int64(ahead))
		time.Sleep(20 * time.Second)
		a.post(labeled("DiskFull", "warning"))
		c.ahead.Store(0)
		b := c.join("b", c.config(base))
		time.Sleep(20 * time.Second)
		for _, m := range []*replica{a, b} {
			require.WithinDuration(c.t, time.Now(), m.engine.Now(), time.Second)
		}
		require.InDelta(c.t, 0, c.moved(), float64(10*time.Second))
		c.expect()
		time.Sleep(20 * time.Second)
		c.expect("ops: DiskFull firing")
	})
	together(t, "and one of them that had not noticed yet what another had says nothing of the time", func(c *cluster) {
		a := c.join("a", c.config(base))
		time.Sleep(time.Second)
		last := func() (at time.Time) {
			require.NoError(c.t, c.db.View(context.Background(), func(tx store.Tx) (err error) {
				at, err = tx.LastTime()
				return err
			}))
			return at
		}
		setBack := func() { // and another replica has moved the timers
			c.ahead.Add(-int64(ahead))
			require.NoError(c.t, c.db.Update(context.Background(), func(tx store.Tx) error { return tx.ShiftTimers(-ahead) }))
		}
		says := func() {
			require.NoError(c.t, a.engine.saveTime(context.Background()))
			require.WithinDuration(c.t, time.Now().Add(time.Duration(c.ahead.Load())), last(), 10*time.Second,
				"who starts next would move all timers once more")
		}
		setBack()
		says()
		time.Sleep(10 * time.Second)
		a.line.measured.Store(&setBack) // in the moment in which this one has heard what the time was before
		for a.line.measured.Load() != nil {
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		says()
	})
}

// moved is by how much timers have been moved in all.
func (c *cluster) moved() (by time.Duration) {
	c.t.Helper()
	require.NoError(c.t, c.db.View(context.Background(), func(tx store.Tx) (err error) {
		by, err = tx.Shifted()
		return err
	}))
	return by
}
