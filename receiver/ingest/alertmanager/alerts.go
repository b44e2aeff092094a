package alertmanager

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/ingest/answer"
)

// postedAlert is one alert of POST /api/v2/alerts.
type postedAlert[S ~string, M ~map[string]string] struct {
	Labels       M `json:"labels"`
	Annotations  M `json:"annotations"`
	StartsAt     S `json:"startsAt"`
	EndsAt       S `json:"endsAt"`
	GeneratorURL S `json:"generatorURL"`
}

// ParseAlerts reads what Prometheus and its like post to an Alertmanager. An
// alert without an end ends resolveTimeout from now. The error tells of every
// alert that cannot be taken; the others are returned all the same.
func ParseAlerts(body []byte, resolveTimeout time.Duration, now time.Time) ([]ingest.Posted, error) {
	var plain []postedAlert[string, map[string]string]
	if json.Unmarshal(body, &plain) == nil {
		return parseEach(len(plain), func(i int) (ingest.Posted, error) {
			return plain[i].posted(resolveTimeout, now)
		})
	}
	var raw []json.RawMessage // one that is wrong must not cost the others
	if err := decode(body, &raw); err != nil {
		return nil, err
	}
	return parseEach(len(raw), func(i int) (ingest.Posted, error) {
		var lenient postedAlert[scalar, texts]
		if err := json.Unmarshal(raw[i], &lenient); err != nil {
			return ingest.Posted{}, answer.Explain(raw[i], err)
		}
		return lenient.posted(resolveTimeout, now)
	})
}

// parseEach collects n alerts, and the errors of the first few that are wrong.
func parseEach(n int, parse func(i int) (ingest.Posted, error)) ([]ingest.Posted, error) {
	const most = 10
	posted := make([]ingest.Posted, 0, n)
	var errs []error
	for i := range n {
		p, err := parse(i)
		switch {
		case err == nil:
			posted = append(posted, p)
		case len(errs) < most:
			errs = append(errs, fmt.Errorf("alert %d: %w", i, err))
		}
	}
	return posted, errors.Join(errs...)
}

func (in *postedAlert[S, M]) posted(resolveTimeout time.Duration, now time.Time) (ingest.Posted, error) {
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
	switch {
	case !until.After(now):
		p.Status, p.EndsAt = alert.Resolved, until
	case until.After(now.Add(resolveTimeout)):
		p.EndsAt = until // of somebody who posts once: kept over a restart
	}
	return p, nil
}
