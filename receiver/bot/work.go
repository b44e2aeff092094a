package bot

import (
	"context"
	"strconv"
	"sync"
	"time"
)

// work is what is done after the answer: of each conversation one thing after
// the other, in the order in which it came, and of all conversations a bounded
// number at once.
type work struct {
	running, waiting int // the most of each
	line             int // the most that waits of one conversation

	ctx    context.Context // of everything that runs
	cancel context.CancelFunc

	mu     sync.Mutex
	idle   sync.WaitGroup
	ended  bool
	taken  int // reserved, waiting or running
	active int // goroutines
	alone  int // makes a line of its own for what has no conversation
	// lines holds what waits, by conversation; a conversation that is worked
	// has a line, if only an empty one. ready are those that nobody works yet.
	lines map[string][]func(context.Context)
	ready []string
}

func newWork(running, waiting, line int) *work {
	w := &work{running: running, waiting: waiting, line: line, lines: map[string][]func(context.Context){}}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w
}

// reserve takes a place for a conversation, or says that there is none. It is
// given back by release, or used by do.
func (w *work) reserve(conversation string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || w.taken >= w.running+w.waiting || len(w.lines[conversation]) >= w.line {
		return false
	}
	w.taken++
	w.idle.Add(1)
	return true
}

// release gives back a place that was reserved and is not needed.
func (w *work) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.taken--
	w.idle.Done()
}

// do does something in a place that was reserved, after what came before of
// the same conversation; "": after nothing.
func (w *work) do(conversation string, task func(context.Context)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if conversation == "" {
		w.alone++
		conversation = "\x00" + strconv.Itoa(w.alone)
	}
	line, known := w.lines[conversation]
	w.lines[conversation] = append(line, task)
	if known {
		return
	}
	if w.active < w.running {
		w.active++
		go w.loop(conversation)
		return
	}
	w.ready = append(w.ready, conversation)
}

// loop works one thing of a conversation, then one of the next that waits.
func (w *work) loop(conversation string) {
	for {
		w.mu.Lock()
		task := w.lines[conversation][0]
		w.lines[conversation] = w.lines[conversation][1:]
		w.mu.Unlock()

		task(w.ctx)

		w.release()
		w.mu.Lock()
		if len(w.lines[conversation]) > 0 {
			w.ready = append(w.ready, conversation)
		} else {
			delete(w.lines, conversation)
		}
		if len(w.ready) == 0 {
			w.active--
			w.mu.Unlock()
			return
		}
		conversation, w.ready = w.ready[0], w.ready[1:]
		w.mu.Unlock()
	}
}

// stop takes nothing more and returns when all is done; after grace what still
// runs or waits is told to give up.
func (w *work) stop(grace time.Duration) {
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	timer := time.AfterFunc(grace, w.cancel)
	defer timer.Stop()
	w.idle.Wait()
	w.cancel()
}
