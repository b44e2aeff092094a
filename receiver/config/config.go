// Package config reads the configuration file. It is strict: a key that does
// not exist, a name that leads nowhere or a time without a unit is an error,
// and all of them are reported at once, each with its line and with what to do
// about it. Each package checks its own options; config puts them together.
//
// What comes out is plain values: paths are resolved, secrets are read from
// their files, defaults are filled in, and the route tree is made. Nobody else
// has to know YAML.
package config

import (
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/teamsrelay/teamsrelay/receiver/canary"
	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/heartbeat"
	"github.com/teamsrelay/teamsrelay/receiver/ingest/alertmanager"
	"github.com/teamsrelay/teamsrelay/receiver/route"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/teams/workflow"
	"github.com/teamsrelay/teamsrelay/receiver/vault"
)

// Config is a configuration without mistakes.
type Config struct {
	Storage      Storage
	Destinations []Destination // in the order of the file; none only where some are added later
	// Runtime is about destinations that are added at run time.
	Runtime Runtime
	// Tree is the routes, time intervals and inhibition rules.
	Tree *route.Tree
	// TimeIntervals and InhibitRules are what Tree has of them, for people to
	// read.
	TimeIntervals []route.Interval
	InhibitRules  []route.InhibitRule
	// Cards are the shipped cards and those of TemplateFiles.
	Cards         *card.Set
	TemplateFiles []string
	// Rules are those of rule_files; nil when there are none.
	Rules *rules.Set
	// InfluxDB are the connections that polled rules use.
	InfluxDB []InfluxDB
	// Events are the event sources, in the order of the file.
	Events []Event
	// ResolveTimeout is how long an alert of POST /api/v2/alerts without
	// endsAt fires when it is not sent again.
	ResolveTimeout time.Duration
	// Alertmanagers are asked which alerts they have, so that no group of
	// theirs stays open for ever.
	Alertmanagers []*alertmanager.API
	// AdminToken is asked of those who change something and do not come over
	// loopback; "": nobody else may.
	AdminToken Secret
	// Subscriptions are those of the file; more are kept in the store.
	Subscriptions []Subscription
	// Microsoft is the bot, if it is Configured. It is no pointer: %s would
	// show the secrets behind one.
	Microsoft Microsoft
	// Heartbeats are alerts that must keep coming.
	Heartbeats []*heartbeat.Heartbeat
	// Canaries are the destinations that get a card on a schedule.
	Canaries []canary.Canary
}

// Storage is where state is kept.
type Storage struct {
	// SQLite is the path of the database's file; "" if it is PostgreSQL.
	SQLite   string
	Postgres Postgres
	// Retention is how long finished groups, the delivery log and dead
	// letters are kept.
	Retention time.Duration
	// Keys are those that destinations are sealed with which are added at run
	// time; empty: none can be.
	Keys vault.Keyring
}

// Postgres is a database that several replicas share.
type Postgres struct {
	// URL is postgres://user@host/database, "" where there is none. Password is
	// used instead of one in it, if it is not "".
	URL, Password Secret
}

// Destination is a name for one or more addresses: a webhook, a conversation of
// the bot's, or people whom the bot tells personally.
type Destination struct {
	Name string
	// URL is the Workflows webhook. ProxyURL may hold a password.
	URL, ProxyURL Secret
	TLS           promconfig.TLSConfig
	Timeout       time.Duration // of one attempt; 0: the sender's default
	StrictHosts   bool
	// Channel or Chat is where the bot posts, if it is the bot that does.
	Channel Channel
	Chat    string // the conversation's id
	// Users or Group are who is told personally: each by a user principal name,
	// an e-mail address or an Entra object id, in lower case.
	Users []string
	Group Group
	// Fallback is the destination that is told where this one cannot be
	// reached; "": none.
	Fallback string
	// Actions says who may do something to what the bot shows there. Of people
	// who are told personally, Members is each one for their own card.
	Actions Actions
	// Pace is how much Teams takes from us there; all windows hold at once.
	Pace []deliver.Window
	// MaxAge is how old a change may become before it is given up.
	MaxAge time.Duration
	// Paths are more ingest paths that lead straight to this destination.
	Paths []string
	// Card and GroupBy are what Tree knows of it, for people to read.
	Card    string
	GroupBy []string
}

// Workflow is what the sender of this destination is made from. It holds the
// secrets in the clear: do not print it.
func (d Destination) Workflow() workflow.Config {
	return workflow.Config{
		URL:         d.URL.Reveal(),
		ProxyURL:    d.ProxyURL.Reveal(),
		TLS:         d.TLS,
		Timeout:     d.Timeout,
		StrictHosts: d.StrictHosts,
	}
}

// What holds where the file says nothing.
const (
	DefaultRetention      = 30 * 24 * time.Hour
	DefaultResolveTimeout = 5 * time.Minute // Alertmanager's
)
