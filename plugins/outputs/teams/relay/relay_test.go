package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/ingest/alertmanager"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
)

// otherSide is a receiver: it reads what is posted as ours and Alertmanager do.
type otherSide struct {
	t       *testing.T
	mu      sync.Mutex
	heard   []string // "firing Hot", in the order in which it came
	posts   int      // requests, those that failed too
	answers []answer // of the next requests; then 200
	refuse  string   // an alert of this name makes a request a 400
}

type answer struct {
	status int
	header http.Header
	body   string
	err    error
}

func (o *otherSide) RoundTrip(r *http.Request) (*http.Response, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.posts++
	require.Equal(o.t, "/am/api/v2/alerts", r.URL.Path)
	require.Equal(o.t, http.MethodPost, r.Method)
	body, err := io.ReadAll(r.Body)
	require.NoError(o.t, err)
	reply := answer{status: http.StatusOK}
	if len(o.answers) > 0 {
		reply, o.answers = o.answers[0], o.answers[1:]
	}
	if reply.err != nil {
		return nil, reply.err
	}
	posted, err := alertmanager.ParseAlerts(body, 5*time.Minute, time.Now())
	require.NoError(o.t, err)
	if slices.ContainsFunc(posted, func(p ingest.Posted) bool { return p.Name() == o.refuse }) {
		reply = answer{status: http.StatusBadRequest, body: "I do not take " + o.refuse}
	}
	if reply.status == http.StatusOK {
		for _, p := range posted {
			o.heard = append(o.heard, fmt.Sprintf("%s %s", p.Status, p.Name()))
			if p.Status == alert.Firing {
				require.Equal(o.t, 4*time.Minute, p.Until.Sub(time.Now()), "what nobody speaks of any more must end by itself")
			}
		}
	}
	return &http.Response{StatusCode: reply.status, Header: reply.header, Body: io.NopCloser(bytes.NewBufferString(reply.body)), Request: r}, nil
}

// expect checks what was heard since the last time, in any order within one
// request.
func (o *otherSide) expect(want ...string) {
	o.t.Helper()
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	require.Equal(o.t, want, o.heard)
	o.heard = nil
}

// requests is how many came, those included that failed.
func (o *otherSide) requests() int {
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.posts
}

func (o *otherSide) fail(answers ...answer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answers = append(o.answers, answers...)
}

// rig is a Relay with a real store, in a bubble of synctest.
type rig struct {
	*otherSide
	path  string
	log   bytes.Buffer
	db    *sqlite.Store
	relay *Relay
	stop  func()
}

func newRig(t *testing.T) *rig {
	r := &rig{otherSide: &otherSide{t: t}, path: filepath.Join(t.TempDir(), "state.db")}
	r.start()
	t.Cleanup(func() { r.stop() })
	return r
}

// start begins anew with what is in the store.
func (r *rig) start() {
	r.t.Helper()
	log := slog.New(slog.NewTextHandler(&r.log, nil))
	db, err := sqlite.Open(r.path, sqlite.Options{})
	require.NoError(r.t, err)
	api, err := NewAPI("http://alertmanager.example:9093/am/", &http.Client{Transport: r.otherSide}, nil)
	require.NoError(r.t, err)
	r.db = db
	r.relay, err = New(r.t.Context(), Options{API: api, Store: db, Logger: log, Now: time.Now})
	require.NoError(r.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- r.relay.Run(ctx) }()
	r.stop = func() {
		cancel()
		require.NoError(r.t, <-ended)
		require.NoError(r.t, db.Close())
		r.stop = func() {}
	}
}

// say hands alerts on as the rules do.
func (r *rig) say(status alert.Status, names ...string) {
	r.t.Helper()
	require.NoError(r.t, r.hand(status, nil, names...))
}

func (r *rig) hand(status alert.Status, also func(store.Tx) error, names ...string) error {
	began := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	var posted []ingest.Posted
	for _, name := range names {
		labels := map[string]string{"alertname": name}
		a := alert.Alert{Fingerprint: alert.FingerprintOf(labels), Labels: labels, Status: status, StartsAt: began}
		if status == alert.Resolved {
			a.EndsAt = time.Now()
		}
		posted = append(posted, ingest.Posted{Alert: a, Until: time.Now().Add(grace)})
	}
	return r.relay.Hand(r.t.Context(), posted, also)
}

