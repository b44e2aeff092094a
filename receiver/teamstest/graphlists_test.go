package teamstest_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// people follows the pages of a list and returns the ids in it.
func people(t *testing.T, s *teamstest.Server, path string, headers ...string) (ids []string, pages int) {
	t.Helper()
	for path != "" {
		status, answer := ask(t, s, "GET", path, nil, headers...)
		require.Equal(t, 200, status, "%v", answer)
		for _, entry := range values(t, answer) {
			ids = append(ids, entry["id"].(string))
		}
		pages++
		path, _ = answer["@odata.nextLink"].(string)
	}
	return ids, pages
}

const mayBeOld = "ConsistencyLevel: eventual"

// Everybody in a group is told, also those on the second page and those in a
// group within the group, and nobody twice.
func TestAGroupIsReadPageByPage(t *testing.T) {
	s := withGraph(t, teamstest.Options{Graph: teamstest.GraphOptions{Page: 10}})
	var names []string
	for _, u := range s.AddUsers(25) {
		names = append(names, u.UPN)
	}
	inner := s.AddGroup("Inner", "Alice", names[0])
	group := s.AddGroup("Night shift", append(names, inner)...)
	path := "/groups/" + group + "/transitiveMembers"
	users, pages := people(t, s, path+"/microsoft.graph.user?$count=true&$select=id,userPrincipalName", mayBeOld)
	require.Len(t, users, 26)
	require.Equal(t, 3, pages)
	require.Contains(t, users, s.As("Alice").ObjectID)
	users, pages = people(t, s, path+"/microsoft.graph.user?$count=true&$top=999", mayBeOld)
	require.Len(t, users, 26)
	require.Equal(t, 1, pages)
	all, _ := people(t, s, path)
	require.Len(t, all, 27, "without the cast the group in it is an entry too")
	require.Contains(t, all, inner)
	_, answer := ask(t, s, "GET", "/groups/"+group+"?$select=id,displayName", nil)
	require.Equal(t, "Night shift", answer["displayName"])

	s.As("Alice").Become(teamstest.Situation{Gone: true})
	s.ChangeGroup(group, "Alice", "Bob")
	users, _ = people(t, s, path+"/microsoft.graph.user?$count=true", mayBeOld)
	require.Equal(t, []string{s.As("Bob").ObjectID}, users)
	s.Consent("GroupMember.Read.All")
	_, answer = ask(t, s, "GET", path, nil)
	require.NotContains(t, values(t, answer)[0], "displayName", "without permission to read users only that there is somebody")
	s.RemoveGroup(group)
	status, _ := ask(t, s, "GET", path, nil)
	require.Equal(t, 404, status)
}

func TestATagNamesWhoIsOnCall(t *testing.T) {
	s := withGraph(t, teamstest.Options{})
	id := s.AddTag("on call", "Alice", "Bob")
	path := "/teams/" + teamstest.TeamGroup + "/tags/" + id
	status, answer := ask(t, s, "GET", path, nil)
	require.Equal(t, 200, status, "%v", answer)
	require.Equal(t, "on call", answer["displayName"])
	s.ChangeTag(id, "Carol")
	_, answer = ask(t, s, "GET", path+"/members", nil)
	require.Len(t, values(t, answer), 1)
	require.Equal(t, s.As("Carol").ObjectID, values(t, answer)[0]["userId"])
	status, _ = ask(t, s, "GET", "/teams/11111111-2222-3333-4444-555555555555/tags/"+id, nil)
	require.Equal(t, 404, status, "a tag of another team")
}

// People write e-mail addresses, old ones too, and names with an apostrophe.
func TestPeopleAreFoundByTheirAddresses(t *testing.T) {
	s := withGraph(t, teamstest.Options{})
	s.AddUser(teamstest.User{Name: "Sean O'Neil", UPN: "sean.o'neil@contoso.com", Mail: "sean@contoso.com", Alias: "oneil@contoso.com"})
	sean := s.As("Sean").ObjectID
	for filter, found := range map[string]int{
		"mail eq 'SEAN@contoso.com'":                                            1,
		"userPrincipalName eq 'sean.o''neil@contoso.com'":                       1,
		"mail eq 'sean@contoso.com' or userPrincipalName eq 'x'":                1,
		"mail eq 'sean@contoso.com' and userPrincipalName eq 'x'":               0,
		"proxyAddresses/any(p:p eq 'smtp:oneil@contoso.com')":                   1,
		"otherMails/any(m:m eq 'oneil@contoso.com') or id eq '" + sean + "'":    1,
		"mail eq 'nobody@contoso.com'":                                          0,
		"mail eq 'alice@contoso.com' or mail eq 'sean@contoso.com'":             2,
		"proxyAddresses/any(p:p eq 'SMTP:alice@contoso.com') or mail eq 'x'":    1,
		"userPrincipalName eq 'alice@contoso.com' or mail eq 'bob@contoso.com'": 2,
	} {
		_, answer := ask(t, s, "GET", filtered("/users?$select=id,mail", filter), nil)
		require.Len(t, values(t, answer), found, filter)
		for _, entry := range values(t, answer) {
			require.Len(t, entry, 2, "only what was selected")
		}
	}
	for _, filter := range []string{"mail", "mail eq 'x", "secret eq 'x'", "mail eq 'a' or mail eq 'b' and id eq 'c'", "otherMails/any(a:b eq 'x')", "mail eq 'a' xor id eq 'b'"} {
		status, _ := ask(t, s, "GET", filtered("/users", filter), nil)
		require.Equal(t, 400, status, filter)
	}
	status, answer := ask(t, s, "GET", "/users('sean.o''neil@contoso.com')", nil)
	require.Equal(t, 200, status)
	require.Equal(t, sean, answer["id"])
	for _, top := range []string{"0", "1000", "x"} {
		status, _ = ask(t, s, "GET", "/users?$top="+top, nil)
		require.Equal(t, 400, status)
	}
	status, _ = ask(t, s, "GET", "/users?$skiptoken=other", nil)
	require.Equal(t, 400, status)
}

