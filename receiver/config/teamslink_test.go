package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLinks has the links that people copy in Teams, and what only looks like
// one.
func TestLinks(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       link
	}{
		{"of a channel", "https://teams.microsoft.com/l/channel/19%3Aabc_1%40thread.tacv2/SRE%20alerts?groupId=3d5bd8a0-6c0d-4f5d-9c7a-1f1d7c1a0006&tenantId=x", link{channel: "19:abc_1@thread.tacv2", team: "3d5bd8a0-6c0d-4f5d-9c7a-1f1d7c1a0006"}},
		{"of another cloud, with spaces around", " https://gov.teams.microsoft.us/l/channel/19:abc@thread.skype/General?tenantId=x ", link{channel: "19:abc@thread.skype"}},
		{"of a chat", "https://teams.microsoft.com/l/chat/19%3Aduty%40thread.v2/0?tenantId=x", link{chat: "19:duty@thread.v2"}},
		{"of a message in a channel", "https://teams.microsoft.com/l/message/19:abc@thread.tacv2/1700000000000?groupId=g", link{channel: "19:abc@thread.tacv2", team: "g"}},
		{"of a message in a chat", "https://teams.microsoft.com/l/message/19:duty@thread.v2/1700000000000?context=%7B%7D", link{chat: "19:duty@thread.v2"}},
		{"of a team", "https://teams.microsoft.com/l/team/19%3Aabc%40thread.tacv2/conversations?groupId=g", link{}},
		{"of a webhook", "https://prod-01.westeurope.logic.azure.com/workflows/1/triggers/manual/paths/invoke?sig=topsecret", link{}},
		{"with something else in the place of the id", "https://teams.microsoft.com/l/channel/%7B%22a%22%3A1%7D/General", link{}},
		{"cut off", "https://teams.microsoft.com/l/channel/", link{}},
		{"an id", "19:abc@thread.tacv2", link{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, ok := parseLink(test.text)
			require.Equal(t, test.want, got)
			require.Equal(t, test.want != link{}, ok)
		})
	}
}

// FuzzLink: what is read out of a link can stand in a message and in YAML,
// whatever somebody pasted.
func FuzzLink(f *testing.F) {
	for _, seed := range []string{
		"https://teams.microsoft.com/l/channel/19%3Aabc%40thread.tacv2/General?groupId=g", "https://t/l/chat/19%3Aa%40thread.v2/0", "https://t/l/message/%0a/1", "//x/l/channel/a", "%", "19:a@thread.tacv2", "19:a@thread.v2\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, ok := parseLink(text)
		if !ok {
			require.False(t, strings.ContainsAny(linkInstead(text), "\"'\n\r[]#&*!|%`"), "it could be read otherwise")
			return
		}
		require.True(t, (l.channel == "") != (l.chat == ""), "it leads to one place")
		require.False(t, strings.ContainsAny(l.instead(), "\"'\n\r[]#&*!|%`"), "it could be read otherwise")
	})
}
