package events

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/ingest"
)

// bench is a handler with one source, and what it did.
type bench struct {
	*Handler
	taken   []ingest.Snapshot
	refused []int
	log     bytes.Buffer
	fail    func(ingest.Snapshot) error
}

func newBench(t *testing.T, c Config) *bench {
	b := &bench{}
	s := source(t, c)
	b.Handler = &Handler{
		Source: func(name string) *Source {
			if name == s.name {
				return s
			}
			return nil
		},
		Snapshot: func(_ context.Context, snapshot ingest.Snapshot) error {
			if b.fail != nil {
				if err := b.fail(snapshot); err != nil {
					return err
				}
			}
			b.taken = append(b.taken, snapshot)
			return nil
		},
		Now:     func() time.Time { return now },
		Logger:  slog.New(slog.NewTextHandler(&b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Refused: func(status int) { b.refused = append(b.refused, status) },
	}
	return b
}

// send sends a request to the handler as a listener would.
func (b *bench) send(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return b.do(r)
}

func (b *bench) do(r *http.Request) *httptest.ResponseRecorder {
	mux := http.NewServeMux()
	mux.Handle("/events/{source}", b.Handler)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w
}

// explained are the error and the hint of an answer.
func explained(t *testing.T, w *httptest.ResponseRecorder) (what, hint string) {
	t.Helper()
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	var answer struct{ Error, Hint string }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	require.NotEmpty(t, answer.Error)
	require.NotEmpty(t, answer.Hint, "an error says what to do next")
	return answer.Error, answer.Hint
}

func TestAnEventIsTakenByPostPutAndGet(t *testing.T) {
	for _, c := range []struct{ method, target, body string }{
		{"POST", "/events/shop", `{"event":"down","host":"h1"}`},
		{"PUT", "/events/shop", `{"event":"down","host":"h1"}`},
		{"GET", "/events/shop?event=down&host=h1", ""},
	} {
		b := newBench(t, Config{Preset: "generic"})
		w := b.send(c.method, c.target, c.body)
		require.Equal(t, http.StatusOK, w.Code, c.method)
		require.Equal(t, "{}\n", w.Body.String())
		require.Len(t, b.taken, 1)
		require.Equal(t, "h1", b.taken[0].Alerts[0].Labels["host"])
		require.JSONEq(t, `{"event":"down","host":"h1"}`, string(b.taken[0].Alerts[0].Event))
		require.Empty(t, b.refused)
	}
	b := newBench(t, Config{Mapping: Mapping{Annotations: map[string]string{"tags": ".tag"}}})
	require.Equal(t, http.StatusOK, b.send("GET", "/events/shop?tag=a&tag=b", "").Code)
	require.JSONEq(t, `["a","b"]`, b.taken[0].Alerts[0].Annotations["tags"], "a parameter that is there twice is a list")
}

func TestWhatIsRefusedAndWhatToDoAboutIt(t *testing.T) {
	big := httptest.NewRequest("POST", "/events/shop", strings.NewReader(`{}`))
	big.ContentLength = 100 << 20
	for _, c := range []struct {
		name   string
		r      *http.Request
		status int
		words  string
	}{
		{"an unknown source", httptest.NewRequest("POST", "/events/other", strings.NewReader(`{}`)), 404, `there is no event source "other"`},
		{"no JSON", httptest.NewRequest("POST", "/events/shop", strings.NewReader(`alert!`)), 400, "the body is not JSON"},
		{"nothing", httptest.NewRequest("POST", "/events/shop", nil), 400, "the body is empty"},
		{"a GET without parameters", httptest.NewRequest("GET", "/events/shop", nil), 400, "no query parameters"},
		{"another method", httptest.NewRequest("DELETE", "/events/shop", nil), 405, "not sent with DELETE"},
		{"100 MB", big, 413, "the body is over 10 MiB"},
		{"100 MB whose size nobody said", httptest.NewRequest("POST", "/events/shop", struct{ io.Reader }{io.LimitReader(zeros{}, 100<<20)}), 413, "the body is over 10 MiB"},
		{"a status that nobody knows", httptest.NewRequest("POST", "/events/shop", strings.NewReader(`{"status":"limbo"}`)), 400, `mapping.status: "limbo" is not a status`},
		{"a field of another kind", httptest.NewRequest("POST", "/events/shop", strings.NewReader(`{"host":"h"}`)), 400, "mapping.labels.host: expected an object but got: string"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, Config{Mapping: Mapping{Status: ".status", Labels: map[string]string{"host": ".host.name"}}})
			w := b.do(c.r)
			require.Equal(t, c.status, w.Code)
			what, _ := explained(t, w)
			require.Contains(t, what, c.words)
			require.Equal(t, []int{c.status}, b.refused)
			require.Empty(t, b.taken)
		})
	}
}

