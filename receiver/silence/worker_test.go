package silence

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/promslog"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/clock"
	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlitetest"
	"github.com/teamsrelay/teamsrelay/receiver/store/storetest"
)

// desk is a worker with a store and two Alertmanagers in one cluster. It lives
// in a synctest bubble.
type desk struct {
	*testing.T
	path    string
	store   store.Store
	clock   *clock.Clock
	worker  *Worker
	first   *fake
	second  *fake
	all     []*Alertmanager
	stop    context.CancelFunc
	stopped chan struct{}
	log     bytes.Buffer // read it when the worker is at rest

	mu      sync.Mutex
	told    []string // what the group was told, in the order
	refuses int      // how often it cannot be told
}

func inBubble(t *testing.T, test func(d *desk, am *fake)) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{T: t, path: sqlitetest.File(t)}
		both := &cluster{}
		d.first, d.second = &fake{cluster: both}, &fake{cluster: both}
		for host, f := range map[string]*fake{"am1.example:9093": d.first, "am2.example:9093": d.second} {
			a, err := newAlertmanager("http://"+host, f)
			require.NoError(t, err)
			d.all = append(d.all, a)
		}
		if d.all[0].base.Host != "am1.example:9093" {
			d.all[0], d.all[1] = d.all[1], d.all[0]
		}
		d.clock = clock.New(nil, nil)
		d.start()
		test(d, d.first)
		d.end()
		require.False(t, both.crowded, "one request at a time")
		require.NotContains(t, d.log.String(), "/api/v2", "an address of a request is nobody's business")
	})
}

// start begins as a process does.
func (d *desk) start() {
	d.Helper()
	var err error
	d.store, err = sqlite.Open(d.path, sqlite.Options{})
	require.NoError(d, err)
	d.worker, err = New(Options{
		Store: storetest.Twice(d.store), Logger: promslog.New(&promslog.Config{Writer: &d.log}), Registerer: prometheus.NewRegistry(), Clock: d.clock,
		Alertmanagers: func() []*Alertmanager {
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.all
		},
		Settled: func(tx store.Tx, s store.Silence, _ time.Time) (func(), error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			if d.refuses > 0 {
				d.refuses--
				return nil, errors.New("the group cannot be read")
			}
			stored, err := tx.Silence(s.ID)
			require.NoError(d, err)
			require.Equal(d, s, stored, "the transaction that tells of it is the one that stores it")
			return func() { d.tell(s) }, nil
		},
	})
	require.NoError(d, err)
	ctx, stop := context.WithCancel(context.Background())
	d.stop, d.stopped = stop, make(chan struct{})
	go func() {
		defer close(d.stopped)
		_ = d.worker.Run(ctx)
	}()
}

func (d *desk) tell(s store.Silence) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told = append(d.told, strings.TrimSuffix(string(s.State)+" "+s.Reason, " "))
}

func (d *desk) toldGroup() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.told...)
}

// refuse has the group not be told so often.
func (d *desk) refuse(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refuses = n
}

func (d *desk) end() {
	d.Helper()
	d.stop()
	<-d.stopped
	require.NoError(d, d.store.Close())
}

func (d *desk) update(change func(tx store.Tx) error) {
	d.Helper()
	require.NoError(d, d.store.Update(context.Background(), change))
}

// ask stores what somebody wants silenced for an hour.
func (d *desk) ask(sets ...[]string) int64 { return d.askFor(time.Hour, sets...) }

func (d *desk) askFor(lasts time.Duration, sets ...[]string) int64 {
	d.Helper()
	if len(sets) == 0 {
		sets = [][]string{{`alertname="DiskFull"`, `instance="db1"`}, {`alertname="DiskFull"`, `instance="db2"`}}
	}
	now := d.clock.Now()
	s := store.Silence{
		Sets: sets, By: group.Person{Name: "Alice"}, From: "channel sre", Comment: "deploying",
		StartsAt: now, EndsAt: now.Add(lasts), Theirs: true, State: store.SilenceRequested, NotBefore: now,
	}
	d.update(func(tx store.Tx) error { return tx.SaveSilence(&s) })
	d.worker.Wake()
	return s.ID
}

