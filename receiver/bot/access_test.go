package bot

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/bot/activity"
	"github.com/teamsrelay/teamsrelay/receiver/bot/typed"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/press"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

// Who may act is what the administrator wrote. Everybody can have the bot in a
// chat of their own and subscribe it to everything: if that let them act,
// `actions` kept nobody from anything.
func TestNobodySubscribesThemselvesIntoActing(t *testing.T) {
	anna := activity.Account{ID: "29:twin", Name: "Anna Smith", ObjectID: "id-twin"}
	for _, test := range []struct {
		name, posted, own string
		who               activity.Account
		words             string
	}{
		{"a stranger, past a list of users", listed, "a:mallory", mallory, unlistedWords},
		{"a member who is not listed", listed, "a:anna", anna, unlistedWords},
		{"a channel that nobody configured", listed, nobodys, mallory, unlistedWords},
		{"anybody, where alerts are only read", readonly, chat, alice, readOnlyWords},
		{"who is listed may in their own chat too", listed, "a:bob", bob, ""},
		{"a stranger, past the members of a channel", sre, "a:mallory", mallory, strangerWords},
		{"a member of the channel may in their own chat too", sre, "a:alice", alice, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t)
			d.members[test.own] = []botframework.Member{{ID: test.who.ID, ObjectID: test.who.ObjectID, Name: test.who.Name}}
			require.Contains(t, d.type_(test.who, test.own, "subscribe"), "is sent here from now on")
			g := d.alert("Disk", test.posted)

			_, words := d.press(d.pressing(test.who, test.own, "Disk", d.button(test.own, g, "ack", 0, "")))
			require.Equal(t, test.words, words)
			require.Equal(t, test.words == "", d.get(g.ID).Ack != nil)

			answer := d.type_(test.who, test.own, "resolve "+g.ShortID())
			require.Equal(t, test.words == "", d.get(g.ID).Closed != nil, answer)
			if test.words != "" {
				require.Contains(t, answer, md(test.words))
				require.Contains(t, d.audit()[1], "refused:ack")
				require.Equal(t, "Disk", d.rows()[0].About, "what they were refused is told in words too")
				require.Contains(t, d.audit()[2], "refused:resolve")
			}
		})
	}
}

// Who is told personally has a chat of their own with the bot, which is an
// address of the file, and which they can subscribe to anything; and people
// leave the list while an alert is open.
func TestWhoIsToldPersonallyActsOnlyOnWhatTheyAreTold(t *testing.T) {
	const own, bobs = "a:alice", "a:bob"
	oncall := Destination{Name: "oncall", Addresses: []string{"bot:" + own, "bot:" + bobs}, People: true}
	readers := Destination{Name: "readers", Addresses: []string{"bot:" + own}, People: true, Actions: Actions{None: true}}
	left := Destination{Name: "oncall", Addresses: []string{"bot:" + bobs}, People: true}
	leftReaders := Destination{Name: "readers", Addresses: []string{"bot:" + bobs}, People: true, Actions: Actions{None: true}}
	for _, test := range []struct {
		name   string
		all    []Destination
		posts  map[string]string // destination by conversation, beside that of Alice
		ofHers string            // the destination of Alice's post
		words  string
		told   string // a destination that is told the alert, too
	}{
		{"on what her destination tells her", []Destination{oncall}, nil, "oncall", "", ""},
		{"on what she has subscribed to alone", []Destination{oncall}, nil, botframework.DestinationOf(own), "", ""},
		{"not on what others are told, which she has subscribed to", []Destination{oncall}, map[string]string{readonly: "readonly"}, botframework.DestinationOf(own), readOnlyWords, ""},
		{"not by another destination than the one that tells her to read", []Destination{oncall, readers}, nil, "readers", readOnlyWords, ""},
		{"nor is she kept from it by another", []Destination{readers, oncall}, nil, "oncall", "", ""},
		{"also when she had subscribed to it before", []Destination{oncall}, map[string]string{readonly: "readonly"}, botframework.DestinationOf(own), "", "oncall"},
		{"not once she has left the list", []Destination{left}, map[string]string{bobs: "oncall"}, "oncall", strangerWords, ""},
		{"not once she has left it, though nobody else was told", []Destination{left}, nil, "oncall", strangerWords, ""},
		{"not once she has left one that was only to read", []Destination{leftReaders}, nil, "readers", strangerWords, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t)
			configured := d.bot.Destinations()
			d.bot.Destinations = func() []Destination { return append(test.all, configured...) }
			g := d.alert("Disk", sre)
			require.NoError(t, d.store.Update(t.Context(), func(tx store.Tx) error {
				posts, err := tx.ListPosts(store.PostFilter{GroupID: g.ID})
				if err != nil {
					return err
				}
				if test.told != "" {
					g.Spec.Targets = append(g.Spec.Targets, group.Target{Destination: test.told})
					if err := tx.SaveGroup(&g); err != nil {
						return err
					}
				}
				p := posts[0]
				if err := tx.DeletePost(p.ID); err != nil {
					return err
				}
				c := store.Conversation{ID: bobs, Kind: store.Personal, UserID: bob.ID, UserObjectID: bob.ObjectID, Installed: true, ServiceURL: d.teams.URL}
				if err := tx.SaveConversation(&c); err != nil {
					return err
				}
				p.Address, p.Destination = "bot:"+own, test.ofHers
				for conversation, destination := range test.posts {
					q := p
					q.ID, q.Address, q.Destination, q.MessageID = 0, "bot:"+conversation, destination, "other"
					if err := tx.SavePost(&q); err != nil {
						return err
					}
				}
				p.ID = 0
				return tx.SavePost(&p)
			}))

			_, words := d.press(d.pressing(alice, own, "Disk", d.button(own, g, "ack", 0, "")))
			require.Equal(t, test.words, words)
			require.Equal(t, test.words == "", d.get(g.ID).Ack != nil)
			d.type_(alice, own, "resolve "+g.ShortID())
			require.Equal(t, test.words == "", d.get(g.ID).Closed != nil)
		})
	}
}

