package sqlite

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// magic is how every SQLite file begins; see https://www.sqlite.org/fileformat.html.
const magic = "SQLite format 3\x00"

// locate checks what can be known about the file without SQLite, whose words
// for all of this are "unable to open database file", and returns its one
// true absolute path. It creates the file when there is none.
func locate(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	dir := filepath.Dir(path)
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("there is no directory %s; create it, or change storage.url", dir)
	case err != nil:
		return "", err
	case !info.IsDir():
		return "", fmt.Errorf("%s is not a directory; change storage.url", dir)
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return "", fmt.Errorf("it is not a file; change storage.url")
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", fmt.Errorf("it cannot be written; check the owner and mode of the file and of %s: %w", dir, err)
	}
	defer file.Close()
	head := make([]byte, len(magic))
	n, err := io.ReadFull(file, head)
	switch {
	case errors.Is(err, io.EOF): // empty: a new one
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return "", err
	case string(head[:n]) != magic:
		return "", errors.New("it is not an SQLite database; move it away, or change storage.url")
	}
	// The write-ahead log and the lock stand beside the file itself, whatever
	// name it was opened by.
	return filepath.EvalSymlinks(path)
}

// acquire makes the file ours until the process ends, however it ends: it
// holds an exclusive transaction on a small database beside it.
func acquire(path string) (*conn, error) {
	lock, err := connect(path+".lock", "PRAGMA busy_timeout = 0", "PRAGMA journal_mode = MEMORY", "BEGIN EXCLUSIVE")
	if err == nil {
		return lock, nil
	}
	if isBusy(err) {
		return nil, fmt.Errorf("%w: another teamsrelay process uses it; stop that one, or give this one a storage.url of its own",
			store.ErrUnavailable)
	}
	return nil, fmt.Errorf("its lock %s.lock cannot be had: %w", path, classify(err))
}

// place is where the file stands.
type place struct {
	path string
	file fs.FileInfo
}

func standing(path string) (place, error) {
	file, err := os.Stat(path)
	return place{path, file}, err
}

// check fails when the file does not stand there any more. Who has it open can
// write to it for as long as it likes, and nobody will ever read it.
func (p place) check() error {
	file, err := os.Stat(p.path)
	switch {
	case err == nil && os.SameFile(file, p.file):
		return nil
	case err == nil:
		err = errors.New("another file is in its place")
	case !errors.Is(err, fs.ErrNotExist):
		return nil // it cannot be looked at, as when its directory's mode was changed, and that is not to be gone
	}
	return fmt.Errorf("%w: the file was taken away while it was in use; put it back with its -wal, or start anew: %w", store.ErrUnavailable, err)
}
