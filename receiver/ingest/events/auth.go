package events

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // its weakness is none of an HMAC's
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"hash"
	"net/http"
	"net/textproto"
	"strings"
)

// kind is how a sender shows who it is.
type kind int

const (
	nobody kind = iota // nobody is asked
	bearer
	basic
	signed
)

// signatureHeaders are where the systems of the presets put their signature:
// GitHub, Jira (and GitHub before), Sentry, Qlik Cloud, Grafana. All of them
// are an HMAC of the body.
var signatureHeaders = []string{
	"X-Hub-Signature-256", "X-Hub-Signature", "Sentry-Hook-Signature", "Qlik-Signature", "X-Grafana-Alerting-Signature",
}

// check is what a source asks of senders.
type check struct {
	kind   kind
	secret [sha256.Size]byte // hash of the token, or of user and password
	key    []byte            // of the HMAC
	header string            // with the signature; "" for any of signatureHeaders
}

// credentials reads the credentials of a source.
func credentials(c Config) (check, []Problem) {
	var problems []Problem
	report := func(field, what, do string) { problems = append(problems, Problem{Field: field, What: what, Do: do}) }
	var found check
	kinds := 0
	if c.Token != "" {
		kinds++
		found = check{kind: bearer, secret: sha256.Sum256([]byte(c.Token))}
	}
	if c.BasicUser != "" || c.BasicPassword != "" {
		kinds++
		found = check{kind: basic, secret: pair(c.BasicUser, c.BasicPassword)}
		switch {
		case c.BasicPassword == "":
			report("basic_auth", "it has a username without a password", "add password or password_file")
		case c.BasicUser == "":
			report("basic_auth", "it has a password without a username", "add username")
		case strings.Contains(c.BasicUser, ":"):
			report("basic_auth.username", "it has a colon, which ends a username in basic auth", "choose another name")
		}
	}
	if c.HMACSecret != "" {
		kinds++
		found = check{kind: signed, key: []byte(c.HMACSecret), header: textproto.CanonicalMIMEHeaderKey(c.HMACHeader)}
	}
	if c.HMACHeader != "" && c.HMACSecret == "" {
		report("hmac", "it has a header without a secret", "add secret or secret_file: the one that the sender signs with")
	}
	if kinds > 1 {
		report("", "the source has more than one of token, basic_auth and hmac", "keep the one that the sender uses")
	}
	return found, problems
}

func pair(user, password string) [sha256.Size]byte {
	return sha256.Sum256([]byte(user + ":" + password))
}

// errUnknown is the answer to all that is wrong with credentials that are
// there: to say more would help those who guess.
var errUnknown = errors.New("the credentials are not those of this source")

// headers looks at what stands in the headers alone.
func (c *check) headers(r *http.Request) (err error, hint string) {
	switch c.kind {
	case bearer:
		hint = "send the source's token: Authorization: Bearer TOKEN"
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if token == "" || !strings.EqualFold(scheme, "Bearer") {
			return errors.New("this source wants a bearer token"), hint
		}
		if !same(sha256.Sum256([]byte(strings.TrimSpace(token))), c.secret) {
			return errUnknown, hint
		}
	case basic:
		hint = "send the source's username and password with basic auth"
		user, password, ok := r.BasicAuth()
		if !ok {
			return errors.New("this source wants a username and a password"), hint
		}
		if !same(pair(user, password), c.secret) {
			return errUnknown, hint
		}
	}
	return nil, ""
}

func same(a, b [sha256.Size]byte) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }

// body looks at the signature of the body as it was sent.
func (c *check) body(body []byte, headers http.Header) (err error, hint string) {
	if c.kind != signed {
		return nil, ""
	}
	names := signatureHeaders
	if c.header != "" {
		names = []string{c.header}
	}
	hint = "let the sender sign the body with the source's secret (HMAC with SHA-256, in hexadecimal digits) in the header " + strings.Join(names, " or ")
	for _, name := range names {
		if value := headers.Get(name); value != "" {
			if !c.verify(body, name, value) {
				return errors.New("the signature is not that of this body and this source's secret"), hint
			}
			return nil, ""
		}
	}
	return errors.New("this source wants a signature"), hint
}

// verify compares a signature with ours: hexadecimal digits, behind the name of
// the algorithm and = if it is not SHA-256.
func (c *check) verify(body []byte, header, value string) bool {
	algorithm, digits, named := strings.Cut(strings.TrimSpace(value), "=")
	if !named {
		algorithm, digits = "sha256", algorithm
	}
	var hashed func() hash.Hash
	switch strings.ToLower(algorithm) {
	case "sha256":
		hashed = sha256.New
	case "sha1":
		if !strings.EqualFold(header, "X-Hub-Signature") {
			return false
		}
		hashed = sha1.New
	default:
		return false
	}
	given, err := hex.DecodeString(digits)
	if err != nil {
		return false
	}
	mac := hmac.New(hashed, c.key)
	mac.Write(body)
	return hmac.Equal(given, mac.Sum(nil))
}

// challenge is what a 401 must say of how to do better.
func (c *check) challenge() string {
	switch c.kind {
	case bearer:
		return `Bearer realm="teamsrelay"`
	case basic:
		return `Basic realm="teamsrelay", charset="UTF-8"`
	}
	return `Signature realm="teamsrelay"`
}
