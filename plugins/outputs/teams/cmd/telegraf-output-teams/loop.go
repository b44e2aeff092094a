package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/teamsrelay/teamsrelay/plugins/outputs/teams/lines"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

const (
	// readGrace is how long stdin is read on after a signal: a service manager
	// stops all processes at once, and Telegraf still writes what it has.
	readGrace = 1500 * time.Millisecond
	// storeGrace is how long what was read may still take to be evaluated and
	// stored after stdin has ended or must not be read any more: on a busy
	// machine, and where a store that refuses is asked again. With readGrace and
	// what Close takes at most, that is the five seconds that Telegraf gives.
	storeGrace = 1500 * time.Millisecond

	chunkSize  = 256 << 10 // bytes that are read at once, at most
	chunks     = 4         // that wait to be parsed, at most
	batchSize  = 4096      // samples that are evaluated at once, at most
	batches    = 2         // that wait to be evaluated, at most
	openFor    = time.Second
	storeAgain = 100 * time.Millisecond
	sayEvery   = time.Minute
)

// loopOptions are what a loop works with.
type loopOptions struct {
	wants   func(measurement string) bool
	samples func(context.Context, []sample.Sample) error
	log     *logger
	now     func() time.Time
	grace   time.Duration // see readGrace
	store   time.Duration // see storeGrace
}

// loop is the way of a metric: read | parse | evaluate, each at its own time,
// in order. Each step hands on what it has when the next one is idle, so
// nothing waits for more to come; under load it comes in large pieces. Nobody
// but a store that refuses holds up the reading.
type loop struct {
	o      loopOptions
	counts counts
	broken *seldom // what the log says of lines
}

// counts are of the metrics that came. They may be read at any time.
type counts struct {
	evaluated, unwanted, broken, tooLong atomic.Int64
}

func (c *counts) text() string {
	return fmt.Sprintf("%d metrics evaluated, %d that no rule looks at, %d broken lines, %d lines too long",
		c.evaluated.Load(), c.unwanted.Load(), c.broken.Load(), c.tooLong.Load())
}

func newLoop(o loopOptions) *loop {
	return &loop{o: o, broken: &seldom{every: sayEvery, now: o.now, say: o.log.Warn}}
}

// run takes metrics until in ends, or for a while after ctx has ended, and
// returns when all that was read is evaluated and stored. The error says that
// the store has refused to the end.
func (l *loop) run(ctx context.Context, in io.Reader) error {
	// The evaluation goes on when ctx ends, but not for ever.
	storing, stopStoring := context.WithCancel(context.WithoutCancel(ctx))
	defer stopStoring()
	ended := context.AfterFunc(ctx, func() {
		l.o.log.Infof("Stopping: reading on for %v at most, until Telegraf closes stdin", l.o.grace)
		wait(storing, l.o.grace+l.o.store)
		stopStoring()
	})
	defer ended()

	read := make(chan []byte, chunks)
	free := make(chan []byte, chunks+2)
	parsed := make(chan *lines.Batch, batches)
	empty := make(chan *lines.Batch, batches+2)
	stop := make(chan struct{}) // stdin is not read any more
	done := make(chan error, 1)
	go l.read(in, read, free, stop)
	go func() { done <- l.evaluate(storing, parsed, empty) }()

	p := l.newParsing(storing, parsed, empty)
	p.run(ctx, read, free)
	close(stop)
	close(parsed)
	timer := time.AfterFunc(l.o.store, stopStoring)
	defer timer.Stop()
	return <-done
}

// read reads until in ends. Where the last read is under way when it is told
// to stop, it is left behind: a pipe cannot be interrupted.
func (l *loop) read(in io.Reader, read chan<- []byte, free <-chan []byte, stop <-chan struct{}) {
	defer close(read)
	for {
		var chunk []byte
		select {
		case chunk = <-free:
		default:
			chunk = make([]byte, chunkSize)
		}
		n, err := in.Read(chunk[:chunkSize])
		if n > 0 {
			select {
			case read <- chunk[:n]:
			case <-stop:
				return
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				l.o.log.Errorf("Stdin cannot be read: %v", err)
			}
			return
		}
	}
}

