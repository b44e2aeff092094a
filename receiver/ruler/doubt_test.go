package ruler_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// TestARuleThatCanDecideNothingIsNamedOnce would fail for who wrote temp_c for
// a field that is called celsius, and sees neither a card nor a word.
func TestARuleThatCanDecideNothingIsNamedOnce(t *testing.T) {
	renamed := func(name string, value sample.Value) sample.Sample {
		s := at("r1", 0)
		s.Fields = []sample.Field{{Key: name, Value: value}}
		return s
	}
	for _, test := range []struct {
		name  string
		come  []sample.Sample
		warns int
	}{
		{"a field that has another name", []sample.Sample{renamed("celsius", sample.Num(40))}, 1},
		{"a field that is a text", []sample.Sample{renamed("temp_c", sample.Str("40"))}, 1},
		{"a metric that has not all fields in each line", []sample.Sample{renamed("humidity", sample.Num(40)), at("r1", 40)}, 0},
		{"nothing", nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.start(hot)
				for range 3 {
					for i := range test.come {
						test.come[i].Time = time.Now()
					}
					r.samples(test.come...)
					time.Sleep(6 * time.Minute)
				}
				synctest.Wait()
				const words = "A rule can decide nothing"
				require.Equal(t, test.warns, strings.Count(r.log.String(), words), r.log.String())
				if test.warns > 0 {
					require.Contains(t, r.log.String(), "rule=Hot file=rules.yml line=5 measurement=temperature needs=temp_c samples=1")
					require.NoError(t, r.ruler.Reload(t.Context(), parse(t, hot)))
					r.samples(test.come...)
					r.stop()
					require.Equal(t, 2, strings.Count(r.log.String(), words), "it is wrong still after a reload, and whoever stops at once hears of it too")
					return
				}
				r.stop()
			})
		})
	}
}

// TestARuleThatGoesBlindIsNamed would fail for who updates what measures, if
// the field that became a text had nobody say so because it was a number before.
func TestARuleThatGoesBlindIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start(hot)
		defer func() { r.stop() }()
		r.samples(at("r1", 20))
		for minute := 0; minute < 80; minute += 4 {
			text := at("r1", 0)
			text.Fields[0].Value = sample.Str("20")
			r.samples(text)
			time.Sleep(4 * time.Minute)
			synctest.Wait()
			if minute < 50 {
				require.NotContains(t, r.log.String(), "decide nothing", "another line may bring the field")
			}
		}
		require.Contains(t, r.log.String(), "decide nothing")
	})
}

// TestARuleThatAsksADatabaseIsNotNamedTwice: the alert that its query is of no
// use says more, and where people look.
func TestARuleThatAsksADatabaseIsNotNamedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		set := r.start("groups: [{name: polled, influxdb: dc, rules: [{alert: Hot, query: q, when: _value > 27}]}]")
		verdict, err := r.ruler.Rows(t.Context(), set.Groups[0].Rules[0], []sample.Sample{at("r1", 40)})
		require.NoError(t, err)
		require.NotEmpty(t, verdict.Problem)
		r.stop()
		require.NotContains(t, r.log.String(), "decide nothing")
	})
}
