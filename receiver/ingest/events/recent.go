package events

import (
	"strconv"
	"sync"
	"time"
)

// An event that names no story and says no state is a story of its own: sent
// again tomorrow it is told again. But who sends it again within a minute has
// not got our answer, or is one of two that send the same.
const again = time.Minute

// maxRecent bounds the memory: with more in a minute, all are forgotten, and
// those that are sent again are told again.
const maxRecent = 10_000

// recent remembers the events of the last minute that have no key.
type recent struct {
	mu    sync.Mutex
	first map[string]time.Time
	swept time.Time
}

// key is the key of such an event's story: its hash, and the minute when it
// first came. So also after a restart most of those that are sent again have
// the same key.
func (r *recent) key(raw []byte, now time.Time) string {
	hash := hashHex(raw)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case len(r.first) >= maxRecent:
		clear(r.first)
	case now.Sub(r.swept) >= again || now.Before(r.swept):
		for hash, first := range r.first {
			if now.Sub(first) >= again {
				delete(r.first, hash)
			}
		}
		r.swept = now
	}
	first, seen := r.first[hash]
	if !seen || now.Sub(first) >= again || first.After(now) {
		if r.first == nil {
			r.first = make(map[string]time.Time)
		}
		first = now
		r.first[hash] = now
	}
	return "once " + hash + " " + strconv.FormatInt(first.Truncate(again).Unix(), 10)
}
