package intent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/promslog"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/clock"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlitetest"
	"github.com/teamsrelay/teamsrelay/receiver/store/storetest"
)

// tracker is the other system: it keeps what it is asked to do.
type tracker struct {
	mu     sync.Mutex
	asked  []string // path, body and key of each request
	times  []time.Time
	busy   bool
	both   bool // two requests at a time
	answer func(n int, r *http.Request) (*http.Response, error)
}

func (s *tracker) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.both = s.both || s.busy
	s.busy = true
	s.asked = append(s.asked, fmt.Sprintf("%s %s %s", r.URL.Path, body, r.Header.Get("Idempotency-Key")))
	s.times = append(s.times, time.Now())
	n := len(s.asked)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.busy = false
		s.mu.Unlock()
	}()
	if s.answer == nil {
		return answering(204, "")(r)
	}
	return s.answer(n, r)
}

func (s *tracker) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

// desk is a worker with a store and a tracker. It lives in a synctest bubble.
type desk struct {
	*testing.T
	path     string
	store    store.Store
	clock    *clock.Clock
	registry *prometheus.Registry
	worker   *Worker
	mu       sync.Mutex
	actions  map[string]Actions
	stop     context.CancelFunc
	ahead    time.Duration // of the wall clock
	settled  func(store.Tx, store.Intent, time.Time) (func(), error)
	log      bytes.Buffer // read it when the worker is at rest
	stopped  chan struct{}
}

func inBubble(t *testing.T, test func(d *desk, jira *tracker)) {
	synctest.Test(t, func(t *testing.T) {
		jira := &tracker{}
		made, err := NewAction(Config{
			URL: "https://jira.example/{{ .Labels.ticket }}/{{ .Verb }}", Body: `{{ .Text }}`, Transport: jira,
		})
		require.NoError(t, err)
		d := &desk{
			T: t, path: sqlitetest.File(t), actions: map[string]Actions{"jira": {Resolve: made, Comment: made, Assign: made}},
		}
		d.clock = clock.New(d.wall, nil)
		d.start()
		test(d, jira)
		d.end()
	})
}

func (d *desk) wall() time.Time { return time.Now().Round(0).Add(d.ahead) }

// start begins as a process does.
func (d *desk) start() {
	d.Helper()
	var err error
	d.store, err = sqlite.Open(d.path, sqlite.Options{})
	require.NoError(d, err)
	d.registry = prometheus.NewRegistry()
	d.worker, err = New(Options{
		Store: storetest.Twice(d.store), Logger: promslog.New(&promslog.Config{Writer: &d.log}), Registerer: d.registry, Clock: d.clock,
		Actions: func(source string) Actions {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.actions[source]
		},
		Settled: func(tx store.Tx, i store.Intent, now time.Time) (func(), error) {
			d.mu.Lock()
			settled := d.settled
			d.mu.Unlock()
			if settled == nil {
				return nil, nil
			}
			return settled(tx, i, now)
		},
	})
	require.NoError(d, err)
	ctx, stop := context.WithCancel(context.Background())
	d.stop, d.stopped = stop, make(chan struct{})
	go func() {
		defer close(d.stopped)
		_ = d.worker.Run(ctx, func(store.Tx) error { return nil })
	}()
}

// tell has what becomes of intents told.
func (d *desk) tell(settled func(store.Tx, store.Intent, time.Time) (func(), error)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settled = settled
}

func (d *desk) end() {
	d.Helper()
	d.stop()
	<-d.stopped
	require.NoError(d, d.store.Close())
}

// ticket stores the story of a ticket.
func (d *desk) ticket(source, key string) int64 {
	d.Helper()
	g := about(map[string]string{"ticket": key}).Group
	g.ID, g.Key, g.Origin, g.Episode, g.Phase = 0, key, "events\x1f"+source+"\x1f"+key, 1, group.Open
	g.Spec.Source, g.OpenedAt, g.HeardAt = source, d.clock.Now(), d.clock.Now()
	require.NoError(d, d.store.Update(context.Background(), func(tx store.Tx) error { return tx.SaveGroup(&g) }))
	return g.ID
}

