package ruler

import (
	"context"
	"errors"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// Settle has exactly these alerts fire of those that have a name and were
// reported, whoever did that: others are reported as resolved. What fires
// already is left as it was told. What it could not do is done when it is called
// again.
func (r *Ruler) Settle(ctx context.Context, name string, firing []alert.Alert) error {
	told := make(map[alert.Fingerprint]alert.Alert)
	reported, err := r.Reported(ctx)
	if err != nil {
		return err
	}
	for _, a := range reported {
		if a.Name() == name {
			told[a.Fingerprint] = a
		}
	}
	var errs []error
	for _, a := range firing {
		a.Fingerprint = alert.FingerprintOf(a.Labels)
		if _, known := told[a.Fingerprint]; known {
			delete(told, a.Fingerprint)
			continue
		}
		errs = append(errs, r.Report(ctx, a))
	}
	for _, a := range told {
		a.Status, a.EndsAt = alert.Resolved, r.o.Now()
		errs = append(errs, r.Report(ctx, a))
	}
	return errors.Join(errs...)
}