// expire has a silence end before its time.
func (d *desk) expire(id int64) {
	d.Helper()
	d.update(func(tx store.Tx) error {
		s, err := tx.Silence(id)
		require.NoError(d, err)
		s.State, s.EndedBy, s.NotBefore, s.Attempts, s.Reason = store.SilenceEnding, group.Person{Name: "Bob"}, d.clock.Now(), 0, ""
		return tx.SaveSilence(&s)
	})
	d.worker.Wake()
}

// now is what has become of a silence.
func (d *desk) now(id int64) (s store.Silence) {
	d.Helper()
	require.NoError(d, d.store.View(context.Background(), func(tx store.Tx) (err error) {
		s, err = tx.Silence(id)
		return err
	}))
	return s
}

func refuse(int, *http.Request) (*http.Response, error) { return nil, syscall.ECONNREFUSED }

func TestASilenceIsMadeInAlertmanagerAndEndedThere(t *testing.T) {
	inBubble(t, func(d *desk, am *fake) {
		id := d.ask()
		synctest.Wait()
		s := d.now(id)
		require.Equal(t, store.SilenceActive, s.State)
		require.Len(t, s.TheirIDs, 2)
		require.True(t, s.NotBefore.IsZero(), "nothing is left to do")
		live := am.live()
		require.Len(t, live, 2, "one for each alert")
		for i, l := range live {
			require.Equal(t, s.TheirIDs[i], l.ID)
			require.Equal(t, "Alice", l.CreatedBy)
			require.Equal(t, "deploying – asked for by Alice, channel sre (teamsrelay "+alert.ShortID(id)+", "+s.StartsAt.Format(time.RFC3339)+")", l.Comment)
			require.WithinDuration(t, s.EndsAt, l.EndsAt, time.Millisecond)
			require.Equal(t, []matcher{
				{Name: "alertname", Value: "DiskFull", IsEqual: true}, {Name: "instance", Value: fmt.Sprintf("db%d", i+1), IsEqual: true},
			}, l.Matchers)
		}
		require.Equal(t, []string{"active"}, d.toldGroup())
		require.Empty(t, d.second.requests(), "the other one hears of it from the first")

		d.expire(id)
		synctest.Wait()
		s = d.now(id)
		require.Equal(t, store.SilenceEnded, s.State)
		require.Equal(t, d.clock.Now(), s.EndsAt, "it keeps nothing quiet any more")
		require.Empty(t, am.live())
		require.Equal(t, []string{"active", "ended"}, d.toldGroup())
		require.Equal(t, 1.0, testutil.ToFloat64(d.worker.total.WithLabelValues("active")))
		require.Equal(t, 1.0, testutil.ToFloat64(d.worker.total.WithLabelValues("ended")))
	})
}

// A request whose answer is lost may have been carried out: a second silence
// would stay behind when somebody ends the first.
func TestNoSilenceIsMadeTwice(t *testing.T) {
	lose := func(_ int, r *http.Request, answer *http.Response) (*http.Response, error) {
		if r.Method == http.MethodPost {
			return nil, syscall.ECONNRESET
		}
		return answer, nil
	}
	for name, go_ := range map[string]func(d *desk, am *fake){
		"the answer of the first was lost": func(d *desk, am *fake) {
			am.lose(func(n int, r *http.Request, answer *http.Response) (*http.Response, error) {
				if n == 2 {
					return lose(n, r, answer)
				}
				return answer, nil
			})
			d.second.say(refuse)
		},
		"every answer is lost": func(d *desk, am *fake) {
			am.lose(lose)
			d.second.say(refuse)
		},
		"the other one was asked then": func(_ *desk, am *fake) { am.lose(lose) },
		"what came of it could not be stored": func(d *desk, _ *fake) {
			d.refuse(3)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(d *desk, am *fake) {
				go_(d, am)
				id := d.ask()
				time.Sleep(time.Minute)
				require.Equal(t, store.SilenceActive, d.now(id).State)
				require.Len(t, am.live(), 2)
				require.Len(t, d.now(id).TheirIDs, 2)
			})
		})
	}
}

