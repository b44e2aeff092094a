package main

import (
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kingpin/v2"

	"github.com/teamsrelay/teamsrelay/receiver/config"
)

// maxStdin is how much of standard input is read, in bytes: more than a
// configuration may have, so that config can say that it is too long.
const maxStdin = 16 << 20

func addCheckConfig(k *kingpin.Application, p *program) {
	cmd := k.Command("check-config", "Report every mistake in configurations, one a line: FILE:LINE: error|warning: what; what to do. Exit code 1 if there is an error.")
	cmd.HelpLong(`Examples:
  teamsrelay check-config /etc/teamsrelay/teamsrelay.yml
  teamsrelay check-config < teamsrelay.yml

It reads what the configuration names too (files with URLs, templates, the
environment), and renders every card for groups of every kind. It neither
opens the store nor talks to Teams. Warnings alone are exit code 0.`)
	files := cmd.Arg("file", "The configurations; standard input when none is given.").Strings()
	cmd.Action(func(*kingpin.ParseContext) error {
		failed := false
		check := func(name string, problems config.Problems) {
			for _, problem := range problems {
				fmt.Fprintln(p.out, problem)
			}
			if problems.Failed() {
				failed = true
				return
			}
			fmt.Fprintf(p.out, "%s: OK\n", name)
		}
		if len(*files) == 0 {
			data, err := io.ReadAll(io.LimitReader(p.in, maxStdin))
			if err != nil {
				return err
			}
			_, problems := config.Parse("<stdin>", data, config.Env{Lookup: os.LookupEnv})
			check("<stdin>", problems)
		}
		for _, file := range *files {
			_, problems := config.Load(file, config.Env{Lookup: os.LookupEnv})
			check(file, problems)
		}
		if failed {
			return errFailed
		}
		return nil
	})
}
