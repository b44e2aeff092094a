package teamstest

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// GraphOptions say what the simulated Microsoft Graph is like. What is left
// empty gets a default. It is at /v1.0 of the server, for whoever has a token
// of its own from sign-in; without Bot.Signed it wants none.
//
// AddUsers, AddGroup and AddTag fill the tenant; Someone.Become says what is
// wrong with a person; Publish, Unpublish and Consent are an administrator's
// deeds; GraphFault scripts bad days, and GraphCalls, GraphThrottled and
// GraphSignIns tell what was asked.
type GraphOptions struct {
	// URL is the base by which Graph is asked for at sign-in, beside Microsoft's
	// own and the address of sign-in itself; "" is enough where Graph and
	// sign-in have one address.
	URL string
	// Roles are the permissions that an administrator has consented to; nil:
	// RecommendedRoles, and with a bot that is not Bot.Signed, and so has no
	// token that names them, User.Read.All too. Consent changes them later.
	Roles []string
	// Throttle refuses with 429 what does not fit; zero: everything is taken.
	Throttle GraphThrottle
	// Page is how many entries a page has if nobody asks for more or fewer;
	// 0: 100, as Graph's lists of people have.
	Page int
	// Apps are in the organization's catalogue; nil: DefaultApp.
	Apps []App
	// Watch is told every exchange as it went over the wire, but for answers
	// that a fault's Body makes; nil: nobody is. Tests hold it against the
	// contract.
	Watch func(GraphExchange)
}

// GraphExchange is a request over HTTP and its answer.
type GraphExchange struct {
	Method string
	Target string // path and query behind the version, as they were asked for
	// Request and Answer are the bodies.
	Request []byte
	Status  int
	Answer  []byte
}

// The permissions that teamsrelay asks an administrator for: the first two
// always, the others for what their names say (teams-platform §5.2).
var RecommendedRoles = []string{
	"TeamsAppInstallation.ReadWriteSelfForUser.All", "User.ReadBasic.All",
	"AppCatalog.Read.All", "GroupMember.Read.All", "TeamworkTag.Read.All",
}

// graphVersion begins every path of Graph.
const graphVersion = "/v1.0"

// maxGraphBody is what Graph reads of a request, in bytes: 4 MB is Microsoft's
// own limit.
const maxGraphBody = 4 << 20

// maxRemembered is how many requests to Graph are remembered in full.
const maxRemembered = 100_000

// graph is what is remembered of Microsoft Graph. It needs the server's lock.
type graph struct {
	GraphOptions
	routes    []graphRoute
	groups    []*group
	tags      []*tag
	requests  []GraphRequest
	counts    map[Call]int
	throttled int // 429s that the limits gave, scripted ones not counted
	signIns   int // requests for a token of Graph's
	meters    map[string]*meter
}

func newGraph(o GraphOptions, signed bool) *graph {
	if o.Roles == nil {
		o.Roles = slices.Clone(RecommendedRoles)
		if !signed {
			o.Roles = append(o.Roles, "User.Read.All")
		}
	}
	if o.Page <= 0 {
		o.Page = 100
	}
	if o.Apps == nil {
		o.Apps = []App{DefaultApp}
	}
	o.Roles, o.Apps = slices.Clone(o.Roles), slices.Clone(o.Apps)
	return &graph{GraphOptions: o, routes: operations(), counts: map[Call]int{}, meters: map[string]*meter{}}
}

// Consent says to which permissions an administrator has consented, instead of
// those before. As at Microsoft they stand in the tokens that are given from
// now on; older ones keep theirs.
func (s *Server) Consent(roles ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.graph.Roles = slices.Clone(roles)
}

// Call is one thing that can be asked of Graph. Faults can wait for each, and
// requests are counted by it.
type Call string

// What can be asked of Graph (contracts/graph-v1.0-teams-subset.openapi.json,
// and groups and tags, which it leaves out).
const (
	AnyGraph     Call = "graph"               // every request over HTTP, a $batch as one
	Batch        Call = "graph batch"         // POST /$batch
	FindUser     Call = "graph user"          // GET /users/{id}
	SearchUsers  Call = "graph users"         // GET /users?$filter=…
	ReadGroup    Call = "graph group"         // GET /groups/{id}
	GroupMembers Call = "graph group members" // GET /groups/{id}/transitiveMembers
	ReadTag      Call = "graph tag"           // GET /teams/{id}/tags/{id}
	TagMembers   Call = "graph tag members"   // GET /teams/{id}/tags/{id}/members
	ListApps     Call = "graph catalogue"     // GET /appCatalogs/teamsApps
	ReadApp      Call = "graph catalogue app" // GET /appCatalogs/teamsApps/{id}
	ListInstalls Call = "graph installations" // GET /users/{id}/teamwork/installedApps
	ReadInstall  Call = "graph installation"  // GET …/installedApps/{id}
	Installing   Call = "graph install"       // POST …/installedApps
	Upgrading    Call = "graph upgrade"       // POST …/installedApps/{id}/upgrade
	Removing     Call = "graph remove"        // DELETE …/installedApps/{id}
	InstallChat  Call = "graph chat"          // GET …/installedApps/{id}/chat
	ReadChat     Call = "graph chats"         // GET /chats/{id}
	ChatInstalls Call = "graph chat apps"     // GET /chats/{id}/installedApps
	unknownCall  Call = "graph ?"
)

