package config

import (
	"fmt"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/ingest/influxdb"
	"github.com/teamsrelay/teamsrelay/receiver/intent"
	"github.com/teamsrelay/teamsrelay/receiver/teams/workflow"
)

// Engine puts together what the engine works with: routes, cards, and a sender
// for every destination.
func (c *Config) Engine() (engine.Config, error) {
	out := engine.Config{
		Routes: c.Tree, Cards: c.Cards,
		Rules: c.Rules, ResolveTimeout: c.ResolveTimeout, Retention: c.Storage.Retention,
	}
	for _, d := range c.Destinations {
		sender, err := workflow.New(d.Workflow())
		if err != nil {
			return engine.Config{}, fmt.Errorf("destination %q: %w", d.Name, err)
		}
		out.Destinations = append(out.Destinations, engine.Destination{
			Name: d.Name,
			Addresses: []deliver.Address{{
				ID: workflow.AddressID(d.URL.Reveal()), Destination: d.Name,
				Pace: d.Pace, Limit: card.WorkflowLimit, MaxAge: d.MaxAge, Timeout: d.Timeout,
				Send: sender.Send,
			}},
		})
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
		out.Alertmanagers = append(out.Alertmanagers, engine.Alertmanager{URL: a.URL(), Known: a.Known})
	}
	return out, nil
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
