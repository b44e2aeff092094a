package auth

import (
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
)

// Endpoints are the places of one cloud.
type Endpoints struct {
	Login             string `yaml:"login"`               // base, without path
	Graph             string `yaml:"graph"`               // base, without version
	BotOpenIDMetadata string `yaml:"bot_openid_metadata"` // the whole document's URL
	BotIssuer         string `yaml:"bot_issuer"`          // the exact `iss` of what Teams sends us
	// ServiceURL is where conversations are made of which no activity has told
	// a better one; "" where Microsoft names none.
	ServiceURL string `yaml:"service_url"`
	// AllowedServiceHosts are those that get our token: "host", "host:port" or
	// "*.domain". Without a port it is https's own.
	AllowedServiceHosts []string `yaml:"allowed_service_hosts"`
}

// Cloud is one of Microsoft's clouds (teams-platform §2.1 and §2.2).
type Cloud struct {
	Endpoints
	// Tenant gives the token to bots that were registered for all tenants.
	Tenant string
	// Scope is what the bot's token is for.
	Scope string
}

const (
	publicService = "https://smba.trafficmanager.net/teams/"
	// GCCService is where conversations of the GCC are, which Teams asks for
	// by InvalidBotApiHost (teams-platform §2.2).
	GCCService = "https://smba.infra.gcc.teams.microsoft.com/teams"
)

var (
	publicHosts = []string{"smba.trafficmanager.net", "*.teams.microsoft.com"}
	usHosts     = []string{"*.teams.microsoft.us"}
)

// Clouds are those that `cloud:` can name. GCC signs in as public does, and
// only its service has a host of its own.
var Clouds = map[string]Cloud{
	"public":  public(publicService),
	"gcc":     public(GCCService),
	"gcchigh": us("https://graph.microsoft.us", "https://smba.infra.gov.teams.microsoft.us/teams"),
	"dod":     us("https://dod-graph.microsoft.us", "https://smba.infra.dod.teams.microsoft.us/teams"),
	"china": {
		Endpoints: Endpoints{
			Login:             "https://login.partner.microsoftonline.cn",
			Graph:             "https://microsoftgraph.chinacloudapi.cn",
			BotOpenIDMetadata: "https://login.botframework.azure.cn/v1/.well-known/openidconfiguration",
			BotIssuer:         "https://api.botframework.azure.cn",
			// No host is documented; Teams itself is at this domain there.
			AllowedServiceHosts: []string{"*.teams.microsoftonline.cn"},
		},
		Tenant: "microsoftservices.partner.onmschina.cn",
		Scope:  "https://api.botframework.azure.cn/.default",
	},
}

func public(service string) Cloud {
	return Cloud{
		Endpoints: Endpoints{
			Login:               "https://login.microsoftonline.com",
			Graph:               "https://graph.microsoft.com",
			BotOpenIDMetadata:   "https://login.botframework.com/v1/.well-known/openidconfiguration",
			BotIssuer:           "https://api.botframework.com",
			ServiceURL:          service,
			AllowedServiceHosts: publicHosts,
		},
		Tenant: "botframework.com",
		Scope:  "https://api.botframework.com/.default",
	}
}

func us(graph, service string) Cloud {
	return Cloud{
		Endpoints: Endpoints{
			Login:               "https://login.microsoftonline.us",
			Graph:               graph,
			BotOpenIDMetadata:   "https://login.botframework.azure.us/v1/.well-known/openidconfiguration",
			BotIssuer:           "https://api.botframework.us",
			ServiceURL:          service,
			AllowedServiceHosts: usHosts,
		},
		Tenant: "MicrosoftServices.onmicrosoft.us",
		Scope:  "https://api.botframework.us/.default",
	}
}

// cloud is the one that c names.
func (c Config) cloud() Cloud {
	if c.Cloud == "" {
		return Clouds["public"]
	}
	return Clouds[c.Cloud]
}

// Where are the cloud's endpoints, with those of c.Endpoints over them.
func (c Config) Where() Endpoints {
	where, own := c.cloud().Endpoints, c.Endpoints
	for _, e := range []struct{ to, from *string }{
		{&where.Login, &own.Login},
		{&where.Graph, &own.Graph},
		{&where.BotOpenIDMetadata, &own.BotOpenIDMetadata},
		{&where.BotIssuer, &own.BotIssuer},
		{&where.ServiceURL, &own.ServiceURL},
	} {
		if *e.from != "" {
			*e.to = *e.from
		}
	}
	where.Login, where.Graph = strings.TrimRight(where.Login, "/"), strings.TrimRight(where.Graph, "/")
	if len(own.AllowedServiceHosts) > 0 {
		where.AllowedServiceHosts = own.AllowedServiceHosts
	}
	return where
}

// Allows tells whether our token, and what our cards say, may go to a service
// URL. Http is for this machine only: with a token to a host and port that the
// configuration names, and in insecure_local to any, without one.
func (c Config) Allows(serviceURL string) bool {
	u, err := url.Parse(serviceURL)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	local := outbound.IsLoopback(u.Hostname())
	switch {
	case u.Scheme == "http" && local && c.InsecureLocal:
		return true
	case u.Scheme == "https", u.Scheme == "http" && local:
	default:
		return false
	}
	for _, text := range c.Where().AllowedServiceHosts {
		if host, err := parseHost(text); err == nil && host.matches(u) {
			return true
		}
	}
	return false
}

// serviceHost is one entry of AllowedServiceHosts.
type serviceHost struct {
	name  string // lower case, without the "*"
	under bool   // any name below it
	port  string
}

var errHost = errors.New("not a host")

func parseHost(text string) (serviceHost, error) {
	h := serviceHost{name: strings.ToLower(strings.TrimSpace(text)), port: "443"}
	if name, port, err := net.SplitHostPort(h.name); err == nil {
		h.name, h.port = name, port
	}
	h.name, h.under = strings.CutPrefix(strings.Trim(h.name, "[]"), "*.")
	if _, err := strconv.ParseUint(h.port, 10, 16); err != nil || h.name == "" || strings.ContainsAny(h.name, "/*@?# ") || h.under && !strings.Contains(h.name, ".") {
		return serviceHost{}, errHost
	}
	return h, nil
}

func (h serviceHost) matches(u *url.URL) bool {
	name, port := strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if port != h.port {
		return false
	}
	if h.under {
		return strings.HasSuffix(name, "."+h.name)
	}
	return name == h.name
}