func (r *rig) stored() (n int) {
	require.NoError(r.t, r.db.View(r.t.Context(), func(tx store.Tx) error {
		rows, err := tx.Relayed()
		n = len(rows)
		return err
	}))
	return n
}

func test(t *testing.T, sentence string, story func(r *rig)) {
	t.Run(sentence, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { story(newRig(t)) })
	})
}

var gone = answer{err: errors.New("connection refused")}

func TestRelay(t *testing.T) {
	test(t, "an alert is told when it fires, every minute, and when it ends", func(r *rig) {
		r.say(alert.Firing, "Hot")
		r.expect("firing Hot")
		for range 3 {
			time.Sleep(time.Minute)
			r.say(alert.Firing, "Hot")
			r.expect("firing Hot")
		}
		r.say(alert.Resolved, "Hot")
		r.expect("resolved Hot")
		time.Sleep(time.Hour)
		r.expect()
		require.Zero(t, r.stored(), "what was told to its end is not kept")
	})
	test(t, "what ended while nobody could be reached is told as firing first", func(r *rig) {
		r.fail(gone, gone, gone)
		r.say(alert.Firing, "Hot")
		r.expect()
		r.say(alert.Resolved, "Hot")
		time.Sleep(longestWait)
		r.expect("firing Hot", "resolved Hot")
	})
	test(t, "what was told as firing is only told as resolved", func(r *rig) {
		r.say(alert.Firing, "Hot")
		r.expect("firing Hot")
		r.fail(gone, gone)
		r.say(alert.Resolved, "Hot")
		time.Sleep(longestWait)
		r.expect("resolved Hot")
	})
	test(t, "what fired again before its end was told is told from the beginning", func(r *rig) {
		r.say(alert.Firing, "Hot")
		r.expect("firing Hot")
		r.fail(gone, gone, gone, gone)
		r.say(alert.Resolved, "Hot")
		r.say(alert.Firing, "Hot")
		r.say(alert.Resolved, "Hot")
		time.Sleep(longestWait)
		r.expect("firing Hot", "resolved Hot")
	})
	test(t, "a restart while nobody can be reached loses nothing", func(r *rig) {
		r.fail(gone, gone, gone)
		r.say(alert.Firing, "Hot")
		r.say(alert.Firing, "Cold")
		r.say(alert.Resolved, "Cold")
		r.stop()
		r.start()
		time.Sleep(longestWait)
		synctest.Wait()
		require.Contains(t, r.heard, "firing Hot")
		require.Less(t, slices.Index(r.heard, "firing Cold"), slices.Index(r.heard, "resolved Cold"))
	})
	test(t, "after a restart the end of what was told as firing is no second card", func(r *rig) {
		r.say(alert.Firing, "Hot")
		r.expect("firing Hot")
		r.fail(gone)
		r.say(alert.Resolved, "Hot")
		r.stop()
		r.start()
		time.Sleep(longestWait)
		r.expect("resolved Hot")
	})
	test(t, "an alert whose rule is gone ends by itself", func(r *rig) {
		r.say(alert.Firing, "Hot")
		r.expect("firing Hot")
		time.Sleep(grace + lookEvery)
		r.expect("resolved Hot")
	})
	test(t, "a clock that is set ends nothing", func(r *rig) {
		r.say(alert.Firing, "Hot")
		r.expect("firing Hot")
		r.relay.Shift(time.Hour)
		time.Sleep(time.Hour)
		r.expect()
		time.Sleep(grace + lookEvery)
		r.expect("resolved Hot")
	})
	test(t, "what the store refuses is not posted", func(r *rig) {
		require.Error(t, r.hand(alert.Firing, func(store.Tx) error { return errors.New("disk full") }, "Hot"))
		time.Sleep(time.Hour)
		r.expect()
		require.Zero(t, r.stored())
		r.say(alert.Firing, "Hot")
		r.expect("firing Hot")
	})
	test(t, "an alert that can never be taken costs no other one", func(r *rig) {
		r.refuse = "Bad"
		names := []string{"Bad"}
		for i := range 20 {
			names = append(names, fmt.Sprintf("Good%02d", i))
		}
		r.say(alert.Firing, names...)
		synctest.Wait()
		slices.Sort(r.heard)
		require.Len(t, slices.Compact(r.heard), 20)
		require.Contains(t, r.log.String(), "refused for ever")
		require.Contains(t, r.log.String(), "I do not take Bad", "the answer says why")
		posts := r.requests()
		r.say(alert.Firing, "Bad")
		require.Equal(t, posts, r.requests(), "it is not tried every minute")
		r.say(alert.Resolved, names...)
		time.Sleep(time.Minute)
		require.Zero(t, r.stored())
	})
	test(t, "waits grow while nobody can be reached, and the log says so once a minute", func(r *rig) {
		for range 1000 {
			r.fail(gone)
		}
		r.say(alert.Firing, "Hot")
		time.Sleep(time.Hour)
		require.InDelta(t, 65, r.requests(), 10, "about one attempt a minute")
		said := bytes.Count(r.log.Bytes(), []byte("cannot be handed on"))
		require.Greater(t, said, 10)
		require.LessOrEqual(t, said, 61)
		require.NotContains(t, r.log.String(), "/api/v2/alerts", "the host is enough")
	})
	test(t, "when to come again is up to the other side", func(r *rig) {
		r.fail(answer{status: http.StatusServiceUnavailable, header: http.Header{"Retry-After": {"40"}}})
		r.say(alert.Firing, "Hot")
		time.Sleep(20 * time.Second)
		require.Equal(t, 1, r.requests())
		time.Sleep(40 * time.Second)
		r.expect("firing Hot")
		require.Contains(t, r.log.String(), "handed on again")
	})
	test(t, "a web page that says that all is well has taken nothing", func(r *rig) {
		for _, page := range []answer{
			{header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}, body: "Please sign in"},
			{header: http.Header{"Content-Type": {"TEXT/HTML"}}},
			{body: "\r\n <!DOCTYPE html>"},
		} {
			page.status = http.StatusAccepted
			r.fail(page)
		}
		r.say(alert.Firing, "Hot")
		synctest.Wait()
		require.Equal(t, 1, r.stored())
		time.Sleep(time.Minute)
		r.expect("firing Hot")
		require.Equal(t, 4, r.requests())
		require.Contains(t, r.log.String(), "a web page answered (202)")
		require.Contains(t, r.log.String(), "relay_url is wrong")
	})
	test(t, "many alerts go in several requests", func(r *rig) {
		var names []string
		for i := range 2*most + 1 {
			names = append(names, fmt.Sprint("A", i))
		}
		r.say(alert.Firing, names...)
		require.Equal(t, 3, r.requests())
		require.Len(t, r.heard, len(names))
	})
}

