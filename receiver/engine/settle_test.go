package engine

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// settle is what the worker says of a person.
func (o *oncall) settle(p store.Person, waits bool) {
	o.t.Helper()
	require.NoError(o.t, o.engine.Settle(context.Background(), []people.Settled{{Person: p, Waits: waits}}))
}

func TestWhatCameOfPeopleIsTakenOver(t *testing.T) {
	// Each would have its own request else, in the middle of an outage.
	withPeople(t, "and no alert cuts the wait short of somebody who is worked on", func(o *oncall) {
		o.run(toOncall, "", alices)
		defer o.stop()
		o.fires(labeled("Hot", "critical"))
		p := o.person(alices)
		p.Reason, p.Attempts, p.NotBefore = string(teams.Throttled), 3, o.engine.Now().Add(3*time.Hour)
		p.CheckedAt = o.engine.Now()
		o.settle(p, true)
		require.Empty(t, o.wanted())
		time.Sleep(2 * time.Hour)
		o.fires(labeled("Wet", "critical"))
		time.Sleep(time.Minute)
		require.Empty(t, o.wanted(), "Microsoft asked for more patience than that")
		require.Equal(t, 3, o.person(alices).Attempts)
	})
	withPeople(t, "but not what it said after an event was faster", func(o *oncall) {
		o.run(toOncall, "", alices)
		defer o.stop()
		o.fires(labeled("Hot", "critical"))
		late := o.person(alices)
		o.reach(alices, "a:1")
		o.expect("a:1: new Hot")
		for _, waits := range []bool{true, false} {
			late.Reason = string(teams.Installing)
			o.settle(late, waits)
			p := o.person(alices)
			require.Equal(t, "a:1", p.Conversation)
			require.Equal(t, store.PersonReachable, p.State)
			require.False(t, p.Wanted)
		}
		o.fires(labeled("Wet", "critical"))
		o.expect("a:1: new Wet")
	})
	withPeople(t, "and what was known before gives up nobody who is looked up anew", func(o *oncall) {
		o.run(toOncall, "", alices)
		defer o.stop()
		o.fires(labeled("Hot", "critical"))
		o.fail(alices, teams.Disabled, false)
		o.expect("sre: new Hot")
		p := o.person(alices)
		p.Reason, p.Wanted = "", true
		o.settle(p, true) // found, and on the way
		o.fires(labeled("Wet", "critical"))
		o.expect()
		o.reach(alices, "a:1")
		o.soon("a:1: new Hot", "a:1: new Wet", "sre: edit Hot")
	})
	for _, reason := range []teams.Reason{teams.Auth, teams.Consent, teams.NoCatalogue, teams.TLS} {
		withPeople(t, "and others hear at once of what an administrator has to mend: "+string(reason), func(o *oncall) {
			o.run(toOncall, "", alices)
			defer o.stop()
			o.fires(labeled("Hot", "critical"))
			o.fail(alices, reason, true)
			o.expect("sre: new Hot")
		})
	}
}

func TestWhoHasComeBackIsShownAsReachable(t *testing.T) {
	for name, was := range map[string]store.Conversation{
		"they had removed the app":   {},
		"they had blocked the bot":   {Installed: true, Blocked: "blocked"},
		"nothing was against it yet": {Installed: true},
	} {
		withPeople(t, name, func(o *oncall) {
			o.run(toOncall, "", alices)
			defer o.stop()
			require.NoError(t, o.store.Update(context.Background(), func(tx store.Tx) error {
				was.ID, was.Kind = "a:1", store.Personal
				return tx.SaveConversation(&was)
			}))
			o.reach(alices, "a:1")
			all, err := o.engine.People(context.Background())
			require.NoError(t, err)
			require.Len(t, all, 1)
			require.Equal(t, people.Status{State: store.PersonReachable}, all[0].Status)
		})
	}
}

// Teams may give a chat another id; what waits for the person goes with them.
func TestWhoseConversationMovesIsToldThere(t *testing.T) {
	withPeople(t, "also of what waits", func(o *oncall) {
		o.run(toOncall, "", alices)
		defer o.stop()
		o.reach(alices, "a:1")
		o.refuse("a:1", teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable, Status: 503, Message: "down"})
		o.fires(labeled("Hot", "critical"))
		o.expect()
		require.NoError(t, o.engine.Moved(context.Background(), "a:1", "a:9"))
		o.soon("a:9: new Hot")
		require.Equal(t, "a:9", o.person(alices).Conversation)
		o.fires(labeled("Wet", "critical"))
		o.expect("a:9: new Wet")
	})
}

// Whoever was killed in the middle, or another replica that did not know yet,
// leaves posts where nobody sends from.
func TestWhatWaitsForSomebodyIsNeverForgotten(t *testing.T) {
	withPeople(t, "though their conversation is known by now", func(o *oncall) {
		o.run(toOncall, "", alices)
		defer o.stop()
		o.fires(labeled("Hot", "critical"))
		p := o.person(alices)
		p.Conversation, p.State, p.Wanted = "a:1", store.PersonReachable, false
		require.NoError(t, o.store.Update(context.Background(), func(tx store.Tx) error { return tx.SavePerson(&p) }))
		time.Sleep(lookAgain)
		o.soon("a:1: new Hot")
	})
	withPeople(t, "though nobody works on reaching them", func(o *oncall) {
		o.run(toOncall, "", alices)
		defer o.stop()
		o.fires(labeled("Hot", "critical"))
		p := o.person(alices)
		p.Wanted = false
		require.NoError(t, o.store.Update(context.Background(), func(tx store.Tx) error { return tx.SavePerson(&p) }))
		require.Empty(t, o.wanted())
		time.Sleep(lookAgain + time.Second)
		require.Equal(t, []string{alices}, o.wanted())
	})
}
