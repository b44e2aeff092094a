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
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/workflow"
)

// Bot is how the receiver sends as a bot: it makes the address of a destination
// that is a conversation. Name, age, pace and who may act come on top. Of people
// it gets one destination each, whose Chat is their conversation.
type Bot func(Destination) deliver.Address

// Engine puts together what the engine works with: routes, cards, and a sender
// for every destination. A nil bot is for who cannot be called by Teams, as the
// Telegraf plugin: then a channel, a chat or people among the destinations
// are an error.
func (c *Config) Engine(bot Bot) (engine.Config, error) {
	out := engine.Config{
		Routes: c.Tree, Cards: c.Cards, Adding: c.adding(),
		Rules: c.Rules, ResolveTimeout: c.ResolveTimeout, Retention: c.Storage.Retention,
		Heartbeats: c.Heartbeats, Canaries: c.Canaries,
	}
	for _, d := range c.Destinations {
		destination, err := d.engine(bot)
		if err != nil {
			return engine.Config{}, fmt.Errorf("destination %q: %w", d.Name, err)
		}
		out.Destinations = append(out.Destinations, destination)
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

// engine is a destination as the engine has it.
func (d Destination) engine(bot Bot) (engine.Destination, error) {
	made := engine.Destination{Name: d.Name, Fallback: d.Fallback}
	byBot := d.Conversation() != "" || d.Personal()
	switch {
	case byBot && bot == nil:
		return made, errors.New("channels, chats and people need the receiver, because Teams has to reach it: run teamsrelay serve with this file, and hand it the alerts with relay_url")
	case d.Personal():
		made.Audience = &engine.Audience{
			Names: d.Users, Roster: d.Group.Roster(),
			Address: func(conversation string) deliver.Address {
				one := d
				one.Users, one.Group, one.Chat = nil, Group{}, conversation
				return one.byBot(bot)
			},
		}
	case byBot:
		made.Addresses, made.Target = []deliver.Address{d.byBot(bot)}, d.Conversation()
	default:
		sender, err := workflow.New(d.Workflow())
		if err != nil {
			return made, err
		}
		made.Target = teams.RedactURL(d.URL.Reveal())
		made.Addresses = []deliver.Address{{
			ID: workflow.AddressID(d.URL.Reveal()), Destination: d.Name,
			Pace: d.Pace, Limit: card.WorkflowLimit, MaxAge: d.MaxAge, Timeout: d.Timeout,
			Send: sender.Send,
		}}
	}
	return made, nil
}

// byBot is the address of a conversation that the bot sends to.
func (d Destination) byBot(bot Bot) deliver.Address {
	a := bot(d)
	a.Destination, a.MaxAge, a.ReadOnly = d.Name, d.MaxAge, d.Actions.Nobody()
	if len(d.Pace) > 0 {
		a.Pace = d.Pace
	}
	return a
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
