package condition

import (
	"regexp"
	"slices"

	"github.com/expr-lang/expr/ast"

	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// Doubt is what can be evaluated and is probably not meant.
type Doubt struct {
	Error
	// Names are the names that it is about. If the rule speaks of one of them
	// elsewhere too, it is a name, and there is no doubt.
	Names []string
}

// Doubts are what is probably not meant, in the order of the text.
func (c *Condition) Doubts() []Doubt { return c.doubts }

// Certain are the names that the condition mentions where no doubt is.
func (c *Condition) Certain() []string { return c.certain }

// doubter looks for what somebody wrote who thought of another language.
type doubter struct {
	b *builder
	// names are the names that were met; true: they are in doubt.
	names   map[*ast.IdentifierNode]bool
	doubts  []Doubt
	certain []string // names that are in quotes, as in field("x")
}

// doubts looks at a condition that was built.
func (b *builder) doubts(root ast.Node) (doubts []Doubt, certain []string) {
	d := &doubter{b: b, names: make(map[*ast.IdentifierNode]bool)}
	ast.Walk(&root, d)
	for n, doubted := range d.names {
		if !doubted {
			d.certain = append(d.certain, n.Value)
		}
	}
	slices.Sort(d.certain)
	return d.doubts, slices.Compact(d.certain)
}

// Visit comes to the parts of an operator or a call before it comes to itself.
func (d *doubter) Visit(n *ast.Node) {
	switch n := (*n).(type) {
	case *ast.IdentifierNode:
		d.names[n] = false
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
			delete(d.names, callee)
		}
		if text, ok := n.Arguments[0].(*ast.StringNode); ok { // none of our functions goes without
			d.certain = append(d.certain, text.Value)
		}
	case *ast.BinaryNode:
		right, ok := n.Right.(*ast.IdentifierNode)
		switch left, named := n.Left.(*ast.IdentifierNode); {
		case !ok:
		case (n.Operator == "==" || n.Operator == "!=") && d.mayBeText(n.Left):
			d.doubt(n.Right, quoted(right.Value)+" is taken for the name of a field or tag", "put it in quotes if it is a text, as in "+
				n.Operator+` "`+right.Value+`", or write field("`+right.Value+`") if it is a field`, right)
		case n.Operator == "-" && named && d.together(left, right):
			word := d.word(left)
			d.doubt(left, quoted(word)+" is one name minus another", `write field("`+word+`") if it is one name, or spaces around - if it is a difference`, left, right)
		}
	}
}

func (d *doubter) doubt(at ast.Node, what, do string, names ...*ast.IdentifierNode) {
	doubt := Doubt{Error: *d.b.at(at.Location().From, what, do)}
	for _, n := range names {
		d.names[n] = true
		doubt.Names = append(doubt.Names, n.Value)
	}
	d.doubts = append(d.doubts, doubt)
}

// mayBeText says whether a side of a comparison can be a text, as far as the
// conditions of the rule tell.
func (d *doubter) mayBeText(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		kind := d.b.slots.kinds[n.Value].kind
		return kind == sample.None || kind == sample.Text
	case *ast.CallNode:
		callee, ok := n.Callee.(*ast.IdentifierNode)
		return ok && slices.Contains([]string{"field", "tag", "previous"}, callee.Value)
	case *ast.BuiltinNode:
		return slices.Contains([]string{"lower", "upper", "trim", "trimPrefix", "trimSuffix"}, n.Name)
	}
	return false
}

// together says whether nothing but an operator of one character stands
// between two names.
func (d *doubter) together(left, right *ast.IdentifierNode) bool {
	return right.Location().From == left.Location().From+len([]rune(left.Value))+1
}

var hyphenated = regexp.MustCompile(`^[\pL\pN_]+(?:-[\pL\pN_]+)*`)

// word is all of usage-idle, of which n is the beginning.
func (d *doubter) word(n *ast.IdentifierNode) string {
	return hyphenated.FindString(string([]rune(d.b.text)[n.Location().From:]))
}