// GraphRequest is a request that came in. Those in a $batch count each by
// themselves, after the request that brought them.
type GraphRequest struct {
	Call    Call
	Method  string
	Path    string // as it was asked for, behind the version, without its query
	Query   string
	Status  int
	Batched bool // it stood in a $batch
	At      time.Time
}

// GraphRequests are those that came in, oldest first.
func (s *Server) GraphRequests() []GraphRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.graph.requests)
}

// GraphCalls is how often something was asked of Graph, inside a $batch or by
// itself. AnyGraph counts requests over HTTP: a $batch is one.
func (s *Server) GraphCalls(of Call) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.graph.counts[of]
}

// GraphThrottled is how often Graph answered 429 because a limit was passed.
// Scripted ones do not count.
func (s *Server) GraphThrottled() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.graph.throttled
}

// GraphSignIns is how often a token of Graph's was asked for.
func (s *Server) GraphSignIns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.graph.signIns
}

// call is one request to Graph, while the server is locked.
type call struct {
	method, path string // path is escaped, behind the version
	query        url.Values
	rawQuery     string
	header       http.Header
	body         []byte
	base         string   // by which the client reached the server
	roles        []string // in the token
	now          time.Time
	batched      bool

	route   *graphRoute
	params  []string // what stands in the path for "{}", unescaped
	request string   // the request's id
}

// graphAnswer is what Graph says. A nil body is an empty one.
type graphAnswer struct {
	status     int
	body       any
	retryAfter time.Duration
}

// graphRoute is one operation.
type graphRoute struct {
	call    Call
	method  string
	pattern string // segments; "{}" stands for any
	// roles are the permissions of which one is needed, the least first
	// (teams-platform §5.2).
	roles []string
	limit limit
	do    func(*Server, *call) graphAnswer
}

// The permissions, the least first, as in the contract and teams-platform §5.2.
var (
	readInstalls = []string{
		"TeamsAppInstallation.ReadForUser.All", "TeamsAppInstallation.ReadWriteSelfForUser.All", "TeamsAppInstallation.ReadWriteForUser.All",
		"TeamsAppInstallation.ReadWriteAndConsentSelfForUser.All", "TeamsAppInstallation.ReadWriteAndConsentForUser.All",
	}
	writeInstalls = readInstalls[1:]
	readCatalogue = []string{"AppCatalog.Read.All", "AppCatalog.ReadWrite.All"}
	readUsers     = []string{"User.ReadBasic.All", "User.Read.All", "Directory.Read.All"}
	readGroups    = []string{"GroupMember.Read.All", "Group.Read.All", "Directory.Read.All"}
	readTags      = []string{"TeamworkTag.Read.All", "TeamworkTag.ReadWrite.All"}
	readChats     = []string{"ChatSettings.Read.Chat", "Chat.ReadBasic.All", "Chat.Read.All"}
)

