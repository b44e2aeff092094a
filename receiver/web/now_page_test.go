package web

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// firesAt has Alertmanager say that something fires, with labels that take
// turns with their values.
func (s *site) firesAt(destination, name, severity string, labels ...string) (id string) {
	s.t.Helper()
	var more strings.Builder
	for i := 0; i+1 < len(labels); i += 2 {
		fmt.Fprintf(&more, `,%q:%q`, labels[i], labels[i+1])
	}
	body := fmt.Sprintf(`{"version":"4","groupKey":%q,"externalURL":"https://alertmanager.example.com","groupLabels":{"alertname":%q},
		"alerts":[{"status":"firing","labels":{"alertname":%q,"severity":%q%s},"annotations":{"summary":"%s is what happens here","runbook_url":"https://runbooks.example.com/%s"},
		"startsAt":"2026-11-21T10:02:00Z","generatorURL":"https://prometheus.example.com/graph"}]}`, name, name, name, severity, more.String(), name, name)
	w := s.ask("POST", "/alertmanager/"+destination, body)
	require.Equal(s.t, 200, w.Code, w.Body.String())
	return s.idOf(name)
}

// idOf is the id of what fires by a name.
func (s *site) idOf(name string) (id string) {
	s.t.Helper()
	require.NoError(s.t, s.store.View(s.t.Context(), func(tx store.Tx) error {
		return tx.OpenGroups(func(g group.Group) error {
			if g.Name() == name {
				id = g.ShortID()
			}
			return nil
		})
	}))
	require.NotEmpty(s.t, id)
	return id
}

// changed changes an episode and its first post as only others can.
func (s *site) changed(id string, change func(g *group.Group, p *store.Post)) {
	s.t.Helper()
	number, _ := alert.FromShortID(id)
	require.NoError(s.t, s.store.Update(s.t.Context(), func(tx store.Tx) error {
		g, err := tx.Group(number)
		if err != nil {
			return err
		}
		posts, err := tx.ListPosts(store.PostFilter{GroupID: number})
		if err != nil {
			return err
		}
		change(&g, &posts[0])
		return errors.Join(tx.SaveGroup(&g), tx.SavePost(&posts[0]))
	}))
}

// newNowSite is a site where things fire that people have done something about,
// and where not all could be told.
func newNowSite(t testing.TB) *site {
	s := newSite(t)
	s.firesAt("ops", "DiskWillFillIn4Hours", "warning", "instance", "db-3.example.com:9100", "mountpoint", "/var/lib/postgresql")
	s.changed(s.firesAt("ops", "DatacenterTemperature", "critical", "site", "fra1", "rack", "r1"), func(_ *group.Group, p *store.Post) {
		p.State, p.Shown = store.Accepted, p.Want
	})
	s.changed(s.firesAt("dba", "ReplicationLag", "warning", "instance", "db-7"), func(g *group.Group, _ *store.Post) {
		g.Silence = &group.Silence{ID: 3, By: group.Person{Name: "Bob"}, Until: s.engine.Now().Add(time.Hour)}
	})
	s.firesAt("ops", "CertificateExpires", "info")
	s.changed(s.firesAt("dba", "HostDown", "critical", "instance", "db-1"), func(g *group.Group, p *store.Post) {
		g.Ack = &group.Mark{ID: 1, By: group.Person{Name: "Alice Ó Briain"}, At: s.engine.Now()}
		p.State, p.DeadLetter, p.Reason = store.Dead, true, "not_found"
		p.Message = `"HostDown" was not told to dba (not_found): the flow is gone. Make a new one, put its URL into the configuration, then send it again.`
	})
	return s
}

func TestTheFirstPageSaysWhatFiresTheWorstFirst(t *testing.T) {
	s := newNowSite(t)
	page := s.page("/")
	inOrder(t, page, "<title>5 firing", "<b>2</b> critical", "<b>1</b> warning", "<b>1</b> info", "<b>1</b> silenced", "<b>3</b> ops", "<b>2</b> dba",
		">HostDown</a>", "acknowledged by Alice Ó Briain", "HostDown is what happens here", "Could not be told to dba",
		">DatacenterTemperature</a>", "since <time datetime=\"2026-11-21T10:02:00Z\"", "sent to ops", "#"+s.idOf("DatacenterTemperature"),
		">DiskWillFillIn4Hours</a>", "not yet at ops", ">CertificateExpires</a>", ">ReplicationLag</a>", "silenced by Bob until")
	require.Contains(t, page, `href="./alerts/`+s.idOf("HostDown")+`"`)
	require.NotContains(t, page, "http-equiv", "a page that loads itself takes the keyboard from whoever reads")
}

