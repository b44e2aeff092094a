package config

import (
	promconfig "github.com/prometheus/common/config"

	"github.com/teamsrelay/teamsrelay/receiver/route"
)

// What follows is the configuration as people see it. It has the names and the
// shape of the file, so that who knows one finds their way in the other.

type shownConfig struct {
	Storage        shownStorage        `yaml:"storage"`
	Destinations   []shownDestination  `yaml:"destinations"`
	Runtime        shownRuntime        `yaml:"runtime_destinations,omitempty"`
	TimeIntervals  []route.Interval    `yaml:"time_intervals,omitempty"`
	InhibitRules   []shownInhibitRule  `yaml:"inhibit_rules,omitempty"`
	TemplateFiles  []string            `yaml:"template_files,omitempty"`
	RuleFiles      []string            `yaml:"rule_files,omitempty"`
	InfluxDB       []shownInflux       `yaml:"influxdb,omitempty"`
	Events         []shownEvent        `yaml:"events,omitempty"`
	ResolveTimeout string              `yaml:"resolve_timeout"`
	Alertmanagers  []shownAlertmanager `yaml:"alertmanagers,omitempty"`
	Subscriptions  []shownSubscription `yaml:"subscriptions,omitempty"`
	Microsoft      *shownMicrosoft     `yaml:"microsoft,omitempty"`
	Heartbeats     []shownHeartbeat    `yaml:"heartbeats,omitempty"`
	Canary         []shownCanary       `yaml:"canary,omitempty"`
	AdminToken     Secret              `yaml:"admin_token,omitempty"`
}

type shownStorage struct {
	URL           string `yaml:"url,omitempty"`
	Password      Secret `yaml:"password,omitempty"`
	EncryptionKey Secret `yaml:"encryption_key,omitempty"`
	Retention     string `yaml:"retention"`
}

type shownRuntime struct {
	Names        []string `yaml:"names,omitempty"`
	AllowedHosts []string `yaml:"allowed_hosts,omitempty"`
}

type shownDestination struct {
	Name     string         `yaml:"name"`
	Workflow *shownWorkflow `yaml:"workflow,omitempty"`
	Channel  shownChannel   `yaml:"channel,omitempty"`
	Chat     shownChat      `yaml:"chat,omitempty"`
	Users    []string       `yaml:"users,omitempty,flow"`
	Group    *shownGroup    `yaml:"group,omitempty"`
	Fallback string         `yaml:"fallback,omitempty"`
	Actions  any            `yaml:"actions,omitempty"` // a word, or a list of people
	Pace     []string       `yaml:"pace,omitempty,flow"`
	MaxAge   string         `yaml:"max_age,omitempty"`
	Paths    []string       `yaml:"paths,omitempty"`
	Card     string         `yaml:"card,omitempty"`
	GroupBy  []string       `yaml:"group_by,omitempty,flow"`
}

type shownWorkflow struct {
	URL         Secret                `yaml:"url"`
	Host        string                `yaml:"host,omitempty"` // of the URL
	ProxyURL    Secret                `yaml:"proxy_url,omitempty"`
	TLS         *promconfig.TLSConfig `yaml:"tls_config,omitempty"`
	Timeout     string                `yaml:"timeout,omitempty"`
	StrictHosts bool                  `yaml:"strict_hosts,omitempty"`
}

type shownChannel struct {
	ID   string `yaml:"channel_id,omitempty"`
	Team string `yaml:"team_id,omitempty"`
}

type shownChat struct {
	ID string `yaml:"chat_id,omitempty"`
}

type shownGroup struct {
	ID     string `yaml:"id,omitempty"`
	TeamID string `yaml:"team_id,omitempty"`
	TagID  string `yaml:"tag_id,omitempty"`
}

type shownInhibitRule struct {
	Name           string            `yaml:"name,omitempty"`
	SourceMatchers []string          `yaml:"source_matchers,omitempty"`
	SourceMatch    map[string]string `yaml:"source_match,omitempty"`
	SourceMatchRE  map[string]string `yaml:"source_match_re,omitempty"`
	TargetMatchers []string          `yaml:"target_matchers,omitempty"`
	TargetMatch    map[string]string `yaml:"target_match,omitempty"`
	TargetMatchRE  map[string]string `yaml:"target_match_re,omitempty"`
	Equal          []string          `yaml:"equal,omitempty,flow"`
}

