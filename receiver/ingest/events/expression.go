package events

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/itchyny/gojq"
)

// functions are what mappings know beyond jq's own functions. jq has no way
// to the environment, to files or to modules here.
var functions = []gojq.CompilerOption{
	gojq.WithVariables([]string{"$headers", "$event"}),
	gojq.WithFunction("status_word", 0, 0, statusWord),
	gojq.WithFunction("jira_text", 0, 0, func(v any, _ []any) any { return jiraText(v) }),
	gojq.WithFunction("github_text", 0, 0, func(v any, _ []any) any { return githubText(v) }),
}

// expression is one compiled jq expression; nil where the mapping has none.
type expression struct {
	field string
	code  *gojq.Code
}

// fieldError is an expression that failed on an event. What jq says may hold
// a piece of the event.
type fieldError struct {
	field string
	err   error
}

func (e *fieldError) Error() string {
	switch {
	case errors.Is(e.err, context.DeadlineExceeded):
		return e.field + ": it took longer than " + eventTime.String()
	case errors.Is(e.err, context.Canceled):
		return e.field + ": the sender did not wait for it"
	}
	return e.field + ": " + e.err.Error()
}

func (e *fieldError) Unwrap() error { return e.err }

// input is what expressions see.
type input struct {
	at      any // .
	headers any // $headers
	event   any // $event
}

// first is the first value that the expression yields, nil if none.
func (x *expression) first(ctx context.Context, in input) (any, error) {
	if x == nil {
		return nil, nil
	}
	value, ok := x.code.RunWithContext(ctx, in.at, in.headers, in.event).Next()
	if !ok {
		return nil, nil
	}
	if err, failed := value.(error); failed {
		return nil, &fieldError{x.field, err}
	}
	return value, nil
}

// all are the values that the expression yields, at most most of them, and
// how many more there were.
func (x *expression) all(ctx context.Context, in input, most int) (values []any, more int, err error) {
	iter := x.code.RunWithContext(ctx, in.at, in.headers, in.event)
	for {
		value, ok := iter.Next()
		if !ok {
			return values, more, nil
		}
		if err, failed := value.(error); failed {
			return nil, 0, &fieldError{x.field, err}
		}
		if len(values) == most {
			more++
			continue
		}
		values = append(values, value)
	}
}

// compiler compiles the expressions of one mapping and keeps what is wrong
// with them.
type compiler struct {
	functions string // with a line break behind them, or ""
	broken    bool   // the functions are wrong, and what uses them seems so
	problems  []Problem
}

const mappingHelp = "see receiver/ingest/events/README.md for the mapping and https://jqlang.org/manual/ for jq"

// define takes the functions of the mapping in.
func (c *compiler) define(text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	c.functions = text + "\n"
	c.broken = c.compile("mapping.functions", c.functions+".", 0) == nil
}

// expression compiles one field; nil if it is empty or wrong.
func (c *compiler) expression(field, text string) *expression {
	if strings.TrimSpace(text) == "" || c.broken {
		return nil
	}
	field = "mapping." + field
	if code := c.compile(field, c.functions+text, len(c.functions)); code != nil {
		return &expression{field, code}
	}
	return nil
}

// compile compiles source, which begins with from bytes that are not of this
// field.
func (c *compiler) compile(field, source string, from int) *gojq.Code {
	query, err := gojq.Parse(source)
	if err != nil {
		c.problems = append(c.problems, Problem{Field: field, What: syntax(source[from:], from, err), Do: "correct it; " + mappingHelp})
		return nil
	}
	code, err := gojq.Compile(query, functions...)
	if err != nil {
		what, do := unknown(source[from:], err)
		c.problems = append(c.problems, Problem{Field: field, What: what, Do: do})
		return nil
	}
	return code
}

// syntax says where in an expression jq stumbled.
func syntax(text string, from int, err error) string {
	var parse *gojq.ParseError
	if !errors.As(err, &parse) {
		return clip(err.Error())
	}
	if parse.Token == "" {
		return "the expression ends too early: " + err.Error()
	}
	at := min(max(parse.Offset-from-len(parse.Token), 0), len(text))
	return fmt.Sprintf("%s at %s", clip(err.Error()), place(text, at))
}

// unknown says what an expression names that does not exist.
func unknown(text string, err error) (what, do string) {
	message := err.Error()
	switch name, isFunction := strings.CutPrefix(message, "function not defined: "); {
	case isFunction:
		called, arguments, _ := strings.Cut(name, "/")
		what = fmt.Sprintf("jq has no function %s with %s arguments", called, arguments)
		if arguments == "0" {
			what = "jq has no function " + called + " without arguments"
			do = fmt.Sprintf("write .%s for a field of the event, '%q' for a text (jq wants the inner quotes), or define it under functions; ", called, called)
		}
		if at := strings.Index(text, called); at >= 0 {
			what += ", at " + place(text, at)
		}
		return what, do + mappingHelp
	case strings.HasPrefix(message, "variable not defined: "):
		return clip(message), "the variables are $headers and $event, and those that the expression names itself with as"
	case strings.HasPrefix(message, "cannot load module"), strings.Contains(message, "not allowed"):
		return clip(message), "mappings have neither modules nor input beside the event: put definitions under functions"
	}
	return clip(message), mappingHelp
}

// place is a position in an expression, for people.
func place(text string, at int) string {
	line := 1 + strings.Count(text[:at], "\n")
	column := at - strings.LastIndex(text[:at], "\n")
	if line == 1 {
		return fmt.Sprintf("character %d", column)
	}
	return fmt.Sprintf("line %d, character %d", line, column)
}
