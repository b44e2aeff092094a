package deliver

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// faulty is a store whose disk can be full and whose rows can be bad.
type faulty struct {
	store.Store
	room atomic.Int64 // updates until the disk is full; negative: it never is
	bad  atomic.Int64 // the id of a group that cannot be read
	slow atomic.Int64 // how long a commit takes
}

func (f *faulty) Update(ctx context.Context, fn func(store.Tx) error) error {
	if n := f.room.Load(); n == 0 {
		return store.ErrUnavailable
	} else if n > 0 {
		f.room.Store(n - 1)
	}
	err := f.Store.Update(ctx, func(tx store.Tx) error { return fn(faultyTx{tx, f.bad.Load()}) })
	time.Sleep(time.Duration(f.slow.Load()))
	return err
}

func (f *faulty) View(ctx context.Context, fn func(store.Tx) error) error {
	return f.Store.View(ctx, func(tx store.Tx) error { return fn(faultyTx{tx, f.bad.Load()}) })
}

type faultyTx struct {
	store.Tx
	bad int64
}

func (t faultyTx) Group(id int64) (group.Group, error) {
	if id == t.bad {
		return group.Group{}, errors.New("unexpected end of JSON input")
	}
	return t.Tx.Group(id)
}

// inFaultyOffice is inOffice with a store that can fail.
func inFaultyOffice(t *testing.T, test func(*office, *faulty)) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		f := &faulty{Store: o.store}
		f.room.Store(-1)
		o.store = f
		o.start("one")
		defer func() { f.room.Store(-1); o.stop() }()
		test(o, f)
	})
}

// A lease that ends before the commit that took it is there would keep everybody
// from sending for as long as the database is slow.
func TestADatabaseWhoseCommitsTakeLongerThanTheMarginOfALease(t *testing.T) {
	inFaultyOffice(t, func(o *office, f *faulty) {
		f.slow.Store(int64(leaseMargin + time.Second))
		o.raise(store.RankLoud, "disk", "web")
		o.after(2 * time.Minute)
		require.Equal(t, map[string]int{"disk": 1, "web": 1}, o.channel.told())
		f.slow.Store(0)
	})
}

func TestTheDiskIsFullWhenAnAttemptEnds(t *testing.T) {
	inFaultyOffice(t, func(o *office, f *faulty) {
		o.channel.latency = 2 * time.Second
		o.raise(store.RankLoud, "disk", "web")
		o.after(time.Second)
		f.room.Store(0)
		o.after(time.Hour)
		require.Len(t, o.channel.attempts(), 1, "nothing is sent that could not be recorded")
		f.room.Store(-1)
		o.after(5 * time.Second)
		require.Equal(t, map[string]int{"disk": 1, "web": 1}, o.channel.told(), "it goes on by itself, and tells nothing twice")
	})
}

func TestStoppedWhileTheDiskIsFull(t *testing.T) {
	inFaultyOffice(t, func(o *office, f *faulty) {
		o.channel.latency = 2 * time.Second
		o.raise(store.RankLoud, "disk")
		o.after(time.Second)
		f.room.Store(0)
		o.after(10 * time.Second)
		began := time.Now()
		o.stop()
		require.LessOrEqual(t, time.Since(began), 2*lastWords, "whoever stops it waits for that")
		f.room.Store(-1)
		o.start("two")
		o.after(2 * time.Minute)
		require.Equal(t, map[string]int{"disk": 2}, o.channel.told(), "nobody can know that it arrived; rather twice than never")
		require.Len(t, o.log(store.DeliveryFilter{State: store.DeliveryInterrupted}), 1)
	})
}

func TestCutOffWhileADigestIsRecorded(t *testing.T) {
	inFaultyOffice(t, func(o *office, f *faulty) {
		o.channel.latency = time.Second
		o.raise(store.RankLoud, names("g", 1000)...)
		o.after(500 * time.Millisecond)
		f.room.Store(2) // of five chunks
		o.after(time.Minute)
		require.Len(t, o.channel.messages(), 1)
		o.stop()
		f.room.Store(-1)
		o.start("two")
		o.after(2 * time.Minute)
		told, twice := o.channel.told(), 0
		for _, n := range told {
			require.LessOrEqual(t, n, 2)
			twice += n - 1
		}
		require.Equal(t, 1000, len(told), "none is lost")
		require.Equal(t, 600, twice, "only what was not recorded is told twice")
	})
}

