package events

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
)

var now = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// source makes a source whose configuration is right.
func source(t testing.TB, c Config) *Source {
	t.Helper()
	if c.Name == "" {
		c.Name = "shop"
	}
	s, problems := New(c)
	require.Empty(t, problems)
	return s
}

// one parses a body that tells one thing.
func one(t testing.TB, s *Source, body string) ingest.Snapshot {
	t.Helper()
	got, err := s.Parse([]byte(body), http.Header{}, now)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Len(t, got[0].Alerts, 1)
	return got[0]
}

func TestAFewLinesOfMappingMakeAnAlert(t *testing.T) {
	s := source(t, Config{Mapping: Mapping{
		Name: ".title", Key: ".id", Status: `if .done then "resolved" else "firing" end`,
		Labels: map[string]string{"host": ".host"}, Annotations: map[string]string{"summary": ".text"},
		StartsAt: ".at", Card: `"alert"`,
	}})
	got := one(t, s, `{"title":"Disk full","id":10000000000000001,"host":"h1","text":"97 %","at":"2026-11-21T09:00:00Z"}`)
	require.Equal(t, "shop", got.Source)
	require.Equal(t, ingest.Origin("events", "shop", "10000000000000001"), got.Origin, "every digit of an id counts")
	a := got.Alerts[0]
	require.Equal(t, map[string]string{"alertname": "Disk full", "host": "h1", "event_source": "shop"}, a.Labels)
	require.Equal(t, map[string]string{"summary": "97 %", "teamsrelay_card": "alert"}, a.Annotations)
	require.Equal(t, alert.Firing, a.Status)
	require.Equal(t, now.Add(-time.Hour), a.StartsAt)
	require.JSONEq(t, `{"title":"Disk full","id":10000000000000001,"host":"h1","text":"97 %","at":"2026-11-21T09:00:00Z"}`, string(a.Event))

	done := one(t, s, `{"title":"Disk full","id":10000000000000001,"host":"h2","done":true}`)
	require.Equal(t, got.Origin, done.Origin)
	require.Equal(t, a.Fingerprint, done.Alerts[0].Fingerprint, "a label that changes does not make it another alert")
	require.Equal(t, alert.Resolved, done.Alerts[0].Status)
	require.Equal(t, now, done.Alerts[0].EndsAt)
	require.Zero(t, done.Alerts[0].StartsAt, "the end does not know the start, and must not overwrite it")
}

func TestWhatAFieldYieldsBecomesTextAsPeopleWriteIt(t *testing.T) {
	for expression, want := range map[string]string{
		`.text`: "a \"b\"\nc", `.int`: "42", `.big`: "10000000000000001", `.huge`: "123456789012345678901234567890",
		`.price`: "1.50", `.exp`: "1500", `.tiny`: "1e-09", `.yes`: "true", `.no`: "false", `.list`: `[1,"a",null]`,
		`.object`: `{"a":1.50,"b":"<&>"}`, `.int + 0.5`: "42.5", `.big + 1`: "10000000000000002", `.list[0] / 4`: "0.25",
		`infinite`: "", `nan`: "", `null`: "", `.nothing`: "", `empty`: "", `"  "`: "", `.nul`: "a\uFFFDb",
		`.int, .big`: "42",
	} {
		s := source(t, Config{Mapping: Mapping{Annotations: map[string]string{"x": expression}}})
		got := one(t, s, `{"text":"a \"b\"\nc","int":42,"big":10000000000000001,"huge":123456789012345678901234567890,"price":1.50,
			"exp":1.5e3,"tiny":1e-9,"yes":true,"no":false,"list":[1,"a",null],"object":{"b":"<&>","a":1.50},"nul":"a\u0000b"}`)
		text, there := got.Alerts[0].Annotations["x"]
		require.Equal(t, want, text, expression)
		require.Equal(t, want != "", there, "%s: what is empty is left out", expression)
	}
}

