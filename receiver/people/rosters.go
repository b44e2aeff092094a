package people

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/graph"
)

const (
	// refreshEvery is how old the members of a roster may become. After a start
	// they are read at once, unless they were a moment ago.
	refreshEvery, moment = 15 * time.Minute, time.Minute
	// assembleIn is how long storing a roster may take.
	assembleIn = time.Minute
	// maxMembers is how many people can be told personally by one roster: more
	// are a mistake.
	maxMembers = 5000
)

// rosterDue is a roster that is to be read now, "" if there is none, and when
// the next one is.
func (k *work) rosterDue(now time.Time) (due string, next time.Time) {
	if k.Rosters == nil || k.reading {
		return "", time.Time{}
	}
	for _, id := range k.Rosters() {
		at := k.rosters[id]
		if !now.Before(at) {
			return id, time.Time{}
		}
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return "", next
}

// readRoster reads who is in a roster, hands that on, and says when it is to be
// read again.
func (w *Worker) readRoster(ctx context.Context, id string, first bool) time.Time {
	var was store.Roster
	err := w.Store.View(ctx, func(tx store.Tx) (err error) {
		was, err = tx.Roster(id)
		return err
	})
	if err != nil {
		w.Logger.Error("A roster could not be read from the store; trying again", "roster", id, "err", err)
		return w.Now().Add(notNow)
	}
	age := refreshEvery
	if first {
		age = moment
	}
	if at := was.RefreshedAt.Add(age); was.Reason == "" && !was.RefreshedAt.IsZero() && w.Now().Before(at) {
		return at // another replica has, or we before the start
	}
	name, members, err := w.members(ctx, id)
	w.metrics.asked("members", err)
	if err != nil && outcomeOf(err).Reason == teams.Interrupted {
		return w.Now()
	}
	r, persons := assembled(was, name, members, err, w.Now())
	assemble, cancel := context.WithTimeout(context.WithoutCancel(ctx), assembleIn)
	defer cancel()
	if err := w.Assemble(assemble, r, persons); err != nil {
		w.Logger.Error("Who is in a roster could not be stored; trying again", "roster", id, "err", err)
		return w.Now().Add(notNow)
	}
	w.tellRoster(&was, &r)
	if r.NotBefore.IsZero() {
		return w.Now().Add(refreshEvery)
	}
	return r.NotBefore
}

// members asks Graph who is in a roster.
func (w *Worker) members(ctx context.Context, id string) (name string, members []graph.User, err error) {
	refuse := func(words string) error {
		return &graph.Error{Outcome: teams.Outcome{Kind: teams.GiveUp, Reason: teams.NotFound, Message: words}}
	}
	if w.Graph == nil {
		return "", nil, refuse("There is no Microsoft Graph here that knows who is in the group or behind the tag. Name the people one by one.")
	}
	if group, ok := strings.CutPrefix(id, groupPrefix); ok {
		return w.Graph.GroupMembers(ctx, group)
	}
	team, tag, ok := strings.Cut(strings.TrimPrefix(id, tagPrefix), "/")
	if !ok {
		return "", nil, refuse("This is not the id of a group or tag.")
	}
	return w.Graph.TagMembers(ctx, team, tag)
}

// assembled is a roster after Graph was asked for it, and the persons who are in
// it. One that could not be read keeps its members; one with nobody in it is as
// good as one that was never read: somebody else must be told.
func assembled(r store.Roster, name string, members []graph.User, err error, now time.Time) (store.Roster, []store.Person) {
	if name != "" {
		r.DisplayName = name
	}
	refuse := func(reason teams.Reason, words string) {
		err = &graph.Error{Outcome: teams.Outcome{Kind: teams.GiveUp, Reason: reason, Message: words}}
	}
	var persons []store.Person
	for _, m := range members {
		if id := strings.ToLower(m.ID); id != "" && (m.Enabled == nil || *m.Enabled) {
			persons = append(persons, store.Person{Name: id, ObjectID: id, DisplayName: m.DisplayName, UPN: m.UPN, State: store.PersonKnown})
		}
	}
	slices.SortFunc(persons, func(a, b store.Person) int { return strings.Compare(a.Name, b.Name) })
	persons = slices.CompactFunc(persons, func(a, b store.Person) bool { return a.Name == b.Name })
	switch {
	case err != nil:
	case len(persons) > maxMembers:
		refuse(teams.Rejected, fmt.Sprintf("There are %d people in %s, and at most %d can be told personally. Name a smaller one, or a channel that they read.", len(persons), calledRoster(&r), maxMembers))
	case len(persons) == 0:
		r.Members, r.RefreshedAt = nil, time.Time{}
		refuse(teams.NotFound, fmt.Sprintf("There is nobody in %s whose account is enabled. Add members to it in the Entra admin center (a tag: in Teams, Manage tags).", calledRoster(&r)))
	}
	if err != nil {
		o := outcomeOf(err)
		r.Reason, r.Message, r.NotBefore = string(o.Reason), o.Message, time.Time{}
		r.Attempts++
		if o.Kind == teams.Retry {
			r.NotBefore = now.Add(backoff(r.Attempts, o.After))
		}
		return r, nil
	}
	r.Members = make([]string, len(persons))
	for i := range persons {
		r.Members[i] = persons[i].Name
	}
	r.RefreshedAt, r.Reason, r.Message, r.Attempts, r.NotBefore = now, "", "", 0, time.Time{}
	return r, persons
}

func calledRoster(r *store.Roster) string {
	kind := "the group"
	if strings.HasPrefix(r.ID, tagPrefix) {
		kind = "the tag"
	}
	if r.DisplayName == "" {
		return kind
	}
	return fmt.Sprintf("%s %q", kind, r.DisplayName)
}

// tellRoster logs what is new about a roster.
func (w *Worker) tellRoster(was, is *store.Roster) {
	log := w.Logger.With("roster", is.ID, "name", is.DisplayName)
	switch {
	case is.Reason != "" && is.Reason != was.Reason:
		log.Warn("It cannot be read who is in a roster; those who were stay in it", "reason", is.Reason, "why", is.Message, "members", len(is.Members))
	case is.Reason == "" && (was.Reason != "" || was.RefreshedAt.IsZero() || !slices.Equal(was.Members, is.Members)):
		log.Info("Read who is in a roster", "members", len(is.Members))
	}
}