// want is what the engine does when somebody presses a button.
func (d *desk) want(groupID int64, verb, text string) (made store.Intent, err error) {
	now, release := d.worker.Clock.Hold()
	defer release()
	err = d.store.Update(context.Background(), func(tx store.Tx) (err error) {
		made, err = d.worker.Add(tx, now, groupID, verb, "Alice", text)
		return err
	})
	d.worker.Wake()
	return made, err
}

func (d *desk) request(groupID int64, verb, text string) store.Intent {
	d.Helper()
	i, err := d.want(groupID, verb, text)
	require.NoError(d, err)
	require.Equal(d, store.IntentRequested, i.State)
	return i
}

// now is what has become of an intent.
func (d *desk) now(id int64) (i store.Intent) {
	d.Helper()
	require.NoError(d, d.store.View(context.Background(), func(tx store.Tx) (err error) {
		i, err = tx.Intent(id)
		return err
	}))
	return i
}

func TestWhatIsWantedIsDoneAtOnce(t *testing.T) {
	inBubble(t, func(d *desk, jira *tracker) {
		i := d.request(d.ticket("jira", "OPS-1"), Comment, "it was the fan")
		synctest.Wait()
		require.Len(t, jira.requests(), 1)
		require.Contains(t, jira.requests()[0], `/OPS-1/comment "it was the fan" teamsrelay-1-`)
		now := d.now(i.ID)
		require.Equal(t, store.IntentActive, now.State)
		require.Equal(t, 1, now.Attempts)
		require.Empty(t, now.Reason)
		require.False(t, now.DoneAt.IsZero())
		require.Equal(t, 1.0, testutil.ToFloat64(d.worker.total.WithLabelValues("jira", Comment, done)))
	})
}

func TestWhatCannotBeRequestedIsSaid(t *testing.T) {
	inBubble(t, func(d *desk, jira *tracker) {
		jiras, others := d.ticket("jira", "OPS-1"), d.ticket("prometheus", "x")
		_, err := d.want(4711, Resolve, "")
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = d.want(jiras, "delete", "")
		require.ErrorIs(t, err, ErrVerb)
		_, err = d.want(others, Resolve, "")
		require.ErrorIs(t, err, ErrAction)
		_, err = d.want(jiras, Comment, " ")
		require.ErrorIs(t, err, ErrText)
		synctest.Wait()
		require.Empty(t, jira.requests())
	})
}

// Jira is restarted now and then, and a comment must outlive that.
func TestASystemThatIsAwayIsAskedAgain(t *testing.T) {
	inBubble(t, func(d *desk, jira *tracker) {
		jira.answer = func(n int, r *http.Request) (*http.Response, error) {
			if n <= 5 {
				return answering(503, "maintenance")(r)
			}
			return answering(201, "")(r)
		}
		i := d.request(d.ticket("jira", "OPS-1"), Comment, "a")
		time.Sleep(time.Second / 2)
		require.Contains(t, d.now(i.ID).Reason, "maintenance", "who looks must learn why it is not done")
		time.Sleep(time.Minute)
		require.Equal(t, store.IntentActive, d.now(i.ID).State)
		require.Len(t, jira.requests(), 6)
		for n, request := range jira.requests() {
			require.Equal(t, jira.requests()[0], request, "the system can tell attempts from new wishes")
			if n > 1 {
				require.Greater(t, jira.times[n].Sub(jira.times[n-1]), jira.times[n-1].Sub(jira.times[n-2]), "it is left alone for longer each time")
			}
		}
	})
}

