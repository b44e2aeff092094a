package events

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// Limits of what becomes of an event, in bytes where it is text. What is
// longer is cut, visibly.
const (
	maxLabels     = 60 // and as many annotations and values
	maxLabel      = 1 << 10
	maxAnnotation = 8 << 10
	maxText       = 8 << 10
	maxWho        = 200
)

// How long a story is open without news, where the mapping does not say.
const (
	expiresUnstated = 24 * time.Hour      // nothing was said of a state, so no end will come
	expiresStated   = 30 * 24 * time.Hour // the end was missed, or the story rests
)

// sourceLabel is the label with the source's name: plumbing that routes can
// match.
const sourceLabel = "event_source"

// spread is the name under which a label, annotation or value stands for
// all fields of the object that its expression yields.
const spread = "*"

// mapping is a compiled Mapping.
type mapping struct {
	each, when, key, name, status, action, id, who, text, url, startsAt, endsAt, card, partial, follows, truncated *expression

	labels, annotations, values []named
	expires                     time.Duration // 0 for the default
}

// named is the expression of one label, annotation or value.
type named struct {
	name       string
	expression *expression
}

// single are the expressions in the order of Mapping.single.
func (m *mapping) single() []**expression {
	return []**expression{
		&m.each, &m.when, &m.key, &m.name, &m.status, &m.action,
		&m.id, &m.who, &m.text, &m.url, &m.startsAt, &m.endsAt,
		&m.card, &m.partial, &m.follows, &m.truncated,
	}
}

// ofOneEvent are the fields that a list of alerts has no use for.
var ofOneEvent = []string{"action", "id", "who", "text", "partial", "follows"}

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// compile compiles a mapping; with problems it cannot be used.
func compile(m Mapping) (*mapping, []Problem) {
	c := &compiler{}
	c.define(m.Functions)
	compiled := &mapping{expires: m.Expires}
	place := compiled.single()
	for i, f := range m.single() {
		*place[i] = c.expression(f.name, *f.text)
		if m.Each != "" && *f.text != "" && slices.Contains(ofOneEvent, f.name) {
			c.problems = append(c.problems, Problem{
				Field: "mapping." + f.name, What: f.name + " is of one event, and each makes a body the alerts of a story",
				Do: "remove " + f.name + ", or each; status says what each alert is",
			})
		}
	}
	compiled.labels = c.all("labels", m.Labels)
	compiled.annotations = c.all("annotations", m.Annotations)
	compiled.values = c.all("values", m.Values)
	if m.Expires < 0 {
		c.problems = append(c.problems, Problem{Field: "mapping.expires", What: "it is less than nothing", Do: "write a time such as 24h, or remove it"})
	}
	return compiled, c.problems
}

// all compiles the expressions of labels, annotations or values.
func (c *compiler) all(field string, expressions map[string]string) []named {
	var all []named
	for _, name := range slices.Sorted(maps.Keys(expressions)) {
		place := field + "." + name
		if what, do := wrongName(field, name); what != "" {
			c.problems = append(c.problems, Problem{Field: "mapping." + place, What: what, Do: do})
			continue
		}
		if x := c.expression(place, expressions[name]); x != nil {
			all = append(all, named{name, x})
		}
	}
	if len(all) > maxLabels {
		c.problems = append(c.problems, Problem{
			Field: "mapping." + field, What: fmt.Sprintf("there are %d of them, and an alert can have %d", len(all), maxLabels), Do: "remove some",
		})
	}
	return all
}

// wrongName says why something cannot have a name; "" if it can.
func wrongName(field, name string) (what, do string) {
	switch {
	case field == "annotations" && name == alert.CardAnnotation:
		return "this annotation is made of card", "write the expression under card:"
	case field != "labels" || name == spread:
		return "", ""
	case name == alert.NameLabel:
		return "this label is made of name", "write the expression under name:"
	case name == sourceLabel:
		return "this label is always the source's name", "choose another name"
	case !labelName.MatchString(name):
		return fmt.Sprintf("%q cannot be the name of a label", clip(name)), "use letters, digits and _, and no digit in front: " + validName(name)
	}
	return "", ""
}

// facts are what a mapping made of one event.
type facts struct {
	alert  alert.Alert
	action action
	stated bool // the event said what the state is, or what was done
	// stateless: somebody did something, and whether it still fires was not
	// said.
	stateless bool
	left      map[string]string // labels that the alert is left without, there are too many
}

