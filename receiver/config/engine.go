package config

import (
	"errors"
	"fmt"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/ingest/influxdb"
	"github.com/teamsrelay/teamsrelay/receiver/intent"
	"github.com/teamsrelay/teamsrelay/receiver/route"
	"github.com/teamsrelay/teamsrelay/receiver/silence"
	"github.com/teamsrelay/teamsrelay/receiver/teams/workflow"
)

// Bot is how the receiver sends as a bot: it makes the address of a destination
// that is a conversation. Name, age, pace and who may act come on top.
type Bot func(Destination) deliver.Address

// Engine puts together what the engine works with: routes, cards, and a sender
// for every destination. A nil bot is for who cannot be called by Teams, as the
// Telegraf plugin: then a channel or chat among the destinations is an error.
func (c *Config) Engine(bot Bot) (engine.Config, error) {
	out := engine.Config{
		Routes: c.Tree, Cards: c.Cards,
		Rules: c.Rules, ResolveTimeout: c.ResolveTimeout, Retention: c.Storage.Retention,
	}
	for _, d := range c.Destinations {
		address, err := d.address(bot)
		if err != nil {
			return engine.Config{}, fmt.Errorf("destination %q: %w", d.Name, err)
		}
		out.Destinations = append(out.Destinations, engine.Destination{Name: d.Name, Addresses: []deliver.Address{address}})
	}
	for _, i := range c.InfluxDB {
		source, err := influxdb.New(i.Connection())
		if err != nil {
			return engine.Config{}, fmt.Errorf("influxdb %q: %w", i.Name, err)
		}
		out.Sources = append(out.Sources, source)
	}
	for _, e := range c.Events {
		actions, err := e.actions()
		if err != nil {
			return engine.Config{}, fmt.Errorf("events %q: %w", e.Name, err)
		}
		if out.Actions == nil {
			out.Actions = map[string]intent.Actions{}
		}
		out.Actions[e.Name] = actions
	}
	for _, a := range c.Alertmanagers {
		silences, err := silence.NewAlertmanager(a.URL())
		if err != nil {
			return engine.Config{}, fmt.Errorf("alertmanagers: %w", err)
		}
		out.Alertmanagers = append(out.Alertmanagers, engine.Alertmanager{URL: a.URL(), Known: a.Known, Silences: silences})
	}
	for _, s := range c.Subscriptions {
		subscription, err := route.Subscribe(group.Target{Destination: s.Destination}, s.Matchers)
		if err != nil {
			return engine.Config{}, fmt.Errorf("subscriptions: %w", err)
		}
		out.Subscriptions = append(out.Subscriptions, subscription)
	}
	return out, nil
}

// address is where a destination leads.
func (d Destination) address(bot Bot) (deliver.Address, error) {
	if d.Conversation() != "" {
		if bot == nil {
			return deliver.Address{}, errors.New("channels and chats need the receiver, because Teams has to reach it: run teamsrelay serve with this file, and hand it the alerts with relay_url")
		}
		a := bot(d)
		a.Destination, a.MaxAge, a.ReadOnly = d.Name, d.MaxAge, d.Actions.Nobody()
		if len(d.Pace) > 0 {
			a.Pace = d.Pace
		}
		return a, nil
	}
	sender, err := workflow.New(d.Workflow())
	if err != nil {
		return deliver.Address{}, err
	}
	return deliver.Address{
		ID: workflow.AddressID(d.URL.Reveal()), Destination: d.Name,
		Pace: d.Pace, Limit: card.WorkflowLimit, MaxAge: d.MaxAge, Timeout: d.Timeout,
		Send: sender.Send,
	}, nil
}

// PathDestination finds the destination that has a path among its paths; ""
// when none has.
func (c *Config) PathDestination(path string) string {
	for _, d := range c.Destinations {
		for _, own := range d.Paths {
			if own == path {
				return d.Name
			}
		}
	}
	return ""
}
