package rules_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/rules/condition"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// expectation is a comment in a fixture: "# error: words" is about the line
// it stands on, "# error on line 1: words" about another.
var expectation = regexp.MustCompile(`# (error|warning)(?: on line (\d+))?: (.*)$`)

// TestFixtures parses every file of testdata. The name says the verdict, and in
// a bad one the comments say which problems are reported where, all of them
// and no others: the words are what people see of this package.
func TestFixtures(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			set, problems := rules.Parse([]rules.File{{Name: file, Data: data}})
			if strings.HasSuffix(file, "-good.yml") {
				require.Empty(t, problems.Error())
				require.NotNil(t, set)
				return
			}
			require.True(t, strings.HasSuffix(file, "-bad.yml"), "the name must end in -good.yml or -bad.yml")
			require.Nil(t, set, "what has errors must not be used")
			left := problems
			for i, line := range strings.Split(string(data), "\n") {
				m := expectation.FindStringSubmatch(line)
				if m == nil {
					continue
				}
				number := i + 1
				if m[2] != "" {
					number, err = strconv.Atoi(m[2])
					require.NoError(t, err)
				}
				left = without(t, left, fmt.Sprintf("%s:%d: %s: ", file, number, m[1]), m[3])
			}
			require.Empty(t, left.Error(), "problems that nobody expects")
		})
	}
}

// without takes the problem that begins and goes on as given out of the list.
func without(t *testing.T, problems yamlfile.Problems, begin, words string) yamlfile.Problems {
	t.Helper()
	for i, p := range problems {
		if strings.HasPrefix(p.String(), begin) && strings.Contains(p.String(), words) {
			return append(problems[:i:i], problems[i+1:]...)
		}
	}
	require.Fail(t, "a problem is not reported", "%s%s\nleft are\n%s", begin, words, problems.Error())
	return nil
}

func parse(t *testing.T, texts ...string) (*rules.Set, yamlfile.Problems) {
	t.Helper()
	var files []rules.File
	for i, text := range texts {
		files = append(files, rules.File{Name: fmt.Sprintf("%c.yml", 'a'+i), Data: []byte(text)})
	}
	return rules.Parse(files)
}

func TestWhatAFileSaysIsWhatTheRuleIs(t *testing.T) {
	data, err := os.ReadFile("testdata/everything-good.yml")
	require.NoError(t, err)
	set, problems := rules.Parse([]rules.File{{Name: "everything.yml", Data: data}})
	require.Empty(t, problems)
	require.Len(t, set.Groups, 3)

	g := set.Groups[0]
	require.Equal(t, "datacenter", g.Name)
	require.Equal(t, "everything.yml", g.File)
	require.Equal(t, 3, g.Line)
	require.Empty(t, g.InfluxDB)

	hot := g.Rules[0]
	require.Equal(t, `datacenter/DatacenterTemperature{place="{{ $labels.site }}",team="facilities"}`, hot.ID)
	require.Equal(t, "DatacenterTemperature", hot.Alert)
	require.Same(t, g, hot.Group)
	require.Equal(t, 5, hot.Line)
	require.Equal(t, "temperature", hot.Measurement)
	require.Equal(t, `site == "fra1"`, hot.Where.String())
	require.Equal(t, []string{"rack", "site"}, hot.By)
	require.Len(t, hot.Levels, 2)
	require.Equal(t, "critical", hot.Levels[0].Severity)
	require.Equal(t, "temp_c > 32", hot.Levels[0].When.String())
	require.Equal(t, "temp_c < 30", hot.Levels[0].Clear.String())
	require.Equal(t, 10, hot.Levels[0].Line)
	require.Equal(t, 2*time.Minute, hot.For)
	require.Equal(t, 5*time.Minute, hot.KeepFiringFor)
	require.Equal(t, &rules.NoData{After: 10 * time.Minute, Severity: "info"}, hot.NoData)
	require.Equal(t, &rules.Chart{Field: "temp_c", Last: 3 * time.Hour}, hot.Chart)
	require.Equal(t, 500, hot.SeriesLimit)
	summary, err := hot.Annotations[1].Render(rules.Vars{Labels: map[string]string{"rack": "r1"}, Value: 33.0})
	require.NoError(t, err)
	require.Equal(t, "r1 is at 33.0 °C", summary)

	stopped := g.Rules[1]
	require.Nil(t, stopped.By, "all tags make a series")
	require.Equal(t, []condition.Need{{Func: "changed", Field: "state"}}, stopped.Needs)
	require.Equal(t, "critical", stopped.Levels[0].Severity)
	require.Equal(t, "critical", stopped.NoData.Severity, "the lowest level's, for want of another")
	require.Equal(t, time.Hour, stopped.Chart.Last)
	require.Equal(t, rules.DefaultSeriesLimit, stopped.SeriesLimit)

	cold := set.Groups[1].Rules[0]
	require.Equal(t, 30*time.Second, cold.Group.Interval)
	require.Equal(t, "dc", cold.Group.InfluxDB)
	require.Equal(t, rules.Flux, cold.Language)
	require.Contains(t, cold.Query, "range(start: -5m)")
	require.Empty(t, cold.Levels[0].Severity, "the label says it")
	require.Equal(t, "severity", cold.Labels[0].Name)

	old := set.Groups[2].Rules[0]
	require.Equal(t, rules.DefaultInterval, old.Group.Interval)
	require.Equal(t, rules.InfluxQL, old.Language)
	require.NotNil(t, old.By, "all rows are one series")
	require.Empty(t, old.By)

	require.True(t, set.Wants("temperature"))
	require.True(t, set.Wants("win_services"))
	require.False(t, set.Wants("cpu"))
	require.False(t, set.Wants(""), "rules with a query want no metrics")
}

