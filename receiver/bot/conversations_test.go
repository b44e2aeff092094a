package bot_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/bot"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Activities as they come, in the words of who makes them happen.
var (
	sre     = fields{"id": "19:sre@thread.tacv2", "name": "sre"}
	general = fields{"id": "19:team@thread.tacv2", "conversationType": "channel", "isGroup": true}

	installedAlone = activityIn(personal, fields{"type": "installationUpdate", "action": "add"})
	joinedAlone    = activityIn(personal, fields{"type": "conversationUpdate", "membersAdded": []fields{{"id": "28:" + appID}, {"id": "29:alice"}}})
	removedAlone   = activityIn(personal, fields{"type": "installationUpdate", "action": "remove"})
	wroteAlone     = activityIn(personal, fields{"text": "hello"})

	installedInTeam = activityIn(channel, fields{"type": "installationUpdate", "action": "add", "channelData": ofTeam("", sre)})
	joinedTeam      = activityIn(channel, fields{"type": "conversationUpdate", "membersAdded": []fields{{"id": "28:" + appID}}, "channelData": ofTeam("teamMemberAdded", nil)})
	removedFromTeam = activityIn(general, fields{"type": "installationUpdate", "action": "remove", "channelData": ofTeam("", nil)})
	wroteInChannel  = activityIn(channel.but(fields{"id": "19:sre@thread.tacv2;messageid=17"}), fields{"text": "<at>relay</at> help", "channelData": ofTeam("", sre)})
)

// happened is an event in the team, told in its General channel.
func happened(event string, channel fields, changes fields) fields {
	return activityIn(general, fields{"type": "conversationUpdate", "channelData": ofTeam(event, channel)}).but(changes)
}

// Rows as they are to be.
var (
	alone = store.Conversation{
		ID: "a:1", Kind: store.Personal, Tenant: tenant, ServiceURL: service, BotID: "28:" + appID, Name: "Alice",
		UserID: "29:alice", UserObjectID: "a-a", Installed: true,
	}
	inSRE = store.Conversation{
		ID: "19:sre@thread.tacv2", Kind: store.Channel, Tenant: tenant, ServiceURL: service, BotID: "28:" + appID, Name: "sre",
		TeamID: "19:team@thread.tacv2", TeamGroup: "group-1", TeamName: "Ops", Installed: true,
	}
	inGeneral = with(inSRE, func(c *store.Conversation) { c.ID, c.Name = "19:team@thread.tacv2", "General" })
)

func with(c store.Conversation, change func(*store.Conversation)) store.Conversation {
	change(&c)
	return c
}

func blocked(c store.Conversation, why string) store.Conversation {
	return with(c, func(c *store.Conversation) { c.Blocked = why })
}

func gone(c store.Conversation) store.Conversation {
	return with(c, func(c *store.Conversation) { c.Installed = false })
}

const (
	channelDeleted = "the channel was deleted in Teams; restore it there, or give the destination another one"
	teamDeleted    = "the team was deleted in Teams; restore it there, or give the destination another channel"
	teamArchived   = "the team is archived, so nobody can write there; restore it in Teams, or give the destination another channel"
)

