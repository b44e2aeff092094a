package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

func testConversations(k *kit) {
	k.run("a conversation comes back exactly as it was saved last", func(k *kit) {
		c := store.Conversation{
			ID: "19:ümlaut@thread.tacv2", Kind: store.Channel, Tenant: "t1", ServiceURL: "https://smba.trafficmanager.net/emea/",
			BotID: "28:app", Name: "sre 🔥", TeamID: "19:team", TeamGroup: "g1", TeamName: "Ops",
			UserID: "29:x", UserObjectID: "o1", Installed: true, Blocked: "somebody has blocked it", UpdatedAt: at(1), MovedTo: "a:2",
		}
		k.update(func(tx store.Tx) error { return tx.SaveConversation(&c) })
		k.lasting(func(tx store.Tx) { require.Equal(k, c, must[store.Conversation](k)(tx.Conversation(c.ID))) })
		c = store.Conversation{ID: c.ID}
		k.update(func(tx store.Tx) error { return tx.SaveConversation(&c) })
		k.lasting(func(tx store.Tx) {
			require.Equal(k, c, must[store.Conversation](k)(tx.Conversation(c.ID)), "what an activity says now replaces what was")
			_, err := tx.Conversation("19:Ümlaut@thread.tacv2")
			require.ErrorIs(k, err, store.ErrNotFound, "ids have a case")
			require.Len(k, must[[]store.Conversation](k)(tx.Conversations("")), 1)
		})
	})

	k.run("they are listed by id, all or those of a team", func(k *kit) {
		list := []store.Conversation{{ID: "a:1", Kind: store.Personal}, {ID: "b", TeamID: "ops"}, {ID: "c", TeamID: "ops"}, {ID: "d", TeamID: "sre"}}
		k.update(func(tx store.Tx) error {
			for _, i := range []int{2, 0, 3, 1} {
				if err := tx.SaveConversation(&list[i]); err != nil {
					return err
				}
			}
			return nil
		})
		k.lasting(func(tx store.Tx) {
			require.Equal(k, list, must[[]store.Conversation](k)(tx.Conversations("")))
			require.Equal(k, list[1:3], must[[]store.Conversation](k)(tx.Conversations("ops")), "a team that is renamed takes its channels along")
			require.Empty(k, must[[]store.Conversation](k)(tx.Conversations("nobody")))
		})
	})

	k.run("an activity that comes again is recognised, for a day", func(k *kit) {
		seen := func(k *kit, activity string, now time.Time) (before bool) {
			k.Helper()
			k.update(func(tx store.Tx) (err error) {
				before, err = tx.Seen(activity, now)
				return err
			})
			return before
		}
		prune := func(k *kit, now time.Time) {
			k.Helper()
			k.update(func(tx store.Tx) error { _, err := tx.Prune(now, 30*24*time.Hour, 10); return err })
		}
		require.False(k, seen(k, "1", at(0)))
		require.False(k, seen(k, "2", at(1)))
		k.reopen()
		require.True(k, seen(k, "1", at(0)), "the service sends again what a restart interrupted, and it would be done twice")
		prune(k, at(0).Add(store.KeepActivities))
		require.True(k, seen(k, "1", at(2)))
		prune(k, at(1).Add(store.KeepActivities))
		require.False(k, seen(k, "1", at(0).Add(store.KeepActivities)), "forgotten, or they would be kept for ever")
		require.True(k, seen(k, "2", at(0).Add(store.KeepActivities)))
	})

	k.run("an activity whose work failed is not seen", func(k *kit) {
		require.Error(k, k.store.Update(k.Context(), func(tx store.Tx) error {
			if _, err := tx.Seen("1", at(0)); err != nil {
				return err
			}
			return store.ErrNotFound
		}))
		k.update(func(tx store.Tx) error {
			if before, err := tx.Seen("1", at(0)); err != nil || before {
				return fmt.Errorf("a press that could not be stored is refused when it comes again: %w", err)
			}
			return nil
		})
	})

	k.run("keys come back byte for byte, the newest first", func(k *kit) {
		k.lasting(func(tx store.Tx) { require.Empty(k, must[[]store.Key](k)(tx.Keys())) })
		old := store.Key{ID: "old", Secret: []byte{0, 1, 255, 0}, MadeAt: at(1)}
		young := store.Key{ID: "young", Secret: []byte("12345678901234567890123456789012"), MadeAt: at(2)}
		for _, key := range []store.Key{young, old} {
			k.update(func(tx store.Tx) error { return tx.AddKey(key) })
		}
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []store.Key{young, old}, must[[]store.Key](k)(tx.Keys()), "cards that are there were signed by the old one")
		})
		require.Error(k, k.store.Update(k.Context(), func(tx store.Tx) error { return tx.AddKey(store.Key{ID: "old"}) }),
			"a key that is replaced makes every button forged")
	})
}

