package teams

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// file is the text of a file that an option names.
type file struct {
	name string
	text []byte
}

// read reads every file that one of the patterns of an option means, once.
// skip says which of those are not meant that only a pattern finds.
func read(p *problems, option string, patterns []string, skip func(name string) bool) []file {
	var files []file
	seen := make(map[string]bool)
	for _, pattern := range patterns {
		names, err := filepath.Glob(pattern)
		switch {
		case err != nil:
			p.wrong(option, fmt.Sprintf("%q is not a pattern for files", pattern), "write a path such as /etc/telegraf/teams/*.yml; close every [")
		case len(names) == 0:
			p.wrong(option, fmt.Sprintf("there is no file %q", pattern), "create it or correct the path")
		}
		for _, name := range names {
			if seen[name] || name != pattern && skip(name) {
				continue
			}
			seen[name] = true
			text, err := readSmall(name, yamlfile.MaxSize)
			if err != nil {
				p.unreadable(option, name, err)
				continue
			}
			files = append(files, file{name, text})
		}
	}
	return files
}

// errTooLarge says that a file is not read for its size.
var errTooLarge = errors.New("it is larger than")

// unreadable reports a file that could not be read.
func (p *problems) unreadable(option, name string, err error) {
	do := "correct the path or let this user read it"
	if errors.Is(err, errTooLarge) {
		do = "check that this is the right file; one with too many rules or templates can be made several"
	}
	p.wrong(option, fmt.Sprintf("the file %q cannot be read: %v", name, err), do)
}

// readSmall reads an ordinary file of at most limit bytes.
func readSmall(name string, limit int64) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, reason(err)
	case !info.Mode().IsRegular(): // a pipe would hold us up for ever
		return nil, fmt.Errorf("it is not an ordinary file")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, reason(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, reason(err)
	case int64(len(text)) > limit:
		return nil, fmt.Errorf("%w %d KiB", errTooLarge, limit>>10)
	}
	return text, nil
}

// reason is what the operating system says, without the path, which the
// message names already.
func reason(err error) error {
	if wrapped, ok := err.(*os.PathError); ok { //nolint:errorlint // os returns it bare
		return wrapped.Err
	}
	return err
}

// noAlert is what is wrong with a section without a rule.
const noAlert = "so there would never be an alert"

// ruleSet compiles the rule files; nil if there are none or they are wrong.
// Every reason for a nil is reported, except that a config_file may have the
// rules instead.
func (t *Teams) ruleSet(p *problems) *rules.Set {
	if len(t.RuleFiles) == 0 {
		if t.ConfigFile == "" {
			p.wrong("rule_files", "there are no rules, "+noAlert, `write rule_files = ["/etc/telegraf/teams/*.yml"]`)
		}
		return nil
	}
	var files []rules.File
	before := len(p.errs)
	for _, f := range read(p, "rule_files", t.RuleFiles, rules.IsTest) {
		files = append(files, rules.File{Name: f.name, Data: f.text})
	}
	if len(files) == 0 {
		if len(p.errs) == before {
			p.wrong("rule_files", "the patterns match only files of tests, "+noAlert, "let one of them match a file with rules, which must not end in _test")
		}
		return nil
	}
	set, found := rules.Parse(files)
	p.add(found)
	if set != nil && none(set) {
		p.wrong("rule_files", "there is no rule in them, "+noAlert, "write a rule into one of them; the README shows how")
		return nil
	}
	return set
}

// none says that no group has a rule.
func none(set *rules.Set) bool {
	for _, g := range set.Groups {
		if len(g.Rules) > 0 {
			return false
		}
	}
	return true
}

// add takes over what was found in files of ours.
func (p *problems) add(found yamlfile.Problems) {
	for _, f := range found {
		if f.Level == yamlfile.Error {
			p.errs = append(p.errs, fmt.Errorf("%s", f))
		} else {
			p.warn(f.String())
		}
	}
}

// polled reports the groups that query an InfluxDB that there is not.
func polled(p *problems, set *rules.Set, known map[string]bool, do string) {
	if set == nil {
		return
	}
	for _, g := range set.Groups {
		if g.InfluxDB != "" && !known[g.InfluxDB] {
			p.add(yamlfile.Problems{{
				File: g.File, Line: g.Line, Level: yamlfile.Error,
				What: fmt.Sprintf("the group %q queries the InfluxDB %q, which is not configured here", g.Name, g.InfluxDB), Do: do,
			}})
		}
	}
}