// What is stored of a conversation decides whether an alert gets there, and
// Teams tells each change once. Each case begins with what was told before.
func TestConversationsStayTrue(t *testing.T) {
	elsewhere := fields{"serviceUrl": "http://127.0.0.1:9/apac/"}
	for name, c := range map[string]struct {
		before, now []fields
		want        []store.Conversation
		back        []string // those that were told of as reachable, now
		said        []string // where something was said, now
	}{
		"the app is installed for a person": {
			now: []fields{installedAlone}, want: []store.Conversation{alone}, back: []string{"a:1"}, said: []string{"a:1 Welcome to Alice"},
		},
		"and that is told twice": {
			now: []fields{installedAlone, joinedAlone}, want: []store.Conversation{alone}, back: []string{"a:1"}, said: []string{"a:1 Welcome to Alice"},
		},
		"in the other order": {
			now: []fields{joinedAlone, installedAlone}, want: []store.Conversation{alone}, back: []string{"a:1"}, said: []string{"a:1 Welcome to Alice"},
		},
		"a person removes it": {
			before: []fields{installedAlone}, now: []fields{removedAlone}, want: []store.Conversation{gone(alone)},
		},
		"and installs it again": {
			before: []fields{installedAlone, removedAlone}, now: []fields{joinedAlone}, want: []store.Conversation{alone},
			back: []string{"a:1"}, said: []string{"a:1 Welcome to Alice"},
		},
		"the app is upgraded": {
			before: []fields{installedAlone}, now: []fields{installedAlone.but(fields{"action": "add-upgrade"})}, want: []store.Conversation{alone},
		},
		"and an upgrade takes the bot out": {
			before: []fields{installedAlone}, now: []fields{installedAlone.but(fields{"action": "remove-upgrade"})}, want: []store.Conversation{gone(alone)},
		},
		"somebody whom nobody knew writes, after our store was lost": {
			now: []fields{wroteAlone.but(fields{"text": nil, "type": "invoke", "name": "adaptiveCard/action"})}, want: []store.Conversation{alone}, back: []string{"a:1"},
		},
		"the service moves": {
			before: []fields{installedAlone}, now: []fields{joinedAlone.but(elsewhere)},
			want: []store.Conversation{with(alone, func(c *store.Conversation) { c.ServiceURL = "http://127.0.0.1:9/apac/" })},
		},
		"a service that must not have our token is named": {
			before: []fields{installedAlone}, now: []fields{joinedAlone.but(fields{"serviceUrl": "https://evil.example/"})},
			want: []store.Conversation{alone},
		},
		"a person changes their name": {
			before: []fields{installedAlone}, now: []fields{joinedAlone.but(fields{"from": fields{"id": "29:alice", "name": "Alice B."}})},
			want: []store.Conversation{with(alone, func(c *store.Conversation) { c.Name = "Alice B." })},
		},
		"somebody leaves a group chat that the bot is in": {
			before: []fields{activityIn(fields{"id": "19:chat@thread.v2", "conversationType": "groupChat", "isGroup": true, "name": "Night shift"}, fields{"type": "installationUpdate", "action": "add"})},
			now:    []fields{activityIn(fields{"id": "19:chat@thread.v2", "conversationType": "groupChat", "isGroup": true}, fields{"type": "conversationUpdate", "membersRemoved": []fields{{"id": "29:bob"}}})},
			want: []store.Conversation{{
				ID: "19:chat@thread.v2", Kind: store.GroupChat, Tenant: tenant, ServiceURL: service, BotID: "28:" + appID, Name: "Night shift", Installed: true,
			}},
		},
		"and the bot is put out of it": {
			before: []fields{activityIn(fields{"id": "19:chat@thread.v2", "isGroup": true}, fields{"type": "installationUpdate", "action": "add"})},
			now:    []fields{activityIn(fields{"id": "19:chat@thread.v2", "isGroup": true}, fields{"type": "conversationUpdate", "membersRemoved": []fields{{"id": "28:" + appID}}})},
			want: []store.Conversation{{
				ID: "19:chat@thread.v2", Kind: store.GroupChat, Tenant: tenant, ServiceURL: service, BotID: "28:" + appID,
			}},
		},

		"the app is installed in a team": {
			now: []fields{installedInTeam, joinedTeam}, want: []store.Conversation{inSRE}, back: []string{inSRE.ID}, said: []string{inSRE.ID + " Welcome to sre"},
		},
		"somebody writes in a thread of it": {
			before: []fields{installedInTeam}, now: []fields{wroteInChannel.but(fields{"from": fields{"id": "28:" + appID}})}, want: []store.Conversation{inSRE},
		},
		"a person joins the team": {
			before: []fields{installedInTeam}, now: []fields{happened("teamMemberAdded", nil, fields{"membersAdded": []fields{{"id": "29:bob"}}})},
			want: []store.Conversation{inSRE, inGeneral}, back: []string{inGeneral.ID},
		},
		"the app is removed from the team: it is in none of its channels": {
			before: []fields{installedInTeam, happened("channelCreated", fields{"id": "19:db", "name": "db"}, nil)},
			now:    []fields{removedFromTeam},
			want: []store.Conversation{gone(inSRE), gone(inGeneral),
				gone(with(inSRE, func(c *store.Conversation) { c.ID, c.Name = "19:db", "db" }))},
		},
		"and comes back: to all of them": {
			before: []fields{installedInTeam, happened("channelCreated", fields{"id": "19:db", "name": "db"}, nil), removedFromTeam},
			now:    []fields{installedInTeam},
			want: []store.Conversation{inSRE, inGeneral,
				with(inSRE, func(c *store.Conversation) { c.ID, c.Name = "19:db", "db" })},
			back: []string{inSRE.ID, "19:db", inGeneral.ID}, said: []string{inSRE.ID + " Welcome to sre"},
		},
		"the app is removed from a shared channel only": {
			before: []fields{installedInTeam, happened("channelCreated", fields{"id": "19:db", "name": "db"}, nil)},
			now: []fields{activityIn(fields{"id": "19:db", "conversationType": "channel"}, fields{
				"type": "installationUpdate", "action": "remove", "channelData": ofTeam("", fields{"id": "19:db", "type": "shared"}),
			})},
			want: []store.Conversation{inSRE, inGeneral,
				gone(with(inSRE, func(c *store.Conversation) { c.ID, c.Name = "19:db", "db" }))},
		},
		"a channel is made": {
			before: []fields{installedInTeam}, now: []fields{happened("channelCreated", fields{"id": "19:db", "name": "db"}, nil)},
			want: []store.Conversation{inSRE, inGeneral, with(inSRE, func(c *store.Conversation) { c.ID, c.Name = "19:db", "db" })},
			back: []string{inGeneral.ID, "19:db"},
		},
		"a channel is renamed": {
			before: []fields{installedInTeam, happened("", nil, nil)}, now: []fields{happened("channelRenamed", fields{"id": inSRE.ID, "name": "on call"}, nil)},
			want: []store.Conversation{with(inSRE, func(c *store.Conversation) { c.Name = "on call" }), inGeneral},
		},
		"a channel is deleted": {
			before: []fields{installedInTeam, happened("", nil, nil)}, now: []fields{happened("channelDeleted", sre, nil)},
			want: []store.Conversation{blocked(inSRE, channelDeleted), inGeneral},
		},
		"and restored": {
			before: []fields{installedInTeam, happened("", nil, nil), happened("channelDeleted", sre, nil)}, now: []fields{happened("channelRestored", sre, nil)},
			want: []store.Conversation{inSRE, inGeneral}, back: []string{inSRE.ID},
		},
		"a channel is shared with another team": {
			before: []fields{installedInTeam, happened("", nil, nil)}, now: []fields{happened("channelShared", sre, nil), happened("channelUnshared", sre, nil)},
			want: []store.Conversation{inSRE, inGeneral},
		},
		"the bot is put out of a private channel": {
			before: []fields{installedInTeam, happened("", nil, nil)},
			now:    []fields{activityIn(channel, fields{"type": "conversationUpdate", "membersRemoved": []fields{{"id": "28:" + appID}}, "channelData": ofTeam("channelMemberRemoved", sre)})},
			want:   []store.Conversation{gone(inSRE), inGeneral},
		},
		"the team is renamed": {
			before: []fields{installedInTeam, happened("", nil, nil)},
			now:    []fields{happened("teamRenamed", nil, fields{"channelData": fields{"eventType": "teamRenamed", "team": team.but(fields{"name": "Operations"})}})},
			want: []store.Conversation{with(inSRE, func(c *store.Conversation) { c.TeamName = "Operations" }),
				with(inGeneral, func(c *store.Conversation) { c.TeamName = "Operations" })},
		},
		"the team is archived": {
			before: []fields{installedInTeam, happened("", nil, nil)}, now: []fields{happened("teamArchived", nil, nil)},
			want: []store.Conversation{blocked(inSRE, teamArchived), blocked(inGeneral, teamArchived)},
		},
		"and taken out of the archive": {
			before: []fields{installedInTeam, happened("", nil, nil), happened("teamArchived", nil, nil)}, now: []fields{happened("teamUnarchived", nil, nil)},
			want: []store.Conversation{inSRE, inGeneral}, back: []string{inGeneral.ID, inSRE.ID},
		},
		"the team is deleted": {
			before: []fields{installedInTeam, happened("", nil, nil)}, now: []fields{happened("teamDeleted", nil, nil), happened("teamHardDeleted", nil, nil)},
			want: []store.Conversation{blocked(inSRE, teamDeleted), blocked(inGeneral, teamDeleted)},
		},
		"and restored, whole": {
			before: []fields{installedInTeam, happened("", nil, nil), happened("teamDeleted", nil, nil)}, now: []fields{happened("teamRestored", nil, nil)},
			want: []store.Conversation{inSRE, inGeneral}, back: []string{inGeneral.ID, inSRE.ID},
		},
		"an old event, which does not say what kind of conversation it is about": {
			now: []fields{activityIn(fields{"id": "19:team@thread.tacv2;messageid=1400900100700", "isGroup": true}, fields{
				"type": "conversationUpdate", "channelData": ofTeam("channelRenamed", sre),
			})},
			want: []store.Conversation{inSRE, inGeneral}, back: []string{inGeneral.ID, inSRE.ID},
		},
		"an event about a channel that it does not name": {
			before: []fields{installedInTeam, happened("", nil, nil)}, now: []fields{happened("channelDeleted", nil, nil)}, want: []store.Conversation{inSRE, inGeneral},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKit(t, nil)
				tell := func(all []fields) {
					for _, a := range all {
						w := k.serve(request(a.json(), claims().but(fields{"serviceurl": a["serviceUrl"]})))
						require.Equal(t, 200, w.Code, w.Body.String())
						synctest.Wait()
					}
				}
				tell(c.before)
				back, said := len(k.returned()), len(k.world.sent())
				tell(c.now)
				want := map[string]store.Conversation{}
				for _, row := range c.want {
					want[row.ID] = row
				}
				require.Equal(t, want, k.conversations())
				require.Equal(t, append([]string{}, c.back...), k.returned()[back:])
				var where []string
				for _, line := range k.world.sent()[said:] {
					where = append(where, placeAndWords(t, line))
				}
				require.Equal(t, c.said, where)
				k.end()
			})
		})
	}
}