// operations are all that can be asked of Graph.
func operations() []graphRoute {
	const apps = "users/{}/teamwork/installedApps"
	return []graphRoute{
		{Batch, "POST", "$batch", nil, unlimited, nil},
		{SearchUsers, "GET", "users", readUsers, unlimited, (*Server).searchUsers},
		{FindUser, "GET", "users/{}", readUsers, unlimited, (*Server).findUser},
		{ReadGroup, "GET", "groups/{}", readGroups, unlimited, (*Server).readGroup},
		{GroupMembers, "GET", "groups/{}/transitiveMembers", readGroups, unlimited, (*Server).groupMembers},
		{GroupMembers, "GET", "groups/{}/transitiveMembers/microsoft.graph.user", readGroups, unlimited, (*Server).groupUsers},
		{ReadTag, "GET", "teams/{}/tags/{}", readTags, ofTeam, (*Server).readTag},
		{TagMembers, "GET", "teams/{}/tags/{}/members", readTags, ofTeam, (*Server).tagMembers},
		{ListApps, "GET", "appCatalogs/teamsApps", readCatalogue, reading, (*Server).listApps},
		{ReadApp, "GET", "appCatalogs/teamsApps/{}", readCatalogue, reading, (*Server).readApp},
		{ListInstalls, "GET", apps, readInstalls, reading, (*Server).listInstalls},
		{ReadInstall, "GET", apps + "/{}", readInstalls, reading, (*Server).readInstall},
		{Installing, "POST", apps, writeInstalls, installingLimit, (*Server).orderInstall},
		{Upgrading, "POST", apps + "/{}/upgrade", writeInstalls, otherWrite, (*Server).upgrade},
		{Removing, "DELETE", apps + "/{}", writeInstalls, removing, (*Server).removeInstall},
		{InstallChat, "GET", apps + "/{}/chat", readInstalls, ofChat, (*Server).installChat},
		{ReadChat, "GET", "chats/{}", readChats, ofChat, (*Server).readChat},
		{ChatInstalls, "GET", "chats/{}/installedApps", nil, ofChat, (*Server).chatInstalls},
	}
}

// serveGraph is Graph over HTTP. escaped is the path behind the version.
func (s *Server) serveGraph(w http.ResponseWriter, r *http.Request, escaped string) {
	now := time.Now()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxGraphBody+1))
	if err != nil {
		return // the client went away; nothing arrived
	}
	c := &call{
		method: r.Method, path: escaped, query: r.URL.Query(), rawQuery: r.URL.RawQuery, header: r.Header, body: body,
		base: base(r), now: now, request: newGUID(),
	}
	c.find(s.graph.routes)
	roles, refusal := s.graphToken(r, now)
	s.mu.Lock()
	s.graph.counts[AnyGraph]++
	var fault Fault
	var answer graphAnswer
	switch {
	case refusal != "":
		answer = c.fail(http.StatusUnauthorized, "InvalidAuthenticationToken", refusal)
		s.rememberGraph(c, answer.status)
	case len(body) > maxGraphBody:
		answer = c.fail(http.StatusRequestEntityTooLarge, "RequestTooLarge", "The request is too large.")
		s.rememberGraph(c, answer.status)
	default:
		c.roles = roles
		fault = s.nextFault(serviceFaults(string(AnyGraph)))
		if scripted, refused := fault.graphAnswer(c); refused {
			answer = scripted
			s.rememberGraph(c, answer.status)
			break
		}
		var inner Fault
		answer, inner = s.dispatch(c)
		fault = cmp.Or(fault, inner)
	}
	s.mu.Unlock()
	s.misbehave(r, fault)
	s.writeGraph(w, c, answer)
}

func (s *Server) writeGraph(w http.ResponseWriter, c *call, a graphAnswer) {
	h := w.Header()
	h.Set("request-id", c.request)
	h.Set("client-request-id", c.clientRequest())
	h.Set("Cache-Control", "no-store, no-cache")
	if a.retryAfter > 0 {
		h.Set("Retry-After", seconds(a.retryAfter))
	}
	if _, isJSON := a.body.(properties); isJSON && a.status < 300 {
		h.Set("OData-Version", "4.0")
	}
	answer := &answerWriter{header: h}
	write(answer, a.status, a.body)
	w.WriteHeader(answer.status)
	_, _ = w.Write(answer.body.Bytes()) // a client that is gone misses nothing
	if _, page := a.body.(string); s.graph.Watch != nil && !page {
		target := c.path
		if c.rawQuery != "" {
			target += "?" + c.rawQuery
		}
		s.graph.Watch(GraphExchange{c.method, target, c.body, a.status, answer.body.Bytes()})
	}
}

// dispatch does what all calls have in common: limits, permissions, faults. It
// needs the lock.
func (s *Server) dispatch(c *call) (graphAnswer, Fault) {
	answer, fault := s.route(c)
	at := len(s.graph.requests)
	s.rememberGraph(c, answer.status)
	if c.route != nil && c.route.call == Batch && answer.body == nil {
		answer = s.runBatch(c)
		if at < len(s.graph.requests) {
			s.graph.requests[at].Status = answer.status
		}
	}
	return answer, fault
}

