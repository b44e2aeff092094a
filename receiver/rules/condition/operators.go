package condition

import (
	"math"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

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

// both builds the two sides of an operator that are of one kind.
func (b *builder) both(n *ast.BinaryNode, want sample.Kind) (left, right node, err error) {
	sides := [2]node{}
	for i, side := range [2]ast.Node{n.Left, n.Right} {
		made, kind, err := b.build(side)
		if err == nil {
			err = b.takenFor(n, made, kind, want, n.Operator)
		}
		if err != nil {
			return nil, nil, err
		}
		sides[i] = made
	}
	return sides[0], sides[1], nil
}

func (b *builder) logic(n *ast.BinaryNode) (node, sample.Kind, error) {
	left, right, err := b.both(n, sample.Bool)
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
	left, right, err := b.both(n, sample.Text)
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
