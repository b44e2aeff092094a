// Package teamstest is a simulated Microsoft Teams: it takes what a Workflows
// webhook takes, judges it as Teams would, does what a bad day in Teams does
// when told to, and shows the cards on a page. Tests use it, and so does
// `teamsrelay simulate`.
//
// Over HTTP:
//
//	POST   /workflow/{name}         a webhook; every name is one
//	GET    /messages?webhook=NAME   what came in, as a JSON array of Message, oldest first
//	DELETE /messages                forget it
//	GET    /faults                  the faults that wait, by webhook
//	POST   /faults                  {"webhook": "ops", "faults": [Fault…]}; see Fault
//	DELETE /faults                  forget them
//	GET    /                        the page
//	GET    /events                  what came in and what comes in, as server-sent events
package teamstest

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	// maxMessage is what a webhook takes, in bytes: 28 KB (teams-platform §1.4).
	maxMessage = 28 << 10
	// defaultKeep is how many messages are kept when Options does not say.
	defaultKeep = 1000
	// maxWebhooks bounds how many names are remembered: anyone may post.
	maxWebhooks = 1000
)

// RealThrottle is what Teams allows a webhook: 4 requests in a second
// (teams-platform §1.4).
var RealThrottle = []Window{{Requests: 4, Per: time.Second}}

// Window allows a number of requests in a span of time.
type Window struct {
	Requests int
	Per      time.Duration
}

// Options say how strict the simulated Teams is.
type Options struct {
	// Throttle refuses with 429 what does not fit into every window, for each
	// webhook by itself; nil: everything is taken.
	Throttle []Window
	// Keep is how many messages are remembered, the oldest go first; 0: 1000.
	Keep int
}

// Message is a card that came in, or a request that held none. A request with
// several cards makes several messages, as it does in Teams.
type Message struct {
	ID      int       `json:"id"` // counts from 1, over all webhooks
	Webhook string    `json:"webhook"`
	At      time.Time `json:"at"`
	Summary string    `json:"summary"`
	// Status is what was answered; 0: nothing, the connection was cut.
	Status int `json:"status"`
	// Shown: people in Teams would see the card. A 202 alone does not say so.
	Shown  bool   `json:"shown"`
	Reason string `json:"reason,omitempty"` // why it is not shown
	Bytes  int    `json:"bytes"`            // of the whole request
	Card   Card   `json:"card"`
}

// Server is the simulated Teams. It is ready when New returns, and serves
// HTTP by itself, through a listener or through Transport.
type Server struct {
	throttle []Window
	keep     int
	life     string // names this server among those that ran before it
	handler  http.Handler
	closed   chan struct{}
	close    func()

	mu       sync.Mutex
	messages []Message
	lastID   int
	shown    int // messages ever shown, also those forgotten since
	cleared  int // how often the messages were cleared
	webhooks map[string]*webhook
	changed  chan struct{} // closed and made anew when something above changes
}

// webhook is what is remembered of one name.
type webhook struct {
	taken  []time.Time // requests inside the longest window
	faults []Fault
}

// New makes a simulated Teams without faults.
func New(o Options) *Server {
	s := &Server{
		throttle: o.Throttle,
		keep:     o.Keep,
		life:     strconv.FormatInt(time.Now().UnixNano(), 36),
		closed:   make(chan struct{}),
		webhooks: map[string]*webhook{},
		changed:  make(chan struct{}),
	}
	if s.keep <= 0 {
		s.keep = defaultKeep
	}
	s.close = sync.OnceFunc(func() { close(s.closed) })
	s.handler = s.routes()
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Close ends what would otherwise last as long as the server: the streams of
// pages, and requests that hang. Give it to http.Server.RegisterOnShutdown.
func (s *Server) Close() { s.close() }

// Messages is what came in through a webhook, oldest first; "" means all.
func (s *Server) Messages(webhook string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.messagesAfter(0, webhook)
}

// Shown is what people would see in the channel of a webhook, oldest first;
// "" means all.
func (s *Server) Shown(webhook string) []Message {
	var shown []Message
	for _, m := range s.Messages(webhook) {
		if m.Shown {
			shown = append(shown, m)
		}
	}
	return shown
}

// WaitFor waits until n cards have been shown since New or Clear, and returns
// those that are remembered. It ends early, with ctx's error, when ctx does.
func (s *Server) WaitFor(ctx context.Context, n int) ([]Message, error) {
	for {
		s.mu.Lock()
		enough, changed := s.shown >= n, s.changed
		s.mu.Unlock()
		if enough {
			return s.Shown(""), nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return s.Shown(""), ctx.Err()
		}
	}
}

// Clear forgets the messages; faults stay.
func (s *Server) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages, s.shown = nil, 0
	s.cleared++
	s.tell()
}

// messagesAfter needs the lock.
func (s *Server) messagesAfter(id int, webhook string) []Message {
	after := []Message{}
	// Ids have no gaps, so the newer ones are the last (lastID - id).
	for _, m := range s.messages[max(0, len(s.messages)-max(0, s.lastID-id)):] {
		if webhook == "" || m.Webhook == webhook {
			after = append(after, m)
		}
	}
	return after
}

// record keeps messages and wakes whoever waits for them.
func (s *Server) record(messages ...Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range messages {
		s.lastID++
		m.ID = s.lastID
		if m.Shown {
			s.shown++
		}
		s.messages = append(s.messages, m)
	}
	if extra := len(s.messages) - s.keep; extra > 0 {
		clear(s.messages[:extra]) // their cards can go before the array does
		s.messages = s.messages[extra:]
	}
	s.tell()
}

// tell needs the lock.
func (s *Server) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// webhookNamed needs the lock; nil when there are too many already.
func (s *Server) webhookNamed(name string) *webhook {
	w, ok := s.webhooks[name]
	if !ok {
		if len(s.webhooks) >= maxWebhooks {
			return nil
		}
		w = &webhook{}
		s.webhooks[name] = w
	}
	return w
}

// admit counts a request of a webhook against the throttle and returns how
// long to stay away when it does not fit. Only what was taken counts.
func (s *Server) admit(w *webhook, now time.Time) (wait time.Duration, ok bool) {
	var longest time.Duration
	for _, window := range s.throttle {
		longest = max(longest, window.Per)
	}
	for len(w.taken) > 0 && now.Sub(w.taken[0]) >= longest {
		w.taken = w.taken[1:]
	}
	for _, window := range s.throttle {
		if len(w.taken) < window.Requests {
			continue
		}
		// There is room once the request that many back has left the window.
		oldest := w.taken[len(w.taken)-window.Requests]
		wait = max(wait, window.Per-now.Sub(oldest))
	}
	if wait > 0 {
		return wait, false
	}
	if longest > 0 {
		w.taken = append(w.taken, now)
	}
	return 0, true
}
