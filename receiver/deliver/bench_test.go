package deliver

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// bench runs a Deliverer against a Teams that takes everything at once and
// tells when.
func bench(b *testing.B, arrived func()) *office {
	o := newOffice(b)
	options := o.options("bench")
	options.Addresses = func(id string) (Address, bool) {
		return Address{
			ID: id, Destination: "ops", Pace: []Window{{N: 20, Per: time.Millisecond}},
			Send: func(context.Context, card.Message) teams.Outcome { arrived(); return taken },
		}, true
	}
	d, err := New(options)
	require.NoError(b, err)
	o.deliverer = d
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- d.Run(ctx) }()
	b.Cleanup(func() { cancel(); require.NoError(b, <-done) })
	return o
}

// From Wake to the request at an idle address: what we add to the time from
// our 200 to the card, on the disk of the temporary folder.
func BenchmarkWakeToRequest(b *testing.B) {
	arrived := make(chan struct{}, 1)
	o := bench(b, func() { arrived <- struct{}{} })
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		b.StopTimer()
		idle := fmt.Sprint("address", i)
		o.raiseAt(idle, store.RankLoud, fmt.Sprint("g", i))
		b.StartTimer()
		o.deliverer.Wake(idle)
		<-arrived
	}
}

// What one delivery costs at an address that is busy: one commit, one card.
func BenchmarkDelivery(b *testing.B) {
	arrived := make(chan struct{}, b.N)
	o := bench(b, func() { arrived <- struct{}{} })
	for i := 0; i < b.N; i += 1000 {
		var list []string
		for j := i; j < min(i+1000, b.N); j++ {
			list = append(list, fmt.Sprint("g", j))
		}
		o.raiseAt("a", store.RankLoud, list...)
	}
	b.ReportAllocs()
	b.ResetTimer()
	o.deliverer.Wake("a")
	for range b.N {
		<-arrived
	}
}

// What a decision costs in the worst case: a long backlog and long windows.
func BenchmarkDecide(b *testing.B) {
	windows := []Window{{7, time.Second}, {8, 2 * time.Second}, {60, 30 * time.Second}, {1800, time.Hour}}
	var sends []time.Time
	for i := range 1200 {
		sends = append(sends, noon.Add(time.Duration(i-1200)*2*time.Second))
	}
	s := situation{now: noon, known: true, windows: windows, maxAge: DefaultMaxAge, sends: sends,
		ready: waiting(peek, store.RankLoud), backlog: 5000}
	b.ReportAllocs()
	for b.Loop() {
		decide(s)
	}
}
