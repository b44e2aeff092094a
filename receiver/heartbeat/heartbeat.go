// Package heartbeat watches alerts that must keep coming, as Prometheus'
// Watchdog does: while everything is well they are swallowed, and when they do
// not come any more, an alert of our own says so.
//
// What came is known to all replicas: each of them stores what reached it
// (Worker.Run), and one of them looks whether anything is missing (Worker.Watch).
// What is missing is decided by judge, which is pure.
package heartbeat

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// AlertName is the name of the alert that says that a heartbeat is missing, and
// NameLabel the label that says which.
const (
	AlertName = "HeartbeatMissing"
	NameLabel = "heartbeat"
)

// absence is how long nobody may have watched before what did not come
// meanwhile is forgiven: it could not have reached us. It is longer than
// another replica takes to go on.
const absence = time.Minute

// Heartbeat is one of the configuration.
type Heartbeat struct {
	Name string
	// Matchers say which alerts it is; all must hold.
	Matchers labels.Matchers
	// Within is how long they may be silent.
	Within time.Duration
	// Severity and Labels are those of the alert that tells of the silence.
	Severity string
	Labels   map[string]string
}

// Matches says whether an alert with these labels is the heartbeat.
func (h *Heartbeat) Matches(set map[string]string) bool {
	for _, m := range h.Matchers {
		if !m.Matches(set[m.Name]) {
			return false
		}
	}
	return true
}

// AlertLabels are those of the alert that tells of its silence.
func (h *Heartbeat) AlertLabels() map[string]string {
	set := maps.Clone(h.Labels)
	if set == nil {
		set = map[string]string{}
	}
	set[alert.NameLabel], set[NameLabel], set[alert.SeverityLabel] = AlertName, h.Name, h.Severity
	return set
}

// judge says what is known of the heartbeat at a time. It is missing when it was
// silent for longer than it may while somebody was there to hear it, and is
// there again when it comes. One that came in the future came by a clock that
// was wrong and was set right while nobody was there: it came by now, or it
// would be there until then.
func (h *Heartbeat) judge(row store.Heartbeat, now time.Time) store.Heartbeat {
	if row.BeatAt.Sub(now) > absence {
		row.BeatAt = now
	}
	if row.WatchedAt.IsZero() || now.Sub(row.WatchedAt).Abs() > absence {
		row.WatchedFrom = now
	}
	row.WatchedAt = now
	switch {
	case !row.BeatAt.IsZero() && now.Sub(row.BeatAt) <= h.Within:
		row.MissingAt = time.Time{}
	case row.MissingAt.IsZero() && now.Sub(row.WatchedFrom) > h.Within:
		row.MissingAt = now
	}
	return row
}

// alert tells that it is missing.
func (h *Heartbeat) alert(row *store.Heartbeat) alert.Alert {
	summary, last := fmt.Sprintf("The heartbeat %s does not come any more", h.Name), ""
	since := row.BeatAt
	if row.BeatAt.IsZero() {
		summary = fmt.Sprintf("The heartbeat %s has never come", h.Name)
		since = row.WatchedFrom
	} else {
		last = fmt.Sprintf(" The last one came at %s from %s.", row.BeatAt.UTC().Format("15:04:05 UTC on 2 January 2006"), row.From)
	}
	return alert.Alert{
		Status: alert.Firing, Labels: h.AlertLabels(), StartsAt: since,
		Annotations: map[string]string{
			"summary": summary,
			"description": fmt.Sprintf("Alerts with %s must come at least every %s.%s "+
				"Who sends them has stopped, or does not reach teamsrelay: nothing else that it has to tell arrives either. "+
				"See whether Prometheus and Alertmanager run, what Alertmanager logs about its webhook, and whether somebody has silenced or muted it there.",
				h.matchers(), short(h.Within), last),
		},
	}
}

func (h *Heartbeat) matchers() string {
	texts := make([]string, len(h.Matchers))
	for i, m := range h.Matchers {
		texts[i] = m.String()
	}
	return strings.Join(texts, ", ")
}

// short is a duration without zeros at its end: 5m, not 5m0s.
func short(d time.Duration) string {
	text := d.String()
	if d >= time.Minute && d%time.Minute == 0 {
		text = text[:len(text)-len("0s")]
	}
	if d >= time.Hour && d%time.Hour == 0 {
		text = text[:len(text)-len("0m")]
	}
	return text
}
