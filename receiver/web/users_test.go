package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

const (
	groupID1 = "11111111-0000-0000-0000-000000000001"
	erinID   = "22222222-0000-0000-0000-000000000002"
)

// newPeopleSite is a site whose destinations are people.
func newPeopleSite(t testing.TB) *site {
	return newSiteOf(t, `
storage: {url: "sqlite:web.db"}
destinations:
  - name: ops
    workflow: {url: "http://127.0.0.1:9/workflow/ops"}
  - name: oncall
    users: [Alice@contoso.com, bob@contoso.com, carol@contoso.com]
    fallback: ops
  - name: managers
    users: [alice@contoso.com, dave_fabrikam.com#EXT#@contoso.onmicrosoft.com]
  - name: directors
    group: `+groupID1+`
  - name: board
    group: `+groupID1+`
route: {destinations: [oncall]}
microsoft: {tenant_id: 33333333-0000-0000-0000-000000000003, app_id: 44444444-0000-0000-0000-000000000004, client_secret: barley, teams_app_id: 55555555-0000-0000-0000-000000000005}
`, func(d config.Destination) deliver.Address {
		return deliver.Address{ID: botframework.AddressID(d.Conversation()), Destination: d.Name, Editable: true}
	})
}

// changes writes to the site's store.
func (s *site) changes(fn func(tx store.Tx) error) {
	s.t.Helper()
	require.NoError(s.t, s.store.Update(s.t.Context(), fn))
}

func (s *site) savePerson(p store.Person) {
	s.t.Helper()
	p.UpdatedAt = s.engine.Now()
	s.changes(func(tx store.Tx) error { return tx.SavePerson(&p) })
}

// settled has the site know people as it would after a day: Alice is reachable,
// Bob does not exist, Carol was never asked for.
func (s *site) settled() {
	now := s.engine.Now()
	s.changes(func(tx store.Tx) error {
		return tx.SaveConversation(&store.Conversation{ID: "a:alice", Kind: store.Personal, Name: "Alice Example", UserObjectID: "66666666-0000-0000-0000-000000000006", Installed: true, UpdatedAt: now})
	})
	s.savePerson(store.Person{
		Name: "alice@contoso.com", ObjectID: "66666666-0000-0000-0000-000000000006", DisplayName: "Alice Example", UPN: "alice@contoso.com",
		Conversation: "a:alice", State: store.PersonReachable, InstalledAt: now.Add(-time.Hour), Version: "1.4.0", CheckedAt: now.Add(-time.Hour),
	})
	s.savePerson(store.Person{
		Name: "bob@contoso.com", State: store.PersonUnknown, Reason: string(teams.UnknownUser), Message: "Nobody is called that in the tenant.", CheckedAt: now,
	})
	s.changes(func(tx store.Tx) error {
		a := store.Address{Address: people.AddressID("bob@contoso.com")}
		a.Break(string(teams.UnknownUser), "Nobody is called that in the tenant.", false, now)
		return tx.SaveAddress(&a)
	})
}

func (s *site) directors() {
	s.savePerson(store.Person{Name: erinID, ObjectID: erinID, DisplayName: "Erin Example", UPN: "Erin@contoso.com", State: store.PersonInstalling, Reason: string(teams.Installing), Wanted: true, NotBefore: s.engine.Now().Add(time.Minute)})
	s.changes(func(tx store.Tx) error {
		return tx.SaveRoster(&store.Roster{ID: people.GroupID(groupID1), DisplayName: "Directors of the board", Members: []string{erinID}, RefreshedAt: s.engine.Now()})
	})
}

func (s *site) listUsers(query string) []User {
	s.t.Helper()
	var list struct{ Users []User }
	w := s.ask("GET", "/api/v1/users"+query, "")
	require.Equal(s.t, 200, w.Code, w.Body)
	require.NoError(s.t, json.Unmarshal(w.Body.Bytes(), &list))
	return list.Users
}

func namesOf(list []User) (names []string) {
	for _, u := range list {
		names = append(names, u.Name)
	}
	return names
}

