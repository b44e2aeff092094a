package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/plugins/outputs/teams/lines"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// evaluator stands for the plugin.
type evaluator struct {
	mu      sync.Mutex
	names   []string // of what was evaluated, in order
	batches int
	refused int   // calls that failed
	err     error // what the store says
}

func (e *evaluator) samples(_ context.Context, all []sample.Sample) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range all {
		e.names = append(e.names, s.Measurement)
	}
	if len(all) > 0 {
		e.batches++
	}
	if e.err != nil {
		e.refused++
	}
	return e.err
}

func (e *evaluator) says(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.err = err
}

func (e *evaluator) evaluated() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.names...)
}

// running is a loop with a pipe for stdin.
type running struct {
	*evaluator
	loop     *loop
	stdin    *io.PipeWriter
	out, err bytes.Buffer
	signal   context.CancelFunc
	ended    chan error
}

// start makes a loop whose Read of stdin cannot be interrupted, as in life.
func start(t *testing.T) *running {
	in, out := io.Pipe()
	r := &running{evaluator: &evaluator{}, stdin: out, ended: make(chan error, 1)}
	var ctx context.Context
	ctx, r.signal = context.WithCancel(t.Context())
	r.loop = newLoop(loopOptions{
		wants: func(name string) bool { return name != "unwanted" }, samples: r.samples,
		log: &logger{out: &r.out, err: &r.err}, now: time.Now, grace: readGrace, store: storeGrace,
	})
	done := make(chan struct{})
	go func() {
		r.ended <- r.loop.run(ctx, in)
		close(done)
	}()
	t.Cleanup(func() {
		r.signal()
		_ = out.Close() // sets the reading free that was left behind
		<-done
		synctest.Wait()
	})
	return r
}

func (r *running) write(t *testing.T, text string) {
	t.Helper()
	_, err := io.WriteString(r.stdin, text)
	require.NoError(t, err)
}

func testLoop(t *testing.T, sentence string, story func(t *testing.T, r *running)) {
	t.Run(sentence, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { story(t, start(t)) })
	})
}

var errFull = errors.New("disk full")

