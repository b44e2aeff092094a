package teamstest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxAnswer bounds what is read of a bot's answer, in bytes.
const maxAnswer = 1 << 20

// ErrNobody says that there is no bot to tell anything.
var ErrNobody = errors.New("no bot is known: set Options.Bot.Endpoint, or call Meet")

// Answer is what a bot said over HTTP to one activity.
type Answer struct {
	Status int
	Body   []byte
	// Activity is what was sent, for Repeat.
	Activity json.RawMessage
	// Card is the card in the answer to a press; Text is the message or error
	// in it (teams-platform §2.10). Both are empty where there is none.
	Card Card
	Text string
	// Code is the statusCode in the answer to a press; 0: it has none.
	Code int
}

// Someone is a user who does things.
type Someone struct {
	User
	server *Server
}

// As is somebody in the simulated Teams, by name, first name, principal name,
// object id or id. It panics for a stranger: a mistake in a test.
func (s *Server) As(user string) Someone {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.bot.user(user)
	if !ok {
		panic(fmt.Sprintf("nobody is called %q here", user))
	}
	return Someone{u, s}
}

// Say writes to a conversation; in a channel it begins a thread. Outside
// personal chats the bot is mentioned in front, as people have to; see Write
// for a text that does something else.
func (o Someone) Say(ctx context.Context, conversation, text string) (Answer, error) {
	return o.say(ctx, conversation, "", text)
}

// Reply is Say in the thread of a message.
func (o Someone) Reply(ctx context.Context, to Message, text string) (Answer, error) {
	return o.say(ctx, to.Conversation, to.Thread, text)
}

func (o Someone) say(ctx context.Context, conversation, thread, text string) (Answer, error) {
	kind, mention := o.server.mention(conversation)
	if kind != Personal {
		text = mention + " " + text
	}
	return o.Write(ctx, conversation, thread, text)
}

// Mention is the bot's, as it stands in a text.
func (s *Server) Mention() string {
	_, mention := s.mention("")
	return mention
}

func (s *Server) mention(conversation string) (Kind, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := Kind("")
	if c := s.bot.conversation(conversation); c != nil {
		kind = c.kind
	}
	return kind, "<at>" + s.bot.Name + "</at>"
}

// Write writes a text as it is, in a thread ("": a new one). Mentions of the
// bot and of users, as <at>Name</at>, are told as Teams tells them. A bot hears
// in channels and group chats only what mentions it: otherwise the answer is
// zero.
func (o Someone) Write(ctx context.Context, conversation, thread, text string) (Answer, error) {
	s := o.server
	s.mu.Lock()
	b, c := s.bot, s.bot.conversation(conversation)
	if c == nil {
		s.mu.Unlock()
		return Answer{}, unknownConversation(conversation)
	}
	now := time.Now()
	e := &entry{ByUser: true, Message: Message{
		At: now.UTC(), Shown: true, Conversation: c.id, Thread: thread, MessageID: b.newID(now), From: o.Name, Text: text,
	}}
	s.place(c, e)
	a := withClient(b.activity("message", o.User, c, e.Thread))
	a["id"], a["text"], a["textFormat"] = e.MessageID, text, "plain"
	mentions := b.mentions(text)
	for _, m := range mentions {
		e.Mentions = append(e.Mentions, m.(map[string]any)["mentioned"].(map[string]any)["name"].(string))
	}
	a["entities"] = append(mentions, a["entities"].([]any)...)
	if c.kind == Channel {
		data := a["channelData"].(map[string]any)
		data["teamsChannelId"], data["teamsTeamId"] = c.id, Team
	}
	hears := c.installed && (c.kind == Personal || b.isMentioned(mentions))
	s.mu.Unlock()
	if !hears {
		return Answer{}, nil
	}
	return s.Send(ctx, a)
}

// mentions are the entities of those in a text who are known.
func (b *bot) mentions(text string) []any {
	found := []any{}
	for rest := text; ; {
		_, after, there := strings.Cut(rest, "<at>")
		name, behind, closed := strings.Cut(after, "</at>")
		if !there || !closed {
			return found
		}
		rest = behind
		mentioned := map[string]any{"id": b.id(), "name": name}
		if name != b.Name {
			u, known := b.user(name)
			if !known {
				continue
			}
			mentioned["id"] = u.ID
		}
		found = append(found, map[string]any{"type": "mention", "mentioned": mentioned, "text": "<at>" + name + "</at>"})
	}
}

func (b *bot) isMentioned(mentions []any) bool {
	for _, m := range mentions {
		if m.(map[string]any)["mentioned"].(map[string]any)["id"] == b.id() {
			return true
		}
	}
	return false
}

// Press presses a button of the card that the user sees, by title or verb,
// with what they typed into inputs, by the inputs' ids. Inputs that are not
// named keep the value that they had. What the bot answers is shown to them.
func (o Someone) Press(ctx context.Context, m Message, name string, inputs map[string]string) (Answer, error) {
	b, data, err := o.button(m, name, inputs, false)
	if err != nil {
		return Answer{}, err
	}
	if b.Type != "Action.Execute" {
		return o.submit(ctx, m, data)
	}
	return o.invoke(ctx, m, b, data)
}

// Submit is Press with a client that does not know Action.Execute: it shows
// the button's fallback, and sends what stands behind that as a message.
func (o Someone) Submit(ctx context.Context, m Message, name string, inputs map[string]string) (Answer, error) {
	_, data, err := o.button(m, name, inputs, true)
	if err != nil {
		return Answer{}, err
	}
	return o.submit(ctx, m, data)
}