func (s *Server) route(c *call) (graphAnswer, Fault) {
	if c.route == nil {
		return c.fail(http.StatusBadRequest, "BadRequest", fmt.Sprintf("Resource not found for the segment %q.", c.path)), Fault{}
	}
	if wait := s.graph.overLimit(c); wait > 0 {
		s.graph.throttled++
		answer := c.fail(http.StatusTooManyRequests, "TooManyRequests", "Too many requests, retry later.")
		answer.retryAfter = wait
		return answer, Fault{}
	}
	if refused, ok := c.permitted(); !ok {
		return refused, Fault{}
	}
	names := []string{serviceFaults(string(c.route.call))}
	if u, known := s.aboutUser(c); known {
		names = append([]string{personFaults(c.route.call, u.ID)}, names...)
	}
	fault := s.nextFault(names...)
	if scripted, refused := fault.graphAnswer(c); refused {
		return scripted, fault
	}
	if c.route.do == nil {
		return graphAnswer{status: http.StatusOK}, fault // a $batch: see dispatch
	}
	return c.route.do(s, c), fault
}

// find looks the operation up; without one route stays nil. Graph takes keys
// in two forms: /users/x and /users('x'), in which an apostrophe is written
// twice.
func (c *call) find(routes []graphRoute) {
	segments := []string{}
	for _, escaped := range strings.Split(strings.Trim(c.path, "/"), "/") {
		segment, err := url.PathUnescape(escaped)
		if err != nil {
			return
		}
		if name, key, found := strings.Cut(segment, "('"); found && strings.HasSuffix(key, "')") {
			segments = append(segments, name, strings.ReplaceAll(strings.TrimSuffix(key, "')"), "''", "'"))
			continue
		}
		segments = append(segments, segment)
	}
	for i := range routes {
		r := &routes[i]
		if params, ok := match(strings.Split(r.pattern, "/"), segments); ok && r.method == c.method {
			c.route, c.params = r, params
			return
		}
	}
}

// match compares a path with a pattern. Graph does not mind the case of what
// is fixed in a path.
func match(pattern, segments []string) (params []string, ok bool) {
	if len(pattern) != len(segments) {
		return nil, false
	}
	for i, p := range pattern {
		switch {
		case p == "{}" && segments[i] != "":
			params = append(params, segments[i])
		case p == "{}" || !strings.EqualFold(p, segments[i]):
			return nil, false
		}
	}
	return params, true
}

// permitted tells whether the token has one of the permissions.
func (c *call) permitted() (graphAnswer, bool) {
	if c.route.roles == nil || c.has(c.route.roles...) {
		return graphAnswer{}, true
	}
	// What Entra answers and what Teams answers are worded differently.
	if slices.Contains([]Call{FindUser, SearchUsers, ReadGroup, GroupMembers}, c.route.call) {
		return c.denied(), false
	}
	return c.fail(http.StatusForbidden, "Forbidden", fmt.Sprintf(
		"Missing role permissions on the request. API requires one of '%s'. Roles on the request '%s'.",
		strings.Join(c.route.roles, ", "), strings.Join(c.roles, ", "))), false
}

// denied is what Entra says to whom a permission is missing.
func (c *call) denied() graphAnswer {
	return c.fail(http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
}

// has tells whether one of the permissions is in the token.
func (c *call) has(roles ...string) bool {
	return slices.ContainsFunc(roles, func(role string) bool { return slices.Contains(c.roles, role) })
}

// fail is Graph's error envelope (teams-platform §5.3).
func (c *call) fail(status int, code, message string) graphAnswer {
	return graphAnswer{status: status, body: map[string]any{"error": map[string]any{
		"code": code, "message": message, "innerError": map[string]any{
			"date": c.now.UTC().Format("2006-01-02T15:04:05"), "request-id": c.request, "client-request-id": c.clientRequest(),
		},
	}}}
}

func (c *call) clientRequest() string { return cmp.Or(c.header.Get("client-request-id"), c.request) }

// rememberGraph needs the lock.
func (s *Server) rememberGraph(c *call, status int) {
	g := s.graph
	name := unknownCall
	if c.route != nil {
		name = c.route.call
	}
	g.counts[name]++
	if len(g.requests) < maxRemembered {
		g.requests = append(g.requests, GraphRequest{
			Call: name, Method: c.method, Path: c.path, Query: c.query.Encode(), Status: status, Batched: c.batched, At: c.now.UTC(),
		})
	}
	s.tell()
}

// context is what an answer says of itself.
func (c *call) context(of string) string { return c.base + graphVersion + "/$metadata#" + of }

// decode reads a body; what is wrong with it comes back as an answer.
func (c *call) decode(into any) (graphAnswer, bool) {
	if err := json.Unmarshal(c.body, into); err != nil {
		return c.fail(http.StatusBadRequest, "BadRequest", "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."), false
	}
	return graphAnswer{}, true
}

// newGUID makes an id like those of Microsoft's requests.
func newGUID() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // it never fails
	text := hex.EncodeToString(random[:])
	return text[:8] + "-" + text[8:12] + "-4" + text[13:16] + "-a" + text[17:20] + "-" + text[20:]
}