func TestEverybodyWhoIsToldPersonallyIsListed(t *testing.T) {
	s := newPeopleSite(t)
	const guest = "dave_fabrikam.com#ext#@contoso.onmicrosoft.com"
	require.Equal(t, []string{"alice@contoso.com", "bob@contoso.com", "carol@contoso.com", guest}, namesOf(s.listUsers("")), "who was never told anything stands there, too")
	s.settled()
	s.directors()
	all := s.listUsers("")
	require.Equal(t, []string{erinID, "alice@contoso.com", "bob@contoso.com", "carol@contoso.com", guest}, namesOf(all), "and who is in a group")
	alice, bob, carol, erin := all[1], all[2], all[3], all[0]

	require.Equal(t, "reachable", alice.State)
	require.True(t, alice.Conversation)
	require.Equal(t, "Alice Example", alice.DisplayName)
	require.Equal(t, "1.4.0", alice.Version)
	require.NotNil(t, alice.InstalledAt)
	require.Equal(t, []string{"oncall", "managers"}, alice.Destinations)
	require.False(t, alice.Unreachable())

	require.Equal(t, "unknown_user", bob.Reason)
	require.NotEmpty(t, bob.Message)
	require.False(t, bob.Conversation)
	require.Nil(t, bob.InstalledAt)
	require.True(t, bob.Unreachable())

	require.Equal(t, "unknown", carol.State)
	require.False(t, carol.Unreachable(), "nothing speaks against her: she is reached with her first alert")

	require.Equal(t, "erin@contoso.com", strings.ToLower(erin.Called()), "nobody knows people by their object ids")
	require.Equal(t, []string{"directors", "board"}, erin.Destinations)
	require.NotNil(t, erin.RetryAt)
	require.False(t, erin.Unreachable(), "it is under way")

	body := s.ask("GET", "/api/v1/users", "").Body.String()
	require.NotContains(t, body, "a:alice", "Microsoft's conversation ids are nobody's business")
	require.NotContains(t, body, "barley")
}

func TestTheListOfUsersIsFilteredAndPaged(t *testing.T) {
	s := newPeopleSite(t)
	s.settled()
	for query, want := range map[string][]string{
		"?state=reachable":                          {"alice@contoso.com"},
		"?state=policy":                             nil,
		"?destination=oncall":                       {"alice@contoso.com", "bob@contoso.com", "carol@contoso.com"},
		"?destination=oncall&state=reachable":       {"alice@contoso.com"},
		"?destination=ops":                          nil,
		"?limit=2":                                  {"alice@contoso.com", "bob@contoso.com"},
		"?limit=2&after=alice@contoso.com":          {"bob@contoso.com", "carol@contoso.com"},
		"?destination=oncall&after=bob@contoso.com": {"carol@contoso.com"},
		"?after=zzz":                                nil,
	} {
		require.Equal(t, want, namesOf(s.listUsers(query)), query)
	}
	for query, status := range map[string]int{"?state=happy": 400, "?destination=nobody": 404, "?limit=x": 400} {
		w := s.ask("GET", "/api/v1/users"+query, "")
		require.Equal(t, status, w.Code, "who looks for what there is not would take the empty list for an answer: "+query)
		require.Contains(t, w.Body.String(), `"hint":"`)
	}
	require.Contains(t, s.ask("GET", "/api/v1/users?state=x", "").Body.String(), "unknown, known, installing, reachable, blocked, policy")
	require.JSONEq(t, `{"users":[]}`, newSite(t).ask("GET", "/api/v1/users", "").Body.String(), "where nobody is told personally")
}

func TestAUserIsFoundByEveryNameTheyHave(t *testing.T) {
	s := newPeopleSite(t)
	s.settled()
	s.directors()
	for typed, want := range map[string]string{
		"alice@contoso.com":                    "alice@contoso.com",
		"ALICE@contoso.com":                    "alice@contoso.com",
		"66666666-0000-0000-0000-000000000006": "alice@contoso.com",
		"erin@contoso.com":                     erinID,
		erinID:                                 erinID,
		"dave_fabrikam.com%23EXT%23@contoso.onmicrosoft.com": "dave_fabrikam.com#ext#@contoso.onmicrosoft.com",
	} {
		w := s.ask("GET", "/api/v1/users/"+typed, "")
		require.Equal(t, 200, w.Code, w.Body)
		var story UserStory
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &story))
		require.Equal(t, want, story.Name, typed)
		require.Contains(t, w.Body.String(), `"open":[]`, "a list is never null")
	}
	for typed, hint := range map[string]string{
		"alcie@contoso.com":         "did you mean alice@contoso.com?",
		"bob":                       "did you mean bob@contoso.com?",
		"alcie":                     "did you mean alice@contoso.com?",
		"caroll@fabrikam.com":       "did you mean carol@contoso.com?",
		"Example":                   "did you mean erin@contoso.com, alice@contoso.com?",
		"%20":                       "teamsrelay users list",
		"zebra":                     "teamsrelay users list",
		strings.Repeat("x", 100000): "teamsrelay users list",
	} {
		w := s.ask("GET", "/api/v1/users/"+typed, "")
		require.Equal(t, 404, w.Code)
		require.Contains(t, w.Body.String(), hint)
		require.Less(t, w.Body.Len(), 1000)
	}
	require.Contains(t, newSite(t).ask("GET", "/api/v1/users/bob", "").Body.String(), "no destination of the configuration has users: or group:")
}

