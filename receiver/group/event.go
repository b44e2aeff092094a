package group

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// maxEvents is how many events a story remembers to know them when they come
// again. Senders repeat an event within minutes, not after many others.
const maxEvents = 16

// Limits on what people wrote in events: the latest words are kept, so that a
// story of hundreds of comments stays small.
const (
	maxDeedTexts = 10
	maxDeedRunes = 2000
)

// deeds are the changes that an event or a person can say, the most important
// first.
var deeds = []Change{
	SeverityRises, Failed, Assigned, Reopened, Commented, Updated,
	Acknowledged, Unacknowledged, Asked, Reworded,
}

// happened takes note of what an event says beyond which alerts fire. before
// are the alerts as they were. It reports whether there is anything to tell.
func (g *Group) happened(r Received, before []Member, now time.Time) bool {
	deed := r.Event.Deed
	if deed == Nothing {
		deed = g.difference(r, before)
	}
	if deed == Commented && g.echoes(r.Event.Text, now) {
		deed = Nothing
	}
	g.record(r.Event, deed, now)
	if deed == Nothing {
		return false
	}
	g.raise(deed)
	return true
}

// A comment that was made here comes back from the system that it was passed
// on to, as an event of its own, within echoAge. The system's file may put a
// name before it; a text of fewer bytes than echoText can end anybody's.
const (
	echoAge  = 15 * time.Minute
	echoText = 12
)

// echoes says that a comment is one that was made here.
func (g *Group) echoes(text string, now time.Time) bool {
	text = strings.TrimSpace(text)
	return slices.ContainsFunc(g.History, func(h History) bool {
		own := strings.TrimSpace(h.Text)
		return h.Change == Commented && h.Here && own != "" && now.Sub(h.At) < echoAge &&
			(text == own || len(own) >= echoText && strings.HasSuffix(text, own))
	})
}

// postscript says that an event is about a story that is over and stays so:
// somebody comments on a ticket that is closed.
func (g *Group) postscript(r Received) bool {
	if r.Event == nil || r.Event.Deed == Nothing {
		return false
	}
	known := g.index()
	for _, a := range r.Alerts {
		if _, ok := known[a.Fingerprint]; !ok || a.Status == alert.Firing {
			return false
		}
	}
	return true
}

// reminds says that a source repeats itself with other words, and that its
// last message is old enough. was is the group before.
func (g *Group) reminds(was Group, r Received, now time.Time) bool {
	return g.Spec.Ready && r.Repeats && was.Phase == Open && !g.MessageAt.IsZero() && now.Sub(g.MessageAt) > reminderAge &&
		!slices.ContainsFunc(g.Alerts, func(m Member) bool { return m.State != m.Told })
}

// difference is what changed in an alert whose state is the same.
func (g *Group) difference(r Received, before []Member) Change {
	found := Nothing
	for _, a := range r.Alerts {
		same := func(m Member) bool { return m.Fingerprint == a.Fingerprint }
		i, j := slices.IndexFunc(before, same), slices.IndexFunc(g.Alerts, same)
		if i < 0 || j < 0 || before[i].State != g.Alerts[j].State || g.Alerts[j].State != Firing {
			continue
		}
		was, is := &before[i], &g.Alerts[j]
		switch {
		case is.Severity() > was.Severity():
			return SeverityRises
		case !maps.Equal(is.Labels, was.Labels):
			found = Updated
		case found == Nothing && !sameWords(&is.Alert, &was.Alert):
			found = Reworded
		}
	}
	return found
}

// record writes an event into the story.
func (g *Group) record(e *Event, deed Change, now time.Time) {
	if e.ID != 0 {
		g.Events = append(slices.Clip(g.Events), e.ID)
		g.Events = g.Events[max(0, len(g.Events)-maxEvents):]
	}
	switch deed {
	case Nothing: // what its alert is now may be news, and then it was they
		g.Actor = cut(e.Who, maxTitle)
		return
	case Reworded:
		return
	}
	g.addHistory(History{At: now, Change: deed, Count: 1, Who: cut(e.Who, maxTitle), Text: cut(e.Text, maxDeedRunes), Rev: g.Rev + 1, Told: g.Rev + 1})
	texts := 0
	for i := len(g.History) - 1; i >= 0; i-- {
		if g.History[i].Text == "" {
			continue
		}
		if texts++; texts > maxDeedTexts {
			g.History[i].Text = ""
		}
	}
}

// cut shortens a text to a number of characters, the last of them "…".
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// expire gives a story up that nobody has had news of for too long. Who
// watches it learns that nothing is known of its end.
func (g *Group) expire(now time.Time) {
	if at := g.expiresAt(); at.IsZero() || now.Before(at) {
		return
	}
	for i := range g.Alerts {
		if m := &g.Alerts[i]; m.State == Firing {
			m.State = Unseen
		}
	}
	g.settle(now)
}

// expiresAt is when the story is given up if there is no news; zero: never.
func (g *Group) expiresAt() time.Time {
	if g.Spec.Expires <= 0 || g.Phase != Open && g.Phase != Gathering {
		return time.Time{}
	}
	return g.HeardAt.Add(g.Spec.Expires)
}
