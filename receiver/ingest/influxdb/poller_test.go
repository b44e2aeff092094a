package influxdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// stage is an InfluxDB that is played, a poller that asks it, and what the
// poller hands on. It lives in a synctest bubble: its clock is not real, and the
// test looks at it and changes it only while all others wait.
type stage struct {
	t     *testing.T
	start time.Time

	mu     sync.Mutex
	answer map[string]carrier // by query
	asked  []asking
	flying int // queries in flight
	most   int // of them at a time

	rows    map[string]int // rows handed on, by alert
	problem map[string]string
	rowsErr error
	unasked map[string]bool // of which it was said that there are no rows, by alert

	reported  []alert.Alert
	reportErr error
	log       strings.Builder
	now       func() time.Time // nil: as time goes by
	registry  *prometheus.Registry
}

// asking is one query that was asked, and how long after the start.
type asking struct {
	query string
	at    time.Duration
}

var (
	oneRow = answering(200, fluxCSV, "#datatype,string,long,double\n#group,false,false,false\n#default,,,\n,result,table,_value\n,,0,1\n")
	down   = carrier(func(*http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	})
	notCompiled = answering(400, "application/json", `{"code":"invalid","message":"undefined identifier x"}`)
)

// after is an InfluxDB that takes its time.
func after(d time.Duration, next carrier) carrier {
	return func(r *http.Request) (*http.Response, error) {
		select {
		case <-r.Context().Done():
			return nil, r.Context().Err()
		case <-time.After(d):
			return next(r)
		}
	}
}

// play runs a story on a stage. All queries that the story does not speak of
// get one row.
func play(t *testing.T, story func(*stage)) {
	synctest.Test(t, func(t *testing.T) {
		story(&stage{
			t: t, start: time.Now(), answer: map[string]carrier{},
			rows: map[string]int{}, problem: map[string]string{}, unasked: map[string]bool{}, registry: prometheus.NewRegistry(),
		})
	})
}

// RoundTrip implements http.RoundTripper.
func (s *stage) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	name, answer := "", oneRow
	for query, its := range s.answer {
		if strings.Contains(string(body), `"`+query+`"`) {
			name, answer = query, its
		}
	}
	s.asked = append(s.asked, asking{name, time.Since(s.start)})
	s.flying++
	s.most = max(s.most, s.flying)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.flying--
		s.mu.Unlock()
	}()
	return answer(r)
}

// groupOf is a group with a rule for each name; the name is its query too.
func (s *stage) groupOf(interval time.Duration, names ...string) *rules.Group {
	g := &rules.Group{Name: "polled", InfluxDB: "dc", Interval: interval}
	for _, name := range names {
		if s.answer[name] == nil {
			s.answer[name] = oneRow
		}
		g.Rules = append(g.Rules, &rules.Rule{Alert: name, Group: g, Query: name, Language: rules.Flux})
	}
	return g
}

func (s *stage) poller(groups ...*rules.Group) *Poller {
	metrics, err := NewMetrics(s.registry)
	require.NoError(s.t, err)
	p, err := NewPoller(PollerOptions{
		Sources: []*Source{newSource(s.t, Config{Transport: s, Token: "s3cret"})},
		Groups:  groups,
		Rows: func(_ context.Context, rule *rules.Rule, rows []sample.Sample) (rules.Verdict, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.rows[rule.Alert] += len(rows)
			return rules.Verdict{Rows: len(rows), Problem: s.problem[rule.Alert]}, s.rowsErr
		},
		Unasked: func(rule *rules.Rule) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.unasked[rule.Alert] = true
		},
		Report: func(_ context.Context, a alert.Alert) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.reportErr != nil {
				return s.reportErr
			}
			s.reported = append(s.reported, a)
			return nil
		},
		Now:     s.now,
		Logger:  slog.New(slog.NewTextHandler(&s.log, nil)),
		Metrics: metrics,
	})
	require.NoError(s.t, err)
	return p
}

// run starts a poller and gives back what stops it and waits for its end.
func (s *stage) run(p *Poller) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); p.Run(ctx) }()
	return func() {
		cancel()
		<-ended
	}
}

