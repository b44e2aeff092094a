package main

import (
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/alecthomas/kingpin/v2"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/ruletest"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// maxStdin is how much of standard input is read, in bytes: more than a
// configuration may have, so that config can say that it is too long.
const maxStdin = 16 << 20

func addCheckConfig(k *kingpin.Application, p *program) {
	cmd := k.Command("check-config", "Report every mistake in configurations, rule files and their tests, one a line: FILE:LINE: error|warning: what; what to do. Exit code 1 if there is an error.")
	cmd.HelpLong(`Examples:
  teamsrelay check-config /etc/teamsrelay/teamsrelay.yml
  teamsrelay check-config < teamsrelay.yml
  teamsrelay check-config /etc/teamsrelay/rules/*.yml

It reads what the configuration names too (files with URLs, templates, rules,
the environment), and renders every card for groups of every kind. It neither
opens the store nor talks to Teams. Warnings alone are exit code 0.

Rule files that are named here are checked together, as the rule_files of one
configuration are. Tests of rules are read, not run: what rules decide is for
test-rules to prove. Telegraf's configuration is checked by its plugin:
  telegraf-output-teams -check -config /etc/telegraf/telegraf.conf`)
	files := cmd.Arg("file", "Configurations, rule files, their tests, or patterns for them; standard input when none is given.").Strings()
	cmd.PreAction(endsAtOnce)
	cmd.Action(func(*kingpin.ParseContext) error {
		c := &check{out: p.out, said: make(map[yamlfile.Problem]bool)}
		if len(*files) == 0 {
			data, err := io.ReadAll(io.LimitReader(p.in, maxStdin))
			if err != nil {
				return err
			}
			c.file("<stdin>", data)
		}
		paths, err := expand(*files)
		if err != nil {
			return err
		}
		for _, path := range paths {
			data, err := read(path)
			if err != nil {
				_, problems := config.Load(path, config.Env{}) // says why in our words
				c.report(path, problems)
				continue
			}
			c.file(path, data)
		}
		c.together()
		if c.failed {
			return errFailed
		}
		return nil
	})
}

// check is a run of check-config.
type check struct {
	out    io.Writer
	said   map[yamlfile.Problem]bool // rules are read for their tests, too
	failed bool
	// rules are checked together, tests after them.
	rules []rules.File
	tests []rules.File
}

// file checks a file, or keeps it for together.
func (c *check) file(name string, data []byte) {
	switch contentsOf(name, data) {
	case ofRules:
		c.rules = append(c.rules, rules.File{Name: name, Data: data})
	case ofTests:
		c.tests = append(c.tests, rules.File{Name: name, Data: data})
	case ofTelegraf:
		c.report(name, config.Problems{telegrafProblem(name, data)})
	default:
		_, problems := config.Parse(name, data, config.Env{Lookup: os.LookupEnv})
		c.report(name, problems)
	}
}

// together checks the rules and the tests.
func (c *check) together() {
	_, problems := rules.Parse(c.rules)
	for _, file := range c.rules {
		c.report(file.Name, slices.DeleteFunc(slices.Clone(problems), func(p yamlfile.Problem) bool { return p.File != file.Name }))
	}
	for _, file := range c.tests {
		c.report(file.Name, ruletest.Check(file.Name, file.Data))
	}
}

// report prints the problems of a file, or that it is right.
func (c *check) report(name string, problems config.Problems) {
	for _, problem := range problems {
		if !c.said[problem] {
			fmt.Fprintln(c.out, problem)
		}
		c.said[problem] = true
	}
	if problems.Failed() {
		c.failed = true
		return
	}
	fmt.Fprintf(c.out, "%s: OK\n", name)
}
