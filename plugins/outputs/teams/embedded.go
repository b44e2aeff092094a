package teams

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	relayconfig "github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/route"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
)

// embedded sends cards itself.
type embedded struct {
	state  string // the store's file
	named  string // the option that names it
	engine engine.Config
}

func (m *embedded) rules() *rules.Set { return m.engine.Rules }

// What holds for a webhook where the section says nothing. Metrics of one
// flush come within moments, so what breaches together needs a short wait to
// share a card.
const (
	destination           = "teams"
	defaultGroupWait      = 5 * time.Second
	defaultGroupInterval  = time.Minute
	defaultRepeatInterval = 4 * time.Hour
)

// defaultGroupBy has the host, with which Telegraf marks every metric: a
// webhook cannot change a card, so an alert that joins one which is not
// critical would wait, unseen, for the group's next message.
var defaultGroupBy = []string{"alertname", "host"}

// webhookMode makes of the section what a receiver's configuration file with
// one destination would say.
func (t *Teams) webhookMode(p *problems, option string, set *rules.Set) mode {
	polled(p, set, nil, "name the connection in a config_file, which takes the place of webhook_url")
	c := &relayconfig.Config{
		Storage:        relayconfig.Storage{SQLite: t.StateFile, Retention: relayconfig.DefaultRetention},
		ResolveTimeout: relayconfig.DefaultResolveTimeout,
		Rules:          set,
		Destinations: []relayconfig.Destination{{
			Name: destination, URL: relayconfig.Secret(t.webhook(p, option)),
			Pace: deliver.DefaultPace, MaxAge: deliver.DefaultMaxAge,
		}},
	}
	for _, problem := range c.Destinations[0].Workflow().Check() {
		if problem.Warning {
			p.warn(option + ": " + problem.What + "; " + problem.Hint)
		} else {
			p.wrong(option, problem.What, problem.Hint)
		}
	}
	c.Cards = t.cards(p)
	c.Tree = t.tree(p, c.Cards)
	return t.embed(p, c, "state_file")
}

// webhook is the webhook's URL.
func (t *Teams) webhook(p *problems, option string) string {
	if option == "webhook_url" {
		return secret(p, option, &t.WebhookURL)
	}
	text, err := readSmall(t.WebhookURLFile, 64<<10)
	if err != nil {
		p.unreadable(option, t.WebhookURLFile, err)
	}
	return strings.TrimSpace(string(text))
}

func (t *Teams) cards(p *problems) *card.Set {
	var sources []card.Source
	for _, f := range read(p, "template_files", t.TemplateFiles, func(string) bool { return false }) {
		sources = append(sources, card.Source{Name: f.name, Text: string(f.text)})
	}
	set, found := card.New(sources)
	isError := func(problem card.Problem) bool { return !problem.Warning }
	if len(sources) > 0 && !slices.ContainsFunc(found, isError) { // the shipped cards alone are tested
		for _, name := range set.Names() {
			found = append(found, set.Check(name)...)
		}
	}
	for _, problem := range found {
		if problem.Warning {
			p.warn(problem.String())
		} else {
			p.errs = append(p.errs, problem)
		}
	}
	return set
}

func (t *Teams) tree(p *problems, cards *card.Set) *route.Tree {
	by := t.GroupBy
	if by == nil {
		by = defaultGroupBy
	}
	tree, found := route.New(route.Options{
		Route: route.Route{
			Destinations: []string{destination}, Card: t.Card, GroupBy: by,
			GroupWait:      timing(p, "group_wait", t.GroupWait, defaultGroupWait),
			GroupInterval:  timing(p, "group_interval", t.GroupInterval, defaultGroupInterval),
			RepeatInterval: timing(p, "repeat_interval", t.RepeatInterval, defaultRepeatInterval),
		},
		Destinations: []string{destination}, Cards: cards.Names(),
	})
	for _, problem := range found {
		name := strings.TrimPrefix(problem.At, "route.") // the section has the same names
		if problem.Warning {
			p.warn(name + ": " + problem.What + "; " + problem.Do)
		} else {
			p.wrong(name, problem.What, problem.Do)
		}
	}
	return tree
}

// configMode takes a receiver's configuration file. Rules and store of the
// section take the place of those in the file: it may be that of a receiver
// whose rules and store are its own.
func (t *Teams) configMode(p *problems, set *rules.Set) mode {
	c, found := relayconfig.Load(t.ConfigFile, relayconfig.Env{Lookup: os.LookupEnv})
	p.add(found)
	if c == nil {
		return nil
	}
	if len(c.Events) > 0 {
		p.warn("config_file: " + t.ConfigFile + " has event sources, and a Telegraf takes no requests, so nobody can send events; run teamsrelay serve for them")
	}
	if c.Microsoft.Configured() {
		p.warn("config_file: " + t.ConfigFile + " has a bot (microsoft:), and Teams cannot talk to a Telegraf, so here are no buttons and no commands; run teamsrelay serve for them, and hand it the alerts with relay_url")
	}
	known := make(map[string]bool, len(c.InfluxDB))
	for _, i := range c.InfluxDB {
		known[i.Name] = true
	}
	polled(p, set, known, "add it under influxdb: in "+t.ConfigFile+", or correct the name")
	if len(t.RuleFiles) > 0 {
		c.Rules = set
	} else if c.Rules == nil || none(c.Rules) {
		p.wrong("rule_files", "neither the section nor the configuration file has rules, "+noAlert, "add rule_files to one of them")
	}
	if t.StateFile == "" {
		return t.embed(p, c, "storage.url of "+t.ConfigFile)
	}
	c.Storage.SQLite = t.StateFile
	return t.embed(p, c, "state_file")
}

// embed makes the engine's configuration. named is the option that names the
// store's file.
func (t *Teams) embed(p *problems, c *relayconfig.Config, named string) mode {
	checkState(p, named, c.Storage.SQLite)
	if p.err() != nil {
		return nil
	}
	made, err := c.Engine(nil)
	if err != nil {
		p.errs = append(p.errs, err)
		return nil
	}
	return &embedded{state: c.Storage.SQLite, named: named, engine: made}
}

func (m *embedded) open(ctx context.Context, log *slog.Logger) (*work, error) {
	db, err := openStore(ctx, m.state, m.named, log)
	if err != nil {
		return nil, err
	}
	e, err := engine.New(engine.Options{Store: db, Logger: log, Registerer: prometheus.NewRegistry()}, m.engine)
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	// Here nobody can replay what was given up, so a restart says that what was
	// wrong is mended.
	again := 0
	for _, d := range e.Destinations() {
		switch replay, err := e.Replay(ctx, engine.Letters{Destination: d.Name}, group.Person{Name: "restart"}, "Telegraf"); {
		case err == nil:
			again += replay.Total
		case !errors.Is(err, store.ErrNotFound):
			log.Warn("What was given up before the start could not be made due again; restart Telegraf to try once more", "destination", d.Name, "err", err)
		}
	}
	if again > 0 {
		log.Info("What was given up before the start is tried again", "dead_letters", again)
	}
	return start(db, log, e.Samples, e.Run), nil
}

// openStore opens the store, which is ours alone. named is the option that
// names its file.
func openStore(ctx context.Context, path, named string, log *slog.Logger) (store.Store, error) {
	db, err := sqlite.Open(path, sqlite.Options{Log: log})
	if err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), "storage.url", named)) // what a receiver calls it
	}
	if err := db.Update(ctx, func(tx store.Tx) error { return tx.ReleaseLeases("") }); err != nil {
		log.Warn("The leases of the process before could not be taken back; what waits is told when they are over", "err", err)
	}
	return db, nil
}
