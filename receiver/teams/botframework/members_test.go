package botframework_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

// pages answers with pages of members; next says what each page's token is.
func pages(members int, next func(page int) string) *connector {
	page := 0
	return &connector{answer: func(int, asked) (*http.Response, error) {
		page++
		var all []string
		for i := range members {
			all = append(all, fmt.Sprintf(`{"id":"29:%d-%d","aadObjectId":"o%d","name":"N","userPrincipalName":"u@x","email":"e@x","tenantId":"t"}`, page, i, i))
		}
		return answering(200, fmt.Sprintf(`{"members":[%s],"continuationToken":%q}`, strings.Join(all, ","), next(page))), nil
	}}
}

func TestAllMembersAreReadPageByPage(t *testing.T) {
	teamsSide := pages(2, func(page int) string { return []string{"", "a/b&c", "d", ""}[page] })
	members, err := client(t, teamsSide).Members(t.Context(), with(channel, func(p *botframework.Place) { p.Conversation += ";messageid=17" }))
	require.NoError(t, err)
	require.Len(t, members, 6)
	require.Equal(t, botframework.Member{ID: "29:1-0", ObjectID: "o0", Name: "N", UPN: "u@x", Email: "e@x", TenantID: "t"}, members[0])
	var asks []string
	for _, r := range teamsSide.all {
		u, err := url.Parse(r.url)
		require.NoError(t, err)
		require.Equal(t, "/emea/v3/conversations/19:abc@thread.tacv2/pagedmembers", u.EscapedPath(), "a channel's members, not a thread's")
		require.Equal(t, "500", u.Query().Get("pageSize"))
		asks = append(asks, u.Query().Get("continuationToken"))
	}
	require.Equal(t, []string{"", "a/b&c", "d"}, asks)
}

func TestPagesThatNeverEnd(t *testing.T) {
	for name, c := range map[string]struct {
		teams *connector
		most  int
	}{
		"the same page again and again": {pages(2, func(int) string { return "a" }), 2},
		"empty pages":                   {pages(0, func(page int) string { return fmt.Sprint(page) }), 1},
		"a team larger than there are":  {pages(10_000, func(page int) string { return fmt.Sprint(page) }), 3},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client(t, c.teams).Members(t.Context(), channel)
			require.NoError(t, err)
			require.Len(t, c.teams.all, c.most)
		})
	}
}

func TestWhoIsAMember(t *testing.T) {
	for name, c := range map[string]struct {
		answer *http.Response
		member bool
		reason teams.Reason // of an error that is not ErrNotMember
	}{
		"a member":                     {answering(200, `{"id":"29:alice","aadObjectId":"o","name":"Alice"}`), true, ""},
		"not a member":                 {failing(404, "MemberNotFoundInConversation"), false, ""},
		"not found without a word":     {answering(404, ""), false, ""},
		"the conversation is gone":     {failing(404, "ConversationNotFound"), false, teams.NotFound},
		"the bot is not there":         {failing(403, "BotNotInConversationRoster"), false, teams.NotInstalled},
		"Teams has a bad time":         {answering(503, ""), false, teams.Unavailable},
		"an answer about nobody":       {answering(200, `{}`), false, teams.Unavailable},
		"an answer that is no JSON":    {answering(200, `x`), false, teams.Unavailable},
		"a web page instead of Teams":  {answering(200, `<html>`), false, teams.Network},
		"an error with status success": {failing(200, "Throttled"), false, teams.Throttled},
	} {
		t.Run(name, func(t *testing.T) {
			teamsSide := &connector{answer: func(int, asked) (*http.Response, error) { return c.answer, nil }}
			m, err := client(t, teamsSide).Member(t.Context(), channel, "8:orgid:x/../y")
			require.Equal(t, strings.TrimSuffix(service, "/")+"/v3/conversations/19:abc@thread.tacv2/members/8:orgid:x%2F..%2Fy", teamsSide.all[0].url)
			switch {
			case c.member:
				require.NoError(t, err)
				require.Equal(t, "Alice", m.Name)
			case c.reason == "":
				require.ErrorIs(t, err, botframework.ErrNotMember)
			default:
				require.NotErrorIs(t, err, botframework.ErrNotMember, "somebody would be refused who is one")
				var e *botframework.Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, c.reason, e.Reason)
				require.NotEmpty(t, e.Error())
			}
		})
	}
}
