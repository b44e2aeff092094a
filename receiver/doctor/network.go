package doctor

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

const (
	// requestTimeout is how long one request may take, from the dial to the end
	// of the answer.
	requestTimeout = 10 * time.Second
	// maxAnswer is how much of an answer is read, in bytes: enough to see what
	// it is.
	maxAnswer = 64 << 10
	proxyHint = "HTTPS_PROXY"
	trusted   = "this machine's trusted certificates"
)

// host is one of Microsoft's that must be reachable.
type host struct {
	name string // as in URLs
	is   string // what it is for
	// url is asked without a token. What answers need not like it.
	url   string
	lost  string // what is not there without it
	why   string
	pages bool // the host may answer with web pages of its own
}

// hosts are those that this configuration leads to.
func (e *examination) hosts() []host {
	where := e.microsoft.Auth().Where()
	var all []host
	add := func(base, path string, h host) {
		u, err := url.Parse(base)
		if err != nil || u.Host == "" {
			return
		}
		h.name, h.url = u.Host, strings.TrimRight(base, "/")+path
		all = append(all, h)
	}
	if !e.microsoft.InsecureLocal {
		tenant := e.microsoft.TenantID
		if tenant == "" {
			tenant = "organizations"
		}
		add(where.Login, "/"+url.PathEscape(tenant)+"/v2.0/.well-known/openid-configuration", host{
			is: "Microsoft's sign-in", lost: signInHost, why: "Without it there is no token, and without a token nothing goes to Teams.",
		})
	}
	if withoutGraph(e) == "" {
		add(where.Graph, "/v1.0/users", host{
			is: "Microsoft Graph", lost: graphHost, why: "Without it nobody can be found who has not talked to the bot yet.",
		})
	}
	add(where.ServiceURL, "/v3/conversations", host{
		is: "Teams", lost: serviceHost, why: "Every card of the bot goes there.", pages: true,
	})
	if !e.microsoft.InsecureLocal {
		add(where.BotOpenIDMetadata, "", host{
			is: "the keys of Teams", why: "Without them no activity from Teams can be checked, so no button and no command works.",
		})
	}
	return all
}

// answer is what came of asking a host.
type answer struct {
	host
	trouble string // why there was none; "": there was one
	status  int
	page    bool // it was a web page
	date    time.Time
	asked   time.Time // our time in the middle between request and answer
	// issuer is who vouches for the host's certificate; "" without TLS.
	issuer string
}

// examineNetwork asks all hosts at once and tells of them in their order.
func examineNetwork(ctx context.Context, e *examination) {
	client, err := e.client()
	if err != nil {
		e.say(Finding{Result: Failed, What: sentence(err.Error()), Do: "Correct HTTPS_PROXY in the environment."})
		return
	}
	all := e.hosts()
	e.answers = make([]answer, len(all))
	var asking sync.WaitGroup
	for i, h := range all {
		asking.Go(func() { e.answers[i] = e.ask(ctx, client, h) })
	}
	asking.Wait()
	for _, a := range e.answers {
		f := judgeHost(a)
		if f.Result == Failed && a.lost != "" {
			e.lose(a.lost)
		}
		e.say(f)
	}
}

// client makes requests without tokens, and follows no redirects.
func (e *examination) client() (*http.Client, error) {
	transport := e.Transport
	if transport == nil {
		own, err := outbound.Transport("", promconfig.TLSConfig{})
		if err != nil {
			return nil, err
		}
		own.MaxResponseHeaderBytes = maxAnswer
		own.OnProxyConnectResponse = teams.ProxyAnswer
		own.DisableKeepAlives = true
		transport = own
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

func (e *examination) ask(ctx context.Context, client *http.Client, h host) answer {
	a := answer{host: h}
	attempt, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(attempt, http.MethodGet, h.url, nil)
	if err != nil { // config has checked it
		a.trouble = "Its URL cannot be asked for."
		return a
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "teamsrelay")
	before := e.Now()
	response, err := client.Do(request)
	if err != nil {
		a.trouble = connection(h.name).Failure(ctx, attempt, err, false).Message
		return a
	}
	defer response.Body.Close()
	after := e.Now()
	a.asked = before.Add(after.Sub(before) / 2)
	a.status = response.StatusCode
	// Half a page is a page, too.
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	a.page = isPage(response.Header, body)
	if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		a.date = date
	}
	if response.TLS != nil && len(response.TLS.VerifiedChains) > 0 {
		a.issuer = issuerOf(response.TLS.VerifiedChains[0])
	}
	return a
}

func connection(host string) teams.Connection {
	if u, err := url.Parse("//" + host); err == nil {
		host = u.Hostname()
	}
	return teams.Connection{Host: host, Timeout: requestTimeout, Proxy: proxyHint, CA: trusted, Repeatable: true}
}

// isPage tells a web page, which no interface of Microsoft's answers with.
func isPage(header http.Header, body []byte) bool {
	start := strings.ToLower(string(bytes.TrimSpace(body[:min(len(body), 256)])))
	return strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html") ||
		strings.HasPrefix(header.Get("Content-Type"), "text/html") && start != ""
}

// issuerOf is the organization at the top of a chain of certificates.
func issuerOf(chain []*x509.Certificate) string {
	top := chain[len(chain)-1].Subject
	if len(top.Organization) > 0 {
		return teams.Printable(top.Organization[0], 100)
	}
	return teams.Printable(top.CommonName, 100)
}

// microsoftsIssuers are the authorities that Microsoft's hosts have
// certificates of, by words in their names. Another one is no mistake: it is
// said, so that somebody can know it.
var microsoftsIssuers = []string{"microsoft", "digicert", "baltimore", "globalsign", "entrust", "verisign"}

// judgeHost is what an answer of a host means.
func judgeHost(a answer) Finding {
	f := Finding{About: a.name, Result: Failed, Why: a.why}
	const letThrough = "Ask whoever runs the network to let this machine reach it on port 443, without a sign-in page and without opening TLS. A proxy goes into HTTPS_PROXY in the environment of teamsrelay."
	switch {
	case a.trouble != "":
		f.What = a.trouble
		f.Do = letThrough
	case a.page && (!a.pages || a.status < 400):
		f.What = fmt.Sprintf("A web page answers (%d) instead of %s: a proxy or a sign-in page stands in between.", a.status, a.is)
		f.Do = letThrough
	case a.status >= 300 && a.status < 400:
		f.What = fmt.Sprintf("The answer is a redirect (%d), which %s does not give and we do not follow.", a.status, a.is)
		f.Do = letThrough
	case a.status == http.StatusProxyAuthRequired:
		f.What = teams.ProxySignIn(proxyHint)
		f.Do = letThrough
	case a.status >= 500:
		f.Result = Warning
		f.What = fmt.Sprintf("%s can be reached and has a bad time (%d).", capital(a.is), a.status)
		f.Do = "Try again later; status.cloud.microsoft says what Microsoft knows of it."
	default:
		f = Finding{About: a.name, Result: OK, What: capital(a.is) + " can be reached."}
		if a.issuer != "" && !knownIssuer(a.issuer) {
			f.What += fmt.Sprintf(" Its certificate is from %q: if that is a proxy of yours, it opens TLS and reads along.", a.issuer)
		}
	}
	return f
}

func knownIssuer(issuer string) bool {
	for _, known := range microsoftsIssuers {
		if strings.Contains(strings.ToLower(issuer), known) {
			return true
		}
	}
	return false
}
