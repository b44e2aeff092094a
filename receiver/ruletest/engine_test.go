package ruletest

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/route"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlitetest"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// ordinary are routes as people have them, with short times.
func ordinary(t *testing.T, cards *card.Set) *route.Tree {
	t.Helper()
	wait, interval, repeat := 10*time.Second, time.Minute, 4*time.Hour
	tree, problems := route.New(route.Options{
		Route: route.Route{
			Destinations: []string{"ops"}, GroupBy: []string{"alertname"},
			GroupWait: &wait, GroupInterval: &interval, RepeatInterval: &repeat,
			Routes: []route.Route{{Matchers: []string{`severity="critical"`}, Continue: true, GroupBy: []string{"host"}}},
		},
		InhibitRules: []route.InhibitRule{{SourceMatchers: []string{`alertname="DiskFull"`}, TargetMatchers: []string{`alertname="DiskFillsUp"`}, Equal: []string{"host"}}},
		Destinations: []string{"ops"}, Cards: cards.Names(),
	})
	require.Empty(t, problems)
	return tree
}

// TestATestTellsWhatAReceiverTells gives the input of every sample test to an
// engine with a store and a clock that runs, and compares the messages. What
// passes a rule test is what people will see, or rule tests are worth nothing.
func TestATestTellsWhatAReceiverTells(t *testing.T) {
	messages := 0
	for _, file := range sampleRules(t) {
		if filepath.Base(file) == "polled.yml" {
			continue // an engine gets rows from databases only
		}
		s, problems := load(strings.TrimSuffix(file, ".yml") + "_test.yml")
		require.Empty(t, problems.Error())
		s.routes = ordinary(t, s.cards)
		for i := range s.tests {
			test := &s.tests[i]
			end := test.expect[len(test.expect)-1].at + 2*time.Minute // for groups that wait
			t.Run(filepath.Base(file)+"/"+test.name, func(t *testing.T) {
				c := newCourse(s, test)
				require.NoError(t, c.until(end))
				var tested []string
				for i := range c.told {
					tested = append(tested, textOf(c.message(&c.told[i])))
				}
				slices.Sort(tested) // groups that are due at one time have no order
				synctest.Test(t, func(t *testing.T) {
					require.Equal(t, tested, received(t, s, test, end))
				})
				messages += len(tested)
			})
		}
	}
	require.Greater(t, messages, 50)
}

// received is what an engine tells of a test's input, sorted.
func received(t *testing.T, s *suite, test *test, end time.Duration) (messages []string) {
	t.Helper()
	db, err := sqlite.Open(sqlitetest.File(t), sqlite.Options{})
	require.NoError(t, err)
	var mu sync.Mutex
	began := time.Now() // midnight, as in a test
	e, err := engine.New(engine.Options{
		Store: db, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
		Now: time.Now, Elapsed: func() time.Duration { return time.Since(began) }, Location: time.UTC,
	}, engine.Config{
		Routes: s.routes, Cards: s.cards, Rules: s.rules, ResolveTimeout: 5 * time.Minute, Retention: 24 * time.Hour,
		Destinations: []engine.Destination{{Name: "ops", Addresses: []deliver.Address{{
			ID: "ops", Destination: "ops", Pace: []deliver.Window{{N: 1000, Per: time.Second}},
			Send: func(_ context.Context, m card.Message) teams.Outcome {
				mu.Lock()
				defer mu.Unlock()
				text := strings.ReplaceAll(textOf(m), began.Format(time.DateOnly), start.Format(time.DateOnly))
				messages = append(messages, text)
				return teams.Outcome{Kind: teams.Delivered, Status: 202}
			},
		}}}},
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	for _, line := range test.input {
		time.Sleep(time.Until(began.Add(line.offset)))
		synctest.Wait()
		one := line.sample
		one.Time = time.Now()
		require.NoError(t, e.Samples(ctx, []sample.Sample{one}))
	}
	time.Sleep(time.Until(began.Add(end)))
	synctest.Wait()
	cancel()
	require.NoError(t, <-done)
	require.NoError(t, db.Close())
	slices.Sort(messages)
	return messages
}
