package rules

import (
	"encoding/binary"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// series is what is known of one series of one rule. There may be a million of
// them, so what only some need stands behind a pointer.
type series struct {
	tracker      *tracker
	key          string  // its tags, see tracker.appendKey
	older, newer *series // neighbours in its list, in order of arrival

	heard  int64 // when its newest sample arrived, on the evaluator's clock
	newest int64 // the time of that sample, in nanoseconds since 1970
	ahead  int64 // newest minus heard: how the series' clock goes

	due    int64   // its entry in the deadlines that counts; 0: none
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
	silent                     // in the list of those whose silence was told
)

// appendKey appends what tells the series of a sample from others of the rule:
// its tags, each text with its length before it. merged says that the sample
// has tags that make no difference, so that several sources feed the series.
func (r *tracker) appendKey(key []byte, s *sample.Sample) (_ []byte, merged bool) {
	if r.rule.By == nil {
		for i := range s.Tags {
			tag := &s.Tags[i]
			if tag.Value == "" || r.polled && strings.HasPrefix(tag.Key, "_") {
				continue
			}
			key = appendText(appendText(key, tag.Key), tag.Value)
		}
		return key, false
	}
	at, found := 0, 0
	for _, name := range r.rule.By {
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
func (r *tracker) tags(key string) (tags []sample.Tag, ok bool) {
	in := reader{rest: key}
	if r.rule.By != nil {
		for _, name := range r.rule.By {
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

// arrivals is a list of series, the one that was heard of longest ago first.
type arrivals struct{ first, last *series }

func (l *arrivals) add(s *series) {
	s.older, s.newer = l.last, nil
	if l.last == nil {
		l.first = s
	} else {
		l.last.newer = s
	}
	l.last = s
}

func (l *arrivals) remove(s *series) {
	if s.older == nil {
		l.first = s.newer
	} else {
		s.older.newer = s.newer
	}
	if s.newer == nil {
		l.last = s.older
	} else {
		s.newer.older = s.older
	}
	s.older, s.newer = nil, nil
}
