package bot

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/bot/activity"
	"github.com/teamsrelay/teamsrelay/receiver/bot/typed"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

// A button and a typed command are the same: each verb, typed.
func TestEveryCommandDoesWhatItSays(t *testing.T) {
	d := newDesk(t)
	d.alert("Fan", ops) // silences and alerts are numbered apart
	d.alert("Net", ops)
	g := d.alert("Disk", sre)
	id := g.ShortID()
	for _, step := range []struct{ who, text, want string }{
		{"alice", "ack ID", "**ID** Disk: acknowledged."},
		{"bob", "ack ID", "**ID** Disk: It is acknowledged already, by Alice."},
		{"bob", "unack ID", "**ID** Disk: acknowledgement taken back."},
		{"bob", "ID status in_progress", "**ID** Disk: acknowledged."},
		{"bob", "assign ID me", "**ID** Disk: assigned to Bob."},
		{"bob", "assign ID alice@contoso.com", "**ID** Disk: assigned to Alice."},
		{"bob", "assign ID anna", "**ID** Disk: Nothing was done: that can be more than one here. Write the address, or mention the person: Anna Smith anna@contoso.com; Anna Smyth anna.s@contoso.com."},
		{"bob", "assign ID Anna Smyth", "**ID** Disk: assigned to Anna Smyth."},
		{"bob", "assign ID Zoe", "**ID** Disk: Nothing was done: nobody here is called “Zoe”. Mention the person, or write the address."},
		{"alice", `comment ID "fan replaced"`, "**ID** Disk: comment added."},
		{"alice", "silence ID 2h", "**ID** Disk: silenced until 12:15 UTC. `expire mznt` ends that."},
		{"alice", "silences", "**1 silence**\n\n**mznt** of **ID** Disk · until 12:15 UTC · by Alice"},
		{"bob", "expire mznt", "Silence **mznt** has ended."},
		{"bob", "silences", "Nothing is silenced here."},
		{"bob", "silence ID until tomorrow “new disks”", "**ID** Disk: silenced until 22 Nov 08:00 UTC. `expire 8zbn` ends that."},
		{"bob", "expire alert ID", "**ID** Disk: silence ended."},
		{"bob", "expire ID", "**ID** Disk: Nothing was done: it is not silenced here any more."},
		{"alice", "resolve ID", "**ID** Disk: resolved."},
		{"alice", "ID status resolved", "**ID** Disk: It is resolved already, by Alice."},
		{"bob", "reopen ID", "**ID** Disk: reopened."},
	} {
		t.Run(step.text, func(t *testing.T) {
			who := map[string]activity.Account{"alice": alice, "bob": bob}[step.who]
			a := d.typing(who, sre, strings.ReplaceAll(step.text, "ID", id))
			require.Equal(t, sre+";messageid="+a.ID+": "+strings.ReplaceAll(step.want, "ID", id), d.say(a), "it is answered under the message")
		})
	}
	require.Equal(t, []string{"fan replaced"}, comments(d.get(g.ID)))
	lines := d.audit()
	require.Len(t, lines, 13)
	require.Equal(t, "Alice (id-alice) ack "+id+" from channel sre", lines[0])
}

func comments(g group.Group) (all []string) {
	for _, h := range g.History {
		if h.Change == group.Commented {
			all = append(all, h.Text)
		}
	}
	return all
}

func TestOneMessageCanBeAboutSeveralAlerts(t *testing.T) {
	d := newDesk(t)
	disk, fan := d.alert("Disk", sre), d.alert("Fan", sre)
	want := fmt.Sprintf("**%s** Disk: acknowledged.\n\n**%s** Fan: acknowledged.\n\nThere is no alert **zzzz** here, or in a conversation that you are in.", disk.ShortID(), fan.ShortID())
	require.Contains(t, d.type_(alice, sre, "ack "+disk.ShortID()+", "+fan.ShortID()+" zzzz"), want)
	require.NotNil(t, d.get(fan.ID).Ack, "the second is not taken for the first that comes again")
}

