package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// AdminTokenHeader may carry the admin token instead of Authorization, which
// belongs to --web.config.file when that asks for a password.
const AdminTokenHeader = "X-Admin-Token"

// admin guards what changes something: other sites' pages never may, whoever
// comes over loopback may, everybody else needs the admin token.
func (s *server) admin(next http.HandlerFunc) http.Handler {
	return s.sameOrigin("api", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.hasToken(r) || overLoopback(r) {
			next(w, r)
			return
		}
		s.refused(r, "api", s.without(tokenOf(r)))
		w.Header().Set("WWW-Authenticate", `Bearer realm="teamsrelay"`)
		what := "this needs the admin token"
		if tokenOf(r) != "" {
			what = "this needs the admin token, and what was sent is another"
		}
		hint := "send the admin token: Authorization: Bearer TOKEN, or " + AdminTokenHeader + ": TOKEN; on the command line --admin-token-file=FILE"
		if s.AdminToken() == "" {
			hint = "set admin_token_file in the configuration and send the token, or come over loopback"
		}
		refuse(w, http.StatusUnauthorized, what, hint)
	}))
}

// sameOrigin refuses what another site's page sends.
func (s *server) sameOrigin(way string, next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.refused(r, way, "it came from another site's page")
		http.Error(w, "cross-origin request detected", http.StatusForbidden)
	}))
	return protection.Handler(next)
}

// without says what was wrong with the token that somebody gave.
func (s *server) without(given string) string {
	switch {
	case s.AdminToken() == "":
		return "there is no admin token"
	case given == "":
		return "without the admin token"
	}
	return "with another admin token"
}

func (s *server) hasToken(r *http.Request) bool { return s.isToken(tokenOf(r)) }

// isToken says whether somebody gave the admin token.
func (s *server) isToken(given string) bool {
	token := s.AdminToken()
	if token == "" {
		return false
	}
	// Hashes have one length, so the comparison tells nothing of the token's.
	a, b := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

func tokenOf(r *http.Request) string {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return token
	}
	return r.Header.Get(AdminTokenHeader)
}

// proxyHeaders are by what proxies say that they are one.
var proxyHeaders = []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"}

// overLoopback says whether a request comes from this machine and was meant
// for it: not through a proxy, and not from a page whose name was pointed at
// loopback (the browser then says that name in Host). A proxy that says nothing
// of itself shows by its HTTP/1.0, which nginx speaks unless it is told not to,
// with our own address in Host; nobody who comes straight does.
func overLoopback(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !from.Addr().Unmap().IsLoopback() || !r.ProtoAtLeast(1, 1) {
		return false
	}
	for _, header := range proxyHeaders {
		if r.Header.Get(header) != "" {
			return false
		}
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}
