package rules

import (
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/rules/condition"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// longestPrevious is how long a text may be that is remembered for the next
// sample; a longer one is as if it were not there.
const longestPrevious = 1024

// memory is what a series keeps of earlier samples, for rules that look back.
type memory struct {
	previous []sample.Value // by tracker.remembered
	windows  []window       // by tracker.windows
	chart    *chart
	// usable is the time of the newest sample that the conditions could decide
	// by. Newer ones, up to the series' newest, only filled the memory.
	usable int64
}

// windowKey says what a window is of: functions that look at the same numbers
// share one. count also counts texts, so it has its own.
type windowKey struct {
	field    string
	length   time.Duration
	anything bool
}

// lookup says where the value of a need comes from: a window, or the previous
// value of a field.
type lookup struct {
	function string
	at       int // in tracker.windows, or tracker.remembered
}

// plan decides what a series of the rule has to remember.
func (r *tracker) plan() {
	for _, need := range r.rule.Needs {
		l := lookup{function: need.Func}
		if need.Window == 0 {
			l.at = position(&r.remembered, need.Field)
		} else {
			l.at = position(&r.windows, windowKey{need.Field, need.Window, need.Func == "count"})
		}
		r.lookups = append(r.lookups, l)
	}
}

// position is where x is in the list; it is added if it is not there.
func position[T comparable](list *[]T, x T) int {
	for i := range *list {
		if (*list)[i] == x {
			return i
		}
	}
	*list = append(*list, x)
	return len(*list) - 1
}

// newMemory is the memory of a new series; nil if the rule needs none.
func (r *tracker) newMemory() *memory {
	if len(r.lookups) == 0 && r.rule.Chart == nil {
		return nil
	}
	m := &memory{previous: make([]sample.Value, len(r.remembered)), windows: make([]window, len(r.windows))}
	for i, key := range r.windows {
		m.windows[i] = newWindow(key.length)
	}
	if r.rule.Chart != nil {
		m.chart = newChart(r.rule.Chart.Last)
	}
	return m
}

// valueOf is what a sample says of a name: the field, or else the tag, because
// the texts of a query's row are its tags.
func valueOf(s *sample.Sample, name string) sample.Value {
	v := s.Field(name)
	if v.Kind() == sample.None {
		if text := s.Tag(name); text != "" {
			return sample.Str(text)
		}
	}
	return v
}

// memorable is what is remembered of a name for the next sample.
func memorable(s *sample.Sample, name string) sample.Value {
	v := valueOf(s, name)
	if text, ok := v.Text(); ok && len(text) > longestPrevious {
		return sample.Value{}
	}
	return v
}

// look puts the sample into the memory and computes the rule's needs, by slot,
// into values. fed says that the sample had something to remember, and changed
// that a value differs from that of the sample before.
func (m *memory) look(r *tracker, s *sample.Sample, at int64, values []sample.Value) (fed, changed bool) {
	for i := range m.windows {
		w, key := &m.windows[i], &r.windows[i]
		w.drop(at)
		value := valueOf(s, key.field)
		if n, ok := value.Number(); ok || key.anything && value.Kind() != sample.None {
			w.add(at, n)
			fed = true
		}
	}
	for i := range r.lookups {
		if l := &r.lookups[i]; l.function != "previous" && l.function != "changed" {
			values[i] = m.windows[l.at].value(l.function)
		}
	}
	for field, name := range r.remembered {
		was, is := m.previous[field], memorable(s, name)
		for i := range r.lookups {
			switch l := &r.lookups[i]; {
			case l.function == "previous" && l.at == field:
				values[i] = was
			case l.function == "changed" && l.at == field:
				values[i] = sample.Value{} // a field that was not there, or was of another kind
				if is.Kind() != sample.None && was.Kind() == is.Kind() {
					values[i] = sample.Boolean(was != is)
				}
			}
		}
		if is.Kind() != sample.None {
			fed = true
			if was != is {
				m.previous[field] = is
				changed = true
			}
		}
	}
	return fed, changed
}

// filling says whether a sample that the conditions cannot decide by lacks
// nothing but earlier ones: whether they could, if there had been others like
// it. What was computed is overwritten.
func (r *tracker) filling(s *sample.Sample, computed []sample.Value, cur uint16) bool {
	for i, need := range r.rule.Needs {
		switch is := memorable(s, need.Field); {
		case is.Kind() == sample.None:
		case need.Func == "previous" && computed[i].Kind() != is.Kind():
			computed[i] = is
		case need.Func == "changed" && computed[i].Kind() == sample.None:
			computed[i] = sample.Boolean(false)
		case (need.Func == "delta" || need.Func == "rate") && computed[i].Kind() == sample.None && is.Kind() == sample.Number:
			computed[i] = sample.Num(0)
		}
	}
	_, known := r.decide(s, computed, cur)
	return known
}

// shift says that the series' clock was set by that much.
func (m *memory) shift(by int64) {
	for i := range m.windows {
		w := &m.windows[i]
		for j := range w.points {
			w.points[j].at += by
		}
		w.rest.at += by
		for j := range w.tails {
			w.tails[j].at += by
		}
	}
	if m.chart != nil {
		m.chart.shift(by)
	}
	m.usable += by
}

// needName is how a need reads in an alert's values: mean(temp_c, 5m).
func needName(n condition.Need) string {
	if n.Window == 0 {
		return n.Func + "(" + n.Field + ")"
	}
	return n.Func + "(" + n.Field + ", " + inWords(n.Window) + ")"
}
