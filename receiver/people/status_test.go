package people

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// closed is the set of reasons, as package teams writes it down.
var closed = []teams.Reason{
	teams.Throttled, teams.Unavailable, teams.Timeout, teams.Network, teams.Interrupted,
	teams.Payload, teams.TooLarge, teams.Auth, teams.NotFound, teams.Rejected, teams.Expired, teams.NoAddress, teams.TLS, teams.Service,
	teams.Blocked, teams.NotInstalled, teams.Policy,
	teams.UnknownUser, teams.Disabled, teams.NoTeams, teams.Foreign, teams.NoCatalogue, teams.Consent, teams.Installing,
}

func TestEveryReasonHasWordsAndSaysWhatToDo(t *testing.T) {
	require.Len(t, reasons, len(closed), "a reason without words is no help at 3 am")
	short := map[string]teams.Reason{}
	for _, reason := range closed {
		why := Why(reason)
		require.NotEmpty(t, why, reason)
		require.NotRegexp(t, `\.$`, why, "it follows a colon on the card")
		require.Less(t, len(why), 60, "it is one line on a phone")
		short[why] = reason
		for name, s := range map[string]Status{
			"on the way":             Look(store.Person{Name: "a@b", DisplayName: "Alice", State: store.PersonKnown, Reason: string(reason)}, nil, store.Address{}),
			"at the conversation":    Look(store.Person{Name: "a@b", DisplayName: "Alice", Conversation: "a:1"}, nil, store.Address{BrokenReason: string(reason), Broken: "x"}),
			"at the waiting address": Look(store.Person{Name: "a@b", DisplayName: "Alice"}, nil, store.Address{BrokenReason: string(reason), Broken: "x"}),
		} {
			require.Equal(t, string(reason), s.Reason, name)
			require.NotEmpty(t, s.Words, name)
			require.NotContains(t, s.Words, "%!", name)
			require.NotEmpty(t, s.Do, name)
			require.True(t, strings.HasSuffix(s.Do, "."), "%s: %q", name, s.Do)
		}
	}
	require.Equal(t, Why(teams.Rejected), Why("made_up"), "what nobody knows is a refusal")
}

func TestTheReadmeHasARowForEveryReason(t *testing.T) {
	page, err := os.ReadFile("../../sample-configs/bot/README.md")
	require.NoError(t, err)
	_, section, _ := strings.Cut(string(page), "\n## When somebody cannot be reached\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, reason := range closed {
		require.Regexp(t, "(?m)^\\| .*`"+string(reason)+"`.* \\|.*\\|.*\\|$", section, "whoever reads this reason in a list looks it up there")
	}
}

func TestWhatToDoCanBeCopied(t *testing.T) {
	for name, want := range map[string]string{
		"alice@contoso.com":                    "`teamsrelay users retry alice@contoso.com`",
		"11111111-0000-0000-0000-000000000001": "`teamsrelay users retry 11111111-0000-0000-0000-000000000001`",
		"bob_x.com#ext#@contoso.com":           "`teamsrelay users retry 'bob_x.com#ext#@contoso.com'`",
		"o'neil@contoso.com":                   "`teamsrelay users retry 'o'\\''neil@contoso.com'`",
		"$(reboot)@contoso.com":                "`teamsrelay users retry '$(reboot)@contoso.com'`",
		"":                                     "`teamsrelay users retry NAME`",
	} {
		require.Contains(t, Do(teams.Disabled, name), want)
	}
	for _, reason := range closed {
		require.NotContains(t, Do(reason, "alice@contoso.com"), "NAME", reason)
	}
}

func TestHowItIsWithAPerson(t *testing.T) {
	reachable := store.Person{Name: "alice@contoso.com", DisplayName: "Alice", State: store.PersonReachable, Conversation: "a:1"}
	installed := &store.Conversation{ID: "a:1", Installed: true}
	for name, c := range map[string]struct {
		person       store.Person
		conversation *store.Conversation
		address      store.Address
		state        store.PersonState
		reason       teams.Reason
		words, do    string
	}{
		"nothing was ever to be told to them": {
			person: store.Person{Name: "alice@contoso.com", State: store.PersonUnknown}, state: store.PersonUnknown, words: "Nothing was to be told to alice@contoso.com yet",
		},
		"they are being looked up":     {person: store.Person{Name: "a@b", State: store.PersonUnknown, Wanted: true}, state: store.PersonUnknown, words: "looked up"},
		"all is well":                  {person: reachable, conversation: installed, state: store.PersonReachable},
		"the conversation is not read": {person: reachable, state: store.PersonReachable},
		"they have blocked the bot, an event said": {
			person: reachable, conversation: &store.Conversation{ID: "a:1", Installed: true, Blocked: "x"}, state: store.PersonBlocked, reason: teams.Blocked, words: "Alice has blocked the bot", do: "unblock",
		},
		"they have blocked the bot, sending said": {
			person: reachable, conversation: installed, address: store.Address{Broken: "x", BrokenReason: "blocked"}, state: store.PersonBlocked, reason: teams.Blocked, words: "Alice has blocked the bot", do: "unblock",
		},
		"they have removed the app": {
			person: reachable, conversation: &store.Conversation{ID: "a:1"}, state: store.PersonKnown, reason: teams.NotInstalled, words: "Alice does not have the app", do: "users retry",
		},
		"a policy, sending said": {
			person: reachable, conversation: installed, address: store.Address{Broken: "x", BrokenReason: "policy"}, state: store.PersonPolicy, reason: teams.Policy, words: "policy keeps the app from Alice", do: "Teams admin center",
		},
		"the secret has expired: they can be reached but for that": {
			person: reachable, conversation: installed, address: store.Address{Broken: "The secret has expired.", BrokenReason: "auth", Waits: true}, state: store.PersonReachable, reason: teams.Auth, words: "The secret has expired.", do: "doctor",
		},
		"what was in the way before they were reached is over": {
			person:       store.Person{Name: "a@b", State: store.PersonReachable, Conversation: "a:1", Reason: "consent", Message: "old"},
			conversation: installed, state: store.PersonReachable,
		},
		"Microsoft's words are shown where they say what to mend": {
			person: store.Person{Name: "a@b", State: store.PersonKnown, Reason: "consent", Message: "Grant X."}, state: store.PersonKnown, reason: teams.Consent, words: "Grant X.", do: "Grant admin consent",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := Look(c.person, c.conversation, c.address)
			require.Equal(t, c.state, s.State)
			require.Equal(t, string(c.reason), s.Reason)
			require.Contains(t, s.Words, c.words)
			require.Contains(t, s.Do, c.do)
			if c.words == "" {
				require.Empty(t, s.Words)
			}
			if c.do == "" {
				require.Empty(t, s.Do)
			}
		})
	}
}

func TestWhatWaitsAndWhatIsGivenUp(t *testing.T) {
	for _, reason := range closed {
		switch reason {
		case teams.Throttled, teams.Unavailable, teams.Timeout, teams.Network, teams.TLS, teams.Interrupted, teams.Auth, teams.Consent, teams.NoCatalogue, teams.Installing:
			require.True(t, Waits(reason), reason)
		default:
			require.False(t, Waits(reason), "%s: somebody else has to be told", reason)
		}
	}
}
