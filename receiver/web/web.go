// Package web is the main listener: ingest, the API that the commands use,
// metrics and management.
package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/ingest/alertmanager"
	"github.com/teamsrelay/teamsrelay/receiver/ingest/events"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Options are what the pages and the API speak about.
type Options struct {
	Engine   *engine.Engine
	Store    store.Store
	Logger   *slog.Logger
	Registry *prometheus.Registry
	Version  string
	// Path finds the destination of one of its extra ingest paths, "" when
	// the path is nobody's.
	Path func(path string) string
	// Event finds an event source by its name, nil when there is none.
	Event func(name string) *events.Source
	// EventPath finds the event source behind one of its extra paths, "" when
	// the path is nobody's.
	EventPath func(path string) string
	// Messages takes what Teams sends to the bot.
	Messages http.Handler
	// Subscriptions are those of the configuration.
	Subscriptions func() []config.Subscription
	// Configuration is what is loaded.
	Configuration func() Configuration
	// AdminToken is the current one, "" when there is none.
	AdminToken func() string
	// Refusing is since when nothing can be stored, as far as is known; zero: it can.
	Refusing func() time.Time
	// Reload reads the configuration anew; its error has one mistake a line.
	Reload func(context.Context) error
}

type server struct {
	Options
	refusals refusals
}

// Handlers are what the listeners serve.
type Handlers struct {
	Main http.Handler
	// Public takes events of sources that have credentials, what Teams sends to
	// the bot, and nothing else.
	Public http.Handler
}

