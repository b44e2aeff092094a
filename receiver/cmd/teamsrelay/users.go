package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/teamsrelay/teamsrelay/receiver/web"
)

func addUsers(k *kingpin.Application, p *program) {
	cmd := k.Command("users", "Who is told personally by a running receiver, who cannot be reached, and what to do about it.")

	list := cmd.Command("list", "List everybody who is told personally, by name.").Default()
	list.HelpLong(`Examples:
  teamsrelay users list
  teamsrelay users list --destination=oncall --state=blocked
  teamsrelay users list --output=json | jq -r '.users[] | select(.reason != "") | .name'

States:
  unknown     nothing was told to them yet, or Microsoft knows nobody of that name
  known       Microsoft knows who it is
  installing  the app was installed for them; their chat is not there yet
  reachable   they are told at once, and Microsoft Graph is not needed for it
  blocked     they have blocked the app in Teams, and only they can undo that
  policy      an administrator does not allow them the app

Nobody has to install anything: it is done with the first alert. Where it cannot
be done, WHY says why and what to do. Of who is a member of a group, NAME is the
object id in Entra; users show and users retry take the address as well.`)
	relay, format := addClient(list), addOutput(list)
	state := list.Flag("state", "Only in this state.").Enum("unknown", "known", "installing", "reachable", "blocked", "policy")
	destination := list.Flag("destination", "Only of this destination.").String()
	list.Action(func(*kingpin.ParseContext) error {
		query := url.Values{}
		if *state != "" {
			query.Set("state", *state)
		}
		if *destination != "" {
			query.Set("destination", *destination)
		}
		users, err := relay.users(p, query)
		if err != nil {
			return err
		}
		if *format.format == "table" {
			fmt.Fprint(p.err, howMany(users))
		}
		return format.print(p.out, "users", users, "NAME\tSTATE\tDESTINATIONS\tWHO\tWHY", func(line func(...any)) {
			for i := range users {
				u := &users[i]
				line(u.Name, u.State, strings.Join(u.Destinations, ","), orDash(u.DisplayName), orDash(why(u)))
			}
		})
	})

	show := cmd.Command("show", "Everything about one person: how they are reached, and what they have not been told.")
	show.HelpLong(`Example:
  teamsrelay users show alice@contoso.com`)
	relayOfShow, formatOfShow := addClient(show), addOutput(show)
	name := show.Arg("name", "As in the file, or their address or object id in Entra.").Required().String()
	show.Action(func(*kingpin.ParseContext) error {
		var story web.UserStory
		if err := relayOfShow.call(p.ctx, http.MethodGet, "/api/v1/users/"+url.PathEscape(*name), nil, &story); err != nil {
			return err
		}
		if *formatOfShow.format == "json" {
			return writeJSON(p.out, story)
		}
		tell(p, &story)
		return nil
	})

	retry := cmd.Command("retry", "Have people tried again: Microsoft is asked anew, and the app is installed if they do not have it.")
	retry.HelpLong(`Examples:
  teamsrelay users retry alice@contoso.com
  teamsrelay users list --destination=oncall -o json |
    jq -r '.users[] | select(.reason == "unknown_user") | .name' | xargs teamsrelay users retry

What was given up goes out once they can be reached. It is not needed when
somebody installs the app or writes to the bot: Teams says so, and they are
told. Of who only unblocks it Teams says nothing: the next alert tries them,
once an hour, and this does at once.
Where Microsoft failed for everybody (an expired secret), all are tried again at
once, unless it said when it wants to be asked.
The audit keeps who wanted it. What came of it: teamsrelay users show NAME`)
	relayOfRetry := addClient(retry)
	names := retry.Arg("name", "As in the list, or their address or object id in Entra.").Required().Strings()
	retry.Action(func(*kingpin.ParseContext) error {
		query := url.Values{"who": {whoami()}}
		return each(p, "tried again", *names, func(name string) error {
			return relayOfRetry.call(p.ctx, http.MethodPost, "/api/v1/users/"+url.PathEscape(name)+"/retry", query, &struct{}{})
		})
	})
}

// users reads all of them, page by page.
func (c *client) users(p *program, query url.Values) ([]web.User, error) {
	const page = 1000
	users := []web.User{}
	query.Set("limit", fmt.Sprint(page))
	for {
		var answer struct{ Users []web.User }
		if err := c.call(p.ctx, http.MethodGet, "/api/v1/users", query, &answer); err != nil {
			return nil, err
		}
		users = append(users, answer.Users...)
		if len(answer.Users) < page {
			return users, nil
		}
		query.Set("after", users[len(users)-1].Name)
	}
}

// howMany says what to look for in a long list.
func howMany(users []web.User) string {
	if len(users) == 0 {
		return "Nobody is told personally, or nobody is like that.\n"
	}
	unreachable := 0
	for i := range users {
		if users[i].Unreachable() {
			unreachable++
		}
	}
	if unreachable == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d cannot be reached.\n", unreachable, len(users))
}

// why says why somebody cannot be reached, and what to do.
func why(u *web.User) string { return strings.TrimSpace(u.Message + " " + u.Do) }

// tell prints how it is with somebody.
func tell(p *program, u *web.UserStory) {
	fmt.Fprintf(p.out, "%s\n", onLine(u.Name))
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(p.out, "  %-12s  %s\n", name, onLine(value))
		}
	}
	at := func(t *time.Time) string {
		if t == nil {
			return ""
		}
		return moment(*t)
	}
	line("who", u.DisplayName)
	line("address", u.UPN)
	line("object id", u.ObjectID)
	line("destinations", strings.Join(u.Destinations, ", "))
	line("state", u.State)
	line("reason", u.Reason)
	line("why", u.Message)
	line("what to do", u.Do)
	chat := "none yet"
	switch {
	case u.Conversation:
		chat = "known; Microsoft Graph is not needed to tell them anything"
	case u.Reason == "" && u.InstalledAt == nil:
		chat = "none yet; the app is installed and the chat is found with the first alert"
	}
	line("chat", chat)
	line("installed", at(u.InstalledAt))
	line("version", u.Version)
	line("asked", at(u.CheckedAt))
	line("tried again", at(u.RetryAt))
	if len(u.Open) == 0 {
		fmt.Fprintln(p.out, "They have been told everything.")
		return
	}
	fmt.Fprintf(p.out, "They have not been told:\n")
	for _, post := range u.Open {
		what := "waits"
		if post.State == "dead" {
			what = fmt.Sprintf("dead letter %d", post.ID)
		}
		words := ""
		if post.Message != "" {
			words = ": " + post.Message
		}
		fmt.Fprintf(p.out, "  %s  %s  %s  %s%s\n", post.Alert, moment(post.UpdatedAt), onLine(post.Title), what, onLine(words))
	}
}
