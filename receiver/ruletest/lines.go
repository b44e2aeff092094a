package ruletest

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	protocol "github.com/influxdata/line-protocol"
	"github.com/prometheus/common/model"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// inputLine is one line of a test's input.
type inputLine struct {
	line   int // in the input, from 0
	offset time.Duration
	sample sample.Sample // its time is not set: tests know only offsets
}

// lineFault is a line of the input that cannot be read.
type lineFault struct {
	line     int // in the input, from 0
	what, do string
}

// maxOffset is the latest time in a test. Who wants to try a month may; a
// century is a slip of the pen, and would be many steps of every timer.
const maxOffset = 400 * 24 * time.Hour

// readLines reads line protocol, one sample a line, whose times are offsets
// from the start of the test; none is the start. Empty lines and those that
// begin with # are left out. What comes back is in order of time.
func readLines(input string) ([]inputLine, []lineFault) {
	var (
		lines  []inputLine
		faults []lineFault
	)
	for i, text := range strings.Split(input, "\n") {
		text = strings.TrimPrefix(strings.TrimSpace(text), "> ") // as telegraf --test prints it
		if text == "" || text[0] == '#' {
			continue
		}
		read, fault := readLine(text)
		if fault != nil {
			fault.line = i
			faults = append(faults, *fault)
			continue
		}
		read.line = i
		lines = append(lines, read)
	}
	slices.SortStableFunc(lines, func(a, b inputLine) int { return cmp.Compare(a.offset, b.offset) })
	return lines, faults
}

// likeOffset is the advice for a time that is none.
const likeOffset = "write the time since the start with a unit, such as 90s, 5m or 1h30m, last on the line"

// likeThis is the advice for a line that is no line protocol.
const likeThis = `write it like temperature,rack=r1 temp_c=31.5 90s: a space before the fields and before the time, a \ before spaces and commas in tags, "quotes" around texts`

// readLine reads one line. The library does it; only the time is ours, and is
// taken off before.
func readLine(text string) (inputLine, *lineFault) {
	var read inputLine
	text, offset, fault := cutOffset(text)
	if fault != nil {
		return read, fault
	}
	read.offset = offset
	metrics, err := parse(text)
	switch {
	case err != nil && strings.Contains(err.Error(), protocol.ErrTimestampParse.Error()):
		return read, &lineFault{what: fmt.Sprintf("the time of %s cannot be read", yamlfile.Quote(text)), do: likeOffset}
	case err != nil:
		return read, &lineFault{what: fmt.Sprintf("%s is no line protocol: %s", yamlfile.Quote(text), reasonOf(err)), do: likeThis}
	case len(metrics) != 1:
		return read, &lineFault{what: yamlfile.Quote(text) + " is no line protocol", do: likeThis}
	}
	metric := metrics[0]
	if len(metric.FieldList()) == 0 { // the library lets some broken lines pass without any
		return read, &lineFault{what: yamlfile.Quote(text) + " has no fields", do: likeThis}
	}
	read.sample.Measurement = metric.Name()
	for _, tag := range metric.TagList() {
		read.sample.Tags = append(read.sample.Tags, sample.Tag{Key: tag.Key, Value: tag.Value})
	}
	slices.SortFunc(read.sample.Tags, func(a, b sample.Tag) int { return cmp.Compare(a.Key, b.Key) })
	for _, field := range metric.FieldList() {
		read.sample.Fields = append(read.sample.Fields, sample.Field{Key: field.Key, Value: sample.Of(field.Value)})
	}
	return read, nil
}

// parse hands a line to the library, which panics on one that is a backslash.
func parse(text string) (metrics []protocol.Metric, err error) {
	defer func() {
		if recover() != nil {
			err = protocol.ErrParse
		}
	}()
	return protocol.NewParser(protocol.NewMetricHandler()).Parse([]byte(text))
}

// cutOffset takes the time from the end of a line.
func cutOffset(text string) (rest string, offset time.Duration, fault *lineFault) {
	space := strings.LastIndexAny(text, " \t")
	if space < 0 {
		return text, 0, nil
	}
	last := text[space+1:]
	if strings.Trim(last, "0123456789-") == "" && last != "0" {
		return "", 0, &lineFault{
			what: fmt.Sprintf("%q is a time since 1970, and tests count from their start", last),
			do:   likeOffset,
		}
	}
	parsed, err := model.ParseDuration(last)
	switch {
	case err != nil: // the end of the fields: a time that is none is their mistake
		return text, 0, nil
	case time.Duration(parsed) > maxOffset:
		return "", 0, &lineFault{what: fmt.Sprintf("%s is very long after the start", last), do: "write at most " + model.Duration(maxOffset).String()}
	}
	return text[:space], time.Duration(parsed), nil
}

// place is how the library says where: line, always 1, and column.
var place = regexp.MustCompile(`^metric parse error: (.*?) at 1:(\d+): "`)

// reasonOf is what the library says, without the line, which is shown already.
func reasonOf(err error) string {
	if parts := place.FindStringSubmatch(err.Error()); parts != nil {
		return parts[1] + " at column " + parts[2]
	}
	return yamlfile.OneLine(err.Error())
}
