package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

func TestAStormIsToldByDigestsAndNothingWaitsBehindIt(t *testing.T) {
	t.Parallel()
	const groups, clients = 5000, 32
	teams, url := startTeams(t, teamstest.Options{Throttle: teamstest.RealThrottle})
	relay := startRelay(t, configuration(destination("ops", url+"/workflow/ops"))) // at the default pace

	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	var number, taken atomic.Int64
	done := make(chan error, clients)
	began := time.Now()
	for range clients {
		go func() {
			for {
				n := number.Add(1)
				if n > groups {
					done <- nil
					return
				}
				response, err := client.Post(relay.url+"/alertmanager", "application/json",
					bytes.NewReader(body(fmt.Sprintf("Storm%04d", n), "firing")))
				if err != nil {
					done <- err
					return
				}
				_ = response.Body.Close()
				if response.StatusCode == http.StatusOK {
					taken.Add(1)
				}
			}
		}()
	}
	for range clients {
		require.NoError(t, <-done)
	}
	require.EqualValues(t, groups, taken.Load(), "a storm is no reason to refuse")
	t.Logf("%d groups taken in %.1f s", groups, time.Since(began).Seconds())

	critical := strings.Replace(string(body("Core", "firing")), `"warning"`, `"critical"`, 1)
	posted := time.Now()
	require.Equal(t, http.StatusOK, relay.post("/alertmanager", []byte(critical)).status)
	eventually(t, patience, "the critical alert has a card of its own, in the middle of the storm", func() bool {
		for _, m := range teams.Shown("ops") {
			if strings.Contains(string(m.Card), "something is wrong with Core") {
				return true
			}
		}
		return false
	})
	t.Logf("the critical card came after %.1f s", time.Since(posted).Seconds())

	relay.settled(3 * time.Minute)
	t.Logf("everything was told after %.1f s, by %d messages", time.Since(began).Seconds(), len(teams.Messages("ops")))
	for _, m := range teams.Messages("ops") {
		require.Equal(t, http.StatusAccepted, m.Status, "Teams had to refuse something: %s", m.Reason)
	}
	require.Zero(t, relay.stop())
	posts := relay.posts()
	require.Len(t, posts, groups+1)
	for name, p := range posts {
		require.Len(t, p, 1, name)
		require.Equal(t, store.Accepted, p[0].State, "%s was not told: %s", name, p[0].Message)
	}
}
