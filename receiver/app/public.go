package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/netutil"
)

const (
	// maxPublic is how many connections strangers may have open.
	maxPublic = 500
	// publicGrace is how long a request from outside may hold up the end of
	// its listener. Its sender tries again.
	publicGrace = 2 * time.Second
)

// public is the listener for those who cannot sign in to the main one:
// Microsoft, and systems that send events over the internet. It is open only
// while the configuration has something for them.
type public struct {
	address string
	server  func() *http.Server
	log     *slog.Logger
	failed  chan error // serving ended by itself

	mu   sync.Mutex
	open *http.Server // nil while it is closed
	at   net.Addr
}

// set opens or closes the listener. Closing answers the requests that are
// under way, for a short while.
func (p *public) set(wanted bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case wanted == (p.open != nil):
		return nil
	case p.address == "":
		p.log.Warn("The configuration has a bot or sources of events from outside, and --public.listen-address is empty: Teams cannot reach the bot, and sources can only post to the main listener")
		return nil
	case !wanted:
		grace, cancel := context.WithTimeout(context.Background(), publicGrace)
		defer cancel()
		if err := p.open.Shutdown(grace); err != nil {
			p.log.Warn("Requests from outside were cut off; their senders will try again", "err", err)
			_ = p.open.Close()
		}
		p.open = nil
		p.log.Info("The public listener is closed", "address", p.at.String())
		return nil
	}
	listener, err := net.Listen("tcp", p.address)
	if err != nil {
		return fmt.Errorf("%w; --public.listen-address must be HOST:PORT on this machine, and nothing else may listen there; the bot and events with a token need it, and --public.listen-address= turns it off", err)
	}
	listener = netutil.LimitListener(listener, maxPublic)
	p.open, p.at = p.server(), listener.Addr()
	p.log.Info("Taking activities and events from outside", "address", p.at.String())
	go func(server *http.Server) {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			p.failed <- fmt.Errorf("the public listener: %w", err)
		}
	}(p.open)
	return nil
}

// addr is where it listens, nil while it is closed.
func (p *public) addr() net.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		return nil
	}
	return p.at
}
