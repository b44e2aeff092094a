package outbound_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"

	promconfig "github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
)

func TestWhichAddressesArePublic(t *testing.T) {
	for _, inside := range []string{
		"127.0.0.1", "127.8.9.1", "0.0.0.0", "0.1.2.3", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
		"169.254.169.254", "169.254.170.2", "100.64.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9",
		"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
		"64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "2001:0:7f00:1::", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1", "fd00:ec2::254",
		"ff02::1", "100::1", "2001:db8::1", "3fff::1", "5f00::1",
	} {
		require.False(t, outbound.IsPublic(netip.MustParseAddr(inside)), inside)
	}
	require.False(t, outbound.IsPublic(netip.Addr{}))
	for _, outside := range []string{
		"20.42.0.1", "13.107.6.152", "52.112.0.1", "::ffff:20.42.0.1", "2603:1063::1", "2a00:1450::1", "172.32.0.1", "100.128.0.1", "192.0.1.1",
	} {
		require.True(t, outbound.IsPublic(netip.MustParseAddr(outside)), outside)
	}
}

func TestATransportThatStaysOutside(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	to := &http.Request{URL: &url.URL{Scheme: "https", Host: "prod-1.logic.azure.com"}}
	made := func(proxy string) *http.Transport {
		transport, err := outbound.Transport(proxy, promconfig.TLSConfig{})
		require.NoError(t, err)
		return transport
	}
	address := server.Listener.Addr().String()
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)

	transport := made("")
	transport.Proxy = nil
	outbound.PublicOnly(transport, to)
	for name, target := range map[string]string{"an address": address, "a name that leads to it": "localhost:" + port} {
		_, err := transport.DialContext(context.Background(), "tcp", target)
		require.ErrorIs(t, err, outbound.ErrPrivate, name)
	}

	// A company's proxy stands inside, and it is the one who looks names up.
	transport = made(server.URL)
	outbound.PublicOnly(transport, to)
	conn, err := transport.DialContext(context.Background(), "tcp", address)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
}
