package influxdb

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// carrier answers without a network.
type carrier func(*http.Request) (*http.Response, error)

func (c carrier) RoundTrip(r *http.Request) (*http.Response, error) { return c(r) }

// answering is a carrier that always gives the same answer.
func answering(status int, contentType, body string) carrier {
	return func(r *http.Request) (*http.Response, error) {
		return response(r, status, contentType, body), nil
	}
}

func response(r *http.Request, status int, contentType, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {contentType}},
		Body: io.NopCloser(strings.NewReader(body)), Request: r,
	}
}

func newSource(t *testing.T, cfg Config) *Source {
	t.Helper()
	if cfg.Name == "" {
		cfg.Name = "dc"
	}
	if cfg.URL == "" {
		cfg.URL = "http://influx.example:8086"
	}
	s, err := New(cfg)
	require.NoError(t, err)
	return s
}

func ask(t *testing.T, s *Source, language rules.Language) ([]sample.Sample, error) {
	t.Helper()
	return s.Query(t.Context(), language, "the query")
}

const fluxCSV = "text/csv; charset=utf-8"

func TestQueryAsksAsEachVersionWantsToBeAsked(t *testing.T) {
	for name, c := range map[string]struct {
		cfg      Config
		language rules.Language
		path     string
		auth     string
		body     string
	}{
		"Flux with a token, for 2.x": {
			Config{Token: "s3cret", Org: "my org"}, rules.Flux,
			"/api/v2/query?org=my+org", "Token s3cret", `"query":"the query"`,
		},
		"Flux with user and password, for 1.8": {
			Config{Username: "u", Password: "p:w"}, rules.Flux,
			"/api/v2/query?org=", "Token u:p:w", `"type":"flux"`,
		},
		"Flux without a sign-in": {
			Config{}, rules.Flux, "/api/v2/query?org=", "", `"annotations":["datatype","group","default"]`,
		},
		"Flux behind a path": {
			Config{URL: "https://influx.example/tsdb"}, rules.Flux, "/tsdb/api/v2/query?org=", "", "the query",
		},
		"InfluxQL with user and password, for 1.x": {
			Config{Username: "u", Password: "p", Database: "dc"}, rules.InfluxQL,
			"/query", "Basic dTpw", "db=dc&epoch=ns&q=the+query",
		},
		"InfluxQL with a token, for 2.x and 3": {
			Config{Token: "s3cret", Database: "dc"}, rules.InfluxQL, "/query", "Token s3cret", "db=dc",
		},
		"InfluxQL without a database, as the query names it": {
			Config{URL: "http://influx.example:8086/"}, rules.InfluxQL, "/query", "", "epoch=ns&q=the+query",
		},
	} {
		t.Run(name, func(t *testing.T) {
			asked := false
			c.cfg.Transport = carrier(func(r *http.Request) (*http.Response, error) {
				asked = true
				body, err := io.ReadAll(r.Body)
				require.NoError(t, err)
				require.Equal(t, http.MethodPost, r.Method, "a query in a URL would stand in others' logs")
				require.Equal(t, c.path, r.URL.RequestURI())
				require.Equal(t, c.auth, r.Header.Get("Authorization"))
				require.Contains(t, string(body), c.body)
				require.Contains(t, r.Header.Get("User-Agent"), "teamsrelay")
				if c.language == rules.Flux {
					return response(r, 200, fluxCSV, "\r\n"), nil
				}
				return response(r, 200, "application/json", `{"results":[{"statement_id":0}]}`), nil
			})
			rows, err := ask(t, newSource(t, c.cfg), c.language)
			require.NoError(t, err)
			require.Empty(t, rows)
			require.True(t, asked)
		})
	}
}

