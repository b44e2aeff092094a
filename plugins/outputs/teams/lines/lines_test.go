package lines

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/parsers/influx"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

var now = time.Date(2026, 11, 21, 10, 2, 0, 0, time.UTC)

func everything(string) bool { return true }

// reading is what a stream gave.
type reading struct {
	samples  []string // as line protocol
	broken   []string // lines
	unwanted int
	tooLong  int
}

// read reads a stream that comes in the given pieces.
func read(t testing.TB, wants func(string) bool, pieces ...string) (out reading) {
	t.Helper()
	p := NewParser(wants, func() time.Time { return now })
	var batch Batch
	p.Into(&batch)
	r := Records{
		TooLong: func([]byte) { out.tooLong++ },
		Take: func(record []byte, joined bool) bool {
			parse := p.Parse
			if joined {
				parse = p.ParseWhole
			}
			result, err := parse(record)
			switch {
			case err != nil && joined:
				return false
			case err != nil:
				out.broken = append(out.broken, string(record))
			case result == Unwanted:
				out.unwanted++
			}
			return true
		},
	}
	for _, piece := range pieces {
		r.Write([]byte(piece))
	}
	r.End(true)
	for i := range batch.Samples {
		out.samples = append(out.samples, written(&batch.Samples[i]))
	}
	return out
}

// written is a sample in words.
func written(s *sample.Sample) string {
	var b strings.Builder
	b.WriteString(s.Measurement)
	for _, t := range s.Tags {
		b.WriteString("," + t.Key + "=" + t.Value)
	}
	for _, f := range s.Fields {
		b.WriteString(" " + f.Key + "=")
		switch v := f.Value.Any().(type) {
		case string:
			b.WriteString("'" + v + "'")
		default:
			b.WriteString(sprint(v))
		}
	}
	if !s.Time.Equal(now) {
		b.WriteString(" @" + sprint(s.Time.UnixNano()))
	}
	return b.String()
}

func TestWhatIsReadOfALine(t *testing.T) {
	for name, c := range map[string]struct{ in, sample string }{
		"every kind of value":                        {`m a=1,b=2i,c=3u,d=t,e="x",f=-1.5e3 17`, "m a=1 b=2 c=3 d=true e='x' f=-1500 @17"},
		"a metric without a time is of now":          {`m,k=v a=1`, "m,k=v a=1"},
		"tags are sorted":                            {`m,z=1,a=2,m=3 v=1 1`, "m,a=2,m=3,z=1 v=1 @1"},
		"of two tags with one key the last holds":    {`m,k=1,k=2 v=1 1`, "m,k=2 v=1 @1"},
		"of two fields with one key the last holds":  {`m v=1,w=2,v=3 1`, "m v=3 w=2 @1"},
		"escapes in names, tags and fields":          {`my\ met\,ric,ta\ g\=x=va\,lue fi\ eld="qu\"ote\\d" 1`, `my met,ric,ta g=x=va,lue fi eld='qu"ote\d' @1`},
		"a backslash that escapes nothing stays":     {`m,path=C:\dir v="C:\\dir" 1`, `m,path=C:\dir v='C:\dir' @1`},
		"a backslash before a quote in a tag stays":  {`m,k=a\"b v=1 1`, `m,k=a\"b v=1 @1`},
		"a line of Windows":                          {"m v=1 1\r", "m v=1 @1"},
		"spaces before a metric":                     {"   m v=1 1", "m v=1 @1"},
		"a comma in a string is no new field":        {`m v="a,b=1 2" 1`, `m v='a,b=1 2' @1`},
		"a quote in a tag opens no string":           {`m,k=a"b v=1 1`, `m,k=a"b v=1 @1`},
		"what InfluxDB calls true and false":         {`m a=T,b=F,c=true,d=FALSE 1`, "m a=true b=false c=true d=false @1"},
		"a time before 1970":                         {`m v=1 -5`, "m v=1 @-5"},
		"a string with a newline is one metric":      {"m v=\"a\nb\nc\",w=2 1", "m v='a\nb\nc' w=2 @1"},
		"a string that looks like a metric is none":  {"log,host=a msg=\"x\ntemperature temp_c=99\ny\" 1", "log,host=a msg='x\ntemperature temp_c=99\ny' @1"},
		"an empty string":                            {`m v="" 1`, "m v='' @1"},
		"a number that a float cannot hold is whole": {`m v=18446744073709551615u 1`, "m v=1.8446744073709552e+19 @1"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, reading{samples: []string{c.sample}}, read(t, everything, c.in))
		})
	}
}

