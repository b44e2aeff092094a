package ruletest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	protocol "github.com/influxdata/line-protocol"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

func TestALineOfInputIsASampleAndItsOffset(t *testing.T) {
	num := func(key string, n float64) sample.Field { return sample.Field{Key: key, Value: sample.Num(n)} }
	for name, c := range map[string]struct {
		line   string
		offset time.Duration
		sample sample.Sample
	}{
		"the design's": {
			"temperature,site=fra1,rack=r1 temp_c=31 1m30s", 90 * time.Second,
			sample.Sample{Measurement: "temperature", Tags: []sample.Tag{{Key: "rack", Value: "r1"}, {Key: "site", Value: "fra1"}}, Fields: []sample.Field{num("temp_c", 31)}},
		},
		"as telegraf --test prints":    {"> m f=1 5s", 5 * time.Second, sample.Sample{Measurement: "m", Fields: []sample.Field{num("f", 1)}}},
		"no time is the start":         {"m f=1", 0, sample.Sample{Measurement: "m", Fields: []sample.Field{num("f", 1)}}},
		"0 needs no unit":              {"m f=1 0", 0, sample.Sample{Measurement: "m", Fields: []sample.Field{num("f", 1)}}},
		"days are a unit":              {"m f=1 2d", 48 * time.Hour, sample.Sample{Measurement: "m", Fields: []sample.Field{num("f", 1)}}},
		"more space between":           {"m f=1 \t 5s", 5 * time.Second, sample.Sample{Measurement: "m", Fields: []sample.Field{num("f", 1)}}},
		"every type of a field":        {`m a=1i,b=2u,c=3.5,d=t,e="x" 5s`, 5 * time.Second, sample.Sample{Measurement: "m", Fields: []sample.Field{num("a", 1), num("b", 2), num("c", 3.5), {Key: "d", Value: sample.Boolean(true)}, {Key: "e", Value: sample.Str("x")}}}},
		"a text that ends like a time": {`m f="it took 5s" 1m`, time.Minute, sample.Sample{Measurement: "m", Fields: []sample.Field{{Key: "f", Value: sample.Str("it took 5s")}}}},
		"only such a text":             {`m f="it took 5s"`, 0, sample.Sample{Measurement: "m", Fields: []sample.Field{{Key: "f", Value: sample.Str("it took 5s")}}}},
		"escaped spaces and commas": {
			`win_services,display_name=Remote\ Desktop\,\ Services state=4i 5m`, 5 * time.Minute,
			sample.Sample{Measurement: "win_services", Tags: []sample.Tag{{Key: "display_name", Value: "Remote Desktop, Services"}}, Fields: []sample.Field{num("state", 4)}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			lines, faults := readLines(c.line)
			require.Empty(t, faults)
			require.Equal(t, []inputLine{{offset: c.offset, sample: c.sample}}, lines)
		})
	}
}

// Whoever pastes from a real Telegraf or forgets a quote must learn on which
// line, and what to write instead.
func TestALineThatCannotBeReadSaysWhatToWrite(t *testing.T) {
	for line, want := range map[string]string{
		"m f=1 1500040669000000000": "tests count from their start; write the time since the start with a unit",
		"m f=1 90":                  "tests count from their start",
		"m f=1 1500d":               "write at most",
		"m f=1 -5s":                 "the time of",
		"m f=1 soon":                "the time of",
		"m":                         "write it like temperature,rack=r1",
		"m 5s":                      "no line protocol",
		"m f= 5s":                   "expected field at column",
		"m f=NaN 5s":                "expected field at column",
		`m f="open 5s`:              "no line protocol",
		"m,t= f=1":                  "expected tag at column",
		"m f=1e999":                 "value out of range",
		"rack r1 is at 31 °C":       "no line protocol",
		`\`:                         "no line protocol",
		"m\v=\\":                    "has no fields",
	} {
		t.Run(line, func(t *testing.T) {
			_, faults := readLines("# a comment\n\n" + line)
			require.Len(t, faults, 1)
			require.Equal(t, 2, faults[0].line)
			require.Contains(t, faults[0].what+"; "+faults[0].do, want)
			require.NotContains(t, faults[0].what, "\n")
		})
	}
}

func TestSamplesComeInOrderOfTimeWhateverTheirOrderInTheFile(t *testing.T) {
	lines, faults := readLines("m f=3 2m\nm f=1\nm f=2 1m\nm f=4 2m\n")
	require.Empty(t, faults)
	var values []float64
	for _, l := range lines {
		n, _ := l.sample.Fields[0].Value.Number()
		values = append(values, n)
	}
	require.Equal(t, []float64{1, 2, 3, 4}, values, "the last two have the same time and keep their order")
}

// What Telegraf prints must be what can be pasted, but for its time. A few of
// these lines were never right; Telegraf's library says which.
func TestWhatTelegrafPrintsCanBePasted(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "shared", "corpus", "telegraf-metrics", "*.lp"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("the corpus of real inputs is not beside the project")
	}
	timestamp := regexp.MustCompile(` -?\d+$`)
	read := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, line := range strings.Split(strings.ReplaceAll(string(text), "\r", ""), "\n") {
			metrics, err := protocol.NewParser(protocol.NewMetricHandler()).Parse([]byte(line))
			if err != nil || len(metrics) == 0 {
				continue
			}
			lines, faults := readLines(timestamp.ReplaceAllString(line, "") + " 5s")
			require.Empty(t, faults, "%s: %s", file, line)
			require.Equal(t, 5*time.Second, lines[0].offset)
			require.Equal(t, metrics[0].Name(), lines[0].sample.Measurement)
			require.Len(t, lines[0].sample.Tags, len(metrics[0].TagList()), line)
			require.Len(t, lines[0].sample.Fields, len(metrics[0].FieldList()), line)
			read++
		}
	}
	require.Greater(t, read, 100)
}

func FuzzLines(f *testing.F) {
	for _, seed := range []string{
		"temperature,site=fra1,rack=r1 temp_c=31 1m30s", `m f="it took 5s"`, "m f=1 5", "m,t=\\ f=1", "# x\n\nm f=1i,g=t", `m f="a\"b\\" 0`, "m f=1 99999d", " =\\,", "m\v=\\",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		lines, faults := readLines(input)
		last := time.Duration(0)
		for _, l := range lines {
			if l.offset < last || l.offset > maxOffset {
				t.Fatalf("times are not in order: %v after %v", l.offset, last)
			}
			last = l.offset
			if l.sample.Measurement == "" || len(l.sample.Fields) == 0 {
				t.Fatalf("a sample of nothing: %+v", l.sample)
			}
		}
		for _, fault := range faults {
			if strings.Contains(fault.what, "\n") || fault.do == "" {
				t.Fatalf("a fault that cannot be shown: %+v", fault)
			}
		}
	})
}
