package card

import (
	"regexp"
	"strings"
	"time"
)

// momentLayouts are how sources write a time. Those without a zone are meant
// in the reader's.
var momentLayouts = []string{
	time.RFC3339, "2006-01-02T15:04:05.000-0700", "2006-01-02T15:04:05-0700", // Jira writes the zone without a colon
	"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02",
}

// readMoment reads a time that a source wrote. day: only the day is known, and
// the time is its end.
func (w wall) readMoment(text string) (at time.Time, day, ok bool) {
	text = strings.TrimSpace(text)
	for _, layout := range momentLayouts {
		at, err := time.ParseInLocation(layout, text, w.location)
		if err != nil {
			continue
		}
		if at.Year() <= 1753 { // Qlik's and Go's ways to say never
			return time.Time{}, false, false
		}
		if day = layout == "2006-01-02"; day {
			at = at.AddDate(0, 0, 1)
		}
		return at, day, true
	}
	return time.Time{}, false, false
}

// isoTime is how programs write a time, and people never do.
var isoTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)$`)

// wordedTime is a text of which a time as programs write it is made one as
// people do. Midnight in UTC is how trackers write a day.
func (w wall) wordedTime(text string) string {
	if !isoTime.MatchString(text) {
		return text
	}
	if day, rest, _ := strings.Cut(text, "T"); strings.HasSuffix(rest, "Z") && strings.Trim(rest, "0:.Z") == "" {
		text = day
	}
	return w.moment(text)
}

// moment is a time that a source wrote, on the reader's clock: "22 Nov 03:00
// CET". A text that is no time comes back as it is.
func (r *render) moment(value any) string { return r.wall.moment(strings.TrimSpace(textOf(value))) }

func (w wall) moment(text string) string {
	at, day, ok := w.readMoment(text)
	switch {
	case strings.HasPrefix(text, "1753-01-01"), strings.HasPrefix(text, "0001-01-01"), text == unknown:
		return ""
	case !ok:
		return text
	case day:
		at = at.AddDate(0, 0, -1)
		if at.Year() != w.now.Year() {
			return at.Format("2 Jan 2006")
		}
		return at.Format("2 Jan")
	}
	return w.timeZone(at)
}

// overdue is how long a time that a source wrote is over: "2 d 3 h". "" when
// it is not, or is no time.
func (r *render) overdue(value any) string {
	at, _, ok := r.wall.readMoment(textOf(value))
	if !ok || !r.wall.now.After(at) {
		return ""
	}
	return durationWords(r.wall.now.Sub(at))
}

// priorities says how urgent the priorities are that are only a number.
var priorities = map[string]string{
	"0": "P0, the highest", "1": "P1, very high", "2": "P2, high", "3": "P3, medium", "4": "P4, low", "5": "P5, very low",
}

// priorityWords is a priority that everybody understands. Words stay as they
// are; numbers, which mean the opposite in some trackers, get theirs.
func priorityWords(value any) string {
	text := strings.TrimSpace(textOf(value))
	if words := priorities[strings.TrimPrefix(strings.ToLower(text), "p")]; words != "" {
		return words
	}
	return capital(text)
}