// New returns the handlers of the listeners.
func New(o Options) (Handlers, error) {
	s := &server{Options: o}
	refused := promauto.With(o.Registry).NewCounterVec(prometheus.CounterOpts{
		Name: "teamsrelay_requests_refused_total", Help: "Requests with alerts that were not taken, by HTTP status.",
	}, []string{"status"})
	for _, status := range []int{400, 401, 403, 404, 405, 413, 503} {
		refused.WithLabelValues(statusLabel(status))
	}
	in := &alertmanager.Handler{
		Snapshot: o.Engine.Snapshot, Posted: o.Engine.Posted,
		Destination: s.destination, ResolveTimeout: o.Engine.ResolveTimeout,
		Now: o.Engine.Now, Logger: o.Logger,
		Refused: func(status int) { refused.WithLabelValues(statusLabel(status)).Inc() },
	}
	takes := func(public bool) *events.Handler {
		return &events.Handler{
			Source: o.Event, Snapshot: o.Engine.Snapshot, Now: o.Engine.Now, Logger: o.Logger, Public: public,
			Refused: func(status int) { refused.WithLabelValues(statusLabel(status)).Inc() },
		}
	}
	seen := newRequests(o.Registry)
	main := seen.watch(wayEvents, takes(false))
	webhook := seen.watch(wayAlertmanager, http.HandlerFunc(in.Webhook))

	mux := http.NewServeMux()
	taken := map[string]http.Handler{
		"POST /alertmanager": webhook, "POST /alertmanager/{destination}": webhook,
		"POST /api/v2/alerts": seen.watch(wayAPI, http.HandlerFunc(in.Alerts)),
	}
	for pattern, takes := range taken {
		mux.Handle(pattern, takes)
	}
	mux.Handle("/events/{source}", main)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if source := o.EventPath(r.URL.Path); source != "" {
			r.SetPathValue("source", source)
			main.ServeHTTP(w, r)
			return
		}
		destination := o.Path(r.URL.Path)
		if r.Method != http.MethodPost {
			switch pattern := posted(mux, r); {
			case destination != "" || taken[pattern] != nil:
				in.NotPosted(w, r)
			case pattern != "" && pattern != "/":
				w.Header().Set("Allow", http.MethodPost)
				refuse(w, http.StatusMethodNotAllowed, "this is done with POST", "send it with POST, as curl --request POST does")
			default:
				refuse(w, http.StatusNotFound, "there is nothing at "+r.URL.EscapedPath(), "see / for what there is")
			}
			return
		}
		if destination == "" {
			refuse(w, http.StatusNotFound, "nothing takes POST "+r.URL.EscapedPath(),
				"post to /alertmanager, /alertmanager/DESTINATION, /api/v2/alerts, /events/SOURCE or one of the paths in the configuration")
			return
		}
		r.SetPathValue("destination", destination)
		webhook.ServeHTTP(w, r)
	})

	mux.HandleFunc("GET /-/healthy", s.healthy)
	mux.HandleFunc("GET /-/ready", s.ready)
	mux.Handle("POST /-/reload", s.admin(s.reload))
	mux.Handle("GET /metrics", promhttp.InstrumentMetricHandler(o.Registry,
		promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{Registry: o.Registry})))
	mux.Handle("GET /debug/pprof/", s.admin(s.profiled(pprof.Index)))
	mux.Handle("GET /debug/pprof/profile", s.admin(s.profiled(pprof.Profile)))

	s.pages(mux)

	mux.HandleFunc("GET /api/v1/alerts", s.alerts)
	mux.HandleFunc("GET /api/v1/alerts/{id}", s.alert)
	mux.HandleFunc("GET /api/v1/alerts/{id}/posts", s.posts)
	mux.Handle("POST /api/v1/alerts/{id}/{verb}", s.admin(s.act))
	mux.HandleFunc("GET /api/v1/silences", s.silences)
	mux.Handle("DELETE /api/v1/silences/{id}", s.admin(s.expire))
	mux.HandleFunc("GET /api/v1/subscriptions", s.subscriptions)
	mux.Handle("POST /api/v1/subscriptions", s.admin(s.subscribe))
	mux.Handle("DELETE /api/v1/subscriptions/{id}", s.admin(s.unsubscribe))
	mux.HandleFunc("GET /api/v1/users", s.users)
	mux.HandleFunc("GET /api/v1/users/{name}", s.user)
	mux.Handle("POST /api/v1/users/{name}/retry", s.admin(s.retryUser))
	mux.HandleFunc("GET /api/v1/rosters", s.rosters)
	mux.HandleFunc("GET /api/v1/heartbeats", s.heartbeats)
	mux.HandleFunc("GET /api/v1/audit", s.audit)
	mux.HandleFunc("GET /api/v1/deliveries", s.deliveries)
	mux.HandleFunc("GET /api/v1/deliveries/{id}", s.delivery)
	mux.HandleFunc("GET /api/v1/dead-letters", s.deadLetters)
	mux.Handle("POST /api/v1/dead-letters/replay", s.admin(s.replay))
	mux.HandleFunc("GET /api/v1/dead-letters/replays/{id}", s.replayed)
	mux.Handle("POST /api/v1/dead-letters/replays/{id}/stop", s.admin(s.stopReplay))
	mux.Handle("POST /api/v1/dead-letters/{id}/replay", s.admin(s.replay))
	mux.Handle("DELETE /api/v1/dead-letters/{id}", s.admin(s.drop))
	mux.HandleFunc("GET /api/v1/destinations", s.destinations)
	mux.HandleFunc("GET /api/v1/destinations/{name}", s.oneDestination)
	mux.Handle("POST /api/v1/destinations", s.admin(s.addDestination))
	mux.Handle("DELETE /api/v1/destinations/{name}", s.admin(s.removeDestination))
	mux.Handle("PUT /api/v1/destinations/{name}/url", s.admin(s.rotateDestination))
	mux.Handle("POST /api/v1/destinations/{name}/enable", s.admin(s.enableDestination))
	mux.Handle("POST /api/v1/destinations/{name}/disable", s.admin(s.disableDestination))
	mux.Handle("POST /api/v1/destinations/{name}/test", s.admin(s.test))
	outside := http.NewServeMux()
	outside.Handle("/events/{source}", seen.watch(wayEvents, new(room).within(takes(true))))
	outside.Handle("/api/messages", o.Messages)
	return Handlers{Main: queryOnly(ownNames(mux)), Public: outside}, nil
}

// posted is the pattern that a request would have if it were a POST; "" or "/":
// there is none.
func posted(mux *http.ServeMux, r *http.Request) string {
	as := r.WithContext(r.Context()) // a copy
	as.Method = http.MethodPost
	_, pattern := mux.Handler(as)
	return pattern
}

// queryOnly has what is asked for be read from the URL. Request.FormValue reads
// a multipart body too, of whatever method and length, and writes it to disk.
func queryOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Form = r.URL.Query()
		next.ServeHTTP(w, r)
	})
}

func (s *server) destination(name string) string {
	for _, d := range s.Engine.Destinations() {
		if d.Name == name {
			return name
		}
	}
	return ""
}

func (s *server) healthy(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write([]byte("OK\n"))
}

// ready says whether an alert could be taken now. It speaks of us, not of
// Microsoft.
func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	if err := s.Store.Check(ctx); err != nil {
		s.Logger.Error("Not ready", "err", err)
		http.Error(w, "the store cannot be written", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("OK\n"))
}

func (s *server) reload(w http.ResponseWriter, r *http.Request) {
	if err := s.Reload(r.Context()); err != nil {
		s.noted(r, actionReload, "configuration", "failed: "+firstLine(err.Error()))
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s.noted(r, actionReload, "configuration", "reloaded")
	_, _ = w.Write([]byte("OK\n"))
}