func TestStatusWordsOfManySystemsAreUnderstood(t *testing.T) {
	s := source(t, Config{Mapping: Mapping{Status: ".s"}})
	for word, want := range map[string]alert.Status{
		"firing": alert.Firing, "ALERTING": alert.Firing, "Open": alert.Firing, "no_data": alert.Firing, "No-Data": alert.Firing, " down ": alert.Firing,
		"resolved": alert.Resolved, "OK": alert.Resolved, "closed": alert.Resolved, "Done": alert.Resolved, "up": alert.Resolved,
		"recovered": alert.Resolved, "inactive": alert.Resolved, "": alert.Firing,
	} {
		require.Equal(t, want, one(t, s, `{"s":"`+word+`"}`).Alerts[0].Status, "%q", word)
	}
	require.Equal(t, alert.Firing, one(t, s, `{}`).Alerts[0].Status, "what says nothing fires")
	for body, words := range map[string]string{
		`{"s":"in limbo"}`: `mapping.status: "in limbo" is not a status: yield "firing" or "resolved"`,
		`{"s":200}`:        `mapping.status: "200" is not a status`,
		`{"s":false}`:      `mapping.status: it yields false, and whether that is good or bad cannot be known`,
	} {
		_, err := s.Parse([]byte(body), http.Header{}, now)
		require.ErrorContains(t, err, words)
	}
}

func TestEveryStatusWordCanBeFoundAndMeansOneThing(t *testing.T) {
	lists := 0
	for _, list := range statusLists {
		lists += strings.Count(list, ", ") + 1
	}
	require.Len(t, statusWords, lists, "a word that stands in both lists would mean either")
	for word := range statusWords {
		require.Equal(t, word, spaces.Replace(strings.ToLower(word)), "it would never be found")
	}
}

func TestAnActionSaysWhatAnEventDoesToItsStory(t *testing.T) {
	s := source(t, Config{Mapping: Mapping{Key: ".id", Action: ".a", Status: ".s", Who: ".by", Text: ".note", Labels: map[string]string{"prio": ".p"}}})
	for _, c := range []struct {
		what, body string
		status     alert.Status
		deed       group.Change
		stateless  bool
	}{
		{"open fires, whatever the status", `{"id":1,"a":"open","s":"closed"}`, alert.Firing, group.Nothing, false},
		{"resolve ends, whatever the status", `{"id":1,"a":"RESOLVE","s":"open"}`, alert.Resolved, group.Nothing, false},
		{"update with a status", `{"id":1,"a":"update","s":"closed"}`, alert.Resolved, group.Nothing, false},
		{"update leaves the state as it was", `{"id":1,"a":"update"}`, alert.Firing, group.Nothing, true},
		{"a comment leaves the state as it was", `{"id":1,"a":"comment","by":"Ann","note":"look"}`, alert.Firing, group.Commented, true},
		{"a comment on what is over", `{"id":1,"a":"comment","s":"done","by":"Ann","note":"look"}`, alert.Resolved, group.Commented, false},
		{"an assignment", `{"id":1,"a":"assign","by":"Ann","note":"Bob"}`, alert.Firing, group.Assigned, true},
		{"no action: the status counts", `{"id":1,"s":"ok"}`, alert.Resolved, group.Nothing, false},
		{"false is no action, as in jq's //", `{"id":1,"a":false,"s":"ok"}`, alert.Resolved, group.Nothing, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			got := one(t, s, c.body)
			require.Equal(t, c.status, got.Alerts[0].Status)
			require.Equal(t, c.deed, got.Event.Deed)
			require.Equal(t, c.stateless, got.Stateless)
			require.Equal(t, c.deed != group.Nothing, got.Partial, "a comment says less of its ticket than others do")
			require.Equal(t, c.deed != group.Nothing, got.Event.ID != 0, "a comment told twice must be known again")
			if c.deed == group.Commented {
				require.Equal(t, "Ann", got.Event.Who)
				require.Equal(t, "look", got.Event.Text)
			}
		})
	}
	_, err := s.Parse([]byte(`{"id":1,"a":"created"}`), http.Header{}, now)
	require.ErrorContains(t, err, `mapping.action: "created" is not an action: yield open, update, comment, assign or resolve`)
}

func TestARepeatedEventHasTheSameIDAndAnotherOneAnother(t *testing.T) {
	s := source(t, Config{Mapping: Mapping{Key: ".id", Action: `"comment"`}})
	first, again, other := one(t, s, `{"id":1,"c":"x"}`), one(t, s, `{"id":1,"c":"x"}`), one(t, s, `{"id":1,"c":"y"}`)
	require.Equal(t, first.Event.ID, again.Event.ID)
	require.NotEqual(t, first.Event.ID, other.Event.ID)

	s = source(t, Config{Mapping: Mapping{Key: ".id", Action: `"comment"`, ID: ".n"}})
	first, again, other = one(t, s, `{"id":1,"n":7,"sent":1}`), one(t, s, `{"id":1,"n":7,"sent":2}`), one(t, s, `{"id":1,"n":8}`)
	require.Equal(t, first.Event.ID, again.Event.ID, "the mapping's id counts, not the body")
	require.NotEqual(t, first.Event.ID, other.Event.ID)
}

