// Package workflow sends cards to Teams through a Workflows webhook: one
// request a card, judged by status and body. Nothing can be taken back or
// changed afterwards, and no message id comes back (teams-platform §1).
package workflow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/outbound"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

const (
	// maxAnswer is how much of an answer is read, in bytes: Microsoft's are
	// empty or a few hundred, and whoever answers is not to be trusted.
	maxAnswer = 64 << 10
	// idleTimeout closes a connection before the front doors on Azure's side
	// do (they keep one for minutes): a request that meets such a close
	// counts as uncertain and would wait a minute for nothing.
	idleTimeout = 30 * time.Second
)

// Sender sends to one webhook. It may be used by several goroutines.
type Sender struct {
	url       string
	host      string
	place     string // host, and the port if the URL names one
	connector bool   // answers as an Office 365 connector does
	timeout   time.Duration
	client    *http.Client
	secrets   *strings.Replacer
}

// New makes a sender, or tells everything in cfg that keeps it from working.
// It does not touch the network.
func New(cfg Config) (*Sender, error) {
	if err := outbound.Failed(cfg.Check()); err != nil {
		return nil, fmt.Errorf("webhook %s: %w", teams.RedactURL(cfg.URL), err)
	}
	raw := strings.TrimSpace(cfg.URL)
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("webhook %s: this is not a URL", teams.RedactURL(raw))
	}
	timeout := cfg.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	transport := cfg.Transport
	if transport == nil {
		made, err := newTransport(cfg)
		if err != nil {
			return nil, fmt.Errorf("webhook %s: %w", teams.RedactURL(raw), err)
		}
		if cfg.Untrusted && !isAllowed(u, cfg.Allowed) {
			outbound.PublicOnly(made, &http.Request{URL: u})
		}
		transport = made
	}
	return &Sender{
		url:       raw,
		host:      hostOf(u),
		place:     strings.ToLower(u.Host),
		connector: isConnector(u),
		timeout:   timeout,
		secrets:   secretsOf(u),
		client: &http.Client{
			Transport: transport,
			// The URL is the secret, and a redirect would hand the card to
			// whoever it names.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func newTransport(cfg Config) (*http.Transport, error) {
	transport, err := outbound.Transport(cfg.ProxyURL, cfg.TLS)
	if err != nil {
		return nil, err
	}
	transport.MaxIdleConns = 4
	transport.IdleConnTimeout = idleTimeout
	transport.MaxResponseHeaderBytes = maxAnswer
	transport.OnProxyConnectResponse = teams.ProxyAnswer
	return transport, nil
}

// Send makes one attempt. It always comes back within the timeout.
func (s *Sender) Send(ctx context.Context, m card.Message) teams.Outcome {
	attempt, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()

	var sent teams.Sent
	attempt = httptrace.WithClientTrace(attempt, sent.Trace())
	request, err := http.NewRequestWithContext(attempt, http.MethodPost, s.url, bytes.NewReader(Envelope(m)))
	if err != nil {
		return teams.Outcome{Kind: teams.GiveUp, Reason: teams.Rejected,
			Message: "The webhook's URL cannot be called: copy it from Teams again and put it into the destination."}
	}
	// Without the charset some flows read the body as Latin-1, which breaks
	// emoji (cards-format.md, teams-platform §1.3).
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("User-Agent", "teamsrelay")

	response, err := s.client.Do(request)
	if errors.Is(err, outbound.ErrPrivate) {
		return teams.Outcome{Kind: teams.Retry, Reason: teams.Network, Message: fmt.Sprintf(
			"The name %s leads to an address inside our own network, and a webhook that was added at run time must not. Mend the name server; if it is meant, name the host in runtime_destinations.allowed_hosts.", s.host)}
	}
	if err != nil {
		return s.connection().Failure(ctx, attempt, err, sent.Uncertain())
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil && isSuccess(response.StatusCode) && response.StatusCode != http.StatusAccepted {
		// Its status alone does not say that it worked; a 202's does.
		return s.connection().Failure(ctx, attempt, err, true)
	}
	return s.judge(response, body)
}

// connection is what is known of the connection when it fails.
func (s *Sender) connection() teams.Connection {
	return teams.Connection{
		Host: s.place, Timeout: s.timeout, Proxy: "proxy_url", CA: "tls_config.ca_file", TLSOptions: true, Hide: s.secrets.Replace,
	}
}
