package typed

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/command"
)

// morning is when a day begins for who is silent until it: 08:00 on the
// readers' clock.
const morning = 8

var units = map[string]time.Duration{
	"m": time.Minute, "min": time.Minute, "mins": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hr": time.Hour, "hrs": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"d": day, "day": day, "days": day,
	"w": 7 * day, "wk": 7 * day, "week": 7 * day, "weeks": 7 * day,
}

const day = 24 * time.Hour

var counts = map[string]float64{"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "eight": 8, "ten": 10, "twelve": 12, "half": 0.5}

var weekdays = map[string]time.Weekday{
	"monday": time.Monday, "tuesday": time.Tuesday, "wednesday": time.Wednesday, "thursday": time.Thursday,
	"friday": time.Friday, "saturday": time.Saturday, "sunday": time.Sunday,
	"mon": time.Monday, "tue": time.Tuesday, "wed": time.Wednesday, "thu": time.Thursday, "fri": time.Friday, "sat": time.Saturday, "sun": time.Sunday,
}

var (
	number   = regexp.MustCompile(`^\d{1,6}(?:[.,]\d{1,3})?$`)
	compact  = regexp.MustCompile(`^(?:\d{1,6}(?:[.,]\d{1,3})?[a-z]+)+$`)
	amount   = regexp.MustCompile(`(\d{1,6}(?:[.,]\d{1,3})?)([a-z]+)`)
	clock    = regexp.MustCompile(`^(\d{1,2})(?:[:.](\d{2}))?(?::00)?(am|pm)?$`)
	calendar = regexp.MustCompile(`^(\d{4})-(\d{1,2})-(\d{1,2})(?:t(\d{1,2}:\d{2})(?::\d{2})?)?$`)
)

// Until is when a time ends that begins at now: "30m", "2 hours", "tomorrow",
// "until 14:00". now is on the readers' clock. ok is false for what is no
// time, or not one for which a silence can last.
func Until(span string, now time.Time) (until time.Time, ok bool) {
	p := parser{text: strings.TrimSpace(visible(shorten(span, 100))), now: now}
	until, found, wrong := p.until()
	return until, found && wrong == nil && p.peek().empty()
}

// until reads when something ends. found is false where no time stands, and
// then nothing is read.
func (p *parser) until() (until time.Time, found bool, wrong *Problem) {
	start := p.at
	w := p.peek()
	switch {
	case w.quoted:
		return time.Time{}, false, nil
	case w.is("until", "till", "til"):
		p.at = w.end
		if until, found = p.moment(); !found {
			return time.Time{}, false, &Problem{Verb: command.Silence, What: quoted(p.text[w.start:]) + " is no time that I know.", Example: "silence " + exampleID + " until 14:00"}
		}
	case w.is("tomorrow"):
		until, found = p.moment()
	default:
		if w.is("for") {
			p.at = w.end
		}
		var span time.Duration
		if span, found = p.span(); found {
			until = p.now.Add(span)
		} else if w.is("for") && p.peek().is("tomorrow") {
			until, found = p.moment()
		}
	}
	if !found {
		p.at = start
		return time.Time{}, false, nil
	}
	if ahead := until.Sub(p.now); ahead < time.Minute || ahead > command.MaxSilence {
		return time.Time{}, false, &Problem{Verb: command.Silence, What: "A silence lasts from a minute to 90 days.", Example: example(command.Silence)}
	}
	return until, true, nil
}

// span reads a length: "90m", "1h30m", "2 hours and 30 minutes", "half an
// hour".
func (p *parser) span() (sum time.Duration, found bool) {
	for {
		at := p.at
		w := p.peek()
		if found && w.is("and") {
			w = p.after(w)
		}
		some, ok := p.amount(w)
		if !ok {
			p.at = at
			return sum, found
		}
		// More than that is refused anyway, and adds up to no overflow.
		sum, found = min(sum+some, 2*command.MaxSilence), true
	}
}

// amount reads a number with its unit.
func (p *parser) amount(w word) (time.Duration, bool) {
	lower := w.lower()
	if !w.quoted && compact.MatchString(lower) {
		sum := time.Duration(0)
		for _, part := range amount.FindAllStringSubmatch(lower, 5) {
			unit, ok := units[part[2]]
			if !ok {
				return 0, false
			}
			sum = min(sum+times(part[1], unit), 2*command.MaxSilence)
		}
		p.at = w.end
		return sum, true
	}
	next := p.after(w)
	factor, isWord := counts[lower]
	switch {
	case w.quoted || !isWord && !number.MatchString(lower):
		return 0, false
	case lower == "half" && next.is("a", "an"):
		next = p.after(next)
	}
	unit, ok := units[next.lower()]
	if !ok {
		return 0, false
	}
	p.at = next.end
	if isWord {
		return time.Duration(factor * float64(unit)), true
	}
	return times(lower, unit), true
}

// times is a number of units, at most twice what a silence may last.
func times(number string, unit time.Duration) time.Duration {
	n, _ := strconv.ParseFloat(strings.Replace(number, ",", ".", 1), 64)
	return time.Duration(min(n*float64(unit), float64(2*command.MaxSilence)))
}

// moment reads a point in time: a day, a time of day, or both.
func (p *parser) moment() (time.Time, bool) {
	for w := p.peek(); w.is("next", "on", "at"); w = p.peek() {
		p.at = w.end
	}
	w := p.peek()
	lower := w.lower()
	year, month, today := p.now.Date()
	ahead := -1 // days from now; -1: the message names no day
	weekday, isWeekday := weekdays[lower]
	date := calendar.FindStringSubmatch(lower)
	switch {
	case lower == "tomorrow":
		ahead = 1
	case lower == "today":
		ahead = 0
	case lower == "morning":
		p.at = w.end
		return p.next(morning, 0), true
	case isWeekday:
		ahead = (int(weekday-p.now.Weekday())+6)%7 + 1
	case date != nil:
		year, _ = strconv.Atoi(date[1])
		m, _ := strconv.Atoi(date[2])
		month = time.Month(m)
		today, _ = strconv.Atoi(date[3])
		if m < 1 || m > 12 || today < 1 || today > 31 {
			return time.Time{}, false
		}
		ahead = 0
	}
	if ahead < 0 {
		hour, minute, ok := p.timeOfDay()
		if !ok {
			return time.Time{}, false
		}
		return p.next(hour, minute), true
	}
	p.at = w.end
	hour, minute := morning, 0
	if date != nil && date[4] != "" {
		h, m, _ := strings.Cut(date[4], ":")
		hour, _ = strconv.Atoi(h)
		minute, _ = strconv.Atoi(m)
		if hour > 23 || minute > 59 {
			return time.Time{}, false
		}
	} else if at := p.peek(); at.is("at", "morning") {
		p.at = at.end
		if h, m, ok := p.timeOfDay(); ok {
			hour, minute = h, m
		}
	} else if strings.ContainsAny(at.text, ":.apmAPMn") { // "tomorrow 5" is a comment
		if h, m, ok := p.timeOfDay(); ok {
			hour, minute = h, m
		}
	}
	return time.Date(year, month, today+ahead, hour, minute, 0, 0, p.now.Location()), true
}

// next is the next time that a clock shows something.
func (p *parser) next(hour, minute int) time.Time {
	year, month, today := p.now.Date()
	at := time.Date(year, month, today, hour, minute, 0, 0, p.now.Location())
	if !at.After(p.now) {
		at = time.Date(year, month, today+1, hour, minute, 0, 0, p.now.Location())
	}
	return at
}

// timeOfDay reads "14:00", "14.00", "2pm", "2 pm", "noon".
func (p *parser) timeOfDay() (hour, minute int, ok bool) {
	w := p.peek()
	switch {
	case w.is("noon", "midday"):
		p.at = w.end
		return 12, 0, true
	case w.is("midnight"):
		p.at = w.end
		return 0, 0, true
	}
	part := clock.FindStringSubmatch(w.lower())
	if part == nil || w.quoted {
		return 0, 0, false
	}
	end, half := w.end, part[3]
	if next := p.after(w); half == "" && next.is("am", "pm", "a.m", "p.m") {
		end, half = next.end, strings.ReplaceAll(next.lower(), ".", "")
	} else if half == "" && next.is("o'clock", "oclock", "uhr", "h") {
		end = next.end
	}
	hour, _ = strconv.Atoi(part[1])
	minute, _ = strconv.Atoi(part[2]) // "" is 0
	switch {
	case half != "" && (hour < 1 || hour > 12):
		return 0, 0, false
	case half == "pm" && hour < 12:
		hour += 12
	case half == "am" && hour == 12:
		hour = 0
	case hour > 23 || minute > 59:
		return 0, 0, false
	}
	if minute > 59 {
		return 0, 0, false
	}
	p.at = end
	return hour, minute, true
}
