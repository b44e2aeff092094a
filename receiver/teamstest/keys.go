package teamstest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
)

// Issuer is whose tokens activities carry (teams-platform §2.1).
const Issuer = "https://api.botframework.com"

// audience is whom the tokens of the connector are for.
const audience = "https://api.botframework.com"

// endorsed are the channels that a key may speak for.
var endorsed = []string{"msteams", "webchat", "emulator", "directline"}

// signingKey is one of Microsoft's keys.
type signingKey struct {
	id           string
	private      *rsa.PrivateKey
	endorsements []string
	hidden       bool   // signs, and is not published
	certificate  string // base64 of DER
}

// keyring are the keys that sign what goes to bots, the newest last, and the
// one that signs what sign-in gives. They are made when they are first needed:
// an RSA key takes a while.
type keyring struct {
	bots   []*signingKey
	signIn *signingKey
	made   int
	last   struct { // the token that went to the bot last, and of what it was made
		key    *signingKey
		claims string
		token  string
	}
}

// yearsAway is when the certificates of good keys run out.
func yearsAway() time.Time { return time.Now().Add(365 * 24 * time.Hour) }

func (k *keyring) forBots() []*signingKey {
	if k.bots == nil {
		k.bots = []*signingKey{k.make(endorsed, yearsAway())}
	}
	return k.bots
}

// newest is the key that signs what goes to bots now.
func (k *keyring) newest() *signingKey {
	all := k.forBots()
	return all[len(all)-1]
}

func (k *keyring) forSignIn() *signingKey {
	if k.signIn == nil {
		k.signIn = k.make(nil, yearsAway())
	}
	return k.signIn
}

// make makes a key whose certificate is good until a time.
func (k *keyring) make(endorsements []string, until time.Time) *signingKey {
	k.made++
	private := keyNumber(k.made)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(k.made)), Subject: pkix.Name{CommonName: "the simulated Teams"},
		NotBefore: until.Add(-2 * 365 * 24 * time.Hour), NotAfter: until,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		panic(err)
	}
	return &signingKey{
		id: fmt.Sprintf("simulated-%d", k.made), private: private, endorsements: endorsements,
		certificate: base64.StdEncoding.EncodeToString(der),
	}
}

// first are the first two keys of every server of this process: tests make many
// servers, and an RSA key takes a while. Those of one server all differ.
var first = []func() *rsa.PrivateKey{sync.OnceValue(newKey), sync.OnceValue(newKey)}

// keyNumber is the key that a server makes as its nth, from 1.
func keyNumber(n int) *rsa.PrivateKey {
	if n <= len(first) {
		return first[n-1]()
	}
	return newKey()
}

func newKey() *rsa.PrivateKey {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // there is no randomness: nothing would work
	}
	return private
}

// public is the key as a JSON Web Key.
func (k *signingKey) public() map[string]any {
	number := func(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }
	published := map[string]any{
		"kty": "RSA", "use": "sig", "kid": k.id, "x5t": k.id,
		"n": number(k.private.N), "e": number(big.NewInt(int64(k.private.E))), "x5c": []string{k.certificate},
	}
	if k.endorsements != nil {
		published["endorsements"] = k.endorsements
	}
	return published
}

// RotateKeys makes a new key that signs from now on. The old ones stay
// published until RetireKeys.
func (s *Server) RotateKeys() {
	s.addKey(endorsed, false, yearsAway())
}

// RetireKeys publishes only the newest key from now on.
func (s *Server) RetireKeys() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bot.keys.bots = []*signingKey{s.bot.keys.newest()}
}

// SignWithoutEndorsement makes a new key that may speak for no channel, and
// signs with it from now on.
func (s *Server) SignWithoutEndorsement() {
	s.addKey(nil, false, yearsAway())
}

// SignUnpublished makes a new key that nobody can find, and signs with it from
// now on: what a forger does.
func (s *Server) SignUnpublished() {
	s.addKey(endorsed, true, yearsAway())
}

// SignExpired makes a new key whose certificate ran out yesterday, and signs
// with it from now on.
func (s *Server) SignExpired() {
	s.addKey(endorsed, false, time.Now().Add(-24*time.Hour))
}

func (s *Server) addKey(endorsements []string, hidden bool, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := &s.bot.keys
	added := k.make(endorsements, until)
	added.hidden = hidden
	k.bots = append(k.forBots(), added)
}

// Claims are what a token says.
type Claims map[string]any

// Claims are those of a token that Microsoft would send with an activity.
// Change them to make a wrong one.
func (s *Server) Claims() Claims {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	return Claims{
		"iss": Issuer, "aud": s.bot.AppID, "serviceurl": s.bot.ServiceURL,
		"nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(time.Hour).Unix(),
	}
}

