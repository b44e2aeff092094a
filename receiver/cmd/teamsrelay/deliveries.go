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

func addDeliveries(k *kingpin.Application, p *program) {
	cmd := k.Command("deliveries", "The delivery log of a running receiver: every attempt.")

	list := cmd.Command("list", "List attempts, newest first.").Default()
	list.HelpLong(`Examples:
  teamsrelay deliveries list --destination=ops --since=2h
  teamsrelay deliveries list --state=dead --output=json

States: sending (under way), delivered, accepted (a webhook took it and says no
more), retry (tried again later), dead (given up, see dead-letters),
interrupted (teamsrelay was killed meanwhile, so it was sent again).

Kinds: card (a new message), edit (of a card that is there; nobody is notified),
call (a short message under it or after it, so that people are), digest (one
message that tells of many alerts).`)
	relay, format := addClient(list), addOutput(list)
	destination := list.Flag("destination", "Only to this destination.").String()
	state := list.Flag("state", "Only in this state.").Enum("sending", "delivered", "accepted", "retry", "dead", "interrupted")
	since := list.Flag("since", "Only of the last while, such as 2h.").Duration()
	limit := list.Flag("limit", "At most so many.").Default("50").Int()
	list.Action(func(*kingpin.ParseContext) error {
		query := url.Values{"limit": {strconv.Itoa(*limit)}}
		if *destination != "" {
			query.Set("destination", *destination)
		}
		if *state != "" {
			query.Set("state", *state)
		}
		if *since > 0 {
			query.Set("since", time.Now().Add(-*since).UTC().Format(time.RFC3339))
		}
		var answer struct{ Deliveries []web.Delivery }
		if err := relay.call(p.ctx, http.MethodGet, "/api/v1/deliveries", query, &answer); err != nil {
			return err
		}
		return format.print(p.out, "deliveries", answer.Deliveries, "ID\tAT\tDESTINATION\tKIND\tSTATE\tATTEMPT\tREASON\tTOOK\tALERT\tTITLE", func(line func(...any)) {
			for _, d := range answer.Deliveries {
				title := d.Title
				if d.Digest > 0 {
					title = fmt.Sprintf("digest of %d", d.Digest)
				}
				line(d.ID, moment(d.At), place(d.Destination, d.Who), orDash(d.Kind), d.State, d.Attempt, orDash(d.Reason),
					fmt.Sprintf("%.1f ms", d.TookMS), orDash(d.Alert), title)
			}
		})
	})

	show := cmd.Command("show", "Everything about one attempt.")
	relayOfShow := addClient(show)
	id := show.Arg("id", "The attempt's number in the list.").Required().Int64()
	show.Action(func(*kingpin.ParseContext) error {
		var d web.Delivery
		if err := relayOfShow.call(p.ctx, http.MethodGet, fmt.Sprintf("/api/v1/deliveries/%d", *id), nil, &d); err != nil {
			return err
		}
		fmt.Fprintf(p.out, "Delivery %d of %s\n  destination  %s\n  what         %s\n  kind         %s\n  alert        %s\n  state        %s (attempt %d)\n",
			d.ID, moment(d.At), place(d.Destination, d.Who), d.Title, orDash(d.Kind), orDash(d.Alert), d.State, d.Attempt)
		if d.Digest > 0 {
			fmt.Fprintf(p.out, "  digest       told %d posts at once\n", d.Digest)
		}
		fmt.Fprintf(p.out, "  answer       HTTP %d in %.1f ms, message id %s\n", d.Status, d.TookMS, orDash(d.MessageID))
		if d.Reason != "" {
			fmt.Fprintf(p.out, "  reason       %s: %s\n", d.Reason, d.Message)
		}
		return nil
	})
}
