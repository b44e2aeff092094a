package bot

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/teamsrelay/teamsrelay/receiver/bot/activity"
	"github.com/teamsrelay/teamsrelay/receiver/bot/token"
	"github.com/teamsrelay/teamsrelay/receiver/command"
)

// reasons are why a request is refused, beside those of the token.
var reasons = []string{
	"method",     // not POST
	"not_local",  // local mode: from elsewhere, or from a page in a browser
	"too_large",  // over activity.MaxBody
	"broken_off", // the body
	"activity",   // it cannot be read
	"channel",    // it is not from Teams
	"recipient",  // it is for another bot
	"tenant",     // its people may not talk to us
	"busy",       // too much is waiting
	"store",      // nothing can be stored now
}

type metrics struct {
	activities, refused    *prometheus.CounterVec
	presses                *prometheus.CounterVec
	late, repeated, panics prometheus.Counter
}

func (m *metrics) init(registerer prometheus.Registerer) {
	auto := promauto.With(registerer)
	counter := func(name, help string) prometheus.Counter {
		return auto.NewCounter(prometheus.CounterOpts{Name: "teamsrelay_bot_" + name, Help: help})
	}
	m.activities = auto.NewCounterVec(prometheus.CounterOpts{
		Name: "teamsrelay_bot_activities_total", Help: "Activities taken from Teams.",
	}, []string{"type"})
	for _, kind := range []string{
		activity.Message, activity.Invoke, activity.InstallationUpdate, activity.ConversationUpdate, activity.MessageReaction, "other",
	} {
		m.activities.WithLabelValues(kind)
	}
	m.refused = auto.NewCounterVec(prometheus.CounterOpts{
		Name: "teamsrelay_bot_refused_total", Help: "Requests to the bot that were refused.",
	}, []string{"reason"})
	for _, reason := range reasons {
		m.refused.WithLabelValues(reason)
	}
	for _, reason := range token.Reasons {
		m.refused.WithLabelValues(string(reason))
	}
	m.presses = auto.NewCounterVec(prometheus.CounterOpts{
		Name: "teamsrelay_bot_presses_total", Help: "Buttons that were pressed, by what came of it: done, nothing (with words why).",
	}, []string{"verb", "outcome"})
	for _, verb := range append(slices.Clone(command.Verbs), otherVerb) {
		for _, outcome := range []string{pressDone, pressNothing} {
			m.presses.WithLabelValues(verb, outcome)
		}
	}
	m.late = counter("late_answers_total", "Presses that were answered before they were done, because that took too long.")
	m.repeated = counter("repeated_total", "Messages and events that came again and were not worked again.")
	m.panics = counter("panics_total", "Activities that met a mistake in teamsrelay.")
}

// What came of a press, as metrics call it, and verbs that we do not know.
const (
	pressDone    = "done"
	pressNothing = "nothing"
	otherVerb    = "other"
)

// pressed counts a press; words say why nothing was done.
func (m *metrics) pressed(verb, words string) {
	if !slices.Contains(command.Verbs, verb) {
		verb = otherVerb
	}
	outcome := pressDone
	if words != "" && words != followsWords {
		outcome = pressNothing
	}
	m.presses.WithLabelValues(verb, outcome).Inc()
}

func (m *metrics) refuse(reason string) { m.refused.WithLabelValues(reason).Inc() }

// taken counts an activity; types that we do not know are one.
func (m *metrics) taken(kind string) {
	switch kind {
	case activity.Message, activity.Invoke, activity.InstallationUpdate, activity.ConversationUpdate, activity.MessageReaction:
	default:
		kind = "other"
	}
	m.activities.WithLabelValues(kind).Inc()
}
