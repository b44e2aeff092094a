package card

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// word is how bad it is, in one word.
func (t *teller) word(s *Story) string {
	switch {
	case t.momentary:
		return strings.ToUpper(s.Severity)
	case s.State == string(group.Resolved):
		return "RESOLVED"
	case s.State == string(group.Unseen) && !t.silenced():
		return "NO NEWS"
	case s.Severity == "" && t.silenced():
		return "SILENCED"
	case s.Severity == "":
		return "FIRING"
	}
	return strings.ToUpper(s.Severity)
}

// status is the first line of sight: how bad, and what is the matter.
func (t *teller) status(s *Story) string {
	if t.momentary {
		return t.statusOfMoment(s)
	}
	if s.State != string(group.Firing) && !t.silenced() {
		return t.statusOver(s)
	}
	if t.silenced() {
		return t.statusSilenced(s)
	}
	state := t.words.firing
	if t.in.Reminder {
		state = again(state)
	}
	if len(t.members) > 1 || t.in.Group.Forgotten > 0 {
		state = thousands(t.count.firing) + " " + state
	}
	if t.count.unseen > 0 {
		state += ", " + thousands(t.count.unseen) + " no news"
	}
	if t.count.resolved > 0 {
		state += ", " + thousands(t.count.resolved) + " " + t.words.resolved
	}
	if t.acknowledged() {
		state += " · acknowledged"
	}
	if s.Severity == "" {
		return strings.ToUpper(state)
	}
	return strings.ToUpper(s.Severity) + " · " + state
}

// statusSilenced is the status of a group of which all that goes on is
// silenced, whether its source still mentions it or not.
func (t *teller) statusSilenced(s *Story) string {
	state := "silenced"
	if len(t.members) > 1 || t.in.Group.Forgotten > 0 {
		state = thousands(t.count.firing+t.count.unseen) + " " + state
	}
	if t.count.resolved > 0 {
		state += ", " + thousands(t.count.resolved) + " " + t.words.resolved
	}
	if s.Severity == "" {
		return strings.ToUpper(state)
	}
	return strings.ToUpper(s.Severity) + " · " + state
}

// again says of a state that it goes on, or of what happened once that it is
// told once more.
func again(state string) string {
	for _, lasting := range []string{"firing", "stopped", "overdue", "not "} {
		if strings.HasPrefix(state, lasting) {
			return "still " + state
		}
	}
	return state + ", told again"
}

// statusOver is the status of a group in which nothing fires.
func (t *teller) statusOver(s *Story) string {
	state, counted := "No news", t.count.unseen
	if s.State == string(group.Resolved) {
		state, counted = capital(t.words.resolved), t.count.resolved
		if t.byHand() {
			state = "Resolved by " + personName(t.in.Group.Closed.By)
		}
		if s.Duration != "" {
			state += " " + s.Duration
		}
	}
	var details []string
	if counted > 1 {
		details = append(details, alerts(counted))
	}
	if s.State == string(group.Unseen) && t.count.resolved > 0 {
		details = append(details, thousands(t.count.resolved)+" "+t.words.resolved)
	}
	if s.Severity != "" {
		details = append(details, "was "+s.Severity)
	}
	if len(details) == 0 {
		return state
	}
	return state + " · " + strings.Join(details, ", ")
}

func (t *teller) times(state string) (duration, since string) {
	from := t.since
	if t.momentary {
		return "", t.wall.timeZone(from)
	}
	switch state {
	case string(group.Firing):
		if from.IsZero() {
			return "", ""
		}
		if t.in.Now.Sub(from) < time.Second {
			return "just now", "since " + t.wall.timeZone(from)
		}
		return "for " + durationWords(t.in.Now.Sub(from)), "since " + t.wall.timeZone(from)
	case string(group.Unseen):
		if from.IsZero() {
			return "", ""
		}
		return "", t.words.began + " " + t.wall.timeZone(from)
	}
	over := t.over()
	switch {
	case over.IsZero():
		return "", ""
	case from.IsZero() || from.After(over):
		return "", t.words.resolved + " " + t.wall.timeZone(over)
	}
	if over.Sub(from) >= time.Second {
		duration = "after " + durationWords(over.Sub(from))
	}
	return duration, t.words.began + " " + t.wall.time(from) + ", " + t.words.resolved + " " + t.wall.timeZone(over)
}

// took is how long it took, or takes until now; "" when nobody knows.
func (t *teller) took(state string) string {
	until := t.in.Now
	if state == string(group.Resolved) {
		until = t.over()
	}
	if t.since.IsZero() || t.momentary || !t.since.Before(until) || state == string(group.Unseen) {
		return ""
	}
	return durationWords(until.Sub(t.since))
}

