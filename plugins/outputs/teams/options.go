package teams

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/influxdata/telegraf/config"

	"github.com/teamsrelay/teamsrelay/plugins/outputs/teams/relay"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
)

// problems collects everything that is wrong, so that one run shows it all.
type problems struct {
	errs []error
	warn func(text string)
}

// wrong reports a mistake in an option, and what to do about it.
func (p *problems) wrong(option, what, do string) {
	p.errs = append(p.errs, fmt.Errorf("%s: %s; %s", option, what, do))
}

func (p *problems) err() error { return errors.Join(p.errs...) }

// check makes a mode of the options, or returns everything that is wrong.
func (t *Teams) check() (mode, error) {
	p := &problems{warn: func(text string) { t.Log.Warn(text) }}
	set := t.ruleSet(p)
	var made mode
	switch way, where := t.way(p); way {
	case byWebhook:
		t.onlyFor(p, "relay_url", t.relayOptions())
		made = t.webhookMode(p, where, set)
	case byConfigFile:
		t.onlyFor(p, "relay_url", t.relayOptions())
		t.onlyFor(p, "webhook_url", t.cardOptions())
		made = t.configMode(p, set)
	case byRelay:
		t.onlyFor(p, "webhook_url", t.cardOptions())
		made = t.relayMode(p, set)
	}
	if t.StateFile == "" && t.ConfigFile == "" { // else the mode has looked at it
		p.wrong("state_file", "nothing says where to keep alerts until they are delivered", `write state_file = "/var/lib/telegraf/teams.db"`)
	}
	return made, p.err()
}

// The ways for alerts to go, by the option that says so.
const (
	byWebhook    = "webhook_url"
	byConfigFile = "config_file"
	byRelay      = "relay_url"
)

// way is the one way that is set; "" if there is not exactly one.
func (t *Teams) way(p *problems) (way, name string) {
	var set []string
	for _, o := range []option{
		{"webhook_url", !t.WebhookURL.Empty()},
		{"webhook_url_file", t.WebhookURLFile != ""},
		{"config_file", t.ConfigFile != ""},
		{"relay_url", t.RelayURL != ""},
	} {
		if o.set {
			set = append(set, o.name)
		}
	}
	switch {
	case len(set) == 0:
		p.wrong("webhook_url", "nothing says where alerts go (is the environment variable set?)", "set one of webhook_url, webhook_url_file, config_file and relay_url")
		return "", ""
	case len(set) > 1:
		p.wrong(strings.Join(set, ", "), "alerts can go one way only", "keep one of them; a config_file can name several destinations")
		return "", ""
	case set[0] == "webhook_url_file":
		return byWebhook, set[0]
	}
	return set[0], set[0]
}

// option is the name of an option, and whether somebody has set it.
type option struct {
	name string
	set  bool
}

// cardOptions are those that a webhook alone does not answer by itself.
func (t *Teams) cardOptions() []option {
	return []option{
		{"group_by", t.GroupBy != nil}, {"group_wait", t.GroupWait != nil}, {"group_interval", t.GroupInterval != nil},
		{"repeat_interval", t.RepeatInterval != nil}, {"card", t.Card != ""}, {"template_files", len(t.TemplateFiles) > 0},
	}
}

func (t *Teams) relayOptions() []option {
	return []option{
		{"bearer_token", !t.BearerToken.Empty()}, {"username", !t.Username.Empty()}, {"password", !t.Password.Empty()},
		{"tls_ca", t.TLSCA != ""}, {"tls_cert", t.TLSCert != ""}, {"tls_key", t.TLSKey != ""},
		{"insecure_skip_verify", t.InsecureSkipVerify}, {"tls_server_name", t.ServerName != ""},
		{"tls_key_pwd", t.TLSKeyPwd != ""}, {"tls_enable", t.Enable != nil}, {"tls_min_version", t.TLSMinVersion != ""},
		{"tls_cipher_suites", len(t.TLSCipherSuites) > 0}, {"tls_renegotiation_method", t.RenegotiationMethod != ""},
		{"timeout", t.Timeout != nil},
	}
}

