package e2e

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

var (
	buildOutput      = build("telegraf-output-teams", "../../plugins/outputs/teams/cmd/telegraf-output-teams")
	buildRacedOutput = buildWatched("telegraf-output-teams", "../../plugins/outputs/teams/cmd/telegraf-output-teams")
)

// outputProgram is the built telegraf-output-teams, with the race detector if
// the tests have it.
func outputProgram(t *testing.T) string {
	t.Helper()
	if !raceDetector {
		return plainOutputProgram(t)
	}
	path, err := buildRacedOutput()
	require.NoError(t, err)
	return path
}

// plainOutputProgram is the program as users have it.
func plainOutputProgram(t *testing.T) string {
	t.Helper()
	path, err := buildOutput()
	require.NoError(t, err)
	return path
}

// writeOutput writes a section with its rules into dir and returns its file.
func writeOutput(t *testing.T, dir, rules string, options ...string) string {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "rules.yml"), []byte(rules), 0o600))
	section := "[[outputs.teams]]\n  rule_files = [\"rules.yml\"]\n"
	for _, o := range options {
		section += "  " + o + "\n"
	}
	file := filepath.Join(dir, "teams.conf")
	require.NoError(t, os.WriteFile(file, []byte(section), 0o600))
	return file
}

// output is a telegraf-output-teams with a pipe for stdin.
type output struct {
	*process
	t       *testing.T
	program string
	file    string
	stdin   io.WriteCloser
	from    int // where its words begin
}

func startOutput(t *testing.T, program, dir, rules string, options ...string) *output {
	t.Helper()
	o := &output{t: t, program: program, file: writeOutput(t, dir, rules, options...)}
	o.begin(listen(t))
	return o
}

