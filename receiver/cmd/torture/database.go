package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/store/sqlite"
)

// database is what the store stands on, and what can be done to it. What
// cannot is left out, and says why.
type database interface {
	name() string
	url() string // for storage.url
	open() (store.Store, error)
	full(wait func()) (left string)
	restart(kill bool, wait func()) (left string)
	cut() (left string)
	close() error
}

// disk is a small file system in memory, where there may be one.
type disk struct {
	dir  string
	left string // why it cannot be filled; "" if it can
}

// newDisk mounts one at dir, of so many MiB; only root on Linux may. Otherwise
// it is a directory.
func newDisk(dir string, size int) (*disk, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	d := &disk{dir: dir}
	switch {
	case runtime.GOOS != "linux" || os.Geteuid() != 0:
		d.left = "only root on Linux can make a disk so small that it can be filled"
	default:
		if out, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm", size), "tmpfs", dir).CombinedOutput(); err != nil {
			d.left = fmt.Sprintf("no small disk can be mounted here: %s", out)
		}
	}
	return d, nil
}

// full takes every byte that is left, for as long as wait takes.
func (d *disk) full(wait func()) (left string) {
	if d.left != "" {
		return d.left
	}
	name := filepath.Join(d.dir, "somebody-elses-file")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err.Error()
	}
	defer os.Remove(name)
	for _, size := range []int{64 << 10, 4 << 10, 1} {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	_ = f.Close() // the disk is full, which is what we want
	wait()
	return ""
}

func (d *disk) close() error {
	if d.left != "" {
		return nil
	}
	var out []byte
	var err error
	for range 100 { // what was killed may still be closing its files
		if out, err = exec.Command("umount", d.dir).CombinedOutput(); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("umount: %w: %s", err, out)
}

// files is SQLite, which has one replica and lives in its process.
type files struct{ *disk }

func newSQLite(dir string) (*files, error) {
	d, err := newDisk(filepath.Join(dir, "store"), 48)
	return &files{d}, err
}

func (f *files) name() string               { return "sqlite" }
func (f *files) file() string               { return filepath.Join(f.dir, "teamsrelay.db") }
func (f *files) url() string                { return "sqlite:" + f.file() }
func (f *files) open() (store.Store, error) { return sqlite.Open(f.file(), sqlite.Options{}) }

const noServer = "SQLite has no server"

func (f *files) restart(bool, func()) string { return noServer }
func (f *files) cut() string                 { return noServer }
