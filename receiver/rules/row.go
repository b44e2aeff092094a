package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// Row is what must survive a restart of one series. A nil State says that the
// series was forgotten.
type Row struct {
	Rule, Series string
	State        []byte
}

// ruleRow is the Series of the row of what a rule knows beside its series.
const ruleRow = "rule"

// errGarbage is all that can be said of a row that is damaged.
var errGarbage = errors.New("it is damaged, or from a later version")

// name is the Series of a series' row: tags may be long, and may have bytes
// that a database does not take.
func (one *series) name() string {
	sum := sha256.Sum256([]byte(one.place.key))
	return hex.EncodeToString(sum[:16])
}

// shapeOf stands for what a rule's series are made of: two rules of the same
// shape can take over each other's. Where is part of it, and so is the query:
// a series that they leave out now would never be heard of again, and its
// alert would stay for an hour. How their texts are spaced makes no difference.
func shapeOf(rule *Rule) uint64 {
	where := ""
	if rule.Where != nil {
		where = rule.Where.String()
	}
	parts := []string{
		rule.Group.InfluxDB, rule.Measurement, string(rule.Language), spaced(rule.Query), spaced(where),
		strconv.FormatBool(rule.By == nil),
	}
	return hashOf(append(parts, rule.By...)...)
}

// spaced is a text with one space where there are several, or ends of lines.
func spaced(text string) string { return strings.Join(strings.Fields(text), " ") }

// hashOf tells texts from others.
func hashOf(texts ...string) uint64 {
	h := fnv.New64a()
	for _, text := range texts {
		fmt.Fprintf(h, "%q,", text)
	}
	return h.Sum64()
}

// check says whether what was read can be of a series of the rule.
func (k *keptSeries) check(r *tracker) error {
	fits := func(at int64) bool { return at >= -farthest && at <= farthest }
	_, ok := r.directory.tags(k.key)
	ok = ok && fits(k.newest) && fits(k.ahead) && fits(k.usable) && k.usable <= k.newest
	for _, level := range k.levels {
		ok = ok && fits(level.from)
	}
	for _, w := range k.windows {
		ok = ok && len(w.points) <= windowPoints+1
		for _, p := range w.points {
			ok = ok && fits(p.at) && p.at <= k.newest
		}
	}
	if c := k.chart; c != nil {
		ok = ok && c.step > 0 && c.newest >= -farthest/c.step && c.newest <= farthest/c.step
	}
	if !ok {
		return errGarbage
	}
	return nil
}

// setBack moves all times of a series back if its newest sample is of a future
// that has not come: our clock was ahead when that came, and has been set since.
// Otherwise all samples would be late until then, and the alert would stay
// whatever they say. by is by how much, 0 if nothing had to be moved.
func (k *keptSeries) setBack(wall int64) (by int64) {
	if k.newest <= wall+tolerance {
		return 0
	}
	if k.ahead > tolerance { // it was set while we ran, and nothing has come since
		by, k.ahead = -k.ahead, 0
	}
	if k.newest+by > wall+tolerance { // it was set while nobody ran
		by = max(wall+k.ahead, 0) - k.newest
	}
	move := func(at *int64) { *at = max(*at+by, -farthest) }
	move(&k.newest)
	move(&k.usable)
	for i := range k.levels {
		move(&k.levels[i].from)
	}
	for _, w := range k.windows {
		for i := range w.points {
			move(&w.points[i].at)
		}
	}
	if c := k.chart; c != nil {
		c.newest = max(c.newest+steps(by, c.step), -farthest/c.step)
	}
	for _, a := range []*keptAlert{k.told, k.quiet} {
		if a != nil { // it may have begun after the newest sample
			a.alert.StartsAt = timeOf(min(a.alert.StartsAt.UnixNano()+by, k.newest))
		}
	}
	return by
}

// soil says that a row of the series has to be stored, changed or deleted.
func (e *Evaluator) soil(one *series) {
	if one.flags&dirty == 0 {
		one.flags |= dirty
		e.dirty = append(e.dirty, one)
	}
}