func TestPartialAndFollowsCanBeSaid(t *testing.T) {
	s := source(t, Config{Mapping: Mapping{Key: ".id", Action: ".a", Partial: `.a == "update"`, Follows: `.a == "resolve"`}})
	require.True(t, one(t, s, `{"id":1,"a":"update"}`).Partial)
	require.False(t, one(t, s, `{"id":1,"a":"comment"}`).Partial, "what is said counts more than what is usual")
	require.True(t, one(t, s, `{"id":1,"a":"resolve"}`).Follows)
	require.False(t, one(t, s, `{"id":1,"a":"open"}`).Follows)
}

func TestAStoryWithoutAKeyIsKnownByItsLabels(t *testing.T) {
	s := source(t, Config{Mapping: Mapping{Name: ".n", Status: ".s", Labels: map[string]string{"host": ".h", "severity": ".sev"}}})
	fired := one(t, s, `{"n":"X","s":"firing","h":"h1","sev":"warning"}`)
	require.Equal(t, fired.Origin, one(t, s, `{"n":"X","s":"ok","h":"h1","sev":"none"}`).Origin, "a severity that changes is the same story")
	require.NotEqual(t, fired.Origin, one(t, s, `{"n":"X","s":"firing","h":"h2"}`).Origin)
	require.Equal(t, 30*24*time.Hour, fired.Event.Expires)
}

func TestAnEventWithoutKeyAndStateIsToldAgainTomorrowButNotTwice(t *testing.T) {
	s := source(t, Config{Mapping: Mapping{Name: ".n"}})
	body := []byte(`{"n":"backup failed"}`)
	origin := func(at time.Time) string {
		got, err := s.Parse(body, http.Header{}, at)
		require.NoError(t, err)
		require.Equal(t, 24*time.Hour, got[0].Event.Expires)
		return got[0].Origin
	}
	at := now.Add(50 * time.Second)
	first := origin(at)
	require.Equal(t, first, origin(at.Add(5*time.Second)), "the sender tries again")
	require.Equal(t, first, origin(at.Add(59*time.Second)), "also when the minute of the clock is over")
	second := origin(at.Add(time.Minute))
	require.NotEqual(t, first, second, "a minute later it happened again")
	require.NotEqual(t, second, origin(at.Add(24*time.Hour)))
	require.Equal(t, source(t, Config{Mapping: Mapping{Name: ".n"}}).mustOrigin(t, body, at.Add(5*time.Second)), first, "a restart within the minute changes nothing")
	require.NotEqual(t, first, s.mustOrigin(t, []byte(`{"n":"other"}`), at))
}

func (s *Source) mustOrigin(t *testing.T, body []byte, at time.Time) string {
	t.Helper()
	got, err := s.Parse(body, http.Header{}, at)
	require.NoError(t, err)
	return got[0].Origin
}

func TestAClockThatIsSetBackForgetsNothingForLong(t *testing.T) {
	var r recent
	late := r.key([]byte("x"), now)
	require.NotEqual(t, late, r.key([]byte("x"), now.Add(-time.Hour)), "an hour earlier it is another one")
	require.Equal(t, r.key([]byte("x"), now.Add(-time.Hour)), r.key([]byte("x"), now.Add(-time.Hour+time.Second)))
}

func TestTheMemoryOfEventsWithoutAKeyIsBounded(t *testing.T) {
	var r recent
	for i := range 3 * maxRecent {
		r.key(fmt.Append(nil, i), now)
	}
	require.LessOrEqual(t, len(r.first), maxRecent)
	r.key([]byte("x"), now.Add(2*again))
	require.Len(t, r.first, 1, "what is over is forgotten")
}

