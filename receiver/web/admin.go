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
	return http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.hasToken(r) || overLoopback(r) {
			next(w, r)
			return
		}
		s.Logger.Warn("Refused an administrative request", "path", r.URL.Path, "from", r.RemoteAddr)
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

// overLoopback says whether a request comes from this machine and was meant
// for it: not through a proxy, and not from a page whose name was pointed at
// loopback (the browser then says that name in Host).
func overLoopback(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !from.Addr().Unmap().IsLoopback() {
		return false
	}
	for _, header := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip"} {
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
