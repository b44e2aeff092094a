package ruletest

import (
	"fmt"
	"io"
	"strings"
)

// Write prints a report as test-rules shows it: a line for the file, and below
// it what is wrong.
func (r *Report) Write(w io.Writer) error {
	_, err := io.WriteString(w, r.text())
	return err
}

func (r *Report) text() string {
	var b strings.Builder
	failed := 0
	for i := range r.Results {
		if r.Results[i].Failed() {
			failed++
		}
	}
	switch {
	case r.Problems.Failed():
		fmt.Fprintf(&b, "%s: FAILED, no test was run\n", r.File)
	case failed > 0:
		fmt.Fprintf(&b, "%s: FAILED, %d of %s\n", r.File, failed, count(len(r.Results), "test"))
	default:
		fmt.Fprintf(&b, "%s: SUCCESS, %s\n", r.File, count(len(r.Results), "test"))
	}
	for _, problem := range r.Problems {
		fmt.Fprintf(&b, "  %s\n", problem)
	}
	for i := range r.Results {
		if result := &r.Results[i]; result.Failed() {
			fmt.Fprintf(&b, "\n  %s\n", result.Name)
			b.WriteString(indent(result.details(r.File), "    "))
		}
	}
	return b.String()
}

// details are the failures of a test and what happened in it.
func (r *Result) details(file string) string {
	var b strings.Builder
	for _, f := range r.Failures {
		fmt.Fprintf(&b, "%s (%s:%d): %s\n", momentText(f.At), file, f.Line, f.What)
		for _, line := range f.Details {
			b.WriteString("  " + line + "\n")
		}
	}
	if len(r.Story) > 0 {
		b.WriteString("what happened")
		if strings.Contains(strings.Join(r.Story, "\n"), "+  ") {
			b.WriteString(", a + means a moment later")
		}
		b.WriteString(":\n")
		for _, line := range r.Story {
			b.WriteString("  " + line + "\n")
		}
	}
	return b.String()
}

// indent puts something before every line.
func indent(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+by) + "\n"
}
