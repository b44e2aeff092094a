package bot_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/bot"
	"github.com/teamsrelay/teamsrelay/receiver/press"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// What is not from Microsoft, or not for this bot, or not whole, is refused
// with the code that tells its sender which, is counted, and leaves nothing.
func TestWhatIsNotForUsIsRefused(t *testing.T) {
	right := activityIn(personal, fields{"id": "1", "text": "help"})
	say := func(changes fields) *http.Request { return request(right.but(changes).json(), claims()) }
	signed := func(changes fields) *http.Request { return request(right.json(), claims().but(changes)) }
	header := func(change func(http.Header)) *http.Request {
		r := request(right.json(), claims())
		change(r.Header)
		return r
	}
	for name, c := range map[string]struct {
		request *http.Request
		status  int
		reason  string
	}{
		"a GET":                         {httptest.NewRequest(http.MethodGet, "/api/messages", nil), 405, "method"},
		"a PUT with a token":            {httptest.NewRequest(http.MethodPut, "/api/messages", strings.NewReader("{}")), 405, "method"},
		"no token":                      {header(func(h http.Header) { h.Del("Authorization") }), 401, "no_header"},
		"two tokens":                    {header(func(h http.Header) { h.Add("Authorization", h.Get("Authorization")) }), 401, "two_headers"},
		"another scheme":                {header(func(h http.Header) { h.Set("Authorization", "Basic YTpi") }), 401, "malformed"},
		"an expired token":              {signed(fields{"exp": time.Now().Add(-time.Hour).Unix()}), 401, "expired"},
		"a token for another bot":       {signed(fields{"aud": "x"}), 401, "audience"},
		"a token for another service":   {signed(fields{"serviceurl": "https://smba.trafficmanager.net/amer/"}), 401, "service_url"},
		"a token for no service":        {signed(fields{"serviceurl": nil}), 401, "service_url"},
		"an activity of no service":     {say(fields{"serviceUrl": nil}), 401, "service_url"},
		"an activity of no channel":     {say(fields{"channelId": nil}), 401, "endorsement"},
		"a channel without endorsement": {say(fields{"channelId": "emulator"}), 401, "endorsement"},
		"a channel that is not Teams":   {say(fields{"channelId": "webchat"}), 403, "channel"},
		"another recipient":             {say(fields{"recipient": fields{"id": "28:99999999-2222-3333-4444-555555555555"}}), 403, "recipient"},
		"a recipient that ends like us": {say(fields{"recipient": fields{"id": "28:x" + appID}}), 403, "recipient"},
		"no recipient":                  {say(fields{"recipient": nil}), 403, "recipient"},
		"another tenant":                {say(fields{"conversation": fields{"id": "a:1", "tenantId": "evil"}}), 403, "tenant"},
		"another tenant beside ours":    {say(fields{"channelData": fields{"tenant": fields{"id": "evil"}}}), 403, "tenant"},
		"no tenant":                     {say(fields{"conversation": fields{"id": "a:1"}}), 403, "tenant"},
		"no JSON":                       {request("<html>", claims()), 400, "activity"},
		"no body":                       {request("", claims()), 400, "activity"},
		"no conversation":               {say(fields{"conversation": nil}), 400, "activity"},
		"a text for a conversation":     {say(fields{"conversation": "a:1"}), 400, "activity"},
		"a text for a sender":           {say(fields{"from": "Alice"}), 400, "activity"},
		"a text for channel data":       {say(fields{"channelData": "x"}), 400, "activity"},
		"300 KiB, and said so":          {say(fields{"text": strings.Repeat("x", 300<<10)}), 413, "too_large"},
		"300 KiB, and not said so": {func() *http.Request {
			r := say(fields{"text": strings.Repeat("x", 300<<10)})
			r.ContentLength = -1
			return r
		}(), 413, "too_large"},
		"a body that breaks off": {func() *http.Request {
			r := say(nil)
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"type":`), brokenReader{}))
			return r
		}(), 503, "broken_off"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, nil)
			w := k.serve(c.request)
			require.Equal(t, c.status, w.Code, w.Body.String())
			require.Equal(t, 1, k.metric("teamsrelay_bot_refused_total", c.reason))
			var body struct{ Error string }
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body), "the answer is JSON")
			require.NotEmpty(t, body.Error)
			require.Empty(t, k.conversations(), "nothing of it is stored")
			require.Empty(t, k.world.sent())
			if a := c.request.Header.Get("Authorization"); len(a) > 40 {
				require.NotContains(t, k.log.String(), a[20:40], "nothing of a token is in the log")
			}
			require.Equal(t, c.status == 401, w.Header().Get("WWW-Authenticate") != "")
			require.Equal(t, c.status == 405, w.Header().Get("Allow") == "POST")
			require.Equal(t, c.status == 503, w.Header().Get("Retry-After") != "")
		})
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// Whoever asks for nonsense all day must not fill the disk, on which alerts are
// kept, and must not hide how much it was.
func TestAFloodOfRefusalsIsCountedAndNotLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, nil)
		flood := func() {
			for range 1000 {
				require.Equal(t, 401, k.serve(httptest.NewRequest(http.MethodPost, "/api/messages", nil)).Code)
			}
		}
		flood()
		require.Equal(t, 20, strings.Count(k.log.String(), "Refused"))
		time.Sleep(time.Minute)
		flood()
		require.Equal(t, 40, strings.Count(k.log.String(), "Refused"))
		require.Contains(t, k.log.String(), "unlogged=980")
		require.Equal(t, 2000, k.metric("teamsrelay_bot_refused_total", "no_header"))
		k.end()
	})
}

// A stranger's body costs us nothing: it is read only once the token is known
// to be Microsoft's.
func TestNoBodyIsReadBeforeItsTokenIsKnown(t *testing.T) {
	k := newKit(t, nil)
	r := httptest.NewRequest(http.MethodPost, "/api/messages", nil)
	r.Body = io.NopCloser(panicReader{})
	r.ContentLength = 100
	r.Header.Set("Authorization", authorization(claims().but(fields{"aud": "x"})))
	require.Equal(t, 401, k.serve(r).Code)
}

type panicReader struct{}

func (panicReader) Read([]byte) (int, error) { panic("the body was read") }

// New types of activities can come at any time, and those that tell us nothing
// come every day. An error would make the service send them again.
func TestWhatMeansNothingIsAnswered200(t *testing.T) {
	k := newKit(t, nil)
	k.take(
		activityIn(personal, fields{"type": "handoffFromMars", "conversation": fields{"id": "x", "tenantId": tenant}}),
		activityIn(personal, fields{"type": "typing"}),
		activityIn(channel, fields{"type": "messageReaction", "id": "1", "replyToId": "1", "channelData": ofTeam("", nil)}),
		activityIn(channel, fields{"type": "conversationUpdate", "id": "2", "channelData": ofTeam("channelPainted", fields{"id": "19:x"})}),
		activityIn(channel, fields{"type": "installationUpdate", "id": "3", "action": "polish", "channelData": ofTeam("", nil)}),
	)
	require.Equal(t, 2, k.metric("teamsrelay_bot_activities_total", "other"))
	require.Equal(t, 1, k.metric("teamsrelay_bot_activities_total", "messageReaction"))
	for _, name := range []string{"composeExtension/query", "task/fetch", "signin/verifyState", ""} {
		w := k.serve(request(activityIn(personal, fields{"type": "invoke", "name": name}).json(), claims()))
		require.Equal(t, 200, w.Code)
		require.JSONEq(t, `{"statusCode":200,"type":"application/vnd.microsoft.activity.message","value":"This cannot be done here."}`, w.Body.String())
	}
}

// Local mode is for trials on one machine: anybody there may be anybody, but
// nobody elsewhere, and not a page that somebody has open in a browser.
func TestLocalModeTakesWhatHasNoToken(t *testing.T) {
	k := newKit(t, func(o *bot.Options) { o.Local, o.Verifier, o.Tenants = true, nil, nil })
	local := func() *http.Request {
		body := activityIn(personal, fields{"text": "help", "recipient": fields{"id": "00000000-0000-0000-0000-00000000000011"}})
		return httptest.NewRequest(http.MethodPost, "http://127.0.0.1:3978/api/messages", strings.NewReader(body.json()))
	}
	for _, host := range []string{"127.0.0.1:3978", "localhost:3978", "[::1]:3978", "localhost"} {
		near := local()
		near.Host = host
		require.Equal(t, 200, k.serve(near).Code, host)
	}
	for name, change := range map[string]func(*http.Request){
		"a page of another site":                   func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"a page whose name was pointed at us":      func(r *http.Request) { r.Host = "rebound.example:3978" },
		"a name that begins like ours":             func(r *http.Request) { r.Host = "127.0.0.1.nip.io" },
		"a proxy on this machine":                  func(r *http.Request) { r.Header.Set("X-Forwarded-For", "203.0.113.7") },
		"a tunnel that names the host it came for": func(r *http.Request) { r.Host = "abc.devtunnels.ms" },
		"no host": func(r *http.Request) { r.Host = "" },
	} {
		far := local()
		change(far)
		require.Equal(t, 403, k.serve(far).Code, name)
	}
	require.Equal(t, 6, k.metric("teamsrelay_bot_refused_total", "not_local"))
}

// Without tokens, tenants or application everybody could command the bot: it
// does not start so by mistake.
func TestABotThatWouldTakeAnythingIsNotMade(t *testing.T) {
	whole := newKit(t, nil).Options
	for want, change := range map[string]func(*bot.Options){
		"Verifier": func(o *bot.Options) { o.Verifier = nil },
		"AppID":    func(o *bot.Options) { o.AppID = "" },
		"Tenants":  func(o *bot.Options) { o.Tenants = nil },
		"Tenants ": func(o *bot.Options) { o.Tenants = []string{tenant, ""} },
		"Store":    func(o *bot.Options) { o.Store = nil },
		"Do":       func(o *bot.Options) { o.Do = nil },
	} {
		o := whole
		o.Registerer = prometheus.NewRegistry()
		change(&o)
		_, err := bot.New(o)
		require.ErrorContains(t, err, strings.TrimSpace(want))
	}
}

// The service sends what was not answered in time again. Whoever typed
// something once is answered once.
func TestAMessageThatComesAgainIsAnsweredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, nil)
		typed := activityIn(personal, fields{"id": "1", "text": "help"})
		k.take(typed, typed)
		synctest.Wait()
		k.take(typed)
		synctest.Wait()
		require.Len(t, k.world.sent(), 1)
		require.Equal(t, 2, k.metric("teamsrelay_bot_repeated_total", ""))
		k.take(activityIn(personal, fields{"id": "2", "text": "help"}))
		synctest.Wait()
		require.Len(t, k.world.sent(), 2, "the same words, typed again")
		k.take(activityIn(channel, fields{"id": "1", "text": "<at>Ops</at> help", "channelData": ofTeam("", nil)}))
		synctest.Wait()
		require.Len(t, k.world.sent(), 3, "the same id in another conversation")
		k.end()
	})
}

// What the bot says itself comes back to it in some channels: it must not
// answer that, and then its own answer.
func TestTheBotDoesNotTalkToItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, nil)
		k.take(activityIn(personal, fields{"id": "1", "text": "help", "from": fields{"id": "28:" + appID}}))
		synctest.Wait()
		require.Empty(t, k.world.sent())
		k.end()
	})
}

// pressed is a press of a button.
func pressed(id string) fields {
	return activityIn(personal, fields{
		"type": "invoke", "name": "adaptiveCard/action", "id": id, "replyToId": "17",
		"value": fields{"action": fields{"type": "Action.Execute", "verb": "ack", "data": fields{"verb": "ack", "group": 1, "of": 0, "key": "k", "sig": "s"}}},
	})
}

// wordsOf is what a press was answered with.
func wordsOf(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	require.Equal(t, 200, w.Code)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	var answer struct {
		StatusCode  int
		Type, Value string
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	require.Equal(t, 200, answer.StatusCode)
	require.Equal(t, "application/vnd.microsoft.activity.message", answer.Type)
	return answer.Value
}

// Whoever presses must not see an error of Teams because something behind the
// bot is slow: they read that it goes on, within three seconds, and it does.
func TestAPressIsAnsweredWithinThreeSecondsWhateverIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		finished := make(chan error, 2)
		k := newKit(t, func(o *bot.Options) {
			o.CheckPress = func(ctx context.Context, _ string, _ press.Data) error {
				time.Sleep(20 * time.Second)
				finished <- ctx.Err()
				return press.ErrForged
			}
		})
		for _, id := range []string{"1", "1"} { // each is answered anew; it is the engine that does things once
			begun := time.Now()
			require.Contains(t, wordsOf(t, k.serve(request(pressed(id).json(), claims()))), "goes on")
			require.Less(t, time.Since(begun), 3*time.Second)
		}
		require.Equal(t, 2, k.metric("teamsrelay_bot_late_answers_total", ""))
		require.NoError(t, <-finished, "the answer does not end the work")
		require.NoError(t, <-finished)
		k.end()
	})
}

// Microsoft's keys can be slow too: then nobody knows who pressed, and the
// press is refused in time.
func TestSlowKeysDoNotHoldUpTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKitIn(t, &world{slowKeys: time.Minute}, nil)
		begun := time.Now()
		w := k.serve(request(pressed("1").json(), claims()))
		require.Equal(t, 503, w.Code)
		require.NotEmpty(t, w.Header().Get("Retry-After"), "it may be right, and is to be sent again")
		require.Less(t, time.Since(begun), 3*time.Second)
		require.Equal(t, 1, k.metric("teamsrelay_bot_refused_total", "no_keys"))
		k.end()
		time.Sleep(10 * time.Second) // until nobody waits for them any more
	})
}

// A stuck press must not hold up the end of the program for ever, and what can
// be finished is finished before.
func TestWhatWasTakenIsDoneBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, nil)
		hold := make(chan struct{})
		k.world.hold = hold
		k.take(activityIn(personal, fields{"id": "1", "text": "help"}))
		synctest.Wait()
		go func() {
			time.Sleep(2 * time.Second)
			close(hold)
		}()
		begun := time.Now()
		k.end()
		require.Equal(t, 2*time.Second, time.Since(begun))
		require.Equal(t, 503, k.serve(request(activityIn(personal, nil).json(), claims())).Code, "nothing more is taken")
		require.Contains(t, wordsOf(t, k.serve(request(pressed("1").json(), claims()))), "press again")
	})
}

func TestWhatHangsIsToldToGiveUpInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, nil)
		k.world.hold = make(chan struct{})
		k.take(activityIn(personal, fields{"id": "1", "text": "help"}))
		synctest.Wait()
		begun := time.Now()
		k.end()
		require.Equal(t, 5*time.Second, time.Since(begun))
	})
}

// When more is typed than is answered, Teams keeps it for us: it is not taken,
// and nothing of it is noted, so that it is new when it comes again.
func TestWhatThereIsNoRoomForComesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, nil)
		hold := make(chan struct{})
		k.world.hold = hold
		typed := func(i int) fields {
			return activityIn(fields{"id": fmt.Sprint("a:", i%50), "conversationType": "personal"}, fields{"id": fmt.Sprint(i), "text": "help"})
		}
		allowed := authorization(claims())
		send := func(i int) int {
			r := httptest.NewRequest(http.MethodPost, "/api/messages", strings.NewReader(typed(i).json()))
			r.Header.Set("Authorization", allowed)
			return k.serve(r).Code
		}
		taken := 0
		for send(taken) == 200 {
			taken++
			require.Less(t, taken, 10_000, "what waits is bounded")
		}
		require.Greater(t, taken, 1000)
		require.Equal(t, 503, send(taken))
		require.Equal(t, 2, k.metric("teamsrelay_bot_refused_total", "busy"))
		require.Len(t, k.world.sent(), 32, "and so is what is answered at once")
		close(hold)
		time.Sleep(time.Hour) // the client keeps its pace
		require.Equal(t, 200, send(taken))
		require.Equal(t, 0, k.metric("teamsrelay_bot_repeated_total", ""), "it was new")
		k.end()
	})
}

// Few large presses must not take more memory than many small ones.
func TestWhatWaitsTakesABoundedAmountOfMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		k := newKit(t, func(o *bot.Options) {
			o.CheckPress = func(context.Context, string, press.Data) error {
				<-hold
				return press.ErrForged
			}
		})
		large := pressed("1")
		large["padding"] = strings.Repeat("x", 250<<10)
		send := func() string { return wordsOf(t, k.serve(request(large.json(), claims()))) }
		taken := 0
		for strings.Contains(send(), "goes on") {
			taken++
			require.Less(t, taken, 1000, "what waits is bounded, in bytes too")
		}
		require.Contains(t, send(), "too much is going on")
		require.Equal(t, 2, k.metric("teamsrelay_bot_refused_total", "busy"))
		close(hold)
		synctest.Wait()
		require.Contains(t, send(), "not made for this conversation", "there is room again")
		k.end()
	})
}

// A mistake of ours that a strange activity finds must not end the program
// that carries everybody's alerts.
func TestAMistakeOfOursEndsOnePressAndNothingElse(t *testing.T) {
	k := newKit(t, func(o *bot.Options) {
		o.CheckPress = func(context.Context, string, press.Data) error { panic("a mistake") }
	})
	require.Contains(t, wordsOf(t, k.serve(request(pressed("1").json(), claims()))), "administrator")
	require.Equal(t, 1, k.metric("teamsrelay_bot_panics_total", ""))
	require.Contains(t, k.log.String(), "a mistake")
	require.Contains(t, wordsOf(t, k.serve(request(pressed("2").json(), claims()))), "administrator", "and the next is worked")
}

// brokenStore cannot be written.
type brokenStore struct{ store.Store }

func (brokenStore) Update(context.Context, func(store.Tx) error) error {
	return errors.Join(store.ErrUnavailable, errors.New("disk full"))
}

// What could not be stored is to be sent again: a conversation of which we do
// not know is one that we never write to.
func TestWhatCannotBeStoredIsSentAgain(t *testing.T) {
	k := newKit(t, func(o *bot.Options) { o.Store = brokenStore{o.Store} })
	w := k.serve(request(activityIn(personal, fields{"text": "help"}).json(), claims()))
	require.Equal(t, 503, w.Code)
	require.NotContains(t, w.Body.String(), "disk", "strangers do not read what is wrong here")
	require.Contains(t, k.log.String(), "disk full")
	require.Equal(t, 1, k.metric("teamsrelay_bot_refused_total", "store"))
}

// Real activities of all kinds, most of them for other bots: in local mode
// everything is looked at, and nothing must panic or leave half a row.
func TestRealActivitiesAreAnswered(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "shared", "corpus", "bot", "*.json"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("the corpus of real inputs (../shared/corpus) is not beside the project")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			k := newKit(t, func(o *bot.Options) { o.Local, o.Verifier = true, nil })
			body, err := os.ReadFile(file)
			require.NoError(t, err)
			var raw struct{ Conversation struct{ ID string } }
			require.NoError(t, json.Unmarshal(body, &raw))
			w := k.serve(httptest.NewRequest(http.MethodPost, "http://localhost/api/messages", strings.NewReader(string(body))))
			if raw.Conversation.ID == "" {
				require.Equal(t, 400, w.Code)
				require.Empty(t, k.conversations())
				return
			}
			require.Equal(t, 200, w.Code)
			k.end()
			require.Equal(t, 0, k.metric("teamsrelay_bot_panics_total", ""), k.log.String())
			for id, c := range k.conversations() {
				require.NotContains(t, id, ";messageid=")
				require.Contains(t, []string{store.Personal, store.GroupChat, store.Channel}, c.Kind)
				require.Empty(t, c.ServiceURL, "nobody trusts these hosts")
			}
		})
	}
}
