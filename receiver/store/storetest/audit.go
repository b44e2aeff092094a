package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

func testAudit(k *kit) {
	add := func(k *kit, a store.Audit) store.Audit {
		k.Helper()
		k.update(func(tx store.Tx) error { return tx.AddAudit(&a) })
		return a
	}
	k.run("a line comes back exactly as it was written", func(k *kit) {
		for i, line := range []store.Audit{
			{At: at(0)},
			{At: at(1), Who: "Alice 🔥", ObjectID: "o1", Action: "refused:ack", Target: "fgq8", About: "Down web-3 {a=\"b\"}",
				From: "channel \"sre\"", Before: "open", After: "a\nb"},
		} {
			line = add(k, line)
			require.NotZero(k, line.ID, i)
			k.lasting(func(tx store.Tx) {
				require.Equal(k, []store.Audit{line}, must[[]store.Audit](k)(tx.Audit(store.AuditFilter{Limit: 1})), i)
			})
		}
	})

	k.run("the audit is filtered, newest first, page by page", func(k *kit) {
		var log []store.Audit
		for i := range 12 {
			log = append([]store.Audit{add(k, store.Audit{
				At: at(i), Who: []string{"Alice", "Bob"}[i%2], ObjectID: []string{"o1", "o2", "Alice"}[i%3],
				Action: []string{"ack", "silence", "refused:ack"}[i/4], Target: []string{"a1", "b2", "c3"}[i%3],
				From: []string{"api 10.0.0.1", "api 10.0.0.2", "page 10.0.0.1", "apiary"}[i%4],
			})}, log...)
		}
		pick := func(indices ...int) (picked []store.Audit) {
			for _, i := range indices {
				picked = append(picked, log[len(log)-1-i])
			}
			return picked
		}
		for name, list := range map[string]struct {
			filter store.AuditFilter
			want   []store.Audit
		}{
			"all":                        {store.AuditFilter{}, log},
			"a page":                     {store.AuditFilter{Before: log[2].ID, Limit: 3}, log[3:6]},
			"from an id that is not yet": {store.AuditFilter{Before: log[0].ID + 1000, Limit: 3}, log[:3]},
			"of a name or an id":         {store.AuditFilter{Who: "Alice"}, pick(11, 10, 8, 6, 5, 4, 2, 0)},
			"of an id":                   {store.AuditFilter{Who: "o2"}, pick(10, 7, 4, 1)},
			"not of a name alike":        {store.AuditFilter{Who: "alice"}, nil},
			"of nobody that there is":    {store.AuditFilter{Who: "o2", Target: "a1"}, nil},
			"of an action":               {store.AuditFilter{Action: "ack"}, pick(3, 2, 1, 0)},
			"whatever was refused":       {store.AuditFilter{Action: store.Refused}, pick(11, 10, 9, 8)},
			"what one was refused":       {store.AuditFilter{Action: store.Refused, Who: "Bob"}, pick(11, 9)},
			"one thing that was refused": {store.AuditFilter{Action: "refused:ack", From: "api"}, pick(9, 8)},
			"about something":            {store.AuditFilter{Target: "b2"}, pick(10, 7, 4, 1)},
			"about something, by one":    {store.AuditFilter{Target: "b2", Who: "Alice"}, pick(10, 4)},
			"from a place":               {store.AuditFilter{From: "api 10.0.0.1"}, pick(8, 4, 0)},
			"by one way":                 {store.AuditFilter{From: "api"}, pick(9, 8, 5, 4, 1, 0)},
			"since a time":               {store.AuditFilter{Since: at(10)}, pick(11, 10)},
			"until a time":               {store.AuditFilter{Until: at(2)}, pick(1, 0)},
			"between times, by one":      {store.AuditFilter{Since: at(2), Until: at(5), Who: "Bob"}, pick(3)},
			"everything at once": {store.AuditFilter{
				Since: at(1), Until: at(11), Who: "Bob", Action: "ack", Target: "b2", From: "api", Before: log[0].ID, Limit: 1,
			}, pick(1)},
		} {
			k.lasting(func(tx store.Tx) {
				require.Equal(k, list.want, must[[]store.Audit](k)(tx.Audit(list.filter)), name)
			})
		}
	})

	k.run("pages follow each other where many lines have one time, and where the clock went back", func(k *kit) {
		for i := range 7 {
			add(k, store.Audit{At: at(i / 3), Who: "Alice", ObjectID: "Alice"}) // is one line, where both are looked for
		}
		add(k, store.Audit{At: at(0), Who: "Alice"})
		for name, f := range map[string]store.AuditFilter{"all": {Limit: 3}, "of one": {Limit: 3, Who: "Alice"}} {
			seen := map[int64]bool{}
			k.view(func(tx store.Tx) error {
				for {
					lines := must[[]store.Audit](k)(tx.Audit(f))
					for _, l := range lines {
						require.False(k, seen[l.ID], "%s: a line comes twice", name)
						seen[l.ID] = true
					}
					if len(lines) < f.Limit { // nobody asks for the page after that
						return nil
					}
					f.Before = lines[len(lines)-1].ID
				}
			})
			require.Len(k, seen, 8, "%s: a line is on no page", name)
		}
	})

	k.run("a search that finds next to nothing ends soon, and says where it goes on", func(k *kit) {
		first := add(k, store.Audit{At: at(0), Who: "Alice", Action: "ack", From: "page 10.0.0.1"})
		k.update(func(tx store.Tx) error {
			for i := range store.MaxLooked + 1 {
				if err := tx.AddAudit(&store.Audit{At: at(i / 10), Who: "Alice", ObjectID: "o1", Action: "ack", From: "channel"}); err != nil {
					return err
				}
			}
			return nil
		})
		k.view(func(tx store.Tx) error {
			for _, who := range []string{"Alice", "o1"} {
				found, further, err := tx.SearchAudit(store.AuditFilter{Who: who, From: "page"})
				require.NoError(k, err)
				require.Empty(k, found)
				require.Equal(k, first.ID+2, further, "of all but the two that were written first it has looked at the latest: %s", who)
			}
			found, further, err := tx.SearchAudit(store.AuditFilter{Who: "Alice", From: "page", Before: first.ID + 2})
			require.NoError(k, err)
			require.Equal(k, []store.Audit{first}, found)
			require.Zero(k, further, "that was all")
			found, further, err = tx.SearchAudit(store.AuditFilter{Who: "Alice", Action: "ack", Limit: 3})
			require.NoError(k, err)
			require.Len(k, found, 3)
			require.Equal(k, found[2].ID, further)
			found, further, err = tx.SearchAudit(store.AuditFilter{Who: "Alice", Action: "silence"})
			require.NoError(k, err)
			require.Empty(k, found)
			require.Zero(k, further, "a person and an action have an index together")
			require.Equal(k, []store.Audit{first}, must[[]store.Audit](k)(tx.Audit(store.AuditFilter{Who: "Alice", From: "page"})), "who asks for all of them gets them, however far they are")
			return nil
		})
	})

	k.run("a list without a limit has a hundred", func(k *kit) {
		k.update(func(tx store.Tx) error {
			for range 120 {
				if err := tx.AddAudit(&store.Audit{At: start}); err != nil {
					return err
				}
			}
			return nil
		})
		k.lasting(func(tx store.Tx) { require.Len(k, must[[]store.Audit](k)(tx.Audit(store.AuditFilter{})), 100) })
	})

	k.run("a line stays for a year, however short the retention is", func(k *kit) {
		// Years ago: a year has to be over for the database too.
		long := func(n int) time.Time { return at(n).AddDate(-5, 0, 0) }
		line := add(k, store.Audit{At: long(0), Who: "Alice"})
		for _, c := range []struct {
			now  time.Time
			left []store.Audit
		}{
			{long(0).Add(store.KeepAudit), []store.Audit{line}},
			{long(1).Add(store.KeepAudit), nil},
		} {
			k.update(func(tx store.Tx) error { _, err := tx.Prune(c.now, time.Minute, 10); return err })
			k.lasting(func(tx store.Tx) { require.Equal(k, c.left, must[[]store.Audit](k)(tx.Audit(store.AuditFilter{}))) })
		}
	})

	k.run("a clock that was set into the next century takes nothing of this one's audit along", func(k *kit) {
		line := add(k, store.Audit{At: time.Now().Truncate(time.Second).UTC(), Who: "Alice"})
		k.update(func(tx store.Tx) error {
			_, err := tx.Prune(time.Now().AddDate(80, 0, 0), time.Minute, 10)
			return err
		})
		k.lasting(func(tx store.Tx) {
			require.Equal(k, []store.Audit{line}, must[[]store.Audit](k)(tx.Audit(store.AuditFilter{})))
		})
	})
}
