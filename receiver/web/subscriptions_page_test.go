package web

import (
	"context"
	"errors"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

// visitor is a browser without scripts that has the page open.
type visitor struct {
	*site
	cookie *http.Cookie
	csrf   string
}

var hiddenCSRF = regexp.MustCompile(`name="csrf_token" value="([^"]*)"`)

// visits opens the page, changed as the test likes.
func (s *site) visits(change ...func(*http.Request)) *visitor {
	s.t.Helper()
	w := s.ask("GET", "/subscriptions", "", change...)
	require.Equal(s.t, 200, w.Code)
	cookies := w.Result().Cookies()
	require.Len(s.t, cookies, 1)
	found := hiddenCSRF.FindStringSubmatch(w.Body.String())
	require.Len(s.t, found, 2, "the page has no form")
	return &visitor{site: s, cookie: cookies[0], csrf: found[1]}
}

// sends sends a form of the page, changed as the test likes.
func (v *visitor) sends(path string, fields url.Values, change ...func(*http.Request)) *httptest.ResponseRecorder {
	form := url.Values{csrfField: {v.csrf}}
	for name, values := range fields {
		form[name] = values
	}
	return v.ask("POST", path, form.Encode(), append([]func(*http.Request){func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.AddCookie(v.cookie)
	}}, change...)...)
}

func (s *site) subscribed() []store.Subscription {
	s.t.Helper()
	var rows []store.Subscription
	require.NoError(s.t, s.store.View(s.t.Context(), func(tx store.Tx) (err error) {
		rows, err = tx.Subscriptions("")
		return err
	}))
	return rows
}

// pages has the site serve its pages and nothing else, with other options.
func (s *site) pages(change func(*Options)) {
	o := Options{
		Engine: s.engine, Store: s.store, Logger: slog.New(slog.DiscardHandler), AdminToken: func() string { return token },
		Subscriptions: func() []config.Subscription { return nil },
	}
	change(&o)
	mux := http.NewServeMux()
	(&server{Options: o}).pages(mux)
	s.handler = mux
}

// blind is a store that cannot be read.
type blind struct{ store.Store }

func (blind) View(context.Context, func(store.Tx) error) error { return store.ErrUnavailable }

func elsewhere(r *http.Request) { r.RemoteAddr = "192.0.2.7:50000" }

func TestThePageAddsAndRemovesASubscription(t *testing.T) {
	s := newSite(t)
	v := s.visits()
	w := v.sends("/subscriptions", url.Values{"destination": {"dba"}, "matchers": {" team=\"dba\"\r\n\r\nsite=~\"fra.*\"\r\n"}, "who": {"Alice \n Example"}})
	require.Equal(t, http.StatusSeeOther, w.Code, "loading the page again must not send the form again")
	id := alert.ShortID(1)
	require.Equal(t, "./subscriptions?added="+id, w.Header().Get("Location"))
	rows := s.subscribed()
	require.Len(t, rows, 1)
	require.Equal(t, []string{`team="dba"`, `site=~"fra.*"`}, rows[0].Matchers)

	page := s.ask("GET", w.Header().Get("Location")[1:], "").Body.String()
	require.Contains(t, page, "Added: "+id)
	require.Contains(t, page, `action="./subscriptions/`+id+`/remove"`)
	require.Contains(t, page, "by Alice Example")
	require.Contains(t, html.UnescapeString(page), `<code>site=~"fra.*"</code>`)

	w = v.sends("/subscriptions", url.Values{"destination": {"dba"}, "matchers": {"team=\"dba\"\nsite=~\"fra.*\""}})
	require.Equal(t, "./subscriptions?known="+id, w.Header().Get("Location"), "who presses twice has one subscription")
	require.Contains(t, s.ask("GET", "/subscriptions?known="+id, "").Body.String(), "That is there already: "+id)

	w = v.sends("/subscriptions/"+id+"/remove", url.Values{"who": {"Bob"}})
	require.Equal(t, http.StatusSeeOther, w.Code)
	require.Equal(t, "./../../subscriptions?removed="+id, w.Header().Get("Location"))
	require.Empty(t, s.subscribed())
	require.Contains(t, s.ask("GET", "/subscriptions?removed="+id, "").Body.String(), "Removed: "+id)

	var lines []string
	for _, l := range s.lines("") {
		lines = append(lines, strings.Join([]string{l.Action, l.Who, l.Target, l.From, l.Before, l.After}, "|"))
	}
	const what = `dba: team="dba" site=~"fra.*"`
	require.Equal(t, []string{
		"unsubscribe|Bob|" + id + "|page 127.0.0.1|" + what + "|",
		"subscribe|Alice Example|" + id + "|page 127.0.0.1||" + what,
	}, lines, "the audit says of the page what it says of the API")
}

