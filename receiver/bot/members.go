package bot

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

// How long it is believed that somebody is in a conversation, and that they
// are not: who was just added must not wait.
const (
	memberFor   = 10 * time.Minute
	strangerFor = time.Minute
	// maxMembers is how many answers are kept, about 300 bytes each.
	maxMembers = 10_000
	// rosterFor is how long all members of a conversation are kept, and
	// maxRosters of how many conversations: a team has up to 25,000 members, and
	// each assignment to a name reads them. Teams answers 3,600 such questions
	// an hour, and those about who may act are among them.
	rosterFor  = time.Minute
	maxRosters = 4
)

// members remembers who is in which conversation.
type members struct {
	mu    sync.Mutex
	known map[memberKey]membership
	whole map[string]roster // all members, by conversation
	// changes counts what was forgotten: an answer to what was asked before
	// that may be out of date.
	changes int
}

// roster is everybody in a conversation.
type roster struct {
	members []botframework.Member
	until   time.Time
}

type memberKey struct{ conversation, person string }

type membership struct {
	member botframework.Member
	in     bool
	team   string // of the conversation, "" outside of teams
	until  time.Time
}

func (m *members) get(key memberKey, now time.Time) (known membership, ok bool, changes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok = m.known[key]
	return known, ok && now.Before(known.until), m.changes
}

// put keeps an answer to what was asked when there were so many changes.
func (m *members) put(key memberKey, known membership, now time.Time, changes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if changes != m.changes {
		return
	}
	if m.known == nil {
		m.known = map[memberKey]membership{}
	}
	if len(m.known) >= maxMembers {
		for key, old := range m.known {
			if !now.Before(old.until) {
				delete(m.known, key)
			}
		}
	}
	for key := range m.known { // any: they are asked for again
		if len(m.known) < maxMembers {
			break
		}
		delete(m.known, key)
	}
	m.known[key] = known
}

// forget drops what is known of a conversation, and of a team.
func (m *members) forget(conversation, team string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes++
	clear(m.whole) // a team's channels have the same members
	for key, known := range m.known {
		if key.conversation == conversation || team != "" && known.team == team {
			delete(m.known, key)
		}
	}
}

// roster is get for all members of a conversation.
func (m *members) roster(conversation string, now time.Time) (all []botframework.Member, ok bool, changes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.whole[conversation]
	return known.members, ok && now.Before(known.until), m.changes
}

// putRoster is put for all members of a conversation.
func (m *members) putRoster(conversation string, all []botframework.Member, now time.Time, changes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if changes != m.changes {
		return
	}
	if m.whole == nil {
		m.whole = map[string]roster{}
	}
	for known := range m.whole { // any
		if len(m.whole) < maxRosters {
			break
		}
		delete(m.whole, known)
	}
	m.whole[conversation] = roster{all, now.Add(rosterFor)}
}

// membersOf asks who is in a conversation.
func (b *Bot) membersOf(ctx context.Context, c store.Conversation) ([]botframework.Member, error) {
	now := b.Now()
	all, ok, changes := b.members.roster(c.ID, now)
	if ok {
		return all, nil
	}
	all, err := b.Client.Members(ctx, placeOf(c))
	if err == nil {
		b.members.putRoster(c.ID, all, now, changes)
	}
	return all, err
}

// membersChanged is told that somebody came into a conversation or a team, or
// left it.
func (b *Bot) membersChanged(conversation, team string) { b.members.forget(conversation, team) }

// member asks whether somebody ("29:…" or an Entra object id) is in a
// conversation, and what Teams knows of them there.
func (b *Bot) member(ctx context.Context, c store.Conversation, person string) (botframework.Member, bool, error) {
	if person == "" {
		return botframework.Member{}, false, nil
	}
	now := b.Now()
	key := memberKey{c.ID, person}
	known, ok, changes := b.members.get(key, now)
	if ok {
		return known.member, known.in, nil
	}
	known = membership{in: true, team: c.TeamID, until: now.Add(memberFor)}
	var err error
	known.member, err = b.Client.Member(ctx, placeOf(c), person)
	if errors.Is(err, botframework.ErrNotMember) {
		known.in, known.until = false, now.Add(strangerFor)
	} else if err != nil {
		return botframework.Member{}, false, err
	}
	b.members.put(key, known, now, changes)
	return known.member, known.in, nil
}

// conversation is what is stored of a conversation. One that only the
// configuration names has nothing but its id.
func (b *Bot) conversation(ctx context.Context, id string) (c store.Conversation, err error) {
	err = b.Store.View(ctx, func(tx store.Tx) (err error) {
		c, err = tx.Conversation(id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return store.Conversation{ID: id, Kind: store.Channel}, nil
	}
	return c, err
}
