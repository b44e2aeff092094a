package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/influxdata/telegraf/plugins/outputs"

	"github.com/teamsrelay/teamsrelay/plugins/outputs/teams"
)

// maxFile is how many bytes the file with the section may have.
const maxFile = 1 << 20

// load reads the section from a file. Its errors name a line where there is
// one, and no values: the URL of a webhook is a secret.
func load(path string, lookup func(string) (string, bool)) (*teams.Teams, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the file cannot be read: %w", errors.Unwrap(err))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the file cannot be read: %w", errors.Unwrap(err))
	case len(text) > maxFile:
		return nil, fmt.Errorf("the file is larger than %d KiB; check that this is the right one", maxFile>>10)
	}
	plugin, err := parse(string(text), lookup)
	if err != nil {
		return nil, err
	}
	relativeTo(filepath.Dir(path), plugin)
	return plugin, nil
}

// relativeTo makes paths start from the directory of the file that they are in.
func relativeTo(dir string, t *teams.Teams) {
	at := func(path string) string {
		if path == "" || filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(dir, path)
	}
	for _, list := range [][]string{t.RuleFiles, t.TemplateFiles} {
		for i := range list {
			list[i] = at(list[i])
		}
	}
	for _, path := range []*string{&t.WebhookURLFile, &t.ConfigFile, &t.StateFile, &t.TLSCA, &t.TLSCert, &t.TLSKey} {
		*path = at(*path)
	}
}

// document is the file as TOML has it.
type document struct {
	Outputs struct {
		Teams []toml.Primitive `toml:"teams"`
	} `toml:"outputs"`
}

// section is the name of the table that is ours.
const section = "[[outputs.teams]]"

// parse reads the section. ${NAME} stands for a variable of the environment
// that is set, and for itself otherwise: templates have braces too.
func parse(text string, lookup func(string) (string, bool)) (*teams.Teams, error) {
	var d document
	meta, err := toml.Decode(text, &d)
	if err != nil {
		return nil, syntax(err)
	}
	if n := len(d.Outputs.Teams); n != 1 {
		return nil, fmt.Errorf("there are %d sections %s; write exactly one, such as %s -sample-config prints", n, section, name)
	}
	var options map[string]any
	if err := meta.PrimitiveDecode(d.Outputs.Teams[0], &options); err != nil {
		return nil, syntax(err)
	}
	var errs []error
	for _, key := range meta.Keys() {
		if place := key.String(); place != "outputs" && place != "outputs.teams" && !strings.HasPrefix(place, "outputs.teams.") {
			errs = append(errs, fmt.Errorf("line %d: %s does not belong here; Telegraf's own sections stand in its own file", lineOf(text, place), place))
			break // what is in it too
		}
	}
	for _, option := range slices.Sorted(maps.Keys(options)) {
		value, err := expanded(options[option], lookup)
		if text, ok := options[option].(string); ok && err == nil && slices.Contains(complete, option) {
			err = unset(text, lookup)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %s: %w", lineOf(text, option), option, err))
		}
		options[option] = value
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return decode(text, options)
}

// times are the options that are a time.
var times = []string{"group_wait", "group_interval", "repeat_interval", "timeout"}

// decode puts the options into the plugin.
func decode(text string, options map[string]any) (*teams.Teams, error) {
	again, err := toml.Marshal(options)
	if err != nil {
		return nil, syntax(err)
	}
	plugin := outputs.Outputs["teams"]().(*teams.Teams)
	meta, err := toml.Decode(string(again), plugin)
	if err != nil {
		option := "an option"
		if found := lastKey.FindStringSubmatch(err.Error()); found != nil {
			option = found[1]
		}
		if slices.Contains(times, option) {
			return nil, fmt.Errorf("line %d: the value of %s is no time; write a number and a unit in quotes, such as \"30s\", \"5m\" or \"4h\"", lineOf(text, option), option)
		}
		return nil, fmt.Errorf("line %d: the value of %s is of the wrong kind; compare it with %s -sample-config", lineOf(text, option), option, name)
	}
	var errs []error
	for _, key := range meta.Undecoded() {
		errs = append(errs, fmt.Errorf("line %d: there is no option %s here; see %s -sample-config (what every output of Telegraf has, such as namepass, stands in the section [[outputs.execd]])",
			lineOf(text, key[0]), key, name))
	}
	return plugin, errors.Join(errs...)
}

var (
	variable    = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)
	secretStore = regexp.MustCompile(`@\{[^}]*:[^}]*\}`)
)

