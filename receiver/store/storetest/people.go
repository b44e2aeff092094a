package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// savePeople stores persons in an order that is not that of their names.
func (k *kit) savePeople(all ...store.Person) {
	k.Helper()
	k.update(func(tx store.Tx) error {
		for i := range all {
			if err := tx.SavePerson(&all[len(all)-1-i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func testPeople(k *kit) {
	full := store.Person{
		Name: "alice@contoso.com", ObjectID: "0b7a", DisplayName: "Alice \"Ü\" 🔥", UPN: "alice@contoso.onmicrosoft.com",
		Conversation: "a:1XYZ", State: store.PersonInstalling, Reason: "throttled", Message: "Microsoft asked\nfor patience",
		Wanted: true, Attempts: 3, NotBefore: at(1), InstalledAt: at(2), Version: "1.2.0", CheckedAt: at(3), UpdatedAt: at(4),
	}

	k.run("a person comes back exactly as they were saved last", func(k *kit) {
		for _, p := range []store.Person{full, {Name: full.Name}, full} {
			k.savePeople(p)
			k.lasting(func(tx store.Tx) {
				require.Equal(k, p, must[store.Person](k)(tx.Person(p.Name)))
				require.Equal(k, []store.Person{p}, must[[]store.Person](k)(tx.People("", 0)), "a second row would be asked about a second time")
			})
		}
	})

	k.run("a person is found by the exact name and no other", func(k *kit) {
		for _, name := range []string{"alice@contoso.com", "a%", "ü@contoso.com"} {
			k.savePeople(store.Person{Name: name})
		}
		k.lasting(func(tx store.Tx) {
			for _, name := range []string{"Alice@contoso.com", "alice@contoso.com ", "alice", "", "ab", "u@contoso.com", "u\u0308@contoso.com"} {
				_, err := tx.Person(name)
				require.ErrorIs(k, err, store.ErrNotFound, "somebody else would be told: %q", name)
			}
		})
	})

	k.run("people are listed by the bytes of their names, page by page", func(k *kit) {
		list := []store.Person{{Name: "0b7a"}, {Name: "a@x"}, {Name: "a@x.com"}, {Name: "b"}, {Name: "b-c"}, {Name: "ü"}}
		k.savePeople(list...)
		for name, c := range map[string]struct {
			after string
			limit int
			want  []store.Person
		}{
			"all":                     {"", 0, list},
			"the first two":           {"", 2, list[:2]},
			"the next two":            {"a@x", 2, list[2:4]},
			"the rest":                {"b", 0, list[4:]},
			"after who is not there":  {"a@x.a", 1, list[2:3]},
			"none after the last one": {"ü", 5, nil},
		} {
			k.lasting(func(tx store.Tx) {
				require.Equal(k, c.want, must[[]store.Person](k)(tx.People(c.after, c.limit)), name)
			})
		}
	})

	k.run("who is wanted and has no conversation is worked on, who waits longest first", func(k *kit) {
		wanted := func(name string, notBefore time.Time) store.Person {
			return store.Person{Name: name, Wanted: true, NotBefore: notBefore}
		}
		fresh, fresh2 := wanted("x", time.Time{}), wanted("y", time.Time{})
		first, same, second, far := wanted("d", at(1)), wanted("e", at(1)), wanted("c", at(2)), wanted("a", at(9))
		reached := wanted("reached", time.Time{})
		reached.Conversation = "a:1"
		k.savePeople(fresh, fresh2, first, same, second, far, reached, store.Person{Name: "nobody asks for them"})
		type answer struct {
			ready []store.Person
			next  time.Time
		}
		for name, c := range map[string]struct {
			now   time.Time
			limit int
			want  answer
		}{
			"before anybody's time":               {at(0), 10, answer{[]store.Person{fresh, fresh2}, at(1)}},
			"at a time to the nanosecond":         {at(1), 10, answer{[]store.Person{fresh, fresh2, first, same}, at(2)}},
			"just before it":                      {at(1).Add(-1), 10, answer{[]store.Person{fresh, fresh2}, at(1)}},
			"no more than asked for":              {at(5), 3, answer{[]store.Person{fresh, fresh2, first}, at(9)}},
			"no more than asked for, of the new":  {at(5), 1, answer{[]store.Person{fresh}, at(9)}},
			"all":                                 {at(9), 10, answer{[]store.Person{fresh, fresh2, first, same, second, far}, time.Time{}}},
			"those that are left have their time": {at(9), 1, answer{[]store.Person{fresh}, time.Time{}}},
		} {
			k.lasting(func(tx store.Tx) {
				ready, next, err := tx.PeopleToReach(c.now, c.limit)
				require.NoError(k, err)
				require.Equal(k, c.want, answer{ready, next}, name)
			})
		}
		for _, p := range []store.Person{fresh, fresh2, first, same, second, far} {
			p.Wanted = false
			k.savePeople(p)
		}
		k.lasting(func(tx store.Tx) {
			ready, next, err := tx.PeopleToReach(at(9), 10)
			require.NoError(k, err)
			require.Empty(k, ready, "Microsoft would be asked for nobody's sake")
			require.Zero(k, next)
		})
	})

	k.run("several names may be one person, by conversation and by object id", func(k *kit) {
		upn := store.Person{Name: "alice@contoso.com", ObjectID: "0b7a", Conversation: "a:1"}
		mail := store.Person{Name: "alice.ames@contoso.com", ObjectID: "0b7a", Conversation: "a:1"}
		id := store.Person{Name: "0b7a"} // of a roster, and nobody has asked yet
		bob := store.Person{Name: "bob", ObjectID: "0b7b", Conversation: "A:1"}
		k.savePeople(upn, mail, id, bob, store.Person{Name: "new"})
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []store.Person{mail, upn}, must[[]store.Person](k)(tx.PeopleIn("a:1")), "ids have a case")
			require.Equal(k, []store.Person{id, mail, upn}, must[[]store.Person](k)(tx.PeopleOf("0b7a")))
			require.Equal(k, []store.Person{bob}, must[[]store.Person](k)(tx.PeopleOf("0b7b")))
			for _, nobodys := range []string{"", "0B7A", "a:2"} {
				require.Empty(k, must[[]store.Person](k)(tx.PeopleIn(nobodys)), "%q", nobodys)
				require.Empty(k, must[[]store.Person](k)(tx.PeopleOf(nobodys)), "%q", nobodys)
			}
		})
	})

	k.run("of somebody's personal conversations that one is found which was heard of last and is still theirs", func(k *kit) {
		alice := func(id string, minute int) store.Conversation {
			return store.Conversation{ID: id, Kind: store.Personal, UserObjectID: "0b7a", UpdatedAt: at(minute)}
		}
		last := alice("a:3", 5)
		moved, channel, bob, nobody := alice("a:5", 9), alice("19:x", 9), alice("a:6", 9), alice("a:7", 9)
		moved.MovedTo, channel.Kind, bob.UserObjectID, nobody.UserObjectID = "a:3", store.Channel, "0b7b", ""
		k.update(func(tx store.Tx) error {
			for _, c := range []store.Conversation{alice("a:1", 2), last, alice("a:2", 5), moved, channel, bob, nobody, alice("a:0", 4)} {
				if err := tx.SaveConversation(&c); err != nil {
					return err
				}
			}
			return nil
		})
		k.lasting(func(tx store.Tx) {
			require.Equal(k, last, must[store.Conversation](k)(tx.PersonalConversation("0b7a")))
			for _, id := range []string{"0B7A", "", "0b7c"} {
				_, err := tx.PersonalConversation(id)
				require.ErrorIs(k, err, store.ErrNotFound, "%q: what is for one would go to another", id)
			}
		})
	})

	k.run("a roster comes back exactly as it was saved last", func(k *kit) {
		k.lasting(func(tx store.Tx) {
			require.Equal(k, store.Roster{ID: "group:1"}, must[store.Roster](k)(tx.Roster("group:1")), "nobody has read it yet")
		})
		many := store.Roster{ID: "group:1", DisplayName: "On call \"Ü\""}
		for i := range 5000 {
			many.Members = append(many.Members, fmt.Sprintf("%08x", i))
		}
		for _, r := range []store.Roster{
			{ID: "group:1", DisplayName: "On call", Members: []string{"0b7a", "0b7b"}, RefreshedAt: at(1), Reason: "consent", Message: "not\nallowed", Attempts: 2, NotBefore: at(2)},
			{ID: "group:1"}, many,
		} {
			k.update(func(tx store.Tx) error {
				if err := tx.SaveRoster(&store.Roster{ID: "tag:1/Group:1"}); err != nil {
					return err
				}
				return tx.SaveRoster(&r)
			})
			k.lasting(func(tx store.Tx) {
				require.Equal(k, r, must[store.Roster](k)(tx.Roster("group:1")))
				require.Equal(k, store.Roster{ID: "tag:1/Group:1"}, must[store.Roster](k)(tx.Roster("tag:1/Group:1")))
				require.Equal(k, store.Roster{ID: "tag:1/group:1"}, must[store.Roster](k)(tx.Roster("tag:1/group:1")), "ids have a case")
			})
		}
	})

	k.run("nobody is forgotten, however long ago they were told anything", func(k *kit) {
		old := store.Roster{ID: "group:1", Members: []string{"0b7a"}, RefreshedAt: at(1)}
		k.savePeople(full)
		k.update(func(tx store.Tx) error {
			if err := tx.SaveRoster(&old); err != nil {
				return err
			}
			_, err := tx.Prune(at(0).AddDate(50, 0, 0), time.Hour, 100)
			return err
		})
		k.lasting(func(tx store.Tx) {
			require.Equal(k, full, must[store.Person](k)(tx.Person(full.Name)), "Teams does not say a second time where they can be reached")
			require.Equal(k, old, must[store.Roster](k)(tx.Roster(old.ID)))
		})
	})

	for _, d := range []time.Duration{48 * time.Hour, -48 * time.Hour} {
		k.run(fmt.Sprintf("who is tried again later is so when the clock jumps by %s", d), func(k *kit) {
			roster := store.Roster{ID: "group:1", RefreshedAt: at(1), NotBefore: at(2)}
			fresh := store.Person{Name: "fresh", Wanted: true}
			k.savePeople(full, fresh)
			k.update(func(tx store.Tx) error {
				if err := tx.SaveRoster(&roster); err != nil {
					return err
				}
				return tx.ShiftTimers(d)
			})
			p, r := full, roster
			p.NotBefore, r.NotBefore = full.NotBefore.Add(d), roster.NotBefore.Add(d)
			k.lasting(func(tx store.Tx) {
				require.Equal(k, p, must[store.Person](k)(tx.Person(p.Name)), "they would be tried at once for ever, or not for two days; what has happened is history")
				require.Equal(k, fresh, must[store.Person](k)(tx.Person("fresh")), "no time stays no time")
				require.Equal(k, r, must[store.Roster](k)(tx.Roster(r.ID)))
			})
		})
	}
}

func testMovePosts(k *kit) {
	const from, to = "user:alice@contoso.com", "bot:a:1"
	now := at(30)
	// move moves all that limit allows.
	move := func(k *kit, from, to string, limit int) (moved int, more bool) {
		k.Helper()
		k.update(func(tx store.Tx) (err error) {
			moved, more, err = tx.MovePosts(from, to, now, limit)
			return err
		})
		return moved, more
	}
	// saved has a post of a new episode at from, changed by with.
	saved := func(k *kit, key string, phase group.Phase, with func(p *store.Post)) store.Post {
		k.Helper()
		g := anEpisode(key, "o", 1)
		g.Phase = phase
		p := aPost(k.saveGroup(g), from)
		with(&p)
		return k.savePost(p)
	}
	dead := func(p *store.Post) {
		p.Begin(1, at(1))
		p.GiveUp("no_teams", "they have never opened Teams", at(1))
		p.Missed = true
	}

	k.run("whatever has to be told or can be read goes along, in every state", func(k *kit) {
		due := saved(k, "due", group.Open, func(p *store.Post) { p.Missed = true })
		waiting := saved(k, "waiting", group.Open, func(p *store.Post) {
			p.Begin(1, at(1))
			p.Retry(at(99), "throttled", "patience", at(2))
		})
		sending := saved(k, "sending", group.Open, func(p *store.Post) { p.Begin(1, at(1)) })
		shown := saved(k, "shown", group.Open, func(p *store.Post) { p.Begin(1, at(1)); p.Delivered(1, "m1", true, at(1)) })
		accepted := saved(k, "accepted", group.Open, func(p *store.Post) { p.Begin(1, at(1)); p.Delivered(1, "m3", false, at(1)) })
		edited := saved(k, "edited", group.Open, func(p *store.Post) {
			p.Begin(1, at(1))
			p.Delivered(1, "m2", true, at(1))
			p.Raise(2, group.Due{}, store.RankQuiet, at(2))
		})
		letter := saved(k, "dead", group.Open, dead)
		unheard := saved(k, "dead, unheard", group.Unheard, dead)
		over := saved(k, "dead, over", group.Over, dead)
		digested := saved(k, "digested", group.Open, func(p *store.Post) { p.Begin(1, at(1)); p.Digested(1, at(1)) })
		g := k.saveGroup(anEpisode("elsewhere", "o", 1))
		elsewhere := k.savePost(aPost(g, "user:alice@contoso.co"))

		moved, more := move(k, from, to, 100)
		require.Equal(k, 9, moved)
		require.False(k, more)

		due.Address = to
		waiting.Address, waiting.NotBefore = to, waiting.UpdatedAt // what the other address asked for does not count here
		sending.Address = to
		shown.Address, shown.MessageID = to, "" // it cannot be edited here
		accepted.Address, accepted.MessageID = to, ""
		edited.Address, edited.MessageID = to, ""
		letter.Replay(now)
		letter.Address = to
		unheard.Replay(now)
		unheard.Address = to
		over.Address = to
		k.lasting(func(tx store.Tx) {
			for _, p := range []store.Post{due, waiting, sending, shown, accepted, edited, letter, unheard, over, digested, elsewhere} {
				require.Equal(k, p, must[store.Post](k)(tx.Post(p.ID)))
			}
			require.Equal(k, []string{to, elsewhere.Address}, must[[]string](k)(tx.BusyAddresses()))
			require.Equal(k, []store.Post{sending}, must[[]store.Post](k)(tx.SendingPosts(to)),
				"an attempt that dies now has to be found by who sends here")
			require.Equal(k, []store.Post{over}, must[[]store.Post](k)(tx.ListPosts(store.PostFilter{Address: to, States: []store.State{store.Dead}})),
				"nobody wants to hear of it any more")
			require.Len(k, must[[]store.Post](k)(tx.ReadyPosts(to, now, 100)), 5)
		})
	})

	k.run("thousands are moved in portions, first those that are sent first", func(k *kit) {
		told := func(p *store.Post) { p.Begin(1, at(1)); p.Delivered(1, "m1", true, at(1)) }
		last := saved(k, "told", group.Open, told)
		letters := []store.Post{saved(k, "d1", group.Open, dead), saved(k, "d2", group.Over, dead)}
		sending := saved(k, "sending", group.Open, func(p *store.Post) { p.Begin(1, at(1)) })
		young := saved(k, "young", group.Open, func(p *store.Post) { p.Since = at(3) })
		old := saved(k, "old", group.Open, func(p *store.Post) { p.DeadLetter = true }) // its replay
		loud := saved(k, "loud", group.Open, func(p *store.Post) { p.Since, p.Rank = at(9), store.RankLoudCritical })
		order := []store.Post{loud, old, young, sending, letters[0], letters[1], last}
		for _, c := range []struct {
			moved, there int
			more         bool
		}{{2, 2, true}, {2, 4, true}, {2, 6, true}, {1, 7, false}, {0, 7, false}} {
			moved, more := move(k, from, to, 2)
			require.Equal(k, []any{c.moved, c.more}, []any{moved, more})
			k.lasting(func(tx store.Tx) {
				for i, p := range order {
					is := must[store.Post](k)(tx.Post(p.ID)).Address
					require.Equal(k, map[bool]string{true: to, false: from}[i < c.there], is, "%d after %d", i, c.there)
				}
			})
		}
	})

	k.run("as many as are asked for are all there are", func(k *kit) {
		for i := range 3 {
			saved(k, fmt.Sprint(i), group.Open, func(*store.Post) {})
		}
		moved, more := move(k, from, to, 3)
		require.Equal(k, []any{3, false}, []any{moved, more})
	})

	k.run("where the episode is at the other address already, that post takes over", func(k *kit) {
		news := func(p *store.Post) { p.Want, p.Call = 3, 3 }
		told := func(p *store.Post) { p.Begin(1, at(1)); p.Delivered(1, "m1", true, at(1)) }
		for name, c := range map[string]struct {
			phase       group.Phase
			here, there func(p *store.Post)
		}{
			"both are shown":                      {group.Open, told, told},
			"news meets a card":                   {group.Open, news, told},
			"news meets news":                     {group.Open, news, func(*store.Post) {}},
			"an attempt meets a card":             {group.Open, func(p *store.Post) { news(p); p.Begin(1, at(2)) }, told},
			"news meets an attempt":               {group.Open, news, func(p *store.Post) { p.Begin(1, at(2)) }},
			"a dead letter meets a card":          {group.Open, func(p *store.Post) { news(p); dead(p) }, told},
			"a dead letter that is over, a card":  {group.Over, func(p *store.Post) { news(p); dead(p) }, told},
			"a dead letter that is over, news":    {group.Over, func(p *store.Post) { news(p); dead(p) }, func(*store.Post) {}},
			"news meets a dead letter":            {group.Open, news, dead},
			"what was missed meets what was told": {group.Open, func(p *store.Post) { p.Missed = true }, told},
		} {
			k.run(name, func(k *kit) {
				here := saved(k, "k", c.phase, c.here)
				there := aPost(group.Group{ID: here.GroupID}, to)
				c.there(&there)
				there = k.savePost(there)
				moved, more := move(k, from, to, 10)
				require.Equal(k, []any{1, false}, []any{moved, more})
				if here.State == store.Dead && c.phase != group.Over {
					here.Replay(now)
				}
				there.TakeOver(here, now)
				k.lasting(func(tx store.Tx) {
					require.Equal(k, there, must[store.Post](k)(tx.Post(there.ID)))
					_, err := tx.Post(here.ID)
					require.ErrorIs(k, err, store.ErrNotFound, "it would be told twice")
				})
			})
		}
	})

	k.run("who was to wait for a post that another one took over waits for that one", func(k *kit) {
		first := saved(k, "1", group.Open, func(*store.Post) {})
		there := k.savePost(aPost(group.Group{ID: first.GroupID}, to))
		second := saved(k, "2", group.Open, func(p *store.Post) { p.Follows, p.Rank = first.ID, store.RankLoudCritical })
		move(k, from, to, 1) // the second: it is louder
		move(k, from, to, 1)
		k.lasting(func(tx store.Tx) {
			require.Equal(k, there.ID, must[store.Post](k)(tx.Post(second.ID)).Follows)
			ready := must[[]store.Post](k)(tx.ReadyPosts(to, now, 10))
			require.Len(k, ready, 1, "people would read the old episode last")
			require.Equal(k, there.ID, ready[0].ID)
		})
	})

	k.run("to move posts to where they are does nothing", func(k *kit) {
		p := saved(k, "k", group.Open, dead)
		moved, more := move(k, from, from, 10)
		require.Equal(k, []any{0, false}, []any{moved, more})
		k.lasting(func(tx store.Tx) {
			require.Equal(k, p, must[store.Post](k)(tx.Post(p.ID)))
		})
	})
}

func testMoveSubscriptions(k *kit) {
	move := func(k *kit, from, to string) {
		k.Helper()
		k.update(func(tx store.Tx) error { return tx.MoveSubscriptions(from, to) })
	}
	// save stores subscriptions, by address and matchers, and returns them.
	save := func(k *kit, all ...store.Subscription) []store.Subscription {
		k.Helper()
		k.update(func(tx store.Tx) error {
			for i := range all {
				if err := tx.SaveSubscription(&all[i]); err != nil {
					return err
				}
			}
			return nil
		})
		return all
	}
	critical, reversed, other := []string{`severity="critical"`, `team="net"`}, []string{`team="net"`, `severity="critical"`}, []string{`team="dba"`}

	k.run("the subscriptions of an address go to another one, each thing once", func(k *kit) {
		all := save(k,
			store.Subscription{Address: "a", Name: "Alice", Matchers: critical, By: group.Person{Name: "Alice"}, At: at(1)},
			store.Subscription{Address: "b", Matchers: reversed, At: at(2)},
			store.Subscription{Address: "b", Matchers: other, At: at(3)},
			store.Subscription{Address: "a", Matchers: other, At: at(4)},
			store.Subscription{Address: "a", At: at(5)}, // everything
			store.Subscription{Address: "c", Matchers: critical, At: at(6)},
		)
		move(k, "a", "b")
		want := []store.Subscription{all[0], all[2], all[4], all[5]}
		want[0].Address, want[2].Address = "b", "b"
		k.lasting(func(tx store.Tx) {
			require.Equal(k, want, must[[]store.Subscription](k)(tx.Subscriptions("")), "of two the oldest is left; what others have stays")
		})
		move(k, "a", "b")
		k.lasting(func(tx store.Tx) {
			require.Equal(k, want, must[[]store.Subscription](k)(tx.Subscriptions("")), "a second time there is nothing to do")
		})
	})

	k.run("to move subscriptions to where they are does nothing", func(k *kit) {
		all := save(k, store.Subscription{Address: "a", Matchers: critical}, store.Subscription{Address: "a", Matchers: reversed})
		move(k, "a", "a")
		k.lasting(func(tx store.Tx) {
			require.Equal(k, all, must[[]store.Subscription](k)(tx.Subscriptions("")))
		})
	})
}
