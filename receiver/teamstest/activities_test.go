package teamstest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// told is what makes Teams tell a bot something, and how.
var told = map[string]func(context.Context, *teamstest.Server, teamstest.Message) error{
	"installation": func(ctx context.Context, s *teamstest.Server, _ teamstest.Message) error {
		_, err := s.As("Alice").InstallReversed(ctx, teamstest.Alerts)
		return err
	},
	"bot added": func(ctx context.Context, s *teamstest.Server, _ teamstest.Message) error {
		_, err := s.As("Alice").Install(ctx, teamstest.Alerts)
		return err
	},
	"bot added to chat": func(ctx context.Context, s *teamstest.Server, _ teamstest.Message) error {
		dave := s.AddUser(teamstest.User{Name: "Dave Doyle"}) // Teams tells of the chat when it begins, and not again
		_, err := s.As(dave.ID).Install(ctx, s.PersonalChat(dave.ID))
		return err
	},
	"mention": func(ctx context.Context, s *teamstest.Server, _ teamstest.Message) error {
		_, err := s.As("Alice").Say(ctx, teamstest.Alerts, "Hey")
		return err
	},
	"chat": func(ctx context.Context, s *teamstest.Server, _ teamstest.Message) error {
		_, err := s.As("Alice").Say(ctx, s.PersonalChat("Alice"), "Hey")
		return err
	},
	"press": func(ctx context.Context, s *teamstest.Server, m teamstest.Message) error {
		_, err := s.As("Alice").Press(ctx, m, "ack", nil)
		return err
	},
	"submit": func(ctx context.Context, s *teamstest.Server, m teamstest.Message) error {
		_, err := s.As("Alice").Submit(ctx, m, "Acknowledge", nil)
		return err
	},
	"reaction": func(ctx context.Context, s *teamstest.Server, m teamstest.Message) error {
		_, err := s.As("Alice").React(ctx, m, "like")
		return err
	},
	"channel renamed": func(ctx context.Context, s *teamstest.Server, _ teamstest.Message) error {
		_, err := s.As("Alice").Rename(ctx, teamstest.Alerts, "Night shift")
		return err
	},
	"channel deleted": func(ctx context.Context, s *teamstest.Server, _ teamstest.Message) error {
		_, err := s.As("Alice").DeleteChannel(ctx, teamstest.Alerts)
		return err
	},
	"team renamed": func(ctx context.Context, s *teamstest.Server, _ teamstest.Message) error {
		_, err := s.As("Alice").RenameTeam(ctx, "Ops")
		return err
	},
}

// What real activities have, ours have: a bot that passes here does not miss
// a field in Teams that it found in the simulation, nor the other way round.
func TestActivitiesHaveWhatRealOnesHave(t *testing.T) {
	corpus := filepath.Join("..", "..", "..", "shared", "corpus", "bot")
	for file, c := range map[string]struct {
		does string
		// without are fields that belong to another tenant's or client's state.
		without []string
	}{
		"installationUpdate-add-channel__chat-01.json":                                 {"installation", nil},
		"conversationUpdate-teamMemberAdded-channel__chat-01.json":                     {"bot added", nil},
		"sentry__conversationUpdate-personal-added.json":                               {"bot added to chat", nil},
		"message-mention-channel__chat-02.json":                                        {"mention", nil},
		"message-personal__chat-01.json":                                               {"chat", nil},
		"invoke-adaptiveCard_action-personal__teams.net-01.json":                       {"press", []string{"value.action.data.feedback"}},
		"message-submit-channel__chat-01.json":                                         {"submit", []string{"value.actionId", "conversation.name"}},
		"messageReaction-channel__chat-01.json":                                        {"reaction", nil},
		"conversationUpdate-channelRenamed-channel__BotBuilder-MicrosoftTeams-01.json": {"channel renamed", nil},
		"conversationUpdate-channelDeleted-channel__BotBuilder-MicrosoftTeams-01.json": {"channel deleted", nil},
		"conversationUpdate-teamRenamed-channel__BotBuilder-MicrosoftTeams-01.json":    {"team renamed", nil},
	} {
		t.Run(file, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join(corpus, file))
			if os.IsNotExist(err) {
				t.Skip("the corpus of real activities is not beside the project")
			}
			require.NoError(t, err)
			var theirs map[string]any
			require.NoError(t, json.Unmarshal(raw, &theirs))
			ours := tell(t, c.does)
			require.Equal(t, theirs["type"], ours["type"])
			require.Equal(t, in(theirs, "channelData", "eventType"), in(ours, "channelData", "eventType"))
			require.Equal(t, theirs["action"], ours["action"])
			missing := missing(theirs, ours, "")
			require.Subset(t, c.without, missing)
		})
	}
}

// The Agents Playground is Microsoft's own simulation: what it sends, we send.
func TestActivitiesHaveWhatThePlaygroundSends(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "contracts", "agents-playground-activities.samples.json"))
	if os.IsNotExist(err) {
		t.Skip("the contracts are not beside the project")
	}
	require.NoError(t, err)
	var samples struct{ Activities []map[string]any }
	require.NoError(t, json.Unmarshal(raw, &samples))
	does := []string{"", "bot added to chat", "installation", "bot added", "chat", "mention", "press", "submit"}
	require.Len(t, samples.Activities, len(does))
	for i, theirs := range samples.Activities {
		if does[i] == "" {
			continue
		}
		t.Run(fmt.Sprintf("%d %s", i, does[i]), func(t *testing.T) {
			ours := tell(t, does[i])
			require.Equal(t, theirs["type"], ours["type"])
			// It names the user who is added, too; Teams names only the bot.
			own := []string{"value.action.data.a", "value.a", "membersAdded[0].aadObjectId"}
			require.Subset(t, own, missing(theirs, ours, ""))
		})
	}
}

// tell does something and returns what the bot heard of it last.
func tell(t *testing.T, does string) map[string]any {
	t.Helper()
	bot := startBot(t)
	s := teamstest.New(teamstest.Options{Bot: teamstest.Bot{Endpoint: bot.endpoint}})
	require.NoError(t, s.InstallEverywhere(t.Context()))
	m := thread(t, s, teamstest.Alerts, ackCard())
	require.NoError(t, told[does](t.Context(), s, m))
	return bot.last(t)
}

// missing are the paths of fields that theirs has, and ours has not or as
// something else.
func missing(theirs, ours any, path string) []string {
	var found []string
	switch theirs := theirs.(type) {
	case map[string]any:
		object, ok := ours.(map[string]any)
		if !ok {
			return []string{path}
		}
		for name, value := range theirs {
			at := name
			if path != "" {
				at = path + "." + name
			}
			if _, there := object[name]; !there {
				found = append(found, at)
				continue
			}
			found = append(found, missing(value, object[name], at)...)
		}
	case []any:
		list, ok := ours.([]any)
		if !ok || len(list) == 0 && len(theirs) > 0 {
			return []string{path}
		}
		for _, value := range theirs[:min(1, len(theirs))] {
			found = append(found, missing(value, list[0], path+"[0]")...)
		}
	default:
		if fmt.Sprintf("%T", theirs) != fmt.Sprintf("%T", ours) {
			found = append(found, path)
		}
	}
	return found
}
