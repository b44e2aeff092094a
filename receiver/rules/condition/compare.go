package condition

import (
	"fmt"
	"strconv"

	"github.com/expr-lang/expr/ast"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

var comparisons = map[string]op{"==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}

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
	if before := b.slots.kinds[key]; before.kind != sample.None && before.kind != wanted {
		where := "before"
		if before.text != b.text { // the mistake may well be there
			where = "in " + quoted(before.text)
		}
		return b.wrong(at, fmt.Sprintf("%s is taken for %s here and for %s %s", quoted(key), kindNames[wanted], kindNames[before.kind], where), "a field has one type; write numbers without quotes and texts with them")
	}
	b.slots.kinds[key] = takenKind{wanted, b.text}
	return nil
}
