package config

import (
	"reflect"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/teamsrelay/teamsrelay/receiver/ingest/events"
	"github.com/teamsrelay/teamsrelay/receiver/route"
)

// file is the configuration file as it is written.
type file struct {
	Storage        storageSection        `yaml:"storage"`
	Destinations   []destinationSection  `yaml:"destinations"`
	Route          *route.Route          `yaml:"route"`
	TimeIntervals  []route.Interval      `yaml:"time_intervals"`
	InhibitRules   []route.InhibitRule   `yaml:"inhibit_rules"`
	TemplateFiles  []string              `yaml:"template_files"`
	RuleFiles      []string              `yaml:"rule_files"`
	InfluxDB       []influxSection       `yaml:"influxdb"`
	Events         []eventSection        `yaml:"events"`
	ResolveTimeout *time.Duration        `yaml:"resolve_timeout"`
	Alertmanagers  []alertmanagerSection `yaml:"alertmanagers"`
	AdminToken     Secret                `yaml:"admin_token"`
	AdminTokenFile string                `yaml:"admin_token_file"`
}

type alertmanagerSection struct {
	URL string `yaml:"url"`
}

type eventSection struct {
	Name      string            `yaml:"name"`
	Preset    string            `yaml:"preset"`
	Mapping   events.Mapping    `yaml:"mapping"`
	Token     Secret            `yaml:"token"`
	TokenFile string            `yaml:"token_file"`
	BasicAuth *basicAuthSection `yaml:"basic_auth"`
	HMAC      *hmacSection      `yaml:"hmac"`
	Paths     []string          `yaml:"paths"`
	Actions   map[string]action `yaml:"actions"`
}

// action is what a verb does in the system that an event came from.
type action struct {
	URL       string               `yaml:"url"`
	Method    string               `yaml:"method"`
	Headers   map[string]Secret    `yaml:"headers"`
	Body      string               `yaml:"body"`
	Token     Secret               `yaml:"token"`
	TokenFile string               `yaml:"token_file"`
	BasicAuth *basicAuthSection    `yaml:"basic_auth"`
	Timeout   time.Duration        `yaml:"timeout"`
	ProxyURL  Secret               `yaml:"proxy_url"`
	TLS       promconfig.TLSConfig `yaml:"tls_config"`
}

type basicAuthSection struct {
	Username     string `yaml:"username"`
	Password     Secret `yaml:"password"`
	PasswordFile string `yaml:"password_file"`
}

type hmacSection struct {
	Secret     Secret `yaml:"secret"`
	SecretFile string `yaml:"secret_file"`
	Header     string `yaml:"header"`
}

type influxSection struct {
	Name         string               `yaml:"name"`
	URL          string               `yaml:"url"`
	Org          string               `yaml:"org"`
	Token        Secret               `yaml:"token"`
	TokenFile    string               `yaml:"token_file"`
	Username     string               `yaml:"username"`
	Password     Secret               `yaml:"password"`
	PasswordFile string               `yaml:"password_file"`
	Database     string               `yaml:"database"`
	Timeout      time.Duration        `yaml:"timeout"`
	ProxyURL     Secret               `yaml:"proxy_url"`
	TLS          promconfig.TLSConfig `yaml:"tls_config"`
}

type storageSection struct {
	URL       Secret         `yaml:"url"` // a database's may hold a password
	Retention *time.Duration `yaml:"retention"`
}

type destinationSection struct {
	Name     string           `yaml:"name"`
	Workflow *workflowSection `yaml:"workflow"`
	Pace     []string         `yaml:"pace"`
	MaxAge   *time.Duration   `yaml:"max_age"`
	Paths    []string         `yaml:"paths"`
	Card     string           `yaml:"card"`
	GroupBy  []string         `yaml:"group_by"`
}

type workflowSection struct {
	URL         Secret               `yaml:"url"`
	URLFile     string               `yaml:"url_file"`
	ProxyURL    Secret               `yaml:"proxy_url"`
	TLS         promconfig.TLSConfig `yaml:"tls_config"`
	Timeout     time.Duration        `yaml:"timeout"`
	StrictHosts bool                 `yaml:"strict_hosts"`
}

// later are keys that the design has and this version does not carry out.
// Accepting them would promise something; an empty list promises nothing.
var later = map[reflect.Type][]string{
	reflect.TypeFor[file]():               {"subscriptions", "microsoft"},
	reflect.TypeFor[storageSection]():     {"encryption_key_file"},
	reflect.TypeFor[destinationSection](): {"channel", "chat", "users", "group", "actions", "fallback"},
	reflect.TypeFor[route.Route]():        {"escalate"},
}

// elsewhere are keys that other programs have for what we call otherwise.
var elsewhere = map[reflect.Type]map[string]string{
	reflect.TypeFor[file](): {
		"receivers": "destinations", "templates": "template_files", "mute_time_intervals": "time_intervals",
		"routes": "route", "database": "storage",
	},
	reflect.TypeFor[storageSection]():     {"path": "url: sqlite:FILE"},
	reflect.TypeFor[destinationSection](): {"url": "workflow: {url: …}", "url_file": "workflow: {url_file: …}", "webhook_url": "workflow: {url: …}"},
	reflect.TypeFor[workflowSection]():    {"webhook_url": "url", "webhook_url_file": "url_file"},
	reflect.TypeFor[route.Route](): {
		"receiver": "destinations", "destination": "destinations", "template": "card",
		"send_resolved": "resolve: loud or quiet",
	},
}