// TestWhatChangesWhileItIsPosted: an answer is about what was posted, not about
// what is known by now.
func TestWhatChangesWhileItIsPosted(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 2, 0, 0, time.UTC)
	labels := map[string]string{"alertname": "Hot"}
	say := func(o *outbox, status alert.Status, summary string) {
		o.learn(o.news([]ingest.Posted{{Alert: alert.Alert{
			Fingerprint: alert.FingerprintOf(labels), Labels: labels, Status: status, StartsAt: at,
			Annotations: map[string]string{"summary": summary}, Values: map[string]float64{"a": 1}, Chart: &alert.Chart{},
		}, Until: at.Add(grace)}}))
	}
	post := func(o *outbox) []letter { return o.letters(at, ahead, most) }
	accept := func(o *outbox, letters []letter) outcome {
		out := o.accepted(letters, false)
		out.settle()
		return out
	}

	o := newOutbox(nil, at)
	say(o, alert.Firing, "33 °C")
	letters := post(o)
	require.Len(t, letters, 1)
	require.Nil(t, letters[0].alert.Chart, "what the API has no place for is not stored")
	say(o, alert.Firing, "34 °C")
	require.True(t, accept(o, letters).save[0].Told)
	letters = post(o)
	require.Len(t, letters, 1, "the change was not in what was accepted")
	require.Equal(t, "34 °C", letters[0].alert.Annotations["summary"])

	say(o, alert.Resolved, "20 °C")
	require.Empty(t, accept(o, letters).remove, "its end was not in what was accepted")
	letters = post(o)
	require.Equal(t, alert.Resolved, letters[0].alert.Status, "its beginning was")
	say(o, alert.Firing, "33 °C")
	require.Empty(t, accept(o, letters).remove, "it fires again")
	require.Equal(t, alert.Firing, post(o)[0].alert.Status)

	say(o, alert.Resolved, "20 °C")
	accept(o, post(o))
	letters = post(o)
	require.Len(t, accept(o, letters).remove, 1)
	require.Empty(t, post(o))
	say(o, alert.Resolved, "20 °C")
	require.Empty(t, post(o), "the end of what nobody knows of is no news: it would be told as firing first")
}

