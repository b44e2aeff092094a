package engine

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/vault"
)

// safe is what package config would make of keys, with webhooks of the test's: a
// URL is the name of the channel that it leads to.
type safe struct {
	r    *rig
	keys vault.Keyring
}

func (r *rig) safe(keys ...string) *safe {
	ring, err := vault.Parse(strings.Join(keys, "\n"))
	require.NoError(r.t, err)
	return &safe{r, ring}
}

func (s *safe) adding(expected ...string) Adding {
	bound := func(name string) vault.Purpose { return vault.Purpose{What: "destination", Whose: name} }
	return Adding{
		Expected: expected, Key: s.keys.Current(),
		Seal: func(name string, w Webhook) (row store.Destination, err error) {
			if strings.Contains(w.URL, "evil") {
				return row, &Refusal{What: "this host is not allowed", Do: "use another"}
			}
			plain, err := json.Marshal(w)
			require.NoError(s.r.t, err)
			row = store.Destination{Name: name, Host: "host", Hash: w.URL}
			row.KeyID, row.Sealed, err = s.keys.Seal(bound(name), plain)
			return row, err
		},
		Open: func(row *store.Destination) (Destination, error) {
			plain, err := s.keys.Open(bound(row.Name), row.KeyID, row.Sealed)
			if err != nil {
				return Destination{}, err
			}
			var w Webhook
			require.NoError(s.r.t, json.Unmarshal(plain, &w))
			return Destination{Name: row.Name, Addresses: []deliver.Address{{
				ID: AddedAddress(row.Hash), Destination: row.Name,
				Pace: []deliver.Window{{N: 1000, Per: time.Second}},
				Send: func(_ context.Context, m card.Message) teams.Outcome {
					s.r.mu.Lock()
					defer s.r.mu.Unlock()
					s.r.arrived = append(s.r.arrived, w.URL+": "+m.Summary)
					return teams.Outcome{Kind: teams.Delivered, Status: 202}
				},
			}}}, nil
		},
		Reseal: func(row store.Destination) (store.Destination, error) {
			plain, err := s.keys.Open(bound(row.Name), row.KeyID, row.Sealed)
			if err != nil {
				return row, err
			}
			row.KeyID, row.Sealed, err = s.keys.Seal(bound(row.Name), plain)
			return row, err
		},
	}
}

const (
	firstKey  = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	secondKey = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="
)

// toAdded sends everything to ops, and what is the databases' to dba, which is
// added at run time.
const toAdded = `
destinations: [ops]
routes:
- matchers: [team="dba"]
  destinations: [dba]
`

// adds starts an engine whose file expects dba.
func (r *rig) adds(s *safe) {
	r.begin = func(c Config) Config { return s.expecting(c) }
	r.start(toAdded, "ops", "dba")
}

// expecting is a configuration in which dba is not of the file.
func (s *safe) expecting(c Config) Config {
	c.Destinations = slices.DeleteFunc(slices.Clone(c.Destinations), func(d Destination) bool { return d.Name == "dba" })
	c.Adding = s.adding("dba")
	return c
}

func (r *rig) added(name string) Added {
	r.t.Helper()
	all := r.engine.AddedDestinations()
	i := slices.IndexFunc(all, func(a Added) bool { return a.Name == name })
	require.GreaterOrEqual(r.t, i, 0, "%v", all)
	return all[i]
}

func (r *rig) noted(f store.AuditFilter) (lines []store.Audit) {
	r.t.Helper()
	require.NoError(r.t, r.store.View(context.Background(), func(tx store.Tx) (err error) {
		lines, err = tx.Audit(f)
		return err
	}))
	return lines
}

