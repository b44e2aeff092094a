package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// gives puts dead letters into the store, of a destination of newSite, and
// returns their numbers.
func (s *site) gives(n int, destination string, reason teams.Reason, phase group.Phase) (ids []int64) {
	s.t.Helper()
	var at string
	for _, d := range s.engine.Destinations() {
		if d.Name == destination {
			at = d.Addresses[0].ID
		}
	}
	now := s.engine.Now().Add(-time.Hour)
	s.changes(func(tx store.Tx) error {
		ids = nil
		for i := range n {
			name := fmt.Sprintf("%s-%s-%s-%d", destination, reason, phase, i)
			g := group.Group{Key: name, Origin: "o", Episode: 1, Rev: 1, Phase: phase, OpenedAt: now, HeardAt: now, Alerts: []group.Member{{
				Alert: alert.Alert{Status: alert.Firing, Labels: map[string]string{"alertname": "DiskFull"}, StartsAt: now}, State: group.Firing,
			}}}
			if err := tx.SaveGroup(&g); err != nil {
				return err
			}
			p := store.Post{GroupID: g.ID, Address: cmp.Or(at, "gone"), Destination: destination, Card: "alert", Title: "DiskFull on " + name, State: store.Due, Want: 1, Since: now}
			p.GiveUp(string(reason), "The flow said <no> & nothing else; see `teamsrelay deliveries`.", now)
			if err := tx.SavePost(&p); err != nil {
				return err
			}
			ids = append(ids, p.ID)
		}
		return nil
	})
	return ids
}

func (s *site) posts(f store.PostFilter) (posts []store.Post) {
	s.t.Helper()
	require.NoError(s.t, s.store.View(s.t.Context(), func(tx store.Tx) (err error) {
		posts, err = tx.ListPosts(f)
		return err
	}))
	return posts
}

func (s *site) replay(id int64) (is store.Replay) {
	s.t.Helper()
	require.NoError(s.t, s.store.View(s.t.Context(), func(tx store.Tx) (err error) {
		is, err = tx.Replay(id)
		return err
	}))
	return is
}

func TestDeadLettersStandByWhyWithWhatToDo(t *testing.T) {
	s := newSite(t)
	require.Contains(t, s.page("/dead-letters"), "There are none: everything was told")
	s.gives(1, "dba", teams.NotFound, group.Over)
	require.NotContains(t, s.page("/dead-letters"), "ticked", "there is nothing to tick")
	s.gives(7, "ops", teams.Auth, group.Open)
	page := s.page("/dead-letters")
	require.Contains(t, page, "Send the ticked ones again")
	inOrder(t, page, "ops: Teams does not accept our sign-in there", "7 not told", "What to do:", "Send all 7 again", "DiskFull on ops-auth-open-6", "Still firing", "Show all of these")
	inOrder(t, page, "dba: what leads there is gone", "1 not told", "make a new one", "Send it again", "Drop it", "DiskFull on dba-not_found-over-0", "Over")
	require.Contains(t, page, "Send all 8 again")
	require.Equal(t, 5, strings.Count(page, `"> DiskFull on ops`), "many of one kind do not hide the other")
	all := s.page("/dead-letters?destination=ops&reason=auth")
	require.Equal(t, 7, strings.Count(all, `"> DiskFull on ops`))
	require.NotContains(t, all, "DiskFull on dba")
	require.Contains(t, s.page("/dead-letters?destination=nobody"), "There are none of these.")
}

func TestALongListOfDeadLettersHasPages(t *testing.T) {
	s := newSite(t)
	ids := s.gives(150, "ops", teams.Auth, group.Open)
	first := s.page("/dead-letters?destination=ops&reason=auth")
	require.Equal(t, 100, strings.Count(first, `name="one"`))
	next := fmt.Sprintf("./dead-letters?destination=ops&reason=auth&before=%d", ids[50])
	require.Contains(t, first, `href="`+next+`"`)
	second := s.page(next[1:])
	require.Equal(t, 50, strings.Count(second, `name="one"`))
	require.NotContains(t, second, `rel="next"`)
}

