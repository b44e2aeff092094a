package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

// told posts a body and returns the answer read into out.
func (s *site) told(status int, method, path, body string, out any) {
	s.t.Helper()
	w := s.ask(method, path, body)
	require.Equal(s.t, status, w.Code, w.Body)
	require.NoError(s.t, json.Unmarshal(w.Body.Bytes(), out))
}

// fires posts an alert and returns its id.
func (s *site) fires() string {
	s.t.Helper()
	require.Equal(s.t, 200, s.ask("POST", "/alertmanager", firing).Code)
	return s.alerts("/api/v1/alerts?limit=1")[0].ID
}

// done are the lines about what was done, and not refused.
func (s *site) done() (lines []Audit) {
	for _, line := range s.lines("") {
		if !strings.HasPrefix(line.Action, store.Refused) {
			lines = append(lines, line)
		}
	}
	return lines
}

func (s *site) lines(query string) []Audit {
	s.t.Helper()
	var answer struct{ Audit []Audit }
	s.told(200, "GET", "/api/v1/audit"+query, "", &answer)
	return answer.Audit
}

func TestTheAPIDoesWhatTheButtonsDo(t *testing.T) {
	s := newSite(t)
	id := s.fires()
	do := func(verb, body string) Done {
		t.Helper()
		var done Done
		s.told(200, "POST", "/api/v1/alerts/"+id+"/"+verb, body, &done)
		require.Equal(t, id, done.Alert)
		require.Equal(t, verb, done.Verb)
		require.False(t, done.Asked)
		return done
	}
	now := func() Alert {
		t.Helper()
		return s.alerts("/api/v1/alerts/" + id)[0]
	}
	do("ack", `{"who":" Alice \n Example "}`)
	require.Equal(t, "Alice Example", now().AcknowledgedBy, "a name is one line")
	do("unack", `{"who":"Bob"}`)
	require.Empty(t, now().AcknowledgedBy)
	do("assign", `{"who":"Alice","to":"Bob","text":"you know it"}`)
	require.Equal(t, "Bob", now().AssignedTo)
	do("assign", `{"who":"Alice","text":"Carol"}`)
	require.Equal(t, "Carol", now().AssignedTo, "as it was written before there was to")
	do("comment", `{"who":"Alice","text":"it was the fan"}`)

	asked := time.Now()
	silence := do("silence", `{"who":"Alice","for":"4h","text":"deploying"}`).Silence
	is := now().Silenced
	require.NotNil(t, is)
	require.Equal(t, silence, is.ID)
	require.Equal(t, "Alice", is.By)
	require.Equal(t, "deploying", is.Comment)
	require.False(t, is.Alertmanager)
	// The engine's clock follows the machine's with some milliseconds between them.
	require.WithinDuration(t, asked.Add(4*time.Hour), is.Until, time.Minute)
	do("expire", `{"who":"Bob"}`)
	require.Nil(t, now().Silenced)
	until := time.Now().Add(90 * time.Minute).UTC().Truncate(time.Second)
	do("silence", `{"who":"Alice","until":"`+until.Format(time.RFC3339)+`"}`)
	require.Equal(t, until, now().Silenced.Until)

	do("resolve", `{"who":"Alice"}`)
	require.Equal(t, "Alice", now().ResolvedBy)
	do("reopen", `{"who":"Bob"}`)
	require.Empty(t, now().ResolvedBy)

	var actions []string
	for _, l := range s.lines("") {
		require.Equal(t, id, l.Target)
		require.Equal(t, "api 127.0.0.1", l.From)
		actions = append([]string{l.Action + " " + l.Who}, actions...)
	}
	require.Equal(t, []string{
		"ack Alice Example", "unack Bob", "assign Alice", "assign Alice", "comment Alice", "silence Alice", "expire Bob", "silence Alice", "resolve Alice", "reopen Bob",
	}, actions, "who asks later who did it finds all of it")
}

