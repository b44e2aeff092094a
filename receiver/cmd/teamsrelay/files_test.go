package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCheckConfigKnowsWhatItIsGiven: people give it whatever lies there, and a
// rule file that is called a wrong configuration sends them the wrong way.
func TestCheckConfigKnowsWhatItIsGiven(t *testing.T) {
	dir := ruleTests(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	hot, err := os.ReadFile(at("hot.yml"))
	require.NoError(t, err)
	for name, text := range map[string]string{
		"bom.yml":         "\ufeff" + string(hot),
		"bom-config.yml":  "\ufeff" + good,
		"top.yml":         "rules:\n  - {alert: Hot, measurement: temperature, when: temp_c > 27}\n",
		"list.yml":        "# racks\n\n- measurement: temperature\n  alert: Hot\n",
		"inline.yml":      good + "rules:\n  - {alert: Hot}\n",
		"teams.conf":      "[agent]\n  interval = \"10s\"\n[[outputs.teams]]\n  rule_files = []\n",
		"bom.conf":        "\ufeff[[outputs.teams]]\n",
		"telegraf.conf":   "[agent]\n\n  [[inputs.cpu]]\n",
		"late_test.yml":   "rule_files: [hot.yml]\ntests: [{name: x, expect: []}]\n",
		"begun_test.yml":  "rule_files: [hot.yml]\n",
		"doubt.yml":       "groups: [{name: g, rules: [{alert: A, measurement: m, when: usage-idle < 5}]}]\n",
		"doubt_test.yml":  "rule_files: [doubt.yml]\ntests: [{name: x, expect: [{at: 1m, alerts: []}]}]\n",
		"proofs.yml":      "rule_files: [hot.yml]\ntests: [{name: x, expect: [{at: 1m, alerts: []}]}]\n",
		"with-rules.yaml": "\"groups\": []\n",
	} {
		require.NoError(t, os.WriteFile(at(name), []byte(text), 0o600))
	}
	for name, c := range map[string]struct {
		args []string
		in   string
		code int
		out  []string // all of it; DIR stands for the directory
	}{
		"rules on standard input": {nil, string(hot), 0, []string{"<stdin>: OK"}},
		"wrong rules on standard input": {nil, "groups: [{name: hot, rules: [{alert: Hot, measurement: m, whne: v > 2}]}]", 1,
			[]string{`<stdin>:1: error: there is no key "whne" here; did you mean when?`}},
		"rules of Notepad":                {[]string{"bom.yml"}, "", 0, []string{"DIR/bom.yml: OK"}},
		"a configuration of Notepad":      {[]string{"bom-config.yml"}, "", 0, []string{"DIR/bom-config.yml: OK"}},
		"rules with a key in quotes":      {[]string{"with-rules.yaml"}, "", 0, []string{"DIR/with-rules.yaml: OK"}},
		"rules without groups":            {[]string{"top.yml"}, "", 1, []string{`DIR/top.yml:1: error: there is no key "rules" here; did you mean groups: [{name: …, rules: […]}]?`}},
		"rules as a list":                 {[]string{"list.yml"}, "", 1, []string{"DIR/list.yml:3: error: the file begins with a list, and rules stand in groups; write groups: [{name: …, rules: […]}] with this list in it"}},
		"a configuration with rules":      {[]string{"inline.yml"}, "", 1, []string{`DIR/inline.yml:7: error: there is no key "rules" here; use one of admin_token, admin_token_file, alertmanagers, canary, destinations, events, heartbeats, influxdb, inhibit_rules, microsoft, resolve_timeout, route, rule_files, runtime_destinations, storage, subscriptions, template_files, time_intervals`}},
		"Telegraf's configuration":        {[]string{"teams.conf"}, "", 1, []string{"DIR/teams.conf:3: error: this is a configuration of Telegraf, which its plugin checks; run telegraf-output-teams -check -config DIR/teams.conf"}},
		"Telegraf's, of Notepad":          {[]string{"bom.conf"}, "", 1, []string{"DIR/bom.conf:1: error: this is a configuration of Telegraf, which its plugin checks; run telegraf-output-teams -check -config DIR/bom.conf"}},
		"Telegraf's, without our section": {[]string{"telegraf.conf"}, "", 1, []string{"DIR/telegraf.conf:3: error: this is a configuration of Telegraf, which its plugin checks; run telegraf-output-teams -check -config with the file that has the section [[outputs.teams]]"}},
		"tests, which are not run":        {[]string{"wrong_test.yml"}, "", 0, []string{"DIR/wrong_test.yml: OK"}},
		"tests of another name":           {[]string{"proofs.yml"}, "", 0, []string{"DIR/proofs.yml: OK"}},
		"a test that proves nothing":      {[]string{"late_test.yml"}, "", 1, []string{"DIR/late_test.yml:2: error: the test expects nothing, so it proves nothing; add expect: [{at: 5m, alerts: […]}]"}},
		"tests that are only begun":       {[]string{"begun_test.yml"}, "", 1, []string{"DIR/begun_test.yml:1: error: there is no test; add tests: with a name, an input and what to expect"}},
		"a test of rules that are not":    {[]string{"mistaken_test.yml"}, "", 1, []string{`DIR/mistaken_test.yml:1: error: there is no file "cold.yml"; correct it; paths are relative to this file`}},
		"what is doubted in rules and met again in their tests": {[]string{"doubt_test.yml", "doubt.yml"}, "", 0, []string{
			`DIR/doubt.yml:1: warning: when: column 1: "usage-idle" is one name minus another; write field("usage-idle") if it is one name, or spaces around - if it is a difference`,
			"DIR/doubt.yml: OK", "DIR/doubt_test.yml: OK"}},
		"a pattern, as cmd.exe hands it on": {[]string{"h*.yml", "hot.yml"}, "", 0, []string{"DIR/hot.yml: OK"}},
		"a file that is not there":          {[]string{"nothere.yml"}, "", 1, []string{"DIR/nothere.yml:1: error: the file cannot be read: no such file or directory; check the name and that this user may read it"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"check-config"}
			for _, arg := range c.args {
				args = append(args, at(arg))
			}
			got := sayWith(t, c.in, args...)
			require.Equal(t, c.code, got.code, got.out+got.err)
			require.Empty(t, got.err)
			out := filepath.ToSlash(strings.ReplaceAll(got.out, dir, "DIR"))
			require.Equal(t, strings.Join(c.out, "\n")+"\n", out)
		})
	}
	got := say(t, "check-config", at("si*.yml"))
	require.Equal(t, 1, got.code, "a pattern that no file matches is a slip of the pen")
	require.Contains(t, got.err, "no file matches")
}

// Who gives rules to test-rules takes them for tests, and must learn what a
// test is.
func TestTestRulesKnowsARuleFile(t *testing.T) {
	hot := filepath.Join(ruleTests(t), "hot.yml")
	got := say(t, "test-rules", hot)
	require.Equal(t, 1, got.code)
	require.Contains(t, got.out, hot+":1: error: this is a file of rules, and no file of tests; name one with rule_files: [hot.yml] and tests: in it")
}
