package botframework

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// Sender sends to one place.
type Sender struct {
	client *Client
	find   func(context.Context) (Place, error)
	moved  func(context.Context, Place)
}

// At sends to the place that find finds before each message: what is known of
// it changes with every activity. When Teams says that the place is elsewhere
// now (another service, or a personal conversation that was made anew and may
// have a new id), moved is called with where it is; nil: nobody wants to know.
// Whoever stores that lets find find it.
//
// What find returns as an error of type *Error is what comes of the message;
// with any other error it is tried again.
func (c *Client) At(find func(context.Context) (Place, error), moved func(context.Context, Place)) *Sender {
	return &Sender{client: c, find: find, moved: moved}
}

// Error is what came of something, where Go wants an error.
type Error struct{ teams.Outcome }

func (e *Error) Error() string { return e.Message }

// Send makes a new message: a new thread in a channel, the latest message in a
// chat. People are told of it as they have chosen.
func (s *Sender) Send(ctx context.Context, m card.Message) teams.Outcome {
	return s.at(ctx, func(p *Place) teams.Outcome {
		if p.Kind == Channel {
			return s.client.thread(ctx, p, activity(m, false))
		}
		return s.client.post(ctx, p, "", activity(m, true)).Outcome
	})
}

// Edit replaces the card of a message that Send made. Nobody is told.
func (s *Sender) Edit(ctx context.Context, messageID string, m card.Message) teams.Outcome {
	return s.at(ctx, func(p *Place) teams.Outcome {
		if messageID == "" || p.Conversation == "" {
			return gone("It is not known which message this is, so it cannot be changed; a new one is sent.")
		}
		return asGone(s.client.do(ctx, p, request{
			method: http.MethodPut, path: conversationPath(within(p, messageID), "activities", messageID), body: Envelope(m), limit: maxAnswer, repeatable: true,
		}))
	})
}

// Call makes a message that belongs to another: a reply under it in a channel,
// a new message in a chat, which has no threads.
func (s *Sender) Call(ctx context.Context, messageID string, m card.Message) teams.Outcome {
	return s.at(ctx, func(p *Place) teams.Outcome {
		if p.Kind == Channel {
			return asGone(s.client.post(ctx, p, messageID, activity(m, false)))
		}
		return s.client.post(ctx, p, "", activity(m, true)).Outcome
	})
}

// Say makes a message without a card; in the thread that begins with the
// message root, if the place is a channel and root is not "".
func (s *Sender) Say(ctx context.Context, root string, t Text) teams.Outcome {
	return s.at(ctx, func(p *Place) teams.Outcome { return s.client.post(ctx, p, root, t.activity()).Outcome })
}

// Delete removes a message. One that is not there any more is removed.
func (s *Sender) Delete(ctx context.Context, messageID string) teams.Outcome {
	return s.at(ctx, func(p *Place) teams.Outcome {
		v := s.client.do(ctx, p, request{
			method: http.MethodDelete, path: conversationPath(within(p, messageID), "activities", messageID), limit: maxAnswer, repeatable: true,
		})
		if v.code == activityNotFound {
			return teams.Outcome{Kind: teams.Delivered, Status: v.Status}
		}
		return v.Outcome
	})
}

// at does something at the place, and tells where that is now.
func (s *Sender) at(ctx context.Context, do func(*Place) teams.Outcome) teams.Outcome {
	found, err := s.find(ctx)
	if err != nil {
		var known *Error
		if errors.As(err, &known) {
			return known.Outcome
		}
		return teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable, Message: "It is not known where this conversation is: " + err.Error()}
	}
	if found.Conversation == "" && (found.User == "" || found.Kind == Channel) {
		return teams.Outcome{Kind: teams.GiveUp, Reason: teams.NotFound, Message: "It is not known which conversation this is. Write to the bot there, then send it again."}
	}
	p := s.client.whole(found)
	before := p
	o := do(&p)
	if o.Reason == teams.Blocked && p.Removed {
		o.Reason = teams.NotInstalled
	}
	if p.Conversation != before.Conversation {
		o.Address = AddressID(p.Conversation)
	}
	if p != before && s.moved != nil {
		s.moved(context.WithoutCancel(ctx), p) // it is true even if we are stopping
	}
	return o
}

