package teams

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// begin starts a plugin, writes metrics and waits until it has said words.
func begin(t *testing.T, dir string, change func(*Teams), words string, metrics ...telegraf.Metric) (*Teams, *testutil.CaptureLogger) {
	t.Helper()
	p, log := plugin(t, dir, change)
	require.NoError(t, p.Init())
	require.NoError(t, p.Connect())
	require.NoError(t, p.Write(metrics))
	require.Eventually(t, func() bool { return strings.Contains(allOf(log), words) }, time.Minute, 10*time.Millisecond, words)
	return p, log
}

func allOf(log *testutil.CaptureLogger) string {
	var all strings.Builder
	for _, m := range log.Messages() {
		all.WriteString(m.String() + "\n")
	}
	return all.String()
}

// TestARestartTellsWhatWasGivenUp: nobody can replay a dead letter here, so an
// alert that met a wrong webhook would never be told.
func TestARestartTellsWhatWasGivenUp(t *testing.T) {
	t.Run("the webhook in the section is another one", func(t *testing.T) {
		teams, url := startTeams(t)
		teams.Fault("old", teamstest.Fault{Status: http.StatusNotFound, Times: -1})
		dir := files(t, map[string]string{"rules.yml": temperatureRule})
		to := func(webhook string) func(*Teams) {
			return func(p *Teams) {
				p.WebhookURL = config.NewSecret([]byte(strings.Replace(url, "/ops", "/"+webhook, 1)))
				p.GroupWait = seconds(0)
			}
		}
		p, _ := begin(t, dir, to("old"), "dead letter", metricAt("r1", 33))
		require.NoError(t, p.Close())
		p, _ = begin(t, dir, to("ops"), "tried again dead_letters=1", metricAt("r1", 33))
		require.Contains(t, shown(t, teams, 1)[0], "firing")
		require.NoError(t, p.Close())
		p, log := begin(t, dir, to("ops"), "")
		require.NoError(t, p.Close())
		require.NotContains(t, allOf(log), "tried again", "it was told")
		require.Len(t, teams.Shown("ops"), 1)
	})
	t.Run("the flow of a configuration file is there again", func(t *testing.T) {
		teams, url := startTeams(t)
		teams.Fault("ops", teamstest.Fault{Status: http.StatusNotFound, Times: -1})
		dir := files(t, map[string]string{
			"rules.yml":    temperatureRule,
			"receiver.yml": "storage: {url: 'sqlite:receiver.db'}\ndestinations: [{name: ops, workflow: {url: '" + url + "'}}]\nroute: {destinations: [ops], group_wait: 0s}\n",
		})
		change := func(p *Teams) { p.ConfigFile = filepath.Join(dir, "receiver.yml") }
		p, _ := begin(t, dir, change, "dead letter", metricAt("r1", 33))
		require.NoError(t, p.Close())
		p, _ = begin(t, dir, change, "dead letter")
		require.NoError(t, p.Close(), "as long as it is not mended it is given up again")
		teams.ClearFaults()
		p, _ = begin(t, dir, change, "tried again dead_letters=1")
		require.Contains(t, shown(t, teams, 1)[0], "firing")
		require.NoError(t, p.Close())

		gone := strings.NewReplacer("name: ops", "name: other", "[ops]", "[other]", "/ops", "/nobody")
		text, err := os.ReadFile(filepath.Join(dir, "receiver.yml"))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "receiver.yml"), []byte(gone.Replace(string(text))), 0o600))
		giveUp(t, filepath.Join(dir, "teams.db"), 1)
		p, log := begin(t, dir, change, "")
		require.NoError(t, p.Close())
		require.NotContains(t, allOf(log), "tried again", "it has nowhere to go")
	})
	t.Run("however many there are", func(t *testing.T) {
		_, url := startTeams(t)
		dir := files(t, map[string]string{"rules.yml": temperatureRule})
		change := func(p *Teams) {
			p.WebhookURL = config.NewSecret([]byte(url))
			p.GroupWait = seconds(0)
			p.GroupBy = []string{"rack"}
		}
		var many []telegraf.Metric
		for i := range 401 { // more than two transactions change
			many = append(many, metricAt(strings.Repeat("r", i+1), 33))
		}
		p, _ := begin(t, dir, change, "", many...)
		require.NoError(t, p.Close())
		giveUp(t, filepath.Join(dir, "teams.db"), len(many))
		p, _ = begin(t, dir, change, "tried again dead_letters=401")
		require.NoError(t, p.Close())
	})
}

// giveUp makes dead letters of all posts, of which there must be that many.
func giveUp(t *testing.T, path string, want int) {
	t.Helper()
	db, err := openStore(context.Background(), path, "state_file", nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(t.Context(), func(tx store.Tx) error {
		posts, err := tx.ListPosts(store.PostFilter{Limit: want + 1})
		if err != nil {
			return err
		}
		require.Len(t, posts, want)
		for i := range posts {
			posts[i].GiveUp("not_found", "", time.Now())
			if err := tx.SavePost(&posts[i]); err != nil {
				return err
			}
		}
		return nil
	}))
	require.NoError(t, db.Close())
}
