package bot

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/bot/activity"
	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/press"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// with is the data of a button with what somebody typed into the card.
func with(d press.Data, inputs ...string) map[string]any {
	all := map[string]any{"verb": d.Verb, "group": d.Group, "of": d.Of, "for": d.For, "key": d.Key, "sig": d.Signature}
	for _, input := range inputs {
		name, value, _ := strings.Cut(input, "=")
		all[name] = value
	}
	return all
}

// The whole of issue 5, point 3: each button does what it says, and its answer
// is the card that says so.
func TestEveryButtonDoesWhatItSays(t *testing.T) {
	d := newDesk(t)
	g := d.alert("Disk", sre)
	for _, step := range []struct {
		name   string
		who    activity.Account
		verb   string
		of     func() int64
		span   string
		inputs []string
		on     string // the card
		is     func(g group.Group)
	}{
		{name: "acknowledge", who: alice, verb: command.Ack, on: "cknowledged by Alice", is: func(g group.Group) {
			require.Equal(t, group.Person{Name: "Alice", ID: "id-alice"}, g.Ack.By)
		}},
		{name: "take the acknowledgement back", who: bob, verb: command.Unack, of: func() int64 { return int64(d.get(g.ID).Ack.ID) }, on: "Disk", is: func(g group.Group) {
			require.Nil(t, g.Ack)
		}},
		{name: "assign to me", who: bob, verb: command.Assign, on: "Bob", is: func(g group.Group) {
			require.Equal(t, "id-bob", g.Owner.To.ID)
		}},
		{name: "assign to somebody by the name", who: bob, verb: command.Assign, of: func() int64 { return int64(d.get(g.ID).Owner.ID) }, inputs: []string{"assignee=@alice"}, on: "Alice", is: func(g group.Group) {
			require.Equal(t, group.Person{Name: "Alice", ID: "id-alice"}, g.Owner.To)
			require.Equal(t, "id-bob", g.Owner.By.ID)
		}},
		{name: "comment", who: alice, verb: command.Comment, inputs: []string{"comment=fan replaced"}, on: "fan replaced", is: func(g group.Group) {
			require.Equal(t, "fan replaced", g.History[len(g.History)-1].Text)
		}},
		{name: "silence, and say why", who: alice, verb: command.Silence, span: "4h", inputs: []string{"silence_comment=new disks", "comment=left over from another form"}, on: "ilenced until 14:15", is: func(g group.Group) {
			require.Equal(t, "new disks", g.Silence.Comment)
			require.Equal(t, d.now.Add(4*time.Hour), g.Silence.Until)
		}},
		{name: "end the silence", who: bob, verb: command.Expire, of: func() int64 { return d.get(g.ID).Silence.ID }, on: "Disk", is: func(g group.Group) {
			require.Nil(t, g.Silence)
		}},
		{name: "silence until tomorrow morning", who: alice, verb: command.Silence, span: "tomorrow", on: "08:00", is: func(g group.Group) {
			require.Equal(t, time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC), g.Silence.Until.UTC())
		}},
		{name: "resolve by hand", who: bob, verb: command.Resolve, on: "esolved", is: func(g group.Group) {
			require.Equal(t, "Bob", g.Closed.By.Name)
		}},
		{name: "reopen", who: alice, verb: command.Reopen, of: func() int64 { return int64(d.get(g.ID).Closed.ID) }, on: "Disk", is: func(g group.Group) {
			require.Nil(t, g.Closed)
		}},
	} {
		t.Run(step.name, func(t *testing.T) {
			of := int64(0)
			if step.of != nil {
				of = step.of()
			}
			text, words := d.press(d.pressing(step.who, sre, "Disk", with(d.button(sre, g, step.verb, of, step.span), step.inputs...)))
			require.Empty(t, words)
			require.Contains(t, text, step.on)
			step.is(d.get(g.ID))
			lines := d.audit()
			require.Equal(t, fmt.Sprintf("%s (%s) %s %s from channel sre", step.who.Name, step.who.ObjectID, step.verb, g.ShortID()), lines[len(lines)-1])
		})
	}
}

// Clients before Action.Execute send a message with the same data. It has no
// answer: words are said in the thread, the card changes by its update.
func TestAnOldClientsPressIsTheSame(t *testing.T) {
	d := newDesk(t)
	g := d.alert("Disk", sre)
	a := d.pressing(alice, sre, "Disk", nil)
	a.Type, a.Name = activity.Message, ""
	a.Conversation.Thread = "Disk"
	a.Value = []byte(fmt.Sprintf(`{"verb":"ack","group":"%d","of":"0","key":%q,"sig":%q}`, g.ID, d.button(sre, g, "ack", 0, "").Key, d.button(sre, g, "ack", 0, "").Signature))
	require.True(t, a.Submitted())
	d.bot.press(t.Context(), a)
	require.Equal(t, "Alice", d.get(g.ID).Ack.By.Name)
	require.Empty(t, d.said)

	a.ID = "another"
	d.bot.press(t.Context(), a)
	require.Equal(t, []string{sre + ";messageid=Disk: It is acknowledged already, by Alice."}, d.said)
}

