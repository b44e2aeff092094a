package ruletest

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// alertsDiffer says what is different between the alerts that should fire and
// those that do; "" when nothing is.
func alertsDiffer(expected, fires []map[string]string) (what string, details []string) {
	missing, unexpected := match(expected, fires)
	if len(missing)+len(unexpected) == 0 {
		return "", nil
	}
	if len(expected) == len(fires) {
		what = fmt.Sprintf("other alerts fire than expected (%d)", len(fires))
	} else {
		what = fmt.Sprintf("%s expected, %s", count(len(expected), "firing alert"), fire(len(fires)))
	}
	for _, labels := range missing {
		details = append(details, "missing     "+labelsText(labels))
		// What another expectation has taken can still be what was meant.
		near, differ := nearest(labels, unexpected)
		if near == nil {
			near, differ = nearest(labels, fires)
		}
		if near == nil {
			continue
		}
		details = append(details, "  nearest   "+labelsText(near))
		for _, name := range differ {
			details = append(details, fmt.Sprintf("            %s: expected %s, is %s", name, value(labels, name), value(near, name)))
		}
		if len(differ) == 0 {
			details = append(details, "            which another expectation has taken")
		}
	}
	for _, labels := range unexpected {
		details = append(details, "unexpected  "+labelsText(labels))
	}
	return what, details
}

func value(labels map[string]string, name string) string {
	if text, ok := labels[name]; ok && text != "" {
		return fmt.Sprintf("%q", text)
	}
	return "not there"
}

func count(n int, what string) string {
	switch n {
	case 0:
		return "no " + what
	case 1:
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func fire(n int) string {
	switch n {
	case 0:
		return "none fires"
	case 1:
		return "1 fires"
	}
	return fmt.Sprintf("%d fire", n)
}

// cardDiffers says what a card should say and does not, or should not and
// does; "" when it is as expected.
func cardDiffers(expected *cardSection, text string) (what string, details []string) {
	var wrong []string
	for _, want := range expected.Contains {
		if strings.Contains(text, want) {
			continue
		}
		wrong = append(wrong, fmt.Sprintf("does not say %q", want))
		line, how := nearestLine(want, text)
		details = append(details, fmt.Sprintf("missing   %q", want))
		if line != "" {
			details = append(details, fmt.Sprintf("nearest   %q%s", line, how))
		}
	}
	for _, want := range expected.NotContains {
		for _, line := range strings.Split(text, "\n") {
			if strings.Contains(line, want) || strings.Contains(want, "\n") && strings.Contains(text, want) {
				wrong = append(wrong, fmt.Sprintf("says %q", want))
				details = append(details, fmt.Sprintf("unwanted  %q", want), fmt.Sprintf("  is in   %q", line))
				break
			}
		}
	}
	if len(wrong) == 0 {
		return "", nil
	}
	return "the card " + strings.Join(wrong, " and "), details
}

// nearestLine is the line of a card that was probably meant, and what is
// special about the difference; "" when none is near.
func nearestLine(want, text string) (line, how string) {
	least := utf8.RuneCountInString(want)*2/5 + 1 // English differs from any other English in about half
	for _, candidate := range strings.Split(text, "\n") {
		if strings.Contains(strings.ToLower(candidate), strings.ToLower(want)) {
			return candidate, ", where only upper and lower case differ"
		}
		// Of those that are as near, the one that says the least else.
		if n := away([]rune(want), []rune(candidate)); n < least || n == least && line != "" && len(candidate) < len(line) {
			line, least = candidate, n
		}
	}
	return line, ""
}

// away counts the characters to change, insert or delete to make want of a
// stretch of the line.
func away(want, line []rune) int {
	const most = 1000 // runes; the work grows with the product
	want, line = want[:min(len(want), most)], line[:min(len(line), most)]
	// row[j] is how far the first i runes of want are from the stretch that
	// ends before line[j] and fits best.
	row := make([]int, len(line)+1)
	for i, w := range want {
		corner := row[0]
		row[0] = i + 1
		for j, l := range line {
			next := corner
			if w != l {
				next = min(corner, row[j], row[j+1]) + 1
			}
			corner, row[j+1] = row[j+1], next
		}
	}
	best := len(want)
	for _, n := range row {
		best = min(best, n)
	}
	return best
}
