package main

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// module is what stands before every package of ours.
const module = "github.com/teamsrelay/teamsrelay/"

// benchmarkLine is what `go test -bench` prints of a benchmark: its name, how
// many processors it had, how often it ran, and then values with their units.
var benchmarkLine = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(\S+ .*)$`)

// readBenchmarks reads what `go test -bench` has printed of several packages.
func readBenchmarks(in io.Reader) (rows []row, err error) {
	part := ""
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "pkg: "); ok {
			part = strings.TrimPrefix(strings.TrimPrefix(name, module), "receiver/")
			continue
		}
		if skipped, ok := strings.CutPrefix(strings.TrimSpace(line), "--- SKIP: Benchmark"); ok {
			rows = append(rows, row{part + ": " + skipped, "left out: what it needs is not on this machine"})
			continue
		}
		found := benchmarkLine.FindStringSubmatch(line)
		if found == nil {
			continue
		}
		fields := strings.Fields(found[2])
		var measured []string
		for i := 0; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("the benchmark %s of %s has no number before %s: %w", found[1], part, fields[i+1], err)
			}
			if text := inWords(value, fields[i+1]); text != "" {
				measured = append(measured, text)
			}
		}
		rows = append(rows, row{part + ": " + strings.ReplaceAll(found[1], "_", " "), strings.Join(measured, ", ")})
	}
	return rows, lines.Err()
}

// inWords is a value of a benchmark for people; "" of what says nothing.
func inWords(value float64, unit string) string {
	switch unit {
	case "ns/op":
		return significant(time.Duration(value), value)
	case "B/op":
		switch {
		case value == 0:
			return ""
		case value >= 1e6:
			return fmt.Sprintf("%.1f MB", value/1e6)
		case value >= 1e3:
			return fmt.Sprintf("%.1f KB", value/1e3)
		}
		return fmt.Sprintf("%.0f bytes", value)
	case "allocs/op":
		if value == 0 {
			return "no allocation"
		}
		return fmt.Sprintf("%.0f allocations", value)
	}
	text := strconv.FormatFloat(value, 'f', -1, 64) + " "
	if of, unit, ok := strings.Cut(unit, "-"); ok { // "p99-µs"
		return of + " " + text + unit
	}
	return text + unit
}

// significant is a duration with three digits, of nanoseconds one more than a
// time.Duration has.
func significant(d time.Duration, nanoseconds float64) string {
	switch {
	case d < 100:
		return strconv.FormatFloat(nanoseconds, 'g', 3, 64) + " ns"
	case d < time.Microsecond:
		return fmt.Sprintf("%.0f ns", nanoseconds)
	case d < time.Millisecond:
		return strconv.FormatFloat(nanoseconds/1e3, 'g', 3, 64) + " µs"
	case d < time.Second:
		return strconv.FormatFloat(nanoseconds/1e6, 'g', 3, 64) + " ms"
	}
	return fmt.Sprintf("%.2f s", nanoseconds/1e9)
}
