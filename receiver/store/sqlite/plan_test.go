package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// ignore is err, unless it is the one that is expected.
func ignore(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

// eachSearch calls fn with every combination of conditions that a page can ask
// for.
func eachSearch(fn func(store.DeliveryFilter)) {
	now := time.Now()
	set := []func(*store.DeliveryFilter){
		func(f *store.DeliveryFilter) { f.GroupID = 1 },
		func(f *store.DeliveryFilter) { f.Destination = "ops" },
		func(f *store.DeliveryFilter) { f.State = store.DeliveryDelivered },
		func(f *store.DeliveryFilter) { f.State = store.DeliveryDead },
		func(f *store.DeliveryFilter) { f.Kind = store.KindDigest },
		func(f *store.DeliveryFilter) { f.Reason = "auth" },
		func(f *store.DeliveryFilter) { f.Text = "disk" },
		func(f *store.DeliveryFilter) { f.Since = now },
		func(f *store.DeliveryFilter) { f.Until = now },
	}
	for chosen := range 1 << len(set) {
		var f store.DeliveryFilter
		for i, condition := range set {
			if chosen&(1<<i) != 0 {
				condition(&f)
			}
		}
		fn(f)
	}
}

// TestNoQueryReadsAWholeTable runs every method of a transaction, collects the
// statements it used, and asks SQLite how it would find the rows. A query that
// goes through a table works in a test with ten rows and stops everybody at a
// site with a million.
func TestNoQueryReadsAWholeTable(t *testing.T) {
	now := time.Now()
	// What may go through a whole table or index, because all of it is meant,
	// or because it has no more rows than there are addresses.
	allowed := map[string]string{
		"WITH RECURSIVE named":                 "SCAN named",
		"DELETE FROM checks":                   "SCAN checks",
		"UPDATE groups SET due_at = CAST":      "SCAN groups",
		"UPDATE posts SET not_before = CAST":   "SCAN posts USING ",
		"UPDATE sends SET at = CAST":           "SCAN sends",
		"UPDATE addresses":                     "SCAN addresses",
		"SELECT address, holder":               "SCAN addresses",
		"UPDATE intents SET not_before = CAST": "SCAN intents USING ",
		"UPDATE silences SET":                  "SCAN silences",
		"UPDATE people SET not_before = CAST":  "SCAN people",
		"UPDATE rosters SET not_before = CAST": "SCAN rosters",
		"UPDATE heartbeats SET":                "SCAN heartbeats",
		"UPDATE sightings SET":                 "SCAN sightings",
		"UPDATE shifted SET":                   "SCAN shifted", // one row
		"SELECT total":                         "SCAN shifted",
		"SELECT last_at":                       "SCAN shifted",
		"UPDATE replicas SET":                  "SCAN replicas", // a row for each process of the last day
		"DELETE FROM replicas":                 "SCAN replicas",
		"SELECT name, until":                   "SCAN replicas",
		"UPDATE canaries SET":                  "SCAN canaries",
		"SELECT phase, count(*)":               "SCAN groups USING INDEX groups_open",
		"WITH RECURSIVE busy":                  "SCAN ranks",
		"SELECT name, beat_at":                 "SCAN heartbeats",
		"SELECT destination, address":          "SCAN canaries",
		"SELECT id, kind, tenant":              "SCAN conversations USING INDEX",
		"SELECT id, address, name, matchers":   "SCAN subscriptions",
		"SELECT id, secret":                    "SCAN button_keys",
		"SELECT name, key_id":                  "SCAN destinations",
		"SELECT destination, by_name":          "SCAN disabled",
		"SELECT id, group_id, source":          "SCAN intents USING COVERING INDEX intents_queue",
		"SELECT source, min(CASE WHEN":         "SCAN intents USING COVERING INDEX intents_queue",
	}
	s := openAt(t, filepath.Join(t.TempDir(), "plan.db"))
	used := map[string]bool{}
	s.writer.conn.fail = func(sql string) error {
		used[sql] = true
		return nil
	}
	require.NoError(t, s.Update(context.Background(), func(tx store.Tx) error {
		g := group.Group{Key: "k", Origin: "o", Phase: group.Open}
		p := store.Post{Address: "a", State: store.Due}
		d := store.Delivery{}
		var err error
		do := func(e error) {
			if err == nil {
				err = e
			}
		}
		do(tx.SaveGroup(&g))
		do(tx.SaveGroup(&g))
		p.GroupID = g.ID
		do(tx.SavePost(&p))
		do(tx.SavePost(&p))
		do(tx.SaveDelivery(&d))
		do(tx.SaveDelivery(&d))
		_, e := tx.Groups("o")
		do(e)
		_, e = tx.Group(g.ID)
		do(e)
		_, e = tx.DueGroups(now, 1)
		do(e)
		_, e = tx.NextDueGroup()
		do(e)
		do(tx.OpenGroups(func(group.Group) error { return nil }))
		do(tx.Briefs(func(store.Brief) error { return nil }))
		_, _, e = tx.Episodes(g.ID, 10)
		do(e)
		_, e = tx.ListGroups(true, 0, 1)
		do(e)
		_, e = tx.ListGroups(false, 0, 1)
		do(e)
		_, e = tx.PostOf(g.ID, "a")
		do(e)
		_, e = tx.Post(p.ID)
		do(e)
		_, e = tx.ReadyPosts("a", now, 1)
		do(e)
		_, e = tx.FollowingPosts("a", now, 1)
		do(e)
		_, e = tx.Backlog("a", store.RankQuiet, now, 10000)
		do(e)
		_, e = tx.NextPost("a")
		do(e)
		_, e = tx.BusyAddresses()
		do(e)
		_, e = tx.SendingPosts("a")
		do(e)
		for _, f := range []store.PostFilter{
			{}, {GroupID: 1}, {Destination: "ops"}, {DeadLetters: true}, {DeadLetters: true, Destination: "ops"},
			{DeadLetters: true, Address: "a"}, {States: []store.State{store.Due, store.Waiting, store.Dead}, Address: "a"}, {States: []store.State{store.Dead}, Destination: "ops"},
		} {
			_, e = tx.ListPosts(f)
			do(e)
		}
		for _, destination := range []string{"", "ops"} {
			for _, reason := range []string{"", "auth"} {
				_, e = tx.ListPosts(store.PostFilter{DeadLetters: true, Destination: destination, Reason: reason})
				do(e)
			}
		}
		for _, f := range []store.PostFilter{
			{DeadLetters: true, GroupID: 1}, {Replay: 1}, {Replay: 1, DeadLetters: true, States: []store.State{store.Dead}},
		} {
			_, e = tx.ListPosts(f)
			do(e)
		}
		replay := store.Replay{State: store.ReplayRunning}
		do(tx.SaveReplay(&replay))
		do(tx.SaveReplay(&replay))
		_, e = tx.Replay(replay.ID)
		do(e)
		_, e = tx.RunningReplays()
		do(e)
		_, e = tx.Replays(0, 1)
		do(e)
		_, e = tx.CountReplay(1)
		do(e)
		letter := store.Post{GroupID: g.ID, Address: "letter", Destination: "ops", State: store.Dead, DeadLetter: true, Reason: "auth"}
		do(tx.SavePost(&letter))
		_, e = tx.LetterPiles(10)
		do(e)
		_, e = tx.Phases([]int64{g.ID})
		do(e)
		do(tx.DeletePost(letter.ID))
		eachSearch(func(f store.DeliveryFilter) {
			_, _, e = tx.SearchDeliveries(f)
			do(e)
		})
		_, e = tx.CountGroups()
		do(e)
		_, e = tx.OldestWaiting()
		do(e)
		_, e = tx.CountPosts()
		do(e)
		_, e = tx.Delivery(d.ID)
		do(e)
		for _, f := range []store.DeliveryFilter{
			{}, {PostID: 1}, {GroupID: 1}, {Destination: "ops"}, {State: store.DeliverySending}, {Since: now},
			{PostID: 1, GroupID: 1, Destination: "ops", State: store.DeliveryRetry, Since: now},
		} {
			_, e = tx.Deliveries(f)
			do(e)
		}
		_, e = tx.Prune(now, 0, 1)
		do(e)
		_, e = tx.Address("a")
		do(e)
		do(tx.SaveAddress(&store.Address{Address: "a"}))
		_, e = tx.Addresses()
		do(e)
		_, e = tx.Lease("a", "me", now, now)
		do(e)
		do(tx.ReleaseLeases("me"))
		_, e = tx.Sends("a", now)
		do(e)
		do(tx.RecordSend("a", now, now))
		do(tx.ShiftTimers(1))
		do(tx.SaveTime(now))
		_, e = tx.LastTime()
		do(e)
		_, e = tx.Readdress("ops", []string{"b"})
		do(e)
		do(tx.DeletePost(p.ID))
		i := store.Intent{GroupID: g.ID, Source: "jira", State: store.IntentRequested}
		do(tx.SaveIntent(&i))
		do(tx.SaveIntent(&i))
		_, e = tx.Intent(i.ID)
		do(e)
		_, e = tx.Intents([]int64{g.ID})
		do(e)
		_, e = tx.NextIntent("jira", now, now)
		do(e)
		_, e = tx.IntentQueues(now, now)
		do(e)
		do(tx.SaveHeartbeat(&store.Heartbeat{Name: "h"}))
		do(tx.Beat("h", now, "here"))
		_, e = tx.Heartbeats()
		do(e)
		do(tx.DeleteHeartbeat("h"))
		do(tx.SaveCanary(&store.Canary{Destination: "ops"}))
		_, e = tx.Canaries()
		do(e)
		do(tx.DeleteCanary("ops"))
		_, e = tx.Conversation("c")
		do(ignore(e, store.ErrNotFound))
		for _, team := range []string{"", "ops"} {
			_, e = tx.Conversations(team)
			do(e)
		}
		do(tx.SaveConversation(&store.Conversation{ID: "c"}))
		_, e = tx.Seen("1", now)
		do(e)
		silence := store.Silence{}
		do(tx.SaveSilence(&silence))
		do(tx.SaveSilence(&silence))
		_, e = tx.Silence(silence.ID)
		do(e)
		_, e = tx.ActiveSilences(now)
		do(e)
		_, e = tx.OpenSilences(now)
		do(e)
		_, _, e = tx.UnsettledSilences(now, 1)
		do(e)
		subscription := store.Subscription{}
		do(tx.SaveSubscription(&subscription))
		do(tx.SaveSubscription(&subscription))
		for _, address := range []string{"", "a"} {
			_, e = tx.Subscriptions(address)
			do(e)
		}
		do(tx.DeleteSubscription(subscription.ID))
		do(tx.AddAudit(&store.Audit{}))
		for _, f := range auditFilters(now) {
			_, e = tx.Audit(f)
			do(e)
		}
		do(tx.SaveDestination(&store.Destination{Name: "d", Sealed: []byte("s")}))
		_, e = tx.AddedDestinations()
		do(e)
		_, e = tx.AddedDestination("d")
		do(e)
		do(tx.DeleteDestination("d"))
		do(tx.Disable(&store.Disabled{Destination: "d"}))
		_, e = tx.DisabledDestinations()
		do(e)
		do(tx.Enable("d"))
		do(tx.AddKey(store.Key{ID: "k", Secret: []byte("s")}))
		_, e = tx.Keys()
		do(e)
		_, e = tx.DeadLettersAt("a")
		do(e)
		_, e = tx.PostByMessage("a", "m")
		do(ignore(e, store.ErrNotFound))
		for _, addresses := range [][]string{nil, {"a", "b"}} {
			_, e = tx.OpenGroupsAt(addresses, 1)
			do(e)
		}
		do(tx.SavePerson(&store.Person{Name: "alice"}))
		_, e = tx.Person("alice")
		do(e)
		_, e = tx.People("", 1)
		do(e)
		_, _, e = tx.PeopleToReach(now, 10)
		do(e)
		_, e = tx.PeopleIn("c")
		do(e)
		_, e = tx.PeopleOf("o")
		do(e)
		_, e = tx.PersonalConversation("o")
		do(ignore(e, store.ErrNotFound))
		do(tx.SaveRoster(&store.Roster{ID: "group:1"}))
		_, e = tx.Roster("group:1")
		do(e)
		// One that only moves, one that another takes over, a dead letter.
		for _, p := range []store.Post{{Address: "user:a"}, {Address: "user:b"}, {Address: "bot:b"}, {Address: "user:c", State: store.Dead, DeadLetter: true}} {
			p.GroupID, p.State = g.ID, cmp.Or(p.State, store.Due)
			do(tx.SavePost(&p))
		}
		for _, name := range []string{"a", "b", "c"} {
			_, _, e = tx.MovePosts("user:"+name, "bot:"+name, now, 10)
			do(e)
		}
		do(tx.SaveSubscription(&store.Subscription{Address: "a"}))
		do(tx.MoveSubscriptions("a", "b"))
		return err
	}))
	require.NoError(t, s.Check(context.Background()))
	s.writer.conn.fail = nil
	require.Greater(t, len(used), 100, "the test has lost sight of the statements")

	for sql := range used {
		var plan []string
		err := s.readers.view(context.Background(), func(x store.Tx) error {
			args := make([]any, strings.Count(sql, "?"))
			return x.(*tx).conn.query("EXPLAIN QUERY PLAN "+sql, func(row []driver.Value) error {
				plan = append(plan, row[3].(string))
				return nil
			}, args...)
		})
		require.NoError(t, err, sql)
		for _, step := range plan {
			if strings.Contains(step, "TEMP B-TREE") {
				switch {
				case strings.Contains(sql, "ORDER BY rank"):
					t.Errorf("an address with a long backlog would sort all of it for every send: %s", step)
				case strings.Contains(sql, "LIMIT") && strings.Contains(sql, "FROM people"), strings.Contains(sql, "FROM conversations"):
					t.Errorf("all people would be sorted for a few: %s\n  in: %s", step, sql)
				}
			}
			if !strings.Contains(step, "SCAN ") || step == "SCAN busy" || step == "SCAN open" || step == "SCAN CONSTANT ROW" || strings.HasSuffix(step, " CONSTANT ROWS") ||
				strings.HasPrefix(step, "SCAN (subquery-") || // of what is limited inside
				strings.HasSuffix(step, "INDEX silences_unsettled") || // what Alertmanager has not been told of
				strings.HasPrefix(step, "SCAN json_each") || // of the caller's list
				strings.HasSuffix(step, "INDEX replays_running") || // those under way
				strings.HasSuffix(step, "COVERING INDEX groups_open") || // all that fires, without the episodes
				strings.HasSuffix(step, "INDEX posts_dead") || // holds the dead letters only
				strings.HasSuffix(step, "INDEX posts_sending") { // at most one an address

				continue
			}
			ok := false
			for prefix, may := range allowed {
				ok = ok || strings.HasPrefix(sql, prefix) && strings.HasPrefix(step, may)
			}
			if !ok {
				t.Errorf("%s\n  in: %s", step, sql)
			}
		}
	}
}
