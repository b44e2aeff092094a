// Package token checks that a request to the bot is from Microsoft, about
// this bot and about the activity that came with it (teams-platform §4.1).
//
// A request is checked twice. Verify looks at the header alone, so that
// nobody's body is read before its sender is known. Covers then compares what
// the token says with the activity.
package token

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
)

const (
	// skew is how far Microsoft's clock and ours may be apart (300 s in every
	// SDK, teams-platform §4.1).
	skew = 5 * time.Minute
	// maxToken is the longest token that is looked at, in bytes. Microsoft's
	// have about 1,000.
	maxToken = 8 << 10
)

// Reason says why a request was refused, from a closed set: it is a metric
// label.
type Reason string

// The reasons.
const (
	NoHeader    Reason = "no_header"   // no Authorization header
	ManyHeaders Reason = "two_headers" // more than one: nobody knows which is meant
	Malformed   Reason = "malformed"   // not "Bearer" and a token
	Algorithm   Reason = "algorithm"   // not RS256
	Issuer      Reason = "issuer"      // made by somebody else
	UnknownKey  Reason = "unknown_key" // signed with a key that Microsoft does not publish
	BadKey      Reason = "bad_key"     // the certificate of its key is not valid now
	Signature   Reason = "signature"   // changed, or forged
	Expired     Reason = "expired"
	NotYet      Reason = "not_yet"     // it will be valid later
	Audience    Reason = "audience"    // it is for another bot
	Endorsement Reason = "endorsement" // its key must not speak for this channel
	ServiceURL  Reason = "service_url" // it is for another service
	Unavailable Reason = "no_keys"     // the keys cannot be had: it may be right
)

// Reasons are all of them.
var Reasons = []Reason{
	NoHeader, ManyHeaders, Malformed, Algorithm, Issuer, UnknownKey, BadKey,
	Signature, Expired, NotYet, Audience, Endorsement, ServiceURL, Unavailable,
}

// Refusal is the error of a request that was refused. Its text holds nothing
// of the token.
type Refusal struct {
	Reason Reason
	What   string // in words, with what to do where somebody can
}

func (r *Refusal) Error() string { return r.What }

func refuse(reason Reason, format string, args ...any) error {
	return &Refusal{Reason: reason, What: fmt.Sprintf(format, args...)}
}

// Options are what a Verifier needs.
type Options struct {
	// AppID is the bot's Entra application: who a token must be for.
	AppID string
	// Issuer is who must have made it, exactly.
	Issuer string
	// Metadata is the URL of the OpenID metadata of the issuer: https, or http
	// on this machine. Only its own host may be named by it as the place of
	// the keys.
	Metadata string
	// Transport carries the requests for metadata and keys.
	Transport  http.RoundTripper
	Now        func() time.Time
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Verifier checks tokens. It is safe for concurrent use.
type Verifier struct {
	appID, issuer string
	now           func() time.Time
	keys          *keys
}

// New makes a Verifier. It does not touch the network.
func New(o Options) (*Verifier, error) {
	switch {
	case o.AppID == "":
		return nil, errors.New("app_id is missing: it is the bot's Entra application")
	case o.Issuer == "":
		return nil, errors.New("bot_issuer is missing: it is who signs what Teams sends")
	}
	metadata, err := url.Parse(o.Metadata)
	if err != nil || !allowed(metadata) {
		return nil, errors.New("bot_openid_metadata is not the URL of a document: write it with https, or with http on this machine")
	}
	if o.Transport == nil || o.Now == nil || o.Logger == nil || o.Registerer == nil {
		return nil, errors.New("token: Transport, Now, Logger and Registerer must be set")
	}
	return &Verifier{appID: o.AppID, issuer: o.Issuer, now: o.Now, keys: newKeys(o, metadata)}, nil
}

// allowed says whether a URL may be asked for metadata or keys: what comes
// from there decides who may command the bot.
func allowed(u *url.URL) bool {
	return u.Host != "" && u.User == nil && u.Fragment == "" &&
		(u.Scheme == "https" || u.Scheme == "http" && outbound.IsLoopback(u.Hostname()))
}

// Run keeps the keys fresh until ctx ends, so that nobody has to wait for
// them. Verify works without it.
func (v *Verifier) Run(ctx context.Context) { v.keys.run(ctx) }

// Token is what is known of a request whose header was right.
type Token struct {
	serviceURL   string
	endorsements []string
}

// Verify checks the Authorization header of a request: steps 1 to 7 and 9 of
// teams-platform §4.1. It waits for Microsoft's keys if it must, until ctx
// ends. Its errors are Refusals.
func (v *Verifier) Verify(ctx context.Context, header http.Header) (Token, error) {
	raw, err := bearer(header)
	if err != nil {
		return Token{}, err
	}
	kid, err := v.preview(raw)
	if err != nil {
		return Token{}, err
	}
	key, err := v.keys.find(ctx, kid)
	if err != nil {
		return Token{}, err
	}
	now := v.now()
	if !key.valid(now) {
		return Token{}, refuse(BadKey, "the certificate of the token's key is not valid at this time; check this machine's clock")
	}
	// It also refuses headers that say that they must be understood ("crit").
	payload, err := jws.VerifyCompactFast(key.public, []byte(raw), jwa.RS256())
	if err != nil {
		return Token{}, refuse(Signature, "the signature of the token is wrong")
	}
	// From here on what was signed counts, and nothing that was read before.
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return Token{}, refuse(Malformed, "the claims of the token cannot be read")
	}
	if err := v.check(c, now); err != nil {
		return Token{}, err
	}
	return Token{serviceURL: c.ServiceURL, endorsements: key.endorsements}, nil
}

