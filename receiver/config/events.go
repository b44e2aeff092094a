package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/ingest/events"
	"github.com/teamsrelay/teamsrelay/receiver/intent"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// Event is an event source.
type Event struct {
	Name   string
	Source *events.Source
	// What the source was made from, for people to read: the mapping, and what
	// a sender must know.
	Preset                           string
	Mapping                          events.Mapping
	Token, BasicPassword, HMACSecret Secret
	BasicUser, HMACHeader            string
	// Paths are more ingest paths than /events/NAME.
	Paths []string
	// Actions are what can be done in the system that the events come from, by
	// verb. They hold secrets in the clear: do not print them.
	Actions map[string]intent.Config
}

func (d *document) events(sections []eventSection, paths map[string]string) []Event {
	var made []Event
	seen := make(map[string]bool)
	for i := range sections {
		s, at := &sections[i], fmt.Sprintf("events[%d]", i)
		d.name(s.Name, at, "event source", "which stands in its URL: /events/NAME", seen)
		if slices.Contains(engine.Sources, s.Name) {
			d.Wrong(at+".name", "the source "+yamlfile.Quote(s.Name)+" is there already, and is no event source", "rename this one")
		}
		from := d.eventConfig(s, at)
		source, problems := events.New(from)
		for _, p := range problems {
			place := at
			if p.Field != "" {
				place += "." + p.Field
			}
			switch {
			case d.Faulty(place), p.Field == "name":
				// It is reported already.
			case p.Warning:
				d.Warn(place, yamlfile.OneLine(p.What), p.Do)
			default:
				d.Wrong(place, yamlfile.OneLine(p.What), p.Do)
			}
		}
		made = append(made, Event{
			Name: s.Name, Source: source, Preset: from.Preset, Mapping: from.Mapping,
			Token: Secret(from.Token), BasicUser: from.BasicUser, BasicPassword: Secret(from.BasicPassword),
			HMACSecret: Secret(from.HMACSecret), HMACHeader: from.HMACHeader,
			Paths:   d.paths(s.Paths, at, "the event source "+yamlfile.Quote(s.Name), paths),
			Actions: d.actions(s.Actions, at+".actions"),
		})
	}
	return made
}

func (d *document) actions(sections map[string]action, at string) map[string]intent.Config {
	made := make(map[string]intent.Config, len(sections))
	for _, verb := range slices.Sorted(maps.Keys(sections)) {
		s, at := sections[verb], at+"."+verb
		if !slices.Contains(intent.Verbs, verb) {
			d.Wrong(at, "there is no verb "+yamlfile.Quote(verb), "use one of "+strings.Join(intent.Verbs, ", "))
			continue
		}
		c := intent.Config{
			URL: s.URL, Method: s.Method, Body: s.Body, Timeout: s.Timeout,
			ProxyURL: s.ProxyURL.Reveal(), TLS: s.TLS, Headers: make(map[string]string, len(s.Headers)),
		}
		c.TLS.SetDirectory(d.dir)
		for name, value := range s.Headers {
			c.Headers[name] = value.Reveal()
		}
		token, _ := d.secret(s.Token, s.TokenFile, at+".token")
		c.Token = token.Reveal()
		if s.BasicAuth == nil && d.Has(at+".basic_auth") && !d.Faulty(at+".basic_auth") {
			d.Wrong(at+".basic_auth", "basic_auth is empty", "add a username and a password_file, or remove it")
		}
		if b := s.BasicAuth; b != nil {
			password, _ := d.secret(b.Password, b.PasswordFile, at+".basic_auth.password")
			c.Username, c.Password = b.Username, password.Reveal()
		}
		for _, p := range c.Check() {
			place := at + "." + p.Field
			if !d.Has(place) {
				place = at
			}
			switch {
			case d.Faulty(place):
			case p.Warning:
				d.Warn(place, yamlfile.OneLine(p.What), p.Hint)
			default:
				d.Wrong(place, yamlfile.OneLine(p.What), p.Hint)
			}
		}
		made[verb] = c
	}
	return made
}

// eventConfig is what the source is made from, in the clear.
func (d *document) eventConfig(s *eventSection, at string) events.Config {
	c := events.Config{Name: s.Name, Preset: s.Preset, Mapping: s.Mapping}
	if token, ok := d.secret(s.Token, s.TokenFile, at+".token"); ok {
		c.Token = token.Reveal()
	}
	for _, key := range []string{"basic_auth", "hmac"} { // empty, it would ask nobody
		if place := at + "." + key; d.Has(place) && (key == "hmac" && s.HMAC == nil || key == "basic_auth" && s.BasicAuth == nil) && !d.Faulty(place) {
			d.Wrong(place, key+" is empty, and anybody could send events", "write what it needs, or remove it")
		}
	}
	if b := s.BasicAuth; b != nil {
		c.BasicUser = b.Username
		password, ok := d.secret(b.Password, b.PasswordFile, at+".basic_auth.password")
		c.BasicPassword = password.Reveal()
		if ok && c.BasicUser == "" && c.BasicPassword == "" && !d.Faulty(at+".basic_auth.username") { // it would ask nobody
			d.Wrong(at+".basic_auth", "basic_auth needs a username and a password", "add both, the password as password_file: FILE")
		}
	}
	if h := s.HMAC; h != nil {
		secret, ok := d.secret(h.Secret, h.SecretFile, at+".hmac.secret")
		c.HMACSecret, c.HMACHeader = secret.Reveal(), h.Header
		if ok && c.HMACSecret == "" && c.HMACHeader == "" { // it would ask nobody
			d.Wrong(at+".hmac", "hmac needs a secret", "add secret_file: FILE with what the sender signs with")
		}
	}
	return c
}

// actions are ready to be carried out.
func (e *Event) actions() (intent.Actions, error) {
	made := make(intent.Actions, len(e.Actions))
	for verb, c := range e.Actions {
		action, err := intent.NewAction(c)
		if err != nil {
			return nil, fmt.Errorf("action %s: %w", verb, err)
		}
		made[verb] = action
	}
	return made, nil
}

// Event finds an event source by its name, nil when there is none.
func (c *Config) Event(name string) *events.Source {
	for i := range c.Events {
		if c.Events[i].Name == name {
			return c.Events[i].Source
		}
	}
	return nil
}

// PathEvent finds the event source that has a path among its paths; "" when
// none has.
func (c *Config) PathEvent(path string) string {
	for _, e := range c.Events {
		for _, own := range e.Paths {
			if own == path {
				return e.Name
			}
		}
	}
	return ""
}

// Public says whether anybody may come to the public listener: Teams, because
// there is a bot, or an event source that asks for credentials.
func (c *Config) Public() bool {
	if c.Microsoft.Configured() {
		return true
	}
	for _, e := range c.Events {
		if e.Source.Authenticated() {
			return true
		}
	}
	return false
}
