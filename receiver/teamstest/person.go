package teamstest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Situation is how it is with a person, as far as it decides whether they can
// be told anything. The zero Situation is a user who has Teams and may have the
// app; whether they have it is not part of it.
//
// What is answered for NoTeams and Policy is what others have reported
// (teams-platform §5.1). For Disabled and Foreign Microsoft names no answer to
// an installation, and these are ours.
type Situation struct {
	Gone     bool // the account was deleted: Graph answers 404
	Disabled bool // the account is disabled: who may read it is told so, and Teams has nobody like them (404)
	Foreign  bool // they are a guest whom Teams serves in their own tenant only: installing is 403
	NoTeams  bool // they have no Teams, or have never opened it: installing is 404
	Policy   bool // a policy of their administrator keeps the app from them: installing is 403

	// What follows from an installation that is taken.

	Delay  time.Duration // the chat and the bot's place in it appear this much later
	Held   bool          // they appear when the test says so: see Arrive
	Silent bool          // the bot is told nothing of it
	// Reversed: the bot is told of the conversation first, then of the
	// installation. Neither order is promised (teams-platform §2.8); without
	// this, every second person has it.
	Reversed bool
	Flaky    int // so many orders to install are answered 400 before one is taken
}

// UnmarshalJSON reads a situation as people write it:
//
//	{"policy": true}      with gone, disabled, foreign, no_teams, held, silent and reversed likewise
//	{"delay": "5s"}
//	{"flaky": 1}
func (x *Situation) UnmarshalJSON(data []byte) error {
	var j struct {
		Gone     bool   `json:"gone"`
		Disabled bool   `json:"disabled"`
		Foreign  bool   `json:"foreign"`
		NoTeams  bool   `json:"no_teams"`
		Policy   bool   `json:"policy"`
		Delay    string `json:"delay"`
		Held     bool   `json:"held"`
		Silent   bool   `json:"silent"`
		Reversed bool   `json:"reversed"`
		Flaky    int    `json:"flaky"`
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&j); err != nil {
		return err
	}
	delay, err := wait("delay", j.Delay)
	*x = Situation{j.Gone, j.Disabled, j.Foreign, j.NoTeams, j.Policy, delay, j.Held, j.Silent, j.Reversed, j.Flaky}
	return err
}

// person is what is remembered of a user beside it. It needs the server's
// lock.
type person struct {
	Situation
	version string // of the app, from the order to install it on; "": they do not have it
	waiting func() // what Arrive does; nil: nothing waits
}

// person is the state of a user whom the server knows.
func (b *bot) person(u User) *person {
	p := b.people[u.ID]
	if p == nil {
		p = &person{}
		b.people[u.ID] = p
	}
	return p
}

// Become puts a person into a situation, in the place of the one before.
func (o Someone) Become(situation Situation) {
	o.server.mu.Lock()
	defer o.server.mu.Unlock()
	o.server.bot.person(o.User).Situation = situation
	o.server.tellDirectory()
}

// GraphFault queues faults for what is asked of Graph about this person: the
// next such request meets the first of them.
func (o Someone) GraphFault(of Call, faults ...Fault) {
	o.server.mu.Lock()
	defer o.server.mu.Unlock()
	name := personFaults(of, o.ID)
	o.server.faults[name] = append(o.server.faults[name], faults...)
}

// Arrive ends the wait for an installation that is held: the chat appears, and
// the bot is told. Without one it does nothing.
func (o Someone) Arrive() {
	o.server.mu.Lock()
	defer o.server.mu.Unlock()
	if p := o.server.bot.person(o.User); p.waiting != nil {
		p.waiting()
	}
}

// AppVersion is the version of the app that the user has; "": they do not have
// it. One that is ordered and has not arrived counts.
func (s *Server) AppVersion(user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bot.person(s.mustKnow(user)).version
}

// AddUsers puts n people into the tenant, "Person 1" and so on, with nothing
// installed. They are in no team and no chat.
func (s *Server) AddUsers(n int) []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	added := make([]User, 0, n)
	for range n {
		u := s.bot.complete(User{Name: fmt.Sprintf("Person %d", len(s.bot.users)+1)})
		s.bot.addPerson(u)
		added = append(added, u)
	}
	s.tellDirectory()
	return added
}

