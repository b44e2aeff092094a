package botframework

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
	"github.com/teamsrelay/teamsrelay/receiver/teams/pace"
)

// What one conversation takes of a bot (teams-platform §3.1). Edits and
// deletions are not listed there, and count as messages.
var (
	SendWindows   = []pace.Window{{N: 7, Per: time.Second}, {N: 8, Per: 2 * time.Second}, {N: 60, Per: 30 * time.Second}, {N: 1800, Per: time.Hour}}
	MemberWindows = []pace.Window{{N: 14, Per: time.Second}, {N: 16, Per: 2 * time.Second}, {N: 120, Per: 30 * time.Second}, {N: 3600, Per: time.Hour}}
)

// tenantWindows hold for all requests of an application to a tenant, whichever
// process makes them (teams-platform §3.2).
var tenantWindows = []pace.Window{{N: 50, Per: time.Second}}

const (
	// requestTimeout is how long one request may take, from the dial to the
	// last byte of the answer (issue 2, point 4).
	requestTimeout = 8 * time.Second
	// maxAnswer is how much of an answer is read, in bytes: ids and errors have
	// a few hundred. maxPage is for a page of members, of which each has about
	// 600.
	maxAnswer = 64 << 10
	maxPage   = 4 << 20
	// What the words about a failed connection name: there are no options for
	// this one.
	proxyVariable = "HTTPS_PROXY"
	trustStore    = "this machine's trusted certificates"
)

// Client is the bot. It may be used by several goroutines, and there should be
// one for each application: its turns and its pace hold for all that use it.
type Client struct {
	auth  auth.Config
	where auth.Endpoints
	token *auth.Source
	http  *http.Client
	pace  pace.Pace
	// share is which part of a tenant's windows this process may use.
	share func() float64
}

// Share divides what a tenant takes of the application among processes: part,
// asked whenever a request could be made, is ours, from 0 to 1, and must not wait
// for anything. However small it is, one request goes in each window. It is
// called before the first.
func (c *Client) Share(part func() float64) { c.share = part }

// ofTenant are this process's windows for all requests to a tenant.
func (c *Client) ofTenant() []pace.Window {
	if c.share == nil {
		return tenantWindows
	}
	ours := slices.Clone(tenantWindows)
	for i := range ours {
		ours[i].N = max(int(float64(ours[i].N)*c.share()), 1)
	}
	return ours
}

// New makes a client, or tells everything in cfg that keeps it from working.
// It does not touch the network.
func New(cfg auth.Config) (*Client, error) {
	source, err := auth.New(cfg)
	if err != nil {
		return nil, err
	}
	client, err := cfg.HTTP()
	if err != nil {
		return nil, err
	}
	return &Client{auth: cfg, where: cfg.Where(), token: source, http: client}, nil
}

// whole fills what a place leaves to us.
func (c *Client) whole(p Place) Place {
	if p.ServiceURL == "" {
		p.ServiceURL = c.where.ServiceURL
	}
	if p.BotID == "" {
		p.BotID = "28:" + c.auth.AppID
	}
	if p.Tenant == "" {
		p.Tenant = c.auth.TenantID
	}
	return p
}

// request is one request of the connector's.
type request struct {
	method string
	path   string // below the service URL; ids are escaped
	body   []byte
	limit  int64 // of the answer, in bytes
	// reads: it asks, and changes nothing. It needs no turn, and has windows of
	// its own.
	reads bool
	// repeatable: done twice it does no more than done once.
	repeatable bool
}