// kill -9 in the middle: the next process finds what the last one made.
func TestTheNextProcessFindsWhatTheLastOneMade(t *testing.T) {
	inBubble(t, func(d *desk, am *fake) {
		d.refuse(1 << 30) // nothing is recorded
		id := d.ask()
		synctest.Wait()
		require.Len(t, am.live(), 2)
		require.Equal(t, store.SilenceRequested, d.now(id).State)
		require.Empty(t, d.now(id).TheirIDs)
		d.end()
		d.refuse(0)
		d.start()
		synctest.Wait()
		require.Equal(t, store.SilenceActive, d.now(id).State)
		require.Len(t, am.live(), 2)
		require.Equal(t, 2, am.count("POST"))
	})
}

// Two relays that use one Alertmanager number their silences alike.
func TestASilenceOfAnotherRelayIsNotTakenForOurs(t *testing.T) {
	inBubble(t, func(d *desk, am *fake) {
		id := d.ask()
		synctest.Wait()
		ours := am.live()
		am.mu.Lock()
		for i := range am.silences { // as another one would have made it, a second before
			am.silences[i].Comment = strings.Replace(am.silences[i].Comment, d.now(id).StartsAt.Format(time.RFC3339), d.now(id).StartsAt.Add(-time.Second).Format(time.RFC3339), 1)
		}
		am.mu.Unlock()
		d.update(func(tx store.Tx) error {
			s, err := tx.Silence(id)
			s.State, s.TheirIDs = store.SilenceRequested, nil
			return errors.Join(err, tx.SaveSilence(&s))
		})
		d.worker.Wake()
		synctest.Wait()
		require.Len(t, am.live(), 4)
		for _, o := range ours {
			require.NotContains(t, d.now(id).TheirIDs, o.ID)
		}
		d.expire(id)
		synctest.Wait()
		require.Len(t, am.live(), 2, "theirs go on")
	})
}

func TestAnAlertmanagerThatIsAwayIsAskedAgainAndTheCardSaysWhy(t *testing.T) {
	inBubble(t, func(d *desk, am *fake) {
		am.say(refuse)
		d.second.say(refuse)
		id := d.ask()
		synctest.Wait()
		s := d.now(id)
		require.Equal(t, store.SilenceRequested, s.State, "nothing claims to be silenced")
		require.Equal(t, "Alertmanager at am1.example:9093 cannot be reached (connection refused)", s.Reason)
		require.InDelta(t, time.Second, s.NotBefore.Sub(d.clock.Now()), float64(time.Second/4))
		time.Sleep(10 * time.Minute)
		require.InDelta(t, 6+9*60/54, d.now(id).Attempts, 3, "at most a minute apart")
		require.Equal(t, []string{"requested " + s.Reason}, d.toldGroup(), "the card is not edited with each attempt")
		am.say(nil)
		time.Sleep(time.Minute + time.Second)
		require.Equal(t, store.SilenceActive, d.now(id).State)
		require.Empty(t, d.now(id).Reason)
		require.Equal(t, 1, strings.Count(strings.Join(d.toldGroup(), "\n"), "active"))
	})
}

func TestWhenOneIsAwayTheOtherOfTheClusterMakesIt(t *testing.T) {
	inBubble(t, func(d *desk, am *fake) {
		am.say(func(_ int, r *http.Request) (*http.Response, error) {
			<-r.Context().Done() // it hangs
			return nil, r.Context().Err()
		})
		id := d.ask()
		time.Sleep(requestTimeout + time.Millisecond)
		synctest.Wait()
		require.Equal(t, store.SilenceActive, d.now(id).State)
		require.Len(t, am.live(), 2)
	})
}

