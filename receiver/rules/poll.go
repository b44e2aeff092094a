package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/rules/condition"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// Verdict says what a rule could do with the rows of a query.
type Verdict struct {
	Rows int // that the query gave
	Used int // that were evaluated, or had been by an earlier poll
	// Problem says, if it is not "", in words that go into an alert, why the
	// rule learnt nothing although there were rows: its conditions cannot
	// decide by any, or none has a column that where names.
	Problem string
}

// Rows evaluates what a query of a polled rule gave, in any order. A row that
// is not newer than what is known of its series is passed over, because polls
// ask for ranges that overlap; but the newest one counts again when it says
// something else. A rule that is not in the set any more learns nothing, and neither
// does one that has changed since it was asked for.
func (e *Evaluator) Rows(rule *Rule, rows []sample.Sample, now time.Time) Verdict {
	e.arrive(now)
	v := Verdict{Rows: len(rows)}
	r := e.byID[rule.ID]
	if r == nil || r.rule != rule {
		return v
	}
	if r.unasked != 0 {
		r.unasked, r.heardAgain = 0, e.now
	}
	r.poll++
	inOrder := make([]*sample.Sample, len(rows))
	for i := range rows {
		inOrder[i] = &rows[i]
	}
	slices.SortStableFunc(inOrder, func(a, b *sample.Sample) int { return a.Time.Compare(b.Time) })
	if v.Problem = r.mixed(inOrder); v.Problem == "" {
		wrong, left := 0, 0
		sifted, newest := e.sift(r, inOrder)
		for i, row := range sifted {
			switch e.spread(r.directory, row, e.instant(row.Time)) {
			case used:
				v.Used++
			case seen:
				v.Used++
				if newest[i] {
					e.reread(r, row, e.instant(row.Time))
				}
			case unusable:
				wrong++
			case passed:
				left++
			}
		}
		switch {
		case v.Used > 0 || len(rows) == 0:
		case wrong > 0:
			v.Problem = r.unfit(rows)
		case left == len(rows):
			v.Problem = r.leftOut(rows)
		}
	}
	r.verdict, r.verdictAt = v, e.wall()
	return v
}

// sift leaves, of several rows of one series and time, the one that puts it at the
// highest level: their order is chance, and would begin and end an alert with each
// poll. newest says which rows are the newest of their series. A rule that looks
// back takes in every row, and does so once: of it none is.
func (e *Evaluator) sift(r *tracker, inOrder []*sample.Sample) (rows []*sample.Sample, newest []bool) {
	newest = make([]bool, len(inOrder))
	if len(r.lookups) > 0 {
		return inOrder, newest
	}
	rows = inOrder[:0]
	found := make(map[string]int, r.series)
	var key []byte
	for _, row := range inOrder {
		if r.rule.Where == nil || r.rule.Where.Eval(row, nil) == condition.True {
			key, _ = r.directory.appendKey(key[:0], row)
			last, ok := found[string(key)]
			if ok && e.instant(rows[last].Time) == e.instant(row.Time) {
				if r.rank(key, row) > r.rank(key, rows[last]) {
					rows[last] = row
				}
				continue
			}
			if ok {
				newest[last] = false
			}
			found[string(key)], newest[len(rows)] = len(rows), true
		}
		rows = append(rows, row)
	}
	return rows, newest
}

// rank is how bad it is what a row says of a series: -1 if it says nothing.
func (r *tracker) rank(key []byte, row *sample.Sample) int {
	cur := uint16(0)
	if one := r.directory.places[string(key)].of(r); one != nil {
		cur = one.raw
	}
	level, known := r.decide(row, nil, cur)
	if !known {
		return -1
	}
	return int(level)
}

// reread evaluates the newest row of a series, which was seen before; its key is
// e.key. What a row says may change while its time does not: the sum of a day that
// is not over, or that a machine was last heard of long ago. As far as anybody
// knows that began now, and it does not mean that anything was heard of the series.
func (e *Evaluator) reread(r *tracker, s *sample.Sample, at int64) {
	one := r.directory.places[string(e.key)].of(r)
	if one == nil { // it was well when we stopped
		if level, known := r.decide(s, nil, 0); known && level > 0 {
			e.meet(r, s, at)
		}
		return
	}
	if e.date(one, at) < one.newest {
		return
	}
	level, known := r.decide(s, nil, one.raw)
	if known && (level != 0 || one.unwell != nil) {
		e.settle(one, level, max(one.newest, e.now+one.ahead), s, nil)
	}
}

