package teamstest_test

import (
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

const (
	added      = "installationUpdate add"
	begun      = "conversationUpdate membersAdded"
	takenAway  = "installationUpdate remove"
	ended      = "conversationUpdate membersRemoved"
	upgradedTo = "installationUpdate add-upgrade"
)

// inside runs a test with a clock of its own, a bot without sockets and Graph.
func inside(t *testing.T, test func(*testing.T, *teamstest.Server, *fakeBot)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		bot, o := botInside()
		test(t, withGraph(t, teamstest.Options{Bot: o}), bot)
	})
}

// installFor orders the app for somebody, which must be taken.
func installFor(t *testing.T, s *teamstest.Server, user string) {
	t.Helper()
	status, answer := ask(t, s, "POST", installs(s.As(user).ObjectID), order(theApp))
	require.Equal(t, 201, status, "%v", answer)
	require.Empty(t, answer, "so no installation id")
}

// installation is the path of somebody's installation; "": they have none.
func installation(t *testing.T, s *teamstest.Server, user string) string {
	t.Helper()
	path := installs(s.As(user).ObjectID)
	status, answer := ask(t, s, "GET", filtered(path+"?$expand=teamsApp,teamsAppDefinition", "teamsApp/externalId eq '"+teamstest.DefaultApp.ManifestID+"'"), nil)
	require.Equal(t, 200, status, "%v", answer)
	for _, entry := range values(t, answer) {
		require.Equal(t, theApp, in(entry, "teamsApp", "id"))
		require.Equal(t, s.AppVersion(user), in(entry, "teamsAppDefinition", "version"))
		return path + "/" + url.PathEscape(entry["id"].(string))
	}
	return ""
}

// chatWith is the status with which the connector makes the bot's chat with
// somebody, and its id.
func chatWith(t *testing.T, s *teamstest.Server, user string) (int, any) {
	t.Helper()
	status, answer := connector(t, s, "POST", "/v3/conversations", createChat(s.As(user).ObjectID))
	if status == 403 {
		require.Equal(t, "ForbiddenOperationException", code(answer))
		require.Equal(t, "Bot isn't installed in user's personal scope", in(answer, "error", "message"))
	}
	return status, answer["id"]
}

// The founding scenario, from Microsoft's side: somebody who has done nothing
// gets the app, and the bot a chat with them.
func TestAnInstallationByGraphReachesTheBot(t *testing.T) {
	inside(t, func(t *testing.T, s *teamstest.Server, bot *fakeBot) {
		status, _ := chatWith(t, s, "Alice")
		require.Equal(t, 403, status)
		require.Empty(t, installation(t, s, "Alice"))

		installFor(t, s, "Alice")
		synctest.Wait()
		require.Equal(t, []string{added, begun}, bot.kinds())
		for _, activity := range bot.heard {
			require.Equal(t, s.PersonalChat("Alice"), in(activity, "conversation", "id"))
			require.Equal(t, "personal", in(activity, "conversation", "conversationType"))
			require.Equal(t, s.As("Alice").ObjectID, in(activity, "from", "aadObjectId"))
		}
		status, id := chatWith(t, s, "Alice")
		require.Equal(t, 201, status)
		require.Equal(t, s.PersonalChat("Alice"), id)

		status, answer := ask(t, s, "POST", installs(s.As("Alice").ObjectID), order(theApp))
		require.Equal(t, 409, status, "to install it again is no harm")
		require.Equal(t, "Conflict", code(answer))
		status, answer = ask(t, s, "GET", installation(t, s, "Alice")+"/chat", nil)
		require.Equal(t, 200, status)
		require.Equal(t, "19:"+s.As("Alice").ObjectID+"_"+teamstest.DefaultAppID+"@unq.gbl.spaces", answer["id"])
		status, answer = connector(t, s, "POST", "/v3/conversations/"+answer["id"].(string)+"/activities", ackCard())
		require.Equal(t, 404, status, "Graph's id of the chat is none of the connector's")
		require.Equal(t, "ConversationNotFound", code(answer))
		require.Equal(t, 2, s.GraphCalls(teamstest.Installing))
		require.Equal(t, 1, s.GraphCalls(teamstest.InstallChat))

		s.Consent("Chat.ReadBasic.All", "TeamsAppInstallation.ReadForUser.All")
		status, answer = ask(t, s, "GET", "/chats/19:"+s.As("Alice").ObjectID+"_"+teamstest.DefaultAppID+"@unq.gbl.spaces", nil)
		require.Equal(t, 200, status)
		require.Equal(t, "oneOnOne", answer["chatType"])
		status, answer = ask(t, s, "GET", "/chats/19:"+s.As("Alice").ObjectID+"_"+teamstest.DefaultAppID+"@unq.gbl.spaces/installedApps?$expand=teamsApp", nil)
		require.Equal(t, 200, status)
		require.Len(t, values(t, answer), 1)
		_, answer = ask(t, s, "GET", installs("alice@contoso.com"), nil)
		require.Len(t, values(t, answer), 2, "who may read everybody's apps sees other apps too")
	})
}