func TestAPressSendsDeadLettersAgain(t *testing.T) {
	for name, c := range map[string]struct {
		form  func(ids []int64) url.Values
		again int
		line  string
	}{
		"one": {func(ids []int64) url.Values { return url.Values{"one": {fmt.Sprint(ids[0])}} }, 1, "dead letter 1"},
		"two": {func(ids []int64) url.Values {
			return url.Values{"id": {fmt.Sprint(ids[0]), fmt.Sprint(ids[2])}, "ticked": {"yes"}}
		}, 2, "dead letters 1, 3"},
		"one kind": {func([]int64) url.Values { return url.Values{"kind": {"destination=ops&reason=auth"}} }, 3, "all dead letters of ops with reason auth"},
		"all":      {func([]int64) url.Values { return url.Values{"all": {"yes"}} }, 4, "all dead letters"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			ids := s.gives(3, "ops", teams.Auth, group.Open)
			s.gives(1, "dba", teams.NotFound, group.Open)
			form := c.form(ids)
			form.Set("who", "Alice")
			w := s.opens("/dead-letters").sends("/dead-letters", form)
			require.Equal(t, 303, w.Code, w.Body)
			require.Equal(t, "./dead-letters/replays/1", w.Header().Get("Location"))
			s.runs(func() bool { return len(s.posts(store.PostFilter{Replay: 1})) == c.again })
			require.Len(t, s.posts(store.PostFilter{Replay: 1}), c.again)
			lines := s.lines("")
			require.Len(t, lines, 1, "one press, one line")
			require.Equal(t, "replay|Alice|"+c.line+"|page 127.0.0.1", strings.Join([]string{lines[0].Action, lines[0].Who, lines[0].Target, lines[0].From}, "|"))
		})
	}
}

// runs has the engine work until something is so.
func (s *site) runs(until func() bool) {
	s.t.Helper()
	ctx, stop := context.WithCancel(s.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.engine.Run(ctx) }()
	require.Eventually(s.t, until, time.Minute, 5*time.Millisecond)
	stop()
	require.NoError(s.t, <-ended)
}

func TestNobodySendsDeadLettersAgainByAccident(t *testing.T) {
	s := newSite(t)
	s.gives(2, "ops", teams.Auth, group.Open)
	v := s.opens("/dead-letters")
	for name, c := range map[string]struct {
		path   string
		fields url.Values
		change []func(*http.Request)
		status int
		said   string
	}{
		"nothing is ticked":                      {"/dead-letters", url.Values{"ticked": {"yes"}}, nil, 400, "no dead letter is ticked"},
		"nothing is ticked to be dropped":        {"/dead-letters", url.Values{"drop": {"ticked"}}, nil, 400, "no dead letter is ticked"},
		"a number that is none":                  {"/dead-letters", url.Values{"one": {"x"}}, nil, 400, "came damaged"},
		"one that is gone":                       {"/dead-letters", url.Values{"one": {"4711"}}, nil, 404, "no dead letters any more"},
		"a kind that is gone":                    {"/dead-letters", url.Values{"kind": {"reason=blocked"}}, nil, 404, "no dead letters any more"},
		"a kind that is all":                     {"/dead-letters", url.Values{"kind": {"x"}}, nil, 400, "no dead letter is ticked"},
		"without the admin token from elsewhere": {"/dead-letters", url.Values{"all": {"yes"}, "who": {"Mallory"}}, []func(*http.Request){elsewhere}, 403, "needs the admin token"},
		"with another csrf token":                {"/dead-letters", url.Values{"all": {"yes"}, csrfField: {"x"}}, nil, 403, "Press the button again"},
		"dropping with another csrf token":       {"/dead-letters/drop", url.Values{"id": {"1"}, csrfField: {"x"}}, nil, 403, "Press the button again"},
		"dropping what is gone":                  {"/dead-letters/drop", url.Values{"id": {"4711"}}, nil, 404, "no dead letters any more"},
		"stopping what does not run":             {"/dead-letters/replays/1/stop", nil, nil, 404, "nothing of it was left"},
	} {
		w := v.sends(c.path, c.fields, c.change...)
		require.Equal(t, c.status, w.Code, name)
		require.Contains(t, w.Body.String(), c.said, name)
	}
	require.Empty(t, append(s.lines("?action=replay"), s.lines("?action=drop")...))
	require.Len(t, s.posts(store.PostFilter{States: []store.State{store.Dead}}), 2)
	s.store.refuse = true
	require.Contains(t, v.sends("/dead-letters", url.Values{"all": {"yes"}}).Body.String(), "the store does not answer")
	s.store.refuse, s.store.blind = false, true
	require.Equal(t, 503, s.ask("GET", "/dead-letters", "").Code)
	require.Equal(t, 503, s.ask("GET", "/dead-letters/replays/1", "").Code)
	s.store.blind = false
	require.Equal(t, 404, s.ask("GET", "/dead-letters/replays/1", "").Code)
	require.Equal(t, 404, s.ask("GET", "/dead-letters/replays/x", "").Code)
	s.pages(func(o *Options) { o.AdminToken = func() string { return "" } })
	page := s.ask("GET", "/dead-letters", "", elsewhere).Body.String()
	require.Contains(t, page, "Nothing can be sent again from here")
	require.NotContains(t, page, "<button name", "a button that nobody may press is a trap")
}

