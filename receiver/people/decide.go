package people

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
	"github.com/teamsrelay/teamsrelay/receiver/teams/graph"
)

const (
	// What did not work is tried again after a second, then after twice as long
	// each time.
	firstWait, longestWait = time.Second, 5 * time.Minute
	// patience is how often the conversation is asked for after an installation
	// before we say that it does not come: with these waits for two minutes.
	patience = 7
)

// backoff is how long to wait after the nth attempt in a row, from 1; asked is
// how long Microsoft wants us to wait, which wins; 0: it did not say.
func backoff(n int, asked time.Duration) time.Duration {
	if asked > 0 {
		return asked
	}
	return min(firstWait<<min(max(n-1, 0), 20), longestWait)
}

// step is what is to be done next for a person.
type step int

const (
	stepTake    step = iota + 1 // the store has their conversation
	stepFind                    // ask Graph who it is
	stepInstall                 // have Graph install the app
	stepCheck                   // ask Graph what became of the installation
	stepOpen                    // ask the bot's service for the conversation
	stepRefuse                  // nothing can be done here
)

// needsGraph: the step is one that many persons are asked for at once.
func (s step) needsGraph() bool { return s == stepFind || s == stepInstall || s == stepCheck }

// next is what is to be done for a person, of whose personal conversation the
// store knows c (nil: none). withGraph: there is a Graph to ask.
func next(p *store.Person, c *store.Conversation, withGraph bool) step {
	switch {
	case holds(p, c):
		return stepTake
	case !withGraph && objectID(p) == "":
		return stepRefuse
	case !withGraph:
		return stepOpen
	case p.State == store.PersonInstalling && (p.Attempts == 2 || p.Attempts > patience) && p.CheckedAt.Before(p.NotBefore):
		return stepCheck
	case p.State == store.PersonInstalling:
		return stepOpen
	case p.State == store.PersonKnown && p.ObjectID != "" && (p.Reason == "" || Waits(teams.Reason(p.Reason))):
		return stepInstall
	}
	return stepFind
}

// holds says that a conversation that the store knows can be used as it is. One
// of somebody who was worked on before proves it only by having been heard of
// since: they may have removed the app without our hearing of it.
func holds(p *store.Person, c *store.Conversation) bool {
	return c != nil && c.Installed && c.Blocked == "" && (p.CheckedAt.IsZero() || c.UpdatedAt.After(p.UpdatedAt))
}

// objectID is the Entra object id of a person; "" while nobody knows it. A name
// that is no user principal name and no e-mail address is one.
func objectID(p *store.Person) string {
	if p.ObjectID == "" && !strings.Contains(p.Name, "@") {
		return p.Name
	}
	return p.ObjectID
}

// course is where a step leaves a person.
type course int

const (
	onward  course = iota + 1 // to the next step
	arrived                   // they can be reached
	waiting                   // it is tried again
	givenUp                   // somebody must change something first
)

// outcomeOf is what an error of Graph or of the bot says.
func outcomeOf(err error) teams.Outcome {
	var g *graph.Error
	var b *botframework.Error
	switch {
	case errors.As(err, &g):
		return g.Outcome
	case errors.As(err, &b):
		return b.Outcome
	}
	return teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable, Message: err.Error()}
}

// fail notes in p that a step failed.
func fail(p *store.Person, o teams.Outcome, now time.Time) course {
	p.Reason, p.Message = string(o.Reason), o.Message
	if o.Kind == teams.Retry {
		p.Attempts++
		p.NotBefore = now.Add(backoff(p.Attempts, o.After))
		return waiting
	}
	giveUp(p, now)
	switch o.Reason {
	case teams.UnknownUser, teams.Foreign:
		p.State = store.PersonUnknown
	case teams.Policy:
		p.State = store.PersonPolicy
	case teams.Blocked:
		p.State = store.PersonBlocked
	default:
		if p.ObjectID != "" {
			p.State = store.PersonKnown
		}
	}
	return givenUp
}

func giveUp(p *store.Person, now time.Time) {
	p.Wanted, p.Attempts, p.NotBefore, p.CheckedAt = false, 0, time.Time{}, now
}

