package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// message is what the simulated Teams says of one.
type message struct {
	Webhook      string          `json:"webhook"`
	Conversation string          `json:"conversation"`
	MessageID    string          `json:"message_id"`
	Thread       string          `json:"thread"`
	Text         string          `json:"text"`
	Card         json.RawMessage `json:"card"`
}

// says whether a message has all these words.
func (m *message) says(words ...string) bool {
	all := strings.ToLower(m.Text + string(m.Card))
	for _, word := range words {
		if !strings.Contains(all, strings.ToLower(word)) {
			return false
		}
	}
	return true
}

// story is one alert, from its first card to its end, then people who are told
// without having installed anything, a service that stops and runs again, and
// what could not be told.
func story(ctx context.Context, pause time.Duration) error {
	start := time.Now()
	host := fmt.Sprintf("qlik%d", start.Unix()%1000) // of this run only, as the alert's site
	site := fmt.Sprintf("fra%d", start.Unix()%1000)

	fmt.Println("The bot, in the channel Alerts, as Alertmanager would have it:")
	var card message
	err := step(ctx, "an alert fires", "its card is there", func() error {
		return post(ctx, relay+"/alertmanager", payload("firing", site, start, time.Time{}))
	}, func(m *message) bool {
		card = *m
		return m.Thread != "" && m.says(site, "Action.Execute") // not the one in the chat, which has no threads
	})
	if err != nil {
		return err
	}
	same := func(words ...string) func(*message) bool {
		return func(m *message) bool { return m.MessageID == card.MessageID && m.says(words...) }
	}
	for _, s := range []struct {
		does, then string
		act        func() error
		shows      func(*message) bool
	}{
		{"Alice presses Acknowledge", "the same card says so", func() error {
			return deed(ctx, "press", map[string]string{"as": "Alice", "conversation": card.Conversation, "message": card.MessageID, "button": "ack"})
		}, same("acknowledged", "Alice")},
		{"Bob writes a comment", "it stands under the card", func() error {
			id, err := idOf(ctx, site)
			if err != nil {
				return err
			}
			return deed(ctx, "say", map[string]string{"as": "Bob", "conversation": card.Conversation, "thread": card.MessageID, "text": "comment " + id + " the fan is being replaced"})
		}, func(m *message) bool {
			return m.Thread == card.MessageID && m.MessageID != card.MessageID && bytes.Contains(m.Card, []byte("the fan is being replaced"))
		}},
	} {
		if err := step(ctx, s.does, s.then, s.act, s.shows); err != nil {
			return err
		}
	}
	if err := sleep(ctx, pause); err != nil {
		return err
	}
	if err := step(ctx, "the alert is resolved", "the same card says so", func() error {
		return post(ctx, relay+"/alertmanager", payload("resolved", site, start, time.Now()))
	}, same("resolved", "Alice")); err != nil {
		return err
	}

	if err := personally(ctx, host); err != nil {
		return err
	}

	fmt.Println("By a webhook, where each change is a message, as Butler would have it:")
	for _, s := range []struct{ does, state, shows string }{
		{"a service stops", "STOPPED", "stopped"},
		{"the service runs again", "RUNNING", "running"},
	} {
		if err := step(ctx, s.does, "its card is there", func() error {
			return post(ctx, relay+"/events/butler", service(host, s.state))
		}, func(m *message) bool { return m.Webhook == "ops" && m.says(host, s.shows) }); err != nil {
			return err
		}
	}
	return untold(ctx, host)
}

