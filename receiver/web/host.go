package web

import (
	"cmp"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
)

// ownNames keeps pages of other sites from reading ours: a name of theirs that
// points to loopback ("DNS rebinding") makes us a page of theirs to the browser
// of whoever sits at this machine. The browser then asks for that name with our
// port. A reverse proxy on this machine asks for a name with a port that is its
// own; nobody else comes over loopback by a name that is not this machine's.
//
// What is asked for by programs is left alone: they may have names of their own
// for this machine, and nobody makes them read for somebody else.
func ownNames(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); isForPeople(pattern) && isRebound(r) {
			refuse(w, http.StatusForbidden, "this was asked for by a name that is not this machine's: another site may have sent you here",
				"open it by localhost, 127.0.0.1 or the name of this machine")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// isForPeople says whether a pattern of the listener is a page or an answer of
// the API that tells of alerts.
func isForPeople(pattern string) bool {
	path, reads := strings.CutPrefix(pattern, "GET ")
	return reads && path != "/metrics" && !strings.HasPrefix(path, "/-/")
}

// isRebound says whether a request came over loopback straight to our port, by
// a name that is not this machine's.
func isRebound(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !from.Addr().Unmap().IsLoopback() {
		return false
	}
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		host, port = r.Host, "80"
		if r.TLS != nil {
			port = "443"
		}
	}
	host = strings.ToLower(strings.Trim(strings.TrimSuffix(host, "."), "[]"))
	if _, err := netip.ParseAddr(host); err == nil || host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return false
	}
	if name, err := os.Hostname(); err == nil && host == strings.ToLower(name) {
		return false
	}
	ours, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return true
	}
	_, own, err := net.SplitHostPort(ours.String())
	return err != nil || own == cmp.Or(port, "80")
}
