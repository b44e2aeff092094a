package condition

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// Limits of a condition. They are far above what a person writes.
const (
	MaxText  = 4 << 10 // bytes
	maxNodes = 1000    // names, constants and operators
	// maxPattern is how many steps a regular expression may have.
	maxPattern = 20_000
)

// library are expr's functions that a condition may use: those that look at
// one value, take no longer than it is long and make nothing longer of it.
var library = []string{
	"abs", "ceil", "floor", "round", "int", "float", "len",
	"lower", "upper", "trim", "trimPrefix", "trimSuffix",
	"hasPrefix", "hasSuffix", "indexOf", "lastIndexOf",
}

// Compile compiles what stands in when or clear. What it needs beyond the
// sample is added to slots, which all conditions of a rule share. The error is
// an *Error.
func Compile(text string, slots *Slots) (*Condition, error) {
	return compile(text, &builder{slots: slots})
}

// CompileWhere compiles what stands in where. It looks at one sample alone, so
// there are no functions over time, and a tag or field that is missing is the
// empty text: site != "fra1" holds for a sample without a site.
func CompileWhere(text string) (*Condition, error) {
	return compile(text, &builder{slots: &Slots{}, where: true, missing: sample.Str("")})
}

func compile(text string, b *builder) (*Condition, error) {
	switch {
	case strings.TrimSpace(text) == "":
		return nil, &Error{What: "the condition is empty", Do: "write one such as temp_c > 27; put it in quotes if it begins with !"}
	case len(text) > MaxText:
		return nil, &Error{What: fmt.Sprintf("the condition is longer than %d KiB", MaxText>>10), Do: "make several rules of it, or test a list with in"}
	}
	b.text = text
	tree, err := parser.ParseWithConfig(text, language())
	if err != nil {
		return nil, b.syntax(err)
	}
	if b.slots.kinds == nil {
		b.slots.kinds = make(map[string]sample.Kind)
	}
	root, kind, err := b.build(tree.Node)
	if err != nil {
		return nil, err
	}
	if kind != sample.None && kind != sample.Bool {
		return nil, &Error{What: "the condition is " + kindNames[kind] + ", and must be true or false", Do: "compare it, as in " + example(text, kind)}
	}
	return &Condition{text: text, root: root, values: b.values, names: b.names}, nil
}

// example is a condition made of a text that is none.
func example(text string, kind sample.Kind) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > 40 {
		text = "temp_c"
	}
	if kind == sample.Text {
		return text + ` == "stopped"`
	}
	return text + " > 27"
}

// language is what expr's parser and checker know.
func language() *conf.Config {
	c := conf.CreateNew()
	c.WithEnv(map[string]any{})
	c.Strict = false // names are anybody's
	c.MaxNodes = maxNodes
	c.DisableIfOperator = true
	for name := range c.Builtins {
		if !slices.Contains(library, name) {
			c.Disabled[name] = true
			delete(c.Builtins, name)
		}
	}
	for name := range functions {
		c.Functions[name] = &builtin.Function{Name: name}
	}
	return c
}

// builder makes the nodes of one condition.
type builder struct {
	text    string
	where   bool
	missing sample.Value // what a name is that the sample does not have
	slots   *Slots
	values  []valued
	names   []string
}

// kindNames are the kinds in words.
var kindNames = [...]string{sample.None: "nothing", sample.Number: "a number", sample.Text: "a text", sample.Bool: "true or false"}

// build makes a node, and says what kind of value it has as far as the
// condition alone tells.
func (b *builder) build(n ast.Node) (node, sample.Kind, error) {
	if forMachine(n) {
		return b.machine(n)
	}
	switch n := n.(type) {
	case *ast.IntegerNode:
		return number(float64(n.Value)), sample.Number, nil
	case *ast.FloatNode:
		return number(n.Value), sample.Number, nil
	case *ast.StringNode:
		return &constant{sample.Str(n.Value), strconv.Quote(n.Value)}, sample.Text, nil
	case *ast.BoolNode:
		return &constant{sample.Boolean(n.Value), strconv.FormatBool(n.Value)}, sample.Bool, nil
	case *ast.NilNode:
		return nil, 0, b.wrong(n, "nil stands alone", "compare with it, as in temp_c == nil, or write ?? for what is missing")
	case *ast.IdentifierNode:
		return b.identifier(n)
	case *ast.UnaryNode:
		return b.unary(n)
	case *ast.BinaryNode:
		return b.binary(n)
	case *ast.CallNode:
		return b.call(n)
	case *ast.MemberNode, *ast.ChainNode:
		return nil, 0, b.wrong(n, quoted(n.String())+" is not a name", "write field("+strconv.Quote(n.String())+") or tag(…) for a name with a dot")
	case *ast.ArrayNode:
		return nil, 0, b.wrong(n, "a list stands where a value must be", `use a list with in, as in site in ["fra1", "fra2"]`)
	case *ast.VariableDeclaratorNode, *ast.SequenceNode:
		return nil, 0, b.wrong(n, "conditions have no variables", "write what it stands for instead")
	}
	return nil, 0, b.wrong(n, quoted(n.String())+" is not available in conditions", "use names, comparisons, arithmetic, and, or, not and functions")
}

