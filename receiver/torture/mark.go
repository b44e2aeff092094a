package torture

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// Template is the part of the cards that carries the mark: it stands in the
// place of the small print.
const Template = `{{ define "_smallprint" }}
  {"type": "TextBlock", "text": "{{ .Card.SmallPrint }}", "wrap": true},
  {"type": "TextBlock", "text": "mark {{ .ID }} of {{ .CommonLabels.alertname }} {{ with .Post.Ack }}acked{{ else }}open{{ end }} {{ len .Post.History }}{{ range .Alerts }} {{ .State }} {{ .Labels.instance }} {{ .Annotations.step }}{{ end }}", "size": "Small", "wrap": true},
{{ end }}
`

// Mark is what a card shows, for machines.
type Mark struct {
	ID     string // of the episode
	Group  string
	Acked  bool
	Facts  int // how much is in the story so far
	Alerts []Marked
}

// Marked is an alert on a card.
type Marked struct {
	State    string // firing, resolved, unseen
	Instance string
	Step     int // of which body this is
}

// Step is the latest step that is on the card.
func (m *Mark) Step() int {
	step := 0
	for _, a := range m.Alerts {
		step = max(step, a.Step)
	}
	return step
}

// Over says that the card says that it is over.
func (m *Mark) Over() bool {
	for _, a := range m.Alerts {
		if a.State != "resolved" {
			return false
		}
	}
	return true
}

// ParseMark reads the mark of a card; nil when it has none.
func ParseMark(card []byte) *Mark {
	for _, text := range texts(card) {
		fields := strings.Fields(text)
		if len(fields) < 6 || fields[0] != "mark" || fields[2] != "of" || len(fields)%3 != 0 {
			continue
		}
		m := &Mark{ID: fields[1], Group: fields[3], Acked: fields[4] == "acked"}
		var err error
		if m.Facts, err = strconv.Atoi(fields[5]); err != nil {
			return nil
		}
		for at := 6; at < len(fields); at += 3 {
			step, err := strconv.Atoi(fields[at+2])
			if err != nil {
				return nil
			}
			m.Alerts = append(m.Alerts, Marked{State: fields[at], Instance: fields[at+1], Step: step})
		}
		return m
	}
	return nil
}

// Row is a group in a digest.
type Row struct {
	Group            string
	Firing, Resolved int
}

var (
	digestHead   = regexp.MustCompile(`^[\d,]+ groups? of alerts$`)
	groupName    = regexp.MustCompile(`^G\d{3}\b`)
	digestCounts = regexp.MustCompile(`(\d+) (firing|resolved)`)
	digestHidden = regexp.MustCompile(`^(?:and )?(\d+) more.*counted above$`)
)

// ParseDigest reads the groups of a digest; !ok: it is none.
func ParseDigest(card []byte) (rows []Row, hidden int, ok bool) {
	all := texts(card)
	for i, text := range all {
		switch {
		case digestHead.MatchString(text):
			ok = true
		case groupName.MatchString(text) && i+1 < len(all):
			row := Row{Group: groupName.FindString(text)}
			for _, count := range digestCounts.FindAllStringSubmatch(all[i+1], -1) {
				n, _ := strconv.Atoi(count[1]) // it is digits
				if count[2] == "firing" {
					row.Firing = n
				} else {
					row.Resolved = n
				}
			}
			rows = append(rows, row)
		default:
			if found := digestHidden.FindStringSubmatch(text); found != nil {
				hidden, _ = strconv.Atoi(found[1])
			}
		}
	}
	return rows, hidden, ok
}

// texts are what people read on a card, from top to bottom.
func texts(card []byte) []string {
	var root any
	if json.Unmarshal(card, &root) != nil {
		return nil
	}
	var all []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, one := range v {
				walk(one)
			}
		case map[string]any:
			if text, ok := v["text"].(string); ok {
				all = append(all, text)
			}
			for _, key := range []string{"body", "items", "columns"} {
				walk(v[key])
			}
		}
	}
	walk(root)
	return all
}
