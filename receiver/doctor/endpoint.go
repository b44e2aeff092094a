package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

const (
	// endpointPath is where the receiver takes activities.
	endpointPath = "/api/messages"
	// notAToken is sent to see whether a proxy hands on the header that Teams'
	// token comes in.
	notAToken = "Bearer teamsrelay-doctor"
	// certificateSoonOver is how long before its end the certificate of the
	// endpoint is worth a word: what renews by itself has done so by then.
	certificateSoonOver = 14 * 24 * time.Hour
)

const whyEndpoint = "Teams sends every press, command and installation there. Without it buttons do nothing."

func withoutPublicURL(e *examination) string {
	switch {
	case e.PublicURL != "":
		return ""
	case e.Config != nil && !e.microsoft.Configured():
		return withoutBot(e)
	}
	return "Where Teams sends activities is not in the configuration. --public-url=https://HOST" + endpointPath + ", as in " +
		path(e.where.azure, "Azure Bot", "the bot", "Configuration", "Messaging endpoint") + ", examines it."
}

// knock is what came of a request to the endpoint.
type knock struct {
	trouble teams.Outcome // why there was no answer; Kind 0: there was one
	status  int
	to      string // the host that a redirect names
	page    bool
	bearer  bool   // the answer asks for a bearer token
	said    string // the error of our own form; "": it is not of that form
	ends    time.Time
	private bool // the address of the host is none of the internet's
}

// examineEndpoint knocks at the endpoint without a token, as anybody can, and
// with something that is none.
func examineEndpoint(ctx context.Context, e *examination) {
	u, wrong := endpointURL(e.PublicURL)
	if wrong.What != "" {
		e.say(wrong)
		return
	}
	client, err := e.client()
	if err != nil {
		e.say(Finding{About: u.Host, Result: Failed, What: sentence(err.Error()), Do: "Correct HTTPS_PROXY in the environment."})
		return
	}
	first := e.knock(ctx, client, u, "")
	f, ours := e.judgeEndpoint(u, first)
	e.say(f)
	if !ours || e.microsoft.InsecureLocal {
		return
	}
	if f, ok := e.judgeEnds(u, first.ends); ok {
		e.say(f)
	}
	if first.private {
		e.say(Finding{
			About: u.Host, Result: Warning, What: "Seen from here, the name leads to an address that is none of the internet's.",
			Why: "Microsoft calls from the internet. If your name server says something else to the world, all is well.",
			Do:  "Ask a name server outside: nslookup " + u.Hostname() + " 8.8.8.8. Then write to the bot in Teams.",
		})
	}
	e.say(judgeHeader(u, first, e.knock(ctx, client, u, notAToken)))
}

// endpointURL reads --public-url, or says what is wrong with it. What is wrong
// may hold a secret, so it is not repeated.
func endpointURL(text string) (*url.URL, Finding) {
	wrong := func(what, do string) (*url.URL, Finding) {
		return nil, Finding{About: "--public-url", Result: Failed, What: what, Why: whyEndpoint, Do: do}
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return wrong("This is not a URL.", "Write it like https://relay.example.com"+endpointPath+".")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return wrong("It holds more than a host and a path.", "Microsoft needs no name, password or query there: write it like https://relay.example.com"+endpointPath+".")
	case u.Scheme == "http" && !outbound.IsLoopback(u.Hostname()):
		return wrong("It is http, and Teams sends to https only.", "Put a certificate in front of teamsrelay (sample-configs/bot/README.md, The way in) and write https://.")
	case u.Path != endpointPath:
		return wrong("Its path is not "+endpointPath+".", "teamsrelay takes activities at "+endpointPath+". The URL here and the one in Azure must be the same to the letter; a proxy in between may rewrite another path.")
	}
	return u, Finding{}
}

