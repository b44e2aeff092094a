package teamstest

import (
	"crypto/x509"
	"net/http"
	"strings"
	"time"
)

// Bot is the bot that the simulated Teams knows. What is left empty gets a
// default.
type Bot struct {
	// Endpoint is the bot's messaging endpoint, a whole URL; "": nobody is
	// told anything. It can be set later with Meet.
	Endpoint string
	// Client carries activities there; nil: one that waits 15 s, about what
	// Teams does.
	Client *http.Client
	// Signed: activities carry tokens like Microsoft's, and the connector wants
	// one from its own sign-in. Otherwise there are no tokens in either
	// direction: what teamsrelay calls insecure_local.
	Signed bool
	// ServiceURL is where activities say that the connector is, without the
	// "v3"; "": https://smba.trafficmanager.net/emea/, which is good for
	// Transport. It can be changed later with MoveServiceURL.
	ServiceURL string
	// Throttle refuses with 429 what does not fit; zero: everything is taken.
	Throttle BotThrottle

	AppID  string // default DefaultAppID
	Name   string // default "teamsrelay"
	Tenant string // the users' and, in sign-in, the bot's; default DefaultTenant
	// Secret is what the bot signs in with; "": DefaultSecret.
	Secret string
	// Certificate is accepted instead of the secret; nil: none is.
	Certificate *x509.Certificate
}

// The defaults of a Bot.
const (
	DefaultAppID  = "7a9c1f60-5b7e-4c55-9f0e-3d1f6f0a2b11"
	DefaultTenant = "4f1d2c3b-6a58-4e97-8c0d-1b2a3c4d5e6f"
	DefaultSecret = "the-secret-of-the-simulated-bot"

	defaultServiceURL = "https://smba.trafficmanager.net/emea/"
	// patience is how long Teams waits for a bot: 15 s is the value that is
	// commonly quoted (teams-platform §2.10).
	patience = 15 * time.Second
)

// bot is what is remembered of the bot. What changes needs the server's lock.
type bot struct {
	Bot
	users         []User
	conversations []*conversation          // in the order in which they came
	byID          map[string]*conversation // the same
	chats         map[string]*conversation // personal, by user's id
	people        map[string]*person       // by user's id
	known         map[string]User          // by every id and address, in lower case
	arrivals      int                      // orders to install that were taken
	tenant        meter                    // every request to the connector
	team          string                   // its name
	version       int                      // counts what changed of the above
	lastID        int64                    // the last message's id
	keys          keyring
}

func newBot(o Bot) *bot {
	or := func(value *string, fallback string) {
		if *value == "" {
			*value = fallback
		}
	}
	or(&o.AppID, DefaultAppID)
	or(&o.Name, "teamsrelay")
	or(&o.Tenant, DefaultTenant)
	or(&o.Secret, DefaultSecret)
	or(&o.ServiceURL, defaultServiceURL)
	if o.Client == nil {
		o.Client = &http.Client{Timeout: patience}
	}
	b := &bot{Bot: o, team: teamName, byID: map[string]*conversation{}, chats: map[string]*conversation{}, people: map[string]*person{}, known: map[string]User{}}
	b.populate()
	return b
}

// id is the bot's own, as activities have it.
func (b *bot) id() string { return "28:" + b.AppID }

// Meet says where the bot is from now on.
func (s *Server) Meet(endpoint string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bot.Endpoint = endpoint
	s.tellDirectory()
}

// MoveServiceURL says where activities say that the connector is, from now on.
// Where it was before it still answers, as Microsoft's does.
func (s *Server) MoveServiceURL(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bot.ServiceURL = strings.TrimSuffix(url, "/") + "/"
}

// ServiceURL is where activities say that the connector is.
func (s *Server) ServiceURL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bot.ServiceURL
}