func TestTimesOfEvents(t *testing.T) {
	at := time.Date(2024, 10, 14, 11, 31, 39, 982_000_000, time.UTC)
	for _, c := range []struct {
		sent string
		want time.Time
	}{
		{`"2024-10-14T11:31:39.982Z"`, at},
		{`"2024-10-14T13:31:39.982+02:00"`, at},
		{`"2024-10-14T13:31:39.982+0200"`, at},
		{`"2024-10-14 11:31:39.982Z"`, at},
		{`1728905499.982`, at},
		{`1728905499982`, at},
		{`"1728905499982"`, at},
		{`1728905499982000`, at},
		{`1728905499982000000`, at},
		{`"2024-10-14 13:31:39,982"`, time.Time{}}, // of a server whose zone nobody knows
		{`"2024-10-14T13:31:39"`, time.Time{}},
		{`"1753-01-01T00:00:00.000Z"`, time.Time{}},
		{`"0001-01-01T00:00:00Z"`, time.Time{}},
		{`0`, time.Time{}}, {`-1`, time.Time{}}, {`1e300`, time.Time{}}, {`""`, time.Time{}}, {`"-"`, time.Time{}},
		{`"Never"`, time.Time{}}, {`null`, time.Time{}}, {`{}`, time.Time{}}, {`"99999-01-01T00:00:00Z"`, time.Time{}},
		{`"2030-01-01T00:00:00Z"`, now}, // of a clock that is ahead
	} {
		s := source(t, Config{Mapping: Mapping{StartsAt: ".at"}})
		got := one(t, s, `{"at":`+c.sent+`}`).Alerts[0].StartsAt
		require.WithinDuration(t, c.want, got, time.Millisecond, c.sent)
	}
}

func TestAnEndIsNeitherAheadNorBeforeTheStart(t *testing.T) {
	s := source(t, Config{Mapping: Mapping{Status: ".s", StartsAt: ".from", EndsAt: ".to"}})
	got := one(t, s, `{"s":"resolved","from":"2026-11-21T08:00:00Z","to":"2026-11-21T09:00:00Z"}`).Alerts[0]
	require.Equal(t, now.Add(-time.Hour), got.EndsAt)
	require.Equal(t, now.Add(-2*time.Hour), got.StartsAt)
	got = one(t, s, `{"s":"resolved","to":"2026-11-21T19:00:00Z"}`).Alerts[0]
	require.Equal(t, now, got.EndsAt)
	got = one(t, s, `{"s":"resolved","from":"2026-11-21T09:30:00Z","to":"2026-11-21T09:00:00Z"}`).Alerts[0]
	require.Zero(t, got.StartsAt, "two clocks that do not agree give no duration")
	got = one(t, s, `{"s":"firing","to":"2026-11-21T09:00:00Z"}`).Alerts[0]
	require.Zero(t, got.EndsAt)
}

func TestNumbersBehindAnAlert(t *testing.T) {
	s := source(t, Config{Mapping: Mapping{Values: map[string]string{"a": ".a", "b": ".b", "c": ".c", "d": ".d", "*": ".more"}}})
	got := one(t, s, `{"a":1.5,"b":" 97.2 ","c":"much","more":{"x":1,"y":"z","a":9}}`).Alerts[0]
	require.Equal(t, map[string]float64{"a": 1.5, "b": 97.2, "x": 1}, got.Values)
	require.Nil(t, one(t, s, `{}`).Alerts[0].Values)
}

func TestAStarSpreadsAnObject(t *testing.T) {
	s := source(t, Config{Mapping: Mapping{Labels: map[string]string{"*": ".tags", "host": ".host"}}})
	got := one(t, s, `{"host":"h1","tags":{"host":"other","my-tag.2":"x","0day":"y","empty":"","n":5}}`).Alerts[0].Labels
	require.Equal(t, map[string]string{"alertname": "shop", "event_source": "shop", "host": "h1", "my_tag_2": "x", "_0day": "y", "n": "5"}, got)
	require.Len(t, one(t, s, `{}`).Alerts[0].Labels, 2, "nothing to spread is no mistake")
	_, err := s.Parse([]byte(`{"tags":"a,b"}`), http.Header{}, now)
	require.ErrorContains(t, err, "mapping.labels.*: it yields a text, and * wants an object")
}

func TestAnObjectWithManyFieldsGivesNoMoreLabelsThanAnAlertCanHave(t *testing.T) {
	s := source(t, Config{Mapping: Mapping{Labels: map[string]string{"*": ".", "zone": `"z"`}, Annotations: map[string]string{"*": "."}, Values: map[string]string{"*": "."}}})
	got := one(t, s, `{`+strings.ReplaceAll(fieldList(200), `"v"`, `7`)+`}`).Alerts[0]
	require.Len(t, got.Labels, maxLabels+2) // the name and the source have their place
	require.Equal(t, "z", got.Labels["zone"], "what the mapping names is not pushed out")
	require.Len(t, got.Annotations, maxLabels)
	require.Len(t, got.Values, maxLabels)
}

