package web

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// User is somebody who is told personally, in GET /api/v1/users.
type User struct {
	// Name is that of the file; of the member of a group or tag the Entra
	// object id.
	Name        string `json:"name"`
	DisplayName string `json:"display_name"`
	ObjectID    string `json:"object_id"` // in Entra; "" where nobody knows it
	UPN         string `json:"upn"`
	State       string `json:"state"`   // unknown, known, installing, reachable, blocked, policy
	Reason      string `json:"reason"`  // of the closed set; "" while nothing is known against it
	Message     string `json:"message"` // what is so, as a sentence
	Do          string `json:"do"`      // what to do about it
	// Destinations are those that they are in.
	Destinations []string `json:"destinations"`
	// Conversation: there is one, so that Microsoft Graph is not needed to tell
	// them anything.
	Conversation bool `json:"conversation"`
	// Wanted: something waits for them, and they are being made reachable.
	Wanted      bool       `json:"wanted"`
	InstalledAt *time.Time `json:"installed_at,omitempty"` // by us
	Version     string     `json:"version"`                // of the app that they have; "" while nobody knows it
	CheckedAt   *time.Time `json:"checked_at,omitempty"`   // when Microsoft Graph was last asked about them
	UpdatedAt   *time.Time `json:"updated_at,omitempty"`
	RetryAt     *time.Time `json:"retry_at,omitempty"` // when they are tried again by themselves
}

// UserStory is the answer to GET /api/v1/users/{name}.
type UserStory struct {
	User
	// Open is what they have not been told: what waits, and what was given up;
	// newest first, at most maxOpen.
	Open []Post `json:"open"`
	// Told are the alerts of which they were told that are not over yet, newest
	// first, at most maxTold.
	Told []Post `json:"told"`
}

// Roster is an Entra group or a Teams tag, in GET /api/v1/rosters.
type Roster struct {
	ID           string     `json:"id"` // "group:" or "tag:" and Microsoft's ids
	DisplayName  string     `json:"display_name"`
	Members      int        `json:"members"`
	RefreshedAt  *time.Time `json:"refreshed_at,omitempty"` // none: they were never read
	Reason       string     `json:"reason"`                 // why they could not be read since
	Message      string     `json:"message"`
	RetryAt      *time.Time `json:"retry_at,omitempty"`
	Destinations []string   `json:"destinations"`
}

// userStates are the states of a user, from unknown to those that are final.
var userStates = []string{
	string(store.PersonUnknown), string(store.PersonKnown), string(store.PersonInstalling),
	string(store.PersonReachable), string(store.PersonBlocked), string(store.PersonPolicy),
}

// Unreachable says that somebody has to do something, or that we have to try
// again, before they can be told anything.
func (u *User) Unreachable() bool {
	return u.Reason != "" && u.Reason != string(teams.Installing)
}

// Called is how people call them: the file has only an object id for some.
func (u *User) Called() string { return called(u.Name, u.ObjectID, u.UPN) }

func called(name, objectID, upn string) string {
	if name == objectID && upn != "" {
		return upn
	}
	return name
}

func userOf(p *engine.PersonAt) User {
	u := User{
		Name: p.Name, DisplayName: p.DisplayName, ObjectID: p.ObjectID, UPN: p.UPN,
		State: string(p.Status.State), Reason: p.Status.Reason, Message: p.Status.Words, Do: p.Status.Do,
		Destinations: p.Destinations, Conversation: p.Conversation != "", InstalledAt: optional(p.InstalledAt),
		Version: p.Version, CheckedAt: optional(p.CheckedAt), UpdatedAt: optional(p.UpdatedAt),
	}
	if u.Wanted = p.Wanted && p.Conversation == ""; u.Wanted {
		u.RetryAt = optional(p.NotBefore)
	}
	return u
}

// usersFilter is which users a list has.
type usersFilter struct{ state, destination string }

func (f usersFilter) has(p *engine.PersonAt) bool {
	return (f.state == "" || f.state == string(p.Status.State)) &&
		(f.destination == "" || slices.Contains(p.Destinations, f.destination))
}