// Whoever is on call reads these sentences at night; each must say what is
// wrong and what to do.
func TestErrorsSayWhatIsWrongAndWhatToDo(t *testing.T) {
	refusedByNetwork := carrier(func(*http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	})
	broken := carrier(func(r *http.Request) (*http.Response, error) {
		answer := response(r, 200, fluxCSV, "")
		answer.Body = io.NopCloser(io.MultiReader(strings.NewReader("#datatype,string\n"), failing{io.ErrUnexpectedEOF}))
		return answer, nil
	})
	for name, c := range map[string]struct {
		transport http.RoundTripper
		outcome   string
		words     []string
	}{
		"not running": {refusedByNetwork, outcomeUnreachable, []string{"no connection (connection refused)", "see whether it runs"}},
		"no such name": {
			carrier(func(*http.Request) (*http.Response, error) {
				return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Name: "influx.example", Err: "no such host"}}
			}),
			outcomeUnreachable, []string{"cannot be looked up", "check url"},
		},
		"cut off in the middle":       {broken, outcomeUnreachable, []string{"broke before the answer was whole"}},
		"2.x does not know the token": {answering(401, "application/json", `{"code":"unauthorized","message":"unauthorized access"}`), outcomeAuth, []string{"401: unauthorized access", "check token"}},
		"1.x does not know the user":  {answering(401, "application/json", `{"error":"authorization failed"}`), outcomeAuth, []string{"authorization failed", "username and password"}},
		"1.x without Flux":            {answering(403, "text/plain", "Flux query service disabled. Verify flux-enabled=true in the [http] section of the InfluxDB config."), outcomeAuth, []string{"Flux query service disabled"}},
		"no such bucket":              {answering(404, "application/json", `{"code":"not found","message":"failed to initialize execute state: could not find bucket \"dc\""}`), outcomeRefused, []string{`could not find bucket "dc"`, "check org"}},
		"a query that does not compile": {
			answering(400, "application/json", `{"code":"invalid","message":"compilation failed: error @1:1-1:2: undefined identifier x"}`),
			outcomeRefused, []string{"compilation failed: error @1:1-1:2", "correct the rule"},
		},
		"too many queries":  {answering(429, "application/json", `{"code":"too many requests","message":"exceeded rate limit"}`), outcomeUnavailable, []string{"429", "longer interval"}},
		"starting":          {answering(503, "text/html", "<html>Bad gateway</html>"), outcomeUnavailable, []string{"503: Service Unavailable", "log"}},
		"a web page":        {answering(200, "text/html; charset=utf-8", "<html></html>"), outcomeUnreadable, []string{"a web page answers", "check url"}},
		"a page of no kind": {answering(200, "", "<html>\n<p>Sign in</p>\n"), outcomeUnreadable, []string{"cannot be read"}},
		"a redirect":        {answering(302, "", ""), outcomeUnreadable, []string{"redirect (302), which is not followed", "put the address"}},
		"no content":        {answering(204, "", ""), outcomeRefused, []string{"204"}},
		"a text that wants to be more": {
			answering(500, "application/json", `{"error":"the ](http://evil.example) <b>\u001b[31m and `+strings.Repeat("x", 5000)+`"}`),
			outcomeRefused, []string{"the ] (http", "xx…"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSource(t, Config{Transport: c.transport})
			for _, language := range []rules.Language{rules.Flux, rules.InfluxQL} {
				rows, err := ask(t, s, language)
				require.Error(t, err)
				require.Nil(t, rows)
				var f *failure
				require.ErrorAs(t, err, &f)
				require.Equal(t, c.outcome, f.outcome)
				for _, words := range append(c.words, "InfluxDB dc (influx.example:8086): ", "; ") {
					require.Contains(t, err.Error(), words)
				}
				require.NotContains(t, err.Error(), "/query")
				require.NotContains(t, err.Error(), "\x1b")
				require.Less(t, len(err.Error()), 700)
			}
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// A server that repeats what it was sent must not put it on a card.
func TestSecretsAreNeverInErrors(t *testing.T) {
	for name, cfg := range map[string]Config{
		"token":    {Token: "t0ken-s3cret"},
		"password": {Username: "alice", Password: "pass-s3cret"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, status := range []int{200, 400, 401, 500} {
				for _, language := range []rules.Language{rules.Flux, rules.InfluxQL} {
					cfg.Transport = carrier(func(r *http.Request) (*http.Response, error) {
						said := r.Header.Get("Authorization") + " " + cfg.Token + cfg.Password
						if status == 200 && language == rules.Flux {
							return response(r, 200, fluxCSV, "#datatype,string,string\n#group,true,true\n#default,,\n,error,reference\n,"+said+",\n"), nil
						}
						body, err := json.Marshal(map[string]string{"error": said})
						return response(r, status, "application/json", string(body)), err
					})
					_, err := ask(t, newSource(t, cfg), language)
					require.Error(t, err)
					require.NotContains(t, err.Error(), "s3cret")
					require.NotContains(t, err.Error(), "YWxpY2U6", "the password in the form of basic auth")
					require.Contains(t, err.Error(), "<secret>")
				}
			}
		})
	}
}

// Whoever answers may write a secret in other ways than we do.
func TestSecretsAreFoundHoweverTheyAreWritten(t *testing.T) {
	const token = "tok/with+special=="
	password := Config{Username: "alice", Password: `p"w\d <long>é word`}
	proxy := Config{ProxyURL: "http://me:proxy%2Fsecret@proxy.example:3128"}
	for name, c := range map[string]struct {
		cfg  Config
		said string
		want string
	}{
		"as it is":                                {Config{Token: token}, "bad " + token + "!", "bad <secret>!"},
		"of a query's URL":                        {Config{Token: token}, "bad " + url.QueryEscape(token) + "!", "bad <secret>!"},
		"of a path":                               {Config{Token: token}, "bad " + url.PathEscape(token) + "!", "bad <secret>!"},
		"in small hex digits":                     {Config{Token: token}, "bad tok%2fwith%2bspecial%3d%3d!", "bad <secret>!"},
		"escaped twice":                           {Config{Token: token}, "bad " + url.QueryEscape(url.QueryEscape(token)) + "!", "bad <secret>!"},
		"over two lines":                          {Config{Token: token}, "bad tok/with+\r\n\t special==!", "bad <secret>!"},
		"with what no one sees":                   {Config{Token: token}, "bad tok/with+\u200bspecial==!", "bad <secret>!"},
		"over two lines, in JSON":                 {Config{Token: token}, `bad tok/with+\r\nspecial==!`, "bad <secret>!"},
		"twice":                                   {Config{Token: token}, token + " " + token, "<secret> <secret>"},
		"a password":                              {password, "bad " + password.Password + "!", "bad <secret>!"},
		"a password in JSON":                      {password, "bad " + asJSON(t, password.Password) + "!", "bad <secret>!"},
		"a password in JSON twice":                {password, "bad " + asJSON(t, asJSON(t, password.Password)) + "!", "bad <secret>!"},
		"a password in ASCII JSON":                {password, `bad p\"w\\d \u003Clong\u003e\u00e9 word!`, "bad <secret>!"},
		"a password of a query":                   {password, "bad " + url.QueryEscape(password.Password) + "!", "bad <secret>!"},
		"a password of a user info":               {password, "bad " + url.UserPassword("", password.Password).String()[1:] + "!", "bad <secret>!"},
		"a password in XML":                       {password, "bad p&quot;w\\d &lt;long&gt;&#233; word!", "bad <secret>!"},
		"a password in HTML":                      {password, "bad " + html.EscapeString(password.Password) + "!", "bad <secret>!"},
		"other blanks inside":                     {password, "bad p\"w\\d\n<long>é  word!", "bad <secret>!"},
		"user and password":                       {password, "bad " + base64.StdEncoding.EncodeToString([]byte("alice:"+password.Password)) + "!", "bad <secret>==!"},
		"letters beyond 16 bits":                  {Config{Token: "pass🔑word"}, `bad pass\ud83d\uDD11word!`, "bad <secret>!"},
		"the proxy's":                             {proxy, "bad proxy/secret!", "bad <secret>!"},
		"the proxy's, as in its URL":              {proxy, "bad proxy%2Fsecret!", "bad <secret>!"},
		"the proxy's, as sent":                    {proxy, "bad " + base64.StdEncoding.EncodeToString([]byte("me:proxy/secret")) + "!", "bad <secret>!"},
		"a key as the proxy's user":               {Config{ProxyURL: "http://k3y-of-proxy@proxy.example:3128"}, "bad k3y-of-proxy!", "bad <secret>!"},
		"a proxy's user is a name if it is short": {Config{ProxyURL: "http://me@proxy.example:3128"}, "bad me!", "bad me!"},
		"one that another begins with": {
			Config{Username: "u", Password: "pass", ProxyURL: "http://u:passphrase@proxy.example"}, "bad passphrase!", "bad <secret>!",
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, newSource(t, c.cfg).quote(c.said))
		})
	}
}

