// Package rules turns samples into alerts: rule files are compiled into rules,
// and an Evaluator keeps what is known of every series. It decides without
// I/O: samples and times come in, alerts come out.
//
// # Series
//
// A rule looks at metrics of one measurement, or at the rows of a query. where
// leaves some of them out; by says which tags make a series, all of them if it
// is not there. Of rows, the columns with text are the tags, and those whose
// names begin with _ make no series unless by names them. A tag that is empty
// is one that is not there, and a sample that lacks a tag belongs to another
// series than one that has it: when a tag disappears, the old series falls
// silent and a new one begins.
//
// A sample that the rule's conditions cannot decide by changes nothing: not
// the level, not the time since when the series is silent, and it makes no
// series known. Such are samples without the field, with NaN or an infinite
// number, or with a value of another kind than the condition compares with.
// They are counted (Stats.Unusable). So a field that is not sent any more, or
// has become a text, is silence in the end, and never "all well". Windows,
// charts and previous values take in what such a sample has for them, if its
// series is known. One that lacks nothing but earlier ones, for rate, delta,
// changed and previous, is usable: it decides nothing yet, but is heard of.
//
// # Levels
//
// The newest sample puts a series at one level, or at none of them (ok), as
// Kapacitor does: at the highest level whose when holds, if that is higher
// than where the series was. Else, if the level where it was has a clear that
// does not hold, it stays. Else it goes to the first level from there
// downwards whose when holds, or to ok.
//
// Each level has a clock for each series, as if it were an alert of Prometheus
// with the condition "at this level or higher". What is told is the highest
// level that is on:
//
//	               reached                  for is over
//	┌────────┐ ───────────────► ┌─────────┐ ───────────► ┌────────┐
//	│  off   │                  │ pending │              │   on   │ ◄────────────┐
//	└────────┘ ◄─────────────── └─────────┘              └────────┘              │ reached again
//	   ▲          left                                     │    left             │
//	   │                                                   ▼                     │
//	   │          keep_firing_for is over                ┌─────────────────────────┐
//	   └──────────────────────────────────────────────── │ on, but not reached     │
//	                                                     └─────────────────────────┘
//
// Without for, what is reached is on at once; without keep_firing_for, what is
// left is off at once. Both mean strictly longer. Clocks run on while no
// sample comes: what was seen last holds until something else is seen. Each
// runs out at its own instant, so neither the moment of a Tick nor a backlog
// that comes late makes a difference to what is decided.
//
// A series has at most one alert of its levels. When another level is to be
// told, the alert of the old one is resolved and that of the new one fires.
//
// # The alert
//
// Its labels are the series' tags, the labels of the rule, which win, the
// alert's name and the level's severity. They are made once and stay until the
// alert ends. startsAt is when the level was on and no higher one, endsAt when
// that was over, both by the series' clock; endsAt is never before startsAt.
// Annotations, values and the chart follow the samples, but at most once a
// minute. The values are the numbers of the fields that the rule's conditions
// mention, and those of functions by names such as mean(temp_c, 5m). An alert
// that ends has those of the sample that ended it. Levels that compare a field
// with a number are its thresholds, which the alert carries with its chart, or
// without points where the rule has none.
//
// $value is what the level's condition looks at: the first field or function
// of its text; of a row it is the column _value, if there is one. A template
// that fails writes "<error expanding template: …>", as Prometheus does. A
// label is cut off after 1 KiB, with an …. Where the labels of a rule, or what
// is cut off, make the alerts of two series the same, that alert fires while one
// of them does, and reads as the one that was told last.
//
// # Time
//
// A series has its own clock: the time of its newest sample, and then as much
// as has passed since that came. So an agent whose clock is wrong, or whose
// metrics come an hour late, is judged by its own times.
//
// A sample that is older than the newest one of its series is late: it is
// ignored, and counted (Stats.Late). Where several sources feed a series,
// because the sample has tags that are not in by, a minute is forgiven: it
// counts as of the newest one's time. Samples of the same time all count. A
// sample that is more than a minute ahead of our clock counts as of now, or as
// of the series' own clock if that is further. A sample without a time is of
// now, and so is one from before 2000: nobody measured it then, its time was
// written in another unit than it was read in, or is InfluxQL's for none.
//
// Rows are sorted by time first. A row that is not newer than what an earlier
// poll gave of its series is passed over without a word: polls ask for ranges
// that overlap. After a restart, series that were ok go on after the newest row
// that any series of the rule had. But the newest row of a series counts again
// when it says something else, as of now by the series' clock: it may change
// while its time does not, like the sum of a day that is not over, or that a
// machine was last heard of long ago. That is no sign of life. Of several rows of
// a series that have the same time in one poll, the one counts that puts it at
// the highest level. Rules that look back take each row, and once.
//
// A poll whose rows are all of no use has a Problem in its Verdict: no
// condition can decide by any, several fields are mixed in one series, or where
// leaves all of them out because none has a column that it names.
//
// When our own clock is set (Shift), everything goes on as if nothing had
// happened. A series' clock is set with it if its next sample fits better
// then.
//
// # Looking back
//
// A window holds what is newer than its length, the newest sample included;
// it need not be full. mean, min, max and count of nothing are unknown, delta
// and rate need two samples. delta is the last value minus the first; rate is
// the rise of a counter a second, where a fall means that it began anew at 0.
// A window keeps at most 240 points, and merges samples that fall into the
// same 240th of its length. So it is exact for samples that are farther apart,
// and otherwise its edge is blurred by that much. A full window takes up to
// 50 KB.
//
// changed(f) and previous(f) compare with the last sample that had the field;
// without one, or if that was a value of another kind, changed is unknown. A
// text of more than 1 KiB is not remembered.
//
// # Silence
//
// Silence counts from when the newest usable sample arrived, whatever time it
// has. With no_data, a series that is silent for strictly longer than after
// gets an alert of its own: with the same labels, the severity of no_data, and
// no_data="true". What fires of its levels goes on firing, for nobody knows
// better. The alert ends with the next sample. A rule with no_data of which no
// series is known at all for as long has one such alert with the rule's labels
// only.
//
// While a rule's query cannot be asked (Unasked) nobody listens: its series are
// neither silent nor forgotten, and what it told stays.
//
// A series is forgotten when it was silent for more than an hour; later, if a
// window, or for and keep_firing_for together, or two intervals of a query are
// longer than 55 minutes, by five minutes more than they are. A series whose
// silence was told is forgotten after 24 hours of silence, and not before
// no_data's after and an hour. What it still told ends then, with a
// description that says that the series stopped and that nobody knows whether
// it is over. A row that a query goes on to give, as those with last() do, keeps
// its series from being forgotten, not from being silent. So a rule on metrics
// that come less often than once an hour needs a no_data that is longer than
// their interval.
//
// # Limits
//
// A rule has at most series_limit series. A sample of another one is not
// evaluated, and counted (Stats.OverLimit); RuleSeriesLimitReached fires then
// until no series was left out for as long as it takes to forget one, or the
// rule has another limit. Series that are known go on. A series that is ok and has no windows takes some 300
// bytes.
//
// # Restart and reload
//
// Dirty gives what must survive a restart, after each call that decided
// something; Restore takes it over. Levels, clocks, what was told, previous
// values and, where no_data needs it, that a series exists are always in it.
// What changes with every sample is in it only after Checkpoint: windows,
// charts, and the newest sample of a series that is not ok. So after a crash
// these are as old as the last checkpoint or decision. Series that are ok and
// of which nothing of this must be known have no row.
//
// After a restart clocks go on as if there had been none, but silence counts
// from the restart, because nobody listened before; so nothing is forgotten or
// said to be silent because we were down. Where the newest sample of a series
// is of a time to come, by more than the minute that is believed, our clock was
// wrong before and has been set: all times of the series go back with it, as
// if we had not been down.
//
// Reload goes on with other rules. A rule keeps its series if its ID (group,
// name and labels) and what it looks at are the same: its measurement, or its
// connection and query, and where and by; spaces make no difference. Rules
// whose IDs would be alike have what they look at and their severities in
// them, so their order makes none either; a rule that gets its first such twin
// begins anew. A rule's levels are found by their severity: the alert of a
// level that is gone ends and says so, and the next lower one takes its place;
// a new level is reached by the next sample. Windows go on where function,
// field and length are the same. Alerts of a rule that is gone, or of other
// series now, end and say so. A restart with other rules does the same.
package rules