func testSubscriptions(k *kit) {
	of := func(tx store.Tx, address string) []store.Subscription {
		return must[[]store.Subscription](k)(tx.Subscriptions(address))
	}
	k.run("a subscription comes back exactly as it was saved, oldest first", func(k *kit) {
		k.lasting(func(tx store.Tx) { require.Empty(k, of(tx, "")) })
		list := []store.Subscription{
			{Address: "bot:1", Name: "channel sre 🔥", Matchers: []string{`severity="critical"`, `team=~"a|b\""`}, By: group.Person{Name: "Alice", ID: "o1"}, At: at(2)},
			{Address: "bot:2"},
			{Address: "bot:1", At: at(1)},
		}
		k.update(func(tx store.Tx) error {
			for i := range list {
				if err := tx.SaveSubscription(&list[i]); err != nil {
					return err
				}
			}
			return nil
		})
		require.NotZero(k, list[0].ID)
		k.lasting(func(tx store.Tx) {
			require.Equal(k, list, of(tx, ""))
			require.Equal(k, []store.Subscription{list[0], list[2]}, of(tx, "bot:1"))
			require.Empty(k, of(tx, "bot:3"))
		})
		list[1].Matchers, list[1].Name = []string{`a="b"`}, "Bob"
		k.update(func(tx store.Tx) error { return tx.SaveSubscription(&list[1]) })
		k.lasting(func(tx store.Tx) { require.Equal(k, list, of(tx, "")) })
	})

	k.run("one that was ended is gone, and its number names no other", func(k *kit) {
		s := store.Subscription{Address: "a"}
		k.update(func(tx store.Tx) error { return tx.SaveSubscription(&s) })
		k.update(func(tx store.Tx) error { return tx.DeleteSubscription(s.ID) })
		k.lasting(func(tx store.Tx) { require.Empty(k, of(tx, "")) })
		next := store.Subscription{Address: "b"}
		k.update(func(tx store.Tx) error { return tx.SaveSubscription(&next) })
		require.Greater(k, next.ID, s.ID, "who ends the one on an old list would end another's")
		for name, change := range map[string]func(store.Tx) error{
			"save":   func(tx store.Tx) error { return tx.SaveSubscription(&s) },
			"delete": func(tx store.Tx) error { return tx.DeleteSubscription(s.ID) },
		} {
			require.ErrorIs(k, k.store.Update(k.Context(), change), store.ErrNotFound, name)
		}
	})
}

