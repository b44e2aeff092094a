package condition

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/prometheus/common/model"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// functions are ours, with how they are written.
var functions = map[string]string{
	"mean": `mean(temp_c, "5m")`, "min": `min(temp_c, "5m")`, "max": `max(temp_c, "5m")`,
	"rate": `rate(bytes_recv, "5m")`, "delta": `delta(temp_c, "5m")`, "count": `count(temp_c, "5m")`,
	"changed": `changed(state)`, "previous": `previous(state)`,
	"field": `field("usage-idle")`, "tag": `tag("name")`,
}

// onNumbers are the functions that a field without numbers is wrong in.
var onNumbers = []string{"mean", "min", "max", "rate", "delta"}

// call makes a node of a call of one of our functions.
func (b *builder) call(n *ast.CallNode) (node, sample.Kind, error) {
	callee, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return nil, 0, b.wrong(n, "values have no functions of their own", "write the function first, as in lower(name)")
	}
	function := callee.Value
	usage, ok := functions[function]
	if !ok {
		return nil, 0, b.unknownFunction(n, function)
	}
	do := "write it like " + usage
	windowed := strings.Contains(usage, ",")
	switch wanted := 1 + btoi(windowed); {
	case windowed && len(n.Arguments) == 1:
		return nil, 0, b.wrong(n, function+" does not say over which time", do)
	case len(n.Arguments) != wanted:
		return nil, 0, b.wrong(n, fmt.Sprintf("%s is given %d values and takes %d", function, len(n.Arguments), wanted), do)
	}
	of, ok := fieldOf(n.Arguments[0], function != "field" && function != "tag")
	if !ok {
		return nil, 0, b.wrong(n.Arguments[0], quoted(n.Arguments[0].String())+" is not the name of a field", do)
	}
	b.mention(of)
	switch function {
	case "field":
		b.values = append(b.values, valued{of, -1})
		return &name{key: of, noTag: true, missing: b.missing}, sample.None, nil
	case "tag":
		return &tag{key: of, missing: b.missing}, sample.Text, nil // as all tags are
	}
	if b.where {
		return nil, 0, b.wrong(n, "where looks at one sample alone, and "+function+" needs those before", "move it to when")
	}
	need := Need{Func: function, Field: of}
	if windowed {
		window, err := b.window(n.Arguments[1], do)
		if err != nil {
			return nil, 0, err
		}
		need.Window = window
	}
	if slices.Contains(onNumbers, function) {
		if err := b.takenFor(n, &name{key: of}, sample.None, sample.Number, function); err != nil {
			return nil, 0, err
		}
	}
	made := &computed{need: need, slot: b.slots.slot(need), text: call(function, of)}
	switch {
	case windowed:
		made.text = fmt.Sprintf("%s(%s, %q)", function, of, model.Duration(need.Window))
		b.values = append(b.values, valued{slot: made.slot})
		return made, sample.Number, nil
	case function == "changed":
		b.values = append(b.values, valued{of, -1})
		return made, sample.Bool, nil
	}
	b.values = append(b.values, valued{of, -1})
	return made, sample.None, nil
}

// fieldOf is the field that a function is about: a name or a text, and for
// those that look at fields also field("…").
func fieldOf(n ast.Node, names bool) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, n.Value != ""
	case *ast.IdentifierNode:
		return n.Value, names
	case *ast.CallNode:
		callee, ok := n.Callee.(*ast.IdentifierNode)
		if names && ok && callee.Value == "field" && len(n.Arguments) == 1 {
			return fieldOf(n.Arguments[0], false)
		}
	}
	return "", false
}

// window is the time that a function looks back.
func (b *builder) window(n ast.Node, do string) (time.Duration, error) {
	text, ok := n.(*ast.StringNode)
	if !ok {
		return 0, b.wrong(n, quoted(n.String())+" is not a time in quotes", do)
	}
	window, err := model.ParseDuration(text.Value)
	switch {
	case err != nil:
		return 0, b.wrong(n, quoted(text.Value)+" is not a time", "write a number and a unit, such as 30s, 5m, 1h30m or 1d")
	case window <= 0:
		return 0, b.wrong(n, "the time must be longer than 0", "write a time such as 5m")
	}
	return time.Duration(window), nil
}

// foreign are functions of PromQL, Flux, InfluxQL and TICKscript with what does
// the same here.
var foreign = map[string]string{
	"avg": "mean", "average": "mean", "avg_over_time": "mean", "movingAverage": "mean", "moving_average": "mean",
	"min_over_time": "min", "max_over_time": "max", "count_over_time": "count",
	"irate": "rate", "derivative": "rate", "non_negative_derivative": "rate", "deriv": "rate",
	"increase": "delta", "difference": "delta", "idelta": "delta", "spread": "delta",
	"changes": "changed", "stateChanges": "changed",
	"absent": "no_data: in the rule", "absent_over_time": "no_data: in the rule", "deadman": "no_data: in the rule",
	"regexMatch": "matches", "strlen": "len",
}

func (b *builder) unknownFunction(n ast.Node, function string) error {
	known := append(slices.Sorted(maps.Keys(functions)), library...)
	do := "use one of " + strings.Join(known, ", ")
	if other, ok := foreign[function]; ok {
		do = "did you mean " + other + "?"
	} else if near := yamlfile.Nearest(function, known); near != "" && near != function {
		do = "did you mean " + near + "?"
	}
	return b.wrong(n, "there is no function "+quoted(function), do)
}

// call is a function as it is written, of a name that may be any text.
func call(function, of string) string { return function + "(" + strconv.Quote(of) + ")" }

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
