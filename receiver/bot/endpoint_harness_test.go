package bot_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/bot"
	"github.com/teamsrelay/teamsrelay/receiver/bot/token"
	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/press"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlitetest"
	"github.com/teamsrelay/teamsrelay/receiver/store/storetest"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

const (
	appID    = "11111111-2222-3333-4444-555555555555"
	tenant   = "aaaaaaaa-0000-0000-0000-000000000001"
	issuer   = "https://api.botframework.test"
	metadata = "https://login.botframework.test/v1/.well-known/openidconfiguration"
	// service is on this machine, where the client speaks without tokens; no
	// request leaves the test.
	service = "http://127.0.0.1:9/emea/"
)

// signer is the key of the tests' Microsoft: making one takes a while.
var signer = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// fields are a JSON object.
type fields map[string]any

// but is the fields with some of them changed; nil takes one out.
func (f fields) but(changes fields) fields {
	made := maps.Clone(f)
	for name, value := range changes {
		if made[name] = value; value == nil {
			delete(made, name)
		}
	}
	return made
}

func (f fields) json() string {
	raw, err := json.Marshal(f)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

// authorization is a token of claims, signed by Microsoft.
func authorization(claims fields) string {
	part := func(f fields) string { return base64.RawURLEncoding.EncodeToString([]byte(f.json())) }
	content := part(fields{"alg": "RS256", "kid": "one"}) + "." + part(claims)
	sum := sha256.Sum256([]byte(content))
	signature, err := rsa.SignPKCS1v15(rand.Reader, signer(), crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return "Bearer " + content + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func claims() fields {
	return fields{"iss": issuer, "aud": appID, "serviceurl": service, "exp": time.Now().Add(time.Hour).Unix()}
}

// world is everything around the bot: Microsoft's keys and its connector.
type world struct {
	mu       sync.Mutex
	slowKeys time.Duration // how long Microsoft takes for a document
	// said is what the bot sent: the path, a space and the text.
	said []string
	// hold keeps the connector from answering until it is closed; nil: it does.
	hold chan struct{}
}

func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := func(status int, body string) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
	switch {
	case r.URL.Host == "login.botframework.test":
		w.mu.Lock()
		slow := w.slowKeys
		w.mu.Unlock()
		if slow > 0 {
			select {
			case <-time.After(slow):
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		}
		if r.URL.String() == metadata {
			return answer(200, `{"jwks_uri":"https://login.botframework.test/keys"}`)
		}
		number := func(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }
		return answer(200, fields{"keys": []fields{{
			"kty": "RSA", "kid": "one", "endorsements": []string{"msteams", "webchat"},
			"n": number(signer().N), "e": number(big.NewInt(int64(signer().E))),
		}}}.json())
	case r.Method == http.MethodPost:
		var sent struct {
			Text string `json:"text"`
		}
		if err := json.NewDecoder(r.Body).Decode(&sent); err != nil {
			return nil, err
		}
		w.mu.Lock()
		w.said = append(w.said, r.URL.Path+" "+sent.Text)
		hold := w.hold
		w.mu.Unlock()
		if hold != nil {
			select {
			case <-hold:
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		}
		return answer(201, `{"id":"1700000000000"}`)
	}
	return answer(200, `{"id":"29:alice","name":"Alice","aadObjectId":"a-a"}`)
}

func (w *world) sent() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.said...)
}

// kit is a bot with everything around it.
type kit struct {
	testing.TB
	*bot.Bot
	world    *world
	store    store.Store
	registry *prometheus.Registry
	log      *safeLog
	mu       sync.Mutex
	back     []string
	end      func() // ends the bot, and returns when it has ended
}

// safeLog is a log that several goroutines write.
type safeLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *safeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *safeLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newKit makes a bot; change may change its options.
func newKit(t testing.TB, change func(*bot.Options)) *kit {
	t.Helper()
	return newKitIn(t, &world{}, change)
}

func newKitIn(t testing.TB, w *world, change func(*bot.Options)) *kit {
	k := &kit{TB: t, world: w, registry: prometheus.NewRegistry(), log: &safeLog{}}
	opened, err := sqlite.Open(sqlitetest.File(t), sqlite.Options{})
	require.NoError(t, err)
	k.store = storetest.Twice(opened)
	client, err := botframework.New(auth.Config{
		AppID: appID, TenantID: tenant, InsecureLocal: true, Transport: k.world,
		Endpoints: auth.Endpoints{AllowedServiceHosts: []string{"127.0.0.1:9"}},
	})
	require.NoError(t, err)
	logger := slog.New(slog.NewTextHandler(k.log, nil))
	verifier, err := token.New(token.Options{
		AppID: appID, Issuer: issuer, Metadata: metadata, Transport: k.world, Now: time.Now, Logger: logger, Registerer: k.registry,
	})
	require.NoError(t, err)
	o := bot.Options{
		Store: k.store, Logger: logger, Registerer: k.registry, Now: time.Now, Location: time.UTC,
		AppID: appID, Tenants: []string{tenant}, Verifier: verifier, Client: client,
		Trusted:    func(u string) bool { return strings.HasPrefix(u, "http://127.0.0.1:9/") },
		CheckPress: func(context.Context, string, press.Data) error { return press.ErrForged },
		Do: func(context.Context, command.Command) (command.Result, error) {
			return command.Result{}, command.ErrUnknown
		},
		Rendered: func(context.Context, string, group.Group) (card.Message, error) {
			return card.Message{}, errors.New("there is no card")
		},
		Shown: func(context.Context, string, group.Group) (card.Message, error) {
			return card.Message{}, errors.New("there is no card")
		},
		Test: func(context.Context, string) error { return errors.New("there is no destination") },
		Create: func(context.Context, command.Creation) (group.Group, error) {
			return group.Group{}, command.ErrText
		},
		Destinations: func() []bot.Destination { return nil },
		Back: func(_ context.Context, c store.Conversation) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.back = append(k.back, c.ID)
		},
		Welcome: func(c store.Conversation) string { return "Welcome to " + c.Name },
	}
	if change != nil {
		change(&o)
	}
	k.Bot, err = bot.New(o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		k.Run(ctx)
	}()
	k.end = sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	t.Cleanup(func() {
		k.end()
		_ = k.store.Close()
	})
	return k
}

// request is one that Microsoft could send.
func request(body string, claims fields) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/api/messages", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", authorization(claims))
	return r
}