func number(x float64) *constant {
	return &constant{sample.Num(x), strconv.FormatFloat(x, 'g', -1, 64)}
}

// otherLanguages are words that mean something elsewhere and are names here.
var otherLanguages = map[string]string{
	"null": "nil", "NULL": "nil", "None": "nil", "Nil": "nil",
	"TRUE": "true", "True": "true", "FALSE": "false", "False": "false",
}

func (b *builder) identifier(n *ast.IdentifierNode) (node, sample.Kind, error) {
	if word, ok := otherLanguages[n.Value]; ok {
		return nil, 0, b.wrong(n, n.Value+" has another name here", "write "+word+", or field("+strconv.Quote(n.Value)+") if it is a field")
	}
	if strings.Contains(n.Value, "$") {
		return nil, 0, b.wrong(n, quoted(n.Value)+" is not a name", "write the name of the field or tag alone; $labels and $value are for annotations")
	}
	b.mention(n.Value)
	b.values = append(b.values, valued{n.Value, -1})
	return &name{key: n.Value, missing: b.missing}, sample.None, nil
}

func (b *builder) mention(name string) {
	if !slices.Contains(b.names, name) {
		b.names = append(b.names, name)
	}
}

func (b *builder) unary(n *ast.UnaryNode) (node, sample.Kind, error) {
	of, kind, err := b.build(n.Node)
	if err != nil {
		return nil, 0, err
	}
	if n.Operator == "not" || n.Operator == "!" {
		if err := b.takenFor(n, of, kind, sample.Bool, n.Operator); err != nil {
			return nil, 0, err
		}
		return negated(of), sample.Bool, nil
	}
	if err := b.takenFor(n, of, kind, sample.Number, n.Operator); err != nil {
		return nil, 0, err
	}
	if n.Operator == "+" {
		return of, sample.Number, nil
	}
	negative := &negative{of}
	if _, ok := of.(*constant); ok {
		x, _ := negative.value(nil, nil).Number()
		return number(x), sample.Number, nil
	}
	return negative, sample.Number, nil
}

