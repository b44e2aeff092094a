package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// result is what a command left behind.
type result struct {
	code     int
	out, err string
}

// say runs a command with nothing on standard input.
func say(t *testing.T, args ...string) result { return sayWith(t, "", args...) }

func sayWith(t *testing.T, in string, args ...string) result {
	t.Helper()
	var out, errOut bytes.Buffer
	code := run(t.Context(), args, strings.NewReader(in), &out, &errOut)
	return result{code, out.String(), errOut.String()}
}

// write makes a file in a directory of the test's own.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

const good = `
storage: {url: "sqlite:relay.db"}
destinations:
  - name: ops
    workflow: {url: "http://127.0.0.1:9/workflow/ops"}
route: {destinations: [ops]}
`

func TestWhatIsWrongWithTheArgumentsIsSaidInWords(t *testing.T) {
	for name, c := range map[string]struct {
		args string
		err  []string
	}{
		"a command that there is not":         {"srve", []string{`"srve"`, "see teamsrelay --help"}},
		"a flag that there is not":            {"serve --confg.file=x", []string{"--confg.file", "see teamsrelay serve --help"}},
		"no destination":                      {"send-test", []string{"destination", "see teamsrelay send-test --help"}},
		"an id that is no number":             {"deliveries show x", []string{`"x" is not a number`, "see teamsrelay deliveries show --help"}},
		"a state that there is not":           {"deliveries list --state=lost", []string{"interrupted", "lost"}},
		"a time that is none":                 {"deliveries list --since=yesterday", []string{`"yesterday"`, "see teamsrelay deliveries list --help"}},
		"dead letters without numbers":        {"dead-letters replay", []string{"--all"}},
		"a URL that is none":                  {"deliveries list --relay.url=localhost", []string{"--relay.url", "http://127.0.0.1:9097"}},
		"a URL of another kind":               {"deliveries list --relay.url=ftp://localhost", []string{"--relay.url"}},
		"a receiver that is not there":        {"deliveries list --relay.url=http://127.0.0.1:1", []string{"no receiver answers at 127.0.0.1:1", "teamsrelay serve"}},
		"an HTTP file that is not there":      {"deliveries list --http.config.file=nothere.yml", []string{"--http.config.file", "nothere.yml"}},
		"a token file that is not there":      {"send-test ops --admin-token-file=nothere", []string{"admin token", "nothere"}},
		"a card that there is not":            {"render --card=rack", []string{`no card "rack"`, "use one of alert", "--config.file"}},
		"a payload that is not there":         {"render --data=nothere.json", []string{"payload", "nothere.json"}},
		"a configuration that is not":         {"serve --config.file=nothere.yml", []string{"nothere.yml:1: error: ", "check the name"}},
		"templates of no configuration":       {"render --config.file=nothere.yml", []string{"nothere.yml:1: error: "}},
		"a place to listen that is none":      {"simulate --listen-address=nowhere", []string{"nowhere", "--listen-address must be HOST:PORT"}},
		"a level of logging that is not":      {"serve --log.level=loud", []string{"loud", "see teamsrelay serve --help"}},
		"a format of lists that there is not": {"deliveries list -o xml", []string{"table", "xml"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := say(t, strings.Fields(c.args)...)
			require.Equal(t, 1, got.code, "a script must see that it failed")
			require.Empty(t, got.out, "what is wrong is no output")
			for _, want := range c.err {
				require.Contains(t, got.err, want)
			}
			require.Equal(t, 1, strings.Count(got.err, "\n"), "one mistake is one line: %s", got.err)
			require.NotContains(t, got.err, "strconv", "people do not know Go's parsers")
		})
	}
}

// A command that does its work although it was only asked for help drops dead
// letters or starts servers at those who want to learn.
func TestHelpOnlyHelps(t *testing.T) {
	asked := newRemote(t)
	for _, command := range []string{
		"", "serve", "check-config", "render", "send-test", "send-test ops", "deliveries", "deliveries list", "deliveries show 1", "destinations",
		"dead-letters", "dead-letters list", "dead-letters replay --all", "dead-letters drop 1", "simulate",
	} {
		t.Run("teamsrelay "+command, func(t *testing.T) {
			t.Setenv("TEAMSRELAY_URL", asked.URL)
			got := say(t, append(strings.Fields(command), "--help")...)
			require.Zero(t, got.code)
			require.Empty(t, got.err)
			require.Equal(t, 1, strings.Count(got.out, "usage: teamsrelay"), "help is said once")
			require.Empty(t, asked.requests, "help is not a request")
		})
	}
	require.Contains(t, say(t, "simulate", "--help").out, `"retry_after"`, "help teaches by example")
	require.Equal(t, 1, strings.Count(say(t, "--version").out, "teamsrelay, version"))
}

