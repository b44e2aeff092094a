package teamstest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

// graphHosts are Graph's in Microsoft's clouds (teams-platform §2.1).
var graphHosts = []string{"graph.microsoft.com", "graph.microsoft.us", "dod-graph.microsoft.us", "microsoftgraph.chinacloudapi.cn"}

// isGraph tells whether a base is one by which this Graph can be asked for, at
// a sign-in of this host. It needs the server's lock.
func (g *graph) isGraph(base, host string) bool {
	u, err := url.Parse(base)
	if err != nil || u.Path != "" {
		return false
	}
	own, err := url.Parse(g.URL)
	return slices.Contains(graphHosts, u.Host) || strings.EqualFold(u.Host, host) || err == nil && own.Host != "" && strings.EqualFold(u.Host, own.Host)
}

// graphScope finds Graph's base among the scopes of a request for a token; "":
// it is not there.
func (g *graph) graphScope(scopes []string, host string) string {
	for _, scope := range scopes {
		if of, ok := strings.CutSuffix(scope, "/.default"); ok && of != audience && g.isGraph(of, host) {
			return of
		}
	}
	return ""
}

// graphToken reads the permissions in a request's token, or says why it is
// refused. It must be for the address by which Graph was reached. Where the bot signs in nowhere, Graph wants no token either, and
// everything consented to is permitted.
func (s *Server) graphToken(r *http.Request, now time.Time) (roles []string, refusal string) {
	s.mu.Lock()
	signed, tenant, consented := s.bot.Signed, s.bot.Tenant, s.graph.Roles
	var entra *signingKey
	if signed {
		entra = s.bot.keys.forSignIn()
	}
	s.mu.Unlock()
	header := r.Header.Get("Authorization")
	if !signed {
		if header != "" {
			return nil, "A token came where none is expected: the bot is not in its insecure local mode."
		}
		return consented, ""
	}
	token, found := strings.CutPrefix(header, "Bearer ")
	if !found {
		return nil, "Access token is empty."
	}
	parsed, err := jwt.ParseString(token, jwt.WithKey(jwa.RS256(), entra.private.Public()), jwt.WithValidate(false))
	if err != nil {
		return nil, "Access token validation failure. Invalid signature."
	}
	if expires, ok := parsed.Expiration(); !ok || !now.Before(expires) {
		return nil, "Lifetime validation failed, the token is expired."
	}
	of, _ := parsed.Audience()
	if u, err := url.Parse(strings.Join(of, " ")); err != nil || !strings.EqualFold(u.Host, r.Host) {
		return nil, "Access token validation failure. Invalid audience."
	}
	var from string
	if parsed.Get("tid", &from) != nil || from != tenant {
		return nil, "Access token validation failure. Invalid tenant."
	}
	var claimed []any
	_ = parsed.Get("roles", &claimed) // there are none where nobody has consented
	for _, role := range claimed {
		if text, ok := role.(string); ok {
			roles = append(roles, text)
		}
	}
	return roles, ""
}

// graphCodes are the errors of Graph that faults may name, and their status.
var graphCodes = map[string]int{
	"BadRequest":                  http.StatusBadRequest,
	"InvalidAuthenticationToken":  http.StatusUnauthorized,
	"Authorization_RequestDenied": http.StatusForbidden,
	"Forbidden":                   http.StatusForbidden,
	"NotFound":                    http.StatusNotFound,
	"Request_ResourceNotFound":    http.StatusNotFound,
	"Conflict":                    http.StatusConflict,
	"TooManyRequests":             http.StatusTooManyRequests,
	"InternalServerError":         http.StatusInternalServerError,
	"BadGateway":                  http.StatusBadGateway,
	"ServiceUnavailable":          http.StatusServiceUnavailable,
	"GatewayTimeout":              http.StatusGatewayTimeout,
}

// graphAnswer is what Graph answers when a fault refuses.
func (f Fault) graphAnswer(c *call) (answer graphAnswer, refused bool) {
	if _, refused := f.refuses(); !refused && f.Code == "" {
		return graphAnswer{}, false
	}
	status, code := f.Status, f.Code
	if status == 0 {
		status = graphCodes[code]
	}
	if status == 0 {
		status = http.StatusInternalServerError
	}
	for name, of := range graphCodes {
		if code == "" && of == status && name != "Authorization_RequestDenied" && name != "Request_ResourceNotFound" {
			code = name
		}
	}
	if code == "" {
		code = "UnknownError"
	}
	answer = c.fail(status, code, "A scripted fault of the simulated Graph.")
	if f.Body != "" {
		answer.body = f.Body
	}
	answer.retryAfter = f.RetryAfter
	return answer, true
}
