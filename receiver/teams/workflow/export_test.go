package workflow

import (
	"context"
	"net"
	"net/http"
)

// LookUp has every name lead to an address, whatever a sender calls.
func LookUp(s *Sender, address string) {
	transport := s.client.Transport.(*http.Transport)
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dial(ctx, network, address)
	}
}
