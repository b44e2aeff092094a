package token_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/bot/token"
)

// by is a header with a token that says to be signed with a key id, and is
// good for ten days.
func by(id string) http.Header {
	return with("Bearer " + signed(header.but(fields{"kid": id}), claims(time.Now()).but(fields{"exp": time.Now().Add(240 * time.Hour).Unix()}), ours()))
}

// forged is a header with a token that nobody signed.
func forged(id string) http.Header {
	return with("Bearer " + part(header.but(fields{"kid": id})) + "." + part(claims(time.Now())) + ".YQ")
}

// Whoever sends random key ids must not make us ask Microsoft each time, or a
// stranger could have us throttled, and the bot would be deaf.
func TestAFloodOfKeyIDsAsksOnceInFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMicrosoft(published("one", ours()))
		m.slow = time.Second
		v := verifier(t, m, time.Now)
		flood := func() {
			var all sync.WaitGroup
			for i := range 200 {
				all.Go(func() {
					_, err := v.Verify(t.Context(), forged(fmt.Sprint("random", i)))
					require.Equal(t, token.UnknownKey, reasonOf(t, err))
				})
			}
			all.Wait()
		}
		flood()
		require.Equal(t, 1, m.fetches(metadata))
		require.Equal(t, 1, m.fetches(keySet))
		begun := time.Now()
		for time.Since(begun) < 4*time.Minute+50*time.Second {
			flood()
			time.Sleep(10 * time.Second)
		}
		require.Equal(t, 1, m.fetches(metadata), "less than five minutes have gone by")
		time.Sleep(10 * time.Second)
		flood()
		flood()
		require.Equal(t, 2, m.fetches(metadata), "five minutes later one asks again, for all")
		_, err := v.Verify(t.Context(), by("one"))
		require.NoError(t, err, "and who is right has not noticed")
	})
}

// What cannot be right whatever the keys are must not make us ask for them.
func TestNobodyAsksForKeysForWhatCannotBeRight(t *testing.T) {
	m := newMicrosoft(published("one", ours()))
	v := verifier(t, m, new(clock).Now)
	c := claims(start)
	for _, authorization := range []string{
		"", "Basic x", "Bearer x", "Bearer a.b.c",
		"Bearer " + signed(header, c.but(fields{"iss": "https://sts.windows.net/x/"}), another()),
		"Bearer " + signed(header.but(fields{"alg": "none"}), c, another()),
		"Bearer " + signed(header.but(fields{"alg": "HS256"}), c, another()),
		"Bearer " + signed(header.but(fields{"kid": nil}), c, another()),
	} {
		_, err := v.Verify(t.Context(), with(authorization))
		require.Error(t, err)
	}
	require.Zero(t, m.fetches(metadata))
}

// Microsoft rotates its keys without telling anybody: the first request with
// the new one must be taken, and however many wait for it ask once.
func TestANewKeyIsFoundByTheFirstWhoNeedsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMicrosoft(published("one", ours()))
		v := verifier(t, m, time.Now)
		_, err := v.Verify(t.Context(), by("one"))
		require.NoError(t, err)
		time.Sleep(time.Hour)
		m.publish(published("two", ours()))
		m.slow = time.Second
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				_, err := v.Verify(t.Context(), by("two"))
				require.NoError(t, err)
			})
		}
		all.Wait()
		require.Equal(t, 2, m.fetches(keySet))
		_, err = v.Verify(t.Context(), by("one"))
		require.Equal(t, token.UnknownKey, reasonOf(t, err), "a key that Microsoft has withdrawn opens nothing")
	})
}

// A key that was withdrawn is out after a day, though nobody asks for another.
func TestKeysAreRenewedDailyWithoutAnybodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMicrosoft(published("one", ours()))
		v := verifier(t, m, time.Now)
		_, err := v.Verify(t.Context(), by("one"))
		require.NoError(t, err)
		time.Sleep(23 * time.Hour)
		_, err = v.Verify(t.Context(), by("one"))
		require.NoError(t, err)
		require.Equal(t, 1, m.fetches(keySet))

		m.publish(published("two", ours()))
		m.slow = time.Second
		time.Sleep(time.Hour)
		asked := time.Now()
		_, err = v.Verify(t.Context(), by("one"))
		require.NoError(t, err, "the key is old, not unknown")
		require.Equal(t, asked, time.Now(), "and nobody waits for the new ones")
		time.Sleep(3 * time.Second) // both documents take one
		require.Equal(t, 2, m.fetches(keySet))
		_, err = v.Verify(t.Context(), by("one"))
		require.Equal(t, token.UnknownKey, reasonOf(t, err))
	})
}

