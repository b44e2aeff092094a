package activity_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/bot/activity"
)

func parse(t *testing.T, body string) activity.Activity {
	t.Helper()
	a, err := activity.Parse([]byte(body))
	require.NoError(t, err)
	return a
}

// What somebody types in a channel: the bot must know who, where and in which
// thread, or it answers the wrong people.
func TestAMessageInAChannelIsRead(t *testing.T) {
	a := parse(t, `{
		"type": "message", "id": "1767326111492", "channelId": "msteams", "serviceUrl": "https://smba.trafficmanager.net/emea/",
		"from": {"id": "29:alice", "name": " Alice ", "aadObjectId": "a-a"}, "recipient": {"id": "28:app", "name": "relay"},
		"conversation": {"id": "19:x@thread.tacv2;messageid=1767326091220", "conversationType": "channel", "isGroup": true, "tenantId": "t1", "name": "sre"},
		"text": "<at>relay</at> ack A1", "value": null, "attachments": [{"contentType": "text/html"}],
		"entities": [
			{"type": "mention", "text": "<at>relay</at>", "mentioned": {"id": "28:app", "name": "relay"}},
			{"type": "clientInfo", "text": {"anything": 1}, "mentioned": 7}],
		"channelData": {"tenant": {"id": "t1"}, "team": {"id": "19:team", "aadGroupId": "g", "name": "Ops"}, "channel": {"id": "19:x@thread.tacv2", "name": "sre", "type": "shared"}},
		"somethingNew": {"x": [1]}}`)
	require.Positive(t, a.Size)
	require.Equal(t, activity.Activity{
		Size: a.Size,
		Type: "message", ID: "1767326111492", ChannelID: "msteams", ServiceURL: "https://smba.trafficmanager.net/emea/",
		From: activity.Account{ID: "29:alice", Name: "Alice", ObjectID: "a-a"}, Recipient: activity.Account{ID: "28:app", Name: "relay"},
		Conversation: activity.Conversation{ID: "19:x@thread.tacv2", Thread: "1767326091220", Kind: "channel", Group: true, Name: "sre"},
		Text:         "<at>relay</at> ack A1",
		Mentions:     []activity.Mention{{Account: activity.Account{ID: "28:app", Name: "relay"}, Text: "<at>relay</at>"}},
		Tenants:      []string{"t1"}, Team: activity.Team{ID: "19:team", Group: "g", Name: "Ops"},
		Channel: activity.Channel{ID: "19:x@thread.tacv2", Name: "sre", Kind: "shared"},
	}, a)
	require.False(t, a.Submitted(), "it was typed")
	require.True(t, a.IsBot(a.Mentions[0].Account))
	require.False(t, a.IsBot(a.From))
}

func TestConversationsAndThreadsAreToldApart(t *testing.T) {
	for id, want := range map[string]activity.Conversation{
		"a:1rLd_x-Y":                                  {ID: "a:1rLd_x-Y"},
		"19:x@thread.tacv2;messageid=17":              {ID: "19:x@thread.tacv2", Thread: "17"},
		"19:x@thread.tacv2;MessageId=17":              {ID: "19:x@thread.tacv2", Thread: "17"},
		"19:x@thread.tacv2;messageid=0":               {ID: "19:x@thread.tacv2"},
		"19:x@thread.tacv2;messageid=":                {ID: "19:x@thread.tacv2"},
		"19:x@thread.tacv2;messageid=../x":            {ID: "19:x@thread.tacv2"},
		"19:x@thread.tacv2;messageid=17;messageid=18": {ID: "19:x@thread.tacv2"},
		"19:x@thread.v2;other=1":                      {ID: "19:x@thread.v2;other=1"},
	} {
		body, err := json.Marshal(map[string]any{"type": "message", "conversation": map[string]string{"id": id}})
		require.NoError(t, err)
		require.Equal(t, want, parse(t, string(body)).Conversation, id)
	}
}

