package ruletest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

const samples = "../../sample-configs/"

func sampleRules(t *testing.T) (files []string) {
	t.Helper()
	all, err := filepath.Glob(samples + "rules/*.yml")
	require.NoError(t, err)
	for _, file := range all {
		if !rules.IsTest(file) {
			files = append(files, file)
		}
	}
	require.GreaterOrEqual(t, len(files), 11)
	return files
}

// TestSampleRulesAreProven runs the tests that users copy with the rules, and
// sees to it that they leave nothing out: a rule that nobody has ever seen
// firing and resolving is a guess.
func TestSampleRulesAreProven(t *testing.T) {
	for _, file := range sampleRules(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			tests := strings.TrimSuffix(file, ".yml") + "_test.yml"
			report := Run(tests, nil)
			require.Empty(t, report.Problems.Error())
			require.False(t, report.Failed(), report.text())

			s, _ := load(tests)
			var happened strings.Builder
			expected, quiet, cards := map[string]bool{}, 0, 0
			for i := range s.tests {
				c := newCourse(s, &s.tests[i])
				for _, e := range s.tests[i].expect {
					require.NoError(t, c.until(e.at))
					if e.alerts != nil {
						for _, labels := range *e.alerts {
							expected[labels["alertname"]] = true
						}
						if len(*e.alerts) == 0 {
							quiet++
						}
					}
					if e.card != nil && len(e.card.Contains) > 0 {
						cards++
					}
				}
				for _, e := range c.story {
					happened.WriteString(e.what + "\n")
				}
			}
			require.Positive(t, quiet, "no test expects that nothing fires")
			for _, g := range s.rules.Groups {
				for _, r := range g.Rules {
					require.True(t, expected[r.Alert], "%s is expected by no test", r.Alert)
					require.Contains(t, happened.String(), "resolved  "+r.Alert+"{", "%s never resolves", r.Alert)
					for _, level := range r.Levels {
						require.Regexp(t, `fires     `+r.Alert+`\{.*severity="`+level.Severity, happened.String())
					}
					require.GreaterOrEqual(t, cards, len(g.Rules), "some cards are not looked at")
				}
			}
		})
	}
}

// What wakes somebody must say what, where and how much, and what to do.
func TestSampleRulesAreWrittenForSomebodyWhoWasJustWoken(t *testing.T) {
	for _, file := range sampleRules(t) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		set, problems := rules.Parse([]rules.File{{Name: file, Data: text}})
		require.Empty(t, problems.Error())
		for _, g := range set.Groups {
			for _, r := range g.Rules {
				annotations := map[string]bool{}
				for _, a := range r.Annotations {
					annotations[a.Name] = true
				}
				require.True(t, annotations["summary"] && annotations["description"], "%s: %s", file, r.Alert)
				require.False(t, annotations["runbook_url"], "%s: a runbook that is not there is a dead button", r.Alert)
			}
		}
		require.Contains(t, string(text), "# runbook_url: https://", file)
		require.Regexp(t, `(?m)^# .*(Needs|need)`, string(text), "%s does not say what it needs", file)
	}
}

// TestSampleRulesWorkTogether: people copy several files into one folder.
func TestSampleRulesWorkTogether(t *testing.T) {
	var files []rules.File
	for _, file := range sampleRules(t) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		files = append(files, rules.File{Name: file, Data: text})
	}
	_, problems := rules.Parse(files)
	require.Empty(t, problems.Error())
}

var block = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// TestEveryBlockOfTheManualWorks: people copy from it.
func TestEveryBlockOfTheManualWorks(t *testing.T) {
	manual, err := os.ReadFile(samples + "rules/README.md")
	require.NoError(t, err)
	blocks := block.FindAllStringSubmatch(string(manual), -1)
	require.GreaterOrEqual(t, len(blocks), 8)
	dir := t.TempDir()
	for _, file := range sampleRules(t) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(file)), text, 0o600))
	}
	tests := 0
	for _, found := range blocks {
		text := []byte(found[1])
		var keys map[string]any
		require.NoError(t, yaml.Unmarshal(text, &keys), found[1])
		switch {
		case keys["groups"] != nil:
			_, problems := rules.Parse([]rules.File{{Name: "README.md", Data: text}})
			require.Empty(t, problems.Error(), found[1])
		case keys["tests"] != nil:
			path := filepath.Join(dir, "block_test.yml")
			require.NoError(t, os.WriteFile(path, text, 0o600))
			report := Run(path, nil)
			require.False(t, report.Failed(), report.text())
			tests++
		default:
			require.Fail(t, "this block is nothing that we know", found[1])
		}
	}
	require.Positive(t, tests)
}