func (e *Evaluator) soilTracker(r *tracker) {
	if !r.dirty {
		r.dirty = true
		e.dirtyTrackers = append(e.dirtyTrackers, r)
	}
}

// drop takes a series out of everything but the list of what is to be stored.
func (e *Evaluator) drop(one *series) {
	r := one.tracker
	r.directory.remove(one)
	if r.series--; r.series == 0 {
		r.emptySince = e.now
	}
	one.flags |= dead
	one.unwell, one.memory = nil, nil
	e.soil(one)
}

// lasting says whether the series is more than one of which the next sample
// will tell all there is to know.
func (one *series) lasting() bool {
	return one.flags&dead == 0 && (one.unwell != nil || one.memory != nil || one.tracker.rule.NoData != nil)
}

// Dirty is what has to be stored since the last call, in this order: rows with
// a State are written, those without are deleted.
func (e *Evaluator) Dirty() []Row {
	rows := e.gone
	e.gone = nil
	for _, r := range e.dirtyTrackers {
		row := Row{Rule: r.rule.ID, Series: ruleRow}
		was := r.stored
		r.dirty, r.stored = false, r.polled || r.quiet != nil || r.full != nil
		if r.stored {
			row.State = e.encodeTracker(r)
		}
		if r.stored || was {
			rows = append(rows, row)
		}
	}
	for _, one := range e.dirty {
		row := Row{Rule: one.tracker.rule.ID, Series: one.name()}
		was := one.flags
		one.flags &^= dirty | moved | stored
		switch {
		case one.lasting():
			one.flags |= stored
			row.State = e.encode(one)
		case was&stored == 0:
			continue
		}
		rows = append(rows, row)
	}
	clear(e.dirty)
	e.dirty, e.dirtyTrackers = e.dirty[:0], e.dirtyTrackers[:0]
	return rows
}

// Checkpoint makes dirty what changes with every sample: windows, charts, and
// the newest time and values of what is not ok. Without it they are as old
// after a restart as the last decision.
func (e *Evaluator) Checkpoint() {
	for _, r := range e.trackers {
		for one := range r.all() {
			if one.flags&moved != 0 && (one.memory != nil || one.unwell != nil) {
				e.soil(one)
			}
		}
	}
}

// Restore takes over a row that an earlier Evaluator gave. An error means that
// it cannot be read, and that nothing has changed. A row of a rule that is not
// there any more, or whose series are others now, does what Reload does then:
// alerts that were told end, and Dirty asks for the row's deletion.
func (e *Evaluator) Restore(row Row, now time.Time) error {
	e.arrive(now)
	r := e.byID[row.Rule]
	if row.Series == ruleRow {
		kept, err := decodeTracker(row.State)
		if err != nil {
			return err
		}
		if r == nil || kept.shape != r.shape {
			e.lose(row, kept.quiet, kept.full)
			return nil
		}
		e.resume(r, kept)
		return nil
	}
	kept, err := decode(row.State)
	if err != nil {
		return err
	}
	if r == nil || kept.shape != r.shape {
		e.lose(row, kept.told, kept.quiet)
		return nil
	}
	if err := kept.check(r); err != nil {
		return err
	}
	if r.directory.places[kept.key].of(r) != nil {
		return errors.New("the series is known already")
	}
	by := kept.setBack(e.now + e.shift)
	one := e.revive(r, kept)
	one.flags |= stored | restored
	if by != 0 {
		e.soil(one)
		if u := one.unwell; u != nil {
			for _, t := range []*told{u.told, u.quiet} {
				if t != nil {
					e.say(t)
				}
			}
		}
	}
	return nil
}

// lose ends the alerts of a row that nobody can take over.
func (e *Evaluator) lose(row Row, told ...*keptAlert) {
	for _, kept := range told {
		if kept == nil {
			continue
		}
		t := kept.told()
		e.enlist(t)
		e.end(t, e.wall(), ruleGone)
	}
	e.gone = append(e.gone, Row{Rule: row.Rule, Series: row.Series})
}

