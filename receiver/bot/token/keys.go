package token

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
)

const (
	// fresh is how long keys are used without asking again, and unknown how
	// often an unknown key id may make us ask (design, "Key refresh").
	fresh   = 24 * time.Hour
	unknown = 5 * time.Minute
	// usable is how long keys are used when nobody answers: what Microsoft's
	// documentation allows (teams-platform §4.1, step 5). After that a key
	// that was withdrawn could be used for ever by who keeps us from asking.
	usable = 5 * 24 * time.Hour
	// firstRetry is when Run asks again after nobody answered; it doubles up
	// to unknown.
	firstRetry = 10 * time.Second
	// fetchTimeout ends one fetch, of both documents.
	fetchTimeout = 10 * time.Second
	// maxMetadata and maxKeys are the largest documents that are read, in
	// bytes. Microsoft's have about 1 KiB and 100 KiB.
	maxMetadata = 64 << 10
	maxKeys     = 2 << 20
)

// key is one that Microsoft publishes.
type key struct {
	public       *rsa.PublicKey
	endorsements []string // the channels that it may speak for
	// certificate, where there is one, says when it may be used.
	certificate *x509.Certificate
}

// valid says whether a key may be used now, give or take the skew.
func (k *key) valid(now time.Time) bool {
	return k.certificate == nil ||
		!now.Add(skew).Before(k.certificate.NotBefore) && !now.Add(-skew).After(k.certificate.NotAfter)
}

// keys keeps what Microsoft publishes.
type keys struct {
	metadata *url.URL
	client   *http.Client
	now      func() time.Time
	log      *slog.Logger
	fetches  *prometheus.CounterVec

	mu      sync.Mutex
	byID    map[string]*key
	fetched time.Time     // when byID was published to us
	tried   time.Time     // when it was last asked for
	err     error         // what came of that
	flight  chan struct{} // closed when the fetch under way is over; nil: there is none
}

func newKeys(o Options, metadata *url.URL) *keys {
	k := &keys{
		metadata: metadata, now: o.Now, log: o.Logger,
		client: &http.Client{
			Transport: o.Transport,
			// A redirect would let somebody else name the keys.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		fetches: promauto.With(o.Registerer).NewCounterVec(prometheus.CounterOpts{
			Name: "teamsrelay_bot_key_fetches_total", Help: "How often Microsoft was asked for the keys that sign what Teams sends.",
		}, []string{"outcome"}),
	}
	for _, outcome := range []string{"ok", "failed"} {
		k.fetches.WithLabelValues(outcome)
	}
	return k
}

