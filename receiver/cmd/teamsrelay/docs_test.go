package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kingpin/v2"
	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/teamsrelay/teamsrelay/receiver/app"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/vault"
)

// pages are what people read beside the samples. Those of the plugin, of rules,
// of templates and of events are tested where these are.
var pages = []string{
	"README.md", "alertmanager.md", "influxdb.md", "qlik.md", "operation.md", "security.md", "upgrade.md", "deploy/README.md", watching, front,
}

// front is the README of the project.
const front = "../README.md"

// watching is the page about watchdogs and metrics. It speaks of a channel of the
// bot, and has pieces of other programs' files.
const watching = "monitoring/README.md"

// guide is the page that goes through Microsoft's portals. Its pieces of YAML
// need the ids that the reader has by then, and a whole configuration of them
// is in the same directory, so its commands are tested here and no more.
const guide = "bot/README.md"

// others are the programs that the pages call and that these tests do not have.
// What they are told to do nobody proves but a reader, so there are to be few.
var others = []string{
	"Get-WinEvent", "az", "cp", "createdb", "createuser", "docker", "dpkg", "icacls", "install", "kubectl", "make", "openssl",
	"pg_dump", "pg_restore", "powershell", "psql", "rm", "skopeo", "sqlite3", "systemctl",
}

const samples = "../../../sample-configs"

// A sample is a fenced block of a page, without the indentation of a list.
type sample struct{ page, language, text string }

var fence = regexp.MustCompile("(?ms)^( *)```(\\w*)\n(.*?)^ *```$")

func samplesOf(t *testing.T, page string) (found []sample) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(samples, page))
	require.NoError(t, err)
	for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
		var plain strings.Builder
		for line := range strings.Lines(m[3]) {
			plain.WriteString(strings.TrimPrefix(line, m[1]))
		}
		found = append(found, sample{page, m[2], plain.String()})
	}
	return found
}

// base is a configuration that the pieces on the pages are put into.
const base = `
storage: {url: "sqlite:teamsrelay.db"}
destinations:
  - name: ops
    workflow: {url_file: ops.url}
route: {destinations: [ops]}
influxdb:
  - {name: dc, url: "http://127.0.0.1:8086", org: ops}
  - {name: old, url: "http://127.0.0.1:8087", database: telegraf}
events:
  - {name: butler, preset: butler}
`

// ownNames puts names of this test's into the samples of the front page, which
// leaves ids out and names files where an installation has them.
var ownNames = strings.NewReplacer("_id: …", "_id: 11111111-2222-3333-4444-555555555555", "19:…@", "19:aaaa@", "/etc/teamsrelay/", "", "/var/lib/teamsrelay/", "")

// watched is base with the destinations of the page watching.
var watched = strings.Replace(base, "route:", `
  - name: facilities
    workflow: {url_file: web.url}
  - name: sre
    channel: {team_id: 11111111-2222-3333-4444-555555555555, channel_id: "19:aaaa@thread.tacv2"}
microsoft: {insecure_local: true, app_id: local}
route:`, 1)

// site is a directory with all that the samples name.
func site(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	files := map[string]string{"encryption.key": vault.NewKey(), "teamsrelay.yml": base}
	for _, name := range []string{"ops.url", "web.url"} {
		files[name] = "http://127.0.0.1:9/workflow/ops"
	}
	for _, name := range []string{"influxdb.token", "dc.token", "admin.token", "database.password", "qlik.secret", "jira.secret", "bot.secret"} {
		files[name] = "let-me-in"
	}
	server := httptest.NewTLSServer(nil)
	server.Close()
	certificate := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	require.NoError(t, err)
	files["relay.crt"] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}))
	files["relay.key"] = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "rules"), 0o700))
	return dir
}

// TestEveryYAMLOnThePagesLoads: what somebody copies must not be where their
// first hour goes.
func TestEveryYAMLOnThePagesLoads(t *testing.T) {
	checked := 0
	for _, page := range pages {
		dir := site(t)
		blocks := samplesOf(t, page)
		for i, b := range blocks {
			if b.language == "yaml" && strings.HasPrefix(b.text, "groups:") {
				_, problems := rules.Parse([]rules.File{{Name: page, Data: []byte(b.text)}})
				require.Empty(t, problems.Error(), b.text)
				require.NoError(t, os.WriteFile(filepath.Join(dir, "rules", fmt.Sprintf("%d.yml", i)), []byte(b.text), 0o600))
			}
		}
		for _, b := range blocks {
			if b.language == "yaml" {
				checked++
				loads(t, dir, b)
			}
		}
	}
	require.GreaterOrEqual(t, checked, 34, "the blocks are not found any more")
}

