package events

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const ownWords = "what people write by hand"

var genericBodies = []body{
	{file: "text_only", from: ownWords},
	{file: "firing", from: ownWords},
	{file: "resolved", from: ownWords},
	{file: "resolved_by_a_boolean", from: ownWords},
	{file: "wrapped", from: ownWords},
	{file: "odd_status", from: ownWords},
	{file: "http_status", from: ownWords},
	{file: "cloudevent", from: "cloudevents.io"},
	{file: "long_and_nested", from: ownWords},
	{file: "nothing_known", from: ownWords},
	{file: "uptime_up", from: ownWords},
}

func TestWhatIsGuessedOfAnyJSON(t *testing.T) { tables(t, "generic", genericBodies) }

func TestAGuessedStoryEnds(t *testing.T) {
	require.Equal(t, toldAs(t, "generic", body{file: "firing"}).Origin, toldAs(t, "generic", body{file: "resolved"}).Origin)
}