func TestNoFilesAreNoRules(t *testing.T) {
	set, problems := rules.Parse(nil)
	require.Empty(t, problems)
	require.NotNil(t, set)
	require.False(t, set.Wants("cpu"))
	set, problems = parse(t, "groups: 5")
	require.True(t, problems.Failed())
	require.False(t, set.Wants("cpu"), "a receiver without rules is asked too")
}

// A configuration has neither, and a rule file must not be called a wrong one.
func TestARuleFileIsKnownByItsLines(t *testing.T) {
	for text, want := range map[string]bool{
		"groups: []":       true,
		"\ufeffgroups: []": true,
		// As PowerShell writes it.
		"\xff\xfe#\x00\n\x00g\x00r\x00o\x00u\x00p\x00s\x00:\x00[\x00]\x00\n\x00": true,
		"\xfe\xff\x00r\x00u\x00l\x00e\x00s\x00:":                                 true,
		"\xff\xfer\x00o\x00u\x00t\x00e\x00:\x00{\x00}\x00\n\x00and half":         false,
		"# racks\r\ngroups:\r\n":                                                 true,
		"{groups: []}":                                                           true,
		"{\n  \"groups\": []\n}":                                                 true,
		"rules:\n- alert: A":                                                     true,
		"- alert: A":                                                             true,
		"\ufeff---\n# - a\n\n- when: a\n  alert: A":                              true,
		"- name: g\n  rules:\n  - alert: A":                                      true,
		"":                                                                       false,
		"rule_files: [groups.yml]":                                               false,
		"route: {}\nx:\n  groups: 5":                                             false,
		"- name: a":                                                              false,
		"x:\n- alert: A":                                                         false,
		"# - alert: A\nx:\n  alert: A":                                           false,
	} {
		require.Equal(t, want, rules.IsRules([]byte(text)), text)
	}
}

// Rules that people wrote one below the other, for two severities or two
// paths, are two rules, and their series must not be mixed up by a restart or
// when somebody sorts the file.
func TestEveryRuleHasAnIDOfItsOwn(t *testing.T) {
	lines := []string{
		`{alert: Full, measurement: disk, severity: critical, when: used_percent > 95}`,
		`{alert: Full, measurement: disk, severity: warning, when: used_percent > 90}`,
		`{alert: Full, measurement: disk, severity: warning, when: used_percent > 90, where: path == "/"}`,
		`{alert: Full, measurement: disk, severity: warning, when: used_percent > 90, where: path == "/data"}`,
		`{alert: Full, measurement: disk, severity: warning, when: used_percent > 90, labels: {team: a}}`,
	}
	ids := func(lines ...string) (ids []string) {
		set, problems := parse(t, "groups:\n  - name: disk\n    rules:\n      - "+strings.Join(lines, "\n      - "))
		require.False(t, problems.Failed(), "%v", problems)
		for _, r := range set.Groups[0].Rules {
			ids = append(ids, r.ID)
		}
		return ids
	}
	first := ids(lines...)
	for _, id := range first[:4] {
		require.Regexp(t, `^disk/Full\{\}#[0-9a-f]{16}$`, id)
	}
	require.Equal(t, `disk/Full{team="a"}`, first[4])
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(first))), 5)
	require.Equal(t, "disk/Full{}", ids(lines[0])[0], "a rule that has no twin may look at other things and stay the same")

	slices.Reverse(lines)
	slices.Reverse(first)
	require.Equal(t, first, ids(lines...))
}

func rule(lines string) string {
	return "groups:\n  - name: g\n    rules:\n      - alert: Full\n        " + strings.ReplaceAll(lines, "\n", "\n        ") + "\n"
}

