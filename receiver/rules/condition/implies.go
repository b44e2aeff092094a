package condition

import "github.com/teamsrelay/teamsrelay/receiver/sample"

// Implies says that other holds whenever c does, as far as that is easy to
// see: from bounds on the same operand, equal parts, and how they are joined.
func (c *Condition) Implies(other *Condition) bool { return implied(c.root, other.root) }

// Excludes says that other never holds when c does.
func (c *Condition) Excludes(other *Condition) bool { return implied(c.root, negated(other.root)) }

// Covers says that c or other holds for whatever is known.
func (c *Condition) Covers(other *Condition) bool { return implied(negated(c.root), other.root) }

// Never says that c holds for no sample, as far as that is easy to see: its
// parts contradict each other.
func (c *Condition) Never() bool { return impossible(c.root) }

// Always says that c holds for every sample that decides it.
func (c *Condition) Always() bool { return impossible(negated(c.root)) }

// negated is what holds where n does not. What is unknown stays unknown.
func negated(n node) node {
	switch n := n.(type) {
	case *not:
		return n.of
	case *compare:
		return &compare{n.left, n.right, opposite[n.op]}
	case *missing:
		return &missing{n.of, !n.there}
	case *and:
		return &or{negated(n.left), negated(n.right)}
	case *or:
		return &and{negated(n.left), negated(n.right)}
	}
	return &not{n}
}

// maxSteps is how long is looked: conditions that people write take a few dozen
// steps, and all ways through one that is made to hurt would take years.
const maxSteps = 10_000

func implied(a, b node) bool {
	steps := maxSteps
	return implies(a, b, &steps)
}

func impossible(n node) bool {
	steps := maxSteps
	return never(n, &steps)
}

func never(n node, steps *int) bool {
	switch n := n.(type) {
	case *and:
		return never(n.left, steps) || never(n.right, steps) || implies(n.left, negated(n.right), steps)
	case *or:
		return never(n.left, steps) && never(n.right, steps)
	}
	return false
}

func implies(a, b node, steps *int) bool {
	if *steps--; *steps < 0 {
		return false
	}
	switch b := b.(type) {
	case *and:
		return implies(a, b.left, steps) && implies(a, b.right, steps)
	case *or:
		if implies(a, b.left, steps) || implies(a, b.right, steps) {
			return true
		}
	}
	switch a := a.(type) {
	case *or:
		return implies(a.left, b, steps) && implies(a.right, b, steps)
	case *and:
		return implies(a.left, b, steps) || implies(a.right, b, steps)
	case *compare:
		if b, ok := b.(*compare); ok && a.left.String() == b.left.String() {
			x, okX := a.right.(*constant)
			y, okY := b.right.(*constant)
			if okX && okY {
				return within(a.op, x.is, b.op, y.is)
			}
		}
	}
	return a.String() == b.String()
}

// within says that all values that are p x are q y too.
func within(p op, x sample.Value, q op, y sample.Value) bool {
	is := func(o op) bool { known, _ := compared(x, o, y).Bool(); return known }
	switch p {
	case eq:
		return is(q)
	case ne:
		return q == ne && x == y
	case gt:
		return (q == gt || q == ge || q == ne) && is(ge)
	case ge:
		return q == ge && is(ge) || (q == gt || q == ne) && is(gt)
	case lt:
		return (q == lt || q == le || q == ne) && is(le)
	}
	return q == le && is(le) || (q == lt || q == ne) && is(lt)
}
