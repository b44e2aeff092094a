package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// errNoModule says that Alertmanager's source, or that of what it is made
// from, cannot be had here.
var errNoModule = errors.New("the source of Alertmanager cannot be downloaded")

// alertmanagerProgram is a real Alertmanager, of the version that our go.mod
// names. It is built when it is not in .cache yet; call it before t.Parallel,
// so that building does not slow down tests that measure time.
func alertmanagerProgram(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: building Alertmanager takes minutes")
	}
	path, err := buildAlertmanager()
	if errors.Is(err, errNoModule) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var buildAlertmanager = sync.OnceValues(func() (string, error) {
	var module struct{ Dir, Version, Error string }
	out, err := exec.Command("go", "mod", "download", "-json", "github.com/prometheus/alertmanager").Output()
	if json.Unmarshal(out, &module) != nil || module.Dir == "" {
		return "", fmt.Errorf("%w: %v %s", errNoModule, err, module.Error)
	}
	cache, err := filepath.Abs("../../.cache")
	if err != nil {
		return "", err
	}
	path := filepath.Join(cache, "alertmanager-"+module.Version)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(cache, 0o777); err != nil {
		return "", err
	}
	source, err := os.MkdirTemp(cache, "alertmanager-source-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(source)
	began := time.Now()
	step := func(what string) { fmt.Fprintf(os.Stderr, "e2e: %s\n", what) }
	step("building Alertmanager " + module.Version + " once, into .cache; this takes a few minutes")
	// The module cache cannot be written, and the program wants a page.
	if err := os.CopyFS(source, os.DirFS(module.Dir)); err != nil {
		return "", err
	}
	page := filepath.Join(source, "ui", "app", "dist", "index.html")
	if err := errors.Join(os.MkdirAll(filepath.Dir(page), 0o777), os.WriteFile(page, nil, 0o666)); err != nil {
		return "", err
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
	if err := in("list", "-deps", "./cmd/alertmanager"); err != nil { // downloads what is needed
		return "", fmt.Errorf("%w: %w", errNoModule, err)
	}
	step(fmt.Sprintf("downloaded after %.0f s, compiling", time.Since(began).Seconds()))
	fresh := filepath.Join(source, "built")
	if err := in("build", "-ldflags=-s -w", "-o", fresh, "./cmd/alertmanager"); err != nil {
		return "", err
	}
	step(fmt.Sprintf("Alertmanager is built after %.0f s", time.Since(began).Seconds()))
	return path, os.Rename(fresh, path) // whole or not at all
})
