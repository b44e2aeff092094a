package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// counter is a number in a row: next reads the row in one of the ways to read
// what is to be changed, and saves it with one more.
type counter struct {
	name string
	next func(tx store.Tx) (now int, err error)
}

// counting is a counter of the only row that a list has.
func counting[T any](name string, read func(store.Tx) ([]T, error), add func(*T) int, save func(store.Tx, *T) error) counter {
	return counter{name, func(tx store.Tx) (int, error) {
		rows, err := read(tx)
		if err != nil {
			return 0, err
		}
		if len(rows) != 1 {
			return 0, fmt.Errorf("%s: %d rows", name, len(rows))
		}
		if _, err := tx.LastTime(); err != nil { // others have their chance
			return 0, err
		}
		now := add(&rows[0])
		return now, save(tx, &rows[0])
	}}
}

func only[T any](row T, err error) ([]T, error) { return []T{row}, err }

// readToBeChanged are all ways to read one row to change it, each of a row of
// its own. ListPosts, ListGroups and OpenGroupsAt are none: what they list may
// have changed.
func readToBeChanged(tx store.Tx) ([]counter, error) {
	var failed error
	made := func(err error) {
		if failed == nil {
			failed = err
		}
	}
	episode := func(key string) group.Group {
		g := anEpisode(key, key, 1)
		made(tx.SaveGroup(&g))
		return g
	}
	post := func(key string, change func(*store.Post)) *store.Post {
		p := aPost(episode(key), key)
		change(&p)
		made(tx.SavePost(&p))
		return &p
	}
	posts := func(name string, read func(store.Tx) ([]store.Post, error)) counter {
		return counting(name, read, func(p *store.Post) int { p.Attempts++; return p.Attempts },
			func(tx store.Tx, p *store.Post) error { return tx.SavePost(p) })
	}
	groups := func(name string, read func(store.Tx) ([]group.Group, error)) counter {
		return counting(name, read, func(g *group.Group) int { g.Rev++; return g.Rev - 1 },
			func(tx store.Tx, g *group.Group) error { return tx.SaveGroup(g) })
	}
	silences := func(name string, read func(store.Tx) ([]store.Silence, error)) counter {
		return counting(name, read, func(s *store.Silence) int { s.Attempts++; return s.Attempts },
			func(tx store.Tx, s *store.Silence) error { return tx.SaveSilence(s) })
	}
	intents := func(name string, read func(store.Tx) ([]store.Intent, error)) counter {
		return counting(name, read, func(i *store.Intent) int { i.Attempts++; return i.Attempts },
			func(tx store.Tx, i *store.Intent) error { return tx.SaveIntent(i) })
	}
	people := func(name string, read func(store.Tx) ([]store.Person, error)) counter {
		return counting(name, read, func(p *store.Person) int { p.Attempts++; return p.Attempts },
			func(tx store.Tx, p *store.Person) error { return tx.SavePerson(p) })
	}
	conversations := func(name string, read func(store.Tx) ([]store.Conversation, error)) counter {
		return counting(name, read, func(c *store.Conversation) int { c.Name += "x"; return len(c.Name) },
			func(tx store.Tx, c *store.Conversation) error { return tx.SaveConversation(c) })
	}
	replays := func(name string, read func(store.Tx) ([]store.Replay, error)) counter {
		return counting(name, read, func(r *store.Replay) int { r.Replayed++; return r.Replayed },
			func(tx store.Tx, r *store.Replay) error { return tx.SaveReplay(r) })
	}

	byID := post("by id", func(*store.Post) {})
	ofEpisode := post("of episode", func(*store.Post) {})
	post("ready", func(*store.Post) {})
	leads := post("leads", func(*store.Post) {})
	post("follows", func(p *store.Post) { p.Follows = leads.ID })
	post("sending", func(p *store.Post) { p.State = store.Sending })
	post("dead", func(p *store.Post) { p.State, p.DeadLetter = store.Dead, true })
	post("shown", func(p *store.Post) { p.State, p.MessageID = store.Shown, "m1" })
	one, origin := episode("one"), episode("origin")
	silence, unsettled := store.Silence{EndsAt: at(90), State: store.SilenceActive}, store.Silence{EndsAt: at(90), State: store.SilenceRequested, Theirs: true}
	made(tx.SaveSilence(&silence))
	made(tx.SaveSilence(&unsettled))
	intent := store.Intent{GroupID: one.ID, Source: "one", State: store.IntentActive}
	next := store.Intent{GroupID: origin.ID, Source: "next", State: store.IntentRequested, NotBefore: start}
	ofGroup := store.Intent{GroupID: byID.GroupID, Source: "group", State: store.IntentActive}
	for _, i := range []*store.Intent{&intent, &next, &ofGroup} {
		made(tx.SaveIntent(i))
	}
	for _, p := range []store.Person{{Name: "alice"}, {Name: "bob", Conversation: "a:bob"}, {Name: "carol", ObjectID: "id-c", Conversation: "a:carol"}, {Name: "dave", Wanted: true}} {
		made(tx.SavePerson(&p))
	}
	for _, c := range []store.Conversation{{ID: "c"}, {ID: "in team", TeamID: "team"}, {ID: "a:erin", Kind: store.Personal, UserObjectID: "id-e"}} {
		made(tx.SaveConversation(&c))
	}
	replay, running := store.Replay{State: store.ReplayDone}, store.Replay{State: store.ReplayRunning}
	made(tx.SaveReplay(&replay))
	made(tx.SaveReplay(&running))
	made(tx.SaveHeartbeat(&store.Heartbeat{Name: "watchdog"}))
	made(tx.SaveCanary(&store.Canary{Destination: "ops"}))
	made(tx.SaveDestination(&store.Destination{Name: "ops", Sealed: []byte("x")}))
	delivery := store.Delivery{State: store.DeliverySending}
	made(tx.SaveDelivery(&delivery))

	return []counter{
		posts("Post", func(tx store.Tx) ([]store.Post, error) { return only(tx.Post(byID.ID)) }),
		posts("PostOf", func(tx store.Tx) ([]store.Post, error) { return only(tx.PostOf(ofEpisode.GroupID, "of episode")) }),
		posts("ReadyPosts", func(tx store.Tx) ([]store.Post, error) { return tx.ReadyPosts("ready", at(1), 10) }),
		posts("FollowingPosts", func(tx store.Tx) ([]store.Post, error) { return tx.FollowingPosts("follows", at(1), 10) }),
		posts("SendingPosts", func(tx store.Tx) ([]store.Post, error) { return tx.SendingPosts("sending") }),
		posts("DeadLettersAt", func(tx store.Tx) ([]store.Post, error) { return tx.DeadLettersAt("dead") }),
		posts("PostByMessage", func(tx store.Tx) ([]store.Post, error) { return only(tx.PostByMessage("shown", "m1")) }),
		groups("Group", func(tx store.Tx) ([]group.Group, error) { return only(tx.Group(one.ID)) }),
		groups("Groups", func(tx store.Tx) ([]group.Group, error) { return tx.Groups("origin") }),
		silences("Silence", func(tx store.Tx) ([]store.Silence, error) { return only(tx.Silence(silence.ID)) }),
		silences("UnsettledSilences", func(tx store.Tx) ([]store.Silence, error) {
			ready, _, err := tx.UnsettledSilences(at(1), 10)
			return ready, err
		}),
		intents("Intent", func(tx store.Tx) ([]store.Intent, error) { return only(tx.Intent(intent.ID)) }),
		intents("NextIntent", func(tx store.Tx) ([]store.Intent, error) { return only(tx.NextIntent("next", at(1), at(2))) }),
		intents("Intents", func(tx store.Tx) ([]store.Intent, error) { return tx.Intents([]int64{byID.GroupID}) }),
		people("Person", func(tx store.Tx) ([]store.Person, error) { return only(tx.Person("alice")) }),
		people("PeopleIn", func(tx store.Tx) ([]store.Person, error) { return tx.PeopleIn("a:bob") }),
		people("PeopleOf", func(tx store.Tx) ([]store.Person, error) { return tx.PeopleOf("id-c") }),
		people("PeopleToReach", func(tx store.Tx) ([]store.Person, error) {
			ready, _, err := tx.PeopleToReach(at(1), 10)
			return ready, err
		}),
		conversations("Conversation", func(tx store.Tx) ([]store.Conversation, error) { return only(tx.Conversation("c")) }),
		conversations("Conversations", func(tx store.Tx) ([]store.Conversation, error) { return tx.Conversations("team") }),
		conversations("PersonalConversation", func(tx store.Tx) ([]store.Conversation, error) { return only(tx.PersonalConversation("id-e")) }),
		replays("Replay", func(tx store.Tx) ([]store.Replay, error) { return only(tx.Replay(replay.ID)) }),
		replays("RunningReplays", func(tx store.Tx) ([]store.Replay, error) { return tx.RunningReplays() }),
		counting("Heartbeats", func(tx store.Tx) ([]store.Heartbeat, error) { return tx.Heartbeats() },
			func(h *store.Heartbeat) int { h.From += "x"; return len(h.From) },
			func(tx store.Tx, h *store.Heartbeat) error { return tx.SaveHeartbeat(h) }),
		counting("Canaries", func(tx store.Tx) ([]store.Canary, error) { return tx.Canaries() },
			func(c *store.Canary) int { c.Failures++; return c.Failures },
			func(tx store.Tx, c *store.Canary) error { return tx.SaveCanary(c) }),
		counting("AddedDestination", func(tx store.Tx) ([]store.Destination, error) { return only(tx.AddedDestination("ops")) },
			func(d *store.Destination) int { d.AddedBy += "x"; return len(d.AddedBy) },
			func(tx store.Tx, d *store.Destination) error { return tx.SaveDestination(d) }),
		counting("Delivery", func(tx store.Tx) ([]store.Delivery, error) { return only(tx.Delivery(delivery.ID)) },
			func(d *store.Delivery) int { d.Attempt++; return d.Attempt },
			func(tx store.Tx, d *store.Delivery) error { return tx.SaveDelivery(d) }),
	}, failed
}

