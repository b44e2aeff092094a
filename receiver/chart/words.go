package chart

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// sparks are the heights of a sparkline, and noSpark is where nothing was
// measured: blanks would be lost in a card.
var sparks = []rune("▁▂▃▄▅▆▇█")

const (
	noSpark   = '·'
	maxSparks = 30 // what a phone shows in one line
)

// Sparkline draws points as text: ▁▂▃▅▇. There is a dot where nothing was
// measured, and nothing before the first point that was. More than 30 points
// are folded into means. "" when nothing was measured.
func Sparkline(points alert.Points) string {
	points = folded(trimmed(points), maxSparks)
	r := rangeOf(points)
	if !r.known {
		return ""
	}
	line := make([]rune, 0, len(points))
	for _, v := range points {
		switch {
		case !measured(v):
			line = append(line, noSpark)
		case r.high == r.low:
			line = append(line, sparks[len(sparks)/2])
		default:
			// Halves, so that the difference of two huge numbers is finite.
			share := (v/2 - r.low/2) / (r.high/2 - r.low/2)
			line = append(line, sparks[int(math.Round(share*float64(len(sparks)-1)))])
		}
	}
	return string(line)
}

// maxName is how many characters of a field's name are written.
const maxName = 40

// Words says what a chart shows: "temp_c rose from 30.1 to 33.1 within an
// hour; critical is 32". It is one line. "" when nothing was measured.
func Words(c *alert.Chart) string {
	if c == nil {
		return ""
	}
	points := trimmed(c.Points)
	r := rangeOf(points)
	if !r.known {
		return ""
	}
	words := FieldName(c.Field) + " " + course(points, r, c.Step)
	separator := "; "
	for _, t := range c.Thresholds {
		if text := Number(t.Value); text != "" {
			if t.Below {
				text = "below " + text
			}
			words += separator + limitWord(t.Severity) + " is " + text
			separator = ", "
		}
	}
	return words
}

// course says where the points came from and went to.
func course(points alert.Points, r extent, step time.Duration) string {
	first, last := Number(r.first), Number(r.last)
	if r.count == 1 {
		return "is " + last
	}
	// in is "", or such as " within an hour".
	in := func(word string) string {
		n := time.Duration(len(points))
		if step <= 0 || n*step/n != step {
			return "" // nobody knows, or ever will
		}
		return " " + word + " " + spanWords(n*step)
	}
	low, high := Number(r.low), Number(r.high)
	var text string
	switch {
	case low == high:
		return "stayed at " + last + in("for")
	case first == last:
		text = "is " + last + " again" + in("after")
	case r.last > r.first:
		text = "rose from " + first + " to " + last + in("within")
	default:
		text = "fell from " + first + " to " + last + in("within")
	}
	if high != first && high != last {
		text += ", at most " + high
	}
	if low != first && low != last {
		text += ", at least " + low
	}
	return text
}

// spanWords is a length of time as people say it: "an hour", "90 minutes".
func spanWords(d time.Duration) string {
	const day = 24 * time.Hour
	count := func(unit time.Duration, name string) string {
		n := int64(d.Round(unit) / unit)
		if n == 1 {
			name = strings.TrimSuffix(name, "s")
		}
		return strconv.FormatInt(n, 10) + name
	}
	switch {
	case d < 2*time.Minute:
		return count(time.Second, " seconds")
	case d.Round(time.Minute) == time.Hour:
		return "an hour"
	case d < 3*time.Hour && d.Round(time.Minute)%time.Hour != 0:
		return count(time.Minute, " minutes")
	case d.Round(time.Hour) == day:
		return "a day"
	case d < 2*day:
		return count(time.Hour, " hours")
	}
	return count(day, " days")
}

// FieldName is the name of a field as it can stand in a sentence: in one line,
// and not too long. InfluxDB calls the result of a query _value.
func FieldName(name string) string {
	name = clean(name, maxName)
	if name == "" || name == "_value" {
		return "value"
	}
	return name
}

// limitWord is what a threshold is called.
func limitWord(severity string) string {
	if word := clean(severity, maxWord); word != "" {
		return word
	}
	return "the limit"
}

// clean is a text in one line, without what cannot be seen, cut off after so
// many characters.
func clean(text string, max int) string {
	var out strings.Builder
	n, space := 0, false
	for _, r := range text {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			space = n > 0
			continue
		}
		if !unicode.IsGraphic(r) || r == unicode.ReplacementChar {
			continue
		}
		if n == max {
			out.WriteRune('…')
			break
		}
		if space {
			out.WriteByte(' ')
			space = false
			n++
		}
		out.WriteRune(r)
		n++
	}
	return out.String()
}