func TestWhatThePageCannotDoIsSaidWhereItWasTyped(t *testing.T) {
	const typed = `not a <matcher> & "more"`
	withToken := func(token string) url.Values {
		return url.Values{"destination": {"dba"}, "matchers": {typed}, "who": {"Alice"}, "admin_token": {token}}
	}
	for name, c := range map[string]struct {
		path   string
		fields url.Values
		change []func(*http.Request)
		status int
		said   string
	}{
		"a matcher that is none":       {"/subscriptions", withToken(""), nil, 400, "is no matcher"},
		"more matchers than are taken": {"/subscriptions", url.Values{"destination": {"dba"}, "matchers": {strings.Repeat("a=b\n", 33)}}, nil, 400, "more than 32"},
		"no destination":               {"/subscriptions", url.Values{"matchers": {`a="b"`}}, nil, 404, "choose a destination"},
		"a destination that is gone":   {"/subscriptions", url.Values{"destination": {"old"}}, nil, 404, "choose a destination"},
		"another csrf token":           {"/subscriptions", url.Values{"destination": {"dba"}, "matchers": {typed}, "csrf_token": {strings.Repeat("A", csrfLength)}}, nil, 403, "Press the button again"},
		"no csrf token":                {"/subscriptions", url.Values{"destination": {"dba"}, "csrf_token": nil}, nil, 403, "Press the button again"},
		"no cookie":                    {"/subscriptions", withToken(""), []func(*http.Request){func(r *http.Request) { r.Header.Del("Cookie") }}, 403, "Press the button again"},
		"an empty cookie": {"/subscriptions", url.Values{"csrf_token": {""}}, []func(*http.Request){func(r *http.Request) {
			r.Header.Set("Cookie", csrfCookie+"=")
		}}, 403, "Press the button again"},
		"from elsewhere without the admin token":        {"/subscriptions", withToken(""), []func(*http.Request){elsewhere}, 403, "needs the admin token"},
		"from elsewhere with another token":             {"/subscriptions", withToken("guessed-" + token), []func(*http.Request){elsewhere}, 403, "is not the admin token"},
		"with the token in the query":                   {"/subscriptions?admin_token=" + token, url.Values{"destination": {"dba"}, "matchers": {typed}}, []func(*http.Request){elsewhere}, 403, "needs the admin token"},
		"through a proxy on this machine":               {"/subscriptions", withToken(""), []func(*http.Request){func(r *http.Request) { r.Header.Set("X-Forwarded-For", "192.0.2.1") }}, 403, "needs the admin token"},
		"by a name that was pointed at loopback":        {"/subscriptions", withToken(""), []func(*http.Request){func(r *http.Request) { r.Host = "evil.example:9097" }}, 403, "needs the admin token"},
		"more than anybody types":                       {"/subscriptions", url.Values{"destination": {"dba"}, "matchers": {strings.Repeat("x", maxForm)}}, nil, 413, "more than 64 KiB"},
		"a form that came damaged":                      {"/subscriptions?%zz", withToken(""), nil, 400, "came damaged"},
		"removing what there is not":                    {"/subscriptions/" + alert.ShortID(77) + "/remove", nil, nil, 404, "There is no subscription"},
		"removing what is no id":                        {"/subscriptions/x/remove", nil, nil, 404, "There is no subscription"},
		"removing from elsewhere without a token":       {"/subscriptions/" + alert.ShortID(1) + "/remove", nil, []func(*http.Request){elsewhere}, 403, "needs the admin token"},
		"removing with another csrf token":              {"/subscriptions/" + alert.ShortID(1) + "/remove", url.Values{"csrf_token": {"x"}}, nil, 403, "Press the button again"},
		"from a page of another site":                   {"/subscriptions", withToken(token), []func(*http.Request){func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }}, 403, "cross-origin"},
		"from another port of this machine":             {"/subscriptions", withToken(token), []func(*http.Request){func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }}, 403, "cross-origin"},
		"from another site by a browser that says less": {"/subscriptions", withToken(token), []func(*http.Request){func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "https://evil.example") }}, 403, "cross-origin"},
		"removing from a page of another site":          {"/subscriptions/" + alert.ShortID(1) + "/remove", url.Values{"admin_token": {token}}, []func(*http.Request){func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }}, 403, "cross-origin"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			v := s.visits()
			require.Equal(t, 303, v.sends("/subscriptions", url.Values{"destination": {"ops"}, "matchers": {`there="already"`}}).Code)
			before := s.done()
			w := v.sends(c.path, c.fields, c.change...)
			require.Equal(t, c.status, w.Code, w.Body)
			body := w.Body.String()
			require.Contains(t, html.UnescapeString(body), c.said)
			require.Len(t, s.subscribed(), 1)
			require.Equal(t, before, s.done(), "nothing was done, so nobody did it")
			require.NotContains(t, body, token)
			if text := c.fields.Get("matchers"); text == typed && c.said != "cross-origin" && c.said != "came damaged" {
				require.Contains(t, body, "not a &lt;matcher&gt; &amp; &#34;more&#34;</textarea>", "nobody types it twice")
				require.Contains(t, body, `<option value="dba" selected>`)
			}
		})
	}
}

