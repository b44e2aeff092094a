package teamstest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Fault is what the simulated Teams does to one or more requests of a webhook
// instead of taking them. The zero Fault does nothing special. In JSON:
//
//	{"status": 429, "retry_after": "2s", "times": 3}
//	{"status": 200, "body": "Webhook message delivery failed with error: …"}
//	{"latency": "10s"}        the card is shown at once, the answer comes late
//	{"cut": "before"}         the connection breaks, nothing is shown
//	{"cut": "after"}          the connection breaks, the card is shown
//	{"status": 503, "shown": true}   the card is shown, although the answer denies it
//	{"hang": true}            no answer ever, nothing is shown
//	{"code": "ConversationBlockedByUser"}   of the connector, with the status that belongs to it
//	{"code": "AADSTS7000222"}               of sign-in: the secret has expired
//	{"code": "TooManyRequests", "retry_after": "10s"}   of Graph
type Fault struct {
	// Status is answered. A status of 400 or more, or a body, means that the
	// card is not shown; 0: what Teams would answer.
	Status int
	// Code is what Microsoft calls the error, where the connector or sign-in
	// answers (teams-platform §3.3).
	Code       string
	RetryAfter time.Duration // the answer's Retry-After, in whole seconds
	Body       string        // the answer's body
	Latency    time.Duration // how long the answer takes
	Cut        Cut           // when the connection breaks
	Hang       bool          // there is no answer until the client goes away
	Shown      bool          // the card is shown, whatever is answered
	Times      int           // how many requests meet the fault; 0: one, below 0: all
}

// Cut is when a connection breaks.
type Cut string

// The two moments: before the card is shown, and after it.
const (
	CutBefore Cut = "before"
	CutAfter  Cut = "after"
)

// What faults can be for, beside webhooks and conversations by their names.
const (
	AnyWebhook = ""          // webhooks that have no faults of their own
	Connector  = "connector" // conversations that have none, and what is about no conversation
	SignIn     = "sign-in"   // requests for a token
	Keys       = "keys"      // what a bot checks tokens with: the document and the keys
)

// services are those of them that have a name.
var services = []string{
	Connector, SignIn, Keys,
	string(AnyGraph), string(Batch), string(FindUser), string(SearchUsers), string(ReadGroup), string(GroupMembers),
	string(ReadTag), string(TagMembers), string(ListApps), string(ReadApp), string(ListInstalls), string(ReadInstall),
	string(Installing), string(Upgrading), string(Removing), string(InstallChat), string(ReadChat), string(ChatInstalls),
}

// conversationFaults is where the faults of a conversation wait: a webhook may
// have its name.
func conversationFaults(id string) string { return "conversation " + id }

// personFaults is where the faults of what is asked of Graph about a user wait.
func personFaults(of Call, user string) string { return string(of) + " of " + user }

// serviceFaults is where the faults of a service wait.
func serviceFaults(name string) string { return "service " + name }

// Fault queues faults: the next request of the webhook meets the first of
// them, and so on.
func (s *Server) Fault(webhook string, faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if webhook == AnyWebhook || s.webhookNamed(webhook) != nil {
		s.faults[webhook] = append(s.faults[webhook], faults...)
	}
}

// BotFault queues faults for a conversation, by its id, or for Connector,
// SignIn or Keys, or for a Call of Graph: see GraphFault.
func (s *Server) BotFault(of string, faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := conversationFaults(bare(of))
	if slices.Contains(services, of) {
		name = serviceFaults(of)
	}
	s.faults[name] = append(s.faults[name], faults...)
}

// GraphFault queues faults for what is asked of Graph. Those of AnyGraph meet
// requests over HTTP, of which a $batch is one; all others meet their call by
// itself, also inside a $batch, where only status, code and Retry-After count.
func (s *Server) GraphFault(of Call, faults ...Fault) { s.BotFault(string(of), faults...) }

// ClearFaults makes it a good day again.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.faults)
}

// Faults is what is still queued, by what it is for: a webhook's name,
// "conversation ID" or "service NAME".
func (s *Server) Faults() map[string][]Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	queued := map[string][]Fault{}
	for name, faults := range s.faults {
		if len(faults) > 0 {
			queued[name] = slices.Clone(faults)
		}
	}
	return queued
}

// nextFault takes the fault that a request meets: the first that waits for one
// of these names. It needs the lock.
func (s *Server) nextFault(names ...string) Fault {
	for _, name := range names {
		faults := s.faults[name]
		if len(faults) == 0 {
			continue
		}
		fault := faults[0]
		switch {
		case fault.Times < 0:
		case fault.Times <= 1:
			s.faults[name] = faults[1:]
		default:
			faults[0].Times--
		}
		return fault
	}
	return Fault{}
}

// refuses tells whether the card is not shown, and why.
func (f Fault) refuses() (string, bool) {
	switch {
	case f.Shown:
	case f.Body != "" && f.Status < 300:
		return "a scripted fault: the answer's body speaks of an error", true
	case f.Hang, f.Cut == CutBefore, f.Status >= 300:
		return "a scripted fault", true
	}
	return "", false
}

// status is what is answered when the fault refuses; 0: nothing.
func (f Fault) status() int {
	if f.Hang || f.Cut != "" {
		return 0
	}
	if f.Status == 0 {
		return http.StatusOK // errors in a body come with a 200
	}
	return f.Status
}

// faultJSON is a Fault as people write it.
type faultJSON struct {
	Status     int    `json:"status,omitempty"`
	Code       string `json:"code,omitempty"`
	RetryAfter string `json:"retry_after,omitempty"`
	Body       string `json:"body,omitempty"`
	Latency    string `json:"latency,omitempty"`
	Cut        Cut    `json:"cut,omitempty"`
	Hang       bool   `json:"hang,omitempty"`
	Shown      bool   `json:"shown,omitempty"`
	Times      int    `json:"times,omitempty"`
}

// MarshalJSON writes times as "2s".
func (f Fault) MarshalJSON() ([]byte, error) {
	j := faultJSON{Status: f.Status, Code: f.Code, Body: f.Body, Cut: f.Cut, Hang: f.Hang, Shown: f.Shown, Times: f.Times}
	if f.RetryAfter != 0 {
		j.RetryAfter = f.RetryAfter.String()
	}
	if f.Latency != 0 {
		j.Latency = f.Latency.String()
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON writes and says what is wrong with it.
func (f *Fault) UnmarshalJSON(data []byte) error {
	var j faultJSON
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	*f = Fault{Status: j.Status, Code: j.Code, Body: j.Body, Cut: j.Cut, Hang: j.Hang, Shown: j.Shown, Times: j.Times}
	if j.Status != 0 && (j.Status < 200 || j.Status > 599) {
		return fmt.Errorf("status %d cannot be answered; use 200 to 599", j.Status)
	}
	if j.Cut != "" && j.Cut != CutBefore && j.Cut != CutAfter {
		return fmt.Errorf("cut is %q; use %q or %q", j.Cut, CutBefore, CutAfter)
	}
	var err error
	if f.RetryAfter, err = wait("retry_after", j.RetryAfter); err != nil {
		return err
	}
	f.Latency, err = wait("latency", j.Latency)
	return err
}

func wait(field, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s is %q; write a time like 2s", field, text)
	}
	return d, nil
}