// within is the conversation of a message: in a channel that of its thread.
func within(p *Place, messageID string) string {
	bare, _ := Thread(p.Conversation)
	if p.Kind == Channel && messageID != "" {
		return threaded(bare, messageID)
	}
	return bare
}

// thread makes a new thread in a channel.
func (c *Client) thread(ctx context.Context, p *Place, activity []byte) teams.Outcome {
	v := c.do(ctx, p, request{method: http.MethodPost, path: "/v3/conversations", body: newThread(*p, activity), limit: maxAnswer})
	if v.Kind != teams.Delivered {
		return v.Outcome
	}
	var made conversationResource
	_ = json.Unmarshal(v.body, &made) // what cannot be read has no id
	c.follow(p, made.ServiceURL)
	if made.ActivityID == "" {
		_, made.ActivityID = Thread(made.ID)
	}
	return named(v, made.ActivityID)
}

// post makes a new message: in the thread that begins with root, or, if that
// is "", at the end. A personal conversation that is not there, or not any more, is made.
func (c *Client) post(ctx context.Context, p *Place, root string, activity []byte) verdict {
	if p.Conversation == "" {
		if o := c.open(ctx, p); o.Kind != teams.Delivered {
			return verdict{Outcome: o}
		}
	}
	send := func() verdict {
		return c.do(ctx, p, request{method: http.MethodPost, path: conversationPath(within(p, root), "activities"), body: activity, limit: maxAnswer})
	}
	v := send()
	if v.code == conversationNotFound && p.Kind == Personal && p.User != "" {
		if o := c.open(ctx, p); o.Kind != teams.Delivered {
			return verdict{Outcome: o}
		}
		v = send()
	}
	if v.Kind == teams.Delivered {
		var made struct {
			ID string `json:"id"`
		}
		_ = json.Unmarshal(v.body, &made) // what cannot be read has no id
		v.Outcome = named(v, made.ID)
	}
	return v
}

// conversationResource is the answer to a conversation that was made.
type conversationResource struct {
	ID         string `json:"id"`
	ActivityID string `json:"activityId"`
	ServiceURL string `json:"serviceUrl"`
}

// open makes the personal conversation with p.User, or finds the one that there
// is, and puts into p where it is. Making it twice makes one (teams-platform
// §2.4).
func (c *Client) open(ctx context.Context, p *Place) teams.Outcome {
	to := *p
	to.Conversation = ""
	v := c.do(ctx, &to, request{method: http.MethodPost, path: "/v3/conversations", body: newChat(to), limit: maxAnswer, repeatable: true})
	if v.Kind != teams.Delivered {
		return v.Outcome
	}
	var made conversationResource
	if json.Unmarshal(v.body, &made) != nil || made.ID == "" {
		return teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable, Status: v.Status,
			Message: "Teams made the conversation but did not say which. It is tried again."}
	}
	to.Conversation, to.Kind = made.ID, Personal
	c.follow(&to, made.ServiceURL)
	*p = to
	return v.Outcome
}

// follow puts into p the service that Teams names for it, if that may get our
// token.
func (c *Client) follow(p *Place, serviceURL string) {
	if strings.TrimRight(serviceURL, "/") != strings.TrimRight(p.ServiceURL, "/") && c.auth.Allows(serviceURL) {
		p.ServiceURL = serviceURL
	}
}

// named is the outcome of a new message with its id. Teams names none of a
// message that it made two of (teams-platform §2.6).
func named(v verdict, id string) teams.Outcome {
	v.MessageID = id
	if id == "" {
		v.Message = "Teams took the message but did not say under which id, so it cannot be changed later."
	}
	return v.Outcome
}

func gone(words string) teams.Outcome {
	return teams.Outcome{Kind: teams.Retry, Reason: teams.NotFound, Gone: true, Message: words}
}

// asGone makes of a message that is not there one that is to be sent anew.
func asGone(v verdict) teams.Outcome {
	if v.code == activityNotFound || v.code == conversationNotFound {
		o := gone("The message is not there any more; a new one is sent.")
		o.Status = v.Status
		return o
	}
	return v.Outcome
}