// testReadToBeChanged: what a replica saves as it has read it must not take back
// what another one has stored meanwhile.
func testReadToBeChanged(t *testing.T, both [2]store.Store, together func(n int, fn func(i int, s store.Store) error) error) {
	ctx := context.Background()
	var counters []counter
	require.NoError(t, both[0].Update(ctx, func(tx store.Tx) (err error) {
		counters, err = readToBeChanged(tx)
		return err
	}))
	const each, rounds = 6, 4
	for _, c := range counters {
		require.NoError(t, together(each, func(_ int, s store.Store) error {
			for range rounds {
				if err := s.Update(ctx, func(tx store.Tx) error { _, err := c.next(tx); return err }); err != nil {
					return err
				}
			}
			return nil
		}), c.name)
		var last int
		require.NoError(t, both[0].Update(ctx, func(tx store.Tx) (err error) {
			last, err = c.next(tx)
			return err
		}))
		require.Equal(t, each*rounds+1, last, "%s: what one has counted the other one took back", c.name)
	}
}

// testMovedMeanwhile: what is raised while its post moves is told at the new
// address, whoever comes first.
func testMovedMeanwhile(t *testing.T, both [2]store.Store, together func(n int, fn func(i int, s store.Store) error) error) {
	ctx := context.Background()
	const episodes = 10
	for name, move := range map[string]func(store.Tx) error{
		"Readdress": func(tx store.Tx) error { _, err := tx.Readdress("ops", []string{"Readdress new"}); return err },
		"MovePosts": func(tx store.Tx) error {
			_, _, err := tx.MovePosts("MovePosts old", "MovePosts new", at(1), 100)
			return err
		},
	} {
		var ids, wants [episodes]int64
		require.NoError(t, both[0].Update(ctx, func(tx store.Tx) error {
			for i := range ids {
				g := anEpisode(fmt.Sprint(name, i), name, 1)
				if err := tx.SaveGroup(&g); err != nil {
					return err
				}
				ids[i] = g.ID
				there, old := aPost(g, name+" new"), aPost(g, name+" old")
				there.State, there.Shown = store.Accepted, 1
				if err := errors.Join(tx.SavePost(&there), tx.SavePost(&old)); err != nil {
					return err
				}
			}
			return nil
		}))
		require.NoError(t, together(episodes+1, func(i int, s store.Store) error {
			if i--; i < 0 {
				return s.Update(ctx, move)
			}
			return s.Update(ctx, func(tx store.Tx) error {
				wants[i] = 1
				p, err := tx.PostOf(ids[i], name+" old")
				if errors.Is(err, store.ErrNotFound) {
					return nil
				}
				for range 3 {
					if err == nil {
						_, err = tx.LastTime() // others have their chance
					}
				}
				if err != nil {
					return err
				}
				p.Want, wants[i] = 7, 7
				return tx.SavePost(&p)
			})
		}), name)
		require.NoError(t, both[0].View(ctx, func(tx store.Tx) error {
			for i, id := range ids {
				p, err := tx.PostOf(id, name+" new")
				if err != nil {
					return err
				}
				require.EqualValues(t, max(wants[i], 1), p.Want, "%s: nobody there would hear of it", name)
			}
			return nil
		}))
	}
}

