package card

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// The annotations that hold the one sentence, the longer text and what was
// measured. summary and description are Prometheus' convention; message is
// older mixins' word.
var (
	summaryKeys     = []string{"summary", "message", "title"}
	descriptionKeys = []string{"description", "message"}
	valueKeys       = []string{"value", "current_value", "currentValue"}
)

// whereLabels are the labels that say where something is, from the wide to
// the narrow; then those that say whose it is. They come first on the card.
var whereLabels = labelOrder("site", "datacenter", "dc", "region", "zone", "cluster",
	"environment", "env", "namespace", "node", "host", "hostname", "server", "nodename", "instance",
	"rack", "device", "mountpoint", "interface",
	"deployment", "statefulset", "daemonset", "service", "pod", "container", "app", "job", "team")

func labelOrder(names ...string) map[string]int {
	order := make(map[string]int, len(names))
	for i, name := range names {
		order[name] = i
	}
	return order
}

// plumbing are labels that say how a sample was collected, not what is wrong.
var plumbing = map[string]bool{
	"prometheus": true, "prometheus_replica": true, "replica": true, "monitor": true,
	"endpoint": true, "metrics_path": true, "uid": true, "id": true, "image": true,
	"openshift_io_alert_source": true, "alert_rule_uid": true, "rule_uid": true, "datasource_uid": true,
	"ref_id": true, "receive": true, "tenant_id": true, eventSourceLabel: true, noDataLabel: true, alert.SeverityLabel: true,
}

// noDataLabel is what our rules put on an alert that says that nothing is
// measured; its summary says so in words.
const noDataLabel = "no_data"

// eventSourceLabel names the event source, for routes; the small print says it
// already.
const eventSourceLabel = "event_source"

// byImportance sorts label names: where something is, then the alphabet.
func byImportance(names []string) {
	slices.SortFunc(names, func(a, b string) int {
		i, aKnown := whereLabels[a]
		j, bKnown := whereLabels[b]
		switch {
		case aKnown && bKnown:
			return i - j
		case aKnown:
			return -1
		case bKnown:
			return 1
		}
		return strings.Compare(a, b)
	})
}

// facts are the common labels, those that say where before the others, and
// the annotations that have no place of their own.
func (t *teller) facts() (where string, others []Fact) {
	var places []Fact
	for _, name := range telling(t.labels) {
		switch _, known := whereLabels[name]; {
		case len(places) < maxWhere && (known || len(places) == 0):
			places = append(places, t.labelFact(name))
		case len(others) < maxFacts:
			others = append(others, t.wordedFact(name, oneLine(t.labels[name]), maxLabel))
		}
	}
	if len(places) > 0 {
		t.place = places[0].Value
	}
	return labelLine(places), t.noteFacts(others, nil)
}

// rest is the common labels and annotations that a card does not show in its
// own way.
func (t *teller) rest(shown []string) []Fact {
	var facts []Fact
	for _, name := range telling(t.labels) {
		if len(facts) < maxFacts && !slices.Contains(shown, name) {
			facts = append(facts, t.wordedFact(name, oneLine(t.labels[name]), maxLabel))
		}
	}
	return t.noteFacts(facts, shown)
}

func (t *teller) labelFact(name string) Fact {
	return Fact{Name: shorten(oneLine(name), maxLabel/2), Value: shorten(oneLine(t.labels[name]), maxLabel)}
}

// wordedFact is a fact in people's words: "closed_by" is "Closed by", and a
// time is on the reader's clock.
func (t *teller) wordedFact(name, value string, most int) Fact {
	words := capital(strings.TrimSpace(strings.ReplaceAll(oneLine(name), "_", " ")))
	return Fact{Name: shorten(cmp.Or(words, name), maxLabel/2), Value: shorten(t.wall.wordedTime(value), most), source: name}
}

// noteFacts adds the common annotations that have no place of their own.
func (t *teller) noteFacts(facts []Fact, shown []string) []Fact {
	for _, name := range slices.Sorted(maps.Keys(t.notes)) {
		value := strings.TrimSpace(t.notes[name])
		if value == "" || strings.HasPrefix(name, "__") || name == alert.CardAnnotation || slices.Contains(summaryKeys, name) ||
			slices.Contains(descriptionKeys, name) || slices.Contains(shown, name) || webURL(value) != "" || len(facts) >= 2*maxFacts {
			continue
		}
		fact := t.wordedFact(name, value, maxText)
		fact.Markdown = !t.strangers
		if fact.Value != "" { // a time that means never
			facts = append(facts, fact)
		}
	}
	return facts
}

// telling names the labels that say something: what is neither the name nor
// plumbing; or, if that leaves nothing, the plumbing that is no secret of
// ours. A series that only its id tells from others is told by it.
func telling(labels map[string]string) []string {
	var names, rest []string
	for name, value := range labels {
		switch {
		case value == "" || name == alert.NameLabel || strings.HasPrefix(name, "__"):
		case !plumbing[name]:
			names = append(names, name)
		case name != alert.SeverityLabel && name != noDataLabel && name != eventSourceLabel:
			rest = append(rest, name)
		}
	}
	if len(names) == 0 {
		names = rest
	}
	byImportance(names)
	return names
}

// labelLine puts labels on one line. The values are what one looks for, so
// they are bold. It is Markdown, made from escaped text.
func labelLine(facts []Fact) string {
	var line strings.Builder
	for i, fact := range facts {
		if i > 0 {
			line.WriteString(" · ")
		}
		if fact.Name != "" {
			line.WriteString(escapeMarkdown(fact.Name) + " ")
		}
		line.WriteString("**" + escapeMarkdown(fact.Value) + "**")
	}
	return line.String()
}