// zeros is a body without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

func TestAPageInABrowserCannotSendEvents(t *testing.T) {
	const browser = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36"
	for name, c := range map[string]struct {
		method string
		header []string
		status int
	}{
		"an image in a page of another site":             {"GET", []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		"a link in a mail":                               {"GET", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate"}, http.StatusForbidden},
		"a form":                                         {"POST", []string{"Origin", "http://evil.example"}, http.StatusForbidden},
		"a page without an origin":                       {"POST", []string{"Origin", "null"}, http.StatusForbidden},
		"a page whose name was pointed at this machine":  {"POST", []string{"Origin", "http://shop.example", "Sec-Fetch-Site", "same-origin"}, http.StatusForbidden},
		"an image, where the browser says only its name": {"GET", []string{"User-Agent", browser}, http.StatusForbidden},
		"a program":                                      {"GET", []string{"User-Agent", "curl/8.14.1"}, http.StatusOK},
		"a script in PowerShell":                         {"GET", []string{"User-Agent", "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.20348.2849"}, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, Config{Preset: "generic"})
			require.Equal(t, c.status, b.send(c.method, "/events/shop?a=b", `{"a":"b"}`, c.header...).Code)
			require.Equal(t, c.status == http.StatusOK, len(b.taken) > 0)
		})
	}
}

func TestASelectionThatTellsNothingIsTaken(t *testing.T) {
	b := newBench(t, Config{Mapping: Mapping{When: ".x"}})
	require.Equal(t, http.StatusOK, b.send("POST", "/events/shop", `{"y":"odd one"}`).Code)
	require.Empty(t, b.taken)
	require.Contains(t, b.log.String(), "level=DEBUG")
	require.Contains(t, b.log.String(), "odd one")
}

func TestWhatCannotBeStoredIsSentAgain(t *testing.T) {
	b := newBench(t, Config{Preset: "generic"})
	b.fail = func(ingest.Snapshot) error { return errors.New("disk full at /var/lib") }
	w := b.send("POST", "/events/shop", `{"a":"b"}`)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
	what, _ := explained(t, w)
	require.NotContains(t, what, "/var/lib", "what is wrong with our disk is not the sender's to know")
	require.Contains(t, b.log.String(), "disk full")
	require.Equal(t, []int{503}, b.refused)
}

