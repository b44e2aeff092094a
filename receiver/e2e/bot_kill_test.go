package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

// meetAgain is meet after a restart: the receiver listens elsewhere.
func meetAgain(t *testing.T, teams *teamstest.Server, r *relay) {
	t.Helper()
	eventually(t, patience, "the public listener is open", func() bool {
		r.said.mu.Lock()
		defer r.said.mu.Unlock()
		found := outside.FindSubmatch(r.said.text.Bytes()[r.said.from:])
		if found != nil {
			teams.Meet("http://" + string(found[1]) + "/api/messages")
		}
		return found != nil
	})
}

// copies is one episode as it is shown in several conversations, each with
// somebody who presses there.
type copies struct {
	t     *testing.T
	teams *teamstest.Server
	cards []teamstest.Message
	who   []teamstest.Someone

	mu       sync.Mutex
	comments []string
	again    []teamstest.Answer // activities that nobody has answered
}

// startCopies is a receiver that shows one alert in a channel, in a group chat
// and in the chat of somebody who has subscribed.
func startCopies(t *testing.T, teams *teamstest.Server, url string) (*relay, *copies) {
	t.Helper()
	teams.MoveServiceURL(url + "/emea")
	config := configuration(inChannel("ops", teamstest.Alerts), fmt.Sprintf("  - name: duty\n    chat: {chat_id: %q}\n", teamstest.Chat)) + local(url)
	relay := serve(t, plainProgram(t), t.TempDir(), strings.Replace(config, "destinations: [ops]", "destinations: [ops, duty]", 1))
	meetAgain(t, teams, relay)
	require.NoError(t, teams.InstallEverywhere(t.Context()))
	alice := teams.As("Alice")
	personal := teams.PersonalChat("Alice")
	_, err := alice.Say(t.Context(), personal, "subscribe")
	require.NoError(t, err)
	eventually(t, patience, "Alice has subscribed", func() bool { return len(list[web.Subscription](relay, "subscriptions", "")) == 1 })
	alert := `[{"labels":{"alertname":"HotRack","severity":"critical","rack":"r1"},"endsAt":"2099-01-01T00:00:00Z"}]`
	require.Equal(t, http.StatusOK, relay.post("/api/v2/alerts", []byte(alert)).status)
	c := &copies{t: t, teams: teams, who: []teamstest.Someone{teams.As("Carol"), teams.As("Bob"), alice}}
	for _, where := range []string{teamstest.Alerts, teamstest.Chat, personal} {
		c.cards = append(c.cards, cardIn(t, teams, where, "HotRack"))
	}
	return relay, c
}

// press has somebody press at their copy, and keeps what nobody answered:
// Teams sends that again.
func (c *copies) press(n int, verb, comment string) {
	var inputs map[string]string
	if comment != "" {
		inputs = map[string]string{"comment": comment}
	}
	answer, err := c.who[n].Press(c.t.Context(), c.cards[n], verb, inputs)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil && answer.Activity == nil: // their card has no such button now
		return
	case err != nil || answer.Status >= 500:
		c.again = append(c.again, answer)
	}
	if comment != "" {
		c.comments = append(c.comments, comment)
	}
}

// repeat sends again what nobody answered.
func (c *copies) repeat() {
	c.t.Helper()
	for _, unanswered := range c.again {
		answer, err := c.teams.Repeat(c.t.Context(), unanswered)
		require.NoError(c.t, err)
		require.Equal(c.t, http.StatusOK, answer.Status, "%s", answer.Body)
	}
	c.again = nil
}

// lasts is for how long an alert had fired when its card was made.
var lasts = regexp.MustCompile(`^(for|after) \d+ \w+$`)

// words are what people read on a card.
func words(t *testing.T, card teamstest.Card) []string {
	t.Helper()
	var all []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, one := range v {
				walk(one)
			}
		case map[string]any:
			for _, key := range []string{"text", "title", "value"} {
				if text, ok := v[key].(string); ok && !lasts.MatchString(text) {
					all = append(all, text)
				}
			}
			for _, key := range []string{"body", "items", "columns", "rows", "cells", "facts", "inlines"} {
				walk(v[key])
			}
		}
	}
	var v any
	require.NoError(t, json.Unmarshal(card, &v))
	walk(v)
	return all
}

