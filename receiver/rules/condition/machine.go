package condition

import (
	"reflect"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
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
