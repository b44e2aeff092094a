package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"

	"github.com/alecthomas/kingpin/v2"

	"github.com/teamsrelay/teamsrelay/receiver/ruletest"
)

func addTestRules(k *kingpin.Application, p *program) {
	cmd := k.Command("test-rules", "Run tests of rules: measurements go in, the alerts and the card that people would read come out. Exit code 1 if a test fails.")
	cmd.HelpLong(`Examples:
  teamsrelay test-rules rules/*_test.yml
  teamsrelay test-rules --run='hot rack' --junit=results.xml rules/*_test.yml

A file of tests names rule files and says what they must do, when:

  rule_files: [datacenter.yml]
  tests:
    - name: a hot rack is told once, and told to be over
      input: |                          # line protocol; times count from the start
        temperature,site=fra1,rack=r1 temp_c=33 0s
        temperature,site=fra1,rack=r1 temp_c=24 10m
      expect:
        - at: 4m                        # everything up to here has happened
          alerts: [{alertname: DatacenterTemperature, severity: critical, rack: r1}]
          card: {contains: ["r1 is at 33.0"], not_contains: [Resolved]}
        - at: 16m
          alerts: []                    # nothing fires
          card: {contains: [Resolved]}

alerts names all alerts that fire, each with at least the labels that are
written; card is the last message that was made until then. A row of a query is
written with the rule's name in front: ColdAisle,rack=r1 _value=28 1m

Nothing is sent and nothing is stored. With config_file: teamsrelay.yml the
tests use its routes and cards; without, everything is told as it happens.`)
	files := cmd.Arg("file", "Files of tests.").Required().Strings()
	names := cmd.Flag("run", "Run only the tests whose names match this regular expression.").PlaceHolder("REGEX").String()
	junit := cmd.Flag("junit", "Write the results as JUnit's XML, too, for CI.").PlaceHolder("FILE").String()
	cmd.PreAction(endsAtOnce)
	cmd.Action(func(*kingpin.ParseContext) error {
		selected, err := regexp.Compile(*names)
		if err != nil {
			return fmt.Errorf("--run is no regular expression: %w", err)
		}
		paths, err := expand(*files)
		if err != nil {
			return err
		}
		var reports []ruletest.Report
		tests, failed := 0, false
		for _, path := range paths {
			report := ruletest.Run(path, selected)
			reports = append(reports, report)
			tests += len(report.Results)
			failed = failed || report.Failed()
			if len(report.Results)+len(report.Problems) == 0 {
				continue // --run wants none of them
			}
			if err := report.Write(p.out); err != nil {
				return err
			}
		}
		if *junit != "" {
			if err := writeJUnit(*junit, reports); err != nil {
				return err
			}
		}
		if tests == 0 && !failed {
			return fmt.Errorf("no test has a name that matches --run=%s", *names)
		}
		if failed {
			return errFailed
		}
		return nil
	})
}

func writeJUnit(path string, reports []ruletest.Report) error {
	var out bytes.Buffer
	if err := ruletest.WriteJUnit(&out, reports); err != nil {
		return err
	}
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil { //nolint:gosec // results are no secret
		return fmt.Errorf("the results cannot be written: %w", err)
	}
	return nil
}