func (k *kit) serve(r *http.Request) *httptest.ResponseRecorder {
	k.Helper()
	w := httptest.NewRecorder()
	k.ServeHTTP(w, r)
	return w
}

// take sends activities that must be taken, and waits until they are worked.
func (k *kit) take(activities ...fields) {
	k.Helper()
	for _, a := range activities {
		w := k.serve(request(a.json(), claims()))
		require.Equal(k, http.StatusOK, w.Code, w.Body.String())
		require.Empty(k, w.Body.String())
	}
}

// conversations are all that are stored, by id, without their times.
func (k *kit) conversations() map[string]store.Conversation {
	k.Helper()
	all := map[string]store.Conversation{}
	require.NoError(k, k.store.View(context.Background(), func(tx store.Tx) error {
		rows, err := tx.Conversations("")
		for _, c := range rows {
			if c.UpdatedAt.IsZero() {
				return errors.New("a row without a time")
			}
			c.UpdatedAt = time.Time{}
			all[c.ID] = c
		}
		return err
	}))
	return all
}

func (k *kit) returned() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]string(nil), k.back...)
}

// metric is the value of a counter with a label's value, "" without labels.
func (k *kit) metric(name, label string) int {
	k.Helper()
	families, err := k.registry.Gather()
	require.NoError(k, err)
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if valueOf(m) == label {
				return int(m.GetCounter().GetValue())
			}
		}
	}
	k.Fatalf("there is no metric %s %s", name, label)
	return 0
}

func valueOf(m *dto.Metric) string {
	for _, l := range m.GetLabel() {
		return l.GetValue()
	}
	return ""
}

// activityIn is an activity of a conversation: what all have in common.
func activityIn(conversation fields, changes fields) fields {
	return fields{
		"type": "message", "channelId": "msteams", "serviceUrl": service,
		"from":         fields{"id": "29:alice", "name": "Alice", "aadObjectId": "a-a"},
		"recipient":    fields{"id": "28:" + appID, "name": "relay"},
		"conversation": conversation.but(fields{"tenantId": tenant}),
	}.but(changes)
}

var (
	personal = fields{"id": "a:1", "conversationType": "personal"}
	channel  = fields{"id": "19:sre@thread.tacv2", "conversationType": "channel", "isGroup": true, "name": "sre"}
	team     = fields{"id": "19:team@thread.tacv2", "aadGroupId": "group-1", "name": "Ops"}
)

// ofTeam is the channel data of an activity in a team.
func ofTeam(event string, channel fields) fields {
	return fields{"tenant": fields{"id": tenant}, "team": team, "channel": channel, "eventType": event}
}

// placeAndWords is what the bot has said, and in which conversation.
func placeAndWords(t testing.TB, said string) string {
	t.Helper()
	path, words, _ := strings.Cut(said, " ")
	path, ok := strings.CutPrefix(path, "/emea/v3/conversations/")
	require.True(t, ok, said)
	return strings.TrimSuffix(path, "/activities") + " " + words
}
