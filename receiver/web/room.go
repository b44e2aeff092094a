package web

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
)

// publicRoom is how much memory the bodies of all requests from outside may
// take together, in bytes: a signature can be checked only when all of a body
// is there, so whoever sends needs no credentials for that.
const publicRoom = 64 << 20

var errNoRoom = errors.New("there are too many requests")

// room bounds what bodies take that are being worked on.
type room struct{ taken atomic.Int64 }

// within has a handler read bodies only while there is room for them. Where
// there is none, reading fails, and the sender is asked to come again.
func (r *room) within(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body := &roomBody{ReadCloser: request.Body, room: r}
		defer func() { r.taken.Add(-body.taken) }()
		request.Body = body
		next.ServeHTTP(w, request)
	})
}

type roomBody struct {
	io.ReadCloser
	room  *room
	taken int64
}

// Read implements io.Reader.
func (b *roomBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.taken += int64(n)
	if b.room.taken.Add(int64(n)) > publicRoom {
		return n, errNoRoom
	}
	return n, err
}