func TestWhatIsForADestinationThatIsAddedLaterWaits(t *testing.T) {
	ctx := context.Background()
	test(t, "and goes there when it is added, also after a restart", func(r *rig) {
		s := r.safe(firstKey)
		r.adds(s)
		r.send(labeled("Slow", "critical", "team", "dba"))
		time.Sleep(time.Hour)
		r.expect()
		require.NoError(t, r.engine.AddDestination(ctx, "dba", Webhook{URL: "channel1"}, alice, "test"))
		r.expect("channel1: Slow")
		r.stop()
		r.adds(s)
		r.send(over(labeled("Slow", "critical", "team", "dba")))
		time.Sleep(time.Minute)
		r.expect("channel1: Slow resolved")
		r.stop()
	})
	test(t, "and who subscribed, and who sends straight to it, is told there", func(r *rig) {
		r.adds(r.safe(firstKey))
		defer r.stop()
		require.NoError(t, r.engine.AddDestination(ctx, "web", Webhook{URL: "channel2"}, alice, "test"))
		require.NoError(t, r.store.Update(ctx, func(tx store.Tx) error {
			return tx.SaveSubscription(&store.Subscription{Address: AddedAddress("channel2"), Matchers: []string{`site="fra1"`}})
		}))
		r.send(labeled("Down", "critical", "site", "fra1"))
		r.expect("ops: Down", "channel2: Down")
		straight := snapshot(labeled("Up", "critical"))
		straight.Origin, straight.Destination = "straight", "web"
		require.NoError(t, r.engine.Snapshot(ctx, straight))
		r.expect("channel2: Up")
	})
}

func TestAnotherURLTakesOverWhatWaits(t *testing.T) {
	ctx := context.Background()
	test(t, "and the old one is told nothing more", func(r *rig) {
		r.adds(r.safe(firstKey))
		defer r.stop()
		require.NoError(t, r.engine.AddDestination(ctx, "dba", Webhook{URL: "channel1"}, alice, "test"))
		r.send(labeled("Slow", "critical", "team", "dba"))
		r.expect("channel1: Slow")
		require.NoError(t, r.engine.DisableDestination(ctx, "dba", alice, "test"))
		r.send(over(labeled("Slow", "critical", "team", "dba")))
		time.Sleep(time.Hour)
		r.expect()
		require.NoError(t, r.engine.RotateDestination(ctx, "dba", Webhook{URL: "channel2"}, alice, "test"))
		r.expect()
		require.NoError(t, r.engine.EnableDestination(ctx, "dba", alice, "test"))
		r.expect("channel2: Slow resolved")
	})
}

func TestWhatIsDisabledIsToldNothingUntilItIsEnabled(t *testing.T) {
	ctx := context.Background()
	test(t, "also one of the file, and over a restart", func(r *rig) {
		s := r.safe(firstKey)
		r.adds(s)
		require.NoError(t, r.engine.DisableDestination(ctx, "ops", alice, "test"))
		require.NoError(t, r.engine.DisableDestination(ctx, "ops", alice, "test"), "twice is no mistake")
		r.send(labeled("Down", "critical"))
		time.Sleep(time.Minute)
		r.expect()
		r.stop()
		r.adds(s)
		time.Sleep(time.Minute)
		r.expect()
		off, is := r.engine.Disabled("ops")
		require.True(t, is)
		require.Equal(t, alice.Name, off.By)
		_, err := r.engine.Test(ctx, "ops", alice, "test")
		var refused *Refusal
		require.ErrorAs(t, err, &refused)
		require.NoError(t, r.engine.EnableDestination(ctx, "ops", alice, "test"))
		r.expect("ops: Down")
		require.Len(t, r.noted(store.AuditFilter{Action: ActionDisable}), 1, "what changes nothing has no line")
		r.stop()
	})
	test(t, "but what another destination that is not disabled sends to the same place arrives", func(r *rig) {
		r.adds(r.safe(firstKey))
		defer r.stop()
		require.NoError(t, r.engine.AddDestination(ctx, "web", Webhook{URL: "ops"}, alice, "test"))
		require.NoError(t, r.engine.DisableDestination(ctx, "ops", alice, "test"))
		require.Equal(t, []string{"web"}, r.engine.StillTold("ops"), "who disabled it must hear of that")
		r.send(labeled("Down", "critical"))
		r.expect("ops: Down")
	})
}

// shared is a store that others write to as well.
type shared struct{ store.Store }

func (shared) Shared() bool { return true }

