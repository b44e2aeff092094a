package graph_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/graph"
)

// people are n object ids.
func people(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("a11ce000-0000-4000-8000-%012d", i)
	}
	return ids
}

// over is a client with a transport of its own.
func over(t *testing.T, carrier http.RoundTripper) *graph.Client {
	t.Helper()
	c, err := graph.New(config(carrier), graph.App{ManifestID: manifest, CatalogID: catalog})
	require.NoError(t, err)
	return c
}

// stop is a context that ends after a while, as it does when we are stopped.
func stop(t *testing.T, after time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(after, cancel)
	return ctx, cancel
}

// most is how many of the times lie in any window of that length.
func most(times []time.Time, per time.Duration) int {
	most, first := 0, 0
	for i, at := range times {
		for at.Sub(times[first]) >= per {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// Graph takes 30 of each kind in a second (teams-platform §5.3), and counts
// those in a batch one by one. Whoever waits until it refuses has lost time.
func TestAThousandPeopleMeetNoLimitAndWaitNoLongerThanTheyMust(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := map[string]int{http.MethodPost: 30, http.MethodGet: 101} // of Entra, and the catalogue once
		e := &entra{delay: 400 * time.Millisecond}
		c := client(t, e)
		ids := people(1000)
		start := time.Now()
		var mu sync.Mutex
		first := time.Duration(0)
		var wait sync.WaitGroup
		for i := 0; i < len(ids); i += 20 { // several chunks at work, as package people has
			wait.Go(func() {
				for _, got := range c.Users(t.Context(), ids[i:i+20]) {
					require.NoError(t, got.Err)
				}
				for _, got := range c.Install(t.Context(), ids[i:i+20]) {
					require.NoError(t, got.Err)
				}
				mu.Lock()
				defer mu.Unlock()
				if first == 0 {
					first = time.Since(start)
				}
			})
		}
		wait.Wait()
		require.Equal(t, 1, e.tokens, "a token is fetched once for all")
		require.LessOrEqual(t, first, 2*time.Second)
		times := map[string][]time.Time{}
		for _, r := range e.all {
			times[r.method] = append(times[r.method], r.at)
		}
		require.Len(t, times[http.MethodPost], 1000)
		for kind, times := range times {
			require.LessOrEqual(t, most(times, time.Second), limits[kind], "%s: Graph would answer 429", kind)
		}
		require.LessOrEqual(t, time.Since(start), 50*time.Second, "1000 by 30 a second, which count until their answer is there: 0.4 s")
		require.LessOrEqual(t, e.https, 2*2*1000/20+10, "in batches, or the requests themselves would be a load")
	})
}

func TestEachKindHasALimitOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client(t, &entra{})
		_, err := c.Catalogue(t.Context())
		require.NoError(t, err)
		time.Sleep(2 * time.Second)
		start := time.Now()
		c.Users(t.Context(), people(30))
		c.Install(t.Context(), people(30))
		c.Installations(t.Context(), people(30))
		require.Equal(t, start, time.Now(), "one must not wait for the others")
		c.Install(t.Context(), people(1))
		require.Greater(t, time.Since(start), time.Second)
	})
}

func TestWhatIsThrottledHoldsUpTheRestUntilGraphWantsIt(t *testing.T) {
	for name, whole := range map[string]bool{"a request in a batch": false, "a whole batch": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				throttled := true
				e := &entra{}
				slow := failing(429, "TooManyRequests", "slow down", "Retry-After: 10")
				if whole {
					e.around = func(_ int, path string) says {
						if throttled && path == "/$batch" {
							return slow
						}
						return says{}
					}
				} else {
					e.answer = func(_ int, r asked) says {
						if throttled && r.path == "/users/"+people(3)[1]+"/teamwork/installedApps" {
							return slow
						}
						return says{}
					}
				}
				c := client(t, e)
				start := time.Now()
				for i, got := range c.Install(t.Context(), people(3)) {
					if whole || i == 1 {
						err := wrong(t, got.Err)
						require.Equal(t, teams.Throttled, err.Reason)
						require.Equal(t, 10*time.Second, err.After)
						continue
					}
					require.NoError(t, got.Err, "the others were installed")
				}
				throttled = false
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				require.Equal(t, teams.Throttled, wrong(t, c.Install(ctx, people(1))[0].Err).Reason, "nobody asks before the time that Graph named")
				require.Equal(t, start, time.Now(), "nor waits for what will not be in time")
				require.NoError(t, c.Users(t.Context(), people(1))[0].Err, "what Graph did not throttle goes on")
				require.NoError(t, c.Install(t.Context(), people(1))[0].Err)
				require.GreaterOrEqual(t, time.Since(start), 10*time.Second)
			})
		})
	}
}

// When Graph is down, a thousand attempts tell no more than one.
func TestWhatIsDownIsNotTriedForEveryoneInTurn(t *testing.T) {
	for name, s := range map[string]says{
		"Graph has a bad time": failing(503, "ServiceUnavailable", "later"),
		"a web page answers":   {status: 200, body: "<html>", broken: true},
		"a batch of nothing":   {status: 200, body: `{"responses":7}`, broken: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &entra{around: func(_ int, path string) says {
					if path == "/$batch" {
						return s
					}
					return says{}
				}}
				for _, got := range client(t, e).Install(t.Context(), people(1000)) {
					require.Equal(t, teams.Unavailable, wrong(t, got.Err).Reason)
				}
				require.LessOrEqual(t, e.https, 4)
			})
		})
	}
}

// What is said of a batch is about nobody in it: no one may be given up for it,
// or be taken for somebody who has the app.
func TestWhatIsSaidOfABatchIsAboutNobodyInIt(t *testing.T) {
	for _, status := range []int{400, 403, 404, 405, 409, 410, 413, 418} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &entra{around: func(_ int, path string) says {
					if path == "/$batch" {
						return failing(status, "Something", "is blocked")
					}
					return says{}
				}}
				for _, got := range client(t, e).Install(t.Context(), people(100)) {
					err := wrong(t, got.Err)
					require.False(t, got.Already)
					require.Equal(t, teams.Retry, err.Kind)
					require.Equal(t, teams.Unavailable, err.Reason)
					require.Contains(t, err.Message, "request-id r-1")
				}
			})
		})
	}
}

func TestAPartOfABatchThatGraphForgetsIsTriedAgain(t *testing.T) {
	e := &entra{answer: func(_ int, r asked) says {
		if r.path == "/users/"+people(3)[1] {
			return says{broken: true} // no answer at all
		}
		return says{}
	}}
	for i, got := range client(t, e).Users(t.Context(), people(3)) {
		if i == 1 {
			err := wrong(t, got.Err)
			require.Equal(t, teams.Retry, err.Kind, "or somebody would never be told")
			require.Equal(t, teams.Unavailable, err.Reason)
			continue
		}
		require.NoError(t, got.Err)
	}
}

// One HTTP request is easier to find in a log of Microsoft's than a batch of one.
func TestOneRequestNeedsNoBatch(t *testing.T) {
	e := &entra{around: func(_ int, path string) says {
		require.NotEqual(t, "/$batch", path)
		return says{}
	}}
	require.NoError(t, client(t, e).Users(t.Context(), people(1))[0].Err)
}
