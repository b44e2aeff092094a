package card

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// durationWords says how long something took with at most two units, rounded
// down: "45 s", "12 min", "1 h 5 min", "3 d 4 h". Negative is "0 s".
func durationWords(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 0:
		return "0 s"
	case d < time.Minute:
		return units(int64(d/time.Second), "s", 0, "")
	case d < time.Hour:
		return units(int64(d/time.Minute), "min", 0, "")
	case d < day:
		return units(int64(d/time.Hour), "h", int64(d%time.Hour/time.Minute), "min")
	}
	return units(int64(d/day), "d", int64(d%day/time.Hour), "h")
}

func units(major int64, majorUnit string, minor int64, minorUnit string) string {
	words := strconv.FormatInt(major, 10) + " " + majorUnit
	if minor > 0 {
		words += " " + strconv.FormatInt(minor, 10) + " " + minorUnit
	}
	return words
}

// A wall is the reader's clock: what time it is and where.
type wall struct {
	now      time.Time
	location *time.Location
}

func newWall(now time.Time, location *time.Location) wall {
	if location == nil {
		location = time.UTC
	}
	return wall{now.In(location), location}
}

// time is t on the reader's clock: "10:02" today, "20 Nov 10:02" on another
// day, with the year in another year. "" for the zero time.
func (w wall) time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	t = t.In(w.location)
	switch {
	case t.Year() != w.now.Year():
		return t.Format("2 Jan 2006 15:04")
	case t.YearDay() != w.now.YearDay():
		return t.Format("2 Jan 15:04")
	}
	return t.Format("15:04")
}

// timeZone is time with the abbreviation of its zone: "10:02 CET". Zones that
// have only a number for a name are written "UTC-03".
func (w wall) timeZone(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	zone := t.In(w.location).Format("MST")
	if zone != "" && (zone[0] == '+' || zone[0] == '-') {
		zone = "UTC" + zone
	}
	return w.time(t) + " " + zone
}

// titleWords makes words of an alert's name: "KubePodOOMKilled" becomes "Kube
// pod OOM killed". People read words faster than CamelCase, and a phone can
// break the line between them; the exact name stays in the small print. Names
// that are not CamelCase come back as they are.
func titleWords(name string) string {
	if name == "" || strings.ContainsAny(name, " _-.:/") {
		return name
	}
	runes := []rune(name)
	var out strings.Builder
	for i, r := range runes {
		upper := unicode.IsUpper(r)
		nextLower := i+1 < len(runes) && unicode.IsLower(runes[i+1]) &&
			!(i > 0 && unicode.IsUpper(runes[i-1]) && i+2 < len(runes) && unicode.IsDigit(runes[i+2])) // IPv4
		starts := i > 0 && (upper && (!unicode.IsUpper(runes[i-1]) || nextLower) || startsNumber(runes, i))
		if starts {
			out.WriteByte(' ')
			if nextLower {
				r = unicode.ToLower(r)
			}
		}
		out.WriteRune(r)
	}
	return out.String()
}

// startsNumber reports whether a number that is a word of its own begins at i:
// the 4 of "FillIn4Hours", but not those of "S3Bucket", "http5xx" and "IPv4Down".
func startsNumber(runes []rune, i int) bool {
	if !unicode.IsDigit(runes[i]) || !unicode.IsLower(runes[i-1]) || runes[i-1] == 'v' {
		return false
	}
	for i < len(runes) && unicode.IsDigit(runes[i]) {
		i++
	}
	return i < len(runes) && unicode.IsUpper(runes[i])
}

// shorten cuts text to at most max runes on a rune boundary, with "…" as the
// last of them; broken UTF-8 becomes U+FFFD. max below 1 gives "".
func shorten(text string, max int) string {
	if max < 1 {
		return ""
	}
	if len(text) <= max {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	if utf8.RuneCountInString(text) <= max {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	end, runes := 0, 0
	for end = range text {
		if runes == max-1 {
			break
		}
		runes++
	}
	text = strings.TrimRightFunc(text[:end], unicode.IsSpace)
	return strings.ToValidUTF8(text, "\uFFFD") + "…"
}

// firstLine is the text up to its first line break, without outer space.
func firstLine(text string) string {
	text = strings.TrimSpace(text)
	if i := strings.IndexAny(text, "\r\n"); i >= 0 {
		text = strings.TrimSpace(text[:i])
	}
	return text
}