// pass lets time go by. What the test did before, the poller sees; the lock
// says so to the race detector, which time alone does not.
func (s *stage) pass(d time.Duration) {
	s.mu.Lock()
	s.mu.Unlock() //nolint:staticcheck // nothing to do in between
	time.Sleep(d)
	synctest.Wait()
}

func TestAGroupIsAskedAtItsInterval(t *testing.T) {
	play(t, func(s *stage) {
		stop := s.run(s.poller(s.groupOf(30*time.Second, "a", "b")))
		defer stop()
		s.pass(2 * time.Minute)
		require.Len(t, s.asked, 8, "two rules, four polls in two minutes")
		first := s.asked[0].at
		require.Less(t, first, 30*time.Second)
		for i, one := range s.asked {
			require.Equal(t, first+time.Duration(i/2)*30*time.Second, one.at)
			require.Equal(t, "ab"[i%2:i%2+1], one.query, "rules are asked in the order of the file")
		}
		require.Equal(t, map[string]int{"a": 4, "b": 4}, s.rows)
	})
}

// A hundred groups that ask at once would be a load peak every interval, and
// each would wait for the others.
func TestAHundredGroupsDoNotAskAtOnce(t *testing.T) {
	play(t, func(s *stage) {
		var groups []*rules.Group
		for i := range 100 {
			g := s.groupOf(30*time.Second, "a")
			g.Name = fmt.Sprintf("group %d", i)
			groups = append(groups, g)
		}
		defer s.run(s.poller(groups...))()
		s.pass(30 * time.Second)
		require.Len(t, s.asked, 100)
		seconds := map[int]int{}
		for _, one := range s.asked {
			seconds[int(one.at.Seconds())]++
		}
		for second, n := range seconds {
			require.LessOrEqual(t, n, 10, "in second %d", second)
		}
		require.Greater(t, len(seconds), 25, "spread over the whole interval")
	})
}

// Whoever reloads to try a rule that is asked once a day wants to see it today.
func TestALongIntervalDoesNotDelayTheFirstPoll(t *testing.T) {
	play(t, func(s *stage) {
		defer s.run(s.poller(s.groupOf(24*time.Hour, "a")))()
		s.pass(time.Minute)
		require.Len(t, s.asked, 1)
		s.pass(23 * time.Hour)
		require.Len(t, s.asked, 1)
		s.pass(time.Hour)
		require.Len(t, s.asked, 2)
	})
}

func TestASlowQueryDelaysNobodyAndIsNeverAskedTwiceAtOnce(t *testing.T) {
	play(t, func(s *stage) {
		s.answer["slow"] = after(25*time.Second, oneRow)
		slow, other := s.groupOf(10*time.Second, "slow"), s.groupOf(10*time.Second, "quick")
		other.Name = "other"
		defer s.run(s.poller(slow, other))()
		s.pass(5 * time.Minute)
		require.Equal(t, 30, s.rows["quick"])
		require.LessOrEqual(t, s.most, 2, "one of each group")
		var last time.Duration
		n := 0
		for _, one := range s.asked {
			if one.query != "slow" {
				continue
			}
			if n++; n > 1 {
				require.Equal(t, 30*time.Second, one.at-last, "polls that it is too late for are left out")
			}
			last = one.at
		}
		require.Equal(t, 10, n)
	})
}

// A clock that is set must neither stop the polls nor make them a storm.
func TestPollsGoOnWhenTheClockIsSet(t *testing.T) {
	for name, by := range map[string]time.Duration{"back": -24 * time.Hour, "forward": 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *stage) {
				set := time.Duration(0)
				s.now = func() time.Time {
					s.mu.Lock()
					defer s.mu.Unlock()
					return time.Now().Add(set)
				}
				defer s.run(s.poller(s.groupOf(30*time.Second, "a")))()
				s.pass(5 * time.Minute)
				set = by
				s.pass(5 * time.Minute)
				require.InDelta(t, 20, len(s.asked), 1)
			})
		})
	}
}

