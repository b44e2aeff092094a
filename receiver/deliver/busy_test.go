package deliver

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// TestAnAddressThatWaitsIsLookedAtAFewTimesASecond: in a storm something comes
// in during every look at an address, and each look costs the store as much as
// several alerts do. What those who send alerts wait for would be us looking
// whether the pace lets a message through yet.
func TestAnAddressThatWaitsIsLookedAtAFewTimesASecond(t *testing.T) {
	inOffice(t, func(o *office) {
		o.raise(store.RankLoud, names("told", 100)...)
		o.after(2 * time.Second)
		o.stop()
		o.raise(store.RankLoud, names("waits", 100)...) // the next digest is at a distance

		looks := 0
		options := o.options("two")
		known := options.Addresses
		var d *Deliverer
		options.Addresses = func(id string) (Address, bool) {
			if looks++; looks < 1000 {
				d.Wake(id)
			}
			return known(id)
		}
		d, err := New(options)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- d.Run(ctx) }()
		const seconds = 5
		o.after(seconds * time.Second)
		cancel()
		require.NoError(t, <-done)
		require.Greater(t, looks, seconds, "what is urgent would wait")
		require.LessOrEqual(t, looks, 20*seconds)
	})
}