func (e *examination) knock(ctx context.Context, client *http.Client, u *url.URL, authorization string) knock {
	attempt, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var k knock
	attempt = httptrace.WithClientTrace(attempt, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		k.private = private(info.Conn.RemoteAddr())
	}})
	request, err := http.NewRequestWithContext(attempt, http.MethodPost, u.String(), strings.NewReader("{}"))
	if err != nil { // endpointURL has read it
		return knock{trouble: teams.Outcome{Kind: teams.Retry, Message: "The URL cannot be asked for."}}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "teamsrelay")
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	if proxied(request) {
		k.private = false
	}
	response, err := client.Do(request)
	if err != nil {
		k.trouble = connection(u.Host).Failure(ctx, attempt, err, false)
		return k
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer)) // half of it is not of our form
	k.status, k.page = response.StatusCode, isPage(response.Header, body)
	k.bearer = response.Header.Get("WWW-Authenticate") == "Bearer"
	if to, err := response.Location(); err == nil {
		k.to = to.Scheme + "://" + to.Host
	}
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &said) == nil {
		k.said = teams.Printable(teams.WithoutURLs(said.Error), 200)
	}
	if response.TLS != nil && len(response.TLS.PeerCertificates) > 0 {
		k.ends = response.TLS.PeerCertificates[0].NotAfter
	}
	return k
}

// proxied says whether a request goes through a proxy, whose address says
// nothing about the endpoint.
func proxied(r *http.Request) bool {
	proxy, err := http.ProxyFromEnvironment(r)
	return err == nil && proxy != nil
}

// private says whether an address is none of the internet's.
func private(addr net.Addr) bool {
	parsed, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return false
	}
	ip := parsed.Addr().Unmap()
	return ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast()
}

// judgeEndpoint is what the answer to a request without a token means, and
// whether it was our own receiver that answered.
func (e *examination) judgeEndpoint(u *url.URL, k knock) (Finding, bool) {
	failed := func(what, do string) (Finding, bool) {
		return Finding{About: u.Host, Result: Failed, What: what, Why: whyEndpoint, Do: do}, false
	}
	configured := path(e.where.azure, "Azure Bot", "the bot", "Configuration", "Messaging endpoint")
	switch {
	case k.trouble.Kind != 0 && k.trouble.Reason == teams.TLS:
		return failed(k.trouble.Message, "Teams takes only a certificate that the world trusts, with all that stand between it and its authority: in nginx ssl_certificate is the file fullchain.pem, not cert.pem. Try it from another network, too.")
	case k.trouble.Kind != 0:
		return failed(k.trouble.Message, "See that the name is in the public DNS, that port "+port(u)+" is open from the internet, and that "+configured+" has this URL.")
	case strings.Contains(k.said, "insecure_local"):
		return failed("A receiver answers that runs with insecure_local, which takes nothing from outside.", "Remove insecure_local from its configuration; see the configuration above.")
	case e.microsoft.InsecureLocal && outbound.IsLoopback(u.Hostname()) && k.status == http.StatusBadRequest && k.said != "":
		return Finding{About: u.Host, Result: OK, What: "Our receiver answers. With insecure_local only this machine reaches it."}, true
	case k.status == http.StatusUnauthorized && k.bearer && strings.Contains(k.said, "Authorization"):
		return Finding{About: u.Host, Result: OK, What: "Our receiver answers, and refuses who has no token. This was asked from here; that Microsoft reaches it shows when somebody writes to the bot in Teams. " + configured + " must have this URL to the letter."}, true
	case k.status == http.StatusServiceUnavailable && k.said != "":
		return Finding{About: u.Host, Result: Warning, What: fmt.Sprintf("Our receiver answers, and cannot take activities now (503): %s.", strings.TrimSuffix(k.said, ".")), Why: whyEndpoint, Do: "Look into its log."}, false
	case k.status == http.StatusUnauthorized || k.status == http.StatusProxyAuthRequired:
		return failed(fmt.Sprintf("Somebody before our receiver wants a sign-in (%d).", k.status), "Let the proxy hand POST "+endpointPath+" to teamsrelay without a sign-in of its own: Microsoft has no other than its token.")
	case k.status >= 300 && k.status < 400:
		to := k.to
		if to == "" {
			to = "nowhere"
		}
		return failed(fmt.Sprintf("The answer is a redirect (%d) to %s, which Teams does not follow.", k.status, to), "Write the URL to which it leads into "+configured+", or let the proxy answer at this one.")
	case k.status == http.StatusNotFound:
		return failed("Nothing is at this path (404), and it was not our receiver who said so.", "Let the proxy hand on "+endpointPath+" with its whole path, to the port of --public.listen-address (3978).")
	case k.status == http.StatusMethodNotAllowed:
		return failed("POST is not taken there (405).", "Let the proxy hand on POST, to the port of --public.listen-address (3978); a static website answers like this.")
	case k.status == http.StatusForbidden:
		return failed("A firewall or a proxy refuses us (403); our receiver would have said 401.", "Let it take POST "+endpointPath+" from anywhere. Microsoft's addresses change; who may talk to the bot is decided by the token.")
	case k.status >= 500:
		return failed(fmt.Sprintf("A proxy answers %d: it does not reach our receiver.", k.status), "See that teamsrelay serve runs with this configuration, and that the proxy leads to its --public.listen-address (port 3978, http).")
	case k.page:
		return failed(fmt.Sprintf("A web page answers (%d), not our receiver.", k.status), "Let the proxy hand on "+endpointPath+" to the port of --public.listen-address (3978).")
	}
	return failed(fmt.Sprintf("Somebody answers %d who is not our receiver.", k.status), "See that the name leads to this receiver and that the proxy hands on "+endpointPath+" to the port of --public.listen-address (3978).")
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return "443"
}