// do makes a request: in its turn, at its time, with a token, and once more
// with a new token or at the GCC's service where Teams asks for that. If it is
// right there, it puts that service into p.
func (c *Client) do(ctx context.Context, p *Place, r request) verdict {
	bare, _ := Thread(p.Conversation)
	if bare == "" {
		bare = "user " + p.User
	}
	name, windows := "send "+bare, SendWindows
	if r.reads {
		name, windows = "members "+bare, MemberWindows
	}
	own, tenant := c.pace.Enter(name, windows), c.pace.EnterChanging("tenant "+p.Tenant, c.ofTenant)
	defer c.pace.Leave(own)
	defer c.pace.Leave(tenant)
	if !r.reads {
		// Teams answers 412 to two at a time (teams-platform §2.6).
		select {
		case own.Turn <- struct{}{}:
			defer func() { <-own.Turn }()
		case <-ctx.Done():
			return late(ctx, 0)
		}
	}
	v := c.signed(ctx, p, r, own, tenant)
	if v.code == invalidBotAPIHost && c.canMoveToGCC(p.ServiceURL) {
		there := *p
		there.ServiceURL = auth.GCCService
		if v = c.signed(ctx, &there, r, own, tenant); v.Kind == teams.Delivered {
			p.ServiceURL = there.ServiceURL
		}
	}
	return v
}

// canMoveToGCC: the GCC's hosts get our token, and it is not there that we were.
func (c *Client) canMoveToGCC(from string) bool {
	return strings.TrimRight(from, "/") != auth.GCCService && c.auth.Allows(auth.GCCService)
}

// signed makes a request with a token, and with a new one if that is refused.
func (c *Client) signed(ctx context.Context, p *Place, r request, lines ...*pace.Line) verdict {
	if !c.auth.Allows(p.ServiceURL) {
		return verdict{Outcome: forbiddenHost(p.ServiceURL)}
	}
	refused := ""
	for {
		token, err := c.token.Token(ctx, refused)
		if err != nil {
			return verdict{Outcome: noToken(err)}
		}
		if refused != "" && token == refused {
			return verdict{Outcome: notRegistered("")}
		}
		if ok, short := c.pace.Wait(ctx, lines...); !ok {
			return late(ctx, short)
		}
		v := c.once(ctx, p, r, token)
		if v.Status != http.StatusUnauthorized || refused != "" || token == "" {
			if v.After > 0 {
				c.pace.Hold(lines[0], time.Now().Add(v.After))
			}
			return v
		}
		refused = token
	}
}

// late is what came of a request that was not made in time.
func late(ctx context.Context, short time.Duration) verdict {
	if errors.Is(ctx.Err(), context.Canceled) {
		return verdict{Outcome: teams.Outcome{Kind: teams.Retry, Reason: teams.Interrupted,
			Message: "We were stopped before the message was sent; it is tried again after the start."}}
	}
	return verdict{Outcome: teams.Outcome{Kind: teams.Retry, Reason: teams.Throttled, After: short,
		Message: "There is more to send to this conversation than Teams takes at a time. It is sent when there is room."}}
}

// once makes one request.
func (c *Client) once(ctx context.Context, p *Place, r request, token string) verdict {
	attempt, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var sent teams.Sent
	attempt = httptrace.WithClientTrace(attempt, sent.Trace())
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	request, err := http.NewRequestWithContext(attempt, r.method, strings.TrimRight(p.ServiceURL, "/")+r.path, body)
	if err != nil {
		return verdict{Outcome: forbiddenHost(p.ServiceURL)}
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "teamsrelay")
	if r.body != nil {
		request.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	connection := teams.Connection{
		Host: request.URL.Hostname(), Timeout: requestTimeout, Proxy: proxyVariable, CA: trustStore, Repeatable: r.repeatable,
	}
	response, err := c.http.Do(request)
	if err != nil {
		return verdict{Outcome: connection.Failure(ctx, attempt, err, sent.Uncertain())}
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, r.limit))
	if err != nil && isSuccess(response.StatusCode) {
		// The id of what was made is in it.
		return verdict{Outcome: connection.Failure(ctx, attempt, err, true)}
	}
	return judge(response, answer, token)
}

// conversationPath is the path of a conversation, with what follows it; ids
// are escaped, so that ";messageid=" arrives as a part of one.
func conversationPath(conversation string, more ...string) string {
	path := "/v3/conversations/" + url.PathEscape(conversation)
	for _, part := range more {
		path += "/" + url.PathEscape(part)
	}
	return path
}