func TestWhatTheAPICannotDoIsSaidAndNothingHappens(t *testing.T) {
	s := newSite(t)
	id := s.fires()
	for name, c := range map[string]struct {
		path, body string
		status     int
		said       string
	}{
		"a silence without an end":               {"silence", `{"who":"Alice"}`, 400, "when the silence ends"},
		"a silence with two ends":                {"silence", `{"who":"Alice","for":"1h","until":"2099-01-01T00:00:00Z"}`, 400, "both for and until"},
		"a time that is none":                    {"silence", `{"who":"Alice","for":"a while"}`, 400, "is not a time"},
		"a silence that is over":                 {"silence", `{"who":"Alice","until":"2001-01-01T00:00:00Z"}`, 400, "from a minute to 90 days"},
		"a silence for ever":                     {"silence", `{"who":"Alice","for":"10y"}`, 400, "from a minute to 90 days"},
		"an end in another form":                 {"silence", `{"who":"Alice","until":"noon"}`, 400, "a time is not written as 2026-11-21T12:00:00Z"},
		"an assignment to nobody":                {"assign", `{"who":"Alice"}`, 400, "to whom"},
		"a comment without words":                {"comment", `{"who":"Alice","text":" "}`, 400, "text"},
		"nobody":                                 {"ack", `{}`, 400, "who"},
		"a string where an object belongs":       {"ack", `"Alice"`, 400, "not JSON as it is wanted here: the body is a JSON string, which does not belong there;"},
		"a number where words belong":            {"ack", `{"who":7}`, 400, "who is a JSON number, which does not belong there"},
		"no JSON":                                {"ack", `who=Alice`, 400, "at byte 1, line 1"},
		"nothing to take back":                   {"unack", `{"who":"Alice"}`, 409, "Nobody has acknowledged it"},
		"nothing to reopen":                      {"reopen", `{"who":"Alice"}`, 409, "open"},
		"no silence to end":                      {"expire", `{"who":"Alice"}`, 409, "not silenced"},
		"a verb in capitals is another verb":     {"ACK", `{"who":"Alice"}`, 404, "ack, unack, silence"},
		"a body that is larger than any comment": {"ack", `{"who":"` + strings.Repeat("x", 300<<10) + `"}`, 413, "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			var refused struct{ Error, Hint string }
			s.told(c.status, "POST", "/api/v1/alerts/"+id+"/"+c.path, c.body, &refused)
			require.Contains(t, refused.Error+"; "+refused.Hint, c.said)
			require.NotContains(t, refused.Error, "Go ", "that is ours to know")
			require.NotEmpty(t, refused.Hint)
		})
	}
	require.Empty(t, s.lines(""))
	var done Done
	s.told(200, "POST", "/api/v1/alerts/"+id+"/ack", `{"who":"Alice"}`, &done)
	var refused struct{ Error string }
	s.told(409, "POST", "/api/v1/alerts/"+id+"/ack", `{"who":"Bob"}`, &refused)
	require.Contains(t, refused.Error, "by Alice", "whoever comes second learns who was first")
}

