package outbound

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// RetryAfter is how long an answer asks us to wait, at most most; 0
// when it does not say or cannot be understood. A date counts from the
// answer's own Date, so that clocks which differ do no harm.
func RetryAfter(header http.Header, now time.Time, most time.Duration) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if value == "" {
		return 0
	}
	var wait time.Duration
	if seconds, err := strconv.ParseFloat(value, 64); err == nil {
		if !(seconds > 0) { // also when it is not a number
			return 0
		}
		if seconds >= most.Seconds() {
			return most
		}
		wait = time.Duration(seconds * float64(time.Second))
	} else if at, err := http.ParseTime(value); err == nil {
		if date, err := http.ParseTime(header.Get("Date")); err == nil {
			now = date
		}
		wait = at.Sub(now)
	}
	return min(max(wait, 0), most)
}
