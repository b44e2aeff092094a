package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// What the audit calls what is done to the receiver itself.
const (
	actionReload  = "reload"
	actionProfile = "profile"
	actionStop    = "stop"
)

// guarded are the patterns of all that needs the admin token, and what the audit
// calls it. "": the verb of the path. Whatever is guarded has a line here, which
// a test looks after: who tries it without the token is noted.
var guarded = map[string]string{
	"POST /-/reload":                              actionReload,
	"GET /debug/pprof/":                           actionProfile,
	"GET /debug/pprof/profile":                    actionProfile,
	"POST /api/v1/alerts/{id}/{verb}":             "",
	"DELETE /api/v1/silences/{id}":                command.Expire,
	"POST /api/v1/subscriptions":                  actionSubscribe,
	"DELETE /api/v1/subscriptions/{id}":           actionUnsubscribe,
	"POST /api/v1/users/{name}/retry":             actionRetry,
	"POST /api/v1/dead-letters/replay":            "replay",
	"POST /api/v1/dead-letters/{id}/replay":       "replay",
	"POST /api/v1/dead-letters/replays/{id}/stop": actionStop,
	"DELETE /api/v1/dead-letters/{id}":            "drop",
	"POST /api/v1/destinations":                   engine.ActionAdd,
	"DELETE /api/v1/destinations/{name}":          engine.ActionRemove,
	"PUT /api/v1/destinations/{name}/url":         engine.ActionRotate,
	"POST /api/v1/destinations/{name}/enable":     engine.ActionEnable,
	"POST /api/v1/destinations/{name}/disable":    engine.ActionDisable,
	"POST /api/v1/destinations/{name}/test":       engine.ActionTest,

	"POST /subscriptions":                  actionSubscribe,
	"POST /subscriptions/{id}/remove":      actionUnsubscribe,
	"POST /users/{name}/retry":             actionRetry,
	"POST /dead-letters":                   "replay",
	"POST /dead-letters/drop":              "drop",
	"POST /dead-letters/replays/{id}/stop": actionStop,
	"POST /destinations":                   engine.ActionAdd,
	"POST /destinations/{name}/rotate":     engine.ActionRotate,
	"POST /destinations/{name}/enable":     engine.ActionEnable,
	"POST /destinations/{name}/disable":    engine.ActionDisable,
	"POST /destinations/{name}/remove":     engine.ActionRemove,
	"POST /destinations/{name}/test":       engine.ActionTest,
}

// actionOf is what the audit calls what a request wants, of what, and of which
// episode; 0: of none.
func actionOf(r *http.Request) (action, target string, group int64) {
	action = guarded[r.Pattern]
	if verb := r.PathValue("verb"); action == "" && isVerb(verb) {
		action = verb
	}
	if action == "" {
		action = "change"
	}
	switch id := r.PathValue("id"); r.Pattern {
	case "POST /api/v1/alerts/{id}/{verb}":
		group, _ = alert.FromShortID(id)
		return action, cut(id), group
	case "DELETE /api/v1/silences/{id}":
		return action, "silence " + cut(id), 0
	}
	return action, cut(r.PathValue("name") + r.PathValue("id")), 0
}

func isVerb(word string) bool {
	for _, verb := range command.Verbs {
		if verb == word {
			return true
		}
	}
	return false
}

// How many requests without the token are noted one by one. Whoever sends
// thousands writes no more into the store than that; the next line that is
// written says how many were left out.
const (
	maxRefusals  = 20
	refusalsEach = time.Minute
)

// refusals count what was refused.
type refusals struct {
	mu      sync.Mutex
	since   time.Time
	written int // since then
	left    int // out, since the last that was written
}

// take says whether another one is written, and how many were not before it.
func (f *refusals) take(now time.Time) (left int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.since).Abs() >= refusalsEach {
		f.since, f.written = now, 0
	}
	if f.written == maxRefusals {
		f.left++
		return 0, false
	}
	f.written++
	left, f.left = f.left, 0
	return left, true
}

// refused notes that somebody was not let through, and why.
func (s *server) refused(r *http.Request, way, why string) {
	s.Logger.Warn("Refused an administrative request", "path", r.URL.Path, "from", r.RemoteAddr)
	left, ok := s.refusals.take(s.Engine.Now())
	if !ok {
		return
	}
	if left > 0 {
		why = fmt.Sprintf("%s (%d more were refused before it and are not listed)", why, left)
	}
	action, target, group := actionOf(r)
	// It holds whoever was refused up no longer than those who were not.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 5*time.Second)
	defer cancel()
	line := store.Audit{
		At: s.Engine.Now(), Who: "unknown", Action: store.Refused + action, Target: target, From: through(way, r), After: why,
	}
	err := s.Store.Update(ctx, func(tx store.Tx) (err error) {
		if group != 0 {
			if line.About, err = store.AboutGroup(tx, group); err != nil {
				return err
			}
		}
		return tx.AddAudit(&line)
	})
	if err != nil {
		s.Logger.Error("What was refused could not be noted", "err", err)
	}
}

// noted writes a line about what somebody has done to the receiver itself.
func (s *server) noted(r *http.Request, action, target, after string) {
	by := caller(r)
	line := store.Audit{At: s.Engine.Now(), Who: by.Name, Action: action, Target: target, From: from(r), After: after}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 5*time.Second)
	defer cancel()
	if err := s.Store.Update(ctx, func(tx store.Tx) error { return tx.AddAudit(&line) }); err != nil {
		s.Logger.Error("What somebody did could not be noted", "action", action, "err", err)
	}
}

// profiled notes that somebody looks into the process.
func (s *server) profiled(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.noted(r, actionProfile, cut(strings.TrimPrefix(r.URL.Path, "/debug/pprof/")), "")
		next(w, r)
	}
}

// nameless is who changes something and says no name: whoever has the token, or
// is on this machine.
func nameless(r *http.Request) string {
	if overLoopback(r) {
		return "loopback"
	}
	return "admin token"
}

// firstLine is the beginning of a text of many lines.
func firstLine(text string) string {
	line, _, more := strings.Cut(strings.TrimSpace(text), "\n")
	if runes := []rune(line); len(runes) > 300 {
		line = string(runes[:300]) + "…"
	}
	if more {
		line += " …"
	}
	return line
}
