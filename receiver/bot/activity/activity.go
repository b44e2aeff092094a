// Package activity reads what Microsoft Teams sends to a bot: one activity, as
// teams-platform §2.7 and §2.8 describe it. It takes what it needs, keeps
// quiet about fields that it does not know, and refuses what has another shape
// than it must have.
package activity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxBody is the largest activity that is taken, in bytes. Teams sends
// messages of at most about 100 KB (teams-platform §2.9), with as much around
// them.
const MaxBody = 256 << 10

const (
	// maxID is how long an id may be, in bytes. Those of Teams have up to
	// about 200, and they are kept.
	maxID = 1024
	// maxName is how much of a name is kept, in characters. Teams takes 50 in
	// names of channels and 256 in those of people.
	maxName = 256
)

// The types of activities that mean something to us.
const (
	Message            = "message"
	Invoke             = "invoke"
	InstallationUpdate = "installationUpdate"
	ConversationUpdate = "conversationUpdate"
	MessageReaction    = "messageReaction"
)

// ExecuteAction is the name of the invoke that a button of a card makes.
const ExecuteAction = "adaptiveCard/action"

// Activity is one thing that happened in Teams and concerns the bot. Nothing
// in it is true before its token was checked.
type Activity struct {
	Type      string
	Name      string // of an invoke
	Action    string // of an installation: add, remove, add-upgrade, remove-upgrade
	ID        string
	ReplyToID string // the message that was answered, or whose button was pressed
	// ServiceURL is where answers go. It is called by nobody who has not asked
	// the list of hosts that may be.
	ServiceURL string
	ChannelID  string // "msteams"
	From       Account
	Recipient  Account // the bot
	// Conversation is where it happened.
	Conversation Conversation
	Text         string // as it was typed, with the mentions in it
	Mentions     []Mention
	// Value is what a button or an invoke carries, as JSON; nil without.
	Value []byte
	// Added and Removed are who came into the conversation and who left it.
	Added, Removed []Account
	// Event is what a conversationUpdate is about: "channelRenamed", …
	Event string
	// Team and Channel are those of a message or event in a team.
	Team    Team
	Channel Channel
	// Tenants are those that the activity says it comes from, each once.
	Tenants []string
	Size    int // of the body, in bytes: about what the activity takes in memory
}

// Account is a person or a bot.
type Account struct {
	ID       string // Microsoft's: "29:…" of a person, "28:<app id>" of a bot
	Name     string
	ObjectID string // Entra's, of a person
}

// Conversation is a channel, a chat or a personal chat.
type Conversation struct {
	ID string // without ";messageid="
	// Thread is the id of the message that began the thread, "" where there
	// are no threads.
	Thread string
	Kind   string // "personal", "groupChat", "channel" or "", as Teams says
	Group  bool   // more than one person
	Name   string
}

// Mention is somebody's name in the text.
type Mention struct {
	Account Account
	Text    string // exactly as it stands in the text: "<at>Name</at>"
}

// Team is a team.
type Team struct {
	ID    string // Microsoft's: "19:…"
	Group string // the Entra group's id
	Name  string
}

// Channel is a channel of a team.
type Channel struct {
	ID, Name string
	// Kind is "standard", "private" or "shared", "" where Teams does not say.
	Kind string
}

// Key names the activity among all of them: one that comes again has the same.
// "" where it has no id, so that nobody can know.
func (a Activity) Key() string {
	if a.ID == "" {
		return ""
	}
	return a.Type + " " + a.Conversation.ID + " " + a.ID
}

// Message is the id of the message whose button was pressed: Teams names the
// message that began the thread where it names none.
func (a Activity) Message() string {
	if a.ReplyToID != "" {
		return a.ReplyToID
	}
	return a.Conversation.Thread
}

// IsBot says whether an account is the bot that the activity was sent to.
func (a Activity) IsBot(who Account) bool { return who.ID != "" && who.ID == a.Recipient.ID }

// Submitted says whether a message is a press on an old client: a value, and
// nothing typed.
func (a Activity) Submitted() bool {
	return a.Type == Message && a.Value != nil && strings.TrimSpace(a.Text) == ""
}

// Pressed is the data of the button that was pressed, with what people typed
// into the card's inputs, and the verb of the button if it names one. The data
// is a JSON object, or nil if there is none.
func (a Activity) Pressed() (verb string, data []byte) {
	if a.Type == Message {
		return "", object(a.Value)
	}
	var value struct {
		Action struct {
			Verb scalar          `json:"verb"`
			Data json.RawMessage `json:"data"`
		} `json:"action"`
	}
	if json.Unmarshal(a.Value, &value) != nil {
		return "", nil
	}
	return string(value.Action.Verb), object(value.Action.Data)
}