// TestABrokenLineDoesNotCostItsNeighbours: whatever is wrong with a line, the
// metrics before and after it are told.
func TestABrokenLineDoesNotCostItsNeighbours(t *testing.T) {
	for name, c := range map[string]struct {
		in     string
		broken []string
	}{
		"no fields":                       {"m", []string{"m"}},
		"an unknown value":                {"m v=abc 1", []string{"m v=abc 1"}},
		"a number out of range":           {"m v=99999999999999999999i 1", []string{"m v=99999999999999999999i 1"}},
		"a string that is never closed":   {`m v="abc`, []string{`m v="abc`}},
		"a string that a quote closes":    {"m v=\"abc\nm w=\"x\" 1", []string{`m v="abc`}},
		"text behind the time":            {"m v=1 1 x", []string{"m v=1 1 x"}},
		"bytes that are no text":          {"\xff\xfe\x00 \x01", []string{"\xff\xfe\x00 \x01"}},
		"a string of lines, then rubbish": {"m v=\"a\nbetween v=1 1\n\",w=abc", []string{`m v="a`, `",w=abc`}},
		"a quote behind a string":         {"m v=\"a\"\"\nm v=\"\n\"", []string{`m v="a""`}},
		"JSON":                            {`{"a": 1}`, []string{`{"a": 1}`}},
		"a name that ends in a backslash": {"m\\", []string{"m\\"}},
		"a tag without a value":           {"m,k= v=1", []string{"m,k= v=1"}},
		"a backslash at the end":          {`m,k=a\`, []string{`m,k=a\`}},
		"a backslash at a string's end":   {`m v="a\`, []string{`m v="a\`}},
		"a timestamp of another planet":   {"m v=1 99999999999999999999", []string{"m v=1 99999999999999999999"}},
		"two strings, the second is open": {`m v="a",w="b`, []string{`m v="a",w="b`}},
	} {
		t.Run(name, func(t *testing.T) {
			got := read(t, everything, "before v=1 1\n"+c.in+"\nafter v=1 1\n")
			require.Equal(t, c.broken, got.broken)
			require.Equal(t, "before v=1 @1", got.samples[0])
			require.Equal(t, "after v=1 @1", got.samples[len(got.samples)-1])
		})
	}
}

func TestWhatIsNoMetricAndNoMistake(t *testing.T) {
	require.Equal(t, reading{}, read(t, everything, "\n\r\n# a comment, with \"quotes\n   \n"))
}

// TestPieces: a pipe cuts wherever it likes. However the stream is cut, the
// same comes out.
func TestPieces(t *testing.T) {
	stream := "a,k=v x=1 1\nb s=\"x\ny\\\"z\" 2\nbroken s=\"x\nc,k=\\,v x=1,s=\"\" 3\n\nd x=1 4\r\ne s=\"a\",t=\"b\nc\" 5\nlast x=1 6"
	whole := read(t, everything, stream)
	require.Len(t, whole.samples, 6)
	require.Equal(t, []string{`broken s="x`}, whole.broken)
	for size := 1; size < len(stream); size++ {
		var pieces []string
		for piece := range slices.Chunk([]byte(stream), size) {
			pieces = append(pieces, string(piece))
		}
		require.Equal(t, whole, read(t, everything, pieces...), "in pieces of %d bytes", size)
	}
}

// TestAMegabyte: a line of a megabyte is an event log's, and is read whole.
func TestAMegabyte(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	got := read(t, everything, "before v=1 1\nm v=\""+long+"\" 2\n", "after v=1 3\n")
	require.Equal(t, []string{"before v=1 @1", "m v='" + long + "' @2", "after v=1 @3"}, got.samples)
}

func TestALineThatIsTooLongIsSkippedAlone(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, in := range map[string]struct{ begin, piece string }{
		"in a name":                   {"m", long},
		"in a string":                 {`m v="`, long},
		"in a string with open quote": {`m v="` + "\n", long},
	} {
		t.Run(name, func(t *testing.T) {
			pieces := []string{"before v=1 1\n", in.begin}
			for range MaxLine>>20 + 1 {
				pieces = append(pieces, in.piece)
			}
			got := read(t, everything, append(pieces, "\nafter v=1 3\n")...)
			require.Equal(t, []string{"before v=1 @1", "after v=1 @3"}, got.samples)
			require.Equal(t, 1, got.tooLong)
		})
	}
	t.Run("all at once", func(t *testing.T) {
		got := read(t, everything, "before v=1 1\n"+strings.Repeat(long, MaxLine>>20)+"x\nafter v=1 3\n")
		require.Equal(t, []string{"before v=1 @1", "after v=1 @3"}, got.samples)
		require.Equal(t, 1, got.tooLong)
	})
}

// TestGivingUp: what follows a string that nobody closes waits for it, but not
// for ever.
func TestGivingUp(t *testing.T) {
	var taken []string
	r := Records{Take: func(record []byte, joined bool) bool {
		taken = append(taken, string(record))
		return true
	}}
	r.Write([]byte("m v=\"open\na v=1 1\nb v=1"))
	require.True(t, r.Open())
	require.Empty(t, taken, "it may be one record yet")
	r.GiveUp()
	require.False(t, r.Open())
	require.Equal(t, []string{`m v="open`, "a v=1 1"}, taken)
	r.Write([]byte("7 2\n"))
	require.Equal(t, "b v=17 2", taken[2], "the line that has not ended is not cut")
}

// TestALineThatWasCutOff: a Telegraf that is killed leaves half a line in the
// pipe in one case of ten, and half of temp_c=33.3 says that all is well.
func TestALineThatWasCutOff(t *testing.T) {
	const before, whole = "m v=1 1700000000000000001\n", "m v=33.3 1700000000000000002"
	for cut := 1; cut < len(whole); cut++ {
		require.Equal(t, []string{"m v=1 @1700000000000000001"}, read(t, everything, before, whole[:cut]).samples, "%q is not all of it", whole[:cut])
	}
	all := []string{"m v=1 @1700000000000000001", "m v=33.3 @1700000000000000002"}
	for _, end := range []string{"", "\n", "\r", "\r\n"} {
		require.Equal(t, all, read(t, everything, before, whole+end).samples, "nothing of it is missing")
	}
	require.Equal(t, []string{"m v=1 @1700000000000000001", "n v=2 @1700000000000000002"},
		read(t, everything, before, "m v=\"open\nn v=2 1700000000000000002\nm v=33").samples, "nor does it cost its neighbours")
}

// TestAStringWithoutEnd: many lines in a string that nobody closes must not
// fill the memory.
func TestAStringWithoutEnd(t *testing.T) {
	taken := 0
	r := Records{Take: func([]byte, bool) bool { taken++; return true }}
	r.Write([]byte("m v=\"\n"))
	piece := []byte(strings.Repeat(strings.Repeat("x", 1023)+"\n", 1024))
	for range 2 * MaxLine >> 20 {
		r.Write(piece)
		require.LessOrEqual(t, len(r.rest), MaxLine+len(piece))
	}
	require.Greater(t, taken, 2*MaxLine>>10)
}

func TestWhatNobodyWantsIsNotRead(t *testing.T) {
	asked := make(map[string]int)
	wants := func(name string) bool {
		asked[name]++
		return strings.HasPrefix(name, "my")
	}
	got := read(t, wants, "cpu v=1 1\ncpu,a=b v=broken\nmy\\ disk v=1 1\nmydisk v=1 1\nmydisk v=2 1\ncpu v=\"a\nb\" 1\nca\\,t v=1 1\n")
	require.Equal(t, reading{samples: []string{"my disk v=1 @1", "mydisk v=1 @1", "mydisk v=2 @1"}, unwanted: 4}, got)
	for name, times := range asked {
		require.Equal(t, 1, times, "%q", name)
	}
}

// TestMemoryIsBounded: a tag that takes ever new values must not fill the
// memory of an agent.
func TestMemoryIsBounded(t *testing.T) {
	p := NewParser(everything, time.Now)
	var batch Batch
	p.Into(&batch)
	for i := range maxTexts + maxTexts/2 {
		n := sprint(i)
		_, err := p.Parse([]byte("m" + n + ",k=v" + n + " f" + n + "=1"))
		require.NoError(t, err)
		batch.Reset()
	}
	require.LessOrEqual(t, len(p.wanted), maxNames)
	require.LessOrEqual(t, len(p.builder.keys), maxNames)
	require.LessOrEqual(t, len(p.builder.marks.known), maxTexts)
}

// FuzzParser compares with Telegraf's own parser: what that takes, we take,
// with the same tags and fields, and nothing else.
func FuzzParser(f *testing.F) {
	for _, seed := range []string{
		`m,k=v a=1,b=2i,c=3u,d=t,e="x" 17`, `m\ n,k\=x=\,v a="q\"\\" -1`, `m,b=1,a=2,b=3 x=1,x=2`, "m v=1\r", "#", `m v="`, "m v=\"a\nb\"",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if strings.Contains(in, "\n") { // one record
			t.Skip()
		}
		got := read(t, everything, in)
		want, err := telegrafs(t, strings.TrimSuffix(in, "\r"))
		if err != nil {
			require.Empty(t, got.samples)
			require.Len(t, got.broken, 1)
			return
		}
		require.Empty(t, got.broken)
		require.Len(t, got.samples, len(want))
		if strings.Contains(in, `\"`) {
			return // in tags Telegraf sometimes takes the backslash for one that it wrote
		}
		for i, m := range want {
			s := sample.Sample{Measurement: m.Name(), Time: m.Time()}
			for _, tag := range m.TagList() {
				s.Tags = append(s.Tags, sample.Tag{Key: tag.Key, Value: tag.Value})
			}
			for _, field := range m.FieldList() {
				s.Fields = append(s.Fields, sample.Field{Key: field.Key, Value: sample.Of(field.Value)})
			}
			require.Equal(t, written(&s), got.samples[i])
		}
	})
}

// telegrafs is what Telegraf's own parser makes of a record. It has none where
// it panics, as for a name that ends in a backslash.
func telegrafs(t *testing.T, record string) (metrics []telegraf.Metric, err error) {
	p := &influx.Parser{}
	require.NoError(t, p.Init())
	p.SetTimeFunc(func() time.Time { return now })
	defer func() {
		if recover() != nil {
			err = influx.ErrNoMetric
		}
	}()
	return p.Parse([]byte(record))
}

// FuzzRecords: however a stream is cut, and whatever is in it, the same comes
// out, and a good line at its end is not lost.
func FuzzRecords(f *testing.F) {
	f.Add("m v=\"a\nb\" 1\nm v=\"\n", uint8(3))
	f.Add("m v=\"a\\\n\\\"b\" 1\n", uint8(1))
	f.Fuzz(func(t *testing.T, in string, size uint8) {
		in += "\n"
		var pieces []string
		for piece := range slices.Chunk([]byte(in), int(size)+1) {
			pieces = append(pieces, string(piece))
		}
		require.Equal(t, read(t, everything, in), read(t, everything, pieces...))
		if !strings.Contains(in, `"`) {
			got := read(t, everything, in+"last v=1 1\n")
			require.Equal(t, "last v=1 @1", got.samples[len(got.samples)-1])
		}
	})
}

func sprint(v any) string { return fmt.Sprint(v) }