func asJSON(t *testing.T, text string) string {
	t.Helper()
	quoted, err := json.Marshal(text)
	require.NoError(t, err)
	return strings.Trim(string(quoted), `"`)
}

// Where a secret cannot be found in words, no words are shown.
func TestOfAShortSecretsConnectionNothingIsQuoted(t *testing.T) {
	for name, cfg := range map[string]Config{
		"password":             {Username: "u", Password: "abc"},
		"password of blanks":   {Username: "u", Password: "a  b  "},
		"token":                {Token: "abc"},
		"a token of no server": {Token: strings.Repeat("abc", 2000)},
		"the proxy's password": {Token: "long enough", ProxyURL: "http://me:abc@proxy.example"},
	} {
		t.Run(name, func(t *testing.T) {
			for status, body := range map[int]string{
				401: "wrong password abc",
				200: `{"error": "wrong password abc"}`,
			} {
				cfg.Transport = answering(status, "text/plain", body)
				_, err := ask(t, newSource(t, cfg), rules.InfluxQL)
				require.ErrorContains(t, err, outbound.NotQuoted)
				require.NotContains(t, err.Error(), "abc")
				require.Contains(t, err.Error(), "; ", "what to do")
			}
			cfg.Transport = answering(502, "text/html", "<html>abc</html>")
			_, err := ask(t, newSource(t, cfg), rules.InfluxQL)
			require.ErrorContains(t, err, "502: Bad Gateway", "our own words may be shown")
			cfg.Transport = answering(200, fluxCSV, "abc\n,result,x\n")
			_, err = ask(t, newSource(t, cfg), rules.Flux)
			require.ErrorContains(t, err, outbound.NotQuoted)
		})
	}
}

