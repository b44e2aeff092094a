package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/web"
)

// office is a receiver with three people, one of whom is a member of a group.
func office(t *testing.T) (at string, asked *[]string) {
	t.Helper()
	now := time.Date(2026, 11, 21, 10, 2, 0, 0, time.UTC)
	const erin = "22222222-0000-0000-0000-000000000002"
	everybody := []web.User{
		{Name: erin, ObjectID: erin, UPN: "erin@contoso.com", DisplayName: "Erin Example", State: "installing", Reason: "installing", Message: "The app is being installed.", Destinations: []string{"directors"}},
		{Name: "alice@contoso.com", UPN: "alice@contoso.com", DisplayName: "Alice Example", State: "reachable", Conversation: true, Destinations: []string{"oncall", "managers"}, Version: "1.4.0", InstalledAt: &now, CheckedAt: &now},
		{Name: "bob@contoso.com", State: "unknown", Reason: "unknown_user", Message: "Nobody is called that.", Do: "Correct the name in the file.", Destinations: []string{"oncall"}, RetryAt: &now},
	}
	asked = &[]string{}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.Method+" "+r.URL.RequestURI())
		name, one := strings.CutPrefix(r.URL.Path, "/api/v1/users/")
		switch {
		case r.Method == http.MethodPost && strings.HasPrefix(name, "alice"):
			w.WriteHeader(http.StatusConflict)
			_, _ = fmt.Fprint(w, `{"error":"alice@contoso.com can be reached","hint":"nothing has to be tried again"}`)
		case r.Method == http.MethodPost:
			_, _ = fmt.Fprint(w, `{}`)
		case name == "bob@contoso.com":
			_ = json.NewEncoder(w).Encode(web.UserStory{User: everybody[2], Open: []web.Post{
				{ID: 5, Alert: "4mc9", Title: "DiskFull \x1b[2Jfra1", State: "dead", Message: "Nobody is called that.", UpdatedAt: now},
				{ID: 4, Alert: "4mc8", Title: "DiskFull", State: "waiting", UpdatedAt: now},
			}})
		case name == "alice@contoso.com":
			_ = json.NewEncoder(w).Encode(web.UserStory{User: everybody[1]})
		case one:
			w.WriteHeader(http.StatusNotFound)
			_, _ = fmt.Fprint(w, `{"error":"nobody who is told personally is called \"alcie\"","hint":"did you mean alice@contoso.com?"}`)
		default:
			_ = json.NewEncoder(w).Encode(map[string]any{"users": everybody})
		}
	}))
	t.Cleanup(site.Close)
	return site.URL, asked
}

func TestTheListOfUsersSaysWhoCannotBeReachedAndWhatToDo(t *testing.T) {
	at, asked := office(t)
	t.Setenv("TEAMSRELAY_URL", at)
	got := say(t, "users")
	require.Zero(t, got.code, got.err)
	require.Regexp(t, `(?m)^NAME +STATE +DESTINATIONS +WHO +WHY\n22222222-\S+ +installing +directors +Erin Example +The app is being installed\.\nalice@contoso\.com +reachable +oncall,managers +Alice Example +-\nbob@contoso\.com +unknown +oncall +- +Nobody is called that\. Correct the name in the file\.\n$`, got.out)
	require.Equal(t, "1 of 3 cannot be reached.\n", got.err, "who pipes the table has the rows alone; an installation under way is no trouble")

	got = say(t, "users", "list", "--state=blocked", "--destination=oncall", "--output=json")
	require.Zero(t, got.code)
	require.Empty(t, got.err)
	var listed struct{ Users []web.User }
	require.NoError(t, json.Unmarshal([]byte(got.out), &listed))
	require.Len(t, listed.Users, 3)
	require.Equal(t, "GET /api/v1/users?destination=oncall&limit=1000&state=blocked", (*asked)[1])
	require.Equal(t, 1, say(t, "users", "list", "--state=happy").code)
}

