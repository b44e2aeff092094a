package teamstest

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

const (
	// maxActivity is what a message of a bot may be, in bytes of UTF-16:
	// about 100 KB (teams-platform §2.9).
	maxActivity = 100 << 10
	// maxRequest is what the connector reads, in bytes.
	maxRequest = 4 << 20
)

// connector is the service that bots post to: teams-platform §2.3 to §2.6,
// contracts/bot-connector-v3.swagger.json. Its paths begin with /v3/; what
// stands before that names a region and is cut off by then.
func (s *Server) connector() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, kind operationKind, do func(*operation) (int, any)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.operate(w, r, kind, do) })
	}
	const activities = "/v3/conversations/{conversation}/activities"
	handle("POST /v3/conversations", creating, s.createConversation)
	handle("POST "+activities, sending, s.sendActivity)
	handle("POST "+activities+"/{activity}", sending, s.sendActivity)
	handle("PUT "+activities+"/{activity}", sending, s.updateActivity)
	handle("DELETE "+activities+"/{activity}", sending, s.deleteActivity)
	handle("GET /v3/conversations/{conversation}/members", readingMembers, s.listMembers)
	handle("GET /v3/conversations/{conversation}/members/{member}", readingMembers, s.oneMember)
	handle("GET /v3/conversations/{conversation}/pagedmembers", readingMembers, s.pageOfMembers)
	handle("GET /v3/teams/{conversation}", listing, s.teamDetails)
	handle("GET /v3/teams/{conversation}/conversations", listing, s.listChannels)
	mux.HandleFunc("/v3/", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusNotFound, errorBody("NotFound", "The connector has no such operation."))
	})
	return mux
}

// connectorPath is the part of an escaped path that the connector knows, which
// begins with /v3/; ok is false when the path is not the connector's. Before
// it stands a region, or a region and a tenant (teams-platform §2.2).
func connectorPath(escaped string) (path string, ok bool) {
	before, after, found := strings.Cut(escaped, "/v3/")
	if n := strings.Count(before, "/"); !found || n < 1 || n > 2 || strings.HasSuffix(before, "/") {
		return "", false
	}
	return "/v3/" + after, true
}

// operationKind is what the windows of Microsoft's limits tell apart.
type operationKind int

const (
	sending operationKind = iota
	creating
	readingMembers
	listing
)

// operation is one request to the connector, while the server is locked.
type operation struct {
	request      *http.Request
	conversation *conversation // nil where the path names none
	thread       string        // the root's id that stands in the path
	activity     string        // the id that stands in the path
	body         []byte
	now          time.Time
}

