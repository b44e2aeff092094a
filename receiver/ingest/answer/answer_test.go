package answer

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// sink is a Writer that keeps what it logs and counts.
type sink struct {
	Writer
	log     bytes.Buffer
	refused []int
}

func newSink() *sink {
	s := &sink{}
	s.Writer = Writer{
		Logger:  slog.New(slog.NewTextHandler(&s.log, nil)),
		Refused: func(status int) { s.refused = append(s.refused, status) },
	}
	return s
}

// unread fails the test that reads it.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("a body that is too large was read")
	return 0, io.EOF
}

func TestABodyIsReadWholeOrRefused(t *testing.T) {
	for name, c := range map[string]struct {
		body   io.Reader
		length int64 // as the sender says; -1: it does not
		status int   // 0: it is read
	}{
		"small":                           {strings.NewReader("{}"), 2, 0},
		"of unknown length":               {strings.NewReader(strings.Repeat("x", 100_000)), -1, 0},
		"as large as it may be":           {strings.NewReader(strings.Repeat("x", MaxBody)), -1, 0},
		"too large, as its sender says":   {unread{t}, MaxBody + 1, http.StatusRequestEntityTooLarge},
		"too large, and nobody said so":   {strings.NewReader(strings.Repeat("x", MaxBody+1)), -1, http.StatusRequestEntityTooLarge},
		"broken off on the way":           {io.MultiReader(strings.NewReader("{"), brokenOff{}), -1, http.StatusServiceUnavailable},
		"broken off, of a length that is": {io.MultiReader(strings.NewReader("{"), brokenOff{}), 100, http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSink()
			r := httptest.NewRequest("POST", "/events/x", c.body)
			r.ContentLength = c.length
			w := httptest.NewRecorder()
			body, ok := s.Body(w, r, "send less")
			require.Equal(t, c.status == 0, ok)
			if ok {
				require.NotEmpty(t, body)
				require.Empty(t, s.refused)
				return
			}
			require.Equal(t, c.status, w.Code)
			require.Equal(t, []int{c.status}, s.refused)
			require.Equal(t, c.status == http.StatusServiceUnavailable, w.Header().Get("Retry-After") != "", "only what is whole the next time is worth another try")
		})
	}
}

type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestWhatIsWrongWithOurDiskIsForOurLogOnly(t *testing.T) {
	s := newSink()
	w := httptest.NewRecorder()
	s.Unavailable(w, httptest.NewRequest("POST", "/x", nil), errors.New("disk full at /var/lib"))
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.NotContains(t, w.Body.String(), "/var/lib")
	require.Contains(t, s.log.String(), "/var/lib")
}

// A minute without a database made ten thousand lines of two senders, all the
// same: nobody finds among them what else is wrong, and a full disk gets fuller.
func TestAnOutageIsTheSameLineEveryTenSecondsHoweverManySend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSink()
		s.Outage = &Outage{}
		lines := func() int { return strings.Count(s.log.String(), "Alerts could not be stored") }
		for range 60 {
			for range 100 {
				s.Unavailable(httptest.NewRecorder(), httptest.NewRequest("POST", "/x", nil), errors.New("gone"))
			}
			time.Sleep(time.Second)
		}
		require.Len(t, s.refused, 6000, "each is answered and counted")
		require.Equal(t, 6, lines())
		require.Contains(t, s.log.String(), "requests=1000")
	})
}

func TestWhatIsWrongWithAnEventIsForItsSenderOnly(t *testing.T) {
	s := newSink()
	w := httptest.NewRecorder()
	s.RefuseQuietly(w, httptest.NewRequest("POST", "/x", nil), http.StatusBadRequest, errors.New("my card number"), "look", "a field")
	require.Contains(t, w.Body.String(), "my card number")
	require.NotContains(t, s.log.String(), "my card number")
	require.Contains(t, s.log.String(), "a field")
}

func TestAnErrorSaysWhereJSONIsWrongWithoutRepeatingIt(t *testing.T) {
	for body, want := range map[string]string{
		"{\n\"a\": secret}": "at byte 8, line 2", `{"a":1`: "unexpected end of JSON input", `[7`: "unexpected end",
	} {
		var v any
		err := Explain([]byte(body), json.Unmarshal([]byte(body), &v))
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "secret")
	}
	var list []int
	require.ErrorContains(t, Explain([]byte(`{}`), json.Unmarshal([]byte(`{}`), &list)), "the body is a JSON object, which does not belong there")
}

func TestForeignTextIsKeptShort(t *testing.T) {
	require.Equal(t, "short", Clip("short"))
	cut := Clip("x" + strings.Repeat("ä", 200))
	require.LessOrEqual(t, len(cut), 90)
	require.True(t, strings.HasSuffix(cut, "ä…"), "between characters")
}

// TestMemoryIsForWhatHasCome: a header costs its sender nothing, and a thousand
// connections that announce a large body must not cost us ten gigabytes.
func TestMemoryIsForWhatHasCome(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}"))
	r.ContentLength = MaxBody
	out := Writer{Logger: slog.New(slog.DiscardHandler), Refused: func(int) {}}
	body, ok := out.Body(httptest.NewRecorder(), r, "")
	require.True(t, ok)
	require.Equal(t, "{}", string(body))
	require.LessOrEqual(t, cap(body), firstRead)
}
