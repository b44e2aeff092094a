package ruler

import (
	"context"
	"fmt"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/role"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
)

// anew forgets everything. The lock must be held.
func (r *Ruler) anew() {
	now := r.o.Now()
	r.evaluator, r.reported = rules.NewEvaluator(r.set, now), make(map[alert.Fingerprint]alert.Alert)
	r.alerts, r.rows, r.backlog = nil, nil, make(map[key]rules.Row)
	r.unusable = make(map[*rules.Rule]uint64)
	r.resendAt, r.checkpointAt = time.Time{}, now.Add(checkpointEvery)
	r.ours, r.fence = false, nil
}

// Begin takes over the rules from another replica: what that one knew is read
// from the store. Run then works until the role is lost, and what would be stored
// after that fails with role.ErrLost. Where nobody shares the store New has done
// it.
func (r *Ruler) Begin(ctx context.Context, fence role.Fence) error {
	if !r.o.Store.Shared() {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.anew()
	if err := r.restore(ctx); err != nil {
		return fmt.Errorf("reading what the rules knew: %w", err)
	}
	r.ours, r.fence = true, fence
	return nil
}

// end leaves the rules to another replica.
func (r *Ruler) end() {
	if !r.o.Store.Shared() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.anew()
}