func TestWhatNobodyTakesIsGivenUpAfterADay(t *testing.T) {
	inBubble(t, func(d *desk, jira *tracker) {
		jira.answer = func(_ int, r *http.Request) (*http.Response, error) { return answering(500, "boom")(r) }
		i := d.request(d.ticket("jira", "OPS-1"), Comment, "a")
		time.Sleep(23 * time.Hour)
		require.Equal(t, store.IntentRequested, d.now(i.ID).State)
		time.Sleep(2 * time.Hour)
		now := d.now(i.ID)
		require.Equal(t, store.IntentFailed, now.State)
		require.Contains(t, now.Reason, "given up after a day: jira.example answers 500: boom")
		asked := len(jira.requests())
		require.InDelta(t, 24*60/4.5, asked, 60, "every five minutes or so")
		time.Sleep(24 * time.Hour)
		require.Len(t, jira.requests(), asked)
	})
}

func TestRetryAfterWins(t *testing.T) {
	inBubble(t, func(d *desk, jira *tracker) {
		jira.answer = func(n int, r *http.Request) (*http.Response, error) {
			if n == 1 {
				return answering(429, "", "Retry-After", "600")(r)
			}
			return answering(200, "")(r)
		}
		first := d.request(d.ticket("jira", "OPS-1"), Comment, "a")
		synctest.Wait()
		other := d.request(d.ticket("jira", "OPS-2"), Comment, "b")
		time.Sleep(599 * time.Second)
		require.Len(t, jira.requests(), 1, "it asked to be left alone, by everybody")
		time.Sleep(2 * time.Second)
		require.Equal(t, store.IntentActive, d.now(first.ID).State)
		require.Equal(t, store.IntentActive, d.now(other.ID).State)
	})
}

func TestARefusalIsNotRepeated(t *testing.T) {
	inBubble(t, func(d *desk, jira *tracker) {
		jira.answer = func(_ int, r *http.Request) (*http.Response, error) { return answering(400, "no such transition")(r) }
		i := d.request(d.ticket("jira", "OPS-1"), Resolve, "")
		time.Sleep(time.Hour)
		require.Len(t, jira.requests(), 1)
		now := d.now(i.ID)
		require.Equal(t, store.IntentFailed, now.State)
		require.Contains(t, now.Reason, "no such transition")
		require.Equal(t, 1.0, testutil.ToFloat64(d.worker.total.WithLabelValues("jira", Resolve, failed)))
	})
}

// A comment that comes after the resolve that it explains reads as a mistake;
// one ticket that cannot be had must not hold up all the others.
func TestTheOrderOfAnAlertIsKeptAndHoldsUpNoOther(t *testing.T) {
	inBubble(t, func(d *desk, jira *tracker) {
		jira.answer = func(n int, r *http.Request) (*http.Response, error) {
			time.Sleep(100 * time.Millisecond)
			if r.URL.Path == "/OPS-1/comment" && n < 8 {
				return answering(500, "locked")(r)
			}
			return answering(200, "")(r)
		}
		stuck, fine := d.ticket("jira", "OPS-1"), d.ticket("jira", "OPS-2")
		comment, resolve := d.request(stuck, Comment, "a"), d.request(stuck, Resolve, "")
		other := d.request(fine, Comment, "b")
		time.Sleep(3 * time.Second)
		require.Equal(t, store.IntentActive, d.now(other.ID).State)
		require.Equal(t, store.IntentRequested, d.now(resolve.ID).State)
		time.Sleep(10 * time.Minute)
		require.Equal(t, store.IntentActive, d.now(comment.ID).State)
		require.Equal(t, store.IntentActive, d.now(resolve.ID).State)
		require.True(t, d.now(resolve.ID).DoneAt.After(d.now(comment.ID).DoneAt))
		require.False(t, jira.both, "one request at a time")
	})
}

