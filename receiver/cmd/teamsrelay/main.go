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
	"syscall"
	_ "time/tzdata" // time intervals name zones, and not every machine knows them

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/promslog"
	promslogflag "github.com/prometheus/common/promslog/flag"
	"github.com/prometheus/common/version"
)

const help = `Carries alerts between Prometheus, Alertmanager and Microsoft Teams.

Start with these three:
  teamsrelay simulate                                 a simulated Teams, to see cards without an account
  teamsrelay check-config teamsrelay.yml              every mistake in a configuration, with its line
  teamsrelay serve --config.file=teamsrelay.yml       take alerts and deliver them`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
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

// errFailed ends a command with exit code 1 after it has said why itself.
var errFailed = errors.New("failed")

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) (code int) {
	app := kingpin.New("teamsrelay", help)
	app.Version(version.Print("teamsrelay")).UsageWriter(out).ErrorWriter(errOut)
	app.HelpFlag.Short('h')
	terminated := false
	app.Terminate(func(status int) { code, terminated = status, true })
	logging := &promslog.Config{Writer: errOut}
	promslogflag.AddFlags(app, logging)
	p := &program{ctx: ctx, in: in, out: out, err: errOut, logger: func() *slog.Logger { return promslog.New(logging) }}
	for _, add := range []func(*kingpin.Application, *program){
		addServe, addCheckConfig, addRender, addSendTest, addDeliveries, addDeadLetters, addSimulate,
	} {
		add(app, p)
	}
	_, err := app.Parse(args)
	switch {
	case terminated:
		return code
	case errors.Is(err, errFailed):
		return 1
	case err != nil:
		fmt.Fprintln(errOut, "teamsrelay:", err)
		return 1
	}
	return 0
}