func TestSilencesAreListedAndEnded(t *testing.T) {
	s := newSite(t)
	id := s.fires()
	var done Done
	s.told(200, "POST", "/api/v1/alerts/"+id+"/silence", `{"who":"Alice","for":"4h","text":"deploying"}`, &done)
	list := func(query string) []Silence {
		t.Helper()
		var answer struct{ Silences []Silence }
		s.told(200, "GET", "/api/v1/silences"+query, "", &answer)
		return answer.Silences
	}
	all := list("")
	require.Len(t, all, 1)
	require.Equal(t, done.Silence, all[0].ID)
	require.Equal(t, id, all[0].Alert)
	require.Equal(t, "active", all[0].State)
	require.Equal(t, [][]string{{`alertname="DiskFull"`, `severity="warning"`}}, all[0].Matchers)
	require.Equal(t, "Alice", all[0].By)
	require.Equal(t, "deploying", all[0].Comment)
	require.Equal(t, 4*time.Hour, all[0].EndsAt.Sub(all[0].StartsAt).Round(time.Minute))
	require.Empty(t, list("?before=1"))

	elsewhere := func(r *http.Request) { r.RemoteAddr = "192.0.2.7:50000" }
	require.Equal(t, 401, s.ask("DELETE", "/api/v1/silences/"+all[0].ID, "", elsewhere).Code, "not everybody may wake people up")
	require.Equal(t, "silence "+all[0].ID, s.lines("")[0].Target, "an alert may have the same id")
	require.Equal(t, 401, s.ask("POST", "/api/v1/alerts/"+id+"/ack", `{"who":"Eve"}`, elsewhere).Code)
	require.Equal(t, []string{id, "DiskFull"}, []string{s.lines("")[0].Target, s.lines("")[0].About}, "what a stranger wanted is told in words too")
	require.Len(t, list(""), 1)
	require.Equal(t, 400, s.ask("DELETE", "/api/v1/silences/x", "").Code)
	var refused struct{ Error string }
	s.told(404, "DELETE", "/api/v1/silences/zzzz", "", &refused)
	require.Equal(t, "there is no silence zzzz", refused.Error)
	var ended Done
	s.told(200, "DELETE", "/api/v1/silences/"+all[0].ID+"?who=Bob", "", &ended)
	require.Equal(t, id, ended.Alert)
	require.Empty(t, list(""))
	require.Nil(t, s.alerts("/api/v1/alerts/" + id)[0].Silenced)
	require.Equal(t, "Bob", s.lines("")[0].Who)
	require.Equal(t, 404, s.ask("DELETE", "/api/v1/silences/"+all[0].ID, "").Code, "it is over")
}

func TestTheAuditIsAskedWithFilters(t *testing.T) {
	s := newSite(t)
	id := s.fires()
	for _, who := range []string{"Alice", "Bob", "Alice"} {
		for _, verb := range []string{"ack", "unack"} {
			var done Done
			s.told(200, "POST", "/api/v1/alerts/"+id+"/"+verb, `{"who":"`+who+`"}`, &done)
		}
	}
	all := s.lines("")
	require.Len(t, all, 6)
	for i, l := range all {
		require.EqualValues(t, 6-i, l.ID, "newest first")
	}
	require.Contains(t, all[1].After, "acknowledged by Alice")
	require.Contains(t, all[0].Before, "acknowledged by Alice")
	for query, want := range map[string]int{
		"?who=Alice": 4, "?who=alice": 0, "?action=ack": 3, "?who=Bob&action=unack": 1, "?limit=2": 2, "?before=3": 2,
		"?since=2001-01-01T00:00:00Z": 6, "?since=2099-01-01T00:00:00Z": 0,
	} {
		require.Len(t, s.lines(query), want, query)
	}
	require.Equal(t, 400, s.ask("GET", "/api/v1/audit?since=yesterday", "").Code)
}

func TestSubscriptionsAreMadeListedAndRemoved(t *testing.T) {
	s := newSite(t)
	listed := func(query string) []Subscription {
		t.Helper()
		var answer struct{ Subscriptions []Subscription }
		s.told(200, "GET", "/api/v1/subscriptions"+query, "", &answer)
		return answer.Subscriptions
	}
	list := func() []Subscription { return listed("") }
	require.Equal(t, []Subscription{{Destination: "dba", Matchers: []string{`team="dba"`}, By: "configuration"}}, list(), "who looks for the reason of a card finds those of the file too")

	const body = `{"destination":"dba","matchers":["alertname=\"DiskFull\""],"who":"Alice"}`
	elsewhere := func(r *http.Request) { r.RemoteAddr = "192.0.2.7:50000" }
	require.Equal(t, 401, s.ask("POST", "/api/v1/subscriptions", body, elsewhere).Code)
	var made struct{ Subscriptions []Subscription }
	for range 2 { // a client whose answer was lost asks again
		s.told(200, "POST", "/api/v1/subscriptions", body, &made)
		require.Len(t, made.Subscriptions, 1)
		require.Equal(t, alert.ShortID(1), made.Subscriptions[0].ID, "the bot calls it the same")
	}
	s.told(200, "POST", "/api/v1/subscriptions", `{"destination":"ops"}`, &made)
	require.Equal(t, []string{}, made.Subscriptions[0].Matchers)
	require.Equal(t, "loopback", made.Subscriptions[0].By)
	all := list()
	require.Len(t, all, 3)
	require.Equal(t, []string{"ops", "dba", "dba"}, []string{all[0].Destination, all[1].Destination, all[2].Destination})

	require.Equal(t, all[:1], listed("?limit=1"))
	require.Equal(t, all[1:], listed("?before=2"))

	s.fires()
	require.Equal(t, []string{"ops", "dba"}, s.alerts("/api/v1/alerts")[0].Destinations, "it gets what it asked for, beside the route")

	require.Equal(t, 401, s.ask("DELETE", "/api/v1/subscriptions/"+alert.ShortID(1), "", elsewhere).Code)
	require.Equal(t, 200, s.ask("DELETE", "/api/v1/subscriptions/"+alert.ShortID(1)+"?who=Bob", "").Code)
	require.Equal(t, 404, s.ask("DELETE", "/api/v1/subscriptions/"+alert.ShortID(1), "").Code)
	require.Equal(t, 400, s.ask("DELETE", "/api/v1/subscriptions/x", "").Code)
	require.Len(t, list(), 2)
	var lines []string
	for _, l := range s.done() {
		lines = append(lines, strings.Join([]string{l.Action, l.Who, l.Target, l.Before, l.After}, "|"))
	}
	require.Equal(t, []string{
		`unsubscribe|Bob|` + alert.ShortID(1) + `|dba: alertname="DiskFull"|`, `subscribe|loopback|` + alert.ShortID(2) + `||ops: everything`,
		`subscribe|Alice|` + alert.ShortID(1) + `||dba: alertname="DiskFull"`,
	}, lines)
}

