package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
	"github.com/teamsrelay/teamsrelay/receiver/torture"
)

// microsoft is the simulated Teams of a day, and what it has seen.
type microsoft struct {
	teams  *teamstest.Server
	server *httptest.Server
	bot    *httptest.Server // in front of the replicas, for what Teams sends
	since  func() time.Duration

	mu       sync.Mutex
	sights   []torture.Sight
	requests []torture.Request
	cards    map[string]teamstest.Message // the latest of each message of the bot, by conversation and id
	edits    map[string]int
}

// where the conversations are, by the names of the places.
var conversations = map[string]string{torture.SRE.Name: teamstest.Alerts, torture.Duty.Name: teamstest.Chat}

func placeOf(m teamstest.Message) string {
	if m.Conversation == "" {
		return m.Webhook
	}
	for place, conversation := range conversations {
		if conversation == m.Conversation {
			return place
		}
	}
	return m.Conversation
}

// newMicrosoft starts it. What it sends to the bot goes to one of the replicas.
func newMicrosoft(since func() time.Duration, public func() []string) *microsoft {
	m := &microsoft{since: since, cards: map[string]teamstest.Message{}, edits: map[string]int{}}
	m.teams = teamstest.New(teamstest.Options{
		Throttle: teamstest.RealThrottle, Keep: 100_000, Watch: m.saw,
		Bot: teamstest.Bot{Signed: true, Throttle: teamstest.RealBotThrottle},
	})
	m.server = httptest.NewTLSServer(http.HandlerFunc(m.serve))
	m.bot = httptest.NewServer(balancer{public})
	m.teams.MoveServiceURL(m.server.URL + "/emea")
	m.teams.Meet(m.bot.URL + "/api/messages")
	return m
}

func (m *microsoft) close() {
	m.teams.Close()
	m.server.Close()
	m.bot.Close()
}

// ca writes who vouches for its TLS into a file.
func (m *microsoft) ca(file string) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: m.server.Certificate().Raw}), 0o600)
}