// Under a card nobody has to type its id.
func TestUnderItsCardAnAlertNeedsNoID(t *testing.T) {
	d := newDesk(t)
	g := d.alert("Disk", sre)
	d.alert("Fan", sre)
	a := d.typing(alice, sre, "ack on my way")
	a.Conversation.Thread = "Disk"
	require.Contains(t, d.say(a), "Disk: acknowledged.")
	require.NotNil(t, d.get(g.ID).Ack)
	require.Contains(t, d.type_(alice, sre, "ack"), "Which alert?")
	require.Contains(t, d.type_(alice, sre, "expire"), "Which silence? `silences` lists them")
	a = d.typing(alice, sre, "silence 2h")
	a.Conversation.Thread = "Disk"
	require.Contains(t, d.say(a), "Disk: silenced until 12:15 UTC")
	a = d.typing(alice, sre, "expire")
	a.Conversation.Thread = "Disk"
	require.Contains(t, d.say(a), "Disk: silence ended.")
}

func TestSomebodyWhoIsMentionedIsAssignedByTheirObjectID(t *testing.T) {
	d := newDesk(t)
	g := d.alert("Disk", sre)
	a := d.typing(alice, sre, "<at>Ops Bot</at> assign "+g.ShortID()+" <at>Bobby</at>")
	a.Mentions = []activity.Mention{
		{Account: a.Recipient, Text: "<at>Ops Bot</at>"},
		{Account: activity.Account{ID: "29:bob", Name: "Bobby"}, Text: "<at>Bobby</at>"},
	}
	require.Contains(t, d.say(a), "assigned to Bob.", "a mention can be written with any name")
	require.Equal(t, group.Person{Name: "Bob", ID: "id-bob"}, d.get(g.ID).Owner.To)
}

// A command typed elsewhere is checked where the alert is posted.
func TestWhoMayTypeACommandIsWhoSeesTheAlert(t *testing.T) {
	d := newDesk(t)
	g := d.alert("Disk", ops)
	id := g.ShortID()
	unknown := "There is no alert **" + id + "** here, or in a conversation that you are in."
	anna := activity.Account{ID: "29:twin", Name: "Anna Smith", ObjectID: "id-twin"}

	require.Contains(t, d.type_(anna, sre, "ack "+id), unknown, "Anna is not in ops, and must not learn that there is such an alert")
	require.Contains(t, d.type_(anna, sre, "show "+id), unknown)
	require.Contains(t, d.type_(mallory, "a:mallory", "resolve "+id), unknown)
	require.Nil(t, d.get(g.ID).Ack)
	require.Equal(t, []string{
		"Anna Smith (id-twin) refused:ack " + id + " from channel sre",
		"Mallory (id-mallory) refused:resolve " + id + " from chat of Mallory",
	}, d.audit())

	require.Contains(t, d.type_(alice, chat, "ack "+id), "Disk: acknowledged.")
	require.Contains(t, d.type_(bob, sre, "unack "+id), "Disk: acknowledgement taken back.")
}

func TestWhoMayTypeACommandIsWhatTheDestinationSays(t *testing.T) {
	d := newDesk(t)
	read, list := d.alert("Read", readonly), d.alert("List", listed)
	anna := activity.Account{ID: "29:twin", Name: "Anna Smith", ObjectID: "id-twin"}
	require.Contains(t, d.type_(alice, readonly, "ack "+read.ShortID()), "alerts can only be read here")
	require.Contains(t, d.type_(alice, chat, "ack "+read.ShortID()), "alerts can only be read here")
	require.Contains(t, d.type_(alice, readonly, "show "+read.ShortID()), "card {", "reading is for everybody there")
	require.Contains(t, d.type_(anna, listed, "ack "+list.ShortID()), "you are not among those")
	require.Contains(t, d.type_(anna, listed, "subscribe"), "you are not among those")
	require.Contains(t, d.type_(alice, readonly, "create x"), "alerts can only be read here")
	require.Contains(t, d.type_(alice, readonly, "test"), "alerts can only be read here")
	require.Contains(t, d.type_(alice, readonly, `silence a="b" 1h`), "alerts can only be read here")
	require.Contains(t, d.type_(bob, listed, "ack "+list.ShortID()), "acknowledged.")
	require.Nil(t, d.get(read.ID).Ack)
	for _, line := range d.audit()[:len(d.audit())-1] {
		require.Contains(t, line, "refused:")
	}
	require.Len(t, d.audit(), 8)
}