func (o *output) begin(said *said) {
	o.t.Helper()
	o.from = len(said.all())
	p := &process{t: o.t, cmd: exec.Command(o.program, "-config", o.file), said: said, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = said, said
	var err error
	o.stdin, err = p.cmd.StdinPipe()
	require.NoError(o.t, err)
	require.NoError(o.t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait() // what it means is in ProcessState
		close(p.done)
	}()
	o.t.Cleanup(p.kill)
	o.process = p
}

func (o *output) again() {
	o.t.Helper()
	o.begin(o.said)
}

func (o *output) write(text string) {
	o.t.Helper()
	_, err := io.WriteString(o.stdin, text)
	require.NoError(o.t, err)
}

// end closes stdin, as Telegraf does, and returns the exit code.
func (o *output) end() int {
	o.t.Helper()
	require.NoError(o.t, o.stdin.Close())
	select {
	case <-o.done:
	case <-time.After(patience):
		o.t.Fatalf("it does not end; it said:\n%s", o.said.tail())
	}
	return o.cmd.ProcessState.ExitCode()
}

// says waits until it has said something.
func (o *output) says(words string) {
	o.t.Helper()
	eventually(o.t, patience, "it says "+words, func() bool { return strings.Contains(o.said.all()[o.from:], words) })
}

// decided are the groups in the store of a process that has ended, by the label n.
func (o *output) decided() map[string]group.Group {
	o.t.Helper()
	db, err := sqlite.Open(filepath.Join(filepath.Dir(o.file), "teams.db"), sqlite.Options{})
	require.NoError(o.t, err)
	defer db.Close()
	found := make(map[string]group.Group)
	require.NoError(o.t, db.View(o.t.Context(), func(tx store.Tx) error {
		return tx.OpenGroups(func(g group.Group) error {
			found[g.Spec.Labels["n"]] = g
			return nil
		})
	}))
	return found
}

// everyLine raises an alert, in a group of its own, for each metric m.
const everyLine = `
groups:
  - name: lines
    rules:
      - {alert: Line, measurement: m, by: [n], when: v > 0, annotations: {summary: 'number {{ $labels.n }}.'}}
`

// silent is a section for tests in which nothing is told.
var silent = []string{
	`webhook_url = "http://127.0.0.1:9/workflow/nobody"`, `state_file = "teams.db"`, `group_by = ["n"]`, `group_wait = "1h"`,
}

// TestNoLineIsLost: whatever stands between them and however the program is
// told to end, every metric that was written before is decided about.
func TestNoLineIsLost(t *testing.T) {
	const lines = 200
	between := map[string]string{
		"nothing":              "",
		"a line of a megabyte": `m,n=big text="` + strings.Repeat("x", 1<<20) + "\",v=1\n",
		"a broken line":        "this is no metric\nm,n=broken v=\n",
		"an open string":       "m,n=open text=\"\n",
		"a string of lines":    "m,n=text text=\"\nm,n=inside v=1\n\",v=1\n",
		"bytes of any kind":    "\x00\xff\xfe\r\n\n\n#\n",
	}
	for _, end := range []string{"stdin ends", "SIGTERM", "SIGTERM, then stdin ends"} {
		for what, text := range between {
			t.Run(end+" after "+what, func(t *testing.T) {
				t.Parallel()
				// With the race detector a busy machine may need longer to store
				// them than a program has that is told to end.
				o := startOutput(t, plainOutputProgram(t), t.TempDir(), everyLine, silent...)
				var all bytes.Buffer
				for i := range lines {
					if i == lines/2 {
						all.WriteString(text)
					}
					fmt.Fprintf(&all, "m,n=%d v=1\n", i)
				}
				o.write(all.String())
				o.says("Taking metrics") // before that it does not know what to do with a signal
				switch end {
				case "stdin ends":
					require.Zero(t, o.end())
				case "SIGTERM":
					require.Zero(t, o.stop())
				default:
					require.NoError(t, o.cmd.Process.Signal(syscall.SIGTERM))
					o.write("m,n=late v=1\n")
					require.Zero(t, o.end())
					require.Contains(t, o.decided(), "late", "Telegraf's last flush comes after the signal")
				}
				decided := o.decided()
				for i := range lines {
					require.Contains(t, decided, fmt.Sprint(i))
				}
				require.NotContains(t, decided, "inside", "what stands in a string is no metric")
				if what == "a line of a megabyte" {
					require.Contains(t, decided, "big")
				}
				if what == "a string of lines" {
					require.Contains(t, decided, "text")
				}
			})
		}
	}
}

// TestWhatAKilledTelegrafLeavesIsEvaluated: nobody reads then what the program
// says, and writing to a pipe without a reader ends a program by itself.
func TestWhatAKilledTelegrafLeavesIsEvaluated(t *testing.T) {
	t.Parallel()
	o := &output{t: t, program: plainOutputProgram(t), file: writeOutput(t, t.TempDir(), everyLine, silent...)}
	cmd := exec.Command(o.program, "-config", o.file)
	reads, writes, err := os.Pipe()
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr = writes, writes
	const at = "1700000000000000000"
	cmd.Stdin = strings.NewReader("m,n=1 v=1 " + at + "\nbroken\nm,n=2 v=1 " + at + "\nm,n=cut v=1")
	require.NoError(t, reads.Close())
	require.NoError(t, cmd.Start())
	require.NoError(t, writes.Close())
	require.NoError(t, cmd.Wait())
	decided := o.decided()
	require.Contains(t, decided, "1")
	require.Contains(t, decided, "2")
	require.NotContains(t, decided, "cut")
}

// TestOutputKilledAgainAndAgain: after kill -9 at any moment the state is
// there, and at most the message that was under way comes twice.
func TestOutputKilledAgainAndAgain(t *testing.T) {
	t.Parallel()
	teams, url := startTeams(t, teamstest.Options{Keep: 10_000})
	teams.Fault("ops", teamstest.Fault{Latency: 20 * time.Millisecond, Times: -1})
	dir := t.TempDir()
	file := filepath.Join(dir, "receiver.yml")
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(configuration(destination("ops", url+"/workflow/ops", fast)),
		"group_by: [alertname], group_wait: 1s", "group_by: [n], group_wait: 0s", 1)), 0o600))
	// The race detector would take minutes to start so often.
	o := startOutput(t, plainOutputProgram(t), dir, everyLine, `config_file = "receiver.yml"`, `state_file = "teams.db"`)

	kills := min(kills(), 40)
	for n := range kills {
		if n%5 > 0 { // else while it starts
			o.says("Taking metrics")
		}
		// Telegraf measures the same again and again, and one thing more.
		for range 1 + rand.N(5) {
			for i := range n + 1 {
				o.write(fmt.Sprintf("m,n=%d v=1\n", i))
			}
			time.Sleep(rand.N(40 * time.Millisecond))
		}
		o.kill()
		o.again()
	}
	killed := time.Now()
	for i := range kills {
		o.write(fmt.Sprintf("m,n=%d v=1\n", i))
	}
	eventually(t, afterCutOff+patience, "everything is told", func() bool { return len(numbers(teams, "firing")) >= kills })
	for i := range kills {
		o.write(fmt.Sprintf("m,n=%d v=0\n", i))
	}
	// A card may have been shown though its attempt was cut off: the end then
	// waits with the next attempt.
	eventually(t, afterCutOff+patience, "everything is told to be over", func() bool { return len(numbers(teams, "resolved")) >= kills })
	require.Zero(t, o.end())
	twice, early := 0, 0
	for _, times := range numbers(teams, "firing") {
		twice += times - 1
	}
	for _, m := range teams.Shown("ops") {
		if m.At.Before(killed) {
			early++
		}
	}
	t.Logf("%d kills, %d cards before the last of them, %d came twice", kills, early, twice)
	require.LessOrEqual(t, twice, kills, "more than what was under way at each kill came twice")
	require.Greater(t, early, kills/2, "hardly anything was under way when it was killed")
	for number, times := range numbers(teams, "resolved") {
		require.Equal(t, 1, times, "the end of %s was told %d times", number, times)
	}
}