func TestABodyThatBreaksOffIsSentAgain(t *testing.T) {
	b := newBench(t, Config{Preset: "generic"})
	w := b.do(httptest.NewRequest("POST", "/events/shop", io.MultiReader(strings.NewReader(`{"a":`), broken{})))
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestOneEventThatFailsDoesNotCostTheOthersOfItsBody(t *testing.T) {
	body := `[{"id":1,"status":"down"},{"id":2,"status":"limbo"},{"id":3,"status":"up"}]`
	mapping := Mapping{Key: ".id", Status: ".status"}

	b := newBench(t, Config{Mapping: mapping})
	w := b.send("POST", "/events/shop", body)
	require.Equal(t, http.StatusBadRequest, w.Code)
	what, hint := explained(t, w)
	require.Contains(t, what, "event 1: mapping.status")
	require.Contains(t, hint, "2 other events of this request were taken")
	require.Len(t, b.taken, 2)

	b = newBench(t, Config{Mapping: mapping})
	b.fail = func(s ingest.Snapshot) error {
		if strings.HasSuffix(s.Origin, "1") {
			return errors.New("busy")
		}
		return nil
	}
	w = b.send("POST", "/events/shop", body)
	require.Equal(t, http.StatusServiceUnavailable, w.Code, "what can become right counts more than what cannot")
	require.Len(t, b.taken, 1, "what comes behind is tried: not everybody sends again")
}

func TestTheLogHasABodyAtDebugOnlyAndNoSecretEver(t *testing.T) {
	b := newBench(t, Config{Token: "topsecret", Mapping: Mapping{Labels: map[string]string{"x": ".private.x"}}})
	w := b.send("POST", "/events/shop?key=inquery", `{"private":"my card number topsecret","token":"topsecret"}`,
		"Authorization", "Bearer topsecret", "X-Other", "my header")
	require.Equal(t, http.StatusBadRequest, w.Code)
	what, _ := explained(t, w)
	require.Contains(t, what, "my card", "the sender gets jq's error")
	logged := b.log.String()
	require.NotContains(t, logged, "topsecret")
	require.NotContains(t, logged, "my header")
	require.NotContains(t, logged, "inquery")
	for line := range strings.Lines(logged) {
		if strings.Contains(line, "my card") {
			require.Contains(t, line, "level=DEBUG")
		}
	}
	require.Contains(t, logged, "my card number")
	require.Contains(t, logged, "mapping.labels.x failed on an event")
}

// sign is a signature of a body in hexadecimal digits.
func sign(h func() hash.Hash, secret, body string) string {
	mac := hmac.New(h, []byte(secret))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

func TestWhoMaySendEvents(t *testing.T) {
	const body = `{"a": "b"}`
	good := sign(sha256.New, "s3cret", body)
	token, basic := Config{Token: "t0ken"}, Config{BasicUser: "butler", BasicPassword: "pa:ss"}
	signed, own := Config{HMACSecret: "s3cret"}, Config{HMACSecret: "s3cret", HMACHeader: "x-my-signature"}
	for _, c := range []struct {
		name    string
		config  Config
		headers []string
		status  int
	}{
		{"nobody is asked", Config{}, nil, 200},
		{"the token", token, []string{"Authorization", "Bearer t0ken"}, 200},
		{"the token with other letters in the scheme", token, []string{"Authorization", "bearer t0ken"}, 200},
		{"no token", token, nil, 401},
		{"another token", token, []string{"Authorization", "Bearer t0kem"}, 401},
		{"a token that begins like it", token, []string{"Authorization", "Bearer t0ke"}, 401},
		{"the token with another scheme", token, []string{"Authorization", "Token t0ken"}, 401},
		{"the token without its scheme", token, []string{"Authorization", "t0ken"}, 401},
		{"the token as a password", token, []string{"Authorization", "Basic dDB0ZW46dDBrZW4="}, 401},
		{"name and password", basic, []string{"Authorization", "Basic YnV0bGVyOnBhOnNz"}, 200}, // butler:pa:ss
		{"another password", basic, []string{"Authorization", "Basic YnV0bGVyOnBh"}, 401},      // butler:pa
		{"another name", basic, []string{"Authorization", "Basic QnV0bGVyOnBhOnNz"}, 401},      // Butler:pa:ss
		{"torn basic auth", basic, []string{"Authorization", "Basic %%%"}, 401},
		{"no basic auth", basic, nil, 401},
		{"GitHub's signature", signed, []string{"X-Hub-Signature-256", "sha256=" + good}, 200},
		{"Jira's signature", signed, []string{"X-Hub-Signature", "sha256=" + good}, 200},
		{"Sentry's signature", signed, []string{"Sentry-Hook-Signature", good}, 200},
		{"Qlik Cloud's signature", signed, []string{"Qlik-Signature", good}, 200},
		{"Grafana's signature", signed, []string{"X-Grafana-Alerting-Signature", good}, 200},
		{"a signature in capitals", signed, []string{"X-Hub-Signature-256", "SHA256=" + strings.ToUpper(good)}, 200},
		{"SHA-1 where GitHub had it", signed, []string{"X-Hub-Signature", "sha1=" + sign(sha1.New, "s3cret", body)}, 200},
		{"SHA-1 elsewhere", signed, []string{"X-Hub-Signature-256", "sha1=" + sign(sha1.New, "s3cret", body)}, 401},
		{"SHA-1 that says it is SHA-256", signed, []string{"X-Hub-Signature", "sha256=" + sign(sha1.New, "s3cret", body)}, 401},
		{"an algorithm that nobody knows", signed, []string{"X-Hub-Signature", "md5=" + good}, 401},
		{"a signature of another body", signed, []string{"X-Hub-Signature-256", "sha256=" + sign(sha256.New, "s3cret", body+" ")}, 401},
		{"a signature with another secret", signed, []string{"X-Hub-Signature-256", "sha256=" + sign(sha256.New, "other", body)}, 401},
		{"an empty signature", signed, []string{"X-Hub-Signature-256", "sha256="}, 401},
		{"half a signature", signed, []string{"X-Hub-Signature-256", "sha256=" + good[:32]}, 401},
		{"no digits", signed, []string{"X-Hub-Signature-256", "sha256=zz"}, 401},
		{"a wrong signature before a right one", signed, []string{"X-Hub-Signature-256", "sha256=00", "X-Hub-Signature", "sha256=" + good}, 401},
		{"no signature", signed, nil, 401},
		{"a token where a signature is wanted", signed, []string{"Authorization", "Bearer s3cret"}, 401},
		{"a header of our own", own, []string{"X-My-Signature", good}, 200},
		{"the usual header where another is wanted", own, []string{"X-Hub-Signature-256", "sha256=" + good}, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.config.Preset = "generic"
			b := newBench(t, c.config)
			w := b.send("POST", "/events/shop", body, c.headers...)
			require.Equal(t, c.status, w.Code, w.Body)
			require.Len(t, b.taken, map[int]int{200: 1, 401: 0}[c.status])
			if c.status == 401 {
				require.NotEmpty(t, w.Header().Get("WWW-Authenticate"), "RFC 9110 wants it")
				what, hint := explained(t, w)
				for _, secret := range []string{"t0ken", "pa:ss", "s3cret", good} {
					require.NotContains(t, what+hint+b.log.String(), secret)
				}
			}
		})
	}
}

func TestABodyIsNotReadForThoseWhoHaveNoToken(t *testing.T) {
	b := newBench(t, Config{Preset: "generic", Token: "t"})
	r := httptest.NewRequest("POST", "/events/shop", unread{t})
	require.Equal(t, http.StatusUnauthorized, b.do(r).Code)
}

type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestAGetCannotBeSigned(t *testing.T) {
	b := newBench(t, Config{Preset: "generic", HMACSecret: "s"})
	w := b.send("GET", "/events/shop?a=b", "", "X-Hub-Signature-256", "sha256="+sign(sha256.New, "s", ""))
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
	what, hint := explained(t, w)
	require.Contains(t, what, "a GET has no body to sign")
	require.Contains(t, hint, "POST")
	require.Equal(t, "POST, PUT", w.Header().Get("Allow"))
}

func TestAPublicListenerTakesNothingOfSourcesThatAskNobody(t *testing.T) {
	b := newBench(t, Config{Preset: "generic"})
	b.Public = true
	w := b.send("POST", "/events/shop", `{"a":"b"}`)
	require.Equal(t, http.StatusUnauthorized, w.Code)
	_, hint := explained(t, w)
	require.Contains(t, hint, "only sources with a token")
	require.Empty(t, b.taken)

	b = newBench(t, Config{Preset: "generic", Token: "t"})
	b.Public = true
	require.Equal(t, http.StatusOK, b.send("POST", "/events/shop", `{"a":"b"}`, "Authorization", "Bearer t").Code)
}

func TestCredentialsThatMakeNoSenseAreReported(t *testing.T) {
	for _, c := range []struct {
		name   string
		config Config
		field  string
	}{
		{"two kinds", Config{Token: "t", HMACSecret: "s"}, ""},
		{"three kinds", Config{Token: "t", HMACSecret: "s", BasicUser: "u", BasicPassword: "p"}, ""},
		{"a name without a password", Config{BasicUser: "u"}, "basic_auth"},
		{"a password without a name", Config{BasicPassword: "p"}, "basic_auth"},
		{"a name with a colon", Config{BasicUser: "a:b", BasicPassword: "p"}, "basic_auth.username"},
		{"a header without a secret", Config{HMACHeader: "X-Sig"}, "hmac"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.config.Name = "shop"
			s, problems := New(c.config)
			require.Nil(t, s, "it would ask for something else than was meant")
			require.Len(t, problems, 1)
			require.Equal(t, c.field, problems[0].Field)
			require.NotEmpty(t, problems[0].Do)
		})
	}
	for _, c := range []Config{{Token: "t"}, {HMACSecret: "s"}, {BasicUser: "u", BasicPassword: "p"}} {
		require.True(t, source(t, c).Authenticated())
	}
}

