package ruler_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// TestSettlingSaysOnlyWhatIsNew would fail for whoever watches by a timer, and
// would tell every time what was told.
func TestSettlingSaysOnlyWhatIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start(hot)
		defer func() { r.stop() }()
		late := func(rack string) alert.Alert {
			return alert.Alert{Status: alert.Firing, Labels: map[string]string{"alertname": "Late", "rack": rack}, StartsAt: time.Now()}
		}
		other := late("r9")
		other.Labels["alertname"] = "Other"
		require.NoError(t, r.ruler.Report(t.Context(), other))
		r.told()

		settle := func(firing ...alert.Alert) []string {
			require.NoError(t, r.ruler.Settle(t.Context(), "Late", firing))
			return r.told()
		}
		require.Equal(t, []string{"firing r1", "firing r2"}, settle(late("r1"), late("r2")))
		require.Empty(t, settle(late("r1"), late("r2")))
		require.Equal(t, []string{"firing r3", "resolved r1"}, settle(late("r2"), late("r3")))
		require.ElementsMatch(t, []string{"resolved r2", "resolved r3"}, settle())
		require.Empty(t, settle())
		reported, err := r.ruler.Reported(t.Context())
		require.NoError(t, err)
		require.Len(t, reported, 1, "what has another name is not its to end")
	})
}
