package web

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

// opens opens a page with a form.
func (s *site) opens(path string, change ...func(*http.Request)) *visitor {
	s.t.Helper()
	w := s.ask("GET", path, "", change...)
	require.Equal(s.t, 200, w.Code, w.Body)
	found := hiddenCSRF.FindStringSubmatch(w.Body.String())
	require.Len(s.t, found, 2, "the page has no form")
	return &visitor{site: s, cookie: w.Result().Cookies()[0], csrf: found[1]}
}

func (s *site) page(path string) string {
	s.t.Helper()
	w := s.ask("GET", path, "")
	require.Equal(s.t, 200, w.Code, path)
	return html.UnescapeString(w.Body.String())
}

func TestWhoCannotBeReachedStandsFirstWithWhatToDo(t *testing.T) {
	s := newPeopleSite(t)
	s.settled()
	s.directors()
	page := s.page("/users")
	inOrder(t, page, `>bob@contoso.com</a> <span class="mark unreachable">Cannot be reached</span>`, "Nobody is called that in the tenant.",
		`>Erin Example</a> <span class="mark underway">On the way</span>`,
		`>carol@contoso.com</a> <span class="mark fresh">Not asked yet</span>`,
		`>Alice Example</a> <span class="mark reachable">Reachable</span>`, "alice@contoso.com · oncall, managers",
		"Groups and tags", "Directors of the board", "1 member, read ", "group:"+groupID1, `href="./users?destination=board"`)
	require.Contains(t, page, "<b>1</b> cannot be reached")
	require.Contains(t, page, "<b>2</b> not asked yet")
	require.Contains(t, page, `<a href="./users" aria-current="page">Users</a>`)
	require.Contains(t, page, `href="./users/dave_fabrikam.com%23ext%23@contoso.onmicrosoft.com"`, "a guest's name has signs that end a path")
	require.NotContains(t, page, "a:alice")
	require.Contains(t, page, "<code>teamsrelay users retry bob@contoso.com</code>", "what to type is told from what to read")
	require.Contains(t, s.page("/subscriptions"), `<a href="./users">Users</a>`)
	require.Contains(t, s.ask("GET", "/", "").Body.String(), `href="./users"`, "nobody finds a page that nothing leads to")
}

// inOrder says that texts stand in a page one after the other.
func inOrder(t *testing.T, page string, texts ...string) {
	t.Helper()
	rest := page
	for _, text := range texts {
		_, after, found := strings.Cut(rest, text)
		require.True(t, found, "%s is missing, or stands before those it should follow, in:\n%s", text, page)
		rest = after
	}
}

func TestThePageOfUsersIsFiltered(t *testing.T) {
	s := newPeopleSite(t)
	s.settled()
	s.directors()
	for query, want := range map[string][]string{
		"q=ALICE":                           {"Alice Example"},
		"q=erin@":                           {"Erin Example"},
		"q=fabrikam":                        {"dave_fabrikam.com#ext#@contoso.onmicrosoft.com"},
		"destination=managers":              {"dave_fabrikam.com#ext#@contoso.onmicrosoft.com", "Alice Example"},
		"show=unreachable":                  {"bob@contoso.com"},
		"show=reachable&destination=oncall": {"Alice Example"},
		"show=nonsense":                     nil,
		"q=zebra":                           nil,
		"page=99&q=bob":                     {"bob@contoso.com"},
		"page=x&q=bob":                      {"bob@contoso.com"},
		"page=-1&q=bob":                     {"bob@contoso.com"},
	} {
		page := s.page("/users?" + query)
		require.Equal(t, len(want), strings.Count(page, `<span class="mark `), query)
		last := ""
		for _, name := range want {
			require.Contains(t, page, ">"+name+"</a>", query)
			last = name
		}
		if last == "" {
			require.Contains(t, page, "Nobody is like that.", query)
		}
	}
	page := s.page("/users?q=alice&destination=oncall&show=reachable")
	require.Contains(t, page, `value="alice"`, "nobody types it twice")
	require.Contains(t, page, "<option selected>oncall")
	require.Contains(t, page, `href="./users?destination=oncall&q=alice" aria-current="true"`, "a second press shows the others again")
	require.Contains(t, newSite(t).page("/users"), "Nobody is told personally.")
}

func TestTenThousandUsersAreAHundredAPage(t *testing.T) {
	s := newPeopleSite(t)
	s.crowd(t, 1_050)
	first := s.page("/users?destination=board")
	require.Equal(t, 100, strings.Count(first, `<span class="mark unreachable`), "who cannot be reached comes first")
	require.Contains(t, first, "1 to 100 of 1050")
	require.NotContains(t, first, "The 100 before")
	require.Contains(t, first, `href="./users?destination=board&page=2"`)
	second := s.page("/users?destination=board&page=2")
	require.Equal(t, 5, strings.Count(second, `<span class="mark unreachable`))
	require.Equal(t, 95, strings.Count(second, `<span class="mark reachable`))
	require.Contains(t, second, `href="./users?destination=board" rel="prev"`)
	last := s.page("/users?destination=board&page=11")
	require.Contains(t, last, "1001 to 1050 of 1050")
	require.NotContains(t, last, "The next")
	require.Less(t, len(first), 100<<10, "a phone loads it")
}

