package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// telegrafProgram is a real Telegraf, of the version that our go.mod names,
// with the plugins that the test needs.
var telegrafProgram = foreign{
	name: "Telegraf", module: "github.com/influxdata/telegraf", pkg: "./cmd/telegraf",
	tags: "custom,inputs.file,outputs.execd,outputs.discard,parsers.influx,serializers.influx",
}.builder()

// temperatures are the founding example: a datacenter's racks.
const temperatures = `
groups:
  - name: datacenter
    rules:
      - alert: DatacenterTemperature
        measurement: temperature
        by: [rack]
        levels:
          - {severity: critical, when: temp_c > 32, clear: temp_c < 30}
          - {severity: warning, when: temp_c > 27, clear: temp_c < 25}
        annotations:
          summary: '{{ $labels.rack }} is at {{ printf "%.1f" $value }} °C'
`

// agent is a Telegraf that reads what it measures from a file, with our
// program as its output.
type agent struct {
	*process
	t       *testing.T
	program string
	dir     string
}

// startAgent starts a Telegraf whose state is in dir. options are lines of the
// section outputs.teams.
func startAgent(t *testing.T, dir string, rules string, options ...string) *agent {
	t.Helper()
	a := &agent{t: t, program: telegrafProgram(t), dir: dir}
	a.measure()
	section := writeOutput(t, dir, rules, options...)
	a.write("telegraf.conf", fmt.Sprintf(`
[agent]
  interval = "100ms"
  flush_interval = "100ms"
  omit_hostname = true
[[inputs.file]]
  files = [%q]
  data_format = "influx"
[[outputs.execd]]
  command = [%q, "-config", %q]
  use_batch_format = true
  restart_delay = "1s"
  data_format = "influx"
`, filepath.Join(dir, "measured"), outputProgram(t), section))
	a.begin(listen(t))
	return a
}

func (a *agent) begin(said *said) {
	a.t.Helper()
	a.process = run(a.t, said, a.program, "--config", filepath.Join(a.dir, "telegraf.conf"))
}

// again starts Telegraf after it has ended.
func (a *agent) again() {
	a.t.Helper()
	a.begin(a.said)
}

func (a *agent) write(name, text string) {
	a.t.Helper()
	file := filepath.Join(a.dir, name)
	require.NoError(a.t, os.WriteFile(file+".new", []byte(text), 0o600))
	require.NoError(a.t, os.Rename(file+".new", file), "Telegraf must not read half of it")
}

// measure is what is measured from now on, by rack.
func (a *agent) measure(temperatures ...string) {
	a.t.Helper()
	var text strings.Builder
	for _, t := range temperatures {
		rack, value, _ := strings.Cut(t, "=")
		fmt.Fprintf(&text, "temperature,rack=%s temp_c=%s\n", rack, value)
	}
	text.WriteString("unrelated v=1\n") // a file without metrics would be an error
	a.write("measured", text.String())
}

// attempts waits until a webhook has had n attempts to tell it something.
func attempts(t *testing.T, teams *teamstest.Server, webhook string, n int) {
	t.Helper()
	eventually(t, patience, fmt.Sprintf("%d attempts to tell %s", n, webhook), func() bool { return len(teams.Messages(webhook)) >= n })
}

// summaries are the first words of what people saw, in order.
func summaries(messages []teamstest.Message) (all []string) {
	for _, m := range messages {
		all = append(all, m.Summary)
	}
	return all
}

func TestTelegrafTellsTeamsAndIsRestarted(t *testing.T) {
	telegrafProgram(t)
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{})
	a := startAgent(t, t.TempDir(), temperatures,
		fmt.Sprintf("webhook_url = %q", url+"/workflow/ops"), `state_file = "teams.db"`, `group_by = ["rack"]`, `group_wait = "1s"`)

	a.measure("r1=33.3", "r2=20")
	require.Contains(t, cards(t, teams, "ops", 1)[0].Summary, "r1 is at 33.3 °C")

	// Decided and not told when Telegraf stops: Teams is not to be had.
	teams.Fault("ops", teamstest.Fault{Status: http.StatusServiceUnavailable, Times: -1})
	a.measure("r1=33.3", "r2=28.1")
	attempts(t, teams, "ops", 2)
	require.Zero(t, a.stop())
	require.Contains(t, a.said.all(), "metrics evaluated", "our program has come to its end by itself: Telegraf kills what has not ended in time")
	teams.ClearFaults()

	a.again()
	second := cards(t, teams, "ops", 2)[1]
	require.Contains(t, second.Summary, "r2 is at 28.1 °C", "what was decided before the restart is told after it")
	a.measure("r1=20", "r2=20")
	shown := cards(t, teams, "ops", 4)
	for _, m := range shown[2:] {
		require.Contains(t, strings.ToLower(m.Summary), "resolved")
	}
	require.Zero(t, a.stop())
	require.Len(t, teams.Shown("ops"), 4, "nothing is told twice: %q", summaries(teams.Shown("ops")))
	require.NotContains(t, a.said.all(), "/workflow/ops", "the webhook's URL is a secret")
}

