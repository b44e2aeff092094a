package condition

import (
	"math"
	"regexp"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// node is a part of a compiled condition. Its value is none where the sample
// does not say.
type node interface {
	value(s *sample.Sample, computed []sample.Value) sample.Value
	// String is the part in one way of writing: parts that mean the same have
	// the same text, as far as that is easy to see.
	String() string
}

// The nodes that have a value of their own.
type (
	constant struct {
		is   sample.Value
		text string
	}
	// name is a field, or else a tag.
	name struct {
		key   string
		noTag bool // only a field: field("x")
		// missing is its value where the sample has neither.
		missing sample.Value
		// at is where the field was in the sample before: Telegraf's inputs
		// write fields in the same order nearly always.
		at int
	}
	tag struct {
		key     string
		missing sample.Value
	}
	// computed is a function over a window or the sample before.
	computed struct {
		need Need
		slot int
		text string
	}
)

func (n *constant) value(*sample.Sample, []sample.Value) sample.Value { return n.is }

func (n *name) value(s *sample.Sample, _ []sample.Value) sample.Value {
	i := n.at
	if i >= len(s.Fields) || s.Fields[i].Key != n.key {
		if i = index(s.Fields, n.key); i < 0 {
			if text := s.Tag(n.key); text != "" && !n.noTag {
				return sample.Str(text)
			}
			return n.missing
		}
		n.at = i
	}
	if v := s.Fields[i].Value; v.Kind() != sample.None {
		return v
	}
	return n.missing
}

// index is where a field is, -1 if it is not there.
func index(fields []sample.Field, key string) int {
	for i := range fields {
		if fields[i].Key == key {
			return i
		}
	}
	return -1
}

func (n *tag) value(s *sample.Sample, _ []sample.Value) sample.Value {
	if text := s.Tag(n.key); text != "" {
		return sample.Str(text)
	}
	return n.missing
}

func (n *computed) value(_ *sample.Sample, values []sample.Value) sample.Value {
	if n.slot < len(values) {
		return values[n.slot]
	}
	return sample.Value{}
}

// op is a comparison.
type op uint8

const (
	eq op = iota
	ne
	lt
	le
	gt
	ge
)

var opNames = [...]string{eq: "==", ne: "!=", lt: "<", le: "<=", gt: ">", ge: ">="}

func (o op) String() string { return opNames[o] }

// mirrored is the comparison with its sides changed, opposite the one that
// holds where this one does not.
var (
	mirrored = [...]op{eq: eq, ne: ne, lt: gt, le: ge, gt: lt, ge: le}
	opposite = [...]op{eq: ne, ne: eq, lt: ge, le: gt, gt: le, ge: lt}
)

// holds compares two numbers or two texts.
func holds[T float64 | string](a T, o op, b T) bool {
	switch o {
	case eq:
		return a == b
	case ne:
		return a != b
	case lt:
		return a < b
	case le:
		return a <= b
	case gt:
		return a > b
	}
	return a >= b
}

// The nodes that are true or false.
type (
	compare struct {
		left, right node
		op          op
	}
	// missing is x == nil.
	missing struct {
		of    node
		there bool // x != nil
	}
	and struct{ left, right node }
	or  struct{ left, right node }
	not struct{ of node }
	// oneOf is x in ["a", "b"].
	oneOf struct {
		of   node
		list []sample.Value // at least one, all of one kind
		text string
	}
	// between is x in 1..5: a whole number, both ends included.
	between struct {
		of       node
		from, to float64
		text     string
	}
	// textTest is contains, startsWith or endsWith.
	textTest struct {
		left, right node
		name        string
		holds       func(s, part string) bool
	}
	matches struct {
		of      node
		pattern *regexp.Regexp
		text    string
	}
)

func (n *compare) value(s *sample.Sample, computed []sample.Value) sample.Value {
	left := n.left.value(s, computed)
	if limit, ok := n.right.(*constant); ok { // saves a call in most conditions
		return compared(left, n.op, limit.is)
	}
	return compared(left, n.op, n.right.value(s, computed))
}

// compared compares two values of one kind. Of two kinds it is not known: to
// say that 5 is not "5" would make an alert of a field whose type changed.
func compared(a sample.Value, o op, b sample.Value) sample.Value {
	if a.Kind() != b.Kind() {
		return sample.Value{}
	}
	switch a.Kind() {
	case sample.Number:
		x, _ := a.Number()
		y, _ := b.Number()
		return sample.Boolean(holds(x, o, y))
	case sample.Text:
		x, _ := a.Text()
		y, _ := b.Text()
		return sample.Boolean(holds(x, o, y))
	case sample.Bool:
		if o <= ne {
			return sample.Boolean((a == b) == (o == eq))
		}
	}
	return sample.Value{}
}

func (n *missing) value(s *sample.Sample, computed []sample.Value) sample.Value {
	return sample.Boolean((n.of.value(s, computed).Kind() != sample.None) == n.there)
}

func (n *and) value(s *sample.Sample, computed []sample.Value) sample.Value {
	a, aKnown := n.left.value(s, computed).Bool()
	if aKnown && !a {
		return sample.Boolean(false)
	}
	b, bKnown := n.right.value(s, computed).Bool()
	switch {
	case bKnown && !b:
		return sample.Boolean(false)
	case aKnown && bKnown:
		return sample.Boolean(true)
	}
	return sample.Value{}
}

func (n *or) value(s *sample.Sample, computed []sample.Value) sample.Value {
	a, aKnown := n.left.value(s, computed).Bool()
	if aKnown && a {
		return sample.Boolean(true)
	}
	b, bKnown := n.right.value(s, computed).Bool()
	switch {
	case bKnown && b:
		return sample.Boolean(true)
	case aKnown && bKnown:
		return sample.Boolean(false)
	}
	return sample.Value{}
}

func (n *not) value(s *sample.Sample, computed []sample.Value) sample.Value {
	if b, ok := n.of.value(s, computed).Bool(); ok {
		return sample.Boolean(!b)
	}
	return sample.Value{}
}

func (n *oneOf) value(s *sample.Sample, computed []sample.Value) sample.Value {
	v := n.of.value(s, computed)
	if v.Kind() != n.list[0].Kind() {
		return sample.Value{}
	}
	for i := range n.list {
		if n.list[i] == v {
			return sample.Boolean(true)
		}
	}
	return sample.Boolean(false)
}

func (n *between) value(s *sample.Sample, computed []sample.Value) sample.Value {
	x, ok := n.of.value(s, computed).Number()
	if !ok {
		return sample.Value{}
	}
	return sample.Boolean(x >= n.from && x <= n.to && x == math.Trunc(x))
}

func (n *textTest) value(s *sample.Sample, computed []sample.Value) sample.Value {
	text, ok := n.left.value(s, computed).Text()
	part, okPart := n.right.value(s, computed).Text()
	if !ok || !okPart {
		return sample.Value{}
	}
	return sample.Boolean(n.holds(text, part))
}

func (n *matches) value(s *sample.Sample, computed []sample.Value) sample.Value {
	text, ok := n.of.value(s, computed).Text()
	if !ok {
		return sample.Value{}
	}
	return sample.Boolean(n.pattern.MatchString(text))
}

// The nodes that compute.
type (
	arithmetic struct {
		left, right node
		op          byte // + - * / %
	}
	negative struct{ of node }
)

func (n *arithmetic) value(s *sample.Sample, computed []sample.Value) sample.Value {
	left, right := n.left.value(s, computed), n.right.value(s, computed)
	a, ok := left.Number()
	b, okB := right.Number()
	if !ok || !okB {
		if n.op == '+' && left.Kind() == sample.Text && right.Kind() == sample.Text {
			x, _ := left.Text()
			y, _ := right.Text()
			return sample.Str(x + y)
		}
		return sample.Value{}
	}
	switch n.op {
	case '+':
		a += b
	case '-':
		a -= b
	case '*':
		a *= b
	case '/':
		a /= b
	case '%':
		a = math.Mod(a, b)
	}
	return sample.Num(a) // a division by zero is no value
}

func (n *negative) value(s *sample.Sample, computed []sample.Value) sample.Value {
	if x, ok := n.of.value(s, computed).Number(); ok {
		return sample.Num(-x)
	}
	return sample.Value{}
}

func (n *constant) String() string   { return n.text }
func (n *name) String() string       { return n.key }
func (n *tag) String() string        { return call("tag", n.key) }
func (n *computed) String() string   { return n.text }
func (n *compare) String() string    { return infix(n.left, n.op.String(), n.right) }
func (n *and) String() string        { return infix(n.left, "and", n.right) }
func (n *or) String() string         { return infix(n.left, "or", n.right) }
func (n *not) String() string        { return "not " + n.of.String() }
func (n *oneOf) String() string      { return n.text }
func (n *between) String() string    { return n.text }
func (n *textTest) String() string   { return infix(n.left, n.name, n.right) }
func (n *matches) String() string    { return n.text }
func (n *arithmetic) String() string { return infix(n.left, string(n.op), n.right) }
func (n *negative) String() string   { return "-" + n.of.String() }

func (n *missing) String() string {
	if n.there {
		return "(" + n.of.String() + " != nil)"
	}
	return "(" + n.of.String() + " == nil)"
}

func infix(left node, op string, right node) string {
	return "(" + left.String() + " " + op + " " + right.String() + ")"
}