// A bad day of Microsoft's must not make the bot deaf, nor us a burden; but
// what nobody confirms for five days is not believed for ever.
func TestOldKeysAreGoodWhileMicrosoftIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMicrosoft(published("one", ours()))
		v := verifier(t, m, time.Now)
		right := by("one")
		_, err := v.Verify(t.Context(), right)
		require.NoError(t, err)
		m.setDown(true)
		begun := time.Now()
		for time.Since(begun) < 5*24*time.Hour-time.Minute {
			_, err := v.Verify(t.Context(), right)
			require.NoError(t, err)
			synctest.Wait()
			time.Sleep(time.Minute)
		}
		require.LessOrEqual(t, m.fetches(metadata), 1+4*24*12, "every five minutes, from the second day on")
		require.Greater(t, m.fetches(metadata), 1000)
		time.Sleep(2 * time.Minute)
		_, err = v.Verify(t.Context(), by("one"))
		require.Equal(t, token.Unavailable, reasonOf(t, err))

		m.setDown(false)
		time.Sleep(5 * time.Minute)
		_, err = v.Verify(t.Context(), by("one"))
		require.NoError(t, err, "it mends itself")
	})
}

// Without keys nothing is taken, and nobody waits for longer than they want.
func TestWithoutKeysNothingIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMicrosoft(published("one", ours()))
		m.down = true
		v := verifier(t, m, time.Now)
		_, err := v.Verify(t.Context(), by("one"))
		require.Equal(t, token.Unavailable, reasonOf(t, err))
		_, err = v.Verify(t.Context(), by("one"))
		require.Equal(t, token.Unavailable, reasonOf(t, err))
		require.Equal(t, 1, m.fetches(metadata), "requests do not make us ask again")

		m.setDown(false)
		m.slow = time.Minute // it hangs
		time.Sleep(5 * time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		begun := time.Now()
		_, err = v.Verify(ctx, by("one"))
		require.Equal(t, token.Unavailable, reasonOf(t, err))
		require.Equal(t, 2*time.Second, time.Since(begun))
		time.Sleep(time.Minute)
	})
}

// A program that starts before the network is there must hear soon after it
// is; what it does for that does not depend on who sends requests.
func TestKeysAreThereBeforeAnybodyNeedsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMicrosoft(published("one", ours()))
		m.down = true
		v := verifier(t, m, time.Now)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			v.Run(ctx)
		}()
		time.Sleep(15 * time.Second)
		require.Equal(t, 2, m.fetches(metadata), "at once, and ten seconds later")
		m.setDown(false)
		time.Sleep(16 * time.Second)
		require.Equal(t, 1, m.fetches(keySet))
		_, err := v.Verify(t.Context(), by("one"))
		require.NoError(t, err)

		time.Sleep(3 * 24 * time.Hour)
		require.Equal(t, 4, m.fetches(keySet), "once a day from then on")

		m.setDown(true)
		time.Sleep(2 * 24 * time.Hour)
		require.LessOrEqual(t, m.fetches(metadata), 6+24*12+5, "a server that is down is asked every five minutes at most")
		cancel()
		<-ended
	})
}

