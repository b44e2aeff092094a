package config

import (
	"reflect"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/teamsrelay/teamsrelay/receiver/ingest/events"
	"github.com/teamsrelay/teamsrelay/receiver/route"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// file is the configuration file as it is written.
type file struct {
	Storage        storageSection        `yaml:"storage"`
	Destinations   []destinationSection  `yaml:"destinations"`
	Runtime        runtimeSection        `yaml:"runtime_destinations"`
	Route          *route.Route          `yaml:"route"`
	TimeIntervals  []route.Interval      `yaml:"time_intervals"`
	InhibitRules   []route.InhibitRule   `yaml:"inhibit_rules"`
	TemplateFiles  []string              `yaml:"template_files"`
	RuleFiles      []string              `yaml:"rule_files"`
	InfluxDB       []influxSection       `yaml:"influxdb"`
	Events         []eventSection        `yaml:"events"`
	ResolveTimeout *time.Duration        `yaml:"resolve_timeout"`
	Alertmanagers  []alertmanagerSection `yaml:"alertmanagers"`
	Subscriptions  []subscriptionSection `yaml:"subscriptions"`
	Microsoft      microsoftSection      `yaml:"microsoft"`
	Heartbeats     []heartbeatSection    `yaml:"heartbeats"`
	Canary         []canarySection       `yaml:"canary"`
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
	URL               Secret         `yaml:"url"` // a database's may hold a password
	URLFile           string         `yaml:"url_file"`
	Password          Secret         `yaml:"password"`
	PasswordFile      string         `yaml:"password_file"`
	Retention         *time.Duration `yaml:"retention"`
	EncryptionKey     Secret         `yaml:"encryption_key"`
	EncryptionKeyFile string         `yaml:"encryption_key_file"`
}

type runtimeSection struct {
	Names        []string `yaml:"names"`
	AllowedHosts []string `yaml:"allowed_hosts"`
}

type destinationSection struct {
	Name     string              `yaml:"name"`
	Workflow *workflowSection    `yaml:"workflow"`
	Channel  *channelSection     `yaml:"channel"`
	Chat     *chatSection        `yaml:"chat"`
	Users    []string            `yaml:"users"`
	Group    *groupSection       `yaml:"group"`
	Fallback string              `yaml:"fallback"`
	Actions  yamlfile.WordOrList `yaml:"actions"`
	Pace     []string            `yaml:"pace"`
	MaxAge   *time.Duration      `yaml:"max_age"`
	Paths    []string            `yaml:"paths"`
	Card     string              `yaml:"card"`
	GroupBy  []string            `yaml:"group_by"`
}

type channelSection struct {
	TeamID    string `yaml:"team_id"`
	ChannelID string `yaml:"channel_id"`
}

type chatSection struct {
	ChatID string `yaml:"chat_id"`
}

// groupSection is an Entra group by its id, which may also stand alone, or a
// tag of a team.
type groupSection struct {
	ID     string `yaml:"id"`
	TeamID string `yaml:"team_id"`
	TagID  string `yaml:"tag_id"`
}

type subscriptionSection struct {
	Destination string   `yaml:"destination"`
	Matchers    []string `yaml:"matchers"`
}

type microsoftSection struct {
	TenantID                string         `yaml:"tenant_id"`
	AppID                   string         `yaml:"app_id"`
	ClientSecret            Secret         `yaml:"client_secret"`
	ClientSecretFile        string         `yaml:"client_secret_file"`
	CertificateFile         string         `yaml:"certificate_file"`
	CertificatePassword     Secret         `yaml:"certificate_password"`
	CertificatePasswordFile string         `yaml:"certificate_password_file"`
	ManagedIdentity         bool           `yaml:"managed_identity"`
	TeamsAppID              string         `yaml:"teams_app_id"`
	TeamsCatalogID          string         `yaml:"teams_catalog_id"`
	AppName                 string         `yaml:"app_name"`
	AllowedTenants          []string       `yaml:"allowed_tenants"`
	Cloud                   string         `yaml:"cloud"`
	Endpoints               auth.Endpoints `yaml:"endpoints"`
	InsecureLocal           bool           `yaml:"insecure_local"`
}

type workflowSection struct {
	URL         Secret               `yaml:"url"`
	URLFile     string               `yaml:"url_file"`
	ProxyURL    Secret               `yaml:"proxy_url"`
	TLS         promconfig.TLSConfig `yaml:"tls_config"`
	Timeout     time.Duration        `yaml:"timeout"`
	StrictHosts bool                 `yaml:"strict_hosts"`
}

// someone is what to write for the many words that people have for people.
const someone = "users: [alice@contoso.com]"

// elsewhere are keys that other programs have for what we call otherwise.
var elsewhere = map[reflect.Type]map[string]string{
	reflect.TypeFor[file](): {
		"receivers": "destinations", "templates": "template_files", "mute_time_intervals": "time_intervals",
		"watchdogs": "heartbeats", "heartbeat": "heartbeats", "canaries": "canary",
		"routes": "route", "database": "storage", "bot": "microsoft", "azure": "microsoft", "teams": "microsoft",
	},
	reflect.TypeFor[storageSection](): {"path": "url: sqlite:FILE", "key": "encryption_key", "key_file": "encryption_key_file", "encryption_keys": "encryption_key, one a line"},
	reflect.TypeFor[runtimeSection](): {"destinations": "names", "hosts": "allowed_hosts"},
	reflect.TypeFor[destinationSection](): {
		"url": "workflow: {url: …}", "url_file": "workflow: {url_file: …}", "webhook_url": "workflow: {url: …}",
		"channel_id": "channel: {team_id: …, channel_id: …}", "team_id": "channel: {team_id: …, channel_id: …}",
		"chat_id": "chat: {chat_id: …}", "permissions": "actions",
		"user": someone, "person": someone, "people": someone, "members": someone, "on_call": someone, "oncall": someone, "email": someone,
		"groups": "group: ID", "group_id": "group: ID", "tag": "group: {team_id: …, tag_id: …}", "tag_id": "group: {team_id: …, tag_id: …}",
		"escalate": "escalate: of a route", "escalation": "escalate: of a route",
	},
	reflect.TypeFor[workflowSection](): {"webhook_url": "url", "webhook_url_file": "url_file"},
	reflect.TypeFor[channelSection]():  {"id": "channel_id", "group_id": "team_id"},
	reflect.TypeFor[chatSection]():     {"id": "chat_id", "conversation_id": "chat_id"},
	reflect.TypeFor[microsoftSection](): {
		"client_id": "app_id", "bot_id": "app_id", "secret": "client_secret", "password": "client_secret",
		"app_password": "client_secret", "certificate": "certificate_file", "manifest_id": "teams_app_id",
		"catalog_id": "teams_catalog_id", "catalogue_id": "teams_catalog_id", "graph": "endpoints: {graph: …}", "graph_url": "endpoints: {graph: …}",
		"service_url": "endpoints: {service_url: …}", "issuer": "endpoints: {bot_issuer: …}",
	},
	reflect.TypeFor[route.Route](): {
		"receiver": "destinations", "destination": "destinations", "template": "card",
		"send_resolved": "resolve: loud or quiet", "escalations": "escalate", "escalation_policy": "escalate",
		"users": "destinations", "user": "destinations", "on_call": "destinations", "group": "destinations",
		"fallback": "fallback: of a destination",
	},
	reflect.TypeFor[route.Step](): {
		"wait": "after", "delay": "after", "timeout": "after", "repeat": "every", "repeat_interval": "every",
		"receiver": "destinations", "users": "destinations", "to": "destinations",
	},
}

// instead says what to write for a link that was pasted where a mapping belongs.
var instead = map[reflect.Type]func(text string) string{
	reflect.TypeFor[channelSection](): linkInstead,
	reflect.TypeFor[chatSection]():    linkInstead,
}

// alone are the keys that a text stands for where a mapping belongs.
var alone = map[reflect.Type]string{
	reflect.TypeFor[groupSection](): "id",
}

// single are the lists whose only item may stand alone.
var single = map[reflect.Type]bool{reflect.TypeFor[route.Escalation](): true}
