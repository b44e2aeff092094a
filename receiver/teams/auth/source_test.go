package auth_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

func TestATokenIsAskedForOnceHoweverManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{delay: time.Second}
		s := source(t, config(e))
		var wait sync.WaitGroup
		for range 500 {
			wait.Go(func() { require.Equal(t, "token-1", good(t, s, "")) })
		}
		wait.Wait()
		require.Equal(t, "token-1", good(t, s, ""))
		require.Equal(t, 1, e.asked(), "a storm of alerts must not become a storm at Microsoft's sign-in")
	})
}

func TestATokenIsReplacedBeforeItEndsAndNobodyWaitsForThat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{delay: time.Second}
		s := source(t, config(e))
		good(t, s, "")
		time.Sleep(49 * time.Minute)
		require.Equal(t, "token-1", good(t, s, ""))
		require.Equal(t, 1, e.asked())

		time.Sleep(2 * time.Minute) // less than ten minutes are left
		before := time.Now()
		require.Equal(t, "token-1", good(t, s, ""))
		require.Equal(t, before, time.Now(), "the old one is still good, so nobody waits")
		time.Sleep(2 * time.Second)
		require.Equal(t, "token-2", good(t, s, ""))
		require.Equal(t, 2, e.asked())
	})
}

func TestATokenThatHasEndedIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{}
		s := source(t, config(e))
		good(t, s, "")
		time.Sleep(59*time.Minute + time.Second) // it has a minute left, and the request takes a while
		require.Equal(t, "token-2", good(t, s, ""))
	})
}

func TestATokenIsUsedToItsEndWhileTheSignInIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{answer: func(n int) (*http.Response, error) {
			if n == 1 {
				return nil, nil
			}
			return answering(503, ""), nil
		}}
		s := source(t, config(e))
		good(t, s, "")
		for range 58 { // for the last ten minutes a new one is wanted
			time.Sleep(time.Minute)
			require.Equal(t, "token-1", good(t, s, ""), "an hour's token outlives a short outage of the sign-in")
			synctest.Wait()
		}
		time.Sleep(2 * time.Second) // the last attempt has had its second try
		asked := e.asked()
		for range 100 {
			good(t, s, "")
			synctest.Wait()
		}
		require.Equal(t, asked, e.asked(), "and a sign-in that is down is not hammered meanwhile")
		time.Sleep(2 * time.Minute)
		require.Equal(t, teams.Unavailable, failing(t, s).Reason)
	})
}

func TestARefusedTokenIsReplacedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{delay: time.Second}
		s := source(t, config(e))
		require.Equal(t, "token-1", good(t, s, ""))
		var wait sync.WaitGroup
		for range 100 {
			wait.Go(func() { require.Equal(t, "token-2", good(t, s, "token-1")) })
		}
		wait.Wait()
		require.Equal(t, 2, e.asked(), "many requests are refused at once, and one new token is enough for all")
		require.Equal(t, "token-2", good(t, s, "token-1"), "who comes late with the old one gets the new one")

		for range 100 {
			require.Equal(t, "token-2", good(t, s, "token-2"), "a bot that Teams does not know will not be known for asking again")
		}
		require.Equal(t, 2, e.asked())
		time.Sleep(30 * time.Second)
		require.Equal(t, "token-3", good(t, s, "token-2"))
	})
}

func TestAFailedSignInIsNotHammered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{answer: func(int) (*http.Response, error) {
			return refusing(401, "AADSTS7000222: The provided client secret keys for app are expired."), nil
		}}
		s := source(t, config(e))
		for range 1000 {
			require.Equal(t, teams.Auth, failing(t, s).Reason)
		}
		require.Equal(t, 1, e.asked(), "a thousand posts wait for the same token")
		time.Sleep(10 * time.Second)
		failing(t, s)
		require.Equal(t, 2, e.asked(), "an administrator who mends it must not have to restart us")
	})
}

func TestTheSignInSaysWhenToComeBack(t *testing.T) {
	for name, c := range map[string]struct {
		header string
		pause  time.Duration
	}{
		"in a minute":                     {"Retry-After: 60", time.Minute},
		"in a year, which is not obeyed":  {"Retry-After: 31536000", 5 * time.Minute},
		"at once, which is not obeyed":    {"Retry-After: 0", 10 * time.Second},
		"it does not say, so ten seconds": {"X-Nothing: 1", 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				throttled := true
				e := &entra{answer: func(int) (*http.Response, error) {
					if throttled {
						return answering(429, "", c.header), nil
					}
					return nil, nil
				}}
				s := source(t, config(e))
				require.Equal(t, teams.Throttled, failing(t, s).Reason)
				throttled = false
				time.Sleep(c.pause - time.Second)
				require.Equal(t, teams.Throttled, failing(t, s).Reason)
				time.Sleep(time.Second)
				good(t, s, "")
			})
		})
	}
}

func TestWhoLeavesDoesNotTakeTheTokenFromTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{delay: 5 * time.Second}
		s := source(t, config(e))
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		_, err := s.Token(ctx, "")
		require.ErrorContains(t, err, "in time")
		require.Equal(t, 3*time.Second, time.Since(start), "a press must be answered within three seconds")
		require.Equal(t, "token-1", good(t, s, ""))
		require.Equal(t, 1, e.asked())
	})
}

func TestStoppingIsNotATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := source(t, config(&entra{delay: 5 * time.Second}))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := s.Token(ctx, "")
		require.ErrorContains(t, err, "We were stopped")
		good(t, s, "") // what is under way ends before the test does
	})
}

func TestASignInThatNeverAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := source(t, config(&entra{delay: time.Hour}))
		start := time.Now()
		require.Equal(t, teams.Timeout, failing(t, s).Reason)
		require.Equal(t, 15*time.Second, time.Since(start))
	})
}

// What an administrator got wrong is said in words that he can follow; what
// passes is not called broken.
func TestWhyThereIsNoToken(t *testing.T) {
	for name, c := range map[string]struct {
		answer *http.Response
		err    error
		reason teams.Reason
		says   string
	}{
		"the secret has expired":            {refusing(401, "AADSTS7000222: The provided client secret keys for app 'x' are expired. Visit https://aka.ms/x"), nil, teams.Auth, "has expired. Make a new one"},
		"the secret is wrong":               {refusing(401, "AADSTS7000215: Invalid client secret provided."), nil, teams.Auth, "value, not its ID"},
		"the app is not in the tenant":      {refusing(400, "AADSTS700016: Application with identifier 'x' was not found in the directory"), nil, teams.Auth, "Compare app_id and tenant_id"},
		"there is no such tenant":           {refusing(400, "AADSTS90002: Tenant not found."), nil, teams.Auth, "no tenant with this tenant_id"},
		"the certificate is not known":      {refusing(401, "AADSTS700027: The certificate with identifier used to sign the client assertion is not registered"), nil, teams.Auth, "Upload its public part"},
		"our clock is wrong":                {refusing(401, "AADSTS700024: Client assertion is not within its valid time range."), nil, teams.Auth, "clock"},
		"a code that nobody knows":          {refusing(400, "AADSTS99999999: Something new."), nil, teams.Auth, "Something new."},
		"a code in an answer with a secret": {refusing(400, "AADSTS99999999: You sent "+secret), nil, teams.Auth, "You sent"},
		"an error without a description":    {answering(400, `{"error":"invalid_request"}`), nil, teams.Auth, "invalid_request"},
		"no JSON":                           {answering(400, "<html>no</html>"), nil, teams.Auth, "Check app_id"},
		"JSON of another kind":              {answering(403, `[1,2]`), nil, teams.Auth, "Check app_id"},
		"throttled":                         {answering(429, ""), nil, teams.Throttled, "429"},
		"a bad time":                        {answering(503, ""), nil, teams.Unavailable, "503"},
		"a redirect is not followed":        {answering(307, "", "Location: https://evil.example/"), nil, teams.Auth, "307"},
		"a token that is empty":             {answering(200, `{"token_type":"Bearer","expires_in":3600,"access_token":""}`), nil, teams.Unavailable, "sign-in"},
		"a success that is no JSON":         {answering(200, "<html>"), nil, teams.Unavailable, "sign-in"},
		"an endless answer":                 {answering(200, `{"access_token":"`+strings.Repeat("x", 10<<20)), nil, teams.Unavailable, "sign-in"},
		"no connection":                     {nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, teams.Network, "connection refused"},
		"no such name":                      {nil, &net.DNSError{Name: "login.test", Err: "no such host"}, teams.Network, "cannot be looked up"},
		"an error that holds the secret":    {nil, errors.New("cannot post https://login.test/?client_secret=" + secret), teams.Network, "No connection"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &entra{answer: func(int) (*http.Response, error) { return c.answer, c.err }}
				got := failing(t, source(t, config(e)))
				require.Equal(t, c.reason, got.Reason, got.Message)
				require.Contains(t, got.Message, c.says)
				require.Less(t, len(got.Message), 600)
				require.LessOrEqual(t, e.asked(), 2, "one more attempt for a hiccup, and no more")
			})
		})
	}
}

// flood is an answer that goes on for long.
type flood struct{ read, left int }

func (f *flood) Read(p []byte) (int, error) {
	n := min(len(p), f.left)
	if n == 0 {
		return 0, io.EOF
	}
	f.read, f.left = f.read+n, f.left-n
	return n, nil
}
func (*flood) Close() error { return nil }

func TestAnAnswerIsNotReadToItsEndIfThatIsFar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := &flood{left: 64 << 20}
		e := &entra{answer: func(int) (*http.Response, error) {
			answer := answering(400, "")
			answer.Body = body
			return answer, nil
		}}
		require.Equal(t, teams.Auth, failing(t, source(t, config(e))).Reason)
		require.LessOrEqual(t, body.read, 1<<20, "whoever answers must not fill the memory")
	})
}

func TestOneHiccupOfTheSignInCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{answer: func(n int) (*http.Response, error) {
			if n == 1 {
				return answering(502, ""), nil
			}
			return nil, nil
		}}
		require.Equal(t, "token-2", good(t, source(t, config(e)), ""))
	})
}
