package ruletest

import (
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// start is when every test begins: at midnight, so that the times on a card
// say how long after the start they are.
var start = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// offsetText is a time of a test as people write it: 1h30m. What comes a
// moment after it, because for and the like mean strictly longer, has a + at
// its end.
func offsetText(d time.Duration) string {
	whole := d.Truncate(time.Millisecond)
	if whole == d {
		return model.Duration(whole).String()
	}
	return model.Duration(whole).String() + "+"
}

// momentText is a time of a test in a sentence.
func momentText(d time.Duration) string {
	if at, after := strings.CutSuffix(offsetText(d), "+"); after {
		return "just after " + at
	}
	return "at " + offsetText(d)
}
