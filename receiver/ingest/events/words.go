package events

import (
	"fmt"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// statusLists are the words that systems use for the two states, in small
// letters; _ and - in an event count as spaces.
var statusLists = map[alert.Status]string{
	alert.Firing: "firing, fired, alerting, alert, active, open, opened, reopened, new, created, triggered, trigger, raised, " +
		"problem, failed, fail, failure, failing, error, errored, down, stopped, breached, unhealthy, degraded, " +
		"critical, warning, no data, nodata, acknowledged, unresolved, on",
	alert.Resolved: "resolved, resolve, ok, okay, closed, close, done, up, recovered, recovery, inactive, normal, " +
		"healthy, running, success, successful, succeeded, passed, fixed, cleared, clear, completed, complete, ended, off",
}

var statusWords = words(statusLists)

func words(lists map[alert.Status]string) map[string]alert.Status {
	all := make(map[string]alert.Status)
	for status, list := range lists {
		for word := range strings.SplitSeq(list, ", ") {
			all[word] = status
		}
	}
	return all
}

var spaces = strings.NewReplacer("_", " ", "-", " ")

// statusOf reads what a status expression yielded; "" if nothing.
func statusOf(value any) (alert.Status, error) {
	if b, isBool := value.(bool); isBool {
		return "", fmt.Errorf("it yields %t, and whether that is good or bad cannot be known: "+
			`write if … then "firing" else "resolved" end`, b)
	}
	word := asText(value)
	if strings.TrimSpace(word) == "" {
		return "", nil
	}
	status, ok := statusWords[spaces.Replace(strings.ToLower(strings.TrimSpace(word)))]
	if !ok {
		return "", fmt.Errorf(`%q is not a status: yield "firing" or "resolved" for it`, clip(word))
	}
	return status, nil
}

// statusWord is offered to mappings as status_word: "firing" or "resolved" for
// a word that means it, null for all else.
func statusWord(value any, _ []any) any {
	text, isText := value.(string)
	if !isText {
		return nil
	}
	status, err := statusOf(text)
	if err != nil || status == "" {
		return nil
	}
	return string(status)
}

// action is what an event does to its story.
type action string

const (
	opens    action = "open"
	updates  action = "update"
	comments action = "comment"
	assigns  action = "assign"
	resolves action = "resolve"
	none     action = "" // the status says it all
)

// actionOf reads what an action expression yielded.
func actionOf(value any) (action, error) {
	if value == false {
		return none, nil
	}
	word := strings.ToLower(strings.TrimSpace(asText(value)))
	switch a := action(word); a {
	case opens, updates, comments, assigns, resolves, none:
		return a, nil
	}
	return none, fmt.Errorf("%q is not an action: yield open, update, comment, assign or resolve", clip(word))
}

// deed is the action as what somebody did.
func (a action) deed() group.Change {
	switch a {
	case comments:
		return group.Commented
	case assigns:
		return group.Assigned
	}
	return group.Nothing
}
