package postgres

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// whole are the tables of which statements may read everything, because all of
// it is meant or because there is one row for each name in the file, and the
// beginnings of the statements that do so with others.
var whole = map[string][]string{
	"teamsrelay": {""}, "shifted": {""}, "checks": {""},
	"subscriptions": {"SELECT id, address, name, matchers"},
	"button_keys":   {"SELECT id, secret"},
	"relayed":       {"SELECT alert, told"},
	"series":        {"SELECT rule, series, state FROM series ORDER BY"},
	"replicas":      {"DELETE FROM replicas", "SELECT name, until", "UPDATE replicas"},
	"addresses":     {"UPDATE addresses"},
	"sends":         {"UPDATE sends"}, "groups": {"UPDATE groups SET due_at"}, "posts": {"UPDATE posts SET not_before = least"},
	"intents": {"UPDATE intents SET not_before = least"}, "silences": {"UPDATE silences SET "},
	"people": {"UPDATE people SET not_before"}, "rosters": {"UPDATE rosters SET not_before"},
	"heartbeats": {"UPDATE heartbeats"}, "canaries": {"UPDATE canaries"}, "sightings": {"UPDATE sightings"},
}

var seqScan = regexp.MustCompile(`Seq Scan on (\w+)`)

// testPlans asks PostgreSQL how it would find the rows of every statement that
// the suite has used, whatever the arguments are. A query that goes through a
// table works in a test with ten rows and stops everybody at a site with a
// million. PostgreSQL does that only where there is no other way (see
// parameters), so what it says of empty tables holds for full ones.
func testPlans(t *testing.T, url string) {
	c, err := connection(Options{URL: url})
	require.NoError(t, err)
	conn, err := pgx.ConnectConfig(t.Context(), c)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	argument := regexp.MustCompile(`\$\d+`)
	looked := 0
	statements.Range(func(_, value any) bool {
		sql := strings.TrimSpace(value.(string))
		word, _, _ := strings.Cut(sql, " ")
		if word != "SELECT" && word != "WITH" && word != "UPDATE" && word != "DELETE" {
			return true
		}
		looked++
		_, err := conn.Exec(t.Context(), "PREPARE looked AS "+sql, pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err, sql)
		nulls := strings.TrimSuffix(strings.Repeat("NULL, ", len(argument.FindAllString(sql, -1))), ", ")
		if nulls != "" {
			nulls = "(" + nulls + ")"
		}
		rows, err := conn.Query(t.Context(), "EXPLAIN EXECUTE looked"+nulls, pgx.QueryExecModeSimpleProtocol)
		require.NoError(t, err, sql)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err, sql)
		if strings.Contains(sql, " AS looked") {
			require.Regexp(t, `Index Cond: \(\((ROW\()?\w`, strings.Join(lines, "\n"), "a page walks through what nobody asked for: %s", sql)
			require.NotContains(t, strings.Join(lines, "\n"), "Incremental Sort", "all of a person's lines are read for a page: %s", sql)
		}
		for _, m := range seqScan.FindAllStringSubmatch(strings.Join(lines, "\n"), -1) {
			allowed := false
			for _, beginning := range whole[m[1]] {
				allowed = allowed || strings.HasPrefix(sql, beginning)
			}
			if !allowed {
				t.Error(fmt.Sprintf("it reads all of %s: %s\n%s", m[1], sql, strings.Join(lines, "\n")))
			}
		}
		_, err = conn.Exec(t.Context(), "DEALLOCATE looked")
		require.NoError(t, err)
		return true
	})
	if !t.Failed() && looked < 100 {
		t.Skip("only part of the suite has run")
	}
}
