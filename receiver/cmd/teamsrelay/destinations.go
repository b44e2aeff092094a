package main

import (
	"fmt"
	"net/http"

	"github.com/alecthomas/kingpin/v2"

	"github.com/teamsrelay/teamsrelay/receiver/web"
)

func addDestinations(k *kingpin.Application, p *program) {
	cmd := k.Command("destinations", "Where a running receiver delivers to, and whether it can.")
	list := cmd.Command("list", "List destinations: ok, waiting (Teams asked for patience, or does not answer) or broken (somebody has to mend something).").Default()
	list.HelpLong(`PEOPLE says of a destination with users: or group: how many have a chat with
the app already. The others get it with their first alert; who cannot be
reached, and what to do about it: teamsrelay users list --destination=NAME

FALLBACK is the destination that gets the card where this one cannot be reached.`)
	relay, format := addClient(list), addOutput(list)
	list.Action(func(*kingpin.ParseContext) error {
		var answer struct{ Destinations []web.Destination }
		if err := relay.call(p.ctx, http.MethodGet, "/api/v1/destinations", nil, &answer); err != nil {
			return err
		}
		return format.print(p.out, "destinations", answer.Destinations, "NAME\tSTATE\tWAITING\tDEAD LETTERS\tREASON\tPEOPLE\tFALLBACK\tMESSAGE", func(line func(...any)) {
			for _, d := range answer.Destinations {
				message := d.Message
				if d.State == "waiting" && d.Since != nil {
					message = fmt.Sprintf("tried again at %s", moment(*d.Since))
				}
				reached := "-"
				if d.People != nil {
					reached = fmt.Sprintf("%d of %d", d.People.Reachable, d.People.Total)
				}
				line(d.Name, d.State, d.Waiting, d.DeadLetters, orDash(d.Reason), reached, orDash(d.Fallback), orDash(message))
			}
		})
	})
}

// place is a destination, and who of it.
func place(destination, who string) string {
	if who == "" {
		return destination
	}
	return destination + " (" + who + ")"
}
