package events

import (
	"bytes"
	"embed"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

//go:embed presets/*.yml
var presetFiles embed.FS

// presets are the shipped mappings, by name.
var presets = readPresets(presetFiles)

// Presets are the names of the shipped mappings, in order.
func Presets() []string { return slices.Sorted(maps.Keys(presets)) }

// readPresets reads every file as a mapping. The files are part of the
// program: one that cannot be read is a mistake of ours, and stops it.
func readPresets(files fs.FS) map[string]Mapping {
	found := make(map[string]Mapping)
	names, err := fs.Glob(files, "presets/*.yml")
	if err != nil {
		panic(err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			panic(err)
		}
		decoder := yaml.NewDecoder(bytes.NewReader(data))
		decoder.KnownFields(true)
		var m Mapping
		if err := decoder.Decode(&m); err != nil {
			panic(name + ": " + err.Error())
		}
		found[strings.TrimSuffix(path.Base(name), ".yml")] = m
	}
	return found
}
