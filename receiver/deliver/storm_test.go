package deliver

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// metric is the sum of a metric over its labels, as a scrape sees it.
func (o *office) metric(name string) float64 {
	o.t.Helper()
	time.Sleep(storedFor + time.Second) // numbers from the store are kept for a while
	synctest.Wait()
	families, err := o.registry.Gather()
	require.NoError(o.t, err)
	sum := 0.0
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

func TestThreeHundredGroupsAtFourASecond(t *testing.T) {
	inOffice(t, func(o *office) {
		o.fast()
		o.channel.latency = 20 * time.Millisecond
		o.raise(store.RankLoud, names("g", 300)...)
		o.after(90 * time.Second)
		told := o.channel.told()
		require.Equal(t, 300, len(told), "all are told")
		require.Len(t, o.channel.messages(), 300, "each by its own card, since two minutes are enough for that")
		require.Zero(t, o.channel.refused, "none is refused: we keep the pace before Teams has to")
	})
}

func TestThreeHundredGroupsAtTheDefaultPace(t *testing.T) {
	inOffice(t, func(o *office) {
		for i := range 300 { // one after the other, as 300 webhooks come in
			o.raise(store.RankLoud, fmt.Sprint("g", i))
		}
		o.after(2 * time.Minute)
		require.Equal(t, 300, len(o.channel.told()))
		require.LessOrEqual(t, len(o.channel.messages()), 20)
		require.Zero(t, o.channel.refused)
	})
}

func TestFiveThousandGroupsAtOnce(t *testing.T) {
	inOffice(t, func(o *office) {
		begin := time.Now()
		for i := range 50 {
			o.raise(store.RankLoud, names(fmt.Sprint("g", i, "-"), 100)...)
			o.after(100 * time.Millisecond)
		}
		o.after(30 * time.Second)
		require.Equal(t, 5000, len(o.channel.told()), "a storm of any size drains in minutes")
		messages := o.channel.messages()
		require.Less(t, len(messages), 10, "by a few messages")
		for name, n := range o.channel.told() {
			require.Equal(t, 1, n, "%s is told once", name)
		}
		require.Equal(t, store.Accepted, o.post("g7-42").State)
		require.Equal(t, 1, o.post("g7-42").Shown)
		require.Less(t, time.Since(begin), time.Minute)

		// Afterwards, and as long as the windows remember the storm.
		for i := range 8 {
			name := fmt.Sprint("critical", i)
			raised := time.Now()
			o.raise(store.RankLoudCritical, name)
			o.after(3 * time.Second)
			require.Equal(t, 1, o.channel.told()[name], "a later critical alert is told within seconds")
			require.WithinDuration(t, raised, o.channel.messages()[len(o.channel.messages())-1].at, 2*time.Second)
			o.after(17 * time.Second)
		}
		require.Zero(t, o.channel.refused)
		var digests int
		for _, d := range o.log(store.DeliveryFilter{}) {
			if d.Digest > 0 {
				digests++
				require.Equal(t, store.DeliveryAccepted, d.State)
				require.Equal(t, fmt.Sprintf("digest of %d", d.Digest), d.Title)
			}
		}
		require.Equal(t, float64(digests), o.metric("teamsrelay_digests_total"))
		require.Equal(t, 0.0, o.metric("teamsrelay_posts_waiting"))
	})
}

// A storm of which every alert is critical must not make any of them late.
func TestACriticalStormThatGoesOn(t *testing.T) {
	for _, every := range []time.Duration{2 * time.Second, 10 * time.Second, 14 * time.Second} {
		inOffice(t, func(o *office) {
			raised := map[string]time.Time{}
			for begin := time.Now(); time.Since(begin) < 11*time.Minute; {
				name := fmt.Sprint("g", len(raised))
				raised[name] = time.Now()
				o.raise(store.RankLoudCritical, name)
				o.after(every)
			}
			o.after(2 * time.Minute)
			require.Equal(t, len(raised), len(o.channel.told()), "every %s", every)
			require.Zero(t, o.channel.refused)
			for _, m := range o.channel.messages() {
				for _, name := range m.Groups {
					require.Less(t, m.at.Sub(raised[name]), lateAfter, "%s, every %s", name, every)
				}
			}
		})
	}
}

// A storm that does not end must not make what is critical late, nor anything
// else by more than two minutes.
func TestAStormThatGoesOn(t *testing.T) {
	for _, every := range []time.Duration{time.Second, 5 * time.Second} {
		inOffice(t, func(o *office) {
			o.channel.latency = 100 * time.Millisecond
			raised := map[string]time.Time{}
			begin := time.Now()
			for i := 0; time.Since(begin) < 7*time.Minute; i++ {
				name, rank := fmt.Sprint("g", i), store.RankLoud
				if since := time.Since(begin).Truncate(every); since%(3*time.Minute) == 0 && i > 0 {
					name, rank = fmt.Sprint("critical", i), store.RankLoudCritical
				}
				raised[name] = time.Now()
				o.raise(rank, name)
				o.after(every)
			}
			o.after(2 * time.Minute)
			require.Equal(t, len(raised), len(o.channel.told()), "every %s", every)
			require.Zero(t, o.channel.refused)
			for _, m := range o.channel.messages() {
				for _, name := range m.Groups {
					late := m.at.Sub(raised[name])
					require.Less(t, late, 2*time.Minute, "%s, every %s", name, every)
					if name[0] == 'c' {
						require.Less(t, late, 10*time.Second, "%s, every %s", name, every)
					}
				}
			}
		})
	}
}

func TestWhatComesWhileADigestIsUnderWayStaysDue(t *testing.T) {
	inOffice(t, func(o *office) {
		o.channel.latency = 5 * time.Second
		o.raise(store.RankLoud, names("g", 100)...)
		o.after(time.Second)
		require.Equal(t, store.Due, o.post("g1").State, "nothing is shown before the digest is")
		o.raise(store.RankLoud, "g1", "new")
		o.after(10 * time.Minute)
		told := o.channel.told()
		require.Equal(t, 101, len(told))
		require.Equal(t, 2, told["g1"], "its second change is told after the digest")
		require.Equal(t, 1, told["g2"])
		require.Equal(t, 2, o.post("g1").Shown)
		again := 0
		for _, m := range o.channel.messages() {
			if m.Kind == "card" && m.Rev == 2 {
				again++
				require.Zero(t, m.Shown, "a digest quotes nobody, so what people wrote before it is news to this card")
			}
		}
		require.Equal(t, 1, again)
	})
}

func TestADigestThatFailsIsRetriedAndMarksNothing(t *testing.T) {
	inOffice(t, func(o *office) {
		down := teams.Outcome{Kind: teams.Retry, Reason: teams.Timeout, Uncertain: true}
		o.channel.answer = func(message) *teams.Outcome { return &down }
		o.raise(store.RankLoud, names("g", 100)...)
		o.after(time.Second)
		require.Len(t, o.channel.attempts(), 1)
		require.Equal(t, store.Due, o.post("g1").State)
		o.channel.answer = nil
		o.raise(store.RankLoudCritical, "critical")
		o.after(5 * time.Second)
		require.Equal(t, map[string]int{"critical": 1}, o.channel.told(), "what is critical does not wait for the digest")
		o.after(time.Minute)
		require.Equal(t, 101, len(o.channel.told()))
		tries := o.channel.attempts()
		require.Equal(t, time.Minute, tries[2].at.Sub(tries[0].at), "the first may have arrived")
	})
}

func TestADigestThatTeamsDoesNotTake(t *testing.T) {
	inOffice(t, func(o *office) {
		o.channel.answer = func(m message) *teams.Outcome {
			if m.Bytes > 10_000 {
				return &teams.Outcome{Kind: teams.GiveUp, Reason: teams.TooLarge, Status: 413}
			}
			return nil
		}
		o.raise(store.RankLoud, names("g", 100)...)
		o.after(2 * time.Second)
		require.Equal(t, 100, len(o.channel.told()), "a shorter one tells it")

		o.channel.answer = func(m message) *teams.Outcome {
			return &teams.Outcome{Kind: teams.GiveUp, Reason: teams.Payload, Status: 400, Message: "no"}
		}
		before := len(o.channel.attempts())
		o.raise(store.RankLoud, names("h", 450)...)
		o.after(time.Minute)
		require.Len(t, o.channel.attempts()[before:], 2, "two attempts, then no more")
		require.Equal(t, store.Dead, o.post("h449").State)
		require.Contains(t, o.post("h449").Message, `"h449" was not told to ops (payload): no`)
	})
}

func TestStopInTheMiddleOfAnAttemptLeavesARecord(t *testing.T) {
	inOffice(t, func(o *office) {
		o.channel.latency = 3 * time.Second
		o.raise(store.RankLoud, "disk", "web")
		o.after(time.Second)
		o.stop()
		require.Equal(t, map[string]int{"disk": 1}, o.channel.told(), "the attempt under way ends, and no other begins")
		require.Equal(t, store.Accepted, o.post("disk").State)
		require.Equal(t, store.Due, o.post("web").State)
		require.Len(t, o.log(store.DeliveryFilter{State: store.DeliveryAccepted}), 1)
		require.Empty(t, o.row().Holder, "the lease is given back")

		o.deliverer.Wake("a") // too late, and harmless
		o.start("two")
		o.after(4 * time.Second)
		require.Equal(t, map[string]int{"disk": 1, "web": 1}, o.channel.told(), "the next start goes on")
	})
}

// died leaves the store as a process does that was killed while it was sending.
func (o *office) died(holder string) { o.diedAt(holder, time.Now()) }

// diedAt is died at a time by the clock of the process.
func (o *office) diedAt(holder string, began time.Time) {
	o.update(func(tx store.Tx) error {
		now := time.Now()
		ok, err := tx.Lease("a", holder, now, now.Add(DefaultTimeout+leaseMargin))
		require.True(o.t, ok)
		posts, e := tx.ReadyPosts("a", now, 1)
		if err != nil || e != nil {
			return fmt.Errorf("%w %w", err, e)
		}
		p := posts[0]
		p.Begin(1, began)
		if err := tx.SavePost(&p); err != nil {
			return err
		}
		return tx.SaveDelivery(&store.Delivery{PostID: p.ID, GroupID: p.GroupID, Address: "a", Destination: "ops", State: store.DeliverySending, At: began})
	})
}

func TestAfterAKillWhatWasBeingSentComesAMinuteLater(t *testing.T) {
	inOffice(t, func(o *office) {
		o.stop()
		o.raiseAt("a", store.RankLoud, "disk", "web")
		o.died("before")
		o.update(func(tx store.Tx) error { return tx.ReleaseLeases("") }) // as SQLite's owner does at its start
		killed := time.Now()
		o.after(5 * time.Second)
		o.start("after")
		o.after(time.Second)
		require.Equal(t, map[string]int{"web": 1}, o.channel.told(), "the others go at once")
		log := o.log(store.DeliveryFilter{State: store.DeliveryInterrupted})
		require.Len(t, log, 1, "the log says what became of the attempt")
		require.Equal(t, string(teams.Interrupted), o.post("disk").Reason)
		o.after(2 * time.Minute)
		require.Equal(t, map[string]int{"web": 1, "disk": 1}, o.channel.told())
		require.Equal(t, time.Minute, o.channel.messages()[1].at.Sub(killed))
	})
}

func TestAfterAKillDuringADigest(t *testing.T) {
	inOffice(t, func(o *office) {
		o.stop()
		o.raiseAt("a", store.RankLoud, names("g", 100)...)
		killed := time.Now()
		o.update(func(tx store.Tx) error {
			return tx.SaveDelivery(&store.Delivery{Address: "a", Destination: "ops", Digest: 100, State: store.DeliverySending, At: killed})
		})
		o.after(5 * time.Second)
		o.start("after")
		o.raise(store.RankLoudCritical, "critical")
		o.after(time.Second)
		require.Equal(t, map[string]int{"critical": 1}, o.channel.told())
		o.after(2 * time.Minute)
		require.Equal(t, 101, len(o.channel.told()))
		require.Equal(t, time.Minute, o.channel.messages()[1].at.Sub(killed), "the first digest may have arrived")
		require.Len(t, o.log(store.DeliveryFilter{State: store.DeliveryInterrupted}), 1)
	})
}

func TestTwoReplicasNeverSendToOneAddressAtOnce(t *testing.T) {
	inOffice(t, func(o *office) { // which checks that nothing overlaps
		one := o.deliverer
		two := o.start("two")
		o.fast()
		o.channel.latency = 300 * time.Millisecond
		for i := range 100 {
			o.raiseAt("a", store.RankLoud, fmt.Sprint("g", i))
			one.Wake("a")
			two.Wake("a")
			o.after(50 * time.Millisecond)
		}
		o.after(time.Minute)
		require.Equal(t, 100, len(o.channel.told()))
		require.Len(t, o.channel.messages(), 100, "and nothing is told twice")
		require.Zero(t, o.channel.refused, "they keep one pace together")
	})
}

func TestAReplicaTakesOverWhenTheLeaseEnds(t *testing.T) {
	inOffice(t, func(o *office) {
		o.raiseAt("a", store.RankLoud, "disk", "web")
		o.died("dead replica")
		died := time.Now()
		o.deliverer.Wake("a")
		o.after(DefaultTimeout)
		require.Empty(t, o.channel.attempts(), "the other may still be sending")
		o.after(6 * time.Second) // who waits for something critical is not half a minute late
		require.Equal(t, map[string]int{"web": 1}, o.channel.told())
		require.WithinDuration(t, died.Add(DefaultTimeout+leaseMargin), o.channel.messages()[0].at, time.Second)
		o.after(time.Minute)
		require.Equal(t, 1, o.channel.told()["disk"])
	})
}

func TestWhatNobodyWokeUsForIsFound(t *testing.T) {
	inOffice(t, func(o *office) {
		o.raiseAt("a", store.RankLoud, "from another replica")
		o.after(scanEvery + time.Second)
		require.Equal(t, 1, len(o.channel.told()))
	})
}

func TestAReloadSendsToTheNewAddress(t *testing.T) {
	inOffice(t, func(o *office) {
		down := teams.Outcome{Kind: teams.Retry, Reason: teams.Throttled, Status: 429, After: time.Minute}
		o.channel.answer = func(message) *teams.Outcome { return &down }
		o.raise(store.RankLoud, "disk")
		o.after(time.Second)
		mended := &channel{windows: DefaultPace}
		o.addresses["b"] = Address{ID: "b", Destination: "ops", Send: mended.send}
		o.update(func(tx store.Tx) error { _, err := tx.Readdress("ops", []string{"b"}); return err })
		o.deliverer.WakeAll()
		o.after(time.Second)
		o.raiseAt("b", store.RankLoud, "web")
		o.deliverer.Wake("b")
		o.after(time.Second)
		require.Equal(t, map[string]int{"disk": 1, "web": 1}, mended.told(), "the old address asked for patience, not the new one")
	})
}

func TestTheClockIsSetBack(t *testing.T) {
	inOffice(t, func(o *office) {
		down := teams.Outcome{Kind: teams.Retry, Reason: teams.Throttled, Status: 429, After: 10 * time.Minute}
		o.channel.answer = func(message) *teams.Outcome { return &down }
		o.raise(store.RankLoud, "disk")
		o.after(time.Second)
		o.channel.answer = nil
		// What the engine does when the wall clock was set.
		o.update(func(tx store.Tx) error { return tx.ShiftTimers(-9 * time.Minute) })
		o.deliverer.WakeAll()
		o.after(time.Minute)
		require.Equal(t, 1, len(o.channel.told()), "timers in the store count, not those set before")
	})
}

// A message of which nobody knows whether it arrived waits for a minute. What is
// recorded of it after the clock was set back has the time before that, and it
// waited for an hour, with all that follows it.
func TestTheClockIsSetBackWhileAMessageIsUnderWay(t *testing.T) {
	for name, digest := range map[string]bool{"a card": false, "a digest": true} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *office) {
				o.stop()
				var ahead atomic.Int64
				ahead.Store(int64(time.Hour))
				options := o.options("two")
				options.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
				d, err := New(options)
				require.NoError(t, err)
				ctx, cancel := context.WithCancel(context.Background())
				done := make(chan error)
				go func() { done <- d.Run(ctx) }()
				o.deliverer = d
				o.channel.latency = time.Minute // nobody waits that long
				if digest {
					o.raise(store.RankLoud, names("g", 100)...)
				} else {
					o.raise(store.RankLoud, "disk")
				}
				o.after(time.Second)

				ahead.Store(0)
				o.update(func(tx store.Tx) error { return tx.ShiftTimers(-time.Hour) })
				d.WakeAll()
				o.channel.latency = 0
				o.after(time.Minute)
				require.Empty(t, o.channel.told(), "it may have arrived")
				o.after(time.Minute)
				require.Len(t, o.channel.told(), len(o.groups))
				cancel()
				require.NoError(t, <-done)
			})
		})
	}
}

