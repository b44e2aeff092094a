package store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

func TestABriefComesBackAsItWasWritten(t *testing.T) {
	full := Brief{
		ID: 7, Title: "Down web-1", Severity: alert.SeverityCritical, Phase: group.Open, Since: time.Date(2026, 11, 21, 10, 2, 0, 0, time.UTC),
		Summary: "It is\ndown, \"quoted\", ü", Firing: 3, Alerts: 4, Destinations: []string{"ops", "dba"}, AckBy: "Alice", Owner: "Bob", SilencedBy: "Carol",
		SilencedUntil: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), Escalated: 2, Missed: 5,
	}
	for _, b := range []Brief{full, {}, {Destinations: []string{"ops"}}, {Since: time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC)}} {
		text, err := b.MarshalText()
		require.NoError(t, err)
		got := Brief{ID: b.ID}
		require.NoError(t, got.UnmarshalText(text))
		require.Equal(t, b, got)
	}
}

func TestTextsCannotPassForOtherFieldsOfABrief(t *testing.T) {
	text, err := Brief{Title: "a\x1f5\x1eb", Destinations: []string{"a\x1eb\x1fc"}, AckBy: "Alice"}.MarshalText()
	require.NoError(t, err)
	var got Brief
	require.NoError(t, got.UnmarshalText(text))
	require.Equal(t, Brief{Title: "a 5 b", Destinations: []string{"a b c"}, AckBy: "Alice"}, got)
}

func TestABriefOfAnEarlierVersionHasFewerFields(t *testing.T) {
	var got Brief
	require.NoError(t, got.UnmarshalText([]byte("Down\x1f5\x1fopen")))
	require.Equal(t, Brief{Title: "Down", Severity: alert.SeverityCritical, Phase: group.Open}, got)
	require.Error(t, got.UnmarshalText([]byte("Down\x1ffive")))
}