// told counts the messages beside the card that quote a text.
func (c *copies) told(n int, text string) (times int) {
	for _, m := range c.teams.Posted(c.cards[n].Conversation) {
		if m.MessageID != c.cards[n].MessageID && strings.Contains(m.Text+m.Summary+string(m.Card), text) {
			times++
		}
	}
	return times
}

// check: every copy shows what is so.
func (c *copies) check(relay *relay) {
	c.t.Helper()
	relay.settled(afterCutOff + 2*patience)
	alert := list[web.Alert](relay, "alerts", "")[0]
	var read [][]string // the list of destinations has none for who has subscribed
	for deadline := time.Now().Add(afterCutOff + 2*patience); ; time.Sleep(50 * time.Millisecond) {
		read = nil
		for _, card := range c.cards {
			now, ok := c.teams.Message(card.Conversation, card.MessageID)
			require.True(c.t, ok)
			read = append(read, words(c.t, now.Card))
		}
		if slices.Equal(read[0], read[1]) && slices.Equal(read[0], read[2]) || time.Now().After(deadline) {
			break
		}
	}
	require.Equal(c.t, read[0], read[1], "the copies differ")
	require.Equal(c.t, read[0], read[2], "the copies differ")
	require.Equal(c.t, alert.AcknowledgedBy != "", strings.Contains(read[0][0], "acknowledged"), "%q", read[0])
}

// Whatever was answered is done, once, and every copy of the card ends up
// saying the same, wherever the kills fell.
func TestKilledWhilePeoplePressEveryCopyEndsUpTrue(t *testing.T) {
	t.Parallel()
	rounds := 10 // each with one comment: a story quotes the latest ten texts
	if testing.Short() {
		rounds = 4
	}
	teams, url := startTeams(t, teamstest.Options{Keep: 100_000})
	relay, c := startCopies(t, teams, url)
	// The card is there before we hear of it, so that kills fall in between.
	teams.BotFault(teamstest.Connector, teamstest.Fault{Latency: 100 * time.Millisecond, Times: -1})
	for round := range rounds {
		var presses sync.WaitGroup
		commenting := rand.IntN(len(c.who))
		for n := range c.who {
			presses.Go(func() {
				time.Sleep(rand.N(50 * time.Millisecond))
				if n == commenting {
					c.press(n, "comment", fmt.Sprintf("words of round %d", round))
					return
				}
				c.press(n, []string{"ack", "unack"}[rand.IntN(2)], "")
			})
		}
		time.Sleep(rand.N(400 * time.Millisecond))
		if round%2 == 0 { // edits and calls are under way later
			time.Sleep(rand.N(3 * time.Second))
		}
		relay.kill()
		presses.Wait()
		relay.again()
		relay.listen()
		meetAgain(t, teams, relay)
		c.repeat()
	}
	c.check(relay)

	audit := list[web.Audit](relay, "audit", "?limit=1000")
	for _, comment := range c.comments {
		lines := 0
		for _, line := range audit {
			if line.Action == "comment" && strings.HasSuffix(line.After, ": "+comment) {
				lines++
			}
		}
		require.Equal(t, 1, lines, "%q was answered, and is not done exactly once", comment)
	}
	for n := range c.cards {
		twice := 0
		for _, comment := range c.comments {
			until(t, teams, "people are told "+comment, func() bool { return c.told(n, comment) > 0 })
			twice += c.told(n, comment) - 1
		}
		require.LessOrEqual(t, twice, rounds, "more than the one message that was under way at each kill came twice")
	}
	require.Zero(t, relay.stop())
	for _, d := range relay.deliveries() {
		require.NotEqual(t, store.DeliverySending, d.State, "an attempt has no end in the log: %+v", d)
	}
}