// button finds a button on the card as the user sees it now, and what it
// would send.
func (o Someone) button(m Message, name string, inputs map[string]string, old bool) (button, map[string]any, error) {
	now, there := o.server.Message(m.Conversation, m.MessageID)
	if !there {
		return button{}, nil, errGone
	}
	b, err := find(now.CardFor(o.Name), name)
	if err == nil && old && b.Type == "Action.Execute" {
		b, err = b.fallback()
	}
	if err != nil {
		return button{}, nil, err
	}
	data, err := b.filled(inputs)
	return b, data, err
}

// at begins an activity that is about a message.
func (o Someone) at(kind string, m Message) map[string]any {
	s := o.server
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.bot.conversation(m.Conversation)
	if c == nil {
		return nil
	}
	a := s.bot.activity(kind, o.User, c, m.Thread)
	a["replyToId"] = m.MessageID
	data := a["channelData"].(map[string]any)
	data["legacy"] = map[string]any{"replyToId": "1:" + m.MessageID}
	if kind != "messageReaction" {
		data["source"] = map[string]any{"name": "message"}
		withClient(a)
	}
	return a
}

func (o Someone) invoke(ctx context.Context, m Message, b button, data map[string]any) (Answer, error) {
	a := o.at("invoke", m)
	if a == nil {
		return Answer{}, unknownConversation(m.Conversation)
	}
	action := map[string]any{"type": "Action.Execute", "title": b.Title, "verb": b.Verb, "data": data}
	if b.ID != "" {
		action["id"] = b.ID
	}
	before, _ := o.server.Message(m.Conversation, m.MessageID)
	a["name"], a["value"] = "adaptiveCard/action", map[string]any{"action": action, "trigger": "manual"}
	answer, err := o.server.Send(ctx, a)
	if err != nil {
		return answer, err
	}
	answer.read()
	if answer.Card != nil {
		o.server.showOnlyTo(o.Name, before, answer.Card)
	}
	return answer, nil
}

func (o Someone) submit(ctx context.Context, m Message, data map[string]any) (Answer, error) {
	a := o.at("message", m)
	if a == nil {
		return Answer{}, unknownConversation(m.Conversation)
	}
	a["value"] = data
	return o.server.Send(ctx, a)
}

// read takes apart the answer to a press; what is not one is left alone.
func (a *Answer) read() {
	var said struct {
		StatusCode int             `json:"statusCode"`
		Type       string          `json:"type"`
		Value      json.RawMessage `json:"value"`
	}
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, &said) != nil {
		return
	}
	a.Code = said.StatusCode
	switch said.Type {
	case adaptiveType:
		if said.StatusCode == http.StatusOK {
			a.Card = said.Value
		}
	case "application/vnd.microsoft.activity.message":
		_ = json.Unmarshal(said.Value, &a.Text) // else the text stays empty
	case "application/vnd.microsoft.error":
		var problem struct{ Message string }
		_ = json.Unmarshal(said.Value, &problem)
		a.Text = problem.Message
	}
}

// React puts a reaction ("like", "heart") to a message, and tells the bot.
func (o Someone) React(ctx context.Context, m Message, kind string) (Answer, error) {
	s := o.server
	s.mu.Lock()
	e := s.posted[key(m.Conversation, m.MessageID)]
	if e == nil {
		s.mu.Unlock()
		return Answer{}, errGone
	}
	reactions := maps.Clone(e.Reactions) // whoever has the message keeps what they saw
	if reactions == nil {
		reactions = map[string][]string{}
	}
	if !slices.Contains(reactions[kind], o.Name) {
		reactions[kind] = append(slices.Clone(reactions[kind]), o.Name)
	}
	e.Reactions = reactions
	s.touch(e)
	s.mu.Unlock()
	a := o.at("messageReaction", m)
	a["reactionsAdded"] = []any{map[string]any{"type": kind}}
	return s.Send(ctx, a)
}

// Delete takes a message away, as its author or an owner of the team can.
// Teams does not tell bots.
func (s *Server) Delete(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.posted[key(m.Conversation, m.MessageID)]; e != nil && !e.Deleted {
		s.remove(e)
	}
}

func unknownConversation(id string) error {
	return fmt.Errorf("there is no conversation %q for this", id)
}

// Send sends an activity to the bot as it is, with a token like Microsoft's
// where the bot wants tokens.
func (s *Server) Send(ctx context.Context, activity any) (Answer, error) {
	s.mu.Lock()
	signed := s.bot.Signed
	s.mu.Unlock()
	authorization := ""
	if signed {
		authorization = "Bearer " + s.ownToken()
	}
	return s.SendWith(ctx, activity, authorization)
}

// Repeat sends an activity again, as Microsoft does when an answer is late.
func (s *Server) Repeat(ctx context.Context, a Answer) (Answer, error) {
	return s.Send(ctx, a.Activity)
}

// SendWith is Send with a header Authorization of any kind; "": without.
func (s *Server) SendWith(ctx context.Context, activity any, authorization string) (Answer, error) {
	s.mu.Lock()
	endpoint, client := s.bot.Endpoint, s.bot.Client
	s.mu.Unlock()
	if endpoint == "" {
		return Answer{}, ErrNobody
	}
	body, err := json.Marshal(activity)
	if err != nil {
		return Answer{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	response, err := client.Do(request)
	if err != nil {
		return Answer{Activity: body}, fmt.Errorf("the bot did not answer: %w", err)
	}
	defer response.Body.Close()
	answer := Answer{Status: response.StatusCode, Activity: body}
	if answer.Body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer)); err != nil {
		return answer, fmt.Errorf("the bot's answer broke off: %w", err)
	}
	return answer, nil
}