// Who mistypes a destination takes an empty list for the answer, and a replay of
// none for done. What was sent to one that is gone is still asked for.
func TestADestinationThatThereNeverWasIsNotAskedFor(t *testing.T) {
	s := newSite(t)
	s.attempts(store.Delivery{Destination: "old", State: store.DeliveryDelivered, At: noon})
	for name, status := range map[string]int{"opps": 404, "ops": 200, "dba": 200, "old": 200} {
		for _, ask := range [][]string{
			{"GET", "/api/v1/deliveries?destination=" + name, ""}, {"GET", "/api/v1/deliveries?state=dead&destination=" + name, ""},
			{"GET", "/api/v1/dead-letters?destination=" + name, ""}, {"POST", "/api/v1/dead-letters/replay", `{"destination":"` + name + `"}`},
		} {
			w := s.ask(ask[0], ask[1], ask[2])
			require.Equal(t, status, w.Code, "%v %s", ask, w.Body)
			if status == 404 {
				require.JSONEq(t, `{"error": "there is no destination \"opps\"", "hint": "use one of ops, dba"}`, w.Body.String())
			}
		}
	}
	require.Equal(t, 200, s.ask("POST", "/api/v1/dead-letters/replay", `{"all":true}`).Code, "all of none are sent again")
	for body, want := range map[string]string{
		`[]`:                    `the body does not say which dead letters: the body is a JSON array, which does not belong there`,
		`{"reason":"mistyped"}`: `there is no reason "mistyped"`,
		`{"reasn":1}`:           `the body does not say which dead letters: unknown field "reasn"`,
		`{"ids":[` + strings.Repeat("17,", 30_000) + `17]}`: "the body is larger than 64 KiB",
	} {
		var refused struct{ Error, Hint string }
		s.told(map[bool]int{true: 413, false: 400}[len(body) > 100], "POST", "/api/v1/dead-letters/replay", body, &refused)
		require.Equal(t, want, refused.Error)
		require.NotEmpty(t, refused.Hint)
	}
}

func TestDroppingIsAskedTwice(t *testing.T) {
	s := newSite(t)
	ids := s.gives(3, "ops", teams.Auth, group.Open)
	v := s.opens("/dead-letters")
	w := v.sends("/dead-letters", url.Values{"drop": {"ticked"}, "id": {fmt.Sprint(ids[0]), fmt.Sprint(ids[1])}, "who": {"Alice"}})
	require.Equal(t, 200, w.Code)
	inOrder(t, w.Body.String(), "Drop these 2 dead letters?", "cannot be taken back", "DiskFull on ops-auth-open-0", `value="Alice"`, "Drop them for good", "Keep them")
	require.Len(t, s.posts(store.PostFilter{DeadLetters: true}), 3, "nothing is done yet")
	w = v.sends("/dead-letters/drop", url.Values{"id": {fmt.Sprint(ids[0]), fmt.Sprint(ids[1])}, "who": {"Alice"}})
	require.Equal(t, 303, w.Code)
	require.Equal(t, "./../dead-letters?dropped=2", w.Header().Get("Location"))
	require.Len(t, s.posts(store.PostFilter{DeadLetters: true}), 1)
	require.Contains(t, s.page("/dead-letters?dropped=2"), "Dropped: 2 dead letters.")
	lines := s.lines("")
	require.Len(t, lines, 1)
	require.Equal(t, "drop|Alice|dead letters 1, 2|2 dead letters", strings.Join([]string{lines[0].Action, lines[0].Who, lines[0].Target, lines[0].Before}, "|"))
}

