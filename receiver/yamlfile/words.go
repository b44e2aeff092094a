package yamlfile

import (
	"fmt"
	"strings"
)

// Nearest is the name that somebody who typed wrong probably meant, or "".
func Nearest(typed string, names []string) string {
	best, least := "", max(1, len(typed)/3)+1
	for _, name := range names {
		if n := distance(typed, name, least); n < least {
			best, least = name, n
		}
	}
	return best
}

// distance counts the bytes to insert, delete, change or swap with the next
// to make a into b, or returns limit where there are at least as many.
func distance(a, b string, limit int) int {
	if diff := len(a) - len(b); diff >= limit || -diff >= limit {
		return limit
	}
	// d[i][j] is the distance of the first i bytes of a and the first j of b.
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		for j := range d[i] {
			if i == 0 || j == 0 {
				d[i][j] = i + j
				continue
			}
			d[i][j] = min(d[i-1][j], d[i][j-1]) + 1
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			d[i][j] = min(d[i][j], d[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return min(d[len(a)][len(b)], limit)
}

// Quote makes a value of the file fit into a message of one line. It is for
// values that are no secrets.
func Quote(s string) string {
	const most = 60 // runes; enough to find it in the file
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "…"
	}
	return fmt.Sprintf("%q", s)
}

// keyName is a key for a message. A webhook URL that slid into the place of a
// key, because a space after a colon is missing, stays out of it.
func keyName(key string) string {
	const most = 40 // runes; ours have at most 22
	if strings.Contains(key, "://") || strings.ContainsAny(key, "?&=") || len([]rune(key)) > most {
		return "of this name"
	}
	return fmt.Sprintf("%q", key)
}

// OneLine makes the message of a library fit into a line.
func OneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
