package silence

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/pkg/labels"
	"github.com/stretchr/testify/require"
)

// roundTrip answers requests without a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func always(answer func() *http.Response) roundTrip {
	return func(*http.Request) (*http.Response, error) { return answer(), nil }
}

func TestWhatIsWrongWithAnAlertmanagerIsSaidInWords(t *testing.T) {
	const secret = "a-path-that-is-a-secret"
	said := func(status int, kind, body string) roundTrip {
		return always(func() *http.Response { return raw(status, kind, body) })
	}
	fails := func(err error) roundTrip {
		return func(*http.Request) (*http.Response, error) { return nil, err }
	}
	for name, c := range map[string]struct {
		transport roundTrip
		refused   bool
		words     []string
	}{
		"it refuses, and says why":          {said(400, "application/json", `"invalid silence: bad"`), true, []string{"answers 400: invalid silence: bad"}},
		"a proxy that wants a password":     {said(401, "text/html", "<html>Sign in</html>"), false, []string{"answers 401; let teamsrelay in"}},
		"a proxy that finds nobody":         {said(502, "text/html", "<html>Bad gateway</html>"), false, []string{"answers 502"}},
		"another address":                   {said(404, "text/plain", "404 page not found"), false, []string{"answers 404: 404 page not found; correct its url under alertmanagers"}},
		"an answer that leads elsewhere":    {said(302, "text/html", ""), false, []string{"redirect (302), which is not followed"}},
		"a page where silences belong":      {said(200, "text/html", "<html>Hello</html>"), false, []string{"does not answer like an Alertmanager; correct its url"}},
		"another JSON":                      {said(200, "application/json", `{"status":"ok"}`), false, []string{"does not answer like an Alertmanager"}},
		"an answer that breaks off":         {said(200, "application/json", `[{"id":`), false, []string{"am.example"}},
		"times that are none":               {said(200, "application/json", `[{"id":"1","endsAt":"soon"}]`), false, []string{"does not answer like an Alertmanager"}},
		"nobody there":                      {fails(syscall.ECONNREFUSED), false, []string{"cannot be reached (connection refused)"}},
		"nobody answers":                    {fails(context.DeadlineExceeded), false, []string{"has not answered within 10s"}},
		"a link that somebody might follow": {said(400, "text/plain", "[click](https://evil.example)"), true, []string{"[click] (https://evil.example)"}},
		"a book":                            {said(400, "text/plain", strings.Repeat("x", 1<<20)), true, []string{"xxx…"}},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := newAlertmanager("http://am.example:9093/"+secret, c.transport)
			require.NoError(t, err)
			_, err = a.silences(t.Context())
			var p *problem
			require.ErrorAs(t, err, &p)
			require.Equal(t, c.refused, p.refused)
			for _, words := range c.words {
				require.Contains(t, p.words, words)
			}
			require.Contains(t, p.words, "am.example:9093")
			require.NotContains(t, p.words, secret)
			require.NotContains(t, p.words, "api/v2")
			require.NotContains(t, p.words, "\n")
			require.Less(t, len(p.words), 500)
		})
	}
}

// endless is an answer that never stops.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	return copy(p, bytes.Repeat([]byte(" "), len(p))), nil
}

func (e *endless) Close() error { return nil }

func TestNoAnswerTakesAllMemory(t *testing.T) {
	for status, most := range map[int]int{200: maxAnswer + 1<<20, 400: maxRefusal + 1<<16} {
		body := &endless{}
		a, err := newAlertmanager("http://am.example:9093", always(func() *http.Response {
			answer := raw(status, "application/json", "")
			answer.Body = body
			return answer
		}))
		require.NoError(t, err)
		_, err = a.silences(t.Context())
		require.Error(t, err)
		require.LessOrEqual(t, body.read, most)
		if status == 200 {
			require.ErrorContains(t, err, "more than 64 MiB")
		}
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	called := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	a, err := NewAlertmanager(server.URL)
	require.NoError(t, err)
	_, err = a.make(t.Context(), labels.Matchers{}, "Alice", "", noon, noon.Add(time.Hour))
	require.ErrorContains(t, err, "redirect (307)")
	require.False(t, called, "whoever the redirect names would read the labels of our alerts")
}

func TestAnAddressIsThatOfTheFileWithItsPrefix(t *testing.T) {
	for address, want := range map[string]string{
		"http://am.example:9093":          "http://am.example:9093/api/v2/silences",
		"http://am.example:9093/":         "http://am.example:9093/api/v2/silences",
		"https://ops.example/am":          "https://ops.example/am/api/v2/silences",
		"https://ops.example/tenant/%2fx": "https://ops.example/tenant/",
	} {
		asked := ""
		a, err := newAlertmanager(address, roundTrip(func(r *http.Request) (*http.Response, error) {
			asked = r.URL.Scheme + "://" + r.URL.Host + r.URL.Path
			return raw(200, "application/json", "[]"), nil
		}))
		require.NoError(t, err)
		_, err = a.silences(t.Context())
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(asked, want), asked)
	}
	for _, address := range []string{"", "am.example:9093", "http://user:password@am.example", "http://", ":"} {
		_, err := NewAlertmanager(address)
		require.Error(t, err, address)
		require.NotContains(t, err.Error(), "password@")
	}
}

