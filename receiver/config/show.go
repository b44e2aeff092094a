package config

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"gopkg.in/yaml.v3"

	"github.com/teamsrelay/teamsrelay/receiver/ingest/events"
)

// Shown is the configuration as it is in force, as YAML, with what holds where
// the file says nothing. It is for people to read: it names what it shows, so
// that what is added to Config stays hidden until somebody adds it here too.
// Secrets, and URLs in which there may be one, read <secret>.
func (c *Config) Shown() (string, error) {
	out := shownConfig{
		Storage: shownStorage{
			URL: c.Storage.Postgres.URL.shown(), Password: c.Storage.Postgres.Password,
			EncryptionKey: Secret(c.Storage.Keys.Current()), Retention: span(c.Storage.Retention),
		},
		Runtime:        shownRuntime(c.Runtime),
		TimeIntervals:  c.TimeIntervals,
		TemplateFiles:  c.TemplateFiles,
		ResolveTimeout: span(c.ResolveTimeout),
		AdminToken:     c.AdminToken,
	}
	if c.Storage.SQLite != "" {
		out.Storage.URL = "sqlite:" + c.Storage.SQLite
	}
	for i := range c.Destinations {
		out.Destinations = append(out.Destinations, c.Destinations[i].shown())
	}
	for _, r := range c.InhibitRules {
		out.InhibitRules = append(out.InhibitRules, shownInhibitRule(r))
	}
	if c.Rules != nil {
		for _, g := range c.Rules.Groups {
			if !slices.Contains(out.RuleFiles, g.File) {
				out.RuleFiles = append(out.RuleFiles, g.File)
			}
		}
	}
	for i := range c.InfluxDB {
		db := &c.InfluxDB[i]
		out.InfluxDB = append(out.InfluxDB, shownInflux{
			Name: db.Name, URL: hostOnly(db.URL), Org: db.Org, Database: db.Database, Username: db.Username,
			Token: db.Token, Password: db.Password, ProxyURL: db.ProxyURL, Timeout: span(db.Timeout), TLS: shownTLS(db.TLS),
		})
	}
	for i := range c.Events {
		out.Events = append(out.Events, c.Events[i].shown())
	}
	for _, a := range c.Alertmanagers {
		out.Alertmanagers = append(out.Alertmanagers, shownAlertmanager{URL: hostOnly(a.URL())})
	}
	for _, s := range c.Subscriptions {
		out.Subscriptions = append(out.Subscriptions, shownSubscription(s))
	}
	if c.Microsoft.Configured() {
		out.Microsoft = c.Microsoft.shown()
	}
	for _, h := range c.Heartbeats {
		shown := shownHeartbeat{Name: h.Name, Within: span(h.Within), Severity: h.Severity, Labels: h.Labels}
		for _, m := range h.Matchers {
			shown.Matchers = append(shown.Matchers, m.String())
		}
		out.Heartbeats = append(out.Heartbeats, shown)
	}
	for _, one := range c.Canaries {
		out.Canary = append(out.Canary, shownCanary{Destination: one.Destination, Every: span(one.Every)})
	}
	text, err := yaml.Marshal(out)
	return string(text), err
}

func (d *Destination) shown() shownDestination {
	out := shownDestination{
		Name: d.Name, Chat: shownChat{d.Chat}, Channel: shownChannel(d.Channel), Users: d.Users,
		Fallback: d.Fallback, MaxAge: span(d.MaxAge), Paths: d.Paths, Card: d.Card, GroupBy: d.GroupBy,
	}
	switch {
	case d.Group.Tag != "":
		out.Group = &shownGroup{TeamID: d.Group.Team, TagID: d.Group.Tag}
	case d.Group.ID != "":
		out.Group = &shownGroup{ID: d.Group.ID}
	}
	for _, w := range d.Pace {
		out.Pace = append(out.Pace, fmt.Sprintf("%d/%s", w.N, span(w.Per)))
	}
	if d.URL != "" {
		out.Workflow = &shownWorkflow{
			URL: d.URL, Host: hostOf(d.URL.Reveal()), ProxyURL: d.ProxyURL, TLS: shownTLS(d.TLS), Timeout: span(d.Timeout), StrictHosts: d.StrictHosts,
		}
		return out
	}
	switch {
	case d.Actions.Members:
		out.Actions = "members"
	case d.Actions.Nobody():
		out.Actions = "none"
	default:
		out.Actions = d.Actions.Users
	}
	return out
}