// Neither order of the two updates is promised, so a bot must meet both.
func TestTheTwoUpdatesComeInEitherOrder(t *testing.T) {
	inside(t, func(t *testing.T, s *teamstest.Server, bot *fakeBot) {
		for _, user := range []string{"Alice", "Bob"} {
			installFor(t, s, user)
			synctest.Wait()
		}
		s.As("Carol").Become(teamstest.Situation{Reversed: true})
		installFor(t, s, "Carol")
		synctest.Wait()
		require.Equal(t, []string{added, begun, begun, added, begun, added}, bot.kinds())
	})
}

// Who takes the app away and gets it again comes back into the same chat, of
// which Teams does not tell again: a bot that waits for it waits for ever.
func TestAChatBeginsOnce(t *testing.T) {
	inside(t, func(t *testing.T, s *teamstest.Server, bot *fakeBot) {
		installFor(t, s, "Alice")
		synctest.Wait()
		_, id := chatWith(t, s, "Alice")
		path := installation(t, s, "Alice")
		status, _ := ask(t, s, "DELETE", path, nil)
		require.Equal(t, 204, status)
		synctest.Wait()
		status, _ = chatWith(t, s, "Alice")
		require.Equal(t, 403, status)
		status, answer := connector(t, s, "POST", "/v3/conversations/"+id.(string)+"/activities", ackCard())
		require.Equal(t, 403, status, "MessageWritesBlocked: %v", answer)
		status, _ = ask(t, s, "DELETE", path, nil)
		require.Equal(t, 404, status)
		installFor(t, s, "Alice")
		synctest.Wait()
		_, again := chatWith(t, s, "Alice")
		require.Equal(t, id, again)
		_, err := s.As("Alice").Uninstall(t.Context(), id.(string))
		require.NoError(t, err)
		require.Empty(t, installation(t, s, "Alice"), "what people do themselves is seen in Graph too")
		_, err = s.As("Alice").Install(t.Context(), id.(string))
		require.NoError(t, err)
		require.NotEmpty(t, installation(t, s, "Alice"))
		require.Equal(t, []string{added, begun, takenAway, ended, added, takenAway, ended, added}, bot.kinds())
	})
}

// The chat may take its time, and the installation is there all the while.
func TestADelayedInstallation(t *testing.T) {
	inside(t, func(t *testing.T, s *teamstest.Server, bot *fakeBot) {
		s.As("Alice").Become(teamstest.Situation{Delay: 7 * time.Second})
		installFor(t, s, "Alice")
		time.Sleep(7*time.Second - 1)
		synctest.Wait()
		status, _ := chatWith(t, s, "Alice")
		require.Equal(t, 403, status)
		path := installation(t, s, "Alice")
		require.NotEmpty(t, path)
		status, _ = ask(t, s, "GET", path+"/chat", nil)
		require.Equal(t, 404, status)
		require.Empty(t, bot.kinds())
		time.Sleep(1)
		synctest.Wait()
		status, _ = chatWith(t, s, "Alice")
		require.Equal(t, 201, status)
		status, _ = ask(t, s, "GET", path+"/chat", nil)
		require.Equal(t, 200, status)
		require.Len(t, bot.kinds(), 2)
	})
}

func TestAnInstallationThatIsHeldArrivesWhenTheTestSaysSo(t *testing.T) {
	inside(t, func(t *testing.T, s *teamstest.Server, bot *fakeBot) {
		s.As("Alice").Become(teamstest.Situation{Held: true})
		installFor(t, s, "Alice")
		time.Sleep(time.Hour)
		status, _ := chatWith(t, s, "Alice")
		require.Equal(t, 403, status)
		s.As("Alice").Arrive()
		s.As("Alice").Arrive()
		synctest.Wait()
		status, _ = chatWith(t, s, "Alice")
		require.Equal(t, 201, status)
		require.Len(t, bot.kinds(), 2, "once")
	})
}

// An event that never comes must not keep anybody waiting: the chat is there.
func TestASilentInstallation(t *testing.T) {
	inside(t, func(t *testing.T, s *teamstest.Server, bot *fakeBot) {
		s.As("Alice").Become(teamstest.Situation{Silent: true})
		installFor(t, s, "Alice")
		time.Sleep(time.Hour)
		require.Empty(t, bot.kinds())
		status, _ := chatWith(t, s, "Alice")
		require.Equal(t, 201, status)
	})
}

// Somebody who takes the app away before it has arrived does not have it.
func TestAnInstallationThatIsTakenBackInTime(t *testing.T) {
	inside(t, func(t *testing.T, s *teamstest.Server, bot *fakeBot) {
		s.As("Alice").Become(teamstest.Situation{Delay: time.Second})
		installFor(t, s, "Alice")
		status, _ := ask(t, s, "DELETE", installation(t, s, "Alice"), nil)
		require.Equal(t, 204, status)
		time.Sleep(time.Minute)
		require.Empty(t, bot.kinds())
		status, _ = chatWith(t, s, "Alice")
		require.Equal(t, 403, status)
	})
}

