package influxdb

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

const (
	// alertName is the alert that says that rules see nothing.
	alertName = "InfluxDBQueryFailed"
	// tellAfter is how many polls of a group must fail in a row before it is
	// told: a single one may have met a restart.
	tellAfter = 2
	// refreshAfter is how often an alert that fires may change its words.
	refreshAfter = time.Minute
	// maxReasons bounds how many different reasons one alert tells.
	maxReasons = 5
	// maxNames bounds how many rules are named for one reason.
	maxNames = 10
)

// told is what Report took last.
type told struct {
	status  alert.Status // "": nothing yet
	since   time.Time    // when what is told began
	at      time.Time    // when it was told
	summary string
	details string
}

// tell reports that the group's rules see nothing, or see again. It is false
// if the report was not taken; then it is made again after the next poll.
func (g *group) tell(ctx context.Context) bool {
	now := g.Now()
	next := told{at: now}
	switch {
	case g.failed == 0 && g.told.status != alert.Resolved:
		next.status, next.since = alert.Resolved, g.told.since
		next.summary = fmt.Sprintf("InfluxDB %s answers all rules of group %s again", g.source.name, g.rules.Name)
	case g.failed >= tellAfter:
		next.status, next.since = alert.Firing, g.since
		next.summary, next.details = g.summary(), g.details()
		same := g.told.summary == next.summary && g.told.details == next.details
		if g.told.status == alert.Firing && (same || now.Sub(g.told.at) < refreshAfter) {
			return true
		}
	default:
		return true
	}
	if err := g.Report(ctx, g.alert(next)); err != nil {
		if ctx.Err() == nil {
			g.log.Warn("an alert of our own could not be kept; it is tried again", "alert", alertName, "status", string(next.status), "err", err)
		}
		return false
	}
	g.told = next
	return true
}

func (g *group) alert(t told) alert.Alert {
	a := alert.Alert{
		Status: t.status,
		Labels: map[string]string{
			alert.NameLabel: alertName, "influxdb": g.source.name, "group": g.rules.Name, "severity": "critical",
		},
		Annotations: map[string]string{"summary": t.summary},
		StartsAt:    t.since,
	}
	if t.details != "" {
		a.Annotations["description"] = t.details
	}
	if t.status == alert.Resolved {
		a.EndsAt = t.at
	}
	a.Fingerprint = alert.FingerprintOf(a.Labels)
	return a
}

func (g *group) summary() string {
	if all := len(g.rules.Rules); g.hanging == "" && len(g.broken) < all {
		return fmt.Sprintf("%d of %d rules of group %s get no usable answer from InfluxDB %s",
			len(g.broken), all, g.rules.Name, g.source.name)
	}
	return fmt.Sprintf("The rules of group %s get no usable answer from InfluxDB %s", g.rules.Name, g.source.name)
}

// details are which rules get nothing, why, and what that means. The words
// stay the same as long as the reasons do.
func (g *group) details() string {
	var text strings.Builder
	if g.hanging != "" {
		fmt.Fprintf(&text, "All rules: %s. ", g.hanging)
	} else {
		g.reasons(&text)
	}
	fmt.Fprintf(&text, "Until this is mended, the alerts of these rules stay as they are, and nothing new is noticed. InfluxDB %s is at %s.",
		g.source.name, g.source.host)
	return text.String()
}

// reasons are the rules that get nothing, by why that is.
func (g *group) reasons(text *strings.Builder) {
	var reasons []string
	names := map[string][]string{}
	for _, i := range slices.Sorted(maps.Keys(g.broken)) {
		why, name := g.broken[i].why, g.rules.Rules[i].Alert
		if names[why] == nil {
			reasons = append(reasons, why)
		}
		if !slices.Contains(names[why], name) {
			names[why] = append(names[why], name)
		}
	}
	for n, why := range reasons {
		switch {
		case n == maxReasons:
			fmt.Fprintf(text, "And %d more reasons. ", len(reasons)-n)
			return
		case len(reasons) == 1 && len(g.broken) == len(g.rules.Rules):
			fmt.Fprintf(text, "All rules: %s. ", why)
		default:
			fmt.Fprintf(text, "%s: %s. ", list(names[why]), why)
		}
	}
}

// list is some names, so that a group of hundreds does not fill the card.
func list(names []string) string {
	if len(names) <= maxNames {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNames], ", "), len(names)-maxNames)
}
