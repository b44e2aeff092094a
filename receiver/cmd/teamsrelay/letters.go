package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/alecthomas/kingpin/v2"

	"github.com/teamsrelay/teamsrelay/receiver/web"
)

func addDeadLetters(k *kingpin.Application, p *program) {
	cmd := k.Command("dead-letters", "What a running receiver could not deliver: see why, mend it, replay it.")

	list := cmd.Command("list", "List dead letters, newest first.").Default()
	list.HelpLong(`A dead letter is a message that was given up: its destination's URL is wrong,
Teams does not take the card, or it has waited for too long. MESSAGE says what
to do. Afterwards: teamsrelay dead-letters replay --all`)
	relay, format := addClient(list), addOutput(list)
	list.Action(func(*kingpin.ParseContext) error {
		letters, err := relay.deadLetters(p)
		if err != nil {
			return err
		}
		if len(letters) == 0 && *format.format == "table" {
			fmt.Fprintln(p.err, "There are no dead letters.")
		}
		return format.print(p.out, "dead-letters", letters, "ID\tSINCE\tDESTINATION\tSTATE\tREASON\tALERT\tTITLE\tMESSAGE", func(line func(...any)) {
			for _, l := range letters {
				line(l.ID, moment(l.Since), place(l.Destination, l.Who), l.State, l.Reason, l.Alert, l.Title, l.Message)
			}
		})
	})

	replay := cmd.Command("replay", "Deliver dead letters again. Each leaves the list when it has arrived.")
	replay.HelpLong(`Examples:
  teamsrelay dead-letters replay 17 21
  teamsrelay dead-letters replay --all

What is told is the truth of now: a group that is over since is told as over.
What is refused again comes back into the list with its reason.`)
	relayOfReplay := addClient(replay)
	replayIDs := replay.Arg("id", "Numbers in the list.").Int64List()
	all := replay.Flag("all", "All of them.").Bool()
	replay.Action(func(*kingpin.ParseContext) error {
		ids := *replayIDs
		if *all {
			letters, err := relayOfReplay.deadLetters(p)
			if err != nil {
				return err
			}
			ids = nil
			for _, l := range letters {
				if l.State == "dead" {
					ids = append(ids, l.ID)
				}
			}
		} else if len(ids) == 0 {
			return errors.New("name dead letters by their numbers, or say --all")
		}
		return each(p, "replayed", ids, func(id int64) error {
			return relayOfReplay.call(p.ctx, http.MethodPost, fmt.Sprintf("/api/v1/dead-letters/%d/replay", id), nil, &struct{}{})
		})
	})

	drop := cmd.Command("drop", "Remove dead letters for good. The delivery log keeps their attempts.")
	relayOfDrop := addClient(drop)
	dropIDs := drop.Arg("id", "Numbers in the list.").Required().Int64List()
	drop.Action(func(*kingpin.ParseContext) error {
		return each(p, "dropped", *dropIDs, func(id int64) error {
			return relayOfDrop.call(p.ctx, http.MethodDelete, fmt.Sprintf("/api/v1/dead-letters/%d", id), nil, &struct{}{})
		})
	})
}

// deadLetters reads all of them, page by page.
func (c *client) deadLetters(p *program) ([]web.DeadLetter, error) {
	const page = 1000
	letters := []web.DeadLetter{}
	query := url.Values{"limit": {strconv.Itoa(page)}}
	for {
		var answer struct {
			Letters []web.DeadLetter `json:"dead-letters"`
		}
		if err := c.call(p.ctx, http.MethodGet, "/api/v1/dead-letters", query, &answer); err != nil {
			return nil, err
		}
		letters = append(letters, answer.Letters...)
		if len(answer.Letters) < page {
			return letters, nil
		}
		query.Set("before", strconv.FormatInt(letters[len(letters)-1].ID, 10))
	}
}

// each does something to every id, says how far it is, and goes on after an
// error.
func each[ID any](p *program, done string, ids []ID, do func(ID) error) error {
	failed := 0
	for i, id := range ids {
		if err := do(id); err != nil {
			failed++
			fmt.Fprintln(p.err, "teamsrelay:", err)
		}
		if n := i + 1; n%100 == 0 && n < len(ids) {
			fmt.Fprintf(p.err, "%d of %d\n", n, len(ids))
		}
	}
	fmt.Fprintf(p.out, "%d %s\n", len(ids)-failed, done)
	if failed > 0 {
		return errFailed
	}
	return nil
}