// TestTheManualsTableOfLevelsIsTrue runs its numbers through its rule.
func TestTheManualsTableOfLevelsIsTrue(t *testing.T) {
	manual, err := os.ReadFile(samples + "rules/README.md")
	require.NoError(t, err)
	row := func(name string) []string {
		line := regexp.MustCompile(`(?m)^\| ` + name + ` \| (.*) \|$`).FindSubmatch(manual)
		require.NotNil(t, line, name)
		return strings.Split(string(line[1]), " | ")
	}
	values, levels := row("v"), row("level")
	require.Len(t, levels, len(values))
	var rule string
	for _, found := range block.FindAllStringSubmatch(string(manual), -1) {
		if strings.Contains(found[1], "clear: v < 70") {
			rule = found[1]
		}
	}
	var input, expect strings.Builder
	for i := range values {
		fmt.Fprintf(&input, "      m v=%s %dm\n", values[i], i)
		alerts := "[]"
		if levels[i] != "ok" {
			alerts = "[{severity: " + levels[i] + "}]"
		}
		fmt.Fprintf(&expect, "      - {at: %dm, alerts: %s}\n", i, alerts)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "levels_test.yml")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "levels.yml"), []byte(rule), 0o600))
	require.NoError(t, os.WriteFile(path, []byte("rule_files: [levels.yml]\ntests:\n  - name: the table\n    input: |\n"+input.String()+"    expect:\n"+expect.String()), 0o600))
	report := Run(path, nil)
	require.False(t, report.Failed(), report.text())
}

// TestTheManualShowsWhatAFailureLooksLike: its example is what is printed.
func TestTheManualShowsWhatAFailureLooksLike(t *testing.T) {
	manual, err := os.ReadFile(samples + "rules/README.md")
	require.NoError(t, err)
	shown := regexp.MustCompile("(?ms)^```text\n(.*?)^```$").FindSubmatch(manual)
	require.NotNil(t, shown)
	for _, found := range block.FindAllStringSubmatch(string(manual), -1) {
		if !strings.Contains(found[1], "at: 4m") {
			continue
		}
		dir := t.TempDir()
		text, err := os.ReadFile(samples + "rules/datacenter.yml")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "datacenter.yml"), text, 0o600))
		path := filepath.Join(dir, "datacenter_test.yml")
		require.NoError(t, os.WriteFile(path, []byte(strings.Replace(found[1], "at: 4m", "at: 3m", 1)), 0o600))
		report := Run(path, nil)
		require.Equal(t, strings.ReplaceAll(report.text(), dir+string(filepath.Separator), ""), string(shown[1]))
		return
	}
	t.Fatal("the example is gone")
}

