package intent

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/outbound"
)

const (
	// DefaultTimeout is how long one request may take, from the dial to the
	// last byte of the answer; maxTimeout is the longest that can be set.
	DefaultTimeout = 10 * time.Second
	maxTimeout     = time.Minute
)

// Config says how one verb is carried out: one entry of a source's `actions:`.
// The secrets among it have no keys of their own here: package config knows
// where secrets come from.
type Config struct {
	// URL is a template. A value in it can be a part of the path or of the
	// query, and is escaped for that; scheme and host are the author's alone.
	URL string
	// Method is POST (the default), PUT or PATCH.
	Method string
	// Body is a template that writes JSON; "" for a request without a body.
	Body    string
	Headers map[string]string
	// Token is sent as a bearer token, Username and Password as basic auth.
	Token              string
	Username, Password string
	Timeout            time.Duration // 0: DefaultTimeout
	ProxyURL           string        // "": the environment's; it may hold a password
	TLS                promconfig.TLSConfig

	// Transport carries the requests instead of the network, in tests that
	// must not open sockets; proxy and TLS are then not used.
	Transport http.RoundTripper
}

// Problem is something wrong with a Config.
type Problem = outbound.Problem

var headerName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// sendable says whether a text can stand in a header.
func sendable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// reserved are headers that are ours to write.
var reserved = []string{"Host", "Content-Length", "Transfer-Encoding", "Connection", "Idempotency-Key"}

// Check tells everything that is wrong with c. It reads the files of the TLS
// options and does not touch the network.
func (c Config) Check() []Problem {
	var problems []Problem
	bad := func(field, what, hint string) {
		problems = append(problems, Problem{Field: field, What: what, Hint: hint})
	}
	problems = append(problems, c.checkURL()...)
	problems = append(problems, c.checkBody()...)
	if !slices.Contains([]string{"", http.MethodPost, http.MethodPut, http.MethodPatch}, c.Method) {
		bad("method", fmt.Sprintf("an action cannot be done with %.20q", c.Method), "use POST, PUT or PATCH")
	}
	for _, name := range sortedNames(c.Headers) {
		switch {
		case !headerName.MatchString(name):
			bad("headers", fmt.Sprintf("%.40q is not the name of a header", name), "use letters, digits and -")
		case slices.Contains(reserved, http.CanonicalHeaderKey(name)):
			bad("headers", "the header "+http.CanonicalHeaderKey(name)+" is written by teamsrelay", "leave it out")
		case !sendable(c.Headers[name]):
			bad("headers", "the value of the header "+name+" has a line break or another sign that cannot be sent", "put it on one line")
		case http.CanonicalHeaderKey(name) == "Authorization" && (c.Token != "" || c.Username != ""):
			bad("headers", "there is a header Authorization and also a token or basic_auth", "keep one of them")
		}
	}
	if c.Token != "" && c.Username+c.Password != "" {
		bad("token", "there is a token and also basic_auth", "keep one of them")
	}
	if !sendable(c.Token) {
		bad("token", "it has a line break inside", "put it into its file on one line")
	}
	if c.Username == "" && c.Password != "" {
		bad("basic_auth", "there is a password but no username", "add the username")
	}
	if c.Timeout < 0 || c.Timeout > maxTimeout {
		bad("timeout", fmt.Sprintf("%v is not a time for one request", c.Timeout), fmt.Sprintf("write a time up to %v, or leave it out for %v", maxTimeout, DefaultTimeout))
	}
	problems = append(problems, outbound.CheckProxy(c.ProxyURL)...)
	return append(problems, outbound.CheckTLS(c.TLS, "read the token and change what we do", "the system")...)
}

// trial is what the templates are tried with: a ticket that somebody comments.
func trial() (card.Input, card.Press) {
	in := card.SampleFor("ticket-comment", time.Date(2026, 1, 2, 10, 14, 0, 0, time.UTC)).Input
	return in, card.Press{Verb: Comment, Who: "Alice Example", Text: "It was the fan.", Key: "OPS-123"}
}

