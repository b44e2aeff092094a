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
var ownPaths = []string{"alertmanager", "api", "events", "metrics", "debug", "-", "destinations", "deliveries", "dead-letters"}

func (d *document) destinations(sections []destinationSection, paths map[string]string) []Destination {
	if len(sections) == 0 && !d.Faulty("destinations") {
		d.Wrong("destinations", "there is no destination", "add one under destinations: with a name and workflow: {url_file: FILE}")
	}
	seen := make(map[string]bool)
	made := make([]Destination, len(sections))
	for i := range sections {
		s, at := &sections[i], fmt.Sprintf("destinations[%d]", i)
		d.name(s.Name, at, "destination", "which routes and people call it by", seen)
		made[i] = d.destination(s, at)
		made[i].Paths = d.paths(s.Paths, at, "the destination "+yamlfile.Quote(s.Name), paths)
	}
	return made
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

func (d *document) destination(s *destinationSection, at string) Destination {
	made := Destination{
		Name:   s.Name,
		Pace:   d.pace(s.Pace, at+".pace"),
		MaxAge: d.positive(s.MaxAge, deliver.DefaultMaxAge, at+".max_age"),
	}
	if len(s.GroupBy) > 0 && !slices.Equal(s.GroupBy, []string{"..."}) && !d.Faulty(at+".group_by") {
		d.Wrong(at+".group_by", "a destination cannot group by labels", "write group_by: ['...'] for a card of each alert that is sent straight to it, or leave it out and take them as they come")
	}
	if s.Workflow == nil {
		if !d.Faulty(at+".workflow") && !d.reachedLater(at) {
			d.Wrong(at, "the destination "+yamlfile.Quote(s.Name)+" leads nowhere", "add workflow: {url_file: FILE} with the webhook's URL in the file")
		}
		return made
	}
	at += ".workflow"
	w := s.Workflow
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
	return made
}

// reachedLater says whether a destination is reached in a way that has been
// reported as not available yet.
func (d *document) reachedLater(at string) bool {
	return slices.ContainsFunc([]string{"channel", "chat", "users", "group"}, func(key string) bool { return d.Has(at + "." + key) })
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
	if len(windows) == 0 {
		return deliver.DefaultPace
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
