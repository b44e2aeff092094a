package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// foreign is a program of others that is built from its module, so that the
// tests meet the real thing.
type foreign struct {
	name   string // what people call it
	module string // with @version, unless our go.mod names it
	pkg    string // of the program, below the module
	tags   string // build tags, separated by commas
	// prepare mends the copy of the source before it is compiled; may be nil.
	prepare func(source string) error
}

// errNoModule says that a program's source, or that of what it is made from,
// cannot be had here.
var errNoModule = errors.New("its source cannot be downloaded")

// builder gives the path of the program, which it builds when it is not in
// .cache yet. Call it before t.Parallel, so that building does not slow down
// tests that measure time.
func (f foreign) builder() func(t *testing.T) string {
	build := sync.OnceValues(f.build)
	return func(t *testing.T) string {
		t.Helper()
		if testing.Short() {
			t.Skipf("-short: building %s takes minutes", f.name)
		}
		path, err := build()
		if errors.Is(err, errNoModule) {
			t.Skipf("%s: %v", f.name, err)
		}
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
}

func (f foreign) build() (string, error) {
	var module struct{ Dir, Version, Error string }
	out, err := exec.Command("go", "mod", "download", "-json", f.module).Output()
	if json.Unmarshal(out, &module) != nil || module.Dir == "" {
		return "", fmt.Errorf("%w: %v %s", errNoModule, err, module.Error)
	}
	cache, err := filepath.Abs("../../.cache")
	if err != nil {
		return "", err
	}
	program := filepath.Base(f.pkg)
	path := filepath.Join(cache, program+"-"+module.Version)
	if f.tags != "" { // other tags are another program
		path += fmt.Sprintf("-%08x", crc32.ChecksumIEEE([]byte(f.tags)))
	}
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(cache, 0o777); err != nil {
		return "", err
	}
	source, err := os.MkdirTemp(cache, program+"-source-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(source)
	began := time.Now()
	step := func(what string) { fmt.Fprintf(os.Stderr, "e2e: %s\n", what) }
	step(fmt.Sprintf("building %s %s once, into .cache; this takes a few minutes", f.name, module.Version))
	// The module cache cannot be written, and go build -mod=mod wants to.
	if err := os.CopyFS(source, os.DirFS(module.Dir)); err != nil {
		return "", err
	}
	if f.prepare != nil {
		if err := f.prepare(source); err != nil {
			return "", err
		}
	}
	in := func(args ...string) error {
		cmd := exec.Command("go", args...)
		cmd.Dir = source
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=mod")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go %s: %w\n%s", args[0], err, out)
		}
		return nil
	}
	if err := in("list", "-tags="+f.tags, "-deps", f.pkg); err != nil { // downloads what is needed
		return "", fmt.Errorf("%w: %w", errNoModule, err)
	}
	step(fmt.Sprintf("downloaded after %.0f s, compiling", time.Since(began).Seconds()))
	fresh := filepath.Join(source, "built")
	if err := in("build", "-tags="+f.tags, "-ldflags=-s -w", "-o", fresh, f.pkg); err != nil {
		return "", err
	}
	step(fmt.Sprintf("%s is built after %.0f s", f.name, time.Since(began).Seconds()))
	return path, os.Rename(fresh, path) // whole or not at all
}
