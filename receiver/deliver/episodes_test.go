package deliver

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// slowPace is that of the torture's slow webhook: eight ordinary messages in two
// minutes.
var slowPace = []Window{{2, time.Second}, {3, 30 * time.Second}}

// slow makes the channel and the address slow ones.
func (o *office) slow() {
	o.channel.windows = slowPace
	o.addresses["a"] = Address{ID: "a", Destination: "ops", Send: o.channel.send, Pace: slowPace}
}

// episodes raises n episodes of one group, named NAME/1 and so on, each of which
// began when the one before it was over and not told yet.
func (o *office) episodes(rank int, name string, n int) {
	o.t.Helper()
	last := int64(0)
	for i := range n {
		episode := fmt.Sprintf("%s/%d", name, i+1)
		o.raiseAt("a", rank, episode)
		o.update(func(tx store.Tx) error {
			p, err := tx.PostOf(o.groups[episode].ID, "a")
			if err != nil {
				return err
			}
			p.Follows, last = last, p.ID
			return tx.SavePost(&p)
		})
	}
	o.deliverer.Wake("a")
}

// outage has Teams be down while fn has things happen, and a minute longer, and
// then answer as it is told to; nil: take everything.
func (o *office) outage(fn func(), then func(message) *teams.Outcome) {
	o.channel.answer = func(message) *teams.Outcome {
		return &teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable, Status: 503}
	}
	fn()
	o.after(time.Minute)
	o.channel.answer = then
	o.after(time.Minute) // the longest that an address waits after failures
}

// A group that has come and gone again and again while Teams was down has an
// episode behind each that waits. They are told in minutes, as all else is, and
// what is so now is not read after hours of what was.
func TestEpisodesThatWaitForEachOtherAreAStormToo(t *testing.T) {
	for says, rank := range map[string]int{"ordinary": store.RankLoud, "critical": store.RankLoudCritical} {
		t.Run(says, func(t *testing.T) {
			inOffice(t, func(o *office) {
				o.slow()
				o.outage(func() {
					for g := range 6 {
						o.episodes(rank, fmt.Sprint("g", g), 10)
					}
				}, nil)
				o.after(2 * time.Minute)
				require.Zero(t, o.metric("teamsrelay_posts_waiting"), "sixty messages at four a minute would take a quarter of an hour")
				require.Zero(t, o.channel.refused)
				for g := range 6 {
					last := o.channel.last(fmt.Sprint("g", g, "/"))
					require.Equal(t, fmt.Sprintf("g%d/10", g), last, "people read last what is so now")
				}
			})
		})
	}
}

// A replica that stands still while its digest is on its way wakes up to find
// that another one has told the first of the episodes since. That is what people
// have read last, so those after it are told once more.
func TestADigestDoesNotTellWhatFollowsACardThatCameLater(t *testing.T) {
	inOffice(t, func(o *office) {
		o.slow()
		overtaken := false
		o.outage(func() {
			for g := range 3 {
				o.episodes(store.RankLoud, fmt.Sprint("g", g), 10)
			}
		}, func(m message) *teams.Outcome {
			if m.Kind == "digest" && !overtaken {
				overtaken = true
				o.update(func(tx store.Tx) error {
					p, err := tx.PostOf(o.groups["g0/1"].ID, "a")
					if err != nil {
						return err
					}
					p.Delivered(1, "", false, time.Now())
					return tx.SavePost(&p)
				})
			}
			return nil
		})
		o.after(2 * time.Minute)
		require.True(t, overtaken)
		require.Equal(t, 2, o.channel.told()["g0/10"], "people would read last of an episode that is long over")
		require.Equal(t, 1, o.channel.told()["g1/10"], "what nobody has told meanwhile is not told twice")
		require.Zero(t, o.metric("teamsrelay_posts_waiting"))
	})
}