func TestAPressThatWasNotMadeHereDoesNothing(t *testing.T) {
	d := newDesk(t)
	g, other := d.alert("Disk", sre), d.alert("Fan", sre)
	elsewhere := d.alert("Net", ops)
	good := d.button(sre, g, "ack", 0, "")
	changed := func(change func(*press.Data)) press.Data {
		data := good
		change(&data)
		return data
	}
	for _, test := range []struct {
		name         string
		conversation string
		message      string
		data         any
		words, audit string
	}{
		{"another alert's number", sre, "Fan", changed(func(d *press.Data) { d.Group = other.ID }), foreignWords, "refused:ack " + other.ShortID()},
		{"another verb", sre, "Disk", changed(func(d *press.Data) { d.Verb = "resolve" }), foreignWords, "refused:resolve " + g.ShortID()},
		{"another mark", sre, "Disk", changed(func(d *press.Data) { d.Of = 7 }), foreignWords, "refused:ack " + g.ShortID()},
		{"another span", sre, "Disk", changed(func(d *press.Data) { d.For = "90d" }), foreignWords, "refused:ack " + g.ShortID()},
		{"another key's name", sre, "Disk", changed(func(d *press.Data) { d.Key = "other" }), foreignWords, "refused:ack " + g.ShortID()},
		{"no signature", sre, "Disk", changed(func(d *press.Data) { d.Signature = "" }), foreignWords, "refused:ack " + g.ShortID()},
		{"a verb that we do not have", sre, "Disk", changed(func(d *press.Data) { d.Verb = "rm -rf" }), foreignWords, "refused:press " + g.ShortID()},
		{"one that we sign and do not have", sre, "Disk", d.button(sre, g, "later", 0, ""), unknownWords, "refused:press " + g.ShortID()},
		{"nothing", sre, "Disk", nil, foreignWords, "refused:press"},
		{"a list", sre, "Disk", []int{1}, foreignWords, "refused:press"},
		{"a button of another conversation", ops, "Net", good, foreignWords, "refused:ack " + g.ShortID()},
		{"a button of another card", sre, "Fan", good, misplaceWords, "refused:ack " + g.ShortID()},
		{"an old copy", sre, "copied", good, oldWords, "refused:ack " + g.ShortID()},
		{"no message at all", sre, "", good, oldWords, "refused:ack " + g.ShortID()},
		{"an alert that was never posted here", sre, "x", d.button(sre, elsewhere, "ack", 0, ""), misplaceWords, "refused:ack " + elsewhere.ShortID()},
		{"an alert that is forgotten", sre, "x", d.button(sre, group.Group{ID: 999}, "ack", 0, ""), forgotWords, "refused:ack"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text, words := d.press(d.pressing(mallory, test.conversation, test.message, test.data))
			require.Empty(t, text)
			require.Equal(t, test.words, words)
			lines := d.audit()
			require.Contains(t, lines[len(lines)-1], "Mallory (id-mallory) "+test.audit)
			for _, g := range []group.Group{g, other, elsewhere} {
				require.Equal(t, g.Facts, d.get(g.ID).Facts)
			}
		})
	}
}

// The verb beside the data is not signed: it must not be believed.
func TestTheVerbOfTheButtonIsThatOfItsData(t *testing.T) {
	d := newDesk(t)
	g := d.alert("Disk", sre)
	a := d.pressing(alice, sre, "Disk", nil)
	for verb, want := range map[string]string{"resolve": foreignWords, "ack": ""} {
		data := d.button(sre, g, "ack", 0, "")
		a.Value = []byte(fmt.Sprintf(`{"action":{"verb":%q,"data":{"verb":"ack","group":%d,"of":0,"key":%q,"sig":%q}}}`, verb, g.ID, data.Key, data.Signature))
		_, words := d.press(a)
		require.Equal(t, want, words, verb)
	}
}

// Teams shows a card before it answers us with its id: whoever presses in
// between must not hear of an old copy.
func TestACardCanBePressedBeforeItsMessageIsKnown(t *testing.T) {
	d := newDesk(t)
	g := d.alert("Disk", sre)
	state := func(state store.State, message string) {
		require.NoError(t, d.store.Update(t.Context(), func(tx store.Tx) error {
			post, err := tx.PostOf(g.ID, "bot:"+sre)
			if err != nil {
				return err
			}
			post.State, post.MessageID = state, message
			return tx.SavePost(&post)
		}))
	}
	state(store.Due, "")
	_, words := d.press(d.pressing(alice, sre, "17", d.button(sre, g, "ack", 0, "")))
	require.Equal(t, oldWords, words, "nothing was sent, so it is an older card")
	state(store.Waiting, "")
	_, words = d.press(d.pressing(alice, sre, "17", d.button(sre, g, "ack", 0, "")))
	require.Empty(t, words, "the answer never came, the card may have")
	state(store.Sending, "")
	_, words = d.press(d.pressing(alice, sre, "17", d.button(sre, g, "resolve", 0, "")))
	require.Empty(t, words)
}

