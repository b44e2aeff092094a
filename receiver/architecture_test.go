// Package receiver_test holds the house together (design §4): who may import
// whom, and what stands at the top of the project.
package receiver_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

const module = "github.com/teamsrelay/teamsrelay/"

// order is the house from the ground up. A package may import what stands
// above it in this list, and what belongs to its own family (store/sqlite is
// of store). A new family needs a place here.
var order = []string{
	"templates",
	"receiver/alert", "receiver/cardview", "receiver/chart", "receiver/clock", "receiver/outbound", "receiver/press", "receiver/sample", "receiver/vault", "receiver/yamlfile",
	"receiver/group", "receiver/rules", "receiver/route", "receiver/command", "receiver/card",
	"receiver/store", "receiver/teams",
	"receiver/role",
	"receiver/people",
	"receiver/deliver", "receiver/canary", "receiver/heartbeat", "receiver/ingest", "receiver/intent", "receiver/silence", "receiver/bot",
	"receiver/apppackage", // says what the bot understands
	"receiver/ruler",
	"receiver/engine",
	"receiver/config",
	"receiver/doctor", // examines what a configuration leads to
	"receiver/migrate",
	"receiver/ruletest", "receiver/web",
	"receiver/app",
	"receiver/teamstest", // stands for Microsoft: only commands and tests need it
	"receiver/torture",   // plans bad days and judges them
	"receiver/cmd",
	"receiver/e2e",
	"plugins",
}

// notForPlugins are families that would make the Telegraf plugin a daemon.
var notForPlugins = []string{"receiver/app", "receiver/web", "receiver/bot"}

// What only decides (design §4) must not need what has effects.
var (
	pure   = []string{"receiver/alert", "receiver/press", "receiver/command", "receiver/group", "receiver/rules", "receiver/route", "receiver/card", "receiver/cardview", "receiver/chart", "receiver/migrate", "receiver/torture"}
	impure = []string{"net", "net/http", "database/sql", "os", "os/exec"}
)

// family is the entry of order that a package belongs to, "" if it has no
// place.
func family(pkg string) string {
	for _, name := range order {
		if pkg == name || strings.HasPrefix(pkg, name+"/") {
			return name
		}
	}
	return ""
}

// imports reads, for every directory with Go files that are not tests, what
// it imports; without the module's name where it is ours.
func imports(project fs.FS) (map[string][]string, error) {
	all := map[string][]string{}
	err := fs.WalkDir(project, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules"):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		source, err := fs.ReadFile(project, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := path.Dir(name)
		imported := all[pkg]
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imported = append(imported, name)
		}
		all[pkg] = imported // also when it imports nothing
		return nil
	})
	return all, err
}

// violations says which imports go up, and what else the house forbids.
func violations(imports map[string][]string) (found []string) {
	wrong := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	for pkg, imported := range imports {
		from := family(pkg)
		if from == "" {
			wrong("%s has no place in the order: put it there, where design §4 wants it", pkg)
			continue
		}
		for _, name := range imported {
			ours, isOurs := strings.CutPrefix(name, module)
			switch {
			case isOurs && family(ours) == "":
				wrong("%s imports %s, which has no place in the order", pkg, ours)
			case isOurs && slices.Index(order, family(ours)) > slices.Index(order, from):
				wrong("%s imports %s, which stands above it", pkg, ours)
			case from == "plugins" && slices.Contains(notForPlugins, family(ours)):
				wrong("%s imports %s: a plugin is no daemon", pkg, ours)
			case from != "plugins" && strings.HasPrefix(name, "github.com/influxdata/telegraf"):
				wrong("%s imports Telegraf, which only plugins may", pkg)
			case pkg == "receiver/alert" && strings.Contains(strings.Split(name, "/")[0], "."):
				wrong("%s imports %s: it needs the standard library only", pkg, name)
			case slices.Contains(pure, pkg) && slices.Contains(impure, name):
				wrong("%s imports %s: it is to decide without effects", pkg, name)
			}
		}
	}
	slices.Sort(found)
	return found
}

func TestImportsGoDownOnly(t *testing.T) {
	all, err := imports(os.DirFS(".."))
	require.NoError(t, err)
	require.Contains(t, all, "receiver/cmd/teamsrelay", "the walk has missed the program, so this proves nothing")
	require.Empty(t, violations(all))
}

// TestAnImportThatGoesUpIsSeen proves that the test above can fail.
func TestAnImportThatGoesUpIsSeen(t *testing.T) {
	for name, c := range map[string]struct {
		pkg, imports, wrong string
	}{
		"down is fine":                             {"receiver/engine", module + "receiver/store", ""},
		"in the family is fine":                    {"receiver/store/sqlite", module + "receiver/store", ""},
		"card needs the group":                     {"receiver/card", module + "receiver/group", ""},
		"plugins need the engine":                  {"plugins/outputs/teams", module + "receiver/engine", ""},
		"plugins need Telegraf":                    {"plugins/outputs/teams", "github.com/influxdata/telegraf", ""},
		"up":                                       {"receiver/store", module + "receiver/engine", "stands above it"},
		"up into a package below a family":         {"receiver/group", module + "receiver/store/sqlite", "stands above it"},
		"to the right":                             {"receiver/group", module + "receiver/card", "stands above it"},
		"of the simulated Teams":                   {"receiver/teams/workflow", module + "receiver/teamstest", "stands above it"},
		"of plugins":                               {"receiver/engine", module + "plugins/outputs/teams", "stands above it"},
		"of something without a place":             {"receiver/engine", module + "receiver/helpers", "no place"},
		"by something without a place":             {"receiver/helpers", "fmt", "no place"},
		"of Telegraf by the receiver":              {"receiver/rules", "github.com/influxdata/telegraf/metric", "only plugins"},
		"of the daemon by a plugin":                {"plugins/outputs/teams", module + "receiver/web", "no daemon"},
		"of others' code by alert":                 {"receiver/alert", "github.com/prometheus/common/model", "standard library"},
		"of the network by a package that is pure": {"receiver/group", "net/http", "without effects"},
	} {
		t.Run(name, func(t *testing.T) {
			all, err := imports(fstest.MapFS{
				c.pkg + "/a.go":          {Data: []byte("package a\n\nimport _ \"" + c.imports + "\"\n")},
				c.pkg + "/a_test.go":     {Data: []byte("package a\n\nimport _ \"" + module + "receiver/e2e\"\n")},
				".cache/strange/main.go": {Data: []byte("this is not even Go")},
			})
			require.NoError(t, err)
			found := violations(all)
			if c.wrong == "" {
				require.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			require.Contains(t, found[0], c.wrong)
		})
	}
}

func TestTheTopOfTheProjectStaysAsItIs(t *testing.T) {
	allowed := []string{
		"plugins", "receiver", "templates", "sample-configs",
		"go.mod", "go.sum", "Makefile", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md",
		"bin", "dist", // built, and not in git
	}
	entries, err := os.ReadDir("..")
	require.NoError(t, err)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			require.Contains(t, allowed, e.Name(), "design §4 says what stands at the top level")
		}
	}
}
