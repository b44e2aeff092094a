package card

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// reachOf are the lines of a card about why its readers are told.
func reachOf(in Input) []string {
	var lines []string
	for _, l := range newTeller(in).reach() {
		lines = append(lines, l.Text)
	}
	return lines
}

func TestACardSaysWhoCouldNotBeToldAndWhoIsInstead(t *testing.T) {
	hot := hotRoom(now)
	blocked := "has blocked the bot"
	unseen := unreached(blocked, "Alice")
	unseen[0].Fallback = ""
	other := append(unreached(blocked, "Alice"), group.Miss{Destination: "facilities", Why: "what leads there is gone", Fallback: "managers"})
	more := missing(hot, "sre", unreached(blocked, "Alice")...)
	more.Group.MoreMisses = 12
	uncounted := hot
	uncounted.Group.MoreMisses = 1000
	var reasons []group.Miss
	for i := range 5 {
		reasons = append(reasons, unreached(fmt.Sprint("reason ", i), fmt.Sprint("P", i))...)
	}
	for _, c := range []struct {
		says string
		in   Input
		want []string
	}{
		{"who stands in must see it is them", missing(hot, "sre", unreached(blocked, "Alice")...),
			[]string{"Alice could not be told: has blocked the bot; you are told instead"}},
		{"the others must see who does", missing(hot, "oncall", unreached(blocked, "Alice")...),
			[]string{"Alice could not be told: has blocked the bot; sre is told instead"}},
		{"a card of which nobody knows where it is read calls nobody you", missing(hot, "", unreached(blocked, "Alice")...),
			[]string{"Alice could not be told: has blocked the bot; sre is told instead"}},
		{"nobody is said to be told who is not", missing(hot, "", unseen...),
			[]string{"Alice could not be told: has blocked the bot"}},
		{"two have blocked it", missing(hot, "sre", unreached(blocked, "Alice", "Bob")...),
			[]string{"Alice and Bob could not be told: have blocked the bot; you are told instead"}},
		{"the list must not push the alert off the screen", missing(hot, "sre", unreached("is away.", "A", "B", "C", "D", "E")...),
			[]string{"A, B, C and 2 more could not be told: are away; you are told instead"}},
		{"what the reader stands in for comes first", missing(hot, "managers", other...),
			[]string{"facilities could not be told: what leads there is gone; you are told instead", "Alice could not be told: has blocked the bot; sre is told instead"}},
		{"those whom the episode does not name are counted", more,
			[]string{"Alice could not be told: has blocked the bot; you are told instead", "And 12 more could not be told"}},
		{"also alone", uncounted, []string{"1,000 could not be told"}},
		{"many reasons are some lines", missing(hot, "", reasons...),
			[]string{"P0 could not be told: reason 0; sre is told instead", "P1 could not be told: reason 1; sre is told instead",
				"P2 could not be told: reason 2; sre is told instead", "And 2 more could not be told"}},
		{"what is over needs nobody instead", over(later(missing(hot, "sre", unreached(blocked, "Alice")...))),
			[]string{"Alice could not be told: has blocked the bot"}},
		{"nobody took care for a while", escalatedAfter(hot, 15*time.Minute, "managers"),
			[]string{"Escalated to managers, 10:29: nobody had acknowledged it for 15 min"}},
		{"nor after that", repeated(escalatedAfter(hot, 15*time.Minute, "managers", "directors", "managers"), time.Hour),
			[]string{"Escalated to managers and directors, 11:29: nobody had acknowledged it for 1 h 15 min"}},
		{"somebody does now", withAck(escalatedAfter(hot, 15*time.Minute, "managers")), nil},
		{"it is silenced", withSilence(escalatedAfter(hot, 15*time.Minute, "managers"), 2*time.Hour, ""), nil},
		{"it is over", over(later(escalatedAfter(hot, 15*time.Minute, "managers"))), nil},
		{"somebody ended it", endedBy(escalatedAfter(hot, 15*time.Minute, "managers")), nil},
		{"most cards", hot, nil},
	} {
		require.Equal(t, c.want, reachOf(c.in), c.says)
	}
}

