package deliver

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// inWaitingRoom is an office in which Alice's conversation is not known: her
// posts wait at "user:alice", and "a" is where it will turn out to be.
func inWaitingRoom(t *testing.T, test func(o *office, s *standIns)) {
	inMissingOffice(t, func(o *office, s *standIns) {
		o.addresses[held] = Address{ID: held, Destination: "oncall", Who: "Alice", Name: "alice@contoso.com", Editable: true, Held: true, MaxAge: time.Hour}
		test(o, s)
	})
}

const held = "user:alice"

// waits raises groups at Alice's address.
func (o *office) waits(names ...string) {
	o.raiseAt(held, store.RankLoud, names...)
	o.deliverer.Wake(held)
}

func (o *office) at(address, name string) store.Post {
	o.t.Helper()
	var p store.Post
	require.NoError(o.t, o.store.View(context.Background(), func(tx store.Tx) (err error) {
		p, err = tx.PostOf(o.groups[name].ID, address)
		return err
	}))
	return p
}

func (o *office) breaks(address string, reason teams.Reason, waits bool) {
	o.update(func(tx store.Tx) error {
		row, err := tx.Address(address)
		if err != nil {
			return err
		}
		row.Break(string(reason), "nobody in the organization is called alice@contoso.com", waits, time.Now())
		return tx.SaveAddress(&row)
	})
	o.deliverer.Wake(address)
}

func TestWhatIsForSomebodyWaitsUntilTheirConversationIsKnown(t *testing.T) {
	inWaitingRoom(t, func(o *office, s *standIns) {
		o.waits(names("g", 30)...)
		o.after(10 * time.Minute)
		require.Empty(t, o.log(store.DeliveryFilter{}), "there is nowhere to send to")
		p := o.at(held, "g7")
		require.Equal(t, []any{store.Due, 0, ""}, []any{p.State, p.Attempts, p.Reason})
		waiting := o.metric("teamsrelay_posts_waiting")
		require.Equal(t, 30.0, waiting, "who looks must see that something waits")
		var row store.Address
		require.NoError(t, o.store.View(context.Background(), func(tx store.Tx) (err error) { row, err = tx.Address(held); return err }))
		require.Empty(t, row.Holder, "no replica keeps an address to itself to which nothing is sent")
		o.deliverer.mu.Lock()
		require.NotContains(t, o.deliverer.places, held, "a thousand people who wait must not be a thousand timers")
		o.deliverer.mu.Unlock()

		o.update(func(tx store.Tx) error { _, _, err := tx.MovePosts(held, "a", time.Now(), 1000); return err })
		o.deliverer.Wake("a")
		o.after(10 * time.Second)
		require.Len(t, o.channel.told(), 30)
		require.Equal(t, store.Shown, o.post("g7").State)
	})
}

func TestWhatMovedIsFoundByTheScanWhenNobodyWakesIt(t *testing.T) {
	inWaitingRoom(t, func(o *office, s *standIns) {
		o.waits("disk")
		o.after(time.Minute)
		o.update(func(tx store.Tx) error { _, _, err := tx.MovePosts(held, "a", time.Now(), 1000); return err }) // by a replica that died
		o.after(scanEvery)
		require.Len(t, o.channel.told(), 1)
	})
}

func TestWhoCannotBeFoundIsGivenUpAtOnce(t *testing.T) {
	for _, reason := range []teams.Reason{teams.UnknownUser, teams.Disabled, teams.NoTeams, teams.Foreign, teams.Policy, teams.Blocked, teams.NotInstalled} {
		inWaitingRoom(t, func(o *office, s *standIns) {
			o.waits(names("g", 120)...)
			o.after(time.Second)
			o.breaks(held, reason, false)
			o.after(time.Second)
			require.Len(t, s.heard, 120)
			require.Equal(t, "g0 missed: "+people.Why(reason), s.heard[0])
			p := o.at(held, "g0")
			require.Equal(t, []any{store.Dead, string(reason), true}, []any{p.State, p.Reason, p.Missed})
			require.Equal(t, `"g0" was not told to Alice of ops (`+string(reason)+`): `+people.Words(reason, "Alice", "nobody in the organization is called alice@contoso.com.")+" "+
				people.Do(reason, "alice@contoso.com"), p.Message)
			o.after(time.Minute)
			o.waits("new")
			o.after(time.Second)
			require.Equal(t, store.Dead, o.at(held, "new").State, "as long as it is known that nobody will try")
			require.Len(t, s.heard, 121)
			require.Empty(t, o.channel.attempts())
		})
	}
}

func TestWhatWaitsForAnAdministratorIsNotGivenUp(t *testing.T) {
	inWaitingRoom(t, func(o *office, s *standIns) {
		o.waits(names("g", 3)...)
		o.after(time.Second)
		o.breaks(held, teams.Consent, true)
		o.after(50 * time.Minute)
		require.Equal(t, store.Due, o.at(held, "g0").State)
		o.after(15 * time.Minute)
		require.Equal(t, store.Dead, o.at(held, "g0").State)
		require.Equal(t, string(teams.Expired), o.at(held, "g0").Reason, "but what nobody wants to hear any more is")
		require.Len(t, s.heard, 3)
	})
}

func TestWhoeverTakesOverFindsWhatWasCutOffBeforeItWasMovedToWait(t *testing.T) {
	inWaitingRoom(t, func(o *office, s *standIns) {
		o.waits("disk")
		o.after(time.Second)
		o.update(func(tx store.Tx) error {
			p, err := tx.PostOf(o.groups["disk"].ID, held)
			if err != nil {
				return err
			}
			p.Begin(1, time.Now())
			return tx.SavePost(&p)
		})
		o.stop()
		o.start("two")
		o.after(scanEvery)
		require.Equal(t, store.Waiting, o.at(held, "disk").State, "or it would be sending for ever")
	})
}

func TestAnAddressIsLeftAloneWhereNobodyCanBeReached(t *testing.T) {
	for reason := range advices {
		row := store.Address{Broken: "so it is", BrokenReason: string(reason), BrokenAt: noon}
		switch reason {
		case teams.Blocked, teams.NotInstalled, teams.Policy, teams.UnknownUser, teams.Disabled, teams.NoTeams, teams.Foreign:
			require.True(t, LeftAlone(&row, noon), reason)
			require.True(t, breaking(reason), reason)
		default:
			require.False(t, LeftAlone(&row, noon), reason)
		}
		row.Waits = true
		require.False(t, LeftAlone(&row, noon), reason)
	}
}
