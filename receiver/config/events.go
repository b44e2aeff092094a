package config

import (
	"fmt"

	"github.com/teamsrelay/teamsrelay/receiver/ingest/events"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// Event is an event source.
type Event struct {
	Name   string
	Source *events.Source
	// Paths are more ingest paths than /events/NAME.
	Paths []string
}

func (d *document) events(sections []eventSection, paths map[string]string) []Event {
	var made []Event
	seen := make(map[string]bool)
	for i := range sections {
		s, at := &sections[i], fmt.Sprintf("events[%d]", i)
		switch {
		case s.Name == "":
			if !d.Faulty(at + ".name") {
				d.Wrong(at, "the event source has no name", "add name:, which stands in its URL: /events/NAME")
			}
		case seen[s.Name]:
			d.Wrong(at+".name", "there are two event sources "+yamlfile.Quote(s.Name), "rename one of them")
		case !plainName.MatchString(s.Name):
			d.Wrong(at+".name", "an event source cannot be called "+yamlfile.Quote(s.Name), "use up to 63 letters, digits, -, _ and ., beginning with a letter or digit")
		}
		seen[s.Name] = true
		source, problems := events.New(d.eventConfig(s, at))
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
			Name: s.Name, Source: source,
			Paths: d.paths(s.Paths, at, "the event source "+yamlfile.Quote(s.Name), paths),
		})
	}
	return made
}

// eventConfig is what the source is made from, in the clear.
func (d *document) eventConfig(s *eventSection, at string) events.Config {
	c := events.Config{Name: s.Name, Preset: s.Preset, Mapping: s.Mapping}
	if token, ok := d.secret(s.Token, s.TokenFile, at+".token"); ok {
		c.Token = token.Reveal()
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

// Public says whether anybody may come to the public listener: an event source
// that asks for credentials.
func (c *Config) Public() bool {
	for _, e := range c.Events {
		if e.Source.Authenticated() {
			return true
		}
	}
	return false
}