// tells has a test be told at a destination; it returns its alert's id.
func (s *site) tells(destination string) string {
	s.t.Helper()
	var made Test
	w := s.ask("POST", "/api/v1/destinations/"+destination+"/test", "")
	require.Equal(s.t, 200, w.Code, w.Body)
	require.NoError(s.t, json.Unmarshal(w.Body.Bytes(), &made))
	return alert.ShortID(made.Group)
}

func (s *site) postsOf(id string) map[string]Post {
	s.t.Helper()
	var list struct{ Posts []Post }
	w := s.ask("GET", "/api/v1/alerts/"+id+"/posts", "")
	require.Equal(s.t, 200, w.Code, w.Body)
	require.NoError(s.t, json.Unmarshal(w.Body.Bytes(), &list))
	by := map[string]Post{}
	for _, p := range list.Posts {
		by[p.Who] = p
	}
	require.Len(s.t, by, len(list.Posts))
	return by
}

// givesUp makes somebody's post of an alert a dead letter.
func (s *site) givesUp(id, who, reason, words string) {
	s.t.Helper()
	post := s.postsOf(id)[who]
	require.NotZero(s.t, post.ID, who)
	s.changes(func(tx store.Tx) error {
		p, err := tx.Post(post.ID)
		if err != nil {
			return err
		}
		p.GiveUp(reason, words, s.engine.Now())
		return tx.SavePost(&p)
	})
}

func TestAUsersStorySaysWhatTheyHaveNotBeenTold(t *testing.T) {
	s := newPeopleSite(t)
	s.settled()
	first, second := s.tells("oncall"), s.tells("oncall")
	s.givesUp(first, "bob@contoso.com", "unknown_user", "Nobody is called that.")
	open := func(name string) []Post {
		var story UserStory
		require.NoError(t, json.Unmarshal(s.ask("GET", "/api/v1/users/"+name, "").Body.Bytes(), &story))
		return story.Open
	}
	bobs := open("bob@contoso.com")
	require.Len(t, bobs, 2)
	require.Equal(t, second, bobs[0].Alert, "newest first")
	require.Equal(t, first, bobs[1].Alert)
	require.True(t, bobs[1].DeadLetter)
	require.Equal(t, "dead", bobs[1].State)
	require.Equal(t, "Nobody is called that.", bobs[1].Message)
	require.Contains(t, bobs[1].Title, "TeamsrelayTest")
	require.Equal(t, "oncall", bobs[1].Destination)
	alices := open("alice@contoso.com")
	require.Len(t, alices, 2, "what waits in her conversation")
	require.Equal(t, "due", alices[0].State)
	require.Equal(t, "alice@contoso.com", alices[0].Who)

	require.Equal(t, 200, s.ask("POST", fmt.Sprintf("/api/v1/dead-letters/%d/replay", bobs[1].ID), "").Code)
	require.Len(t, open("bob@contoso.com"), 2, "a dead letter whose replay is under way stands there once")
	require.NoError(t, s.store.View(t.Context(), func(tx store.Tx) error {
		bob, err := tx.Person("bob@contoso.com")
		require.True(t, bob.Wanted, "who replays knows more than Microsoft did an hour ago")
		require.Empty(t, bob.Reason)
		return err
	}))
}

