package botframework_test

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
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

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

// Teams answers 412 to two at a time in one conversation (teams-platform §2.6).
func TestOneRequestAtATimeInAConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		teamsSide := &connector{delay: 300 * time.Millisecond}
		b := client(t, teamsSide)
		threadOfChannel := with(channel, func(p *botframework.Place) { p.Conversation += ";messageid=17" })
		var wait sync.WaitGroup
		for _, do := range []func(context.Context) teams.Outcome{
			func(ctx context.Context) teams.Outcome { return to(b, channel).Send(ctx, hot) },
			func(ctx context.Context) teams.Outcome { return to(b, channel).Edit(ctx, thread, hot) },
			func(ctx context.Context) teams.Outcome { return to(b, channel).Call(ctx, thread, hot) },
			func(ctx context.Context) teams.Outcome {
				return to(b, threadOfChannel).Say(ctx, "17", botframework.Text{Markdown: "a"})
			},
			func(ctx context.Context) teams.Outcome { return to(b, channel).Delete(ctx, thread) },
			func(ctx context.Context) teams.Outcome { return to(b, chat).Send(ctx, hot) },
			func(ctx context.Context) teams.Outcome { return to(b, personal).Send(ctx, hot) },
		} {
			wait.Go(func() { require.Equal(t, teams.Delivered, do(t.Context()).Kind) })
		}
		wait.Wait()
		require.Equal(t, 1, teamsSide.most, "posts, edits and answers of all threads of a channel are one line")
		require.Equal(t, 3, teamsSide.mostAll, "and other conversations do not wait for it")
	})
}

func TestWhoWaitsForATurnLeavesInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		teamsSide := &connector{hang: true}
		b := client(t, teamsSide)
		var wait sync.WaitGroup
		wait.Go(func() { to(b, chat).Send(t.Context(), hot) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		start := time.Now()
		o := to(b, chat).Send(ctx, hot)
		require.Equal(t, 2*time.Second, time.Since(start))
		require.Equal(t, teams.Retry, o.Kind)
		require.False(t, o.Uncertain, "it was not sent")
		wait.Wait()
		require.Len(t, teamsSide.all, 1)
	})
}

// The windows of teams-platform §3.1 and §3.2: Teams throttles whoever does not
// keep them, and then nothing arrives for a while.
func TestAllWindowsHoldForEverybodyTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		teamsSide := &connector{}
		b := client(t, teamsSide)
		var wait sync.WaitGroup
		for i := range 130 {
			s := to(b, chat)
			wait.Go(func() {
				o := s.Edit(t.Context(), thread, hot)
				if i%2 == 0 {
					o = s.Say(t.Context(), "", botframework.Text{Markdown: "a"})
				}
				require.Equal(t, teams.Delivered, o.Kind)
			})
		}
		wait.Wait()
		times := teamsSide.times["19:def@thread.v2"]
		require.Len(t, times, 195)
		for _, w := range botframework.SendWindows {
			require.LessOrEqual(t, most(times, w.Per), w.N, "in %v", w.Per)
		}
		require.Less(t, times[194].Sub(times[0]), 3*30*time.Second+5*time.Second, "and what Teams takes is used")
	})
}

func TestTheHourIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		teamsSide := &connector{}
		s := at(t, teamsSide, chat)
		for range 1805 {
			require.Equal(t, teams.Delivered, s.Edit(t.Context(), thread, hot).Kind)
		}
		times := teamsSide.times["19:def@thread.v2"]
		require.Equal(t, 1800, most(times, time.Hour))
	})
}

func TestQuestionsHaveWindowsOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		teamsSide := &connector{answer: func(_ int, r asked) (*http.Response, error) {
			if r.method == http.MethodGet {
				return answering(200, `{"id":"29:alice"}`), nil
			}
			return nil, nil
		}}
		b := client(t, teamsSide)
		var wait sync.WaitGroup
		for range 200 {
			wait.Go(func() {
				_, err := b.Member(t.Context(), chat, "29:alice")
				require.NoError(t, err)
			})
		}
		wait.Wait()
		times := teamsSide.times["19:def@thread.v2"]
		for _, w := range botframework.MemberWindows {
			require.LessOrEqual(t, most(times, w.Per), w.N, "in %v", w.Per)
		}
		start := time.Now()
		require.Equal(t, teams.Delivered, to(b, chat).Send(t.Context(), hot).Kind)
		require.Less(t, time.Since(start), time.Second, "an alert does not wait for questions")
	})
}

func TestATenantGetsFiftyASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		teamsSide := &connector{}
		b := client(t, teamsSide)
		other := with(chat, func(p *botframework.Place) { p.Tenant = "another" })
		var wait sync.WaitGroup
		for i := range 300 {
			p := with(chat, func(p *botframework.Place) { p.Conversation = fmt.Sprintf("19:%d@thread.v2", i) })
			wait.Go(func() { require.Equal(t, teams.Delivered, to(b, p).Send(t.Context(), hot).Kind) })
		}
		wait.Go(func() {
			start := time.Now()
			require.Equal(t, teams.Delivered, to(b, other).Send(t.Context(), hot).Kind)
			require.Zero(t, time.Since(start), "another tenant has its own fifty")
		})
		wait.Wait()
		require.LessOrEqual(t, most(teamsSide.times["everywhere"], time.Second), 51)
	})
}

// Microsoft counts what arrives from all replicas together.
func TestReplicasShareWhatATenantGets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		teamsSide := &connector{}
		b := client(t, teamsSide)
		part := 1.0 / 3
		b.Share(func() float64 { return part })
		send := func(n int) {
			var wait sync.WaitGroup
			for i := range n {
				p := with(chat, func(p *botframework.Place) { p.Conversation = fmt.Sprintf("19:%d@thread.v2", i) })
				wait.Go(func() { require.Equal(t, teams.Delivered, to(b, p).Send(t.Context(), hot).Kind) })
			}
			wait.Wait()
		}
		send(100)
		require.Equal(t, 16, most(teamsSide.times["everywhere"], time.Second), "a third of fifty")
		time.Sleep(time.Minute)
		part = 1
		start := time.Now()
		send(100)
		require.Less(t, time.Since(start), 2*time.Second, "who is left alone has all of it")
		time.Sleep(time.Minute)
		part = 0
		from := len(teamsSide.times["everywhere"])
		send(5)
		require.Equal(t, 1, most(teamsSide.times["everywhere"][from:], time.Second), "who has no part yet does not stand still, or nobody would be answered")
	})
}

// A replica that comes up with much to tell has no part of the tenant's yet. Those
// who wait by then go as soon as it has one, even if nobody comes after them.
func TestWhoWaitsGetsThePartThatAReplicaHasByThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		teamsSide := &connector{}
		b := client(t, teamsSide)
		start := time.Now()
		b.Share(func() float64 {
			if time.Since(start) < 3*time.Second {
				return 0
			}
			return 0.5
		})
		var wait sync.WaitGroup
		for i := range 60 {
			p := with(chat, func(p *botframework.Place) { p.Conversation = fmt.Sprintf("19:%d@thread.v2", i) })
			wait.Go(func() { require.Equal(t, teams.Delivered, to(b, p).Send(t.Context(), hot).Kind) })
		}
		wait.Wait()
		require.LessOrEqual(t, most(teamsSide.times["everywhere"], time.Second), 25)
		require.Less(t, time.Since(start), 10*time.Second, "at one a second most would have had no time left")
	})
}

func TestNobodyWaitsLongerThanHeHasTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		teamsSide := &connector{}
		s := at(t, teamsSide, chat)
		for range 60 {
			require.Equal(t, teams.Delivered, s.Edit(t.Context(), thread, hot).Kind)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
		defer cancel()
		start := time.Now()
		o := s.Send(ctx, hot)
		require.Zero(t, time.Since(start), "a worker that waits in vain keeps others from working")
		require.Equal(t, teams.Throttled, o.Reason)
		require.Greater(t, o.After, 8*time.Second)
		require.Less(t, o.After, 30*time.Second)
		require.Len(t, teamsSide.all, 60)
		time.Sleep(o.After)
		require.Equal(t, teams.Delivered, s.Send(t.Context(), hot).Kind)
	})
}

func TestRetryAfterHoldsTheConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		teamsSide := &connector{answer: func(n int, _ asked) (*http.Response, error) {
			if n == 1 {
				return answering(429, "", "Retry-After: 20"), nil
			}
			return nil, nil
		}}
		b := client(t, teamsSide)
		require.Equal(t, 20*time.Second, to(b, chat).Send(t.Context(), hot).After)
		start := time.Now()
		require.Equal(t, teams.Delivered, to(b, channel).Send(t.Context(), hot).Kind)
		require.Zero(t, time.Since(start), "others do not wait")
		require.Equal(t, teams.Delivered, to(b, chat).Say(t.Context(), "", botframework.Text{Markdown: "a"}).Kind)
		require.Equal(t, 20*time.Second, time.Since(start), "whoever sends there next waits as long as Teams asked")
	})
}