// A silence by matchers is about alerts of other conversations too.
func TestNobodySilencesByMatchersWhatTheyMayNotActOn(t *testing.T) {
	d := newDesk(t)
	d.alert("Disk", sre, "site=fra1")
	d.alert("Net", ops, "site=fra1")
	anna := activity.Account{ID: "29:twin", Name: "Anna Smith", ObjectID: "id-twin"}
	require.Contains(t, d.type_(anna, sre, "silence site=fra1 2h"), "this is also about 1 alert on which you may not act")
	require.Contains(t, d.type_(anna, sre, "silence alertname=Disk 2h"), "Silenced until 12:15 UTC: `alertname=\"Disk\"`. `expire mznt` ends that. 1 open alert matches now.")
	require.Contains(t, d.type_(alice, sre, `silence team="" 2h`), "Nothing was done: they match alerts that have none of these labels")
	require.Contains(t, d.type_(anna, sre, "silences"), "**mznt** `alertname=\"Disk\"` · until 12:15 UTC · by Anna Smith")
	require.Contains(t, d.type_(mallory, "a:mallory", "silences"), "Nothing is silenced here.")
	require.Contains(t, d.type_(mallory, "a:mallory", "expire mznt"), "There is no silence **mznt** here.")
	require.Contains(t, d.type_(bob, sre, "expire mznt"), "Silence **mznt** has ended.")

	// Nothing of that name is open now, and it would keep what comes quiet.
	require.Contains(t, d.type_(mallory, "a:mallory", "silence alertname=Later 90d"), "only members of a conversation")
	require.Contains(t, d.type_(mallory, nobodys, "silence alertname=Later 90d"), "only members of a conversation")
	require.Contains(t, d.type_(alice, chat, "silence alertname=Later 1h"), "Silenced until")
}

// "Silenced" alone reads like a success to who has mistyped a name, until they
// are woken up.
func TestWhoSilencesByMatchersIsToldWhatThatIsAboutNow(t *testing.T) {
	d := newDesk(t)
	d.alert("Disk", sre, "site=fra1")
	over := d.alert("Fan", sre, "site=fra1")
	require.Contains(t, d.type_(alice, sre, "silence site=fra1 1h"), "ends that. 2 open alerts match now.")
	require.Contains(t, d.type_(alice, sre, "resolve "+over.ShortID()), "resolved.")
	require.Contains(t, d.type_(alice, sre, "silence site=fra1 2h"), "ends that. 1 open alert matches now.")
	require.Contains(t, d.type_(alice, sre, "silence alertname=Dsik 2h"),
		"Silenced until 12:15 UTC: `alertname=\"Dsik\"`. `expire vxzg` ends that. No open alert matches now. If one should, look at how it is written: `alerts` lists them.")
}

// A Teams that does not answer makes nobody a member, and no alert disappear.
func TestWhileNobodyKnowsWhoIsWhereThatIsSaid(t *testing.T) {
	d := newDesk(t)
	g := d.alert("Disk", ops)
	d.down = true
	alone, err := d.bot.talker(t.Context(), d.typing(alice, chat, ""))
	require.NoError(t, err)
	for _, verb := range []string{"ack", "show"} {
		words := d.bot.obey(t.Context(), alone, typed.Command{Verb: verb, IDs: []int64{g.ID}})
		require.Contains(t, words, "Teams does not say at this moment", verb)
	}
	require.Nil(t, d.get(g.ID).Ack)
	require.Empty(t, d.audit(), "nobody was refused: they may try again")
}

