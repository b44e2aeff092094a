package rules

import (
	"encoding/binary"
	"math"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/rules/condition"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// writer writes a row: numbers as varints, floats in eight bytes, texts with
// their length before them.
type writer []byte

func (w *writer) uint(n uint64)   { *w = binary.AppendUvarint(*w, n) }
func (w *writer) int(n int64)     { *w = binary.AppendVarint(*w, n) }
func (w *writer) float(f float64) { *w = binary.LittleEndian.AppendUint64(*w, math.Float64bits(f)) }
func (w *writer) text(s string)   { *w = appendText(*w, s) }

func (w *writer) bool(b bool) {
	if b {
		*w = append(*w, 1)
	} else {
		*w = append(*w, 0)
	}
}

func (w *writer) value(v sample.Value) {
	*w = append(*w, byte(v.Kind()))
	switch v.Kind() {
	case sample.Number:
		n, _ := v.Number()
		w.float(n)
	case sample.Text:
		text, _ := v.Text()
		if len(text) > maxKeptText {
			text = strings.ToValidUTF8(text[:maxKeptText], "")
		}
		w.text(text)
	case sample.Bool:
		b, _ := v.Bool()
		w.bool(b)
	}
}

func (w *writer) need(n condition.Need) {
	w.text(n.Func)
	w.text(n.Field)
	w.int(int64(n.Window))
}

func (w *writer) texts(m map[string]string) {
	w.uint(uint64(len(m)))
	for name, text := range m {
		w.text(name)
		w.text(text)
	}
}

// alert writes an alert that fires, so that its end can be told even when the
// rule that made it would make another.
func (w *writer) alert(r *tracker, t *told) {
	if t == nil {
		w.bool(false)
		return
	}
	w.bool(true)
	severity := ""
	if t.rank > 0 {
		severity = r.level(t.rank).Severity
	}
	w.text(severity)
	w.int(t.alert.StartsAt.UnixNano())
	w.texts(t.alert.Labels)
	w.texts(t.alert.Annotations)
	w.uint(uint64(len(t.alert.Values)))
	for name, v := range t.alert.Values {
		w.text(name)
		w.float(v)
	}
}

// reader reads what a writer wrote. What is damaged sets failed, and gives
// zeros from there on.
type reader struct {
	rest   string
	failed bool
}

func (in *reader) fail() {
	in.rest, in.failed = "", true
}

func (in *reader) byte() byte {
	if in.rest == "" {
		in.fail()
		return 0
	}
	b := in.rest[0]
	in.rest = in.rest[1:]
	return b
}

func (in *reader) bool() bool {
	b := in.byte()
	if b > 1 {
		in.fail()
	}
	return b == 1
}

func (in *reader) uint() (n uint64) {
	for shift := 0; shift < 64; shift += 7 {
		b := in.byte()
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	in.fail()
	return 0
}

func (in *reader) int() int64 {
	n := in.uint()
	return int64(n>>1) ^ -int64(n&1)
}

func (in *reader) float() float64 {
	if len(in.rest) < 8 {
		in.fail()
		return 0
	}
	f := math.Float64frombits(binary.LittleEndian.Uint64([]byte(in.rest[:8])))
	in.rest = in.rest[8:]
	return f
}

// count is how many follow. Each takes a byte at least, so what is damaged
// cannot ask for more memory than it has itself, by much.
func (in *reader) count() int {
	n := in.uint()
	if n > uint64(len(in.rest)) {
		in.fail()
		return 0
	}
	return int(n)
}

func (in *reader) text() string {
	n := in.count()
	text := in.rest[:n]
	in.rest = in.rest[n:]
	return text
}

func (in *reader) value() sample.Value {
	switch sample.Kind(in.byte()) {
	case sample.None:
	case sample.Number:
		return sample.Num(in.float())
	case sample.Text:
		return sample.Str(in.text())
	case sample.Bool:
		return sample.Boolean(in.bool())
	default:
		in.fail()
	}
	return sample.Value{}
}

func (in *reader) need() condition.Need {
	return condition.Need{Func: in.text(), Field: in.text(), Window: time.Duration(in.int())}
}

func (in *reader) texts() map[string]string {
	n := in.count()
	if n == 0 {
		return nil
	}
	m := make(map[string]string, n)
	for range n {
		name := in.text()
		m[name] = in.text()
	}
	return m
}

func (in *reader) alert() *keptAlert {
	if !in.bool() {
		return nil
	}
	k := &keptAlert{severity: in.text()}
	k.alert.StartsAt = timeOf(in.int())
	k.alert.Labels = in.texts()
	k.alert.Annotations = in.texts()
	if n := in.count(); n > 0 {
		k.alert.Values = make(map[string]float64, n)
		for range n {
			name := in.text()
			k.alert.Values[name] = in.float()
		}
	}
	return k
}