// requests are those of a $batch: lines of "id method url", and whether they
// have a body.
func requests(lines ...string) map[string]any {
	list := []any{}
	for _, line := range lines {
		parts := strings.Fields(line)
		one := map[string]any{"id": parts[0], "method": parts[1], "url": parts[2]}
		if one["method"] == "POST" {
			one["body"], one["headers"] = order(theApp), map[string]any{"Content-Type": "application/json"}
		}
		if len(parts) > 3 {
			one["dependsOn"] = []any{parts[3]}
		}
		list = append(list, one)
	}
	return map[string]any{"requests": list}
}

// responses are the answers of a $batch by their ids, in the order in which
// they came.
func responses(t *testing.T, answer map[string]any) (order []string, byID map[string]map[string]any) {
	t.Helper()
	byID = map[string]map[string]any{}
	for _, entry := range answer["responses"].([]any) {
		id := in(entry, "id").(string)
		order, byID[id] = append(order, id), entry.(map[string]any)
	}
	return order, byID
}

// Who reads the answers of a $batch in the order of the requests tells the
// wrong people that they cannot be reached.
func TestABatchAnswersEachRequestByItself(t *testing.T) {
	bot, o := botInside()
	s := withGraph(t, teamstest.Options{Bot: o})
	s.As("Bob").Become(teamstest.Situation{Policy: true})
	s.GraphFault(teamstest.FindUser, teamstest.Fault{Code: "TooManyRequests", RetryAfter: 3 * time.Second})
	status, answer := ask(t, s, "POST", "/$batch", requests(
		"a POST "+installs("alice@contoso.com"),
		"b POST "+installs("bob@contoso.com"),
		"c GET /users/carol@contoso.com?$select=id",
		"d GET /users/mallory@contoso.com",
		"e GET /users/carol@contoso.com?$select=id b",
		"f GET "+installs("alice@contoso.com")+"?$expand=teamsAppDefinition a",
	))
	require.Equal(t, 200, status, "%v", answer)
	order, byID := responses(t, answer)
	require.NotEqual(t, []string{"a", "b", "c", "d", "e", "f"}, order)
	statuses := map[string]any{}
	for id, one := range byID {
		statuses[id] = one["status"]
	}
	require.Equal(t, map[string]any{"a": 201.0, "b": 403.0, "c": 429.0, "d": 404.0, "e": 424.0, "f": 200.0}, statuses)
	require.NotContains(t, byID["a"], "body")
	require.Equal(t, "3", in(byID["c"], "headers", "Retry-After"))
	require.Contains(t, in(byID["b"], "body", "error", "message"), "permission policy")
	require.Len(t, in(byID["f"], "body", "value"), 1, "what was done before is seen")
	require.Len(t, bot.hears(t, 2), 2)

	require.Equal(t, 1, s.GraphCalls(teamstest.AnyGraph), "one request over HTTP")
	require.Equal(t, 1, s.GraphCalls(teamstest.Batch))
	require.Equal(t, 2, s.GraphCalls(teamstest.Installing))
	require.Equal(t, 2, s.GraphCalls(teamstest.FindUser), "what depends on a failure is not asked")
	made := s.GraphRequests()
	require.Equal(t, teamstest.Batch, made[0].Call)
	require.False(t, made[0].Batched)
	require.True(t, made[1].Batched)
	require.Equal(t, installs("alice@contoso.com"), made[1].Path)
	require.Equal(t, 201, made[1].Status)
}