func TestAPressThatComesTooLateDoesNothing(t *testing.T) {
	d := newDesk(t)
	g := d.alert("Disk", sre)
	press := func(verb string, of int64, inputs ...string) string {
		_, words := d.press(d.pressing(alice, sre, "Disk", with(d.button(sre, g, verb, of, "1h"), inputs...)))
		return words
	}
	require.Empty(t, press("ack", 0))
	old := int64(d.get(g.ID).Ack.ID)
	require.Empty(t, press("unack", old))
	require.Empty(t, press("ack", 0))
	require.Contains(t, press("unack", old), "somebody else was faster", "it takes back another acknowledgement than the one that was seen")
	require.NotNil(t, d.get(g.ID).Ack)
	require.Contains(t, press("ack", 0), "acknowledged already, by Alice")
	require.Equal(t, emptyWords, press("comment", 0, "comment=  "))
	require.Equal(t, longWords, press("comment", 0, "comment="+strings.Repeat("x", command.MaxText+1)))
	require.Contains(t, press("assign", 0, "assignee=Nobody"), "nobody here is called “Nobody”")
	require.Contains(t, press("assign", 0, "assignee=anna"), "anna@contoso.com; Anna Smyth")
	require.Empty(t, press("resolve", 0))
	require.Contains(t, press("silence", 0), "the alert is over")
}

func TestWhoMayPressIsWhatTheDestinationSays(t *testing.T) {
	for _, test := range []struct {
		name, conversation string
		who                activity.Account
		words              string
	}{
		{"who presses in a channel is in it", sre, mallory, ""},
		{"nobody, where alerts are only read", readonly, alice, readOnlyWords},
		{"who is listed by the object id, whatever its case", listed, bob, ""},
		{"who is listed by the principal name, whatever its case", listed, alice, ""},
		{"who is not listed", listed, activity.Account{ID: "29:twin", Name: "Anna Smith", ObjectID: "id-twin"}, unlistedWords},
		{"who calls themselves like somebody who is", listed, activity.Account{ID: "29:twin", Name: "alice@contoso.com", ObjectID: "id-twin"}, unlistedWords},
		{"who is not in the conversation at all", listed, mallory, unlistedWords},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t)
			g := d.alert("Disk", test.conversation)
			_, words := d.press(d.pressing(test.who, test.conversation, "Disk", d.button(test.conversation, g, "ack", 0, "")))
			require.Equal(t, test.words, words)
			require.Equal(t, test.words == "", d.get(g.ID).Ack != nil)
			require.Len(t, d.audit(), 1)
			require.Equal(t, test.words != "", strings.Contains(d.audit()[0], "refused:ack"))
		})
	}
}

func TestWhoCannotBeCheckedMayNot(t *testing.T) {
	d := newDesk(t)
	g := d.alert("Disk", listed)
	d.down = true
	_, words := d.press(d.pressing(alice, listed, "Disk", d.button(listed, g, "ack", 0, "")))
	require.Equal(t, uncheckedWords, words)
	require.Nil(t, d.get(g.ID).Ack)
	d.down = false
	_, words = d.press(d.pressing(alice, listed, "Disk", d.button(listed, g, "ack", 0, "")))
	require.Empty(t, words, "a failure is not remembered")
}

// Somebody presses ten times, and Teams sends each press twice.
func TestTenPressesAreOneAction(t *testing.T) {
	d := newDesk(t)
	g := d.alert("Disk", sre)
	var all sync.WaitGroup
	for range 10 {
		a := d.pressing(alice, sre, "Disk", d.button(sre, g, "ack", 0, ""))
		for range 2 {
			all.Go(func() { d.bot.press(t.Context(), a) })
		}
	}
	all.Wait()
	require.Equal(t, []string{"Alice (id-alice) ack " + g.ShortID() + " from channel sre"}, d.audit())
	require.Equal(t, 1, d.get(g.ID).Facts)
}

// A comment has no precondition: only its activity tells that it came twice.
func TestAPressThatIsSentAgainIsDoneOnceAndAnsweredWithTheCard(t *testing.T) {
	d := newDesk(t)
	g := d.alert("Disk", sre)
	a := d.pressing(alice, sre, "Disk", with(d.button(sre, g, "comment", 0, ""), "comment=on my way"))
	for range 3 {
		text, words := d.press(a)
		require.Empty(t, words)
		require.Contains(t, text, "on my way")
	}
	require.Equal(t, 1, d.get(g.ID).Facts)
}