func TestThePageOfAReplaySaysWhatBecameOfEach(t *testing.T) {
	s := newSite(t)
	ids := s.gives(3, "ops", teams.Auth, group.Open)
	w := s.opens("/dead-letters").sends("/dead-letters", url.Values{"id": {"1", "2", "3"}, "who": {"Alice"}})
	require.Equal(t, 303, w.Code)
	page := s.page("/dead-letters/replays/1")
	inOrder(t, page, `<meta http-equiv="refresh" content="3">`, "3 dead letters sent again", "3 are being sent again. This page shows what becomes of them", "<b>3</b> on their way", "by Alice", "On its way")
	require.NotContains(t, s.page("/dead-letters/replays/1?still"), "refresh", "whoever reads it slowly can")
	change := func(id int64, how func(p *store.Post)) {
		s.changes(func(tx store.Tx) error {
			p, err := tx.Post(id)
			if err != nil {
				return err
			}
			how(&p)
			return tx.SavePost(&p)
		})
	}
	now := s.engine.Now()
	change(ids[0], func(p *store.Post) { p.Delivered(1, "m", true, now) })
	change(ids[1], func(p *store.Post) { p.Retry(now.Add(time.Minute), "timeout", "Teams did not answer.", now) })
	change(ids[2], func(p *store.Post) { p.GiveUp("auth", "The URL wants a sign-in.", now) })
	page = s.page("/dead-letters/replays/1")
	inOrder(t, page, "1 is being sent again", "<b>1</b> told", "<b>1</b> on their way", "<b>1</b> failed again", "Failed again", "The URL wants a sign-in.", "Failed, and is tried again", "Teams did not answer.", "Told")
	change(ids[1], func(p *store.Post) { p.Delivered(1, "m2", true, now) })
	page = s.page("/dead-letters/replays/1")
	require.Contains(t, page, "2 were told, 1 failed again.")
	require.NotContains(t, page, "refresh", "it is over")
	failed := s.page("/dead-letters/replays/1?show=failed")
	require.Equal(t, 1, strings.Count(failed, "<h3>"))
	require.Contains(t, failed, "Those that failed again")
	change(ids[2], func(p *store.Post) { p.Delivered(1, "m3", true, now) })
	require.Contains(t, s.page("/dead-letters/replays/1"), "All of them were told.")
}

func TestManyDeadLettersAreSentAgainInTheBackground(t *testing.T) {
	s := newSite(t)
	s.gives(450, "ops", teams.Auth, group.Open)
	s.gives(2, "gone", teams.NoAddress, group.Open)
	w := s.opens("/dead-letters").sends("/dead-letters", url.Values{"all": {"yes"}})
	require.Equal(t, 303, w.Code)
	require.Contains(t, s.page("/dead-letters/replays/1"), "452 are being sent again.", "the engine does not run: a process was killed before the first step")
	next := newEngineOn(s)
	s.engine = next
	s.runs(func() bool { return s.replay(1).State == store.ReplayDone })
	require.Contains(t, s.page("/dead-letters/replays/1"), "2 dead letters stay where they are")
	require.Equal(t, 450, len(s.posts(store.PostFilter{Replay: 1, Limit: 1000})), "those that have nowhere to go would only be given up once more")

	s.gives(1, "dba", teams.Auth, group.Open)
	w = s.opens("/dead-letters").sends("/dead-letters", url.Values{"kind": {"destination=dba"}})
	require.Equal(t, 303, w.Code)
	page := s.page("/dead-letters/replays/2")
	require.Contains(t, page, "Stop sending again")
	w = s.opens("/dead-letters/replays/2").sends("/dead-letters/replays/2/stop", url.Values{"who": {"Bob"}})
	require.Equal(t, 303, w.Code)
	require.Contains(t, s.page("/dead-letters/replays/2"), "This was stopped: 0 of 1 were sent again.")
	require.Equal(t, "stopped after 0", s.lines("?action=stop")[0].After, "the filter of the audit offers it")
	require.Empty(t, s.posts(store.PostFilter{Replay: 2}))
}

