// Package migrate turns the configuration of other programs into one of ours,
// as text that somebody reads before it is used: comments say what was left
// out and what is left to do. It reads and writes no files.
package migrate

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/teamsrelay/teamsrelay/receiver/card"
)

// Result is a migrated configuration.
type Result struct {
	Config string
	// Templates are the files that the old one held inside; Config names them.
	Templates []card.Source
	// Todo is how many comments say that something is left to do.
	Todo int
}

// theirs is what is read of prometheus-msteams' configuration file, and of the
// values of its Helm chart, which call the same things differently.
type theirs struct {
	Connectors      yaml.Node         `yaml:"connectors"`
	Custom          []customConnector `yaml:"connectors_with_custom_templates"`
	HelmCustom      []customConnector `yaml:"connectorsWithCustomTemplates"`
	HelmTemplate    string            `yaml:"customCardTemplate"`
	HelmFile        string            `yaml:"templateFile"`
	HelmEnvironment yaml.Node         `yaml:"extraEnvs"`
	HelmContainer   struct {
		Port int       `yaml:"port"`
		Args yaml.Node `yaml:"additionalArgs"` // a list, or {} for none
	} `yaml:"container"`
}

// customConnector is a channel with a template of its own. In Helm's values
// the template itself stands where the file has its path.
type customConnector struct {
	RequestPath     string `yaml:"request_path"`
	TemplateFile    string `yaml:"template_file"`
	WebhookURL      string `yaml:"webhook_url"`
	DisableGrouping bool   `yaml:"disable_grouping"`
}

// PrometheusMsteams turns prometheus-msteams' configuration file, or the values
// of its Helm chart, into a configuration of ours. Paths stay the same, so
// Alertmanager's configuration need not change.
func PrometheusMsteams(data []byte) (Result, error) {
	var from theirs
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&from); err != nil && !errors.Is(err, io.EOF) {
		return Result{}, fmt.Errorf("the file cannot be read as YAML: %w", err)
	}
	w := &writer{names: map[string]bool{}, cards: map[string]string{}, port: cmp.Or(from.HelmContainer.Port, 2000)}
	shipped, _ := card.New(nil)
	w.taken = shipped.Names()
	w.settings(&from)
	channels, err := w.channels(&from)
	if err != nil {
		return Result{}, err
	}
	return Result{Config: w.write(channels), Templates: w.templates, Todo: w.todo}, nil
}

// channel is one path of theirs with what it leads to.
type channel struct {
	path, url string
	file      string // of the template, "" for the default one
	ungrouped bool
}

// writer makes the text.
type writer struct {
	out       strings.Builder
	names     map[string]bool   // of destinations
	cards     map[string]string // of template files
	files     []string          // in the order in which they are needed
	templates []card.Source
	taken     []string // names of cards
	port      int
	general   []string // what is left to do for all of it
	everybody string   // the template file of channels without one of their own
	flagPath  string   // a channel that flags make
	flagURL   string
	ungrouped bool // all channels
	todo      int
}

// settings reads what flags and the environment say.
func (w *writer) settings(from *theirs) {
	set := map[string]string{}
	for _, arg := range from.HelmContainer.Args.Content {
		name, value, _ := strings.Cut(strings.TrimLeft(arg.Value, "-"), "=")
		set[name] = value
	}
	environment(&from.HelmEnvironment, set)
	for _, name := range sorted(set) {
		value := set[name]
		switch name {
		case "template-file":
			w.everybody = value
		case "teams-request-uri":
			w.flagPath = value
		case "teams-incoming-webhook-url":
			w.flagURL = value
		case "disable-grouping":
			w.ungrouped = value != "false"
		case "http-addr":
			if _, port, ok := strings.Cut(value, ":"); ok {
				_, _ = fmt.Sscanf(port, "%d", &w.port)
			}
		case "http-proxy", "https-proxy":
			w.general = append(w.general, "Add proxy_url: to workflow: of each destination; prometheus-msteams had a proxy.")
		case "insecure-skip-verify":
			w.general = append(w.general, "Certificates were not checked; if that has to stay, add tls_config: {insecure_skip_verify: true} to workflow: of each destination.")
		case "auto-escape-underscores", "config-file", "debug", "log-format", "no-proxy",
			"max-retry-count", "idle-conn-timeout", "tls-handshake-timeout", "max-idle-conns", "workflow-webhook", "validate-webhook-url":
			// Not needed here: values are always escaped, and nothing is given up after three attempts.
		default:
			w.general = append(w.general, fmt.Sprintf("The setting %s has no counterpart.", oneLine(name)))
		}
	}
	if from.HelmTemplate != "" {
		w.everybody = w.inline("card.tmpl", from.HelmTemplate)
	} else if from.HelmFile != "" && from.HelmFile != "/etc/template/card.tmpl" {
		w.everybody = from.HelmFile
	}
}