func TestThePageOfOnePersonTellsTheirStory(t *testing.T) {
	s := newPeopleSite(t)
	s.settled()
	id := s.tells("oncall")
	s.givesUp(id, "bob@contoso.com", "unknown_user", "Nobody is called that in the tenant.")
	page := s.page("/users/bob@contoso.com")
	inOrder(t, page, "<h1>bob@contoso.com", "Cannot be reached", "Nobody is called that in the tenant.", "Try again", "Not told yet", "TeamsrelayTest",
		"Given up: Nobody is called that", id+" · oncall", "What happened", "Microsoft Graph was asked")

	alert := s.fires()
	s.changes(func(tx store.Tx) error {
		groups, err := tx.OpenGroupsAt([]string{botframework.AddressID("a:alice")}, 10)
		require.Len(t, groups, 1)
		if err != nil {
			return err
		}
		p, err := tx.PostOf(groups[0].ID, botframework.AddressID("a:alice"))
		if err != nil {
			return err
		}
		p.Delivered(p.Want, "1", true, s.engine.Now())
		if err := tx.SavePost(&p); err != nil {
			return err
		}
		return tx.SaveDelivery(&store.Delivery{PostID: p.ID, GroupID: p.GroupID, Address: p.Address, Destination: "oncall", State: store.DeliveryDelivered, Title: p.Title, At: s.engine.Now()})
	})
	page = s.page("/users/66666666-0000-0000-0000-000000000006")
	inOrder(t, page, "<h1>Alice Example", "Reachable", "alice@contoso.com", "oncall, managers", "1.4.0", "Not told yet", "TeamsrelayTest",
		"Told, and not over", "DiskFull", alert, "What happened", "<b>Told</b>: DiskFull", "App installed")
	require.NotContains(t, page, "retry", "there is nothing to try")
	require.NotContains(t, page, "a:alice")
	inOrder(t, s.page("/users/carol@contoso.com"), "On the way", "carol@contoso.com is being looked up at Microsoft.")
	require.Contains(t, s.page("/users/dave_fabrikam.com%23ext%23@contoso.onmicrosoft.com"), "the app is installed for them.")

	w := s.ask("GET", "/users/alcie@contoso.com", "")
	require.Equal(t, 404, w.Code)
	require.Contains(t, w.Body.String(), "did you mean alice@contoso.com?")
}

func TestAPressOnThePageHasSomebodyTriedAgain(t *testing.T) {
	s := newPeopleSite(t)
	s.settled()
	v := s.opens("/users/bob@contoso.com")
	w := v.sends("/users/bob@contoso.com/retry", url.Values{"who": {"Alice \n Example"}})
	require.Equal(t, 303, w.Code, "loading the page again must not send the form again")
	require.Equal(t, "./../../users/bob@contoso.com?retried", w.Header().Get("Location"))
	lines := s.lines("")
	require.Len(t, lines, 1)
	require.Equal(t, "retry|Alice Example|bob@contoso.com|page 127.0.0.1", strings.Join([]string{lines[0].Action, lines[0].Who, lines[0].Target, lines[0].From}, "|"))
	page := s.page("/users/bob@contoso.com?retried")
	require.Contains(t, page, "This is being tried again.")
	require.Contains(t, page, "<b>Tried again</b>: by Alice Example, page 127.0.0.1")
	require.NotContains(t, s.page("/users/carol@contoso.com?retried"), `role="status"`, "a link cannot make the page say what is not true")

	for name, c := range map[string]struct {
		path   string
		fields url.Values
		change []func(*http.Request)
		status int
		said   string
	}{
		"from elsewhere without the admin token": {"/users/bob@contoso.com/retry", url.Values{"who": {"Mallory"}}, []func(*http.Request){elsewhere}, 403, "needs the admin token"},
		"with another csrf token":                {"/users/bob@contoso.com/retry", url.Values{"who": {"Mallory"}, "csrf_token": {"x"}}, nil, 403, "Press the button again"},
		"from a page of another site":            {"/users/bob@contoso.com/retry", nil, []func(*http.Request){func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }}, 403, "cross-origin"},
		"for who is not told personally":         {"/users/mallory@contoso.com/retry", nil, nil, 404, "is not told personally"},
	} {
		w := v.sends(c.path, c.fields, c.change...)
		require.Equal(t, c.status, w.Code, name)
		require.Contains(t, w.Body.String(), c.said, name)
		require.Len(t, s.done(), 1, "nothing was done, so nobody did it: "+name)
		if c.fields.Get("who") != "" {
			require.Contains(t, w.Body.String(), `value="Mallory"`, "nobody types it twice")
		}
	}
	s.store.refuse = true
	w = v.sends("/users/bob@contoso.com/retry", nil)
	require.Equal(t, 503, w.Code)
	require.Contains(t, w.Body.String(), "the store does not answer")
	s.store.refuse = false
	s.pages(func(o *Options) { o.AdminToken = func() string { return "" } })
	require.Contains(t, s.ask("GET", "/users/bob@contoso.com", "", elsewhere).Body.String(), "Nothing can be changed from here")
}

