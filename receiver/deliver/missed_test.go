package deliver

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// standIns are those who are told in somebody's place: what they heard of whom,
// and when.
type standIns struct {
	o     *office
	began time.Time
	heard []string // "disk missed: has blocked the bot", "disk reached", in the order of the commits
	at    map[string]time.Duration
	calls int   // of Missed and Reached, also in transactions that were taken back
	fail  error // of the next call
}

// with gives the Deliverer stand-ins. What they do raises the post itself, as an
// episode does that changes.
func (o *office) standIns() *standIns {
	s := &standIns{o: o, began: time.Now(), at: map[string]time.Duration{}}
	o.missed = func(tx store.Tx, p *store.Post, reason teams.Reason, words string) (func(), error) {
		p.Missed = true
		return s.told(tx, p, "missed: "+words)
	}
	o.reached = func(tx store.Tx, p *store.Post) (func(), error) {
		return s.told(tx, p, "reached")
	}
	o.stop()
	o.start("one")
	return s
}

func (s *standIns) told(tx store.Tx, p *store.Post, what string) (func(), error) {
	s.calls++
	if err := s.fail; err != nil {
		s.fail = nil
		return nil, err
	}
	stored, err := tx.Post(p.ID)
	if err != nil {
		return nil, err
	}
	if stored.State == store.Shown { // its card says that nobody stands in any more
		stored.Raise(stored.Want, group.Due{}, store.RankQuiet, time.Now())
		if err := tx.SavePost(&stored); err != nil {
			return nil, err
		}
	}
	title := p.Title
	return func() {
		s.heard = append(s.heard, title+" "+what)
		s.at[title] = time.Since(s.began)
	}, nil
}

func inMissingOffice(t *testing.T, test func(o *office, s *standIns)) {
	inOffice(t, func(o *office) {
		o.bot()
		test(o, o.standIns())
	})
}

// ofA is what is said of the address "a".
func ofA(reason teams.Reason) string { return because(&Address{}, reason) }

func always(o teams.Outcome) func(message) *teams.Outcome {
	return func(message) *teams.Outcome { return &o }
}

func TestWhoIsGivenUpIsMissedAtOnce(t *testing.T) {
	for _, reason := range []teams.Reason{teams.Blocked, teams.NotInstalled, teams.Policy, teams.Rejected, teams.Auth, teams.Service} {
		inMissingOffice(t, func(o *office, s *standIns) {
			o.channel.answer = always(teams.Outcome{Kind: teams.GiveUp, Reason: reason, Status: 403})
			o.raise(store.RankLoud, "disk")
			o.after(time.Second)
			require.Equal(t, []string{"disk missed: " + ofA(reason)}, s.heard, "the fallback would sleep on")
			require.True(t, o.post("disk").Missed)
			require.Equal(t, store.Dead, o.post("disk").State)
			o.raise(store.RankLoud, "disk")
			o.after(time.Minute)
			require.Len(t, s.heard, 1, "the fallback would be told of the same again and again")

			o.channel.answer = nil
			o.update(func(tx store.Tx) error {
				p, err := tx.PostOf(o.groups["disk"].ID, "a")
				if err != nil {
					return err
				}
				p.Replay(time.Now())
				row := store.Address{Address: "a"}
				return errors.Join(tx.SavePost(&p), tx.SaveAddress(&row))
			})
			o.deliverer.Wake("a")
			o.after(time.Minute)
			require.Equal(t, "disk reached", s.heard[len(s.heard)-1], "the card would say for ever that somebody was not told")
			require.Len(t, s.heard, 2)
			require.False(t, o.post("disk").Missed)
			require.Equal(t, store.Shown, o.post("disk").State)
			require.NotEmpty(t, o.post("disk").MessageID, "what was recorded of the delivery must outlive what the stand-ins did")
		})
	}
}

