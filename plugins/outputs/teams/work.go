package teams

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// work is what runs between Connect and Close.
type work struct {
	// samples takes samples; see Teams.Samples.
	samples func(context.Context, []sample.Sample) error

	store  store.Store
	cancel context.CancelFunc
	parts  sync.WaitGroup
	mu     sync.Mutex
	errs   []error
}

// start runs parts until end is called.
func start(db store.Store, log *slog.Logger, samples func(context.Context, []sample.Sample) error, parts ...func(context.Context) error) *work {
	ctx, cancel := context.WithCancel(context.Background())
	w := &work{samples: samples, store: db, cancel: cancel}
	for _, part := range parts {
		w.parts.Go(func() {
			err := part(ctx)
			if err == nil {
				return
			}
			if ctx.Err() == nil {
				log.Error("A part of the plugin has ended; restart Telegraf", "err", err)
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.errs = append(w.errs, err)
		})
	}
	return w
}

// end stops the parts, waits for them at most for grace, and closes the store.
func (w *work) end(grace time.Duration) error {
	w.cancel()
	done := make(chan struct{})
	go func() {
		w.parts.Wait()
		close(done)
	}()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	var late error
	select {
	case <-done:
	case <-timer.C:
		late = errClosing
	}
	closed := w.store.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(append(w.errs, late, closed)...)
}