// Whoever can answer for the host, or change one document on the way, must not
// be able to name other keys, fill our memory, or put their words into our log.
func TestOnlyDocumentsOfTheRightHostAndSizeAreRead(t *testing.T) {
	right := `{"keys":[` + keyJSON(published("one", ours())) + `]}`
	for name, c := range map[string]struct {
		metadata, keys string
		status         int
		want           string // in the log; "": the keys are taken
	}{
		"both right":                      {metadata: `{"jwks_uri":"` + keySet + `"}`, keys: right},
		"no JSON":                         {metadata: `<html>`, want: "not a JSON object"},
		"an empty object":                 {metadata: `{}`, want: "not on its own host"},
		"a list":                          {metadata: `[]`, want: "not a JSON object"},
		"keys on another host":            {metadata: `{"jwks_uri":"https://evil.example/keys"}`, want: "not on its own host"},
		"keys on a host that begins so":   {metadata: `{"jwks_uri":"https://login.botframework.test.evil.example/v1/.well-known/keys"}`, want: "not on its own host"},
		"keys over http":                  {metadata: `{"jwks_uri":"http://login.botframework.test/v1/.well-known/keys"}`, want: "not on its own host"},
		"keys on another port":            {metadata: `{"jwks_uri":"https://login.botframework.test:8443/v1/.well-known/keys"}`, want: "not on its own host"},
		"keys with a password":            {metadata: `{"jwks_uri":"https://a:b@login.botframework.test/v1/.well-known/keys"}`, want: "not on its own host"},
		"keys on this machine":            {metadata: `{"jwks_uri":"http://127.0.0.1/keys"}`, want: "not on its own host"},
		"keys at a number":                {metadata: `{"jwks_uri":7}`, want: "not a JSON object"},
		"metadata of 65 KiB":              {metadata: `{"jwks_uri":"` + keySet + `","x":"` + strings.Repeat("x", 65<<10) + `"}`, want: "over 64 KiB"},
		"a server that answers 500":       {metadata: `{"jwks_uri":"` + keySet + `"}`, keys: right, status: 500, want: "answers 500"},
		"a server that leads elsewhere":   {metadata: `{"jwks_uri":"` + keySet + `"}`, keys: right, status: 302, want: "answers 302"},
		"no keys":                         {metadata: `{"jwks_uri":"` + keySet + `"}`, keys: `{}`, want: "no RSA key"},
		"an empty list of keys":           {metadata: `{"jwks_uri":"` + keySet + `"}`, keys: `{"keys":[]}`, want: "no RSA key"},
		"null for keys":                   {metadata: `{"jwks_uri":"` + keySet + `"}`, keys: `{"keys":null}`, want: "no RSA key"},
		"keys that are no objects":        {metadata: `{"jwks_uri":"` + keySet + `"}`, keys: `{"keys":[1,"x",[],null]}`, want: "no RSA key"},
		"a key without numbers":           {metadata: `{"jwks_uri":"` + keySet + `"}`, keys: `{"keys":[{"kty":"RSA","kid":"one"}]}`, want: "no RSA key"},
		"keys that are a text":            {metadata: `{"jwks_uri":"` + keySet + `"}`, keys: `{"keys":"one"}`, want: "not a JSON key set"},
		"keys of 3 MiB":                   {metadata: `{"jwks_uri":"` + keySet + `"}`, keys: `{"x":"` + strings.Repeat("x", 3<<20) + `"}`, want: "over 2048 KiB"},
		"no document where the keys were": {metadata: `{"jwks_uri":"` + keySet + `x"}`, want: "answers 404"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMicrosoft()
			m.documents[metadata], m.documents[keySet] = c.metadata, c.keys
			if c.status != 0 {
				m.status = c.status
			}
			var log strings.Builder
			registry := prometheus.NewRegistry()
			v, err := token.New(token.Options{
				AppID: appID, Issuer: issuer, Metadata: metadata, Transport: m, Now: new(clock).Now,
				Logger: slog.New(slog.NewTextHandler(&log, nil)), Registerer: registry,
			})
			require.NoError(t, err)
			_, err = v.Verify(t.Context(), with("Bearer "+signed(header, claims(start), ours())))
			outcome := "ok"
			if c.want == "" {
				require.NoError(t, err)
			} else {
				outcome = "failed"
				require.Equal(t, token.Unavailable, reasonOf(t, err))
				require.Contains(t, log.String(), c.want)
				require.NotContains(t, log.String(), "evil.example")
				require.NotContains(t, log.String(), "well-known", "no URL is in the log")
			}
			require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(fmt.Sprintf(`
# HELP teamsrelay_bot_key_fetches_total How often Microsoft was asked for the keys that sign what Teams sends.
# TYPE teamsrelay_bot_key_fetches_total counter
teamsrelay_bot_key_fetches_total{outcome="failed"} %d
teamsrelay_bot_key_fetches_total{outcome="ok"} %d
`, count(outcome == "failed"), count(outcome == "ok")))))
		})
	}
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

func keyJSON(f fields) string {
	m := newMicrosoft(f)
	return strings.TrimSuffix(strings.TrimPrefix(m.documents[keySet], `{"keys":[`), `]}`)
}

// Whoever answers for Microsoft's host with a redirect must not name the keys.
func TestNoRedirectIsFollowed(t *testing.T) {
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the redirect was followed")
	}))
	defer evil.Close()
	host := httptest.NewServer(http.RedirectHandler(evil.URL, http.StatusFound))
	defer host.Close()
	v, err := token.New(token.Options{
		AppID: appID, Issuer: issuer, Metadata: host.URL + "/v1", Transport: host.Client().Transport, Now: new(clock).Now,
		Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), with("Bearer "+signed(header, claims(start), ours())))
	require.Equal(t, token.Unavailable, reasonOf(t, err))
}

// A clock that was set back must not keep us from asking for keys for years.
func TestAClockThatIsSetBackDoesNotStopTheKeys(t *testing.T) {
	now := new(clock)
	m := newMicrosoft(published("one", ours()))
	v := verifier(t, m, now.Now)
	_, err := v.Verify(t.Context(), with("Bearer "+signed(header, claims(now.Now()), ours())))
	require.NoError(t, err)
	now.advance(-365 * 24 * time.Hour)
	m.publish(published("two", ours()))
	_, err = v.Verify(t.Context(), with("Bearer "+signed(header.but(fields{"kid": "two"}), claims(now.Now()), ours())))
	require.NoError(t, err)
}