// Alerts and silences have numbers of their own, so one id can be of both.
func TestAnIDThatIsOfAnAlertAndOfASilenceIsAskedAbout(t *testing.T) {
	d := newDesk(t)
	first, second := d.alert("Disk", sre), d.alert("Fan", sre)
	require.Contains(t, d.type_(alice, sre, "silence "+second.ShortID()+" 1h"), "silenced")
	require.Contains(t, d.type_(alice, sre, "silence "+first.ShortID()+" 2h"), "silenced")
	id := alert.ShortID(1) // the first alert, and the second one's silence
	require.Equal(t, first.ShortID(), id)
	require.Contains(t, d.type_(alice, sre, "expire "+id), "`expire silence "+id+"` or `expire alert "+id+"`")
	require.Contains(t, d.type_(alice, sre, "expire alert "+id), "Disk: silence ended.")
	require.Contains(t, d.type_(alice, sre, "expire "+id), "Silence **"+id+"** has ended.", "now it can only be the silence")
}

func TestListsShowTheWorstFirstAndNoMoreThanAPhoneDoes(t *testing.T) {
	d := newDesk(t)
	d.alert("Old", sre, "severity=critical")
	d.now = d.now.Add(time.Hour)
	worst := d.alert("New", sre, "severity=critical", "site=fra1")
	mild := d.alert("Mild", sre, "severity=info", "site=fra1")
	d.alert("Elsewhere", ops, "severity=critical")
	d.type_(alice, sre, "ack "+worst.ShortID())
	d.type_(alice, sre, "assign "+worst.ShortID()+" me")

	answer := d.type_(alice, sre, "alerts")
	lines := strings.Split(answer, "\n\n")
	require.Contains(t, lines[0], "**3 alerts open**")
	require.Equal(t, "**"+worst.ShortID()+"** New · critical · since 11:15 UTC · acknowledged by Alice · assigned to Alice", lines[1])
	require.Contains(t, lines[2], "Old · critical · since 10:15 UTC")
	require.Contains(t, lines[3], "Mild · info")
	require.NotContains(t, answer, "Elsewhere", "everybody in the channel reads the answer")

	require.Contains(t, d.type_(alice, chat, "alerts"), "**4 alerts open**", "alone with the bot she sees what her channels have")
	require.Contains(t, d.type_(mallory, "a:mallory", "alerts"), "Nothing is open here.")
	require.Contains(t, d.type_(alice, sre, "alerts site=fra1 severity!=critical"), "**1 alert open**\n\n**"+mild.ShortID()+"** Mild")
	require.Contains(t, d.type_(alice, sre, "alerts site=fra2"), "Nothing is open here that matches `site=\"fra2\"`.")

	for i := range 25 {
		d.alert(fmt.Sprintf("Many%d", i), sre, "severity=info")
	}
	lines = strings.Split(d.type_(alice, sre, "alerts"), "\n\n")
	require.Len(t, lines, 1+15+1)
	require.Equal(t, "and 13 more", lines[16])
}

func TestStatusSaysWhatGoesOnHere(t *testing.T) {
	d := newDesk(t)
	require.Contains(t, d.type_(alice, sre, "status"), ": **Nothing is firing here.**\n\nteamsrelay 1.2.3")
	for _, name := range []string{"A", "B", "C"} {
		d.alert(name, sre)
	}
	id := alert.ShortID(d.alert("D", sre).ID)
	d.type_(alice, sre, "ack "+id)
	d.type_(alice, sre, "silence "+id+" 1h")
	require.NoError(t, d.store.Update(t.Context(), func(tx store.Tx) error {
		return tx.SaveAddress(&store.Address{Address: "bot:" + ops, Broken: "the app is not installed there; install it"})
	}))
	require.Contains(t, d.type_(alice, sre, "status"), ": **4 firing** · 1 acknowledged · 1 silenced\n\nteamsrelay 1.2.3")
	require.Contains(t, d.type_(alice, chat, "status"), "Destination **ops** is broken: the app is not installed there; install it")
}

