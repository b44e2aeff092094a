package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// duplicates reports rules whose alerts cannot be told apart: they have the
// same name, the same labels of the rule and a severity in common. Where they
// look at the same samples as well that is sure; where they only make the same
// series it is likely.
func (c *checker) duplicates() {
	samples, series := make(map[string]*Rule), make(map[string]*Rule)
	for _, g := range c.set.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" {
				continue
			}
			labels, severity := r.Labels, ""
			if i := slices.IndexFunc(labels, func(l Template) bool { return l.Name == alert.SeverityLabel }); i >= 0 {
				severity = labels[i].text
				labels = slices.Delete(slices.Clone(labels), i, i+1)
			}
			var sure, likely *Rule
			for _, level := range r.Levels {
				name := labelled(r.Alert, labels) + "\x00" + cmp.Or(level.Severity, severity)
				sure = firstOf(samples, name+"\x00"+r.samples(), r, sure)
				if r.By != nil {
					likely = firstOf(series, name+"\x00"+strings.Join(r.By, "\x00"), r, likely)
				}
			}
			switch {
			case sure != nil:
				c.duplicate(yamlfile.Error, sure, r, "for the same samples and with the same labels")
			case likely != nil && !separated(likely, r):
				c.duplicate(yamlfile.Warning, likely, r, "and alerts of both have the same labels")
			}
		}
	}
}

// firstOf is found, or else another rule that was the first with a key. The
// first one is remembered.
func firstOf(seen map[string]*Rule, key string, r, found *Rule) *Rule {
	first, ok := seen[key]
	switch {
	case !ok:
		seen[key] = r
	case found == nil && first != r:
		return first
	}
	return found
}

func (c *checker) duplicate(level yamlfile.Level, first, second *Rule, what string) {
	c.across = append(c.across, yamlfile.Problem{
		File: second.Group.File, Line: second.Line, Level: level,
		What: fmt.Sprintf("the alert %s is defined in %s:%d already, %s", yamlfile.Quote(second.Alert), first.Group.File, first.Line, what),
		Do:   "rename one of them, give it a label of its own, or make them levels of one rule",
	})
}

// labelled is an alert's name with labels of its rule.
func labelled(name string, labels []Template) string {
	var text strings.Builder
	text.WriteString(name + "{")
	for i, l := range labels {
		if i > 0 {
			text.WriteByte(',')
		}
		fmt.Fprintf(&text, "%s=%q", l.Name, l.text)
	}
	text.WriteByte('}')
	return text.String()
}

// samples is which samples the rule looks at.
func (r *Rule) samples() string {
	where := ""
	if r.Where != nil {
		where = strings.Join(strings.Fields(r.Where.String()), " ")
	}
	return strings.Join([]string{r.Group.InfluxDB, r.Measurement, r.Query, where}, "\x00")
}

// separated says whether two rules tell their samples apart by a tag that
// stands in their series, as far as their where tells.
func separated(a, b *Rule) bool {
	return slices.ContainsFunc([]*Rule{a, b}, func(r *Rule) bool {
		return r.Where != nil && slices.ContainsFunc(r.Where.Names(), func(name string) bool { return slices.Contains(r.By, name) })
	})
}