// TestTheManualNamesEveryKey compares its tables with what the reader takes.
func TestTheManualNamesEveryKey(t *testing.T) {
	manual, err := os.ReadFile(samples + "rules/README.md")
	require.NoError(t, err)
	use := regexp.MustCompile(`use one of ([a-z_, ]+)`)
	for place, text := range map[string]string{
		"a group": "groups: [{name: x, zzzzzzzzzz: 1}]",
		"a rule":  "groups: [{name: x, rules: [{zzzzzzzzzz: 1}]}]",
		"a level": "groups: [{name: x, rules: [{levels: [{zzzzzzzzzz: 1}]}]}]",
	} {
		_, problems := rules.Parse([]rules.File{{Name: "x", Data: []byte(text)}})
		keys := use.FindStringSubmatch(problems.Error())
		require.NotNil(t, keys, problems.Error())
		for _, key := range strings.Split(keys[1], ", ") {
			require.Contains(t, string(manual), "`"+key+"`", "%s can have this key", place)
		}
	}
	for _, text := range []string{"zzzzzzzzzz: 1", "tests: [{zzzzzzzzzz: 1}]", "tests: [{expect: [{zzzzzzzzzz: 1}]}]"} {
		for _, p := range problemsOf(t, text) {
			for _, key := range strings.Split(use.FindStringSubmatch(p)[1], ", ") {
				if key != "tests" { // stands before each of its own
					require.True(t, regexp.MustCompile("`([a-z]+\\[\\]\\.)?"+key+"`").Match(manual), "the manual does not name %s", key)
				}
			}
		}
	}
}

// problemsOf are the unknown keys of a file of tests.
func problemsOf(t *testing.T, text string) (found []string) {
	t.Helper()
	for _, p := range Run(testsIn(t, text), nil).Problems {
		if strings.Contains(p.What, "there is no key") {
			found = append(found, p.String())
		}
	}
	require.NotEmpty(t, found)
	return found
}

// TestPolledSampleFitsItsComment: the connections that its head shows are
// those that its groups ask.
func TestPolledSampleFitsItsComment(t *testing.T) {
	text, err := os.ReadFile(samples + "rules/polled.yml")
	require.NoError(t, err)
	var section strings.Builder
	for _, line := range strings.Split(string(text), "\n") {
		if rest, ok := strings.CutPrefix(line, "#   "); ok {
			section.WriteString(rest + "\n")
		}
	}
	require.Contains(t, section.String(), "influxdb:")
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "secrets"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secrets", "influxdb.token"), []byte("token\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "polled.yml"), text, 0o600))
	quickstart, err := os.ReadFile(samples + "quickstart.yml")
	require.NoError(t, err)
	made, problems := config.Parse(filepath.Join(dir, "relay.yml"),
		[]byte(string(quickstart)+"\nrule_files: [polled.yml]\n"+section.String()), config.Env{})
	require.Empty(t, yamlfile.Problems(problems).Error())
	require.Len(t, made.InfluxDB, 2)
}

// TestTelegrafSamplesAreTOMLAndMeasureWhatTheRulesLookAt.
func TestTelegrafSamplesAreTOMLAndMeasureWhatTheRulesLookAt(t *testing.T) {
	text, err := os.ReadFile(samples + "telegraf.conf")
	require.NoError(t, err)
	_, err = toml.Decode(string(text), &map[string]any{})
	require.NoError(t, err)
	// With what is commented out.
	open := regexp.MustCompile(`(?m)^# ?( *(\[|[a-z_]+ =).*)$`).ReplaceAllString(string(text), "$1")
	var all struct {
		Inputs  map[string][]map[string]any `toml:"inputs"`
		Outputs map[string][]map[string]any `toml:"outputs"`
	}
	_, err = toml.Decode(open, &all)
	require.NoError(t, err)
	require.Equal(t, "influx", all.Outputs["execd"][0]["data_format"])
	inputs := regexp.MustCompile(`\[\[inputs\.([a-z0-9_]+)\]\]`)
	for _, file := range sampleRules(t) {
		rules, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, needed := range inputs.FindAllStringSubmatch(string(rules), -1) {
			require.Contains(t, all.Inputs, needed[1], "%s needs it", file)
		}
	}
	for _, name := range []string{"telegraf-teams.conf", "telegraf-teams-relay.conf"} {
		text, err := os.ReadFile(samples + name)
		require.NoError(t, err)
		var file struct {
			Outputs struct {
				Teams []map[string]any `toml:"teams"`
			} `toml:"outputs"`
		}
		_, err = toml.Decode(string(text), &file)
		require.NoError(t, err)
		require.Len(t, file.Outputs.Teams, 1)
		for _, key := range []string{"rule_files", "state_file"} {
			require.Contains(t, file.Outputs.Teams[0], key, name)
		}
	}
}
