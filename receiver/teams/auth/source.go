package auth

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
)

const (
	// askTimeout is how long getting one token may take. It goes on when those
	// who wait for it have left: the next ones need it too.
	askTimeout = 15 * time.Second
	// pauseAfterFailure is how long nobody is asked after a failure: hundreds
	// of posts may wait for a token that cannot be had.
	pauseAfterFailure = 10 * time.Second
	// longestPause bounds what a server may ask us to wait.
	longestPause = 5 * time.Minute
	// freshEvery is how often a refused token is replaced. A new one that is
	// refused too will not get better by asking.
	freshEvery = 30 * time.Second
	// A token is replaced this long before it ends, while the old one is still
	// good, and not used for its last moments: the request takes a while. Of
	// tokens with a short life both are a quarter at most.
	refreshBefore, lastMoments = 10 * time.Minute, time.Minute
)

// Source gives tokens for one audience. It may be used by several goroutines.
type Source struct {
	config   Config
	audience audience
	client   *http.Client
	secrets  outbound.Secrets

	mu       sync.Mutex
	token    string
	refresh  time.Time // from when on a new one is fetched
	ends     time.Time // until when it is used
	asked    *answer   // what is under way; nil: nothing
	replaced time.Time // when a refused token was last replaced
	failed   *Error    // what came of the last attempt
	pause    time.Time // until when nobody is asked after that
}

// answer is what those who wait for one token get.
type answer struct {
	done  chan struct{}
	token string
	err   error
}

// audience is who takes a token.
type audience struct {
	name   string // for people
	tenant string // which gives the token
	scope  string
}

// New makes a source of tokens for the bot, or tells everything in cfg that
// keeps it from working. It does not touch the network.
func New(cfg Config) (*Source, error) {
	bot := audience{"Bot Framework", cfg.TenantID, cfg.cloud().Scope}
	if bot.tenant == "" {
		bot.tenant = cfg.cloud().Tenant
	}
	return newSource(cfg, bot, nil)
}

// NewGraph is New for Microsoft Graph. Its tokens come from the tenant whose
// people are to be told, so there must be one.
func NewGraph(cfg Config) (*Source, error) {
	var problems []Problem
	if cfg.TenantID == "" && !cfg.InsecureLocal {
		problems = append(problems, Problem{
			Field: "tenant_id", What: "Microsoft Graph answers for one tenant only, and none is named",
			Hint: "write the Directory (tenant) ID that the Entra admin center shows (Overview)",
		})
	}
	return newSource(cfg, audience{"Microsoft Graph", cfg.TenantID, cfg.Where().Graph + "/.default"}, problems)
}

// newSource makes a source; problems are those of the audience.
func newSource(cfg Config, to audience, problems []Problem) (*Source, error) {
	if err := outbound.Failed(append(cfg.Check(), problems...)); err != nil {
		return nil, fmt.Errorf("microsoft: %w", err)
	}
	client, err := cfg.HTTP()
	if err != nil {
		return nil, err
	}
	s := &Source{config: cfg, audience: to, client: client}
	var secrets []string
	for _, secret := range []string{cfg.Secret, cfg.CertificatePassword} {
		if secret != "" {
			secrets = append(secrets, secret)
		}
	}
	s.secrets = outbound.Hide(secrets)
	return s, nil
}

// Token returns a token that is good, other than refused, which somebody did
// not take ("": none was). The same one comes back when a refused token has
// been replaced moments ago. In insecure_local it is "". Its errors are of type
// *Error. Waiting ends with ctx.
func (s *Source) Token(ctx context.Context, refused string) (string, error) {
	if s.config.InsecureLocal {
		return "", nil
	}
	s.mu.Lock()
	now := time.Now()
	good := s.token != "" && now.Before(s.ends)
	if good && s.token == refused && now.Sub(s.replaced) >= freshEvery {
		good, s.token, s.replaced = false, "", now
	}
	resting := now.Before(s.pause)
	if good {
		if s.asked == nil && !resting && !now.Before(s.refresh) {
			s.start()
		}
		defer s.mu.Unlock()
		return s.token, nil
	}
	if resting && s.asked == nil {
		defer s.mu.Unlock()
		return "", s.failed
	}
	if s.asked == nil {
		s.start()
	}
	asked := s.asked
	s.mu.Unlock()
	select {
	case <-asked.done:
		return asked.token, asked.err
	case <-ctx.Done():
		return "", gaveUpWaiting(ctx)
	}
}

// start begins to get a token. The caller holds the lock.
func (s *Source) start() {
	asked := &answer{done: make(chan struct{})}
	s.asked = asked
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
		defer cancel()
		got, err := s.ask(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.keep(asked, got, err)
	}()
}

// keep takes over what came of asking. The caller holds the lock.
func (s *Source) keep(asked *answer, got azcore.AccessToken, err *Error) {
	defer close(asked.done)
	s.asked = nil
	now := time.Now()
	if err != nil {
		asked.err, s.failed = err, err
		s.pause = now.Add(max(pauseAfterFailure, min(err.After, longestPause)))
		return
	}
	life := got.ExpiresOn.Sub(now)
	asked.token, s.token = got.Token, got.Token
	s.ends = got.ExpiresOn.Add(-min(lastMoments, life/4))
	s.refresh = got.ExpiresOn.Add(-min(refreshBefore, life/4))
	if !got.RefreshOn.IsZero() && got.RefreshOn.Before(s.refresh) {
		s.refresh = got.RefreshOn
	}
	s.failed, s.pause = nil, time.Time{}
}
