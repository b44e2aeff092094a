package botframework_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// contract is Microsoft's own description of the connector: two documents,
// neither of which has all of it.
type contract struct{ documents []swagger }

type swagger struct {
	file     string
	compiler *jsonschema.Compiler
	paths    map[string]map[string]operation
	fields   map[string]struct{ Properties map[string]any }
}

type operation struct {
	Parameters []struct {
		In     string
		Name   string
		Schema struct {
			Ref string `json:"$ref"`
		}
	}
	Responses map[string]struct {
		Schema struct {
			Ref string `json:"$ref"`
		}
	}
}

func readContract(t *testing.T) contract {
	t.Helper()
	var c contract
	for _, file := range []string{"bot-connector-v3.swagger.json", "bot-framework-channel-v3.1.swagger.json"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "shared", "contracts", file))
		if err != nil {
			t.Skipf("Microsoft's description of the connector is not beside the project: %v", err)
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(t, err)
		compiler := jsonschema.NewCompiler()
		compiler.DefaultDraft(jsonschema.Draft4)
		require.NoError(t, compiler.AddResource(file, document))
		var read struct {
			Paths       map[string]map[string]operation
			Definitions map[string]struct{ Properties map[string]any }
		}
		require.NoError(t, json.Unmarshal(text, &read))
		c.documents = append(c.documents, swagger{file, compiler, read.Paths, read.Definitions})
	}
	return c
}

var placeholder = regexp.MustCompile(`\\\{\w+\\\}`)

// find is what each document of the contract says of a request.
func (c contract) find(t *testing.T, method, path string) map[*swagger]operation {
	t.Helper()
	found := map[*swagger]operation{}
	for i, document := range c.documents {
		for template, methods := range document.paths {
			pattern := "^" + placeholder.ReplaceAllString(regexp.QuoteMeta(template), `[^/]+`) + "$"
			if operation, ok := methods[strings.ToLower(method)]; ok && regexp.MustCompile(pattern).MatchString(path) {
				found[&c.documents[i]] = operation
			}
		}
	}
	require.NotEmpty(t, found, "Microsoft has no such operation: %s %s", method, path)
	return found
}

// holds checks a body against a definition.
func (s swagger) holds(t *testing.T, ref string, body []byte) {
	t.Helper()
	if ref == "" {
		require.Empty(t, body, "nothing is said of a body")
		return
	}
	schema, err := s.compiler.Compile(s.file + ref)
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	require.NoError(t, err, "%s", body)
	require.NoError(t, schema.Validate(value), "%s", body)
	// The definitions are open, so a misspelled field would pass.
	definition := strings.TrimPrefix(ref, "#/definitions/")
	known := s.fields[definition].Properties
	for field := range value.(map[string]any) {
		if !slices.Contains(teamsOwn[definition], field) {
			require.Contains(t, known, field, "%s", body)
		}
	}
}

// teamsOwn are fields that Teams adds to a definition (teams-platform §2.3,
// §2.7).
var teamsOwn = map[string][]string{
	"Activity":               {"channelData"},
	"ConversationParameters": {"channelData"},
	"ChannelAccount":         {"objectId", "givenName", "surname", "email", "userPrincipalName", "tenantId", "userRole"},
}

// notary holds every request and answer against the contract.
type notary struct {
	t        *testing.T
	contract contract
	inner    http.RoundTripper

	mu   sync.Mutex
	seen map[string]int // operations and statuses
}

func (n *notary) RoundTrip(r *http.Request) (*http.Response, error) {
	_, path, ours := strings.Cut(r.URL.EscapedPath(), "/emea/")
	if !ours {
		return n.inner.RoundTrip(r) // sign-in
	}
	var asked []byte
	if r.Body != nil {
		asked, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(asked))
	}
	answer, err := n.inner.RoundTrip(r)
	require.NoError(n.t, err)
	body, err := io.ReadAll(answer.Body)
	require.NoError(n.t, err)
	answer.Body = io.NopCloser(bytes.NewReader(body))

	n.mu.Lock()
	defer n.mu.Unlock()
	for document, operation := range n.contract.find(n.t, r.Method, "/"+path) {
		wanted, queries := "", map[string]bool{}
		for _, p := range operation.Parameters {
			if p.In == "body" {
				wanted = p.Schema.Ref
			}
			queries[p.Name] = p.In == "query"
		}
		document.holds(n.t, wanted, asked)
		for name := range r.URL.Query() {
			require.True(n.t, queries[name], "no such parameter: %s", name)
		}
		response, ok := operation.Responses[strconv.Itoa(answer.StatusCode)]
		if !ok {
			response = operation.Responses["default"]
		}
		if response.Schema.Ref != "" || len(body) > 0 && answer.StatusCode < 300 {
			document.holds(n.t, response.Schema.Ref, body)
		}
		n.seen[r.Method+" "+strconv.Itoa(answer.StatusCode)]++
		n.seen[document.file]++
	}
	return answer, nil
}

