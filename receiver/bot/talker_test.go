package bot

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// An auditor who reads "channel" or "channel General" does not know where
// something was done.
func TestTheAuditSaysWhichConversationItWas(t *testing.T) {
	for want, test := range map[string]talker{
		"channel sre":                           {here: store.Conversation{Kind: store.Channel, Name: "sre"}, destination: "sre"},
		"channel General (sre)":                 {here: store.Conversation{Kind: store.Channel, Name: "General"}, destination: "sre"},
		"channel ops":                           {here: store.Conversation{Kind: store.Channel}, destination: "ops"},
		"chat Night shift (duty)":               {here: store.Conversation{Kind: store.GroupChat, Name: "Night\nshift"}, destination: "duty"},
		"chat conversation-3f1c09d2ab":          {here: store.Conversation{Kind: store.GroupChat}, destination: "conversation-3f1c09d2ab"},
		"chat of Alice, whatever its name says": {here: store.Conversation{Kind: store.Personal, Name: "x"}, destination: "x", person: group.Person{Name: "Alice, whatever its name says"}},
	} {
		t.Run(want, func(t *testing.T) { require.Equal(t, want, test.from()) })
	}
}
