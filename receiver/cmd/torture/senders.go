package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/torture"
)

// answerTimeout is how long a sender waits for an answer.
const answerTimeout = 5 * time.Second

// senders hand over what the plan says, each group by one of its own.
type senders struct {
	since  func() time.Duration
	main   func() []string // where the replicas listen, by number; "" for one that does not
	client *http.Client
	work   sync.WaitGroup
	calm   chan struct{}  // closed when nothing fails any more
	done   sync.WaitGroup // until every script is at its end
	over   chan struct{}  // closed when nothing is to be sent any more

	mu    sync.Mutex
	takes []torture.Take
}

func newSenders(since func() time.Duration, main func() []string) *senders {
	return &senders{
		since: since, main: main, calm: make(chan struct{}), over: make(chan struct{}),
		client: &http.Client{Timeout: answerTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
}

// start begins to send.
func (s *senders) start(ctx context.Context, groups []torture.Group) {
	for _, g := range groups {
		s.done.Add(1)
		s.work.Go(func() { s.live(ctx, g) })
	}
}

// resendEvery is how often what was posted is posted again, as Prometheus does.
const resendEvery = 3 * time.Second

// live is the life of a group at its source.
func (s *senders) live(ctx context.Context, g torture.Group) {
	scriptEnds := sync.OnceFunc(s.done.Done)
	defer scriptEnds()
	doubt := false // whether somebody may take an old body yet
	for i, step := range g.Steps {
		if !s.until(ctx, step.At) {
			return
		}
		until := time.Duration(0)
		if !step.Must {
			until = g.Steps[i+1].At // a last step is a must
		}
		doubt = s.handOver(ctx, g, i+1, until) || doubt
		if g.Source == torture.Posted && i+1 < len(g.Steps) {
			s.repeat(ctx, g, i+1, g.Steps[i+1].At)
		}
	}
	scriptEnds()
	last := len(g.Steps)
	if g.Source == torture.Posted {
		s.repeat(ctx, g, last, 0)
		return
	}
	// Whoever got no answer cannot know what was taken in which order; what is
	// repeated once nothing fails any more is the last word.
	select {
	case <-s.calm:
	case <-ctx.Done():
		return
	}
	if doubt {
		s.attempt(ctx, g, last, rand.IntN(len(s.main())), true)
	}
}

// until waits for a time of the day.
func (s *senders) until(ctx context.Context, at time.Duration) bool {
	select {
	case <-time.After(at - s.since()):
		return true
	case <-ctx.Done():
		return false
	}
}

// repeat posts a step again and again, until a time, or for 0 until the end.
func (s *senders) repeat(ctx context.Context, g torture.Group, step int, until time.Duration) {
	for {
		wait := resendEvery
		if until > 0 {
			if wait = min(wait, until-s.since()); wait <= 0 {
				return
			}
		}
		select {
		case <-time.After(wait):
		case <-s.over:
			return
		case <-ctx.Done():
			return
		}
		if until == 0 || s.since() < until {
			s.attempt(ctx, g, step, rand.IntN(len(s.main())), true)
		}
	}
}

// handOver sends a step until it is taken, or until a time, 0: as long as it
// takes. Twins do it at the same time, to different replicas. It reports whether
// an attempt had no answer.
func (s *senders) handOver(ctx context.Context, g torture.Group, step int, until time.Duration) (doubt bool) {
	senders := 1
	if g.Twins {
		senders = 2
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	at := rand.IntN(len(s.main()))
	for n := range senders {
		all.Go(func() {
			at, pause := at+n, 50*time.Millisecond
			for ctx.Err() == nil && (until == 0 || s.since() < until) {
				status := s.attempt(ctx, g, step, at%len(s.main()), false)
				if status/100 == 2 || status/100 == 4 {
					return
				}
				if status == 0 {
					mu.Lock()
					doubt = true
					mu.Unlock()
				}
				at++
				time.Sleep(pause)
				pause = min(2*pause, time.Second)
			}
		})
	}
	all.Wait()
	return doubt
}

// attempt sends a step to a replica and returns the answer's status, 0 without
// one.
func (s *senders) attempt(ctx context.Context, g torture.Group, step, replica int, again bool) int {
	to := s.main()[replica]
	if to == "" {
		return -1 // nobody listens: as good as a connection that is refused
	}
	path, body := request(g, g.Steps[step-1], step)
	take := torture.Take{Group: g.Name, Step: step, Replica: replica, Again: again, Began: s.since()}
	status := post(ctx, s.client, "http://"+to+path, body)
	take.Status, take.Ended = status, s.since()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takes = append(s.takes, take)
	return status
}

// post returns the status of the answer; 0: there was none.
func post(ctx context.Context, client *http.Client, url string, body any) int {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // these values can be marshalled
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		panic(err) // it is a URL
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return 0
	}
	return answer.StatusCode
}

type object = map[string]any

// The times of alerts mean nothing here: clocks are set.
const (
	longAgo  = "2020-01-01T00:00:00Z"
	aBitLess = "2020-01-02T00:00:00Z"
	never    = "0001-01-01T00:00:00Z"
)

// request is a step as its source sends it.
func request(g torture.Group, step torture.Step, number int) (path string, body any) {
	where := strings.Join(g.Places, "-")
	if g.Source == torture.Event {
		a := step.Alerts[0]
		return "/events/jobs", object{"name": g.Name, "instance": a.Instance, "severity": a.Severity, "place": where, "step": strconv.Itoa(number), "done": !a.Firing}
	}
	status := "resolved"
	var alerts []object
	for _, a := range step.Alerts {
		one := object{
			"labels":       object{"alertname": g.Name, "instance": a.Instance, "severity": a.Severity, "place": where},
			"annotations":  object{"step": strconv.Itoa(number), "summary": fmt.Sprintf("%s of %s is wrong", a.Instance, g.Name)},
			"startsAt":     longAgo,
			"generatorURL": "http://prometheus.example.com/graph",
		}
		switch {
		case g.Source == torture.Webhook && a.Firing:
			one["status"], one["endsAt"] = "firing", never
			status = "firing"
		case g.Source == torture.Webhook:
			one["status"], one["endsAt"] = "resolved", aBitLess
		case !a.Firing:
			one["endsAt"] = aBitLess
		}
		alerts = append(alerts, one)
	}
	if g.Source == torture.Posted {
		return "/api/v2/alerts", alerts
	}
	return "/alertmanager", object{
		"version": "4", "receiver": "teams", "status": status, "groupKey": fmt.Sprintf("{}:{alertname=%q}", g.Name),
		"groupLabels": object{"alertname": g.Name}, "externalURL": "http://alertmanager.example.com:9093", "alerts": alerts,
	}
}

// ended waits until every script is at its end.
func (s *senders) ended(within time.Duration) error {
	done := make(chan struct{})
	go func() {
		s.done.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-time.After(within):
		return errors.New("senders could not hand over what they had")
	}
}

// stop ends what sends for ever and returns all that was sent.
func (s *senders) stop() []torture.Take {
	close(s.over)
	s.work.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.takes
}
