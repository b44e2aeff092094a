// Package app is the receiver's process: it reads the configuration, opens the
// store and the listener, runs the engine, reloads and stops.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/common/version"
	toolkit "github.com/prometheus/exporter-toolkit/web"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/ingest/events"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/metered"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

// Options are the shape of the process; everything else is in the file.
type Options struct {
	ConfigFile string
	Web        *toolkit.FlagConfig
	// PublicAddress is HOST:PORT of the listener for events from outside; "":
	// there is none.
	PublicAddress string
	Logger        *slog.Logger
	// Now is the wall clock; nil: the system's.
	Now func() time.Time
	// Reload asks for the configuration to be read anew (SIGHUP).
	Reload <-chan struct{}
	// Listening, if set, is called with the addresses once requests are taken;
	// that of the public listener is the last.
	Listening func([]net.Addr)
}

// How long a stop may take: first the requests that are under way, then the
// attempts to deliver. What does not end in time is cut off, and the store
// knows of it.
const (
	requestGrace = 10 * time.Second
	// maxHeader is what a request's headers may have in bytes.
	maxHeader = 64 << 10
)

// App is a receiver that has been put together and not started yet.
type App struct {
	options  Options
	log      *slog.Logger
	store    *metered.Store
	engine   *engine.Engine
	server   *http.Server
	public   public
	bots     bots
	registry *prometheus.Registry
	live     atomic.Pointer[config.Config]
	storage  config.Storage
	holder   string // this process in leases
	reload   sync.Mutex
	reloads  reloadMetrics
	mend     mend
	loaded   loaded
}

type reloadMetrics struct {
	successful prometheus.Gauge
	at         prometheus.Gauge
}

// New reads the configuration and opens the store. Everything that can be
// wrong with what the user wrote is wrong here.
func New(o Options) (*App, error) {
	a := &App{options: o, log: o.Logger, holder: holder()}
	if file := *o.Web.WebConfigFile; file != "" {
		if err := toolkit.Validate(file); err != nil {
			return nil, fmt.Errorf("--web.config.file %s: %w", file, err)
		}
	}
	c, err := a.read()
	if err != nil {
		return nil, err
	}
	speaks, err := a.speak(c)
	if err != nil {
		return nil, err
	}
	relay, err := a.relay(c, speaks)
	if err != nil {
		return nil, err
	}
	a.live.Store(c)
	a.loaded.took(o.ConfigFile, time.Now())
	a.storage = c.Storage

	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		versioncollector.NewCollector("teamsrelay"),
	)
	auto := promauto.With(registry)
	a.reloads = reloadMetrics{
		successful: auto.NewGauge(prometheus.GaugeOpts{
			Name: "teamsrelay_config_last_reload_successful", Help: "Whether the last reload of the configuration succeeded.",
		}),
		at: auto.NewGauge(prometheus.GaugeOpts{
			Name: "teamsrelay_config_last_reload_success_timestamp_seconds", Help: "When the configuration was last read successfully.",
		}),
	}
	a.reloads.successful.Set(1)
	a.reloads.at.SetToCurrentTime()

	db, err := openStore(&a.storage, o.Logger, registry)
	if err != nil {
		return nil, err
	}
	a.store = db
	// The file is ours alone: whoever had an address is dead, and its posts
	// need not wait until the lease is over.
	if !db.Shared() {
		if err := db.Update(context.Background(), func(tx store.Tx) error { return tx.ReleaseLeases("") }); err != nil {
			a.log.Warn("The leases of the process before could not be taken back; what waits is told when they are over", "err", err)
		}
	}
	a.registry = registry
	if err := a.wire(relay); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := a.answer(speaks); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return a, nil
}

func (a *App) wire(relay engine.Config) (err error) {
	a.engine, err = engine.New(engine.Options{
		Store: a.store, Logger: a.log, Registerer: a.registry, Holder: a.holder, Now: a.options.Now,
	}, relay)
	if err != nil {
		return err
	}
	a.mend.engine, a.mend.log, a.mend.replica = a.engine, a.log, a.holder
	handlers, err := web.New(web.Options{
		Engine: a.engine, Store: a.store, Logger: a.log, Registry: a.registry,
		Version:       version.Info(),
		Path:          func(path string) string { return a.live.Load().PathDestination(path) },
		Event:         func(name string) *events.Source { return a.live.Load().Event(name) },
		EventPath:     func(path string) string { return a.live.Load().PathEvent(path) },
		AdminToken:    func() string { return a.live.Load().AdminToken.Reveal() },
		Subscriptions: func() []config.Subscription { return a.live.Load().Subscriptions },
		Configuration: a.configuration,
		Reload:        a.Reload,
		Messages:      &a.bots,
		Refusing:      a.store.Refusing,
	})
	if err != nil {
		return err
	}
	a.server = a.serverOf(handlers.Main)
	a.public = public{
		address: a.options.PublicAddress, log: a.log, failed: make(chan error, 1),
		server: func() *http.Server { return a.serverOf(handlers.Public) },
	}
	return nil
}

func (a *App) serverOf(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: handler, ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: maxHeader,
	}
}