// find returns the key with an id. Whoever asks for one that is unknown waits
// for a fetch that is under way, or starts one if the last is long enough ago.
func (k *keys) find(ctx context.Context, id string) (*key, error) {
	k.mu.Lock()
	age := k.since(k.fetched)
	if found := k.byID[id]; found != nil && age < usable {
		if age >= fresh {
			k.start(unknown) // nobody waits for it
		}
		k.mu.Unlock()
		return found, nil
	}
	k.start(unknown)
	flight := k.flight
	k.mu.Unlock()
	if flight != nil {
		select {
		case <-flight:
		case <-ctx.Done():
			return nil, refuse(Unavailable, "the keys of Microsoft have not come in time")
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch found := k.byID[id]; {
	case k.since(k.fetched) >= usable:
		return nil, refuse(Unavailable, "the keys of Microsoft cannot be had; the log says why")
	case found == nil:
		return nil, refuse(UnknownKey, "the token is signed with a key that is not among Microsoft's")
	default:
		return found, nil
	}
}

// since is how long ago t was. A time to come, before the clock was set back,
// is long ago.
func (k *keys) since(t time.Time) time.Duration {
	age := k.now().Sub(t)
	if t.IsZero() || age < 0 {
		return usable
	}
	return age
}

// start begins a fetch unless one is under way, or was begun less than pause
// ago. The caller holds mu.
func (k *keys) start(pause time.Duration) {
	if k.flight != nil || k.since(k.tried) < pause {
		return
	}
	k.tried = k.now()
	flight := make(chan struct{})
	k.flight = flight
	go func() {
		// Not the context of a request: others wait for it too.
		ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
		defer cancel()
		all, err := k.fetch(ctx)
		k.mu.Lock()
		defer k.mu.Unlock()
		k.err, k.flight = err, nil
		if err != nil {
			k.fetches.WithLabelValues("failed").Inc()
			k.log.Error("Microsoft's keys could not be had, so what Teams sends may have to be refused; is the way to the host open, and bot_openid_metadata right?",
				"host", k.metadata.Host, "known", len(k.byID), "err", err)
		} else {
			k.fetches.WithLabelValues("ok").Inc()
			k.byID, k.fetched = all, k.now()
		}
		close(flight)
	}()
}

// run fetches keys before they are needed. What it does after a failure does
// not depend on requests, so that these cannot make it ask more often.
func (k *keys) run(ctx context.Context) {
	retry := firstRetry
	pause := time.Duration(0)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		k.mu.Lock()
		k.start(pause)
		flight := k.flight
		k.mu.Unlock()
		if flight != nil {
			select {
			case <-flight:
			case <-ctx.Done():
				return
			}
		}
		k.mu.Lock()
		failed, age := k.err != nil, k.since(k.fetched)
		k.mu.Unlock()
		if failed {
			pause = retry
			retry = min(2*retry, unknown)
		} else {
			pause = max(fresh-age, unknown)
			retry = firstRetry
		}
		timer.Reset(pause)
	}
}

// fetch asks for both documents. Its errors hold no URL.
func (k *keys) fetch(ctx context.Context) (map[string]*key, error) {
	var metadata struct {
		Keys string `json:"jwks_uri"`
	}
	raw, err := k.get(ctx, k.metadata, maxMetadata)
	if err != nil {
		return nil, fmt.Errorf("the metadata: %w", err)
	}
	if json.Unmarshal(raw, &metadata) != nil {
		return nil, errors.New("the metadata is not a JSON object; bot_openid_metadata must be the whole document's URL")
	}
	where, err := url.Parse(metadata.Keys)
	if err != nil || !allowed(where) || where.Scheme != k.metadata.Scheme || where.Host != k.metadata.Host {
		return nil, errors.New("the metadata names a place for the keys that is not on its own host")
	}
	if raw, err = k.get(ctx, where, maxKeys); err != nil {
		return nil, fmt.Errorf("the keys: %w", err)
	}
	return parseKeys(raw)
}

// get is the body of one document.
func (k *keys) get(ctx context.Context, u *url.URL, most int64) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errors.New("the URL cannot be asked for")
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "teamsrelay")
	answer, err := k.client.Do(request)
	if err != nil {
		return nil, unreachable(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the host answers %d", answer.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, most+1))
	switch {
	case err != nil:
		return nil, errors.New("the answer broke off")
	case int64(len(body)) > most:
		return nil, fmt.Errorf("the answer is over %d KiB", most>>10)
	}
	return body, nil
}

// unreachable says why there was no answer, without the URL that errors of
// net/http hold.
func unreachable(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return errors.New("the host has not answered in time")
	}
	return outbound.Cause(err)
}

// parseKeys reads a key set. What is no RSA key for signatures, or none that
// can be used, is left out; a set without any is an error.
func parseKeys(raw []byte) (map[string]*key, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, errors.New("the keys are not a JSON key set")
	}
	all := map[string]*key{}
	for _, one := range set.Keys {
		id, k := parseKey(one)
		if k != nil && all[id] == nil {
			all[id] = k
		}
	}
	if len(all) == 0 {
		return nil, errors.New("the key set has no RSA key for signatures")
	}
	return all, nil
}

// parseKey reads one key; nil if it cannot be used.
func parseKey(raw []byte) (id string, k *key) {
	var about struct {
		ID           string   `json:"kid"`
		Type         string   `json:"kty"`
		Use          string   `json:"use"`
		Algorithm    string   `json:"alg"`
		Chain        []string `json:"x5c"`
		Endorsements []string `json:"endorsements"`
	}
	if json.Unmarshal(raw, &about) != nil || about.ID == "" || about.Type != "RSA" ||
		about.Use != "" && about.Use != "sig" || about.Algorithm != "" && about.Algorithm != "RS256" {
		return "", nil
	}
	parsed, err := jwk.ParseKey(raw)
	if err != nil {
		return "", nil
	}
	var public rsa.PublicKey
	if err := jwk.Export(parsed, &public); err != nil { // short keys are refused, too
		return "", nil
	}
	k = &key{public: &public, endorsements: about.Endorsements}
	if len(about.Chain) > 0 {
		if k.certificate = certificateOf(about.Chain[0], &public); k.certificate == nil {
			return "", nil
		}
	}
	return about.ID, k
}

// certificateOf is the certificate of a key; nil if it cannot be read or is
// another key's.
func certificateOf(encoded string, public *rsa.PublicKey) *x509.Certificate {
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil
	}
	if theirs, ok := certificate.PublicKey.(*rsa.PublicKey); !ok || !theirs.Equal(public) {
		return nil
	}
	return certificate
}
