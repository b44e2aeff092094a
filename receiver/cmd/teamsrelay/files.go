package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// expand replaces patterns by the files that match them: a shell does so on
// Linux, and none does on Windows. A name that is there is no pattern. No file
// comes twice.
func expand(names []string) ([]string, error) {
	var paths []string
	for _, name := range names {
		found := []string{name}
		if _, err := os.Lstat(name); err != nil && strings.ContainsAny(name, "*?[") {
			found, err = filepath.Glob(name)
			switch {
			case err != nil:
				return nil, fmt.Errorf("%q is not a pattern for files; close every [", name)
			case len(found) == 0:
				return nil, fmt.Errorf("no file matches %q", name)
			}
		}
		for _, path := range found {
			if !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
		}
	}
	return paths, nil
}

// contents is what a file is for, whether there are mistakes in it or not.
type contents uint8

const (
	aConfiguration contents = iota // and whatever is nothing else
	ofRules
	ofTests
	ofTelegraf
)

var (
	// ownKey is how a configuration begins a line, and no rule file does.
	ownKey = regexp.MustCompile(`(?m)^(?:storage|destinations|route)[ \t]*:`)
	// testKey is how a file of rule tests does.
	testKey = regexp.MustCompile(`(?m)^tests[ \t]*:`)
	// telegrafKey is how Telegraf's configuration names a plugin, sectionKey
	// how it names ours.
	telegrafKey = regexp.MustCompile(`(?m)^[ \t]*\[\[[ \t]*(?:inputs|outputs)\.\w+[ \t]*\]\]`)
	sectionKey  = regexp.MustCompile(`(?m)^[ \t]*\[\[[ \t]*outputs\.teams[ \t]*\]\]`)
)

// contentsOf looks at a file's name and at how its lines begin.
func contentsOf(name string, data []byte) contents {
	data = yamlfile.Text(data)
	switch {
	case telegrafKey.Match(data):
		return ofTelegraf
	case ownKey.Match(data):
		return aConfiguration
	case rules.IsTest(name), testKey.Match(data):
		return ofTests
	case rules.IsRules(data):
		return ofRules
	}
	return aConfiguration
}

// telegrafProblem says where Telegraf's configuration is checked.
func telegrafProblem(name string, data []byte) yamlfile.Problem {
	data = yamlfile.Text(data)
	do := "run telegraf-output-teams -check -config with the file that has the section [[outputs.teams]]"
	at := sectionKey.FindIndex(data)
	if at != nil {
		do = "run telegraf-output-teams -check -config " + name
	} else {
		at = telegrafKey.FindIndex(data)
	}
	return yamlfile.Problem{
		File: name, Line: 1 + bytes.Count(data[:at[0]], []byte("\n")), Level: yamlfile.Error,
		What: "this is a configuration of Telegraf, which its plugin checks", Do: do,
	}
}

// read reads a file, one byte more than any of ours may have, so that those who
// check it can say that it is too long.
func read(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, yamlfile.MaxSize+1))
}
