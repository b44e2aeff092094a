package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

func addSendTest(k *kingpin.Application, p *program) {
	cmd := k.Command("send-test", "Send a card that says it is a test to a destination of a running receiver, and wait for what comes of it.")
	cmd.HelpLong(`Example:
  teamsrelay send-test ops

The card goes the way of every other: pace, retries, delivery log. Exit code 0
when Teams took it, 1 when it was refused or nothing was decided in time.`)
	relay := addClient(cmd)
	destination := cmd.Arg("destination", "The destination's name.").Required().String()
	patience := cmd.Flag("timeout", "How long to wait.").Default("30s").Duration()
	cmd.Action(func(*kingpin.ParseContext) error {
		var test web.Test
		path := "/api/v1/destinations/" + url.PathEscape(*destination) + "/test"
		if err := relay.call(p.ctx, http.MethodPost, path, nil, &test); err != nil {
			return err
		}
		fmt.Fprintf(p.out, "Sent to %s …\n", *destination)
		deadline := time.Now().Add(*patience)
		var last int64
		for {
			found, err := relay.deliveriesOf(p, test.Group)
			if err != nil {
				return err
			}
			for _, d := range found {
				if d.State == "sending" || d.ID <= last {
					continue
				}
				last = d.ID
				switch d.State {
				case "accepted":
					fmt.Fprintf(p.out, "accepted after %.1f ms (HTTP %d). A webhook says no more than that: look for the card in the channel.\n", d.TookMS, d.Status)
					return nil
				case "delivered":
					fmt.Fprintf(p.out, "delivered after %.1f ms\n", d.TookMS)
					return nil
				case "dead":
					fmt.Fprintf(p.out, "not delivered: %s: %s\n", d.Reason, d.Message)
					return errFailed
				default:
					fmt.Fprintf(p.out, "attempt %d: %s: %s\n", d.Attempt, d.Reason, d.Message)
				}
			}
			// A destination that somebody has to mend is left alone: there is
			// no attempt, and the test is a dead letter at once.
			if letter, found, err := relay.letterOf(p, *destination, test.Group); err != nil {
				return err
			} else if found {
				fmt.Fprintf(p.out, "not delivered: %s: %s\nwhen that is mended: teamsrelay dead-letters replay %d\n", letter.Reason, letter.Message, letter.ID)
				return errFailed
			}
			if time.Now().After(deadline) {
				fmt.Fprintf(p.out, "nothing final after %s; it goes on being tried, see teamsrelay deliveries list --destination %s\n", *patience, *destination)
				return errFailed
			}
			select {
			case <-p.ctx.Done():
				return p.ctx.Err()
			case <-time.After(200 * time.Millisecond):
			}
		}
	})
}

// letterOf returns the dead letter of one group at a destination.
func (c *client) letterOf(p *program, destination string, group int64) (web.DeadLetter, bool, error) {
	var answer struct {
		Letters []web.DeadLetter `json:"dead-letters"`
	}
	err := c.call(p.ctx, http.MethodGet, "/api/v1/dead-letters", url.Values{"destination": {destination}}, &answer)
	for _, l := range answer.Letters {
		if l.Alert == alert.ShortID(group) {
			return l, true, err
		}
	}
	return web.DeadLetter{}, false, err
}

// deliveriesOf returns the attempts for one group, oldest first.
func (c *client) deliveriesOf(p *program, group int64) ([]web.Delivery, error) {
	var answer struct{ Deliveries []web.Delivery }
	query := url.Values{"group": {strconv.FormatInt(group, 10)}}
	err := c.call(p.ctx, http.MethodGet, "/api/v1/deliveries", query, &answer)
	list := answer.Deliveries
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list, err
}