// A person who had blocked the bot, or a policy that is gone: deliver has
// noted that nothing can be sent, and somebody who writes proves the contrary.
func TestWhoWritesCanBeReachedAgain(t *testing.T) {
	for name, again := range map[string]fields{
		"by typing":     wroteAlone,
		"by a button":   activityIn(personal, fields{"type": "invoke", "name": "adaptiveCard/action"}),
		"by installing": installedAlone,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKit(t, nil)
				k.take(installedAlone)
				synctest.Wait()
				require.NoError(t, k.store.Update(t.Context(), func(tx store.Tx) error {
					c, err := tx.Conversation("a:1")
					if err != nil {
						return err
					}
					c.Blocked = "the person has blocked the bot"
					return tx.SaveConversation(&c)
				}))
				require.Equal(t, 200, k.serve(request(activityIn(personal, fields{"type": "messageReaction"}).json(), claims())).Code)
				synctest.Wait()
				require.Equal(t, []string{"a:1"}, k.returned(), "a like is not a word")
				require.Equal(t, 200, k.serve(request(again.json(), claims())).Code)
				synctest.Wait()
				require.Equal(t, alone, k.conversations()["a:1"])
				require.Equal(t, []string{"a:1", "a:1"}, k.returned())
				k.end()
			})
		})
	}
}

