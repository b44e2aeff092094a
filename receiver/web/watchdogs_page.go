package web

import (
	"fmt"
	"net/http"

	"github.com/prometheus/common/model"

	"github.com/teamsrelay/teamsrelay/receiver/canary"
	"github.com/teamsrelay/teamsrelay/receiver/heartbeat"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

var watchdogsTemplate = pageTemplate("watchdogs.tmpl")

// watchdogsView is what pages/watchdogs.tmpl shows.
type watchdogsView struct {
	base
	Heartbeats []heartbeatRow
	Canaries   []canaryRow
	Unread     bool
}

// heartbeatRow is a heartbeat on a page.
type heartbeatRow struct {
	heartbeat.Status
	Is    mark
	Every string
}

// canaryRow is a canary on a page.
type canaryRow struct {
	canary.Status
	Is    mark
	Every string
}

// How watchdogs are, as readers call it. Of what a webhook takes nobody knows
// whether it arrives.
var (
	takenMark      = mark{Words: "Taken", Kind: "good"}
	heartbeatMarks = map[string]mark{
		heartbeat.Beating: {Words: "Comes", Kind: "good"}, heartbeat.Missing: {Words: "Missing", Kind: "bad"}, heartbeat.Waiting: {Words: "Has not come yet", Kind: "warn"},
	}
	canaryMarks = map[string]mark{
		canary.Arriving: {Words: "Arrives", Kind: "good"}, canary.Failing: {Words: "Does not arrive", Kind: "bad"},
		canary.Shaky: {Words: "Did not arrive, is tried again", Kind: "warn"}, canary.Waiting: {Words: "Not tried yet"},
	}
)

// watchdogsPage shows what watches those who send us alerts, and the way to
// Teams.
func (s *server) watchdogsPage(w http.ResponseWriter, r *http.Request) {
	view := &watchdogsView{base: s.base(w, r)}
	status := http.StatusOK
	err := s.Store.View(r.Context(), func(tx store.Tx) error {
		view.Heartbeats, view.Canaries = nil, nil
		beats, err := s.Engine.Heartbeats(tx)
		if err != nil {
			return err
		}
		for _, h := range beats {
			view.Heartbeats = append(view.Heartbeats, heartbeatRow{Status: h, Is: heartbeatMarks[h.State()], Every: model.Duration(h.Within).String()})
		}
		canaries, err := s.Engine.Canaries(tx)
		for _, c := range canaries {
			row := canaryRow{Status: c, Is: canaryMarks[c.State()], Every: model.Duration(c.Every).String()}
			if c.State() == canary.Arriving && !c.Edited() {
				row.Is = takenMark
			}
			view.Canaries = append(view.Canaries, row)
		}
		return err
	})
	if err != nil {
		s.Logger.Error("A page could not be read", "path", r.URL.Path, "err", err)
		view.Unread, status = true, http.StatusServiceUnavailable
	}
	s.show(w, r, status, watchdogsTemplate, view)
}

// watchdogWorries are what the watchdogs have found.
func (s *server) watchdogWorries(tx store.Tx) ([]worry, error) {
	var all []worry
	beats, err := s.Engine.Heartbeats(tx)
	if err != nil {
		return nil, err
	}
	for i := range beats {
		h := &beats[i]
		if h.State() != heartbeat.Missing {
			continue
		}
		text := fmt.Sprintf("The heartbeat %s has never come: its sender's alerts may not reach us.", h.Name)
		if !h.Known.BeatAt.IsZero() {
			text = fmt.Sprintf("The heartbeat %s has not come since %s: its sender's alerts may not reach us.", h.Name, clockTime(h.Known.BeatAt))
		}
		all = append(all, worry{Text: text, Bad: true, Link: "watchdogs", Do: "See what is known"})
	}
	canaries, err := s.Engine.Canaries(tx)
	for i := range canaries {
		c := &canaries[i]
		if c.State() == canary.Failing {
			text := fmt.Sprintf("The canary has not arrived at %s since %s.", c.Destination, clockTime(c.Known.FailedAt))
			all = append(all, worry{Text: text, Bad: true, Link: "watchdogs", Do: "See why"})
		}
	}
	return all, err
}