func TestTheOtherReplicaFollowsWithinSeconds(t *testing.T) {
	ctx := context.Background()
	test(t, "without being told", func(r *rig) {
		s := r.safe(firstKey)
		r.adds(s)
		defer r.stop()
		other, err := New(Options{
			Store: shared{r.store}, Logger: r.engine.log, Registerer: prometheus.NewRegistry(), Now: r.now, Location: time.UTC, Holder: "other",
		}, s.expecting(r.config(toAdded, "ops", "dba")))
		require.NoError(t, err)
		running, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- other.Run(running) }()
		defer func() { stop(); require.NoError(t, <-done) }()
		targets := func() (all []string) {
			for _, d := range other.Destinations() {
				all = append(all, d.Name+" "+d.Addresses[0].ID)
			}
			return all
		}
		require.NoError(t, r.engine.AddDestination(ctx, "dba", Webhook{URL: "channel1"}, alice, "test"))
		require.NoError(t, r.engine.DisableDestination(ctx, "ops", alice, "test"))
		time.Sleep(5 * time.Second)
		require.Equal(t, []string{"ops workflow:ops", "dba workflow:channel1"}, targets())
		_, off := other.Disabled("ops")
		require.True(t, off, "it would go on sending")
		require.NoError(t, other.RotateDestination(ctx, "dba", Webhook{URL: "channel2"}, alice, "test"))
		require.NoError(t, r.engine.followOthers(ctx))
		r.send(labeled("Slow", "critical", "team", "dba"))
		r.expect("channel2: Slow")
		require.NoError(t, other.RemoveDestination(ctx, "dba", true, alice, "test"))
		require.NoError(t, r.engine.followOthers(ctx))
		require.Empty(t, r.engine.AddedDestinations())
	})
}

// Between a change and the moment when the other replica hears of it the other
// meets posts at an address that it has never heard of. Giving them up would make
// a storm of dead letters of every new URL.
func TestTheOtherReplicaGivesNothingUpThatIsAtANewURL(t *testing.T) {
	ctx := context.Background()
	together(t, "of which it has not heard yet", func(c *cluster) {
		config := c.safe(firstKey).expecting(c.config(toAdded, "ops", "dba"))
		a := c.join("a", config)
		b := c.join("b", config)
		require.NoError(t, a.engine.AddDestination(ctx, "dba", Webhook{URL: "channel1"}, alice, "test"))
		require.NoError(t, a.engine.DisableDestination(ctx, "dba", alice, "test"))
		time.Sleep(5 * time.Second)
		a.post(labeled("Slow", "critical", "team", "dba"))
		time.Sleep(time.Minute)
		require.NoError(t, a.engine.RotateDestination(ctx, "dba", Webhook{URL: "channel2"}, alice, "test"))
		_, known := b.engine.current.Load().addresses["workflow:channel2"]
		require.False(t, known, "it has heard of it already, so this tests nothing")
		b.engine.deliver.WakeAll()
		synctest.Wait()
		require.NoError(t, c.db.View(ctx, func(tx store.Tx) error {
			posts, err := tx.ListPosts(store.PostFilter{})
			require.Len(t, posts, 1)
			require.NotEqual(t, store.Dead, posts[0].State, posts[0].Reason)
			return err
		}))
		time.Sleep(time.Minute)
		require.NoError(t, a.engine.EnableDestination(ctx, "dba", alice, "test"))
		time.Sleep(time.Minute)
		c.expect("channel2: Slow")

		require.NoError(t, a.engine.RemoveDestination(ctx, "dba", true, alice, "test"))
		b.engine.deliver.WakeAll()
		time.Sleep(time.Minute)
	})
}