// resume lets a rule go on with what it knew beside its series.
func (e *Evaluator) resume(r *tracker, kept *keptTracker) {
	r.stored = true
	r.seen = max(r.seen, min(kept.seen, e.now+e.shift+tolerance))
	r.seenThen = r.seen
	if kept.quiet != nil && r.quiet == nil {
		r.quiet = e.recall(r, nil, kept.quiet)
		why := ""
		if r.rule.NoData == nil {
			why = notWatched
		}
		if why != "" || r.series > 0 {
			e.end(r.quiet, e.wall(), why)
			r.quiet = nil
			e.soilTracker(r)
		}
	}
	if kept.full != nil && r.full == nil {
		r.full, r.refusedAt = e.recall(r, nil, kept.full), e.now
		e.relimit(r)
	}
}

// recall takes an alert that was told among those that fire.
func (e *Evaluator) recall(r *tracker, one *series, kept *keptAlert) *told {
	t := kept.told()
	t.tracker, t.one = r, one
	e.enlist(t)
	return t
}

func (k *keptAlert) told() *told {
	t := &told{alert: k.alert}
	t.alert.Status = alert.Firing
	t.alert.Fingerprint = alert.FingerprintOf(k.alert.Labels)
	return t
}

// revive makes a series from what was kept of it. Levels are found by their
// severity: the rule may have others now. What is told of a level that is gone
// ends.
func (e *Evaluator) revive(r *tracker, kept *keptSeries) *series {
	one := &series{tracker: r, memory: r.newMemory(), newest: kept.newest, ahead: kept.ahead + e.shift}
	if kept.quiet != nil && r.rule.NoData != nil {
		one.flags |= silent
	}
	e.enter(one, []byte(kept.key))
	if m := one.memory; m != nil {
		m.recall(r, kept)
	}
	if len(kept.levels) == 0 {
		e.plan(one)
		return one
	}
	u := e.unwellOf(one)
	one.raw = r.adoptLevels(u, kept)
	u.fields = kept.fields
	u.computed = r.adoptComputed(kept)
	if kept.quiet != nil {
		u.quiet = e.recall(r, one, kept.quiet)
		if r.rule.NoData == nil {
			e.end(u.quiet, e.wall(), notWatched)
			u.quiet = nil
			e.soil(one)
		}
	}
	if kept.told != nil {
		u.told, u.refreshAt = e.recall(r, one, kept.told), e.now+refreshEvery
		if u.told.rank = r.rankOf(kept.told.severity); u.told.rank == 0 {
			e.end(u.told, e.clockOf(one), levelGone)
			u.told = nil
			e.soil(one)
		}
	}
	if u.told != nil {
		u.told.alert.Chart = one.chart(one.newest)
	}
	e.tell(one, e.now+one.ahead)
	e.rest(one)
	return one
}

// clockOf is what a series' clock shows now.
func (e *Evaluator) clockOf(one *series) time.Time { return timeOf(e.now + one.ahead) }

// rankOf is the rank of the level with a severity, 0 if there is none.
func (r *tracker) rankOf(severity string) uint16 {
	i := slices.IndexFunc(r.rule.Levels, func(l Level) bool { return l.Severity == severity })
	if i < 0 {
		return 0
	}
	return uint16(len(r.rule.Levels) - i)
}

// adoptLevels sets the clocks as they were and returns the raw level. A level
// that is new is as far as the next higher one was, because that includes it.
func (r *tracker) adoptLevels(u *unwell, kept *keptSeries) (raw uint16) {
	for i := range kept.levels { // the lowest first
		if rank := r.rankOf(kept.levels[i].severity); rank > 0 && i < int(kept.raw) {
			raw = max(raw, rank)
		}
	}
	var above *levelClock
	for rank := len(u.clocks); rank > 0; rank-- {
		severity := r.level(uint16(rank)).Severity
		i := slices.IndexFunc(kept.levels, func(l keptLevel) bool { return l.severity == severity })
		clock := &u.clocks[rank-1]
		switch {
		case i >= 0:
			*clock = kept.levels[i].levelClock
			above = clock
		case above != nil && int(raw) >= rank:
			*clock = *above
		}
	}
	return raw
}