// Sign makes a token of claims with the newest key.
func (s *Server) Sign(claims Claims) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bot.keys.newest().sign(claims)
}

// ownToken is the token with which Teams talks to the bot. One does for all that
// is sent within a second: signing a thousand takes longer than sending them.
func (s *Server) ownToken() string {
	claims := s.Claims()
	s.mu.Lock()
	defer s.mu.Unlock()
	key, last := s.bot.keys.newest(), &s.bot.keys.last
	if text := fmt.Sprint(claims); last.key != key || last.claims != text {
		last.key, last.claims, last.token = key, text, key.sign(claims)
	}
	return last.token
}

// SignInClaims are those of a token that sign-in would give for an API, by its
// base ("https://graph.microsoft.com"). Change them to make a wrong one, and
// sign them with SignAsSignIn.
func (s *Server) SignInClaims(api string) Claims {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.signInClaims(api, time.Now())
}

// SignAsSignIn makes a token of claims with the key of sign-in.
func (s *Server) SignAsSignIn(claims Claims) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bot.keys.forSignIn().sign(claims)
}

// SignUnsigned makes a token that nobody signed ("alg": "none").
func (s *Server) SignUnsigned(claims Claims) string {
	return claims.signed(jws.WithInsecureNoSignature())
}

// SignSymmetric makes a token with HS256 and the newest key's certificate as
// the secret: it passes where the token may say how it is checked.
func (s *Server) SignSymmetric(claims Claims) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := s.bot.keys.newest()
	return claims.signed(jws.WithKey(jwa.HS256(), []byte(key.certificate), jws.WithProtectedHeaders(key.header())))
}

func (k *signingKey) sign(claims Claims) string {
	return claims.signed(jws.WithKey(jwa.RS256(), k.private, jws.WithProtectedHeaders(k.header())))
}

func (k *signingKey) header() jws.Headers {
	headers := jws.NewHeaders()
	for name, value := range map[string]string{jws.KeyIDKey: k.id, jws.TypeKey: "JWT"} {
		if err := headers.Set(name, value); err != nil {
			panic(err) // a mistake in this file
		}
	}
	return headers
}

// signed takes claims of every kind, also those that no token has.
func (c Claims) signed(how jws.SignOption) string {
	payload, err := json.Marshal(c)
	if err != nil {
		panic(err) // a mistake in the test that made them
	}
	token, err := jws.Sign(payload, how)
	if err != nil {
		panic(err)
	}
	return string(token)
}

// serveMetadata is the document that a bot begins with when it checks tokens.
func (s *Server) serveMetadata(w http.ResponseWriter, r *http.Request) {
	s.serveKeys(w, r, func(*keyring) any {
		return map[string]any{
			"issuer": Issuer, "authorization_endpoint": "https://invalid.botframework.com",
			"jwks_uri":                              base(r) + "/v1/.well-known/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"},
			"token_endpoint_auth_methods_supported": []string{"private_key_jwt"},
		}
	})
}

// serveKeySet is the keys that are published.
func (s *Server) serveKeySet(w http.ResponseWriter, r *http.Request) {
	s.serveKeys(w, r, func(k *keyring) any {
		published := []map[string]any{}
		for _, key := range k.forBots() {
			if !key.hidden {
				published = append(published, key.public())
			}
		}
		return map[string]any{"keys": published}
	})
}

// serveEntraKeys is the keys of sign-in.
func (s *Server) serveEntraKeys(w http.ResponseWriter, r *http.Request) {
	s.serveKeys(w, r, func(k *keyring) any { return map[string]any{"keys": []any{k.forSignIn().public()}} })
}

func (s *Server) serveKeys(w http.ResponseWriter, r *http.Request, document func(*keyring) any) {
	s.mu.Lock()
	s.keyFetches++
	fault := s.nextFault(serviceFaults(Keys))
	status, answer := http.StatusOK, document(&s.bot.keys)
	s.mu.Unlock()
	if _, refused := fault.refuses(); refused {
		status, answer = fault.connectorAnswer()
	}
	s.misbehave(r, fault)
	if fault.RetryAfter > 0 {
		w.Header().Set("Retry-After", seconds(fault.RetryAfter))
	}
	write(w, status, answer)
}

// KeyFetches is how often the document or the keys were asked for.
func (s *Server) KeyFetches() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keyFetches
}

// base is the address by which a client reached the server.
func base(r *http.Request) string {
	scheme := r.URL.Scheme // set where Transport carried the request
	switch {
	case scheme != "":
	case r.TLS != nil:
		scheme = "https"
	default:
		scheme = "http"
	}
	return scheme + "://" + strings.TrimSuffix(r.Host, "/")
}