// loads takes a block for what its keys say that it is.
func loads(t *testing.T, dir string, b sample) {
	t.Helper()
	if b.page == watching && regexp.MustCompile(`^(routes:|- )`).MatchString(b.text) {
		isTheirs(t, b)
		return
	}
	if b.page == front {
		b.text = ownNames.Replace(b.text)
	}
	var keys map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(b.text), &keys), b.text)
	has := func(name string) bool { _, has := keys[name]; return has }
	switch {
	case has("groups"): // read already
	case has("tests"): // of the rules on the page
		keys["rule_files"] = []string{"*.yml"}
		text, err := yaml.Marshal(keys)
		require.NoError(t, err)
		file := filepath.Join(dir, "rules", "page_test.yml")
		require.NoError(t, os.WriteFile(file, text, 0o600))
		var out, errOut strings.Builder
		require.Equal(t, 0, run(t.Context(), []string{"test-rules", file}, strings.NewReader(""), &out, &errOut), "%s: %s%s\n%s", b.page, out.String(), errOut.String(), b.text)
	case has("receivers"), has("alerting"), has("webhooks"): // other programs', which have to know where we are
		for _, path := range regexp.MustCompile(`https?://[^/\s]+(/\S*)`).FindAllStringSubmatch(b.text, -1) {
			require.Contains(t, []string{"/alertmanager", "/events/butler"}, path[1], b.page)
		}
		require.Contains(t, b.text, ":9097", b.page)
	case has("tls_server_config"):
		file := filepath.Join(dir, "web.yml")
		require.NoError(t, os.WriteFile(file, []byte(b.text), 0o600))
		require.NoError(t, toolkit.Validate(file), b.page)
	default:
		var all map[string]any
		around := base
		if b.page == watching || b.page == front {
			around = watched
		}
		require.NoError(t, yaml.Unmarshal([]byte(around), &all))
		if b.page == front && has("destinations") && !has("route") {
			all["route"] = map[string]any{"destinations": []string{"sre"}}
		}
		maps.Copy(all, keys)
		text, err := yaml.Marshal(all)
		require.NoError(t, err)
		file := filepath.Join(dir, "piece.yml")
		require.NoError(t, os.WriteFile(file, text, 0o600))
		var out, errOut strings.Builder
		require.Equal(t, 0, run(t.Context(), []string{"check-config", file}, strings.NewReader(""), &out, &errOut), "%s: %s%s\n%s", b.page, out.String(), errOut.String(), b.text)
	}
}

// isTheirs proves a piece for Alertmanager or Prometheus: routes are those of the
// file beside the page, and what always fires is called as the heartbeats want it.
func isTheirs(t *testing.T, b sample) {
	t.Helper()
	var pieces []map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(strings.TrimPrefix(b.text, "routes:\n")), &pieces), b.text)
	require.Len(t, pieces, 1, b.text)
	if name, is := pieces[0]["alert"]; is {
		require.Equal(t, "Watchdog", name, "the heartbeats of the page are called so")
		return
	}
	var file struct {
		Route struct{ Routes []map[string]any }
	}
	require.NoError(t, yaml.Unmarshal([]byte(sampleText(t, "monitoring/alertmanager.yml")), &file))
	require.Contains(t, file.Route.Routes, pieces[0])
}

// words splits a line as a shell does, as far as the pages need it.
func words(line string) (all []string) {
	var word strings.Builder
	open, quote := false, rune(0)
	end := func() {
		if open {
			all = append(all, word.String())
		}
		word.Reset()
		open = false
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, open = r, true
		case r == ' ':
			end()
		case r == '#' && !open:
			return all
		default:
			open = true
			word.WriteRune(r)
		}
	}
	end()
	return all
}

