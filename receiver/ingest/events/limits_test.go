package events

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// jq's functions for patterns take a time that grows with the square of the
// text, and nothing can stop them in between. So no expression, of a preset or
// of one's own, sees more of a text than they can work through at once: a body
// of a few hundred kilobytes would keep a core busy for minutes.
func TestExpressionsSeeTheBeginningOfLongTexts(t *testing.T) {
	own := source(t, Config{Mapping: Mapping{Annotations: map[string]string{
		"body": ".t | length", "event": "$event.t | length", "list": "[.l[] | length] | max", "name": "keys | map(length) | max",
	}}})
	long := strings.Repeat("é", 300_000)
	body, err := json.Marshal(map[string]any{"t": long, "l": []string{long}, long: 1})
	require.NoError(t, err)
	got, err := own.Parse(body, http.Header{}, now)
	require.NoError(t, err)
	require.Len(t, got, 1)
	for name, length := range got[0].Alerts[0].Annotations {
		n, err := strconv.Atoi(length)
		require.NoError(t, err, name)
		require.LessOrEqual(t, n, maxString, name)
		require.Positive(t, n, name)
	}
	require.Len(t, got[0].Alerts[0].Annotations, 4)
}

// A sender that gets a 400 throws the event away.
func TestWhatWeHadNoTimeForIsSentAgain(t *testing.T) {
	over, cancel := context.WithTimeout(t.Context(), -time.Second)
	defer cancel()
	for name, body := range map[string]string{
		"one event":                     `{"x":1}`,
		"many, of which some are wrong": `[` + strings.Repeat("7,", 20) + `{"x":1}]`,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, Config{Mapping: Mapping{Key: ".x"}})
			r := httptest.NewRequest("POST", "/events/shop", strings.NewReader(body))
			w := b.do(r.WithContext(over))
			require.Equal(t, http.StatusServiceUnavailable, w.Code)
			require.NotEmpty(t, w.Header().Get("Retry-After"))
			what, _ := explained(t, w)
			require.Regexp(t, "^event 20: .*took|^[^:]*: it took|^other events took", what, "what comes first decides what the sender does")
			require.Contains(t, b.log.String(), "level=WARN")
			require.Empty(t, b.taken)
		})
	}
}

func TestWorkEndsWhenItsSenderLeft(t *testing.T) {
	b := newBench(t, Config{Mapping: Mapping{Key: "last(range(1e15))"}})
	ctx, leave := context.WithCancel(t.Context())
	b.Now = func() time.Time { leave(); return now }
	began := time.Now()
	w := b.do(httptest.NewRequest("POST", "/events/shop", strings.NewReader(`{}`)).WithContext(ctx))
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Less(t, time.Since(began), eventTime/2)
}

func TestOnlyAFewEventsAreEvaluatedAtTheSameTime(t *testing.T) {
	for range cap(turns) {
		turns <- struct{}{}
	}
	release := func() {
		for range cap(turns) {
			<-turns
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	b := newBench(t, Config{Preset: "generic"})
	b.Now = func() time.Time { cancel(); return now }
	w := b.do(httptest.NewRequest("POST", "/events/shop", strings.NewReader(`{"a":"b"}`)).WithContext(ctx))
	release()
	require.Equal(t, http.StatusServiceUnavailable, w.Code, "who waits for a turn and leaves has not been heard")
	require.Empty(t, b.taken)
	require.Equal(t, http.StatusOK, b.send("POST", "/events/shop", `{"a":"b"}`).Code)
	require.Empty(t, turns, "a turn that is not given back is lost for ever")
}

func TestWhatIsTooMuchForOneBodyIsSaidWithItsLimits(t *testing.T) {
	for _, body := range []string{
		"[" + strings.Repeat("{},", maxEvents) + "{}]",
		`{"a":[` + strings.Repeat("0,", maxValues) + `0]}`,
		strings.Repeat("[", maxDepth+1),
	} {
		b := newBench(t, Config{Preset: "generic"})
		w := b.send("POST", "/events/shop", body)
		require.Equal(t, http.StatusBadRequest, w.Code)
		_, hint := explained(t, w)
		require.Contains(t, hint, "fewer events at once")
		require.Contains(t, hint, "10 MiB, 200000 values and 1000 events")
	}
}

func TestAnAlertIsToldHoweverMuchThereIsToShow(t *testing.T) {
	numbers := strings.ReplaceAll(fieldList(300), `"v"`, "7.5")
	snapshots, err := presetSource(t, "grafana").Parse([]byte(`{"alerts":[
		{"labels":{"alertname":"x",`+fieldList(300)+`},"annotations":{`+fieldList(300)+`},"values":{`+numbers+`}},
		{"labels":{"alertname":"x",`+fieldList(300)+`,"z":"another"}}]}`), http.Header{}, now)
	require.NoError(t, err)
	got := snapshots[0]
	require.Len(t, got.Alerts, 2, "alerts that differ only in labels that are left out are two")
	require.NotEqual(t, got.Alerts[0].Fingerprint, got.Alerts[1].Fingerprint)
	a := got.Alerts[0]
	require.Equal(t, "v", a.Labels["l0"])
	require.Equal(t, "x", a.Name())
	require.LessOrEqual(t, len(a.Labels), maxLabels+2)
	require.LessOrEqual(t, len(a.Annotations), maxLabels+1)
	require.Len(t, a.Values, maxLabels)
	require.Len(t, one(t, presetSource(t, "generic"), `{"title":"x","labels":{`+fieldList(10_000)+`}}`).Alerts, 1)
}

// Which card is shown, and which source it was, is not for the data to say.
func TestAnObjectThatIsSpreadBringsNothingOfOurs(t *testing.T) {
	s := source(t, Config{Mapping: Mapping{Labels: map[string]string{"*": "."}, Annotations: map[string]string{"*": "."}}})
	a := one(t, s, `{"a":"1","teamsrelay_card":"payload","alertname":"Forged","event_source":"butler","event-source":"butler"}`).Alerts[0]
	require.Equal(t, map[string]string{"a": "1", "alertname": "shop", "event_source": "shop"}, a.Labels)
	require.Equal(t, map[string]string{"a": "1", "event-source": "butler"}, a.Annotations)
}

func TestATextThatCurlCallsAFormIsRefused(t *testing.T) {
	b := newBench(t, Config{Preset: "butler"})
	w := b.send("POST", "/events/shop", "hello", "Content-Type", "application/x-www-form-urlencoded")
	require.Equal(t, http.StatusBadRequest, w.Code, "whoever tries the URL with a text would wait for a card")
	what, _ := explained(t, w)
	require.Contains(t, what, "neither JSON nor a form")
}