// clear forgets what was against reaching p.
func clear(p *store.Person) {
	p.Reason, p.Message, p.Attempts, p.NotBefore = "", "", 0, time.Time{}
}

// found is what follows from Graph's answer about a name.
func found(p *store.Person, f graph.FoundUser, now time.Time) course {
	if f.ID != "" {
		p.ObjectID, p.UPN, p.DisplayName, p.State = strings.ToLower(f.ID), f.UPN, f.DisplayName, store.PersonKnown
	}
	if f.Err != nil {
		return fail(p, outcomeOf(f.Err), now)
	}
	clear(p)
	return onward
}

// installed is what follows from Graph's answer about an installation. version
// is the catalogue's; "" where nobody knows it.
func installed(p *store.Person, i graph.Installed, version string, now time.Time) course {
	if i.Err != nil {
		return fail(p, outcomeOf(i.Err), now)
	}
	// Who is installed for again goes on waiting as before, or somebody whose
	// app disappears at once would be installed for every second.
	attempts := 0
	if now.Sub(p.InstalledAt) < time.Hour {
		attempts = p.Attempts
	}
	clear(p)
	p.State, p.Attempts, p.CheckedAt = store.PersonInstalling, attempts, now
	if !i.Already {
		p.InstalledAt, p.Version = now, version
	}
	return onward
}

// checked is what follows from Graph's answer about what became of an
// installation; chat: it has made the chat. What Graph does not say changes
// nothing.
func checked(p *store.Person, i graph.Installation, chat bool, now time.Time) {
	p.CheckedAt = now
	switch {
	case i.Err != nil:
	case i.ID == "":
		p.State, p.Reason, p.Message = store.PersonKnown, "", ""
	default:
		p.Version = i.Version
		if chat && p.Reason == string(teams.Installing) {
			p.Message = fmt.Sprintf("Microsoft has installed the app for %s and made the chat, but does not let the bot into it yet.", Called(p))
		}
	}
}

// opened is what follows from the bot's attempt to open a conversation.
// withGraph: there is a Graph, which has installed the app.
func opened(p *store.Person, place botframework.Place, err error, withGraph bool, now time.Time) course {
	if err == nil {
		arrive(p, place.Conversation, now)
		return arrived
	}
	o := outcomeOf(err)
	if o.Reason != teams.NotInstalled || o.Kind != teams.GiveUp {
		return fail(p, o, now)
	}
	if !withGraph {
		o.Message = withoutGraph(p)
		return fail(p, o, now)
	}
	p.State = store.PersonInstalling
	p.Attempts++
	p.NotBefore = now.Add(backoff(p.Attempts, 0))
	switch {
	case p.Attempts <= patience:
		p.Reason, p.Message = "", ""
	case p.Reason != string(teams.Installing):
		p.Reason = string(teams.Installing)
		p.Message = fmt.Sprintf("Microsoft took the installation of the app for %s, but the bot has no chat with them yet.", Called(p))
	}
	return waiting
}

// arrive notes in p that there is a conversation.
func arrive(p *store.Person, conversation string, now time.Time) {
	clear(p)
	p.ObjectID = objectID(p)
	p.Conversation, p.State, p.Wanted, p.CheckedAt = conversation, store.PersonReachable, false, now
}

// refused is for whom nothing can be done here.
func refused(p *store.Person, now time.Time) course {
	return fail(p, teams.Outcome{Kind: teams.GiveUp, Reason: teams.NotInstalled, Message: withoutGraph(p)}, now)
}

// withoutGraph says what somebody has to do where we cannot.
func withoutGraph(p *store.Person) string {
	return fmt.Sprintf("There is no Microsoft Graph here that finds %s and installs the app. Let them add the app in Teams and write to the bot once; the file must then name them by their Entra object id.", Called(p))
}

// placeOf is where a conversation that the store knows is.
func placeOf(c *store.Conversation) botframework.Place {
	user := c.UserID
	if user == "" {
		user = c.UserObjectID
	}
	return botframework.Place{
		ServiceURL: c.ServiceURL, Conversation: c.ID, Kind: botframework.Personal, Tenant: c.Tenant, BotID: c.BotID, User: user,
	}
}
