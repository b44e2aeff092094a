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
	if strings.HasSuffix(reason.Message, `Operator(">")`) && strings.HasSuffix(string([]rune(b.text)[:reason.From]), "<") {
		return b.at(reason.From-1, "<> does not compare", "write != for is not")
	}
	for _, w := range words {
		if m := w.pattern.FindStringSubmatchIndex(reason.Message); m != nil {
			what := string(w.pattern.ExpandString(nil, w.what, reason.Message, m))
			return b.at(reason.From, what, w.do)
		}
	}
	return b.at(reason.From, yamlfile.OneLine(strings.ToLower(reason.Message)), "write a condition such as temp_c > 27")
}
