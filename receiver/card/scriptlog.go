package card

import (
	"regexp"
	"strings"
)

// How much of a script log a card shows. Butler sends 15 lines of each end.
const (
	maxLogLines = 15
	maxLogRunes = 2400
	maxLogLine  = 400
)

// logTime is what begins the lines of a script log: the time, and mostly the
// number of the statement.
var logTime = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(?:[.,]\d+)?Z?\s+(?:\d{4}\s)?\s*`)

// logError finds what went wrong in a script log: the last line that says so,
// without its time. "" when none does.
func logError(value any) string {
	lines := strings.Split(textOf(value), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		text := strings.TrimSpace(logTime.ReplaceAllString(lines[i], ""))
		if strings.HasPrefix(text, "The following error occurred:") && i+1 < len(lines) { // Qlik Cloud
			return shorten(strings.TrimSpace(lines[i+1]), maxSummary)
		}
		if lower := strings.ToLower(text); strings.HasPrefix(lower, "error") || strings.HasPrefix(lower, "general script error") {
			if _, rest, ok := strings.Cut(text, ": "); ok && strings.TrimSpace(rest) != "" {
				text = strings.TrimSpace(rest)
			}
			return capital(shorten(text, maxSummary))
		}
	}
	return ""
}

// logEnd is the last lines of a log: at most so many lines and characters
// as a card has room for, cut at its beginning, because what went wrong stands
// at the end.
func logEnd(value any) string {
	lines := readLog(value)
	cut := len(lines) > maxLogLines
	if cut {
		lines = lines[len(lines)-maxLogLines:]
	}
	for runes(lines) > maxLogRunes && len(lines) > 1 {
		lines, cut = lines[1:], true
	}
	if cut {
		lines = append([]string{"…"}, lines...)
	}
	return strings.Join(lines, "\n")
}

// logStart is the first lines of a log, as many as a card has room for. What
// also stands in the end that the card shows is left out.
func logStart(value, end any) string {
	text := strings.TrimSpace(textOf(value))
	if text == "" || strings.Contains(textOf(end), text) {
		return ""
	}
	lines := readLog(value)
	cut := len(lines) > maxLogLines
	lines = lines[:min(len(lines), maxLogLines)]
	for runes(lines) > maxLogRunes && len(lines) > 1 {
		lines, cut = lines[:len(lines)-1], true
	}
	if cut {
		lines = append(lines, "…")
	}
	return strings.Join(lines, "\n")
}

// readLog is a log's lines, each of a length that can be read.
func readLog(value any) []string {
	text := strings.Trim(strings.ReplaceAll(textOf(value), "\r", ""), "\n")
	if strings.TrimSpace(text) == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = shorten(strings.ReplaceAll(line, "\t", "    "), maxLogLine)
	}
	return lines
}

func runes(lines []string) int {
	n := 0
	for _, line := range lines {
		n += len([]rune(line)) + 1
	}
	return n
}
