// Package ingest says what sources hand to the engine. Its subpackages each
// turn one source's input into these types and know nothing of what follows.
package ingest

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// Snapshot is what a source that groups by itself says of one group: all that
// it tells of it now.
type Snapshot struct {
	Source string // "alertmanager"
	// Origin identifies the group: two replicas of the source that send the
	// same group have the same origin.
	Origin string
	// Destination, if not "", is where the group goes whatever the routes say.
	Destination string
	GroupLabels map[string]string
	Alerts      []alert.Alert
	// Complete: the origin is the sender's own key for the group, so an alert
	// that is not mentioned is unseen.
	Complete  bool
	Repeats   bool // see group.Received
	Truncated int
	Sender    group.SenderDetails
	// Event is set when the snapshot is an event of one alert.
	Event *group.Event
	// Partial: the event says less of its alert than others do. Labels and
	// annotations that it lacks stay as they were.
	Partial bool
	// Stateless: the event says nothing of whether its alert still fires. It
	// stays what it was; Status counts where nothing is known.
	Stateless bool
	// Follows: the event is news only to a story that is known. It begins none.
	Follows bool
}

// Posted is an alert that a source sends again and again while it fires.
type Posted struct {
	alert.Alert
	// Until is when a firing alert ends if it is not sent again.
	Until time.Time
}

// Origin joins what identifies a group at its source. What is long, or has a
// byte that a database may not take, is replaced by its hash.
func Origin(parts ...string) string {
	const separator, longest = "\x1f", 512
	origin := strings.Join(parts, separator)
	if len(origin) <= longest && !strings.Contains(origin, "\x00") {
		return origin
	}
	sum := sha256.Sum256([]byte(origin))
	return parts[0] + separator + hex.EncodeToString(sum[:])
}
