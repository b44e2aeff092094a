package web

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// worry is something that somebody has to look after, with where.
type worry struct {
	Text, Link, Do string
	Bad            bool // it has kept somebody from being told
}

// storeTimeout is how long who looks at what fires waits for a store that could
// not be written.
const storeTimeout = 2 * time.Second

// storeTrouble says that nothing can be stored, so that nothing is taken or sent
// either; false: it can, as far as is known.
func (s *server) storeTrouble(ctx context.Context) (worry, bool) {
	since := s.Refusing()
	if since.IsZero() {
		return worry{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if s.Store.Check(ctx) == nil {
		return worry{}, false
	}
	return worry{
		Text: "Nothing can be stored since " + clockTime(since) + ", so no alert is taken and none is sent: the disk is full, or the database is away. The log says which. Senders that try again, such as Alertmanager, lose nothing.",
		Bad:  true, Link: "configuration", Do: "See where the store is",
	}, true
}

// troubles are what keeps people from being told, the worst first.
func (s *server) troubles(tx store.Tx, open []store.Brief, now time.Time) ([]worry, error) {
	var all []worry
	piles, err := tx.LetterPiles(maxPile)
	if err != nil {
		return nil, err
	}
	letters := map[string]int{}
	for _, p := range piles {
		if p.Dead > 0 {
			letters[p.Destination] += p.Dead
		}
	}
	for _, name := range slices.Sorted(maps.Keys(letters)) {
		count := strconv.Itoa(letters[name]) + " messages"
		switch n := letters[name]; {
		case n == 1:
			count = "1 message"
		case n >= maxPile:
			count = strconv.Itoa(maxPile) + " messages or more"
		}
		all = append(all, worry{
			Text: count + " for " + name + " could not be delivered.", Bad: true,
			Link: "dead-letters?" + url.Values{"destination": {name}}.Encode(), Do: "See why, and send again",
		})
	}
	disabled, err := tx.DisabledDestinations()
	if err != nil {
		return nil, err
	}
	off := map[string]bool{}
	for _, d := range disabled {
		off[d.Destination] = true
		all = append(all, worry{
			Text: fmt.Sprintf("Nothing is sent to %s: disabled by %s at %s.", d.Destination, d.By, clockTime(d.At)), Bad: true,
			Link: "destinations/" + url.PathEscape(d.Destination), Do: "Enable it",
		})
	}
	for _, d := range s.Engine.Destinations() {
		if d.Audience != nil || off[d.Name] {
			continue
		}
		state, link := Destination{State: "ok"}, "destinations/"+url.PathEscape(d.Name)
		if err := state.look(tx, d.Addresses, now); err != nil {
			return nil, err
		}
		switch state.State {
		case "broken":
			all = append(all, worry{Text: d.Name + " is broken: " + strings.TrimRight(state.Message, ".") + ".", Bad: true, Link: link, Do: "Mend it"})
		case "waiting":
			all = append(all, worry{Text: fmt.Sprintf("Teams takes nothing for %s until %s.", d.Name, clockTime(*state.Since)), Link: link, Do: "See its state"})
		}
	}
	watchdogs, err := s.watchdogWorries(tx)
	if err != nil {
		return nil, err
	}
	all = append(all, watchdogs...)
	escalated, missed := 0, 0
	for i := range open {
		if open[i].Escalated > 0 && open[i].AckBy == "" && !quiet(&open[i]) {
			escalated++
		}
		if open[i].Missed > 0 {
			missed++
		}
	}
	if missed > 0 {
		all = append(all, worry{Text: numbered(missed, "alert has", "alerts have") + " not reached everybody.", Bad: true, Link: "?only=" + onlyMissed, Do: "See which"})
	}
	if escalated > 0 {
		all = append(all, worry{Text: numbered(escalated, "alert was", "alerts were") + " escalated: nobody has acknowledged in time.", Bad: true, Link: "?only=" + onlyEscalated, Do: "See which"})
	}
	return all, nil
}

// maxPile is how many dead letters of a kind are counted.
const maxPile = 1000

func numbered(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