func TestAlertsThatCannotBeToldApart(t *testing.T) {
	const first = "measurement: disk\nseverity: warning\nwhen: used_percent > 90"
	for name, c := range map[string]struct{ first, second, want string }{
		"the same rule in two files": {first, first,
			`b.yml:4: error: the alert "Full" is defined in a.yml:4 already, for the same samples and with the same labels; rename one of them`},
		"another threshold":                      {first, strings.ReplaceAll(first, "90", "95"), `b.yml:4: error: the alert "Full"`},
		"no severity in both":                    {"measurement: disk\nwhen: a > 1", "measurement: disk\nwhen: a > 2", "b.yml:4: error"},
		"a severity as a label and as a level's": {first, "measurement: disk\nwhen: used_percent > 95\nlabels: {severity: warning}", "b.yml:4: error"},
		"one level in common":                    {first, "measurement: disk\nlevels: [{severity: critical, when: a > 5}, {severity: warning, when: a > 3}]", "b.yml:4: error"},
		"the same where, written in another way": {first + "\nwhere: path == '/'", first + "\nwhere: path  == '/'", "b.yml:4: error"},
		"another where, and series that are the same": {first + "\nby: [host]\nwhere: path == '/'", first + "\nby: [host]\nwhere: path == '/data'",
			`b.yml:4: warning: the alert "Full" is defined in a.yml:4 already, and alerts of both have the same labels`},
		"another measurement, and series that are the same": {first + "\nby: [host]", "measurement: nfs\nseverity: warning\nwhen: a > 1\nby: [host]", "b.yml:4: warning"},

		"another severity as a label":   {first, "measurement: disk\nwhen: used_percent > 95\nlabels: {severity: critical}", ""},
		"another severity":              {first, strings.ReplaceAll(first, "warning", "critical"), ""},
		"another label":                 {first, first + "\nlabels: {team: a}", ""},
		"another where, and all tags":   {first + "\nwhere: path == '/'", first + "\nwhere: path == '/data'", ""},
		"another where, and its tag":    {first + "\nby: [host, path]\nwhere: path == '/'", first + "\nby: [host, path]\nwhere: path == '/data'", ""},
		"another measurement, all tags": {first, "measurement: nfs\nseverity: warning\nwhen: a > 1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := parse(t, rule(c.first), rule(c.second))
			if c.want == "" {
				require.Empty(t, problems)
				return
			}
			require.Len(t, problems, 1)
			require.Contains(t, problems[0].String(), c.want)
		})
	}
}

func TestGroupsOfTwoFilesMayHaveOneName(t *testing.T) {
	_, problems := parse(t, rule("measurement: a\nwhen: x > 1"), rule("measurement: b\nwhen: x > 1"))
	require.Empty(t, problems)
}

func TestMistakesOfAllFilesAreReported(t *testing.T) {
	set, problems := parse(t, rule("when: x > 1"), "groups: 5", rule("measurement: b\nwhen: x = 1"))
	require.Nil(t, set)
	require.Len(t, problems, 3)
	for i, file := range []string{"a.yml", "b.yml", "c.yml"} {
		require.Equal(t, file, problems[i].File)
	}
}

func TestTooManyRulesAreRefused(t *testing.T) {
	var text strings.Builder
	text.WriteString("groups:\n  - name: g\n    rules:\n")
	for i := range 10_001 {
		fmt.Fprintf(&text, "      - {alert: A%d, measurement: m, when: x>1}\n", i)
	}
	set, problems := parse(t, text.String())
	require.Nil(t, set)
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].String(), "there are more than 10000 rules")
}

func TestAHugeFileIsRefused(t *testing.T) {
	_, problems := parse(t, "groups: []\n#"+strings.Repeat(" ", yamlfile.MaxSize))
	require.Contains(t, problems.Error(), "the file is larger than 1024 KiB")
}

// Reload must not take minutes because many rules have something in common. A
// busy machine makes all of it slow, so what they have in common is held against
// the same rules without it.
func TestManyRulesOfOneNameAreCheckedInTime(t *testing.T) {
	check := func(name string) time.Duration {
		var text strings.Builder
		text.WriteString("groups:\n  - name: g\n    rules:\n")
		for i := range 10_000 {
			fmt.Fprintf(&text, "      - {alert: "+name+", measurement: m%[1]d, when: x>1}\n", i)
		}
		started := time.Now()
		set, problems := parse(t, text.String())
		took := time.Since(started)
		require.Empty(t, problems)
		require.NotNil(t, set)
		return took
	}
	different := check("A%[1]d")
	require.Less(t, check("A"), 5*different)
}