// Teams refuses, deliver stops, and nobody has told us of anything: whatever
// proves that the conversation is there makes it go on. What waits for the
// repair of our own secret is none of these.
func TestAnAddressThatWasGivenUpGoesOnWhenItIsAlive(t *testing.T) {
	unknown := "19:db@thread.tacv2"
	configured := func(o *bot.Options) {
		o.Destinations = func() []bot.Destination {
			return []bot.Destination{{Name: "db", Addresses: []string{"bot:" + unknown}}}
		}
	}
	for name, c := range map[string]struct {
		before   []fields
		broken   string // the conversation whose address is broken
		waits    bool
		activity fields
		want     []string
	}{
		"somebody types":   {[]fields{installedAlone}, "a:1", false, wroteAlone, []string{"a:1"}},
		"somebody presses": {[]fields{installedAlone}, "a:1", false, activityIn(personal, fields{"type": "invoke", "name": "adaptiveCard/action"}), []string{"a:1"}},
		"the app is installed, and nobody told us that it was not": {[]fields{installedAlone}, "a:1", false, installedAlone, []string{"a:1"}},
		"in the team":                             {[]fields{installedInTeam, happened("", nil, nil)}, "19:team@thread.tacv2", false, installedInTeam, []string{"19:team@thread.tacv2"}},
		"in a team of which we know no channel":   {nil, unknown, false, installedInTeam, []string{"19:sre@thread.tacv2", unknown}},
		"for a person, which is no team":          {nil, unknown, false, installedAlone, []string{"a:1"}},
		"somebody comes, which proves nothing":    {[]fields{installedInTeam, happened("", nil, nil)}, "19:sre@thread.tacv2", false, happened("teamMemberAdded", nil, nil), nil},
		"our secret has expired, and it is typed": {[]fields{installedAlone}, "a:1", true, wroteAlone, nil},
		"somebody types elsewhere":                {[]fields{installedAlone, installedInTeam}, "a:1", false, wroteInChannel, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newKit(t, configured)
				k.take(c.before...)
				synctest.Wait()
				before := len(k.returned())
				require.NoError(t, k.store.Update(t.Context(), func(tx store.Tx) error {
					address, err := tx.Address("bot:" + c.broken)
					if err != nil {
						return err
					}
					address.Break("blocked", "The person has blocked the bot.", c.waits, time.Now())
					return tx.SaveAddress(&address)
				}))
				require.Equal(t, 200, k.serve(request(c.activity.json(), claims())).Code)
				synctest.Wait()
				require.Equal(t, append([]string{}, c.want...), k.returned()[before:])
				require.NotContains(t, k.conversations(), unknown, "nothing is known of it yet")
				k.end()
			})
		})
	}
}

// What comes again is old by then: who has removed the app since is not to be
// written to.
// Alerts for somebody go to the chat that is theirs. Whoever else is said to
// speak there, it does not become that of another.
func TestSomebodysOwnChatStaysTheirs(t *testing.T) {
	k := newKit(t, nil)
	k.take(installedAlone)
	was := k.conversations()["a:1"]
	require.NotEmpty(t, was.UserObjectID)
	k.take(installedAlone.but(fields{"id": "f:2", "from": map[string]any{"id": "29:eve", "name": "Eve", "aadObjectId": "id-eve"}}))
	is := k.conversations()["a:1"]
	require.Equal(t, was.UserObjectID, is.UserObjectID)
	require.Equal(t, was.UserID, is.UserID)
	require.Equal(t, was.Name, is.Name)
}

func TestAnOldInstallationThatComesAgainChangesNothing(t *testing.T) {
	k := newKit(t, nil)
	k.take(installedAlone.but(fields{"id": "f:1"}), removedAlone.but(fields{"id": "f:2"}), installedAlone.but(fields{"id": "f:1"}))
	require.False(t, k.conversations()["a:1"].Installed)
}
