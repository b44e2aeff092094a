package ruletest

import (
	"bytes"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares a text with a file.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run the test with -update")
	require.Equal(t, string(want), text)
}

// TestReports: each file of tests and what is printed of it. The wrong ones
// have to explain themselves; read their golden files as a user would.
func TestReports(t *testing.T) {
	files, err := filepath.Glob("testdata/*_test.yml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			report := Run(filepath.ToSlash(file), nil)
			var out bytes.Buffer
			require.NoError(t, report.Write(&out))
			golden(t, strings.TrimSuffix(filepath.Base(file), "_test.yml")+".golden", out.String())
			require.Equal(t, strings.Contains(out.String(), ": FAILED"), report.Failed())
		})
	}
}

func TestTheDesignsExamplePasses(t *testing.T) {
	report := Run("testdata/design_test.yml", nil)
	require.Empty(t, report.Problems.Error())
	require.Len(t, report.Results, 4)
	for _, result := range report.Results {
		require.Empty(t, result.Failures, result.Name)
	}
}

func TestARunGivesTheSameEveryTime(t *testing.T) {
	first := Run("testdata/wrong_test.yml", nil)
	for range 20 {
		require.Equal(t, first, Run("testdata/wrong_test.yml", nil))
	}
}

func TestOnlyTestsWhoseNamesMatchAreRun(t *testing.T) {
	report := Run("testdata/wrong_test.yml", regexp.MustCompile("^this one passes"))
	require.Len(t, report.Results, 1)
	require.False(t, report.Failed())
}

func TestAYearOfATestTakesNoYear(t *testing.T) {
	path := testsIn(t, head+`
  - name: a year
    input: |
      temperature,site=fra1,rack=r1 temp_c=31 0s
      temperature,site=fra1,rack=r1 temp_c=31 365d
    expect: [{at: 365d, alerts: []}]
`)
	s, problems := load(path)
	require.Empty(t, problems)
	c := newCourse(s, &s.tests[0])
	require.NoError(t, c.until(365*24*time.Hour))
	require.Less(t, c.steps, 100, "time goes from event to event")
}

// A test that would go on for hours ends and says why.
func TestATestThatDoesTooMuchEnds(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"datacenter.yml", "cards.tmpl", "relay.yml"} {
		text, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(t, err)
		text = bytes.ReplaceAll(text, []byte("group_interval: 5m"), []byte("group_interval: 1ms"))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	path := filepath.Join(dir, "x_test.yml")
	require.NoError(t, os.WriteFile(path, []byte(`config_file: relay.yml
tests:
  - name: an inhibited alert is asked for anew every millisecond
    input: |
      temperature,site=fra1,rack=r1 temp_c=33 0s
      temperature,site=fra1,rack=r2 temp_c=28 0s
    expect: [{at: 1h, alerts: []}, {at: 2h, alerts: []}]
`), 0o600))
	report := Run(path, nil)
	require.Empty(t, report.Problems.Error())
	failures := report.Results[0].Failures
	require.Len(t, failures, 1, "what follows is not known any more")
	require.Contains(t, failures[0].What, "too much happens in this test")
}