func TestASubscriptionThatCannotBeIsRefused(t *testing.T) {
	s := newSite(t)
	for name, c := range map[string]struct {
		body   string
		status int
		said   string
	}{
		"of nobody":                     {`{"destination":"nobody"}`, 404, `there is no destination \"nobody\"`},
		"of an empty name":              {`{}`, 404, "use one of ops, dba"},
		"of what are no matchers":       {`{"destination":"ops","matchers":["all of it"]}`, 400, "is no matcher"},
		"of matchers that are no list":  {`{"destination":"ops","matchers":"a=b"}`, 400, "not JSON as it is wanted"},
		"of more matchers than anybody": {`{"destination":"ops","matchers":["a=b"` + strings.Repeat(`,"a=b"`, 40) + `]}`, 400, "more than 32"},
	} {
		t.Run(name, func(t *testing.T) {
			w := s.ask("POST", "/api/v1/subscriptions", c.body)
			require.Equal(t, c.status, w.Code, w.Body)
			require.Contains(t, w.Body.String(), c.said)
		})
	}
	require.Empty(t, s.lines(""))
	s.store.refuse = true
	require.Equal(t, 503, s.ask("POST", "/api/v1/subscriptions", `{"destination":"ops"}`).Code, "what is not stored is not promised")
}

// A conversation that no file names has a name all the same, which stands in
// lists and metrics.
func TestAConversationCanBeSubscribedByItsName(t *testing.T) {
	s := newSite(t)
	gone := store.Conversation{ID: "19:gone@thread.tacv2", Kind: store.Channel, Name: "Old"}
	here := store.Conversation{ID: "a:1personal", Kind: store.Personal, Name: "Alice", Installed: true}
	require.NoError(t, s.store.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(tx.SaveConversation(&gone), tx.SaveConversation(&here))
	}))
	var made struct{ Subscriptions []Subscription }
	name := botframework.DestinationOf(here.ID)
	s.told(200, "POST", "/api/v1/subscriptions", `{"destination":"`+name+`","matchers":["team=\"dba\""]}`, &made)
	require.Equal(t, name, made.Subscriptions[0].Destination)
	require.Equal(t, "Alice", made.Subscriptions[0].Name)
	require.NoError(t, s.store.View(t.Context(), func(tx store.Tx) error {
		rows, err := tx.Subscriptions(botframework.AddressID(here.ID))
		require.Len(t, rows, 1)
		return err
	}))
	require.Equal(t, 404, s.ask("POST", "/api/v1/subscriptions", `{"destination":"`+botframework.DestinationOf(gone.ID)+`"}`).Code, "nothing can be sent there")
}