// environment reads variables, which are flags in capitals.
func environment(node *yaml.Node, set map[string]string) {
	var variables map[string]string
	if node.Kind != yaml.MappingNode || node.Decode(&variables) != nil {
		return
	}
	for name, value := range variables {
		set[strings.ReplaceAll(strings.ToLower(name), "_", "-")] = value
	}
}

// channels are all the channels, in the order of the file.
func (w *writer) channels(from *theirs) ([]channel, error) {
	var found []channel
	for _, entry := range from.Connectors.Content {
		node := resolve(entry)
		if node.Kind != yaml.MappingNode {
			return nil, fmt.Errorf("line %d: connectors is a list of PATH: URL", node.Line)
		}
		for i := 0; i+1 < len(node.Content); i += 2 {
			found = append(found, channel{path: node.Content[i].Value, url: resolve(node.Content[i+1]).Value, file: w.everybody, ungrouped: w.ungrouped})
		}
	}
	if w.flagPath != "" && w.flagURL != "" {
		found = append(found, channel{path: w.flagPath, url: w.flagURL, file: w.everybody, ungrouped: w.ungrouped})
	}
	for _, c := range slices.Concat(from.Custom, from.HelmCustom) {
		file := c.TemplateFile
		if strings.Contains(file, "{{") {
			file = w.inline(nameOf(c.RequestPath)+".tmpl", file)
		}
		found = append(found, channel{path: c.RequestPath, url: c.WebhookURL, file: cmp.Or(file, w.everybody), ungrouped: c.DisableGrouping})
	}
	if len(found) == 0 {
		return nil, errors.New("there are no connectors in this file; give the file that prometheus-msteams is started with (-config-file), or the values of its Helm chart")
	}
	return found, nil
}

// resolve follows an alias to what it stands for.
func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// inline takes a template that stands in the configuration and returns the
// file that it belongs into.
func (w *writer) inline(name, text string) string {
	file := "templates/" + name
	for i := 2; slices.ContainsFunc(w.templates, func(t card.Source) bool { return t.Name == file && t.Text != text }); i++ {
		file = fmt.Sprintf("templates/%s-%d.tmpl", strings.TrimSuffix(name, ".tmpl"), i)
	}
	if !slices.ContainsFunc(w.templates, func(t card.Source) bool { return t.Name == file }) {
		w.templates = append(w.templates, card.Source{Name: file, Text: text})
	}
	return file
}

