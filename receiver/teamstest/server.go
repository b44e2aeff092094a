// Package teamstest is a simulated Microsoft Teams: it takes what a Workflows
// webhook takes, judges it as Teams would, does what a bad day in Teams does
// when told to, and shows the cards on a page. It is Microsoft's side of a bot
// too: the connector that a bot posts to, the sign-in that gives it tokens, the
// keys that its own tokens are checked with, and people who talk to the bot and
// press its buttons. Tests use it, and so does `teamsrelay simulate`.
//
// Over HTTP:
//
//	POST   /workflow/{name}         a webhook; every name is one
//	GET    /messages                what came in, as a JSON array of Message, oldest first;
//	                                ?webhook=NAME or ?conversation=ID: of that one
//	DELETE /messages                forget it
//	GET    /faults                  the faults that wait, by what they are for
//	POST   /faults                  {"webhook": "ops", "faults": [Fault…]}; see Fault. Instead
//	                                of webhook: "conversation": ID, or "service": one of
//	                                "connector", "sign-in", "keys", or a Call ("graph install")
//	DELETE /faults                  forget them
//	GET    /                        the page
//	GET    /events                  what came in and what comes in, as server-sent events
//	…      /v1.0/…                  Microsoft Graph (teams-platform §5): users, groups, tags, the
//	                                catalogue, installed apps, chats, $batch
//	…      /{region}/v3/…           the connector (teams-platform §2.3); also /{region}/{tenant}/v3/…
//	POST   /{tenant}/oauth2/v2.0/token                         sign-in, for the bot
//	GET    /{tenant}/v2.0/.well-known/openid-configuration     and what a client wants to know of it
//	GET    /v1/.well-known/openidconfiguration                 what a bot checks tokens with
//	GET    /v1/.well-known/keys
//	GET    /bot, POST /bot/{deed}   who is there, and what the page does as one of them; scripts also
//	                                put people into a Situation there ("become", "arrive")
//
// Microsoft's own library signs in over https only. Without sockets, Transport
// carries its requests, whatever host they are for; with them, serve it by
// httptest.NewTLSServer, whose Client trusts it.
package teamstest

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	// maxMessage is what a webhook takes, in bytes: 28 KB (teams-platform §1.4).
	maxMessage = 28 << 10
	// maxSending is how many installations the bot is told of at a time.
	maxSending = 16
	// defaultKeep is how many messages are kept when Options does not say.
	defaultKeep = 1000
	// maxWebhooks bounds how many names are remembered: anyone may post.
	maxWebhooks = 1000
)

// Options say how strict the simulated Teams is.
type Options struct {
	// Throttle refuses with 429 what does not fit into every window, for each
	// webhook by itself; nil: everything is taken.
	Throttle []Window
	// Keep is how many messages are remembered, the oldest go first; 0: 1000.
	Keep int
	// Watch, if set, is called with every message that is new or has changed,
	// one after the other, as people see them. It must not ask the server
	// anything.
	Watch func(Message)
	// Bot is the bot that the simulated Teams knows; zero: one that nobody
	// answers for, and that needs no tokens.
	Bot Bot
	// Graph is Microsoft Graph as the bot's application sees it; zero: with
	// RecommendedRoles, DefaultApp, and no limits.
	Graph GraphOptions
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

	// What follows is of messages in the bot's conversations.

	Conversation string `json:"conversation,omitempty"` // without ";messageid="
	MessageID    string `json:"message_id,omitempty"`   // what Microsoft calls the activity's id
	// Thread is the MessageID of the thread's first message; "" where there
	// are no threads.
	Thread string `json:"thread,omitempty"`
	From   string `json:"from,omitempty"` // the name of whom it is from
	Text   string `json:"text,omitempty"`
	// Mentions are the names of those whom the text mentions as Teams wants
	// it: other names in angle brackets are only text.
	Mentions []string `json:"mentions,omitempty"`
	Edited   int      `json:"edited"`  // how often the bot replaced it
	Replies  int      `json:"replies"` // that are there, of a thread's first message
	Deleted  bool     `json:"deleted,omitempty"`
	// Answers are the cards that only one user sees, by the user's name: what
	// the bot answered to a press. They go when the bot replaces the message.
	Answers map[string]Card `json:"answers,omitempty"`
	// Reactions are the names of the users who reacted, by kind ("like").
	Reactions map[string][]string `json:"reactions,omitempty"`
	// Activity is the message as the bot sent it.
	Activity json.RawMessage `json:"-"`
}

// CardFor is the card that a user sees.
func (m Message) CardFor(user string) Card {
	if answer, ok := m.Answers[user]; ok {
		return answer
	}
	return m.Card
}