// users lists who is told personally, by name: nobody of them is newer than
// the others, so the next page begins after a name.
func (s *server) users(w http.ResponseWriter, r *http.Request) {
	page, ok := s.page(w, r)
	if !ok {
		return
	}
	filter, after := usersFilter{r.FormValue("state"), r.FormValue("destination")}, r.FormValue("after")
	if filter.state != "" && !slices.Contains(userStates, filter.state) {
		refuse(w, http.StatusBadRequest, "there is no state "+strconv.Quote(filter.state), "use one of "+strings.Join(userStates, ", "))
		return
	}
	if filter.destination != "" && s.destination(filter.destination) == "" {
		s.unknownDestination(w, filter.destination)
		return
	}
	all, err := s.Engine.People(r.Context())
	if err != nil {
		s.fail(w, r, err, "users")
		return
	}
	list := []User{}
	for i := range all {
		if len(list) < page.limit && all[i].Name > after && filter.has(&all[i]) {
			list = append(list, userOf(&all[i]))
		}
	}
	answer(w, http.StatusOK, map[string]any{"users": list})
}

func (s *server) user(w http.ResponseWriter, r *http.Request) {
	found, ok := s.findUser(w, r)
	if !ok {
		return
	}
	var story UserStory
	err := s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		story, err = storyOf(tx, &found)
		return err
	})
	if err != nil {
		s.fail(w, r, err, "user")
		return
	}
	answer(w, http.StatusOK, story)
}

// retryUser has somebody tried again, as if nothing were known against it.
func (s *server) retryUser(w http.ResponseWriter, r *http.Request) {
	found, ok := s.findUser(w, r)
	if !ok {
		return
	}
	if found.Status.State == store.PersonReachable {
		refuse(w, http.StatusConflict, found.Name+" has a chat with the app already", cmp.Or(found.Status.Do, "nothing has to be tried again; what was given up goes out with teamsrelay dead-letters replay"))
		return
	}
	err := s.Engine.Retry(r.Context(), found.Name, caller(r), from(r))
	if errors.Is(err, engine.ErrUnknownPerson) { // the file was changed meanwhile
		unknownUser(w, r.PathValue("name"), nil)
		return
	}
	s.done(w, r, err, "user")
}

// findUser is the one whom the path names; false: the request was refused.
func (s *server) findUser(w http.ResponseWriter, r *http.Request) (engine.PersonAt, bool) {
	all, err := s.Engine.People(r.Context())
	if err != nil {
		s.fail(w, r, err, "user")
		return engine.PersonAt{}, false
	}
	found := findPerson(all, r.PathValue("name"))
	if found == nil {
		unknownUser(w, r.PathValue("name"), all)
		return engine.PersonAt{}, false
	}
	return *found, true
}

// findPerson is who has a name, a user principal name or an object id; nil:
// nobody has it.
func findPerson(all []engine.PersonAt, typed string) *engine.PersonAt {
	typed = strings.ToLower(strings.TrimSpace(typed))
	if typed == "" {
		return nil
	}
	var found *engine.PersonAt
	for i := range all {
		switch p := &all[i]; {
		case p.Name == typed:
			return p
		case found == nil && (strings.EqualFold(p.UPN, typed) || strings.EqualFold(p.ObjectID, typed)):
			found = p
		}
	}
	return found
}

// unknownUser refuses a name that nobody has, and says whose is near.
func unknownUser(w http.ResponseWriter, typed string, all []engine.PersonAt) {
	refuse(w, http.StatusNotFound, "nobody who is told personally is called "+strconv.Quote(cut(typed)), nearby(typed, all))
}

// maxNear is how many names are offered for one that nobody has.
const maxNear = 3

// nearby says whom somebody may have meant.
func nearby(typed string, all []engine.PersonAt) string {
	typed = strings.ToLower(strings.TrimSpace(cut(typed)))
	if len(all) == 0 {
		return "no destination of the configuration has users: or group:"
	}
	var near, names, locals []string
	add := func(name string) {
		if name != "" && len(near) < maxNear && !slices.Contains(near, name) {
			near = append(near, name)
		}
	}
	local := func(name string) string {
		before, _, _ := strings.Cut(name, "@")
		return before
	}
	for i := range all {
		p := &all[i]
		name := strings.ToLower(called(p.Name, p.ObjectID, p.UPN))
		names, locals = append(names, name), append(locals, local(name))
		if typed != "" && (strings.Contains(name, typed) || strings.Contains(strings.ToLower(p.DisplayName), typed)) {
			add(name)
		}
	}
	add(yamlfile.Nearest(typed, names))
	if i := slices.Index(locals, cmp.Or(yamlfile.Nearest(local(typed), locals), "@")); i >= 0 {
		add(names[i])
	}
	if len(near) == 0 {
		return "see teamsrelay users list for who there is"
	}
	return "did you mean " + strings.Join(near, ", ") + "?"
}

