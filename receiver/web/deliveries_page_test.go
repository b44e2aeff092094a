package web

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// attempts puts attempts into the log, oldest first.
func (s *site) attempts(all ...store.Delivery) {
	s.t.Helper()
	s.changes(func(tx store.Tx) error {
		for _, d := range all {
			if err := tx.SaveDelivery(&d); err != nil {
				return err
			}
		}
		return nil
	})
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func someAttempts() []store.Delivery {
	return []store.Delivery{
		{GroupID: 1, Destination: "ops", Title: "DiskFull", State: store.DeliveryAccepted, Kind: store.KindCard, At: noon, Attempt: 1, Took: 180 * time.Millisecond},
		{GroupID: 2, Destination: "dba", Title: "Replication lag", State: store.DeliveryRetry, Kind: store.KindCard, Reason: "throttled", Message: "Teams asks for patience.", At: noon.Add(time.Minute), Attempt: 1, Status: 429},
		{GroupID: 2, Destination: "dba", Title: "Replication lag", State: store.DeliveryDead, Kind: store.KindEdit, Reason: "not_found", Message: "The flow is gone.", At: noon.Add(2 * time.Minute), Attempt: 2, Status: 404},
		{Destination: "ops", State: store.DeliveryDelivered, Kind: store.KindDigest, Digest: 1234, At: noon.Add(3 * time.Minute), Attempt: 1},
	}
}

func TestTheLogIsFiltered(t *testing.T) {
	s := newSite(t)
	require.Contains(t, s.page("/deliveries"), "Nothing was told yet.")
	s.attempts(someAttempts()...)
	inOrder(t, s.page("/deliveries"), "1,234 alerts in one card", "Digest of many", "Told", "Replication lag", "Failed for good", "not_found", "Failed, tried again", "DiskFull", "Taken by the webhook", "180 ms")
	for query, want := range map[string][]string{
		"destination=dba":                                  {"/3", "/2"},
		"destination=dba&state=dead":                       {"/3"},
		"state=accepted":                                   {"/1"},
		"kind=digest":                                      {"/4"},
		"reason=throttled":                                 {"/2"},
		"reason=throttled&destination=ops":                 nil,
		"alert=" + alert.ShortID(2):                        {"/3", "/2"},
		"alert=%23" + alert.ShortID(1):                     {"/1"},
		"q=REPLICATION":                                    {"/3", "/2"},
		"q=flow+is&destination=dba":                        {"/3"},
		"since=2026-11-21T12:02":                           {"/4", "/3"},
		"until=2026-11-21T12:01":                           {"/2", "/1"},
		"since=2026-11-21T12:01&until=2026-11-21T12:02:30": {"/3", "/2"},
		"before=3":                                         {"/2", "/1"},
		"before=nonsense":                                  {"/4", "/3", "/2", "/1"},
		"destination=gone":                                 nil,
	} {
		page := s.page("/deliveries?" + query)
		require.Equal(t, len(want), strings.Count(page, `class="main"`), query)
		for _, link := range want {
			require.Contains(t, page, `href="./deliveries`+link+`"`, query)
		}
		if want == nil {
			require.Contains(t, page, "No attempt is like that.", query)
		}
	}
	page := s.page("/deliveries?destination=dba&state=dead&q=gone&since=2026-11-21T12:02")
	for _, kept := range []string{`<option value="dba" selected>`, `<option value="dead" selected>`, `value="gone"`, `value="2026-11-21T12:02"`} {
		require.Contains(t, page, kept, "nobody types it twice")
	}
	for query, said := range map[string]string{"alert=!!": "not the id of an alert", "since=yesterday": "is not a time"} {
		w := s.ask("GET", "/deliveries?"+query, "")
		require.Equal(t, 400, w.Code)
		require.Contains(t, w.Body.String(), said)
	}
	s.store.blind = true
	require.Equal(t, 503, s.ask("GET", "/deliveries", "").Code)
	require.Equal(t, 503, s.ask("GET", "/deliveries/1", "").Code)
}

func TestTheLogHasPages(t *testing.T) {
	s := newSite(t)
	var many []store.Delivery
	for i := range 250 {
		many = append(many, store.Delivery{GroupID: 1, Destination: []string{"ops", "dba"}[i%2], Title: fmt.Sprint("Alert ", i), State: store.DeliveryDelivered, At: noon.Add(time.Duration(i) * time.Second)})
	}
	s.attempts(many...)
	seen, path := 0, "/deliveries?destination=dba&state=delivered"
	for range 10 {
		page := s.page(path)
		seen += strings.Count(page, `class="main"`)
		if !strings.Contains(page, `rel="next"`) {
			require.Equal(t, 125, seen)
			return
		}
		_, link, _ := strings.Cut(page, `aria-label="More"><a href="`)
		link, _, _ = strings.Cut(link, `"`)
		path = link[1:]
	}
	t.Fatal("the pages never end")
}

func TestASearchThatFindsNothingEndsAndSaysSo(t *testing.T) {
	s := newSite(t)
	s.changes(func(tx store.Tx) error {
		for i := range store.MaxLooked + 5 {
			d := store.Delivery{Destination: "ops", State: store.DeliveryDelivered, Kind: store.KindCard, Title: "DiskFull", At: noon.Add(time.Duration(i) * time.Second)}
			if i < 2 {
				d.Kind = store.KindEdit
			}
			if err := tx.SaveDelivery(&d); err != nil {
				return err
			}
		}
		return nil
	})
	page := s.page("/deliveries?destination=ops&kind=edit")
	require.NotContains(t, page, `class="main"`)
	require.Contains(t, page, "Older ones were not looked at")
	require.NotContains(t, page, "No attempt is like that", "nobody knows that yet")
	require.Contains(t, page, `href="./deliveries?before=6&destination=ops&kind=edit"`)
	further := s.page("/deliveries?before=6&destination=ops&kind=edit")
	require.Equal(t, 2, strings.Count(further, `class="main"`))
	require.NotContains(t, further, "not looked at")
}

// Who looks at the log on a phone sees attempts and what they are asked for, and
// the eight fields to ask with when they want to.
func TestTheLogSaysWhatItIsAskedFor(t *testing.T) {
	s := newSite(t)
	s.attempts(someAttempts()...)
	require.NotContains(t, s.page("/deliveries"), "Show all")
	page := s.page("/deliveries?destination=dba&state=dead&until=2026-11-22T00:00")
	inOrder(t, page, "Only dba · Failed for good · to 2026-11-22T00:00.", "Show all", "<details>", `<option value="dba" selected>`)
	require.Contains(t, s.ask("GET", "/deliveries?since=x", "").Body.String(), "<details open>", "who has to correct it sees it")
}

func TestAnAttemptThatFailedSaysWhatToDo(t *testing.T) {
	s := newSite(t)
	ids := s.gives(1, "ops", teams.NotFound, group.Open)
	for i, state := range []string{store.DeliveryRetry, store.DeliveryDead} {
		s.attempts(store.Delivery{PostID: ids[0], GroupID: 1, Destination: "ops", Address: "a", Title: "DiskFull", State: state, Kind: store.KindCard, Reason: "not_found", Message: "The flow is gone.", Status: 404, Attempt: i + 1, At: noon, MessageID: "m1"})
	}
	page := s.page("/deliveries/2")
	inOrder(t, page, "<h1>DiskFull", "Failed for good", "What leads there is gone.", "What to do:", "make a new one", "It was given up and is a dead letter.",
		"send it again", `href="./../alerts/`+alert.ShortID(1)+`"`, "404", "The flow is gone.", "All attempts", "this one", `href="./../deliveries/1"`)
	s.attempts(store.Delivery{Destination: "ops", State: store.DeliveryAccepted, Kind: store.KindCard, Title: "Fine", At: noon})
	fine := s.page("/deliveries/3")
	require.NotContains(t, fine, "What to do")
	require.Equal(t, 404, s.ask("GET", "/deliveries/4711", "").Code)
	require.Equal(t, 404, s.ask("GET", "/deliveries/x", "").Code)
}

func TestThePagesOfDeliveriesFitAPhone(t *testing.T) {
	s := newSite(t)
	s.attempts(someAttempts()...)
	l := httptest.NewServer(s.handler)
	t.Cleanup(l.Close)
	ctx := browser(t, l.URL+"/deliveries")
	fits(t, ctx, "deliveries", l.URL+"/deliveries?since=2026-11-21T10:00", chromedp.Click("summary"), chromedp.WaitVisible("[name=q]"))
	fits(t, ctx, "delivery", l.URL+"/deliveries/3")

	person := someAttempts()[0]
	person.Address = people.AddressID("johannes.oberlechner-wagner@infrastructure.europe.contoso.example.com")
	s.attempts(person)
	do(t, ctx, chromedp.EmulateViewport(360, 800), chromedp.Navigate(l.URL+"/deliveries"))
	require.Regexp(t, `^([^\n]*[@.-]\n)+[^\n]+$`, evaluate[string](t, ctx, brokenLines+`(document.querySelector("[data-label=Where] .dim"))`), "a line ends within a word of an address")
	require.Equal(t, "left", evaluate[string](t, ctx, `getComputedStyle(document.querySelector("td.number")).textAlign`), "a number stands beside what it is")
}

// brokenLines is the text of an element as it is broken into lines.
const brokenLines = `((e) => {
	let text = "", last;
	for (const walk = document.createTreeWalker(e, NodeFilter.SHOW_TEXT); walk.nextNode();) {
		for (let i = 0; i < walk.currentNode.length; i++) {
			const range = document.createRange();
			range.setStart(walk.currentNode, i);
			range.setEnd(walk.currentNode, i + 1);
			const {top} = range.getBoundingClientRect();
			if (last !== undefined && top > last) text += "\n";
			last = top;
			text += walk.currentNode.data[i];
		}
	}
	return text;
})`