func TestWhoIsBehindABrokenAddressIsMissedToo(t *testing.T) {
	inMissingOffice(t, func(o *office, s *standIns) {
		o.channel.answer = always(teams.Outcome{Kind: teams.GiveUp, Reason: teams.Blocked, Status: 403})
		o.raise(store.RankLoud, names("g", 120)...)
		o.after(5 * time.Second)
		require.Len(t, s.heard, 120, "what is buried without an attempt has a fallback too")
		slices.Sort(s.heard)
		require.Len(t, slices.Compact(s.heard), 120, "each once")
	})
}

func TestWithoutASignInEverybodyWhoWaitsIsMissedAtOnce(t *testing.T) {
	inMissingOffice(t, func(o *office, s *standIns) {
		o.channel.answer = always(teams.Outcome{Kind: teams.Retry, Reason: teams.Auth, Broken: true, Message: "the secret has expired"})
		o.raise(store.RankLoud, names("g", 130)...)
		o.after(2 * time.Second)
		require.Len(t, s.heard, 130, "one attempt a minute is made for one of them, and the others must not wait for theirs")
		require.Equal(t, "g7 missed: "+ofA(teams.Auth), s.heard[slices.Index(s.heard, "g7 missed: "+ofA(teams.Auth))])

		o.raise(store.RankLoud, "later")
		o.after(11 * time.Second)
		require.Len(t, s.heard, 131, "what comes while it is broken is missed with the next scan")
		o.after(10 * time.Minute)
		require.Len(t, s.heard, 131)

		o.channel.answer = nil
		o.after(3 * time.Minute)
		require.Len(t, s.heard, 262, "all are told in the end, and then nobody misses them")
		require.False(t, o.post("g7").Missed)
	})
}

func TestWhoIsNotToldForFiveMinutesIsMissed(t *testing.T) {
	for _, c := range []struct {
		says   string
		answer teams.Outcome
		from   time.Duration
	}{
		{"Teams is down", teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable, Status: 503}, missedAfter},
		{"Teams does not answer", teams.Outcome{Kind: teams.Retry, Reason: teams.Timeout, Uncertain: true}, missedAfter},
		{"Teams throttles", teams.Outcome{Kind: teams.Retry, Reason: teams.Throttled, Status: 429, After: 20 * time.Second}, missedAfter},
		{"Teams asks for patience that is longer than that", teams.Outcome{Kind: teams.Retry, Reason: teams.Throttled, Status: 429, After: time.Hour}, 0},
	} {
		inMissingOffice(t, func(o *office, s *standIns) {
			o.channel.answer = always(c.answer)
			o.raise(store.RankLoud, names("g", 40)...)
			o.after(missedAfter - time.Second)
			if c.from > 0 {
				require.Empty(t, s.heard, "%s: what passes within five minutes disturbs nobody else", c.says)
			}
			o.after(scanEvery + 3*time.Second)
			require.Len(t, s.heard, 40, "%s: also those that were not tried yet", c.says)
			first := time.Hour
			for _, at := range s.at {
				first = min(first, at)
			}
			require.InDelta(t, c.from, first, float64(2*time.Second), c.says)
			o.after(10 * time.Minute)
			require.Len(t, s.heard, 40, "%s: once", c.says)
		})
	}
}

func TestAPostThatAlwaysFailsIsMissedAfterFiveMinutesAndItsNeighboursAreNot(t *testing.T) {
	inMissingOffice(t, func(o *office, s *standIns) {
		o.channel.answer = func(m message) *teams.Outcome {
			if m.Groups[0] == "poison" {
				return &teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable, Status: 502}
			}
			return nil
		}
		o.raise(store.RankLoud, "poison")
		for i := range 20 {
			o.after(20 * time.Second)
			o.raise(store.RankLoud, fmt.Sprint("g", i))
		}
		o.after(time.Minute)
		require.Equal(t, []string{"poison missed: " + ofA(teams.Unavailable)}, s.heard)
		require.InDelta(t, missedAfter, s.at["poison"], float64(2*time.Second), "the backoff must not make it eight minutes")
	})
}

