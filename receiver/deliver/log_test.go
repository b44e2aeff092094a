package deliver

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// journal is a log, and a clock that stands still until it is set.
type journal struct {
	strings.Builder
	now       time.Time
	deliverer *Deliverer
}

func newJournal() *journal {
	j := &journal{now: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)}
	j.deliverer = &Deliverer{log: slog.New(slog.NewTextHandler(&j.Builder, nil)), now: func() time.Time { return j.now }}
	return j
}

// at has something happen at an address, and be stored.
func (j *journal) at(a Address, happens func(*turn)) {
	t := turn{d: j.deliverer, now: j.now, address: a}
	happens(&t)
	for _, then := range t.after {
		then()
	}
}

func somebody(i int) Address {
	return Address{Destination: "oncall", Who: fmt.Sprint("Person ", i), Name: fmt.Sprintf("p%d@contoso.com", i)}
}

func TestTheLogSaysThatAPersonIsBrokenAndNotTheirDestination(t *testing.T) {
	blocked := func(t *turn) {
		t.broken(teams.Outcome{Kind: teams.GiveUp, Reason: teams.Blocked, Message: "They have blocked it."}, false)
		t.mended()
		t.log().Info("Delivered")
	}
	j := newJournal()
	j.at(somebody(1), blocked)
	require.NotContains(t, j.String(), "ERROR", "the thousand others of the destination are told as ever")
	require.NotContains(t, j.String(), "he destination")
	require.Equal(t, 3, strings.Count(j.String(), "person=p1@contoso.com"), "whose it is, of a thousand: %s", j)
	j.at(somebody(2), blocked)
	require.Equal(t, 2, strings.Count(j.String(), "A person cannot be told"), "what somebody has done themselves is said of each")

	j = newJournal()
	j.at(Address{Destination: "sre"}, blocked)
	require.Contains(t, j.String(), `level=ERROR msg="The destination is broken" destination=sre`)
}

func TestWhatAThousandPeopleWaitForIsLoggedOnceAMinute(t *testing.T) {
	expired := func(t *turn) {
		t.broken(teams.Outcome{Kind: teams.Retry, Reason: teams.Auth, Broken: true, Message: "The secret has expired."}, true)
		t.logRetry(store.Delivery{Destination: "oncall", Reason: string(teams.Auth), Message: "The secret has expired."}, t.now)
	}
	j := newJournal()
	for i := range 1000 {
		j.at(somebody(i), expired)
	}
	require.Equal(t, 2, strings.Count(j.String(), "\n"), "whoever looks for the reason at 3 am finds it, and the lines before it")
	require.Equal(t, 2, strings.Count(j.String(), "The secret has expired."))
	j.at(somebody(1), func(t *turn) {
		t.logRetry(store.Delivery{Destination: "oncall", Reason: string(teams.Network)}, t.now)
	})
	require.Equal(t, 3, strings.Count(j.String(), "\n"), "another reason is news")
	j.now = j.now.Add(logAgain)
	j.at(somebody(1), expired)
	require.Equal(t, 5, strings.Count(j.String(), "\n"), "it is still so")

	j = newJournal()
	for i := range 3 {
		j.at(Address{Destination: fmt.Sprint("channel", i)}, expired)
	}
	require.Equal(t, 6, strings.Count(j.String(), "\n"), "each channel has a name that somebody looks for")
}