// facts runs the expressions of one alert.
func (m *mapping) facts(ctx context.Context, in input, source string, now time.Time) (facts, error) {
	r := &reader{ctx: ctx, in: in}
	f := facts{}
	a := &f.alert
	a.Labels, f.left = r.texts(m.labels, maxLabel, validName)
	a.Annotations, _ = r.texts(m.annotations, maxAnnotation, plainName)
	a.Values = r.numbers(m.values)
	a.Labels[sourceLabel] = source
	a.Labels[alert.NameLabel] = either(cut(r.text(m.name), maxLabel), source)
	if card := r.text(m.card); card != "" {
		a.Annotations[alert.CardAnnotation] = card
	}
	a.GeneratorURL = cut(r.text(m.url), maxAnnotation)
	a.StartsAt, a.EndsAt = r.time(m.startsAt), r.time(m.endsAt)
	a.Status = r.state(m, &f)
	if r.err != nil {
		return facts{}, r.err
	}
	if a.StartsAt.After(now) {
		a.StartsAt = now
	}
	switch {
	case a.Status == alert.Firing:
		a.EndsAt = time.Time{}
	case a.EndsAt.IsZero() || a.EndsAt.After(now):
		a.EndsAt = now
	}
	if a.Status == alert.Resolved && a.StartsAt.After(a.EndsAt) {
		a.StartsAt = time.Time{} // the two are of different clocks
	}
	return f, nil
}

// until is how long the event's story is open without news.
func (m *mapping) until(stated bool) time.Duration {
	switch {
	case m.expires != 0:
		return m.expires
	case stated:
		return expiresStated
	}
	return expiresUnstated
}

// either is text, or other if there is nothing in it.
func either(text, other string) string {
	if strings.TrimSpace(text) == "" {
		return other
	}
	return text
}

// reader runs expressions on one event until one fails.
type reader struct {
	ctx context.Context
	in  input
	err error
}

func (r *reader) value(x *expression) any {
	if r.err != nil {
		return nil
	}
	var value any
	value, r.err = x.first(r.ctx, r.in)
	return value
}

// text is what a field yields; false is nothing there, as in jq's //.
func (r *reader) text(x *expression) string {
	value := r.value(x)
	if value == false {
		return ""
	}
	return strings.TrimSpace(asText(value))
}

// yes is whether a field yields anything but null and false.
func (r *reader) yes(x *expression) bool {
	value := r.value(x)
	return value != nil && value != false
}

func (r *reader) time(x *expression) time.Time { return asTime(r.value(x)) }

// state is firing or resolved, by the action if it tells, else by the status.
func (r *reader) state(m *mapping, f *facts) alert.Status {
	var err error
	if f.action, err = actionOf(r.value(m.action)); err != nil && r.err == nil {
		r.err = &fieldError{"mapping.action", err}
	}
	f.stated = f.action != none
	switch f.action {
	case opens:
		return alert.Firing
	case resolves:
		return alert.Resolved
	}
	status, err := statusOf(r.value(m.status))
	if err != nil && r.err == nil {
		r.err = &fieldError{"mapping.status", err}
	}
	if status == "" {
		f.stateless = f.stated
		return alert.Firing
	}
	f.stated = true
	return status
}

// entries calls set for each name and value: first for the names that are
// written, then for those that are spread.
func (r *reader) entries(all []named, rename func(string) string, set func(name string, value any)) {
	for _, n := range all {
		if n.name != spread {
			set(n.name, r.value(n.expression))
		}
	}
	for _, n := range all {
		if n.name != spread {
			continue
		}
		switch object := r.value(n.expression).(type) {
		case nil, bool:
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(object)) {
				if as := rename(name); !slices.Contains(ours, as) {
					set(as, object[name])
				}
			}
		default:
			if r.err == nil {
				r.err = &fieldError{n.expression.field, fmt.Errorf("it yields %s, and * wants an object", kindOf(object))}
			}
			return
		}
	}
}

// ours are names that a mapping must write to have them: no object of an
// event brings them in.
var ours = []string{alert.CardAnnotation, alert.NameLabel, sourceLabel}

// texts are labels or annotations; what is empty is left out. left are those
// that are too many: an alert is told however much there is to show of it.
func (r *reader) texts(all []named, most int, rename func(string) string) (texts, left map[string]string) {
	texts = make(map[string]string, len(all)+2)
	left = make(map[string]string)
	r.entries(all, rename, func(name string, value any) {
		text := asText(value)
		_, there := texts[name]
		switch {
		case there || name == "" || strings.TrimSpace(text) == "":
		case len(texts) >= maxLabels:
			left[name] = cut(text, most)
		default:
			texts[name] = cut(text, most)
		}
	})
	return texts, left
}

// numbers are values; what is no number is left out.
func (r *reader) numbers(all []named) map[string]float64 {
	var numbers map[string]float64
	r.entries(all, plainName, func(name string, value any) {
		n, ok := asNumber(value)
		_, there := numbers[name]
		if !ok || there || name == "" || len(numbers) >= maxLabels {
			return
		}
		if numbers == nil {
			numbers = make(map[string]float64, len(all))
		}
		numbers[name] = n
	})
	return numbers
}

// maxName is the length of a name that an event gives, in bytes.
const maxName = 128

// plainName makes the name of an annotation or value of any text.
func plainName(name string) string { return cut(clean(name), maxName) }

// validName makes a label's name of any text.
func validName(name string) string {
	var b strings.Builder
	for i, c := range name {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_':
			b.WriteRune(c)
		case c >= '0' && c <= '9':
			if i == 0 {
				b.WriteByte('_')
			}
			b.WriteRune(c)
		default:
			b.WriteByte('_')
		}
	}
	return b.String()[:min(b.Len(), maxName)]
}