// Whoever takes over from a process that was killed finds the time before the clock
// was set back: what may have arrived waited for an hour, and what was sent lately
// was forgotten, so that Teams throttled what followed.
func TestTheClockIsSetBackAfterAKill(t *testing.T) {
	inOffice(t, func(o *office) {
		o.stop()
		o.raiseAt("a", store.RankLoud, "disk")
		sent := time.Now().Add(-time.Minute)
		o.update(func(tx store.Tx) error { return tx.RecordSend("a", sent, sent) })
		o.diedAt("before", time.Now().Add(time.Hour))
		o.update(func(tx store.Tx) error { return tx.ReleaseLeases("") })
		o.start("after")
		o.after(time.Second)
		o.update(func(tx store.Tx) error {
			sends, err := tx.Sends("a", time.Time{})
			require.Len(t, sends, 2, "what was sent before, and what may have been")
			require.False(t, sends[1].After(time.Now()))
			return err
		})
		o.after(uncertainWait)
		require.Equal(t, map[string]int{"disk": 1}, o.channel.told())
	})
}

func TestMetricsFollowTheConventions(t *testing.T) {
	inOffice(t, func(o *office) {
		o.raise(store.RankLoud, "disk")
		o.after(time.Second)
		require.Equal(t, 1.0, o.metric("teamsrelay_deliveries_total"))
		require.Equal(t, 1.0, o.metric("teamsrelay_delivery_seconds"))
		require.Equal(t, 1.0, o.metric("teamsrelay_delivery_delay_seconds"))
		problems, err := testutil.GatherAndLint(o.registry)
		require.NoError(t, err)
		require.Empty(t, problems)
	})
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	_, err := New(Options{})
	require.ErrorContains(t, err, "must be set")
	o := newOffice(t)
	options := o.options("x")
	options.Cards.Digest = nil
	_, err = New(options)
	require.ErrorContains(t, err, "Cards")
	options = o.options("x")
	d, err := New(options)
	require.NoError(t, err)
	d.Wake("a") // before Run: harmless
	_, err = New(options)
	require.Error(t, err, "metrics cannot be registered twice")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.NoError(t, d.Run(ctx))
}
