package teamstest

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

// tokenLife is how long a token of sign-in is good (teams-platform §2.1).
const tokenLife = time.Hour

// maxForm bounds what sign-in reads, in bytes.
const maxForm = 64 << 10

// signInErrors are the errors of sign-in that faults may name, and those that
// it finds by itself: Microsoft's number, the OAuth error and the status.
var signInErrors = map[string]struct {
	status         int
	oauth, message string
}{
	"AADSTS7000222": {http.StatusUnauthorized, "invalid_client", "The provided client secret keys for the app are expired. Visit the Azure portal to create new keys for your app."},
	"AADSTS7000215": {http.StatusUnauthorized, "invalid_client", "Invalid client secret provided."},
	"AADSTS700027":  {http.StatusUnauthorized, "invalid_client", "The certificate with identifier used to sign the client assertion is not registered on application."},
	"AADSTS700016":  {http.StatusBadRequest, "unauthorized_client", "Application was not found in the directory."},
	"AADSTS90002":   {http.StatusBadRequest, "invalid_request", "Tenant was not found."},
	"AADSTS70011":   {http.StatusBadRequest, "invalid_scope", "The provided value for the input parameter 'scope' is not valid."},
	"AADSTS900144":  {http.StatusBadRequest, "invalid_request", "The request body must contain the parameter 'grant_type' with the value 'client_credentials'."},
}

// serveToken is sign-in: client credentials with the secret or an assertion
// that the certificate signed (teams-platform §2.1).
func (s *Server) serveToken(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		write(w, http.StatusBadRequest, signInError("AADSTS900144"))
		return
	}
	s.mu.Lock()
	s.signIns++
	if !slices.Contains(strings.Fields(r.PostForm.Get("scope")), audience+"/.default") {
		s.graph.signIns++
	}
	fault := s.nextFault(serviceFaults(SignIn))
	status, answer := s.signIn(r)
	s.mu.Unlock()
	switch _, refused := fault.refuses(); {
	case fault.Code != "" && fault.Body == "":
		status, answer = signInStatus(fault), signInError(fault.Code)
	case refused:
		status, answer = fault.connectorAnswer()
	}
	s.misbehave(r, fault)
	if fault.RetryAfter > 0 {
		w.Header().Set("Retry-After", seconds(fault.RetryAfter))
	}
	w.Header().Set("Cache-Control", "no-store")
	write(w, status, answer)
}

// signIn needs the lock.
func (s *Server) signIn(r *http.Request) (status int, answer any) {
	code := ""
	// MSAL asks for openid, offline_access and profile beside what is wanted.
	scopes := strings.Fields(r.PostForm.Get("scope"))
	ofBot, ofGraph := slices.Contains(scopes, audience+"/.default"), s.graph.graphScope(scopes, r.Host)
	tenant := r.PathValue("tenant")
	switch {
	case r.PostForm.Get("grant_type") != "client_credentials":
		code = "AADSTS900144"
	case tenant != s.bot.Tenant && (tenant != "botframework.com" || !ofBot):
		code = "AADSTS90002"
	case !strings.EqualFold(r.PostForm.Get("client_id"), s.bot.AppID):
		code = "AADSTS700016"
	case ofBot == (ofGraph != ""): // neither, or both: a token is for one API
		code = "AADSTS70011"
	case r.PostForm.Has("client_assertion"):
		if !s.bot.asserted(r) {
			code = "AADSTS700027"
		}
	case r.PostForm.Get("client_secret") != s.bot.Secret:
		code = "AADSTS7000215"
	}
	if code != "" {
		return signInErrors[code].status, signInError(code)
	}
	token := s.bot.keys.forSignIn().sign(s.signInClaims(cmp.Or(ofGraph, audience), time.Now()))
	life := int(tokenLife / time.Second)
	return http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": token}
}

// signInClaims are those of a token for an API. Graph's say what is permitted.
// It needs the lock.
func (s *Server) signInClaims(api string, now time.Time) Claims {
	claims := Claims{
		"iss": "https://sts.windows.net/" + s.bot.Tenant + "/", "aud": api, "appid": s.bot.AppID, "tid": s.bot.Tenant, "ver": "1.0",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(tokenLife).Unix(), "uti": s.signIns,
	}
	if api != audience {
		claims["roles"] = slices.Clone(s.graph.Roles)
	}
	return claims
}

