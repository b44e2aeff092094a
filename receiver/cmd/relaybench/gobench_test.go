package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatGoMeasuredBecomesRowsThatPeopleRead(t *testing.T) {
	rows, err := readBenchmarks(strings.NewReader(`goos: linux
pkg: github.com/teamsrelay/teamsrelay/receiver/store/postgres
cpu: AMD EPYC
BenchmarkHistory/Prune_of_200/episodes=1000000-2    	      50	  14543848 ns/op
BenchmarkUpdateParallel32/alerts=1-2 	 1	 1234567890 ns/op	  16.25 p50-ms	 200 B/op	       0 allocs/op
--- SKIP: BenchmarkThere
    x_test.go:1: no PostgreSQL
PASS
ok  	github.com/teamsrelay/teamsrelay/receiver/store/postgres	1.2s
pkg: github.com/teamsrelay/teamsrelay/plugins/outputs/teams/lines
BenchmarkParser-16         	  100	      1650.5 ns/op	  1743256 B/op	 161 allocs/op
BenchmarkSeries         	  100	      11.27 ns/op	  4096 B/op	       0 allocs/op
BenchmarkEmpty-2         	  100	      130 ns/op	  0 B/op	       0 allocs/op
ok  	github.com/teamsrelay/teamsrelay/receiver/x	1.2s
`))
	require.NoError(t, err)
	require.Equal(t, []row{
		{"store/postgres: History/Prune of 200/episodes=1000000", "14.5 ms"},
		{"store/postgres: UpdateParallel32/alerts=1", "1.23 s, p50 16.25 ms, 200 bytes, no allocation"},
		{"store/postgres: There", "left out: what it needs is not on this machine"},
		{"plugins/outputs/teams/lines: Parser", "1.65 µs, 1.7 MB, 161 allocations"},
		{"plugins/outputs/teams/lines: Series", "11.3 ns, 4.1 KB, no allocation"},
		{"plugins/outputs/teams/lines: Empty", "130 ns, no allocation"},
	}, rows)
	_, err = readBenchmarks(strings.NewReader("BenchmarkX-2  1  many ns/op\n"))
	require.ErrorContains(t, err, "has no number before ns/op", "a number that is left out would look like one that was not measured")
}

func TestTheTableIsMarkdownThatCanBePutIntoTheReadme(t *testing.T) {
	var out strings.Builder
	require.NoError(t, table(&out, "two cores", []row{{"taken", "5 a second"}, {"a|b", "one\ntwo"}}))
	require.Equal(t, "\nMeasured on two cores.\n\n| what | measured |\n| --- | --- |\n| taken | 5 a second |\n| a\\|b | one two |\n", out.String())
	require.Contains(t, (&bench{clients: 32, postgres: "15.9"}).machine(""), "PostgreSQL 15.9", "numbers of a store mean little without its version")
}