func TestTheAdminTokenIsAskedForWhereItIsNeeded(t *testing.T) {
	s := newSite(t)
	require.NotContains(t, s.ask("GET", "/subscriptions", "").Body.String(), "admin_token")
	w := s.ask("GET", "/subscriptions", "", elsewhere)
	require.Contains(t, w.Body.String(), `<input type="password" name="admin_token"`)
	header := func(r *http.Request) { elsewhere(r); r.Header.Set(AdminTokenHeader, token) }
	require.NotContains(t, s.ask("GET", "/subscriptions", "", header).Body.String(), "admin_token", "a proxy gives it already")

	v := s.visits(elsewhere)
	fields := url.Values{"destination": {"dba"}, "matchers": {"nonsense"}, "admin_token": {token}}
	w = v.sends("/subscriptions", fields, elsewhere)
	require.Equal(t, 400, w.Code, "the token is right, the matcher is not")
	require.NotContains(t, w.Body.String(), token, "a page that is left open must not give the token away")
	require.Empty(t, w.Result().Cookies(), "nor may the browser keep it")

	fields.Set("matchers", `team="dba"`)
	w = v.sends("/subscriptions", fields, elsewhere)
	require.Equal(t, 303, w.Code)
	require.NotContains(t, w.Header().Get("Location"), token)
	require.Equal(t, "page 192.0.2.7", s.lines("")[0].From)
	require.Equal(t, "admin token", s.lines("")[0].Who)
	require.Equal(t, 303, v.sends("/subscriptions/"+alert.ShortID(1)+"/remove", url.Values{"admin_token": {token}}, elsewhere).Code)
	require.Empty(t, s.subscribed())
}

func TestWithoutAnAdminTokenThePageIsForReadingElsewhere(t *testing.T) {
	s := newSite(t)
	v := s.visits()
	s.pages(func(o *Options) { o.AdminToken = func() string { return "" } })
	page := s.ask("GET", "/subscriptions", "", elsewhere).Body.String()
	require.NotContains(t, page, "<form")
	require.Contains(t, page, "admin_token_file")
	for _, given := range []string{"", "x"} {
		w := v.sends("/subscriptions", url.Values{"destination": {"dba"}, "admin_token": {given}}, elsewhere)
		require.Equal(t, 403, w.Code, "no token must not be the same as an empty one")
		require.Contains(t, w.Body.String(), "set admin_token_file")
	}
	require.Empty(t, s.subscribed())
	require.Equal(t, 303, v.sends("/subscriptions", url.Values{"destination": {"dba"}}).Code, "over loopback it is as ever")
}