func TestAllUsersAreReadAlsoWhenThereAreManyPages(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		users := []web.User{}
		from, _ := strconv.Atoi(r.FormValue("after"))
		for i := from + 1; i <= 2500 && len(users) < 1000; i++ {
			users = append(users, web.User{Name: fmt.Sprintf("%06d", i), State: "reachable"})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"users": users})
	}))
	defer site.Close()
	got := say(t, "users", "--relay.url="+site.URL)
	require.Equal(t, 2501, strings.Count(got.out, "\n"))
	require.Contains(t, got.out, "\n002500 ")
	require.Empty(t, got.err, "all can be reached")
}

func TestOnePersonIsShownWithWhatTheyHaveNotBeenTold(t *testing.T) {
	at, _ := office(t)
	t.Setenv("TEAMSRELAY_URL", at)
	got := say(t, "users", "show", "bob@contoso.com")
	require.Zero(t, got.code, got.err)
	for _, line := range []string{"bob@contoso.com\n", "  what to do    Correct the name in the file.\n", "  state         unknown\n", "They have not been told:\n", "dead letter 5: Nobody is called that.\n", "  DiskFull  waits\n"} {
		require.Contains(t, got.out, line)
	}
	require.NotContains(t, got.out, "\x1b")
	require.Contains(t, got.out, "  chat          none yet\n", "an alert alone does not find who is not there")
	got = say(t, "users", "show", "alice@contoso.com")
	require.Contains(t, got.out, "  chat          known; Microsoft Graph is not needed")
	require.Contains(t, got.out, "They have been told everything.\n")
	require.NotContains(t, got.out, "reason", "nothing is said where there is nothing to say")
	got = say(t, "users", "show", "alcie")
	require.Equal(t, result{1, "", "teamsrelay: nobody who is told personally is called \"alcie\"; did you mean alice@contoso.com?\n"}, got)
	var story web.UserStory
	require.NoError(t, json.Unmarshal([]byte(say(t, "users", "show", "bob@contoso.com", "-o", "json").out), &story))
	require.Len(t, story.Open, 2)
}

func TestPeopleAreTriedAgainFromTheCommandLine(t *testing.T) {
	at, asked := office(t)
	t.Setenv("TEAMSRELAY_URL", at)
	got := say(t, "users", "retry", "bob@contoso.com", "dave#EXT#@contoso.com", "alice@contoso.com")
	require.Equal(t, 1, got.code, "one of them was not")
	require.Equal(t, "2 tried again\n", got.out)
	require.Equal(t, "teamsrelay: alice@contoso.com can be reached; nothing has to be tried again\n", got.err)
	who := url.Values{"who": {whoami()}}.Encode()
	require.Equal(t, "POST /api/v1/users/bob@contoso.com/retry?"+who, (*asked)[0], "the audit says who wanted it")
	require.Equal(t, "POST /api/v1/users/dave%23EXT%23@contoso.com/retry?"+who, (*asked)[1])
	require.Zero(t, say(t, "users", "retry", "bob@contoso.com").code)
	require.Equal(t, 1, say(t, "users", "retry").code)
}

func TestADestinationOfPeopleIsOneLineOfTheList(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"destinations": []web.Destination{
			{Name: "oncall", State: "broken", Reason: "blocked", Message: "bob@contoso.com cannot be reached.", People: &web.Reach{Total: 3, Reachable: 2, Unreachable: 1}, Fallback: "sre"}, {Name: "sre", State: "ok"},
		}})
	}))
	defer site.Close()
	got := say(t, "destinations", "--relay.url="+site.URL)
	require.Regexp(t, `(?m)^NAME +STATE +WAITING +DEAD LETTERS +REASON +TARGET +ADDED +PEOPLE +FALLBACK +MESSAGE\noncall +broken +0 +0 +blocked +- +- +2 of 3 +sre +bob@contoso\.com cannot be reached\.\nsre +ok +0 +0 +- +- +- +- +- +-\n$`, got.out)
}