// calls are the commands of a block, one a program, each of a pipe too: what
// stands around them (sudo, a subshell with a umask, where input comes from) is
// taken away.
func calls(text string) (all [][]string) {
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "(umask 077; "); ok {
			line = strings.TrimSuffix(rest, ")")
		}
		for _, part := range regexp.MustCompile(`; |&& |\| `).Split(line, -1) {
			call := words(part)
			for i, word := range call {
				if word == "<" || word == ">" {
					call = call[:i]
					break
				}
			}
			for len(call) > 1 && call[0] == "sudo" {
				call = call[1:]
				if call[0] == "-u" {
					call = call[2:]
				}
			}
			if at := slices.Index(call, "/usr/bin/teamsrelay"); at > 0 { // inside a container
				all = append(all, call[:at])
				call = call[at:]
			}
			if len(call) > 0 {
				all = append(all, call)
			}
		}
	}
	return all
}

// errUnderstood ends a parse before the command does anything.
var errUnderstood = errors.New("understood")

// understood says whether the program takes these arguments, without doing
// what they say.
func understood(args []string) error {
	k := kingpin.New("teamsrelay", "")
	k.Flag("log.level", "").String()
	k.Flag("log.format", "").String()
	for _, add := range commands {
		add(k, &program{})
	}
	k.Action(func(*kingpin.ParseContext) error { return errUnderstood }) // comes before the command's
	_, err := k.Parse(args)
	if errors.Is(err, errUnderstood) {
		return nil
	}
	return fmt.Errorf("not understood: %w", err)
}

// TestEveryCommandOnThePagesIsUnderstood: ours with their flags, those of curl
// by a receiver.
func TestEveryCommandOnThePagesIsUnderstood(t *testing.T) {
	receiver := aReceiver(t)
	ours, asked := 0, 0
	called := map[string]bool{}
	untested := map[string]int{}
	for _, page := range append(slices.Clone(pages), guide) {
		for _, b := range samplesOf(t, page) {
			switch b.language {
			case "sh", "powershell":
			case "console": // with what is printed; commands begin with $
				b.text = strings.Join(regexp.MustCompile(`(?m)^\$ (.+)$`).FindAllString(b.text, -1), "\n")
				b.text = strings.ReplaceAll(b.text, "$ ", "")
			case "yaml":
				continue
			default:
				untested[page+": "+b.language]++
				continue
			}
			for _, call := range calls(b.text) {
				switch name := strings.TrimSuffix(filepath.Base(call[0]), ".exe"); name {
				case "teamsrelay":
					ours++
					require.NoError(t, understood(call[1:]), "%s: %s", page, strings.Join(call, " "))
				case "curl":
					asked++
					ask(t, receiver, call[1:])
				default:
					called[name] = true
				}
			}
		}
		text, err := os.ReadFile(filepath.Join(samples, page))
		require.NoError(t, err)
		for _, m := range regexp.MustCompile("`(teamsrelay [a-z][^`]*|curl [^`]*)`").FindAllStringSubmatch(string(text), -1) {
			call := words(m[1])
			if call[0] == "curl" {
				ask(t, receiver, call[1:])
				continue
			}
			ours++
			require.NoError(t, understood(call[1:]), "%s: %s", page, m[1])
		}
	}
	require.Equal(t, map[string]int{guide + ": nginx": 1, guide + ": text": 2}, untested, "blocks that nobody tests")
	require.ElementsMatch(t, others, slices.Collect(maps.Keys(called)))
	require.GreaterOrEqual(t, ours, 30, "the commands are not found any more")
	require.GreaterOrEqual(t, asked, 4, "the requests are not found any more")
}

// TestEveryCommandOfARunbookIsUnderstood: who is woken by an alert copies them.
func TestEveryCommandOfARunbookIsUnderstood(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(samples, "monitoring", "teamsrelay-rules.yml"))
	require.NoError(t, err)
	ours := 0
	for _, m := range regexp.MustCompile(`(?m)^ +runbook: "(.*)"$`).FindAllStringSubmatch(string(text), -1) {
		line := regexp.MustCompile(`{{[^}]*}}`).ReplaceAllString(m[1], "ops")
		for _, call := range regexp.MustCompile(`(?:^|; |: )teamsrelay ([a-z][^;|]*)`).FindAllStringSubmatch(line, -1) {
			ours++
			require.NoError(t, understood(words(strings.TrimSpace(call[1]))), m[1])
		}
	}
	require.GreaterOrEqual(t, ours, 16, "the commands are not found any more")
}

