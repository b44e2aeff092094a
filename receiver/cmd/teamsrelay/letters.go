package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/store"
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
  teamsrelay dead-letters replay --destination=ops
  teamsrelay dead-letters replay --all

What is told is the truth of now: a group that is over since is told as over.
What is refused again comes back into the list with its reason. The receiver
goes on by itself when this command is stopped, or it is started again.`)
	relayOfReplay := addClient(replay)
	replayIDs := replay.Arg("id", "Numbers in the list.").Int64List()
	all := replay.Flag("all", "All of them.").Bool()
	destination := replay.Flag("destination", "All of this destination.").PlaceHolder("NAME").String()
	reason := replay.Flag("reason", "All that were given up for this reason, as it stands in the list.").PlaceHolder("REASON").String()
	replay.Action(func(*kingpin.ParseContext) error {
		which := web.Letters{Destination: *destination, Reason: *reason, All: *all && *destination == "" && *reason == ""}
		switch kind := *all || *destination != "" || *reason != ""; {
		case kind && len(*replayIDs) > 0:
			return errors.New("name dead letters by their numbers, or say which kind of them with --all, --destination or --reason, not both")
		case kind:
			return relayOfReplay.replayAll(p, which)
		case len(*replayIDs) == 0:
			return errors.New("name dead letters by their numbers, or say --all")
		}
		return relayOfReplay.replayNamed(p, *replayIDs)
	})

	drop := cmd.Command("drop", "Remove dead letters for good. The delivery log keeps their attempts.")
	relayOfDrop := addClient(drop)
	dropIDs := drop.Arg("id", "Numbers in the list.").Required().Int64List()
	drop.Action(func(*kingpin.ParseContext) error {
		return each(p, "dropped", *dropIDs, func(id int64) error {
			return relayOfDrop.call(p.ctx, http.MethodDelete, fmt.Sprintf("/api/v1/dead-letters/%d", id), url.Values{"who": {whoami()}}, &struct{}{})
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

const lettersPath = "/api/v1/dead-letters"

// replayNamed has the named ones sent again.
func (c *client) replayNamed(p *program, ids []int64) error {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	replayed := 0
	var refused error
	for some := range slices.Chunk(ids, engine.MaxNamed) {
		var answer web.Replay
		if err := c.send(p.ctx, http.MethodPost, lettersPath+"/replay", url.Values{"who": {whoami()}}, web.Letters{IDs: some}, &answer); err != nil {
			refused = err
			fmt.Fprintln(p.err, "teamsrelay:", err)
			continue
		}
		replayed += answer.Replayed
	}
	if replayed > 0 {
		fmt.Fprintf(p.out, "%d replayed\n", replayed)
	}
	switch {
	case refused != nil:
		return errFailed
	case replayed < len(ids):
		return fmt.Errorf("%d of these are no dead letters; see teamsrelay dead-letters", len(ids)-replayed)
	}
	return nil
}

// How often the receiver is asked how far it is.
const (
	askFirst = 100 * time.Millisecond
	askMost  = 2 * time.Second
)

// replayAll has all of a kind sent again, and says how far that is.
func (c *client) replayAll(p *program, which web.Letters) error {
	var is web.Replay
	if err := c.send(p.ctx, http.MethodPost, lettersPath+"/replay", url.Values{"who": {whoami()}}, which, &is); err != nil {
		return err
	}
	for pause := askFirst; is.State == string(store.ReplayRunning); pause = min(2*pause, askMost) {
		select {
		case <-p.ctx.Done():
			return p.ctx.Err()
		case <-time.After(pause):
		}
		if err := c.call(p.ctx, http.MethodGet, fmt.Sprintf("%s/replays/%d", lettersPath, is.ID), nil, &is); err != nil {
			return fmt.Errorf("%w (the receiver goes on; see /dead-letters/replays/%d there)", err, is.ID)
		}
		if is.State == string(store.ReplayRunning) {
			fmt.Fprintf(p.err, "%d of %d\n", is.Replayed+is.Left, is.Total)
		}
	}
	fmt.Fprintf(p.out, "%d replayed\n", is.Replayed)
	if is.Total == 0 { // it may be a mistyped name
		fmt.Fprintln(p.err, "No dead letter is like that; see teamsrelay dead-letters list.")
	}
	if is.Left > 0 {
		fmt.Fprintf(p.err, "%d have nowhere to go and stay in the list: put their destinations back into the configuration, or drop them.\n", is.Left)
	}
	if is.State == string(store.ReplayStopped) {
		return errors.New("somebody stopped it; the rest stays in the list")
	}
	return nil
}

// each does something to every id, says how far it is, and goes on after an
// error. Where nothing could be done the errors say enough.
func each[ID any](p *program, did string, ids []ID, do func(ID) error) error {
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
	if done := len(ids) - failed; done > 0 {
		fmt.Fprintf(p.out, "%d %s\n", done, did)
	}
	if failed > 0 {
		return errFailed
	}
	return nil
}