// complete makes what of a user is empty from the name.
func (b *bot) complete(u User) User {
	n := len(b.users) + 1
	word := strings.ToLower(strings.ReplaceAll(u.Name, " ", "."))
	u.ID = cmp.Or(u.ID, fmt.Sprintf("29:1%s-simulated-%d", word, n))
	u.ObjectID = cmp.Or(u.ObjectID, fmt.Sprintf("a11ce000-0000-4000-8000-%012d", n))
	switch {
	case u.UPN != "":
	case u.Guest:
		u.Mail = cmp.Or(u.Mail, word+"@fabrikam.com")
		u.UPN = strings.ReplaceAll(u.Mail, "@", "_") + "#EXT#@contoso.onmicrosoft.com"
	default:
		u.UPN = word + "@contoso.com"
	}
	u.Mail = cmp.Or(u.Mail, u.UPN)
	return u
}

// arrive carries out the order to install the app for a user. It needs the
// lock.
func (s *Server) arrive(u User, p *person, app App) {
	p.version = app.Version
	version := p.version
	chat := s.bot.chats[u.ID]
	s.bot.arrivals++
	reversed := p.Reversed || s.bot.arrivals%2 == 0
	silent := p.Silent
	there := func() { // with the lock
		p.waiting = nil
		if p.version != version || chat.installed {
			return // it was taken away again before it came, or came by another way
		}
		updates := s.appear(u, chat, reversed)
		if !silent {
			s.sendLater(updates)
		}
	}
	switch {
	case p.Held:
		p.waiting = there
	case p.Delay > 0:
		delay := p.Delay
		go func() {
			timer := time.NewTimer(delay)
			defer timer.Stop()
			select {
			case <-timer.C:
				s.mu.Lock()
				defer s.mu.Unlock()
				there()
			case <-s.closed:
			}
		}()
	default:
		there()
	}
}

// appear puts the bot into a user's chat and returns what it is to be told.
// Only the first time in a chat's life is there an update of the conversation:
// who installs the app again comes back into the same one (teams-platform
// §2.4, design). It needs the lock.
func (s *Server) appear(u User, chat *conversation, reversed bool) []map[string]any {
	first := !chat.begun
	chat.installed, chat.begun = true, true
	updates := []map[string]any{s.bot.installation(u, chat, "add")}
	if first {
		updates = append(updates, s.bot.memberUpdate(u, chat, "membersAdded", s.bot.id()))
	}
	if reversed {
		slices.Reverse(updates)
	}
	s.tellDirectory()
	return updates
}

// takeAway is the end of an installation. It needs the lock.
func (s *Server) takeAway(u User, p *person) {
	p.version, p.waiting = "", nil
	chat := s.bot.chats[u.ID]
	if !chat.installed {
		return
	}
	chat.installed = false
	s.tellDirectory()
	if !p.Silent {
		s.sendLater([]map[string]any{s.bot.installation(u, chat, "remove"), s.bot.memberUpdate(u, chat, "membersRemoved", s.bot.id())})
	}
}

// tellUpgrade tells the bot that a user has another version of the app. It
// needs the lock.
func (s *Server) tellUpgrade(u User) {
	if chat := s.bot.chats[u.ID]; chat.installed && !s.bot.person(u).Silent {
		s.sendLater([]map[string]any{s.bot.installation(u, chat, "add-upgrade")})
	}
}

// sendLater tells the bot, one update after the other, while whoever caused
// them goes on. A bot that does not answer misses them: Microsoft does not try
// again.
func (s *Server) sendLater(updates []map[string]any) {
	if s.bot.Endpoint == "" {
		return
	}
	go func() {
		select {
		case s.sending <- struct{}{}:
			defer func() { <-s.sending }()
		case <-s.closed:
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		for _, update := range updates {
			if _, err := s.Send(ctx, update); err != nil {
				return
			}
		}
	}()
}