func TestTheAlertmanagerThatSentTheAlertIsAskedFirst(t *testing.T) {
	inBubble(t, func(d *desk, am *fake) {
		g := group.Group{Key: "k", Origin: "o", Episode: 1, Phase: group.Open, Sender: group.SenderDetails{ExternalURL: "http://am2.example:9093/"}}
		d.update(func(tx store.Tx) error { return tx.SaveGroup(&g) })
		now := d.clock.Now()
		s := store.Silence{
			GroupID: g.ID, Sets: [][]string{{`a="b"`}}, StartsAt: now, EndsAt: now.Add(time.Hour), Theirs: true, State: store.SilenceRequested, NotBefore: now,
		}
		d.update(func(tx store.Tx) error { return tx.SaveSilence(&s) })
		d.worker.Wake()
		synctest.Wait()
		require.Equal(t, store.SilenceActive, d.now(s.ID).State)
		require.Zero(t, am.requests())
		require.Equal(t, "teamsrelay", am.live()[0].CreatedBy, "Alertmanager wants to know somebody")
	})
}

func TestWhatIsGivenUpLeavesNothingBehind(t *testing.T) {
	for name, c := range map[string]struct {
		am       func(n int, r *http.Request) (*http.Response, error)
		lasts    time.Duration
		attempts int
		reason   string
	}{
		"Alertmanager refuses": {
			func(n int, r *http.Request) (*http.Response, error) {
				if n == 3 { // of the second alert
					return answering(400, "exceeded maximum number of silences: 1 (limit: 1)"), nil
				}
				return nil, nil
			}, time.Hour, 1,
			"Alertmanager at am1.example:9093 answers 400: exceeded maximum number of silences: 1 (limit: 1)",
		},
		"nobody answers for an hour": {
			func(n int, r *http.Request) (*http.Response, error) {
				if n > 2 && n < 250 {
					return nil, syscall.ECONNREFUSED
				}
				return nil, nil
			}, 24 * time.Hour, giveUpAfter,
			"given up after an hour: Alertmanager at am1.example:9093 cannot be reached (connection refused)",
		},
		"its time is over": {
			func(int, *http.Request) (*http.Response, error) { return nil, syscall.ECONNREFUSED }, 10 * time.Minute, 0,
			"its time was over before it could be made: Alertmanager at am1.example:9093 cannot be reached (connection refused)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(d *desk, am *fake) {
				am.say(c.am)
				d.second.say(refuse)
				id := d.askFor(c.lasts)
				for range 70 {
					time.Sleep(time.Minute)
				}
				s := d.now(id)
				require.Equal(t, store.SilenceFailed, s.State)
				require.Equal(t, c.reason, s.Reason)
				if c.attempts > 0 {
					require.Equal(t, c.attempts, s.Attempts)
				}
				require.Equal(t, "failed "+c.reason, d.toldGroup()[len(d.toldGroup())-1])
				require.Equal(t, 1.0, testutil.ToFloat64(d.worker.total.WithLabelValues("failed")))
				asked := am.requests()
				time.Sleep(time.Hour)
				require.Equal(t, asked, am.requests(), "nothing more is asked")
				if name == "Alertmanager refuses" {
					require.Empty(t, am.live(), "of a group one alert would be silenced, and nobody would know")
				}
			})
		})
	}
}

// Whoever ends a silence that was just asked for must not find it made after
// that.
func TestASilenceThatIsEndedWhileItIsMadeEnds(t *testing.T) {
	inBubble(t, func(d *desk, am *fake) {
		am.say(func(_ int, r *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return nil, nil
		})
		id := d.ask()
		time.Sleep(1500 * time.Millisecond) // the first is under way
		d.expire(id)
		time.Sleep(time.Minute)
		require.Equal(t, store.SilenceEnded, d.now(id).State)
		require.Empty(t, am.live())
		require.Equal(t, []string{"ended"}, d.toldGroup())
	})
}

