package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os/user"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"github.com/teamsrelay/teamsrelay/receiver/web"
)

func addSubscriptions(k *kingpin.Application, p *program) {
	cmd := k.Command("subscriptions", "What destinations of a running receiver get beside the routes.")

	list := cmd.Command("list", "List subscriptions, newest first, and then those of the configuration.").Default()
	relay, format := addClient(list), addOutput(list)
	list.Action(func(*kingpin.ParseContext) error {
		var answer struct{ Subscriptions []web.Subscription }
		if err := relay.call(p.ctx, http.MethodGet, "/api/v1/subscriptions", url.Values{"limit": {"1000"}}, &answer); err != nil {
			return err
		}
		return format.print(p.out, "subscriptions", answer.Subscriptions, "ID\tDESTINATION\tNAME\tBY\tSINCE\tMATCHERS", func(line func(...any)) {
			for _, s := range answer.Subscriptions {
				since := "-"
				if s.At != nil {
					since = moment(*s.At)
				}
				line(orDash(s.ID), s.Destination, orDash(s.Name), orDash(s.By), since, inWords(s.Matchers))
			}
		})
	})

	add := cmd.Command("add", "Have a destination get what matches.")
	add.HelpLong(`Examples:
  teamsrelay subscriptions add dba 'team="dba"'
  teamsrelay subscriptions add conversation-3f1c09d2ab 'severity=~"critical|warning"' 'site="fra1"'

All matchers must hold. Without any, the destination gets everything. A
conversation that no file names has a name in subscriptions list, and says it
in Teams when it is asked for its subscriptions. What fires already is told
with its next news.`)
	relayOfAdd := addClient(add)
	destination := add.Arg("destination", "A destination.").Required().String()
	matchers := add.Arg("matcher", "Which alerts, as in Alertmanager.").Strings()
	add.Action(func(*kingpin.ParseContext) error {
		asked := web.Subscribe{Destination: *destination, Matchers: *matchers, Who: whoami()}
		var answer struct{ Subscriptions []web.Subscription }
		if err := relayOfAdd.send(p.ctx, http.MethodPost, "/api/v1/subscriptions", nil, asked, &answer); err != nil {
			return err
		}
		for _, s := range answer.Subscriptions {
			fmt.Fprintf(p.out, "%s gets %s (subscription %s)\n", onLine(s.Destination), onLine(inWords(s.Matchers)), s.ID)
		}
		return nil
	})

	remove := cmd.Command("remove", "Remove subscriptions. What is open is told on to its end.")
	relayOfRemove := addClient(remove)
	ids := remove.Arg("id", "Ids in the list.").Required().Strings()
	remove.Action(func(*kingpin.ParseContext) error {
		query := url.Values{"who": {whoami()}}
		return each(p, "removed", *ids, func(id string) error {
			return relayOfRemove.call(p.ctx, http.MethodDelete, "/api/v1/subscriptions/"+url.PathEscape(id), query, &struct{}{})
		})
	})
}

// inWords is what matchers select.
func inWords(matchers []string) string {
	if len(matchers) == 0 {
		return "everything"
	}
	return strings.Join(matchers, ", ")
}

// whoami is who runs the command, for the audit; "" when the system does not
// know.
func whoami() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}