// Whatever has another shape than it must have is refused whole: half an
// activity would be worked as if the other half said nothing.
func TestWhatHasAnotherShapeIsRefusedInWords(t *testing.T) {
	whole := func(field string) string {
		return `{"type":"message","conversation":{"id":"a:1"},` + field + `}`
	}
	for name, c := range map[string]struct{ body, want string }{
		"nothing":                            {"", "not a JSON object"},
		"spaces":                             {" \n", "not a JSON object"},
		"a list":                             {"[]", "not a JSON object"},
		"null":                               {"null", "not a JSON object"},
		"half an object":                     {`{"type":"message"`, "not JSON"},
		"two objects":                        {`{"type":"message","conversation":{"id":"a"}}{}`, "not JSON"},
		"no type":                            {`{"conversation":{"id":"a:1"}}`, "no type"},
		"a type that is an object":           {`{"type":{},"conversation":{"id":"a:1"}}`, "a text belongs"},
		"no conversation":                    {`{"type":"message"}`, "no conversation"},
		"null for a conversation":            {`{"type":"invoke","conversation":null}`, "no conversation"},
		"a conversation without an id":       {`{"type":"installationUpdate","conversation":{}}`, "no conversation"},
		"a conversation that is a text":      {`{"type":"message","conversation":"a:1"}`, "conversation of the activity has the wrong type"},
		"a thread of nothing":                {`{"type":"message","conversation":{"id":";messageid=17"}}`, "no conversation"},
		"a sender that is a text":            {whole(`"from":"Alice"`), "from of the activity"},
		"a recipient that is a list":         {whole(`"recipient":["bot"]`), "recipient of the activity"},
		"channel data that is a text":        {whole(`"channelData":"x"`), "channelData of the activity"},
		"a tenant that is a text":            {whole(`"channelData":{"tenant":"t1"}`), "channelData.tenant of the activity"},
		"a team that is a list":              {whole(`"channelData":{"team":[]}`), "channelData.team of the activity"},
		"a channel that is a number":         {whole(`"channelData":{"channel":1}`), "channelData.channel of the activity"},
		"entities that are an object":        {whole(`"entities":{}`), "entities of the activity"},
		"an entity that is a text":           {whole(`"entities":["x"]`), "entities of the activity"},
		"a mention of a text":                {whole(`"entities":[{"type":"mention","mentioned":"Alice"}]`), "names nobody"},
		"a mention with a list for its text": {whole(`"entities":[{"type":"mention","mentioned":{"id":"29:a"},"text":[]}]`), "no text"},
		"members that are an object":         {whole(`"membersAdded":{"id":"29:a"}`), "membersAdded of the activity"},
		"a member that is a text":            {whole(`"membersRemoved":["29:a"]`), "membersRemoved of the activity"},
		"a text that is a list":              {whole(`"text":["ack"]`), "a text belongs"},
		"an id longer than any":              {whole(`"id":"` + strings.Repeat("1", 2000) + `"`), "more than 1024 bytes"},
		"300 KiB":                            {whole(`"text":"` + strings.Repeat("x", 300<<10) + `"`), "over 256 KiB"},
		"a tower of lists":                   {whole(`"value":` + strings.Repeat("[", 100_000)), "not JSON"},
		"a secret in the wrong place":        {whole(`"from":"hunter2"`), "from of the activity"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := activity.Parse([]byte(c.body))
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "hunter2", "nothing of a body is in the log")
		})
	}
}

// Microsoft adds types and events at any time: they must not look like errors,
// or it sends them again and again.
func TestWhatIsNewIsTaken(t *testing.T) {
	for _, body := range []string{
		`{"type":"handoffFromMars"}`,
		`{"type":"event","name":"application/vnd.microsoft.meetingStart","value":{}}`,
		`{"type":"conversationUpdate","conversation":{"id":"19:x"},"channelData":{"eventType":"channelPainted","colour":"red"}}`,
		`{"type":"message","conversation":{"id":"a:1","isGroup":"false"},"id":17,"text":12,"replyToId":null,"locale":{"odd":1}}`,
	} {
		parse(t, body)
	}
	a := parse(t, `{"type":"message","conversation":{"id":"a:1"},"id":17,"text":12}`)
	require.Equal(t, "17", a.ID, "an id that came as a number")
	require.Equal(t, "12", a.Text)
}

