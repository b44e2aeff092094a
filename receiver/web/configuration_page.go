package web

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/version"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/route"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

var configurationTemplate = pageTemplate("configuration.tmpl")

// Configuration is what is loaded.
type Configuration struct {
	Config   *config.Config
	File     string
	Hash     string // of the file as it was loaded, the first 16 digits of its SHA-256
	LoadedAt time.Time
	// Mistakes are those of the last reload, one a line, if it failed; it was
	// tried at FailedAt.
	Mistakes string
	FailedAt time.Time
}

// configurationView is what pages/configuration.tmpl shows.
type configurationView struct {
	base
	Configuration
	Problems []string
	YAML     string
	Routes   route.Branch
	Version  string
	Store    string
	Replicas []replicaRow
	Unread   bool
}

// replicaRow is a process that shares the store.
type replicaRow struct {
	store.Replica
	Hash   string
	Differ bool // it works with another configuration than the newest
}

// configurationPage shows what is loaded, without its secrets.
func (s *server) configurationPage(w http.ResponseWriter, r *http.Request) {
	view := &configurationView{base: s.base(w, r), Configuration: s.Configuration(), Version: version.Version, Store: "SQLite, one process"}
	if s.Store.Shared() {
		view.Store = "PostgreSQL, shared by replicas"
	}
	view.Routes = view.Config.Tree.Outline()
	for line := range strings.Lines(view.Mistakes) {
		view.Problems = append(view.Problems, strings.TrimSpace(line))
	}
	status := http.StatusOK
	var err error
	if view.YAML, err = view.Config.Shown(); err == nil && s.Store.Shared() {
		err = s.Store.View(r.Context(), func(tx store.Tx) error {
			all, err := tx.Replicas(s.Engine.Now())
			view.Replicas = replicaRows(all)
			return err
		})
	}
	if err != nil {
		s.Logger.Error("A page could not be read", "path", r.URL.Path, "err", err)
		view.Unread, status = true, http.StatusServiceUnavailable
	}
	s.show(w, r, status, configurationTemplate, view)
}

// replicaRows says of processes whether they work with the newest configuration.
func replicaRows(all []store.Replica) []replicaRow {
	var rows []replicaRow
	newest := slices.MaxFunc(append(all, store.Replica{}), func(a, b store.Replica) int { return a.ConfigAt.Compare(b.ConfigAt) })
	for _, one := range all {
		row := replicaRow{Replica: one, Hash: one.Config, Differ: one.Config != newest.Config}
		row.Hash = row.Hash[:min(len(row.Hash), 16)]
		rows = append(rows, row)
	}
	return rows
}