func TestThePageListsAllSubscriptions(t *testing.T) {
	s := newSite(t)
	who := group.Person{Name: "Alice"}
	keep := func(c store.Conversation, by group.Person, matchers ...string) {
		t.Helper()
		require.NoError(t, s.store.Update(t.Context(), func(tx store.Tx) error {
			return errors.Join(tx.SaveConversation(&c), tx.SaveSubscription(&store.Subscription{
				Address: botframework.AddressID(c.ID), Name: c.Name, Matchers: matchers, By: by, At: s.engine.Now(),
			}))
		}))
	}
	keep(store.Conversation{ID: "19:sre@thread.tacv2", Kind: store.Channel, Name: "sre", TeamName: "Operations", Installed: true}, who, `team="sre"`)
	keep(store.Conversation{ID: "19:left@thread.tacv2", Kind: store.Channel, Name: "left"}, who)
	keep(store.Conversation{ID: "19:old@thread.tacv2", Kind: store.Channel, Name: "old", Installed: true, Blocked: "the channel was deleted"}, who)
	keep(store.Conversation{ID: "a:alice", Kind: store.Personal, Name: "Alice", Installed: true}, who)
	require.NoError(t, s.store.Update(t.Context(), func(tx store.Tx) error {
		return tx.SaveSubscription(&store.Subscription{Address: "workflow:gone", Name: "gone", By: who, At: s.engine.Now()})
	}))

	page := html.UnescapeString(s.ask("GET", "/subscriptions", "").Body.String())
	section := func(after, before string) string {
		t.Helper()
		_, rest, ok := strings.Cut(page, after)
		require.True(t, ok, after)
		part, _, ok := strings.Cut(rest, before)
		require.True(t, ok, before)
		return part
	}
	sre := section(`<h2>sre</h2>`, "</li>")
	require.Contains(t, sre, `<code>team="sre"</code>`)
	require.Contains(t, sre, "by Alice")
	require.Contains(t, sre, `<time datetime="`)
	require.NotContains(t, sre, "Gets nothing")
	require.Contains(t, section(`<h2>left</h2>`, "</li>"), "Gets nothing: the app is not installed there now")
	require.Contains(t, section(`<h2>old</h2>`, "</li>"), "Gets nothing: the channel was deleted")
	require.Contains(t, section(`<h2>Alice</h2>`, "</li>"), "everything")
	require.Contains(t, section(`<h2>gone</h2>`, "</li>"), "not in the configuration any more")

	file := section("In the configuration file</h2>", "</section>")
	require.Contains(t, file, `<code>team="dba"</code>`)
	require.Contains(t, file, "not editable here")
	require.NotContains(t, file, "<form")

	choice := section("<select", "</select>")
	for _, conversation := range []string{"19:sre@thread.tacv2", "19:old@thread.tacv2", "a:alice"} {
		require.Contains(t, choice, `<option value="`+botframework.DestinationOf(conversation)+`">`)
	}
	require.Contains(t, choice, ">Operations › sre · ")
	require.Contains(t, choice, `<option value="ops">ops</option>`)
	require.NotContains(t, choice, botframework.DestinationOf("19:left@thread.tacv2"), "nothing can be sent there")
	require.Equal(t, 3, strings.Count(choice, "<optgroup"), "the file's, channels, people; there is no group chat")
}

func TestThePageGoesOnWithOlderSubscriptions(t *testing.T) {
	s := newSite(t)
	require.NoError(t, s.store.Update(t.Context(), func(tx store.Tx) error {
		for range defaultLimit + 1 {
			if err := tx.SaveSubscription(&store.Subscription{Address: "a", Name: "a", By: group.Person{Name: "Alice"}, At: s.engine.Now()}); err != nil {
				return err
			}
		}
		return nil
	}))
	page := s.ask("GET", "/subscriptions", "").Body.String()
	require.Equal(t, defaultLimit, strings.Count(page, "/remove\""))
	require.Contains(t, page, "subscriptions?before=2")
	older := s.ask("GET", "/subscriptions?before=2", "").Body.String()
	require.Equal(t, 1, strings.Count(older, "/remove\""))
	require.Contains(t, older, `id="`+alert.ShortID(1)+`"`)
	require.NotContains(t, older, "before=")
	require.Equal(t, defaultLimit, strings.Count(s.ask("GET", "/subscriptions?before=x", "").Body.String(), "/remove\""))
}

