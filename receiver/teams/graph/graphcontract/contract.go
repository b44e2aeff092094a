// Package graphcontract holds what is said to Microsoft Graph, and what Graph
// answers, against the contract file that stands beside the project
// (contracts/graph-v1.0-teams-subset.openapi.json). It is for tests: of the
// client (package graph) and of the simulated Graph (package teamstest), so
// that both keep the same contract and not each other's.
//
// A client's transport is wrapped by a Notary; a server's exchanges are checked
// one by one with Contract.Check. What the client does is, by path below /v1.0
// (several at once in $batch, with paths relative to /v1.0):
//
//	GET  /users/{id or upn}?$select=…                    /users('$…') for names that begin with $
//	GET  /users?$filter=mail eq '…'&$select=…            names with @ that are no UPN
//	GET  /users?$filter=proxyAddresses/any(p:p eq 'smtp:…')&$select=…   then by alias
//	GET  /users/{id}/teamwork/installedApps?$expand=teamsApp,teamsAppDefinition&$filter=teamsApp/externalId eq '…' (or teamsApp/id)
//	POST /users/{id}/teamwork/installedApps
//	POST /users/{id}/teamwork/installedApps/{id}/upgrade
//	GET  /users/{id}/teamwork/installedApps/{id}/chat
//	GET  /appCatalogs/teamsApps?$expand=appDefinitions&$filter=externalId eq '…' (or id)
//	GET  /groups/{id}?$select=…, /groups/{id}/transitiveMembers?$select=…&$top=…
//	GET  /teams/{id}/tags/{id}, /teams/{id}/tags/{id}/members
package graphcontract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Operation is one thing that Graph can be asked.
type Operation struct {
	Method, Path string // with {placeholders}
}

// Beyond are the operations that the client needs and the contract file does
// not have, with what Graph's reference says that they answer: a JSON schema,
// nil for no body. Read refuses an entry that the file has after all.
var Beyond = map[Operation]Answers{
	{"GET", "/users"}: {Status: "200", Schema: list("microsoft.graph.user")},
	{"POST", "/users/{user-id}/teamwork/installedApps/{userScopeTeamsAppInstallation-id}/upgrade"}: {Status: "204"},
	{"GET", "/groups/{group-id}"}:                     {Status: "200", Schema: things("id", "displayName")},
	{"GET", "/groups/{group-id}/transitiveMembers"}:   {Status: "200", Schema: list("microsoft.graph.user")},
	{"GET", "/teams/{team-id}/tags/{teamworkTag-id}"}: {Status: "200", Schema: things("id", "teamId", "displayName", "description", "memberCount", "tagType")},
	{"GET", "/teams/{team-id}/tags/{teamworkTag-id}/members"}: {Status: "200", Schema: map[string]any{
		"type": "object", "required": []any{"value"},
		"properties": map[string]any{"value": map[string]any{"type": "array", "items": things("id", "displayName", "userId", "tenantId")}},
	}},
}

// Answers is what an operation answers when it succeeds.
type Answers struct {
	Status string
	Schema map[string]any
}

// list is the schema of a page of what the file defines.
func list(of string) map[string]any {
	return map[string]any{
		"type": "object", "required": []any{"value"},
		"properties": map[string]any{"value": map[string]any{"type": "array", "items": map[string]any{"$ref": components + of}}},
	}
}

// things is the schema of an object with these fields, of which the first, its
// id, is always there.
func things(fields ...string) map[string]any {
	properties := map[string]any{}
	for _, f := range fields {
		properties[f] = map[string]any{}
	}
	return map[string]any{"type": "object", "required": []any{fields[0]}, "properties": properties}
}

const (
	components = "#/components/schemas/"
	document   = "graph.json"
	file       = "graph-v1.0-teams-subset.openapi.json"
)

// Contract is the file, read. It may be used by several goroutines.
type Contract struct {
	operations map[Operation]*operation

	mu       sync.Mutex // the compiler is for one at a time
	compiler *jsonschema.Compiler
}

type operation struct {
	Operation
	pattern *regexp.Regexp
	queries []string
	body    string            // location of the schema of its request's body; "": none
	answers map[string]string // status ("200", "4XX") to the schema's location; "": no body
}

