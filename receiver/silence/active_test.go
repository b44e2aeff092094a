package silence

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/route"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// quiet is a silence of ours until noon.
func quiet(id int64, sets ...[]string) store.Silence {
	return store.Silence{
		ID: id, Sets: sets, By: group.Person{Name: "Alice"}, Comment: "deploying",
		State: store.SilenceActive, StartsAt: noon.Add(-time.Hour), EndsAt: noon,
	}
}

func TestAnAlertIsSilencedByWhatMatchesAllOfIt(t *testing.T) {
	db1 := map[string]string{"alertname": "DiskFull", "instance": "db1", "severity": "warning"}
	for name, c := range map[string]struct {
		sets     [][]string
		labels   map[string]string
		silenced bool
	}{
		"its full labels":                                {[][]string{{`alertname="DiskFull"`, `instance="db1"`, `severity="warning"`}}, db1, true},
		"some of its labels":                             {[][]string{{`instance="db1"`}}, db1, true},
		"a label that it has not":                        {[][]string{{`alertname="DiskFull"`, `team="dba"`}}, db1, false},
		"another value":                                  {[][]string{{`alertname="DiskFull"`, `instance="db2"`}}, db1, false},
		"one set of several":                             {[][]string{{`instance="db2"`}, {`instance="db1"`}}, db1, true},
		"half of one set and half of another":            {[][]string{{`alertname="DiskFull"`, `instance="db2"`}, {`alertname="CPU"`, `instance="db1"`}}, db1, false},
		"a regular expression, which matches whole":      {[][]string{{`instance=~"db."`}}, db1, true},
		"a part of a value is no match":                  {[][]string{{`instance=~"b"`}}, db1, false},
		"a value that it has not":                        {[][]string{{`alertname="DiskFull"`, `instance!="db2"`}}, db1, true},
		"no value of a kind":                             {[][]string{{`instance!~"db.*"`, `severity="warning"`}}, db1, false},
		"a label that is to be missing, and is":          {[][]string{{`alertname="DiskFull"`, `team=""`}}, db1, true},
		"a label that is to be missing, and is not":      {[][]string{{`alertname="DiskFull"`, `severity=""`}}, db1, false},
		"two matchers on one line":                       {[][]string{{`alertname="DiskFull",instance="db1"`}}, db1, true},
		"names and values of any kind":                   {[][]string{{`"a.b"="x\"y\\z"`}}, map[string]string{"a.b": `x"y\z`}, true},
		"a set without matchers would silence all":       {[][]string{{}}, db1, false},
		"a set that cannot be read silences nothing":     {[][]string{{`instance=~"("`}}, db1, false},
		"nothing silences an alert without these labels": {[][]string{{`instance="db1"`}}, map[string]string{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, ok := Compile([]store.Silence{quiet(7, c.sets...)}).Of(c.labels)
			require.Equal(t, c.silenced, ok)
			if ok {
				require.Equal(t, group.Silence{ID: 7, By: group.Person{Name: "Alice"}, Until: noon, Comment: "deploying"}, s)
			}
		})
	}
}

// The card says until when; that must be when the last silence ends, not the
// first that was found.
func TestOfSeveralSilencesTheLongestIsTold(t *testing.T) {
	short, long, same := quiet(1, []string{`a="b"`}), quiet(2, []string{`a=~".+"`}), quiet(3, []string{`a="b"`})
	long.EndsAt = noon.Add(time.Hour)
	same.EndsAt = long.EndsAt
	all := []store.Silence{short, long, same}
	for range 20 { // a map gives the labels in any order
		for i := range all {
			s, ok := Compile(append(all[i:len(all):len(all)], all[:i]...)).Of(map[string]string{"a": "b", "c": "d"})
			require.True(t, ok)
			require.EqualValues(t, 2, s.ID)
		}
	}
}

// Nothing may claim to be silenced before Alertmanager has all of it
// (design D13).
func TestWhatAlertmanagerHasNotGotSilencesNothing(t *testing.T) {
	s := quiet(1, []string{`a="b"`}, []string{`a="c"`})
	s.Theirs = true
	for _, state := range []store.SilenceState{store.SilenceActive, store.SilenceEnding} {
		s.State = state
		for n, ids := range [][]string{nil, {"1"}, {"1", "2"}} {
			s.TheirIDs = ids
			is, ok := Compile([]store.Silence{s}).Of(map[string]string{"a": "b"})
			require.Equal(t, n == 2, ok, "%s with %d of 2", state, n)
			require.Equal(t, ok, is.Theirs)
		}
	}
}

func TestWithoutSilencesNothingIsSilenced(t *testing.T) {
	_, ok := Compile(nil).Of(map[string]string{"a": "b"})
	require.False(t, ok)
}

// member is an alert of a group.
func member(state group.State, labels map[string]string) group.Member {
	return group.Member{State: state, Alert: alert.Alert{Labels: labels}}
}

