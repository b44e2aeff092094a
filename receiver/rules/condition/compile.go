package condition

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/parser"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// Limits of a condition. They are far above what a person writes.
const (
	maxText  = 4 << 10 // bytes
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
	case len(text) > maxText:
		return nil, &Error{What: fmt.Sprintf("the condition is longer than %d KiB", maxText>>10), Do: "make several rules of it, or test a list with in"}
	}
	b.text = text
	tree, err := parser.ParseWithConfig(text, language())
	if err != nil {
		return nil, b.syntax(err)
	}
	if b.slots.kinds == nil {
		b.slots.kinds = make(map[string]takenKind)
	}
	root, kind, err := b.build(tree.Node)
	if err != nil {
		return nil, err
	}
	if kind != sample.None && kind != sample.Bool {
		return nil, &Error{What: "the condition is " + kindNames[kind] + ", and must be true or false", Do: "compare it, as in " + example(text, kind)}
	}
	c := &Condition{text: text, root: root, values: b.values, names: b.names}
	c.doubts, c.certain = b.doubts(tree.Node)
	return c, nil
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