// What a proxy says of a sign-in that it does not take may be that sign-in.
func TestOfAProxysSignInNothingIsQuoted(t *testing.T) {
	for _, language := range []rules.Language{rules.Flux, rules.InfluxQL} {
		_, err := ask(t, newSource(t, Config{Transport: answering(407, "text/plain", "the user me may not")}), language)
		require.ErrorContains(t, err, "the proxy does not let us through (407); check proxy_url and its password")
		require.NotContains(t, err.Error(), "may not")
		var f *failure
		require.ErrorAs(t, err, &f)
		require.Equal(t, outcomeUnreachable, f.outcome)
	}
}

// Of megabytes only the beginning is looked through, and it must not end in
// half of a secret.
func TestHalfASecretIsNotShownEither(t *testing.T) {
	s := newSource(t, Config{Token: "t0ken-s3cret"})
	for name, filler := range map[string]string{"blanks": " ", "secrets": "t0ken-s3cret", "words": "word "} {
		for n := range 12 {
			said := s.quote(strings.Repeat(filler, (maxComplaint-n)/len(filler)) + "t0ken-s3cret" + strings.Repeat(".", maxComplaint))
			require.NotContains(t, said, "t0k", name)
		}
	}
	require.Equal(t, "word word", s.quote("word "+strings.Repeat(" ", 100)+"word"))
}