// object is raw if it is an object, or the object that is written in a string:
// some clients send that.
func object(raw []byte) []byte {
	raw = bytes.TrimSpace(raw)
	var text string
	if len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &text) == nil {
		raw = bytes.TrimSpace([]byte(text))
	}
	if len(raw) == 0 || raw[0] != '{' || !json.Valid(raw) {
		return nil
	}
	return raw
}

// The shapes on the wire.
type (
	wire struct {
		Type         scalar           `json:"type"`
		Name         scalar           `json:"name"`
		Action       scalar           `json:"action"`
		ID           scalar           `json:"id"`
		ReplyToID    scalar           `json:"replyToId"`
		ServiceURL   scalar           `json:"serviceUrl"`
		ChannelID    scalar           `json:"channelId"`
		From         wireAccount      `json:"from"`
		Recipient    wireAccount      `json:"recipient"`
		Conversation wireConversation `json:"conversation"`
		Text         scalar           `json:"text"`
		Entities     []entity         `json:"entities"`
		Value        json.RawMessage  `json:"value"`
		Added        []wireAccount    `json:"membersAdded"`
		Removed      []wireAccount    `json:"membersRemoved"`
		ChannelData  channelData      `json:"channelData"`
	}
	wireAccount struct {
		ID       scalar `json:"id"`
		Name     scalar `json:"name"`
		ObjectID scalar `json:"aadObjectId"`
	}
	wireConversation struct {
		ID     scalar `json:"id"`
		Kind   scalar `json:"conversationType"`
		Group  scalar `json:"isGroup"`
		Name   scalar `json:"name"`
		Tenant scalar `json:"tenantId"`
	}
	entity struct {
		Type      scalar          `json:"type"`
		Text      json.RawMessage `json:"text"` // of a mention; others may hold anything
		Mentioned json.RawMessage `json:"mentioned"`
	}
	channelData struct {
		Event  scalar `json:"eventType"`
		Tenant struct {
			ID scalar `json:"id"`
		} `json:"tenant"`
		Team struct {
			ID    scalar `json:"id"`
			Group scalar `json:"aadGroupId"`
			Name  scalar `json:"name"`
		} `json:"team"`
		Channel struct {
			ID   scalar `json:"id"`
			Name scalar `json:"name"`
			Kind scalar `json:"type"`
		} `json:"channel"`
	}
)

// scalar is a text that may have come as a number or a truth value.
type scalar string

func (s *scalar) UnmarshalJSON(raw []byte) error {
	switch raw[0] {
	case '"':
		return json.Unmarshal(raw, (*string)(s))
	case 'n':
		return nil
	case '{', '[':
		return errors.New("an object or a list stands where a text belongs")
	}
	*s = scalar(raw)
	return nil
}

// Parse reads one activity. Its errors are about the body and quote nothing of
// it.
func Parse(body []byte) (Activity, error) {
	if len(body) > MaxBody {
		return Activity{}, fmt.Errorf("the activity is over %d KiB", MaxBody>>10)
	}
	if trimmed := bytes.TrimSpace(body); len(trimmed) == 0 || trimmed[0] != '{' {
		return Activity{}, errors.New("the body is not a JSON object")
	}
	var w wire
	if err := json.Unmarshal(body, &w); err != nil {
		return Activity{}, shapeOf(err)
	}
	a := Activity{
		Size: len(body),
		Type: string(w.Type), Name: string(w.Name), Action: string(w.Action),
		ID: string(w.ID), ReplyToID: string(w.ReplyToID),
		ServiceURL: string(w.ServiceURL), ChannelID: string(w.ChannelID),
		From: w.From.account(), Recipient: w.Recipient.account(),
		Conversation: conversation(w.Conversation),
		Text:         string(w.Text),
		Added:        accounts(w.Added), Removed: accounts(w.Removed),
		Event: string(w.ChannelData.Event),
		Team: Team{
			ID: string(w.ChannelData.Team.ID), Group: string(w.ChannelData.Team.Group), Name: short(w.ChannelData.Team.Name),
		},
		Channel: Channel{
			ID: string(w.ChannelData.Channel.ID), Name: short(w.ChannelData.Channel.Name), Kind: string(w.ChannelData.Channel.Kind),
		},
	}
	if value := bytes.TrimSpace(w.Value); len(value) > 0 && !bytes.Equal(value, []byte("null")) {
		a.Value = value
	}
	for _, tenant := range []scalar{w.Conversation.Tenant, w.ChannelData.Tenant.ID} {
		if t := string(tenant); t != "" && (len(a.Tenants) == 0 || a.Tenants[0] != t) {
			a.Tenants = append(a.Tenants, t)
		}
	}
	var err error
	if a.Mentions, err = mentions(w.Entities); err != nil {
		return Activity{}, err
	}
	return a, a.check()
}

