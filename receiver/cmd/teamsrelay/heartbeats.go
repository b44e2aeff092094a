package main

import (
	"net/http"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/teamsrelay/teamsrelay/receiver/web"
)

func addHeartbeats(k *kingpin.Application, p *program) {
	cmd := k.Command("heartbeats", "The alerts that must keep coming to a running receiver.")
	list := cmd.Command("list", "List the heartbeats of the configuration.").Default()
	list.HelpLong(`Examples:
  teamsrelay heartbeats list
  teamsrelay heartbeats list --output=json | jq -r '.heartbeats[] | select(.state == "missing") | .name'

States:
  beating  it comes
  missing  it does not: the alert HeartbeatMissing fires
  waiting  it has never come, and has time left

With several replicas it does not matter which of them it reaches.`)
	relay, format := addClient(list), addOutput(list)
	list.Action(func(*kingpin.ParseContext) error {
		var answer struct{ Heartbeats []web.Heartbeat }
		if err := relay.call(p.ctx, http.MethodGet, "/api/v1/heartbeats", nil, &answer); err != nil {
			return err
		}
		return format.print(p.out, "heartbeats", answer.Heartbeats, "NAME\tSTATE\tWITHIN\tLAST\tFROM", func(line func(...any)) {
			for _, h := range answer.Heartbeats {
				last := "never"
				if h.LastAt != nil {
					last = moment(*h.LastAt)
				}
				line(h.Name, h.State, time.Duration(h.WithinSeconds*float64(time.Second)), last, orDash(h.From))
			}
		})
	})
}