// apart is the labels that set an alert apart from the others, as Markdown.
func (t *teller) apart(m *group.Member, differ []string) string {
	var facts []Fact
	for _, name := range differ {
		if value := oneLine(m.Labels[name]); value != "" && len(facts) < maxWhere {
			facts = append(facts, Fact{Name: shorten(oneLine(name), maxLabel/2), Value: shorten(value, maxLabel)})
		}
	}
	return labelLine(facts)
}

// rows are the first n alerts with what sets them apart.
func (t *teller) rows(n int) []Row {
	differ := t.differing()
	rows := make([]Row, 0, min(n, len(t.members)))
	for _, m := range t.members[:min(n, len(t.members))] {
		row := Row{State: string(m.State), Summary: t.ownSummary(m)}
		said := spoken(row.Summary)
		var facts []Fact
		for _, name := range differ {
			value := oneLine(m.Labels[name])
			if value == "" || len(value) > 1 && strings.Contains(said, value) {
				continue // said by the summary already
			}
			facts = append(facts, Fact{Name: shorten(oneLine(name), maxLabel/2), Value: shorten(value, maxLabel)})
			if len(facts) == maxRowFacts {
				break
			}
		}
		if value := t.ownValue(m); value != "" && !strings.Contains(said, value) {
			facts = append(facts, Fact{Value: value}) // a number with its unit needs no name
		}
		if len(facts) == 0 && row.Summary == "" && t.rowName(m) == "" {
			facts = []Fact{{Name: "alert", Value: m.Fingerprint.String()}}
		}
		row.Labels = strings.TrimSuffix(t.rowName(m)+labelLine(facts), " · ")
		row.When, row.Color = t.when(m)
		rows = append(rows, row)
	}
	return rows
}

// rowsOf are the same rows, each named by the first of some labels or
// annotations that its alert has.
func (t *teller) rowsOf(rows []Row, naming []string) []Row {
	differ := slices.DeleteFunc(t.differing(), func(name string) bool { return slices.Contains(naming, name) })
	named := slices.Clone(rows)
	for i := range named {
		m := t.members[i]
		for _, name := range naming {
			value := oneLine(cmp.Or(m.Annotations[name], m.Labels[name]))
			if value == "" {
				continue
			}
			parts := []string{labelLine([]Fact{{Value: shorten(value, maxLabel)}})}
			if apart := t.apart(m, differ); apart != "" {
				parts = append(parts, apart)
			}
			named[i].Labels = strings.Join(parts, " · ")
			if m.Annotations[summaryKeys[0]] == "" {
				named[i].Summary = "" // what was measured
			}
			break
		}
	}
	return named
}

// differing names the labels in which the alerts differ, the name and the
// severity aside.
func (t *teller) differing() []string {
	differ := map[string]string{}
	for _, m := range t.members {
		for name := range m.Labels {
			if _, same := t.labels[name]; !same {
				differ[name] = name // whatever its value is
			}
		}
	}
	return telling(differ)
}

// rowName is the Markdown of an alert's name, and of its severity, where the
// group's alerts differ in them.
func (t *teller) rowName(m *group.Member) string {
	line := ""
	if name := oneLine(m.Name()); name != "" && t.name() == "" {
		line = "**" + escapeMarkdown(shorten(titleWords(name), maxTitle)) + "**"
	}
	severity := oneLine(m.Labels[alert.SeverityLabel])
	if _, same := t.labels[alert.SeverityLabel]; severity != "" && !same {
		line = strings.TrimPrefix(line+" · ", " · ") + escapeMarkdown(shorten(severity, 24))
	}
	if line == "" {
		return ""
	}
	return line + " · "
}

// ownSummary is, as Markdown, an alert's summary, or its description, or its values, when
// the alerts do not share it.
func (t *teller) ownSummary(m *group.Member) string {
	for _, keys := range [][]string{summaryKeys, descriptionKeys} {
		for _, key := range keys {
			text := firstLine(m.Annotations[key])
			if _, same := t.notes[key]; text != "" && !same {
				return t.annotation(shorten(text, maxLabel*2))
			}
		}
	}
	return valuesLine(m)
}

// valuesLine is what was measured, as Markdown.
func valuesLine(m *group.Member) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m.Values)) {
		if len(parts) == maxRowFacts {
			break
		}
		parts = append(parts, escapeMarkdown(shorten(oneLine(name), maxLabel/2))+" "+
			strconv.FormatFloat(m.Values[name], 'g', 6, 64))
	}
	return strings.Join(parts, ", ")
}

// ownValue is what an alert's rule says it measured, when the alerts differ
// in it.
func (t *teller) ownValue(m *group.Member) string {
	for _, key := range valueKeys {
		text := oneLine(m.Annotations[key])
		if _, same := t.notes[key]; text != "" && !same {
			return shorten(text, maxLabel)
		}
	}
	return ""
}

func (t *teller) when(m *group.Member) (words, color string) {
	switch m.State {
	case group.Firing:
		return t.wall.time(t.start(m)), "Default"
	case group.Unseen:
		if t.momentary || t.silenced() {
			return t.wall.time(t.start(m)), "Default"
		}
		if m.SeenAt.IsZero() {
			return "no news", "Default"
		}
		return "no news since " + t.wall.time(m.SeenAt), "Default"
	}
	if end := t.end(m); !end.IsZero() {
		return t.words.ended + " " + t.wall.time(end), "Good"
	}
	return t.words.ended, "Good"
}

// thousands writes a number with commas: 4,812.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
