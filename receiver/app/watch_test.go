package app

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// shows waits until the simulated Teams shows a card with all of these words.
func (s *site) shows(webhook string, words ...string) {
	s.t.Helper()
	for n := 1; ; n++ {
		card := s.waitFor(n)[n-1]
		missing := card.Webhook != webhook
		for _, word := range words {
			missing = missing || !strings.Contains(strings.ToLower(string(card.Card)), word)
		}
		if !missing {
			return
		}
	}
}

func TestAFlowThatWasDeletedIsToldElsewhereAndItsRepairToo(t *testing.T) {
	s := newSite(t)
	s.write("relay.yml", strings.Replace(s.config, "route: {destinations: [ops]}", "route: {destinations: [ops], group_wait: 0s}\ncanary: [{destination: dev, every: 1s}]", 1))
	s.run()
	s.shows("dev", "cards arrive here")
	s.teams.Fault("dev", teamstest.Fault{Status: 404})
	s.shows("ops", "critical", "canary does not arrive at the destination dev")
	s.shows("ops", "resolved", "canary") // the fault was for one request: the flow is there again
}

func TestAWatchdogThatStopsIsToldUntilItComesAgain(t *testing.T) {
	s := newSite(t)
	s.write("relay.yml", strings.Replace(s.config, "route: {destinations: [ops]}",
		"route: {destinations: [ops], group_wait: 0s}\nheartbeats: [{name: fra, matchers: [alertname=\"Watchdog\"], within: 3s}]", 1))
	url, stop := s.run()
	beat := func() {
		t.Helper()
		status, answer := s.post(url+"/api/v2/alerts", `[{"labels":{"alertname":"Watchdog"},"generatorURL":"http://prometheus:9090/graph"}]`)
		require.Equal(t, 200, status, answer)
	}
	beat()
	s.shows("ops", "critical", "heartbeat fra does not come any more")
	require.NoError(t, stop())

	url, _ = s.run() // the next process knows what was told
	require.Contains(t, s.get(url+"/api/v1/heartbeats"), `"state":"missing"`)
	beat()
	s.shows("ops", "resolved", "heartbeat")
	require.Contains(t, s.get(url+"/api/v1/heartbeats"), `"state":"beating"`)
	require.Len(t, s.teams.Messages("ops"), 2, "nobody is told of the Watchdog itself")
}

// bot is the site with a bot in the simulated team's channel for alerts, which
// is the destination sre, and this.
func (s *site) bot(more string) {
	s.t.Helper()
	s.public = "127.0.0.1:0"
	teams := regexp.MustCompile(`http://[^/]+`).FindString(s.config)
	s.teams.MoveServiceURL(teams + "/emea")
	s.write("relay.yml", strings.Replace(s.config, "route: {destinations: [ops]}", fmt.Sprintf(`
  - name: sre
    channel: {team_id: %q, channel_id: %q}
route: {destinations: [ops], group_wait: 0s}
microsoft: {insecure_local: true, tenant_id: %s, app_id: %s, endpoints: {service_url: %q}}
%s
`, teamstest.Team, teamstest.Alerts, teamstest.DefaultTenant, teamstest.DefaultAppID, teams+"/emea", more), 1))
}

// canary waits for a message in the channel that it likes, and returns it.
func (s *site) canary(like func(teamstest.Message) bool) (found teamstest.Message) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	require.NoError(s.t, s.teams.Until(ctx, func() bool {
		c, _ := s.teams.Conversation(teamstest.Alerts)
		for _, thread := range c.Threads {
			if m := thread.First(); !m.Deleted && like(m) {
				found = m
				return true
			}
		}
		return false
	}), s.log)
	return found
}

// What people and administrators do to the bot's channel.
func TestTheBotsCanaryIsOneMessageUntilTheAppIsRemoved(t *testing.T) {
	s := newSite(t)
	s.bot("canary: [{destination: sre, every: 1s}]")
	a, _ := s.start()
	s.teams.Meet("http://" + a.public.addr().String() + "/api/messages")
	alice := s.teams.As("Alice")
	_, err := alice.Install(t.Context(), teamstest.Alerts)
	require.NoError(t, err)
	first := s.canary(func(m teamstest.Message) bool { return m.Edited >= 2 })
	require.Contains(t, string(first.Card), "Cards arrive here")

	s.teams.Delete(first)
	second := s.canary(func(m teamstest.Message) bool { return m.Edited >= 2 })
	require.NotEqual(t, first.MessageID, second.MessageID, "somebody has deleted it: the channel gets another one")
	require.Empty(t, s.teams.Messages("ops"), "and nobody is told, because nothing is broken")

	_, err = alice.Uninstall(t.Context(), teamstest.Alerts)
	require.NoError(t, err)
	s.shows("ops", "critical", "canary does not arrive at the destination sre")
	require.Contains(t, s.log.String(), "The destination is broken")

	_, err = alice.Install(t.Context(), teamstest.Alerts)
	require.NoError(t, err)
	s.shows("ops", "resolved", "canary")
	again := s.canary(func(m teamstest.Message) bool { return m.Edited > second.Edited })
	require.Equal(t, second.MessageID, again.MessageID, "it goes on with the message that is there")

	s.teams.BotFault(teamstest.Alerts, teamstest.Fault{Code: "ConversationBlockedByUser", Times: -1})
	s.shows("ops", "critical", "canary does not arrive at the destination sre")
	s.teams.ClearFaults()
	s.shows("ops", "resolved", "canary")
}
