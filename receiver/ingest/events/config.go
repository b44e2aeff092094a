package events

import (
	"fmt"
	"maps"
	"strings"
	"time"
)

// Config says how one event source is understood, and who may speak for it.
type Config struct {
	// Name is the source's name: the last part of its path.
	Name string
	// Preset is the shipped mapping that Mapping changes; "" for none. Without
	// either, the source is of the preset generic.
	Preset  string
	Mapping Mapping

	// At most one kind of credentials. Without any, everybody who can reach
	// the listener may send events.
	Token                    string
	BasicUser, BasicPassword string
	HMACSecret               string
	// HMACHeader is the header with the signature; "" for any of those that
	// the presets' systems use.
	HMACHeader string
}

// Mapping says how an event becomes an alert. Every text in it but Functions
// is a jq expression; doc.go says what each yields, and what holds where it
// yields nothing.
type Mapping struct {
	// Functions are definitions in jq for all the expressions: "def f: …;".
	Functions string `yaml:"functions"`

	Each        string            `yaml:"each"`
	When        string            `yaml:"when"`
	Key         string            `yaml:"key"`
	Name        string            `yaml:"name"`
	Status      string            `yaml:"status"`
	Action      string            `yaml:"action"`
	ID          string            `yaml:"id"`
	Who         string            `yaml:"who"`
	Text        string            `yaml:"text"`
	URL         string            `yaml:"url"`
	StartsAt    string            `yaml:"starts_at"`
	EndsAt      string            `yaml:"ends_at"`
	Card        string            `yaml:"card"`
	Partial     string            `yaml:"partial"`
	Follows     string            `yaml:"follows"`
	Truncated   string            `yaml:"truncated"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
	Values      map[string]string `yaml:"values"`

	// Expires is how long a story is open without news of it; 0 for the
	// default: a day after an event that says nothing of a state, else 30.
	Expires time.Duration `yaml:"expires"`
}

// Problem is something wrong in a Config.
type Problem struct {
	// Field is where, as a path in the source's entry: "mapping.labels.host".
	Field string
	// What is wrong, and what to do about it.
	What, Do string
	// Warning: the source works all the same.
	Warning bool
}

// single are the fields with one expression each, by their names in a file.
func (m *Mapping) single() []field {
	return []field{
		{"each", &m.Each}, {"when", &m.When}, {"key", &m.Key}, {"name", &m.Name}, {"status", &m.Status}, {"action", &m.Action},
		{"id", &m.ID}, {"who", &m.Who}, {"text", &m.Text}, {"url", &m.URL}, {"starts_at", &m.StartsAt}, {"ends_at", &m.EndsAt},
		{"card", &m.Card}, {"partial", &m.Partial}, {"follows", &m.Follows}, {"truncated", &m.Truncated},
	}
}

type field struct {
	name string
	text *string
}

// with is m with what is set in other on top of it. Labels, annotations and
// values are joined by name, and an empty expression there takes one away.
func (m Mapping) with(other Mapping) Mapping {
	above := other.single()
	for i, below := range m.single() {
		if *above[i].text != "" {
			*below.text = *above[i].text
		}
	}
	if other.Functions != "" {
		m.Functions = strings.TrimSpace(m.Functions + "\n" + other.Functions) // the later definition counts
	}
	if other.Expires != 0 {
		m.Expires = other.Expires
	}
	m.Labels = joined(m.Labels, other.Labels)
	m.Annotations = joined(m.Annotations, other.Annotations)
	m.Values = joined(m.Values, other.Values)
	return m
}

func joined(below, above map[string]string) map[string]string {
	if len(above) == 0 {
		return below
	}
	all := maps.Clone(below)
	if all == nil {
		all = make(map[string]string, len(above))
	}
	maps.Copy(all, above)
	maps.DeleteFunc(all, func(_, expression string) bool { return strings.TrimSpace(expression) == "" })
	return all
}

// empty says that nobody wrote a mapping.
func (m *Mapping) empty() bool {
	for _, f := range m.single() {
		if *f.text != "" {
			return false
		}
	}
	return m.Functions == "" && len(m.Labels) == 0 && len(m.Annotations) == 0 && len(m.Values) == 0
}

// Source is one event source, ready to be used by many goroutines.
type Source struct {
	name    string
	mapping *mapping
	check   check
	recent  recent
	secrets []string // what must not be in a log
}

// New makes a source. It is nil if any of the problems is more than a warning.
func New(c Config) (*Source, []Problem) {
	var problems []Problem
	report := func(field, what, do string) { problems = append(problems, Problem{Field: field, What: what, Do: do}) }
	if c.Name == "" {
		report("name", "the source has no name", "name it: events for it are sent to /events/NAME")
	}
	base := Mapping{}
	name := c.Preset
	if name == "" && c.Mapping.empty() {
		name = "generic"
	}
	if name != "" {
		preset, ok := presets[name]
		if !ok {
			report("preset", fmt.Sprintf("there is no preset %q", clip(name)), "use one of "+strings.Join(Presets(), ", ")+", or write a mapping")
		}
		base = preset
	}
	m, wrong := compile(base.with(c.Mapping))
	problems = append(problems, wrong...)
	check, wrong := credentials(c)
	problems = append(problems, wrong...)
	for _, p := range problems {
		if !p.Warning {
			return nil, problems
		}
	}
	source := &Source{name: c.Name, mapping: m, check: check}
	for _, secret := range []string{c.Token, c.BasicPassword, c.HMACSecret} {
		if secret != "" {
			source.secrets = append(source.secrets, secret)
		}
	}
	return source, problems
}

// Authenticated says whether the source asks senders who they are.
func (s *Source) Authenticated() bool { return s.check.kind != nobody }