// Names come from Teams and matchers from whoever typed them.
func TestStrangersWordsAreTextOnThePage(t *testing.T) {
	s := newSite(t)
	const bad = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	require.NoError(t, s.store.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(
			tx.SaveConversation(&store.Conversation{ID: "19:x@thread.tacv2", Kind: store.Channel, Name: bad, TeamName: bad, Installed: true, Blocked: bad}),
			tx.SaveSubscription(&store.Subscription{
				Address: botframework.AddressID("19:x@thread.tacv2"), Name: bad, Matchers: []string{`a="` + bad + `"`}, By: group.Person{Name: bad}, At: s.engine.Now(),
			}),
		)
	}))
	v := s.visits()
	answers := []*httptest.ResponseRecorder{
		s.ask("GET", "/subscriptions", ""),
		s.ask("GET", "/subscriptions?added="+url.QueryEscape(bad)+"&removed="+url.QueryEscape(bad)+"&known="+url.QueryEscape(bad)+"&before="+url.QueryEscape(bad), ""),
		v.sends("/subscriptions", url.Values{"destination": {bad}, "matchers": {"</textarea>" + bad}, "who": {bad}}),
		v.sends("/subscriptions/"+url.PathEscape(bad)+"/remove", url.Values{"who": {bad}}),
		v.sends("/subscriptions/"+alert.ShortID(1)+"/remove", url.Values{"who": {bad}, "csrf_token": {"x"}}),
		v.sends("/subscriptions", url.Values{"destination": {"ops"}}, func(r *http.Request) {
			r.Header.Set("Cookie", csrfCookie+`=<script>alert(1)</script>A`) // of the right length
		}),
	}
	for _, w := range answers {
		body := w.Body.String()
		require.Contains(t, body, "&lt;script&gt;")
		require.NotContains(t, body, "<script")
		require.NotContains(t, body, "<img")
		require.Equal(t, 1, strings.Count(body, "</textarea>"))
	}
}

func TestThePageLetsNothingInAndStaysNowhere(t *testing.T) {
	s := newSite(t)
	v := s.visits()
	for name, w := range map[string]*httptest.ResponseRecorder{
		"the page":  s.ask("GET", "/subscriptions", ""),
		"a refusal": v.sends("/subscriptions", url.Values{"matchers": {"x"}}),
	} {
		h := w.Header()
		require.Equal(t, "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'", h.Get("Content-Security-Policy"), name)
		require.Equal(t, "no-store", h.Get("Cache-Control"), name)
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), name)
		require.Equal(t, "same-origin", h.Get("Referrer-Policy"), "with no-referrer a browser on plain http would send Origin: null, and be refused")
		require.NotRegexp(t, `(?i)<script|style=|\son[a-z]+=|https?:`, w.Body.String(), "the policy forbids it, so it would not work")
	}
	require.True(t, v.cookie.HttpOnly)
	require.Equal(t, http.SameSiteLaxMode, v.cookie.SameSite)
	w := s.ask("GET", "/subscriptions", "", func(r *http.Request) { r.AddCookie(v.cookie) })
	require.Empty(t, w.Result().Cookies(), "forms in other tabs stay good")
	require.Contains(t, w.Body.String(), v.csrf)

	css := regexp.MustCompile(`href="\.(/-/style\.css\?[0-9a-f]+)"`).FindStringSubmatch(w.Body.String())
	require.Len(t, css, 2)
	w = s.ask("GET", css[1], "")
	require.Equal(t, "text/css; charset=utf-8", w.Header().Get("Content-Type"))
	require.Contains(t, w.Body.String(), "prefers-color-scheme: dark")
	require.NotContains(t, w.Body.String(), "url(")
	require.Contains(t, s.ask("GET", "/", "").Body.String(), `href="./subscriptions"`, "nobody finds a page that nothing leads to")
}

func TestThePageWithoutAStore(t *testing.T) {
	s := newSite(t)
	v := s.visits()
	s.store.refuse = true
	w := v.sends("/subscriptions", url.Values{"destination": {"dba"}, "matchers": {`team="dba"`}})
	require.Equal(t, 503, w.Code)
	require.Contains(t, w.Body.String(), "the store does not answer")
	require.Contains(t, html.UnescapeString(w.Body.String()), `team="dba"</textarea>`, "nobody types it twice")
	s.pages(func(o *Options) { o.Store = blind{s.store} })
	w = s.ask("GET", "/subscriptions", "")
	require.Equal(t, 503, w.Code)
	require.Contains(t, w.Body.String(), "cannot be read")
	require.NotContains(t, w.Body.String(), "There is none", "nobody must believe that")
}

func TestALinkCannotMakeThePageSayWhatIsNotTrue(t *testing.T) {
	s := newSite(t)
	v := s.visits()
	require.Equal(t, 303, v.sends("/subscriptions", url.Values{"destination": {"dba"}}).Code)
	for _, query := range []string{
		"added=" + alert.ShortID(2), "known=" + alert.ShortID(2), "removed=" + alert.ShortID(1), "removed=everything", "added=", "",
		"added=" + alert.ShortID(1) + "&added=" + alert.ShortID(2),
	} {
		require.NotContains(t, s.ask("GET", "/subscriptions?"+query, "").Body.String(), `role="status"`, query)
	}
}
