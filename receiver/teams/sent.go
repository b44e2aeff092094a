package teams

import (
	"net/http/httptrace"
	"sync/atomic"
)

// Sent knows how much of a request has left us. The transport writes and
// reads at the same time, hence the atomic.
type Sent struct{ state atomic.Int32 }

const (
	maybeSent = iota + 1 // the headers are written, the rest is on its way
	halfSent             // writing the rest failed: nobody can have acted on it
)

// Trace watches a request for s.
func (s *Sent) Trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		WroteHeaders: func() { s.state.Store(maybeSent) },
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err != nil {
				s.state.Store(halfSent)
			}
		},
	}
}

// Uncertain: the whole request may have arrived.
func (s *Sent) Uncertain() bool { return s.state.Load() == maybeSent }
