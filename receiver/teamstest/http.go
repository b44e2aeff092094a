package teamstest

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"regexp"
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
	pages(mux)
	// Pages of others must not make a browser post or delete here.
	return http.NewCrossOriginProtection().Handler(mux)
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
	if wait, ok := s.admit(hook, now); !ok {
		return Fault{}, wait, true
	}
	return s.nextFault(hook), 0, true
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
	if fault.Hang {
		select {
		case <-r.Context().Done():
		case <-s.closed:
		}
		panic(http.ErrAbortHandler)
	}
	if fault.Latency > 0 {
		timer := time.NewTimer(fault.Latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		case <-s.closed:
		}
	}
	if fault.Cut != "" {
		panic(http.ErrAbortHandler) // net/http closes the connection
	}
	if fault.RetryAfter > 0 {
		seconds := int(math.Ceil(fault.RetryAfter.Seconds()))
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	if fault.Body != "" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, fault.Body) // a client that is gone misses nothing
}

func (s *Server) listMessages(w http.ResponseWriter, r *http.Request) {
	answerJSON(w, s.Messages(r.URL.Query().Get("webhook")))
}

func (s *Server) queueFaults(w http.ResponseWriter, r *http.Request) {
	var order struct {
		Webhook string  `json:"webhook"`
		Faults  []Fault `json:"faults"`
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControl))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&order); err != nil {
		http.Error(w, fmt.Sprintf("this is not a list of faults: %v\nwrite it like {\"webhook\": \"ops\", \"faults\": [{\"status\": 429, \"retry_after\": \"2s\", \"times\": 3}]}", err), http.StatusBadRequest)
		return
	}
	if order.Webhook != AnyWebhook && !webhookName.MatchString(order.Webhook) {
		http.Error(w, "webhook is not a webhook's name; leave it out to mean all of them", http.StatusBadRequest)
		return
	}
	s.Fault(order.Webhook, order.Faults...)
	w.WriteHeader(http.StatusNoContent)
}

// streamEvents tells a page what came in and what comes in: an event
// "message" each, and "cleared" when all before it is forgotten.
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
	for {
		s.mu.Lock()
		messages, changed, clearedNow := s.messagesAfter(last, ""), s.changed, s.cleared
		s.mu.Unlock()
		if clearedNow != cleared {
			cleared = clearedNow
			fmt.Fprint(w, "event: cleared\ndata: {}\n\n")
		}
		for _, m := range messages {
			data, err := json.Marshal(m) // one line: JSON escapes line breaks
			if err != nil {
				continue
			}
			fmt.Fprintf(w, "id: %s-%d\nevent: message\ndata: %s\n\n", s.life, m.ID, data)
			last = m.ID
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