func newEngineOn(s *site) *engine.Engine {
	s.t.Helper()
	again := newSiteOn(s.t, s.store, simpleSite, nil)
	s.handler = again.handler
	return again.engine
}

// TestANewcomerReplaysADeadLetter is the promise that somebody who has never
// seen the pages finds a dead letter and has it told, with the keyboard alone
// and without scripts.
func TestANewcomerReplaysADeadLetter(t *testing.T) {
	var mended atomic.Bool
	var told atomic.Int32
	flow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !mended.Load() {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		told.Add(1)
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(flow.Close)
	s := newSiteOf(t, strings.ReplaceAll(simpleSite, "http://127.0.0.1:9", flow.URL), nil)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.engine.Run(ctx) }()
	t.Cleanup(func() { stop(); require.NoError(t, <-ended) })
	require.Equal(t, 200, s.ask("POST", "/alertmanager/ops", firing).Code)
	require.Eventually(t, func() bool { return len(s.posts(store.PostFilter{DeadLetters: true})) == 1 }, time.Minute, 5*time.Millisecond)

	l := httptest.NewServer(s.handler)
	t.Cleanup(l.Close)
	b := browser(t, l.URL)
	do(t, b, withoutScripts(), chromedp.EmulateViewport(360, 740), chromedp.Navigate(l.URL), chromedp.WaitVisible("h1"))
	mended.Store(true)
	tabTo := func(what string) {
		t.Helper()
		for range 40 {
			do(t, b, keys("\t"))
			if strings.HasPrefix(evaluate[string](t, b, focused), what) {
				return
			}
		}
		t.Fatalf("the keyboard does not reach %s", what)
	}
	tabTo("a See why, and send again")
	do(t, b, keys("\r"), chromedp.WaitVisible("section.sheet"))
	tabTo("button kind")
	require.Equal(t, "Send it again", evaluate[string](t, b, `document.activeElement.textContent`))
	do(t, b, keys("\r"), chromedp.WaitVisible(".tiles"))
	require.Eventually(t, func() bool {
		return strings.Contains(evaluate[string](t, b, `document.body?.innerText ?? ""`), "It was told.")
	}, time.Minute, 100*time.Millisecond, "the page shows by itself what became of it")
	require.EqualValues(t, 1, told.Load())
	do(t, b, chromedp.Navigate(l.URL+"/dead-letters"), chromedp.WaitVisible(".empty"))
}

func TestThePagesOfDeadLettersFitAPhone(t *testing.T) {
	s := newSite(t)
	s.gives(3, "ops", teams.Auth, group.Open)
	s.gives(1, "dba", teams.NotFound, group.Over)
	s.changes(func(tx store.Tx) error {
		for _, d := range s.engine.Destinations()[:1] {
			a := store.Address{Address: d.Addresses[0].ID}
			a.Break("auth", "the URL wants a sign-in", false, s.engine.Now())
			if err := tx.SaveAddress(&a); err != nil {
				return err
			}
		}
		return nil
	})
	v := s.opens("/dead-letters")
	l := httptest.NewServer(s.handler)
	t.Cleanup(l.Close)
	ctx := browser(t, l.URL+"/dead-letters")
	fits(t, ctx, "letters", l.URL+"/dead-letters")
	require.Equal(t, 303, v.sends("/dead-letters", url.Values{"id": {"1", "2", "3"}}).Code)
	s.changes(func(tx store.Tx) error {
		for i, change := range []func(p *store.Post){
			func(p *store.Post) { p.Delivered(1, "m", true, s.engine.Now()) },
			func(p *store.Post) {
				p.GiveUp("auth", "\"DiskFull\" was not told to ops (auth): the URL wants a sign-in. Check the destination's URL; then send it again.", s.engine.Now())
			},
		} {
			p, err := tx.Post(int64(i + 1))
			if err != nil {
				return err
			}
			change(&p)
			if err := tx.SavePost(&p); err != nil {
				return err
			}
		}
		return nil
	})
	fits(t, ctx, "replay", l.URL+"/dead-letters/replays/1?still")
}