// read loads the file; warnings go to the log.
func (a *App) read() (*config.Config, error) {
	c, problems := config.Load(a.options.ConfigFile, config.Env{Lookup: os.LookupEnv})
	if problems.Failed() {
		problems.WorstFirst() // the audit has its first line, and the card its first few
		return nil, problems
	}
	for _, p := range problems {
		a.log.Warn("Configuration", "problem", p.String())
	}
	if c.Rules != nil {
		for _, g := range c.Rules.Groups {
			if g.InfluxDB == "" {
				a.log.Warn("Rules about Telegraf's metrics never fire in the receiver: it gets none. Name their file in the rule_files of the Telegraf output instead, or query an InfluxDB", "file", g.File, "group", g.Name)
			}
		}
	}
	return c, nil
}

// Reload takes the configuration anew. When anything is wrong with it, the old
// one goes on and the error has every mistake.
func (a *App) Reload(ctx context.Context) error {
	a.reload.Lock()
	defer a.reload.Unlock()
	if err := a.tryReload(ctx); err != nil {
		a.reloads.successful.Set(0)
		a.mend.broken(err)
		a.loaded.failed(err, time.Now())
		a.log.Error("The configuration was not reloaded; the old one goes on", "err", err)
		return err
	}
	a.reloads.successful.Set(1)
	a.reloads.at.SetToCurrentTime()
	a.loaded.took(a.options.ConfigFile, time.Now())
	a.mend.mended(ctx)
	a.log.Info("The configuration was reloaded", "file", a.options.ConfigFile)
	return nil
}

func (a *App) tryReload(ctx context.Context) error {
	c, err := a.read()
	if err != nil {
		return err
	}
	if !sameStore(&c.Storage, &a.storage) {
		return errors.New("storage.url has changed; restart teamsrelay to move to another store")
	}
	speaks, err := a.speak(c)
	if err != nil {
		return err
	}
	relay, err := a.relay(c, speaks)
	if err != nil {
		return err
	}
	if c.Public() { // before anything is changed: its port may be taken
		if err := a.public.set(true); err != nil {
			return err
		}
	}
	if err := a.engine.Reload(ctx, relay); err != nil {
		return errors.Join(err, a.public.set(a.live.Load().Public()))
	}
	a.live.Store(c)
	return errors.Join(a.answer(speaks), a.public.set(c.Public()))
}

// Run serves until ctx ends. Then it takes no more requests, answers those
// that are under way, lets attempts to deliver end, and closes the store.
func (a *App) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, a.store.Close()) }()
	listeners, err := a.listen()
	if err != nil {
		return err
	}
	if err := a.public.set(a.live.Load().Public()); err != nil {
		for _, listener := range listeners {
			_ = listener.Close()
		}
		return err
	}
	a.log.Info("Starting teamsrelay", "version", version.Version, "config", a.options.ConfigFile, "store", storeName(&a.storage), "replica", a.holder)
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	done := make(chan error, 2)
	go func() { done <- a.engine.Run(working) }()
	go func() {
		err := toolkit.ServeMultiple(listeners, a.server, a.options.Web, a.log)
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
		done <- err
	}()
	running := 2
	a.mend.mended(working)
	defer a.mend.stop()
	a.announce(listeners)

	for waiting := true; waiting; {
		select {
		case <-ctx.Done():
			waiting = false
		case <-a.options.Reload:
			a.hangup(working)
		case err = <-done:
			running--
			waiting = false
		case err = <-a.public.failed:
			waiting = false
		}
	}
	a.log.Info("Stopping: requests and deliveries that are under way will end first")
	grace, cancel := context.WithTimeout(context.Background(), requestGrace)
	defer cancel()
	var outside sync.WaitGroup
	outside.Go(func() { _ = a.public.set(false) }) // closing has no error
	if shut := a.server.Shutdown(grace); shut != nil {
		a.log.Warn("Requests were cut off; their senders will try again", "err", shut)
		_ = a.server.Close()
	}
	outside.Wait()
	if s := a.bots.current(); s != nil {
		s.stop() // what people said is worked before the engine stops
	}
	stop()
	for ; running > 0; running-- {
		err = errors.Join(err, <-done)
	}
	a.log.Info("Stopped")
	return err
}

// listen opens the listeners, so that a port that is taken is an error before
// anything is done.
func (a *App) listen() ([]net.Listener, error) {
	if a.options.Web.WebSystemdSocket != nil && *a.options.Web.WebSystemdSocket {
		return nil, errors.New("systemd socket activation is not available; use --web.listen-address")
	}
	var listeners []net.Listener
	for _, address := range *a.options.Web.WebListenAddresses {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			for _, open := range listeners {
				_ = open.Close()
			}
			return nil, fmt.Errorf("%w; --web.listen-address must be HOST:PORT on this machine, and nothing else may listen there", err)
		}
		listeners = append(listeners, listener)
	}
	return listeners, nil
}

func (a *App) announce(listeners []net.Listener) {
	addresses := make([]net.Addr, len(listeners), len(listeners)+1)
	for i, listener := range listeners {
		addresses[i] = listener.Addr()
		a.log.Info("Taking alerts", "address", listener.Addr().String())
	}
	if at := a.public.addr(); at != nil {
		addresses = append(addresses, at)
	}
	if a.options.Listening != nil {
		a.options.Listening(addresses)
	}
}
