package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/kardianos/service"
)

const (
	// readyWithin is how long Windows hears that the service is starting. It
	// gives up after 30 s (ServicesPipeTimeout); bringing a large store up to
	// date may take longer, and goes on as a service that runs.
	readyWithin = 20 * time.Second
	// shutdownWithin is less than the 5 s that Windows leaves a service when the
	// machine goes down (WaitToKillServiceTimeout). What is not delivered by
	// then is told after the next start.
	shutdownWithin = 4 * time.Second
	// maxEvent is how many bytes one entry of the event log gets. Windows takes
	// 31,839 characters.
	maxEvent = 30_000
)

// byServiceManager says whether Windows has started this process as a service.
func byServiceManager() bool { return runtime.GOOS == "windows" && !service.Interactive() }

// serving is a receiver that a service manager starts and stops.
type serving struct {
	serve func(ctx context.Context, log *slog.Logger, ready func()) error
	log   *slog.Logger
	exit  func(code int) // ends the process
	stop  context.CancelFunc
	ended chan error
}

// serveAsService lets Windows start and stop the receiver. Its log is the event
// log: a service has no other place that an administrator looks at.
func serveAsService(console *slog.Logger, serve func(context.Context, *slog.Logger, func()) error) error {
	s := &serving{serve: serve, exit: os.Exit, ended: make(chan error, 1)}
	known, err := windowsService(s)
	if err != nil {
		return err
	}
	events, err := known.Logger(nil)
	if err != nil {
		return fmt.Errorf("the event log: %w", err)
	}
	s.log = slog.New(newEventLog(events, console.Handler()))
	return known.Run()
}

// Start begins to serve and returns when alerts are taken, or why they never
// will be.
func (s *serving) Start(service.Service) error {
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	ready := make(chan struct{})
	go func() {
		err := s.serve(ctx, s.log, sync.OnceFunc(func() { close(ready) }))
		s.ended <- err
		if ctx.Err() == nil { // nobody asked for it
			s.log.Error("teamsrelay has ended", "err", err)
			s.exit(1) // Windows starts it again only when the process is gone
		}
	}()
	select {
	case <-ready:
	case <-time.After(readyWithin):
	case err := <-s.ended:
		return err
	}
	return nil
}

// Stop ends as SIGTERM does: what is under way ends first.
func (s *serving) Stop(service.Service) error {
	s.stop()
	return <-s.ended
}

// Shutdown is a stop that Windows does not wait for.
func (s *serving) Shutdown(service.Service) error {
	s.stop()
	select {
	case err := <-s.ended:
		return err
	case <-time.After(shutdownWithin):
		return nil
	}
}

// eventLog writes what is logged as entries of Windows' event log.
type eventLog struct {
	slog.Handler // writes into line
	events       service.Logger
	level        slog.Handler // knows from which level on anything is logged
	mu           *sync.Mutex
	line         *bytes.Buffer
}

func newEventLog(events service.Logger, level slog.Handler) *eventLog {
	line := new(bytes.Buffer)
	text := slog.NewTextHandler(line, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
			return slog.Attr{} // the event has its own
		}
		return a
	}})
	return &eventLog{Handler: text, events: events, level: level, mu: new(sync.Mutex), line: line}
}

func (e *eventLog) Enabled(ctx context.Context, level slog.Level) bool {
	return e.level.Enabled(ctx, level)
}

func (e *eventLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *e
	with.Handler = e.Handler.WithAttrs(attrs)
	return &with
}

func (e *eventLog) WithGroup(name string) slog.Handler {
	with := *e
	with.Handler = e.Handler.WithGroup(name)
	return &with
}

func (e *eventLog) Handle(ctx context.Context, r slog.Record) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.line.Reset()
	if err := e.Handler.Handle(ctx, r); err != nil {
		return err
	}
	text := strings.TrimSpace(e.line.String())
	if len(text) > maxEvent {
		text = strings.ToValidUTF8(text[:maxEvent], "") + " …"
	}
	switch {
	case r.Level >= slog.LevelError:
		return e.events.Error(text)
	case r.Level >= slog.LevelWarn:
		return e.events.Warning(text)
	}
	return e.events.Info(text)
}
