package people

import (
	"strings"
	"sync"
	"time"
)

// expectedFor is how long somebody for whom we had the app installed is
// expected to turn up: installations take seconds, on a bad day minutes.
const expectedFor = 10 * time.Minute

// expected are those for whom we had the app installed, until when, by object
// id. It is not kept over a restart: who is forgotten is greeted.
type expected struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func (e *expected) add(ids []string, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.until == nil {
		e.until = make(map[string]time.Time)
	}
	for id, until := range e.until {
		if until.Before(now) {
			delete(e.until, id)
		}
	}
	for _, id := range ids {
		e.until[id] = now.Add(expectedFor)
	}
}

// Expects says that it was us who had the app installed for a person a moment
// ago: they did not ask for it, and what they get is an alert, not a greeting.
func (w *Worker) Expects(objectID string) bool {
	w.expected.mu.Lock()
	defer w.expected.mu.Unlock()
	return w.expected.until[strings.ToLower(objectID)].After(w.Now())
}