type shownSubscription struct {
	Destination string   `yaml:"destination"`
	Matchers    []string `yaml:"matchers"`
}

type shownInflux struct {
	Name     string                `yaml:"name"`
	URL      string                `yaml:"url"` // without its path
	Org      string                `yaml:"org,omitempty"`
	Database string                `yaml:"database,omitempty"`
	Username string                `yaml:"username,omitempty"`
	Token    Secret                `yaml:"token,omitempty"`
	Password Secret                `yaml:"password,omitempty"`
	ProxyURL Secret                `yaml:"proxy_url,omitempty"`
	TLS      *promconfig.TLSConfig `yaml:"tls_config,omitempty"`
	Timeout  string                `yaml:"timeout,omitempty"`
}

type shownEvent struct {
	Name      string                 `yaml:"name"`
	Preset    string                 `yaml:"preset,omitempty"`
	Mapping   map[string]any         `yaml:"mapping,omitempty"`
	Token     Secret                 `yaml:"token,omitempty"`
	BasicAuth *shownBasicAuth        `yaml:"basic_auth,omitempty"`
	HMAC      *shownHMAC             `yaml:"hmac,omitempty"`
	Paths     []string               `yaml:"paths,omitempty"`
	Actions   map[string]shownAction `yaml:"actions,omitempty"`
}

type shownBasicAuth struct {
	Username string `yaml:"username,omitempty"`
	Password Secret `yaml:"password,omitempty"`
}

type shownHMAC struct {
	Secret Secret `yaml:"secret"`
	Header string `yaml:"header,omitempty"`
}

// shownAction hides the body too: people write keys into what they send.
type shownAction struct {
	URL       string                `yaml:"url"` // without its path
	Method    string                `yaml:"method,omitempty"`
	Headers   map[string]Secret     `yaml:"headers,omitempty"`
	Body      Secret                `yaml:"body,omitempty"`
	Token     Secret                `yaml:"token,omitempty"`
	BasicAuth *shownBasicAuth       `yaml:"basic_auth,omitempty"`
	Timeout   string                `yaml:"timeout,omitempty"`
	ProxyURL  Secret                `yaml:"proxy_url,omitempty"`
	TLS       *promconfig.TLSConfig `yaml:"tls_config,omitempty"`
}

type shownAlertmanager struct {
	URL string `yaml:"url"` // without its path
}

type shownMicrosoft struct {
	TenantID            string         `yaml:"tenant_id"`
	AppID               string         `yaml:"app_id"`
	TeamsAppID          string         `yaml:"teams_app_id,omitempty"`
	CatalogID           string         `yaml:"teams_catalog_id,omitempty"`
	AppName             string         `yaml:"app_name,omitempty"`
	ClientSecret        Secret         `yaml:"client_secret,omitempty"`
	CertificateFile     string         `yaml:"certificate_file,omitempty"`
	CertificatePassword Secret         `yaml:"certificate_password,omitempty"`
	ManagedIdentity     bool           `yaml:"managed_identity,omitempty"`
	Cloud               string         `yaml:"cloud,omitempty"`
	Endpoints           shownEndpoints `yaml:"endpoints,omitempty"`
	AllowedTenants      []string       `yaml:"allowed_tenants,omitempty"`
	InsecureLocal       bool           `yaml:"insecure_local,omitempty"`
}

// shownEndpoints are URLs without their paths.
type shownEndpoints struct {
	Login               string   `yaml:"login,omitempty"`
	Graph               string   `yaml:"graph,omitempty"`
	BotOpenIDMetadata   string   `yaml:"bot_openid_metadata,omitempty"`
	BotIssuer           string   `yaml:"bot_issuer,omitempty"`
	ServiceURL          string   `yaml:"service_url,omitempty"`
	AllowedServiceHosts []string `yaml:"allowed_service_hosts,omitempty"`
}

type shownHeartbeat struct {
	Name     string            `yaml:"name"`
	Matchers []string          `yaml:"matchers"`
	Within   string            `yaml:"within"`
	Severity string            `yaml:"severity"`
	Labels   map[string]string `yaml:"labels,omitempty"`
}

type shownCanary struct {
	Destination string `yaml:"destination"`
	Every       string `yaml:"every"`
}
