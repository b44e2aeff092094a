package lines

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// Batch is samples that were read. What they are made of is used again after
// Reset.
type Batch struct {
	Samples []sample.Sample
	tags    []sample.Tag
	fields  []sample.Field
}

// Reset empties the batch. Its samples must not be used any more.
func (b *Batch) Reset() {
	clear(b.Samples) // so that long texts are not kept alive
	clear(b.tags)
	clear(b.fields)
	b.Samples, b.tags, b.fields = b.Samples[:0], b.tags[:0], b.fields[:0]
}

// builder makes a sample of what the state machine finds in a record. It
// implements Telegraf's influx.Handler.
type builder struct {
	batch                *Batch
	now                  func() time.Time
	names, marks, values texts // of measurements, of tags, of string fields
	keys                 map[string]*fieldKey
	order                []*fieldKey // of the record before, by the places of its fields
	record               uint64      // counts them

	// Of the record that is being read:
	name   []byte // as it is written
	time   time.Time
	tags   int // where its tags and fields begin in the batch
	fields int
	sorted bool // its tags are, so far
}

// fieldKey is the name of a field, and which record had it last and where.
type fieldKey struct {
	written string
	name    string
	record  uint64
	at      int
}

func (b *builder) init(now func() time.Time) {
	b.now, b.keys = now, make(map[string]*fieldKey)
	b.names = texts{`, `, make(map[string]string)}
	b.marks = texts{inTags, make(map[string]string)}
	b.values = texts{`"\`, make(map[string]string)}
}

// inTags are what stands behind a backslash in tags and the names of fields.
const inTags = `,= `

func (b *builder) begin() {
	b.record++
	b.name, b.time, b.sorted = nil, time.Time{}, true
	b.tags, b.fields = len(b.batch.tags), len(b.batch.fields)
}

// drop forgets what was read of the record.
func (b *builder) drop() {
	b.batch.tags, b.batch.fields = b.batch.tags[:b.tags], b.batch.fields[:b.fields]
}

// empty reports whether nothing of a metric was found.
func (b *builder) empty() bool { return len(b.name) == 0 || len(b.batch.fields) == b.fields }

// finish makes the record a sample of the batch.
func (b *builder) finish() {
	tags, fields := b.batch.tags[b.tags:], b.batch.fields[b.fields:]
	if !b.sorted {
		tags = inOrder(tags)
	}
	if b.time.IsZero() {
		b.time = b.now()
	}
	b.batch.Samples = append(b.batch.Samples, sample.Sample{
		Measurement: b.names.of(b.name), Time: b.time,
		Tags: tags[:len(tags):len(tags)], Fields: fields[:len(fields):len(fields)],
	})
}

// inOrder sorts tags and leaves the last of those with the same key, as
// Telegraf does.
func inOrder(tags []sample.Tag) []sample.Tag {
	slices.Reverse(tags)
	slices.SortStableFunc(tags, func(a, b sample.Tag) int { return cmp.Compare(a.Key, b.Key) })
	return slices.CompactFunc(tags, func(a, b sample.Tag) bool { return a.Key == b.Key })
}

// SetMeasurement implements influx.Handler.
func (b *builder) SetMeasurement(name []byte) error {
	b.name = name
	return nil
}

// AddTag implements influx.Handler.
func (b *builder) AddTag(key, value []byte) error {
	tag := sample.Tag{Key: b.marks.of(key), Value: b.marks.of(value)}
	if last := len(b.batch.tags) - 1; last >= b.tags && b.batch.tags[last].Key >= tag.Key {
		b.sorted = false
	}
	b.batch.tags = append(b.batch.tags, tag)
	return nil
}

// AddInt implements influx.Handler. The value ends in i.
func (b *builder) AddInt(key, value []byte) error {
	n, err := strconv.ParseInt(asString(value[:len(value)-1]), 10, 64)
	if err != nil {
		return errNumber
	}
	return b.field(key, sample.Num(float64(n)))
}

// AddUint implements influx.Handler. The value ends in u.
func (b *builder) AddUint(key, value []byte) error {
	n, err := strconv.ParseUint(asString(value[:len(value)-1]), 10, 64)
	if err != nil {
		return errNumber
	}
	return b.field(key, sample.Num(float64(n)))
}

// AddFloat implements influx.Handler.
func (b *builder) AddFloat(key, value []byte) error {
	n, err := strconv.ParseFloat(asString(value), 64)
	if err != nil {
		return errNumber
	}
	return b.field(key, sample.Num(n))
}

// AddString implements influx.Handler.
func (b *builder) AddString(key, value []byte) error {
	return b.field(key, sample.Str(b.values.of(value)))
}

// AddBool implements influx.Handler. The value begins with t, T, f or F.
func (b *builder) AddBool(key, value []byte) error {
	return b.field(key, sample.Boolean(value[0]|0x20 == 't'))
}

// SetTimestamp implements influx.Handler. Telegraf writes nanoseconds.
func (b *builder) SetTimestamp(text []byte) error {
	ns, err := strconv.ParseInt(asString(text), 10, 64)
	if err != nil {
		return errNumber
	}
	b.time = time.Unix(0, ns)
	return nil
}

// field adds a field. Of two with the same key the last one holds.
func (b *builder) field(name []byte, value sample.Value) error {
	place := len(b.batch.fields) - b.fields
	key := b.key(name, place)
	if key.record == b.record {
		b.batch.fields[key.at].Value = value
		return nil
	}
	key.record, key.at = b.record, len(b.batch.fields)
	b.batch.fields = append(b.batch.fields, sample.Field{Key: key.name, Value: value})
	return nil
}

// key finds the key of a field. Most metrics have the fields of the one before,
// in the same order.
func (b *builder) key(name []byte, place int) *fieldKey {
	if place < len(b.order) && b.order[place].written == string(name) {
		return b.order[place]
	}
	key, known := b.keys[string(name)]
	if !known {
		if len(b.keys) >= maxNames {
			clear(b.keys)
		}
		key = &fieldKey{written: string(name), name: unescaped(name, inTags)}
		b.keys[key.written] = key
	}
	if place < len(b.order) {
		b.order[place] = key
	} else if place < maxOrder {
		b.order = append(b.order, key)
	}
	return key
}

// maxOrder is for how many fields of a metric their order is remembered.
const maxOrder = 256

type parseError string

func (e parseError) Error() string { return string(e) }

// What the handler has against a record.
const (
	errNumber   = parseError("a number is out of range")
	errNoFields = parseError("it has no fields")
)

// texts keeps each text once, so that what comes again and again, the names
// and values of tags, costs no allocation.
type texts struct {
	escaped string // what stands behind a backslash
	known   map[string]string
}

// Limits of what is remembered: 100,000 texts of up to 256 bytes. When there
// are more, it begins anew.
const (
	maxTexts = 100_000
	maxText  = 256
)

// of is the text that is written with backslashes.
func (t *texts) of(written []byte) string {
	if text, known := t.known[string(written)]; known {
		return text
	}
	text := unescaped(written, t.escaped)
	if len(written) <= maxText {
		if len(t.known) >= maxTexts {
			clear(t.known)
		}
		t.known[string(written)] = text
	}
	return text
}

// unescaped takes the backslashes away that stand before one of these
// characters; others are part of the text.
func unescaped(written []byte, escaped string) string {
	text := string(written)
	if strings.IndexByte(text, '\\') < 0 {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && strings.IndexByte(escaped, text[i+1]) >= 0 {
			i++
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// asString is b for a function that takes a string and does not keep it.
func asString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
