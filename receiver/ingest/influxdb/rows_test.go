package influxdb

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/influxdb-client-go/v2/api"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// shown is a sample on one line: measurement,tags fields time.
func shown(s sample.Sample) string {
	var line strings.Builder
	line.WriteString(s.Measurement)
	for _, tag := range s.Tags {
		fmt.Fprintf(&line, ",%s=%s", tag.Key, tag.Value)
	}
	for i, field := range s.Fields {
		fmt.Fprintf(&line, "%c%s=%#v", " ,"[min(i, 1)], field.Key, field.Value.Any())
	}
	if !s.Time.IsZero() {
		line.WriteString(" " + s.Time.UTC().Format(time.RFC3339Nano))
	}
	return line.String()
}

func shownAll(rows []sample.Sample) []string {
	lines := []string{}
	for _, row := range rows {
		lines = append(lines, shown(row))
	}
	return lines
}

// answered is what a source makes of an answer.
func answered(t *testing.T, language rules.Language, body string) ([]sample.Sample, error) {
	t.Helper()
	kind := fluxCSV
	if language == rules.InfluxQL {
		kind = "application/json"
	}
	return ask(t, newSource(t, Config{Transport: answering(200, kind, strings.TrimPrefix(body, "\n"))}), language)
}

// requireRows also proves what sample.Sample promises: keys once, tags sorted.
func requireRows(t *testing.T, want []string, got []sample.Sample) {
	t.Helper()
	requireProper(t, got)
	require.Equal(t, want, shownAll(got))
}

func requireProper(t *testing.T, rows []sample.Sample) {
	t.Helper()
	for _, row := range rows {
		for i := 1; i < len(row.Tags); i++ {
			require.Less(t, row.Tags[i-1].Key, row.Tags[i].Key)
		}
		fields := map[string]bool{}
		for _, field := range row.Fields {
			require.False(t, fields[field.Key], "the field %q is there twice", field.Key)
			require.NotEqual(t, sample.None, field.Value.Kind())
			fields[field.Key] = true
		}
	}
}

