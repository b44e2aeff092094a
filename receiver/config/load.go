package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/ingest/alertmanager"
	"github.com/teamsrelay/teamsrelay/receiver/route"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// Env is what a configuration needs of the process that reads it.
type Env struct {
	// Lookup finds a variable of the environment: os.LookupEnv.
	Lookup func(name string) (value string, ok bool)
}

// Problems are the mistakes of a configuration.
type Problems = yamlfile.Problems

// document is the configuration file while it is being read.
type document struct {
	*yamlfile.Document
	dir string // what relative paths start from
	// expected are destinations that are added later (runtime_destinations).
	expected []string
	// faultyCards is how many of the problems are errors in templates.
	faultyCards int
}

// maxSecret is how many bytes a file with a secret may have.
const maxSecret = 64 << 10

// Load reads a configuration file. The configuration is nil if any of the
// problems is an error; with warnings alone it can be used.
func Load(path string, env Env) (*Config, Problems) {
	data, problems := readAll(path)
	if problems != nil {
		return nil, problems
	}
	return Parse(path, data, env)
}

// LoadCards is Load for who only looks at cards: errors in templates leave the
// configuration usable. What they keep from being a card is shown as the
// minimal one.
func LoadCards(path string, env Env) (*Config, Problems) {
	data, problems := readAll(path)
	if problems != nil {
		return nil, problems
	}
	made, d := parse(path, data, env)
	errors := 0
	for _, p := range d.Problems {
		if p.Level == yamlfile.Error {
			errors++
		}
	}
	if errors > d.faultyCards {
		return nil, d.Problems
	}
	return made, d.Problems
}

func readAll(path string) ([]byte, Problems) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, yamlfile.MaxSize+1)) // Parse refuses one byte too many
	if err != nil {
		return nil, unreadable(path, err)
	}
	return data, nil
}

func unreadable(path string, err error) Problems {
	return Problems{{
		File: path, Line: 1, Level: yamlfile.Error,
		What: "the file cannot be read: " + reason(err), Do: "check the name and that this user may read it",
	}}
}

// Parse is Load for a file that has been read already. name stands in the
// problems, and paths in the file are relative to its directory.
func Parse(name string, data []byte, env Env) (*Config, Problems) {
	made, d := parse(name, data, env)
	if d.Problems.Failed() {
		return nil, d.Problems
	}
	return made, d.Problems
}

// parse makes what can be made of a file, whatever its problems are; nil of
// one that is no configuration.
func parse(name string, data []byte, env Env) (*Config, *document) {
	d := &document{
		Document: yamlfile.New(name, yamlfile.Words{
			Elsewhere: elsewhere, Instead: instead, Alone: alone, Single: single, Start: "start from sample-configs/quickstart.yml", Lookup: env.Lookup,
		}),
		dir: filepath.Dir(name),
	}
	var made *Config
	var f file
	if d.Decode(data, &f) {
		made = d.config(&f)
	}
	d.Problems.Sort()
	return made, d
}

// config checks what the file says and makes values of it.
func (d *document) config(f *file) *Config {
	paths := make(map[string]string) // extra ingest paths and whose they are
	bot := d.microsoft(&f.Microsoft)
	kept := d.storage(&f.Storage)
	later := d.runtime(&f.Runtime, kept.Keys, f.Destinations)
	d.expected = later.Names
	c := &Config{
		Storage:        kept,
		Microsoft:      bot,
		Runtime:        later,
		Destinations:   d.destinations(f.Destinations, paths, bot),
		Subscriptions:  d.subscriptions(f.Subscriptions, slices.Concat(f.Destinations, expected(later.Names))),
		ResolveTimeout: d.positive(f.ResolveTimeout, DefaultResolveTimeout, "resolve_timeout"),
	}
	c.AdminToken, _ = d.secret(f.AdminToken, f.AdminTokenFile, "admin_token")
	c.InfluxDB = d.influxdb(f.InfluxDB)
	c.Events = d.events(f.Events, paths)
	c.Rules = d.rules(f)
	set, files, names := d.cards(f.TemplateFiles)
	c.Cards, c.TemplateFiles = set, files
	c.Tree = d.tree(f, names)
	c.TimeIntervals, c.InhibitRules = f.TimeIntervals, f.InhibitRules
	c.Alertmanagers = d.alertmanagers(f.Alertmanagers)
	c.Heartbeats = d.heartbeats(f.Heartbeats)
	c.Canaries = d.canaries(f.Canary, c.Destinations)
	d.canariesTold(c.Canaries, c.Tree, c.Destinations)
	return c
}

