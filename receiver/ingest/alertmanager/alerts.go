package alertmanager

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
)

// postedAlert is one alert of POST /api/v2/alerts.
type postedAlert struct {
	Labels       texts  `json:"labels"`
	Annotations  texts  `json:"annotations"`
	StartsAt     scalar `json:"startsAt"`
	EndsAt       scalar `json:"endsAt"`
	GeneratorURL scalar `json:"generatorURL"`
}

// ParseAlerts reads what Prometheus and its like post to an Alertmanager. An
// alert without an end ends resolveTimeout from now. The error tells of every
// alert that cannot be taken; the others are returned all the same.
func ParseAlerts(body []byte, resolveTimeout time.Duration, now time.Time) ([]ingest.Posted, error) {
	var raw []json.RawMessage
	if err := decode(body, &raw); err != nil {
		return nil, err
	}
	posted := make([]ingest.Posted, 0, len(raw))
	var errs []error
	for i := range raw {
		p, err := parsePosted(raw[i], resolveTimeout, now)
		if err != nil {
			if len(errs) < 10 {
				errs = append(errs, fmt.Errorf("alert %d: %w", i, err))
			}
			continue
		}
		posted = append(posted, p)
	}
	return posted, errors.Join(errs...)
}

func parsePosted(raw []byte, resolveTimeout time.Duration, now time.Time) (ingest.Posted, error) {
	var in postedAlert
	if err := json.Unmarshal(raw, &in); err != nil {
		return ingest.Posted{}, errors.New(explain(raw, err))
	}
	for name, value := range in.Labels { // as Alertmanager does: an empty label is no label
		if value == "" {
			delete(in.Labels, name)
		}
	}
	switch {
	case len(in.Labels) == 0:
		return ingest.Posted{}, errors.New("an alert needs at least one label")
	case len(in.Labels) > maxLabels || len(in.Annotations) > maxLabels:
		return ingest.Posted{}, fmt.Errorf("%d labels and %d annotations; at most %d of each are taken",
			len(in.Labels), len(in.Annotations), maxLabels)
	}
	starts, ends := instant(string(in.StartsAt)), instant(string(in.EndsAt))
	if starts.IsZero() {
		if starts = ends; ends.IsZero() || ends.After(now) {
			starts = now
		}
	}
	until := ends
	if until.IsZero() {
		until = now.Add(resolveTimeout)
	}
	if starts.After(until) {
		return ingest.Posted{}, errors.New("it ends before it starts")
	}
	p := ingest.Posted{
		Alert: alert.Alert{
			Fingerprint: alert.FingerprintOf(in.Labels), Status: alert.Firing,
			Labels: in.Labels, Annotations: in.Annotations,
			StartsAt: starts, GeneratorURL: string(in.GeneratorURL),
		},
		Until: until,
	}
	if !until.After(now) {
		p.Status, p.EndsAt = alert.Resolved, until
	}
	return p, nil
}