func testMessages(k *kit) {
	k.run("the post that a message shows is found by it", func(k *kit) {
		g, other := k.saveGroup(anEpisode("k", "o", 1)), k.saveGroup(anEpisode("other", "o", 1))
		p := aPost(g, "bot:1")
		p.State, p.MessageID = store.Shown, "1700000000000"
		p = k.savePost(p)
		there := aPost(g, "bot:2") // ids are the conversation's
		there.MessageID = p.MessageID
		there = k.savePost(there)
		k.savePost(aPost(other, "bot:1"))
		k.lasting(func(tx store.Tx) {
			require.Equal(k, p, must[store.Post](k)(tx.PostByMessage("bot:1", "1700000000000")))
			require.Equal(k, there, must[store.Post](k)(tx.PostByMessage("bot:2", "1700000000000")))
			for _, id := range []string{"1700000000001", "", "170000000000"} {
				_, err := tx.PostByMessage("bot:1", id)
				require.ErrorIs(k, err, store.ErrNotFound, "a press on %q would change somebody else's alert", id)
			}
		})
		p.Gone("not_found", "somebody deleted it", at(1))
		k.savePost(p)
		k.lasting(func(tx store.Tx) {
			_, err := tx.PostByMessage("bot:1", "1700000000000")
			require.ErrorIs(k, err, store.ErrNotFound)
		})
	})

	k.run("who comes back is told what is still open, oldest first", func(k *kit) {
		dead := func(key, address string, phase group.Phase) store.Post {
			g := anEpisode(key, "o", 1)
			g.Phase = phase
			p := aPost(k.saveGroup(g), address)
			p.GiveUp("blocked", "somebody has blocked it", at(1))
			return k.savePost(p)
		}
		first := dead("1", "a", group.Open)
		dead("2", "a", group.Over)
		dead("3", "b", group.Open)
		second := dead("4", "a", group.Unheard)
		there := dead("5", "a", group.Over)
		there.MessageID = "1700000000000" // it goes on saying that it fires
		there = k.savePost(there)
		k.savePost(aPost(k.saveGroup(anEpisode("due", "o", 1)), "a"))
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []store.Post{first, second, there}, must[[]store.Post](k)(tx.DeadLettersAt("a")))
			require.Empty(k, must[[]store.Post](k)(tx.DeadLettersAt("c")))
		})
	})

	k.run("the open episodes are listed that are posted at an address, newest first", func(k *kit) {
		var open []group.Group // newest first
		save := func(key string, episode int, phase group.Phase, addresses ...string) group.Group {
			g := anEpisode(key, "o", episode)
			g.Phase = phase
			g = k.saveGroup(g)
			for _, address := range addresses {
				k.savePost(aPost(g, address))
			}
			return g
		}
		save("again", 1, group.Over, "a")
		for _, g := range []group.Group{
			save("1", 1, group.Open, "a"),
			save("2", 1, group.Unheard, "a", "b"),
			save("3", 1, group.Open, "c"),
			save("4", 1, group.Gathering),
			save("again", 2, group.Open, "b"),
		} {
			open = append([]group.Group{g}, open...)
		}
		save("over", 1, group.Over, "a")
		for name, list := range map[string]struct {
			addresses []string
			limit     int
			want      []group.Group
		}{
			"at one":                              {[]string{"a"}, 10, []group.Group{open[3], open[4]}},
			"at two, each once":                   {[]string{"b", "a"}, 10, []group.Group{open[0], open[3], open[4]}},
			"the newest":                          {[]string{"a", "b"}, 2, []group.Group{open[0], open[3]}},
			"at none of them":                     {[]string{"d", `"`}, 10, nil},
			"all":                                 {nil, 10, open},
			"the newest of all":                   {nil, 1, open[:1]},
			"who may see no address sees nothing": {[]string{}, 10, nil},
		} {
			k.lasting(func(tx store.Tx) {
				require.Equal(k, list.want, must[[]group.Group](k)(tx.OpenGroupsAt(list.addresses, list.limit)), name)
			})
		}
	})

	k.run("cards that a digest has told wait behind all others and are no backlog", func(k *kit) {
		var posts []store.Post
		for i, rank := range []int{store.RankStale, store.RankQuiet, store.RankStale, store.RankLoudCritical} {
			p := aPost(k.saveGroup(anEpisode(fmt.Sprint(i), "o", 1)), "a")
			p.Rank, p.Since = rank, at(-i)
			posts = append(posts, k.savePost(p))
		}
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []store.Post{posts[3], posts[1], posts[2], posts[0]}, must[[]store.Post](k)(tx.ReadyPosts("a", at(0), 10)))
			require.Equal(k, 2, must[int](k)(tx.Backlog("a", store.RankQuiet, at(0), 10)), "hundreds of cards to be edited would look like a storm")
		})
	})
}
