package intent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/outbound"
)

const (
	// maxAnswer is how much of an answer is read, in bytes.
	maxAnswer = 16 << 10
	// maxQuote is how much of an answer is passed on, in characters.
	maxQuote = 200
	// maxBody is how large a request may be, in bytes. Comments of that size
	// are refused by everybody.
	maxBody = 256 << 10
	// maxRetryAfter bounds what a server may ask us to wait.
	maxRetryAfter = time.Hour
)

// Actions are what a source's file says of the verbs, by verb.
type Actions map[string]*Action

// Action is how one verb is carried out. It may be used by several goroutines.
type Action struct {
	url     *card.Template
	body    *card.Template // nil: none
	cfg     Config
	secrets outbound.Secrets
	client  *http.Client
}

// NewAction makes an action, or tells everything in cfg that keeps it from working.
// It does not touch the network.
func NewAction(cfg Config) (*Action, error) {
	if err := outbound.Failed(cfg.Check()); err != nil {
		return nil, err
	}
	a := &Action{cfg: cfg}
	if a.cfg.Method == "" {
		a.cfg.Method = http.MethodPost
	}
	if a.cfg.Timeout == 0 {
		a.cfg.Timeout = DefaultTimeout
	}
	a.url, _ = card.NewTemplate("url", cfg.URL) // both were checked
	if cfg.Body != "" {
		a.body, _ = card.NewTemplate("body", cfg.Body)
	}
	transport := cfg.Transport
	if transport == nil {
		made, err := outbound.Transport(cfg.ProxyURL, cfg.TLS)
		if err != nil {
			return nil, err
		}
		made.MaxResponseHeaderBytes = maxAnswer
		made.IdleConnTimeout = time.Minute
		transport = made
	}
	a.client = &http.Client{
		Transport: transport,
		// A redirect would hand the request to whoever it names.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	a.secrets = secretsOf(cfg)
	return a, nil
}

// secretsOf are what nobody may read in what the system answers.
func secretsOf(cfg Config) outbound.Secrets {
	var all []string
	if cfg.Token != "" {
		all = append(all, cfg.Token)
	}
	if cfg.Password != "" {
		all = append(all, outbound.SignIn(cfg.Username, cfg.Password)...)
	}
	for name, value := range cfg.Headers {
		if isSecret(name, value) {
			all = append(all, value)
		}
	}
	all = append(append(all, keysOfURL(cfg.URL)...), keysOfBody(cfg.Body)...)
	return outbound.Hide(append(all, outbound.ProxySignIn(cfg.ProxyURL, cfg.URL)...))
}

// secretHeader recognises the headers in which systems take their keys.
var secretHeader = regexp.MustCompile(`(?i)auth|key|token|secret|password|signature|cookie`)

// isSecret says whether the value of a header is to be hidden: that of every
// header might be, but what is too short to be found is one only by its name.
func isSecret(name, value string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Accept", "Content-Type", "User-Agent":
		return false
	}
	return value != "" && (!outbound.IsWeak(value) || secretHeader.MatchString(name))
}

// outcome is what came of one attempt.
type outcome struct {
	kind   string // done, retry or failed: a closed set, for metrics; or absent
	reason string // in words, "" when it is done
	wait   time.Duration
}

// The kinds of outcomes.
const (
	done   = "active"
	retry  = "retry"
	failed = "failed"
	absent = "absent" // there was no attempt, as there is no action
)

// do makes one attempt. It always comes back within the timeout. key is the
// same for all attempts of an intent.
func (a *Action) do(ctx context.Context, in card.Input, press card.Press, key string) outcome {
	request, err := a.request(in, press, key)
	if err != nil {
		return outcome{kind: failed, reason: err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, a.cfg.Timeout)
	defer cancel()
	answer, err := a.client.Do(request.WithContext(ctx))
	if err != nil {
		return outcome{kind: retry, reason: a.unreachable(request.URL.Host, err)}
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		body = nil // the status says what matters
	}
	return a.judge(request.URL.Host, answer, body)
}

// request is what is sent. Its errors are about the templates or the alert, so
// another attempt would fail in the same way.
func (a *Action) request(in card.Input, press card.Press, key string) (*http.Request, error) {
	pieces, err := a.url.Pieces(in, press)
	if err != nil {
		return nil, fmt.Errorf("the url of the action cannot be made: %s", whatOf(err))
	}
	u, err := locate(pieces)
	if err != nil {
		return nil, fmt.Errorf("the url of the action cannot be called for this alert: %w", err)
	}
	var body []byte
	if a.body != nil {
		if body, err = a.body.JSON(in, press); err != nil {
			return nil, fmt.Errorf("the body of the action cannot be made: %s", whatOf(err))
		}
		if len(body) > maxBody {
			return nil, fmt.Errorf("the body of the action has more than %d KiB", maxBody>>10)
		}
	}
	request, err := http.NewRequest(a.cfg.Method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the url of the action cannot be called")
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "teamsrelay")
	for name, value := range a.cfg.Headers {
		request.Header.Set(name, value)
	}
	switch {
	case a.cfg.Token != "":
		request.Header.Set("Authorization", "Bearer "+a.cfg.Token)
	case a.cfg.Username != "":
		request.SetBasicAuth(a.cfg.Username, a.cfg.Password)
	}
	request.Header.Set("Idempotency-Key", key)
	return request, nil
}

// whatOf is what is wrong with a template, without the name of its file, which
// it has none.
func whatOf(err error) string {
	var problem card.Problem
	if errors.As(err, &problem) {
		return inLine(problem.Line) + problem.What
	}
	return err.Error()
}

// judge turns an answer into an outcome.
func (a *Action) judge(host string, answer *http.Response, body []byte) outcome {
	status := answer.StatusCode
	said := ""
	if !strings.Contains(answer.Header.Get("Content-Type"), "html") {
		said = a.secrets.Quote(string(body), maxQuote)
	}
	if said != "" {
		said = ": " + said
	}
	words := fmt.Sprintf("%s answers %d%s", host, status, said)
	switch {
	case status >= 200 && status < 300:
		return outcome{kind: done}
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status == http.StatusTooEarly, status >= 500 && status != http.StatusNotImplemented:
		return outcome{kind: retry, reason: words, wait: outbound.RetryAfter(answer.Header, time.Now(), maxRetryAfter)}
	case status >= 300 && status < 400:
		return outcome{kind: failed, reason: fmt.Sprintf("%s answers with a redirect (%d), which is not followed; put the address that it leads to into url", host, status)}
	case status == http.StatusUnauthorized:
		return outcome{kind: failed, reason: words + "; correct token or basic_auth of the action"}
	case status == http.StatusForbidden:
		return outcome{kind: failed, reason: words + "; let the action's user do this there"}
	case status == http.StatusNotFound:
		return outcome{kind: failed, reason: words + "; it may be gone there, or the url of the action is wrong"}
	}
	return outcome{kind: failed, reason: words + "; correct the url or the body of the action"}
}

// unreachable says why there was no answer. Errors of net/url hold the whole
// URL, so only what is below that layer is told.
func (a *Action) unreachable(host string, err error) string {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var timeout net.Error
	var op *net.OpError
	switch {
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return "the proxy cannot be reached; check proxy_url, or HTTPS_PROXY in the environment"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Sprintf("%s has not answered within %v", host, a.cfg.Timeout)
	}
	return fmt.Sprintf("%s cannot be reached (%s)", host, a.secrets.Quote(outbound.Cause(err).Error(), maxQuote))
}
