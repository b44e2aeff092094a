package route

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/prometheus/alertmanager/matcher/compat"
	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/prometheus/common/model"
)

// parse reads matchers as Alertmanager does by default: with the UTF-8 parser,
// and with the classic one where that fails or disagrees.
var parse = compat.FallbackMatchersParser(slog.New(slog.DiscardHandler))

const matcherHelp = `write name="value", name!="value", name=~"regex" or name!~"regex"`

// matcherFields are the three ways to write matchers, with the names that they
// have in the file.
type matcherFields struct {
	at            string // path of what holds the fields
	prefix        string // "", "source_" or "target_"
	lines         []string
	equal, regexp map[string]string
}

// matchers makes one sorted list of all three fields and reports what cannot
// be read.
func (c *checker) matchers(f matcherFields) labels.Matchers {
	var all labels.Matchers
	for i, line := range f.lines {
		at := fmt.Sprintf("%s.%smatchers[%d]", f.at, f.prefix, i)
		parsed, err := parse(line, "")
		switch {
		case err != nil:
			c.wrong(at, fmt.Sprintf("the matcher %s cannot be read: %v", quote(line), err), matcherHelp)
		case len(parsed) == 0:
			c.wrong(at, "the matcher is empty", matcherHelp)
		}
		all = append(all, parsed...)
	}
	old := func(field string, pairs map[string]string, kind labels.MatchType, format string) {
		for _, name := range slices.Sorted(maps.Keys(pairs)) {
			at := f.at + "." + f.prefix + field + "." + name
			if !model.LegacyValidation.IsValidLabelName(name) {
				c.wrong(at, fmt.Sprintf("%s is not a label name", quote(name)),
					"use letters, digits and _, or write it under "+f.prefix+"matchers, which take any name")
				continue
			}
			matcher, err := labels.NewMatcher(kind, name, fmt.Sprintf(format, pairs[name]))
			if err != nil {
				c.wrong(at, fmt.Sprintf("the regular expression %s cannot be read: %v", quote(pairs[name]), err),
					"write it in Go's syntax, https://pkg.go.dev/regexp/syntax")
				continue
			}
			all = append(all, matcher)
		}
	}
	old("match", f.equal, labels.MatchEqual, "%s")
	old("match_re", f.regexp, labels.MatchRegexp, "^(?:%s)$") // as it stands in Alertmanager's group keys
	slices.SortStableFunc(all, func(a, b *labels.Matcher) int {
		if (labels.Matchers{a, b}).Less(0, 1) {
			return -1
		}
		if (labels.Matchers{a, b}).Less(1, 0) {
			return 1
		}
		return 0
	})
	return all
}

// matches says whether labels satisfy all matchers. A label that is missing is
// an empty one.
func matches(all labels.Matchers, set map[string]string) bool {
	for _, matcher := range all {
		if !matcher.Matches(set[matcher.Name]) {
			return false
		}
	}
	return true
}

// validLabel says whether a label can have this name.
func validLabel(name string) bool { return name != "" && utf8.ValidString(name) }

// quote makes a value of the file fit into a message of one line.
func quote(s string) string {
	const most = 60 // runes; enough to find it in the file
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "…"
	}
	return fmt.Sprintf("%q", s)
}
