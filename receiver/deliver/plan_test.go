package deliver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// waiting makes n posts of a rank that became due at noon.
func waiting(n, rank int) []store.Post {
	posts := make([]store.Post, n)
	for i := range posts {
		posts[i] = store.Post{ID: int64(i + 1), State: store.Due, Rank: rank, Since: noon, UpdatedAt: noon}
	}
	return posts
}

func TestDecide(t *testing.T) {
	seconds := func(n float64) time.Time { return sent(n)[0] }
	full := make([]float64, 14) // nothing ordinary until 300.01
	for i := range full {
		full[i] = float64(i) * 0.3
	}
	for _, c := range []struct {
		says string
		s    situation
		want step // only the id of its post counts
	}{
		{"an address without posts stops",
			situation{}, step{action: doStop}},
		{"an address whose posts wait sleeps until the first of them",
			situation{next: seconds(90)}, step{action: doWait, until: seconds(90)}},
		{"one post at an idle address goes at once",
			situation{ready: waiting(1, store.RankLoud)}, step{action: doSend, post: store.Post{ID: 1}}},
		{"Teams asked for patience, and a critical post has it too",
			situation{ready: waiting(1, store.RankLoudCritical), row: store.Address{NotBefore: seconds(30)}},
			step{action: doWait, until: seconds(30)}},
		{"as many as two minutes take go one by one",
			situation{ready: waiting(peek, store.RankLoud), backlog: 14}, step{action: doSend, post: store.Post{ID: 1}}},
		{"one more and everything is told by a digest",
			situation{ready: waiting(peek, store.RankLoud), backlog: 15}, step{action: doDigest, spaced: true}},
		{"a few criticals go before a digest and alone",
			situation{ready: append(waiting(5, store.RankLoudCritical), waiting(3, store.RankLoud)...), backlog: 5000},
			step{action: doSend, post: store.Post{ID: 1}}},
		{"many criticals are told by the digest, or the digest would never go",
			situation{ready: waiting(peek, store.RankLoudCritical), backlog: 5000}, step{action: doDigest, spaced: true}},
		{"a few that may go now are told by a digest too, if more wait behind them than two minutes take",
			situation{ready: waiting(3, store.RankLoud), backlog: 15}, step{action: doDigest, spaced: true}},
		{"and one critical, if many of its group wait behind it",
			situation{ready: waiting(1, store.RankLoudCritical), backlog: 15, critical: 6}, step{action: doDigest, spaced: true}},
		{"but a few behind it go alone",
			situation{ready: waiting(1, store.RankLoudCritical), backlog: 15, critical: 5}, step{action: doSend, post: store.Post{ID: 1}}},
		{"the next digest waits 15 s while there is room, and gathers",
			situation{ready: waiting(peek, store.RankLoud), backlog: 5000, now: seconds(4), sends: sent(0), row: store.Address{DigestAt: noon}},
			step{action: doWait, until: seconds(15)}},
		{"a critical post does not wait for that",
			situation{ready: waiting(1, store.RankLoudCritical), backlog: 1, now: seconds(4), sends: sent(0), row: store.Address{DigestAt: noon}},
			step{action: doSend, post: store.Post{ID: 1}}},
		{"with the ordinary room used up one waiting post still does not wait for minutes",
			situation{ready: waiting(1, store.RankQuiet), now: seconds(10), sends: sent(full...)},
			step{action: doSend, post: store.Post{ID: 1}, spaced: true}},
		{"but what is left is spread over the time until there is room again",
			situation{ready: waiting(1, store.RankQuiet), now: seconds(11), sends: sent(append(full, 10)...), row: store.Address{DigestAt: seconds(10)}},
			step{action: doWait, until: seconds(10).Add(290310 * time.Millisecond / 3)}},
		{"a critical post uses what is left at once",
			situation{ready: waiting(1, store.RankLoudCritical), now: seconds(11), sends: sent(append(full, 10)...), row: store.Address{DigestAt: seconds(10)}},
			step{action: doSend, post: store.Post{ID: 1}}},
		{"a digest from a time that the clock has not reached does not hold up the next",
			situation{ready: waiting(peek, store.RankLoud), backlog: 5000, row: store.Address{DigestAt: noon.Add(time.Hour)}},
			step{action: doDigest, spaced: true}},
		{"what is too old is given up, also while Teams asks for patience",
			situation{ready: waiting(1, store.RankLoud), now: noon.Add(25 * time.Hour), row: store.Address{NotBefore: noon.Add(26 * time.Hour)}},
			step{action: doBury}},
		{"what waited when the address broke dies with it",
			situation{ready: waiting(1, store.RankLoud), now: seconds(9), row: store.Address{Broken: "gone", BrokenAt: seconds(8)}},
			step{action: doBury}},
		{"what came later finds out whether it was mended",
			situation{ready: waiting(1, store.RankLoud), now: seconds(9), row: store.Address{Broken: "gone", BrokenAt: seconds(-1)}},
			step{action: doSend, post: store.Post{ID: 1}}},
		{"what waits for a sign-in is not given up with the address",
			situation{ready: waiting(1, store.RankLoud), now: seconds(9), row: store.Address{Broken: "no token", BrokenReason: "auth", BrokenAt: seconds(8), Waits: true}},
			step{action: doSend, post: store.Post{ID: 1}}},
		{"nothing is sent where the app was removed, also not what came later",
			situation{ready: waiting(1, store.RankLoudCritical), now: seconds(9), row: store.Address{Broken: "gone", BrokenReason: "not_installed", BrokenAt: seconds(-1)}},
			step{action: doBury}},
		{"a card that a digest has told becomes true when nothing else waits",
			situation{ready: waiting(peek, store.RankStale), backlog: -1, sends: sent(0, 0.3)},
			step{action: doSend, post: store.Post{ID: 1}}},
		{"and leaves most of the windows to what is news; it looks again soon, because that does not wait for it",
			situation{ready: waiting(peek, store.RankStale), backlog: -1, now: seconds(10), sends: sent(0, 1, 2, 3, 4, 5)},
			step{action: doWait, until: seconds(12)}},
		{"news goes before it at once",
			situation{ready: append(waiting(1, store.RankQuiet), waiting(3, store.RankStale)...), backlog: 1, now: seconds(10), sends: sent(0, 1, 2, 3, 4, 5)},
			step{action: doSend, post: store.Post{ID: 1}}},
		{"a clock that was set back does not bury what came since",
			situation{ready: waiting(1, store.RankLoud), now: seconds(9), row: store.Address{Broken: "gone", BrokenAt: seconds(3600)}},
			step{action: doSend, post: store.Post{ID: 1}}},
	} {
		s := c.s
		s.known, s.windows, s.maxAge = true, DefaultPace, DefaultMaxAge
		if s.backlog == 0 {
			s.backlog = len(s.ready)
		}
		s.backlog = max(s.backlog, 0) // stale cards are none
		for i := range s.ready {
			if c.s.critical == 0 && s.ready[i].Rank == store.RankLoudCritical {
				s.critical++
			}
		}
		if s.now.IsZero() {
			s.now = noon
		}
		got := decide(s)
		got.post = store.Post{ID: got.post.ID}
		require.Equal(t, got.action == doWait && len(s.ready) > 0 && !s.row.NotBefore.After(s.now), got.paced, c.says+": what waits neither for its time nor for Teams waits for the pace")
		got.paced = false
		require.Equal(t, c.want, got, c.says)
	}

	gone := situation{now: noon, ready: waiting(1, store.RankLoud), backlog: 1}
	require.Equal(t, doBury, decide(gone).action, "an address that left the configuration keeps nothing waiting")
}