// Whose somebody's own chat with the bot is we know. To ask Teams about each
// would take a thousand questions, and the few that are allowed would be used up
// before the channel comes that lets somebody in.
func TestAThousandPeopleWhoAreToldPersonallyHideNoChannel(t *testing.T) {
	d := newDesk(t)
	many := Destination{Name: "everybody", People: true}
	require.NoError(t, d.store.Update(t.Context(), func(tx store.Tx) error {
		for i := range 1000 {
			c := store.Conversation{
				ID: fmt.Sprint("a:", i), Kind: store.Personal, UserID: fmt.Sprint("29:", i), UserObjectID: fmt.Sprint("id-", i), Installed: true,
				ServiceURL: d.teams.URL,
			}
			many.Addresses = append(many.Addresses, "bot:"+c.ID)
			if err := tx.SaveConversation(&c); err != nil {
				return err
			}
		}
		return nil
	}))
	configured := d.bot.Destinations()
	d.bot.Destinations = func() []Destination { return append([]Destination{many}, configured...) }
	g := d.alert("Disk", sre)
	require.NoError(t, d.store.Update(t.Context(), func(tx store.Tx) error {
		posts, err := tx.ListPosts(store.PostFilter{GroupID: g.ID})
		for i := range many.Addresses {
			p := posts[0]
			p.ID, p.Address, p.Destination, p.MessageID = 0, many.Addresses[i], many.Name, fmt.Sprint("m", i)
			if err == nil {
				err = tx.SavePost(&p)
			}
		}
		return err
	}))

	require.Contains(t, d.type_(alice, chat, "alerts"), "Disk")
	answer := d.type_(alice, chat, "ack "+g.ShortID())
	require.NotNil(t, d.get(g.ID).Ack, answer)
	for _, asked := range d.asked {
		require.NotContains(t, asked, " in a:", "Teams was asked about somebody's own chat")
	}
}

// The administrator of another tenant gives people any address that they like,
// and a shared channel brings those people into our conversations.
func TestAnAddressCountsOnlyInOurTenants(t *testing.T) {
	eve := activity.Account{ID: "29:eve", Name: "Alice", ObjectID: "id-eve"}
	for _, test := range []struct {
		name, tenant, words string
	}{
		{"of another tenant", "tenant-evil", unlistedWords},
		{"of one of ours, whatever its case", "TENANT-a", ""},
		{"where Teams does not say", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t)
			d.bot.Tenants = []string{"tenant-a"}
			d.members[listed] = []botframework.Member{{ID: eve.ID, ObjectID: eve.ObjectID, Email: "alice@contoso.com", UPN: "alice@evil.example", TenantID: test.tenant}}
			g := d.alert("Disk", listed)
			_, words := d.press(d.pressing(eve, listed, "Disk", d.button(listed, g, "ack", 0, "")))
			require.Equal(t, test.words, words)
		})
	}
}

