// Command teamsrelay carries alerts to Microsoft Teams.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	_ "time/tzdata" // time intervals name zones, and not every machine knows them

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/promslog"
	promslogflag "github.com/prometheus/common/promslog/flag"
	"github.com/prometheus/common/version"

	"github.com/teamsrelay/teamsrelay/receiver/config"
)

const help = `Carries alerts between Prometheus, Alertmanager and Microsoft Teams.

Start with these three:
  teamsrelay simulate                                 a simulated Teams, to see cards without an account
  teamsrelay check-config teamsrelay.yml              every mistake in a configuration, with its line
  teamsrelay serve --config.file=teamsrelay.yml       take alerts and deliver them`

func main() {
	if info, ok := debug.ReadBuildInfo(); ok && version.Version == "" { // built without make: go install
		version.Version = info.Main.Version
	}
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// Whoever presses Ctrl-C twice means it; a SIGTERM after it changes nothing.
	context.AfterFunc(ctx, func() { signal.Reset(os.Interrupt) })
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// program is what every command works with.
type program struct {
	ctx    context.Context
	in     io.Reader
	out    io.Writer
	err    io.Writer
	logger func() *slog.Logger
}

// endsAtOnce lets SIGTERM and Ctrl-C end the process: commands that only read
// and print have nothing to finish, and need not look whether they shall stop.
func endsAtOnce(*kingpin.ParseContext) error {
	signal.Reset(os.Interrupt, syscall.SIGTERM)
	return nil
}

// errFailed ends a command with exit code 1 after it has said why itself.
var errFailed = errors.New("failed")

// terminated is how kingpin ends run after --help and --version. It must not
// come back from there: kingpin would go on and do what the command does.
type terminated struct{ code int }

// examples stand at the end of what kingpin says of a command.
const examples = `{{with .Context.SelectedCommand}}{{with .HelpLong}}{{.}}
{{end}}{{end}}`

// commands are all that the program can do, in the order of its help.
var commands = []func(*kingpin.Application, *program){
	addServe, addCheckConfig, addTestRules, addRender, addSendTest, addDestinations, addDeliveries, addDeadLetters, addSubscriptions, addUsers, addHeartbeats, addAudit, addSimulate, addMigrate, addAppPackage, addDoctor, addService,
}

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) (code int) {
	defer func() {
		if end := recover(); end != nil {
			ended, ok := end.(terminated)
			if !ok {
				panic(end)
			}
			code = ended.code
		}
	}()
	app := kingpin.New("teamsrelay", help)
	app.Version(version.Print("teamsrelay")).UsageWriter(out).ErrorWriter(errOut).UsageTemplate(kingpin.DefaultUsageTemplate + examples)
	app.HelpFlag.Short('h')
	app.Terminate(func(status int) { panic(terminated{status}) })
	understood := false
	app.Action(func(*kingpin.ParseContext) error { understood = true; return nil })
	logging := &promslog.Config{Writer: errOut}
	promslogflag.AddFlags(app, logging)
	p := &program{ctx: ctx, in: in, out: out, err: errOut, logger: func() *slog.Logger { return promslog.New(logging) }}
	for _, add := range commands {
		add(app, p)
	}
	_, err := app.Parse(args)
	var problems config.Problems
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errFailed):
	case errors.Is(err, errCouldNotRun):
		return 2
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(errOut, "teamsrelay: stopped before it was done")
	case errors.As(err, &problems):
		fmt.Fprintln(errOut, problems) // each names its file and line
	case !understood:
		command := selected(app, args)
		fmt.Fprintf(errOut, "teamsrelay: %s; see teamsrelay %s--help\n", misunderstood(err), command)
		if command == "doctor " { // 1 would say that it has found something
			return 2
		}
	default:
		fmt.Fprintln(errOut, "teamsrelay:", err)
	}
	return 1
}

// misunderstood says what is wrong with the arguments in words, where kingpin
// hands on what Go's parsers say.
func misunderstood(err error) string {
	var number *strconv.NumError
	if errors.As(err, &number) {
		return fmt.Sprintf("%q is not a number", number.Num)
	}
	return strings.TrimPrefix(err.Error(), "time: ")
}

// selected is the command that the arguments name, with a space after it.
func selected(app *kingpin.Application, args []string) string {
	context, _ := app.ParseContext(args)
	if context == nil || context.SelectedCommand == nil {
		return ""
	}
	return context.SelectedCommand.FullCommand() + " "
}