func TestAGroupThatCannotBeReadSilencesNoOther(t *testing.T) {
	inFaultyOffice(t, func(o *office, f *faulty) {
		refuse := teams.Outcome{Kind: teams.Retry, Reason: teams.Throttled, After: time.Minute}
		o.channel.answer = func(message) *teams.Outcome { return &refuse }
		o.raise(store.RankLoud, names("g", 100)...)
		o.after(time.Second)
		f.bad.Store(o.groups["g7"].ID)
		o.channel.answer = nil
		o.after(5 * time.Minute)
		require.Equal(t, 99, len(o.channel.told()))
		require.Equal(t, store.Waiting, o.post("g7").State)
		f.bad.Store(0)
		o.after(10 * time.Minute)
		require.Equal(t, 100, len(o.channel.told()), "and it is told when it can be read again")
	})
}

// A replica whose disk hung may come back to an attempt that another has
// found cut off, and made again.
func TestAnAttemptThatAnotherReplicaTookOver(t *testing.T) {
	meanwhile := func(o *office, change func(p *store.Post, now time.Time)) {
		o.channel.latency = 2 * time.Second
		o.raise(store.RankLoud, "disk")
		o.after(time.Second)
		p := o.post("disk")
		change(&p, time.Now())
		o.update(func(tx store.Tx) error { return tx.SavePost(&p) })
		o.after(2 * time.Minute)
	}
	cutOff := func(p *store.Post, now time.Time) {
		p.Retry(now.Add(time.Minute), string(teams.Interrupted), "", now)
	}
	delivered := func(p *store.Post, now time.Time) {
		p.Raise(2, group.Due{}, store.RankLoud, now)
		p.Delivered(2, "theirs", false, now)
	}
	inOffice(t, func(o *office) {
		meanwhile(o, cutOff)
		require.Equal(t, map[string]int{"disk": 1}, o.channel.told(), "what is known to have arrived is not sent again")
	})
	inOffice(t, func(o *office) {
		meanwhile(o, delivered)
		require.Equal(t, 2, o.post("disk").Shown, "the newer card that the other sent is what is there")
		require.Equal(t, "theirs", o.post("disk").MessageID)
	})
	inOffice(t, func(o *office) {
		o.channel.answer = func(message) *teams.Outcome { return &teams.Outcome{Kind: teams.GiveUp, Reason: teams.Rejected} }
		meanwhile(o, delivered)
		require.Equal(t, store.Accepted, o.post("disk").State, "what the other delivered is no dead letter")
	})
}

func TestADigestLeavesAloneWhatAnotherReplicaDelivered(t *testing.T) {
	inOffice(t, func(o *office) {
		o.channel.latency = 2 * time.Second
		o.channel.answer = func(message) *teams.Outcome { return &teams.Outcome{Kind: teams.GiveUp, Reason: teams.Rejected} }
		o.raise(store.RankLoud, names("g", 100)...)
		o.after(time.Second)
		p := o.post("g7")
		p.Delivered(1, "theirs", false, time.Now())
		o.update(func(tx store.Tx) error { return tx.SavePost(&p) })
		o.after(time.Minute)
		require.Equal(t, store.Accepted, o.post("g7").State)
		require.Equal(t, store.Dead, o.post("g8").State)
	})
}

// A replica that stops while the database has a new primary would leave a message
// that arrived as one that may not have: it is sent again a minute later.
func TestWhoStopsTriesToRecordWhatHasArrived(t *testing.T) {
	inFaultyOffice(t, func(o *office, f *faulty) {
		o.channel.latency = 2 * time.Second
		o.raise(store.RankLoud, "disk")
		o.after(time.Second) // it is under way
		f.room.Store(0)
		time.AfterFunc(lastWords/2, func() { f.room.Store(-1) })
		o.stop()
		o.start("two")
		o.after(5 * time.Minute)
		require.Equal(t, map[string]int{"disk": 1}, o.channel.told())
	})
}