func TestASourceThatHangsHoldsUpNoOther(t *testing.T) {
	inBubble(t, func(d *desk, jira *tracker) {
		jira.answer = func(_ int, r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		github := &tracker{}
		made, err := NewAction(Config{URL: "https://api.example/{{ .Labels.ticket }}", Transport: github})
		require.NoError(t, err)
		d.mu.Lock()
		d.actions["github"] = Actions{Comment: made}
		d.mu.Unlock()
		hangs := d.request(d.ticket("jira", "OPS-1"), Comment, "a")
		time.Sleep(time.Second)
		i := d.request(d.ticket("github", "7"), Comment, "b")
		time.Sleep(time.Second)
		require.Equal(t, store.IntentActive, d.now(i.ID).State)
		time.Sleep(DefaultTimeout)
		require.Contains(t, d.now(hangs.ID).Reason, "not answered within 10s")
	})
}

// What was answered "requested" is done, whatever happens to us.
func TestAnIntentOutlivesTheProcess(t *testing.T) {
	inBubble(t, func(d *desk, jira *tracker) {
		jira.answer = func(n int, r *http.Request) (*http.Response, error) {
			if n == 1 {
				return answering(503, "")(r)
			}
			return answering(200, "")(r)
		}
		i := d.request(d.ticket("jira", "OPS-1"), Comment, "a")
		synctest.Wait()
		d.end()
		time.Sleep(time.Minute)
		require.Len(t, jira.requests(), 1)
		d.start()
		time.Sleep(time.Second)
		require.Equal(t, store.IntentActive, d.now(i.ID).State)
		require.Equal(t, jira.requests()[0], jira.requests()[1], "the next process makes the same request")
	})
}

// A request whose answer is on its way would have to be made twice.
func TestAStopLetsARequestEnd(t *testing.T) {
	inBubble(t, func(d *desk, jira *tracker) {
		jira.answer = func(_ int, r *http.Request) (*http.Response, error) {
			time.Sleep(3 * time.Second)
			return answering(200, "")(r)
		}
		i := d.request(d.ticket("jira", "OPS-1"), Comment, "a")
		later := d.request(d.ticket("jira", "OPS-2"), Comment, "b")
		time.Sleep(time.Second)
		d.end()
		d.start()
		require.Equal(t, store.IntentActive, d.now(i.ID).State)
		time.Sleep(4 * time.Second)
		require.Equal(t, store.IntentActive, d.now(later.ID).State)
		require.Len(t, jira.requests(), 2)
	})
}

// Files are edited: a source is renamed, an action is taken out and put back.
func TestWhatIsWantedWaitsForAnActionThatIsGone(t *testing.T) {
	inBubble(t, func(d *desk, jira *tracker) {
		jira.answer = func(n int, r *http.Request) (*http.Response, error) {
			if n == 1 {
				return answering(503, "")(r)
			}
			return answering(204, "")(r)
		}
		i := d.request(d.ticket("jira", "OPS-1"), Comment, "a")
		synctest.Wait()
		d.mu.Lock()
		before := d.actions["jira"]
		d.actions["jira"] = Actions{Resolve: before[Resolve]} // a reload
		d.mu.Unlock()
		time.Sleep(20 * time.Hour)
		now := d.now(i.ID)
		require.Equal(t, store.IntentRequested, now.State, "one slip in a file must not cost what people were promised")
		require.Contains(t, now.Reason, "no action comment for the source jira any more")
		require.Equal(t, 1, now.Attempts, "nothing was attempted since")
		resolve := d.request(d.ticket("jira", "OPS-2"), Resolve, "")
		time.Sleep(time.Second)
		require.Equal(t, store.IntentActive, d.now(resolve.ID).State, "the other actions of the source go on")

		d.mu.Lock()
		d.actions["jira"] = before
		d.mu.Unlock()
		time.Sleep(2 * time.Minute)
		require.Equal(t, store.IntentActive, d.now(i.ID).State)
		synctest.Wait()
		require.Equal(t, 1, strings.Count(d.log.String(), "An action is gone"), "once, not each minute")
	})
}

func TestAnActionThatStaysAwayIsGivenUpAfterADay(t *testing.T) {
	inBubble(t, func(d *desk, jira *tracker) {
		jira.answer = func(_ int, r *http.Request) (*http.Response, error) { return answering(503, "")(r) }
		i := d.request(d.ticket("jira", "OPS-1"), Comment, "a")
		synctest.Wait()
		d.mu.Lock()
		delete(d.actions, "jira")
		d.mu.Unlock()
		time.Sleep(25 * time.Hour)
		now := d.now(i.ID)
		require.Equal(t, store.IntentFailed, now.State)
		require.Contains(t, now.Reason, "given up after a day: the configuration has no action comment")
	})
}

// setClock sets the wall clock under a running process, whose engine moves the
// timers with it.
func (d *desk) setClock(by time.Duration) {
	d.Helper()
	d.ahead += by
	jump := d.clock.Jump()
	require.Equal(d, by, jump)
	require.NoError(d, d.clock.Move(jump, func() error {
		return d.store.Update(context.Background(), func(tx store.Tx) error { return tx.ShiftTimers(jump) })
	}))
}

// On Monday the day is over before the first attempt, and the network of a
// machine that wakes up is often the last to come.
func TestADayInWhichNobodyWasThereDoesNotCount(t *testing.T) {
	const weekend = 60 * time.Hour
	for name, sleep := range map[string]func(d *desk){
		"the process was stopped": func(d *desk) {
			d.end()
			time.Sleep(weekend)
			d.start()
		},
		"the machine slept": func(d *desk) { d.setClock(weekend) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(d *desk, jira *tracker) {
				jira.answer = func(_ int, r *http.Request) (*http.Response, error) { return answering(503, "")(r) }
				i := d.request(d.ticket("jira", "OPS-1"), Comment, "a")
				time.Sleep(2 * time.Hour)
				sleep(d)
				before := d.now(i.ID).Attempts
				time.Sleep(50 * time.Minute)
				now := d.now(i.ID)
				require.Equal(t, store.IntentRequested, now.State, now.Reason)
				require.Greater(t, now.Attempts, before+5)
				time.Sleep(20 * time.Minute)
				require.Equal(t, store.IntentFailed, d.now(i.ID).State, "but not tried for ever")
			})
		})
	}
}

