// Package alertmanager takes what Alertmanager and the many that speak like it
// send: the webhook body (versions 4, 3, 1 and none) and the list of alerts
// that Prometheus posts to an Alertmanager.
package alertmanager

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/ingest/answer"
)

// Limits of what is taken from outside.
const (
	// MaxBody is the largest body in bytes.
	MaxBody = answer.MaxBody
	// maxLabels is how many labels, and how many annotations, one alert may
	// have. Prometheus targets have a few dozen.
	maxLabels = 256
)

// repeatReason is Alertmanager's notification_reason for a body that says
// nothing new (notify.NotifyReason in v0.34).
const repeatReason = "repeat interval elapsed"

// webhook is the body. Everything is optional, and unknown fields are welcome.
// With plain types it is what Alertmanager sends; with lenient ones it is what
// many others do.
type webhook[S ~string, M ~map[string]string] struct {
	Version            S                     `json:"version"`
	GroupKey           S                     `json:"groupKey"` // a number in version 3
	Receiver           S                     `json:"receiver"`
	Status             S                     `json:"status"`
	Alerts             *[]webhookAlert[S, M] `json:"alerts"`
	GroupLabels        M                     `json:"groupLabels"`
	CommonLabels       M                     `json:"commonLabels"`
	CommonAnnotations  M                     `json:"commonAnnotations"`
	RouteLabels        M                     `json:"routeLabels"`
	ExternalURL        S                     `json:"externalURL"`
	TruncatedAlerts    json.Number           `json:"truncatedAlerts"`
	NotificationReason S                     `json:"notification_reason"`
}

// webhookAlert is one alert of a body.
type webhookAlert[S ~string, M ~map[string]string] struct {
	Status       S       `json:"status"`
	Labels       M       `json:"labels"`
	Annotations  M       `json:"annotations"`
	StartsAt     S       `json:"startsAt"`
	EndsAt       S       `json:"endsAt"`
	GeneratorURL S       `json:"generatorURL"`
	Values       numbers `json:"values"`
}

// ParseWebhook reads a webhook body. A body without alerts gives a snapshot
// without alerts, which is nothing to do. Errors can never become right by
// sending the body again.
func ParseWebhook(body []byte, now time.Time) (ingest.Snapshot, error) {
	var plain webhook[string, map[string]string]
	if json.Unmarshal(body, &plain) == nil {
		return plain.snapshot(now)
	}
	var lenient webhook[scalar, texts] // costs twice as much
	if err := decode(body, &lenient); err != nil {
		return ingest.Snapshot{}, err
	}
	return lenient.snapshot(now)
}

func (w *webhook[S, M]) snapshot(now time.Time) (ingest.Snapshot, error) {
	switch w.Version {
	case "4", "3", "1", "":
	default:
		return ingest.Snapshot{}, fmt.Errorf("webhook version %q is not known; versions 4, 3, 1 and none are", answer.Clip(string(w.Version)))
	}
	if w.Alerts == nil {
		return ingest.Snapshot{}, fmt.Errorf("the body has no field \"alerts\": this is not an Alertmanager webhook")
	}
	s := ingest.Snapshot{
		Source:      "alertmanager",
		GroupLabels: w.GroupLabels,
		Alerts:      make([]alert.Alert, 0, len(*w.Alerts)),
		Complete:    w.GroupKey != "",
		Repeats:     w.NotificationReason == "" || w.NotificationReason == repeatReason,
		Sender: group.SenderDetails{
			Receiver: string(w.Receiver), ExternalURL: string(w.ExternalURL), RouteLabels: w.RouteLabels,
		},
	}
	if n, err := strconv.ParseUint(w.TruncatedAlerts.String(), 10, 31); err == nil {
		s.Truncated = int(n)
	}
	place := make(map[alert.Fingerprint]int, len(*w.Alerts))
	for i := range *w.Alerts {
		a, err := w.alert(&(*w.Alerts)[i], now)
		if err != nil {
			return ingest.Snapshot{}, fmt.Errorf("alerts[%d]: %w", i, err)
		}
		// One alert twice in a body: what fires counts.
		if j, ok := place[a.Fingerprint]; !ok {
			place[a.Fingerprint] = len(s.Alerts)
			s.Alerts = append(s.Alerts, a)
		} else if a.Status == alert.Firing {
			s.Alerts[j] = a
		}
	}
	s.Origin = ingest.Origin("alertmanager", string(w.Receiver), w.groupKey(s.Alerts))
	return s, nil
}

// alert makes one of ours, filling in what the sender left out.
func (w *webhook[S, M]) alert(wa *webhookAlert[S, M], now time.Time) (alert.Alert, error) {
	if len(wa.Labels) > maxLabels || len(wa.Annotations) > maxLabels {
		return alert.Alert{}, fmt.Errorf("%d labels and %d annotations; at most %d of each are taken",
			len(wa.Labels), len(wa.Annotations), maxLabels)
	}
	if len(wa.Labels) == 0 {
		wa.Labels = w.CommonLabels
	}
	if len(wa.Annotations) == 0 {
		wa.Annotations = w.CommonAnnotations
	}
	a := alert.Alert{
		Fingerprint: alert.FingerprintOf(wa.Labels),
		Labels:      wa.Labels, Annotations: wa.Annotations,
		StartsAt: instant(string(wa.StartsAt)), EndsAt: instant(string(wa.EndsAt)),
		GeneratorURL: string(wa.GeneratorURL), Values: wa.Values,
	}
	ended := !a.EndsAt.IsZero() && !a.EndsAt.After(now)
	switch {
	case wa.Status != "":
		a.Status = status(string(wa.Status))
	case ended:
		a.Status = alert.Resolved
	default:
		a.Status = status(string(w.Status))
	}
	switch {
	case a.Status == alert.Firing:
		a.EndsAt = time.Time{}
	case !ended:
		a.EndsAt = now
	}
	return a, nil
}

// status reads a status word. What is not known to mean "over" fires: a card
// too many is better than one too few.
func status(word string) alert.Status {
	switch strings.ToLower(word) {
	case "resolved", "ok", "normal", "inactive":
		return alert.Resolved
	}
	return alert.Firing
}

// groupKey is Alertmanager's key, or one made of the group labels (else of the
// alerts' names) for those who send none.
func (w *webhook[S, M]) groupKey(alerts []alert.Alert) string {
	if w.GroupKey != "" {
		return string(w.GroupKey)
	}
	if len(w.GroupLabels) > 0 {
		return "labels " + alert.FingerprintOf(w.GroupLabels).String()
	}
	var names []string
	for i := range alerts {
		names = append(names, alerts[i].Name())
	}
	slices.Sort(names)
	return "names " + strings.Join(slices.Compact(names), ",")
}

// decode reads one JSON object or list and nothing after it.
func decode(body []byte, into any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return answer.ErrEmpty
	}
	if err := json.Unmarshal(body, into); err != nil {
		return answer.Explain(body, err)
	}
	return nil
}