func (e *Event) shown() shownEvent {
	out := shownEvent{Name: e.Name, Preset: e.Preset, Mapping: shownMapping(e.Mapping), Token: e.Token, Paths: e.Paths, Actions: map[string]shownAction{}}
	if e.BasicUser != "" || e.BasicPassword != "" {
		out.BasicAuth = &shownBasicAuth{Username: e.BasicUser, Password: e.BasicPassword}
	}
	if e.HMACSecret != "" {
		out.HMAC = &shownHMAC{Secret: e.HMACSecret, Header: e.HMACHeader}
	}
	for verb, a := range e.Actions {
		shown := shownAction{
			URL: hostOnly(a.URL), Method: a.Method, Headers: map[string]Secret{}, Body: Secret(a.Body), Token: Secret(a.Token),
			Timeout: span(a.Timeout), ProxyURL: Secret(a.ProxyURL), TLS: shownTLS(a.TLS),
		}
		for name, value := range a.Headers {
			shown.Headers[name] = Secret(value)
		}
		if a.Username != "" || a.Password != "" {
			shown.BasicAuth = &shownBasicAuth{Username: a.Username, Password: Secret(a.Password)}
		}
		out.Actions[verb] = shown
	}
	return out
}

// shownMapping is a mapping without what it does not say; nil if it says
// nothing.
func shownMapping(m events.Mapping) map[string]any {
	var all map[string]any
	// What it is made of is made to be read from YAML and can be written as that.
	if text, err := yaml.Marshal(m); err != nil || yaml.Unmarshal(text, &all) != nil {
		return nil
	}
	maps.DeleteFunc(all, func(_ string, value any) bool {
		set, many := value.(map[string]any)
		return value == nil || value == "" || value == "0s" || many && len(set) == 0
	})
	return all
}

func (m *Microsoft) shown() *shownMicrosoft {
	e := &m.Endpoints
	out := &shownMicrosoft{
		TenantID: m.TenantID, AppID: m.AppID, TeamsAppID: m.TeamsAppID, CatalogID: m.TeamsCatalogID, AppName: m.AppName,
		ClientSecret: m.ClientSecret, CertificateFile: m.CertificateFile, CertificatePassword: m.CertificatePassword,
		ManagedIdentity: m.ManagedIdentity, Cloud: m.Cloud, AllowedTenants: m.AllowedTenants, InsecureLocal: m.InsecureLocal,
		Endpoints: shownEndpoints{AllowedServiceHosts: e.AllowedServiceHosts},
	}
	for url, shown := range map[*string]*string{
		&e.Login: &out.Endpoints.Login, &e.Graph: &out.Endpoints.Graph, &e.ServiceURL: &out.Endpoints.ServiceURL,
		&e.BotOpenIDMetadata: &out.Endpoints.BotOpenIDMetadata, &e.BotIssuer: &out.Endpoints.BotIssuer,
	} {
		if *url != "" {
			*shown = hostOnly(*url)
		}
	}
	return out
}

// shownTLS is nil where the file says nothing of TLS. A key in it reads
// <secret>: it is a Secret of Prometheus'.
func shownTLS(c promconfig.TLSConfig) *promconfig.TLSConfig {
	if c == (promconfig.TLSConfig{}) {
		return nil
	}
	return &c
}

// span is a duration as the file has it; "" for none.
func span(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return model.Duration(d).String()
}

// hostOf is the host of a URL, which is no secret; "" where there is none.
func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Host
}

// hostOnly is a URL without what may be secret in it.
func hostOnly(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return hidden
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
}