func TestKeysAreChanged(t *testing.T) {
	ctx := context.Background()
	test(t, "and what the old one sealed is sealed anew, with a line in the audit", func(r *rig) {
		old := r.safe(firstKey)
		r.adds(old)
		require.NoError(t, r.engine.AddDestination(ctx, "dba", Webhook{URL: "channel1"}, alice, "test"))
		require.Equal(t, []any{old.keys.Current(), false}, []any{r.added("dba").KeyID, r.added("dba").OldKey})
		r.stop()

		both := r.safe(secondKey, firstKey)
		r.adds(both)
		time.Sleep(5 * time.Second)
		require.Equal(t, []any{both.keys.Current(), false}, []any{r.added("dba").KeyID, r.added("dba").OldKey})
		lines := r.noted(store.AuditFilter{Action: ActionReseal})
		require.Len(t, lines, 1)
		require.Equal(t, []string{"teamsrelay", "dba", "key " + old.keys.Current(), "key " + both.keys.Current()},
			[]string{lines[0].Who, lines[0].Target, lines[0].Before, lines[0].After})
		r.stop()

		r.adds(r.safe(secondKey))
		defer r.stop()
		r.send(labeled("Slow", "critical", "team", "dba"))
		r.expect("channel1: Slow")
	})
	test(t, "by a reload, too", func(r *rig) {
		r.adds(r.safe(firstKey))
		defer r.stop()
		require.NoError(t, r.engine.AddDestination(ctx, "dba", Webhook{URL: "channel1"}, alice, "test"))
		both := r.safe(secondKey, firstKey)
		require.NoError(t, r.engine.Reload(ctx, both.expecting(r.config(toAdded, "ops", "dba"))))
		time.Sleep(5 * time.Second)
		require.Equal(t, both.keys.Current(), r.added("dba").KeyID)
	})
	test(t, "and where one is missing, what goes there waits until it is back", func(r *rig) {
		old := r.safe(firstKey)
		r.adds(old)
		require.NoError(t, r.engine.AddDestination(ctx, "dba", Webhook{URL: "channel1"}, alice, "test"))
		r.stop()
		r.adds(r.safe(secondKey))
		d, _ := r.engine.current.Load().destination("dba")
		require.Equal(t, ReasonKey, d.Trouble.Reason)
		require.Contains(t, d.Trouble.Words, "sealed under the key "+old.keys.Current())
		require.Equal(t, []any{true, true, AddedAddress("channel1")}, []any{d.Addresses[0].Paused, d.Addresses[0].Broken, d.Addresses[0].ID})
		r.send(labeled("Slow", "critical", "team", "dba"))
		time.Sleep(time.Hour)
		r.expect()
		require.NoError(t, r.engine.Reload(ctx, r.safe(secondKey, firstKey).expecting(r.config(toAdded, "ops", "dba"))))
		r.expect("channel1: Slow")
		r.stop()
	})
	test(t, "and a replica that has not got the new one yet goes on", func(r *rig) {
		old := r.safe(firstKey)
		r.adds(old)
		defer r.stop()
		require.NoError(t, r.engine.AddDestination(ctx, "dba", Webhook{URL: "channel1"}, alice, "test"))
		row, err := r.safe(secondKey).adding().Seal("dba", Webhook{URL: "channel1"}) // as the other one does
		require.NoError(t, err)
		require.NoError(t, r.store.Update(ctx, func(tx store.Tx) error { return tx.SaveDestination(&row) }))
		require.NoError(t, r.engine.followOthers(ctx))
		r.send(labeled("Slow", "critical", "team", "dba"))
		r.expect("channel1: Slow")
	})
	test(t, "and a row that somebody moved to another name opens nothing", func(r *rig) {
		r.adds(r.safe(firstKey))
		defer r.stop()
		require.NoError(t, r.engine.AddDestination(ctx, "dba", Webhook{URL: "channel1"}, alice, "test"))
		require.NoError(t, r.store.Update(ctx, func(tx store.Tx) error {
			row, err := tx.AddedDestination("dba")
			row.Name = "web"
			return errors.Join(err, tx.SaveDestination(&row))
		}))
		require.NoError(t, r.engine.followOthers(ctx))
		d, _ := r.engine.current.Load().destination("web")
		require.Contains(t, d.Trouble.Words, "was changed, or belongs to another")
	})
}

func TestTheFileWins(t *testing.T) {
	ctx := context.Background()
	test(t, "over a destination of the same name that was added", func(r *rig) {
		s := r.safe(firstKey)
		r.adds(s)
		defer r.stop()
		require.NoError(t, r.engine.AddDestination(ctx, "dba", Webhook{URL: "channel1"}, alice, "test"))
		c := r.config(toAdded, "ops", "dba")
		c.Adding = s.adding()
		require.NoError(t, r.engine.Reload(ctx, c))
		require.True(t, r.added("dba").Hidden, "who added it must see why nothing arrives")
		r.send(labeled("Slow", "critical", "team", "dba"))
		r.expect("dba: Slow")
		require.NoError(t, r.engine.RemoveDestination(ctx, "dba", false, alice, "test"), "nothing leads to it")
		r.send(over(labeled("Slow", "critical", "team", "dba")))
		r.expect("dba: Slow resolved")
	})
}