// saw takes note of what people see.
func (m *microsoft) saw(msg teamstest.Message) {
	s := torture.Sight{
		At: m.since(), Place: placeOf(msg), Message: msg.MessageID, Shown: msg.Shown, Status: msg.Status,
		Mark: torture.ParseMark(msg.Card), Text: msg.Text + " " + string(msg.Card),
	}
	if rows, hidden, is := torture.ParseDigest(msg.Card); is {
		s.Digest, s.Hidden = rows, hidden
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if msg.Conversation == "" {
		s.Message = strconv.Itoa(msg.ID)
	} else {
		key := msg.Conversation + " " + msg.MessageID
		_, known := m.cards[key]
		m.cards[key] = msg
		if known && m.edits[key] == msg.Edited {
			return // a reply was counted, or somebody was answered
		}
		m.edits[key] = msg.Edited
		s.Edit = known
	}
	m.sights = append(m.sights, s)
}

// serve passes requests on, and takes note of those that are to show something.
func (m *microsoft) serve(w http.ResponseWriter, r *http.Request) {
	place := ""
	if name, is := strings.CutPrefix(r.URL.Path, "/workflow/"); is {
		place = name
	}
	about := r.URL.Path
	if strings.HasSuffix(about, "/v3/conversations") { // a thread is begun by creating it
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // who asked has gone
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		about = string(body)
	}
	for name, conversation := range conversations {
		if r.Method != http.MethodGet && strings.Contains(about, conversation) {
			place = name
		}
	}
	if place == "" {
		m.teams.ServeHTTP(w, r)
		return
	}
	answer := &recorder{ResponseWriter: w}
	request := torture.Request{Place: place, Began: m.since()}
	defer func() { // also when the connection is cut
		request.Ended, request.Status, request.Answer = m.since(), answer.status, answer.begin.String()
		if r.Context().Err() != nil {
			request.Status = 0 // whoever asked has gone
		}
		request.Limited = answer.status == http.StatusTooManyRequests && !strings.Contains(request.Answer, "scripted") && answer.limited()
		m.mu.Lock()
		defer m.mu.Unlock()
		m.requests = append(m.requests, request)
	}()
	m.teams.ServeHTTP(answer, r)
}

// recorder remembers an answer's status and beginning.
type recorder struct {
	http.ResponseWriter
	status int
	begin  bytes.Buffer
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	if room := 120 - r.begin.Len(); room > 0 {
		r.begin.Write(p[:min(room, len(p))])
	}
	return r.ResponseWriter.Write(p)
}

// throttleMark stands in the body of a 429 that was planned at a webhook, which
// otherwise says nothing.
const throttleMark = "planned"

// limited says that a 429 was not planned.
func (r *recorder) limited() bool { return !strings.Contains(r.begin.String(), throttleMark) }

// fail makes Teams fail as planned.
func (m *microsoft) fail(f torture.Fault) {
	fault := teamstest.Fault{Times: f.Times}
	switch f.Kind {
	case torture.Throttled:
		fault.Status, fault.RetryAfter = http.StatusTooManyRequests, f.For
		if _, is := conversations[f.Place]; !is { // the connector says so itself
			fault.Body = throttleMark
		}
	case torture.Unavailable:
		fault.Status = f.Status
	case torture.Busy:
		fault.Status = http.StatusPreconditionFailed
	case torture.Broken:
		fault.Status = http.StatusInternalServerError
	case torture.CutBefore:
		fault.Cut = teamstest.CutBefore
	case torture.CutAfter:
		fault.Cut = teamstest.CutAfter
	case torture.SlowAnswer:
		fault.Latency = f.For
	case torture.NoAnswer:
		fault.Hang = true
	case torture.ErrorInBody:
		fault.Status, fault.Body = http.StatusOK, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 503 with ContextId x."
	case torture.Denied:
		fault.Status, fault.Shown = http.StatusServiceUnavailable, true
	case torture.Lost:
		fault.Status, fault.Body = http.StatusAccepted, "accepted"
	case torture.NoSignIn:
		m.teams.BotFault(teamstest.SignIn, teamstest.Fault{Code: "AADSTS7000222", Times: f.Times})
		m.teams.RevokeTokens()
		return
	case torture.Revoked:
		m.teams.RevokeTokens()
		return
	}
	if conversation, is := conversations[f.Place]; is {
		m.teams.BotFault(conversation, fault)
	} else {
		m.teams.Fault(f.Place, fault)
	}
}

// calm ends all that fails.
func (m *microsoft) calm() { m.teams.ClearFaults() }

// card finds the card that somebody answers: one of those of the latest
// episodes that go on.
func (m *microsoft) card(pick uint64, acked bool) (teamstest.Message, *torture.Mark, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	newest := map[string]string{} // keys, by episode
	var keys []string
	for key, msg := range m.cards {
		if mark := torture.ParseMark(msg.Card); mark != nil && !mark.Over() && mark.Acked == acked && !msg.Deleted {
			at := mark.ID + " " + msg.Conversation
			if other := newest[at]; other == "" || m.cards[other].ID < msg.ID {
				newest[at] = key
			}
		}
	}
	for _, key := range newest {
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return teamstest.Message{}, nil, false
	}
	slices.Sort(keys)
	msg := m.cards[keys[pick%uint64(len(keys))]]
	return msg, torture.ParseMark(msg.Card), true
}

// seen are its sights and requests so far.
func (m *microsoft) seen() ([]torture.Sight, []torture.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	requests := slices.Clone(m.requests)
	slices.SortStableFunc(requests, func(a, b torture.Request) int { return int(a.Began - b.Began) })
	return slices.Clone(m.sights), requests
}

// balancer sends what Teams has for the bot to one of the replicas that listen.
type balancer struct{ public func() []string }

func (b balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	all := b.public()
	if len(all) == 0 {
		http.Error(w, "no replica listens", http.StatusBadGateway)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	onward, err := http.NewRequestWithContext(ctx, r.Method, "http://"+all[rand.IntN(len(all))]+r.URL.Path, r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	onward.Header = r.Header.Clone()
	onward.ContentLength = r.ContentLength
	answer, err := http.DefaultClient.Do(onward)
	if err != nil {
		http.Error(w, "the replica did not answer", http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.StatusCode)
	var body bytes.Buffer
	_, _ = body.ReadFrom(answer.Body)
	_, _ = w.Write(body.Bytes()) // who is gone misses nothing
}
