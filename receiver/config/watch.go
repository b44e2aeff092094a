package config

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/common/model"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/canary"
	"github.com/teamsrelay/teamsrelay/receiver/heartbeat"
	"github.com/teamsrelay/teamsrelay/receiver/route"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// heartbeatSection is an alert that must keep coming.
type heartbeatSection struct {
	Name     string            `yaml:"name"`
	Matchers []string          `yaml:"matchers"`
	Within   *time.Duration    `yaml:"within"`
	Severity string            `yaml:"severity"`
	Labels   map[string]string `yaml:"labels"`
}

// canarySection is a destination that gets a card on a schedule.
type canarySection struct {
	Destination string         `yaml:"destination"`
	Every       *time.Duration `yaml:"every"`
}

// shortestWebhookCanary is the interval below which we doubt that somebody
// wants a new message that often.
const shortestWebhookCanary = time.Hour

func (d *document) heartbeats(sections []heartbeatSection) []*heartbeat.Heartbeat {
	var made []*heartbeat.Heartbeat
	seen := make(map[string]bool)
	for i := range sections {
		s, at := &sections[i], fmt.Sprintf("heartbeats[%d]", i)
		d.name(s.Name, at, "heartbeat", "which the alert about its silence calls it by", seen)
		h := &heartbeat.Heartbeat{Name: s.Name, Severity: s.Severity, Labels: s.Labels}
		if h.Severity == "" {
			h.Severity = alert.SeverityCritical.String()
		}
		switch {
		case s.Within != nil:
			h.Within = d.positive(s.Within, 0, at+".within")
		case !d.Faulty(at + ".within"):
			d.Wrong(at, "nothing says how long the heartbeat "+yamlfile.Quote(s.Name)+" may be silent",
				"add within: 15m; through Alertmanager make it longer than group_interval and repeat_interval of the alert's route there")
		}
		d.heartbeatLabels(s.Labels, at+".labels")
		d.heartbeatMatchers(h, s.Matchers, at)
		made = append(made, h)
	}
	return made
}

func (d *document) heartbeatMatchers(h *heartbeat.Heartbeat, lines []string, at string) {
	if len(lines) == 0 {
		if !d.Faulty(at + ".matchers") {
			d.Wrong(at, "nothing says which alerts the heartbeat "+yamlfile.Quote(h.Name)+" is", `add matchers: [alertname="Watchdog"]; it must not match anything else, because nobody is told of what it matches`)
		}
		return
	}
	for i, line := range lines {
		place := fmt.Sprintf("%s.matchers[%d]", at, i)
		if _, err := route.ParseMatchers([]string{line}); err != nil {
			if !d.Faulty(place) {
				d.Wrong(place, yamlfile.OneLine(err.Error()), "all of a heartbeat's matchers must hold")
			}
			return
		}
	}
	var err error
	if h.Matchers, err = route.ParseMatchers(lines); err != nil {
		d.Wrong(at+".matchers", yamlfile.OneLine(err.Error()), "use fewer")
		return
	}
	if !slices.ContainsFunc(h.Matchers, namesAnAlert) {
		d.Wrong(at+".matchers", "the matchers hold for alerts of any name, or for one of teamsrelay's own, and nobody would be told of those", `name the alert, such as alertname="Watchdog"; other matchers may stand beside it`)
	}
}

// others are names of alerts that no heartbeat has: our own, of which people
// must hear, and some that anybody may have.
var others = []string{heartbeat.AlertName, canary.AlertName, "InfluxDBQueryFailed", "TeamsrelayReloadFailed", "InstanceDown", "DiskFull", "disk_full", "cpu", "x"}

// namesAnAlert says whether a matcher holds for alerts of a certain name, and
// not for any. A heartbeat's matchers need one: what they hold for is told to
// nobody, and job="node" holds for all that people are paged for.
func namesAnAlert(m *labels.Matcher) bool {
	return m.Name == alert.NameLabel && (m.Type == labels.MatchEqual || m.Type == labels.MatchRegexp) && !m.Matches("") &&
		!slices.ContainsFunc(others, m.Matches)
}

func (d *document) heartbeatLabels(set map[string]string, at string) {
	for _, name := range slices.Sorted(maps.Keys(set)) {
		place := at + "." + name
		switch {
		case d.Faulty(place):
		case name == alert.SeverityLabel:
			d.Wrong(place, "severity stands beside labels", "write severity: "+set[name]+" without labels:")
		case name == alert.NameLabel, name == heartbeat.NameLabel:
			d.Wrong(place, "the label "+name+" is given: the alert is called "+heartbeat.AlertName+" and has the heartbeat's name", "remove it, or use another label")
		case !model.LegacyValidation.IsValidLabelName(name):
			d.Wrong(place, yamlfile.Quote(name)+" is not a label name", "use letters, digits and _")
		}
	}
}

func (d *document) canaries(sections []canarySection, destinations []Destination) []canary.Canary {
	var made []canary.Canary
	seen := make(map[string]bool)
	for i, s := range sections {
		at := fmt.Sprintf("canary[%d]", i)
		c := canary.Canary{Destination: s.Destination}
		found := slices.IndexFunc(destinations, func(o Destination) bool { return o.Name == s.Destination })
		switch {
		case d.Faulty(at + ".destination"), d.Unread("destinations"):
			continue
		case s.Destination == "":
			d.Wrong(at, "the canary names no destination", "add destination: NAME, one of destinations:")
			continue
		case found < 0:
			d.Wrong(at+".destination", "there is no destination "+yamlfile.Quote(s.Destination), "add it under destinations:, or correct the name")
			continue
		case seen[s.Destination]:
			d.Wrong(at+".destination", "there are two canaries for the destination "+yamlfile.Quote(s.Destination), "remove one")
			continue
		case destinations[found].Personal():
			d.Wrong(at+".destination", "the destination "+yamlfile.Quote(s.Destination)+" is people, whom a canary would only disturb", "name a channel, a chat or a webhook; teamsrelay users list says who can be reached")
			continue
		}
		seen[s.Destination] = true
		webhook := destinations[found].Conversation() == ""
		otherwise := canary.DefaultEvery
		if webhook {
			otherwise = canary.DefaultEveryWebhook
		}
		c.Every = d.positive(s.Every, otherwise, at+".every")
		if webhook && c.Every > 0 && c.Every < shortestWebhookCanary {
			d.Warn(at+".every", "through a webhook each canary is a new message that everybody in the channel sees, every "+c.Every.String(), "write 24h, or let the bot post there: it edits one message")
		}
		made = append(made, c)
	}
	return made
}

// canariesTold checks that the failure of a canary is told somewhere else than
// where it failed.
func (d *document) canariesTold(all []canary.Canary, tree *route.Tree, destinations []Destination) {
	if tree == nil {
		return
	}
	for i, c := range all {
		elsewhere := slices.ContainsFunc(destinations, func(o Destination) bool { return o.Name == c.Destination && o.Fallback != "" })
		for _, node := range tree.Match(c.AlertLabels()) {
			for _, target := range node.Spec("", false, nil).Targets {
				elsewhere = elsewhere || target.Destination != c.Destination
			}
		}
		if !elsewhere {
			d.Warn(fmt.Sprintf("canary[%d]", i), "that the canary fails would be told at "+yamlfile.Quote(c.Destination)+" alone, where it just failed",
				"add a route to another destination: {matchers: [alertname="+canary.AlertName+"], destinations: [NAME]}")
		}
	}
}
