package route

import (
	"regexp/syntax"
	"strconv"
	"strings"
)

// maxPattern is how large a regular expression may be once its repetitions are
// written out, in characters and classes of them. Three hundred dots, repeated a
// thousand times, are little to write and take seconds and hundreds of megabytes.
const maxPattern = 5000

// TooCostly says whether a matcher's pattern is larger than what people may ask
// for: to compile it would hold up everybody. What the value means depends on
// the notation, so every reading is measured.
func TooCostly(line string) bool {
	_, value, found := strings.Cut(line, `~"`)
	if !found {
		return false
	}
	value = strings.TrimSuffix(value, `"`)
	readings := []string{value, strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(value)}
	if unquoted, err := strconv.Unquote(`"` + value + `"`); err == nil {
		readings = append(readings, unquoted)
	}
	for _, reading := range readings {
		if re, err := syntax.Parse(reading, syntax.Perl); err == nil && patternSize(re) > maxPattern {
			return true
		}
	}
	return false
}

// patternSize is the size of a pattern with its repetitions written out; no
// more than a little over maxPattern, which keeps the numbers small.
func patternSize(re *syntax.Regexp) int {
	size := 1 + len(re.Rune)
	if re.Op == syntax.OpCharClass {
		size = 1
	}
	for _, sub := range re.Sub {
		size += patternSize(sub)
	}
	if re.Op == syntax.OpRepeat {
		size *= max(re.Min, re.Max, 1)
	}
	return min(size, maxPattern+1)
}