func TestACardThatIsShownAgainHasNoButtons(t *testing.T) {
	d := newDesk(t)
	g := d.alert("Disk", sre)
	a := d.typing(alice, sre, "show "+g.ShortID())
	answer := d.say(a)
	require.True(t, strings.HasPrefix(answer, sre+";messageid="+a.ID+": card {"), answer)
	require.Contains(t, answer, "Disk")
	require.NotContains(t, answer, "Action.Execute", "it is a copy that nobody keeps true")
	require.NotContains(t, answer, `"sig"`)
	require.Contains(t, d.type_(alice, sre, "show bbbb cccc dddd ffff gggg hhhh"), "5 at most")
}

func TestAnAlertMadeByHandIsPostedWhereItWasMade(t *testing.T) {
	d := newDesk(t)
	answer := d.type_(alice, sre, `create "Printer on fire" "Second floor"`)
	require.Contains(t, answer, "Printer on fire is open.")
	var posts []store.Post
	d.view(func(tx store.Tx) (err error) { posts, err = tx.ListPosts(store.PostFilter{}); return err })
	require.Len(t, posts, 1)
	require.Equal(t, "bot:"+sre, posts[0].Address)
	g := d.get(posts[0].GroupID)
	require.Equal(t, "Second floor", g.Alerts[0].Annotations["description"])
	require.Contains(t, answer, "`resolve "+g.ShortID()+"` ends it.")
	require.Equal(t, "Alice (id-alice) create "+g.ShortID()+" from channel sre", d.audit()[0])
	require.Contains(t, d.type_(bob, sre, "resolve "+g.ShortID()), "resolved.")
}

func TestAConversationSubscribesListsAndUnsubscribes(t *testing.T) {
	d := newDesk(t)
	d.alert("Disk", sre, "team=storage")
	require.Contains(t, d.type_(alice, chat, "subscriptions"), "There is no subscription here.")
	answer := d.type_(alice, chat, `subscribe team="storage"`)
	require.Contains(t, answer, "Subscription **mznt**: `team=\"storage\"` is sent here from now on. `unsubscribe mznt` ends that.")
	require.Contains(t, answer, "What matches now comes with its next news: 1 alert")
	require.Contains(t, answer, "Disk · warning")
	require.Contains(t, d.type_(alice, chat, "subscribe team = storage"), "has that already: subscription **mznt**")
	require.Contains(t, d.type_(alice, chat, "subscribe team=~net"), "Nothing matches at this moment.")
	require.Contains(t, d.type_(alice, chat, "subscriptions"), "**2 subscriptions**\n\n**mznt** `team=\"storage\"` · by Alice · since 10:15 UTC")
	require.Contains(t, d.type_(bob, sre, "unsubscribe mznt"), "There is no subscription **mznt** here.")
	require.Contains(t, d.type_(alice, chat, "unsubscribe mznt"), "**mznt** `team=\"storage\"`\n\nEnded.")
	require.Contains(t, d.type_(alice, chat, "unsubscribe"), "Ended.")
	require.Contains(t, d.type_(alice, chat, "unsubscribe"), "There is no subscription here.")

	var rows []store.Audit
	d.view(func(tx store.Tx) (err error) { rows, err = tx.Audit(store.AuditFilter{}); return err })
	require.Len(t, rows, 4)
	require.Equal(t, "subscribe", rows[3].Action)
	require.Equal(t, "mznt", rows[3].Target)
	require.Equal(t, `team="storage"`, rows[3].After)
	require.Equal(t, `team="storage"`, rows[1].Before)
	require.Equal(t, "chat of Alice", rows[3].From)
}