func TestAnInfluxDBThatIsDownIsToldOnceAndToldToBeOver(t *testing.T) {
	play(t, func(s *stage) {
		g := s.groupOf(30*time.Second, "ColdAisle", "HotAisle")
		stop := s.run(s.poller(g))
		defer stop()
		s.pass(30 * time.Second)
		s.reported = nil // that nothing is wrong
		s.answer["ColdAisle"], s.answer["HotAisle"] = down, down
		s.pass(30 * time.Second)
		require.Empty(t, s.reported, "one poll may have met a restart")
		began := s.asked[2].at
		s.pass(10 * time.Second)
		require.Len(t, s.reported, 1, "it is tried again after ten seconds, and then told")
		a := s.reported[0]
		require.Equal(t, alert.Firing, a.Status)
		require.Equal(t, map[string]string{
			"alertname": "InfluxDBQueryFailed", "influxdb": "dc", "group": "polled", "severity": "critical",
		}, a.Labels)
		require.Equal(t, alert.FingerprintOf(a.Labels), a.Fingerprint)
		require.Equal(t, s.start.Add(began), a.StartsAt, "it began with the first poll that failed")
		require.Zero(t, a.EndsAt)
		require.Equal(t, "The rules of group polled get no usable answer from InfluxDB dc", a.Annotations["summary"])
		require.Equal(t, "All rules: no connection (connection refused); see whether it runs, and check host and port in url. "+
			"Until this is mended, the alerts of these rules stay as they are, and nothing new is noticed. "+
			"InfluxDB dc is at influx.example:8086.", a.Annotations["description"])
		require.NotContains(t, s.log.String(), "s3cret")

		s.pass(time.Hour)
		require.Len(t, s.reported, 1, "what does not change is not told again")
		rows := s.rows["ColdAisle"]
		require.Equal(t, 1, rows, "no rows are made up")

		s.answer["ColdAisle"] = oneRow
		s.pass(time.Minute)
		require.Len(t, s.reported, 2, "the words change: one of two")
		require.Equal(t, "1 of 2 rules of group polled get no usable answer from InfluxDB dc", s.reported[1].Annotations["summary"])
		require.Contains(t, s.reported[1].Annotations["description"], "HotAisle: no connection")
		require.Equal(t, a.StartsAt, s.reported[1].StartsAt)
		require.Greater(t, s.rows["ColdAisle"], rows, "the rule that works goes on")

		s.answer["HotAisle"] = oneRow
		s.pass(30 * time.Second)
		require.Len(t, s.reported, 3)
		require.Equal(t, alert.Resolved, s.reported[2].Status)
		require.Equal(t, a.Fingerprint, s.reported[2].Fingerprint)
		require.Equal(t, a.StartsAt, s.reported[2].StartsAt)
		require.WithinDuration(t, time.Now(), s.reported[2].EndsAt, 30*time.Second)
		s.pass(time.Hour)
		require.Len(t, s.reported, 3)
	})
}

// The process before this one may have told that InfluxDB is down; only this
// one can tell that it is not any more.
func TestTheFirstGoodPollAfterAStartTellsSo(t *testing.T) {
	play(t, func(s *stage) {
		defer s.run(s.poller(s.groupOf(30*time.Second, "a")))()
		s.pass(time.Hour)
		require.Len(t, s.reported, 1)
		require.Equal(t, alert.Resolved, s.reported[0].Status)
		require.Equal(t, "InfluxDBQueryFailed", s.reported[0].Name())
	})
}