// check says what an activity must have to be worked.
func (a Activity) check() error {
	if a.Type == "" {
		return errors.New("the activity has no type")
	}
	for _, id := range []string{
		a.Type, a.Name, a.ID, a.ReplyToID, a.ServiceURL, a.ChannelID, a.Event,
		a.From.ID, a.From.ObjectID, a.Recipient.ID, a.Conversation.ID, a.Team.ID, a.Team.Group, a.Channel.ID,
	} {
		if len(id) > maxID {
			return fmt.Errorf("an id of the activity has more than %d bytes", maxID)
		}
	}
	switch a.Type {
	case Message, Invoke, InstallationUpdate, ConversationUpdate, MessageReaction:
		if a.Conversation.ID == "" {
			return errors.New("the activity has no conversation")
		}
	}
	return nil
}

// shapeOf says what is wrong with JSON without quoting it.
func shapeOf(err error) error {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &kind):
		return fmt.Errorf("%s of the activity has the wrong type", clip(kind.Field))
	case errors.As(err, &syntax):
		return fmt.Errorf("the body is not JSON: byte %d", syntax.Offset)
	}
	return fmt.Errorf("the activity cannot be read: %w", err)
}

func (w wireAccount) account() Account {
	return Account{ID: string(w.ID), Name: short(w.Name), ObjectID: string(w.ObjectID)}
}

func accounts(all []wireAccount) []Account {
	var made []Account
	for _, w := range all {
		made = append(made, w.account())
	}
	return made
}

// conversation splits the id of a thread from that of its channel.
func conversation(w wireConversation) Conversation {
	c := Conversation{ID: string(w.ID), Kind: string(w.Kind), Group: w.Group == "true", Name: short(w.Name)}
	const mark = ";messageid="
	if i := strings.Index(strings.ToLower(c.ID), mark); i >= 0 {
		thread := c.ID[i+len(mark):]
		c.ID = c.ID[:i]
		if isNumber(thread) {
			c.Thread = thread
		}
	}
	return c
}

// isNumber says whether a text is the id of a message that began a thread: all
// digits, and not 0 (teams-platform §2.5).
func isNumber(s string) bool {
	return strings.Trim(s, "0123456789") == "" && strings.Trim(s, "0") != "" && len(s) <= 20
}

// mentions are those among the entities. Others are none of our business,
// whatever they hold.
func mentions(entities []entity) ([]Mention, error) {
	var found []Mention
	for _, e := range entities {
		if e.Type != "mention" || e.Mentioned == nil {
			continue
		}
		var who wireAccount
		var text scalar
		if err := json.Unmarshal(e.Mentioned, &who); err != nil {
			return nil, errors.New("a mention of the activity names nobody")
		}
		if e.Text != nil {
			if err := text.UnmarshalJSON(e.Text); err != nil {
				return nil, errors.New("a mention of the activity has no text")
			}
		}
		found = append(found, Mention{Account: who.account(), Text: string(text)})
	}
	return found, nil
}

// short is a name, cut at maxName.
func short(name scalar) string {
	s := OneLine(string(name))
	if utf8.RuneCountInString(s) <= maxName {
		return s
	}
	return string([]rune(s)[:maxName-1]) + "…"
}

// OneLine is a text that somebody wrote, on one line and without what cannot be
// seen: people choose their names, and one that turns the direction of what is
// written around it, or moves a terminal's cursor, must not tell a story of its
// own on a card or in the audit.
func OneLine(text string) string {
	return strings.Join(strings.Fields(Seen(text)), " ")
}

// Seen is a text without what cannot be seen, except for line breaks, tabs, and
// what stands inside of words and of emoji.
func Seen(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || unicode.IsSpace(r):
			return r
		case r == '\u200c' || r == '\u200d' || r >= '\U000E0020' && r <= '\U000E007F':
			return r
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}

// clip keeps the path of a field short: its parts can come from a map.
func clip(s string) string {
	const most = 80
	if s == "" {
		return "something"
	}
	return s[:min(len(s), most)]
}