func (c Config) checkURL() []Problem {
	bad := func(what, hint string) []Problem { return []Problem{{Field: "url", What: what, Hint: hint}} }
	if strings.TrimSpace(c.URL) == "" {
		return bad("there is no URL", "write where the request goes, like https://jira.example/rest/api/2/issue/{{ .Labels.ticket }}/comment")
	}
	address, problems := card.NewTemplate("url", c.URL)
	if len(problems) > 0 {
		return bad("the template cannot be read: "+problems[0].What, "write values as {{ .Labels.ticket }}")
	}
	in, press := trial()
	pieces, err := address.Pieces(in, press)
	if err != nil {
		return []Problem{tried("url", err)}
	}
	u, err := locate(pieces)
	if errors.Is(err, errEmpty) { // the alerts of this source may well have it
		u, err = locate(filled(pieces))
	}
	if err != nil {
		return bad(err.Error(), "write it like https://jira.example/rest/api/2/issue/{{ .Labels.ticket }}/comment")
	}
	if u.Scheme == "http" && !outbound.IsLoopback(u.Hostname()) && (c.Token != "" || c.Password != "" || len(c.Headers) > 0) {
		return []Problem{{
			Field: "url", Warning: true, What: "http sends what signs us in to " + u.Host + " in the clear",
			Hint: "use https if the system offers it; nothing to do when you trust that network",
		}}
	}
	return nil
}

// filled is pieces in which no value is empty.
func filled(pieces []card.Piece) []card.Piece {
	pieces = slices.Clone(pieces)
	for i := range pieces {
		if pieces[i].IsValue && pieces[i].Text == "" {
			pieces[i].Text = "x"
		}
	}
	return pieces
}

func (c Config) checkBody() []Problem {
	if c.Body == "" {
		return nil
	}
	body, problems := card.NewTemplate("body", c.Body)
	if len(problems) > 0 {
		return []Problem{{Field: "body", What: inLine(problems[0].Line) + problems[0].What, Hint: `write JSON with values as {{ .Text }}`}}
	}
	in, press := trial()
	if _, err := body.JSON(in, press); err != nil {
		return []Problem{tried("body", err)}
	}
	return nil
}

// tried is what came of trying a template. Where it is no JSON it never will
// be; what fails on our sample may work with the events of this source.
func tried(field string, err error) Problem {
	var problem card.Problem
	if !errors.As(err, &problem) {
		return Problem{Field: field, What: err.Error()}
	}
	if strings.HasPrefix(problem.What, "this is not JSON") {
		return Problem{Field: field, What: inLine(problem.Line) + problem.What, Hint: "write JSON; {{ .Text }} needs no quotes of its own"}
	}
	return Problem{
		Field: field, Warning: true, What: inLine(problem.Line) + "tried with a ticket, the template fails: " + problem.What,
		Hint: `write {{ event "a.b.c" }}, which is nothing where there is no such value, unless all events of this source have what it asks for`,
	}
}

func inLine(line int) string {
	if line < 2 {
		return ""
	}
	return fmt.Sprintf("in line %d of it, ", line)
}

func sortedNames(set map[string]string) []string {
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// errEmpty says that a value of the path is not there.
var errEmpty = errors.New("a value in its path is empty, so it would lead elsewhere")

// longestValue bounds a value in the address, in bytes: no ticket has a longer
// name, and servers refuse longer addresses.
const longestValue = 500

// locate makes the address of a template's pieces. Values are escaped for the
// path or the query, wherever they stand, so they can change neither the
// scheme nor the host; what would make the path lead elsewhere is refused. Its
// errors hold nothing of the values.
func locate(pieces []card.Piece) (*url.URL, error) {
	var text strings.Builder
	inQuery := false
	for _, p := range pieces {
		if !p.IsValue {
			text.WriteString(p.Text)
			inQuery = inQuery || strings.ContainsAny(p.Text, "?#")
			continue
		}
		_, after, ok := strings.Cut(strings.TrimSpace(text.String()), "://")
		switch {
		case !ok || !strings.Contains(after, "/") && !inQuery:
			return nil, errors.New("a value stands before the path, where it could change where the request goes")
		case len(p.Text) > longestValue:
			return nil, fmt.Errorf("a value in it has more than %d bytes", longestValue)
		case inQuery:
			text.WriteString(url.QueryEscape(p.Text))
		case strings.TrimSpace(p.Text) == "":
			return nil, errEmpty
		case leadsAway(p.Text):
			return nil, errors.New("a value in its path would lead elsewhere")
		default:
			text.WriteString(url.PathEscape(p.Text))
		}
	}
	u, err := url.Parse(strings.TrimSpace(text.String()))
	switch {
	case err != nil || u.Hostname() == "":
		return nil, errors.New("this is not a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("the scheme %.20q cannot be called", u.Scheme)
	case u.User != nil:
		return nil, errors.New("it holds a user or a password, which others would see; put them into basic_auth")
	case leadsAway(u.Path):
		return nil, errors.New("its path has a step . or ..")
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// leadsAway says whether a part of a path is a step to another one, or holds
// what servers read as something else.
func leadsAway(text string) bool {
	for _, step := range strings.FieldsFunc(text, func(r rune) bool { return r == '/' || r == '\\' }) {
		if step == "." || step == ".." {
			return true
		}
	}
	return strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}