func TestAPhoneSaysWhyItRings(t *testing.T) {
	set := shippedSet(t)
	hot := hotRoom(now)
	for _, c := range []struct {
		in   Input
		want string
	}{
		{missing(hot, "sre", unreached("has blocked the bot", "Alice")...), "[CRITICAL, Alice not told] "},
		{missing(hot, "sre", unreached("has blocked the bot", "Alice", "Bob", "Carol")...), "[CRITICAL, Alice and 2 more not told] "},
		{missing(hot, "oncall", unreached("has blocked the bot", "Alice")...), "[CRITICAL] "}, // they know
		{escalatedAfter(hot, 15*time.Minute, "managers"), "[CRITICAL, escalated] "},
		{repeated(escalatedAfter(hot, 15*time.Minute, "managers"), time.Hour), "[CRITICAL, escalated] "},
		{withAck(escalatedAfter(hot, 15*time.Minute, "managers")), "[CRITICAL, acknowledged by Alice Ó Briain] "},
		{over(later(missing(hot, "sre", unreached("has blocked the bot", "Alice")...))), "[RESOLVED] "},
	} {
		for _, limit := range []Limit{WorkflowLimit, BotLimit} {
			m := set.Render(Default, c.in, limit)
			require.True(t, strings.HasPrefix(m.Summary, c.want), m.Summary)
			require.True(t, strings.HasPrefix(Minimal(c.in, limit).Summary, c.want), "the card that fails must not be taken for somebody else's")
		}
	}
}

func TestAShortMessageSaysWhyItsReadersAreCalled(t *testing.T) {
	hot := hotRoom(now)
	alone := escalatedAfter(hot, 15*time.Minute, "managers")
	says := func(in Input, called int) []string {
		tell := newTeller(in)
		var said []string
		for _, s := range tell.call(tell.story(0), called).Says {
			said = append(said, s.String())
		}
		return said
	}
	require.Equal(t, []string{"Escalated to managers: nobody had acknowledged it for 15 min."}, says(alone, 1))
	require.Equal(t, []string{"Still firing after 1 h 27 min, and nobody has acknowledged it."}, says(repeated(alone, time.Hour), alone.Group.Rev))
	require.Equal(t, []string{"Alice could not be told: has blocked the bot; you are told instead."},
		says(missing(hot, "sre", unreached("has blocked the bot", "Alice")...), 1))
	require.Equal(t, []string{"alice@contoso.com could not be told: is not known at Microsoft; you are told instead."},
		says(missing(hot, "sre", unreached("is not known at Microsoft", "alice@contoso.com")...), 1), "Alice@ is nobody's address")
	given := withDeeds(alone, func(d *deeds, g *group.Group) {
		d.do(group.Unacknowledged, sampleAlice, "")
		g.Alone, g.Escalated = d.in.Now, nil
	})
	require.Equal(t, []string{"Escalated to managers."}, says(given, 1), "for how long nobody had cared then is not known any more")
	reached := missing(hot, "sre")
	require.Equal(t, []string{"Still firing after 12 min."}, says(reached, 1), "they were told meanwhile, so nobody is missed")
}

func TestNamesAndReasonsCannotMakeACardTooLarge(t *testing.T) {
	set := shippedSet(t)
	in := hot(1000)
	for i := range 10 {
		in.Group.Misses = append(in.Group.Misses, group.Miss{
			Destination: "oncall", Who: strings.Repeat("Ö🔥", 500) + fmt.Sprint(i), Why: strings.Repeat("*\\`[", 2000) + fmt.Sprint(i), Fallback: strings.Repeat("&", 3000)})
	}
	in.Group.MoreMisses = 1 << 30
	for i := range 50 {
		in.Group.Spec.Escalate = append(in.Group.Spec.Escalate, group.Step{Targets: []group.Target{{Destination: strings.Repeat("<", 3000) + fmt.Sprint(i)}}})
		in.Group.Escalated = append(in.Group.Escalated, now)
	}
	for name, limit := range map[string]Limit{"webhook": WorkflowLimit, "bot": BotLimit} {
		m := set.Render(Default, in, limit)
		require.NoError(t, m.Fault)
		require.True(t, limit.fits(m), name)
		require.Contains(t, string(m.Card), "could not be told", "it may be all that the reader learns of them")
		small := Minimal(in, Limit{Bytes: 2000, Overhead: limit.Overhead, UTF16: limit.UTF16})
		require.True(t, Limit{Bytes: 2000, Overhead: limit.Overhead, UTF16: limit.UTF16}.fits(small), name)
	}
}

func TestALineOfManySaysWhatItsCardWould(t *testing.T) {
	hot := hotRoom(now)
	for _, c := range []struct {
		in   Input
		at   string
		want string
	}{
		{hot, "sre", ""},
		{missing(hot, "", unreached("has blocked the bot", "Alice")...), "sre", "Alice not told"},
		{missing(hot, "", unreached("has blocked the bot", "Alice")...), "oncall", ""},
		{escalatedAfter(hot, time.Minute, "managers"), "managers", "escalated"},
		{withAck(escalatedAfter(hot, time.Minute, "managers")), "managers", ""},
	} {
		require.Equal(t, c.want, Note(&c.in.Group, c.at))
	}
}
