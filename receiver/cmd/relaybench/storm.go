package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"time"
)

// storm is a thousand groups with a hundred alerts each that begin and end
// within a minute, all told in one channel at the default pace of a webhook (4
// messages in a second, 20 in five minutes): how fast they are taken, what
// memory that takes, when the channel has heard of everything, and in how many
// messages.
func (b *bench) storm(groups int) error {
	teams := newChannel()
	defer teams.Close()
	r, err := b.receiver(teams.URL)
	if err != nil {
		return err
	}
	defer r.stop()
	watch := r.watchMemory()
	defer watch.stop()
	fires := webhook(100)
	began := time.Now()
	for _, bodies := range []*pattern{fires, fires.resolved()} {
		if err := b.each(groups, func(n int) error { return r.post("/alertmanager", bodies.body(nil, n)) }); err != nil {
			return err
		}
	}
	taken := time.Since(began)
	if taken > time.Minute {
		return fmt.Errorf("the storm took %s to be accepted; it has to be over within a minute", taken)
	}
	const (
		patience = 15 * time.Minute
		// settled is for how long nothing waits when all is told: metrics repeat
		// for 5 s what the store knew, and a group waits for a second before it
		// is told.
		settled = 10 * time.Second
	)
	for busy := time.Now(); ; time.Sleep(time.Second) {
		left, err := r.waiting()
		switch {
		case err != nil:
			return err
		case left > 0 && time.Since(began) > patience:
			return fmt.Errorf("%d posts are not told after %s", left, patience)
		case left > 0:
			busy = time.Now()
		case time.Since(busy) > settled:
			return b.told(teams, groups, began, taken, watch)
		}
	}
}

// told prints what the channel has heard.
func (b *bench) told(teams *channel, groups int, began time.Time, taken time.Duration, watch *memoryWatch) error {
	messages := teams.all()
	if len(messages) == 0 {
		return errors.New("nothing was told")
	}
	last := messages[len(messages)-1]
	b.found(fmt.Sprintf("a storm: %d groups with 100 alerts, and their ends", groups),
		"taken in %s (%.0f bodies/s), told in %d messages, the last after %s and saying %q, peak %.0f MB",
		taken.Round(100*time.Millisecond),
		float64(2*groups)/taken.Seconds(), len(messages), last.at.Sub(began).Round(time.Second), last.summary(), watch.peak())
	return nil
}

// each calls work for 1 to n, with as many at a time as there are clients.
func (b *bench) each(n int, work func(int) error) error {
	next := make(chan int)
	failed := make(chan error, b.clients)
	var clients sync.WaitGroup
	for range b.clients {
		clients.Go(func() {
			for i := range next {
				if err := work(i); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	var err error
	for i := 1; i <= n && err == nil; i++ {
		select {
		case next <- i:
		case err = <-failed:
		}
	}
	close(next)
	clients.Wait()
	close(failed)
	return errors.Join(err, <-failed)
}

// resolved is the pattern with all its alerts at their end.
func (p *pattern) resolved() *pattern {
	q := *p
	q.parts = make([]string, len(p.parts))
	for i, part := range p.parts {
		part = strings.ReplaceAll(part, `"status":"firing"`, `"status":"resolved"`)
		q.parts[i] = strings.ReplaceAll(part, `"endsAt":"0001-01-01T00:00:00Z"`, `"endsAt":"2026-11-21T10:03:00Z"`)
	}
	return &q
}

// channel is a Teams channel behind a webhook that keeps what it is told.
type channel struct {
	*httptest.Server
	mu       sync.Mutex
	messages []channelMessage
}

type channelMessage struct {
	at   time.Time
	body string
}

func newChannel() *channel {
	c := &channel{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		c.mu.Lock()
		c.messages = append(c.messages, channelMessage{time.Now(), string(body)})
		c.mu.Unlock()
		w.WriteHeader(http.StatusAccepted)
	}))
	return c
}

func (c *channel) all() []channelMessage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]channelMessage(nil), c.messages...)
}

var summaryField = regexp.MustCompile(`"summary":"((?:[^"\\]|\\.)*)"`)

// summary is the preview text of the message.
func (m channelMessage) summary() string {
	if found := summaryField.FindStringSubmatch(m.body); found != nil {
		return found[1]
	}
	return ""
}

var waitingLine = regexp.MustCompile(`(?m)^teamsrelay_posts_waiting\{destination="ops"[^}]*\} (\S+)$`)

// waiting is how many posts are to be told yet.
func (r *receiver) waiting() (int, error) {
	metrics, err := r.get("/metrics")
	if err != nil {
		return 0, err
	}
	found := waitingLine.FindAllStringSubmatch(metrics, -1)
	if found == nil {
		return 0, errors.New("no teamsrelay_posts_waiting in /metrics")
	}
	total := 0
	for _, one := range found {
		n := 0
		if _, err := fmt.Sscan(one[1], &n); err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// memoryWatch reads the resident memory of a receiver again and again.
type memoryWatch struct {
	mu   sync.Mutex
	most float64
	quit chan struct{}
	done sync.WaitGroup
}

func (r *receiver) watchMemory() *memoryWatch {
	w := &memoryWatch{quit: make(chan struct{})}
	w.done.Go(func() {
		for {
			if now, err := r.resident(); err == nil {
				w.mu.Lock()
				w.most = max(w.most, now)
				w.mu.Unlock()
			}
			select {
			case <-w.quit:
				return
			case <-time.After(200 * time.Millisecond):
			}
		}
	})
	return w
}

func (w *memoryWatch) peak() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.most
}

func (w *memoryWatch) stop() {
	close(w.quit)
	w.done.Wait()
}
