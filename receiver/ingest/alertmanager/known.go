package alertmanager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/ingest/answer"
)

// API asks an Alertmanager. Its URL comes from the configuration; what a
// payload names as externalURL is never called.
type API struct {
	base   *url.URL
	client *http.Client
}

// Limits of an answer: what 100,000 alerts need, several times over.
const (
	apiTimeout = 30 * time.Second
	maxAnswer  = 256 << 20
)

// NewAPI returns the API of the Alertmanager at a URL such as
// http://alertmanager:9093, with its path prefix if it has one.
func NewAPI(address string) (*API, error) {
	base, err := url.Parse(address)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, errors.New("the URL of an Alertmanager is written like http://alertmanager:9093")
	}
	if base.User != nil {
		return nil, errors.New("an Alertmanager's URL must not hold a password")
	}
	return &API{base: base, client: &http.Client{
		Timeout:       apiTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// URL is the one from the configuration.
func (a *API) URL() string { return a.base.String() }

// Known returns every alert that the Alertmanager has, firing, silenced or
// inhibited.
func (a *API) Known(ctx context.Context) (map[alert.Fingerprint]struct{}, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base.JoinPath("api/v2/alerts").String(), nil)
	if err != nil {
		return nil, err
	}
	response, err := a.client.Do(request)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return nil, fmt.Errorf("%s does not answer: %w", a.base.Host, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %d to /api/v2/alerts", a.base.Host, response.StatusCode)
	}
	known, err := readKnown(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("the answer of %s to /api/v2/alerts cannot be read: %w", a.base.Host, err)
	}
	return known, nil
}

// readKnown reads the fingerprints of a list of alerts, one alert at a time.
// A list that does not end is an error: half of what is known looks like the
// end of the rest.
func readKnown(r io.Reader) (map[alert.Fingerprint]struct{}, error) {
	decoder := json.NewDecoder(r)
	if token, err := decoder.Token(); err != nil || token != json.Delim('[') {
		return nil, errors.New("it is not a list")
	}
	known := make(map[alert.Fingerprint]struct{})
	for decoder.More() {
		var a struct{ Labels map[string]string }
		if err := decoder.Decode(&a); err != nil {
			return nil, errors.New(answer.Clip(strings.TrimSpace(err.Error())))
		}
		known[alert.FingerprintOf(a.Labels)] = struct{}{}
	}
	if _, err := decoder.Token(); err != nil {
		return nil, errors.New("it broke off")
	}
	return known, nil
}
