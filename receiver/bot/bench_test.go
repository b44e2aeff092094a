package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// stored is how many posts there are while somebody presses (issue 5, Speed).
const stored = 100_000

// fill stores many open alerts, each shown in the channel by a message of its
// own.
func (d *desk) fill(n int) (groups []group.Group) {
	d.t.Helper()
	const batch = 5000
	for from := 0; from < n; from += batch {
		require.NoError(d.t, d.store.Update(context.Background(), func(tx store.Tx) error {
			groups = groups[:from]
			for i := from; i < min(n, from+batch); i++ {
				labels := map[string]string{alert.NameLabel: fmt.Sprintf("Disk%d", i), alert.SeverityLabel: "warning", "instance": fmt.Sprintf("db-%d:9100", i), "site": "fra1"}
				key := fmt.Sprintf("alertmanager\x1fdisk%d", i)
				g, _ := group.Receive(group.Group{Key: key, Origin: key}, group.Received{
					Spec: group.Spec{
						Route: "r", Source: "alertmanager", Ready: true, Targets: []group.Target{{Destination: "sre"}},
						Labels: map[string]string{alert.NameLabel: labels[alert.NameLabel]},
					},
					Alerts: []alert.Alert{{
						Fingerprint: alert.FingerprintOf(labels), Status: alert.Firing, Labels: labels, StartsAt: d.now,
						Annotations: map[string]string{"summary": "The disk of db-" + fmt.Sprint(i) + " is 93 % full", "runbook_url": "https://runbooks.example/disk"},
					}},
				}, d.now)
				g, dues := group.Advance(g, group.Tick{}, d.now)
				if err := tx.SaveGroup(&g); err != nil {
					return err
				}
				post := store.Post{GroupID: g.ID, Address: "bot:" + sre, Destination: "sre", Title: g.Title()}
				post.Raise(g.Rev, dues[0], store.RankLoud, d.now)
				post.Begin(1, d.now)
				post.Delivered(g.Rev, fmt.Sprint(1_700_000_000_000+i), true, d.now)
				if err := tx.SavePost(&post); err != nil {
					return err
				}
				groups = append(groups, g)
			}
			return nil
		}))
	}
	return groups
}

// BenchmarkPress is one press after the other, from the request to the answer
// with the new card, with 100,000 stored posts: p99 below 50 ms is asked. The
// delivery worker is not running.
func BenchmarkPress(b *testing.B) {
	d := newDesk(b)
	groups := d.fill(stored)
	took := make([]time.Duration, 0, b.N)
	i := 0
	for b.Loop() {
		g := groups[(i*7919)%len(groups)]
		verb := []string{"ack", "assign", "comment"}[i/len(groups)%3]
		message := fmt.Sprint(1_700_000_000_000 + int64((i*7919)%len(groups)))
		body := pressBody(d, i, message, with(d.button(sre, g, verb, 0, ""), "comment=on my way"))
		began := time.Now()
		w := httptest.NewRecorder()
		d.bot.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "http://localhost/api/messages", strings.NewReader(body)))
		took = append(took, time.Since(began))
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), cardAnswer) {
			b.Fatalf("press %d: %d %s", i, w.Code, w.Body)
		}
		i++
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms/op")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms/op")
	b.ReportMetric(stored, "posts")
}

// BenchmarkPressesAtOnce is 10,000 presses at once, from the first request to
// the last answer, and checks what came of them.
func BenchmarkPressesAtOnce(b *testing.B) {
	for b.Loop() {
		pressAtOnce(b, newDesk(b), 20, 10_000)
	}
}

// pressBody is a press as Teams sends it.
func pressBody(d *desk, i int, message string, data map[string]any) string {
	body, err := json.Marshal(map[string]any{
		"type": "invoke", "name": "adaptiveCard/action", "id": fmt.Sprintf("f:%d", i), "replyToId": message,
		"channelId": "msteams", "serviceUrl": d.teams.URL,
		"from":         map[string]any{"id": alice.ID, "name": alice.Name, "aadObjectId": alice.ObjectID},
		"recipient":    map[string]any{"id": "28:app", "name": "Ops Bot"},
		"conversation": map[string]any{"id": sre, "conversationType": "channel", "tenantId": "tenant", "isGroup": true},
		"value":        map[string]any{"action": map[string]any{"type": "Action.Execute", "verb": data["verb"], "data": data}, "trigger": "manual"},
	})
	require.NoError(d.t, err)
	return string(body)
}