func TestFluxRowsBecomeSamples(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"a value for each rack, as a query gives it": {`
#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string,string
#group,false,false,true,true,false,false,true,true,true
#default,_result,,,,,,,,
,result,table,_start,_stop,_time,_value,_field,_measurement,rack
,,0,2026-01-01T00:00:00Z,2026-01-01T00:05:00Z,2026-01-01T00:01:00Z,27.5,temp_c,temperature,r1
,,1,2026-01-01T00:00:00Z,2026-01-01T00:05:00Z,2026-01-01T00:01:00.5Z,31,temp_c,temperature,r2
`, []string{
			`temperature,_field=temp_c,_measurement=temperature,rack=r1 _value=27.5 2026-01-01T00:01:00Z`,
			`temperature,_field=temp_c,_measurement=temperature,rack=r2 _value=31 2026-01-01T00:01:00.5Z`,
		}},
		"an aggregate has no time, or 1970": {`
#datatype,string,long,double,string
#group,false,false,false,true
#default,mean,,,
,result,table,_value,rack
,,0,27.5,r1

#datatype,string,long,dateTime:RFC3339,double,string
#group,false,false,false,false,true
#default,mean,,,,
,result,table,_time,_value,rack
,,1,1970-01-01T00:00:00Z,28.5,r2
`, []string{`,rack=r1 _value=27.5`, `,rack=r2 _value=28.5`}},
		"a text that was measured is a field, other texts are tags": {`
#datatype,string,long,string,string
#group,false,false,false,true
#default,,,,
,result,table,_value,host
,,0,running,a
`, []string{`,host=a _value="running"`}},
		"pivoted: columns have types of their own, and null is not there": {`
#datatype,string,long,double,long,unsignedLong,boolean,string
#group,false,false,false,false,false,false,true
#default,,,,,,,
,result,table,temp_c,errors,bytes,ok,host
,,0,27.5,-3,18446744073709551615,true,a
,,0,,,,false,b
`, []string{`,host=a bytes=1.8446744073709552e+19,errors=-3,ok=true,temp_c=27.5`, `,host=b ok=false`}},
		"NaN and infinite values are no values": {`
#datatype,string,long,double,double,double
#group,false,false,false,false,false
#default,,,,,
,result,table,a,b,c
,,0,NaN,+Inf,1
`, []string{` c=1`}},
		"a window without data is not a row": {`
#datatype,string,long,dateTime:RFC3339,double,string
#group,false,false,false,false,true
#default,,,,,
,result,table,_time,_value,host
,,0,2026-01-01T00:01:00Z,,a
,,0,2026-01-01T00:02:00Z,5,a
`, []string{`,host=a _value=5 2026-01-01T00:02:00Z`}},
		"times and durations are seconds": {`
#datatype,string,long,dateTime:RFC3339Nano,duration,base64Binary
#group,false,false,false,false,false
#default,,,,,
,result,table,expires,took,picture
,,0,2026-01-01T00:00:00.5Z,1m30s,aGVsbG8=
`, []string{` expires=1.7672256005e+09,took=90`}},
		"the default stands for what is left out": {`
#datatype,string,long,double,string
#group,false,false,false,true
#default,_result,7,,a
,result,table,_value,host
,,,5,
`, []string{`,host=a _value=5`}},
		"a column that is there twice counts once": {
			"#datatype,string,long,double,double\n,result,table,a,a\n,,0,1,2\n", []string{` a=2`},
		},
		"a tag named like the yield, as several inputs of Telegraf have one, tells series apart": {`
#datatype,string,long,double,string,string
#group,false,false,false,true,true
#default,mean,,,,
,result,table,_value,host,result
,,0,1,a,success
,,1,2,a,timeout
`, []string{`,host=a,result=success _value=1`, `,host=a,result=timeout _value=2`}},
		"one yield of several tables, one of which does not say so": {`
#datatype,string,long,double,string
#group,false,false,false,true
#default,mean,,,
,result,table,_value,rack
,,0,1,r1
,mean,1,2,r2

#datatype,long,double,string
#group,false,false,true
#default,,,
,table,_value,rack
,2,3,r3
`, []string{`,rack=r1 _value=1`, `,rack=r2 _value=2`, `,rack=r3 _value=3`}},
		"a table without rows": {`
#datatype,string,long,double
#group,false,false,false
#default,_result,0,
,result,table,_value
`, []string{}},
		"nothing at all": {"\r\n\r\n", []string{}},
		"lines that end as on Windows": {
			"#datatype,string,long,double\r\n#group,false,false,false\r\n#default,,,\r\n,result,table,_value\r\n,,0,1\r\n\r\n",
			[]string{` _value=1`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := answered(t, rules.Flux, c.body)
			require.NoError(t, err)
			requireRows(t, c.want, rows)
		})
	}
}

// Each of these would look like "no rows, all is well" or like half of them if
// it were not an error.
func TestFluxAnswersThatAreNotWholeAreErrors(t *testing.T) {
	const good = `
#datatype,string,long,double
#group,false,false,false
#default,_result,,
,result,table,_value
,,0,1
`
	for name, c := range map[string]struct{ body, outcome, words string }{
		"an error after good rows": {good + `
#datatype,string,string
#group,true,true
#default,,
,error,reference
,query terminated: memory limit,897
`, outcomeRefused, "the query fails: query terminated: memory limit,897"},
		"an error that does not say which":      {good + "\n#datatype,string,string\n#group,true,true\n#default,,\n,error,reference\n", outcomeUnreadable, "annotated"},
		"an error with nothing in it":           {"#datatype,string,string\n,error,reference\n,,\n", outcomeRefused, "unknown query error"},
		"an error without annotations":          {good + "\nerror,reference\nboom,1\n", outcomeUnreadable, "number of columns"},
		"the same behind a table of one column": {"#datatype,long\n,a\n,1\nerror,reference\n", outcomeUnreadable, "annotated"},
		"cut within a table's head":             {good + "\n#datatype,string,long,double\n", outcomeUnreadable, "annotated"},
		"no head":                               {"#datatype,string,long,double\n#group,false,false,false\n,,0,1\n,,0,2\n", outcomeUnreadable, "annotated"},
		"no annotations":                        {"result,table,_value\n,0,1\n", outcomeUnreadable, "annotations not found"},
		"no types":                              {"#group,false,false,false\n,result,table,_value\n,,0,1\n", outcomeUnreadable, "datatype annotation not found"},
		"a row that is too long":                {good + ",,0,1,2\n", outcomeUnreadable, "number of columns"},
		"a number that is none":                 {good + ",,0,one\n", outcomeUnreadable, "invalid syntax"},
		"a type that nobody knows":              {"#datatype,string,long,complex\n,result,table,_value\n,,0,1\n", outcomeUnreadable, "unknown data type"},
		"a quote that does not end":             {good + ",,0,\"1\n", outcomeUnreadable, `"`},
		"a text":                                {"welcome\n", outcomeUnreadable, "annotated"},
		"JSON":                                  {`{"results":[]}`, outcomeUnreadable, "parse error"},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := answered(t, rules.Flux, c.body)
			require.ErrorContains(t, err, c.words)
			require.Empty(t, rows, "half of an answer must not be used")
			var f *failure
			require.ErrorAs(t, err, &f)
			require.Equal(t, c.outcome, f.outcome)
		})
	}
}

