package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/outbound"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// Why a check is needless, in words; "": it is not.

func withoutBot(e *examination) string {
	if !e.microsoft.Configured() {
		return "The configuration has no bot (microsoft:), so there is nothing of it at Microsoft."
	}
	return ""
}

func withoutTokens(e *examination) string {
	if why := withoutBot(e); why != "" {
		return why
	}
	if e.microsoft.InsecureLocal {
		return "insecure_local does without tokens."
	}
	return ""
}

// withoutGraph: Microsoft Graph is asked only about people.
func withoutGraph(e *examination) string {
	switch why := withoutBot(e); {
	case why != "":
		return why
	case !e.microsoft.Graph():
		return "insecure_local has no Microsoft Graph, unless endpoints.graph names a simulated one."
	case e.User == "" && len(names(e.Config)) == 0 && len(rosters(e.Config)) == 0:
		return "No destination is people (users: or group:), so Microsoft Graph is not needed. --user NAME examines it all the same."
	case e.microsoft.TenantID == "":
		return "Without tenant_id nobody says in which tenant to look for people."
	}
	return ""
}

func withoutGraphTokens(e *examination) string {
	if why := withoutGraph(e); why != "" {
		return why
	}
	return withoutTokens(e)
}

func withoutNames(e *examination) string {
	if why := withoutGraph(e); why != "" {
		return why
	}
	if e.User == "" && len(names(e.Config)) == 0 {
		return "No destination names people (users:). --user NAME looks at somebody."
	}
	return ""
}

func withoutRosters(e *examination) string {
	if why := withoutGraph(e); why != "" {
		return why
	}
	if len(rosters(e.Config)) == 0 {
		return "No destination is a group or a tag (group:)."
	}
	return ""
}

// names are the people of the destinations, each once, in the file's order.
func names(c *config.Config) []string {
	var all []string
	seen := make(map[string]bool)
	for _, d := range c.Destinations {
		for _, name := range d.Users {
			if !seen[name] {
				seen[name] = true
				all = append(all, name)
			}
		}
	}
	return all
}

// roster is a group or tag of a destination.
type roster struct {
	config.Group
	destination string
}

func rosters(c *config.Config) []roster {
	var all []roster
	seen := make(map[config.Group]bool)
	for _, d := range c.Destinations {
		if d.Group != (config.Group{}) && !seen[d.Group] {
			seen[d.Group] = true
			all = append(all, roster{d.Group, d.Name})
		}
	}
	return all
}

// stillTheSample is in what config says of an id that nobody has replaced. No
// such id works at Microsoft, so here it is no mere warning.
const stillTheSample = "still the id of the sample"

func examineConfiguration(_ context.Context, e *examination) {
	for _, f := range judgeConfiguration(e.File, e.Config, e.Problems) {
		e.say(f)
	}
	switch {
	case e.Config == nil:
		e.lose(readable)
	case e.User == "":
	case !e.microsoft.Configured(), !e.microsoft.Graph(), e.microsoft.TenantID == "":
		e.say(Finding{
			About: "--user", Result: Failed, What: "Nobody can be looked at: " + lower(withoutGraph(e)),
			Why: "People are found through Microsoft Graph, and told by the bot.", Do: "Add microsoft: with the bot's tenant_id, app_id and secret; sample-configs/bot/README.md goes through it.",
		})
	}
}

// judgeConfiguration is what there is to say of a file that was read.
func judgeConfiguration(file string, c *config.Config, problems config.Problems) []Finding {
	var found []Finding
	for _, p := range problems {
		f := Finding{About: fmt.Sprintf("%s:%d", p.File, p.Line), Result: Warning, What: sentence(p.What), Do: sentence(p.Do)}
		switch {
		case p.Level == yamlfile.Error:
			f.Result, f.Why = Failed, "With an error in it the configuration is not used: serve does not start, and a reload keeps the old one."
		case strings.Contains(p.What, stillTheSample):
			f.Result, f.Why = Failed, "Microsoft has nothing with this id."
		}
		found = append(found, f)
	}
	if c == nil {
		return found
	}
	count := 0
	for _, d := range c.Destinations {
		if d.Personal() || d.Conversation() != "" {
			count++
		}
	}
	what := fmt.Sprintf("It loads: %s, %d of them with the bot.", plural(len(c.Destinations), "destination"), count)
	switch m := c.Microsoft; {
	case !m.Configured():
		what = fmt.Sprintf("It loads: %s, none of them with the bot.", plural(len(c.Destinations), "destination"))
	case m.InsecureLocal:
		found = append(found, Finding{
			About: "insecure_local", Result: Warning, What: "The bot takes activities without tokens and sends none.",
			Why: "It is for trials on one machine. Teams itself takes nothing from such a bot.",
			Do:  "Before Teams is to reach it, remove insecure_local and give client_secret_file, certificate_file or managed_identity.",
		})
	}
	return append([]Finding{{About: file, Result: OK, What: what}}, found...)
}

// usedSecrets are those that whom we ask gets to know, or could: what they say is
// printed without them. The other secrets of a configuration go nowhere.
func (e *examination) usedSecrets() []string {
	m := e.microsoft
	all := []string{m.ClientSecret.Reveal(), m.CertificatePassword.Reveal()}
	where := m.Auth().Where()
	for _, base := range []string{where.Login, where.Graph, where.ServiceURL, where.BotOpenIDMetadata, e.PublicURL} {
		all = append(all, outbound.ProxySignIn("", base)...)
	}
	// What is too short to be one stands in ordinary words, too.
	return slices.DeleteFunc(all, outbound.IsWeak)
}

// capital is a text with its first letter large.
func capital(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// lower is a sentence as it goes on after a colon.
func lower(text string) string {
	return strings.ToLower(text[:min(1, len(text))]) + text[min(1, len(text)):]
}

// sentence is a text that begins with a capital letter and ends with a full
// stop, unless it begins with a name.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return ""
	}
	if !strings.ContainsAny(text[len(text)-1:], ".!?:)") {
		text += "."
	}
	return capital(text)
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
