package events

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/itchyny/gojq"

	"github.com/teamsrelay/teamsrelay/receiver/ingest/answer"
)

func clip(s string) string { return answer.Clip(s) }

// asText is a value as people would write it: null as nothing, a number in
// digits, an object or array as compact JSON.
func asText(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return clean(v)
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case *big.Int:
		return v.String()
	case float64:
		return number(v)
	case json.Number:
		if !strings.ContainsAny(v.String(), "eE") {
			return v.String() // as it was sent, with all its digits
		}
		f, _ := v.Float64()
		return number(f)
	}
	encoded, err := gojq.Marshal(value)
	if err != nil {
		return ""
	}
	return clean(string(encoded))
}

// number writes a number without an exponent unless it is very large or
// small; what is none (jq's nan and infinite) as nothing.
func number(f float64) string {
	switch size := math.Abs(f); {
	case math.IsNaN(f), math.IsInf(f, 0):
		return ""
	case size != 0 && (size < 1e-6 || size >= 1e21):
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// clean makes text that every database, template and card takes.
func clean(s string) string {
	if strings.ContainsRune(s, 0) {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// cut shortens text to at most most bytes, visibly and between characters.
func cut(s string, most int) string {
	const mark = "…"
	if len(s) <= most {
		return s
	}
	end := max(most-len(mark), 0)
	for end > 0 && s[end]&0xC0 == 0x80 { // not within a character
		end--
	}
	return s[:end] + mark
}

// asNumber reads a number, also one that is sent as text.
func asNumber(value any) (float64, bool) {
	if s, isText := value.(string); isText {
		f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
	}
	f, ok := gojq.ToFloat64(value)
	return f, ok && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// zoned are the layouts of times that say where they are.
var zoned = []string{
	time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999-0700",
	"2006-01-02 15:04:05.999999999 -0700 MST", time.RFC1123Z, time.RFC1123,
}

// earliest is the first instant that is taken for a time of an event: what
// lies before is a zero of some system (Qlik's is in 1753).
var earliest = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)

// asTime reads a time: RFC 3339 and its like, or Unix time in seconds,
// milliseconds, micro- or nanoseconds. The zero time is none: what cannot be
// read, is before 1990, or does not say its zone. Butler's "2024-10-14
// 13:31:39,982" is such a time: it is the clock of a server whose zone nobody
// knows, and a start that is hours wrong is worse than the event's arrival,
// which is seconds late.
func asTime(value any) time.Time {
	if text, isText := value.(string); isText {
		text = strings.TrimSpace(text)
		for _, layout := range zoned {
			if t, err := time.Parse(layout, text); err == nil {
				return plausible(t)
			}
		}
	}
	n, ok := asNumber(value)
	if !ok {
		return time.Time{}
	}
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond, time.Nanosecond} {
		// 1e11 seconds are the year 5138, and 1e11 milliseconds 1973.
		if perSecond := float64(time.Second / unit); math.Abs(n) < 1e11*perSecond {
			whole, part := math.Modf(n / perSecond)
			return plausible(time.Unix(int64(whole), int64(part*1e9)))
		}
	}
	return time.Time{}
}

func plausible(t time.Time) time.Time {
	if t.Before(earliest) || t.Year() > 9999 {
		return time.Time{}
	}
	return t.UTC().Round(0)
}