func TestEndingGoesOnUntilAlertmanagerHasEndedIt(t *testing.T) {
	inBubble(t, func(d *desk, am *fake) {
		id := d.ask()
		synctest.Wait()
		am.say(refuse)
		d.second.say(refuse)
		d.expire(id)
		synctest.Wait()
		s := d.now(id)
		require.Equal(t, store.SilenceEnding, s.State, "it is still quiet there, and the card says so")
		require.Contains(t, s.Reason, "connection refused")
		require.True(t, s.EndsAt.After(d.clock.Now()))
		am.say(nil)
		d.second.say(nil)
		time.Sleep(2 * time.Second)
		require.Equal(t, store.SilenceEnded, d.now(id).State)
		require.Empty(t, am.live())
	})
}

func TestWhatCannotBeEndedGoesOnAndIsSaidToGoOn(t *testing.T) {
	inBubble(t, func(d *desk, am *fake) {
		id := d.askFor(24 * time.Hour)
		synctest.Wait()
		am.say(refuse)
		d.second.say(refuse)
		d.expire(id)
		time.Sleep(2 * time.Hour)
		s := d.now(id)
		require.Equal(t, store.SilenceActive, s.State)
		require.Contains(t, s.Reason, "given up after an hour")
		require.Equal(t, "Bob", s.EndedBy.Name, "who asked for it is told that it failed")
		require.Equal(t, []group.WishState{group.WishFailed}, states(Wishes(&s, s.StartsAt)))
	})
}

func TestASilenceWhoseTimeIsOverHasEnded(t *testing.T) {
	inBubble(t, func(d *desk, am *fake) {
		id := d.askFor(10 * time.Minute)
		synctest.Wait()
		am.say(refuse)
		d.second.say(refuse)
		d.expire(id)
		ends := d.now(id).EndsAt
		time.Sleep(12 * time.Minute)
		require.Equal(t, store.SilenceEnded, d.now(id).State)
		require.Equal(t, ends, d.now(id).EndsAt)
		require.Empty(t, d.now(id).Reason)
	})
}

// People also use Alertmanager's own page.
func TestWhatPeopleDidInAlertmanagerIsNoMistake(t *testing.T) {
	for name, change := range map[string]func(am *fake){
		"they have ended it": func(am *fake) {
			for i := range am.silences {
				am.silences[i].EndsAt = time.Now()
			}
		},
		"they have changed it, so that it has another name": func(am *fake) {
			for _, s := range am.silences[:2] {
				s.ID += "9"
				s.EndsAt = s.EndsAt.Add(time.Hour)
				s.Matchers = s.Matchers[:1]
				am.silences = append(am.silences, s)
			}
			for i := range 2 {
				am.silences[i].EndsAt = time.Now()
			}
		},
		"it has forgotten it": func(am *fake) { am.silences = nil },
		"they have written another comment": func(am *fake) {
			for i := range am.silences {
				am.silences[i].Comment = "mine now"
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(d *desk, am *fake) {
				id := d.ask()
				synctest.Wait()
				am.mu.Lock()
				change(am)
				am.mu.Unlock()
				d.expire(id)
				synctest.Wait()
				require.Equal(t, store.SilenceEnded, d.now(id).State)
				require.Empty(t, am.live())
			})
		})
	}
}

// A silence that another has ended meanwhile is not said to be there: both
// that are asked have to say so.
func TestASilenceHasNotEndedWhileWhoHasItIsAway(t *testing.T) {
	inBubble(t, func(d *desk, am *fake) {
		id := d.ask()
		synctest.Wait()
		am.say(refuse)
		d.second.leave() // it is none of the cluster, after all
		d.expire(id)
		time.Sleep(5 * time.Second)
		require.Equal(t, store.SilenceEnding, d.now(id).State)
		am.say(nil)
		time.Sleep(10 * time.Second)
		require.Equal(t, store.SilenceEnded, d.now(id).State)
		require.Empty(t, am.live())
	})
}