func TestWhoOnlyWaitsForThePaceIsNotMissed(t *testing.T) {
	inOffice(t, func(o *office) {
		o.channel.windows = []Window{{1, 2 * time.Minute}}
		a := o.addresses["a"]
		a.Pace = o.channel.windows
		o.addresses["a"] = a
		s := o.standIns()
		for i := range 4 {
			o.raise(store.RankLoudCritical, fmt.Sprint("g", i))
			o.after(time.Second)
		}
		o.after(10 * time.Minute)
		require.Len(t, o.channel.told(), 4)
		require.Empty(t, s.heard)
	})
}

func TestACardThatOnlySaysWhatWasIsNoReasonToTellOthers(t *testing.T) {
	inMissingOffice(t, func(o *office, s *standIns) {
		o.raise(store.RankLoud, "disk")
		o.after(time.Minute)
		o.channel.answer = always(teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable, Status: 503})
		o.raise(store.RankQuiet, "disk")
		o.after(20 * time.Minute)
		require.Empty(t, s.heard, "they know of the alert; a quiet edit is late")
		o.raise(store.RankLoud, "disk")
		o.after(6 * time.Minute)
		require.Equal(t, []string{"disk missed: " + ofA(teams.Unavailable)}, s.heard, "but what is loud has to reach somebody")
	})
}

func TestADigestReachesWhoWasMissed(t *testing.T) {
	inOffice(t, func(o *office) {
		s := o.standIns()
		o.channel.answer = always(teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable, Status: 503})
		o.raise(store.RankLoud, names("g", 100)...)
		o.after(6 * time.Minute)
		require.Len(t, s.heard, 100)
		o.channel.answer = nil
		o.after(2 * time.Minute)
		require.Equal(t, "digest", o.channel.messages()[0].Kind)
		require.Len(t, s.heard, 200)
	})
}

func TestWhatIsToldOfAMissRunsOnceAndOnlyAfterTheCommit(t *testing.T) {
	inMissingOffice(t, func(o *office, s *standIns) {
		o.channel.answer = always(teams.Outcome{Kind: teams.GiveUp, Reason: teams.Blocked, Status: 403})
		s.fail = fmt.Errorf("%w: the disk is full", store.ErrUnavailable)
		o.raise(store.RankLoud, "disk")
		o.after(100 * time.Millisecond)
		require.Equal(t, 1, s.calls)
		require.Empty(t, s.heard, "a transaction that was taken back has told nobody")
		require.Equal(t, store.Sending, o.post("disk").State)
		o.after(2 * time.Second)
		require.Equal(t, 2, s.calls)
		require.Len(t, s.heard, 1)
		require.Len(t, o.channel.attempts(), 1, "what came of an attempt is recorded, not tried again")
	})
}

func TestAGroupThatCannotBeReadHoldsUpNobodysMiss(t *testing.T) {
	inFaultyOffice(t, func(o *office, f *faulty) {
		s := o.standIns()
		o.channel.answer = always(teams.Outcome{Kind: teams.GiveUp, Reason: teams.NotFound, Status: 404})
		a := o.addresses["a"]
		a.MaxAge = time.Hour
		o.addresses["a"] = a
		o.raise(store.RankLoud, "bad")
		f.bad.Store(o.groups["bad"].ID)
		o.raise(store.RankLoud, names("g", 5)...)
		o.after(2 * time.Hour)
		require.Len(t, s.heard, 5, "one bad row would keep the dead letters of an address from being recorded")
		require.Equal(t, store.Dead, o.post("bad").State)
	})
}

func TestWhereNobodyIsToldInsteadNobodyIsAskedAllTheTime(t *testing.T) {
	inMissingOffice(t, func(o *office, s *standIns) {
		asked := 0
		o.stop()
		o.missed = func(store.Tx, *store.Post, teams.Reason, string) (func(), error) { asked++; return nil, nil }
		o.start("one")
		o.channel.answer = always(teams.Outcome{Kind: teams.Retry, Reason: teams.Unavailable, Status: 503})
		o.raise(store.RankLoud, names("g", 20)...)
		o.after(20*time.Minute + missedAfter)
		require.LessOrEqual(t, asked, 20*20+60, "in an outage the store would work for nobody")
		require.GreaterOrEqual(t, asked, 20*16, "but a fallback that is put into the file during an outage is to hear of it")
		require.False(t, o.post("g7").Missed)
	})
}