// One alert is not all that a silence by matchers is about: who may act on it
// must not make the others loud.
func TestNobodyEndsThroughOneAlertTheSilenceOfOthers(t *testing.T) {
	d := newDesk(t)
	disk := d.alert("Disk", sre, "site=fra1")
	d.alert("Net", ops, "site=fra1")
	require.Contains(t, d.type_(alice, sre, "silence site=fra1 2h"), "Silenced until")
	d.type_(alice, sre, "ack "+disk.ShortID()) // the episode finds the silence with its next news
	require.NotNil(t, d.get(disk.ID).Silence)
	anna := activity.Account{ID: "29:twin", Name: "Anna Smith", ObjectID: "id-twin"}
	const words = "this is also about 1 alert on which you may not act"

	require.Contains(t, d.type_(anna, sre, "expire alert "+disk.ShortID()), words)
	of := d.get(disk.ID).Silence.ID
	_, said := d.press(d.pressing(anna, sre, "Disk", d.button(sre, disk, "expire", of, "")))
	require.Contains(t, said, words)
	require.Contains(t, d.audit()[2], "Anna Smith (id-twin) refused:expire")
	require.Contains(t, d.audit()[3], "Anna Smith (id-twin) refused:expire")
	require.NotNil(t, d.get(disk.ID).Silence)
	require.Contains(t, d.type_(anna, sre, "expire silence "+alert.ShortID(of)), words)
	require.Equal(t, "silence "+alert.ShortID(of), d.rows()[0].Target, "an alert may have the same id")

	_, said = d.press(d.pressing(bob, sre, "Disk", d.button(sre, disk, "expire", of, "")))
	require.Empty(t, said, "Bob may act on both")
}

// In a storm most alerts are not among the latest few thousand.
func TestAStormHidesNoAlertFromWhoMayNotSilenceIt(t *testing.T) {
	d := newDesk(t)
	d.alert("Net", ops, "site=fra1")
	one := d.alert("Disk", sre, "site=fra1")
	require.NoError(t, d.store.Update(t.Context(), func(tx store.Tx) error {
		posts, err := tx.ListPosts(store.PostFilter{GroupID: one.ID})
		if err != nil {
			return err
		}
		for i := range 5000 {
			g, post := one, posts[0]
			g.ID, g.Key, g.Origin = 0, fmt.Sprint("storm ", i), fmt.Sprint("storm ", i)
			if err := tx.SaveGroup(&g); err != nil {
				return err
			}
			post.ID, post.GroupID, post.MessageID = 0, g.ID, fmt.Sprint("m", i)
			if err := tx.SavePost(&post); err != nil {
				return err
			}
		}
		return nil
	}))
	anna := activity.Account{ID: "29:twin", Name: "Anna Smith", ObjectID: "id-twin"}
	require.Contains(t, d.type_(anna, sre, "silence site=fra1 2h"), "this is also about 1 alert on which you may not act")
	require.Contains(t, d.type_(bob, sre, "silence site=fra1 2h"), "Silenced until")
}

// Somebody is removed while Teams is asked about them: the answer is from
// before, and must not let them act for minutes.
func TestAnAnswerFromBeforeAChangeIsNotKept(t *testing.T) {
	var m members
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	key := memberKey{"c", "29:bob"}
	_, _, changes := m.get(key, now)
	m.forget("c", "")
	m.put(key, membership{in: true, until: now.Add(time.Hour)}, now, changes)
	_, ok, changes := m.get(key, now)
	require.False(t, ok)
	m.put(key, membership{in: true, until: now.Add(time.Hour)}, now, changes)
	_, ok, _ = m.get(key, now)
	require.True(t, ok)
}

// Teams answers a bounded number of questions about members. Who keeps assigning
// must not use up those by which others are let in.
func TestTeamsIsNotAskedForAllMembersAtEveryAssignment(t *testing.T) {
	d := newDesk(t)
	g := d.alert("Disk", sre)
	id := g.ShortID()
	for range 10 {
		d.type_(alice, sre, "assign "+id+" nobody")
	}
	require.Equal(t, []string{"all of " + sre}, d.asked)
	d.members[sre] = append(d.members[sre], botframework.Member{ID: "29:zoe", ObjectID: "id-zoe", Name: "Zoe"})
	d.bot.membersChanged("19:general@thread.tacv2", "19:team")
	require.Contains(t, d.type_(alice, sre, "assign "+id+" Zoe"), "assigned to Zoe", "who was just added to the team does not wait")
	d.members[sre] = append(d.members[sre], botframework.Member{ID: "29:yan", ObjectID: "id-yan", Name: "Yan"})
	d.now = d.now.Add(rosterFor)
	require.Contains(t, d.type_(alice, sre, "assign "+id+" Yan"), "assigned to Yan")
}

// Each alert is held against all subscriptions, and chats cost nothing.
func TestOnePersonCannotSubscribeWithoutEnd(t *testing.T) {
	d := newDesk(t)
	require.NoError(t, d.store.Update(t.Context(), func(tx store.Tx) error {
		for i := range maxSubscribed {
			s := store.Subscription{Address: fmt.Sprint("bot:a:", i), By: group.Person{Name: "Mallory", ID: "id-mallory"}, At: d.now}
			if err := tx.SaveSubscription(&s); err != nil {
				return err
			}
		}
		return nil
	}))
	require.Contains(t, d.type_(mallory, "a:mallory", "subscribe"), "200 subscriptions are the most that one person can make")
	require.Contains(t, d.type_(alice, chat, "subscribe"), "is sent here from now on", "others can")
}

