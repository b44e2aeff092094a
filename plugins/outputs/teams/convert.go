package teams

import (
	"slices"

	"github.com/influxdata/telegraf"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// samples makes samples of Telegraf's metrics, in memory that is used again
// for the next batch.
type samples struct {
	all    []sample.Sample
	tags   []sample.Tag
	fields []sample.Field
}

func (s *samples) reset() {
	clear(s.all) // so that long texts are not kept alive
	clear(s.tags)
	clear(s.fields)
	s.all, s.tags, s.fields = s.all[:0], s.tags[:0], s.fields[:0]
}

// add appends a metric. Telegraf keeps tags sorted and every key once.
func (s *samples) add(m telegraf.Metric) {
	tags, fields := m.TagList(), m.FieldList()
	s.tags, s.fields = slices.Grow(s.tags, len(tags)), slices.Grow(s.fields, len(fields))
	firstTag, firstField := len(s.tags), len(s.fields)
	for _, t := range tags {
		s.tags = append(s.tags, sample.Tag{Key: t.Key, Value: t.Value})
	}
	for _, f := range fields {
		s.fields = append(s.fields, sample.Field{Key: f.Key, Value: sample.Of(f.Value)})
	}
	s.all = append(s.all, sample.Sample{
		Measurement: m.Name(), Time: m.Time(),
		Tags:   s.tags[firstTag:len(s.tags):len(s.tags)],
		Fields: s.fields[firstField:len(s.fields):len(s.fields)],
	})
}