var number = regexp.MustCompile(`number (\d+)\.`)

// numbers counts how often people were told of what everyLine's alerts are
// about, by what the message said of it.
func numbers(teams *teamstest.Server, word string) map[string]int {
	times := make(map[string]int)
	for _, m := range teams.Shown("ops") {
		if found := number.FindSubmatch(m.Card); found != nil && strings.Contains(strings.ToLower(m.Summary), word) {
			times[string(found[1])]++
		}
	}
	return times
}

func TestAFullDiskHoldsStdinUpAndNothingIsLost(t *testing.T) {
	disk := smallDisk(t)
	t.Parallel()
	o := startOutput(t, outputProgram(t), disk.dir, everyLine, silent...)
	o.write("m,n=before v=1\n")
	o.says("Taking metrics")
	disk.fill()
	// Until SQLite's files have no room left either.
	filling := 0
	for ; !strings.Contains(o.said.all(), "No metrics are taken until this is mended"); filling++ {
		require.Less(t, filling, 10_000, "the disk is full and everything is taken all the same")
		o.write(fmt.Sprintf("m,n=%d v=1\n", filling))
		time.Sleep(time.Millisecond)
	}

	var wrote atomic.Int64
	const lines = 20_000
	written := make(chan error, 1)
	go func() {
		padding := strings.Repeat("x", 1000)
		for range lines {
			if _, err := io.WriteString(o.stdin, "m,n=before v=1,text=\""+padding+"\"\n"); err != nil {
				written <- err
				return
			}
			wrote.Add(1)
		}
		written <- nil
	}()
	eventually(t, patience, "Telegraf has to wait", func() bool {
		before := wrote.Load()
		time.Sleep(300 * time.Millisecond)
		return before > 0 && wrote.Load() == before
	})
	require.Less(t, wrote.Load(), int64(lines), "what cannot be evaluated must not fill the memory")

	disk.empty()
	o.says("The store takes decisions again")
	select {
	case err := <-written:
		require.NoError(t, err)
	case <-time.After(patience):
		t.Fatal("stdin is held up though the disk has room")
	}
	o.write("m,n=after v=1\n")
	require.Zero(t, o.end())
	decided := o.decided()
	for n := range filling {
		require.Contains(t, decided, fmt.Sprint(n))
	}
	require.Contains(t, decided, "before")
	require.Contains(t, decided, "after")
}

func TestOutputSaysWhatIsWrongAtTheStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := writeOutput(t, dir, "groups:\n  - name: a\n    rules:\n      - {alert: A, measurement: m, wen: v > 1}\n",
		`webhook_url = "http://example.com/?sig=topsecret"`, `group_wait = "-1s"`)
	stdout, stderr, code := command(t, outputProgram(t), "-config", file)
	require.Equal(t, 1, code)
	require.Empty(t, stdout)
	require.NotContains(t, stderr, "topsecret")
	for _, words := range []string{
		filepath.Join(dir, "rules.yml") + ":4: error: ", // in the rules
		"webhook_url: http to example.com would send the secret",
		"group_wait: the time must be longer than 0",
		"state_file: nothing says where",
	} {
		require.Contains(t, stderr, words, "all of it is said in one run")
	}
	for _, line := range strings.Split(strings.TrimSpace(stderr), "\n") {
		require.Regexp(t, `^[EW]! `, line)
	}
}