// complete are the options in which ${NAME} of a variable that is not set is a
// mistake: nobody has a secret or an address that looks like it.
var complete = []string{"webhook_url", "relay_url", "bearer_token", "username", "password", "tls_key_pwd"}

// unset reports the variables in a text that are not there.
func unset(text string, lookup func(string) (string, bool)) error {
	for _, found := range variable.FindAllStringSubmatch(text, -1) {
		if _, ok := lookup(found[1]); !ok {
			return fmt.Errorf("the environment variable %s is not set; pass it with environment of outputs.execd", found[1])
		}
	}
	return nil
}

// expanded is a value with the variables of the environment in its texts.
func expanded(value any, lookup func(string) (string, bool)) (any, error) {
	switch value := value.(type) {
	case string:
		if secretStore.MatchString(value) {
			return nil, errors.New("secret stores are only in Telegraf's own process; write ${NAME} and set the environment variable, or name a file with webhook_url_file")
		}
		return variable.ReplaceAllStringFunc(value, func(reference string) string {
			if text, ok := lookup(reference[2 : len(reference)-1]); ok {
				return text
			}
			return reference
		}), nil
	case []any:
		for i := range value {
			item, err := expanded(value[i], lookup)
			if err != nil {
				return nil, err
			}
			value[i] = item
		}
	}
	return value, nil
}

// syntax is what is wrong with the TOML. What the parser quotes of the file is
// left out: it may be a secret.
func syntax(err error) error {
	var wrong toml.ParseError
	if !errors.As(err, &wrong) || wrong.Position.Line == 0 {
		return fmt.Errorf("outputs.teams is no section; write %s, such as %s -sample-config prints", section, name)
	}
	if twice := writtenTwice.FindStringSubmatch(wrong.Message); twice != nil {
		return fmt.Errorf("line %d: %s is written twice; keep one of them", wrong.Position.Line, twice[1])
	}
	where := ""
	if wrong.LastKey != "" {
		where = " near " + wrong.LastKey
	}
	return fmt.Errorf("line %d: this is not TOML%s: %s; texts need quotes, and lists brackets",
		wrong.Position.Line, where, quoted.ReplaceAllStringFunc(wrong.Message, func(what string) string {
			if len(what) <= len("'abc'") {
				return what
			}
			return "what stands there"
		}))
}

var (
	// quoted is what the words of the parser quote.
	quoted = regexp.MustCompile(`"[^"]*("|$)|'[^']*('|$)`)
	// writtenTwice has the words of the parser for a key that is there already.
	writtenTwice = regexp.MustCompile(`^Key '(?:outputs\.teams\.)?([\w.-]+)' has already been defined`)
	lastKey      = regexp.MustCompile(`last key "([^"]+)"`)
)

// lineOf is where an option or a section stands in the file; 1 if it is not
// found.
func lineOf(text, place string) int {
	option := place[strings.LastIndexByte(place, '.')+1:]
	number := 0
	for line := range strings.Lines(text) {
		number++
		begin := strings.TrimLeft(line, " \t\"'[")
		for _, written := range []string{place, option} {
			if rest, ok := strings.CutPrefix(begin, written); ok && strings.ContainsAny(rest[:min(1, len(rest))], "\"' =].") {
				return number
			}
		}
	}
	return 1
}
