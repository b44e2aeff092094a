package apppackage

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/teamsrelay/teamsrelay/receiver/bot/typed"
)

// The schema that the manifest follows (teams-platform §6.1).
const (
	manifestVersion = "1.30"
	schemaURL       = "https://developer.microsoft.com/json-schemas/teams/v1.30/MicrosoftTeams.schema.json"
)

// home is where the app's people find what it is and what it stores.
const (
	home    = "https://github.com/teamsrelay/teamsrelay"
	privacy = home + "/blob/main/sample-configs/bot/README.md#what-is-stored-and-where"
	terms   = home + "/blob/main/LICENSE"
)

const (
	shortDescription = "Alerts as cards that change in place; acknowledge, silence and resolve here."
	fullDescription  = "Alerts from Prometheus, Alertmanager, Telegraf, InfluxDB and other systems come as cards. " +
		"A card tells the whole story of an alert: when it fired, who acknowledged it, until when it is silenced, when it was over. " +
		"Press its buttons to acknowledge, silence, assign, resolve or comment; everybody sees the same card change. " +
		"Or write: in a channel or group chat with a mention, in the personal chat without. \"help\" lists what can be written.\n\n" +
		"This app was made by your organization's own teamsrelay and talks to no other service."
)

// manifest is a Teams app manifest, as far as a bot alone needs it.
//
// It asks for no permission over teams, chats or people (authorization): the
// bot reads only messages that mention it, and asks who is in a conversation
// only as its member.
type manifest struct {
	Schema                  string            `json:"$schema"`
	ManifestVersion         string            `json:"manifestVersion"`
	Version                 string            `json:"version"`
	ID                      string            `json:"id"`
	Developer               developer         `json:"developer"`
	Name                    name              `json:"name"`
	Description             description       `json:"description"`
	Icons                   icons             `json:"icons"`
	AccentColor             string            `json:"accentColor"`
	Bots                    []bot             `json:"bots"`
	DefaultInstallScope     string            `json:"defaultInstallScope"`
	DefaultGroupCapability  map[string]string `json:"defaultGroupCapability"`
	SupportsChannelFeatures string            `json:"supportsChannelFeatures"`
	WebApplicationInfo      webApplication    `json:"webApplicationInfo"`
	ValidDomains            []string          `json:"validDomains"`
}

type developer struct {
	Name          string `json:"name"`
	WebsiteURL    string `json:"websiteUrl"`
	PrivacyURL    string `json:"privacyUrl"`
	TermsOfUseURL string `json:"termsOfUseUrl"`
}

type name struct {
	Short string `json:"short"`
	Full  string `json:"full"`
}

type description struct {
	Short string `json:"short"`
	Full  string `json:"full"`
}

type icons struct {
	Color   string `json:"color"`
	Outline string `json:"outline"`
}

type bot struct {
	BotID              string        `json:"botId"`
	Scopes             []string      `json:"scopes"`
	IsNotificationOnly bool          `json:"isNotificationOnly"`
	SupportsFiles      bool          `json:"supportsFiles"`
	SupportsCalling    bool          `json:"supportsCalling"`
	SupportsVideo      bool          `json:"supportsVideo"`
	CommandLists       []commandList `json:"commandLists"`
}

type commandList struct {
	Scopes   []string      `json:"scopes"`
	Commands []commandItem `json:"commands"`
}

type commandItem struct {
	Title       string `json:"title"`
	Description string `json:"description"`
}

type webApplication struct {
	ID       string `json:"id"`
	Resource string `json:"resource"`
}

// scopes are where the app can be added. The manifest has a command list for
// each.
var scopes = []string{"personal", "team", "groupChat"}

// Limits of a manifest. The schema allows longer commands since 1.22, but not
// every client shows them (teams-platform §6.1).
const (
	maxName               = 30
	maxFullName           = 100
	maxCommands           = 12
	maxCommandTitle       = 32
	maxCommandDescription = 128
)

// menu are the commands that Teams proposes, of which it takes twelve; help
// names all.
var menu = []string{
	typed.Help, typed.Alerts, typed.Show, "ack", "silence", typed.Silences,
	"assign", "comment", "resolve", typed.Create, typed.Subscribe, typed.Status,
}

// commands makes a command list of what the bot understands. Choosing one in
// Teams writes its title into the message, so that is the word alone.
func commands() []commandItem {
	var items []commandItem
	for _, verb := range menu {
		i := slices.IndexFunc(typed.Usages, func(u typed.Usage) bool { return u.Verb == verb })
		if i < 0 { // a test sees to it that there is none
			continue
		}
		u := typed.Usages[i]
		items = append(items, commandItem{Title: verb, Description: u.Usage + " – " + u.Does})
	}
	return items
}

// manifest makes the manifest of the options, which are right.
func (o Options) manifest() manifest {
	lists := make([]commandList, len(scopes))
	for i, scope := range scopes {
		lists[i] = commandList{Scopes: []string{scope}, Commands: commands()}
	}
	return manifest{
		Schema: schemaURL, ManifestVersion: manifestVersion,
		Version: o.Version, ID: strings.ToLower(o.ID),
		Developer:   developer{Name: "teamsrelay", WebsiteURL: home, PrivacyURL: privacy, TermsOfUseURL: terms},
		Name:        name{Short: o.Name, Full: o.Name},
		Description: description{Short: shortDescription, Full: fullDescription},
		Icons:       icons{Color: colorFile, Outline: outlineFile},
		AccentColor: fmt.Sprintf("#%02x%02x%02x", accent.R, accent.G, accent.B),
		Bots:        []bot{{BotID: strings.ToLower(o.BotID), Scopes: scopes, CommandLists: lists}},
		// Add opens with the choice of a team, where alerts are for all.
		DefaultInstallScope:    "team",
		DefaultGroupCapability: map[string]string{"team": "bot", "groupchat": "bot"},
		// Without this the app cannot be added to private and shared channels.
		SupportsChannelFeatures: "tier1",
		// That the app and the Entra application are one lets it install itself
		// for people, if an administrator grants that.
		WebApplicationInfo: webApplication{ID: strings.ToLower(o.BotID), Resource: "api://botid-" + strings.ToLower(o.BotID)},
		// It shows no pages, so there is no domain to load them from.
		ValidDomains: []string{},
	}
}

// tooLong says which text of a manifest has more characters than Teams takes.
func (m *manifest) tooLong() error {
	type limited struct {
		what, text string
		most       int
	}
	all := []limited{{"the name", m.Name.Short, maxName}, {"the full name", m.Name.Full, maxFullName}}
	for _, list := range m.Bots[0].CommandLists {
		if len(list.Commands) > maxCommands {
			return fmt.Errorf("%d commands are more than the %d that Teams proposes", len(list.Commands), maxCommands)
		}
		for _, c := range list.Commands {
			all = append(all,
				limited{"the command " + c.Title, c.Title, maxCommandTitle},
				limited{"what is said of the command " + c.Title, c.Description, maxCommandDescription})
		}
	}
	for _, l := range all {
		if n := utf8.RuneCountInString(l.text); n > l.most {
			return fmt.Errorf("%s has %d characters, and Teams takes at most %d", l.what, n, l.most)
		}
	}
	return nil
}