// Server is the simulated Teams. It is ready when New returns, and serves
// HTTP by itself, through a listener or through Transport.
type Server struct {
	throttle []Window
	keep     int
	watch    func(Message)
	life     string // names this server among those that ran before it
	handler  http.Handler
	closed   chan struct{}
	close    func()
	sending  chan struct{} // holds a place for each who tells the bot of an installation

	mu                  sync.Mutex
	messages            []*entry          // oldest first
	posted              map[string]*entry // those in the bot's conversations, by conversation and id
	lastID              int
	changes             int // counts what happened to messages
	shown               int // messages ever shown, also those forgotten since
	cleared             int // how often the messages were cleared
	webhooks            map[string]*meter
	faults              map[string][]Fault
	bot                 *bot
	graph               *graph
	signIns, keyFetches int           // how often each was asked for
	changed             chan struct{} // closed and made anew when something above changes
}

// entry is a message that is remembered.
type entry struct {
	Message
	change int // the number of the last change
	// ByUser: a user of Teams wrote it.
	ByUser bool `json:"by_user,omitempty"`
}

// New makes a simulated Teams without faults.
func New(o Options) *Server {
	s := &Server{
		throttle: o.Throttle,
		keep:     o.Keep,
		watch:    o.Watch,
		life:     strconv.FormatInt(time.Now().UnixNano(), 36),
		closed:   make(chan struct{}),
		posted:   map[string]*entry{},
		webhooks: map[string]*meter{},
		faults:   map[string][]Fault{},
		bot:      newBot(o.Bot),
		graph:    newGraph(o.Graph, o.Bot.Signed),
		sending:  make(chan struct{}, maxSending),
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

// Messages is what came in, oldest first: through a webhook, or, with "", all,
// also what the bot posted. What users wrote is not among it.
func (s *Server) Messages(webhook string) []Message {
	return s.selected(func(m Message) bool { return webhook == "" || m.Webhook == webhook })
}

// Posted is what the bot posted to a conversation, oldest first; "" means all.
func (s *Server) Posted(conversation string) []Message {
	return s.selected(func(m Message) bool {
		return m.Conversation != "" && (conversation == "" || m.Conversation == conversation)
	})
}

// selected are the messages that are wanted, without what users wrote.
func (s *Server) selected(wanted func(Message) bool) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []Message{}
	for _, e := range s.messages {
		if !e.ByUser && wanted(e.Message) {
			found = append(found, e.Message)
		}
	}
	return found
}

// Shown is what people would see in the channel of a webhook, oldest first;
// "" means all, also what the bot posted.
func (s *Server) Shown(webhook string) []Message {
	var shown []Message
	for _, m := range s.Messages(webhook) {
		if m.Shown {
			shown = append(shown, m)
		}
	}
	return shown
}

// WaitFor waits until n messages have been shown since New or Clear, edits not
// counted, and returns those that are remembered. It ends early, with ctx's
// error, when ctx does.
func (s *Server) WaitFor(ctx context.Context, n int) ([]Message, error) {
	err := s.Until(ctx, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.shown >= n
	})
	return s.Shown(""), err
}

// Until waits until something is true, and looks whenever a message comes or
// changes. It ends early, with ctx's error, when ctx does.
func (s *Server) Until(ctx context.Context, holds func() bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if holds() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Clear forgets the messages; faults stay.
func (s *Server) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages, s.shown = nil, 0
	clear(s.posted)
	s.cleared++
	s.tell()
}

// changedAfter are the messages that are new or were changed after a change,
// and the number of the last change. It needs the lock.
func (s *Server) changedAfter(change int) []*entry {
	var after []*entry
	for _, e := range s.messages {
		if e.change > change {
			copied := *e
			after = append(after, &copied)
		}
	}
	slices.SortFunc(after, func(a, b *entry) int { return a.change - b.change })
	return after
}

// record keeps messages and wakes whoever waits for them.
func (s *Server) record(messages ...Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range messages {
		s.add(&entry{Message: m})
	}
}

// add keeps a message; it needs the lock.
func (s *Server) add(e *entry) {
	s.lastID++
	e.ID = s.lastID
	if e.Shown && !e.ByUser {
		s.shown++
	}
	if e.Conversation != "" {
		s.posted[key(e.Conversation, e.MessageID)] = e
	}
	s.messages = append(s.messages, e)
	if extra := len(s.messages) - s.keep; extra > 0 {
		for _, old := range s.messages[:extra] {
			delete(s.posted, key(old.Conversation, old.MessageID))
		}
		clear(s.messages[:extra]) // they can go before the array does
		s.messages = s.messages[extra:]
	}
	s.touch(e)
}

// touch says that a message is new or has changed; it needs the lock.
func (s *Server) touch(e *entry) {
	s.changes++
	e.change = s.changes
	if s.watch != nil && !e.ByUser {
		s.watch(e.Message)
	}
	s.tell()
}

// tell needs the lock.
func (s *Server) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// webhookNamed needs the lock; nil when there are too many already.
func (s *Server) webhookNamed(name string) *meter {
	w, ok := s.webhooks[name]
	if !ok {
		if len(s.webhooks) >= maxWebhooks {
			return nil
		}
		w = &meter{}
		s.webhooks[name] = w
	}
	return w
}