// simulated is the simulated Teams with a bot that signs in, and a client of
// ours that it knows.
func simulated(t *testing.T, bot teamstest.Bot, transport func(http.RoundTripper) http.RoundTripper) (*teamstest.Server, *botframework.Client) {
	t.Helper()
	bot.Signed = true
	server := teamstest.New(teamstest.Options{Bot: bot})
	t.Cleanup(server.Close)
	for _, c := range []string{teamstest.Alerts, teamstest.Chat} {
		_, _ = server.As("alice").Install(t.Context(), c) // nobody is told: the bot has no endpoint
	}
	b, err := botframework.New(auth.Config{
		TenantID: teamstest.DefaultTenant, AppID: teamstest.DefaultAppID, Secret: teamstest.DefaultSecret,
		Endpoints: auth.Endpoints{Login: "https://login.test"}, Transport: transport(server.Transport()),
	})
	require.NoError(t, err)
	return server, b
}

func placeAt(conversation, kind string) botframework.Place {
	return botframework.Place{ServiceURL: service, Conversation: conversation, Kind: kind, Tenant: teamstest.DefaultTenant}
}

func TestEveryRequestAndAnswerKeepsMicrosoftsContract(t *testing.T) {
	n := &notary{t: t, contract: readContract(t), seen: map[string]int{}}
	server, b := simulated(t, teamstest.Bot{}, func(inner http.RoundTripper) http.RoundTripper { n.inner = inner; return n })
	ctx := context.Background()
	for _, p := range []botframework.Place{placeAt(teamstest.Alerts, botframework.Channel), placeAt(teamstest.Chat, botframework.GroupChat)} {
		s := to(b, p)
		o := s.Send(ctx, hot)
		require.Equal(t, teams.Delivered, o.Kind, o.Message)
		require.NotEmpty(t, o.MessageID)
		require.Equal(t, teams.Delivered, s.Edit(ctx, o.MessageID, card.Message{Card: []byte(`{"type":"AdaptiveCard","version":"1.5","body":[{"type":"TextBlock","text":"over"}]}`)}).Kind)
		shown, ok := server.Message(p.Conversation, o.MessageID)
		require.True(t, ok)
		require.Contains(t, string(shown.Activity), "over")
		require.Equal(t, teams.Delivered, s.Call(ctx, o.MessageID, hot).Kind)
		mention := botframework.Mention{ID: "29:1alice-simulated-1", Name: "Alice Adams"}
		require.Equal(t, teams.Delivered, s.Say(ctx, o.MessageID, botframework.Text{Markdown: mention.Text() + " look", Mentions: []botframework.Mention{mention}}).Kind)
		require.Equal(t, teams.Delivered, s.Delete(ctx, o.MessageID).Kind)
		require.True(t, s.Edit(ctx, o.MessageID, hot).Gone)

		members, err := b.Members(ctx, p)
		require.NoError(t, err)
		require.NotEmpty(t, members)
		one, err := b.Member(ctx, p, members[0].ObjectID)
		require.NoError(t, err)
		require.Equal(t, members[0], one)
		_, err = b.Member(ctx, p, "29:nobody")
		require.ErrorIs(t, err, botframework.ErrNotMember)
	}
	require.Equal(t, teams.NotFound, to(b, placeAt("19:nowhere@thread.v2", botframework.GroupChat)).Send(ctx, hot).Reason)
	for _, operation := range []string{"POST 201", "PUT 200", "PUT 404", "DELETE 200", "GET 200", "GET 404", "POST 404", n.contract.documents[0].file, n.contract.documents[1].file} {
		require.Positive(t, n.seen[operation], "the test does not prove %s: %v", operation, n.seen)
	}
}