// bearer is the token of a header.
func bearer(header http.Header) (string, error) {
	values := header.Values("Authorization")
	switch {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return "", refuse(NoHeader, "there is no Authorization header")
	case len(values) > 1:
		return "", refuse(ManyHeaders, "there is more than one Authorization header")
	}
	scheme, raw, _ := strings.Cut(values[0], " ")
	switch {
	case scheme != "Bearer" || raw == "" || strings.ContainsAny(raw, " ,"):
		return "", refuse(Malformed, `the Authorization header is not "Bearer" and a token`)
	case len(raw) > maxToken:
		return "", refuse(Malformed, "the token has more than %d bytes", maxToken)
	}
	return raw, nil
}

// preview reads who says to have made a token, and with which key: what must
// be right before a key is looked for.
func (v *Verifier) preview(raw string) (kid string, err error) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return "", refuse(Malformed, "the token does not have three parts")
	}
	var header struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
	}
	var c claims
	if decode(parts[0], &header) != nil || decode(parts[1], &c) != nil {
		return "", refuse(Malformed, "the token cannot be decoded")
	}
	switch {
	case c.Issuer != v.issuer:
		return "", refuse(Issuer, "the token was not made by the issuer that is expected; bot_issuer, or cloud, says which it is")
	case header.Algorithm != "RS256":
		return "", refuse(Algorithm, "the token is not signed with RS256")
	case header.KeyID == "":
		return "", refuse(UnknownKey, "the token does not say with which key it was signed")
	}
	return header.KeyID, nil
}

func decode(part string, into any) error {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

// claims are what a token says.
type claims struct {
	Issuer     string   `json:"iss"`
	Audience   list     `json:"aud"`
	Expires    *float64 `json:"exp"` // seconds since 1970, as are the others
	NotBefore  *float64 `json:"nbf"`
	ServiceURL string   `json:"serviceurl"`
}

// list is one text, or several.
type list []string

func (l *list) UnmarshalJSON(raw []byte) error {
	if raw[0] == '"' {
		*l = make(list, 1)
		return json.Unmarshal(raw, &(*l)[0])
	}
	return json.Unmarshal(raw, (*[]string)(l))
}

// check looks at what was signed.
func (v *Verifier) check(c claims, now time.Time) error {
	at := float64(now.Unix())
	switch {
	case c.Issuer != v.issuer:
		return refuse(Issuer, "the token was not made by the issuer that is expected")
	case c.Expires == nil:
		return refuse(Expired, "the token does not say when it expires")
	case at >= *c.Expires+skew.Seconds():
		return refuse(Expired, "the token has expired; if all are refused, check this machine's clock")
	case c.NotBefore != nil && at < *c.NotBefore-skew.Seconds():
		return refuse(NotYet, "the token is not valid yet; if all are refused, check this machine's clock")
	case !slices.ContainsFunc(c.Audience, v.isUs):
		return refuse(Audience, "the token is for another bot; app_id says which this one is")
	}
	return nil
}

// isUs says whether an audience is this bot, in one of the three forms of
// teams-platform §4.1, step 9.
func (v *Verifier) isUs(audience string) bool {
	for _, prefix := range []string{"", "api://", "api://botid-"} {
		if strings.EqualFold(audience, prefix+v.appID) {
			return true
		}
	}
	return false
}

// Covers checks that the token speaks for an activity: steps 8 and 10 of
// teams-platform §4.1. A key may only speak for the channels that Microsoft
// endorses it for, and a token only for one service.
func (t Token) Covers(channelID, serviceURL string) error {
	switch {
	case channelID == "" || !slices.Contains(t.endorsements, channelID):
		return refuse(Endorsement, "the key of the token must not speak for the activity's channel")
	case t.serviceURL == "" || serviceURL == "" || !strings.EqualFold(strings.TrimRight(t.serviceURL, "/"), strings.TrimRight(serviceURL, "/")):
		return refuse(ServiceURL, "the token is for another service than the activity's")
	}
	return nil
}