// over is when the last alert ended.
func (t *teller) over() time.Time {
	over := time.Time{}
	for _, m := range t.members {
		if end := t.end(m); end.After(over) {
			over = end
		}
	}
	if over.IsZero() {
		return t.in.Group.OverAt
	}
	return over
}

// notices are the lines that somebody has to know to read the card rightly.
func (t *teller) notices() []string {
	var notices []string
	add := func(text string) { notices = append(notices, text) }
	if t.in.Late >= worthSayingLate {
		add("Delivered " + durationWords(t.in.Late) + " late: Teams could not be reached.")
	}
	if t.count.unseen > 0 && !t.momentary && !t.silenced() {
		heard := time.Time{}
		for _, m := range t.members {
			if m.State == group.Unseen && m.SeenAt.After(heard) {
				heard = m.SeenAt
			}
		}
		text := "No news"
		if t.count.unseen < len(t.members) {
			text += " of " + alerts(t.count.unseen)
		}
		if !heard.IsZero() {
			text += " since " + t.wall.timeZone(heard)
		}
		if after := t.in.Group.Spec.Expires; after > 0 {
			add(text + ": given up after " + durationWords(after) + ". How it ended is not known here.")
		} else {
			add(text + ": silenced, or its source is gone.")
		}
	}
	if n := t.in.Group.Truncated; n > 0 {
		add("Alertmanager left " + alerts(n) + " out of its message.")
	}
	return notices
}

func alerts(n int) string {
	if n == 1 {
		return "1 alert"
	}
	return thousands(n) + " alerts"
}

var changeWords = map[group.Change]string{
	group.SeverityRises: "got worse", group.SeverityFalls: "got milder",
	group.JoinsCritical: "joined", group.Joins: "joined", group.Vanishes: "without news",
	group.Updated: "changed",
}

func (t *teller) changeWord(h group.History) string {
	switch h.Change {
	case group.FirstFiring:
		return t.words.began
	case group.FiresAgain:
		return t.words.again
	case group.Vanishes:
		if t.momentary || t.silenced() {
			return ""
		}
	case group.AllResolved, group.PartlyResolved:
		if h.Who != "" {
			return ofAlerts.resolved // somebody said so, whatever runs again or does not
		}
		return t.words.resolved
	}
	if word := changeWords[h.Change]; word != "" {
		return word
	}
	return deedWord(h)
}

// history tells what happened since the episode began, in one line. What the
// head of the card says already (fired, and resolved at the end) is not worth
// a line.
func (t *teller) history() string {
	var lines []string
	news := 0
	for _, h := range t.in.Group.History {
		word := t.changeWord(h)
		if word == "" {
			continue
		}
		if h.Change != group.FirstFiring && h.Change != group.AllResolved {
			news++
		}
		if !t.begunByAnother(h) {
			word = by(word, h)
		}
		if t.counted(h) {
			word = strconv.Itoa(h.Count) + " " + word
		}
		line := t.wall.time(h.At) + " " + word
		if h.Change == group.FirstFiring { // also where a deed was the first that was heard
			lines = append([]string{line}, lines...)
			continue
		}
		lines = append(lines, line)
	}
	if news == 0 {
		return ""
	}
	if left := len(lines) - maxHistory; left > 0 {
		lines = append([]string{"…"}, lines[left:]...)
	}
	return strings.Join(lines, " · ")
}

// counted says whether a line of the story is about some of the alerts.
func (t *teller) counted(h group.History) bool {
	switch h.Change {
	case group.Silenced, group.SilenceEnds:
		return false
	case group.FirstFiring, group.AllResolved:
		return h.Count > 1
	}
	return h.Count > 1 || h.Count == 1 && h.Rev == 0 && len(t.members) > 1
}

// comments is what people wrote since the post was last shown. If that is
// nothing, and the latest that happened is a comment, it is that one: a card
// that tells of a comment is made anew when Teams could not take it.
func (t *teller) comments() []Comment {
	var comments []Comment
	history := t.in.Group.History
	for i, h := range history {
		if text := remark(h); text != "" && (h.Rev > t.in.Shown || h.Rev > 0 && (t.in.Look.Stays || i == len(history)-1)) {
			comments = append(comments, Comment{At: t.wall.time(h.At), Who: shorten(oneLine(h.Who), maxWho), Text: shorten(text, maxSummary)})
		}
	}
	most := maxComments
	if t.in.Shown == 0 { // no card and no reply has told of any
		most = maxWords
	}
	return comments[max(0, len(comments)-most):]
}

