package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/route"
	"github.com/teamsrelay/teamsrelay/receiver/silence"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlitetest"
)

// reading counts how often silences and subscriptions are read.
type reading struct {
	store.Tx
	silences, subscriptions *int
}

func (r reading) OpenSilences(now time.Time) ([]store.Silence, error) {
	*r.silences++
	return r.Tx.OpenSilences(now)
}

func (r reading) Subscriptions(address string) ([]store.Subscription, error) {
	*r.subscriptions++
	return r.Tx.Subscriptions(address)
}

func openStore(t testing.TB) store.Store {
	db, err := sqlite.Open(sqlitetest.File(t), sqlite.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// anywhere is a configuration in which every address is a destination.
func anywhere() *compiled {
	return &compiled{Config: Config{Conversation: func(address string) (Destination, bool) { return Destination{Name: address}, true }}}
}

func TestAlertsDoNotHaveSilencesAndSubscriptionsReadForEach(t *testing.T) {
	ctx := context.Background()
	db, e, c := openStore(t), &Engine{log: slog.New(slog.DiscardHandler)}, anywhere()
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	var silences, subscriptions int
	look := func(t *testing.T, c *compiled, now time.Time, wantSilences, wantSubscriptions int) {
		t.Helper()
		silences, subscriptions = 0, 0
		for range 3 {
			require.NoError(t, db.Update(ctx, func(tx store.Tx) error {
				for range 3 { // of one transaction
					if _, err := e.silences(reading{tx, &silences, &subscriptions}, now); err != nil {
						return err
					}
					if _, err := e.subscribers(reading{tx, &silences, &subscriptions}, c); err != nil {
						return err
					}
				}
				return nil
			}))
		}
		require.Equal(t, []int{wantSilences, wantSubscriptions}, []int{silences, subscriptions})
	}
	look(t, c, now, 1, 1)
	look(t, c, now.Add(time.Hour), 0, 0)
	s := store.Silence{State: store.SilenceActive, StartsAt: now.Add(time.Hour), EndsAt: now.Add(3 * time.Hour), Sets: [][]string{{`a="b"`}}}
	require.NoError(t, db.Update(ctx, func(tx store.Tx) error { return tx.SaveSilence(&s) }))
	look(t, c, now, 1, 0)                           // one was made
	look(t, c, now.Add(time.Hour-1), 0, 0)          // and has not begun
	look(t, c, now.Add(time.Hour), 1, 0)            // it begins
	look(t, c, now.Add(2*time.Hour), 0, 0)          // goes on
	look(t, c, now.Add(3*time.Hour), 1, 0)          // is over
	look(t, c, now.Add(30*24*time.Hour), 0, 0)      // for good
	look(t, c, now.Add(2*time.Hour), 1, 0)          // the clock was ahead
	look(t, c, now.Add(2*time.Hour), 0, 0)          // and is not any more
	look(t, anywhere(), now.Add(2*time.Hour), 0, 1) // another configuration has other destinations
}

// TestWhatAlertsAreHeldAgainstIsWhatTheStoreHas does what people, clocks and
// failing disks do, in an order that nobody would think of, and compares what
// alerts are held against with what is in the store.
func TestWhatAlertsAreHeldAgainstIsWhatTheStoreHas(t *testing.T) {
	ctx := context.Background()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			db, e, c := openStore(t), &Engine{log: slog.New(slog.DiscardHandler)}, anywhere()
			dice := rand.New(rand.NewPCG(seed, 6))
			now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
			firing := group.Group{}
			for _, team := range []string{"a", "b", "c"} {
				firing.Alerts = append(firing.Alerts, group.Member{Alert: alert.Alert{Labels: map[string]string{"team": team}}, State: group.Firing})
			}
			// agree fails where what is kept is not what is there.
			agree := func(tx store.Tx) error {
				rows, err := tx.ActiveSilences(now)
				if err != nil {
					return err
				}
				active, err := e.silences(tx, now)
				if err != nil {
					return err
				}
				truth := silence.Compile(rows)
				for _, m := range firing.Alerts {
					want, silenced := truth.Of(m.Labels)
					var got group.Silence
					is := false
					if active != nil {
						got, is = active.Of(m.Labels)
					}
					if is != silenced || got != want {
						return fmt.Errorf("at %s team %s is silenced by %+v, and not by %+v", now, m.Labels["team"], got, want)
					}
				}
				subscriptions, err := tx.Subscriptions("")
				if err != nil {
					return err
				}
				subscribers, err := e.subscribers(tx, c)
				if err != nil {
					return err
				}
				told, toBeTold := firing, firing
				route.Add(&told, subscribers)
				route.Add(&toBeTold, e.compileSubscriptions(nil, c, subscriptions).all)
				if fmt.Sprint(told.Spec.Targets) != fmt.Sprint(toBeTold.Spec.Targets) {
					return fmt.Errorf("%v are told, and not %v", told.Spec.Targets, toBeTold.Spec.Targets)
				}
				return nil
			}
			mine := errors.New("mine")
			team := func() []string { return []string{fmt.Sprintf(`team="%c"`, 'a'+dice.IntN(3))} }
			for range 150 {
				fails := dice.IntN(4) == 0
				err := db.Update(ctx, func(tx store.Tx) error {
					if err := agree(tx); err != nil {
						return err
					}
					var err error
					switch dice.IntN(8) {
					case 0, 1:
						begins := now.Add(time.Duration(dice.IntN(30)-10) * time.Minute)
						err = tx.SaveSilence(&store.Silence{
							State: store.SilenceActive, Sets: [][]string{team()}, By: alice,
							StartsAt: begins, EndsAt: begins.Add(time.Duration(1+dice.IntN(30)) * time.Minute),
						})
					case 2:
						var open []store.Silence
						if open, err = tx.OpenSilences(now); err == nil && len(open) > 0 {
							open[0].State, open[0].EndsAt = store.SilenceEnded, now
							err = tx.SaveSilence(&open[0])
						}
					case 3:
						err = tx.SaveSubscription(&store.Subscription{Address: fmt.Sprint("bot:", dice.IntN(5)), Matchers: team()})
					case 4:
						var all []store.Subscription
						if all, err = tx.Subscriptions(""); err == nil && len(all) > 0 {
							err = tx.DeleteSubscription(all[dice.IntN(len(all))].ID)
						}
					case 5:
						err = tx.MoveSubscriptions(fmt.Sprint("bot:", dice.IntN(5)), fmt.Sprint("bot:", dice.IntN(5)))
					case 6:
						err = tx.ShiftTimers(time.Duration(dice.IntN(20)-10) * time.Minute)
					case 7:
						_, err = tx.Prune(now, time.Minute, 100)
					}
					if err == nil {
						err = agree(tx)
					}
					if err == nil && fails {
						err = mine
					}
					return err
				})
				if !errors.Is(err, mine) {
					require.NoError(t, err)
				}
				require.NoError(t, db.View(ctx, agree))
				now = now.Add(time.Duration(dice.IntN(40)-15) * time.Minute) // clocks are set back, too
			}
		})
	}
}
