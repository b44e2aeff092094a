package auth

import (
	"net/http"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

const (
	// idleTimeout closes a connection before the front doors on Azure's side do.
	idleTimeout = 30 * time.Second
	// idleConnections to one host are kept: several requests are made at once.
	idleConnections = 16
)

// HTTP makes the client that carries requests to Microsoft.
func (c Config) HTTP() (*http.Client, error) {
	transport := c.Transport
	if transport == nil {
		own, err := outbound.Transport("", promconfig.TLSConfig{})
		if err != nil {
			return nil, err
		}
		own.MaxIdleConnsPerHost = idleConnections
		own.IdleConnTimeout = idleTimeout
		own.MaxResponseHeaderBytes = maxAnswer
		own.OnProxyConnectResponse = teams.ProxyAnswer
		transport = own
	}
	return &http.Client{
		Transport: transport,
		// A redirect would hand our token, or what proves who we are, to whoever
		// it names.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}