func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		says     string
		post     store.Post
		editable bool
		want     string
	}{
		{"the first message is a card", store.Post{Want: 1, Call: 1}, true, store.KindCard},
		{"a webhook's messages are cards, whatever they are called", store.Post{Want: 3, Shown: 2, MessageID: "m1"}, false, store.KindCard},
		{"a change edits the card", store.Post{Want: 3, Shown: 2, Called: 1, Call: 1, MessageID: "m1"}, true, store.KindEdit},
		{"what is loud edits the card first", store.Post{Want: 3, Shown: 2, Called: 1, Call: 3, MessageID: "m1"}, true, store.KindEdit},
		{"and then calls", store.Post{Want: 3, Shown: 3, Called: 1, Call: 3, MessageID: "m1"}, true, store.KindCall},
		{"also when the card is behind again by something quiet", store.Post{Want: 4, Shown: 3, Called: 1, Call: 3, MessageID: "m1"}, true, store.KindCall},
		{"a replay of what is there makes sure that it is", store.Post{Want: 3, Shown: 3, Called: 3, Call: 3, MessageID: "m1"}, true, store.KindEdit},
		{"without its message a call is a card", store.Post{Want: 3, Shown: 3, Called: 1, Call: 3}, true, store.KindCard},
	} {
		require.Equal(t, c.want, kindOf(&c.post, c.editable), c.says)
	}
}

func TestAPostThatFailedStandsBack(t *testing.T) {
	posts := waiting(3, store.RankLoud)
	posts[0].Attempts = 4
	require.Equal(t, int64(2), leastTried(posts).ID, "a post that always fails must not hold up its neighbours")
	posts[0].Rank = store.RankLoudCritical
	require.Equal(t, int64(1), leastTried(posts).ID, "but a critical one does not stand back behind others")
}

func TestMinimalCardOnlyForTheLastAttempt(t *testing.T) {
	require.True(t, minimal(&store.Post{State: store.Waiting, Reason: string(teams.TooLarge)}))
	require.False(t, minimal(&store.Post{State: store.Waiting, Reason: string(teams.Throttled)}))
	require.False(t, minimal(&store.Post{State: store.Due, Reason: string(teams.Payload)}),
		"a replay, after the template was mended, gets the real card")
}
