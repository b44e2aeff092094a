package rules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// start is when the stories of the tests begin.
var start = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// parsed compiles a rule file.
func parsed(t testing.TB, text string) *Set {
	t.Helper()
	set, problems := Parse([]File{{Name: "test.yml", Data: []byte(text)}})
	require.NotNil(t, set, "%v", problems)
	return set
}

// oneRule is a rule file with one rule A on the measurement m.
func oneRule(t testing.TB, keys string) *Set {
	t.Helper()
	return parsed(t, "groups: [{name: g, rules: [{alert: A, measurement: m, "+keys+"}]}]")
}

// world is an evaluator whose clock is turned by the test, and all it said.
type world struct {
	t    testing.TB
	set  *Set
	e    *Evaluator
	now  time.Time
	said []string // since the last look, without what only reads differently
	// told is what was said to fire, and refreshed how often it read differently.
	told      map[alert.Fingerprint]alert.Alert
	refreshed int
	rows      map[[2]string][]byte
}

func newWorld(t testing.TB, set *Set) *world {
	return &world{t: t, set: set, e: NewEvaluator(set, start), now: start, rows: map[[2]string][]byte{}, told: map[alert.Fingerprint]alert.Alert{}}
}

// to lets time pass, with the ticks that the evaluator asks for.
func (w *world) to(offset time.Duration) *world {
	w.t.Helper()
	end := start.Add(offset)
	for i := 0; ; i++ {
		next := w.e.Next()
		if next.IsZero() || next.After(end) {
			break
		}
		require.Less(w.t, i, 10000, "the evaluator asks for ticks without end")
		w.now = next
		w.e.Tick(next)
		w.listen()
	}
	w.now = end
	return w
}

// tick is one that comes at an instant, whether it was asked for or not.
func (w *world) tick() *world {
	w.e.Tick(w.now)
	w.listen()
	return w
}

// metric gives a sample that was measured just now: "host=a" and "v=3".
func (w *world) metric(tags, fields string) *world { return w.measured(w.now.Sub(start), tags, fields) }

// measured gives a sample that was measured at another time.
func (w *world) measured(at time.Duration, tags, fields string) *world {
	s := row(at, tags, fields)
	s.Measurement = "m"
	w.e.Metric(&s, w.now)
	w.listen()
	return w
}

func row(at time.Duration, tags, fields string) sample.Sample {
	s := sample.Sample{Time: start.Add(at)}
	for _, tag := range strings.FieldsFunc(tags, func(r rune) bool { return r == ',' }) {
		key, value, _ := strings.Cut(tag, "=")
		s.Tags = append(s.Tags, sample.Tag{Key: key, Value: value})
	}
	for _, field := range strings.FieldsFunc(fields, func(r rune) bool { return r == ',' }) {
		key, text, _ := strings.Cut(field, "=")
		value := sample.Str(strings.Trim(text, `"`))
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			value = sample.Num(n)
		} else if b, err := strconv.ParseBool(text); err == nil {
			value = sample.Boolean(b)
		}
		s.Fields = append(s.Fields, sample.Field{Key: key, Value: value})
	}
	return s
}

// listen takes note of what the evaluator says, and of its rows.
func (w *world) listen() {
	for _, a := range w.e.Changes() {
		require.Equal(w.t, alert.FingerprintOf(a.Labels), a.Fingerprint)
		require.False(w.t, a.Status == alert.Resolved && a.EndsAt.Before(a.StartsAt), "an alert ended before it began")
		_, fires := w.told[a.Fingerprint]
		if a.Status == alert.Resolved {
			require.True(w.t, fires, "an alert ends that was not told: %v", a)
			delete(w.told, a.Fingerprint)
		} else {
			w.told[a.Fingerprint] = a
			if fires {
				w.refreshed++
				continue
			}
		}
		w.said = append(w.said, words(&a))
	}
	for _, row := range w.e.Dirty() {
		key := [2]string{row.Rule, row.Series}
		if row.State == nil {
			require.Contains(w.t, w.rows, key, "a row is deleted that nobody stored")
			delete(w.rows, key)
		} else {
			w.rows[key] = row.State
		}
	}
}

// words is an alert in short: "warning{host=a} fires since 2m", or with
// "ends 2m-5m". Its name and severity stand in front.
func words(a *alert.Alert) string {
	labels := maps.Clone(a.Labels)
	name := labels["severity"]
	if labels["alertname"] != "A" {
		name = labels["alertname"] + " " + name
	}
	delete(labels, "severity")
	delete(labels, "alertname")
	list := make([]string, 0, len(labels))
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		list = append(list, key+"="+labels[key])
	}
	if len(list) > 0 {
		name += "{" + strings.Join(list, ",") + "}"
	}
	if a.Status == alert.Firing {
		return name + " fires since " + offset(a.StartsAt)
	}
	text := fmt.Sprintf("%s ends %s-%s", name, offset(a.StartsAt), offset(a.EndsAt))
	if why := a.Annotations["description"]; why != "" {
		text += ": " + why
	}
	return text
}

func offset(t time.Time) string {
	d := t.Sub(start).Round(time.Millisecond)
	if d < 0 {
		return "-" + inWords(-d)
	}
	return inWords(d)
}

// says is what was said since the last time, one line each.
func (w *world) says(lines ...string) *world {
	w.t.Helper()
	require.Equal(w.t, lines, slices.Clip(append([]string(nil), w.said...)), "at %s", offset(w.now))
	w.said = nil
	return w
}

// firing is what fires, in words, sorted.
func (w *world) firing() []string {
	list := []string{}
	w.e.Firing(func(a alert.Alert) { list = append(list, words(&a)) })
	slices.Sort(list)
	return list
}

// restart replaces the evaluator by a new one that knows what was stored.
func (w *world) restart(set *Set) *world {
	w.t.Helper()
	w.e = NewEvaluator(set, w.now)
	for _, key := range slices.SortedFunc(maps.Keys(w.rows), func(a, b [2]string) int {
		return strings.Compare(a[0]+a[1], b[0]+b[1])
	}) {
		require.NoError(w.t, w.e.Restore(Row{Rule: key[0], Series: key[1], State: w.rows[key]}, w.now))
	}
	w.listen()
	return w
}

// mins is a time in minutes.
func mins(m float64) time.Duration { return time.Duration(m * float64(time.Minute)) }
