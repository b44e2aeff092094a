package influxdb

import (
	"context"
	"encoding/base64"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/influxdata/influxdb-client-go/v2/api"
	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"
	"github.com/influxdata/influxdb-client-go/v2/api/query"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// The columns of Flux that mean something here.
const (
	valueColumn       = "_value"
	timeColumn        = "_time"
	measurementColumn = "_measurement"
	resultColumn      = "result"
)

// notRead are columns that say how InfluxDB made the answer.
var notRead = []string{resultColumn, "table", "_start", "_stop"}

// flux asks through InfluxData's client.
func (s *Source) flux(ctx context.Context, text string) ([]sample.Sample, error) {
	token := s.token
	if token == "" && s.username != "" {
		token = s.username + ":" + s.password // as 1.8 wants it
	}
	if token != "" {
		token = "Token " + token
	}
	service := influxhttp.NewService(s.url, token,
		influxhttp.DefaultOptions().SetHTTPClient(s.client).SetApplicationName("teamsrelay"))
	// A query API of its own for each query: it keeps nothing worth keeping,
	// and writes to itself without a lock.
	result, err := api.NewQueryAPI(s.org, service).Query(ctx, text)
	if err != nil {
		return nil, err
	}
	// Its body only: result.Close would read the rest of what we have given up.
	defer result.Closer.Close()
	samples, err := fluxSamples(result, s.maxRows)
	var several *severalResults
	switch {
	case err == nil:
		return samples, nil
	case errors.As(err, &several):
		return nil, &failure{
			outcome: outcomeUseless,
			what:    fmt.Sprintf("the query yields several results (%s)", s.quote(several.one+", "+several.other)),
			hint:    "keep one, or make a rule for each",
		}
	case isBroken(err):
		return nil, err
	case isMisread(err):
		return nil, unreadable(s.quote(err.Error()))
	}
	return nil, refusedQuery(s.quote(err.Error()))
}

// isMisread tells what the client could not read from what InfluxDB reports in
// the midst of an answer, which it hands on as a plain text.
func isMisread(err error) bool {
	var lines *csv.ParseError
	var number *strconv.NumError
	var instant *time.ParseError
	var binary base64.CorruptInputError
	text := err.Error()
	return errors.Is(err, errNotFlux) || errors.As(err, &lines) || errors.As(err, &number) ||
		errors.As(err, &instant) || errors.As(err, &binary) ||
		strings.HasPrefix(text, "parsing error, ") || strings.HasPrefix(text, "time: ") ||
		strings.Contains(text, " has unknown data type ")
}

// errNotFlux is an answer that is not the annotated CSV that was asked for.
var errNotFlux = errors.New("it is not annotated CSV")

// severalResults is an answer to a query with several yields. Their tables may
// differ in nothing but the name of the result, which is no tag: a mean and a
// maximum would be two values of one series at one time.
type severalResults struct{ one, other string }

func (e *severalResults) Error() string { return "it has several results" }

// fluxSamples makes a sample of each row:
//
//   - text columns are tags, by their names, those that begin with _ too;
//     but a text in _value is a field, because it was measured;
//   - numbers and booleans are fields; times other than _time are seconds since
//     1970, durations seconds;
//   - _time is the sample's time, _measurement its measurement too;
//   - what is null, NaN or infinite is not there.
//
// All rows must be of one yield. Tables may have different columns. A row whose _value is null and that has
// no other value is left out: that is what windows without data look like. An
// error anywhere means that nothing of the answer may be used.
func fluxSamples(result *api.QueryTableResult, most int) ([]sample.Sample, error) {
	var samples []sample.Sample
	var columns []string
	var last *query.FluxRecord
	var yield string  // what the rows so far are the result of
	var inHead string // what those of this table are
	var hidden bool   // only its head tells
	for result.Next() {
		if result.TableChanged() {
			var err error
			if columns, err = columnsOf(result.TableMetadata()); err != nil {
				return nil, err
			}
			inHead, hidden = hiddenResult(result.TableMetadata())
		}
		// A line that is neither annotation nor row leaves the record of the
		// line before, or none.
		if result.Record() == nil || result.Record() == last {
			return nil, errNotFlux
		}
		last = result.Record()
		name := inHead
		if !hidden {
			name = last.Result()
		}
		switch {
		case yield == "":
			yield = name
		case name != "" && name != yield:
			return nil, &severalResults{yield, name}
		}
		if len(samples) == most {
			return nil, tooLarge(fmt.Sprintf("more than %d rows", most))
		}
		if one, ok := fluxSample(columns, last.Values()); ok {
			samples = append(samples, one)
		}
	}
	if err := result.Err(); err != nil {
		return nil, err
	}
	// An answer that was cut within a table's head, or is no table at all,
	// would look like an empty one.
	if table := result.TableMetadata(); table != nil {
		if _, err := columnsOf(table); err != nil {
			return nil, err
		}
	} else if body, ok := result.Closer.(*bounded); ok && body.seen {
		return nil, errNotFlux
	}
	return samples, nil
}

// hiddenResult is the yield that a table's rows are of when they also have a
// tag result, like those of several of Telegraf's inputs: the client keeps the
// tag's value, and of the yield what stands in the table's head, where
// InfluxDB writes it.
func hiddenResult(table *query.FluxTableMetadata) (name string, hidden bool) {
	first := -1
	for i, c := range table.Columns() {
		switch {
		case c.Name() != resultColumn:
		case first >= 0:
			return table.Column(first).DefaultValue(), true
		default:
			first = i
		}
	}
	return "", false
}

// columnsOf are the columns that are read of a table, sorted by name, each
// name once. What InfluxDB names like one of notRead comes first; another of
// that name was measured.
func columnsOf(table *query.FluxTableMetadata) ([]string, error) {
	var columns []string
	seen := make(map[string]bool)
	for _, c := range table.Columns() {
		if c.Name() == "" {
			return nil, errNotFlux
		}
		if seen[c.Name()] || !slices.Contains(notRead, c.Name()) {
			columns = append(columns, c.Name())
		}
		seen[c.Name()] = true
	}
	slices.Sort(columns)
	return slices.Compact(columns), nil
}

// fluxSample makes a sample of a row; false if it is a window without data.
func fluxSample(columns []string, row map[string]any) (sample.Sample, bool) {
	var one sample.Sample
	empty := false // there is a value column with nothing in it
	for _, name := range columns {
		x := row[name]
		if name == timeColumn {
			if at, ok := x.(time.Time); ok {
				one.Time = instant(at)
				continue
			}
		}
		if text, ok := x.(string); ok && name != valueColumn {
			if name == measurementColumn {
				one.Measurement = text
			}
			one.Tags = append(one.Tags, sample.Tag{Key: name, Value: text})
			continue
		}
		v := fluxValue(x)
		if v.Kind() == sample.None {
			empty = empty || name == valueColumn
			continue
		}
		one.Fields = append(one.Fields, sample.Field{Key: name, Value: v})
	}
	return one, len(one.Fields) > 0 || !empty
}

func fluxValue(x any) sample.Value {
	switch x := x.(type) {
	case time.Time:
		return sample.Num(float64(x.UnixNano()) / float64(time.Second))
	case time.Duration:
		return sample.Num(x.Seconds())
	}
	return sample.Of(x)
}

// instant is a row's time, none for 1970: that is what InfluxDB writes where a
// value belongs to no time, like the mean of everything.
func instant(at time.Time) time.Time {
	if at.Unix() == 0 && at.Nanosecond() == 0 {
		return time.Time{}
	}
	return at
}