func TestAConversationHasNoMoreSubscriptionsThanAnybodyReads(t *testing.T) {
	d := newDesk(t)
	for i := range maxSubscriptions {
		require.Contains(t, d.type_(alice, chat, fmt.Sprintf("subscribe n=%d", i)), "is sent here")
	}
	require.Contains(t, d.type_(alice, chat, "subscribe"), "50 subscriptions are the most")
}

func TestATestCardGoesToTheDestinationThatThisIs(t *testing.T) {
	d := newDesk(t)
	require.Equal(t, "test card to bot:"+sre, d.type_(alice, sre, "test"), "the card is the answer")
	require.Contains(t, d.type_(alice, nobodys, "test"), "No test card could be sent here")
}

func TestHelpFitsAPhone(t *testing.T) {
	d := newDesk(t)
	answer := d.type_(alice, sre, "help")
	for _, u := range typed.Usages {
		require.Contains(t, answer, "`"+u.Usage+"`")
	}
	require.Less(t, len(answer), 2200)
	for _, line := range strings.Split(answer, "\n\n") {
		require.NotContains(t, line, "\n", "a phone shows no single line break")
		require.Less(t, len(line), 220)
	}
	require.Contains(t, answer, "Mention me first.")
	require.NotContains(t, d.type_(alice, chat, "help"), "Mention me first.")
	require.Equal(t, chat+": `ack ID` acknowledges: no reminders.\n\nFor example: `ack fgq8`", d.type_(alice, chat, "help acknowledge"))
	require.Contains(t, d.type_(alice, chat, "silnce x 2h"), "I do not know “silnce”. Did you mean silence?\n\nFor example: `silence fgq8 2h")
	for _, c := range []store.Conversation{{Kind: store.Personal}, {Kind: store.Channel}} {
		require.Contains(t, Greeting(c), "`help`")
	}
}

// What others wrote is shown, and is never Markdown, a mention or a link with
// words of its own.
func TestWhatStrangersWroteIsOnlyShown(t *testing.T) {
	d := newDesk(t)
	evil := "<at>Boss</at> [pay here](https://evil.example) **x** `y`"
	g := d.alert(evil, sre, "severity=*bad*")
	eve := activity.Account{ID: "29:eve", Name: "**Eve** <at>all</at>", ObjectID: "id-eve"}
	d.type_(eve, sre, "ack "+g.ShortID())
	d.type_(eve, sre, "silence "+g.ShortID()+" 1h "+evil)
	d.type_(eve, sre, "subscribe x="+strings.ReplaceAll(evil, " ", ""))
	for _, text := range []string{"alerts", "silences", "ack " + g.ShortID(), "subscriptions", "alerts x=`<at>", evil, "create " + evil, "assign " + g.ShortID() + " " + evil} {
		answer := d.type_(eve, sre, text)
		_, answer, _ = strings.Cut(answer, ": ")
		require.NotContains(t, answer, "<at>", text)
		for i, part := range strings.Split(answer, "`") {
			if i%2 == 1 { // code, which shows itself
				continue
			}
			require.NotContains(t, part, "[pay here]", "%s: %s", text, answer)
			require.NotContains(t, part, "**x**", "%s: %s", text, answer)
			require.NotContains(t, part, "**Eve**", "%s: %s", text, answer)
		}
		require.NotContains(t, answer, "`y`", text)
	}
}

