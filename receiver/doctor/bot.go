package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

const (
	// maxConversations is how many conversations are asked about.
	maxConversations = 20
	// nowhere is a conversation that is not there: asking about it shows
	// whether Teams takes our token.
	nowhere = "19:00000000000000000000000000000000@thread.tacv2"
)

// conversation is a channel or chat of the configuration.
type conversation struct {
	destination string
	place       botframework.Place
}

func conversations(c *config.Config) []conversation {
	var all []conversation
	seen := make(map[string]bool)
	for _, d := range c.Destinations {
		id := d.Conversation()
		if id == "" || seen[id] {
			continue
		}
		seen[id] = true
		kind := botframework.GroupChat
		if d.Channel.ID != "" {
			kind = botframework.Channel
		}
		all = append(all, conversation{d.Name, botframework.Place{Conversation: id, Kind: kind}})
	}
	return all
}

func (e *examination) botClient() (*botframework.Client, error) {
	if e.bot != nil {
		return e.bot, nil
	}
	client, err := botframework.New(e.auth())
	e.bot = client
	return client, err
}

// examineBot asks Teams who is in the conversations of the configuration, which
// only the bot may that is registered and was added there.
func examineBot(ctx context.Context, e *examination) {
	bot, err := e.botClient()
	if err != nil {
		e.say(Finding{Result: Failed, What: sentence(err.Error()), Why: whyBot})
		return
	}
	all := conversations(e.Config)
	if len(all) == 0 {
		_, err := bot.Members(ctx, botframework.Place{Conversation: nowhere, Kind: botframework.Channel})
		e.say(e.judgeNowhere(err))
		return
	}
	for i, c := range all {
		if i == maxConversations {
			e.ok("", fmt.Sprintf("Another %s of the configuration were not asked about.", plural(len(all)-i, "conversation")))
			return
		}
		members, err := bot.Members(ctx, c.place)
		f := e.judgeConversation(c, len(members), err)
		e.say(f)
		if forAll(outcomeOf(err).Reason) { // the next ones would say the same
			return
		}
	}
}

const whyBot = "Every card, button and command of the bot goes through its registration."

// outcomeOf is what came of a request to Teams; zero: it went well.
func outcomeOf(err error) teams.Outcome {
	var failed *botframework.Error
	if errors.As(err, &failed) {
		return failed.Outcome
	}
	return teams.Outcome{}
}

// forAll says whether a reason holds for every conversation.
func forAll(reason teams.Reason) bool {
	switch reason {
	case teams.Auth, teams.Network, teams.TLS, teams.Timeout, teams.Interrupted:
		return true
	}
	return false
}

// judgeConversation is what came of asking who is in a conversation.
func (e *examination) judgeConversation(c conversation, members int, err error) Finding {
	if err == nil {
		return Finding{About: c.destination, Result: OK, What: fmt.Sprintf("Teams knows the bot, and it is there together with %s.", plural(members, "member"))}
	}
	o := outcomeOf(err)
	f := Finding{About: c.destination, Result: Failed, What: sentence(err.Error()), Why: "No card of the bot can be shown there."}
	switch o.Reason {
	case teams.Auth:
		f.About, f.Why, f.Do = "", whyBot, e.registered()
	case teams.NotInstalled:
		if c.place.Kind == botframework.Channel {
			f.Do = path("Teams", "Apps", "Built for your org", e.name(), "Add to a team") + ". For a private or shared channel afterwards " + path("the channel's menu (…)", "Manage channel", "Apps", "Add") + "."
		} else {
			f.Do = path("Teams", "the chat", "Apps (+)", e.name(), "Add") + "."
		}
	case teams.Policy:
		f.Do = e.manageApps(e.name()) + ": status Allowed, and available to these people. In Teams: " + path("the channel's menu (…)", "Manage channel", "Moderation") + " must let bots post."
	case teams.NotFound:
		f.Do = "Copy the link once more: " + path("Teams", "the channel's or chat's menu (…)", "Get link to channel, or Copy link") + ". Put it into the configuration, and teamsrelay check-config says which id it holds."
	case teams.Blocked:
		f.Do = "Ask the person to unblock the bot: " + path("Teams", "the chat's menu (…)", "Unblock") + "."
	case teams.Rejected:
		f.Do = "See which cloud the tenant is in, and set microsoft.cloud."
	default:
		f.Do = "Try again later; see Network above, and status.cloud.microsoft for what Microsoft knows of it."
	}
	return f
}

// judgeNowhere is what came of asking about a conversation that is not there:
// any answer but one about our token will do.
func (e *examination) judgeNowhere(err error) Finding {
	switch o := outcomeOf(err); {
	case e.opened:
		return Finding{Result: OK, What: "Teams knows the bot: it has opened a conversation above."}
	case o.Reason == teams.Auth:
		return Finding{Result: Failed, What: sentence(err.Error()), Why: whyBot, Do: e.registered()}
	case forAll(o.Reason) || o.Reason == teams.Unavailable || o.Reason == teams.Throttled || o.Reason == teams.Service:
		return Finding{Result: Warning, What: sentence(err.Error()), Why: whyBot, Do: "Try again later; see Network above, and status.cloud.microsoft for what Microsoft knows of it."}
	}
	return Finding{Result: OK, What: "Teams takes the bot's token. Whether the bot may talk shows in a conversation, and the configuration has none: --user NAME --install opens one."}
}

// judgeOpen is what came of opening the conversation with somebody.
func (e *examination) judgeOpen(name string, err error) Finding {
	f := Finding{About: name, Result: Failed, What: sentence(err.Error()), Why: whyPerson}
	switch outcomeOf(err).Reason {
	case teams.Auth:
		f.Do = e.registered()
	case teams.NotInstalled:
		f.What = fmt.Sprintf("Microsoft Graph says that the app is installed, and after %v Teams does not know of it.", patience)
		f.Do = "Try again in some minutes. If it stays so, the app in the catalogue has another bot: compare botId in its manifest with app_id, make it anew with teamsrelay app-package and upload it: " + e.manageApps(e.name(), "Upload file") + "."
	case teams.Blocked:
		f.Do = "Ask the person to unblock the bot: " + path("Teams", "the chat's menu (…)", "Unblock") + "."
	case teams.Policy:
		f.Do = e.manageApps(e.name()) + ": status Allowed, and available to the person."
	default:
		f.Do = "Try again later; see Network above, and status.cloud.microsoft for what Microsoft knows of it."
	}
	return f
}

// registered is where the bot's registration is, and what must stand there.
func (e *examination) registered() string {
	return path(e.where.azure, "Azure Bot", "the bot", "Configuration") + ": Microsoft App ID must be app_id, and App Tenant ID tenant_id. Then " +
		path("Channels", "Microsoft Teams") + " must be there. For a bot of the Developer Portal: " + path("dev.teams.microsoft.com", "Tools", "Bot management") + "."
}