func TestCheckConfigTellsMistakesByLine(t *testing.T) {
	t.Setenv("TEAMSRELAY_TEST_URL", "https://prod-1.westeurope.logic.azure.com/workflows/x?sig=geheim")
	fine, wrong := write(t, "good.yml", good), write(t, "wrong.yml", strings.Replace(good, "[ops]", "[opps]", 1))
	secret := write(t, "secret.yml", strings.Replace(good, "http://127.0.0.1:9/workflow/ops", "${TEAMSRELAY_TEST_URL}", 1)+"strange: 1\n")
	withCard := func(name, text string) string {
		templates := write(t, name+".tmpl", "{{ define \"rack\" }}\n{\"type\": \"AdaptiveCard\", \"version\": \"1.5\", \"body\": [\n{\"type\": \"TextBlock\", \"text\": \""+text+"\"}]}{{ end }}")
		return write(t, name+".yml", good+"template_files: ["+templates+"]\n")
	}
	const goodRules = "groups:\n- name: dc\n  rules:\n  - alert: Hot\n    measurement: temperature\n    when: temp_c > 27\n"
	rules := write(t, "rules.yml", goodRules)
	wrongRules := write(t, "wrong-rules.yml", "groups:\n- name: other\n  intervall: 5s\n  rules:\n  - {alert: Cold, measurement: temperature, when: temp_c + 5}\n")
	for name, c := range map[string]struct {
		args []string
		in   string
		code int
		out  []string
	}{
		"a good one":                    {[]string{fine}, "", 0, []string{fine + ": OK\n"}},
		"a good one on standard input":  {nil, good, 0, []string{"<stdin>: OK\n"}},
		"a wrong one":                   {[]string{wrong}, "", 1, []string{wrong + ":6: error: ", `"opps"`}},
		"a wrong one beside a good one": {[]string{fine, wrong}, "", 1, []string{fine + ": OK\n", wrong + ":6: error: "}},
		"rules":                         {[]string{rules}, "", 0, []string{rules + ": OK\n"}},
		"rules with mistakes, each with its line, beside good ones": {[]string{rules, wrongRules}, "", 1,
			[]string{rules + ": OK\n", wrongRules + ":3: error: ", wrongRules + ":5: error: "}},
		"the same alert in two files":            {[]string{rules, write(t, "again.yml", goodRules)}, "", 1, []string{"again.yml:4: error: "}},
		"a card that fails when one alert fires": {[]string{withCard("broken", `{{ (index .Alerts 1).Status }}`)}, "", 1, []string{"broken.tmpl:3: error: "}},
		"a card that asks for what only some events have": {[]string{withCard("doubtful", `{{ .Event.incident.title }}`)}, "", 0,
			[]string{"doubtful.tmpl:3: warning: ", "doubtful.yml: OK"}},
		"nothing on standard input":         {nil, "", 1, []string{"<stdin>:1: error: the file is empty"}},
		"one with a secret and a wrong key": {[]string{secret}, "", 1, []string{`"strange"`}},
	} {
		t.Run(name, func(t *testing.T) {
			got := sayWith(t, c.in, append([]string{"check-config"}, c.args...)...)
			require.Equal(t, c.code, got.code, got.out+got.err)
			require.Empty(t, got.err, "the mistakes are the output")
			for _, want := range c.out {
				require.Contains(t, got.out, want)
			}
			require.NotContains(t, got.out, "geheim")
		})
	}
}

func TestServePrintsMistakesAsCheckConfigDoes(t *testing.T) {
	wrong := write(t, "wrong.yml", strings.Replace(good, "[ops]", "[opps]", 1))
	got := say(t, "serve", "--config.file="+wrong)
	require.Equal(t, 1, got.code)
	require.Equal(t, say(t, "check-config", wrong).out, got.err, "editors jump to FILE:LINE only at the start of a line")
}

func TestAStopIsNotAFailure(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, args := range [][]string{
		{"simulate", "--listen-address=127.0.0.1:0"},
		{"serve", "--web.listen-address=127.0.0.1:0", "--config.file=" + write(t, "good.yml", good)},
	} {
		var out, errOut bytes.Buffer
		require.Zero(t, run(ctx, args, strings.NewReader(""), &out, &errOut), "systemd would call it failed: %s", errOut.String())
	}
}

// Who presses Ctrl-C, and systemd and Kubernetes who send SIGTERM, must not
// wait for a template or a body that does not come to an end.
func TestCommandsThatOnlyReadEndAtOnce(t *testing.T) {
	const variable = "TEAMSRELAY_TEST_ARGUMENTS"
	if args := os.Getenv(variable); args != "" {
		os.Args = strings.Fields("teamsrelay " + args)
		main()
	}
	for _, args := range []string{"check-config", "render --data=-"} {
		t.Run(args, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestCommandsThatOnlyReadEndAtOnce$")
			cmd.Env = append(os.Environ(), variable+"="+args)
			in, err := cmd.StdinPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			_, err = in.Write(make([]byte, 256<<10)) // more than a pipe holds: it has begun to read
			require.NoError(t, err)
			require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
			require.Error(t, cmd.Wait())
			require.NoError(t, ctx.Err(), "it went on reading")
		})
	}
}
