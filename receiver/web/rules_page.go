package web

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/ingest/influxdb"
	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

var (
	rulesTemplate = pageTemplate("rules.tmpl")
	ruleTemplate  = pageTemplate("rule.tmpl")
)

// rulesView is what pages/rules.tmpl shows.
type rulesView struct {
	base
	State  engine.RuleState
	Groups []ruleGroup
	Unread bool
}

type ruleGroup struct {
	*rules.Group
	Every string
	Rules []ruleRow
}

// ruleRow is a rule on a page, with how it is doing.
type ruleRow struct {
	*rules.Rule
	Number     int // among all rules, from 1
	Conditions []string
	For        string
	NoData     string
	Stats      *rules.Stats   // nil: another replica has them
	Asked      influxdb.Query // of a polled rule, if it was here
	Took       string         // the query
	Mark       string         // how it is, in words
	Class      string
}

// rulesPage shows the rules with how they are doing.
func (s *server) rulesPage(w http.ResponseWriter, r *http.Request) {
	view := &rulesView{base: s.base(w, r)}
	status := http.StatusOK
	err := s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		view.State, err = s.Engine.RuleState(tx)
		return err
	})
	if err != nil {
		s.Logger.Error("A page could not be read", "path", r.URL.Path, "err", err)
		view.Unread, status = true, http.StatusServiceUnavailable
	}
	view.Groups = s.ruleGroups(&view.State)
	s.show(w, r, status, rulesTemplate, view)
}

// ruleGroups are the rules with how they are doing.
func (s *server) ruleGroups(state *engine.RuleState) (groups []ruleGroup) {
	set := s.Engine.Rules()
	if set == nil {
		return nil
	}
	number := 0
	for _, g := range set.Groups {
		group := ruleGroup{Group: g}
		if g.Interval > 0 {
			group.Every = model.Duration(g.Interval).String()
		}
		for _, one := range g.Rules {
			number++
			row := ruleRow{Rule: one, Number: number}
			for _, level := range one.Levels {
				text := level.When.String()
				if level.Clear != nil {
					text += ", until " + level.Clear.String()
				}
				row.Conditions = append(row.Conditions, strings.TrimPrefix(level.Severity+": "+text, ": "))
			}
			if one.For > 0 {
				row.For = model.Duration(one.For).String()
			}
			if one.NoData != nil {
				row.NoData = model.Duration(one.NoData.After).String()
			}
			if asked, ok := s.Engine.Asked(one); ok && state.Here {
				row.Asked, row.Took = asked, asked.Took.Round(time.Millisecond).String()
			}
			row.judge(state)
			group.Rules = append(group.Rules, row)
		}
		groups = append(groups, group)
	}
	return groups
}

// Trouble says why a rule learns nothing; "": it does.
func (row *ruleRow) Trouble() string {
	switch {
	case row.Asked.Trouble != "":
		return row.Asked.Trouble
	case row.Stats != nil:
		return row.Stats.Verdict.Problem
	}
	return ""
}

// judge says how the rule is doing.
func (row *ruleRow) judge(state *engine.RuleState) {
	if state.Here {
		i := slices.IndexFunc(state.Stats, func(s rules.Stats) bool { return s.Rule == row.Rule })
		if i >= 0 {
			row.Stats = &state.Stats[i]
		}
	}
	switch s := row.Stats; {
	case s == nil:
	case row.Trouble() != "":
		row.Mark, row.Class = "Learns nothing", "bad"
	case s.Firing > 0:
		row.Mark, row.Class = fmt.Sprintf("%s firing", thousands(s.Firing)), "bad"
	case row.Group.InfluxDB == "":
		row.Mark, row.Class = "Gets no metrics here", "warn"
	case s.Polled.IsZero():
		row.Mark = "Not asked for yet"
	case s.Series == 0:
		row.Mark, row.Class = "Knows no series", "warn"
	default:
		row.Mark, row.Class = "All well", "good"
	}
}

