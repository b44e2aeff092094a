package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// zeros is a body of so many bytes that takes no memory by itself.
type zeros struct{ left int }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), z.left)
	z.left -= n
	return n, nil
}

func TestStrangersCannotFillOurMemory(t *testing.T) {
	const size = 10 << 20
	reading, release := make(chan error), make(chan struct{})
	handler := new(room).within(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		reading <- err
		<-release
	}))
	send := func() {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/events/x", &zeros{size}))
	}
	var requests sync.WaitGroup
	refused := 0
	const many = publicRoom/size + 3
	for range many {
		requests.Go(send)
		if err := <-reading; err != nil {
			require.ErrorIs(t, err, errNoRoom)
			refused++
		}
	}
	require.Equal(t, 3, refused, "what is being worked on takes more than it may")
	close(release)
	requests.Wait()
	go send()
	require.NoError(t, <-reading, "when the others are gone there is room again")
}
