package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
	"github.com/teamsrelay/teamsrelay/receiver/teams/pace"
)

// round is some requests of one kind and what came of them.
type round struct {
	client   *Client
	kind     kind
	requests []request
	answers  []answer
}

// with are those of these requests that were answered with a status.
func (r round) with(status int, these []int) []int {
	return slices.DeleteFunc(slices.Clone(these), func(i int) bool { return r.answers[i].status != status })
}

// unwelcome are those of these requests that another token may bring through:
// Graph does not take ours any more, or an administrator has consented since we
// got it, which only a new one says.
func (r round) unwelcome(these []int) []int {
	return slices.DeleteFunc(slices.Clone(these), func(i int) bool {
		a := r.answers[i]
		return a.status != http.StatusUnauthorized && (r.kind.spare || a.err == nil || a.err.Reason != teams.Consent)
	})
}

// fail says of requests what is so of all of them. What it says is about no one
// person, so its status counts only as far as it lets us try again.
func (r round) fail(these []int, err *Error) {
	a := answer{err: err}
	if err.Status == http.StatusBadRequest || err.Status == http.StatusUnauthorized {
		a.status = err.Status
	}
	for _, i := range these {
		r.answers[i] = a
	}
}

// ask makes these requests; with another token than refused, which Graph does
// not take.
func (r round) ask(ctx context.Context, these []int, refused string) {
	if len(these) == 0 {
		return
	}
	c := r.client
	token, err := c.token.Token(ctx, refused)
	if err != nil {
		r.fail(these, noToken(err))
		return
	}
	if refused != "" && token == refused {
		return // it was replaced a moment ago, and Graph does not take that one either
	}
	lines := r.enter()
	defer func() {
		for _, l := range lines {
			c.pace.Leave(l)
		}
	}()
	var under sync.WaitGroup
	var mu sync.Mutex
	var down *Error // why the rest need not be tried
	for left := these; len(left) > 0; {
		// Room is taken when there is some, and not for a whole batch at once:
		// else a part of each second would go by unused.
		n, short := c.pace.WaitSome(ctx, min(maxBatch, len(left)), lines...)
		mu.Lock()
		stop := down
		mu.Unlock()
		if stop == nil && n == 0 {
			stop = late(ctx, short)
		}
		if stop != nil {
			c.pace.Done(n, lines...)
			r.fail(left, stop)
			break
		}
		part := left[:n]
		left = left[n:]
		under.Go(func() {
			err := r.together(ctx, part, token, lines[0])
			c.pace.Done(n, lines...)
			mu.Lock()
			defer mu.Unlock()
			if down == nil {
				down = err
			}
		})
	}
	under.Wait()
	if again := r.unwelcome(these); len(again) > 0 && refused == "" && token != "" {
		r.ask(ctx, again, token)
	}
}

// enter gets the lines in which these requests wait, that of the kind first.
func (r round) enter() []*pace.Line {
	lines := []*pace.Line{r.client.pace.Enter(r.kind.name, r.kind.windows)}
	if own := r.requests[0].resource; own.name != "" && len(r.requests) == 1 {
		lines = append(lines, r.client.pace.Enter(own.name, own.windows))
	}
	return lines
}

// together makes requests that go together. An error means that it would be the
// same for any other request.
func (r round) together(ctx context.Context, these []int, token string, line *pace.Line) *Error {
	var err *Error
	if len(these) == 1 {
		i := these[0]
		r.answers[i] = r.client.send(ctx, r.kind, r.requests[i], token)
		if a := r.answers[i]; a.err != nil && (a.status == 0 || a.status == http.StatusTooManyRequests || a.status > http.StatusInternalServerError) {
			err = a.err
		}
	} else {
		err = r.batch(ctx, these, token)
	}
	for _, i := range these {
		if e := r.answers[i].err; e != nil && e.Reason == teams.Throttled {
			r.client.pace.Hold(line, time.Now().Add(max(e.After, time.Second)))
		}
	}
	return err
}

// part is one request of a $batch.
type part struct {
	ID      string            `json:"id"`
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    any               `json:"body,omitempty"`
}

// batch makes requests by one $batch.
func (r round) batch(ctx context.Context, these []int, token string) *Error {
	parts := make([]part, len(these))
	for at, i := range these {
		parts[at] = part{ID: strconv.Itoa(at), Method: r.requests[i].method, URL: r.requests[i].path, Body: r.requests[i].body}
		if parts[at].Body != nil {
			parts[at].Headers = map[string]string{"Content-Type": "application/json"}
		}
	}
	outer := r.client.send(ctx, r.kind, request{method: http.MethodPost, path: "/$batch", body: map[string]any{"requests": parts}}, token)
	if err := outer.err; err != nil {
		if err.Kind == teams.GiveUp {
			err = refusedBatch(err)
		}
		r.fail(these, err)
		return err
	}
	said, err := partsIn(outer.body)
	if err != nil {
		r.fail(these, err)
		return err
	}
	for at, i := range these {
		p, ok := said[strconv.Itoa(at)]
		if !ok {
			r.answers[i] = answer{err: unanswered()}
			continue
		}
		r.answers[i] = r.kind.judge(p.status, p.header, p.body, token)
	}
	return nil
}