func TestAPressIsReadFromEitherKindOfClient(t *testing.T) {
	invoke := func(value string) activity.Activity {
		return parse(t, `{"type":"invoke","name":"adaptiveCard/action","conversation":{"id":"a:1"},"value":`+value+`}`)
	}
	message := func(value string) activity.Activity {
		return parse(t, `{"type":"message","conversation":{"id":"a:1"},"value":`+value+`}`)
	}
	for name, c := range map[string]struct {
		a          activity.Activity
		verb, data string
	}{
		"Action.Execute":                     {invoke(`{"action":{"type":"Action.Execute","verb":"ack","data":{"of":1}},"trigger":"manual"}`), "ack", `{"of":1}`},
		"with its data written as a text":    {invoke(`{"action":{"verb":"ack","data":"{\"of\":1}"}}`), "ack", `{"of":1}`},
		"without data":                       {invoke(`{"action":{"verb":"ack"}}`), "ack", ""},
		"with data that is a list":           {invoke(`{"action":{"verb":"ack","data":[1]}}`), "ack", ""},
		"with text that is no JSON":          {invoke(`{"action":{"verb":"ack","data":"{of"}}`), "ack", ""},
		"with an action that is a text":      {invoke(`{"action":"ack"}`), "", ""},
		"with a value that is a text":        {invoke(`"ack"`), "", ""},
		"without a value":                    {invoke(`null`), "", ""},
		"Action.Submit":                      {message(`{"of":1,"comment":"x"}`), "", `{"of":1,"comment":"x"}`},
		"Action.Submit, written as a text":   {message(`"{\"of\":1}"`), "", `{"of":1}`},
		"Action.Submit with something else":  {message(`7`), "", ""},
		"a value with spaces around its end": {message(" {\"of\":1} \n"), "", `{"of":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			verb, data := c.a.Pressed()
			require.Equal(t, c.verb, verb)
			require.Equal(t, c.data, string(data))
		})
	}
	require.True(t, message(`{"of":1}`).Submitted())
	require.False(t, parse(t, `{"type":"message","conversation":{"id":"a:1"},"text":"ack","value":{"x":1}}`).Submitted(), "something was typed")
	require.False(t, parse(t, `{"type":"message","conversation":{"id":"a:1"},"text":"","value":null}`).Submitted())
}

// The card that was pressed: old clients in channels name only the thread.
func TestThePressedMessageIsKnown(t *testing.T) {
	require.Equal(t, "18", parse(t, `{"type":"invoke","replyToId":"18","conversation":{"id":"19:x;messageid=17"}}`).Message())
	require.Equal(t, "17", parse(t, `{"type":"message","conversation":{"id":"19:x;messageid=17"}}`).Message())
	require.Empty(t, parse(t, `{"type":"message","conversation":{"id":"a:1"}}`).Message())
}

// Ids of messages are times in milliseconds: two conversations can have the
// same one, and a reaction has that of its message.
func TestAnActivityThatComesAgainIsRecognised(t *testing.T) {
	message := parse(t, `{"type":"message","id":"17","conversation":{"id":"19:x;messageid=16"}}`)
	require.Equal(t, message.Key(), parse(t, `{"type":"message","id":"17","timestamp":"later","conversation":{"id":"19:x"}}`).Key())
	require.NotEqual(t, message.Key(), parse(t, `{"type":"message","id":"17","conversation":{"id":"19:y"}}`).Key())
	require.NotEqual(t, message.Key(), parse(t, `{"type":"messageReaction","id":"17","conversation":{"id":"19:x"}}`).Key())
	require.Empty(t, parse(t, `{"type":"message","conversation":{"id":"19:x"}}`).Key())
}

func TestTenantsAreAllThatAreNamed(t *testing.T) {
	for body, want := range map[string][]string{
		`{"type":"message","conversation":{"id":"a","tenantId":"t1"},"channelData":{"tenant":{"id":"t1"}}}`: {"t1"},
		`{"type":"message","conversation":{"id":"a","tenantId":"t1"},"channelData":{"tenant":{"id":"t2"}}}`: {"t1", "t2"},
		`{"type":"message","conversation":{"id":"a"},"channelData":{"tenant":{"id":"t2"}}}`:                 {"t2"},
		`{"type":"message","conversation":{"id":"a"}}`:                                                      nil,
	} {
		require.Equal(t, want, parse(t, body).Tenants)
	}
}

func TestNamesAreCut(t *testing.T) {
	a := parse(t, `{"type":"message","conversation":{"id":"a","name":"`+strings.Repeat("ä", 500)+`"}}`)
	require.Equal(t, strings.Repeat("ä", 255)+"…", a.Conversation.Name)
}

// corpus are real activities that others have published.
func corpus(t testing.TB) map[string][]byte {
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "..", "shared", "corpus", "bot", "*.json"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("the corpus of real inputs (../shared/corpus) is not beside the project")
	}
	all := map[string][]byte{}
	for _, file := range files {
		all[filepath.Base(file)], err = os.ReadFile(file)
		require.NoError(t, err)
	}
	return all
}

func TestRealActivitiesAreRead(t *testing.T) {
	for name, body := range corpus(t) {
		t.Run(name, func(t *testing.T) {
			var raw struct {
				Type         string
				Text         string
				Conversation struct{ ID string }
				From         struct{ AadObjectID string }
			}
			require.NoError(t, json.Unmarshal(body, &raw))
			a, err := activity.Parse(body)
			if raw.Conversation.ID == "" {
				require.ErrorContains(t, err, "no conversation")
				return
			}
			require.NoError(t, err)
			require.Equal(t, raw.Type, a.Type)
			require.Equal(t, raw.Text, a.Text)
			require.Equal(t, raw.From.AadObjectID, a.From.ObjectID)
			require.NotContains(t, a.Conversation.ID, ";")
			if strings.Contains(name, "mention") {
				require.NotEmpty(t, a.Mentions)
			}
			require.Equal(t, strings.HasPrefix(name, "message-submit-channel"), a.Submitted())
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"type":"message","conversation":{"id":"19:x;messageid=17"},"entities":[{"type":"mention","mentioned":{}}],"value":"{}"}`))
	f.Add([]byte(`{"type":"invoke","conversation":{"id":"a"},"value":{"action":{"data":{}}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := activity.Parse(body)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		require.NotEmpty(t, a.Type)
		require.True(t, json.Valid(body), "only JSON is taken")
		require.NotContains(t, strings.ToLower(a.Conversation.ID), ";messageid=")
		require.Empty(t, strings.Trim(a.Conversation.Thread, "0123456789"))
		if a.Value != nil {
			require.True(t, json.Valid(a.Value))
		}
		if _, data := a.Pressed(); data != nil {
			require.True(t, json.Valid(data))
			require.EqualValues(t, '{', data[0])
		}
		a.Key()
		a.Message()
	})
}

// People choose their names, and those of chats: on a card, in the audit and on
// a terminal they are names and nothing else.
func TestNamesHoldNothingThatCannotBeSeen(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"that turns what follows":   {"Alice\u202e bmoT", "Alice bmoT"},
		"that isolates it":          {"\u2066Alice\u2069", "Alice"},
		"for a terminal":            {"Al\x1b[2Jice\a", "Al[2Jice"},
		"on several lines":          {"Alice\n\nacknowledged by Bob", "Alice acknowledged by Bob"},
		"with what nobody sees":     {"A\u200bli\ufeffce\u00ad", "Alice"},
		"that is nothing else":      {"\u202e\u200b", ""},
		"of a family, as one emoji": {"👩\u200d👧", "👩\u200d👧"},
		"in Persian":                {"علی\u200cرضا", "علی\u200cرضا"},
		"that is broken":            {"Al\xffice", "Alice"},
		"with a space of its own":   {"Alice\u00a0Smith", "Alice Smith"},
	} {
		require.Equal(t, c.want, activity.OneLine(c.text), name)
	}
	a, err := activity.Parse([]byte(`{"type":"message","conversation":{"id":"x","name":"s\u202ere"},"from":{"name":"Al\u001b[2Jice"}}`))
	require.NoError(t, err)
	require.Equal(t, "sre", a.Conversation.Name)
	require.Equal(t, "Al[2Jice", a.From.Name)
}