// The programs that show test results read names, messages and texts.
func TestJUnitHoldsEveryTestAndWhyItFailed(t *testing.T) {
	reports := []Report{Run("testdata/wrong_test.yml", nil), Run("testdata/design_test.yml", nil), Run("testdata/broken-rules_test.yml", nil)}
	var out bytes.Buffer
	require.NoError(t, WriteJUnit(&out, reports))
	golden(t, "junit.golden", out.String())
	var read struct {
		Suites []struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Errors   int `xml:"errors,attr"`
			Cases    []struct {
				Failure *struct {
					Message string `xml:"message,attr"`
					Text    string `xml:",chardata"`
				} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	require.NoError(t, xml.Unmarshal(out.Bytes(), &read))
	require.Len(t, read.Suites, 3)
	require.Equal(t, []int{10, 9, 0}, []int{read.Suites[0].Tests, read.Suites[0].Failures, read.Suites[0].Errors})
	require.Equal(t, []int{4, 0, 0}, []int{read.Suites[1].Tests, read.Suites[1].Failures, read.Suites[1].Errors})
	require.Equal(t, []int{1, 0, 1}, []int{read.Suites[2].Tests, read.Suites[2].Failures, read.Suites[2].Errors})
	require.Contains(t, read.Suites[0].Cases[0].Failure.Text, "what happened")
}

// ran runs the only test of a file, with rules that lie beside it.
func ran(t *testing.T, rules, test string) Result {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rules.yml"), []byte(rules), 0o600))
	path := filepath.Join(dir, "rules_test.yml")
	require.NoError(t, os.WriteFile(path, []byte("rule_files: [rules.yml]\ntests:\n"+test), 0o600))
	report := Run(path, nil)
	require.False(t, report.Problems.Failed(), report.Problems.Error())
	require.Len(t, report.Results, 1)
	return report.Results[0]
}

// People would read %!d(float64=28) on the card, and in labels it would choose
// the route.
func TestWhatPrintfCannotWriteFailsATest(t *testing.T) {
	for text, want := range map[string]string{
		`annotations: {summary: '{{ printf "%d" $value }} °C'}`:                      "%!d(float64=28)",
		`annotations: {summary: '{{ printf "%.0f" $fields.absent }} °C'}`:            "%!f(<nil>)",
		`annotations: {summary: '{{ printf "%f" $fields.state }}'}`:                  "%!f(string=open)",
		`labels: {floor: '{{ printf "%.0f" $value $labels.rack }}'}`:                 "%!(EXTRA string=r1)",
		`annotations: {summary: '{{ printf "%.0f%%!" $value }} (so) 100%! (never)'}`: "",
	} {
		result := ran(t, "groups: [{name: g, rules: [{alert: Hot, measurement: m, when: v > 5, "+text+"}]}]",
			"  - {name: x, input: 'm,rack=r1 v=28,state=\"open\"', expect: [{at: 1m, alerts: [{alertname: Hot}]}]}\n")
		if want == "" {
			require.Empty(t, result.Failures, text)
			continue
		}
		require.Len(t, result.Failures, 1, text)
		require.Contains(t, result.Failures[0].What, " of Hot cannot be written")
		require.Equal(t, []string{"a printf in it does not go with its values, and writes " + want}, result.Failures[0].Details)
	}
}

// A test that looks at one rule of a file meets the silence of the others.
func TestSilenceThatATestDidNotAskForIsExplained(t *testing.T) {
	const rules = `groups:
  - name: g
    rules:
      - {alert: Hot, measurement: m, when: v > 5, no_data: {after: 10m}}
      - {alert: Nd, measurement: n, when: v > 5, no_data: {after: 5m}}
`
	details := func(test string) string {
		result := ran(t, rules, test)
		require.Len(t, result.Failures, 1)
		return strings.Join(result.Failures[0].Details, "\n")
	}
	const hint = "the test has no sample for Nd; its no_data fires by itself"
	got := details("  - {name: x, input: m v=28 0s, expect: [{at: 6m, alerts: [{alertname: Hot}]}]}\n")
	require.Equal(t, "unexpected  Nd{no_data=\"true\"}\n"+hint, got)
	got = details("  - {name: x, input: \"m v=28 0s\\nn v=1 0s\", expect: [{at: 6m, alerts: [{alertname: Hot}]}]}\n")
	require.NotContains(t, got, "has no sample", "its sensor fell silent in the test itself")
	got = details("  - {name: x, input: m v=28 0s, expect: [{at: 6m, alerts: [{alertname: Hot}, {alertname: Nd}, {alertname: Cold}]}]}\n")
	require.NotContains(t, got, "has no sample", "it was expected")
}

// Who comes from promtool expects annotations among the labels.
func TestAnAnnotationThatIsExpectedAmongTheLabelsIsExplained(t *testing.T) {
	const rules = "groups: [{name: g, rules: [{alert: Hot, measurement: m, when: v > 5, annotations: {summary: it is hot}}]}]"
	test := func(expected string) string {
		result := ran(t, rules, "  - {name: x, input: 'm v=28', expect: [{at: 1m, alerts: ["+expected+"]}]}\n")
		require.Len(t, result.Failures, 1)
		return strings.Join(result.Failures[0].Details, "\n")
	}
	const hint = "summary is an annotation; alerts are matched by their labels: look for its text with card: {contains: […]}"
	require.Contains(t, test("{alertname: Hot, summary: it is hot}"), hint)
	require.NotContains(t, test("{alertname: Hot, rack: r1}"), "annotation")
}

// Who adds an expectation at the end of the list need not think of its time.
func TestExpectationsComeInOrderOfTimeWhateverTheirOrderInTheFile(t *testing.T) {
	const rules = "groups: [{name: g, rules: [{alert: Hot, measurement: m, when: v > 5}]}]"
	result := ran(t, rules, "  - {name: x, input: \"m v=28 1m\\nm v=1 5m\", expect: [{at: 5m, alerts: []}, {at: 2m, alerts: [{alertname: Hot}]}, {at: 0s, alerts: []}]}\n")
	require.Empty(t, result.Failures)
}
