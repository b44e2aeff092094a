package rules

import (
	"cmp"
	"slices"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// Look is what is stored of one series, for people to read. Of a series that
// has been well all the time nothing need be stored.
type Look struct {
	Tags     []sample.Tag
	State    LookState
	Severity string    // of the level that fires or is pending; "" where it has none
	Since    time.Time // it fires, is pending or silent; zero if it is well
	Newest   time.Time // of the newest sample that is stored
	// Values are those that the rule looks at, as they were stored last, by
	// name.
	Values []LookValue
}

// LookValue is a value by its name.
type LookValue struct {
	Name  string
	Value any
}

// LookState is how it is with a series: the worst comes first.
type LookState int

// The states of a series.
const (
	LookFiring LookState = iota
	LookSilent           // no sample has come for longer than no_data allows
	LookPending
	LookWell
)

// Look reads a row of the rule's. ok is false for one that is of no series, or
// damaged.
func (r *Rule) Look(row Row) (_ Look, ok bool) {
	if row.Rule != r.ID || row.Series == ruleRow {
		return Look{}, false
	}
	k, err := decode(row.State)
	if err != nil {
		return Look{}, false
	}
	d := directory{by: r.By, polled: r.Measurement == ""}
	tags, ok := d.tags(k.key)
	if !ok {
		return Look{}, false
	}
	look := Look{Tags: tags, State: LookWell, Newest: timeOf(k.newest), Values: r.lookValues(k)}
	switch {
	case k.told != nil:
		look.State, look.Severity, look.Since = LookFiring, k.told.severity, k.told.alert.StartsAt
	case k.quiet != nil:
		look.State, look.Since = LookSilent, k.quiet.alert.StartsAt
	case k.raw > 0:
		level := k.levels[k.raw-1]
		look.State, look.Severity, look.Since = LookPending, level.severity, timeOf(level.from)
	}
	return look, true
}

// lookValues are the numbers that the rule mentions, else what it remembers.
func (r *Rule) lookValues(k *keptSeries) (values []LookValue) {
	names := r.Mentions()
	for _, f := range k.fields {
		if slices.Contains(names, f.Key) {
			values = append(values, LookValue{f.Key, f.Value.Any()})
		}
	}
	for _, c := range k.computed {
		if c.value.Kind() != sample.None {
			values = append(values, LookValue{needName(c.need), c.value.Any()})
		}
	}
	if len(values) == 0 {
		for _, p := range k.previous {
			values = append(values, LookValue{p.field, p.value.Any()})
		}
	}
	if len(values) == 0 {
		for _, w := range k.windows {
			if n := len(w.points); n > 0 {
				values = append(values, LookValue{w.field, w.points[n-1].last})
			}
		}
	}
	slices.SortStableFunc(values, func(a, b LookValue) int { return cmp.Compare(a.Name, b.Name) })
	return slices.CompactFunc(values, func(a, b LookValue) bool { return a.Name == b.Name })
}
