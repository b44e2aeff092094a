package ruler

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// reportedRule stands for a rule in the rows of reported alerts: those of rules
// have a slash.
const reportedRule = "reported"

// Report hands on an alert that is not from a rule: it fires until it is
// reported as resolved. After an error it has to be reported again.
func (r *Ruler) Report(ctx context.Context, a alert.Alert) error {
	a.Fingerprint = alert.FingerprintOf(a.Labels)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.flush(ctx); err != nil {
		return err
	}
	// Who reports may have begun anew meanwhile, and what fires has not.
	if known, ok := r.reported[a.Fingerprint]; ok && (a.StartsAt.IsZero() || known.StartsAt.Before(a.StartsAt)) {
		a.StartsAt = known.StartsAt
	}
	row := rules.Row{Rule: reportedRule, Series: a.Fingerprint.String()}
	if a.Status == alert.Firing {
		var err error
		if row.State, err = json.Marshal(&a); err != nil {
			return err
		}
	}
	also := func(tx store.Tx) error { return tx.SaveSeries([]rules.Row{row}) } // any replica may have something to say of itself
	if err := r.o.Hand(ctx, r.posted([]alert.Alert{a}), also); err != nil {
		return err
	}
	if a.Status == alert.Firing {
		r.reported[a.Fingerprint] = a
	} else {
		delete(r.reported, a.Fingerprint)
	}
	return nil
}

// Reported are the alerts that were reported and fire, by whatever replica.
func (r *Ruler) Reported(ctx context.Context) ([]alert.Alert, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.hear(ctx); err != nil {
		return nil, err
	}
	return slices.Collect(maps.Values(r.reported)), nil
}

// hear reads what replicas have reported. The lock must be held.
func (r *Ruler) hear(ctx context.Context) error {
	if !r.o.Store.Shared() {
		return nil
	}
	all := make(map[alert.Fingerprint]alert.Alert)
	err := r.o.Store.View(ctx, func(tx store.Tx) error {
		rows, err := tx.Series(reportedRule)
		for _, row := range rows {
			var a alert.Alert
			if json.Unmarshal(row.State, &a) == nil { // else restore has said so
				all[a.Fingerprint] = a
			}
		}
		return err
	})
	if err == nil {
		r.reported = all
	}
	return err
}