func TestWhenNobodyAnswersOneAttemptSpeaksForAll(t *testing.T) {
	inBubble(t, func(d *desk, am *fake) {
		hang := func(_ int, r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		am.say(hang)
		d.second.say(hang)
		d.stop()
		<-d.stopped
		var ids []int64
		for range 20 {
			ids = append(ids, d.ask([]string{`a="b"`}))
		}
		require.NoError(t, d.store.Close())
		d.start()
		time.Sleep(2*requestTimeout + time.Millisecond)
		synctest.Wait()
		for _, id := range ids {
			require.Equal(t, "Alertmanager at am1.example:9093 has not answered within 10s", d.now(id).Reason, "each card says why")
		}
		am.say(nil)
		time.Sleep(2 * time.Minute)
		require.Len(t, am.live(), 20)
	})
}

func TestWithoutAnAlertmanagerTheCardSaysWhatToDo(t *testing.T) {
	inBubble(t, func(d *desk, am *fake) {
		all := d.all
		d.mu.Lock()
		d.all = nil // a reload has taken them out
		d.mu.Unlock()
		id := d.ask()
		synctest.Wait()
		require.Contains(t, d.now(id).Reason, "names no Alertmanager any more")
		d.mu.Lock()
		d.all = all
		d.mu.Unlock()
		time.Sleep(2 * time.Second)
		require.Equal(t, store.SilenceActive, d.now(id).State)
	})
}

// A request whose answer is on its way would be looked for in vain, and what
// is left of a long list need not keep the process from stopping.
func TestAStopLetsTheRequestEndAndLeavesTheRest(t *testing.T) {
	inBubble(t, func(d *desk, am *fake) {
		am.say(func(_ int, r *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return nil, nil
		})
		id := d.ask()
		time.Sleep(1500 * time.Millisecond)
		d.end()
		require.Len(t, am.live(), 1)
		am.say(nil)
		d.start()
		synctest.Wait()
		require.Equal(t, store.SilenceActive, d.now(id).State)
		require.Len(t, am.live(), 2)
		require.Equal(t, 1, d.now(id).Attempts, "the stop was no failure")
	})
}

func states(wishes []group.Wish) []group.WishState {
	var all []group.WishState
	for _, w := range wishes {
		all = append(all, w.State)
	}
	return all
}

func TestAGroupHearsAllThatItAskedFor(t *testing.T) {
	bob := group.Person{Name: "Bob"}
	at := noon.Add(-time.Minute)
	for name, c := range map[string]struct {
		state store.SilenceState
		by    group.Person
		want  []string
	}{
		"asked for":              {store.SilenceRequested, group.Person{}, []string{"silence asked Alice"}},
		"made":                   {store.SilenceActive, group.Person{}, []string{"silence granted Alice"}},
		"not made":               {store.SilenceFailed, group.Person{}, []string{"silence failed Alice"}},
		"to be ended":            {store.SilenceEnding, bob, []string{"expire asked Bob"}},
		"ended":                  {store.SilenceEnded, bob, []string{"silence granted Alice", "expire granted Bob"}},
		"could not be ended yet": {store.SilenceActive, bob, []string{"expire failed Bob"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := quiet(3, []string{`a="b"`}, []string{`a="c"`})
			s.State, s.EndedBy, s.Reason = c.state, c.by, "because"
			var got []string
			for _, w := range Wishes(&s, at) {
				got = append(got, w.Verb+" "+string(w.State)+" "+w.By.Name)
				require.EqualValues(t, 3, w.ID)
				require.Equal(t, 2, w.Count)
				require.Equal(t, noon, w.Until)
				require.Equal(t, w.State != group.WishGranted, w.Reason != "")
				require.Equal(t, w.Verb == command.Expire, w.At.Equal(at))
			}
			require.Equal(t, c.want, got)
		})
	}
}
