package storetest

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

func testPosts(k *kit) {
	ctx := context.Background()

	k.run("a post comes back exactly as it was saved", func(k *kit) {
		g := k.saveGroup(anEpisode("k", "o", 1))
		for name, p := range map[string]store.Post{
			"with nothing set": {Address: "zero"},
			"with everything set": {
				Address: "workflow:ümlaut 🔥", Destination: "ops", Card: "alert", Title: "Down \x00 \" '",
				State: store.Waiting, Want: 7, Shown: 5, Carded: 4, Call: 6, Called: 2, Follows: 3, Loud: true, Rank: store.RankLoudCritical,
				Since: at(1), NotBefore: at(2), Attempts: 3, MessageID: "1234;messageid=5",
				Reason: "throttled", Message: "Teams asked for patience", DeadLetter: true, Missed: true, SendingID: 8, UpdatedAt: at(3),
			},
		} {
			p.GroupID = g.ID
			p = k.savePost(p)
			require.NotZero(k, p.ID, name)
			k.lasting(func(tx store.Tx) {
				require.Equal(k, p, must[store.Post](k)(tx.Post(p.ID)), name)
				require.Equal(k, p, must[store.Post](k)(tx.PostOf(g.ID, p.Address)), name)
			})
			p.State, p.Shown, p.DeadLetter, p.Missed, p.SendingID, p.NotBefore = store.Shown, p.Want, !p.DeadLetter, !p.Missed, p.SendingID+1, at(5)
			k.savePost(p)
			k.lasting(func(tx store.Tx) {
				require.Equal(k, p, must[store.Post](k)(tx.Post(p.ID)), "changed, "+name)
			})
		}
	})

	k.run("an episode has one post at an address", func(k *kit) {
		g := k.saveGroup(anEpisode("k", "o", 1))
		k.savePost(aPost(g, "a"))
		err := k.store.Update(ctx, func(tx store.Tx) error {
			p := aPost(g, "a")
			return tx.SavePost(&p)
		})
		require.Error(k, err, "people would see the alert twice")
		require.NotErrorIs(k, err, store.ErrUnavailable)
	})

	k.run("what is not there is not found", func(k *kit) {
		g := k.saveGroup(anEpisode("k", "o", 1))
		for name, change := range map[string]func(store.Tx) error{
			"save":   func(tx store.Tx) error { p := aPost(g, "a"); p.ID = 4711; return tx.SavePost(&p) },
			"delete": func(tx store.Tx) error { return tx.DeletePost(4711) },
		} {
			require.ErrorIs(k, k.store.Update(ctx, change), store.ErrNotFound, name)
		}
		k.lasting(func(tx store.Tx) {
			_, err := tx.Post(4711)
			require.ErrorIs(k, err, store.ErrNotFound)
			_, err = tx.PostOf(g.ID, "a")
			require.ErrorIs(k, err, store.ErrNotFound)
			require.Empty(k, must[[]store.Post](k)(tx.ReadyPosts("a", at(9), 10)))
			require.Zero(k, must[int](k)(tx.Backlog("a", store.RankQuiet, at(9), 10000)))
			require.Zero(k, must[time.Time](k)(tx.NextPost("a")))
			require.Empty(k, must[[]string](k)(tx.BusyAddresses()))
		})
	})

	k.run("a post needs its episode", func(k *kit) {
		err := k.store.Update(ctx, func(tx store.Tx) error {
			return tx.SavePost(&store.Post{GroupID: 4711, Address: "a", State: store.Due})
		})
		require.Error(k, err, "a card could never be made for it")
	})

	k.run("ready posts come by rank, then by how long they wait, then by id", func(k *kit) {
		want := []store.Post{}
		for _, p := range []store.Post{ // in the order that is wanted
			{Rank: store.RankLoudCritical, Since: at(3), State: store.Due},
			{Rank: store.RankLoudCritical, Since: at(4), State: store.Waiting},
			{Rank: store.RankLoud, Since: at(1), State: store.Due, Title: "the lower id"},
			{Rank: store.RankLoud, Since: at(1), State: store.Waiting},
			{Rank: store.RankLoud, Since: at(2), State: store.Due},
			{Rank: store.RankQuiet, Since: at(0), State: store.Due},
		} {
			p.Address, p.NotBefore = "a", at(5)
			want = append(want, p)
		}
		for _, i := range []int{5, 2, 4, 1, 3, 0} { // ids in another order
			g := k.saveGroup(anEpisode(fmt.Sprint(i), "o", 1))
			want[i].GroupID = g.ID
			want[i] = k.savePost(want[i])
		}
		for i, other := range []store.Post{
			{State: store.Sending}, {State: store.Shown}, {State: store.Accepted}, {State: store.Dead},
			{State: store.Due, NotBefore: at(6)},
			{State: store.Due, Address: "b"},
		} {
			g := k.saveGroup(anEpisode(fmt.Sprint("other", i), "o", 1))
			other.GroupID, other.Rank = g.ID, store.RankLoudCritical
			if other.Address == "" {
				other.Address = "a"
			}
			k.savePost(other)
		}
		k.lasting(func(tx store.Tx) {
			require.Equal(k, want, must[[]store.Post](k)(tx.ReadyPosts("a", at(5), 100)))
			require.Equal(k, want[:2], must[[]store.Post](k)(tx.ReadyPosts("a", at(5), 2)))
			require.Empty(k, must[[]store.Post](k)(tx.ReadyPosts("a", at(5).Add(-1), 100)), "one nanosecond early")
			require.Equal(k, len(want), must[int](k)(tx.Backlog("a", store.RankQuiet, at(5), 10000)))
			require.Equal(k, len(want)+1, must[int](k)(tx.Backlog("a", store.RankQuiet, at(6), 10000)))
			require.Zero(k, must[int](k)(tx.Backlog("a", store.RankQuiet, at(4), 10000)))
			require.Equal(k, at(5), must[time.Time](k)(tx.NextPost("a")))
			require.Len(k, must[[]store.Post](k)(tx.ReadyPosts("b", at(5), 100)), 1)
		})
	})

	k.run("a post that follows another is not sent before it", func(k *kit) {
		first := k.savePost(aPost(k.saveGroup(anEpisode("k", "o", 1)), "a"))
		first.NotBefore = at(5)
		first.State = store.Waiting
		first = k.savePost(first)
		second := aPost(k.saveGroup(anEpisode("k", "o", 2)), "a")
		second.Follows, second.Rank = first.ID, store.RankLoudCritical
		second = k.savePost(second)
		third := aPost(k.saveGroup(anEpisode("k", "o", 3)), "a")
		third.Follows = second.ID
		third = k.savePost(third)
		for _, state := range []store.State{store.Due, store.Waiting, store.Sending} {
			first.State = state
			first = k.savePost(first)
			k.lasting(func(tx store.Tx) {
				for _, p := range must[[]store.Post](k)(tx.ReadyPosts("a", at(9), 10)) {
					require.NotEqual(k, second.ID, p.ID, "people would read old news last, while the first is %s", state)
				}
				if state != store.Sending {
					require.Equal(k, at(5), must[time.Time](k)(tx.NextPost("a")), "nothing can be sent before that")
				}
				require.Equal(k, []store.Post{second, third}, must[[]store.Post](k)(tx.FollowingPosts("a", at(9), 10)), "a digest tells what is behind it too")
				require.Equal(k, []store.Post{second}, must[[]store.Post](k)(tx.FollowingPosts("a", at(9), 1)))
				require.Empty(k, must[[]store.Post](k)(tx.FollowingPosts("a", second.NotBefore.Add(-1), 10)))
				require.Empty(k, must[[]store.Post](k)(tx.FollowingPosts("b", at(9), 10)))
				waiting := len(must[[]store.Post](k)(tx.ReadyPosts("a", at(9), 10))) + 2
				require.Equal(k, waiting, must[int](k)(tx.Backlog("a", store.RankQuiet, at(9), 10)), "a storm behind one post would not be seen, while the first is %s", state)
				require.Equal(k, 1, must[int](k)(tx.Backlog("a", store.RankLoudCritical, at(9), 10)))
				require.Equal(k, 1, must[int](k)(tx.Backlog("a", store.RankQuiet, at(9), 1)))
			})
		}
		first.State, first.MessageID = store.Waiting, "m1"
		first = k.savePost(first)
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []store.Post{second}, must[[]store.Post](k)(tx.ReadyPosts("a", at(4), 10)),
				"an old card that is still to be edited would make new alarm wait, for hours after a storm")
			require.Equal(k, []store.Post{third}, must[[]store.Post](k)(tx.FollowingPosts("a", at(4), 10)))
		})
		first.MessageID = ""
		for _, state := range []store.State{store.Shown, store.Accepted, store.Dead} {
			first.State = state
			first = k.savePost(first)
			k.lasting(func(tx store.Tx) {
				require.Equal(k, []store.Post{second}, must[[]store.Post](k)(tx.ReadyPosts("a", at(9), 10)), state)
				require.Equal(k, second.NotBefore, must[time.Time](k)(tx.NextPost("a")))
			})
		}
	})

	k.run("an address is busy as long as there is something to do or under way", func(k *kit) {
		for i, state := range []store.State{store.Due, store.Waiting, store.Sending, store.Shown, store.Accepted, store.Dead} {
			for j := range 2 {
				g := k.saveGroup(anEpisode(fmt.Sprint(i, j), "o", 1))
				p := aPost(g, "at "+string(state))
				p.State = state
				k.savePost(p)
			}
		}
		k.lasting(func(tx store.Tx) {
			require.ElementsMatch(k, []string{"at due", "at waiting", "at sending"}, must[[]string](k)(tx.BusyAddresses()))
			sending := must[[]store.Post](k)(tx.SendingPosts("at sending"))
			require.Len(k, sending, 2, "attempts that died with somebody else")
			require.Less(k, sending[0].ID, sending[1].ID)
			require.Empty(k, must[[]store.Post](k)(tx.SendingPosts("at due")))
			require.Zero(k, must[time.Time](k)(tx.NextPost("at sending")))
		})
	})

	k.run("lists are filtered, newest first, page by page", func(k *kit) {
		var posts []store.Post
		for i := range 8 {
			g := k.saveGroup(anEpisode(fmt.Sprint(i), "o", 1))
			p := aPost(g, []string{"a", "a", "user:bob"}[i%3])
			p.Destination = []string{"ops", "sre"}[i%2]
			p.State = []store.State{store.Due, store.Shown, store.Dead, store.Waiting}[i%4]
			p.DeadLetter = p.State == store.Dead || i == 3 // 3: its replay is under way
			p.Missed = i < 3
			posts = append([]store.Post{k.savePost(p)}, posts...)
		}
		pick := func(indices ...int) (picked []store.Post) {
			for _, i := range indices {
				picked = append(picked, posts[len(posts)-1-i])
			}
			return picked
		}
		for name, list := range map[string]struct {
			filter store.PostFilter
			want   []store.Post
		}{
			"all":                    {store.PostFilter{}, posts},
			"a page":                 {store.PostFilter{Before: posts[2].ID, Limit: 3}, posts[3:6]},
			"of a group":             {store.PostFilter{GroupID: posts[4].GroupID}, posts[4:5]},
			"of a destination":       {store.PostFilter{Destination: "sre"}, pick(7, 5, 3, 1)},
			"at an address":          {store.PostFilter{Address: "user:bob"}, pick(5, 2)},
			"dead letters there":     {store.PostFilter{Address: "user:bob", DeadLetters: true}, pick(2)},
			"in states":              {store.PostFilter{States: []store.State{store.Due, store.Waiting}}, pick(7, 4, 3, 0)},
			"dead letters":           {store.PostFilter{DeadLetters: true}, pick(6, 3, 2)},
			"dead letters of one":    {store.PostFilter{DeadLetters: true, Destination: "sre"}, pick(3)},
			"everything at once":     {store.PostFilter{DeadLetters: true, Destination: "ops", States: []store.State{store.Dead}, Before: posts[1].ID, Limit: 1}, pick(2)},
			"that are not missed":    {store.PostFilter{Unmissed: true, States: []store.State{store.Due, store.Dead}}, pick(6, 4)},
			"not missed there":       {store.PostFilter{Unmissed: true, Address: "user:bob", States: []store.State{store.Dead}}, nil},
			"of an unknown somebody": {store.PostFilter{Destination: "nobody"}, nil},
		} {
			k.lasting(func(tx store.Tx) {
				require.Equal(k, list.want, must[[]store.Post](k)(tx.ListPosts(list.filter)), name)
			})
		}
		k.lasting(func(tx store.Tx) {
			require.ElementsMatch(k, []store.PostCount{
				{Destination: "ops", State: store.Due, Count: 2},
				{Destination: "ops", State: store.Dead, DeadLetter: true, Count: 2},
				{Destination: "sre", State: store.Waiting, Count: 1},
				{Destination: "sre", State: store.Waiting, DeadLetter: true, Count: 1},
			}, must[[]store.PostCount](k)(tx.CountPosts()))
		})
	})

	k.run("a list without a limit has a hundred", func(k *kit) {
		k.update(func(tx store.Tx) error {
			for i := range 120 {
				g := anEpisode(fmt.Sprint(i), "o", 1)
				if err := tx.SaveGroup(&g); err != nil {
					return err
				}
				p := aPost(g, "a")
				if err := tx.SavePost(&p); err != nil {
					return err
				}
			}
			return nil
		})
		k.lasting(func(tx store.Tx) {
			require.Len(k, must[[]store.Post](k)(tx.ListPosts(store.PostFilter{})), 100)
		})
	})

	k.run("a dropped post is gone, its episode and the log stay", func(k *kit) {
		g := k.saveGroup(anEpisode("k", "o", 1))
		p := k.savePost(aPost(g, "a"))
		k.update(func(tx store.Tx) error {
			if err := tx.SaveDelivery(&store.Delivery{PostID: p.ID, GroupID: g.ID, At: start}); err != nil {
				return err
			}
			return tx.DeletePost(p.ID)
		})
		k.lasting(func(tx store.Tx) {
			_, err := tx.Post(p.ID)
			require.ErrorIs(k, err, store.ErrNotFound)
			require.Equal(k, []string{"k"}, must[[]string](k)(keys(tx, "o")))
			require.Len(k, must[[]store.Delivery](k)(tx.Deliveries(store.DeliveryFilter{PostID: p.ID})), 1)
		})
	})
}
