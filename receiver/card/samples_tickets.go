package card

import (
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// The cards for tickets.
const (
	ticketCreated  = "ticket-created"
	ticketAssigned = "ticket-assigned"
	ticketStatus   = "ticket-status"
	ticketComment  = "ticket-comment"
	ticketOverdue  = "ticket-overdue"
	slaBreach      = "sla-breach"
)

func ticketSamples(now time.Time) []Sample {
	deed := func(in Input, at time.Time, change group.Change, who, text string) Input {
		in = copied(in)
		in.Group.Rev++
		in.Shown = in.Group.Rev - 1
		in.Group.History = append(in.Group.History, group.History{At: at, Change: change, Count: 1, Who: who, Text: text, Rev: in.Group.Rev})
		return in
	}
	created := ticket(now.Add(-12*time.Minute), now, ticketCreated, nil)
	assigned := deed(ticket(now.Add(-12*time.Minute), now, ticketAssigned, map[string]string{"assignee": "Bob Nguyễn"}),
		now.Add(-time.Minute), group.Assigned, "Alice Ó Briain", "")
	moved := ticket(now.Add(-3*time.Hour), now, ticketStatus, map[string]string{"assignee": "Bob Nguyễn", "status_from": "To Do"})
	moved.Group.Alerts[0].Labels = with(moved.Group.Alerts[0].Labels, "status", "In Progress")
	moved = deed(moved, now.Add(-time.Minute), group.Updated, "Bob Nguyễn", "")
	comment := deed(ticket(now.Add(-3*time.Hour), now, ticketComment, map[string]string{"assignee": "Bob Nguyễn"}),
		now.Add(-time.Minute), group.Commented, "Zoë Dağ", "It is the *VAT* rounding:\n- only orders in EUR\n- only since 14.2\n\nI have a fix ready.")
	comments := deed(comment, now, group.Commented, "Bob Nguyễn", "Thank you! 🎉 Deploying now.")
	comments.Shown = 1
	overdue := ticket(now.Add(-9*24*time.Hour), now, ticketOverdue, map[string]string{"assignee": "Bob Nguyễn", "due": now.Add(-51 * time.Hour).Format(time.RFC3339)})
	breach := ticket(now.Add(-5*time.Hour), now, slaBreach, map[string]string{"sla": "Time to first response", "sla_goal": "4h", "due": now.Add(-time.Hour).Format(time.RFC3339)})
	bare := ticket(now.Add(-12*time.Minute), now, ticketCreated, nil)
	bare.Group.Alerts[0].Labels = map[string]string{"alertname": "Ticket", "ticket": "OPS-9"}
	bare.Group.Alerts[0].Annotations = nil
	done := over(moved)
	done.Group.Alerts[0].Labels = with(done.Group.Alerts[0].Labels, "status", "Done")
	done.Group.Alerts[0].Annotations = with(done.Group.Alerts[0].Annotations, "status_from", "In Progress")

	list := states(ticketCreated, created)
	list = append(list, sampleOf(ticketCreated, "of which little is known", bare))
	list = append(list, states(ticketAssigned, assigned)...)
	list = append(list, states(ticketStatus, moved)...)
	list = append(list, sampleOf(ticketStatus, "done", done),
		sampleOf(ticketStatus, "reopened", reopened(now, "Ben Öz", "Done")),
		sampleOf(ticketStatus, "of which nothing was heard before", reopened(now, "Ben Öz", "In Progress")))
	list = append(list, states(ticketComment, comment)...)
	list = append(list, sampleOf(ticketComment, "of two people", comments))
	list = append(list, states(ticketOverdue, overdue)...)
	return append(list, states(slaBreach, breach)...)
}

func ticket(opened, now time.Time, card string, annotations map[string]string) Input {
	all := map[string]string{
		"summary":     `Checkout shows "0,00 €" for orders <with> vouchers`,
		"description": "Since release 14.2 the total is wrong when a voucher is used.\n\nSteps: add a voucher, go to the checkout.",
		"ticket_url":  "https://tickets.example.com/browse/OPS-123",
		"reporter":    "Alice Ó Briain", alert.CardAnnotation: card,
	}
	for name, value := range annotations {
		all[name] = value
	}
	in := story("jira", now, member(opened, map[string]string{
		"alertname": "JiraIssue", "ticket": "OPS-123", "project": "Operations", "type": "Bug", "status": "To Do",
		"priority": "High", "severity": "error",
	}, all))
	in.Group.Spec.Expires = 90 * 24 * time.Hour
	return in
}
