package condition

import (
	"errors"
	"regexp"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"

	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// quoted makes a piece of a condition fit into a message.
func quoted(s string) string { return yamlfile.Quote(s) }

// wrong is a mistake at a part of the condition.
func (b *builder) wrong(n ast.Node, what, do string) error { return b.at(n.Location().From, what, do) }

// at is a mistake at an offset in characters.
func (b *builder) at(offset int, what, do string) *Error {
	before := []rune(b.text)
	before = before[:min(max(offset, 0), len(before))]
	e := &Error{Line: 1, Column: 1, What: what, Do: do}
	for _, r := range before {
		e.Column++
		if r == '\n' {
			e.Line++
			e.Column = 1
		}
	}
	return e
}

// words says in ours what expr's lexer and parser complain about. The first
// group of a pattern takes the place of $1.
var words = []struct {
	pattern  *regexp.Regexp
	what, do string
}{
	{regexp.MustCompile(`unexpected token Operator\("="\)`), "= does not compare", "write == to compare, or matches for a regular expression"},
	{regexp.MustCompile(`unexpected token Identifier\("(?i:(and|or|not|in|contains|matches))"\)`), `"$1" must be in lower case`, "write and, or, not, in, contains, matches"},
	{regexp.MustCompile(`unexpected token Identifier\("(?i:(between|like|is))"\)`), `"$1" is no operator`, "compare with <=, contains, matches or == nil"},
	{regexp.MustCompile(`unexpected (?:token EOF|end of expression)`), "the condition ends where something is still missing", "finish it, as in temp_c > 27, close every parenthesis, and put it in quotes if it has a comma inside { }"},
	{regexp.MustCompile(`unexpected token Bracket\("{"\)`), "{ } chooses nothing here", `compare tags in where, as in site == "fra1"`},
	{regexp.MustCompile(`unexpected token (?:Identifier|Number|String|Bytes|Operator|Bracket)\((".*")\)`), "$1 is not expected here", "join comparisons with and or or, and put texts in quotes"},
	{regexp.MustCompile(`literal not terminated`), "a text is not closed", "end it with the quote that it begins with"},
	{regexp.MustCompile(`bad number syntax: (".*")`), "$1 is not a number", `write numbers without a unit, and times in quotes, as in mean(temp_c, "5m") > 27`},
	{regexp.MustCompile(`invalid .* literal|integer literal is too large|float literal is too large`), "this number is too large", "write a smaller one, or with an exponent such as 1e20"},
	{regexp.MustCompile(`unrecognized character: U\+\w+ ('.*')`), "$1 has no meaning here", "use names, numbers, texts in quotes and operators; field(\"…\") takes a name with any characters"},
	{regexp.MustCompile(`invalid char escape`), "a backslash stands before something that it does not go with", `double it: "\\d+"`},
	{regexp.MustCompile(`cannot be mixed`), "?? stands beside another operator", "put it in parentheses, as in (temp_c ?? 0) > 27"},
	{regexp.MustCompile(`exceeds maximum allowed nodes`), "the condition has too many parts", "make several rules of it, or test a list with in"},
}

// syntax is the error of expr's parser in our words.
func (b *builder) syntax(err error) error {
	var reason *file.Error
	if !errors.As(err, &reason) {
		return &Error{What: "this is not a condition", Do: "write one such as temp_c > 27"}
	}
	if e := b.slip(reason); e != nil {
		return e
	}
	for _, w := range words {
		if m := w.pattern.FindStringSubmatchIndex(reason.Message); m != nil {
			what := string(w.pattern.ExpandString(nil, w.what, reason.Message, m))
			return b.at(reason.From, what, w.do)
		}
	}
	return b.at(reason.From, yamlfile.OneLine(strings.ToLower(reason.Message)), "write a condition such as temp_c > 27")
}

var (
	unexpected  = regexp.MustCompile(`^unexpected token Operator\("(.*)"\)`)
	digitBefore = regexp.MustCompile(`\d$`)
	digitAfter  = regexp.MustCompile(`^,\d`)
	listBegin   = regexp.MustCompile(`\bin\s*\(([^()]*)$`)
)

// slip is what is wrong with an operator where what stands around it tells;
// nil where it does not.
func (b *builder) slip(reason *file.Error) error {
	m := unexpected.FindStringSubmatch(reason.Message)
	if m == nil {
		return nil
	}
	text, operator := []rune(b.text), m[1]
	before, after := string(text[:reason.From]), string(text[reason.From:])
	_, compares := comparisons[operator]
	list := listBegin.FindStringIndex(before)
	switch {
	case operator == ">" && strings.HasSuffix(before, "<"):
		return b.at(reason.From-1, "<> does not compare", "write != for is not")
	case operator == "=" && (strings.HasPrefix(after, "=>") || strings.HasPrefix(after, "=<")):
		return b.at(reason.From, after[:2]+" does not compare", "write "+after[1:2]+"=")
	case compares && strings.TrimSpace(before) == "":
		return b.at(reason.From, "the condition begins with "+operator, "write the name of the field before it, as in temp_c > 27")
	case operator == "," && list != nil:
		return b.at(len([]rune(before[:list[0]]))+len("in "), "a list is not in ( )", `write it in [ ], as in site in ["fra1", "fra2"]`)
	case operator == "," && digitBefore.MatchString(before) && digitAfter.MatchString(after):
		return b.at(reason.From, "a comma stands in a number", "write a point instead, as in 27.5")
	}
	return nil
}