// A clock that was years ahead when the intent was stored must neither have it
// wait for years nor tried for years.
func TestWhatWasRequestedInTheFutureIsTriedForADay(t *testing.T) {
	inBubble(t, func(d *desk, jira *tracker) {
		jira.answer = func(_ int, r *http.Request) (*http.Response, error) { return answering(503, "")(r) }
		d.setClock(1000 * 24 * time.Hour)
		i := d.request(d.ticket("jira", "OPS-1"), Comment, "a")
		synctest.Wait()
		d.end()
		d.ahead = 0
		d.clock = clock.New(d.wall, nil)
		d.start()
		time.Sleep(10 * time.Minute)
		require.Greater(t, len(jira.requests()), 5)
		require.Equal(t, jira.requests()[0], jira.requests()[1], "it is the same request")
		time.Sleep(23 * time.Hour)
		require.Equal(t, store.IntentRequested, d.now(i.ID).State)
		time.Sleep(time.Hour)
		require.Equal(t, store.IntentFailed, d.now(i.ID).State)
	})
}

// The handler of our logs has a source of its own, the line of the code, and
// would rename ours.
func TestALogNamesTheEventSource(t *testing.T) {
	inBubble(t, func(d *desk, jira *tracker) {
		d.request(d.ticket("jira", "OPS-1"), Comment, "a")
		synctest.Wait()
		require.Contains(t, d.log.String(), " event_source=jira ")
		require.NotContains(t, d.log.String(), " logged_source=")
	})
}

// A press changes its alert and asks for something in one step: both or none.
func TestWhatIsAddedCountsOnceItsTransactionDoes(t *testing.T) {
	inBubble(t, func(d *desk, jira *tracker) {
		id := d.ticket("jira", "OPS-1")
		undone := errors.New("undone")
		for _, result := range []error{undone, nil} {
			now, release := d.clock.Hold()
			err := d.store.Update(context.Background(), func(tx store.Tx) error {
				_, err := d.worker.Add(tx, now, id, Comment, "Alice", "a")
				require.NoError(t, err)
				return result
			})
			release()
			require.ErrorIs(t, err, result)
			d.worker.Wake()
			synctest.Wait()
			if result != nil {
				require.Empty(t, jira.requests())
			}
		}
		require.Len(t, jira.requests(), 1)
	})
}
