package postgrestest

import (
	"context"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// count asks a database how many rows its table t has.
func count(t *testing.T, url string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM t`).Scan(&n))
	return n
}

func TestEveryTestHasADatabaseOfItsOwn(t *testing.T) {
	a, b := Database(t), Database(t)
	require.NotEqual(t, a, b)
	conn, err := pgx.Connect(t.Context(), a)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), `CREATE TABLE t AS SELECT 1`)
	require.NoError(t, err)
	require.Equal(t, 1, count(t, a))
	other, err := pgx.Connect(t.Context(), b)
	require.NoError(t, err)
	defer other.Close(context.Background())
	_, err = other.Exec(t.Context(), `SELECT FROM t`)
	require.ErrorContains(t, err, "does not exist")
}

func TestAServerKeepsWhatItHasThroughStopAndKill(t *testing.T) {
	s := Own(t)
	url := s.URL("")
	require.NoError(t, s.Exec("", `CREATE TABLE t AS SELECT 1`))
	require.Error(t, s.Start(), "two of them would fight for the port")
	for _, end := range []func(){s.Kill, func() { require.NoError(t, s.Stop()) }, s.Kill} {
		end()
		_, err := pgx.Connect(t.Context(), url)
		require.Error(t, err, "it goes on")
		require.NoError(t, s.Start())
		require.Equal(t, 1, count(t, url))
	}
	require.NoError(t, s.Close())
	require.NoDirExists(t, s.dir)
}