func TestTelegrafLogsWhatWeSay(t *testing.T) {
	telegrafProgram(t)
	t.Parallel()
	a := startAgent(t, t.TempDir(), temperatures, `webhook_url = "http://127.0.0.1:9/workflow/nobody"`, `state_file = "teams.db"`)
	eventually(t, patience, "our words are in Telegraf's log", func() bool {
		return regexp.MustCompile(`I! \[outputs\.execd\] I! Taking metrics`).MatchString(a.said.all())
	})
	a.measure("r1=33")
	eventually(t, patience, "a warning is an error there", func() bool {
		return regexp.MustCompile(`E! \[outputs\.execd\] stderr: W! .*destination=teams`).MatchString(a.said.all())
	})
	require.Zero(t, a.stop())
}

// TestTelegrafAndAReceiver: the agent evaluates, a receiver tells. The receiver
// is away when an alert begins and ends, and both sides are restarted.
func TestTelegrafAndAReceiver(t *testing.T) {
	telegrafProgram(t)
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{})
	address := freePort(t)
	receiver := serveAt(t, address, "storage: {url: 'sqlite:teamsrelay.db'}\ndestinations:\n"+
		destination("ops", url+"/workflow/ops", fast)+
		"route: {destinations: [ops], group_by: [rack], group_wait: 0s, group_interval: 1s}\n")
	a := startAgent(t, t.TempDir(), temperatures, fmt.Sprintf("relay_url = %q", "http://"+address), `state_file = "teams.db"`)

	a.measure("r1=33.3")
	require.Contains(t, cards(t, teams, "ops", 1)[0].Summary, "r1 is at 33.3 °C")
	require.Zero(t, receiver.stop())

	a.measure("r1=33.3", "r2=28.1")
	eventually(t, patience, "the agent says that nobody is there", func() bool {
		return strings.Contains(a.said.all(), "cannot be handed on")
	})
	a.measure("r1=33.3", "r2=20")
	require.Zero(t, a.stop())
	a.again()
	receiver.again()

	shown := cards(t, teams, "ops", 2)
	require.Contains(t, strings.Join(summaries(shown[1:]), "\n"), "r2", "it began and ended while nobody was there, and is told")
	a.measure("r1=20", "r2=20")
	eventually(t, patience, "all is told to be over", func() bool {
		return strings.Count(strings.ToLower(strings.Join(summaries(teams.Shown("ops")), "\n")), "resolved") >= 2
	})
	firing := 0
	for _, m := range teams.Shown("ops") {
		if strings.Contains(m.Summary, "firing") {
			firing++
		}
	}
	require.LessOrEqual(t, firing, 2, "nothing is told twice: %q", summaries(teams.Shown("ops")))
}

// serveAt serves as a receiver on an address that stays the same.
func serveAt(t *testing.T, address, config string) *fixedRelay {
	t.Helper()
	r := &fixedRelay{t: t, file: filepath.Join(t.TempDir(), "teamsrelay.yml"), bin: program(t), at: address}
	require.NoError(t, os.WriteFile(r.file, []byte(config), 0o600))
	r.begin(listen(t))
	return r
}

// fixedRelay is a receiver whose address stays the same when it is started
// again.
type fixedRelay struct {
	*process
	t             *testing.T
	file, bin, at string
}

func (r *fixedRelay) begin(said *said) {
	r.process = run(r.t, said, r.bin, "serve", "--config.file="+r.file, "--web.listen-address="+r.at)
	r.address()
}

func (r *fixedRelay) again() {
	r.said.next()
	r.begin(r.said)
}