var comparisons = map[string]op{"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}

func (b *builder) binary(n *ast.BinaryNode) (node, sample.Kind, error) {
	switch n.Operator {
	case "and", "&&", "or", "||":
		return b.logic(n)
	case "in":
		return b.in(n)
	case "+", "-", "*", "/", "%":
		return b.arithmetic(n)
	case "contains", "startsWith", "endsWith":
		return b.textTest(n)
	case "matches":
		return b.matches(n)
	case "..":
		return nil, 0, b.wrong(n, "a range stands where a value must be", "use it with in, as in status in 500..599")
	}
	o, ok := comparisons[n.Operator]
	if !ok {
		return nil, 0, b.wrong(n, quoted(n.Operator)+" is not available in conditions", "compare, compute, and join with and, or, not")
	}
	if of := besideNil(n); of != nil {
		return b.missingTest(n, of, o)
	}
	left, leftKind, err := b.build(n.Left)
	if err != nil {
		return nil, 0, err
	}
	right, rightKind, err := b.build(n.Right)
	if err != nil {
		return nil, 0, err
	}
	if err := b.comparable(n, o, left, leftKind, right, rightKind); err != nil {
		return nil, 0, err
	}
	if _, ok := left.(*constant); ok {
		left, right, o = right, left, mirrored[o]
	}
	return &compare{left, right, o}, sample.Bool, nil
}

// besideNil is what is compared with nil, nil if nothing is.
func besideNil(n *ast.BinaryNode) ast.Node {
	if _, ok := n.Right.(*ast.NilNode); ok {
		return n.Left
	}
	if _, ok := n.Left.(*ast.NilNode); ok {
		return n.Right
	}
	return nil
}

func (b *builder) missingTest(n *ast.BinaryNode, of ast.Node, o op) (node, sample.Kind, error) {
	if o > ne {
		return nil, 0, b.wrong(n, "nothing is more or less than nil", "use == nil or != nil")
	}
	made, _, err := b.raw(of)
	if err != nil {
		return nil, 0, err
	}
	return &missing{of: made, there: o == ne}, sample.Bool, nil
}

// raw builds a part in which a name that is missing is no value, not even in
// where.
func (b *builder) raw(n ast.Node) (node, sample.Kind, error) {
	before := b.missing
	b.missing = sample.Value{}
	made, kind, err := b.build(n)
	b.missing = before
	return made, kind, err
}

// comparable says why two values cannot be compared.
func (b *builder) comparable(n *ast.BinaryNode, o op, left node, leftKind sample.Kind, right node, rightKind sample.Kind) error {
	if leftKind != sample.None && rightKind != sample.None && leftKind != rightKind {
		do := "compare numbers with numbers and texts with texts"
		if u, ok := n.Left.(*ast.UnaryNode); ok && (u.Operator == "not" || u.Operator == "!") {
			do = fmt.Sprintf("not belongs to the name alone here; write not (… %s …)", n.Operator)
		}
		return b.wrong(n, fmt.Sprintf("%s compares %s with %s", quoted(n.String()), kindNames[leftKind], kindNames[rightKind]), do)
	}
	if o > ne && (leftKind == sample.Bool || rightKind == sample.Bool) {
		return b.wrong(n, "true and false are not more or less than anything", "use ==, != or the name alone")
	}
	for _, side := range []struct {
		node, other node
		kind        sample.Kind
	}{{left, right, leftKind}, {right, left, rightKind}} {
		if side.kind == sample.None {
			continue
		}
		if c, ok := side.node.(*constant); ok && o > ne {
			if text, ok := c.is.Text(); ok {
				if _, err := strconv.ParseFloat(text, 64); err == nil {
					return b.wrong(n, "the number "+text+" is in quotes, so it is a text, and texts are compared by letters", "write it without quotes")
				}
			}
		}
		if err := b.takenFor(n, side.other, sample.None, side.kind, n.Operator); err != nil {
			return err
		}
	}
	return nil
}

// takenFor notes that a condition takes an operand for a kind of value, and
// says so if it cannot be that: because it is of another kind, or because the
// rule takes it for something else in another place.
func (b *builder) takenFor(at ast.Node, n node, kind, wanted sample.Kind, operator string) error {
	if kind != sample.None && kind != wanted {
		return b.wrong(at, fmt.Sprintf("%s takes %s, and %s is %s", operator, kindNames[wanted], quoted(n.String()), kindNames[kind]), "compare it first, or use another operator")
	}
	key := ""
	switch n := n.(type) {
	case *name:
		key = n.key
	case *tag:
		key = n.String()
	case *computed:
		if n.need.Func != "previous" {
			return nil
		}
		key = n.need.Field
	default:
		return nil
	}
	if before := b.slots.kinds[key]; before != sample.None && before != wanted {
		return b.wrong(at, fmt.Sprintf("%s is taken for %s here and for %s before", quoted(key), kindNames[wanted], kindNames[before]), "a field has one type; write numbers without quotes and texts with them")
	}
	b.slots.kinds[key] = wanted
	return nil
}

func (b *builder) logic(n *ast.BinaryNode) (node, sample.Kind, error) {
	left, kind, err := b.build(n.Left)
	if err == nil {
		err = b.takenFor(n, left, kind, sample.Bool, n.Operator)
	}
	if err != nil {
		return nil, 0, err
	}
	right, kind, err := b.build(n.Right)
	if err == nil {
		err = b.takenFor(n, right, kind, sample.Bool, n.Operator)
	}
	if err != nil {
		return nil, 0, err
	}
	if n.Operator == "and" || n.Operator == "&&" {
		return &and{left, right}, sample.Bool, nil
	}
	return &or{left, right}, sample.Bool, nil
}

func (b *builder) in(n *ast.BinaryNode) (node, sample.Kind, error) {
	of, kind, err := b.build(n.Left)
	if err != nil {
		return nil, 0, err
	}
	if r, ok := n.Right.(*ast.BinaryNode); ok && r.Operator == ".." {
		return b.between(n, of, kind, r)
	}
	array, ok := n.Right.(*ast.ArrayNode)
	if !ok || len(array.Nodes) == 0 {
		return nil, 0, b.wrong(n, "in needs a list", `write one such as ["fra1", "fra2"] or 500..599`)
	}
	var list []sample.Value
	var texts []string
	for _, item := range array.Nodes {
		made, itemKind, err := b.build(item)
		if err != nil {
			return nil, 0, err
		}
		c, ok := made.(*constant)
		if !ok {
			return nil, 0, b.wrong(item, quoted(item.String())+" is no constant", "put only numbers and texts into the list, or compare with == and or")
		}
		if len(list) > 0 && c.is.Kind() != list[0].Kind() {
			return nil, 0, b.wrong(item, "the list has values of several kinds", "write only numbers or only texts")
		}
		if err := b.takenFor(n, of, kind, itemKind, "this list"); err != nil {
			return nil, 0, err
		}
		list, texts = append(list, c.is), append(texts, c.text)
	}
	text := "(" + of.String() + " in [" + strings.Join(texts, ", ") + "])"
	return &oneOf{of, list, text}, sample.Bool, nil
}

func (b *builder) between(n *ast.BinaryNode, of node, kind sample.Kind, r *ast.BinaryNode) (node, sample.Kind, error) {
	from, _, err := b.build(r.Left)
	if err != nil {
		return nil, 0, err
	}
	to, _, err := b.build(r.Right)
	if err != nil {
		return nil, 0, err
	}
	least, okLeast := wholeNumber(from)
	most, okMost := wholeNumber(to)
	switch {
	case !okLeast || !okMost:
		return nil, 0, b.wrong(r, "a range goes from one whole number to another", "write both as numbers, as in 500..599, or compare with >= and <=")
	case least > most:
		return nil, 0, b.wrong(r, "nothing is in a range that ends before it begins", "write the smaller number first")
	}
	if err := b.takenFor(n, of, kind, sample.Number, "this range"); err != nil {
		return nil, 0, err
	}
	text := "(" + of.String() + " in " + from.String() + ".." + to.String() + ")"
	return &between{of, least, most, text}, sample.Bool, nil
}

func wholeNumber(n node) (float64, bool) {
	c, ok := n.(*constant)
	if !ok {
		return 0, false
	}
	x, ok := c.is.Number()
	return x, ok && x == math.Trunc(x)
}

func (b *builder) arithmetic(n *ast.BinaryNode) (node, sample.Kind, error) {
	left, leftKind, err := b.build(n.Left)
	if err != nil {
		return nil, 0, err
	}
	right, rightKind, err := b.build(n.Right)
	if err != nil {
		return nil, 0, err
	}
	kind := sample.Number
	if n.Operator == "+" { // of texts too
		switch {
		case leftKind == sample.Text || rightKind == sample.Text:
			kind = sample.Text
		case leftKind == sample.None && rightKind == sample.None:
			return &arithmetic{left, right, '+'}, sample.None, nil
		}
	}
	err = b.takenFor(n, left, leftKind, kind, n.Operator)
	if err == nil {
		err = b.takenFor(n, right, rightKind, kind, n.Operator)
	}
	if err != nil {
		return nil, 0, err
	}
	made := &arithmetic{left, right, n.Operator[0]}
	_, okLeft := left.(*constant)
	_, okRight := right.(*constant)
	if okLeft && okRight && kind == sample.Number {
		x, ok := made.value(nil, nil).Number()
		if !ok {
			return nil, 0, b.wrong(n, quoted(n.String())+" is no number", "do not divide by zero")
		}
		return number(x), sample.Number, nil
	}
	return made, kind, nil
}

var textTests = map[string]func(s, part string) bool{
	"contains": strings.Contains, "startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix,
}

func (b *builder) textTest(n *ast.BinaryNode) (node, sample.Kind, error) {
	left, kind, err := b.build(n.Left)
	if err == nil {
		err = b.takenFor(n, left, kind, sample.Text, n.Operator)
	}
	if err != nil {
		return nil, 0, err
	}
	right, kind, err := b.build(n.Right)
	if err == nil {
		err = b.takenFor(n, right, kind, sample.Text, n.Operator)
	}
	if err != nil {
		return nil, 0, err
	}
	return &textTest{left, right, n.Operator, textTests[n.Operator]}, sample.Bool, nil
}

func (b *builder) matches(n *ast.BinaryNode) (node, sample.Kind, error) {
	of, kind, err := b.build(n.Left)
	if err == nil {
		err = b.takenFor(n, of, kind, sample.Text, n.Operator)
	}
	if err != nil {
		return nil, 0, err
	}
	text, ok := n.Right.(*ast.StringNode)
	if !ok {
		return nil, 0, b.wrong(n, "matches needs a regular expression in quotes", `write one such as name matches "^eth[0-9]+$"`)
	}
	parsed, err := syntax.Parse(text.Value, syntax.Perl)
	if err != nil {
		what := "this is not a regular expression: " + strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		return nil, 0, b.wrong(n.Right, what, "correct it; backslashes are doubled in quotes")
	}
	if size(parsed) > maxPattern {
		return nil, 0, b.wrong(n.Right, "the regular expression is too large", "repeat less in it")
	}
	pattern, err := regexp.Compile(text.Value)
	if err != nil {
		return nil, 0, b.wrong(n.Right, "this is not a regular expression", "correct it")
	}
	return &matches{of, pattern, "(" + of.String() + " matches " + strconv.Quote(text.Value) + ")"}, sample.Bool, nil
}

// size is about how many steps a regular expression has: what is repeated up
// to 1000 times has 1000 times as many.
func size(re *syntax.Regexp) int {
	n := 1 + len(re.Rune)
	for _, sub := range re.Sub {
		n += size(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Min, re.Max, 1)
	}
	return n
}

// machine makes a part for expr's virtual machine.
func (b *builder) machine(n ast.Node) (node, sample.Kind, error) {
	m := &machine{env: make(map[string]any), strict: true, text: n.String()}
	tree, err := b.forMachine(n, m)
	if err != nil {
		return nil, 0, err
	}
	config := language()
	program, kind, err := compileMachine(&parser.Tree{Node: tree, Source: file.NewSource(b.text)}, config)
	if err != nil {
		var reason *file.Error
		if errors.As(err, &reason) {
			return nil, 0, b.at(reason.From, reason.Message, "correct what is given to the function or operator")
		}
		return nil, 0, b.wrong(n, quoted(n.String())+" cannot be evaluated", "write it in a simpler way")
	}
	m.program = program
	return m, kind, nil
}

// forMachine is a part with an input in place of everything that the machine
// does not evaluate.
func (b *builder) forMachine(n ast.Node, m *machine) (ast.Node, error) {
	var err error
	inside := func(part ast.Node) ast.Node {
		if err == nil {
			part, err = b.forMachine(part, m)
		}
		return part
	}
	var made ast.Node
	switch n := n.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.StringNode, *ast.BoolNode, *ast.NilNode:
		return n, nil
	case *ast.ConditionalNode:
		m.strict = false
		made = &ast.ConditionalNode{Ternary: n.Ternary, Cond: inside(n.Cond), Exp1: inside(n.Exp1), Exp2: inside(n.Exp2)}
	case *ast.BuiltinNode:
		if !slices.Contains(library, n.Name) {
			return nil, b.unknownFunction(n, n.Name)
		}
		call := &ast.BuiltinNode{Name: n.Name}
		for _, argument := range n.Arguments {
			call.Arguments = append(call.Arguments, inside(argument))
		}
		made = call
	default:
		if binary, ok := n.(*ast.BinaryNode); ok && forMachine(n) {
			before := b.missing
			if binary.Operator == "??" {
				m.strict, b.missing = false, sample.Value{}
			}
			left := inside(binary.Left)
			b.missing = before
			made = &ast.BinaryNode{Operator: binary.Operator, Left: left, Right: inside(binary.Right)}
			break
		}
		part, _, failed := b.build(n)
		if failed != nil {
			return nil, failed
		}
		in := input{name: "in" + strconv.Itoa(len(m.inputs)), node: part}
		m.inputs = append(m.inputs, in)
		made = &ast.IdentifierNode{Value: in.name}
	}
	made.SetLocation(n.Location())
	return made, err
}
