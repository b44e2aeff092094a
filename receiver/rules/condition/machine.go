package condition

import (
	"errors"
	"reflect"
	"slices"
	"strconv"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// machine is a part of a condition that expr's virtual machine evaluates: ?:,
// ??, powers and functions. What stands in between, such as the names, is
// evaluated by the other nodes and handed to it.
type machine struct {
	vm      vm.VM
	program *vm.Program
	inputs  []input
	env     map[string]any
	// strict: nothing in it can make something of an input that is missing.
	strict bool
	text   string
}

// input is what the machine knows by a name.
type input struct {
	name string
	node node
}

func (n *machine) String() string { return n.text }

func (n *machine) value(s *sample.Sample, computed []sample.Value) sample.Value {
	for i := range n.inputs {
		v := n.inputs[i].node.value(s, computed)
		if n.strict && v.Kind() == sample.None {
			return v
		}
		n.env[n.inputs[i].name] = v.Any()
	}
	out, err := n.vm.Run(n.program, n.env)
	if err != nil {
		return sample.Value{} // it is an input that is missing or of another type
	}
	return sample.Of(out)
}

// compileMachine compiles a tree whose names are inputs, and says what kind of
// value it has, as far as that can be known.
func compileMachine(tree *parser.Tree, config *conf.Config) (*vm.Program, sample.Kind, error) {
	t, err := checker.Check(tree, config)
	if err != nil {
		return nil, sample.None, err
	}
	program, err := compiler.Compile(tree, config)
	if err != nil {
		return nil, sample.None, err
	}
	return program, kindOf(t), nil
}

func kindOf(t reflect.Type) sample.Kind {
	if t == nil {
		return sample.None
	}
	switch t.Kind() {
	case reflect.Bool:
		return sample.Bool
	case reflect.String:
		return sample.Text
	case reflect.Int, reflect.Float64:
		return sample.Number
	}
	return sample.None
}

// forMachine says whether expr's machine evaluates a part.
func forMachine(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.ConditionalNode, *ast.BuiltinNode:
		return true
	case *ast.BinaryNode:
		return n.Operator == "??" || n.Operator == "**" || n.Operator == "^"
	}
	return false
}

// machine makes a part for expr's virtual machine.
func (b *builder) machine(n ast.Node) (node, sample.Kind, error) {
	m := &machine{env: make(map[string]any), strict: true, text: n.String()}
	tree, err := b.withInputs(n, m)
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

// withInputs is a part with an input in place of everything that the machine
// does not evaluate.
func (b *builder) withInputs(n ast.Node, m *machine) (ast.Node, error) {
	var err error
	inside := func(part ast.Node) ast.Node {
		if err == nil {
			part, err = b.withInputs(part, m)
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
