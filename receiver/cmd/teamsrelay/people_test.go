package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

func TestSubscriptionsAreMadeAndRemovedFromTheCommandLine(t *testing.T) {
	_, url := receiver(t)
	t.Setenv("TEAMSRELAY_URL", url)
	got := say(t, "subscriptions", "add", "ops", `team="dba"`, `severity=~"critical|warning"`)
	require.Equal(t, result{0, "ops gets team=\"dba\", severity=~\"critical|warning\" (subscription " + alert.ShortID(1) + ")\n", ""}, got)
	got = say(t, "subscriptions", "add", "ops")
	require.Equal(t, "ops gets everything (subscription "+alert.ShortID(2)+")\n", got.out)
	got = say(t, "subscriptions", "add", "nobody", `team="dba"`)
	require.Equal(t, 1, got.code)
	require.Equal(t, "teamsrelay: there is no destination \"nobody\"; use one of ops\n", got.err)
	require.Contains(t, say(t, "subscriptions", "add", "ops", "the database").err, "is no matcher; write")

	got = say(t, "subscriptions")
	require.Regexp(t, `(?m)^ID +DESTINATION +NAME +BY +SINCE +MATCHERS\n`+alert.ShortID(2)+` +ops .* everything\n`+alert.ShortID(1)+` +ops .* team="dba", severity=~"critical\|warning"\n$`, got.out)
	var listed struct{ Subscriptions []web.Subscription }
	require.NoError(t, json.Unmarshal([]byte(say(t, "subscriptions", "list", "--output", "json").out), &listed))
	require.Len(t, listed.Subscriptions, 2)
	require.Equal(t, orAPI(whoami()), listed.Subscriptions[0].By, "whoever wonders who did it finds them")

	got = say(t, "subscriptions", "remove", alert.ShortID(1), "zzzz")
	require.Equal(t, 1, got.code, "one of them could not be removed")
	require.Equal(t, "1 removed\n", got.out)
	require.Contains(t, got.err, "there is no subscription zzzz")
	got = say(t, "subscriptions", "remove", "zzzz")
	require.Equal(t, 1, got.code)
	require.NotContains(t, say(t, "subscriptions", "remove", "1").err, "/api/", "there is a command that lists them")
	require.Empty(t, got.out, "a number beside the error reads as if something had been done")

	got = say(t, "audit", "--what=unsubscribe")
	require.Regexp(t, `(?m)^AT +WHO +WHAT +TARGET +ABOUT +FROM +BEFORE +AFTER\n.* unsubscribe +`+alert.ShortID(1)+` +- +api 127\.0\.0\.1 +ops: team="dba" severity=~"critical\|warning" +-\n$`, got.out)
	require.Equal(t, 4, strings.Count(say(t, "audit", "list", "--since=1h").out, "\n"), "a header and three actions")
	got = say(t, "audit", "list", "--who=nobody")
	require.Equal(t, 1, strings.Count(got.out, "\n"))
	require.Equal(t, "The audit has no such lines.\n", got.err)
	got = say(t, "audit", "list", "--what=silenced")
	require.Equal(t, 1, got.code, "an auditor would take a table without lines for an answer")
	require.Contains(t, got.err, "the audit has no such action; use one of ack, unack, silence")
	require.Zero(t, say(t, "audit", "list", "--what=refused:resolve").code)
}

func orAPI(who string) string {
	if who == "" {
		return "api"
	}
	return who
}

func TestTheAuditIsAskedForWhatTheFlagsSay(t *testing.T) {
	r := newRemote(t)
	for args, want := range map[string]url.Values{
		"audit":                       {"limit": {"50"}},
		"audit list --who=Alice":      {"limit": {"50"}, "who": {"Alice"}},
		"audit list --what=ack":       {"limit": {"50"}, "action": {"ack"}},
		"audit list --limit=7":        {"limit": {"7"}},
		"audit list --what=refused:x": {"limit": {"50"}, "action": {"refused:x"}},
	} {
		require.Zero(t, say(t, append(strings.Fields(args), "--relay.url="+r.URL)...).code, args)
		last := r.requests[len(r.requests)-1]
		require.Equal(t, "/api/v1/audit", last.URL.Path)
		require.Equal(t, want, last.URL.Query(), args)
	}
	before := time.Now().Add(-2 * time.Hour).Truncate(time.Second)
	require.Zero(t, say(t, "audit", "--since=2h", "--relay.url="+r.URL).code)
	since, err := time.Parse(time.RFC3339, r.requests[len(r.requests)-1].URL.Query().Get("since"))
	require.NoError(t, err)
	require.WithinRange(t, since, before, time.Now().Add(-2*time.Hour))
}