// TestWhatIsAcceptedDuringAStopIsKnown: else it is posted again after the start.
func TestWhatIsAcceptedDuringAStopIsKnown(t *testing.T) {
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "state.db"), sqlite.Options{})
	require.NoError(t, err)
	defer db.Close()
	ctx, stop := context.WithCancel(t.Context())
	api, err := NewAPI("http://127.0.0.1:9", &http.Client{Transport: acceptsAnd(stop)}, nil)
	require.NoError(t, err)
	r, err := New(ctx, Options{API: api, Store: db, Now: time.Now})
	require.NoError(t, err)
	labels := map[string]string{"alertname": "Hot"}
	require.NoError(t, r.Hand(ctx, []ingest.Posted{{
		Alert: alert.Alert{Fingerprint: alert.FingerprintOf(labels), Labels: labels, Status: alert.Firing, StartsAt: time.Now()},
		Until: time.Now().Add(grace),
	}}, nil))
	_, err = r.round(ctx)
	require.NoError(t, err)
	require.Error(t, ctx.Err())
	require.NoError(t, db.View(t.Context(), func(tx store.Tx) error {
		rows, err := tx.Relayed()
		require.Len(t, rows, 1)
		require.True(t, rows[0].Told)
		return err
	}))
}

// acceptsAnd does something before its answer is there.
type acceptsAnd func()

func (do acceptsAnd) RoundTrip(*http.Request) (*http.Response, error) {
	do()
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

// TestWordsForMistakes: whoever reads the log knows what to change.
func TestWordsForMistakes(t *testing.T) {
	for status, words := range map[int]string{
		http.StatusMovedPermanently:    "write the address that it leads to into relay_url",
		http.StatusUnauthorized:        "check bearer_token, or username and password",
		http.StatusNotFound:            "relay_url must be the base of a teamsrelay or an Alertmanager",
		http.StatusInternalServerError: "it answered 500 Internal Server Error: out of order",
	} {
		err := judge(&http.Response{StatusCode: status}, []byte(" out\nof order "), httptest.NewRequest(http.MethodPost, "/", nil))
		require.ErrorContains(t, err, words)
		require.IsType(t, &unavailable{}, err, "it may be mended, and nothing is lost until then")
	}
}

// TestRedirectsAreNotFollowed: what follows one asks without the alerts, and a
// yes to that would be the end of them.
func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, status := range []int{http.StatusFound, http.StatusTemporaryRedirect} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/elsewhere" {
				http.Redirect(w, r, "/elsewhere", status)
			}
		}))
		defer server.Close()
		api, err := NewAPI(server.URL, server.Client(), nil)
		require.NoError(t, err)
		require.ErrorContains(t, api.post(t.Context(), nil), "write the address that it leads to into relay_url")
	}
}

// brokenWire is a network on which a request comes back as it was.
type brokenWire struct{}

func (brokenWire) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("malformed HTTP response %q", r.Header.Get("Authorization"))
}

// TestErrorsOfTheNetworkHaveNoSecrets: what answers may not even speak HTTP.
func TestErrorsOfTheNetworkHaveNoSecrets(t *testing.T) {
	api, err := NewAPI("http://127.0.0.1:9", &http.Client{Transport: brokenWire{}}, func(r *http.Request) error {
		r.Header.Set("Authorization", "Bearer topsecret")
		return nil
	})
	require.NoError(t, err)
	require.EqualError(t, api.post(t.Context(), nil), `malformed HTTP response "Bearer <secret>"`)
}

func TestURL(t *testing.T) {
	for url, words := range map[string]string{
		"http://127.0.0.1:9097":                  "",
		"https://alertmanager.example/prefix/":   "",
		"127.0.0.1:9097":                         "not the URL",
		"unix:///run/alertmanager.sock":          "not the URL",
		"":                                       "not the URL",
		"http://user:topsecret@host:9093":        "use username and password",
		"http://host:9093/?a=b":                  "remove what begins with ?",
		"http://host:9093/api/v2/alerts":         "leave /api/v2/alerts away",
		"http://host:9093/prefix/api/v2/alerts/": "leave /api/v2/alerts away",
	} {
		_, err := NewAPI(url, &http.Client{}, nil)
		if words == "" {
			require.NoError(t, err, url)
			continue
		}
		require.ErrorContains(t, err, words, url)
		require.NotContains(t, err.Error(), "topsecret")
	}
}