// A mean and a maximum of one rack would be one series with two values at a
// time, and its level whichever comes last.
func TestSeveralYieldsAreAnError(t *testing.T) {
	const head = "#datatype,string,long,double,string,string\n#group,false,false,false,true,true\n"
	for name, body := range map[string]string{
		"in the heads of tables":  head + "#default,mean,,,,\n,result,table,_value,rack,x\n,,0,1,r1,x\n\n" + head + "#default,max,,,,\n,result,table,_value,rack,x\n,,0,99,r1,x\n",
		"in the rows":             head + "#default,,,,,\n,result,table,_value,rack,x\n,mean,0,1,r1,x\n,max,1,99,r1,x\n",
		"behind a tag named like": head + "#default,mean,,,,\n,result,table,_value,rack,result\n,,0,1,r1,ok\n\n" + head + "#default,max,,,,\n,result,table,_value,rack,result\n,,0,99,r1,ok\n",
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := answered(t, rules.Flux, body)
			require.EqualError(t, err, "InfluxDB dc (influx.example:8086): the query yields several results (mean, max); keep one, or make a rule for each")
			require.Empty(t, rows)
			var f *failure
			require.ErrorAs(t, err, &f)
			require.Equal(t, outcomeUseless, f.outcome)
		})
	}
}

func TestInfluxQLRowsBecomeSamples(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want []string
	}{
		"a mean for each rack": {
			`{"results":[{"statement_id":0,"series":[
				{"name":"temperature","tags":{"rack":"r2","hall":""},"columns":["time","mean"],"values":[[1767225660000000000,31]]},
				{"name":"temperature","tags":{"rack":"r1"},"columns":["time","mean"],"values":[[1767225600000000001,27.5]]}]}]}`,
			[]string{
				`temperature,_measurement=temperature,rack=r2 mean=31 2026-01-01T00:01:00Z`,
				`temperature,_measurement=temperature,rack=r1 mean=27.5 2026-01-01T00:00:00.000000001Z`,
			},
		},
		"several statements, and one without data": {
			`{"results":[{"statement_id":0},{"statement_id":1,"series":[{"name":"m","columns":["time","max"],"values":[[0,1]]}]}]}`,
			[]string{`m,_measurement=m max=1`},
		},
		"1970 is no time: it would never become newer": {
			`{"results":[{"series":[{"name":"m","columns":["time","mean"],"values":[[0,1]]}]}]}`,
			[]string{`m,_measurement=m mean=1`},
		},
		"texts and booleans are fields: a state that changes stays one series": {
			`{"results":[{"series":[{"name":"svc","tags":{"host":"a"},"columns":["time","state","ok","n"],"values":[[1767225600000000000,"down",false,9007199254740993]]}]}]}`,
			[]string{`svc,_measurement=svc,host=a state="down",ok=false,n=9.007199254740992e+15 2026-01-01T00:00:00Z`},
		},
		"null is not there, and a window without data no row": {
			`{"results":[{"series":[{"name":"m","columns":["time","a","b"],"values":[[1767225600000000000,null,null],[1767225660000000000,null,2]]}]}]}`,
			[]string{`m,_measurement=m b=2 2026-01-01T00:01:00Z`},
		},
		"times as text, from what does not know epoch": {
			`{"results":[{"series":[{"name":"m","columns":["time","a"],"values":[["2026-01-01T00:00:00.25Z",1]]}]}]}`,
			[]string{`m,_measurement=m a=1 2026-01-01T00:00:00.25Z`},
		},
		"a column that is there twice counts once": {
			`{"results":[{"series":[{"name":"m","columns":["a","a"],"values":[[1,2]]}]}]}`,
			[]string{`m,_measurement=m a=1`},
		},
		"a number that no float64 holds, lists and objects are no values": {
			`{"results":[{"series":[{"name":"m","columns":["a","b","c","d"],"values":[[1e999,[1],{"x":1},4]]}]}]}`,
			[]string{`m,_measurement=m d=4`},
		},
		"a series without values": {`{"results":[{"series":[{"name":"m","columns":["a"]},{"name":"n","values":null}]}]}`, []string{}},
		"no statement":            {`{"results":[]}`, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := answered(t, rules.InfluxQL, c.body)
			require.NoError(t, err)
			requireRows(t, c.want, rows)
		})
	}
}

