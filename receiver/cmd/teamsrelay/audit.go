package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/teamsrelay/teamsrelay/receiver/web"
)

func addAudit(k *kingpin.Application, p *program) {
	cmd := k.Command("audit", "Who did what, in Teams and by the API of a running receiver.")
	list := cmd.Command("list", "List what people did and what they were refused, newest first.").Default()
	list.HelpLong(`Examples:
  teamsrelay audit list --since=24h --what=silence
  teamsrelay audit list --who="Alice Example" --output=json

What: ack, unack, silence, expire, assign, resolve, comment, reopen, create,
subscribe, unsubscribe; with refused: before it, what somebody was not allowed
to do (also refused:test, and refused:press of a button that is none of ours).
Who: exactly as the list writes it. Lines are kept for a year.`)
	relay, format := addClient(list), addOutput(list)
	since := list.Flag("since", "Only of the last while, such as 2h.").Duration()
	who := list.Flag("who", "Only of this person: a name, or an Entra object id.").String()
	what := list.Flag("what", "Only this, such as silence or refused:ack.").String()
	limit := list.Flag("limit", "At most so many.").Default("50").Int()
	list.Action(func(*kingpin.ParseContext) error {
		query := url.Values{"limit": {strconv.Itoa(*limit)}}
		if *who != "" {
			query.Set("who", *who)
		}
		if *what != "" {
			query.Set("action", *what)
		}
		if *since > 0 {
			query.Set("since", time.Now().Add(-*since).UTC().Format(time.RFC3339))
		}
		var answer struct{ Audit []web.Audit }
		if err := relay.call(p.ctx, http.MethodGet, "/api/v1/audit", query, &answer); err != nil {
			return err
		}
		if len(answer.Audit) == 0 && *format.format == "table" {
			fmt.Fprintln(p.err, "The audit has no such lines.")
		}
		return format.print(p.out, "audit", answer.Audit, "AT\tWHO\tWHAT\tTARGET\tFROM\tBEFORE\tAFTER", func(line func(...any)) {
			for _, l := range answer.Audit {
				line(moment(l.At), orDash(l.Who), l.Action, orDash(l.Target), orDash(l.From), orDash(l.Before), orDash(l.After))
			}
		})
	})
}