func TestManySendersAtOnce(t *testing.T) {
	b := newBench(t, Config{Preset: "butler", Token: "t"})
	var mu sync.Mutex
	origins := map[string]int{}
	b.Snapshot = func(_ context.Context, s ingest.Snapshot) error {
		mu.Lock()
		defer mu.Unlock()
		origins[s.Origin]++
		return nil
	}
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() {
			for _, body := range []string{
				`{"event":"Qlik Sense reload failed","taskName":"t"}`, // known by nothing but itself
				`{"event":"Windows service monitor","host":"h","serviceName":"s","serviceStatus":"STOPPED"}`,
				`{"@type":"MessageCard","text":"x"}`,
			} {
				if w := b.send("POST", "/events/shop", body, "Authorization", "Bearer t"); w.Code != http.StatusOK {
					t.Errorf("%d: %s", w.Code, w.Body)
				}
			}
		})
	}
	senders.Wait()
	require.Len(t, origins, 3, "eight who tell the same tell one story")
	for origin, times := range origins {
		require.Equal(t, 8, times, origin)
	}
}

func TestARestlessSenderOfEventsDoesNotFillTheLogWhileNothingCanBeStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{Preset: "generic"})
		b.fail = func(ingest.Snapshot) error { return errors.New("the disk is full") }
		for range 100 {
			require.Equal(t, http.StatusServiceUnavailable, b.send("POST", "/events/shop", `{"a":"b"}`).Code)
		}
		require.Equal(t, 1, strings.Count(b.log.String(), "the disk is full"), b.log.String())
		require.Len(t, b.refused, 100)
	})
}
