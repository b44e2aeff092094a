// Command telegraf-output-teams is the Telegraf output teams as a program of
// its own, for outputs.execd: metrics come in line protocol on stdin.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // time intervals name zones, and not every machine knows them

	"github.com/prometheus/common/version"

	"github.com/teamsrelay/teamsrelay/plugins/outputs/teams"
)

const name = "telegraf-output-teams"

const help = name + ` evaluates alert rules over Telegraf's metrics and tells people in
Microsoft Teams. Telegraf starts it:

  [[outputs.execd]]
    command = ["/usr/local/bin/telegraf-output-teams", "-config", "/etc/telegraf/teams.conf"]
    use_batch_format = true
    restart_delay = "10s"
    data_format = "influx"

The file teams.conf has one [[outputs.teams]] section; begin with
  ` + name + ` -sample-config > /etc/telegraf/teams.conf
and keep it out of /etc/telegraf/telegraf.d, where Telegraf would read it.

Information goes to stdout, warnings and errors to stderr. At the end of stdin,
at SIGTERM and at SIGINT everything that was read is evaluated and stored, and
the program ends with 0. Cards that wait are delivered after the next start.

It ends with 1 when the section or the rules have mistakes, the store cannot be
opened, or the store has refused to the end what was evaluated last, which is
lost then; and with 2 when the command line has a mistake.

`

func main() {
	if info, ok := debug.ReadBuildInfo(); ok && version.Version == "" { // built without make: go install
		version.Version = info.Main.Version
	}
	// When Telegraf is killed nobody reads what we say any more, and the first
	// word would end us before what it has written is evaluated and stored.
	signal.Ignore(syscall.SIGPIPE)
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// Whoever presses Ctrl-C twice means it.
	context.AfterFunc(ctx, func() { signal.Reset(os.Interrupt) })
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main without the process: it returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(errOut)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), help)
		flags.PrintDefaults()
	}
	path := flags.String("config", "", "`FILE` with the section [[outputs.teams]]")
	check := flags.Bool("check", false, "check the section and the rules, say what is wrong, and end")
	sample := flags.Bool("sample-config", false, "print a section with every option and end")
	printVersion := flags.Bool("version", false, "print the version and end")
	flags.Duration("poll_interval", 0, "ignored; Telegraf's inputs have it")
	flags.Bool("poll_interval_disabled", false, "ignored; Telegraf's inputs have it")
	for _, arg := range args { // asked for, it is no error
		if arg == "-h" || arg == "-help" || arg == "--help" {
			flags.SetOutput(out)
		}
	}
	switch err := flags.Parse(args); {
	case err == flag.ErrHelp: //nolint:errorlint // Parse returns it bare
		return 0
	case err != nil:
		return 2 // it has said why
	case flags.NArg() > 0:
		fmt.Fprintf(errOut, "%s: there is no argument %q; see -help\n", name, flags.Arg(0))
		return 2
	}
	log := &logger{out: out, err: errOut}
	switch {
	case *sample:
		fmt.Fprint(out, (&teams.Teams{}).SampleConfig())
		return 0
	case *printVersion:
		fmt.Fprintln(out, version.Print(name))
		return 0
	case *path == "":
		fmt.Fprintf(errOut, "%s: -config FILE is missing; see -help\n", name)
		return 2
	}
	plugin, err := load(*path, os.LookupEnv)
	if err == nil {
		plugin.Log = log
		err = plugin.Init()
	}
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			log.Error(*path + ": " + line)
		}
		return 1
	}
	if *check {
		log.Infof("%s: all is well", *path)
		return 0
	}
	return serve(ctx, plugin, in, log)
}

// serve takes metrics until stdin or ctx ends.
func serve(ctx context.Context, plugin *teams.Teams, in io.Reader, log *logger) (code int) {
	if err := plugin.Connect(); err != nil {
		log.Error(err)
		return 1
	}
	log.Infof("Taking metrics (version %s)", version.Version)
	l := newLoop(loopOptions{wants: plugin.Wants, samples: plugin.Samples, log: log, now: time.Now, grace: readGrace, store: storeGrace})
	if err := l.run(ctx, in); err != nil {
		log.Error(err)
		code = 1
	}
	if err := plugin.Close(); err != nil {
		log.Warn(err)
	}
	log.Infof("Stopped; %s", l.counts.text())
	return code
}