func TestWhoIsAtAnAddressIsSaidWhereverItIsListed(t *testing.T) {
	s := newPeopleSite(t)
	s.settled()
	id := s.tells("oncall")
	posts := s.postsOf(id)
	require.Len(t, posts, 3)
	require.Contains(t, posts["bob@contoso.com"].Message, "Nobody is called that", "who tests the destination reads why it waits")
	require.Equal(t, "unknown_user", posts["bob@contoso.com"].Reason)
	require.NotEmpty(t, posts["carol@contoso.com"].Message, "she is being looked up")
	require.Empty(t, posts["alice@contoso.com"].Message, "nothing holds it up")
	require.Nil(t, posts["alice@contoso.com"].Last)

	s.changes(func(tx store.Tx) error {
		return tx.SaveDelivery(&store.Delivery{PostID: posts["alice@contoso.com"].ID, Address: botframework.AddressID("a:alice"), Destination: "oncall", State: store.DeliveryRetry, Attempt: 1, At: s.engine.Now()})
	})
	require.Equal(t, 1, s.postsOf(id)["alice@contoso.com"].Last.Attempt)
	require.Contains(t, s.ask("GET", "/api/v1/deliveries", "").Body.String(), `"who":"alice@contoso.com"`)
	require.Contains(t, s.ask("GET", "/api/v1/deliveries/1", "").Body.String(), `"who":"alice@contoso.com"`)
	s.givesUp(id, "bob@contoso.com", "unknown_user", "x")
	require.Contains(t, s.ask("GET", "/api/v1/dead-letters", "").Body.String(), `"who":"bob@contoso.com"`)

	roster := s.postsOf(s.tells("directors"))
	require.Contains(t, roster[""].Message, "members are being read", "a group that nobody has read yet")
	require.Equal(t, 404, s.ask("GET", "/api/v1/alerts/zzzzzz/posts", "").Code)
	require.Equal(t, 400, s.ask("GET", "/api/v1/alerts/!/posts", "").Code)
}

func TestSomebodyIsTriedAgainAndTheAuditSaysWhoWantedIt(t *testing.T) {
	s := newPeopleSite(t)
	s.settled()
	s.directors()
	w := s.ask("POST", "/api/v1/users/Bob@contoso.com/retry?who=Alice", "")
	require.Equal(t, 200, w.Code, w.Body)
	lines := s.lines("")
	require.Len(t, lines, 1)
	require.Equal(t, []string{"retry", "Alice", "bob@contoso.com", "api 127.0.0.1"}, []string{lines[0].Action, lines[0].Who, lines[0].Target, lines[0].From})
	require.Len(t, s.lines("?action=retry"), 1)
	require.NoError(t, s.store.View(t.Context(), func(tx store.Tx) error {
		p, err := tx.Person("bob@contoso.com")
		require.True(t, p.Wanted)
		require.Empty(t, p.Reason)
		return err
	}))
	require.Equal(t, 200, s.ask("POST", "/api/v1/users/erin@contoso.com/retry", "").Code)
	require.Equal(t, erinID, s.lines("")[0].Target)

	w = s.ask("POST", "/api/v1/users/alice@contoso.com/retry", "")
	require.Equal(t, http.StatusConflict, w.Code, "nothing is to be tried")
	require.Contains(t, w.Body.String(), "has a chat with the app already")
	require.Equal(t, 404, s.ask("POST", "/api/v1/users/nobody/retry", "").Code)
	require.Equal(t, 401, s.ask("POST", "/api/v1/users/bob@contoso.com/retry", "", elsewhere).Code)
	require.Equal(t, 403, s.ask("POST", "/api/v1/users/bob@contoso.com/retry", "", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }).Code)
	require.Len(t, s.lines("?action=retry"), 2, "what was refused was done by nobody")
	require.Len(t, s.lines("?action=refused:retry"), 2, "and who tried is known")
}

func TestRostersSayHowManyAreInThemAndWhenTheyWereRead(t *testing.T) {
	s := newPeopleSite(t)
	rosters := func() []Roster {
		var list struct{ Rosters []Roster }
		require.NoError(t, json.Unmarshal(s.ask("GET", "/api/v1/rosters", "").Body.Bytes(), &list))
		return list.Rosters
	}
	require.Equal(t, []Roster{{ID: "group:" + groupID1, Destinations: []string{"directors", "board"}}}, rosters(), "it is one group, and was never read")
	s.directors()
	is := rosters()[0]
	require.Equal(t, "Directors of the board", is.DisplayName)
	require.Equal(t, 1, is.Members)
	require.NotNil(t, is.RefreshedAt)
	require.Nil(t, is.RetryAt)
	s.changes(func(tx store.Tx) error {
		return tx.SaveRoster(&store.Roster{ID: people.GroupID(groupID1), Reason: "consent", Message: "Consent is missing.", NotBefore: s.engine.Now()})
	})
	require.Equal(t, "consent", rosters()[0].Reason)
	require.NotNil(t, rosters()[0].RetryAt)
	require.JSONEq(t, `{"rosters":[]}`, newSite(t).ask("GET", "/api/v1/rosters", "").Body.String())
}

