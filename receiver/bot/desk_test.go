package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/bot/activity"
	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/press"
	"github.com/teamsrelay/teamsrelay/receiver/route"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlitetest"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

// The people of the tests, and where they are.
var (
	alice   = activity.Account{ID: "29:alice", Name: "Alice", ObjectID: "id-alice"}
	bob     = activity.Account{ID: "29:bob", Name: "Bob", ObjectID: "id-bob"}
	mallory = activity.Account{ID: "29:mallory", Name: "Mallory", ObjectID: "id-mallory"}
)

// Conversations: channels of destinations with the same name, and a personal
// chat of Alice.
const (
	sre      = "19:sre@thread.tacv2"
	ops      = "19:ops@thread.tacv2"
	readonly = "19:readonly@thread.tacv2"
	listed   = "19:listed@thread.tacv2"
	nobodys  = "19:nobodys@thread.tacv2" // a channel that gets no alerts
	chat     = "a:alice"
)

// desk is a bot with the real engine and a store, and Teams' side of it.
type desk struct {
	t      testing.TB
	bot    *Bot
	engine *engine.Engine
	store  store.Store
	now    time.Time
	teams  *httptest.Server

	mu      sync.Mutex
	members map[string][]botframework.Member // by conversation
	asked   []string                         // whom Teams was asked about
	said    []string                         // "conversation: text"
	down    bool                             // Teams answers 503
	serial  int
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	d := &desk{t: t, now: time.Date(2026, 11, 21, 10, 15, 0, 0, time.UTC)}
	all := []botframework.Member{
		{ID: "29:alice", ObjectID: "id-alice", Name: "Alice", UPN: "alice@contoso.com"},
		{ID: "29:bob", ObjectID: "id-bob", Name: "Bob", UPN: "bob@contoso.com", Email: "robert@contoso.com"},
		{ID: "29:twin", ObjectID: "id-twin", Name: "Anna Smith", UPN: "anna@contoso.com"},
		{ID: "29:twin2", ObjectID: "id-twin2", Name: "Anna Smyth", UPN: "anna.s@contoso.com"},
	}
	d.members = map[string][]botframework.Member{
		sre: all, ops: all[:2], readonly: all, listed: all, chat: all[:1],
	}
	d.teams = httptest.NewServer(http.HandlerFunc(d.connector))
	t.Cleanup(d.teams.Close)
	db, err := sqlite.Open(sqlitetest.File(t), sqlite.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	d.store = db
	log := slog.New(slog.DiscardHandler)
	began := d.now
	d.engine, err = engine.New(engine.Options{
		Store: db, Logger: log, Registerer: prometheus.NewRegistry(), Location: time.UTC, Holder: "test",
		Now: d.time, Elapsed: func() time.Duration { return d.time().Sub(began) },
	}, d.config())
	require.NoError(t, err)
	d.bot, err = New(Options{
		Store: db, Logger: log, Registerer: prometheus.NewRegistry(), Now: d.time, Location: time.UTC,
		Local: true, Trusted: self.Allows, Client: d.client(), Version: "1.2.3",
		CheckPress: d.engine.CheckPress, Do: d.engine.Do, Rendered: d.engine.Rendered, Shown: d.engine.Shown, Create: d.engine.Create,
		Destinations: func() []Destination {
			return []Destination{
				{Name: "sre", Addresses: []string{"bot:" + sre}},
				{Name: "ops", Addresses: []string{"bot:" + ops}},
				{Name: "hook", Addresses: []string{"workflow:hook"}},
				{Name: "readonly", Addresses: []string{"bot:" + readonly}, Actions: Actions{None: true}},
				{Name: "listed", Addresses: []string{"bot:" + listed}, Actions: Actions{Users: []string{"ID-BOB", "Alice@contoso.com"}}},
			}
		},
		Test: func(_ context.Context, address string) error {
			if address == "bot:"+nobodys {
				return engine.ErrUnknownDestination
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			d.said = append(d.said, "test card to "+address)
			return nil
		},
	})
	require.NoError(t, err)
	for _, c := range []store.Conversation{
		{ID: sre, Kind: store.Channel, Name: "sre", TeamID: "19:team", Installed: true},
		{ID: ops, Kind: store.Channel, Name: "ops", TeamID: "19:team", Installed: true},
		{ID: readonly, Kind: store.Channel, Name: "readonly", TeamID: "19:team", Installed: true},
		{ID: listed, Kind: store.Channel, Name: "listed", TeamID: "19:team", Installed: true},
		{ID: chat, Kind: store.Personal, Name: "Alice", UserID: alice.ID, UserObjectID: alice.ObjectID, Installed: true},
	} {
		c.ServiceURL = d.teams.URL
		require.NoError(t, db.Update(t.Context(), func(tx store.Tx) error { return tx.SaveConversation(&c) }))
	}
	return d
}

// self is who the bot is.
var self = auth.Config{AppID: "app", InsecureLocal: true}

// client is one that has sent nothing yet: its pace would hold up the tests.
func (d *desk) client() *botframework.Client {
	d.t.Helper()
	client, err := botframework.New(self)
	require.NoError(d.t, err)
	return client
}

func (d *desk) time() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

func (d *desk) config() engine.Config {
	cards, problems := card.New(nil)
	require.Empty(d.t, problems)
	names := []string{"sre", "ops", "readonly", "listed", "hook"}
	o := route.Options{Destinations: names, Cards: cards.Names()}
	require.NoError(d.t, yaml.Unmarshal([]byte("destinations: [sre]"), &o.Route))
	tree, wrong := route.New(o)
	require.Empty(d.t, wrong)
	c := engine.Config{Routes: tree, Cards: cards, ResolveTimeout: 5 * time.Minute, Retention: 30 * 24 * time.Hour}
	for _, name := range names {
		id := "bot:19:" + name + "@thread.tacv2"
		if name == "hook" {
			id = "workflow:hook"
		}
		c.Destinations = append(c.Destinations, engine.Destination{Name: name, Addresses: []deliver.Address{address(id, name)}})
	}
	c.Conversation = func(id string) (engine.Destination, bool) {
		return engine.Destination{Name: "conversation", Addresses: []deliver.Address{address(id, "conversation")}}, true
	}
	return c
}

// address is one whose messages nobody needs: tests say themselves what was
// shown.
func address(id, destination string) deliver.Address {
	send := func(context.Context, card.Message) teams.Outcome { return teams.Outcome{Kind: teams.Delivered} }
	edit := func(context.Context, string, card.Message) teams.Outcome {
		return teams.Outcome{Kind: teams.Delivered}
	}
	return deliver.Address{ID: id, Destination: destination, Editable: true, Limit: card.BotLimit, Send: send, Edit: edit, Call: edit}
}

// connector is Teams' side of what the bot says and asks.
func (d *desk) connector(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/v3/conversations/"), "/")
	for i := range parts {
		parts[i], _ = url.PathUnescape(parts[i])
	}
	answer := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	switch conversation := parts[0]; {
	case r.Method == http.MethodPost:
		var said struct {
			Text        string            `json:"text"`
			Attachments []json.RawMessage `json:"attachments"`
		}
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &said)
		if len(said.Attachments) > 0 {
			said.Text = "card " + string(said.Attachments[0])
		}
		d.said = append(d.said, conversation+": "+said.Text)
		w.WriteHeader(http.StatusCreated)
		answer(map[string]string{"id": "answer"})
	case parts[1] == "pagedmembers":
		d.asked = append(d.asked, "all of "+conversation)
		answer(map[string]any{"members": d.members[conversation]})
	default:
		d.asked = append(d.asked, parts[2]+" in "+conversation)
		for _, m := range d.members[conversation] {
			if m.ID == parts[2] || m.ObjectID == parts[2] {
				answer(m)
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
		answer(map[string]any{"error": map[string]string{"code": "MemberNotFoundInConversation", "message": "no such member"}})
	}
}

// alert makes an alert and has it shown in a conversation, by a message that is
// called like it.
func (d *desk) alert(name, conversation string, labels ...string) group.Group {
	d.t.Helper()
	destination := strings.TrimSuffix(strings.TrimPrefix(conversation, "19:"), "@thread.tacv2")
	set := map[string]string{alert.NameLabel: name, alert.SeverityLabel: "warning"}
	for _, label := range labels {
		key, value, _ := strings.Cut(label, "=")
		set[key] = value
	}
	origin := ingest.Origin("alertmanager", name)
	require.NoError(d.t, d.engine.Snapshot(d.t.Context(), ingest.Snapshot{
		Source: "alertmanager", Origin: origin, Destination: destination, Complete: true,
		GroupLabels: map[string]string{alert.NameLabel: name},
		Alerts:      []alert.Alert{{Fingerprint: alert.FingerprintOf(set), Status: alert.Firing, Labels: set, StartsAt: d.time()}},
	}))
	var made group.Group
	require.NoError(d.t, d.store.Update(d.t.Context(), func(tx store.Tx) error {
		groups, err := tx.Groups(origin)
		if err != nil {
			return err
		}
		made = groups[0]
		posts, err := tx.ListPosts(store.PostFilter{GroupID: made.ID})
		if err != nil {
			return err
		}
		for i := range posts {
			posts[i].Begin(1, d.now)
			posts[i].Delivered(made.Rev, name, true, d.now)
			if err := tx.SavePost(&posts[i]); err != nil {
				return err
			}
		}
		return nil
	}))
	return made
}

// get is an episode as it is now.
func (d *desk) get(id int64) (g group.Group) {
	d.t.Helper()
	d.view(func(tx store.Tx) (err error) { g, err = tx.Group(id); return err })
	return g
}

func (d *desk) view(fn func(store.Tx) error) {
	d.t.Helper()
	require.NoError(d.t, d.store.View(d.t.Context(), fn))
}

// button is what stands behind a button of an alert's card in a conversation.
func (d *desk) button(conversation string, g group.Group, verb string, of int64, span string) press.Data {
	d.t.Helper()
	var keys []store.Key
	d.view(func(tx store.Tx) (err error) { keys, err = tx.Keys(); return err })
	key := press.Key{ID: keys[0].ID, Secret: keys[0].Secret}
	return key.Sign(botframework.AddressID(conversation), press.Data{Verb: verb, Group: g.ID, Of: of, For: span})
}

// pressing is the activity of a press on a message.
func (d *desk) pressing(who activity.Account, conversation, message string, data any) activity.Activity {
	d.t.Helper()
	d.mu.Lock()
	d.serial++
	id := fmt.Sprintf("f:%d", d.serial)
	d.mu.Unlock()
	value, err := json.Marshal(map[string]any{"action": map[string]any{"type": "Action.Execute", "data": data}, "trigger": "manual"})
	require.NoError(d.t, err)
	return activity.Activity{
		Type: activity.Invoke, Name: activity.ExecuteAction, ID: id, ReplyToID: message, Value: value,
		From: who, Recipient: activity.Account{ID: "28:app", Name: "Ops Bot"}, ServiceURL: d.teams.URL,
		Conversation: activity.Conversation{ID: conversation, Kind: kind(conversation)},
	}
}

func kind(conversation string) string {
	if strings.HasPrefix(conversation, "19:") {
		return store.Channel
	}
	return store.Personal
}

// press presses, and returns the card or the words of the answer.
func (d *desk) press(a activity.Activity) (cardText, words string) {
	d.t.Helper()
	answer := d.bot.press(d.t.Context(), a)
	require.Equal(d.t, 200, answer.StatusCode, "a press is always answered 200")
	if answer.Type == messageAnswer {
		return "", answer.Value.(string)
	}
	require.Equal(d.t, cardAnswer, answer.Type)
	return string(answer.Value.(json.RawMessage)), ""
}

// typing is the activity of a message.
func (d *desk) typing(who activity.Account, conversation, text string) activity.Activity {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.serial++
	a := activity.Activity{
		Type: activity.Message, ID: fmt.Sprint(d.serial), Text: text, From: who,
		Recipient: activity.Account{ID: "28:app", Name: "Ops Bot"}, ServiceURL: d.teams.URL,
		Conversation: activity.Conversation{ID: conversation, Kind: kind(conversation)},
	}
	if a.Conversation.Kind == store.Channel {
		a.Conversation.Thread = a.ID
		a.Text = "<at>Ops Bot</at> " + text
		a.Mentions = []activity.Mention{{Account: a.Recipient, Text: "<at>Ops Bot</at>"}}
	}
	return a
}

// type_ types a message and returns what the bot answers.
func (d *desk) type_(who activity.Account, conversation, text string) string {
	d.t.Helper()
	return d.say(d.typing(who, conversation, text))
}

func (d *desk) say(a activity.Activity) string {
	d.t.Helper()
	d.mu.Lock()
	d.said = nil
	d.mu.Unlock()
	d.bot.Client = d.client()
	d.bot.say(d.t.Context(), a)
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.said, "\n--\n")
}

// audit is the audit in short, oldest first.
func (d *desk) audit() (lines []string) {
	d.t.Helper()
	d.view(func(tx store.Tx) error {
		rows, err := tx.Audit(store.AuditFilter{})
		for i := len(rows) - 1; i >= 0; i-- {
			a := rows[i]
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s (%s) %s %s from %s", a.Who, a.ObjectID, a.Action, a.Target, a.From)))
		}
		return err
	})
	return lines
}
