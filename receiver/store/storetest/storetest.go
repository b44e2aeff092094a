// Package storetest proves that a store is one. Every implementation of
// store.Store runs it:
//
//	func TestStore(t *testing.T) { storetest.Run(t, open, reopen) }
//
// Whatever is written is read back twice, before and after the store was
// closed and opened again, because a store that only remembers is none.
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Run tests a store. open makes an empty one; reopen closes one and opens what
// it left behind. Both fail the test themselves, and whoever opens a store
// also sees that it is closed in the end.
func Run(t *testing.T, open func(t *testing.T) store.Store, reopen func(t *testing.T, s store.Store) store.Store) {
	for _, part := range []struct {
		name string
		test func(*kit)
	}{
		{"updates", testUpdates},
		{"groups", testGroups},
		{"briefs", testBriefs},
		{"posts", testPosts},
		{"deliveries", testDeliveries},
		{"prune", testPrune},
		{"addresses", testAddresses},
		{"timers", testTimers},
		{"readdress", testReaddress},
		{"series", testSeries},
		{"relayed", testRelayed},
		{"intents", testIntents},
		{"conversations", testConversations},
		{"silences", testSilences},
		{"subscriptions", testSubscriptions},
		{"people", testPeople},
		{"moved posts", testMovePosts},
		{"moved subscriptions", testMoveSubscriptions},
		{"heartbeats", testHeartbeats},
		{"canaries", testCanaries},
		{"counts", testCounts},
		{"revisions", testRevisions},
		{"audit", testAudit},
		{"messages", testMessages},
		{"replays", testReplays},
		{"searches", testSearch},
		{"destinations", testDestinations},
		{"replicas", testReplicas},
	} {
		t.Run(part.name, func(t *testing.T) {
			part.test(&kit{T: t, open: open, reopenStore: reopen})
		})
	}
}

// start is the time at which the tests play. It has nanoseconds, because times
// that lose some make a timer due and not due at once.
var start = time.Date(2026, 3, 1, 9, 30, 0, 123456789, time.UTC)

// at is a time some minutes after start.
func at(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }

// kit is a test with a store.
type kit struct {
	*testing.T
	store       store.Store
	open        func(*testing.T) store.Store
	reopenStore func(*testing.T, store.Store) store.Store
}

// run runs a test with a store of its own.
func (k *kit) run(name string, test func(k *kit)) {
	k.Helper()
	k.Run(name, func(t *testing.T) {
		test(&kit{T: t, store: k.open(t), open: k.open, reopenStore: k.reopenStore})
	})
}

func (k *kit) reopen() { k.store = k.reopenStore(k.T, k.store) }

// update is Update that must succeed. fn must not end the test: it may run on
// another goroutine.
func (k *kit) update(fn func(store.Tx) error) {
	k.Helper()
	require.NoError(k, k.store.Update(context.Background(), fn))
}

// view is View that must succeed.
func (k *kit) view(fn func(store.Tx) error) {
	k.Helper()
	require.NoError(k, k.store.View(context.Background(), fn))
}

// lasting runs check on what is stored, and again after reopening.
func (k *kit) lasting(check func(tx store.Tx)) {
	k.Helper()
	checked := func(tx store.Tx) error {
		check(tx)
		return nil
	}
	k.view(checked)
	k.reopen()
	k.view(checked)
}

// saveGroup stores an episode and returns it as stored.
func (k *kit) saveGroup(g group.Group) group.Group {
	k.Helper()
	k.update(func(tx store.Tx) error { return tx.SaveGroup(&g) })
	return g
}

// savePost stores a post and returns it as stored.
func (k *kit) savePost(p store.Post) store.Post {
	k.Helper()
	k.update(func(tx store.Tx) error { return tx.SavePost(&p) })
	return p
}

// anEpisode is a small group that fires.
func anEpisode(key, origin string, episode int) group.Group {
	return group.Group{
		Key: key, Origin: origin, Episode: episode, Rev: 1, Phase: group.Open,
		OpenedAt: start, HeardAt: start, ToldAt: start,
		Alerts: []group.Member{{
			Alert: alert.Alert{Status: alert.Firing, Labels: map[string]string{"alertname": "Down"}, StartsAt: start},
			State: group.Firing,
		}},
	}
}

// aPost is a post of an episode that is due since start.
func aPost(g group.Group, address string) store.Post {
	return store.Post{
		GroupID: g.ID, Address: address, Destination: "ops", Card: "alert", Title: "Down",
		State: store.Due, Want: 1, Rank: store.RankLoud, Loud: true,
		Since: start, NotBefore: start, UpdatedAt: start,
	}
}

// must is for reading inside a view, where a failure may end the test.
func must[T any](k *kit) func(value T, err error) T {
	return func(value T, err error) T {
		k.Helper()
		require.NoError(k, err)
		return value
	}
}