// The token would be handed to whoever the redirect names.
func TestRedirectsAreNotFollowed(t *testing.T) {
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the redirect was followed")
	}))
	defer thief.Close()
	server := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	for _, language := range []rules.Language{rules.Flux, rules.InfluxQL} {
		_, err := ask(t, newSource(t, Config{URL: server.URL, Token: "s3cret"}), language)
		require.ErrorContains(t, err, "redirect (307)")
	}
}

func TestASlowInfluxDBIsGivenUpAtTheTimeout(t *testing.T) {
	release := make(chan struct{})
	for name, handler := range map[string]http.HandlerFunc{
		"before the answer": func(http.ResponseWriter, *http.Request) { <-release },
		"in the middle of it": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", fluxCSV)
			fmt.Fprint(w, "#datatype,string,long\n")
			w.(http.Flusher).Flush()
			<-release
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(handler)
			s := newSource(t, Config{URL: server.URL, Timeout: 50 * time.Millisecond})
			for _, language := range []rules.Language{rules.Flux, rules.InfluxQL} {
				_, err := ask(t, s, language)
				require.ErrorContains(t, err, "no answer within 50ms")
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				_, err = s.Query(ctx, language, "the query")
				require.Equal(t, context.Canceled, err, "who stops us must not look like a broken InfluxDB")
			}
		})
	}
	close(release)
}

// A query that returns everything there is must not take the memory of the
// program that tells people about it.
func TestAnswersHaveALimit(t *testing.T) {
	head := "#datatype,string,long,double\n#group,false,false,false\n#default,_result,,\n,result,table,_value\n"
	for name, c := range map[string]struct {
		language rules.Language
		body     func(w io.Writer)
		words    string
	}{
		"Flux, rows": {rules.Flux, func(w io.Writer) {
			io.WriteString(w, head)
			many(w, ",,0,1\n", 1001)
		}, "more than 1000 rows"},
		"Flux, bytes": {rules.Flux, func(w io.Writer) {
			io.WriteString(w, head+",,0,\"")
			many(w, strings.Repeat("x", 1<<10), 2<<10)
		}, "more than 2 MiB"},
		"InfluxQL, rows": {rules.InfluxQL, func(w io.Writer) {
			io.WriteString(w, `{"results":[{"series":[{"columns":["a"],"values":[[1]`)
			many(w, ",[1]", 1000)
			io.WriteString(w, `]}]}]}`)
		}, "more than 1000 rows"},
		"InfluxQL, bytes": {rules.InfluxQL, func(w io.Writer) {
			io.WriteString(w, `{"results":[{"error":"`)
			many(w, strings.Repeat("x", 1<<10), 2<<10)
		}, "more than 2 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			// Packed, because a few kilobytes can unpack to all memory.
			var packed bytes.Buffer
			w := gzip.NewWriter(&packed)
			c.body(w)
			require.NoError(t, w.Close())
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Accept-Encoding") == "gzip" {
					w.Header().Set("Content-Encoding", "gzip")
				}
				w.Header().Set("Content-Type", fluxCSV)
				w.Write(packed.Bytes())
			}))
			defer server.Close()
			s := newSource(t, Config{URL: server.URL})
			require.NotZero(t, s.maxRows)
			require.NotZero(t, s.maxBytes)
			s.maxRows, s.maxBytes = 1000, 2<<20 // or this would take long
			_, err := ask(t, s, c.language)
			require.ErrorContains(t, err, "the answer has "+c.words)
			require.ErrorContains(t, err, "let the query aggregate")
		})
	}
}

func many(w io.Writer, s string, n int) {
	for range n {
		io.WriteString(w, s)
	}
}

func TestALanguageThatIsNoneIsAnError(t *testing.T) {
	_, err := ask(t, newSource(t, Config{}), "sql")
	require.ErrorContains(t, err, `no InfluxDB speaks "sql"`)
}