// Teams does not always say what kind of conversation it is. Alone with the bot
// people read what all their channels have, so a chat of several must not be
// taken for one of theirs alone.
func TestAChatOfUnknownKindShowsOnlyWhatIsPostedThere(t *testing.T) {
	d := newDesk(t)
	d.alert("Disk", ops)
	for conversation, alone := range map[string]bool{
		"19:x@thread.v2": false, "19:m@thread.skype": false, "a:unknown": true, "19:u1_u2@unq.gbl.spaces": true,
	} {
		a := d.typing(alice, conversation, "alerts")
		a.Conversation.Kind, a.Text = "", "<at>Ops Bot</at> alerts"
		_, err := d.bot.keep(t.Context(), a) // as before every message
		require.NoError(t, err)
		answer := d.say(a)
		require.Equal(t, alone, strings.Contains(answer, "Disk"), "%s: %s", conversation, answer)
	}
}

// The audit stays for a year. Somebody who is refused and goes on, by a program
// say, must neither fill it nor the disk.
func TestRefusalsDoNotFillTheAudit(t *testing.T) {
	d := newDesk(t)
	long := "silence " + strings.Repeat("site="+strings.Repeat("x", 400)+" ", 10) + "1h"
	for range 100 {
		d.bot.obeyed(t, d.typing(mallory, "a:mallory", long))
	}
	rows := d.rows()
	require.Len(t, rows, maxAudited)
	for _, row := range rows {
		require.Less(t, len(row.Target), 500)
	}
	d.bot.obeyed(t, d.typing(activity.Account{ID: "29:other", Name: "Other", ObjectID: "id-other"}, "a:other", long))
	require.Len(t, d.rows(), maxAudited+1, "what one does hides nobody else")

	d.now = d.now.Add(time.Minute)
	d.bot.obeyed(t, d.typing(mallory, "a:mallory", long))
	require.Contains(t, d.rows()[0].After, "(70 refusals before this one are not written down")
}

func TestWhoIsRefusedIsRememberedForAMinuteOnly(t *testing.T) {
	var r refused
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	for i := range 3 * maxRefused {
		if i == maxRefused {
			_, ok := r.next("one too many", now)
			require.False(t, ok)
		}
		if i%maxRefused == 0 {
			now = now.Add(time.Minute)
		}
		_, ok := r.next(strconv.Itoa(i), now)
		require.True(t, ok)
	}
	require.LessOrEqual(t, len(r.of), maxRefused)
}

// Whoever comes without an object id is somebody all the same, and another one
// than the next.
func TestTheAuditNamesEverybody(t *testing.T) {
	d := newDesk(t)
	g := d.alert("Disk", sre)
	guest := activity.Account{ID: "29:guest", Name: "Alice"}
	_, words := d.press(d.pressing(guest, sre, "Disk", d.button(sre, g, "ack", 0, "")))
	require.Empty(t, words)
	require.Equal(t, "29:guest", d.rows()[0].ObjectID)
	require.Equal(t, "29:guest", d.get(g.ID).Ack.By.ID)
}

// People write what they like into a card.
func TestWhatCannotBeSeenIsNotKept(t *testing.T) {
	d := newDesk(t)
	g := d.alert("Disk", sre)
	data := with(d.button(sre, g, "comment", 0, ""), "comment=harm\u202eless\x1b[2J\ttext\nnext")
	_, words := d.press(d.pressing(alice, sre, "Disk", data))
	require.Empty(t, words)
	require.Equal(t, []string{"harmless[2J\ttext\nnext"}, comments(d.get(g.ID)))
}

func TestNoButtonIsForgedWhileTheStoreDoesNotSay(t *testing.T) {
	d := newDesk(t)
	g := d.alert("Disk", sre)
	d.bot.CheckPress = func(context.Context, string, press.Data) error { return store.ErrUnavailable }
	_, words := d.press(d.pressing(alice, sre, "Disk", d.button(sre, g, "ack", 0, "")))
	require.Equal(t, storeWords, words)
	require.Empty(t, d.audit())
}

// obeyed works what somebody types without answering them.
func (b *Bot) obeyed(t *testing.T, a activity.Activity) {
	t.Helper()
	who, err := b.talker(t.Context(), a)
	require.NoError(t, err)
	c, err := typed.Parse(typed.Message{Text: a.Text}, b.clock())
	require.NoError(t, err)
	b.obey(t.Context(), who, c)
}

// rows is the audit, newest first.
func (d *desk) rows() (rows []store.Audit) {
	d.t.Helper()
	d.view(func(tx store.Tx) (err error) { rows, err = tx.Audit(store.AuditFilter{}); return err })
	return rows
}
