package rules

import (
	"encoding/binary"
	"iter"
	"slices"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// series is what is known of one series of one rule. There may be a million of
// them, so what only some need stands behind a pointer.
type series struct {
	tracker *tracker
	place   *place // its tags

	heard  int64 // when its newest usable sample arrived, on the evaluator's clock
	given  int64 // when a poll last gave its newest row again, on the evaluator's clock
	newest int64 // the time of the newest sample that was taken, in nanoseconds since 1970
	ahead  int64 // newest minus when that arrived: how the series' clock goes

	due int64 // when it is looked at next, on the evaluator's clock

	unwell *unwell // nil: ok, and nobody has been told anything else
	memory *memory // nil: the rule needs none

	raw   uint16 // the level that the newest sample says, by rank; 0: ok
	poll  uint16 // the poll that brought the newest row
	flags flags
}

// flags are what is to be remembered of a series in one bit each.
type flags uint8

const (
	dead     flags = 1 << iota // forgotten; only lists of what is to be done may still know it
	dirty                      // in the list of what is to be stored
	stored                     // the store has a row of it
	moved                      // not dirty, but a row of it would read differently
	restored                   // nothing was heard since the restart
	silent                     // its silence was told
)

// directory finds series by their tags, for all rules that look at the same
// metrics and make the same series of them; a polled rule has its own.
type directory struct {
	by       []string
	polled   bool
	trackers []*tracker // in the order of the files
	places   map[string]*place
}

// place is where the series of one key are.
type place struct {
	key    string // the tags, see appendKey
	series []entry
}

// entry is the series of one rule at a place.
type entry struct {
	tracker *tracker
	one     *series
}

// of is the series of a rule, nil if it has none here; p may be nil.
func (p *place) of(r *tracker) *series {
	if p != nil {
		for i := range p.series {
			if p.series[i].tracker == r {
				return p.series[i].one
			}
		}
	}
	return nil
}

// add puts a series where its key says.
func (d *directory) add(key []byte, one *series) {
	p := d.places[string(key)]
	if p == nil {
		p = &place{key: string(key)}
		d.places[p.key] = p
	}
	p.series = append(p.series, entry{one.tracker, one})
	one.place = p
}

func (d *directory) remove(one *series) {
	p := one.place
	p.series = slices.DeleteFunc(p.series, func(e entry) bool { return e.one == one })
	if len(p.series) == 0 {
		delete(d.places, p.key)
	}
}

// all are the series of the rule.
func (r *tracker) all() iter.Seq[*series] {
	return func(yield func(*series) bool) {
		for _, p := range r.directory.places {
			if one := p.of(r); one != nil && !yield(one) {
				return
			}
		}
	}
}

// appendKey appends what tells the series of a sample from others: its tags,
// each text with its length before it. merged says that the sample has tags
// that make no difference, so that several sources feed the series.
func (d *directory) appendKey(key []byte, s *sample.Sample) (_ []byte, merged bool) {
	if d.by == nil {
		for i := range s.Tags {
			tag := &s.Tags[i]
			if tag.Value == "" || d.polled && strings.HasPrefix(tag.Key, "_") {
				continue
			}
			key = appendText(appendText(key, tag.Key), tag.Value)
		}
		return key, false
	}
	at, found := 0, 0
	for _, name := range d.by {
		value := ""
		for i := at; i < len(s.Tags); i++ { // both are sorted
			if s.Tags[i].Key == name {
				value, at = s.Tags[i].Value, i+1
				found++
				break
			}
		}
		key = appendText(key, value)
	}
	return key, found < len(s.Tags)
}

func appendText(buf []byte, text string) []byte {
	if len(text) < 0x80 {
		buf = append(buf, byte(len(text)))
	} else {
		buf = binary.AppendUvarint(buf, uint64(len(text)))
	}
	return append(buf, text...)
}

// tags reads a key that appendKey made; ok is false for what is none.
func (d *directory) tags(key string) (tags []sample.Tag, ok bool) {
	in := reader{rest: key}
	if d.by != nil {
		for _, name := range d.by {
			if value := in.text(); value != "" {
				tags = append(tags, sample.Tag{Key: name, Value: value})
			}
		}
		return tags, !in.failed && in.rest == ""
	}
	for in.rest != "" && !in.failed {
		tags = append(tags, sample.Tag{Key: in.text(), Value: in.text()})
	}
	return tags, !in.failed
}