func TestOneRuleThatFailsDoesNotStopTheOthers(t *testing.T) {
	for name, c := range map[string]struct {
		play  func(s *stage)
		words string
	}{
		"its query is wrong": {
			func(s *stage) { s.answer["b"] = notCompiled },
			"b: it answers 400: undefined identifier x; try the query in InfluxDB and correct the rule. ",
		},
		"its query is too slow": {
			func(s *stage) { s.answer["b"] = after(time.Minute, oneRow) },
			"b: no answer within 30s; ",
		},
		"an error comes after good rows": {
			func(s *stage) {
				s.answer["b"] = answering(200, fluxCSV, "#datatype,long\n,_value\n,1\n\n#datatype,string,string\n,error,reference\n,out of memory,\n")
			},
			"b: the query fails: out of memory; ",
		},
		"its rows have another schema": {
			func(s *stage) {
				s.problem["b"] = strings.Repeat("a column, ", 50) + "s3cret, name the right one in when"
			},
			"a column, <secret>, name the right one in when. ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *stage) {
				c.play(s)
				defer s.run(s.poller(s.groupOf(time.Minute, "a", "b", "c")))()
				s.pass(10 * time.Minute)
				require.GreaterOrEqual(t, s.rows["a"], 9)
				require.GreaterOrEqual(t, s.rows["c"], 9)
				if s.problem["b"] == "" {
					require.Zero(t, s.rows["b"], "half of an answer must not be used")
				}
				require.Equal(t, map[string]bool{"b": true}, s.unasked, "its alerts stay as they are, those of others follow their rows")
				require.Len(t, s.reported, 1)
				require.Equal(t, alert.Firing, s.reported[0].Status)
				require.Contains(t, s.reported[0].Annotations["description"], c.words)
				require.Contains(t, s.reported[0].Annotations["summary"], "1 of 3 rules")
			})
		})
	}
}

// Twenty rules that each wait for their time-out would keep the alert away for
// ten minutes; and if the rules that hang always came first, the others would
// never be asked.
func TestASourceThatHangsEndsAPollEarlyAndStarvesNoRule(t *testing.T) {
	play(t, func(s *stage) {
		names := strings.Split("abcdefghijklmnopqrst", "")
		for _, name := range names {
			s.answer[name] = after(time.Hour, oneRow)
		}
		defer s.run(s.poller(s.groupOf(30*time.Second, names...)))()
		s.pass(30*time.Second + 2*time.Minute + 10*time.Second)
		require.Len(t, s.reported, 1, "told after two polls of two time-outs")
		require.Equal(t, s.start.Add(s.asked[0].at), s.reported[0].StartsAt, "when the first query was asked, not when it was given up")
		require.Contains(t, s.reported[0].Annotations["description"], "All rules: no answer within 30s")
		require.Contains(t, s.reported[0].Annotations["summary"], "The rules of group polled get no usable answer",
			"also of those that it did not come to")
		require.Len(t, s.unasked, len(names), "that they are silent means nothing")

		for _, name := range names[2:] {
			s.answer[name] = oneRow
		}
		s.pass(10 * time.Minute)
		for _, name := range names[2:] {
			require.Greater(t, s.rows[name], 2, "rule %s behind two that hang", name)
		}
		last := s.reported[len(s.reported)-1]
		require.Contains(t, last.Annotations["summary"], "2 of 20 rules")
		require.Contains(t, last.Annotations["description"], "a, b: no answer within 30s")
	})
}

// Two slow queries are not a source that hangs, as long as others are answered.
func TestSlowQueriesAmongQuickOnesEndNoPoll(t *testing.T) {
	play(t, func(s *stage) {
		s.answer["a"], s.answer["c"] = after(time.Hour, oneRow), after(time.Hour, oneRow)
		defer s.run(s.poller(s.groupOf(time.Hour, "a", "b", "c", "d")))()
		s.pass(2*time.Minute + time.Second)
		require.Equal(t, "abcd", s.asked[0].query+s.asked[1].query+s.asked[2].query+s.asked[3].query)
	})
}

// A query that brings InfluxDB to its knees must not be asked every ten
// seconds while it lies there.
func TestPollsThatFailAreTriedAgainAtGrowingDistances(t *testing.T) {
	play(t, func(s *stage) {
		s.answer["a"] = notCompiled
		defer s.run(s.poller(s.groupOf(24*time.Hour, "a")))()
		s.pass(10 * time.Minute)
		var distances []time.Duration
		for i := range s.asked[1:6] {
			distances = append(distances, s.asked[i+1].at-s.asked[i].at)
		}
		require.Equal(t, []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, time.Minute}, distances)
	})
}

func TestAShortIntervalIsItsOwnRetry(t *testing.T) {
	play(t, func(s *stage) {
		s.answer["a"] = notCompiled
		defer s.run(s.poller(s.groupOf(2*time.Second, "a")))()
		s.pass(4 * time.Second)
		require.Len(t, s.asked, 2)
		require.Len(t, s.reported, 1)
	})
}