// A 202 of a webhook proves no card: the page does not say that people see one.
func TestTheFirstPageSaysShownOnlyOfWhatTeamsHasShown(t *testing.T) {
	s := newSite(t)
	for state, words := range map[store.State]string{store.Shown: "shown at ops", store.Accepted: "sent to ops", store.Due: "not yet at ops"} {
		name := "Is" + string(state)
		s.changed(s.firesAt("ops", name, "warning"), func(_ *group.Group, p *store.Post) {
			p.State = state
			if state != store.Due {
				p.Shown = p.Want
			}
			if state == store.Shown {
				p.MessageID = "17"
			}
		})
		_, row, _ := strings.Cut(s.page("/?q="+name), "<h3>")
		require.Contains(t, row, words)
		require.Equal(t, 1, strings.Count(row, "ops"), "said once")
	}
}

// Whoever looks while the disk is full would wait for what is "not told yet".
func TestAStoreThatCannotBeWrittenIsTheFirstToBeRead(t *testing.T) {
	s := newNowSite(t)
	const words = "Nothing can be stored since 2026-11-21 12:00 UTC, so no alert is taken and none is sent"
	require.NotContains(t, s.page("/"), "Nothing can be stored")
	s.store.refuse, s.refusing = true, noon
	inOrder(t, s.page("/"), "Not everybody can be told", words, `href="./configuration"`, "could not be delivered", "<b>2</b> critical")
	s.store.blind = true
	require.Contains(t, s.ask("GET", "/", "").Body.String(), words, "also while nothing can be read")
	s.store.refuse, s.store.blind = false, false
	require.NotContains(t, s.page("/"), "Nothing can be stored", "it can again, and nobody else has tried yet")
}

func TestWhatCannotBeToldComesFirst(t *testing.T) {
	s := newNowSite(t)
	s.changed(s.idOf("DatacenterTemperature"), func(g *group.Group, _ *store.Post) {
		g.Misses = []group.Miss{{Destination: "ops", Who: "Carol", Why: "has blocked the bot", At: s.engine.Now()}}
		g.Spec.Escalate = []group.Step{{After: time.Minute, Targets: []group.Target{{Destination: "managers"}}}}
		g.Escalated = []time.Time{s.engine.Now()}
	})
	s.changes(func(tx store.Tx) error {
		d := s.engine.Destinations()
		broken, err := tx.Address(d[1].Addresses[0].ID)
		broken.Break("not_found", "the flow behind it is gone", false, s.engine.Now())
		patient, _ := tx.Address(d[0].Addresses[0].ID)
		patient.NotBefore = s.engine.Now().Add(time.Hour)
		return errors.Join(err, tx.SaveAddress(&broken), tx.SaveAddress(&patient))
	})
	page := s.page("/")
	inOrder(t, page, "Not everybody can be told", "1 message for dba could not be delivered", `href="./dead-letters?destination=dba"`,
		"Teams takes nothing for ops until", "dba is broken: the flow behind it is gone.", `href="./destinations/dba"`,
		"1 alert has not reached everybody", `href="./?only=missed"`, "1 alert was escalated", "<b>2</b> critical")
	for only, want := range map[string]string{"missed": "DatacenterTemperature", "escalated": "DatacenterTemperature", "silenced": "ReplicationLag"} {
		require.Equal(t, []string{want}, listed(s.page("/?only="+only)), only)
	}
	s.changes(func(tx store.Tx) error {
		return tx.Disable(&store.Disabled{Destination: "ops", By: "Dave", At: time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)})
	})
	require.Contains(t, s.page("/"), "Nothing is sent to ops: disabled by Dave at 2026-11-21 10:00 UTC.")
}

var listedTitle = regexp.MustCompile(`<h3><a href="[^"]*">([^<]*)</a>`)

// listed are the titles on a page, in its order.
func listed(page string) (titles []string) {
	for _, found := range listedTitle.FindAllStringSubmatch(page, -1) {
		titles = append(titles, found[1])
	}
	return titles
}

func TestTheFirstPageIsFiltered(t *testing.T) {
	s := newNowSite(t)
	id := s.idOf("CertificateExpires")
	for query, want := range map[string][]string{
		"destination=dba":                   {"HostDown", "ReplicationLag"},
		"severity=critical":                 {"HostDown", "DatacenterTemperature"},
		"severity=warning":                  {"DiskWillFillIn4Hours"}, // the other one is silenced
		"severity=critical&destination=ops": {"DatacenterTemperature"},
		"q=disk":                            {"DiskWillFillIn4Hours"},
		"q=alice":                           {"HostDown"},
		"q=%23" + id:                        {"CertificateExpires"},
		"q=" + strings.ToUpper(id):          {"CertificateExpires"},
		"q=nothing":                         nil,
		"severity=nonsense":                 nil,
		"after=nonsense":                    {"HostDown", "DatacenterTemperature", "DiskWillFillIn4Hours", "CertificateExpires", "ReplicationLag"},
	} {
		page := s.page("/?" + query)
		require.Equal(t, want, listed(page), query)
		if want == nil {
			require.Contains(t, page, "Nothing that fires is like that", query)
		}
	}
	require.Contains(t, s.page("/?destination=dba"), "<b>1</b> critical", "the numbers are those of the destination")
	require.NotContains(t, s.ask("GET", "/?q=%3Cscript%3E", "").Body.String(), "<script>")
}