func TestTeamsIsAskedOnceWhoIsWhere(t *testing.T) {
	d := newDesk(t)
	id := alert.ShortID(d.alert("Disk", ops).ID)
	ask := func(want ...string) {
		t.Helper()
		require.Equal(t, want, d.asked)
		d.asked = nil
	}
	d.type_(alice, chat, "show "+id)
	d.type_(alice, chat, "ack "+id)
	ask("29:alice in " + ops)
	d.now = d.now.Add(memberFor - time.Second)
	d.type_(alice, chat, "show "+id)
	ask()
	d.now = d.now.Add(time.Second)
	d.type_(alice, chat, "show "+id)
	ask("29:alice in " + ops)

	d.type_(mallory, "a:mallory", "show "+id)
	d.type_(mallory, "a:mallory", "show "+id)
	ask("29:mallory in " + ops)
	d.now = d.now.Add(strangerFor)
	d.type_(mallory, "a:mallory", "show "+id)
	ask("29:mallory in " + ops)

	d.members[ops] = append(d.members[ops], botframework.Member{ID: "29:mallory", ObjectID: "id-mallory", Name: "Mallory"})
	d.bot.membersChanged("19:general@thread.tacv2", "19:team")
	require.Contains(t, d.type_(mallory, "a:mallory", "show "+id), "card", "who was just added to the team does not wait")
	d.bot.membersChanged(ops, "")
	d.asked = nil
	d.type_(alice, chat, "show "+id)
	ask("29:alice in " + ops)
}

func TestWhatIsKnownOfMembersStaysBounded(t *testing.T) {
	var m members
	now := time.Now()
	for i := range maxMembers + 100 {
		m.put(memberKey{"c", fmt.Sprint(i)}, membership{until: now.Add(time.Minute)}, now, 0)
	}
	require.Len(t, m.known, maxMembers)
	m.put(memberKey{"c", "last"}, membership{until: now.Add(time.Hour)}, now.Add(2*time.Minute), 0)
	require.Len(t, m.known, 1, "what is too old goes first")
}

// In a channel people talk to each other; a bot that answers all of it is
// removed.
func TestWhatIsNotForTheBotIsNotAnswered(t *testing.T) {
	d := newDesk(t)
	a := d.typing(alice, sre, "x")
	a.Text, a.Mentions = "help", nil
	require.Empty(t, d.say(a))
	a.Text = "<at>Old Bot Name</at> help"
	require.Contains(t, d.say(a), "`ack ID`", "it was renamed after the app was installed")
}

// Alone with the bot there is nobody else in the conversation: people are looked
// for where the alert is posted.
func TestSomebodyIsAssignedFromAPersonalChat(t *testing.T) {
	d := newDesk(t)
	g := d.alert("Disk", ops)
	require.Contains(t, d.type_(alice, chat, "assign "+g.ShortID()+" Robert@contoso.com"), "assigned to Bob.")
	require.Equal(t, group.Person{Name: "Bob", ID: "id-bob"}, d.get(g.ID).Owner.To)
	require.Contains(t, d.type_(alice, chat, "assign "+g.ShortID()+" anna@contoso.com"), "nobody here is called", "she is not in ops")
	d.down = true
	d.members[ops] = nil
	require.Empty(t, d.type_(alice, chat, "assign "+g.ShortID()+" bob@contoso.com"), "Teams is down, and so is the answer")
	require.Equal(t, "id-bob", d.get(g.ID).Owner.To.ID)
}

// Old clients send no name, and some no object id.
func TestWhoHasNoNameGetsTheOneThatTeamsKnows(t *testing.T) {
	d := newDesk(t)
	g := d.alert("Disk", sre)
	d.type_(activity.Account{ID: "29:bob"}, sre, "ack "+g.ShortID())
	require.Equal(t, group.Person{Name: "Bob", ID: "id-bob"}, d.get(g.ID).Ack.By)
	d.type_(activity.Account{ID: "29:unknown"}, sre, "comment "+g.ShortID()+" hi")
	require.Contains(t, d.audit()[1], "Somebody (29:unknown) comment")
}

// FuzzSay: whatever somebody types, they get an answer.
func FuzzSay(f *testing.F) {
	for _, u := range typed.Usages {
		f.Add(u.Example)
	}
	f.Add("ack mznt")
	f.Add("expire mznt 8zbn")
	d := newDesk(f)
	d.alert("Disk", sre)
	f.Fuzz(func(t *testing.T, text string) {
		d.t = t
		if d.type_(alice, sre, text) == "" {
			t.Fatalf("%q is not answered", text)
		}
	})
}