// Two people press different buttons at the same moment: both are recorded, in
// one order.
func TestTwoPeopleAtOnceAreBothHeard(t *testing.T) {
	d := newDesk(t)
	g := d.alert("Disk", sre)
	var all sync.WaitGroup
	for _, press := range []activity.Activity{
		d.pressing(alice, sre, "Disk", d.button(sre, g, "ack", 0, "")),
		d.pressing(bob, sre, "Disk", with(d.button(sre, g, "comment", 0, ""), "comment=mine")),
		d.pressing(bob, sre, "Disk", d.button(sre, g, "assign", 0, "")),
		d.pressing(alice, sre, "Disk", d.button(sre, g, "silence", 0, "1h")),
	} {
		all.Go(func() {
			answer := d.bot.press(t.Context(), press)
			if answer.Type != cardAnswer {
				t.Errorf("%v", answer.Value)
			}
		})
	}
	all.Wait()
	after := d.get(g.ID)
	require.Equal(t, "Alice", after.Ack.By.Name)
	require.Equal(t, "Bob", after.Owner.To.Name)
	require.NotNil(t, after.Silence)
	require.Len(t, d.audit(), 4)
}

// What cannot be stored has not happened, and whoever pressed must know.
func TestAPressThatCannotBeStoredSaysSo(t *testing.T) {
	d := newDesk(t)
	g := d.alert("Disk", sre)
	a := d.pressing(alice, sre, "Disk", d.button(sre, g, "ack", 0, ""))
	d.bot.Do = func(_ context.Context, _ command.Command) (command.Result, error) {
		return command.Result{}, store.ErrUnavailable
	}
	_, words := d.press(a)
	require.Equal(t, storeWords, words)
}

// Many presses at once end in the right state; BenchmarkPressesAtOnce has
// 10,000 of them.
func TestManyPressesAtOnceEndInTheRightState(t *testing.T) {
	pressAtOnce(t, newDesk(t), 5, 500)
}

// pressAtOnce makes presses at once on some alerts, each as a request of its
// own. None is lost, none is done twice, and the card is left to be updated
// once.
func pressAtOnce(t testing.TB, d *desk, alerts, presses int) {
	var groups []group.Group
	for i := range alerts {
		groups = append(groups, d.alert(fmt.Sprintf("Disk%d", i), sre))
	}
	bodies := make([]string, presses)
	for i := range bodies {
		g := groups[i%alerts]
		switch {
		case i < alerts*10:
			bodies[i] = pressBody(d, i, fmt.Sprintf("Disk%d", i%alerts), with(d.button(sre, g, "comment", 0, ""), fmt.Sprintf("comment=%d", i)))
		default:
			bodies[i] = pressBody(d, i, fmt.Sprintf("Disk%d", i%alerts), with(d.button(sre, g, []string{"ack", "assign", "resolve"}[i/alerts%3], 0, "")))
		}
	}
	var all sync.WaitGroup
	for _, body := range bodies {
		all.Go(func() {
			w := httptest.NewRecorder()
			d.bot.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "http://localhost/api/messages", strings.NewReader(body)))
			if w.Code != http.StatusOK {
				t.Errorf("a press is answered %d", w.Code)
			}
		})
	}
	all.Wait()
	d.bot.presses.stop(time.Minute) // those that were answered "it goes on"

	counts := map[string]int{}
	for _, line := range allAudit(d) {
		counts[line.Action]++
	}
	require.Equal(t, alerts*10, counts["comment"], "every comment is there once")
	require.Equal(t, alerts, counts["resolve"])
	require.LessOrEqual(t, counts["ack"], alerts, "an alert is acknowledged once, unless it was resolved before")
	require.LessOrEqual(t, counts["assign"], alerts)
	for _, g := range groups {
		is := d.get(g.ID)
		require.NotNil(t, is.Closed)
		require.Equal(t, group.Over, is.Phase)
		var post store.Post
		d.view(func(tx store.Tx) (err error) { post, err = tx.PostOf(g.ID, "bot:"+sre); return err })
		require.Equal(t, is.Rev, post.Want, "the card is to show the last of it")
		require.Equal(t, store.Due, post.State, "by one update")
	}
}

func allAudit(d *desk) (all []store.Audit) {
	d.t.Helper()
	for before := int64(0); ; {
		var some []store.Audit
		d.view(func(tx store.Tx) (err error) {
			some, err = tx.Audit(store.AuditFilter{Before: before, Limit: 500})
			return err
		})
		if len(some) == 0 {
			return all
		}
		all = append(all, some...)
		before = some[len(some)-1].ID
	}
}
