package config

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// storage checks where state is kept.
func (d *document) storage(s *storageSection) Storage {
	return Storage{
		SQLite:    d.sqlite(strings.TrimSpace(s.URL.Reveal())),
		Retention: d.positive(s.Retention, DefaultRetention, "storage.retention"),
	}
}

// sqlite is the path of the database's file: "sqlite:name.db" is relative to
// the configuration file, "sqlite:/var/lib/x.db" absolute. Messages do not
// repeat the URL: another database's may hold a password.
func (d *document) sqlite(url string) string {
	const at, example = "storage.url", "write sqlite:teamsrelay.db, relative to this file, or sqlite:/var/lib/teamsrelay/teamsrelay.db"
	scheme, path, found := strings.Cut(url, ":")
	switch {
	case url == "":
		if !d.Faulty(at) {
			d.Wrong(at, "nothing says where to keep alerts until they are delivered", "add storage: {url: sqlite:teamsrelay.db}")
		}
		return ""
	case scheme == "postgres" || scheme == "postgresql":
		d.Wrong(at, "PostgreSQL is not available in this version yet", example)
		return ""
	case !found || scheme != "sqlite":
		d.Wrong(at, "this is not the URL of a store", example)
		return ""
	case strings.HasPrefix(path, "//"):
		d.Wrong(at, "sqlite: is followed by the path alone, without //", example)
		return ""
	case strings.ContainsAny(path, "?#") || strings.HasPrefix(path, ":"):
		d.Wrong(at, "sqlite: takes a path and no options", example)
		return ""
	case path == "" || strings.HasSuffix(path, "/"):
		d.Wrong(at, "sqlite: names no file", example)
		return ""
	}
	path = d.path(path)
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		d.Warn(at, "the directory "+yamlfile.Quote(filepath.Dir(path))+" is not there", "create it for the user who runs teamsrelay")
	} else if info, err := os.Stat(path); err == nil && info.IsDir() {
		d.Wrong(at, yamlfile.Quote(path)+" is a directory", example)
	}
	return path
}
