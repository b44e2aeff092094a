package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// The name of a destination or event source stands in paths, metrics and
// commands, so it is made of what needs no quotes there.
var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// ingestPath is a path without patterns, escapes and empty or dot segments.
var ingestPath = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$`)

// ownPaths are the beginnings of paths that are ours already (design §6).
var ownPaths = []string{"alertmanager", "api", "events", "metrics", "debug", "-", "destinations", "deliveries", "dead-letters", "subscriptions"}

func (d *document) destinations(sections []destinationSection, paths map[string]string, bot Microsoft) []Destination {
	if len(sections) == 0 && len(d.expected) == 0 && !d.Faulty("destinations") {
		d.Wrong("destinations", "there is no destination", "add one under destinations: with a name and workflow: {url_file: FILE}")
	}
	seen := make(map[string]bool)
	shared := make(map[string]int)
	made := make([]Destination, len(sections))
	for i := range sections {
		s, at := &sections[i], fmt.Sprintf("destinations[%d]", i)
		d.name(s.Name, at, "destination", "which routes and people call it by", seen)
		made[i] = d.destination(s, at, bot)
		made[i].Paths = d.paths(s.Paths, at, "the destination "+yamlfile.Quote(s.Name), paths)
		d.agree(made[:i+1], shared, at)
	}
	d.fallbacks(made)
	d.reach(made, bot)
	return made
}

// agree checks that the last destination says the same about who may act as
// those before it that share a card with it: those of one conversation, and those
// that tell one person. shared has the first destination of each.
func (d *document) agree(made []Destination, shared map[string]int, at string) {
	is := &made[len(made)-1]
	differ := func(key, what string) bool {
		first, known := shared[key]
		if !known {
			shared[key] = len(made) - 1
			return false
		}
		if other := &made[first]; !other.Actions.same(is.Actions) && !d.Faulty(at+".actions") {
			d.Wrong(at, "the destinations "+yamlfile.Quote(other.Name)+" and "+yamlfile.Quote(is.Name)+what+", and differ in actions", "say the same in both")
			return true
		}
		return false
	}
	if c := is.Conversation(); c != "" && differ("conversation "+c, " are one conversation with one card") {
		return
	}
	for _, user := range is.Users {
		if differ("user "+user, " both tell "+yamlfile.Quote(user)+", with one card") {
			return
		}
	}
	if roster := is.Group.Roster(); roster != "" {
		differ(roster, " are one group of people with one card each")
	}
}

// name checks the name of one of several things; seen holds those before.
func (d *document) name(name, at, thing, use string, seen map[string]bool) {
	switch {
	case name == "":
		if !d.Faulty(at + ".name") {
			d.Wrong(at, "the "+thing+" has no name", "add name:, "+use)
		}
	case seen[name]:
		d.Wrong(at+".name", "there are two "+thing+"s "+yamlfile.Quote(name), "rename one of them")
	case !plainName.MatchString(name):
		d.Wrong(at+".name", "no "+thing+" can be called "+yamlfile.Quote(name), "use up to 63 letters, digits, -, _ and ., beginning with a letter or digit")
	}
	seen[name] = true
}

func (d *document) destination(s *destinationSection, at string, bot Microsoft) Destination {
	made := Destination{
		Name:     s.Name,
		Pace:     d.pace(s.Pace, at+".pace"),
		MaxAge:   d.positive(s.MaxAge, deliver.DefaultMaxAge, at+".max_age"),
		Fallback: s.Fallback,
		Card:     s.Card,
		GroupBy:  s.GroupBy,
	}
	if len(s.GroupBy) > 0 && !slices.Equal(s.GroupBy, []string{"..."}) && !d.Faulty(at+".group_by") {
		d.Wrong(at+".group_by", "a destination cannot group by labels", "write group_by: ['...'] for a card of each alert that is sent straight to it, or leave it out and take them as they come")
	}
	way := d.way(s, at)
	if way == "" || way == "workflow" {
		if len(made.Pace) == 0 {
			made.Pace = deliver.DefaultPace
		}
		if s.Workflow != nil {
			d.workflow(s.Workflow, at+".workflow", &made)
		}
		if d.Has(at+".actions") && !d.Faulty(at+".actions") {
			d.Wrong(at+".actions", "only the bot's cards have buttons, and no bot posts to this destination", "remove it, or write channel:, chat: or users: in place of workflow:")
		}
		return made
	}
	if !bot.Configured() && !d.Faulty("microsoft") {
		d.Wrong(at+"."+way, "the bot is to post to "+whom[way]+", and nothing says who the bot is", "add microsoft: {tenant_id: …, app_id: …, client_secret_file: …}; sample-configs/bot/README.md goes through it")
	}
	if way == "users" || way == "group" {
		d.people(s, at, bot, &made)
		return made
	}
	made.Channel, made.Chat = d.conversation(s, at, bot.InsecureLocal)
	made.Actions = d.actors(s.Actions, at+".actions")
	return made
}

// ways are the keys that say how a destination is reached.
var ways = []string{"workflow", "channel", "chat", "users", "group"}

// whom are those that the bot posts to, in words.
var whom = map[string]string{"channel": "this channel", "chat": "this chat", "users": "these people", "group": "the people of this group"}

// way is the key that says how a destination is reached, of which there must
// be one; "" if there is none.
func (d *document) way(s *destinationSection, at string) string {
	var there []string
	faulty := false
	for _, key := range ways {
		if d.Has(at + "." + key) {
			there = append(there, key)
		}
		faulty = faulty || d.Faulty(at+"."+key)
	}
	switch {
	case faulty: // one of them was meant
	case len(there) == 0:
		d.Wrong(at, "the destination "+yamlfile.Quote(s.Name)+" leads nowhere", "add workflow: {url_file: FILE} with the webhook's URL in the file, or channel: {team_id: …, channel_id: …} or users: [alice@contoso.com] for the bot")
	case len(there) > 1:
		d.Wrong(at+"."+there[1], "the destination "+yamlfile.Quote(s.Name)+" has both "+strings.Join(there, " and "), "keep one of them; make two destinations of it if both are to be told")
	case s.Workflow == nil && s.Channel == nil && s.Chat == nil && s.Users == nil && s.Group == nil: // workflow: ~
		d.Wrong(at+"."+there[0], there[0]+" is empty", "write what it needs, such as workflow: {url_file: FILE} or channel: {team_id: …, channel_id: …}")
	}
	if len(there) == 0 {
		return ""
	}
	return there[0]
}

// workflow checks the webhook of a destination.
func (d *document) workflow(w *workflowSection, at string, made *Destination) {
	url, urlOK := d.secret(w.URL, w.URLFile, at+".url")
	made.URL = url
	made.ProxyURL = w.ProxyURL
	made.TLS = w.TLS
	made.TLS.SetDirectory(d.dir)
	made.Timeout = w.Timeout
	made.StrictHosts = w.StrictHosts
	for _, p := range made.Workflow().Check() {
		place := at + "." + p.Field
		if p.Field == "url" && d.Has(at+".url_file") {
			place = at + ".url_file"
		}
		switch {
		case d.Faulty(place), p.Field == "url" && !urlOK:
			// It only follows from what is reported already.
		case p.Warning:
			d.Warn(place, yamlfile.OneLine(p.What), p.Hint)
		default:
			d.Wrong(place, yamlfile.OneLine(p.What), p.Hint)
		}
	}
}

func (d *document) pace(texts []string, at string) []deliver.Window {
	var windows []deliver.Window
	for i, text := range texts {
		window, err := deliver.ParsePace([]string{text})
		if err != nil {
			if place := fmt.Sprintf("%s[%d]", at, i); !d.Faulty(place) {
				d.Wrong(place, yamlfile.OneLine(err.Error()), "write how many messages in what time, such as 4/1s")
			}
			continue
		}
		windows = append(windows, window...)
	}
	return windows
}

// paths checks the ingest paths of a destination or an event source. taken
// holds those before, with whose they are.
func (d *document) paths(paths []string, at, whose string, taken map[string]string) []string {
	for i, path := range paths {
		place := fmt.Sprintf("%s.paths[%d]", at, i)
		first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		owner, conflict := taken[path]
		switch {
		case d.Faulty(place):
		case !ingestPath.MatchString(path):
			d.Wrong(place, yamlfile.Quote(path)+" is not a path", "begin with / and use letters, digits, -, _, . and ~, without a / at the end")
		case slices.Contains(ownPaths, first):
			d.Wrong(place, "the paths under /"+first+" are teamsrelay's own", "choose another one; /alertmanager/DESTINATION and /events/SOURCE are there without being asked for")
		case conflict:
			d.Wrong(place, "the path "+yamlfile.Quote(path)+" leads to "+owner+" already", "choose another one")
		default:
			taken[path] = whose
		}
	}
	return paths
}