// DEBUG in the environment makes the client print all that is sent.
func TestTheEnvironmentDoesNotMakeTheClientTalk(t *testing.T) {
	t.Setenv("DEBUG", "1")
	t.Setenv("SWAGGER_DEBUG", "1")
	printed, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	real := os.Stderr
	os.Stderr = printed
	defer func() { os.Stderr = real }()
	a, err := newAlertmanager("http://am.example", always(func() *http.Response { return raw(200, "application/json", "[]") }))
	require.NoError(t, err)
	_, err = a.silences(t.Context())
	require.NoError(t, err)
	text, err := os.ReadFile(printed.Name())
	require.NoError(t, err)
	require.Empty(t, string(text), "labels of alerts would stand in whatever collects what we print")
	require.NoError(t, printed.Close())
}

func TestAnIdThatWouldLeadElsewhereIsNotUsed(t *testing.T) {
	const evil = `../../-/reload`
	a, err := newAlertmanager("http://am.example", roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPost {
			return raw(200, "application/json", `{"silenceID":"`+evil+`"}`), nil
		}
		return raw(200, "application/json", `[{"id":"`+evil+`","comment":"c","matchers":[]},{"id":null,"comment":"c"},null]`), nil
	}))
	require.NoError(t, err)
	all, err := a.silences(t.Context())
	require.NoError(t, err)
	require.Empty(t, all)
	_, err = a.make(t.Context(), nil, "Alice", "c", noon, noon.Add(time.Hour))
	require.ErrorContains(t, err, "does not answer like an Alertmanager")
}

func TestASilenceThatIsNotThereHasEnded(t *testing.T) {
	a, err := newAlertmanager("http://am.example", always(func() *http.Response { return raw(404, "application/json", "") }))
	require.NoError(t, err)
	require.NoError(t, a.end(t.Context(), "00000000-0000-4000-8000-000000000001"))
	a, err = newAlertmanager("http://am.example", always(func() *http.Response { return raw(500, "application/json", `"silence already expired"`) }))
	require.NoError(t, err)
	require.ErrorContains(t, a.end(t.Context(), "x"), "silence already expired")
}

// Whatever is answered in Alertmanager's place: no panic, and nothing in what
// we keep of it that could not be asked for again.
func FuzzWhatAnAlertmanagerAnswers(f *testing.F) {
	f.Add(200, "application/json", `[{"id":"a-1","comment":"c (teamsrelay x)","matchers":[{"name":"a","value":"b","isRegex":true,"isEqual":false}],"status":{"state":"active"}}]`)
	f.Add(200, "application/json", `[{"id":"a-1","comment":"c","matchers":[null,{"name":null}],"status":null,"endsAt":"2026-03-02T12:00:00Z"}]`)
	f.Add(200, "application/json", `{"silenceID":"a-1"}`)
	f.Add(200, "text/html; charset=\xff", "<html>")
	f.Add(400, "application/json", `"no"`)
	f.Add(303, "", "")
	f.Add(204, "application/json", "")
	f.Add(999, "application/json;;", "\x00")
	f.Fuzz(func(t *testing.T, status int, kind, body string) {
		if status < 100 || status > 999 {
			t.Skip() // net/http lets nothing else through
		}
		a, err := newAlertmanager("http://am.example", always(func() *http.Response { return raw(status, kind, body) }))
		require.NoError(t, err)
		check := func(err error) {
			var p *problem
			if err != nil {
				require.True(t, errors.As(err, &p))
				require.NotContains(t, p.words, "\n")
			}
		}
		all, err := a.silences(t.Context())
		check(err)
		for _, k := range all {
			require.Regexp(t, nameOfSilence, k.id)
		}
		id, err := a.make(t.Context(), labels.Matchers{{Name: "a", Value: "b"}}, "Alice", "c", noon, noon.Add(time.Hour))
		check(err)
		require.Equal(t, err == nil, nameOfSilence.MatchString(id))
		check(a.end(t.Context(), "a-1"))
	})
}
