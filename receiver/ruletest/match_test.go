package ruletest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// labels reads "a=1 b=2".
func labels(text string) map[string]string {
	set := map[string]string{}
	for _, pair := range strings.Fields(text) {
		name, value, _ := strings.Cut(pair, "=")
		set[name] = value
	}
	return set
}

func lists(text string) (all []map[string]string) {
	if text == "" {
		return nil
	}
	for _, one := range strings.Split(text, "|") {
		all = append(all, labels(one))
	}
	return all
}

func TestEveryExpectationGetsAnAlertOfItsOwnIfThatIsPossible(t *testing.T) {
	for name, c := range map[string]struct{ expected, fires, missing, unexpected string }{
		"nothing of nothing":                   {"", "", "", ""},
		"written labels are enough":            {"rack=r1", "rack=r1 site=fra1", "", ""},
		"one alert does not satisfy two":       {"rack=r1|rack=r1", "rack=r1", "rack=r1", ""},
		"an alert too many":                    {"rack=r1", "rack=r1|rack=r2", "", "rack=r2"},
		"another value":                        {"rack=r1", "rack=r2", "rack=r1", "rack=r2"},
		"an empty label is one that is absent": {"rack=r1 no_data=", "rack=r1", "", ""},
		// The first that fits would leave these without a match.
		"the loose one gives way to the strict":  {"site=fra1|site=fra1 rack=r1", "site=fra1 rack=r1|site=fra1 rack=r2", "", ""},
		"over three":                             {"a=1|a=1 b=1|a=1 b=1 c=1", "a=1 b=1 c=1|a=1 b=1|a=1", "", ""},
		"a chain of three that all have to move": {"x=1|x=1 y=1|y=1 z=1", "y=1 z=1|x=1 y=1|x=1", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			missing, unexpected := match(lists(c.expected), lists(c.fires))
			require.Equal(t, lists(c.missing), missing)
			require.Equal(t, lists(c.unexpected), unexpected)
		})
	}
}

// TestMatchingFindsTheBest compares with trying every assignment.
func TestMatchingFindsTheBest(t *testing.T) {
	var sets []map[string]string
	for i := range 9 { // all subsets of two labels with two values, and none
		set := map[string]string{}
		if i%3 > 0 {
			set["a"] = fmt.Sprint(i % 3)
		}
		if i/3 > 0 {
			set["b"] = fmt.Sprint(i / 3)
		}
		sets = append(sets, set)
	}
	var best func(expected, fires []map[string]string) int
	best = func(expected, fires []map[string]string) int {
		if len(expected) == 0 {
			return 0
		}
		most := best(expected[1:], fires)
		for f := range fires {
			if fits(expected[0], fires[f]) {
				rest := append(append([]map[string]string{}, fires[:f]...), fires[f+1:]...)
				most = max(most, 1+best(expected[1:], rest))
			}
		}
		return most
	}
	for n := range 9 * 9 * 9 {
		expected := []map[string]string{sets[n%9], sets[n/9%9], sets[n/81%9]}
		for _, fires := range [][]map[string]string{{sets[4], sets[5]}, {sets[4], sets[5], sets[8]}, {sets[4], sets[4], sets[7]}} {
			missing, unexpected := match(expected, fires)
			matched := best(expected, fires)
			require.Len(t, missing, len(expected)-matched, "%v of %v", expected, fires)
			require.Len(t, unexpected, len(fires)-matched, "%v of %v", expected, fires)
		}
	}
}

func TestTheNearestAlertIsTheOneThatWasMeant(t *testing.T) {
	fires := lists("alertname=Hot rack=r2 severity=warning|alertname=Cold rack=r1 severity=critical")
	near, differ := nearest(labels("alertname=Hot rack=r1 severity=critical"), fires)
	require.Equal(t, "r2", near["rack"], "an alert of the same name is nearer than one with more of the other labels")
	require.Equal(t, []string{"rack", "severity"}, differ)
	near, _ = nearest(labels("alertname=Hot"), nil)
	require.Nil(t, near)
}

// A text may go over several lines of a card, and must not be overlooked.
func TestATextOverTwoLinesIsSeen(t *testing.T) {
	const card = "WARNING · firing\nDisk full\nhost db1"
	for _, text := range []string{"firing\nDisk full", "host db1"} {
		what, _ := cardDiffers(&cardSection{Contains: []string{text}}, card)
		require.Empty(t, what)
		what, _ = cardDiffers(&cardSection{NotContains: []string{text}}, card)
		require.Contains(t, what, "the card says")
	}
}
