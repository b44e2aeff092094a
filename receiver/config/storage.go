package config

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// storage checks where state is kept.
func (d *document) storage(s *storageSection) Storage {
	made := Storage{
		Retention: d.positive(s.Retention, DefaultRetention, "storage.retention"),
		Keys:      d.keys(s),
	}
	at := "storage.url"
	url, ok := d.secret(s.URL, s.URLFile, at)
	if d.Has(at + "_file") {
		at += "_file"
	}
	password, _ := d.secret(s.Password, s.PasswordFile, "storage.password")
	scheme, _, _ := strings.Cut(url.Reveal(), ":")
	switch {
	case !ok:
	case url == "":
		if !d.Faulty("storage.url") {
			d.Wrong("storage.url", "nothing says where to keep alerts until they are delivered", "add storage: {url: sqlite:teamsrelay.db}")
		}
	case scheme == "postgres" || scheme == "postgresql":
		made.Postgres = d.postgres(at, url, password)
		return made
	default:
		made.SQLite = d.sqlite(at, url.Reveal())
	}
	for _, key := range [...]string{"storage.password", "storage.password_file"} {
		if d.Has(key) && made.SQLite != "" {
			d.Wrong(key, "a file of SQLite has no password", "remove it")
		}
	}
	return made
}

// sqlite is the path of the database's file: "sqlite:name.db" is relative to
// the configuration file, "sqlite:/var/lib/x.db" absolute. Messages do not
// repeat the URL: another database's may hold a password.
func (d *document) sqlite(at, url string) string {
	const example = "write sqlite:teamsrelay.db, relative to this file, or sqlite:/var/lib/teamsrelay/teamsrelay.db; or postgres://user@host/database for several replicas"
	scheme, path, found := strings.Cut(url, ":")
	switch {
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