func TestTheFirstPageHasPages(t *testing.T) {
	s := newSite(t)
	var want []string
	for i := range nowRows + 3 {
		s.firesAt("ops", fmt.Sprintf("Alert%02d", i), []string{"warning", "critical"}[i%2])
	}
	for _, odd := range []int{1, 0} {
		for i := nowRows + 2; i >= 0; i-- {
			if i%2 == odd {
				want = append(want, fmt.Sprintf("Alert%02d", i))
			}
		}
	}
	first := s.page("/?q=alert")
	older := regexp.MustCompile(`<a href="\./(\?after=[^"]*)" rel="next">`).FindStringSubmatch(first)
	require.NotNil(t, older)
	second := s.page("/" + older[1])
	require.Equal(t, want, append(listed(first), listed(second)...), "each once, the worst first, then the newest")
	require.NotContains(t, second, `rel="next"`)
}

func TestThePageLoadsItselfOnlyWhenAsked(t *testing.T) {
	s := newNowSite(t)
	page := s.page("/?refresh=30s&destination=dba")
	require.Contains(t, page, `<meta http-equiv="refresh" content="30">`)
	require.Contains(t, page, `<a href="./?destination=dba">Stop that</a>`)
	require.Contains(t, page, `name="refresh" value="30s"`, "who filters goes on being kept up to date")
	for _, every := range []string{"1ms", "-1s", "1000h", "soon", "0"} {
		require.NotContains(t, s.page("/?refresh="+every), "http-equiv", every)
	}
}

func TestWhenAllIsWellThePageSaysSo(t *testing.T) {
	s := newSite(t)
	page := s.page("/")
	require.Contains(t, page, "All is well: nothing fires, and everything was told.")
	require.Contains(t, page, "teamsrelay send-test ops", "whoever has just installed it sees what to do next")
	s.changes(func(tx store.Tx) error {
		return tx.Disable(&store.Disabled{Destination: "ops", By: "Dave", At: s.engine.Now()})
	})
	require.NotContains(t, s.page("/"), "All is well", "nobody must believe that")
	s.store.blind = true
	w := s.ask("GET", "/", "")
	require.Equal(t, 503, w.Code)
	require.Contains(t, w.Body.String(), "does not answer")
	require.NotContains(t, w.Body.String(), "nothing fires", "nobody must believe that")
}

func TestTheFirstPageFitsAPhone(t *testing.T) {
	s := newNowSite(t)
	s.changed(s.firesAt("ops", "AnAlertWithANameThatDoesNotEndBeforeTheLineOfAPhoneDoesAndGoesOnAndOn", "error", "instance", strings.Repeat("x", 200)), func(g *group.Group, _ *store.Post) {
		g.Owner = &group.Mark{ID: 1, To: group.Person{Name: strings.Repeat("Hubert", 20)}, At: s.engine.Now()}
	})
	l := httptest.NewServer(s.handler)
	t.Cleanup(l.Close)
	ctx := browser(t, l.URL+"/")
	fits(t, ctx, "now", l.URL+"/", chromedp.Click("summary"), chromedp.WaitVisible("[name=q]"))
	s2 := newSite(t)
	calm := httptest.NewServer(s2.handler)
	t.Cleanup(calm.Close)
	fits(t, ctx, "well", calm.URL+"/")

	// With the keyboard: to what is wrong, to an alert, and back.
	do(t, ctx, chromedp.EmulateViewport(390, 800), chromedp.Navigate(l.URL+"/"), keys("\t"), keys("\t"), keys("\t"))
	require.Equal(t, "button Menu", evaluate[string](t, ctx, focused))
	require.False(t, evaluate[bool](t, ctx, `document.querySelector("#pages").checkVisibility()`))
	do(t, ctx, keys("\r"), keys("\t"))
	require.Equal(t, "a Deliveries", evaluate[string](t, ctx, focused), "the pages are behind the button")
	do(t, ctx, chromedp.Navigate(l.URL+"/"), chromedp.Focus("h3 a"), keys("\r"), chromedp.WaitVisible("#card"))
	require.Equal(t, "HostDown", evaluate[string](t, ctx, `document.querySelector("h1").innerText`))
}