func TestNobodyCanPretendToBeAnotherSource(t *testing.T) {
	s := source(t, Config{Mapping: Mapping{Labels: map[string]string{"*": "."}, Name: ".n"}})
	got := one(t, s, `{"n":"N","event_source":"other","alertname":"other"}`).Alerts[0].Labels
	require.Equal(t, "shop", got["event_source"], "routes trust this label")
	require.Equal(t, "N", got["alertname"])
}

func TestWhenSelects(t *testing.T) {
	s := source(t, Config{Mapping: Mapping{When: `.level == "error"`}})
	one(t, s, `{"level":"error"}`)
	for _, body := range []string{`{"level":"info"}`, `{}`} {
		got, err := s.Parse([]byte(body), http.Header{}, now)
		require.NoError(t, err)
		require.Empty(t, got)
	}
	s = source(t, Config{Mapping: Mapping{When: ".x"}})
	one(t, s, `{"x":0}`)
	got, err := s.Parse([]byte(`{"x":null}`), http.Header{}, now)
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestHeadersCanBeReadButNotThoseWithSecrets(t *testing.T) {
	s := source(t, Config{HMACSecret: "s", HMACHeader: "X-Proof", Mapping: Mapping{Annotations: map[string]string{"h": "$headers", "e": `$headers["x-event"]`}}})
	headers := http.Header{
		"X-Event": {"push", "pull"}, "Authorization": {"Bearer topsecret"}, "Cookie": {"topsecret"}, "X-Hub-Signature-256": {"topsecret"},
		"X-Gitlab-Token": {"topsecret"}, "X-Api-Key": {"topsecret"}, "X-Proof": {"topsecret"}, "Proxy-Authorization": {"topsecret"},
	}
	got, err := s.Parse([]byte(`{}`), headers, now)
	require.NoError(t, err)
	require.Equal(t, "push, pull", got[0].Alerts[0].Annotations["e"])
	require.JSONEq(t, `{"x-event":"push, pull"}`, got[0].Alerts[0].Annotations["h"])
	require.NotContains(t, fmt.Sprint(got), "topsecret")
}

func TestAMappingSeesNothingOfTheMachine(t *testing.T) {
	t.Setenv("TEAMSRELAY_TEST_SECRET", "topsecret")
	for _, expression := range []string{"env", "$ENV", "env.TEAMSRELAY_TEST_SECRET", "$ENV.TEAMSRELAY_TEST_SECRET", `env | tojson`} {
		s := source(t, Config{Mapping: Mapping{Annotations: map[string]string{"x": expression}}})
		require.NotContains(t, one(t, s, `{}`).Alerts[0].Annotations["x"], "topsecret", expression)
	}
	for _, expression := range []string{"input", "inputs", `import "x" as x; .`, `include "x"; .`, `import "/etc/passwd" as $x; $x`} {
		_, problems := New(Config{Name: "x", Mapping: Mapping{Key: expression}})
		require.Len(t, problems, 1, expression)
		require.Equal(t, "mapping.key", problems[0].Field)
	}
}

func TestAnExpressionThatNeverEndsIsStopped(t *testing.T) {
	for _, expression := range []string{"[range(infinite)] | length", "def f: f; f", "last(repeat(1))"} {
		t.Run(expression, func(t *testing.T) {
			t.Parallel() // each takes its time
			s := source(t, Config{Mapping: Mapping{Annotations: map[string]string{"x": expression}}})
			_, err := s.Parse([]byte(`{}`), http.Header{}, now)
			require.ErrorContains(t, err, "mapping.annotations.x: it took longer than 3s")
		})
	}
}

func TestEachMakesABodyTheAlertsOfOneStory(t *testing.T) {
	s := source(t, Config{Mapping: Mapping{
		Each: ".alerts[]", Key: ".group", Name: ".name", Status: ".state", When: ".alerts", Truncated: ".more",
		Labels: map[string]string{"host": ".host", "team": "$event.team"},
	}})
	got, err := s.Parse([]byte(`{"group":"g1","team":"ops","more":3,"alerts":[
		{"name":"A","host":"h1","state":"firing"},{"name":"A","host":"h2","state":"resolved"},
		{"name":"B","host":"h1","state":"ok"},{"name":"B","host":"h1","state":"firing"}]}`), http.Header{}, now)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, ingest.Origin("events", "shop", "g1"), got[0].Origin)
	require.True(t, got[0].Complete, "an alert that is not there any more is unseen")
	require.True(t, got[0].Repeats)
	require.Equal(t, 3, got[0].Truncated)
	require.Len(t, got[0].Alerts, 3)
	require.Equal(t, "ops", got[0].Alerts[1].Labels["team"])
	require.Equal(t, alert.FingerprintOf(got[0].Alerts[1].Labels), got[0].Alerts[1].Fingerprint)
	require.Equal(t, alert.Firing, got[0].Alerts[2].Status, "one alert twice: what fires counts")
	require.JSONEq(t, `{"name":"A","host":"h2","state":"resolved"}`, string(got[0].Alerts[1].Event))

	got, err = s.Parse([]byte(`{"group":"g1","alerts":[]}`), http.Header{}, now)
	require.NoError(t, err)
	require.Empty(t, got, "no alerts are nothing to do, as with Alertmanager")

	got, err = s.Parse([]byte(`{"group":"g1","alerts":[{"name":"A"},{"name":"B","state":"odd"},{"name":"C"}]}`), http.Header{}, now)
	require.ErrorContains(t, err, "item 1 of each: mapping.status")
	require.Len(t, got[0].Alerts, 2, "one that is not understood does not cost the others")
	require.Equal(t, 1, got[0].Truncated, "and it does not count as gone")
}

