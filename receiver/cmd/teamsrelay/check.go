package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"

	"github.com/alecthomas/kingpin/v2"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// maxStdin is how much of standard input is read, in bytes: more than a
// configuration may have, so that config can say that it is too long.
const maxStdin = 16 << 20

func addCheckConfig(k *kingpin.Application, p *program) {
	cmd := k.Command("check-config", "Report every mistake in configurations and rule files, one a line: FILE:LINE: error|warning: what; what to do. Exit code 1 if there is an error.")
	cmd.HelpLong(`Examples:
  teamsrelay check-config /etc/teamsrelay/teamsrelay.yml
  teamsrelay check-config < teamsrelay.yml
  teamsrelay check-config /etc/teamsrelay/rules/*.yml

It reads what the configuration names too (files with URLs, templates, rules,
the environment), and renders every card for groups of every kind. It neither
opens the store nor talks to Teams. Warnings alone are exit code 0.

Rule files that are named here are checked together, as the rule_files of one
configuration are; what they decide is for test-rules to prove.`)
	files := cmd.Arg("file", "Configurations and rule files; standard input when none is given.").Strings()
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
		var ruleFiles []rules.File
		for _, file := range *files {
			if rules.IsTest(file) { // lies beside its rules, and a pattern for those means it too
				fmt.Fprintf(p.out, "%s: left out: rule tests are run by teamsrelay test-rules\n", file)
				continue
			}
			if data, ok := ruleFile(file); ok {
				ruleFiles = append(ruleFiles, rules.File{Name: file, Data: data})
				continue
			}
			_, problems := config.Load(file, config.Env{Lookup: os.LookupEnv})
			check(file, problems)
		}
		_, problems := rules.Parse(ruleFiles)
		for _, file := range ruleFiles {
			check(file.Name, slices.DeleteFunc(slices.Clone(problems), func(p yamlfile.Problem) bool { return p.File != file.Name }))
		}
		if failed {
			return errFailed
		}
		return nil
	})
}

// groups is how a rule file begins, and no configuration does.
var groups = regexp.MustCompile(`(?m)^groups[ \t]*:`)

// ruleFile reads a file if it is a rule file. What cannot be read is left to
// those who read configurations, and say so.
func ruleFile(name string) ([]byte, bool) {
	f, err := os.Open(name)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, yamlfile.MaxSize+1)) // Parse refuses one byte too many
	return data, err == nil && groups.Match(data)
}