// cut keeps what somebody typed from filling an answer.
func cut(text string) string {
	const most = 100
	if runes := []rune(strings.ToValidUTF8(text, "\uFFFD")); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

// How much of somebody's story is shown.
const (
	maxOpen = 100 // of what they have not been told
	maxTold = 20  // of what they have
)

// anyTime is later than whatever waits, so that all of it is found.
const anyTime = 100 * 365 * 24 * time.Hour

// storyOf is how it is with somebody.
func storyOf(tx store.Tx, p *engine.PersonAt) (story UserStory, err error) {
	story.User = userOf(p)
	if story.Open, err = openFor(tx, &p.Person); err != nil {
		return story, err
	}
	story.Told, err = toldTo(tx, &p.Person)
	return story, err
}

// toldTo are the cards in somebody's conversation that are not over yet.
func toldTo(tx store.Tx, p *store.Person) ([]Post, error) {
	if p.Conversation == "" {
		return []Post{}, nil
	}
	address := botframework.AddressID(p.Conversation)
	groups, err := tx.OpenGroupsAt([]string{address}, maxTold)
	if err != nil {
		return nil, err
	}
	var all []store.Post
	for i := range groups {
		post, err := tx.PostOf(groups[i].ID, address)
		switch {
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return nil, err
		case err == nil && (post.State == store.Shown || post.State == store.Accepted):
			all = append(all, post)
		}
	}
	return postsOf(tx, all)
}

// openFor is what somebody has not been told.
func openFor(tx store.Tx, p *store.Person) ([]Post, error) {
	addresses := []string{people.AddressID(p.Name)}
	if p.Conversation != "" {
		addresses = append(addresses, botframework.AddressID(p.Conversation))
	}
	var all []store.Post
	for _, address := range addresses {
		waiting, err := tx.ReadyPosts(address, p.UpdatedAt.Add(anyTime), maxOpen)
		if err != nil {
			return nil, err
		}
		sending, err := tx.SendingPosts(address)
		if err != nil {
			return nil, err
		}
		dead, err := tx.ListPosts(store.PostFilter{Address: address, DeadLetters: true, Limit: maxOpen})
		if err != nil {
			return nil, err
		}
		all = slices.Concat(all, waiting, sending, dead)
	}
	slices.SortFunc(all, func(a, b store.Post) int { return cmp.Compare(b.ID, a.ID) })
	// A dead letter whose replay is under way waits, too.
	all = slices.CompactFunc(all, func(a, b store.Post) bool { return a.ID == b.ID })
	return postsOf(tx, all[:min(len(all), maxOpen)])
}

// rosters lists the Entra groups and Teams tags of the configuration, in its
// order.
func (s *server) rosters(w http.ResponseWriter, r *http.Request) {
	list := []Roster{}
	s.list(w, r, "rosters", &list, func(tx store.Tx) (err error) {
		list, err = s.rostersOf(tx)
		return err
	})
}

func (s *server) rostersOf(tx store.Tx) ([]Roster, error) {
	list := []Roster{}
	for _, d := range s.Engine.Destinations() {
		if d.Audience == nil || d.Audience.Roster == "" {
			continue
		}
		known := slices.IndexFunc(list, func(r Roster) bool { return r.ID == d.Audience.Roster })
		if known >= 0 {
			list[known].Destinations = append(list[known].Destinations, d.Name)
			continue
		}
		row, err := tx.Roster(d.Audience.Roster)
		if err != nil {
			return nil, err
		}
		is := Roster{
			ID: row.ID, DisplayName: row.DisplayName, Members: len(row.Members), RefreshedAt: optional(row.RefreshedAt),
			Reason: row.Reason, Message: row.Message, Destinations: []string{d.Name},
		}
		if row.Reason != "" {
			is.RetryAt = optional(row.NotBefore)
		}
		list = append(list, is)
	}
	return list, nil
}