// testPrunedMeanwhile: what comes to an episode while that is pruned goes with it
// or keeps it.
func testPrunedMeanwhile(t *testing.T, both [2]store.Store, together func(n int, fn func(i int, s store.Store) error) error) {
	ctx := context.Background()
	for round := range 5 {
		var episodes [8]group.Group
		require.NoError(t, both[0].Update(ctx, func(tx store.Tx) error {
			for i := range episodes {
				episodes[i] = anEpisode(fmt.Sprint(round, i), "o", 1)
				episodes[i].Phase = group.Over
				if err := tx.SaveGroup(&episodes[i]); err != nil {
					return err
				}
			}
			return nil
		}))
		require.NoError(t, together(len(episodes)+1, func(i int, s store.Store) error {
			if i--; i < 0 {
				return s.Update(ctx, func(tx store.Tx) error { _, err := tx.Prune(at(10), 0, 50); return err })
			}
			err := s.Update(ctx, func(tx store.Tx) error {
				p := aPost(episodes[i], "a")
				if err := tx.SavePost(&p); err != nil {
					return err
				}
				for range 3 {
					if _, err := tx.LastTime(); err != nil { // others have their chance
						return err
					}
				}
				return nil
			})
			if errors.Is(err, store.ErrUnavailable) {
				return err
			}
			return nil // it was gone
		}))
		require.NoError(t, both[0].View(ctx, func(tx store.Tx) error {
			posts, err := tx.ListPosts(store.PostFilter{})
			for i := range posts {
				if _, err := tx.Group(posts[i].GroupID); err != nil {
					return fmt.Errorf("post %d of episode %d: %w", posts[i].ID, posts[i].GroupID, err)
				}
			}
			return err
		}), "nobody can say what it would tell")
	}
}