func TestWhatMicrosoftSaysOfUsersIsTextOnThePage(t *testing.T) {
	s := newPeopleSite(t)
	const bad = `"><script>alert(1)</script><img src=x onerror=alert(1)>`
	s.savePerson(store.Person{Name: "bob@contoso.com", DisplayName: bad, UPN: bad, ObjectID: bad, Version: bad, State: store.PersonKnown, Reason: string(teams.Disabled), Message: bad, CheckedAt: s.engine.Now()})
	s.changes(func(tx store.Tx) error {
		return tx.SaveRoster(&store.Roster{ID: people.GroupID(groupID1), DisplayName: bad, Reason: "consent", Message: bad})
	})
	s.givesUp(s.tells("oncall"), called("bob@contoso.com", bad, bad), bad, bad)
	v := s.opens("/users/bob@contoso.com")
	for _, w := range []*httptest.ResponseRecorder{
		s.ask("GET", "/users", ""), s.ask("GET", "/users/bob@contoso.com", ""), s.ask("GET", "/users/"+url.PathEscape(bad), ""),
		s.ask("GET", "/users?q="+url.QueryEscape(bad)+"&show="+url.QueryEscape(bad)+"&destination="+url.QueryEscape(bad), ""),
		v.sends("/users/bob@contoso.com/retry", url.Values{"who": {bad}, "csrf_token": {"x"}}),
	} {
		body := w.Body.String()
		require.Contains(t, body, "&lt;script&gt;")
		require.NotContains(t, body, "<script")
		require.NotContains(t, body, "<img")
		require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
	}
}

func TestThePagesOfUsersWithoutAStore(t *testing.T) {
	s := newPeopleSite(t)
	s.store.blind = true
	for _, path := range []string{"/users", "/users/bob@contoso.com", "/api/v1/users", "/api/v1/users/bob@contoso.com", "/api/v1/rosters", "/api/v1/destinations"} {
		w := s.ask("GET", path, "")
		require.Equal(t, 503, w.Code, path)
		require.Contains(t, w.Body.String(), "does not answer", path)
		require.NotContains(t, w.Body.String(), "Nobody is", "nobody must believe that")
	}
}

func TestThePagesOfUsersFitAPhone(t *testing.T) {
	s := newPeopleSite(t)
	s.crowd(t, 30)
	s.settled()
	s.savePerson(store.Person{
		Name: "carol@contoso.com", ObjectID: "88888888-0000-0000-0000-000000000008", DisplayName: "Carol Example-with-a-name-that-does-not-end-before-the-line-of-a-phone-does", UPN: "carol@contoso.com",
		State: store.PersonKnown, Reason: string(teams.Policy), Message: "An administrator's policy does not allow them the app.", CheckedAt: s.engine.Now(),
	})
	for range 3 {
		id := s.tells("oncall")
		s.givesUp(id, "bob@contoso.com", "unknown_user", "Nobody is called that in the tenant.")
	}
	s.tells("oncall")
	l := httptest.NewServer(s.handler)
	t.Cleanup(l.Close)
	ctx := browser(t, l.URL+"/users")
	fits(t, ctx, "users", l.URL+"/users")
	fits(t, ctx, "user-bob", l.URL+"/users/bob@contoso.com")
	fits(t, ctx, "user-alice", l.URL+"/users/alice@contoso.com")

	do(t, ctx, chromedp.Navigate(l.URL+"/users"), keys("\t"), keys("\r")) // skips what is on every page
	var order []string
	for range 5 {
		do(t, ctx, keys("\t"))
		order = append(order, evaluate[string](t, ctx, focused))
	}
	require.Equal(t, []string{"input q", "select destination", "button Filter", "a 5 cannot be reached", "a 1 not asked yet"}, order)
	do(t, ctx, chromedp.SendKeys("[name=q]", "bob\r"), chromedp.WaitNotPresent(".mark.reachable"), chromedp.Click(".rows a"), chromedp.WaitVisible("#retry"),
		chromedp.SendKeys("[name=who]", "Alice\r"), chromedp.WaitVisible(".notice"))
	require.Equal(t, "Alice", s.lines("")[0].Who)
	do(t, ctx, chromedp.Reload(), chromedp.WaitVisible(".notice"))
	require.Len(t, s.lines("?action=retry"), 1, "loading the page again sends nothing again")
	require.Equal(t, fmt.Sprint(time.Now().UTC().Year()), evaluate[string](t, ctx, `document.querySelector("time").dateTime.slice(0, 4)`))
}