func (d *document) alertmanagers(sections []alertmanagerSection) []*alertmanager.API {
	var made []*alertmanager.API
	for i, s := range sections {
		at := fmt.Sprintf("alertmanagers[%d]", i)
		api, err := alertmanager.NewAPI(s.URL)
		switch {
		case err == nil:
			made = append(made, api)
		case d.Faulty(at), d.Faulty(at + ".url"):
		case !d.Has(at + ".url"):
			d.Wrong(at, "the Alertmanager has no URL", "add url: http://alertmanager:9093")
		default:
			d.Wrong(at+".url", yamlfile.OneLine(err.Error()), "write it like http://alertmanager:9093, as this machine reaches it")
		}
	}
	return made
}

// positive is a time of the file that must not be 0, or else the default.
func (d *document) positive(set *time.Duration, otherwise time.Duration, at string) time.Duration {
	if set == nil {
		return otherwise
	}
	if *set <= 0 {
		d.Wrong(at, "the time must be longer than 0", "write a time such as 5m, or remove it")
	}
	return *set
}

// files reads every file that one of the patterns at a key means, once. A
// rule test that lies beside its rules is only meant where it is named.
func (d *document) files(patterns []string, key string, take func(name, text string)) {
	seen := make(map[string]bool)
	for i, pattern := range patterns {
		at := fmt.Sprintf("%s[%d]", key, i)
		if d.Faulty(at) {
			continue
		}
		paths, err := filepath.Glob(d.path(pattern))
		if err != nil {
			d.Wrong(at, yamlfile.Quote(pattern)+" is not a pattern for files", "write a path such as "+strings.TrimSuffix(key, "_files")+"s/*; close every [")
			continue
		}
		if len(paths) == 0 {
			d.Wrong(at, "there is no file "+yamlfile.Quote(pattern), "create it or remove the line; paths are relative to this file")
		}
		for _, path := range paths {
			if path != d.path(pattern) && rules.IsTest(path) {
				continue
			}
			text, ok := d.read(path, at, yamlfile.MaxSize)
			if ok && !seen[path] {
				seen[path] = true
				take(path, text)
			}
		}
	}
}

// cards reads the template files, which are read, and checks them. names are the
// cards that a route can ask for, those included that a mistake in their file
// keeps out.
func (d *document) cards(patterns []string) (set *card.Set, read, names []string) {
	var files []card.Source
	d.files(patterns, "template_files", func(name, text string) {
		files, read = append(files, card.Source{Name: name, Text: text}), append(read, name)
	})
	set, problems := card.New(files)
	names = set.Names()
	broken := slices.ContainsFunc(problems, isError)
	if len(files) > 0 && !broken { // the shipped cards alone are tested
		for _, name := range names {
			problems = append(problems, set.Check(name)...)
		}
		broken = slices.ContainsFunc(problems, isError)
	}
	for _, p := range problems {
		level := yamlfile.Error
		if p.Warning {
			level = yamlfile.Warning
		} else {
			d.faultyCards++
		}
		d.Problems = append(d.Problems, yamlfile.Problem{File: p.File, Line: max(p.Line, 1), Level: level, What: p.What, Do: p.Do})
	}
	if broken {
		for _, file := range files {
			names = append(names, file.Cards()...)
		}
	}
	return set, read, names
}

