package silence

import (
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// system is who keeps silences that are not ours, for people.
const system = "Alertmanager"

// Wishes are what a silence that Alertmanager keeps is to its group: what it
// was asked to do, and how far that is. at is when the wish was made, where the
// silence does not say it.
func Wishes(s *store.Silence, at time.Time) []group.Wish {
	wish := func(verb string, state group.WishState) group.Wish {
		w := group.Wish{
			Verb: verb, ID: s.ID, By: s.By, At: s.StartsAt, Until: s.EndsAt,
			Count: len(s.Sets), System: system, State: state,
		}
		if verb == command.Expire {
			w.By, w.At = s.EndedBy, at
		}
		if state != group.WishGranted {
			w.Reason = s.Reason
		}
		return w
	}
	isAsked := s.EndedBy != (group.Person{}) // to end before its time
	switch s.State {
	case store.SilenceRequested:
		return []group.Wish{wish(command.Silence, group.WishAsked)}
	case store.SilenceFailed:
		return []group.Wish{wish(command.Silence, group.WishFailed)}
	case store.SilenceEnding:
		return []group.Wish{wish(command.Expire, group.WishAsked)}
	case store.SilenceEnded:
		// Whoever ended it may not have waited for it to begin: nobody waits
		// for that any more.
		all := []group.Wish{wish(command.Silence, group.WishGranted)}
		if isAsked {
			all = append(all, wish(command.Expire, group.WishGranted))
		}
		return all
	}
	if isAsked { // it did not end
		return []group.Wish{wish(command.Expire, group.WishFailed)}
	}
	return []group.Wish{wish(command.Silence, group.WishGranted)}
}
