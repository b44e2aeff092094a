package card

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/prometheus/common/model"

	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// Link is a button that opens a page.
type Link struct{ Title, URL string }

// maxURL is what browsers and Teams pass on without trouble, in bytes.
const maxURL = 2000

// wellKnownLinks are the annotations that hold a page, and the words on its
// button.
var wellKnownLinks = []struct{ key, title string }{
	{"runbook_url", "Runbook"}, {"runbook", "Runbook"}, {"runbookURL", "Runbook"},
	{"dashboard_url", "Dashboard"}, {"dashboard", "Dashboard"}, {"dashboardURL", "Dashboard"},
	{"panel_url", "Panel"}, {"panelURL", "Panel"}, {"ticket_url", "Ticket"},
}

// The annotations that hold a page on which the alert can be silenced, and a
// picture of it.
const (
	silenceKey = "silence_url"
	pictureKey = "image_url"
)

// picture is the picture that the source made of the worst alert. Teams shows
// pictures from https only.
func (t *teller) picture() string {
	if len(t.members) == 0 {
		return ""
	}
	address := t.members[0].Annotations[pictureKey]
	if !strings.HasPrefix(address, "https://") {
		return ""
	}
	return webURL(address)
}

var (
	linkWords      = strings.NewReplacer("_url", "", "_URL", "", "URL", "", "_", " ")
	matcherEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
)

// links are the buttons, the most useful first. Where the alerts differ in a
// page, it is the worst one's.
func (t *teller) links(state string) []Link {
	if len(t.members) == 0 {
		return nil
	}
	worst := t.members[0]
	var links []Link
	add := func(title, address string) {
		if address = webURL(address); address == "" || title == "" || len(links) >= maxLinks {
			return
		}
		for _, link := range links {
			if link.URL == address || link.Title == title {
				return
			}
		}
		links = append(links, Link{title, address})
	}
	for _, known := range wellKnownLinks {
		add(known.title, worst.Annotations[known.key])
	}
	add("Source", worst.GeneratorURL)
	if state == string(group.Firing) && !t.silenced() {
		if page := worst.Annotations[silenceKey]; webURL(page) != "" {
			add("Silence", page)
		} else {
			add("Silence in Alertmanager", t.silenceURL())
		}
	}
	for _, key := range slices.Sorted(maps.Keys(worst.Annotations)) {
		if key == silenceKey || key == pictureKey && t.picture() != "" {
			continue // no use when all is over; shown
		}
		if strings.HasPrefix(worst.Annotations[key], "http") && !strings.HasPrefix(key, "__") {
			title := strings.TrimSpace(titleWords(linkWords.Replace(key)))
			add(capital(shorten(title, 30)), worst.Annotations[key])
		}
	}
	return links
}

// silenceURL opens Alertmanager's form for a new silence with the labels that
// all alerts share. "" when the source is no Alertmanager, or when the labels
// do not fit into a URL: a shorter list would silence more than the card
// shows.
func (t *teller) silenceURL() string {
	base := t.in.Group.Sender.ExternalURL
	if base == "" || len(t.labels) == 0 {
		return ""
	}
	var filter strings.Builder
	for i, name := range slices.Sorted(maps.Keys(t.labels)) {
		if i > 0 {
			filter.WriteByte(',')
		}
		if model.LegacyValidation.IsValidLabelName(name) {
			filter.WriteString(name)
		} else {
			filter.WriteString(quoteMatcher(name))
		}
		filter.WriteByte('=')
		filter.WriteString(quoteMatcher(t.labels[name]))
	}
	query := strings.ReplaceAll(url.QueryEscape("{"+filter.String()+"}"), "+", "%20")
	return strings.TrimSuffix(base, "/") + "/#/silences/new?filter=" + query
}

// quoteMatcher quotes a value as Alertmanager's matchers read it.
func quoteMatcher(value string) string {
	return `"` + matcherEscapes.Replace(value) + `"`
}

// webURL is the address when it is one that a button may open, else "".
func webURL(address string) string {
	address = strings.TrimSpace(address)
	if len(address) > maxURL || !strings.HasPrefix(address, "http") || strings.ContainsAny(address, " \t\r\n\"<>\\^`{|}") {
		return ""
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	return address
}
