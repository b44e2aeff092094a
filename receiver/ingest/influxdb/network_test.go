package influxdb

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/rules"
)

// empty answers every query with no rows.
var empty = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/query" {
		fmt.Fprint(w, `{"results":[{}]}`)
		return
	}
	w.Header().Set("Content-Type", fluxCSV)
})

func TestTLSIsCheckedAndItsTroubleIsNamed(t *testing.T) {
	server := httptest.NewUnstartedServer(empty)
	server.Config.ErrorLog = nil
	server.TLS = &tls.Config{}
	server.StartTLS()
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	plain := httptest.NewServer(empty)
	defer plain.Close()

	for name, c := range map[string]struct {
		cfg   Config
		words string
	}{
		"an authority that nobody told us of": {Config{URL: server.URL}, "an authority that this machine does not know; put that authority's certificate into tls_config.ca_file"},
		"the authority is known":              {Config{URL: server.URL, TLS: promconfig.TLSConfig{CAFile: ca}}, ""},
		"another name":                        {Config{URL: server.URL, TLS: promconfig.TLSConfig{CAFile: ca, ServerName: "other.invalid"}}, "its certificate is for another name"},
		"not checked, as the file says":       {Config{URL: server.URL, TLS: promconfig.TLSConfig{InsecureSkipVerify: true}}, ""},
		"https where http is spoken":          {Config{URL: "https" + plain.URL[len("http"):]}, "does not speak TLS on this port; write http instead of https"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSource(t, c.cfg)
			for _, language := range []rules.Language{rules.Flux, rules.InfluxQL} {
				_, err := ask(t, s, language)
				if c.words == "" {
					require.NoError(t, err)
					continue
				}
				require.ErrorContains(t, err, c.words)
			}
		})
	}
}

func TestQueriesGoThroughTheProxy(t *testing.T) {
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Host)
		if r.Method == http.MethodConnect {
			http.Error(w, "not this way", http.StatusForbidden)
			return
		}
		empty(w, r)
	}))
	defer proxy.Close()
	_, err := ask(t, newSource(t, Config{URL: "http://influx.invalid:8086", ProxyURL: proxy.URL}), rules.Flux)
	require.NoError(t, err)
	require.Equal(t, []string{"influx.invalid:8086"}, asked)

	_, err = ask(t, newSource(t, Config{URL: "https://influx.invalid:8086", ProxyURL: proxy.URL}), rules.Flux)
	require.ErrorContains(t, err, "the proxy does not let us through (403)")

	proxy.Close()
	_, err = ask(t, newSource(t, Config{URL: "https://influx.invalid:8086", ProxyURL: proxy.URL}), rules.Flux)
	require.ErrorContains(t, err, "the proxy cannot be reached; check proxy_url")
}

// The proxy of the environment has a password too. The library reads the
// environment once, so this needs a process of its own.
func TestThePasswordOfTheEnvironmentsProxyIsASecretToo(t *testing.T) {
	if os.Getenv("HTTP_PROXY") == "http://me:proxysecret@proxy.invalid:3128" {
		require.Equal(t, "bad <secret>", newSource(t, Config{URL: "http://influx.invalid"}).quote("bad proxysecret"))
		return
	}
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	again.Env = append(os.Environ(), "HTTP_PROXY=http://me:proxysecret@proxy.invalid:3128", "NO_PROXY=", "no_proxy=")
	out, err := again.CombinedOutput()
	require.NoError(t, err, string(out))
}

func TestAPortThatNobodyListensAtIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	s := newSource(t, Config{URL: "http://" + l.Addr().String(), Timeout: 10 * time.Second})
	for _, language := range []rules.Language{rules.Flux, rules.InfluxQL} {
		_, err := ask(t, s, language)
		require.ErrorContains(t, err, "no connection (connection refused); see whether it runs")
	}
}

// What the server does after its answer is too large must not hold us up.
func TestAnAnswerThatIsGivenUpIsNotReadToItsEnd(t *testing.T) {
	gone := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", fluxCSV)
		fmt.Fprint(w, "#datatype,string,long,double\n,result,table,_value\n")
		many(w, ",,0,1\n", 11)
		w.(http.Flusher).Flush()
		<-r.Context().Done() // says no more, and does not end either
		close(gone)
	}))
	defer server.Close()
	s := newSource(t, Config{URL: server.URL, Timeout: time.Hour})
	s.maxRows = 10
	_, err := ask(t, s, rules.Flux)
	require.ErrorContains(t, err, "more than 10 rows")
	<-gone
}

func TestAComplaintThatDoesNotEndIsCutShort(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		for r.Context().Err() == nil {
			fmt.Fprint(w, "trouble ")
		}
	}))
	defer server.Close()
	_, err := ask(t, newSource(t, Config{URL: server.URL, Timeout: time.Hour}), rules.InfluxQL)
	require.ErrorContains(t, err, "500: trouble trouble")
}

func TestAHeaderThatIsTooLargeIsNotRead(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Much", strings.Repeat("x", 64<<10))
		w.Header().Set("Content-Type", fluxCSV)
		fmt.Fprint(w, "#datatype,string,long,double\n,result,table,_value\n,,0,1\n")
	}))
	defer server.Close()
	_, err := ask(t, newSource(t, Config{URL: server.URL, Timeout: time.Hour}), rules.Flux)
	require.ErrorContains(t, err, "the connection broke before the answer was whole")
}