// untold is a service that stops while the flow behind the webhook is gone, for
// one message: what could not be told waits on the pages for somebody who has it
// told, and then it is.
func untold(ctx context.Context, host string) error {
	fmt.Println("And what could not be told:")
	began := time.Now()
	if err := post(ctx, teams+"/faults", []byte(`{"webhook": "ops", "faults": [{"status": 404}]}`)); err != nil {
		return err
	}
	if err := post(ctx, relay+"/events/butler", service(host+"-b", "STOPPED")); err != nil {
		return err
	}
	for range 500 {
		body, err := get(ctx, relay+"/api/v1/dead-letters?destination=ops")
		if err != nil {
			return err
		}
		if bytes.Contains(body, []byte(host+"-b")) {
			fmt.Printf("  %-26s %-25s after %d ms\n", "the flow was deleted", "it is a dead letter", time.Since(began).Milliseconds())
			fmt.Printf("\nThe flow is back. Have it told: %s/dead-letters\n", relay)
			return nil
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("no dead letter within 10 s; see bin/teamsrelay deliveries list")
}

// personally is an alert for people who have nothing installed, which nobody
// answers until the managers are told (local.yml).
func personally(ctx context.Context, host string) error {
	fmt.Println("Personal messages, to people who have never installed anything:")
	rack := func(end string) func() error {
		return func() error {
			return post(ctx, relay+"/api/v2/alerts", fmt.Appendf(nil, `[{"labels": {"alertname": "DatacenterTemperature", "host": %q, "severity": "critical"},
				"annotations": {"summary": "Rack 7 is at 34.2 °C"}, "endsAt": %q}]`, host, end))
		}
	}
	wait := func() error { return nil }
	var alice, carol message
	to := func(name string, found *message, words ...string) func(*message) bool {
		return func(m *message) bool {
			if !strings.HasPrefix(m.Conversation, "a:1"+name) || !m.says(append(words, host)...) {
				return false
			}
			*found = *m
			return true
		}
	}
	for _, s := range []struct {
		does, then string
		act        func() error
		shows      func(*message) bool
	}{
		{"a rack is too hot", "Alice reads it", rack("2099-01-01T00:00:00Z"), to("alice", &alice)},
		{"nobody acknowledges", "the channel is told", wait, func(m *message) bool { return m.Thread != "" && m.says(host, "escalated") }},
		{"and still nobody", "Carol is told", wait, to("carol", &carol)},
		{"Paula cannot be", "the channel knows why", wait, func(m *message) bool { return m.Thread != "" && m.says(host, "Paula") }},
		{"Carol presses Acknowledge", "Alice's card says so", func() error {
			return deed(ctx, "press", map[string]string{"as": "Carol", "conversation": carol.Conversation, "message": carol.MessageID, "button": "ack"})
		}, to("alice", &alice, "acknowledged", "Carol")},
		{"the rack is cool again", "Carol's card says so", rack(time.Now().UTC().Format(time.RFC3339)), to("carol", &carol, "resolved")},
	} {
		if err := step(ctx, s.does, s.then, s.act, s.shows); err != nil {
			return err
		}
	}
	return nil
}

// step does something and waits until somebody would see what comes of it.
func step(ctx context.Context, does, then string, act func() error, shows func(*message) bool) error {
	began := time.Now()
	if err := act(); err != nil {
		return err
	}
	for range 500 {
		list, err := messages(ctx)
		if err != nil {
			return err
		}
		for i := range list {
			if shows(&list[i]) {
				fmt.Printf("  %-26s %-25s after %d ms\n", does, then, time.Since(began).Milliseconds())
				return nil
			}
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New(does + ": nothing of it is seen within 10 s; see bin/teamsrelay deliveries list")
}

func messages(ctx context.Context) (list []message, err error) {
	body, err := get(ctx, teams+"/messages")
	if err == nil {
		err = json.Unmarshal(body, &list)
	}
	return list, err
}

// deed has somebody in the simulated Teams do something.
func deed(ctx context.Context, what string, how map[string]string) error {
	body, err := json.Marshal(how)
	if err != nil {
		return err
	}
	return post(ctx, teams+"/bot/"+what, body)
}

// installed waits until the bot is in the team and in the group chat of the
// simulated Teams. People do not have it yet.
func installed(ctx context.Context) error {
	for range 300 {
		body, err := get(ctx, teams+"/bot")
		if err != nil {
			return err
		}
		var is struct {
			Conversations []struct {
				Kind      string `json:"kind"`
				Installed bool   `json:"installed"`
			} `json:"conversations"`
		}
		if err := json.Unmarshal(body, &is); err != nil {
			return err
		}
		everywhere := len(is.Conversations) > 0
		for _, c := range is.Conversations {
			everywhere = everywhere && (c.Installed || c.Kind == "personal")
		}
		if everywhere {
			return nil
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return errors.New("the simulated Teams does not install the bot within 30 s: the receiver does not take its activities")
}

// idOf is the id that people type, of the alert at a site.
func idOf(ctx context.Context, site string) (string, error) {
	body, err := get(ctx, relay+"/api/v1/alerts")
	if err != nil {
		return "", err
	}
	var answer struct {
		Alerts []struct {
			ID     string            `json:"id"`
			Labels map[string]string `json:"labels"`
		} `json:"alerts"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", err
	}
	for _, a := range answer.Alerts {
		if a.Labels["site"] == site {
			return a.ID, nil
		}
	}
	return "", fmt.Errorf("the receiver lists no alert at %s", site)
}

func post(ctx context.Context, url string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	_, err = do(request)
	return err
}
