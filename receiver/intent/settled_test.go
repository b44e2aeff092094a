package intent

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Whoever looks at the card must learn why the ticket is not closed yet, and
// then that it is; but not with each attempt, which would edit the card.
func TestWhatComesOfAnIntentIsToldOnce(t *testing.T) {
	inBubble(t, func(d *desk, jira *tracker) {
		jira.answer = func(n int, r *http.Request) (*http.Response, error) {
			switch {
			case n <= 3:
				return answering(503, "maintenance")(r)
			case n == 4:
				return answering(500, "starting")(r)
			}
			return answering(204, "")(r)
		}
		var told []string
		followed := 0
		d.tell(func(tx store.Tx, i store.Intent, _ time.Time) (func(), error) {
			stored, err := tx.Intent(i.ID)
			require.NoError(t, err)
			require.Equal(t, i, stored, "the transaction that tells of it is the one that stores it")
			return func() {
				told = append(told, string(i.State)+" "+i.Reason)
				require.Equal(t, i.State, d.now(i.ID).State, "nobody is woken before it is on disk")
				followed++
			}, nil
		})
		d.request(d.ticket("jira", "OPS-1"), Resolve, "")
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Len(t, jira.requests(), 5)
		require.Equal(t, []string{
			"requested jira.example answers 503: maintenance", "requested jira.example answers 500: starting", "active ",
		}, told)
		require.Equal(t, 3, followed)
	})
}

// A card that still says "asked" about a ticket that is closed would say so
// for ever: nothing else tells it.
func TestAnIntentIsNotSettledBeforeItsGroupKnows(t *testing.T) {
	inBubble(t, func(d *desk, jira *tracker) {
		told := 0
		var refused atomic.Bool // the store asks on a goroutine of its own
		refused.Store(true)
		d.tell(func(store.Tx, store.Intent, time.Time) (func(), error) {
			if refused.Load() {
				return nil, errors.New("the group cannot be read")
			}
			return func() { told++ }, nil
		})
		i := d.request(d.ticket("jira", "OPS-1"), Resolve, "")
		synctest.Wait()
		require.Zero(t, told)
		require.Equal(t, store.IntentRequested, d.now(i.ID).State)
		refused.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, 1, told)
		require.Equal(t, store.IntentActive, d.now(i.ID).State)
		requests := jira.requests()
		require.Len(t, requests, 2)
		require.Equal(t, requests[0], requests[1], "the system can tell that it is the same")
	})
}

func TestARefusalIsToldToo(t *testing.T) {
	inBubble(t, func(d *desk, jira *tracker) {
		jira.answer = func(_ int, r *http.Request) (*http.Response, error) { return answering(409, "closed")(r) }
		var last store.Intent
		d.tell(func(_ store.Tx, i store.Intent, _ time.Time) (func(), error) {
			last = i
			return nil, nil
		})
		i := d.request(d.ticket("jira", "OPS-1"), Comment, "a")
		synctest.Wait()
		require.Equal(t, i.ID, last.ID)
		require.Equal(t, store.IntentFailed, last.State)
		require.Contains(t, last.Reason, "closed")
	})
}