func TestInfluxQLAnswersThatAreNotWholeAreErrors(t *testing.T) {
	const series = `{"name":"m","columns":["time","a"],"values":[[1,1]]}`
	for name, c := range map[string]struct{ body, outcome, words string }{
		"the whole request":            {`{"error":"database is required"}`, outcomeRefused, "the query fails: database is required"},
		"one statement of two":         {`{"results":[{"series":[` + series + `]},{"statement_id":1,"error":"database not found: dc"}]}`, outcomeRefused, "database not found: dc"},
		"an error beside its series":   {`{"results":[{"series":[` + series + `],"error":"timeout"}]}`, outcomeRefused, "timeout"},
		"the result is cut short":      {`{"results":[{"series":[` + series + `],"partial":true}]}`, outcomeUnreadable, "only the first part"},
		"cut short before any row":     {`{"results":[{"partial":true}]}`, outcomeUnreadable, "only the first part"},
		"the series is cut short":      {`{"results":[{"series":[{"name":"m","columns":["a"],"values":[[1]],"partial":true}]}]}`, outcomeUnreadable, "max-row-limit"},
		"JSON of something else":       {`{"status":"success","data":{}}`, outcomeUnreadable, "no results"},
		"no JSON":                      {"time,a\n1,1\n", outcomeUnreadable, "not the JSON"},
		"nothing":                      {"", outcomeUnreadable, "not the JSON"},
		"cut off":                      {`{"results":[{"series":[` + series, outcomeUnreadable, "not the JSON"},
		"more values than columns":     {`{"results":[{"series":[{"columns":["a"],"values":[[1,2]]}]}]}`, outcomeUnreadable, "2 values for 1 columns"},
		"rows that are none":           {`{"results":[{"series":[{"columns":["a"],"values":[1]}]}]}`, outcomeUnreadable, "no list"},
		"values that are none":         {`{"results":[{"series":[{"columns":["a"],"values":{"a":1}}]}]}`, outcomeUnreadable, "no list"},
		"a time that is none":          {`{"results":[{"series":[{"columns":["time"],"values":[["soon"]]}]}]}`, outcomeUnreadable, "a time"},
		"a time that is half a number": {`{"results":[{"series":[{"columns":["time"],"values":[[1.5]]}]}]}`, outcomeUnreadable, "a time"},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := answered(t, rules.InfluxQL, c.body)
			require.ErrorContains(t, err, c.words)
			require.Empty(t, rows, "half of an answer must not be used")
			var f *failure
			require.ErrorAs(t, err, &f)
			require.Equal(t, c.outcome, f.outcome)
		})
	}
}

// corpus are real answers, which others have collected.
const corpus = "../../../../shared/corpus/influx"

