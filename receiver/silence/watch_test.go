package silence

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// change does something to the silences of a cluster, as people do on its page.
func (c *cluster) change(with func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	with()
}

// Alertmanager tells of an alert again whose silence somebody has ended there.
// Believing in the silence would keep that quiet.
func TestWhatPeopleEndInAlertmanagerEndsHere(t *testing.T) {
	inBubble(t, func(d *desk, am *fake) {
		id := d.ask()
		other := d.ask([]string{`a="b"`})
		synctest.Wait()
		time.Sleep(10 * time.Minute)
		require.Equal(t, store.SilenceActive, d.now(id).State)
		am.change(func() { am.silences[0].EndsAt, am.silences[1].EndsAt = time.Now(), time.Now() })
		time.Sleep(goneAfter*watchEvery + time.Second)
		s := d.now(id)
		require.Equal(t, store.SilenceEnded, s.State)
		require.False(t, s.EndsAt.After(d.clock.Now()))
		require.Equal(t, []string{"active", "active", "ended"}, d.toldGroup())
		require.Equal(t, []group.WishState{group.WishGranted}, states(Wishes(&s, noon)), "nobody here has asked for its end")
		require.Equal(t, store.SilenceActive, d.now(other).State)
	})
}

func TestAnEndThatPeopleChangeInAlertmanagerIsShown(t *testing.T) {
	inBubble(t, func(d *desk, am *fake) {
		id := d.ask()
		synctest.Wait()
		asked := d.now(id).EndsAt
		am.change(func() {
			for i := range 2 { // it keeps its name
				am.silences[i].EndsAt = asked.Add(-30 * time.Minute)
			}
		})
		time.Sleep(watchEvery + time.Second)
		require.WithinDuration(t, asked.Add(-30*time.Minute), d.now(id).EndsAt, time.Second)
		am.change(func() {
			for _, s := range am.silences[:2] { // it gets another one
				s.ID = strings.Replace(s.ID, "0000", "1111", 1)
				s.EndsAt = asked.Add(2 * time.Hour)
				am.silences = append(am.silences, s)
			}
			am.silences[0].EndsAt, am.silences[1].EndsAt = time.Now(), time.Now()
		})
		time.Sleep(watchEvery + time.Second)
		s := d.now(id)
		require.Equal(t, store.SilenceActive, s.State)
		require.WithinDuration(t, asked.Add(2*time.Hour), s.EndsAt, time.Second)
		require.Equal(t, []string{"active", "active", "active"}, d.toldGroup(), "the card has another end each time")
		told := len(d.toldGroup())
		time.Sleep(30 * time.Minute)
		require.Len(t, d.toldGroup(), told, "and is left alone when nothing changes")
		d.expire(id)
		synctest.Wait()
		require.Empty(t, am.live())
	})
}

// Of two alerts one fires again: then the group is not silenced.
func TestWhatIsHalfEndedThereSilencesNothingHere(t *testing.T) {
	inBubble(t, func(d *desk, am *fake) {
		id := d.ask()
		synctest.Wait()
		am.change(func() { am.silences[1].EndsAt = time.Now() })
		time.Sleep(goneAfter*watchEvery + time.Second)
		s := d.now(id)
		require.Equal(t, store.SilenceActive, s.State, "the other half can still be ended")
		require.Len(t, s.TheirIDs, 1)
		_, ok := Compile([]store.Silence{s}).Of(map[string]string{"alertname": "DiskFull", "instance": "db1"})
		require.False(t, ok)
		told := d.toldGroup()
		require.Len(t, told, 2)
		time.Sleep(10 * time.Minute)
		require.Equal(t, told, d.toldGroup())
		d.expire(id)
		synctest.Wait()
		require.Equal(t, store.SilenceEnded, d.now(id).State)
		require.Empty(t, am.live())
	})
}

// An Alertmanager that was started anew hears of silences from the others
// after a while; one that is away says nothing.
func TestASilenceIsNotGoneBecauseOneDoesNotKnowIt(t *testing.T) {
	for name, change := range map[string]func(d *desk, am *fake){
		"one of two is away": func(d *desk, am *fake) { am.say(refuse) },
		"nobody answers": func(d *desk, am *fake) {
			am.say(refuse)
			d.second.say(refuse)
		},
		"one of two has forgotten everything": func(d *desk, am *fake) {
			d.second.leave()
		},
		"all have forgotten it for a moment": func(d *desk, am *fake) {
			kept := am.silences
			am.change(func() { am.silences = nil })
			time.Sleep(watchEvery + time.Second)
			am.change(func() { am.silences = kept })
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(d *desk, am *fake) {
				id := d.ask()
				synctest.Wait()
				change(d, am)
				time.Sleep(20 * time.Minute)
				require.Equal(t, store.SilenceActive, d.now(id).State)
				require.Equal(t, []string{"active"}, d.toldGroup())
				synctest.Wait()
				require.LessOrEqual(t, strings.Count(d.log.String(), "cannot be asked whether it still keeps"), 1, "once, not each minute")
			})
		})
	}
}

func TestWithoutSilencesAlertmanagerIsLeftAlone(t *testing.T) {
	inBubble(t, func(d *desk, am *fake) {
		id := d.askFor(10 * time.Minute)
		synctest.Wait()
		time.Sleep(11 * time.Minute)
		require.InDelta(t, 2*10, am.count("GET"), 2, "each of them once a minute, while there is a silence")
		asked := am.requests()
		time.Sleep(time.Hour)
		require.Equal(t, asked, am.requests())
		require.Equal(t, store.SilenceActive, d.now(id).State, "its end says that it is over")
	})
}

// Somebody ends it here while Alertmanager is asked about it.
func TestALookDoesNotUndoWhatSomebodyDoesMeanwhile(t *testing.T) {
	inBubble(t, func(d *desk, am *fake) {
		id := d.ask()
		synctest.Wait()
		s := d.now(id)
		d.update(func(tx store.Tx) error {
			s.State, s.EndedBy, s.NotBefore = store.SilenceEnding, group.Person{Name: "Bob"}, d.clock.Now().Add(time.Hour)
			return tx.SaveSilence(&s)
		})
		active := s
		active.State = store.SilenceActive
		require.NoError(t, d.worker.correct(context.Background(), &active, findings{}))
		require.Equal(t, store.SilenceEnding, d.now(id).State)
	})
}
