package card

import (
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// eventWithMarks is what a stranger wrote: it looks like Markdown and is none.
func eventWithMarks(now time.Time) Input {
	m := member(now.Add(-12*time.Minute), map[string]string{"alertname": "Import", "severity": "error", "host": "erp-1"}, map[string]string{
		"summary":     `see [here](https://evil.example) **bold** C:\temp\*.log _a_b_`,
		"description": "- a < b\n- [click](https://evil.example) & <b>go</b>",
		"closed_by":   "[click](https://evil.example) **x**",
		"fixed_in":    "14.3",
		"milestone":   "2024-12-31T00:00:00.000Z",
	})
	m.Event = []byte(`{"text":"see [here](https://evil.example) **bold** C:\\temp\\*.log _a_b_"}`)
	in := story("erp", now, m)
	in.Group.Spec.Expires = 24 * time.Hour
	return in
}

// happened is an event whose source says nothing of a state.
func happened(now time.Time, severity string) Input {
	labels := map[string]string{"alertname": "BackupReport", "host": "nas-2"}
	if severity != "" {
		labels[alert.SeverityLabel] = severity
	}
	m := member(now.Add(-12*time.Minute), labels, map[string]string{"summary": "3 of 118 files could not be read"})
	m.Momentary, m.Event = true, []byte(`{"title":"BackupReport","message":"3 of 118 files could not be read"}`)
	in := story("backup", now, m)
	in.Group.Spec.Expires = 24 * time.Hour
	return in
}

// workflow is one that failed on GitHub.
func workflow(now time.Time) Input {
	m := member(now.Add(-12*time.Minute), map[string]string{
		"alertname": "WorkflowFailed", "severity": "error", "project": "shop/checkout", "workflow": "CI", "branch": "main",
	}, map[string]string{
		"summary": "checkout: CI failed on main", "commit": "4f2a91c", "author": "Alice Ó Briain",
		"run_url": "https://github.example.com/shop/checkout/actions/runs/1",
	})
	m.Event = []byte(`{"action":"completed"}`)
	return story("github", now, m)
}

// mended is the same when it succeeds again.
func mended(in Input) Input {
	in = over(in)
	m := &in.Group.Alerts[0]
	m.Annotations = with(m.Annotations, "summary", "checkout: CI succeeded on main")
	return in
}

// reopened is a ticket of which the first that was heard is that somebody
// opened it again.
func reopened(now time.Time, who, from string) Input {
	in := ticket(now.Add(-3*time.Minute), now, ticketStatus, map[string]string{"status_from": from})
	in.Group.Alerts[0].Labels = with(in.Group.Alerts[0].Labels, "status", "Open")
	in.Group.History = []group.History{{At: now.Add(-3 * time.Minute), Change: group.FirstFiring, Count: 1, Who: who}}
	return in
}
