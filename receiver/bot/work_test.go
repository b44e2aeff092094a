package bot

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// note is a list that several goroutines write.
type note struct {
	mu    sync.Mutex
	lines []string
}

func (n *note) add(line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, line)
}

// Who types "ack" and then "unack" must not find the alert acknowledged.
func TestAConversationIsWorkedInTheOrderInWhichItWasTyped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWork(3, 100, 100)
		done := map[string]*note{}
		for i := range 60 {
			name := fmt.Sprint("conversation ", i%6)
			if done[name] == nil {
				done[name] = &note{}
			}
			n := done[name]
			require.True(t, w.reserve(name))
			w.do(name, func(context.Context) {
				time.Sleep(time.Duration(60-i) * time.Second) // later ones are faster
				n.add(fmt.Sprint(i))
			})
		}
		w.stop(time.Hour)
		for name, n := range done {
			for j, line := range n.lines {
				var first int
				_, err := fmt.Sscan(n.lines[0], &first)
				require.NoError(t, err)
				require.Equal(t, fmt.Sprint(first+6*j), line, name)
			}
			require.Len(t, n.lines, 10)
		}
	})
}

// A conversation that hangs must not keep others from their answers, and many
// must not become many requests at once.
func TestWorkIsBoundedAndGoesRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWork(2, 8, 4)
		var order note
		running, most := 0, 0
		var mu sync.Mutex
		add := func(conversation string, takes time.Duration) bool {
			if !w.reserve(conversation) {
				return false
			}
			w.do(conversation, func(context.Context) {
				mu.Lock()
				running++
				most = max(most, running)
				mu.Unlock()
				time.Sleep(takes)
				order.add(conversation)
				mu.Lock()
				running--
				mu.Unlock()
			})
			return true
		}
		require.True(t, add("stuck", time.Hour))
		for range 4 {
			require.True(t, add("a", time.Second))
		}
		require.True(t, add("b", time.Second))
		require.True(t, add("", time.Second))
		require.True(t, add("", time.Second))
		synctest.Wait()
		require.True(t, add("a", time.Second), "there is room again: one of them runs")
		require.False(t, add("a", time.Second), "one conversation does not take all the room")
		require.True(t, add("c", time.Second))
		require.False(t, add("d", time.Second), "all of it is taken")
		w.stop(2 * time.Hour)
		require.Equal(t, 2, most)
		require.Equal(t, []string{"a", "b", "", "", "c", "a", "a", "a", "a", "stuck"}, order.lines, "each in its turn")
		require.False(t, w.reserve("e"), "nothing is taken after the end")
	})
}

// A place that is given back can be taken again, or the bot would be deaf
// after a thousand errors.
func TestAPlaceThatIsGivenBackCanBeTaken(t *testing.T) {
	w := newWork(1, 0, 1)
	for range 10 {
		require.True(t, w.reserve("a"))
		require.False(t, w.reserve("b"))
		w.release()
	}
	w.stop(time.Hour)
}