// Each new text would be a change of the card.
func TestAnAlertChangesItsWordsAtMostOnceAMinute(t *testing.T) {
	play(t, func(s *stage) {
		n := 0
		s.answer["a"] = carrier(func(r *http.Request) (*http.Response, error) {
			n++
			return response(r, 400, "application/json", fmt.Sprintf(`{"message":"error number %d"}`, n)), nil
		})
		defer s.run(s.poller(s.groupOf(5*time.Second, "a")))()
		s.pass(10*time.Minute + 10*time.Second)
		require.Greater(t, n, 100)
		require.InDelta(t, 10, len(s.reported), 1)
	})
}

func TestWhatTheStoreRefusesIsTriedAgain(t *testing.T) {
	t.Run("an alert of our own", func(t *testing.T) {
		play(t, func(s *stage) {
			s.answer["a"] = notCompiled
			s.reportErr = errors.New("disk full")
			defer s.run(s.poller(s.groupOf(30*time.Second, "a")))()
			s.pass(5 * time.Minute)
			require.Contains(t, s.log.String(), "disk full")
			s.reportErr = nil
			s.pass(30 * time.Second)
			require.Len(t, s.reported, 1)
			require.Equal(t, alert.Firing, s.reported[0].Status)
		})
	})
	t.Run("the end of one", func(t *testing.T) {
		play(t, func(s *stage) {
			s.reportErr = errors.New("disk full")
			defer s.run(s.poller(s.groupOf(time.Hour, "a")))()
			s.pass(2 * time.Minute)
			s.reportErr = nil
			s.pass(10 * time.Second)
			require.Len(t, s.reported, 1, "not only an hour later")
		})
	})
	t.Run("rows", func(t *testing.T) {
		play(t, func(s *stage) {
			s.rowsErr = errors.New("disk full")
			defer s.run(s.poller(s.groupOf(time.Hour, "a")))()
			s.pass(time.Minute + 30*time.Second)
			require.GreaterOrEqual(t, len(s.asked), 4, "every ten seconds, not every hour")
			for _, a := range s.reported {
				require.Equal(t, alert.Resolved, a.Status, "InfluxDB is not to blame for our disk")
			}
		})
	})
}

// A reload waits for the old poller; it must not wait for a slow query, and
// what is broken off is no failure of InfluxDB's.
func TestStoppingBreaksOffAQuery(t *testing.T) {
	play(t, func(s *stage) {
		s.answer["a"] = after(20*time.Second, oneRow)
		stop := s.run(s.poller(s.groupOf(10*time.Second, "a")))
		for s.pass(time.Second); s.flying == 0; {
			s.pass(time.Second)
		}
		at := time.Now()
		stop()
		require.Equal(t, at, time.Now(), "at once")
		require.Empty(t, s.reported)
		require.Empty(t, s.rows)
		require.NotContains(t, s.log.String(), "level=WARN")
	})
}

func TestAReloadWhileInfluxDBIsDownTellsNothingTwice(t *testing.T) {
	play(t, func(s *stage) {
		s.answer["a"] = down
		g := s.groupOf(30*time.Second, "a")
		stop := s.run(s.poller(g))
		s.pass(2 * time.Minute)
		require.Len(t, s.reported, 1)
		stop()
		s.registry = prometheus.NewRegistry()
		s.answer["a"] = oneRow
		defer s.run(s.poller(g))()
		s.pass(30 * time.Second)
		require.Len(t, s.reported, 2)
		require.Equal(t, alert.Resolved, s.reported[1].Status)
		require.Equal(t, s.reported[0].Fingerprint, s.reported[1].Fingerprint)
	})
}