func TestADestinationOfPeopleIsOneLineThatSaysHowManyCanBeReached(t *testing.T) {
	s := newPeopleSite(t)
	of := func(name string) Destination {
		var list struct{ Destinations []Destination }
		require.NoError(t, json.Unmarshal(s.ask("GET", "/api/v1/destinations", "").Body.Bytes(), &list))
		require.Len(t, list.Destinations, 5)
		for _, d := range list.Destinations {
			if d.Name == name {
				return d
			}
		}
		return Destination{}
	}
	fresh := of("oncall")
	require.Equal(t, "people", fresh.Kind)
	require.Equal(t, "ok", fresh.State, "nothing speaks against those who were never asked for")
	require.Equal(t, &Reach{Total: 3}, fresh.People)
	require.Equal(t, "ops", fresh.Fallback)
	require.Equal(t, "webhook", of("ops").Kind)
	require.Nil(t, of("ops").People)
	require.Equal(t, "waiting", of("directors").State, "nobody knows who is in it")

	s.settled()
	some := of("oncall")
	require.Equal(t, "broken", some.State, "somebody has to do something")
	require.Equal(t, "unknown_user", some.Reason)
	require.Contains(t, some.Message, "bob@contoso.com cannot be reached.")
	require.NotNil(t, some.Since)
	require.Equal(t, &Reach{Total: 3, Reachable: 1, Unreachable: 1}, some.People)
	require.Equal(t, "ok", of("managers").State)

	s.savePerson(store.Person{Name: "dave_fabrikam.com#ext#@contoso.onmicrosoft.com", State: store.PersonKnown, Reason: string(teams.Unavailable), Message: "Graph has a bad time.", Wanted: true})
	require.Equal(t, "waiting", of("managers").State, "nobody has to do anything, so nobody is to be woken")
	require.Equal(t, "unavailable", of("managers").Reason)
	s.savePerson(store.Person{Name: "alice@contoso.com", State: store.PersonKnown, Reason: string(teams.Unavailable), Message: "Graph has a bad time.", Wanted: true})
	require.Equal(t, "unknown_user", of("oncall").Reason, "what needs somebody is not hidden by what passes")
	s.settled()

	s.savePerson(store.Person{Name: "carol@contoso.com", State: store.PersonKnown, Reason: string(teams.Disabled), Message: "The account is disabled."})
	require.Contains(t, of("oncall").Message, "2 of 3 cannot be reached; see teamsrelay users list. The first is bob@contoso.com.")

	s.directors()
	require.Equal(t, "ok", of("directors").State)
	require.Equal(t, &Reach{Total: 1}, of("board").People)
	s.changes(func(tx store.Tx) error {
		return tx.SaveRoster(&store.Roster{ID: people.GroupID(groupID1), Members: []string{erinID}, RefreshedAt: s.engine.Now(), Reason: "consent", Message: "Consent is missing."})
	})
	require.Equal(t, "broken", of("directors").State)
	require.Equal(t, "Consent is missing.", of("directors").Message)
}

func TestAnAlertSaysWhoWasToldInWhosePlaceAndThatItWasEscalated(t *testing.T) {
	s := newPeopleSite(t)
	id := s.fires()
	number, _ := alert.FromShortID(id)
	at := s.engine.Now().UTC().Truncate(time.Second)
	s.changes(func(tx store.Tx) error {
		g, err := tx.Group(number)
		if err != nil {
			return err
		}
		g.Spec.Escalate = []group.Step{
			{After: time.Minute, Targets: []group.Target{{Destination: "managers"}}}, {After: time.Hour, Targets: []group.Target{{Destination: "directors"}, {Destination: "board"}}},
			{After: 2 * time.Hour, Targets: []group.Target{{Destination: "ops"}}},
		}
		g.Escalated = []time.Time{at, {}}
		g.Misses = []group.Miss{{Destination: "oncall", Address: "user:bob@contoso.com", Who: "Bob", Why: "has blocked the bot", At: at, Fallback: "ops"}}
		g.MoreMisses = 7
		return tx.SaveGroup(&g)
	})
	w := s.ask("GET", "/api/v1/alerts/"+id, "")
	var list struct{ Alerts []Alert }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &list))
	require.Equal(t, []Escalated{{Step: 1, At: at, Destinations: []string{"managers"}}}, list.Alerts[0].Escalated, "only what was done")
	require.Equal(t, []Missed{{Who: "Bob", Destination: "oncall", Why: "has blocked the bot", At: at, Fallback: "ops"}}, list.Alerts[0].Missed)
	require.Equal(t, 7, list.Alerts[0].MoreMissed)
	require.NotContains(t, w.Body.String(), "user:bob")
	plain := newSite(t)
	require.NotContains(t, plain.ask("GET", "/api/v1/alerts/"+plain.fires(), "").Body.String(), `"missed"`)
}