// ruleView is what pages/rule.tmpl shows.
type ruleView struct {
	base
	State    engine.RuleState
	Row      ruleRow
	Group    ruleGroup
	Series   []seriesRow
	Counts   []outcomeTile
	From, To int // the rows of this page, from 1
	Total    int
	Newer    string
	Older    string
	Unknown  bool
	Unread   bool
}

// seriesRow is a series on a page.
type seriesRow struct {
	Name, Mark, Class, Severity string
	Values                      []string
	Since, Newest               time.Time
}

// lookStates are how series are, as readers call them.
var lookStates = []struct{ Words, Class string }{
	rules.LookFiring: {"Firing", "bad"}, rules.LookSilent: {"No data", "warn"}, rules.LookPending: {"Pending", "warn"}, rules.LookWell: {"Well", "good"},
}

// rulePage shows one rule with what is stored of its series, the worst first.
func (s *server) rulePage(w http.ResponseWriter, r *http.Request) {
	view := &ruleView{base: s.base(w, r)}
	number, _ := strconv.Atoi(r.PathValue("number")) // nonsense is none
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	status := http.StatusOK
	err := s.Store.View(r.Context(), func(tx store.Tx) (err error) {
		if view.State, err = s.Engine.RuleState(tx); err != nil {
			return err
		}
		err = store.ErrNotFound
		for _, g := range s.ruleGroups(&view.State) {
			for _, row := range g.Rules {
				if row.Number == number {
					view.Group, view.Row, err = g, row, nil
				}
			}
		}
		if err != nil {
			return err
		}
		rows, err := tx.Series(view.Row.ID)
		view.fill(rows, page)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		view.Unknown, status = true, http.StatusNotFound
	case err != nil:
		s.Logger.Error("A page could not be read", "path", r.URL.Path, "err", err)
		view.Unread, status = true, http.StatusServiceUnavailable
	}
	s.show(w, r, status, ruleTemplate, view)
}

// fill chooses the rows of a page, numbered from 1.
func (v *ruleView) fill(rows []rules.Row, number int) {
	var looks []rules.Look
	counts := make([]int, len(lookStates))
	for i := range rows {
		if look, ok := v.Row.Look(rows[i]); ok {
			looks = append(looks, look)
			counts[look.State]++
		}
	}
	ranks := map[string]int{}
	for i, level := range v.Row.Levels {
		ranks[level.Severity] = i
	}
	slices.SortStableFunc(looks, func(a, b rules.Look) int {
		return cmp.Or(cmp.Compare(a.State, b.State), cmp.Compare(ranks[a.Severity], ranks[b.Severity]), a.Since.Compare(b.Since))
	})
	for i, state := range lookStates {
		if counts[i] > 0 {
			v.Counts = append(v.Counts, outcomeTile{Count: thousands(counts[i]), Words: strings.ToLower(state.Words), Class: state.Class})
		}
	}
	v.Total = len(looks)
	last := max(0, len(looks)-1) / defaultLimit
	at := min(max(number-1, 0), last)
	link := func(page int) string { return fmt.Sprintf("%srules/%d?page=%d", v.Root, v.Row.Number, page) }
	if at > 0 {
		v.Newer = link(at)
	}
	if at < last {
		v.Older = link(at + 2)
	}
	for _, look := range looks[at*defaultLimit : min(len(looks), (at+1)*defaultLimit)] {
		v.Series = append(v.Series, rowOfSeries(&look))
	}
	v.From, v.To = at*defaultLimit+1, at*defaultLimit+len(v.Series)
}

func rowOfSeries(look *rules.Look) seriesRow {
	state := lookStates[look.State]
	row := seriesRow{Mark: state.Words, Class: state.Class, Severity: look.Severity, Since: look.Since, Newest: look.Newest}
	var names []string
	for _, tag := range look.Tags {
		names = append(names, tag.Key+"="+tag.Value)
	}
	row.Name = cmp.Or(strings.Join(names, ", "), "without tags")
	for _, value := range look.Values {
		text := fmt.Sprint(value.Value)
		if f, ok := value.Value.(float64); ok {
			text = strconv.FormatFloat(f, 'g', 6, 64)
		}
		row.Values = append(row.Values, value.Name+" = "+cut(text))
	}
	return row
}