// What is answered 400 may succeed on retry (teams-platform §5.1).
func TestAnInstallationThatSucceedsOnRetry(t *testing.T) {
	inside(t, func(t *testing.T, s *teamstest.Server, bot *fakeBot) {
		s.As("Alice").Become(teamstest.Situation{Flaky: 1})
		status, _ := ask(t, s, "POST", installs("alice@contoso.com"), order(theApp))
		require.Equal(t, 400, status)
		installFor(t, s, "Alice")
	})
}

func TestAnUpgradeIsToldAndSeen(t *testing.T) {
	inside(t, func(t *testing.T, s *teamstest.Server, bot *fakeBot) {
		installFor(t, s, "Alice")
		synctest.Wait() // until the bot was told of it: what is told later can overtake it
		newer := teamstest.DefaultApp
		newer.Version, newer.Submitted = "1.1.0", "2.0.0"
		s.Publish(newer)
		require.Equal(t, "1.0.0", s.AppVersion("Alice"), "Teams upgrades by itself some day, not today")
		_, answer := ask(t, s, "GET", filtered("/appCatalogs/teamsApps?$expand=appDefinitions", "externalId eq '"+newer.ManifestID+"'"), nil)
		require.Len(t, values(t, answer), 1)
		definitions := values(t, answer)[0]["appDefinitions"].([]any)
		require.Len(t, definitions, 2)
		require.Equal(t, "published", in(definitions[0], "publishingState"))
		require.Equal(t, "submitted", in(definitions[1], "publishingState"), "which nobody can have yet")
		status, _ := ask(t, s, "POST", installation(t, s, "Alice")+"/upgrade", nil)
		require.Equal(t, 204, status)
		require.Equal(t, "1.1.0", s.AppVersion("Alice"))
		synctest.Wait()
		require.Equal(t, []string{added, begun, upgradedTo}, bot.kinds())
	})
}

// Who may only look after itself, and is not the app, sees nothing, though it is
// there: the webApplicationInfo of the manifest is wrong.
func TestAnAppOfSomebodyElseIsNotSeen(t *testing.T) {
	s := withGraph(t, teamstest.Options{})
	installFor(t, s, "Alice")
	require.NotEmpty(t, installation(t, s, "Alice"))
	app := teamstest.DefaultApp
	app.EntraID = "11111111-2222-3333-4444-555555555555"
	s.Publish(app)
	require.Empty(t, installation(t, s, "Alice"))
	s.Consent("TeamsAppInstallation.ReadWriteForUser.All")
	require.NotEmpty(t, installation(t, s, "Alice"))
}

// An app of the Store has one id, by which it is found, and no other.
func TestAnAppOfTheStoreHasNoExternalID(t *testing.T) {
	s := withGraph(t, teamstest.Options{Graph: teamstest.GraphOptions{Apps: []teamstest.App{{CatalogID: "s1", ManifestID: "s1", Name: "x", Version: "1.0", Distribution: "store"}}}})
	_, answer := ask(t, s, "GET", filtered("/appCatalogs/teamsApps", "externalId eq 's1'"), nil)
	require.Empty(t, values(t, answer))
	_, answer = ask(t, s, "GET", filtered("/appCatalogs/teamsApps", "id eq 's1'"), nil)
	require.Len(t, values(t, answer), 1)
	require.Nil(t, values(t, answer)[0]["externalId"])
	status, _ := ask(t, s, "POST", installs("alice@contoso.com"), order("s1"))
	require.Equal(t, 201, status)
}

// A thousand people are there at once, and each is found by each of their names.
func TestAThousandPeople(t *testing.T) {
	s := withGraph(t, teamstest.Options{})
	people := s.AddUsers(1000)
	require.Len(t, people, 1000)
	last := people[999]
	for _, name := range []string{last.ObjectID, last.UPN} {
		status, answer := ask(t, s, "GET", "/users/"+url.PathEscape(name), nil)
		require.Equal(t, 200, status)
		require.Equal(t, last.ObjectID, answer["id"])
	}
	require.Equal(t, 403, first(chatWith(t, s, last.ID)))
}

func first(status int, _ any) int { return status }

// Scripts put people into situations over HTTP as tests do.
func TestASituationOverHTTPCounts(t *testing.T) {
	s := withGraph(t, teamstest.Options{})
	url := listen(t, s)
	status, said := call(t, "POST", url+"/bot/become", `{"as": "Bob", "situation": {"policy": true}}`)
	require.Equal(t, 200, status, said)
	status, _ = ask(t, s, "POST", installs("bob@contoso.com"), order(theApp))
	require.Equal(t, 403, status)
	status, said = call(t, "POST", url+"/bot/become", `{"as": "Bob", "situation": {"held": true}}`)
	require.Equal(t, 200, status, said)
	installFor(t, s, "Bob")
	require.Equal(t, 403, first(chatWith(t, s, "Bob")))
	status, said = call(t, "POST", url+"/bot/arrive", `{"as": "Bob"}`)
	require.Equal(t, 200, status, said)
	require.Equal(t, 201, first(chatWith(t, s, "Bob")))
}