// parsing is the step that makes samples of lines.
type parsing struct {
	*loop
	storing context.Context // when it ends, nobody takes batches any more
	records lines.Records
	parser  *lines.Parser
	batch   *lines.Batch
	parsed  chan<- *lines.Batch
	empty   <-chan *lines.Batch
}

func (l *loop) newParsing(storing context.Context, parsed chan<- *lines.Batch, empty <-chan *lines.Batch) *parsing {
	p := &parsing{loop: l, storing: storing, parser: lines.NewParser(l.o.wants, l.o.now), parsed: parsed, empty: empty}
	p.records.Take = p.take
	p.records.TooLong = p.tooLong
	p.fresh()
	return p
}

// run makes batches of chunks until there are no more, or until the grace
// after ctx has ended is over.
func (p *parsing) run(ctx context.Context, read <-chan []byte, free chan<- []byte) {
	ended := false
	defer func() { p.end(ended) }()
	signal := ctx.Done()
	var deadline <-chan time.Time
	for {
		var open <-chan time.Time // nobody closes the string of the last line
		if p.records.Open() {
			open = time.After(openFor)
		}
		select {
		case chunk, more := <-read:
			if !more {
				ended = true
				return
			}
			p.records.Write(chunk)
			select {
			case free <- chunk:
			default:
			}
			if len(read) == 0 {
				p.hand()
			}
		case <-open:
			p.records.GiveUp()
			p.hand()
		case <-signal:
			signal, deadline = nil, time.After(p.o.grace)
		case <-deadline:
			return
		case <-p.storing.Done():
			return
		}
	}
}

// end takes what is left. ended says that stdin has.
func (p *parsing) end(ended bool) {
	if cut := p.records.End(ended); len(cut) > 0 {
		p.counts.broken.Add(1)
		p.broken.line("The last line was cut off and is left out", cut)
	}
	p.hand()
}

// fresh begins a new batch.
func (p *parsing) fresh() {
	select {
	case p.batch = <-p.empty:
	default:
		p.batch = &lines.Batch{}
	}
	p.parser.Into(p.batch)
}

// hand hands the batch on, if there is anything in it. It waits while the
// evaluation has enough to do.
func (p *parsing) hand() {
	if len(p.batch.Samples) == 0 {
		return
	}
	select {
	case p.parsed <- p.batch:
	case <-p.storing.Done():
	}
	p.fresh()
}

// take parses a record.
func (p *parsing) take(record []byte, joined bool) bool {
	parse := p.parser.Parse
	if joined {
		parse = p.parser.ParseWhole
	}
	result, err := parse(record)
	switch {
	case err != nil && joined:
		return false
	case err != nil:
		p.counts.broken.Add(1)
		p.broken.line("A line is no metric and is left out: "+err.Error(), record)
	case result == lines.Unwanted:
		p.counts.unwanted.Add(1)
	case result == lines.Sample && len(p.batch.Samples) >= batchSize:
		p.hand()
	}
	return true
}

func (p *parsing) tooLong(begin []byte) {
	p.counts.tooLong.Add(1)
	p.broken.line(fmt.Sprintf("A line is longer than %d MiB and is left out", lines.MaxLine>>20), begin)
}

// evaluate evaluates batches until there are no more. A store that refuses is
// asked until it takes what was decided, or until ctx ends.
func (l *loop) evaluate(ctx context.Context, parsed <-chan *lines.Batch, empty chan<- *lines.Batch) error {
	complain := &seldom{every: sayEvery, now: l.o.now, say: l.o.log.Error}
	for batch := range parsed {
		err := l.o.samples(ctx, batch.Samples)
		for refused := err != nil; refused; refused = err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("%w; what came last is lost", err)
			}
			complain.error("No metrics are taken until this is mended; Telegraf keeps them, and drops the oldest when its buffer is full", err)
			wait(ctx, storeAgain)
			if err = l.o.samples(ctx, nil); err == nil {
				complain.over()
				l.o.log.Info("The store takes decisions again")
			}
		}
		l.counts.evaluated.Add(int64(len(batch.Samples)))
		batch.Reset()
		select {
		case empty <- batch:
		default:
		}
	}
	return nil
}

// wait waits, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