// asserted tells whether the bot's certificate signed the assertion, for this
// endpoint.
func (b *bot) asserted(r *http.Request) bool {
	if b.Certificate == nil || r.PostForm.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		return false
	}
	assertion := []byte(r.PostForm.Get("client_assertion"))
	message, err := jws.Parse(assertion)
	if err != nil || len(message.Signatures()) != 1 {
		return false
	}
	algorithm, _ := message.Signatures()[0].ProtectedHeaders().Algorithm()
	if algorithm != jwa.RS256() && algorithm != jwa.PS256() {
		return false
	}
	token, err := jwt.Parse(assertion, jwt.WithKey(algorithm, b.Certificate.PublicKey))
	if err != nil {
		return false
	}
	audience, _ := token.Audience()
	issuer, _ := token.Issuer()
	subject, _ := token.Subject()
	// To Microsoft's library sign-in is always https, also where what carries
	// its requests knows better.
	endpoint := "https://" + r.Host + r.URL.Path
	return slices.Contains(audience, endpoint) && strings.EqualFold(issuer, b.AppID) && strings.EqualFold(subject, b.AppID)
}

// signInError is how sign-in says what went wrong.
func signInError(code string) any {
	known := signInErrors[code]
	if known.oauth == "" {
		known.oauth = "invalid_client"
	}
	return map[string]any{
		"error": known.oauth, "error_description": strings.TrimSpace(code + ": " + known.message),
		"error_codes": []string{strings.TrimPrefix(code, "AADSTS")}, "trace_id": "simulated", "correlation_id": "simulated",
	}
}

func signInStatus(f Fault) int {
	if f.Status != 0 {
		return f.Status
	}
	if known := signInErrors[f.Code].status; known != 0 {
		return known
	}
	return http.StatusUnauthorized
}

// serveEntra is what a client of sign-in wants to know first.
func (s *Server) serveEntra(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	tenant, known := s.bot.Tenant, r.PathValue("tenant") == s.bot.Tenant || r.PathValue("tenant") == "botframework.com"
	fault := s.nextFault(serviceFaults(SignIn))
	s.mu.Unlock()
	at := base(r) + "/" + r.PathValue("tenant")
	status, answer := http.StatusOK, any(map[string]any{
		"issuer":                                base(r) + "/" + tenant + "/v2.0",
		"authorization_endpoint":                at + "/oauth2/v2.0/authorize",
		"token_endpoint":                        at + "/oauth2/v2.0/token",
		"jwks_uri":                              at + "/discovery/v2.0/keys",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
	})
	if !known {
		status, answer = http.StatusBadRequest, signInError("AADSTS90002")
	}
	if _, refused := fault.refuses(); refused {
		status, answer = fault.connectorAnswer()
	}
	s.misbehave(r, fault)
	write(w, status, answer)
}

// serveInstances is what Microsoft's library asks to learn where sign-in is, if
// it is not told to leave that out.
func (s *Server) serveInstances(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	tenant := s.bot.Tenant
	s.mu.Unlock()
	write(w, http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": base(r) + "/" + tenant + "/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata":                  []any{map[string]any{"preferred_network": r.Host, "preferred_cache": r.Host, "aliases": []string{r.Host}}},
	})
}

// RevokeTokens makes the connector and Graph refuse every token that sign-in has given
// so far, as Microsoft may at any time.
func (s *Server) RevokeTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bot.keys.signIn = nil
}

// SignIns is how often a token was asked for, of whichever API.
func (s *Server) SignIns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.signIns
}

// refuseToken says why the connector does not take a request's token; "": it
// does.
func (s *Server) refuseToken(r *http.Request, now time.Time) string {
	s.mu.Lock()
	signed, appID := s.bot.Signed, s.bot.AppID
	var entra *signingKey
	if signed {
		entra = s.bot.keys.forSignIn()
	}
	s.mu.Unlock()
	if !signed {
		if r.Header.Get("Authorization") != "" {
			return "A token came where none is expected: the bot is not in its insecure local mode."
		}
		return ""
	}
	token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !found {
		return "There is no bearer token."
	}
	parsed, err := jwt.ParseString(token, jwt.WithKey(jwa.RS256(), entra.private.Public()),
		jwt.WithAudience(audience), jwt.WithClock(jwt.ClockFunc(func() time.Time { return now })))
	if err != nil {
		return "The token is not one that sign-in gave, or not good any more."
	}
	var of string
	if parsed.Get("appid", &of) != nil || of != appID {
		return "The token is of another app."
	}
	return ""
}
