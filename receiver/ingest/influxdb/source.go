// Package influxdb asks InfluxDB for samples: a Source is one InfluxDB, a
// Poller asks sources again and again for the groups of rules that name them.
//
// InfluxDB 2, 3 and 1.8 answer Flux through the client that InfluxData wrote
// (3 only in some of its kinds), 1.x and what is compatible with it InfluxQL
// through /query. What comes back is foreign: how much is read is bounded, and
// an answer that cannot be understood wholly is an error, because "no data"
// must never look like "all is well".
package influxdb

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

const (
	// maxAnswer is how much of an answer is read, in bytes, after it was
	// unpacked. Reading it takes up to twelve times as much memory.
	maxAnswer = 32 << 20
	// maxRows is how many rows one answer may have: more than the series that
	// a rule may have (rules.DefaultSeriesLimit), and about 80 MB as samples.
	maxRows = 250_000
)

// Source is one InfluxDB. It may be used by several goroutines.
type Source struct {
	name     string
	host     string // for people; with the port
	url      string // ends in /
	org      string
	database string
	username string
	password string
	token    string
	timeout  time.Duration
	maxBytes int64 // of an answer
	maxRows  int
	client   *http.Client
	secrets  outbound.Secrets
}

// New makes a source, or tells everything in cfg that keeps it from working.
// It does not touch the network.
func New(cfg Config) (*Source, error) {
	if err := outbound.Failed(cfg.Check()); err != nil {
		return nil, fmt.Errorf("influxdb %q: %w", cfg.Name, err)
	}
	u, err := url.Parse(strings.TrimSpace(cfg.URL))
	if err != nil {
		return nil, fmt.Errorf("influxdb %q: url is not a URL", cfg.Name)
	}
	u.Path = strings.TrimRight(u.Path, "/") + "/"
	s := &Source{
		name:     cfg.Name,
		host:     hostOf(u),
		url:      u.String(),
		org:      cfg.Org,
		database: cfg.Database,
		username: cfg.Username,
		password: cfg.Password,
		token:    cfg.Token,
		timeout:  cfg.Timeout,
		maxBytes: maxAnswer,
		maxRows:  maxRows,
		secrets:  secretsOf(cfg),
	}
	if s.timeout == 0 {
		s.timeout = DefaultTimeout
	}
	transport := cfg.Transport
	if transport == nil {
		if transport, err = newTransport(cfg); err != nil {
			return nil, fmt.Errorf("influxdb %q: %w", cfg.Name, err)
		}
	}
	s.client = &http.Client{Transport: &guard{next: transport, source: s}}
	return s, nil
}

// Name is what groups of rules call the source.
func (s *Source) Name() string { return s.name }

// Query asks once and comes back within the source's timeout. The samples are
// in the order of the answer; fluxSamples and influxqlSamples say how rows
// become samples.
//
// Its errors are sentences that may be shown to anybody: what is wrong and
// what to do, with the host but without URL, token or password. When ctx ends
// first, the error is ctx's.
func (s *Source) Query(ctx context.Context, language rules.Language, query string) ([]sample.Sample, error) {
	asked, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var samples []sample.Sample
	var err error
	switch language {
	case rules.Flux:
		samples, err = s.flux(asked, query)
	case rules.InfluxQL:
		samples, err = s.influxql(asked, query)
	default:
		return nil, fmt.Errorf("no InfluxDB speaks %q", language)
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, s.explain(asked, err)
	}
	return samples, nil
}
