package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// duplicates reports rules whose alerts cannot be told apart: same name, same
// labels of the rule, a severity in common. Where they look at the same
// samples that is sure, where they only make the same series it is likely.
func (c *checker) duplicates() {
	seen := make(map[string][]*Rule)
	for _, g := range c.set.Groups {
		for _, r := range g.Rules {
			key := r.Alert
			for _, l := range r.Labels {
				key += "\x00" + l.Name + "\x00" + l.text
			}
			if r.Alert != "" {
				for _, other := range seen[key] {
					if level, what := clash(other, r); what != "" {
						c.report(level, other, r, what)
						break
					}
				}
			}
			seen[key] = append(seen[key], r)
		}
	}
}

func (c *checker) report(level yamlfile.Level, first, second *Rule, what string) {
	c.across = append(c.across, yamlfile.Problem{
		File: second.Group.File, Line: second.Line, Level: level,
		What: fmt.Sprintf("the alert %s is defined in %s:%d already, %s", yamlfile.Quote(second.Alert), first.Group.File, first.Line, what),
		Do:   "rename one of them, give it a label of its own, or make them levels of one rule",
	})
}

// clash says how two rules of the same name and labels get into each other's
// way, "" if they do not.
func clash(a, b *Rule) (yamlfile.Level, string) {
	shared := false
	for severity := range a.severities() {
		shared = shared || b.severities()[severity]
	}
	if !shared {
		return "", ""
	}
	sameSource := a.Measurement == b.Measurement && a.Query == b.Query && a.Group.InfluxDB == b.Group.InfluxDB
	sameWhere := text(a) == text(b)
	switch {
	case sameSource && sameWhere:
		return yamlfile.Error, "for the same samples and with the same labels"
	case a.By != nil && b.By != nil && slices.Equal(a.By, b.By) && !a.separates(b):
		return yamlfile.Warning, "and alerts of both have the same labels"
	}
	return "", ""
}

// severities are what the rule's alerts can have as severity.
func (r *Rule) severities() map[string]bool {
	all := make(map[string]bool)
	for _, l := range r.Levels {
		all[l.Severity] = true
	}
	return all
}

// separates says whether two rules of the same source look at samples that
// differ in a tag of their series, as far as their where tells.
func (r *Rule) separates(other *Rule) bool {
	for _, rule := range []*Rule{r, other} {
		if rule.Where != nil && slices.ContainsFunc(rule.Where.Names(), func(name string) bool { return slices.Contains(rule.By, name) }) {
			return true
		}
	}
	return false
}

// text is where in a form that can be compared.
func text(r *Rule) string {
	if r.Where == nil {
		return ""
	}
	return strings.Join(strings.Fields(r.Where.String()), " ")
}

