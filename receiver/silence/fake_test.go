package silence

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// cluster is what several Alertmanagers have in common: their silences.
type cluster struct {
	mu       sync.Mutex
	silences []theirs
	asked    []string // method and path of each request
	busy     int
	crowded  bool // there were two requests at a time
}

// theirs is a silence as Alertmanager's API speaks of it.
type theirs struct {
	ID        string    `json:"id"`
	CreatedBy string    `json:"createdBy"`
	Comment   string    `json:"comment"`
	StartsAt  time.Time `json:"startsAt"`
	EndsAt    time.Time `json:"endsAt"`
	UpdatedAt time.Time `json:"updatedAt"`
	Matchers  []matcher `json:"matchers"`
	Status    struct {
		State string `json:"state"`
	} `json:"status"`
}

type matcher struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	IsRegex bool   `json:"isRegex"`
	IsEqual bool   `json:"isEqual"`
}

// fake is one Alertmanager of a cluster, without a network.
type fake struct {
	*cluster // set when it is made
	own      sync.Mutex
	before   func(n int, r *http.Request) (*http.Response, error)
	after    func(n int, r *http.Request, answer *http.Response) (*http.Response, error)
	n        int
	alone    *cluster // where it lives once it has left the others
}

// say has something answer in its place, unless that returns nothing; n counts
// the requests from 1. nil: nothing does.
func (f *fake) say(before func(n int, r *http.Request) (*http.Response, error)) {
	f.own.Lock()
	defer f.own.Unlock()
	f.before = before
}

// lose changes what it answers.
func (f *fake) lose(after func(n int, r *http.Request, answer *http.Response) (*http.Response, error)) {
	f.own.Lock()
	defer f.own.Unlock()
	f.after = after
}

// leave makes it one that knows nothing of what the others know.
func (f *fake) leave() {
	f.own.Lock()
	defer f.own.Unlock()
	f.alone = &cluster{}
}

// requests is how many it got.
func (f *fake) requests() int {
	f.own.Lock()
	defer f.own.Unlock()
	return f.n
}

func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	f.own.Lock()
	f.n++
	n, before, after, lives := f.n, f.before, f.after, f.cluster
	if f.alone != nil {
		lives = f.alone
	}
	f.own.Unlock()
	defer f.begin(r)()
	if before != nil {
		if answer, err := before(n, r); answer != nil || err != nil {
			return answer, err
		}
	}
	answer := lives.serve(r)
	if after != nil {
		return after(n, r, answer)
	}
	return answer, nil
}

// begin notes that a request has come, and later that it has ended.
func (c *cluster) begin(r *http.Request) (end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy++
	c.crowded = c.crowded || c.busy > 1
	c.asked = append(c.asked, r.Method+" "+r.URL.Path)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.busy--
	}
}

func (c *cluster) serve(r *http.Request) *http.Response {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	id, one := strings.CutPrefix(r.URL.Path, "/api/v2/silence/")
	switch {
	case r.Method == http.MethodGet && r.URL.Path == "/api/v2/silences":
		list := []theirs{}
		for _, s := range c.silences {
			s.Status.State = "active"
			if !s.EndsAt.After(now) {
				continue // ?expired=false
			}
			list = append(list, s)
		}
		return answering(200, list)
	case r.Method == http.MethodPost && r.URL.Path == "/api/v2/silences":
		var s theirs
		text, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(text, &s); err != nil {
			return answering(400, err.Error())
		}
		if !s.EndsAt.After(now) {
			return answering(400, "Failed to create silence: end time can't be in the past")
		}
		s.ID = fmt.Sprintf("00000000-0000-4000-8000-%012d", len(c.silences)+1)
		c.silences = append(c.silences, s)
		return answering(200, map[string]string{"silenceID": s.ID})
	case r.Method == http.MethodDelete && one:
		for i := range c.silences {
			if c.silences[i].ID == id {
				c.silences[i].EndsAt = now
				return answering(200, nil)
			}
		}
		return answering(404, nil)
	}
	return answering(404, "there is nothing here")
}

func answering(status int, body any) *http.Response {
	text, _ := json.Marshal(body)
	if body == nil {
		text = nil
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(string(text))),
	}
}

// raw is an answer that somebody else gives.
func raw(status int, kind, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(body))}
}

// live are the silences that hold now.
func (c *cluster) live() []theirs {
	c.mu.Lock()
	defer c.mu.Unlock()
	var live []theirs
	for _, s := range c.silences {
		if s.EndsAt.After(time.Now()) {
			live = append(live, s)
		}
	}
	return live
}

// count is how many requests of a kind there were.
func (c *cluster) count(prefix string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, a := range c.asked {
		if strings.HasPrefix(a, prefix) {
			n++
		}
	}
	return n
}