// operate does what all operations have in common: token, size, limits,
// faults, and that a conversation does one thing at a time.
func (s *Server) operate(w http.ResponseWriter, r *http.Request, kind operationKind, do func(*operation) (int, any)) {
	now := time.Now()
	if refusal := s.refuseToken(r, now); refusal != "" {
		write(w, http.StatusUnauthorized, errorBody("BotNotRegistered", refusal))
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	if err != nil {
		return // the client went away; nothing arrived
	}
	o := &operation{request: r, activity: r.PathValue("activity"), body: body, now: now.UTC()}
	id := r.PathValue("conversation")
	_, o.thread, _ = strings.Cut(id, ";messageid=")

	s.mu.Lock()
	if o.conversation = s.bot.conversation(id); id == "" {
		o.conversation = s.bot.toBeCreated(body)
	}
	c := o.conversation
	changes := c != nil && r.Method != http.MethodGet
	fault := Fault{}
	status, answer := http.StatusNotFound, any(nil)
	switch wait := s.bot.overLimit(c, kind, now); {
	case wait > 0:
		fault.RetryAfter = wait
		status, answer = http.StatusTooManyRequests, errorBody("Throttled", "Too many requests.")
	case id != "" && c == nil:
		answer = errorBody("ConversationNotFound", "Conversation not found.")
	case changes && c.busy > 0:
		status, answer = http.StatusPreconditionFailed, errorBody("PreconditionFailed", "Another request to this conversation is under way.")
	case utf16Size(body) > maxActivity:
		status, answer = http.StatusRequestEntityTooLarge, errorBody("MessageSizeTooBig", "Message size too large.")
	default:
		if c != nil {
			fault = s.nextFault(conversationFaults(c.id), serviceFaults(Connector))
		} else {
			fault = s.nextFault(serviceFaults(Connector))
		}
		_, refused := fault.refuses()
		if refused = refused || fault.Code != ""; !refused || fault.Shown {
			status, answer = do(o)
		}
		if refused || fault.Shown && fault.Status >= 300 {
			status, answer = fault.connectorAnswer()
		}
	}
	if changes {
		c.busy++
	}
	s.mu.Unlock()
	defer func() { // also when the answer is cut off
		s.mu.Lock()
		defer s.mu.Unlock()
		if changes {
			c.busy--
		}
	}()
	s.misbehave(r, fault)
	if fault.RetryAfter > 0 {
		w.Header().Set("Retry-After", seconds(fault.RetryAfter))
	}
	write(w, status, answer)
}

// overLimit counts a request and returns how long to stay away when it does
// not fit.
func (b *bot) overLimit(c *conversation, kind operationKind, now time.Time) time.Duration {
	if wait, ok := b.tenant.admit(b.Throttle.Tenant, now); !ok {
		return wait
	}
	if c == nil {
		return 0
	}
	counted, windows := &c.send, b.Throttle.Send
	switch kind {
	case creating:
		counted, windows = &c.create, b.Throttle.Create
	case readingMembers:
		counted, windows = &c.reads, b.Throttle.Members
	case listing:
		counted, windows = &c.list, b.Throttle.List
	}
	wait, _ := counted.admit(windows, now)
	return wait
}

// conversationParameters is what a request to create a conversation says.
type conversationParameters struct {
	IsGroup bool `json:"isGroup"`
	Members []struct {
		ID string `json:"id"`
	} `json:"members"`
	TenantID    string `json:"tenantId"`
	ChannelData struct {
		Channel struct {
			ID string `json:"id"`
		} `json:"channel"`
		Tenant struct {
			ID string `json:"id"`
		} `json:"tenant"`
	} `json:"channelData"`
	Activity json.RawMessage `json:"activity"`
}

// toBeCreated finds the conversation that a request to create one is about;
// nil when there is none like it.
func (b *bot) toBeCreated(body []byte) *conversation {
	var p conversationParameters
	if json.Unmarshal(body, &p) != nil {
		return nil
	}
	if p.ChannelData.Channel.ID != "" {
		return b.conversation(p.ChannelData.Channel.ID)
	}
	if len(p.Members) == 1 {
		id := p.Members[0].ID
		for _, u := range b.users { // principal names are not taken (teams-platform §2.4)
			if u.ID == id || strings.EqualFold(u.ObjectID, id) {
				return b.chats[u.ID]
			}
		}
	}
	return nil
}

func (s *Server) createConversation(o *operation) (int, any) {
	var p conversationParameters
	if err := json.Unmarshal(o.body, &p); err != nil {
		return badArgument("The request is not JSON.")
	}
	tenant := p.TenantID
	if tenant == "" {
		tenant = p.ChannelData.Tenant.ID
	}
	c := o.conversation
	switch {
	case p.ChannelData.Channel.ID != "" && c == nil:
		return http.StatusNotFound, errorBody("ConversationNotFound", "Conversation not found.")
	case c == nil && len(p.Members) != 1:
		return badArgument("Neither a channel nor one member is named.")
	case tenant != s.bot.Tenant:
		return badArgument("The tenant is missing or another.")
	case c == nil:
		return http.StatusForbidden, errorBody("ForbiddenOperationException", "Bot isn't installed in user's personal scope")
	case c.kind == Channel && len(p.Activity) == 0:
		return badArgument("A thread needs an activity to begin with.")
	}
	switch status, answer := c.closed(); {
	case status == 0:
	case c.kind != Personal:
		return status, answer
	case !c.installed:
		return http.StatusForbidden, errorBody("ForbiddenOperationException", "Bot isn't installed in user's personal scope")
	default:
		return http.StatusForbidden, errorBody("ConversationBlockedByUser", "User blocked the conversation with the bot.")
	}
	created := map[string]string{"id": c.id, "serviceUrl": s.bot.ServiceURL}
	if len(p.Activity) > 0 {
		id, status, problem := s.post(c, "", p.Activity, len(o.body), o.now)
		if status != 0 {
			return status, problem
		}
		if c.kind == Channel && id != "" {
			created["id"] = inThread(c.id, id)
		}
		if id != "" {
			created["activityId"] = id
		}
	}
	return http.StatusCreated, created
}

func (s *Server) sendActivity(o *operation) (int, any) {
	c := o.conversation
	if status, answer := c.closed(); status != 0 {
		return status, answer
	}
	if o.thread != "" && s.posted[key(c.id, o.thread)] == nil {
		return http.StatusNotFound, errorBody("ActivityNotFoundInConversation", "The thread's first message is not there.")
	}
	id, status, problem := s.post(c, o.thread, o.body, len(o.body), o.now)
	switch {
	case status != 0:
		return status, problem
	case id == "":
		return http.StatusCreated, struct{}{}
	}
	return http.StatusCreated, map[string]string{"id": id}
}

func (s *Server) updateActivity(o *operation) (int, any) {
	c := o.conversation
	if status, answer := c.closed(); status != 0 {
		return status, answer
	}
	e := s.posted[key(c.id, o.activity)]
	if e == nil || e.Deleted || e.ByUser {
		return http.StatusNotFound, errorBody("ActivityNotFoundInConversation", "The bot has no such message here.")
	}
	a, problem := readActivity(o.body)
	if problem != "" {
		return badArgument(problem)
	}
	if len(a.Attachments) > 1 || a.Text != "" && len(a.Attachments) > 0 {
		return badArgument("This would be more than one message.")
	}
	e.Edited++
	e.Answers = nil
	a.fill(&e.Message)
	e.Activity, e.Bytes = o.body, len(o.body)
	s.touch(e)
	return http.StatusOK, map[string]string{"id": e.MessageID}
}

func (s *Server) deleteActivity(o *operation) (int, any) {
	c := o.conversation
	if status, answer := c.closed(); status != 0 {
		return status, answer
	}
	e := s.posted[key(c.id, o.activity)]
	if e == nil || e.Deleted || e.ByUser {
		return http.StatusNotFound, errorBody("ActivityNotFoundInConversation", "The bot has no such message here.")
	}
	s.remove(e)
	return http.StatusOK, nil
}

// closed says why a bot may not write to a conversation; 0: it may.
func (c *conversation) closed() (status int, answer any) {
	switch {
	case c.kind == Personal && !c.begun:
		return http.StatusNotFound, errorBody("ConversationNotFound", "Conversation not found.")
	case c.blocked, !c.installed && c.kind == Personal:
		return http.StatusForbidden, messageWritesBlocked()
	case !c.installed:
		return http.StatusForbidden, errorBody("BotNotInConversationRoster", "The bot is not part of the conversation roster.")
	}
	return 0, nil
}

// utf16Size is how large a text is in UTF-16, in bytes. Pictures that stand in
// it as base64 are not counted (teams-platform §2.9).
func utf16Size(body []byte) int {
	size := 0
	for _, r := range string(withoutPictures(body)) {
		size += 2 * utf16.RuneLen(r)
	}
	return size
}

// withoutPictures leaves out what follows ";base64," in a JSON string.
func withoutPictures(body []byte) []byte {
	const mark = ";base64,"
	text := string(body)
	var kept strings.Builder
	for {
		before, after, found := strings.Cut(text, mark)
		kept.WriteString(before)
		if !found {
			return []byte(kept.String())
		}
		end := strings.IndexByte(after, '"')
		if end < 0 {
			end = len(after)
		}
		text = after[end:]
	}
}

// misbehave does what a fault says about the connection and the time.
func (s *Server) misbehave(r *http.Request, fault Fault) {
	if fault.Hang {
		select {
		case <-r.Context().Done():
		case <-s.closed:
		}
		panic(http.ErrAbortHandler)
	}
	if fault.Latency > 0 {
		timer := time.NewTimer(fault.Latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		case <-s.closed:
		}
	}
	if fault.Cut != "" {
		panic(http.ErrAbortHandler) // net/http closes the connection
	}
}

// write answers JSON, or a page where the answer is text, or nothing.
func write(w http.ResponseWriter, status int, answer any) {
	switch a := answer.(type) {
	case nil:
		w.WriteHeader(status)
	case string:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, a) // a client that is gone misses nothing
	default:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(a)
	}
}

// newID makes the id of a message: the time in milliseconds, and never the
// same twice. It needs the lock.
func (b *bot) newID(now time.Time) string {
	b.lastID = max(b.lastID+1, now.UnixMilli())
	return strconv.FormatInt(b.lastID, 10)
}
