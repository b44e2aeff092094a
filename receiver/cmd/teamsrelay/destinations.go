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
	relay, format := addClient(list), addOutput(list)
	list.Action(func(*kingpin.ParseContext) error {
		var answer struct{ Destinations []web.Destination }
		if err := relay.call(p.ctx, http.MethodGet, "/api/v1/destinations", nil, &answer); err != nil {
			return err
		}
		return format.print(p.out, "destinations", answer.Destinations, "NAME\tSTATE\tWAITING\tDEAD LETTERS\tREASON\tMESSAGE", func(line func(...any)) {
			for _, d := range answer.Destinations {
				message := d.Message
				if d.State == "waiting" && d.Since != nil {
					message = fmt.Sprintf("tried again at %s", moment(*d.Since))
				}
				line(d.Name, d.State, d.Waiting, d.DeadLetters, orDash(d.Reason), orDash(message))
			}
		})
	})
}
