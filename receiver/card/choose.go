package card

import (
	"math"
	"slices"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// wellKnown are the names of alerts that need no annotation to get the card
// that was made for them: those that public rule sets use, and ours.
var wellKnown = map[string]string{
	"PrometheusBadConfig":                              configCard,
	"PrometheusConfigReloadFailed":                     configCard,
	"PrometheusConfigurationReloadFailure":             configCard,
	"PrometheusReloadFailed":                           configCard,
	"AlertmanagerReloadFailed":                         configCard,
	"AlertmanagerFailedReload":                         configCard,
	"AlertmanagerBadConfig":                            configCard,
	"AlertmanagerConfigReloadFailed":                   configCard,
	"PrometheusAlertmanagerConfigurationReloadFailure": configCard,
	"ConfigReloaderSidecarErrors":                      configCard,
	"TelegrafConfigReloadFailed":                       configCard,
	"TeamsrelayReloadFailed":                           configCard,

	"WindowsServiceStopped": "service-stopped",
	"QlikReloadFailed":      "reload-failed",
	"QlikReloadAborted":     "reload-aborted",
	"QlikCloudReloadFailed": "cloud-reload-failed",
}

// The cards that are chosen by what the alerts are.
const (
	configCard    = "config-reload-failed"
	thresholdCard = "threshold"
)

// Choose says which card suits a group whose route names none:
//
//  1. the one that the annotation teamsrelay_card of its alerts names, if they
//     agree and there is such a card;
//  2. teams.card, if a user's file for prometheus-msteams defines it;
//  3. the one that was made for the name of its alerts, unless they say that no
//     data comes;
//  4. threshold, if each of its alerts has a chart;
//  5. alert.
func (s *Set) Choose(g *group.Group) string { return s.choose(tellable(g)) }

func (s *Set) choose(members []*group.Member) string {
	if len(members) == 0 {
		return Default
	}
	if name := agreed(members, hint); name != "" && name != digestName && name != callName && s.isCard(name) {
		return name
	}
	if s.everyday != Default {
		return s.everyday
	}
	if name := agreed(members, byName); name != "" && s.isCard(name) {
		return name
	}
	if s.isCard(thresholdCard) && !slices.ContainsFunc(members, func(m *group.Member) bool { return !hasChart(m.Chart) }) {
		return thresholdCard
	}
	return Default
}

func hint(m *group.Member) string { return strings.TrimSpace(m.Annotations[alert.CardAnnotation]) }

// byName is the card that was made for an alert of this name. It says what has
// happened, and of silence nobody knows that.
func byName(m *group.Member) string {
	if m.Labels[noDataLabel] == "true" {
		return ""
	}
	return wellKnown[m.Name()]
}

// agreed is what all members say, "" when they differ.
func agreed(members []*group.Member, says func(*group.Member) string) string {
	word := says(members[0])
	for _, m := range members[1:] {
		if word == "" || says(m) != word {
			return ""
		}
	}
	return word
}

// hasChart reports whether there is something to draw.
func hasChart(c *alert.Chart) bool {
	return c != nil && (len(c.Thresholds) > 0 || slices.ContainsFunc(c.Points, func(v float64) bool { return !math.IsNaN(v) }))
}
