package teamstest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxControl bounds what POST /faults reads, in bytes.
const maxControl = 1 << 20

var webhookName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /workflow/{name}", s.take)
	mux.HandleFunc("GET /messages", s.listMessages)
	mux.HandleFunc("DELETE /messages", func(w http.ResponseWriter, _ *http.Request) {
		s.Clear()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, s.Faults()) })
	mux.HandleFunc("POST /faults", s.queueFaults)
	mux.HandleFunc("DELETE /faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /events", s.streamEvents)
	mux.HandleFunc("GET /bot", s.showDirectory)
	mux.HandleFunc("POST /bot/{deed}", s.doDeed)
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", s.serveToken)
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", s.serveEntra)
	mux.HandleFunc("GET /{tenant}/discovery/v2.0/keys", s.serveEntraKeys)
	mux.HandleFunc("GET /common/discovery/instance", s.serveInstances)
	mux.HandleFunc("GET /v1/.well-known/openidconfiguration", s.serveMetadata)
	mux.HandleFunc("GET /v1/.well-known/keys", s.serveKeySet)
	pages(mux)
	// Pages of others must not make a browser post or delete here.
	return http.NewCrossOriginProtection().Handler(s.withServices(mux))
}

// withServices gives the connector and Graph what is for them.
func (s *Server) withServices(others http.Handler) http.Handler {
	connector := s.connector()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path, ok := strings.CutPrefix(r.URL.EscapedPath(), graphVersion+"/"); ok {
			s.serveGraph(w, r, "/"+path)
			return
		}
		escaped, ok := connectorPath(r.URL.EscapedPath())
		if !ok {
			others.ServeHTTP(w, r)
			return
		}
		path, err := url.PathUnescape(escaped)
		if err != nil {
			write(w, http.StatusBadRequest, errorBody("BadArgument", "The path cannot be read."))
			return
		}
		within := r.Clone(r.Context())
		within.URL.Path, within.URL.RawPath = path, escaped
		connector.ServeHTTP(w, within)
	})
}

// take is a webhook.
func (s *Server) take(w http.ResponseWriter, r *http.Request) {
	arrived := time.Now()
	name := r.PathValue("name")
	if !webhookName.MatchString(name) {
		http.Error(w, "a webhook's name is up to 64 letters, digits, dots, dashes and underscores", http.StatusNotFound)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxMessage+1))
	if err != nil {
		return // the client went away; nothing arrived
	}
	fault, wait, ok := s.meet(name, arrived)
	if !ok {
		http.Error(w, "there are too many webhooks already", http.StatusNotFound)
		return
	}
	v := judge(body)
	if reason, refused := fault.refuses(); refused {
		v = v.refusedBy(fault.status(), reason)
	} else if wait > 0 {
		fault.RetryAfter = wait
		v = v.refusedBy(http.StatusTooManyRequests, "more requests than the throttle allows")
	} else if fault.Status != 0 && v.status == http.StatusAccepted {
		v.status = fault.Status
	}
	if fault.Cut != "" {
		v.status = 0
	}
	for i := range v.messages {
		m := &v.messages[i]
		m.Webhook, m.At, m.Status, m.Bytes = name, arrived.UTC(), v.status, len(body)
	}
	s.record(v.messages...)
	s.answer(w, r, v.status, fault)
}

// meet counts the request of a webhook and takes the fault that it meets.
// wait is above zero when the throttle refuses it; ok is false when there are
// too many webhooks.
func (s *Server) meet(name string, now time.Time) (fault Fault, wait time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	hook := s.webhookNamed(name)
	if hook == nil {
		return Fault{}, 0, false
	}
	if wait, ok := hook.admit(s.throttle, now); !ok {
		return Fault{}, wait, true
	}
	return s.nextFault(name, AnyWebhook), 0, true
}

// refusedBy is the verdict after something else than the message decided.
func (v verdict) refusedBy(status int, reason string) verdict {
	refused := verdict{status: status}
	for _, m := range v.messages {
		m.Shown, m.Reason = false, reason
		refused.messages = append(refused.messages, m)
	}
	return refused
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, status int, fault Fault) {
	s.misbehave(r, fault)
	if fault.RetryAfter > 0 {
		w.Header().Set("Retry-After", seconds(fault.RetryAfter))
	}
	if fault.Body != "" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, fault.Body) // a client that is gone misses nothing
}

func (s *Server) listMessages(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if id := query.Get("conversation"); id != "" {
		answerJSON(w, s.Posted(bare(id)))
		return
	}
	answerJSON(w, s.Messages(query.Get("webhook")))
}

func (s *Server) queueFaults(w http.ResponseWriter, r *http.Request) {
	var order struct {
		Webhook      string  `json:"webhook"`
		Conversation string  `json:"conversation"`
		Service      string  `json:"service"`
		Faults       []Fault `json:"faults"`
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControl))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&order); err != nil {
		http.Error(w, fmt.Sprintf("this is not a list of faults: %v\nwrite it like {\"webhook\": \"ops\", \"faults\": [{\"status\": 429, \"retry_after\": \"2s\", \"times\": 3}]}", err), http.StatusBadRequest)
		return
	}
	switch {
	case order.Conversation != "":
		if _, ok := s.Conversation(order.Conversation); !ok {
			http.Error(w, "there is no such conversation; GET /bot lists them", http.StatusBadRequest)
			return
		}
		s.BotFault(order.Conversation, order.Faults...)
	case order.Service != "":
		if !slices.Contains(services, order.Service) {
			http.Error(w, fmt.Sprintf("service is one of %q", services), http.StatusBadRequest)
			return
		}
		s.BotFault(order.Service, order.Faults...)
	case order.Webhook != AnyWebhook && !webhookName.MatchString(order.Webhook):
		http.Error(w, "webhook is not a webhook's name; leave it out to mean all of them", http.StatusBadRequest)
		return
	default:
		s.Fault(order.Webhook, order.Faults...)
	}
	w.WriteHeader(http.StatusNoContent)
}

// streamEvents tells a page what came in and what comes in: an event
// "message" for each that is new or has changed, "cleared" when all before it
// is forgotten, and "bot" with the directory, at first and when it changes.
func (s *Server) streamEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	stream := http.NewResponseController(w)
	// A page that reconnects names the last event it has seen.
	life, seen, _ := strings.Cut(r.Header.Get("Last-Event-ID"), "-")
	last, _ := strconv.Atoi(seen)
	s.mu.Lock()
	cleared := s.cleared
	s.mu.Unlock()
	if life != "" && life != s.life {
		// It has seen another server, whose numbers mean nothing here.
		last, cleared = 0, cleared-1
	}
	known := -1
	for {
		s.mu.Lock()
		entries, changed, clearedNow := s.changedAfter(last), s.changed, s.cleared
		version, around := s.bot.version, s.directory()
		s.mu.Unlock()
		if version != known {
			known = version
			if data, err := json.Marshal(around); err == nil {
				fmt.Fprintf(w, "event: bot\ndata: %s\n\n", data)
			}
		}
		if clearedNow != cleared {
			cleared = clearedNow
			fmt.Fprint(w, "event: cleared\ndata: {}\n\n")
		}
		for _, e := range entries {
			last = e.change
			data, err := json.Marshal(e) // one line: JSON escapes line breaks
			if err != nil {
				continue
			}
			fmt.Fprintf(w, "id: %s-%d\nevent: message\ndata: %s\n\n", s.life, e.change, data)
		}
		if stream.Flush() != nil {
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		case <-s.closed:
			return
		}
	}
}

func answerJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // a client that is gone misses nothing
}
