package app

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"sync"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/web"
)

// loaded remembers which file is in force, and why the last one is not.
type loaded struct {
	mu sync.Mutex
	is web.Configuration // without the Config
}

// took takes note of a configuration that is in force since now.
func (l *loaded) took(file string, now time.Time) {
	is := web.Configuration{File: file, LoadedAt: now}
	if content, err := os.ReadFile(file); err == nil {
		sum := sha256.Sum256(content)
		is.Hash = hex.EncodeToString(sum[:8])
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.is = is
}

// failed takes note of one that is not.
func (l *loaded) failed(err error, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.is.Mistakes, l.is.FailedAt = err.Error(), now
}

// configuration is what is loaded.
func (a *App) configuration() web.Configuration {
	a.loaded.mu.Lock()
	defer a.loaded.mu.Unlock()
	is := a.loaded.is
	is.Config = a.live.Load()
	return is
}