// File reads the contract file where it stands beside the project.
func File() ([]byte, error) {
	at, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	for ; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			break
		}
	}
	return os.ReadFile(filepath.Join(at, "..", "shared", "contracts", file))
}

// Find reads the contract, and skips the test where it does not stand beside
// the project.
func Find(t testing.TB) *Contract {
	t.Helper()
	text, err := File()
	if err != nil {
		t.Skipf("the contract of Microsoft Graph is not beside the project: %v", err)
	}
	c, err := Read(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// placeholder is a part of a path that stands for an id.
var placeholder = regexp.MustCompile(`\\\{[^/]+?\\\}`)

// Read reads the contract file.
func Read(text []byte) (*Contract, error) {
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	tighten(doc)
	paths, _ := doc["paths"].(map[string]any)
	for op, answers := range Beyond {
		methods, _ := paths[op.Path].(map[string]any)
		if methods == nil {
			methods = map[string]any{}
			paths[op.Path] = methods
		}
		if methods[strings.ToLower(op.Method)] != nil {
			return nil, fmt.Errorf("the contract has %s %s itself: take it out of Beyond", op.Method, op.Path)
		}
		methods[strings.ToLower(op.Method)] = answers.operation()
	}
	c := &Contract{operations: map[Operation]*operation{}, compiler: jsonschema.NewCompiler()}
	c.compiler.DefaultDraft(jsonschema.Draft2020)
	c.compiler.AssertFormat()
	if err := c.compiler.AddResource(document, doc); err != nil {
		return nil, err
	}
	for path, methods := range paths {
		for method, said := range methods.(map[string]any) {
			op := read(Operation{strings.ToUpper(method), path}, said.(map[string]any))
			c.operations[op.Operation] = op
		}
	}
	return c, nil
}

// operation is the same as the file would say it.
func (a Answers) operation() map[string]any {
	answer := map[string]any{}
	if a.Schema != nil {
		answer["content"] = map[string]any{"application/json": map[string]any{"schema": a.Schema}}
	}
	failure := map[string]any{"content": map[string]any{"application/json": map[string]any{"schema": map[string]any{"$ref": components + "ODataError"}}}}
	return map[string]any{
		"parameters": []any{
			map[string]any{"in": "query", "name": "$filter"}, map[string]any{"in": "query", "name": "$select"}, map[string]any{"in": "query", "name": "$top"},
		},
		"responses": map[string]any{a.Status: answer, "4XX": failure, "5XX": failure},
	}
}

// read takes what is needed of an operation.
func read(op Operation, said map[string]any) *operation {
	o := &operation{
		Operation: op, answers: map[string]string{},
		pattern: regexp.MustCompile("^" + placeholder.ReplaceAllString(regexp.QuoteMeta(op.Path), `[^/]+`) + "$"),
	}
	at := document + "#/paths/" + pointer(op.Path) + "/" + strings.ToLower(op.Method)
	parameters, _ := said["parameters"].([]any)
	for _, p := range parameters {
		if p := p.(map[string]any); p["in"] == "query" {
			o.queries = append(o.queries, p["name"].(string))
		}
	}
	if _, ok := said["requestBody"]; ok {
		o.body = at + "/requestBody/content/application~1json/schema"
	}
	for status, answer := range said["responses"].(map[string]any) {
		o.answers[status] = ""
		if _, ok := answer.(map[string]any)["content"]; ok {
			o.answers[status] = at + "/responses/" + status + "/content/application~1json/schema"
		}
	}
	return o
}

// pointer escapes one part of a JSON pointer in a fragment.
func pointer(part string) string {
	part = strings.NewReplacer("~", "~0", "/", "~1").Replace(part)
	return (&url.URL{Fragment: part}).EscapedFragment()
}

// Exchange is one request and its answer.
type Exchange struct {
	Method string
	// Target is the path below the version, with query: /users/x?$select=id.
	Target  string
	Request []byte // its body
	Status  int
	Answer  []byte // its body
}

// Check tells which operations an exchange is (that of $batch, and those in it),
// and everything in which it breaks the contract.
func (c *Contract) Check(x Exchange) (operations []Operation, err error) {
	asked, err := c.CheckRequest(x.Method, x.Target, x.Request)
	answered := errors.Join(err, c.checkAnswer(x))
	return asked, answered
}

// CheckRequest is Check for a request whose answer is not to be looked at.
func (c *Contract) CheckRequest(method, target string, body []byte) ([]Operation, error) {
	op, err := c.find(method, target)
	if err != nil {
		return nil, err
	}
	found := []Operation{op.Operation}
	_, query, _ := strings.Cut(target, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return found, fmt.Errorf("%s %s: %w", method, target, err)
	}
	var wrong []error
	for name := range values {
		// What a nextLink carries is Graph's own affair.
		if !slices.Contains(op.queries, name) && name != "$skiptoken" {
			wrong = append(wrong, fmt.Errorf("%s %s: there is no parameter %s", method, op.Path, name))
		}
	}
	wrong = append(wrong, c.holds(op.body, body, method+" "+target))
	if op.Path == batchPath {
		for _, r := range requestsIn(body) {
			inner, err := c.CheckRequest(r.Method, r.URL, r.Body)
			found, wrong = append(found, inner...), append(wrong, err)
		}
	}
	return found, errors.Join(wrong...)
}

func (c *Contract) checkAnswer(x Exchange) error {
	op, err := c.find(x.Method, x.Target)
	if err != nil {
		return nil // it was said of the request
	}
	status := fmt.Sprint(x.Status)
	schema, ok := op.answers[status]
	if !ok {
		schema, ok = op.answers[status[:1]+"XX"]
	}
	if !ok {
		return fmt.Errorf("%s %s does not answer %d", x.Method, op.Path, x.Status)
	}
	at := fmt.Sprintf("%s %s answers %d", x.Method, op.Path, x.Status)
	if err := c.holds(schema, x.Answer, at); err != nil {
		return err
	}
	if op.Path == batchPath && x.Status == http.StatusOK {
		return c.checkInner(x)
	}
	return nil
}

const batchPath = "/$batch"

// inner is one request in a batch, or one answer.
type inner struct {
	ID     string
	Method string
	URL    string
	Status int
	Body   json.RawMessage
}

func requestsIn(body []byte) []inner {
	var batch struct{ Requests []inner }
	_ = json.Unmarshal(body, &batch) // its schema was checked
	return batch.Requests
}

// checkInner looks at the answers in a batch's answer.
func (c *Contract) checkInner(x Exchange) error {
	var batch struct{ Responses []inner }
	_ = json.Unmarshal(x.Answer, &batch)
	open := map[string]inner{}
	for _, r := range requestsIn(x.Request) {
		open[r.ID] = r
	}
	var wrong []error
	for _, answer := range batch.Responses {
		asked, ok := open[answer.ID]
		if !ok {
			wrong = append(wrong, fmt.Errorf("the batch answers %q, which was not asked or is answered twice", answer.ID))
			continue
		}
		delete(open, answer.ID)
		if string(answer.Body) == "null" {
			answer.Body = nil
		}
		wrong = append(wrong, c.checkAnswer(Exchange{asked.Method, asked.URL, asked.Body, answer.Status, answer.Body}))
	}
	for id := range open {
		wrong = append(wrong, fmt.Errorf("the batch does not answer %q", id))
	}
	return errors.Join(wrong...)
}

// find is the operation of a request.
func (c *Contract) find(method, target string) (*operation, error) {
	path, _, _ := strings.Cut(target, "?")
	// Graph takes both /users/x and /users('x') (teams-platform §5.1).
	if rest, ok := strings.CutPrefix(path, "/users('"); ok {
		path = "/users/" + strings.Replace(rest, "')", "", 1)
	}
	for _, op := range c.operations {
		if op.Method == method && op.pattern.MatchString(path) {
			return op, nil
		}
	}
	return nil, fmt.Errorf("the contract has no %s %s", method, path)
}

// holds checks a body against the schema at a location.
func (c *Contract) holds(location string, body []byte, at string) error {
	if location == "" {
		if len(body) > 0 {
			return fmt.Errorf("%s: there is a body where none belongs: %.200s", at, body)
		}
		return nil
	}
	c.mu.Lock()
	schema, err := c.compiler.Compile(location)
	c.mu.Unlock()
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: %w: %.200s", at, err, body)
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("%s: %w: %.500s", at, err, body)
	}
	return nil
}