func TestASilenceOfAGroupIsAboutWhatMayStillFire(t *testing.T) {
	g := &group.Group{Alerts: []group.Member{
		member(group.Firing, map[string]string{"instance": "db1", "alertname": "DiskFull", "empty": ""}),
		member(group.Resolved, map[string]string{"instance": "db2", "alertname": "DiskFull"}),
		member(group.Unseen, map[string]string{"instance": "db3", "alertname": "DiskFull"}),
	}}
	sets := SetsOf(g)
	require.Equal(t, [][]string{
		{`alertname="DiskFull"`, `instance="db1"`},
		{`alertname="DiskFull"`, `instance="db3"`},
	}, sets)
	active := Compile([]store.Silence{quiet(1, sets...)})
	for i, silenced := range []bool{true, false, true} {
		_, ok := active.Member(&g.Alerts[i])
		require.Equal(t, silenced, ok)
	}
	require.Empty(t, SetsOf(&group.Group{Alerts: []group.Member{member(group.Firing, nil)}}), "an alert without labels cannot be named")
}

func TestWhatPeopleWriteIsCheckedBeforeItSilencesAnything(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		wrong string // "" nothing
	}{
		"one":                            {[]string{`alertname="DiskFull"`}, ""},
		"without quotes":                 {[]string{`alertname=DiskFull`}, ""},
		"in braces":                      {[]string{`{alertname="DiskFull",instance=~"db.*"}`}, ""},
		"a negative one beside another":  {[]string{`alertname!="Watchdog"`, `team="dba"`}, ""},
		"none":                           {nil, "add a matcher"},
		"an empty one":                   {[]string{""}, "add a matcher"},
		"what matches everything":        {[]string{`instance=~".*"`}, "add a matcher"},
		"what matches nearly everything": {[]string{`alertname!="Watchdog"`}, "add a matcher"},
		"words":                          {[]string{"the database"}, `"the database" is no matcher; write`},
		"an expression that is none":     {[]string{`instance=~"("`}, "no matcher"},
		"more than anybody types":        {strings.Split(strings.Repeat("a=b ", 32)+"a=b", " "), "more than 32"},
	} {
		t.Run(name, func(t *testing.T) {
			err := CheckMatchers(c.lines)
			if c.wrong == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.wrong)
		})
	}
}

// Labels come from outside, and what is stored of them is read again: a set
// that reads differently would leave an alert loud, or silence another.
func FuzzASetMatchesTheLabelsThatItWasMadeOf(f *testing.F) {
	f.Add("alertname", "DiskFull", "instance", "db1:9100")
	f.Add("a.b", `x"y\z`, "ü", "zwei\nZeilen")
	f.Add("a", `\"`, "b", `\\n`)
	f.Add("a", "{b=c,d=~\"e\"}", "__name__", "=~")
	f.Add("a b", " ", "", "\x00")
	f.Fuzz(func(t *testing.T, name, value, other, otherValue string) {
		labels := map[string]string{name: value, other: otherValue}
		for n, v := range labels {
			// What ingest lets in: names and valid UTF-8.
			if n == "" || strings.ToValidUTF8(n, "") != n || strings.ToValidUTF8(v, "") != v {
				t.Skip()
			}
		}
		set := setOf(labels)
		if len(set) == 0 {
			t.Skip()
		}
		matchers, err := read(set)
		require.NoError(t, err, "%q", set)
		require.Len(t, matchers, len(set), "%q", set)
		require.True(t, matches(matchers, labels), "%q", set)
		_, ok := Compile([]store.Silence{quiet(1, set)}).Of(labels)
		require.True(t, ok)
		for n, v := range labels {
			if v == "" {
				continue
			}
			labels[n] = v + "x"
			require.False(t, matches(matchers, labels), "%q silences others", set)
			labels[n] = v
		}
	})
}

// The short way to read a matcher must not be another reading of it.
func FuzzPlainMatchersAreWhatTheParsersRead(f *testing.F) {
	for _, line := range []string{`a="b"`, `a=""`, `a="b",c="d"`, `a="b" `, ` a="b"`, `a="{"`, `a="b\\"`, `a="="b"`, `a_1="ü, =~'"`, `a:b="c"`} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		m := plain(line)
		if m == nil {
			t.Skip()
		}
		parsed, err := route.ParseMatchers([]string{line})
		require.NoError(t, err)
		require.Len(t, parsed, 1)
		require.Equal(t, m, parsed[0])
	})
}

// crowd is that many silences of 100 alerts each, and an alert of the last.
func crowd(n int) ([]store.Silence, map[string]string) {
	var all []store.Silence
	labels := map[string]string{"alertname": "DiskFull", "severity": "warning", "job": "node", "cluster": "fra1"}
	for i := range n {
		var sets [][]string
		for j := range 100 {
			labels["instance"] = fmt.Sprintf("db%d-%d:9100", i, j)
			sets = append(sets, setOf(labels))
		}
		all = append(all, quiet(int64(i+1), sets...))
	}
	return all, labels
}

func TestASilenceIsFoundAmongMany(t *testing.T) {
	all, labels := crowd(50)
	active := Compile(all)
	s, ok := active.Of(labels)
	require.True(t, ok)
	require.EqualValues(t, 50, s.ID)
	require.Empty(t, active.rest)
	labels["instance"] = "db0-100:9100"
	_, ok = active.Of(labels)
	require.False(t, ok)
	for _, l := range active.with {
		require.LessOrEqual(t, len(l), 1, "each alert would be compared with silences of others")
	}
}

func BenchmarkOf(b *testing.B) {
	for _, n := range []int{0, 1, 100} {
		all, labels := crowd(n)
		active := Compile(all)
		b.Run(fmt.Sprintf("%d_sets", n*100), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				active.Of(labels)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	all, _ := crowd(10)
	b.ReportAllocs()
	for b.Loop() {
		Compile(all)
	}
}