// cardOf is the name of the card in a template file; "" and a reason when it
// can have none. Such a file's card is called as the file is.
func (w *writer) cardOf(file string) (name, problem string) {
	if name, known := w.cards[file]; known {
		return name, ""
	}
	name = strings.TrimSuffix(path.Base(strings.ReplaceAll(file, `\`, "/")), path.Ext(file))
	if slices.Contains(w.taken, name) {
		return "", fmt.Sprintf("The card of %s would be called %q, and there is one of that name. Rename the file, add it to template_files and write card: with its new name here.", oneLine(file), name)
	}
	w.taken = append(w.taken, name)
	w.cards[file] = name
	w.files = append(w.files, file)
	return name, ""
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.out, format+"\n", args...) }

// comment writes a comment; one that is to do is counted.
func (w *writer) comment(indent, text string, todo bool) {
	if todo {
		w.todo++
		text = "To do: " + text
	}
	w.line("%s# %s", indent, text)
}

// write makes the configuration.
func (w *writer) write(channels []channel) string {
	top := ""
	custom := slices.ContainsFunc(channels, func(c channel) bool { return c.file != "" && !isTheirs(c.file) })
	seen := map[string]bool{}
	for _, c := range channels {
		w.channel(c, custom, seen, &top)
	}
	destinations := w.out.String() // which know what has to stand around them
	w.out.Reset()

	w.line("# Made by teamsrelay migrate prometheus-msteams. Start it where prometheus-msteams")
	w.line("# was, and Alertmanager need not be told of the change:")
	w.line("#   teamsrelay check-config teamsrelay.yml")
	w.line("#   teamsrelay serve --config.file=teamsrelay.yml --web.listen-address=:%d", w.port)
	w.line("#")
	w.line("# It holds the webhooks' URLs, with which anybody can write into the channels: keep")
	w.line("# it from others (chmod 600), or put each into a file and write url_file: instead.")
	for _, text := range w.general {
		w.comment("", text, true)
	}
	w.line("")
	w.line("storage:")
	w.line("  url: sqlite:teamsrelay.db")
	w.line("")
	w.line("destinations:")
	w.out.WriteString(destinations)
	w.line("")
	w.line("# What is posted to a path above goes straight to its destination. This is for")
	w.line("# alerts that are posted to /alertmanager or /api/v2/alerts.")
	w.line("route:")
	w.line("  destinations: [%s]", top)
	w.line("  group_by: [alertname]")
	if len(w.files) > 0 {
		w.line("")
		w.line("# Paths are relative to this file. The card in a file that defines teams.card has")
		w.line("# the file's name.")
		w.line("template_files:")
		for _, file := range w.files {
			w.line("  - %s", scalar(file))
		}
	}
	return w.out.String()
}

// What paths and names must look like in our configuration.
var (
	goodPath = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$`)
	badName  = regexp.MustCompile(`[^A-Za-z0-9._-]+`)
)

// ours are the beginnings of paths that teamsrelay has itself.
var ours = []string{"api", "events", "metrics", "debug", "-", "destinations", "deliveries", "dead-letters"}

// channel writes one destination.
func (w *writer) channel(c channel, custom bool, seen map[string]bool, top *string) {
	at := "/" + strings.Trim(strings.TrimSpace(c.path), "/")
	if seen[at] {
		w.comment("  ", fmt.Sprintf("the path %s was there twice, and prometheus-msteams does not start with that; the first is kept.", oneLine(at)), true)
		return
	}
	seen[at] = true
	first, rest, deeper := strings.Cut(strings.TrimPrefix(at, "/"), "/")
	name := nameOf(at)
	own := first == "alertmanager" // is served without being asked for
	if own && deeper {
		name = nameOf(rest)
	}
	for i, base := 2, name; w.names[name]; i++ {
		name = fmt.Sprintf("%s-%d", base, i)
	}
	w.names[name] = true
	if *top == "" || own && !deeper {
		*top = name
	}

	w.line("  - name: %s", scalar(name))
	if todo := connectorTodo(c.url); todo != "" {
		w.comment("    ", todo, true)
	}
	w.line("    workflow:")
	w.line("      url: %s", scalar(oneLine(c.url)))
	switch {
	case own && !deeper:
		w.comment("    ", "/alertmanager is served anyway; the top route below leads here.", false)
	case own && name == rest:
		w.comment("    ", at+" is served anyway, because the destination has this name.", false)
	case own, slices.Contains(ours, first), !goodPath.MatchString(at):
		w.comment("    ", fmt.Sprintf("the path %s cannot be kept. Write the URL of Alertmanager's receiver with /alertmanager/%s instead.", oneLine(at), name), true)
	default:
		w.line("    paths: [%s]", scalar(at))
	}
	w.card(c, custom)
	if c.ungrouped {
		w.line("    group_by: ['...'] # a card of each alert, as disable_grouping made")
	}
}

// card writes which card a destination has.
func (w *writer) card(c channel, custom bool) {
	if isTheirs(c.file) {
		w.comment("    ", "its template came with prometheus-msteams, so it gets the card that comes with teamsrelay.", false)
	}
	if c.file == "" || isTheirs(c.file) {
		if custom {
			w.line("    card: alert # without this it would have the template of the others")
		}
		return
	}
	name, problem := w.cardOf(c.file)
	if problem != "" {
		w.comment("    ", problem, true)
		return
	}
	w.line("    card: %s", scalar(name))
}

// isTheirs reports whether a template file came with prometheus-msteams.
func isTheirs(file string) bool {
	switch path.Base(file) {
	case "default-message-card.tmpl", "default-message-workflow-card.tmpl":
		return true
	}
	return false
}

// connectorTodo says what to do about the URL of a connector, or about a place
// where a URL was to be filled in.
func connectorTodo(address string) string {
	const how = "In the channel: … > Workflows > \"Send webhook alerts to a channel\" (Post to a channel when a webhook request is received), and put its URL here."
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Host == "" {
		return "this is no URL. " + how
	}
	host := strings.ToLower(u.Hostname())
	if host == "outlook.office.com" || host == "outlook.office365.com" || strings.HasSuffix(host, ".webhook.office.com") {
		return "this is an Office 365 connector, which Microsoft has switched off: nothing sent there arrives. " + how
	}
	return ""
}

// nameOf makes a destination's name of a path.
func nameOf(at string) string {
	name := strings.Trim(badName.ReplaceAllString(strings.ReplaceAll(strings.Trim(at, "/ "), "/", "-"), "-"), "-._")
	return cmp.Or(name[:min(len(name), 60)], "channel")
}

// scalar writes text as YAML, on one line.
func scalar(text string) string {
	made, err := yaml.Marshal(oneLine(text))
	if err != nil {
		return `""`
	}
	return strings.TrimSuffix(string(made), "\n")
}

// oneLine keeps what comes from their file from leaving its line.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u0085' || r == '\u2028' || r == '\u2029' }), " ")
}

func sorted(set map[string]string) []string {
	var names []string
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
