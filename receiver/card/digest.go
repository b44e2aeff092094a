package card

import (
	"cmp"
	"slices"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// maxDigestRows is how many groups a digest names; the rest is counted.
const maxDigestRows = 20

// DigestStory is a digest in words. Templates see it as .Digest.
type DigestStory struct {
	Title    string          // "4,832 groups of alerts"
	Reason   string          // why this is one card
	Style    string          // of the container around the head
	Color    string          // of the head's first line
	Status   string          // "12 critical · 340 warning · 4,480 resolved"
	Sections []DigestSection // worst first
	Hidden   int             // how many groups are not named; {{ more .Digest.Hidden }} says so
	Preview  string
	Speak    string
}

// DigestSection is the groups of one severity.
type DigestSection struct {
	Title string // "CRITICAL · 12 groups"
	Color string
	Rows  []DigestLine
}

// DigestLine is one group.
type DigestLine struct {
	Title string
	Text  string // "3 firing, 1 resolved · since 10:02 · #k3f9", or "1 firing · fired 4 times, last at 10:02 · #k3f9"
}

// tellDigest puts a digest into words, with at most n groups by name: what
// fires before what is resolved, the worst first, then the oldest.
func tellDigest(in DigestInput, n int) *DigestStory {
	wall := newWall(in.Now, in.Location)
	rows := slices.Clone(in.Rows)
	slices.SortStableFunc(rows, func(a, b DigestRow) int {
		return cmp.Or(boolRank(a.Firing > 0, b.Firing > 0), cmp.Compare(b.Rank, a.Rank), a.Since.Compare(b.Since))
	})
	d := &DigestStory{Title: groups(len(rows)) + " of alerts", Style: "good", Color: "Good"}
	d.Reason = "Told in one card, because Teams takes only so many at once."
	if !in.Oldest.IsZero() {
		d.Reason += " The oldest change is from " + wall.timeZone(in.Oldest) + "."
	}
	sections := map[string]int{}
	counts := []int{}
	named := min(n, maxDigestRows)
	for i, row := range rows {
		word := sectionWord(row)
		at, ok := sections[word]
		if !ok {
			at = len(d.Sections)
			sections[word] = at
			_, color := severityLooks(alert.Severity(row.Rank))
			if row.Firing == 0 {
				color = "Good"
			}
			d.Sections = append(d.Sections, DigestSection{Color: color})
			counts = append(counts, 0)
		}
		counts[at]++
		if i < named {
			d.Sections[at].Rows = append(d.Sections[at].Rows, digestLine(row, wall))
		}
	}
	var status []string
	for word, at := range sections {
		d.Sections[at].Title = strings.ToUpper(word) + " · " + groups(counts[at])
	}
	for i, section := range d.Sections {
		word, _, _ := strings.Cut(section.Title, " · ")
		status = append(status, thousands(counts[i])+" "+strings.ToLower(word))
	}
	if len(rows) > 0 && rows[0].Firing > 0 {
		d.Style, d.Color = severityLooks(alert.Severity(rows[0].Rank))
	}
	d.Status = strings.Join(status, " · ")
	d.Hidden = max(0, len(rows)-named)
	d.Preview, d.Speak = "["+groups(len(rows))+"]", d.Title+"."
	if len(rows) > 0 {
		d.Preview = shorten(d.Preview+" "+d.Status+": "+oneLine(rows[0].Title), maxPreview)
		d.Speak = d.Title + ": " + strings.ReplaceAll(d.Status, " · ", ", ") + "."
	}
	return d
}

func boolRank(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

func sectionWord(row DigestRow) string {
	switch {
	case row.Firing == 0:
		return "resolved"
	case row.Severity == "":
		return "firing"
	}
	return strings.ToLower(shorten(oneLine(row.Severity), 24))
}

func digestLine(row DigestRow, wall wall) DigestLine {
	title := shorten(oneLine(row.Title), maxTitle)
	if title == "" {
		title = "Alert without a name"
	}
	var counts, parts []string
	if row.Firing > 0 {
		counts = append(counts, thousands(row.Firing)+" firing")
	}
	if row.Resolved > 0 {
		counts = append(counts, thousands(row.Resolved)+" resolved")
	}
	if len(counts) > 0 {
		parts = append(parts, strings.Join(counts, ", "))
	}
	switch {
	case row.Episodes > 1:
		parts = append(parts, "fired "+thousands(row.Episodes)+" times, last at "+wall.time(row.Since))
	case !row.Since.IsZero():
		parts = append(parts, "since "+wall.time(row.Since))
	}
	if row.Note != "" {
		parts = append(parts, shorten(oneLine(row.Note), 2*maxWho))
	}
	if row.ID != "" {
		parts = append(parts, "#"+shorten(row.ID, 16))
	}
	return DigestLine{title, strings.Join(parts, " · ")}
}

func groups(n int) string {
	if n == 1 {
		return "1 group"
	}
	return thousands(n) + " groups"
}