func TestMoreAlertsThanAStoryCanHaveAreCounted(t *testing.T) {
	s := source(t, Config{Mapping: Mapping{Each: ".[]", Labels: map[string]string{"n": "."}}})
	list := make([]int, maxEvents+5)
	for i := range list {
		list[i] = i
	}
	body, err := json.Marshal(list)
	require.NoError(t, err)
	got, err := s.Parse(body, http.Header{}, now)
	require.NoError(t, err)
	require.Len(t, got[0].Alerts, maxEvents)
	require.Equal(t, 5, got[0].Truncated)
}

func TestAnArrayIsManyEventsAndOneThatIsWrongDoesNotCostTheOthers(t *testing.T) {
	s := source(t, Config{Mapping: Mapping{Key: ".id", Status: ".s"}})
	got, err := s.Parse([]byte(`[{"id":1},{"id":2,"s":"odd"},7,{"id":3}]`), http.Header{}, now)
	require.Len(t, got, 2)
	require.ErrorContains(t, err, `event 1: mapping.status: "odd"`)
	require.ErrorContains(t, err, "event 2: it is a number; an event is an object")
	require.JSONEq(t, `{"id":3}`, string(got[1].Alerts[0].Event))

	got, err = s.Parse([]byte(`[]`), http.Header{}, now)
	require.NoError(t, err)
	require.Empty(t, got)

	_, err = s.Parse([]byte("["+strings.Repeat("{},", maxEvents)+"{}]"), http.Header{}, now)
	require.ErrorContains(t, err, "1001 events in one body; at most 1000")

	_, err = s.Parse([]byte("["+strings.Repeat("7,", 500)+"7]"), http.Header{}, now)
	require.ErrorContains(t, err, "and 491 more events")
	require.Less(t, len(err.Error()), 2000)
}

func TestLongTextsAreCutVisiblyAndBetweenCharacters(t *testing.T) {
	s := source(t, Config{Mapping: Mapping{
		Key: ".t", Name: ".t", Action: `"comment"`, Who: ".t", Text: ".t",
		Labels: map[string]string{"l": ".t"}, Annotations: map[string]string{"a": ".t"},
	}})
	text, err := json.Marshal(strings.Repeat("ä", 50_000))
	require.NoError(t, err)
	got := one(t, s, `{"t":`+string(text)+`}`)
	a := got.Alerts[0]
	for _, cut := range []struct {
		text string
		most int
	}{
		{a.Labels["l"], maxLabel}, {a.Labels["alertname"], maxLabel}, {a.Annotations["a"], maxAnnotation},
		{got.Event.Who, maxWho}, {got.Event.Text, maxText},
	} {
		require.LessOrEqual(t, len(cut.text), cut.most)
		require.True(t, strings.HasSuffix(cut.text, "ä…"))
		require.NotContains(t, cut.text, "\uFFFD")
	}
	require.Less(t, len(got.Origin), 600, "a long key is hashed")
}