// said is the answer to one request of a $batch.
type said struct {
	status int
	header http.Header
	body   []byte
}

// partsIn reads the answer to a $batch. Its parts come in any order. What of
// them cannot be read is left out.
func partsIn(body []byte) (map[string]said, *Error) {
	var batch struct {
		Responses []json.RawMessage `json:"responses"`
	}
	if err := json.Unmarshal(body, &batch); err != nil {
		return nil, unreadable("")
	}
	parts := map[string]said{}
	for _, raw := range batch.Responses {
		var p struct {
			ID      string          `json:"id"`
			Status  int             `json:"status"`
			Headers map[string]any  `json:"headers"`
			Body    json.RawMessage `json:"body"`
		}
		if json.Unmarshal(raw, &p) != nil || p.Status == 0 {
			continue
		}
		if _, twice := parts[p.ID]; twice {
			continue
		}
		one := said{status: p.Status, header: http.Header{}, body: p.Body}
		if string(p.Body) == "null" {
			one.body = nil
		}
		for name, value := range p.Headers {
			if text, ok := value.(string); ok {
				one.header.Set(name, text)
			}
		}
		parts[p.ID] = one
	}
	return parts, nil
}

// send makes one request over HTTP.
func (c *Client) send(ctx context.Context, k kind, r request, token string) answer {
	attempt, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var sent teams.Sent
	attempt = httptrace.WithClientTrace(attempt, sent.Trace())
	var body io.Reader
	if r.body != nil {
		encoded, err := json.Marshal(r.body)
		if err != nil { // strings always can be encoded
			return answer{err: unreadable("")}
		}
		body = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(attempt, r.method, c.base+r.path, body)
	if err != nil { // paths are escaped
		return answer{err: unreadable("")}
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "teamsrelay")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	connection := teams.Connection{
		Host: request.URL.Hostname(), Timeout: requestTimeout, Proxy: "HTTPS_PROXY", CA: "this machine's trusted certificates", Repeatable: true,
	}
	response, err := c.http.Do(request)
	if err != nil {
		return answer{err: &Error{Outcome: connection.Failure(ctx, attempt, err, sent.Uncertain())}}
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case len(content) > maxAnswer:
		return answer{err: tooMuch()}
	case err != nil && isSuccess(response.StatusCode):
		return answer{err: &Error{Outcome: connection.Failure(ctx, attempt, err, true)}}
	}
	return k.judge(response.StatusCode, response.Header, content, token)
}

// next is the request for what a nextLink names; false: it leads elsewhere, and
// our token must not follow it.
func (c *Client) next(link string) (request, bool) {
	u, err := url.Parse(link)
	base, baseErr := url.Parse(c.base)
	if err != nil || baseErr != nil || u.Scheme != base.Scheme || u.Host != base.Host || u.User != nil || u.Fragment != "" {
		return request{}, false
	}
	path, ok := strings.CutPrefix(u.EscapedPath(), base.Path+"/")
	if !ok || strings.Contains(path, "..") {
		return request{}, false
	}
	return request{method: http.MethodGet, path: "/" + path + "?" + u.RawQuery}, true
}

// refusedBatch: what Graph says of a whole batch is about nobody in it.
func refusedBatch(err *Error) *Error {
	return &Error{Code: err.Code, Outcome: teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable, Status: err.Status,
		Message: fmt.Sprintf("Microsoft Graph does not take several requests at once ($batch, %d). See whether a proxy stands between us and Microsoft; it is tried again.", err.Status) + after(err.Message)}}
}

// noToken: nothing can be asked until the sign-in works again.
func noToken(err error) *Error {
	var e *auth.Error
	if !errors.As(err, &e) { // it always is one
		return &Error{Outcome: teams.Outcome{Kind: teams.Retry, Reason: teams.Network, Message: "Microsoft's sign-in cannot be used. It is tried again."}}
	}
	return &Error{Outcome: teams.Outcome{Kind: teams.Retry, Reason: e.Reason, After: e.After, Broken: e.Reason == teams.Auth, Message: e.Message}}
}

// late: there was no room for a request in time.
func late(ctx context.Context, short time.Duration) *Error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return &Error{Outcome: teams.Outcome{Kind: teams.Retry, Reason: teams.Interrupted,
			Message: "We were stopped before Microsoft Graph was asked; it is tried again after the start."}}
	}
	return &Error{Outcome: teams.Outcome{Kind: teams.Retry, Reason: teams.Throttled, After: short,
		Message: "There is more to ask Microsoft Graph than it takes at a time. It is asked when there is room."}}
}