// onlyFor reports options that have no effect: whoever set them expects one.
func (t *Teams) onlyFor(p *problems, way string, options []option) {
	do := map[string]string{
		"webhook_url": "remove it, and say it in the routes of the receiver's configuration file",
		"relay_url":   "remove it",
	}[way]
	for _, o := range options {
		if o.set {
			p.wrong(o.name, "this is only for "+way, do)
		}
	}
}

// secret is the text of a secret option, "" if it is not set.
func secret(p *problems, name string, s *config.Secret) string {
	text, err := reveal(s)
	if err != nil {
		p.wrong(name, "the secret cannot be had: "+err.Error(), "outside of Telegraf's own process there are no secret stores: write ${NAME} and set the environment variable")
	}
	return text
}

// reveal takes a copy out of Telegraf's protected memory.
func reveal(s *config.Secret) (string, error) {
	if s.Empty() {
		return "", nil
	}
	buffer, err := s.Get()
	if err != nil {
		return "", err
	}
	defer buffer.Destroy()
	return strings.TrimSpace(buffer.String()), nil
}

// timing is a time of the section, or the default, which also stands for one
// that is wrong: it is reported here, and need not be again.
func timing(p *problems, name string, set *config.Duration, otherwise time.Duration) *time.Duration {
	if set == nil {
		return &otherwise
	}
	d := time.Duration(*set)
	if d < 0 || d == 0 && name != "group_wait" {
		p.wrong(name, "the time must be longer than 0", `write a time such as "1m", or remove it`)
		return &otherwise
	}
	return &d
}

// defaultTimeout is for one request to a receiver.
const defaultTimeout = 10 * time.Second

// relayMode checks what is needed to hand alerts on.
func (t *Teams) relayMode(p *problems, set *rules.Set) mode {
	polled(p, set, nil, "only a receiver queries InfluxDB: put the group into the rule_files of its configuration file")
	tlsConfig, err := t.TLSConfig()
	if err != nil {
		p.wrong("tls_ca, tls_cert, tls_key", err.Error(), "check that the files are there, that this user may read them, and that they are PEM")
	}
	checkState(p, "state_file", t.StateFile)
	client := &http.Client{
		Timeout: *timing(p, "timeout", t.Timeout, defaultTimeout),
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: tlsConfig,
			IdleConnTimeout: 90 * time.Second, MaxIdleConns: 2, MaxResponseHeaderBytes: 64 << 10,
		},
	}
	api, err := relay.NewAPI(t.RelayURL, client, t.authorizer(p))
	if err != nil {
		p.wrong("relay_url", "it cannot be used", err.Error())
	}
	return &relayMode{state: t.StateFile, set: set, api: api}
}

// authorizer puts the credentials into requests. Each time they are taken out
// of Telegraf's protected memory anew, where a secret store may have changed
// them.
func (t *Teams) authorizer(p *problems) func(*http.Request) error {
	token := secret(p, "bearer_token", &t.BearerToken) != "" // said at the start, not at the first alert
	user := secret(p, "username", &t.Username) != ""
	password := secret(p, "password", &t.Password) != ""
	switch {
	case token && (user || password):
		p.wrong("bearer_token", "a request can carry a token or a user, not both", "keep bearer_token, or username and password")
	case password && !user:
		p.wrong("password", "there is no username to it", "add username")
	}
	return func(r *http.Request) error {
		switch {
		case token:
			text, err := reveal(&t.BearerToken)
			r.Header.Set("Authorization", "Bearer "+text)
			return err
		case user:
			name, err := reveal(&t.Username)
			word, err2 := reveal(&t.Password)
			r.SetBasicAuth(name, word)
			return errors.Join(err, err2)
		}
		return nil
	}
}