// judgeEnds is what there is to say of the endpoint's certificate; false:
// nothing. One that has ended does not come so far.
func (e *examination) judgeEnds(u *url.URL, ends time.Time) (Finding, bool) {
	if ends.IsZero() || e.Now().Add(certificateSoonOver).Before(ends) {
		return Finding{}, false
	}
	return Finding{
		About: u.Host, Result: Warning, What: fmt.Sprintf("Its certificate ends on %s.", day(ends)),
		Why: whyEndpoint, Do: "See why it was not renewed (certbot renew --dry-run, or whoever renews yours).",
	}, true
}

// judgeHeader compares what was said to a request without a token and to one
// with something that is none: if both are told that the header is missing,
// somebody in between has taken it away.
func judgeHeader(u *url.URL, without, with knock) Finding {
	f := Finding{About: u.Host, Result: OK, What: "The header Authorization arrives, with which Teams proves who it is."}
	switch {
	case with.trouble.Kind != 0 || with.said == "":
		return Finding{About: u.Host, Result: Warning, What: "Whether the header Authorization arrives could not be seen.", Why: "Teams' token comes in it.", Do: "Try once more."}
	case with.said == without.said:
		return Finding{
			About: u.Host, Result: Failed, What: "The header Authorization does not arrive: a proxy takes it away.",
			Why: "Teams' token comes in it, so everything from Teams is refused with 401.",
			Do:  "Let the proxy hand it on. nginx does by itself, unless proxy_set_header Authorization stands there; on Apache set CGIPassAuth or ProxyPass without mod_auth.",
		}
	}
	return f
}

// NoReceiver says that no receiver answers here, which is no mistake: it may
// run elsewhere, or not yet.
type NoReceiver struct{ Err error }

func (n *NoReceiver) Error() string { return n.Err.Error() }

func withoutReceiver(e *examination) string {
	if e.Ready == nil {
		return "No receiver was asked."
	}
	return ""
}

// examineReceiver asks the receiver whether it is ready.
func examineReceiver(ctx context.Context, e *examination) {
	err := e.Ready(ctx)
	var none *NoReceiver
	switch {
	case err == nil:
		e.ok("", "It runs and is ready. teamsrelay users list and teamsrelay destinations list say how it is with each.")
	case errors.As(err, &none):
		e.skip(sentence(err.Error()))
	default:
		e.say(Finding{
			Result: Failed, What: sentence(err.Error()), Why: "A receiver that is not ready takes no alerts.",
			Do: "Look into its log.",
		})
	}
}
