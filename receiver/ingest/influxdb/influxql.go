package influxdb

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// influxql asks /query, which 1.x has and later versions keep for what was
// written for it.
func (s *Source) influxql(ctx context.Context, text string) ([]sample.Sample, error) {
	form := url.Values{"q": {text}, "epoch": {"ns"}}
	if s.database != "" {
		form.Set("db", s.database)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"query", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "teamsrelay")
	switch {
	case s.token != "":
		request.Header.Set("Authorization", "Token "+s.token)
	case s.username != "":
		request.SetBasicAuth(s.username, s.password)
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	samples, err := influxqlSamples(body, s.maxRows)
	var reported *reportedError
	var f *failure
	switch {
	case err == nil:
		return samples, nil
	case errors.As(err, &reported):
		return nil, refusedQuery(s.quote(reported.said))
	case errors.As(err, &f):
		return nil, f
	}
	return nil, unreadable(err.Error()) // in our own words
}

// reportedError is an error that InfluxDB reports in an answer.
type reportedError struct{ said string }

func (e *reportedError) Error() string { return e.said }

// influxqlAnswer is the JSON that /query answers with.
type influxqlAnswer struct {
	Error   string `json:"error"`
	Results *[]struct {
		Error   string           `json:"error"`
		Partial bool             `json:"partial"`
		Series  []influxqlSeries `json:"series"`
	} `json:"results"`
}

// influxqlSeries is one table of it.
type influxqlSeries struct {
	Name    string            `json:"name"`
	Tags    map[string]string `json:"tags"`
	Columns []string          `json:"columns"`
	Values  json.RawMessage   `json:"values"`
	Partial bool              `json:"partial"`
}

// influxqlSamples makes a sample of each row of each series of each statement:
//
//   - what the query groups by are tags, and _measurement is the name of the
//     series, as in Flux;
//   - columns are fields, by their names (mean, last, …), texts too; InfluxQL
//     does not tell which columns are tags;
//   - time is the sample's time;
//   - what is null is not there, and a row of nothing but null is left out:
//     that is what windows without data look like.
//
// An error anywhere means that nothing of the answer may be used, and so does
// an answer that InfluxDB has cut short.
func influxqlSamples(body []byte, most int) ([]sample.Sample, error) {
	var answer influxqlAnswer
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, errors.New("it is not the JSON that InfluxQL is answered with")
	}
	if answer.Error != "" {
		return nil, &reportedError{answer.Error}
	}
	if answer.Results == nil {
		return nil, errors.New("it has no results")
	}
	var samples []sample.Sample
	for _, result := range *answer.Results {
		switch {
		case result.Error != "":
			return nil, &reportedError{result.Error}
		case result.Partial:
			return nil, errPartial
		}
		for i := range result.Series {
			series := &result.Series[i]
			if series.Partial {
				return nil, errPartial
			}
			var err error
			if samples, err = series.appendTo(samples, most); err != nil {
				return nil, err
			}
		}
	}
	return samples, nil
}

// errPartial is an answer that holds only the first rows.
var errPartial = &failure{
	outcome: outcomeUnreadable,
	what:    "InfluxDB sent only the first part of the answer (partial)",
	hint:    "let the query aggregate, filter or look at less time, or raise max-row-limit in InfluxDB",
}

// appendTo adds a sample for each row of the series, up to most in all.
func (s *influxqlSeries) appendTo(samples []sample.Sample, most int) ([]sample.Sample, error) {
	tags, firsts := s.tags(), s.firsts()
	rows := json.NewDecoder(bytes.NewReader(s.Values))
	rows.UseNumber()
	if start, err := rows.Token(); err == io.EOF || start == nil {
		return samples, nil // no values
	} else if start != json.Delim('[') {
		return nil, errors.New("its values are no list")
	}
	var row []any
	for rows.More() {
		if len(samples) == most {
			return nil, tooLarge(fmt.Sprintf("more than %d rows", most))
		}
		row = row[:0]
		if err := rows.Decode(&row); err != nil {
			return nil, errors.New("a row of it is no list")
		}
		if len(row) != len(s.Columns) {
			return nil, fmt.Errorf("a row of it has %d values for %d columns", len(row), len(s.Columns))
		}
		one := sample.Sample{Measurement: s.Name, Tags: tags}
		for i, name := range s.Columns {
			if name == "time" {
				at, err := influxqlTime(row[i])
				if err != nil {
					return nil, err
				}
				one.Time = instant(at)
				continue
			}
			if v := influxqlValue(row[i]); v.Kind() != sample.None && firsts[i] {
				one.Fields = append(one.Fields, sample.Field{Key: name, Value: v})
			}
		}
		if len(one.Fields) > 0 {
			samples = append(samples, one)
		}
	}
	return samples, nil
}

// firsts says which columns have a name that none before them has.
func (s *influxqlSeries) firsts() []bool {
	firsts, seen := make([]bool, len(s.Columns)), make(map[string]bool, len(s.Columns))
	for i, name := range s.Columns {
		firsts[i], seen[name] = !seen[name], true
	}
	return firsts
}

// tags are the same for all rows of a series.
func (s *influxqlSeries) tags() []sample.Tag {
	var tags []sample.Tag
	if s.Tags[measurementColumn] == "" && s.Name != "" {
		tags = append(tags, sample.Tag{Key: measurementColumn, Value: s.Name})
	}
	for key, value := range s.Tags {
		if value != "" {
			tags = append(tags, sample.Tag{Key: key, Value: value})
		}
	}
	slices.SortFunc(tags, func(a, b sample.Tag) int { return strings.Compare(a.Key, b.Key) })
	return tags
}

// influxqlTime reads a time: nanoseconds since 1970, or what InfluxDB writes
// where it does not know epoch.
func influxqlTime(x any) (time.Time, error) {
	switch x := x.(type) {
	case nil:
		return time.Time{}, nil
	case json.Number:
		if ns, err := x.Int64(); err == nil {
			return time.Unix(0, ns).UTC(), nil
		}
	case string:
		if at, err := time.Parse(time.RFC3339Nano, x); err == nil {
			return at, nil
		}
	}
	return time.Time{}, errors.New("a time in it cannot be read")
}

func influxqlValue(x any) sample.Value {
	if number, ok := x.(json.Number); ok {
		// What is too large for a float64 becomes infinite, which is none.
		n, _ := number.Float64()
		return sample.Num(n)
	}
	return sample.Of(x)
}