func TestARemovedDestinationLosesNothing(t *testing.T) {
	ctx := context.Background()
	test(t, "what waited is a dead letter, and goes out when it is added again", func(r *rig) {
		r.adds(r.safe(firstKey))
		defer r.stop()
		require.NoError(t, r.engine.AddDestination(ctx, "web", Webhook{URL: "channel1"}, alice, "test"))
		require.NoError(t, r.engine.DisableDestination(ctx, "web", alice, "test"))
		straight := snapshot(labeled("Up", "critical"))
		straight.Destination = "web"
		require.NoError(t, r.engine.Snapshot(ctx, straight))
		require.NoError(t, r.engine.RemoveDestination(ctx, "web", false, alice, "test"))
		time.Sleep(time.Minute)
		r.expect()
		var letters []store.Post
		require.NoError(t, r.store.View(ctx, func(tx store.Tx) (err error) {
			letters, err = tx.ListPosts(store.PostFilter{DeadLetters: true})
			return err
		}))
		require.Len(t, letters, 1)
		require.Contains(t, letters[0].Message, "was removed")
		_, off := r.engine.Disabled("web")
		require.False(t, off, "a new one of that name would be told nothing")

		require.NoError(t, r.engine.AddDestination(ctx, "web", Webhook{URL: "channel2"}, alice, "test"))
		_, err := r.engine.Replay(ctx, Letters{IDs: []int64{letters[0].ID}}, alice, "test")
		require.NoError(t, err)
		r.expect("channel2: Up")
	})
}

func TestWhatIsRefusedIsNoted(t *testing.T) {
	ctx := context.Background()
	test(t, "with the reason, and by whom", func(r *rig) {
		r.adds(r.safe(firstKey))
		defer r.stop()
		var refused *Refusal
		require.ErrorAs(t, r.engine.AddDestination(ctx, "web", Webhook{URL: "evil"}, alice, "test"), &refused)
		require.ErrorAs(t, r.engine.AddDestination(ctx, "ops", Webhook{URL: "channel1"}, alice, "test"), &refused)
		require.ErrorAs(t, r.engine.RotateDestination(ctx, "ops", Webhook{URL: "channel1"}, alice, "test"), &refused)
		require.ErrorAs(t, r.engine.RotateDestination(ctx, "dba", Webhook{URL: "channel1"}, alice, "test"), &refused)
		require.ErrorIs(t, r.engine.RemoveDestination(ctx, "nobody", true, alice, "test"), ErrUnknownDestination)
		require.NoError(t, r.engine.AddDestination(ctx, "dba", Webhook{URL: "channel1"}, alice, "test"))
		require.ErrorAs(t, r.engine.RemoveDestination(ctx, "dba", false, alice, "test"), &refused, "a route of the file uses it")
		_, err := r.engine.TryWebhook(ctx, "web", Webhook{URL: "evil"})
		require.ErrorAs(t, err, &refused)
		lines := r.noted(store.AuditFilter{Action: store.Refused})
		require.Len(t, lines, 6)
		require.Equal(t, []string{"refused:add", "web", "test", "this host is not allowed", alice.Name},
			[]string{lines[5].Action, lines[5].Target, lines[5].From, lines[5].After, lines[5].Who})
	})
	test(t, "and a test before it is added keeps nothing", func(r *rig) {
		r.adds(r.safe(firstKey))
		defer r.stop()
		outcome, err := r.engine.TryWebhook(ctx, "dba", Webhook{URL: "channel1"})
		require.NoError(t, err)
		require.Equal(t, teams.Delivered, outcome.Kind)
		r.expect("channel1: Teamsrelay")
		require.Empty(t, r.engine.AddedDestinations())
	})
}
