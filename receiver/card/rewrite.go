package card

import (
	"iter"
	"maps"
	"slices"
	"strconv"
	"text/template/parse"
)

// The functions that rewritten templates call. Their names cannot be written
// by accident: nobody else begins a function with an underscore.
const (
	sinkText       = "_text"       // the value is text
	sinkMarkdown   = "_markdown"   // the value is somebody's Markdown
	sinkAnnotation = "_annotation" // the value is an annotation: Markdown, or a stranger's text
	sinkJSON       = "_json"       // the value is JSON already
	sinkMention    = "_mention"    // the value is a person's address
	sinkPayload    = "_payload"    // the value is a card that another program made
	roundFunc      = "_round"      // counts a round of a range
	callFunc       = "_call"       // counts a call of a template
	cutFunc        = "_cut"        // ends a range over alerts early
	boundFunc      = "_bound"      // refuses variables that grow without end
	sayFunc        = "_say"        // calls a template that writes text
)

// The costs of steps. text/template itself stops at 100,000 nested calls, by
// which time the stack has eaten hundreds of megabytes.
const (
	costOfRound = 1
	costOfCall  = 20
)

// rewriter rewrites one template.
type rewriter struct {
	old  bool // for prometheus-msteams
	text bool // it writes text, as Alertmanager's do
	// texts are the templates that write text.
	texts map[string]bool
	// notes are the variables that hold an annotation, dot whether the dot is
	// one; known for text and old templates, which go through them.
	notes map[string]bool
	dot   bool
}

// rewrite changes a parsed template so that every action hands its value to a
// function of ours instead of printing it. The printed text then is what the
// template's author wrote, the values are beside it, and nothing in a value
// can pass for the author's text. html/template rewrites its trees in the
// same way.
func rewrite(tree *parse.Tree, r rewriter) {
	if tree == nil || tree.Root == nil {
		return
	}
	r.notes = map[string]bool{}
	r.list(tree.Root)
	begin := effect(callFunc, tree.Root.Pos)
	begin.Pipe.IsAssign = false // but declares
	tree.Root.Nodes = slices.Insert(tree.Root.Nodes, 0, parse.Node(begin))
}

func (r *rewriter) list(list *parse.ListNode) {
	if list == nil {
		return
	}
	for i, node := range list.Nodes {
		switch node := node.(type) {
		case *parse.ActionNode:
			if len(node.Pipe.Decl) == 0 {
				call(node.Pipe, r.sinkFor(node.Pipe))
				swallow(node.Pipe)
			} else {
				r.declare(node.Pipe)
				call(node.Pipe, boundFunc)
			}
		case *parse.TemplateNode:
			if r.texts[node.Name] && !r.text && !r.old {
				list.Nodes[i] = say(node)
			}
		case *parse.IfNode:
			r.declare(node.Pipe)
			r.list(node.List)
			r.list(node.ElseList)
		case *parse.WithNode:
			r.inside(node.Pipe, node.List)
			r.list(node.ElseList)
		case *parse.RangeNode:
			r.inside(node.Pipe, node.List)
			call(node.Pipe, cutFunc)
			r.list(node.ElseList)
			node.List.Nodes = slices.Insert(node.List.Nodes, 0, parse.Node(effect(roundFunc, node.List.Pos)))
		}
	}
}

// inside rewrites the list of a range or with, in which the dot is what the
// pipeline says.
func (r *rewriter) inside(pipe *parse.PipeNode, list *parse.ListNode) {
	notes, dot := maps.Clone(r.notes), r.dot
	r.declare(pipe)
	r.dot = r.annotated(pipe)
	r.list(list)
	r.notes, r.dot = notes, dot
}

// declare remembers variables that hold an annotation, or several. One that
// only may hold one is a label: rather a mark too many than a link from a
// stranger.
func (r *rewriter) declare(pipe *parse.PipeNode) {
	annotated := r.annotated(pipe)
	for _, variable := range pipe.Decl {
		r.notes[variable.Ident[0]] = annotated
	}
}

// annotated reports whether a pipeline has to do with annotations.
func (r *rewriter) annotated(node parse.Node) bool {
	if !r.old && !r.text {
		return false
	}
	switch node := node.(type) {
	case *parse.PipeNode:
		return slices.ContainsFunc(node.Cmds, func(c *parse.CommandNode) bool {
			return slices.ContainsFunc(c.Args, r.annotated)
		})
	case *parse.DotNode:
		return r.dot
	case *parse.FieldNode:
		return r.dot || slices.ContainsFunc(node.Ident, isAnnotations)
	case *parse.VariableNode:
		return r.notes[node.Ident[0]] || slices.ContainsFunc(node.Ident, isAnnotations)
	case *parse.ChainNode:
		return r.annotated(node.Node) || slices.ContainsFunc(node.Field, isAnnotations)
	}
	return false
}

// sinkFor says how the value of an action is meant.
func (r *rewriter) sinkFor(pipe *parse.PipeNode) string {
	sink := sinkFor(pipe)
	if sink == sinkText && r.annotated(pipe) {
		sink = sinkAnnotation
	}
	switch {
	case r.old && sink == sinkText:
		return sinkOldText
	case r.old && (sink == sinkAnnotation || sink == sinkMarkdown):
		return sinkOldMarkdown
	}
	return sink
}

