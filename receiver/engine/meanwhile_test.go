package engine

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
)

// meanwhile starts what happens while a transaction is under way, and gives it
// a second: it may have to wait for the transaction.
func meanwhile(do func()) *func() {
	hook := func() {
		done := make(chan struct{})
		go func() {
			defer close(done)
			do()
		}()
		select {
		case <-done:
		case <-time.After(time.Second):
		}
	}
	return &hook
}

func TestWhatComesWhileSomethingElseIsStored(t *testing.T) {
	test(t, "an alert that is sent again while its end is being stored fires again", func(r *rig) {
		r.start(base)
		defer r.stop()
		a := labeled("DiskFull", "warning")
		r.post(a)
		time.Sleep(4 * time.Minute)
		r.expect("ops: DiskFull firing")
		r.store.before.Store(meanwhile(func() {
			until := time.Now().Add(time.Hour)
			require.NoError(r.t, r.engine.Posted(context.Background(), these(ingest.Posted{Alert: a, Until: until})))
		}))
		time.Sleep(2 * time.Minute)
		r.expect("ops: DiskFull resolved")
		time.Sleep(5 * time.Minute)
		r.expect("ops: DiskFull firing")
	})
	test(t, "an end is not forgotten because older news is slower", func(r *rig) {
		r.start(base)
		defer r.stop()
		a := labeled("DiskFull", "warning")
		r.post(a)
		time.Sleep(time.Minute)
		r.expect("ops: DiskFull firing")
		ended := make(chan struct{})
		r.store.after.Store(meanwhile(func() {
			defer close(ended)
			r.post(over(a))
		}))
		a.Annotations = map[string]string{"summary": "it is worse"}
		r.post(a)
		<-ended
		r.expect("ops: DiskFull resolved")
		r.post(a)
		time.Sleep(6 * time.Minute)
		r.messages()
		r.post(a)
		time.Sleep(time.Minute)
		r.post(over(a))
		require.Len(r.t, r.messages(), 1, "it fires, and is told to be over")
	})
	test(t, "an alert that is routed anew leaves the others where they were told", func(r *rig) {
		r.start(base)
		defer r.stop()
		a, b := labeled("DiskFull", "critical", "host", "db1"), labeled("Slow", "critical", "host", "db1")
		r.post(a, b)
		time.Sleep(time.Minute)
		r.expect("sre: DiskFull", "sre: Slow")
		require.NoError(r.t, r.engine.Reload(context.Background(), r.config("destinations: [ops]")))
		r.engine.active.alerts[a.Fingerprint].origins = []string{"an episode that another replica has ended"}
		a.StartsAt = a.StartsAt.Add(time.Minute)
		r.post(a, over(b))
		r.expect("sre: Slow resolved")
		time.Sleep(time.Minute)
		r.expect("ops: DiskFull firing")
	})
	test(t, "a webhook that is replaced while an alert is stored gets it", func(r *rig) {
		r.start(base)
		defer r.stop()
		c := r.config(base)
		c.Destinations[0].Addresses[0].ID = "workflow:replaced"
		r.store.before.Store(meanwhile(func() {
			require.NoError(r.t, r.engine.Reload(context.Background(), c))
			time.Sleep(time.Millisecond) // posts are moved now
		}))
		r.send(labeled("DiskFull", "warning"))
		r.expect("ops: DiskFull firing")
	})
	test(t, "one body that says that an alert fires and is over leaves nothing behind", func(r *rig) {
		r.start(base)
		defer r.stop()
		a := labeled("DiskFull", "warning")
		r.post(a, over(a))
		r.expect("ops: DiskFull resolved")
		require.Empty(r.t, r.engine.active.alerts)
	})
	test(t, "what nobody can store holds nobody up", func(r *rig) {
		r.start(base)
		defer r.stop()
		a := labeled("DiskFull", "warning")
		r.store.refuse.Store(true)
		require.Error(r.t, r.engine.Posted(context.Background(), these(posted([]alert.Alert{a})...)))
		r.store.refuse.Store(false)
		r.post(a)
		time.Sleep(time.Minute)
		r.expect("ops: DiskFull firing")
		require.Empty(r.t, r.engine.active.busy)
	})
}
