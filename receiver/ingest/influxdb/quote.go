package influxdb

import (
	"github.com/teamsrelay/teamsrelay/receiver/outbound"
)

// How much is passed on, in characters.
const (
	// maxSaid is for what InfluxDB says.
	maxSaid = 200
	// maxProblem is for what a rule says of its rows: it names columns, and
	// ends with what to do.
	maxProblem = 1000
)

// quote makes what InfluxDB says fit for a card, a log and an error.
func (s *Source) quote(said string) string { return s.oneLine(said, maxSaid) }

// oneLine is quote for a text of at most so many characters, maxProblem at most.
func (s *Source) oneLine(said string, most int) string { return s.secrets.Quote(said, most) }

// secretsOf are the token, and the passwords for InfluxDB and for the proxy,
// also in the form in which they are sent.
func secretsOf(cfg Config) outbound.Secrets {
	var all []string
	if cfg.Token != "" {
		all = append(all, cfg.Token)
	}
	if cfg.Password != "" {
		all = append(all, outbound.SignIn(cfg.Username, cfg.Password)...)
	}
	return outbound.Hide(append(all, outbound.ProxySignIn(cfg.ProxyURL, cfg.URL)...))
}
