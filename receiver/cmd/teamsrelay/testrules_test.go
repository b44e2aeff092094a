package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ruleTests writes a rule with two tests, of which the second fails.
func ruleTests(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{
		"hot.yml": "groups: [{name: hot, rules: [{alert: Hot, measurement: temperature, when: temp_c > 27}]}]\n",
		"good_test.yml": `rule_files: [hot.yml]
tests:
  - name: a hot rack is told
    input: temperature,rack=r1 temp_c=28
    expect: [{at: 1m, alerts: [{alertname: Hot, rack: r1}], card: {contains: [Hot]}}]
`,
		"wrong_test.yml": `rule_files: [hot.yml]
tests:
  - name: a cool rack is told
    input: temperature,rack=r1 temp_c=20
    expect: [{at: 1m, alerts: [{alertname: Hot, rack: r1}]}]
`,
		"mistaken_test.yml": "rule_files: [cold.yml]\ntests: [{name: x, expect: [{at: 1m, alerts: []}]}]\n",
		"mistaken.yml":      "groups: [{name: hot, rules: [{alert: Hot, measurement: temperature, whne: temp_c > 27}]}]\n",
		"whne_test.yml":     "rule_files: [mistaken.yml]\ntests: [{name: x, expect: [{at: 1m, alerts: []}]}]\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

// CI sees the exit code, people the words.
func TestTestRulesSaysWhatFailed(t *testing.T) {
	dir := ruleTests(t)
	good, wrong := filepath.Join(dir, "good_test.yml"), filepath.Join(dir, "wrong_test.yml")

	got := say(t, "test-rules", good)
	require.Equal(t, result{0, good + ": SUCCESS, 1 test\n", ""}, got)

	got = say(t, "test-rules", good, wrong)
	require.Equal(t, 1, got.code)
	require.Empty(t, got.err)
	require.Contains(t, got.out, good+": SUCCESS, 1 test\n")
	require.Contains(t, got.out, wrong+": FAILED, 1 of 1 test\n\n  a cool rack is told\n    at 1m ("+wrong+":5): 1 firing alert expected, none fires\n")

	got = say(t, "test-rules", filepath.Join(dir, "nothere_test.yml"))
	require.Equal(t, 1, got.code)
	require.Contains(t, got.out, "nothere_test.yml:1: error: the file cannot be read")

	got = say(t, "test-rules", filepath.Join(dir, "mistaken_test.yml"), good)
	require.Equal(t, 1, got.code)
	require.Contains(t, got.out, `mistaken_test.yml:1: error: there is no file "cold.yml"`)
	require.Contains(t, got.out, "good_test.yml: SUCCESS", "a file that cannot be used does not hide the others")

	got = say(t, "test-rules", filepath.Join(dir, "whne_test.yml"))
	require.Equal(t, 1, got.code)
	require.Contains(t, got.out, filepath.Join(dir, "mistaken.yml")+`:1: error: there is no key "whne" here; did you mean when?`)
}

func TestTestRulesRunsOnlyWhatIsAskedFor(t *testing.T) {
	dir := ruleTests(t)
	good, wrong := filepath.Join(dir, "good_test.yml"), filepath.Join(dir, "wrong_test.yml")
	got := say(t, "test-rules", "--run=^a hot", good, wrong)
	require.Equal(t, result{0, good + ": SUCCESS, 1 test\n", ""}, got, "files without such a test are not spoken of")
	got = say(t, "test-rules", "--run=nobody", good, wrong)
	require.Equal(t, result{1, "", "teamsrelay: no test has a name that matches --run=nobody\n"}, got, "or a slip of the pen would be a green CI")
	got = say(t, "test-rules", "--run=[", good)
	require.Equal(t, 1, got.code)
	require.Contains(t, got.err, "--run is no regular expression")
}

func TestTestRulesWritesJUnitAlsoWhenTestsFail(t *testing.T) {
	dir := ruleTests(t)
	out := filepath.Join(dir, "results.xml")
	got := say(t, "test-rules", "--junit="+out, filepath.Join(dir, "good_test.yml"), filepath.Join(dir, "wrong_test.yml"))
	require.Equal(t, 1, got.code)
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(string(text), "<testcase "))
	require.Equal(t, 1, strings.Count(string(text), "<failure "))
	got = say(t, "test-rules", "--junit="+filepath.Join(dir, "nothere", "results.xml"), filepath.Join(dir, "good_test.yml"))
	require.Equal(t, 1, got.code)
	require.Contains(t, got.err, "the results cannot be written")
}

// No shell on Windows does it for us.
func TestTestRulesExpandsPatterns(t *testing.T) {
	dir := ruleTests(t)
	got := say(t, "test-rules", filepath.Join(dir, "*d_test.yml"))
	require.Contains(t, got.out, "good_test.yml: SUCCESS")
	require.Contains(t, say(t, "test-rules", filepath.Join(dir, "*_tests.yml")).err, "no file matches")
	require.Contains(t, say(t, "test-rules", filepath.Join(dir, "[_test.yml")).err, "close every [")
	odd := filepath.Join(dir, "[1]_test.yml")
	require.NoError(t, os.Rename(filepath.Join(dir, "good_test.yml"), odd))
	require.Equal(t, result{0, odd + ": SUCCESS, 1 test\n", ""}, say(t, "test-rules", odd), "a file that is there is no pattern")
}

// TestTheExampleInHelpWorks: it is what people type first.
func TestTheExampleInHelpWorks(t *testing.T) {
	got := say(t, "test-rules", "--help")
	require.Zero(t, got.code)
	example := regexp.MustCompile(`(?s)(  rule_files: \[datacenter.yml\].*?)\n\nalerts names`).FindStringSubmatch(got.out)
	require.NotNil(t, example, got.out)
	dir := t.TempDir()
	rules, err := os.ReadFile("../../../sample-configs/rules/datacenter.yml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "datacenter.yml"), rules, 0o600))
	tests := filepath.Join(dir, "datacenter_test.yml")
	require.NoError(t, os.WriteFile(tests, []byte(example[1]), 0o600))
	got = say(t, "test-rules", tests)
	require.Zero(t, got.code, got.out)
}