// deed is what somebody did last, of these changes if any are named. What
// people do here is only asked for by name: it is not yet so at the source.
// Where nobody did anything since, it is that they brought the alert about.
func (t *teller) deed(changes ...string) Comment {
	history := t.in.Group.History
	for _, h := range slices.Backward(history) {
		switch {
		case len(changes) > 0 && !slices.Contains(changes, string(h.Change)):
		case h.Here && h.Change != group.Commented:
		case h.Here && len(changes) == 0:
		case h.Rev > 0 || h.Change == group.FiresAgain && h.Who != "":
			return t.deedOf(h)
		}
	}
	if len(history) > 0 && history[0].Change == group.FirstFiring && history[0].Who != "" {
		return t.deedOf(history[0])
	}
	return Comment{}
}

func (t *teller) deedOf(h group.History) Comment {
	return Comment{At: t.wall.timeZone(h.At), Who: shorten(oneLine(h.Who), maxWho), Text: shorten(strings.TrimSpace(h.Text), maxSummary)}
}

// begunByAnother says whether the first that was heard of a ticket was done by
// somebody else than who wrote it: "opened by" them would be wrong.
func (t *teller) begunByAnother(h group.History) bool {
	reporter := oneLine(t.notes["reporter"])
	return h.Change == group.FirstFiring && reporter != "" && reporter != oneLine(h.Who)
}

func (t *teller) smallPrint(s *Story) string {
	var parts []string
	switch source := t.in.Group.Spec.Source; source {
	case "":
	case "api":
		parts = append(parts, "API")
	default:
		parts = append(parts, capital(source))
	}
	if s.Name != "" {
		parts = append(parts, shorten(oneLine(s.Name), maxTitle))
	}
	if t.in.Group.ID > 0 {
		parts = append(parts, "#"+t.in.Group.ShortID())
	}
	return strings.Join(parts, " · ")
}

// preview is the text of the notification: how bad, what, and where.
func (t *teller) preview(s *Story) string {
	state := s.State
	switch state {
	case string(group.Resolved):
		state = s.Duration
	case string(group.Unseen):
		state = ""
	case string(group.Firing):
		switch {
		case t.momentary, t.silenced():
			state = ""
		case t.in.Reminder:
			state = "still firing"
		case s.Severity == "":
			state = "" // the word says it
		}
	}
	name := s.Name
	if name == "" || t.momentary || fine[name] != "" {
		name = s.Title
	}
	room := 60
	if t.momentary && s.Summary == "" {
		room = maxPreview // its name is all that it says
	}
	text := shorten(oneLine(name), room)
	if tag := s.Tag(); tag != "" {
		text = tag + " " + text
	}
	if state != "" {
		text += " " + state
	}
	more := len(t.members) - 1
	summary := s.Summary
	if summary == "" && len(t.members) > 0 {
		summary = t.ownSummary(t.members[0])
	}
	if h := t.latest(); h.Change == group.Commented {
		summary = oneLine(remark(h))
	}
	if summary = spoken(summary); summary != "" && summary != name {
		text += ": " + shorten(summary, maxPreview/2)
	}
	if t.place != "" {
		text += " (" + shorten(t.place, 30) + ")"
	}
	if more > 0 && t.count.firing > 0 && s.Name != "" {
		text += " +" + strconv.Itoa(more) + " more"
	}
	return shorten(text, maxPreview)
}

func (t *teller) speak(s *Story) string {
	text := s.Title + "."
	if s.Status != "" {
		text = strings.ReplaceAll(s.Status, " · ", ", ") + ": " + text
	}
	for _, line := range s.people {
		text += " " + line.Text + "."
	}
	if line := spoken(s.Summary); line != "" {
		text += " " + line
	}
	return shorten(text, 2*maxPreview)
}

// spoken is the first line of an annotation without the marks of Markdown,
// which a phone shows and a voice reads as they are.
func spoken(text string) string {
	text = firstLine(text)
	if strings.IndexByte(text, '\\') < 0 {
		return unmarked(text)
	}
	var out, plain strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && isPunctuation(text[i+1]) { // it is meant as it is
			i++
			out.WriteString(unmarked(plain.String()))
			plain.Reset()
			out.WriteByte(text[i])
			continue
		}
		plain.WriteByte(text[i])
	}
	return out.String() + unmarked(plain.String())
}

// unmarked is Markdown without backslashes as a phone shows it.
func unmarked(text string) string { return entities.Replace(marks.Replace(text)) }

// isPunctuation says whether Markdown lets a backslash stand before c.
func isPunctuation(c byte) bool {
	return c >= '!' && c <= '/' || c >= ':' && c <= '@' || c >= '[' && c <= '`' || c >= '{' && c <= '~'
}

var (
	marks    = strings.NewReplacer("**", "", "__", "", "`", "")
	entities = strings.NewReplacer("&lt;", "<", "&amp;", "&")
)

// oneLine puts a text on one line with single spaces.
func oneLine(text string) string {
	if !strings.ContainsFunc(text, unicode.IsSpace) {
		return text // most values of labels
	}
	return strings.Join(strings.Fields(text), " ")
}
