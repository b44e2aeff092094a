package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// load posts groups, each of them new, until it is stopped, and remembers
// which were acknowledged.
type load struct {
	relay  atomic.Pointer[string] // where to post now
	number atomic.Int64
	stop   context.CancelFunc
	work   sync.WaitGroup

	mu           sync.Mutex
	acknowledged []string
	refused      map[int]int // other answers, by status
}

// threeDestinations are what a load is spread over, so that several attempts
// are under way at once: an address has only one.
func threeDestinations(url string) (names []string, config string) {
	var entries []string
	for _, name := range []string{"ops", "web", "net"} {
		names = append(names, name)
		entries = append(entries, destination(name, url+"/workflow/"+name, fast))
	}
	return names, configuration(entries...)
}

// startLoad posts to the destinations in turn with so many senders, each with
// a breath between its posts.
func startLoad(destinations []string, senders int, breath time.Duration) *load {
	ctx, stop := context.WithCancel(context.Background())
	l := &load{stop: stop, refused: map[int]int{}}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}, Timeout: patience}
	for range senders {
		l.work.Go(func() {
			tick := time.NewTicker(breath)
			defer tick.Stop()
			for ctx.Err() == nil {
				l.post(client, destinations)
				<-tick.C
			}
		})
	}
	return l
}

func (l *load) post(client *http.Client, destinations []string) {
	relay := l.relay.Load()
	if relay == nil {
		return
	}
	n := l.number.Add(1)
	name := fmt.Sprintf("Load%06d", n)
	url := *relay + "/alertmanager/" + destinations[int(n)%len(destinations)]
	response, err := client.Post(url, "application/json", bytes.NewReader(body(name, "firing")))
	if err != nil {
		return // nobody answered, so nobody promised anything
	}
	_ = response.Body.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	if response.StatusCode == http.StatusOK {
		l.acknowledged = append(l.acknowledged, name)
	} else {
		l.refused[response.StatusCode]++
	}
}

// to says where to post from now on.
func (l *load) to(url string) { l.relay.Store(&url) }

// nowhere stops posting for now: somebody else's server may get the port of a
// process that has ended.
func (l *load) nowhere() { l.relay.Store(nil) }

// taken is how many groups have been acknowledged so far.
func (l *load) taken() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acknowledged)
}

// end stops posting and returns the names of the groups that were acknowledged.
func (l *load) end(t *testing.T) []string {
	t.Helper()
	l.stop()
	l.work.Wait()
	require.Empty(t, l.refused, "an honest body was refused")
	return l.acknowledged
}

var loadName = regexp.MustCompile(`Load\d{6}`)

// tellings counts how often each group of a load has a card of its own.
func tellings(messages []teamstest.Message) map[string]int {
	counts := map[string]int{}
	for _, m := range messages {
		if name := loadName.FindString(m.Summary); name != "" {
			counts[name]++
		}
	}
	return counts
}

// posts reads the posts of every load group in the store of a receiver that
// has ended, by the group's name.
func (r *relay) posts() map[string][]store.Post {
	r.t.Helper()
	posts := map[string][]store.Post{}
	r.view(func(tx store.Tx) error {
		for before := int64(0); ; {
			page, err := tx.ListPosts(store.PostFilter{Before: before, Limit: 1000})
			if err != nil || len(page) == 0 {
				return err
			}
			for _, p := range page {
				g, err := tx.Group(p.GroupID)
				if err != nil {
					return err
				}
				name := g.Spec.Labels["alertname"]
				posts[name] = append(posts[name], p)
			}
			before = page[len(page)-1].ID
		}
	})
	return posts
}