func TestAPollerNamesTheGroupsThatItCannotAsk(t *testing.T) {
	rule := []*rules.Rule{{Alert: "a", Query: "a", Language: rules.Flux}}
	for name, c := range map[string]struct {
		group rules.Group
		words string
	}{
		"a source that there is not": {rules.Group{Name: "g", InfluxDB: "nowhere", Interval: 1, Rules: rule}, `group "g": there is no influxdb named "nowhere"`},
		"no interval":                {rules.Group{Name: "g", InfluxDB: "dc", Rules: rule}, `group "g": the interval 0s`},
		"a group of metrics":         {rules.Group{Name: "g", Rules: rule}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := NewPoller(PollerOptions{
				Sources: []*Source{newSource(t, Config{})}, Groups: []*rules.Group{&c.group}, Logger: slog.Default(),
			})
			if c.words != "" {
				require.ErrorContains(t, err, c.words)
				return
			}
			require.NoError(t, err)
			p.Run(t.Context()) // nothing to ask: comes back at once
		})
	}
}

func TestEveryQueryIsCountedByItsOutcome(t *testing.T) {
	play(t, func(s *stage) {
		s.answer["b"], s.answer["d"] = notCompiled, down
		s.problem["c"] = "no column"
		defer s.run(s.poller(s.groupOf(time.Minute, "a", "b", "c", "d")))()
		s.pass(time.Minute)
		n := float64(len(s.asked)) / 4
		var want strings.Builder
		fmt.Fprintln(&want, "# HELP teamsrelay_influxdb_queries_total Queries of rules, by what came of them: ok, unreachable, timeout, auth, refused, unavailable, unreadable, useless.")
		fmt.Fprintln(&want, "# TYPE teamsrelay_influxdb_queries_total counter")
		for _, outcome := range outcomes {
			count := map[string]float64{outcomeOK: n, outcomeRefused: n, outcomeUseless: n, outcomeUnreachable: n}[outcome]
			fmt.Fprintf(&want, "teamsrelay_influxdb_queries_total{influxdb=\"dc\",outcome=%q} %v\n", outcome, count)
		}
		require.NoError(t, testutil.GatherAndCompare(s.registry, strings.NewReader(want.String()), "teamsrelay_influxdb_queries_total"),
			"all outcomes are there from the start")
		problems, err := testutil.GatherAndLint(s.registry)
		require.NoError(t, err)
		require.Empty(t, problems)
	})
}

// In 1.x one often selects the host beside the value; a rule that says
// by: [host] must then see one series a host, and not all in one.
func TestATextColumnThatARuleNamesInByIsATag(t *testing.T) {
	shared := append(make([]sample.Tag, 0, 9), sample.Tag{Key: "_measurement", Value: "disk"})
	rows := tagged([]sample.Sample{
		{Tags: shared, Fields: []sample.Field{{Key: "host", Value: sample.Str("a")}, {Key: "used", Value: sample.Num(1)}}},
		{Tags: shared, Fields: []sample.Field{{Key: "used", Value: sample.Num(2)}, {Key: "host", Value: sample.Str("b")}}},
		{Tags: shared, Fields: []sample.Field{{Key: "host", Value: sample.Num(3)}}},
		{Tags: []sample.Tag{{Key: "host", Value: "d"}}, Fields: []sample.Field{{Key: "host", Value: sample.Str("e")}}},
	}, []string{"Host", "host"})
	requireRows(t, []string{
		",_measurement=disk,host=a used=1", ",_measurement=disk,host=b used=2", ",_measurement=disk host=3",
		`,host=d host="e"`,
	}, rows)
	require.Equal(t, []sample.Tag{{Key: "_measurement", Value: "disk"}}, shared)
}

func TestManyRulesDoNotFillACard(t *testing.T) {
	play(t, func(s *stage) {
		var names []string
		for i := range 300 {
			name := fmt.Sprintf("Rule%d", i)
			names = append(names, name)
			s.answer[name] = answering(400, "application/json", fmt.Sprintf(`{"message":"reason %d %s"}`, i%30, strings.Repeat("x", 1000)))
		}
		names = append(names, "fine")
		defer s.run(s.poller(s.groupOf(time.Minute, names...)))()
		s.pass(3 * time.Minute)
		text := s.reported[0].Annotations["description"]
		require.Less(t, len(text), 3000)
		require.Contains(t, text, "Rule0, Rule30, Rule60, Rule90, Rule120, Rule150, Rule180, Rule210, Rule240, Rule270: it answers 400: reason 0")
		require.Contains(t, text, "And 25 more reasons. ")
	})
}
