package teamstest

import (
	"encoding/json"
	"html"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Conversation is a channel or chat as people see it.
type Conversation struct {
	ID        string
	Kind      Kind
	Name      string // of a personal chat: the user's
	Installed bool   // the bot is there
	Blocked   bool
	Members   []User
	// Threads are in the order in which they began. Of a chat there is one at
	// most, with everything in it.
	Threads []Thread
}

// Thread is a message and what stands under it, oldest first. Deleted ones are
// in it, and say so.
type Thread struct {
	Messages []Message
}

// First is the message that the thread is about.
func (t Thread) First() Message { return t.Messages[0] }

// Conversation is what people see there now; ok is false when there is none of
// this id.
func (s *Server) Conversation(id string) (c Conversation, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.bot.conversation(id)
	if found == nil {
		return Conversation{}, false
	}
	c = Conversation{ID: found.id, Kind: found.kind, Name: found.name, Installed: found.installed, Blocked: found.blocked}
	for _, u := range s.bot.users {
		if slices.Contains(found.members, u.ID) {
			c.Members = append(c.Members, u)
		}
	}
	place := map[string]int{} // of a thread, by its first message
	for _, e := range s.messages {
		if e.Conversation != found.id {
			continue
		}
		at, known := place[e.Thread]
		if !known {
			at = len(c.Threads)
			place[e.Thread] = at
			c.Threads = append(c.Threads, Thread{})
		}
		c.Threads[at].Messages = append(c.Threads[at].Messages, e.Message)
	}
	return c, true
}

// Message is one of the bot's or a user's messages as it is now; ok is false
// when there is none like it, and of a deleted one.
func (s *Server) Message(conversation, id string) (m Message, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.posted[key(bare(conversation), id)]
	if e == nil || e.Deleted {
		return Message{}, false
	}
	return e.Message, true
}

// activityMessage is what matters here of an activity that is a message.
type activityMessage struct {
	Type        string `json:"type"`
	Text        string `json:"text"`
	Summary     string `json:"summary"`
	Attachments []struct {
		ContentType string `json:"contentType"`
		Content     Card   `json:"content"`
	} `json:"attachments"`
	Entities []entity `json:"entities"`
}

// entity explains a part of a text: here, whom it mentions.
type entity struct {
	Type      string `json:"type"`
	Text      string `json:"text"`
	Mentioned struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"mentioned"`
}

// readActivity says what is wrong with an activity, in words; "": nothing.
func readActivity(raw []byte) (a activityMessage, problem string) {
	if err := json.Unmarshal(raw, &a); err != nil {
		return a, "The activity is not JSON of the right types."
	}
	if a.Type != "message" && a.Type != "typing" {
		return a, "Unknown activity type."
	}
	if a.Type == "message" && a.Text == "" && len(a.Attachments) == 0 {
		return a, "The activity has neither text nor attachments."
	}
	return a, ""
}

// fill puts what people see of an activity into a message. A card that the
// parser in front of Teams does not take is accepted and not shown.
func (a activityMessage) fill(m *Message) {
	m.Text, m.Summary, m.Card, m.Shown, m.Reason = a.Text, a.Summary, nil, true, ""
	m.Mentions = nil
	for _, e := range a.Entities {
		if e.Type == "mention" && html.UnescapeString(e.Text) == "<at>"+e.Mentioned.Name+"</at>" && strings.Contains(a.Text, e.Text) {
			m.Mentions = append(m.Mentions, e.Mentioned.Name)
		}
	}
	if len(a.Attachments) == 0 {
		return
	}
	attachment := a.Attachments[0]
	m.Card = attachment.Content
	if attachment.ContentType != adaptiveType {
		m.Shown, m.Reason = false, "the attachment is no Adaptive Card"
	} else if err := checkCard(attachment.Content); err != nil {
		m.Shown, m.Reason = false, err.Error()
	}
}

// post puts a bot's activity into a conversation. In a channel it begins a
// thread unless one is named. Text and attachments, and several of these, are
// messages of their own, and then no id comes back (teams-platform §2.6). What
// is wrong with the activity comes back as an answer. It needs the lock.
func (s *Server) post(c *conversation, thread string, raw json.RawMessage, size int, now time.Time) (id string, status int, answer any) {
	a, problem := readActivity(raw)
	if problem != "" {
		status, answer = badArgument(problem)
		return "", status, answer
	}
	if a.Type == "typing" {
		return "", http.StatusAccepted, nil
	}
	var parts []activityMessage
	if a.Text != "" {
		parts = append(parts, activityMessage{Text: a.Text, Summary: a.Summary, Entities: a.Entities})
	}
	for i := range a.Attachments {
		parts = append(parts, activityMessage{Summary: a.Summary, Attachments: a.Attachments[i : i+1]})
	}
	for _, part := range parts {
		e := &entry{Message: Message{
			At: now, Status: http.StatusCreated, Bytes: size, Conversation: c.id, Thread: thread,
			MessageID: s.bot.newID(now), From: s.bot.Name, Activity: raw,
		}}
		part.fill(&e.Message)
		s.place(c, e)
		id = e.MessageID
	}
	if len(parts) > 1 {
		return "", 0, nil
	}
	return id, 0, nil
}

// place keeps a message of a conversation and counts it where it is a reply.
// It needs the lock.
func (s *Server) place(c *conversation, e *entry) {
	if c.kind == Channel && e.Thread == "" {
		e.Thread = e.MessageID
	}
	s.add(e)
	s.countReply(e, 1)
}

// remove deletes a message; what others replied to it stays. It needs the lock.
func (s *Server) remove(e *entry) {
	e.Deleted, e.Card, e.Text, e.Answers = true, nil, "", nil
	s.countReply(e, -1)
	s.touch(e)
}

func (s *Server) countReply(e *entry, n int) {
	if first := s.posted[key(e.Conversation, e.Thread)]; first != nil && first != e {
		first.Replies += n
		s.touch(first)
	}
}

// showOnlyTo shows a card to one user in the place of a message's, until the
// bot replaces the message. If it has done so since the message was as before,
// that is newer: in which order Teams takes the two is not known, and so all
// see the same in the end.
func (s *Server) showOnlyTo(user string, before Message, card Card) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.posted[key(before.Conversation, before.MessageID)]
	if e == nil || e.Deleted || e.Edited != before.Edited {
		return
	}
	answers := maps.Clone(e.Answers) // whoever has the message keeps what they saw
	if answers == nil {
		answers = map[string]Card{}
	}
	answers[user] = card
	e.Answers = answers
	s.touch(e)
}