func isError(p card.Problem) bool { return !p.Warning }

func (d *document) tree(f *file, cards []string) *route.Tree {
	if f.Route == nil {
		if d.Unread("route") {
			return nil
		}
		d.Wrong("route", "there is no route", "add route: {destinations: [NAME]}; it says who is told of what")
		return nil
	}
	o := route.Options{
		Route: *f.Route, TimeIntervals: f.TimeIntervals, InhibitRules: f.InhibitRules, Cards: cards,
		DestinationCards: map[string]string{}, Singly: map[string]bool{},
	}
	for i, destination := range f.Destinations {
		if destination.Name != "" {
			o.Destinations = append(o.Destinations, destination.Name)
			o.DestinationCards[destination.Name] = destination.Card
			o.Singly[destination.Name] = len(destination.GroupBy) > 0
		}
		at := fmt.Sprintf("destinations[%d].card", i)
		if destination.Card != "" && !slices.Contains(cards, destination.Card) && !d.Faulty(at) {
			d.Wrong(at, "there is no card "+yamlfile.Quote(destination.Card), "correct the name, or define the card in a file of template_files")
		}
	}
	o.Destinations = append(o.Destinations, d.expected...)
	tree, problems := route.New(o)
	for _, p := range problems {
		switch {
		case d.Faulty(p.At), d.Unread("destinations") && strings.Contains(p.At, ".destinations"):
			// It only follows from what is reported already.
		case p.Warning:
			d.Warn(p.At, p.What, p.Do)
		default:
			d.Wrong(p.At, p.What, p.Do)
		}
	}
	return tree
}

// path is where a path of the file leads.
func (d *document) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(d.dir, name)
}

// secret is a secret that stands in the file or in a file of its own. It
// reports false if there is none because of a mistake, which is reported.
func (d *document) secret(value Secret, fileName, at string) (Secret, bool) {
	key, twin := at[strings.LastIndexByte(at, '.')+1:], at+"_file"
	switch {
	case d.Faulty(at) || d.Faulty(twin):
		return "", false
	case d.Has(at) && d.Has(twin):
		d.Wrong(twin, "both "+key+" and "+key+"_file are there", "keep one of them")
		return "", false
	case d.Has(twin):
		text, ok := d.read(d.path(fileName), twin, maxSecret)
		text = strings.TrimSpace(text)
		if ok && text == "" {
			d.Wrong(twin, "the file "+yamlfile.Quote(fileName)+" is empty", "write the secret into it")
		}
		return Secret(text), text != ""
	case d.Has(at) && strings.TrimSpace(value.Reveal()) == "":
		d.Wrong(at, key+" is empty", "write it here, as ${NAME}, or in a file that "+key+"_file names")
		return "", false
	}
	return Secret(strings.TrimSpace(value.Reveal())), true
}

// read reads a small file that the configuration names.
func (d *document) read(path, at string, limit int64) (string, bool) {
	wrong := func(what string) (string, bool) {
		d.Wrong(at, "the file "+yamlfile.Quote(path)+" cannot be read: "+what, "create it, correct the path or let this user read it; paths are relative to this file")
		return "", false
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return wrong(reason(err))
	case !info.Mode().IsRegular(): // a pipe would hold us up for ever
		return wrong("it is not an ordinary file")
	}
	f, err := os.Open(path)
	if err != nil {
		return wrong(reason(err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return wrong(reason(err))
	case int64(len(data)) > limit:
		return wrong(fmt.Sprintf("it is larger than %d KiB", limit>>10))
	}
	return string(data), true
}

// reason is what the operating system says, without the path, which the
// message names already.
func reason(err error) string {
	if wrapped, ok := err.(*os.PathError); ok { //nolint:errorlint // os returns it bare
		return wrapped.Err.Error()
	}
	return err.Error()
}
