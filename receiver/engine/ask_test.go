package engine

import (
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/intent"
)

// tracker is an issue tracker that answers 503 until it is well.
type tracker struct {
	mu    sync.Mutex
	well  bool
	asked []string
}

func (j *tracker) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	status := http.StatusServiceUnavailable
	if j.well {
		status = http.StatusNoContent
		j.asked = append(j.asked, string(body))
	}
	return &http.Response{StatusCode: status, Body: http.NoBody, Header: http.Header{}, Request: r}, nil
}

// done are the requests that it took.
func (j *tracker) done() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.asked...)
}

func (j *tracker) recover() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.well = true
}

// startTracked starts with an open ticket of a source that says how to do in
// its tracker what people do here.
func (r *rig) startTracked(j *tracker) (ticket group.Group) {
	r.t.Helper()
	actions := intent.Actions{}
	for _, verb := range intent.Verbs {
		made, err := intent.NewAction(intent.Config{URL: "https://jira.example/OPS-1", Body: `["{{ .Who }}", "{{ .Verb }}", "{{ .Text }}"]`, Transport: j})
		require.NoError(r.t, err)
		actions[verb] = made
	}
	r.start(toOps, "ops")
	c := r.inChannels(r.config(toOps, "ops"))
	c.Actions = map[string]intent.Actions{"jira": actions}
	require.NoError(r.t, r.engine.Reload(context.Background(), c))
	require.NoError(r.t, r.engine.Snapshot(context.Background(), ingest.Snapshot{
		Source: "jira", Origin: "events jira OPS-1", Alerts: []alert.Alert{labeled("Ticket", "warning")}, Event: &group.Event{},
	}))
	r.expect("ops: new Ticket")
	return r.only()
}

// Ten presses are one action, also in the system that the alert came from:
// each wish is a request of its own there, and a comment or a mail to those who
// watch the ticket.
func TestPressesAreDoneOnceInTheSystemThatTheAlertCameFrom(t *testing.T) {
	for _, c := range []struct {
		name string
		cmd  command.Command
		want string
	}{
		{"resolve", command.Command{Verb: command.Resolve, By: alice}, `["Alice","resolve",""]`},
		{"assign", command.Command{Verb: command.Assign, By: alice, To: bob, Of: group.AnyMark}, `["Alice","assign","Bob"]`},
	} {
		test(t, c.name, func(r *rig) {
			jira := &tracker{}
			ticket := r.startTracked(jira)
			defer r.stop()
			c.cmd.Group = ticket.ID
			require.True(t, r.do(c.cmd).Asked)
			for range 9 {
				result := r.do(c.cmd)
				require.False(t, result.Done)
				require.NotEmpty(t, result.Why)
			}
			require.Len(t, r.audit(), 1)
			jira.recover()
			time.Sleep(time.Minute)
			r.messages()
			require.Equal(t, []string{c.want}, jira.done())
			require.Len(t, r.only().Wishes, 1)
			require.Equal(t, group.WishGranted, r.only().Wishes[0].State)
		})
	}

	test(t, "who assigns what changed under their eyes asks nobody for anything", func(r *rig) {
		jira := &tracker{well: true}
		ticket := r.startTracked(jira)
		defer r.stop()
		require.True(t, r.do(command.Command{Verb: command.Assign, Group: ticket.ID, By: alice, To: bob}).Done)
		require.False(t, r.do(command.Command{Verb: command.Assign, Group: ticket.ID, By: alice, To: alice}).Done, "a card that shows nobody")
		time.Sleep(time.Minute)
		r.messages()
		require.Equal(t, []string{`["Alice","assign","Bob"]`}, jira.done())
	})

	test(t, "what was refused can be wanted again, and two comments are two", func(r *rig) {
		jira := &tracker{well: true}
		ticket := r.startTracked(jira)
		defer r.stop()
		for _, text := range []string{"one", "two"} {
			require.True(t, r.do(command.Command{Verb: command.Comment, Group: ticket.ID, By: alice, Text: text}).Asked)
		}
		require.True(t, r.do(command.Command{Verb: command.Resolve, Group: ticket.ID, By: bob}).Asked)
		time.Sleep(time.Minute)
		r.messages()
		require.Equal(t, []string{`["Alice","comment","one"]`, `["Alice","comment","two"]`, `["Bob","resolve",""]`}, jira.done())
		require.Equal(t, group.Over, r.only().Phase, "what the tracker has resolved is over here")
	})
}
