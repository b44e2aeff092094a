package ruletest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// testsIn writes a file of tests beside rules that can be used.
func testsIn(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	rules, err := os.ReadFile("testdata/datacenter.yml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "datacenter.yml"), rules, 0o600))
	path := filepath.Join(dir, "datacenter_test.yml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

const head = "rule_files: [datacenter.yml]\ntests:\n"

// A test that is wrong itself, or proves nothing, must say so and where: one
// that passes by mistake lets a broken rule into production.
func TestAMistakeInATestIsSaidWithItsLine(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want string // LINE: what; what to do
	}{
		"no rule files":                   {"tests: [{name: x, expect: [{at: 1m, alerts: []}]}]", "1: error: there is no rule file"},
		"a rule file that is not there":   {"rule_files: [\n  nothere.yml]\ntests: [{name: x, expect: [{at: 1m, alerts: []}]}]", `2: error: there is no file "nothere.yml"`},
		"a pattern that is none":          {"rule_files: ['[.yml']\ntests: [{name: x, expect: [{at: 1m, alerts: []}]}]", "1: error: \"[.yml\" is not a pattern"},
		"no tests":                        {"rule_files: [datacenter.yml]", "1: error: there is no test"},
		"an unknown key":                  {head + "  - name: x\n    inputs: temperature f=1\n    expect: [{at: 1m, alerts: []}]", `4: error: there is no key "inputs" here; did you mean input?`},
		"promtool's keys":                 {head + "  - name: x\n    alert_rule_test: []\n    expect: [{at: 1m, alerts: []}]", `4: error: there is no key "alert_rule_test" here; did you mean expect?`},
		"promtool's keys below":           {head + "  - name: x\n    expect:\n      - eval_time: 5m\n        alerts: []", `5: error: there is no key "eval_time" here; did you mean at?`},
		"promtool's labels":               {head + "  - name: x\n    expect:\n      - at: 5m\n        alerts:\n          - exp_labels: {rack: r1}", `7: error: there is no key "exp_labels" here; did you mean the labels themselves, as in {alertname: Hot, rack: r1}?`},
		"annotations beside the labels":   {head + "  - name: x\n    expect:\n      - at: 5m\n        alerts: [{alertname: Hot, annotations: {summary: hot}}]", `6: error: there is no key "annotations" here; did you mean card: {contains: […]}, which looks for their texts?`},
		"annotations of the moment":       {head + "  - name: x\n    expect:\n      - at: 5m\n        alerts: []\n        annotations: {summary: hot}", `7: error: there is no key "annotations" here; did you mean card: {contains: […]}, which looks for their texts?`},
		"a test without a name":           {head + "  - expect: [{at: 1m, alerts: []}]", "3: error: the test has no name"},
		"two tests of one name":           {head + "  - {name: x, expect: [{at: 1m, alerts: []}]}\n  - {name: x, expect: [{at: 1m, alerts: []}]}", "4: error: another test has this name too (line 3)"},
		"no expectation":                  {head + "  - name: x\n    input: temperature f=1", "3: error: the test expects nothing"},
		"an expectation without a time":   {head + "  - name: x\n    expect:\n      - alerts: []", "5: error: it is not said when"},
		"a time that is none":             {head + "  - name: x\n    expect:\n      - at: soon\n        alerts: []", `5: error: "soon" is not a time`},
		"a time far away":                 {head + "  - name: x\n    expect:\n      - at: 500d\n        alerts: []", "5: error: this is very long after the start"},
		"an expectation of nothing":       {head + "  - name: x\n    expect:\n      - at: 5m", "5: error: nothing is expected here; add alerts: or card:"},
		"alerts without a value":          {head + "  - name: x\n    expect:\n      - at: 5m\n        alerts:", "6: error: alerts says nothing; write alerts: [] for no alert"},
		"a card of which nothing is said": {head + "  - name: x\n    expect:\n      - at: 5m\n        card: {}", "6: error: nothing is expected of the card"},
		"a text that every card contains": {head + "  - name: x\n    expect:\n      - at: 5m\n        card:\n          contains:\n            - ''", "8: error: the text is empty"},
		"a line that is none":             {head + "  - name: x\n    input: |\n      temperature,rack=r1 temp_c=31 0s\n      temperature,rack=r1\n    expect: [{at: 1m, alerts: []}]", `6: error: "temperature,rack=r1" is no line protocol`},
		"a line that no rule looks at":    {head + "  - name: x\n    input: |\n\n      temprature,rack=r1 temp_c=31 0s\n    expect: [{at: 1m, alerts: []}]", `6: warning: no rule looks at "temprature"; did you mean temperature?`},
		"the same on the line of its key": {head + "  - name: x\n    input: temprature,rack=r1 temp_c=31 0s\n    expect: [{at: 1m, alerts: []}]", `4: warning: no rule looks at "temprature"`},
		"a sample after the end":          {head + "  - name: x\n    input: |\n      temperature temp_c=31 0s\n      temperature temp_c=31 2m\n    expect: [{at: 1m, alerts: []}]", "6: warning: nothing is expected at or after 2m"},
		"a configuration that is not":     {"config_file: relay.yml\n" + head + "  - {name: x, expect: [{at: 1m, alerts: []}]}", "relay.yml:1: error: the file cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			path := testsIn(t, c.text)
			report := Run(path, nil)
			wrong := strings.Contains(c.want, "error: ")
			require.Equal(t, wrong, report.Failed())
			require.Equal(t, wrong, len(report.Results) == 0, "with a mistake nothing is run")
			text := strings.ReplaceAll(report.Problems.Error(), filepath.Dir(path)+string(filepath.Separator), "")
			require.Contains(t, strings.ReplaceAll(text, "datacenter_test.yml:", ""), c.want)
			require.Len(t, report.Problems, 1, "one mistake is told once: %s", text)
		})
	}
}

func TestAFileThatIsNotThereOrIsTooLargeIsSaidToBe(t *testing.T) {
	report := Run(filepath.Join(t.TempDir(), "nothere_test.yml"), nil)
	require.Contains(t, report.Problems.Error(), "nothere_test.yml:1: error: the file cannot be read: no such file")
	report = Run(testsIn(t, head+strings.Repeat("# nothing\n", 200_000)), nil)
	require.Contains(t, report.Problems.Error(), "is larger than")
}

func TestFilesOfTestsAmongTheRulesAreNoRules(t *testing.T) {
	report := Run(testsIn(t, "rule_files: ['*.yml']\ntests: [{name: x, expect: [{at: 1m, alerts: []}]}]"), nil)
	require.Empty(t, report.Problems)
	require.False(t, report.Failed())
}

// Check is for those who write a test and have no time to run it, such as an
// editor: it says what Run would say, and runs nothing.
func TestATestIsCheckedWithoutBeingRun(t *testing.T) {
	path := testsIn(t, head+"  - name: a rack is cold\n    input: temperature,rack=r1 temp_c=20\n    expect: [{at: 1m, alerts: [{alertname: Hot}]}]")
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Empty(t, Check(path, data), "that it fails is for Run to say")
	wrong := strings.Replace(string(data), "input", "inptu", 1)
	require.Contains(t, Check(path, []byte(wrong)).Error(), `datacenter_test.yml:4: error: there is no key "inptu" here; did you mean input?`)
}

func TestAFolderIsToldFromAFile(t *testing.T) {
	dir := t.TempDir()
	require.Contains(t, Run(dir, nil).Problems.Error(), dir+":1: error: this is a folder; name the files in it, such as "+filepath.Join(dir, "*_test.yml"))
}