// A comment is written by anybody in Teams, and read in a terminal by whoever
// may stop the receiver.
func TestWhatPeopleWroteStaysInItsCell(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"audit": []web.Audit{{Who: "Al\x1b[2Jice", Action: "comment", About: "Down\nweb\x1b[2J-3", After: "one\ntwo\tthree\u202efour"}}})
	}))
	defer site.Close()
	got := say(t, "audit", "--relay.url="+site.URL)
	require.Zero(t, got.code, got.err)
	require.Equal(t, 2, strings.Count(got.out, "\n"))
	require.Contains(t, got.out, "Al [2Jice")
	require.Contains(t, got.out, "one two three four")
	require.Contains(t, got.out, "Down web [2J-3")
	for _, sign := range []string{"\x1b", "\u202e", "\t"} {
		require.NotContains(t, got.out, sign, fmt.Sprintf("%q", sign))
	}
}

// posting answers send-test with posts, of which those of a round stand in one
// element; the last is answered again and again.
func posting(t *testing.T, rounds ...[]web.Post) string {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var answer any = web.Test{Group: 7}
		if r.URL.Path == "/api/v1/alerts/"+alert.ShortID(7)+"/posts" {
			answer = map[string]any{"posts": rounds[0]}
			if len(rounds) > 1 {
				rounds = rounds[1:]
			}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(site.Close)
	return site.URL
}

// A destination that somebody has to mend is left alone: nothing is tried, and
// who tests it must not wait for that, or read that it is being tried.
func TestATestOfADestinationThatIsLeftAloneSaysSo(t *testing.T) {
	url := posting(t, []web.Post{{ID: 5, State: "dead", Reason: "not_installed", Message: "the destination is broken: the app is not there"}})
	got := say(t, "send-test", "sre", "--timeout=1m", "--relay.url="+url)
	require.Equal(t, 1, got.code)
	require.Equal(t, "Sent to sre …\nnot delivered: not_installed: the destination is broken: the app is not there (when that is mended: teamsrelay dead-letters replay 5)\n", got.out)
}

// Each of ten people may be told at another time, and one of them never.
func TestATestOfADestinationOfPeopleSaysWhatCameOfEach(t *testing.T) {
	sent := &web.Delivery{State: "delivered", TookMS: 12}
	alice, bob, carol := web.Post{ID: 1, Who: "alice@contoso.com"}, web.Post{ID: 2, Who: "bob@contoso.com"}, web.Post{ID: 3, Who: "carol@contoso.com"}
	with := func(p web.Post, state, message string, last *web.Delivery) web.Post {
		p.State, p.Message, p.Last = state, message, last
		return p
	}
	group := web.Post{ID: 9, State: "due", Message: "Its members are being read."}
	url := posting(t,
		nil,
		[]web.Post{group},
		[]web.Post{with(carol, "due", "The app is being installed for them.", nil), with(bob, "due", "", nil), with(alice, "shown", "", sent)},
		[]web.Post{with(carol, "due", "The app is being installed for them.", nil), with(bob, "due", "", nil), with(alice, "shown", "", sent)},
		[]web.Post{with(carol, "waiting", "x", &web.Delivery{State: "retry", Attempt: 1, Reason: "throttled", Message: "Teams asked for patience."}), with(bob, "dead", "Nobody is called that.", nil), with(alice, "shown", "", sent)},
		[]web.Post{with(carol, "shown", "", sent), with(bob, "dead", "Nobody is called that.", nil), with(alice, "shown", "", sent)},
	)
	got := say(t, "send-test", "oncall", "--relay.url="+url)
	require.Equal(t, 1, got.code, "Bob was not told")
	require.Equal(t, `Sent to oncall …
Its members are being read.
carol@contoso.com: The app is being installed for them.
alice@contoso.com: delivered after 12.0 ms
carol@contoso.com: attempt 1: throttled: Teams asked for patience.
bob@contoso.com: not delivered: : Nobody is called that. (when that is mended: teamsrelay dead-letters replay 2)
carol@contoso.com: delivered after 12.0 ms
`, got.out, "what was said is not said again")

	url = posting(t, []web.Post{with(alice, "shown", "", sent), with(bob, "shown", "", sent)})
	require.Zero(t, say(t, "send-test", "oncall", "--relay.url="+url).code)
	url = posting(t, []web.Post{with(alice, "shown", "", sent), with(bob, "due", "", nil)})
	got = say(t, "send-test", "oncall", "--timeout=1ms", "--relay.url="+url)
	require.Equal(t, 1, got.code)
	require.Contains(t, got.out, "nothing final of 1 after 1ms; it goes on being tried, see teamsrelay users list --destination=oncall\n")
}

func TestAnInstallationIsWaitedForLongerThanAMessage(t *testing.T) {
	require.Equal(t, 30*time.Second, patienceFor([]web.Post{{State: "due"}}, 0))
	require.Equal(t, 3*time.Minute, patienceFor([]web.Post{{State: "shown", Who: "a"}, {State: "due", Who: "b"}}, 0))
	require.Equal(t, 30*time.Second, patienceFor([]web.Post{{State: "waiting", Who: "a", Last: &web.Delivery{}}}, 0), "there is a chat already")
	require.Equal(t, 30*time.Second, patienceFor([]web.Post{{State: "dead", Who: "a"}}, 0))
	require.Equal(t, time.Second, patienceFor([]web.Post{{State: "due", Who: "b"}}, time.Second), "who says how long means it")
}
