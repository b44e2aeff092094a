package ruletest

import (
	"encoding/xml"
	"io"
)

// JUnit's XML, as far as the programs that show test results read it.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string      `xml:"name,attr"`
		Class   string      `xml:"classname,attr"`
		Failure *junitFault `xml:"failure"`
		Error   *junitFault `xml:"error"`
	}
	junitFault struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes reports as JUnit's XML, a suite for each file. A file that
// could not be used is a test with an error.
func WriteJUnit(w io.Writer, reports []Report) error {
	var all junitSuites
	for i := range reports {
		r := &reports[i]
		suite := junitSuite{Name: r.File}
		if r.Problems.Failed() {
			suite.Errors++
			suite.Cases = append(suite.Cases, junitCase{Name: "the file can be used", Class: r.File,
				Error: &junitFault{Message: "no test was run", Text: r.Problems.Error()}})
		}
		for j := range r.Results {
			result := &r.Results[j]
			c := junitCase{Name: result.Name, Class: r.File}
			if result.Failed() {
				suite.Failures++
				c.Failure = &junitFault{Message: result.Failures[0].What, Text: result.details(r.File)}
			}
			suite.Cases = append(suite.Cases, c)
		}
		suite.Tests = len(suite.Cases)
		all.Suites = append(all.Suites, suite)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