func TestLoop(t *testing.T) {
	testLoop(t, "what comes is evaluated at once, however little it is", func(t *testing.T, r *running) {
		began := time.Now()
		for i := range 10 {
			r.write(t, fmt.Sprintf("m%d v=1\n", i))
			synctest.Wait()
			require.Len(t, r.evaluated(), i+1)
		}
		require.Equal(t, began, time.Now(), "nothing waits for a clock")
	})
	testLoop(t, "at the end of stdin everything is evaluated, the last line without a newline too", func(t *testing.T, r *running) {
		var text strings.Builder
		for i := range 3 * batchSize {
			fmt.Fprintf(&text, "m%d v=1\n", i)
		}
		r.write(t, text.String()+"last v=1")
		require.NoError(t, r.stdin.Close())
		require.NoError(t, <-r.ended)
		names := r.evaluated()
		require.Len(t, names, 3*batchSize+1)
		require.Equal(t, "m0", names[0])
		require.Equal(t, "last", names[len(names)-1], "the order is kept")
		require.Less(t, r.batches, 3*batchSize/100, "under load they come in large pieces")
	})
	testLoop(t, "after a signal stdin is read on until it ends", func(t *testing.T, r *running) {
		r.write(t, "before v=1\n")
		r.signal()
		time.Sleep(readGrace / 2)
		r.write(t, "flushed_late v=1\n")
		require.NoError(t, r.stdin.Close())
		require.NoError(t, <-r.ended)
		require.Equal(t, []string{"before", "flushed_late"}, r.evaluated())
	})
	testLoop(t, "after a signal it ends in time though stdin stays open, and takes no half line for a metric", func(t *testing.T, r *running) {
		r.write(t, "before v=1\nhalf_a_line v=33")
		began := time.Now()
		r.signal()
		require.NoError(t, <-r.ended)
		require.Equal(t, readGrace, time.Since(began))
		require.Equal(t, []string{"before"}, r.evaluated(), "it may have been 33.3")
		require.EqualValues(t, 1, r.loop.counts.broken.Load())
		require.Contains(t, r.err.String(), `W! The last line was cut off and is left out: it begins with "half_a_line" and has 16 bytes`)
	})
	testLoop(t, "a store that refuses holds stdin up, and it goes on by itself", func(t *testing.T, r *running) {
		r.says(errFull)
		wrote := make(chan int, 100)
		go func() {
			for i := range 100 {
				if _, err := io.WriteString(r.stdin, fmt.Sprintf("m%d v=1\n", i)); err != nil {
					return
				}
				wrote <- i
			}
		}()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		require.Less(t, len(wrote), 50, "Telegraf's buffer has room, our memory must not fill")
		require.Positive(t, r.refused)
		require.Contains(t, r.err.String(), "No metrics are taken until this is mended")
		require.Contains(t, r.err.String(), "disk full")
		require.LessOrEqual(t, strings.Count(r.err.String(), "\n"), 11, "once a minute is enough")
		r.says(nil)
		time.Sleep(storeAgain)
		synctest.Wait()
		require.Len(t, r.evaluated(), 100, "no sample is lost or given twice")
		require.Contains(t, r.out.String(), "The store takes decisions again")
	})
	testLoop(t, "a store that refuses to the end is said to have lost something", func(t *testing.T, r *running) {
		r.says(errFull)
		r.write(t, "m v=1\n")
		began := time.Now()
		r.signal()
		require.ErrorIs(t, <-r.ended, errFull)
		require.LessOrEqual(t, time.Since(began), readGrace+storeGrace)
	})
	testLoop(t, "the same when so much waits that stdin is not read any more", func(t *testing.T, r *running) {
		r.says(errFull)
		go func() {
			for {
				if _, err := io.WriteString(r.stdin, "m v=1\n"); err != nil {
					return
				}
			}
		}()
		time.Sleep(time.Minute)
		began := time.Now()
		r.signal()
		require.ErrorIs(t, <-r.ended, errFull)
		require.LessOrEqual(t, time.Since(began), readGrace+storeGrace)
	})
	testLoop(t, "at the end of stdin a store that refuses for a moment loses nothing", func(t *testing.T, r *running) {
		r.says(errFull)
		r.write(t, "m v=1\nn v=1\n")
		require.NoError(t, r.stdin.Close())
		time.Sleep(storeGrace / 4)
		r.says(nil)
		require.NoError(t, <-r.ended)
		require.Equal(t, []string{"m", "n"}, r.evaluated())
	})
	testLoop(t, "a string that nobody closes holds its neighbours up for a second at most", func(t *testing.T, r *running) {
		r.write(t, "broken v=\"open\nm v=1\n")
		synctest.Wait()
		require.Empty(t, r.evaluated())
		time.Sleep(openFor)
		synctest.Wait()
		require.Equal(t, []string{"m"}, r.evaluated())
		require.EqualValues(t, 1, r.loop.counts.broken.Load())
	})
	testLoop(t, "broken lines are counted, said once a minute, and not repeated", func(t *testing.T, r *running) {
		for range 100 {
			r.write(t, "audit,token=topsecret broken\nm v=1\n")
		}
		synctest.Wait()
		require.Len(t, r.evaluated(), 100)
		require.EqualValues(t, 100, r.loop.counts.broken.Load())
		require.Equal(t, 1, strings.Count(r.err.String(), "\n"))
		require.Contains(t, r.err.String(), `W! A line is no metric and is left out: expected field: it begins with "audit" and has 28 bytes`)
		time.Sleep(sayEvery)
		r.write(t, "again\n")
		synctest.Wait()
		require.Contains(t, r.err.String(), "(and 99 more since it was last said)")
		require.NotContains(t, r.err.String(), "topsecret")
	})
	testLoop(t, "what nobody wants is counted", func(t *testing.T, r *running) {
		r.write(t, "unwanted v=1\nm v=1\nunwanted v=2\n")
		require.NoError(t, r.stdin.Close())
		require.NoError(t, <-r.ended)
		require.Equal(t, "1 metrics evaluated, 2 that no rule looks at, 0 broken lines, 0 lines too long", r.loop.counts.text())
	})
	testLoop(t, "a line that is too long is said and skipped", func(t *testing.T, r *running) {
		r.write(t, "before v=1\n")
		for range lines.MaxLine>>20 + 1 {
			r.write(t, strings.Repeat("x", 1<<20))
		}
		r.write(t, "\nafter v=1\n")
		synctest.Wait()
		require.Equal(t, []string{"before", "after"}, r.evaluated())
		require.Contains(t, r.err.String(), "longer than 16 MiB")
	})
}
