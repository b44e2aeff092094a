// Package answer is how a source that is spoken to over HTTP gets its answer:
// the same limits, codes and words for all of them (design §6).
package answer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

// MaxBody is the largest body that is taken, in bytes (design §6).
const MaxBody = 10 << 20

// firstRead is how much room a body gets before any of it has come, in bytes:
// enough for nearly all.
const firstRead = 64 << 10

// Writer reads requests and answers them.
type Writer struct {
	Logger *slog.Logger
	// Refused counts what was not taken, by status code.
	Refused func(status int)
	// Outage, if set, is shared by all requests to one handler.
	Outage *Outage
}

// Outage keeps the log readable while nothing can be stored: everybody sends
// again and again then, and a disk that is full has no room for a line each.
type Outage struct {
	mu     sync.Mutex
	told   time.Time // when the latest line was written
	untold int       // requests since then
}

// tellEvery is how often the log says that alerts cannot be stored.
const tellEvery = 10 * time.Second

// count counts a request that was not taken. It returns how many there were
// since the log last said so, 0: it is not to say so again yet.
func (o *Outage) count() int {
	if o == nil {
		return 1
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.untold++
	if now := time.Now(); o.told.IsZero() || now.Sub(o.told) >= tellEvery {
		n := o.untold
		o.told, o.untold = now, 0
		return n
	}
	return 0
}

// Body returns the body, or answers and returns false. What is too large is
// refused before it is read where the sender says its size; smaller says how
// to send less.
func (a Writer) Body(w http.ResponseWriter, r *http.Request, smaller string) ([]byte, bool) {
	if r.ContentLength > MaxBody {
		a.tooLarge(w, r, smaller)
		return nil, false
	}
	// Memory is for what has come, not for what is announced. One more than
	// that, so that the end is seen without growing.
	body := make([]byte, 0, min(max(r.ContentLength+1, 512), firstRead))
	reader := http.MaxBytesReader(w, r.Body, MaxBody)
	for {
		n, err := reader.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		var tooLarge *http.MaxBytesError
		switch {
		case err == io.EOF:
			return body, true
		case errors.As(err, &tooLarge):
			a.tooLarge(w, r, smaller)
			return nil, false
		case err != nil:
			// Whole it may be right, and only after a 5xx it is sent again. A
			// proxy in between can wait for an answer that the sender cannot.
			w.Header().Set("Retry-After", "5")
			a.Refuse(w, r, http.StatusServiceUnavailable, errors.New("the body broke off"), "send it again")
			return nil, false
		}
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
	}
}

// Program lets requests of programs through, and answers those of pages in a
// browser: a page of another site could make its visitor's browser send
// alerts. Browsers say who they are in headers that pages cannot change, in
// some of them only to https and to localhost.
func (a Writer) Program(w http.ResponseWriter, r *http.Request) bool {
	agent := r.UserAgent()
	page := r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "" ||
		strings.HasPrefix(agent, "Mozilla/") && !strings.Contains(agent, "PowerShell")
	if page {
		a.Refuse(w, r, http.StatusForbidden, errors.New("the request is from a browser"), "alerts and events are sent by programs; try it with curl")
	}
	return !page
}

func (a Writer) tooLarge(w http.ResponseWriter, r *http.Request, smaller string) {
	w.Header().Set("Connection", "close")
	a.Refuse(w, r, http.StatusRequestEntityTooLarge, fmt.Errorf("the body is over %d MiB", MaxBody>>20), smaller)
}

// Accepted is 200: what was sent is stored, or there was nothing to store.
func (a Writer) Accepted(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(w, "{}\n")
}

// Unavailable is "not now": Alertmanager and many others try again after a
// 5xx and only then. err stays in our log.
func (a Writer) Unavailable(w http.ResponseWriter, r *http.Request, err error) {
	w.Header().Set("Retry-After", "5")
	if n := a.Outage.count(); n > 0 {
		a.Logger.Error("Alerts could not be stored; the sender has to try again", "path", Clip(r.URL.Path), "requests", n, "err", err)
	}
	a.answer(w, http.StatusServiceUnavailable, "the alerts could not be stored", "send them again")
}

// Refuse answers with what is wrong and what to do. Both are read by whoever
// sent the request; what is wrong stands in our log too.
func (a Writer) Refuse(w http.ResponseWriter, r *http.Request, status int, err error, hint string) {
	a.Logger.Warn("Refused a request", "path", Clip(r.URL.Path), "from", r.RemoteAddr, "status", status, "err", err)
	a.answer(w, status, err.Error(), hint)
}

// RefuseQuietly is Refuse where err tells something of the body, which must
// not be in the log: logged stands there in its place.
func (a Writer) RefuseQuietly(w http.ResponseWriter, r *http.Request, status int, err error, hint, logged string) {
	a.Logger.Warn("Refused a request", "path", Clip(r.URL.Path), "from", r.RemoteAddr, "status", status, "err", logged)
	a.answer(w, status, err.Error(), hint)
}

func (a Writer) answer(w http.ResponseWriter, status int, message, hint string) {
	a.Refused(status)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct {
		Error string `json:"error"`
		Hint  string `json:"hint"`
	}{message, hint})
}

// Clip keeps foreign text in an error or a log line short.
func Clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