// say calls a template that writes text.
func say(node *parse.TemplateNode) parse.Node {
	args := []parse.Node{
		parse.NewIdentifier(sayFunc).SetPos(node.Pos),
		&parse.StringNode{NodeType: parse.NodeString, Pos: node.Pos, Quoted: strconv.Quote(node.Name), Text: node.Name},
	}
	if node.Pipe != nil {
		args = append(args, node.Pipe)
	}
	return &parse.ActionNode{NodeType: parse.NodeAction, Pos: node.Pos, Line: node.Line, Pipe: &parse.PipeNode{
		NodeType: parse.NodePipe, Pos: node.Pos, Line: node.Line,
		Cmds: []*parse.CommandNode{{NodeType: parse.NodeCommand, Pos: node.Pos, Args: args}},
	}}
}

// call hands the pipeline's value to a function.
func call(pipe *parse.PipeNode, function string) {
	pipe.Cmds = append(pipe.Cmds, &parse.CommandNode{
		NodeType: parse.NodeCommand, Pos: pipe.Pos,
		Args: []parse.Node{parse.NewIdentifier(function).SetPos(pipe.Pos)},
	})
}

// swallow makes an action print nothing: what its function returns goes into a
// variable of ours, whose name nobody can write. That is faster than to print
// an empty text.
func swallow(pipe *parse.PipeNode) {
	pipe.Decl = []*parse.VariableNode{{NodeType: parse.NodeVariable, Pos: pipe.Pos, Ident: []string{"$-"}}}
	pipe.IsAssign = true
}

// effect is an action that calls a function.
func effect(function string, pos parse.Pos) *parse.ActionNode {
	action := &parse.ActionNode{
		NodeType: parse.NodeAction, Pos: pos,
		Pipe: &parse.PipeNode{NodeType: parse.NodePipe, Pos: pos, Cmds: []*parse.CommandNode{{
			NodeType: parse.NodeCommand, Pos: pos,
			Args: []parse.Node{parse.NewIdentifier(function).SetPos(pos)},
		}}},
	}
	swallow(action.Pipe)
	return action
}

// sinkFor says how the value of an action is meant. That is decided by what
// the author wrote, never by the value: by the last function of the pipeline,
// or because it is nothing but an annotation, whose Markdown is kept.
func sinkFor(pipe *parse.PipeNode) string {
	last := pipe.Cmds[len(pipe.Cmds)-1]
	if name, ok := last.Args[0].(*parse.IdentifierNode); ok {
		switch name.Ident {
		case "markdown":
			return sinkMarkdown
		case "json", "toJson", "toRawJson", "toPrettyJson", "mustToJson", "mustToRawJson", "mustToPrettyJson":
			return sinkJSON
		case "mention":
			return sinkMention
		case "payload":
			return sinkPayload
		}
	}
	if len(pipe.Cmds) == 1 && isAnnotation(last) {
		return sinkAnnotation
	}
	return sinkText
}

// isAnnotation recognises .Annotations.x, $.CommonAnnotations.x and
// index .Annotations "x".
func isAnnotation(command *parse.CommandNode) bool {
	args := command.Args
	if len(args) == 1 {
		path := fieldPath(args[0])
		return len(path) >= 2 && isAnnotations(path[len(path)-2])
	}
	name, ok := args[0].(*parse.IdentifierNode)
	if !ok || name.Ident != "index" || len(args) != 3 {
		return false
	}
	path := fieldPath(args[1])
	return len(path) >= 1 && isAnnotations(path[len(path)-1])
}

func isAnnotations(field string) bool { return field == "Annotations" || field == "CommonAnnotations" }

func fieldPath(node parse.Node) []string {
	switch node := node.(type) {
	case *parse.FieldNode:
		return node.Ident
	case *parse.VariableNode:
		return node.Ident[1:]
	case *parse.ChainNode:
		return node.Field
	}
	return nil
}

// nodes goes through a template's tree, the branches of all ifs included.
func nodes(node parse.Node) iter.Seq[parse.Node] {
	return func(yield func(parse.Node) bool) { walk(node, yield) }
}

func walk(node parse.Node, yield func(parse.Node) bool) bool {
	branch := func(b *parse.BranchNode) bool {
		return walk(b.List, yield) && (b.ElseList == nil || walk(b.ElseList, yield))
	}
	switch node := node.(type) {
	case *parse.ListNode:
		if node == nil {
			return true
		}
		for _, child := range node.Nodes {
			if !walk(child, yield) {
				return false
			}
		}
		return true
	case *parse.IfNode:
		return branch(&node.BranchNode)
	case *parse.WithNode:
		return branch(&node.BranchNode)
	case *parse.RangeNode:
		return branch(&node.BranchNode)
	}
	return yield(node)
}

// texts are the texts in a template's tree.
func texts(node parse.Node) iter.Seq[*parse.TextNode] { return only[*parse.TextNode](node) }

// calls are the calls of other templates in a template's tree.
func calls(node parse.Node) iter.Seq[*parse.TemplateNode] { return only[*parse.TemplateNode](node) }

func only[N parse.Node](root parse.Node) iter.Seq[N] {
	return func(yield func(N) bool) {
		for node := range nodes(root) {
			if n, ok := node.(N); ok && !yield(n) {
				return
			}
		}
	}
}