// ofCorpus says what must come of the files that are worth it: rows, or the
// words of the error. The rest is only read.
var ofCorpus = map[string]struct {
	rows  int
	error string
}{
	"flux__result_test-09.csv":                                                     {rows: 8}, // tables with different columns
	"flux__result_test-37.csv":                                                     {rows: 12},
	"flux__result_test-19.csv":                                                     {rows: 2}, // values from #default
	"flux__result_test-28.csv":                                                     {rows: 0}, // a table without rows
	"flux__result_test-02.csv":                                                     {error: "annotated"},
	"go-client__query_test-24-TestMissingDatatypeAnnotation.csv":                   {error: "datatype annotation not found"},
	"go-client__query_test-26-TestDifferentNumberOfColumns.csv":                    {error: "number of columns"},
	"go-client__query_test-29-TestEmptyValue.csv":                                  {rows: 2},
	"go-client__query_test-22.csv":                                                 {rows: 2}, // #datatype is enough
	"csharp-client__FluxCsvParserTest-18.csv":                                      {error: "unknown data type unknown"},
	"docs__influxdb3_cloud_serverless_reference_syntax_annotated_csv_index-05.csv": {error: "the query fails: Failed to parse query,897"},
	"docs__influxdb3_cloud_serverless_write_data_csv_influx_cli-01.csv":            {error: "cannot be read"}, // what influx writes, and does not answer
	"js-client__csvToTable-03.csv":                                                 {rows: 1},
	"js-client__csvToTable-04.csv":                                                 {rows: 6}, // texts of several lines
	"js-client__response2.txt":                                                     {rows: 5},
	"js-client__simpleResponseLines.json":                                          {error: "cannot be read"},
	"python-client__test_FluxCSVParser-11-test_ParseExportFromUserInterface.csv":   {error: "annotated"},
	"python-client__test_FluxCSVParser-12-test_ParseInf.csv":                       {rows: 12},
	"python-client__test_QueryApi-02-test_csv_empty_lines.csv":                     {rows: 9},
	"python-client__test_QueryApiDataFrame-04-test_pivoted_data.csv":               {rows: 4},
	"influxql__enterprise_influxdb_v1_guides_query_data-01.json":                   {rows: 3},
	"influxql__enterprise_influxdb_v1_troubleshooting_errors-03.json":              {error: "unable to parse"},
	"influxql__influxdb_influxdb3_tests_server_query_rs-06.json":                   {error: "database not found: not_a_valid_db"},
	"influxql__shared_influxdb_v2_write_data_troubleshoot-02.json":                 {error: "no results"},
	"influxql__telegraf_plugins_outputs_influxdb_http_test_go-01.json":             {error: "the query fails: invalid name"},
}

func TestRealAnswersAreUnderstood(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(corpus, "*"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("the corpus of real answers (../shared/corpus) is not beside the project")
	}
	seen := 0
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			body, err := os.ReadFile(file)
			require.NoError(t, err)
			language := rules.Flux
			if strings.HasPrefix(name, "influxql") {
				language = rules.InfluxQL
			}
			rows, err := answered(t, language, string(body))
			requireProper(t, rows)
			want, known := ofCorpus[name]
			switch {
			case known && want.error != "":
				require.ErrorContains(t, err, want.error)
				require.Empty(t, rows)
			case known:
				require.NoError(t, err)
				require.Len(t, rows, want.rows)
			case err != nil:
				t.Log(err)
			default:
				t.Log(shownAll(rows))
			}
			if known {
				seen++
			}
		})
	}
	require.Equal(t, len(ofCorpus), seen, "files that are missing prove nothing")
}

func FuzzInfluxQL(f *testing.F) {
	f.Add(`{"results":[{"series":[{"name":"m","tags":{"a":"b"},"columns":["time","x"],"values":[[1,2],["2026-01-01T00:00:00Z",null]]}]}]}`)
	f.Add(`{"results":[{"error":"x"}],"error":"y"}`)
	f.Fuzz(func(t *testing.T, body string) {
		rows, err := influxqlSamples([]byte(body), maxRows)
		requireProper(t, rows)
		if err != nil {
			require.Empty(t, rows)
		}
	})
}

func FuzzFlux(f *testing.F) {
	f.Add("#datatype,string,long,dateTime:RFC3339,double,string\n#group,false,false,false,false,true\n#default,_result,,,,\n,result,table,_time,_value,host\n,,0,2026-01-01T00:00:00Z,1,a\n")
	f.Add("#datatype,string,string\n#group,true,true\n#default,,\n,error,reference\n,boom,1\n")
	f.Add("#datatype,duration,base64Binary\n,a,b\n,1s,aGVsbG8=\nx,y,z\n")
	f.Fuzz(func(t *testing.T, body string) {
		// Below the network, so that all time goes into reading.
		rows, err := fluxSamples(api.NewQueryTableResult(
			newBounded(io.NopCloser(strings.NewReader(body)), maxAnswer)), maxRows)
		if err != nil {
			require.Empty(t, rows)
			return
		}
		requireProper(t, rows)
	})
}