// TestACommandThatIsNotThereIsSeen proves that the test above can fail.
func TestACommandThatIsNotThereIsSeen(t *testing.T) {
	for _, line := range []string{"teamsrelay replay 7", "teamsrelay send-test", "teamsrelay deliveries list --age=1h"} {
		require.Error(t, understood(calls(line)[0][1:]), line)
	}
	require.Equal(t, [][]string{{"kubectl", "exec", "deploy/teamsrelay", "--"}, {"/usr/bin/teamsrelay", "send-test", "ops"}}, calls("sudo kubectl exec deploy/teamsrelay -- /usr/bin/teamsrelay send-test ops   # a card"))
	require.Equal(t, [][]string{{"teamsrelay", "destinations", "key"}, {"openssl", "rand"}}, calls("(umask 077; teamsrelay destinations key > a.key; openssl rand > b)"))
	require.Equal(t, [][]string{{"teamsrelay", "destinations", "key"}, {"install", "/dev/stdin", "a.key"}}, calls("teamsrelay destinations key | sudo install /dev/stdin a.key"))
}

// aReceiver is the address of a receiver that runs with base.
func aReceiver(t *testing.T) string {
	t.Helper()
	addresses, socket, web := []string{"127.0.0.1:0"}, false, ""
	listening := make(chan string, 1)
	a, err := app.New(app.Options{
		ConfigFile: filepath.Join(site(t), "teamsrelay.yml"), Logger: slog.New(slog.DiscardHandler),
		Web:       &toolkit.FlagConfig{WebListenAddresses: &addresses, WebSystemdSocket: &socket, WebConfigFile: &web},
		Listening: func(at []net.Addr) { listening <- at[0].String() },
	})
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- a.Run(t.Context()) }()
	t.Cleanup(func() { require.NoError(t, <-done) }) // t's context has ended by then
	select {
	case address := <-listening:
		return address
	case err := <-done:
		done <- nil // for the cleanup
		t.Fatal(err)
		return ""
	}
}

// ask does what curl would: -X, -d, -H and a URL on the address that serve has by
// itself.
func ask(t *testing.T, receiver string, args []string) {
	t.Helper()
	method, body, header, target := http.MethodGet, "", http.Header{}, ""
	for len(args) > 0 {
		switch args[0] {
		case "-X":
			method, args = args[1], args[2:]
		case "-d":
			method, body = http.MethodPost, args[1]
			args = args[2:]
		case "-H":
			name, value, _ := strings.Cut(args[1], ": ")
			header.Set(name, value)
			args = args[2:]
		default:
			target, args = args[0], args[1:]
		}
	}
	u, err := url.Parse(target)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:9097", u.Host)
	u.Host = receiver
	request, err := http.NewRequestWithContext(t.Context(), method, u.String(), strings.NewReader(body))
	require.NoError(t, err)
	request.Header = header
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, "%s: %s", target, answer)
}

// TestLinksOnThePagesLeadSomewhere, to a file and to a heading in it.
func TestLinksOnThePagesLeadSomewhere(t *testing.T) {
	for _, page := range pages {
		text, err := os.ReadFile(filepath.Join(samples, page))
		require.NoError(t, err)
		for _, link := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			file, anchor, _ := strings.Cut(link[1], "#")
			at := filepath.Join(samples, page)
			if file != "" {
				at = filepath.Join(samples, filepath.Dir(page), file)
			}
			require.FileExists(t, orInside(at), "%s: %s", page, link[1])
			if anchor == "" {
				continue
			}
			target, err := os.ReadFile(at)
			require.NoError(t, err)
			heading := `(?m)^#+ ` + strings.ReplaceAll(regexp.QuoteMeta(anchor), "-", `\W+`) + `\W*$`
			require.Regexp(t, heading, strings.ToLower(string(target)), "%s: %s", page, link[1])
		}
	}
}

// orInside is a file, or the first in a directory.
func orInside(name string) string {
	if entries, err := os.ReadDir(name); err == nil && len(entries) > 0 {
		return filepath.Join(name, entries[0].Name())
	}
	return name
}
