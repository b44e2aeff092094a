package outbound

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// ErrPrivate says that a name leads to an address inside our own network, which
// nobody who may only name a webhook shall reach.
var ErrPrivate = errors.New("the name leads to an address that is not public")

// special are addresses that are not public, beside those that netip knows: ours
// alone, the provider's, documentation, and ways to write others.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),        // this network (RFC 1122)
	netip.MustParsePrefix("100.64.0.0/10"),    // carrier-grade NAT (RFC 6598); Alibaba's metadata
	netip.MustParsePrefix("168.63.129.16/32"), // Azure's host of every machine
	netip.MustParsePrefix("192.0.0.0/24"),     // protocol assignments (RFC 6890); Oracle's metadata
	netip.MustParsePrefix("192.0.2.0/24"),     // documentation (RFC 5737)
	netip.MustParsePrefix("192.88.99.0/24"),   // 6to4 relays (RFC 7526)
	netip.MustParsePrefix("198.18.0.0/15"),    // benchmarks (RFC 2544)
	netip.MustParsePrefix("198.51.100.0/24"),  // documentation
	netip.MustParsePrefix("203.0.113.0/24"),   // documentation
	netip.MustParsePrefix("240.0.0.0/4"),      // reserved, and broadcast
	netip.MustParsePrefix("::/96"),            // IPv4 in its old IPv6 form
	netip.MustParsePrefix("64:ff9b::/96"),     // IPv4 behind NAT64 (RFC 6052)
	netip.MustParsePrefix("64:ff9b:1::/48"),   // the same, local
	netip.MustParsePrefix("100::/64"),         // discarded (RFC 6666)
	netip.MustParsePrefix("2001::/23"),        // protocol assignments; Teredo, which holds IPv4
	netip.MustParsePrefix("2001:db8::/32"),    // documentation
	netip.MustParsePrefix("2002::/16"),        // 6to4, which holds IPv4
	netip.MustParsePrefix("3fff::/20"),        // documentation (RFC 9637)
	netip.MustParsePrefix("5f00::/16"),        // segment routing (RFC 9602)
	netip.MustParsePrefix("fec0::/10"),        // site-local, of old
}

// IsPublic says whether an address is one that the whole internet reaches: no
// loopback, private, link-local (which metadata services have), multicast or
// otherwise special one, in whatever form it is written.
func IsPublic(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if !addr.IsGlobalUnicast() || addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() {
		return false
	}
	for _, prefix := range special {
		if prefix.Contains(addr) {
			return false
		}
	}
	return true
}

// PublicOnly lets a transport connect to public addresses only. It looks at the
// address itself, after the name was looked up: who owns a name can let it lead
// anywhere, and elsewhere the next moment. Its error is ErrPrivate.
//
// Through a proxy it is the proxy that looks names up and connects, and that
// must not reach what it shall not; the proxy itself may be anywhere.
func PublicOnly(t *http.Transport, to *http.Request) {
	if t.Proxy != nil {
		if proxy, err := t.Proxy(to); err == nil && proxy != nil {
			return
		}
	}
	dialer := &net.Dialer{Timeout: DialTimeout, KeepAlive: 15 * time.Second, ControlContext: publicOnly}
	t.Proxy, t.DialContext = nil, dialer.DialContext
}

func publicOnly(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !IsPublic(to.Addr()) {
		return ErrPrivate
	}
	return nil
}
