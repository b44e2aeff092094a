// Package canary sends a card to a destination on a schedule, to see whether it
// arrives: a webhook that answers 202 may lead nowhere, and a channel in which
// nothing happens looks like one in which nothing can.
//
// Where messages can be edited there is one message, and each time it is
// edited: nobody is called, and an edit that Teams takes proves that the message
// is there. Elsewhere each time is a new message, which proves that the webhook
// takes messages and no more.
//
// What a failure means is decided by after, which is pure. Attempts keep to the
// lease and the pace of the address (deliver.Probe), and are in the delivery log.
package canary

import (
	"fmt"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// AlertName is the name of the alert that says that a canary does not arrive,
// and DestinationLabel the label that says where.
const (
	AlertName        = "TeamsrelayCanaryFailed"
	DestinationLabel = "destination"
)

const (
	// failedAfter is how many attempts in a row must fail that are worth trying
	// again before people are told: Teams has bad minutes. What only somebody
	// can mend is told at once.
	failedAfter = 3
	// retryAfter is when an attempt that failed is made again, and busyAfter one
	// that could not be made, if the canary is not due before that.
	retryAfter = 5 * time.Minute
	busyAfter  = 30 * time.Second
	// lateAfter is after how many of its intervals a canary that was not there
	// is told as one that fails, whatever kept it from arriving.
	lateAfter = 2
)

// What is between two cards where the file says nothing: an edit disturbs
// nobody, a new message does.
const (
	DefaultEvery        = 15 * time.Minute
	DefaultEveryWebhook = 24 * time.Hour
)

// Canary is one of the configuration.
type Canary struct {
	Destination string
	Every       time.Duration
}

// AlertLabels are those of the alert that says that it does not arrive.
func (c *Canary) AlertLabels() map[string]string {
	return map[string]string{alert.NameLabel: AlertName, alert.SeverityLabel: alert.SeverityCritical.String(), DestinationLabel: c.Destination}
}

// begin says what is known of the canary before an attempt at an address.
func (c *Canary) begin(row store.Canary, address string, now time.Time) store.Canary {
	row.Destination = c.Destination
	if row.Address != address {
		row.Address, row.MessageID, row.Since, row.NextAt = address, "", now, now
	}
	if now.Sub(row.TriedAt).Abs() > lateAfter*c.Every { // nobody was there to try
		row.Since = now
	}
	if row.NextAt.After(now.Add(c.Every)) { // it was seldom, and is often now
		row.NextAt = now
	}
	if row.OKAt.After(now) { // by a clock that was wrong: it would not be late until then
		row.OKAt = now
	}
	return row
}

// tried is what became of an attempt.
type tried string

const (
	made tried = "made"
	// busy: what is told there comes first, and arrives. It is not late then: a
	// storm must not be told as a channel that is broken.
	busy tried = "busy"
	// waits: nothing is sent there now.
	waits tried = "waits"
)

// after says what is known of the canary after an attempt.
func (c *Canary) after(row store.Canary, o teams.Outcome, t tried, now time.Time) store.Canary {
	row.TriedAt = now
	switch {
	case t == busy:
		row.Since = now
	case t == made && o.Kind == teams.Delivered:
		row.OKAt, row.FailedAt, row.Failures, row.Reason, row.Message = now, time.Time{}, 0, "", ""
		row.NextAt = now.Add(c.Every)
		return row
	}
	wait := busyAfter
	if t == made {
		wait = max(retryAfter, o.After)
		row.Failures++
		row.Reason, row.Message = string(o.Reason), o.Message
	}
	row.NextAt = now.Add(min(wait, c.Every))
	there := row.Since
	if row.OKAt.After(there) {
		there = row.OKAt
	}
	failed := t == made && (o.Kind == teams.GiveUp || row.Failures >= failedAfter)
	if late := now.Sub(there) > lateAfter*c.Every; row.FailedAt.IsZero() && (failed || late) {
		row.FailedAt = now
	}
	return row
}

// failure tells that the canary does not arrive.
func (c *Canary) failure(row *store.Canary) alert.Alert {
	why := row.Message
	if why == "" {
		why = "Nothing was sent there for a long time, because Teams asked for patience or failed: see what waits."
	}
	last := "It has not arrived yet."
	if !row.OKAt.IsZero() {
		last = "It last arrived at " + clockTime(row.OKAt) + "."
	}
	return alert.Alert{
		Status: alert.Firing, StartsAt: row.FailedAt,
		Labels: c.AlertLabels(),
		Annotations: map[string]string{
			"summary": fmt.Sprintf("The canary does not arrive at the destination %s", c.Destination),
			"description": fmt.Sprintf("%s %s Alerts for this destination may not arrive either. See: teamsrelay destinations list; then try: teamsrelay send-test %s",
				why, last, c.Destination),
		},
	}
}

func clockTime(t time.Time) string { return t.UTC().Format("15:04 UTC on 2 January 2006") }