func TestABatchThatGraphDoesNotTake(t *testing.T) {
	twentyOne := []string{}
	for i := range 21 {
		twentyOne = append(twentyOne, fmt.Sprintf("%d GET /users/alice@contoso.com", i))
	}
	bare := requests("a POST " + installs("alice@contoso.com"))
	delete(bare["requests"].([]any)[0].(map[string]any), "headers")
	for name, body := range map[string]any{
		"more than 20 requests":            requests(twentyOne...),
		"none":                             map[string]any{"requests": []any{}},
		"an id twice":                      requests("a GET /users", "a GET /users"),
		"a body without its type":          bare,
		"a request without a method":       map[string]any{"requests": []any{map[string]any{"id": "a", "url": "/users"}}},
		"something that depends on nobody": requests("a GET /users b"),
		"a list":                           []any{},
	} {
		t.Run(name, func(t *testing.T) {
			s := withGraph(t, teamstest.Options{})
			status, answer := ask(t, s, "POST", "/$batch", body)
			require.Equal(t, 400, status, "%v", answer)
			require.Equal(t, 1, s.GraphCalls(teamstest.AnyGraph))
			require.Equal(t, 400, s.GraphRequests()[0].Status)
			require.Zero(t, s.GraphCalls(teamstest.FindUser)+s.GraphCalls(teamstest.Installing))
		})
	}
	s := withGraph(t, teamstest.Options{})
	_, answer := ask(t, s, "POST", "/$batch", requests("a GET /$batch", "b POST /$batch", "c GET /users/alice@contoso.com", "d GET /%zz"))
	_, byID := responses(t, answer)
	require.Equal(t, 400.0, byID["b"]["status"])
	require.Equal(t, 200.0, byID["c"]["status"])
	require.Equal(t, 400.0, byID["d"]["status"])
}

// A batch that fails as a whole has done nothing.
func TestABatchThatMeetsABadDay(t *testing.T) {
	s := withGraph(t, teamstest.Options{})
	s.GraphFault(teamstest.AnyGraph, teamstest.Fault{Status: 429, RetryAfter: 10 * time.Second})
	response, _ := asked(t, s, "POST", "/$batch", requests("a POST "+installs("alice@contoso.com")))
	require.Equal(t, 429, response.StatusCode)
	require.Equal(t, "10", response.Header.Get("Retry-After"))
	require.Empty(t, s.AppVersion("Alice"))
	status, _ := ask(t, s, "POST", "/$batch", requests("a POST "+installs("alice@contoso.com")))
	require.Equal(t, 200, status)
	require.NotEmpty(t, s.AppVersion("Alice"))
	require.Zero(t, s.GraphThrottled(), "scripted ones are not counted")
}

// A client that is to hold the limits of teams-platform §5.3 can be held to
// them here: what does not fit is refused and counted.
func TestTheLimitsOfGraph(t *testing.T) {
	alice := "/users/alice@contoso.com/teamwork/installedApps"
	for name, c := range map[string]struct {
		method string
		path   func(s *teamstest.Server, i int) string
		fits   int // in a second
	}{
		"reading installations": {"GET", func(*teamstest.Server, int) string { return alice }, 30},
		"the catalogue":         {"GET", func(*teamstest.Server, int) string { return "/appCatalogs/teamsApps" }, 30},
		"installing":            {"POST", func(*teamstest.Server, int) string { return alice }, 30},
		"removing":              {"DELETE", func(*teamstest.Server, int) string { return alice + "/x" }, 15},
		"upgrades":              {"POST", func(*teamstest.Server, int) string { return alice + "/x/upgrade" }, 30},
		"one chat":              {"GET", func(*teamstest.Server, int) string { return alice + "/x/chat" }, 1},
		"many chats":            {"GET", func(_ *teamstest.Server, i int) string { return fmt.Sprintf("%s/x%d/chat", alice, i) }, 30},
		"one team":              {"GET", func(*teamstest.Server, int) string { return "/teams/x/tags/y" }, 4},
		"users":                 {"GET", func(*teamstest.Server, int) string { return "/users/alice@contoso.com" }, 100},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := teamstest.New(teamstest.Options{Graph: teamstest.GraphOptions{Throttle: teamstest.RealGraphThrottle}})
				for second := range 2 {
					for i := range c.fits {
						status, answer := ask(t, s, c.method, c.path(s, i), order(theApp))
						require.NotEqual(t, 429, status, "%d: %v", i, answer)
					}
					require.Zero(t, s.GraphThrottled())
					if second == 0 {
						time.Sleep(time.Second)
					}
				}
				if name == "users" {
					return
				}
				response, answer := asked(t, s, c.method, c.path(s, 0), order(theApp))
				require.Equal(t, 429, response.StatusCode)
				require.Equal(t, "TooManyRequests", code(answer))
				require.Equal(t, "1", response.Header.Get("Retry-After"))
				require.Equal(t, 1, s.GraphThrottled())
			})
		})
	}
}

// In a batch each request is counted, and only what does not fit is refused.
func TestTheLimitsHoldInsideABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := withGraph(t, teamstest.Options{Graph: teamstest.GraphOptions{Throttle: teamstest.RealGraphThrottle}})
		refused := 0
		for range 2 {
			var lines []string
			for i, u := range s.AddUsers(20) {
				lines = append(lines, fmt.Sprintf("%d POST %s", i, installs(u.ObjectID)))
			}
			_, answer := ask(t, s, "POST", "/$batch", requests(lines...))
			_, byID := responses(t, answer)
			for _, one := range byID {
				if one["status"] == 429.0 {
					refused++
					require.Equal(t, "1", in(one, "headers", "Retry-After"))
				}
			}
		}
		require.Equal(t, 10, refused)
		require.Equal(t, 10, s.GraphThrottled())
	})
}