// mixed says what is wrong if the rows of one series and time are of several
// fields or measurements: nothing that is decided by such a mixture is right.
func (r *tracker) mixed(inOrder []*sample.Sample) string {
	columns := [...]string{"_field", "_measurement"}
	have := map[string]*sample.Sample{} // of one instant, by series
	var key []byte
	for i, row := range inOrder {
		if i > 0 && !row.Time.Equal(inOrder[i-1].Time) && len(have) > 0 {
			have = map[string]*sample.Sample{} // to clear a map takes as long as it once was large
		}
		if r.rule.Where != nil && r.rule.Where.Eval(row, nil) != condition.True {
			continue
		}
		key, _ = r.directory.appendKey(key[:0], row)
		other := have[string(key)]
		if other == nil {
			have[string(key)] = row
			continue
		}
		for _, column := range columns {
			if a, b := other.Tag(column), row.Tag(column); a != b {
				return fmt.Sprintf("the query gave rows that differ only in %s (%.100q and %.100q), and the rule takes them for one series; "+
					"add %s to by, or keep only one of them in the query", column, a, b, column)
			}
		}
	}
	return ""
}

// unfit says why none of the rows could be used.
func (r *tracker) unfit(rows []sample.Sample) string {
	columns, numbers := columnsOf(rows)
	what := "the query gave rows" // without their number: the same trouble reads the same
	if lacking := r.lacking(columns, numbers); lacking != "" {
		what += ", none of them has " + lacking
	} else {
		what += ", but none of them can be compared as the rule wants"
	}
	return what + ": " + columnsInWords(columns) +
		"; name the right column in when, or change the query so that it gives the one that stands there"
}

// leftOut says what is wrong where where left out all rows: "" unless that is
// because none has a column that it names. Which rows it wants is not known then.
func (r *tracker) leftOut(rows []sample.Sample) string {
	columns, _ := columnsOf(rows)
	var missing []string
	for _, name := range r.rule.Where.Names() {
		if columns[name] == "" {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return ""
	}
	// As it stands there, what is missing is an empty text; here it is unknown.
	where, err := condition.Compile(r.rule.Where.String(), &condition.Slots{})
	for i := range rows {
		if err != nil || where.Eval(&rows[i], nil) != condition.Unknown {
			return "" // something else leaves it out
		}
	}
	return "the query gave rows, none of them has the column " + strings.Join(missing, " or ") + ", and where leaves out all of them: " +
		columnsInWords(columns) + "; name the right column in where, or change the query so that it gives the one that stands there"
}

// columnsOf are the columns of rows with the kinds of their values in words,
// and which of them have numbers.
func columnsOf(rows []sample.Sample) (columns map[string]string, numbers map[string]bool) {
	columns, numbers = map[string]string{}, map[string]bool{}
	for i := range rows {
		for _, f := range rows[i].Fields {
			switch f.Value.Kind() {
			case sample.Number:
				columns[f.Key], numbers[f.Key] = "number", true
			case sample.Bool:
				columns[f.Key] = "boolean"
			case sample.Text:
				columns[f.Key] = "text"
			}
		}
		for _, tag := range rows[i].Tags {
			if columns[tag.Key] == "" {
				columns[tag.Key] = "text"
			}
		}
	}
	return columns, numbers
}

// columnsInWords are the columns as a part of a sentence.
func columnsInWords(columns map[string]string) string {
	list := make([]string, 0, len(columns))
	for name, kind := range columns {
		list = append(list, fmt.Sprintf("%.100s (%s)", name, kind))
	}
	slices.Sort(list)
	const most = 20
	if len(list) > most {
		list = append(list[:most], "…")
	}
	return "the columns are " + strings.Join(list, ", ")
}

// lacking is what the rule's conditions need and no row has; "" if each of
// them is there in some row.
func (r *tracker) lacking(columns map[string]string, numbers map[string]bool) string {
	var missing []string
	for i := range r.rule.Levels {
		when := r.rule.Levels[i].When
		if b, ok := when.Bound(); ok && b.Field != "" {
			if !numbers[b.Field] {
				position(&missing, "a number in "+b.Field)
			}
			continue
		}
		for _, name := range when.Names() {
			if columns[name] == "" {
				position(&missing, "a value in "+name)
			}
		}
	}
	return strings.Join(missing, " or ")
}
