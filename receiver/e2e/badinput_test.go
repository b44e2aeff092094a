package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

// spaces is a body without an end that takes no memory.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// refusal is what a request that is not taken is answered with.
type refusal struct{ Error, Hint string }

// oneAlert is a body of Alertmanager's with one alert that has these labels.
func oneAlert(version, labels string) string {
	return `{"version":"` + version + `","groupKey":"g","status":"firing","alerts":[{"status":"firing","labels":` + labels + `}]}`
}

func TestBadBodiesAreRefusedInWordsAndLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	const huge = 100 << 20
	teams, url := startTeams(t, teamstest.Options{})
	relay := serve(t, plainProgram(t), t.TempDir(), configuration(destination("ops", url+"/workflow/ops", fast)))
	require.Equal(t, http.StatusOK, relay.post("/alertmanager", body("Good", "firing")).status)
	cards(t, teams, "ops", 1)
	before := peakMemory(t, relay)

	manyLabels := map[string]string{"alertname": "ManyLabels"}
	for i := range 10_000 {
		manyLabels[fmt.Sprintf("label_%05d", i)] = "x"
	}
	labels, err := json.Marshal(manyLabels)
	require.NoError(t, err)
	plain := func(text string) func() (io.Reader, int64) {
		return func() (io.Reader, int64) { return strings.NewReader(text), int64(len(text)) }
	}
	for name, c := range map[string]struct {
		body   func() (io.Reader, int64)
		status int
		words  string
	}{
		"nothing":                         {plain(""), http.StatusBadRequest, "empty"},
		"no JSON":                         {plain("hello"), http.StatusBadRequest, "JSON"},
		"JSON that breaks off":            {plain(`{"version":"4","alerts":[{`), http.StatusBadRequest, "JSON"},
		"a version that does not exist":   {plain(oneAlert("5", `{"alertname":"x"}`)), http.StatusBadRequest, "version"},
		"10,000 labels":                   {plain(oneAlert("4", string(labels))), http.StatusBadRequest, "labels"},
		"5 million nested lists":          {plain(`{"alerts":` + strings.Repeat("[", 5<<20)), http.StatusBadRequest, "JSON"},
		"100 MB that are announced":       {func() (io.Reader, int64) { return io.LimitReader(spaces{}, huge), huge }, http.StatusRequestEntityTooLarge, "10 MiB"},
		"100 MB that are not announced":   {func() (io.Reader, int64) { return io.LimitReader(spaces{}, huge), -1 }, http.StatusRequestEntityTooLarge, "10 MiB"},
		"almost 10 MiB of nothing at all": {func() (io.Reader, int64) { return io.LimitReader(spaces{}, 9<<20), -1 }, http.StatusBadRequest, "empty"},
	} {
		t.Run(name, func(t *testing.T) {
			var response *http.Response
			// Who still writes when the answer comes may lose it with the connection.
			eventually(t, patience, "it answers", func() bool {
				reader, length := c.body()
				request, err := http.NewRequest(http.MethodPost, relay.url+"/alertmanager", reader)
				require.NoError(t, err)
				request.ContentLength = length
				response, err = http.DefaultClient.Do(request)
				return err == nil
			})
			defer response.Body.Close()
			require.Equal(t, c.status, response.StatusCode)
			var said refusal
			require.NoError(t, json.NewDecoder(response.Body).Decode(&said))
			require.Contains(t, said.Error, c.words)
			require.NotEmpty(t, said.Hint, "it does not say what to do")
		})
	}

	// A body of the largest size is there twice while it is read, and Go's
	// collector leaves as much again lying about, more on a busy machine.
	grown := peakMemory(t, relay) - before
	t.Logf("peak memory grew by %d MiB from %d MiB", grown>>20, before>>20)
	require.Less(t, grown, huge, "a body over the limit was held in memory")
	require.Len(t, list[web.Alert](relay, "alerts", "?open=false"), 1, "something of a bad body was stored")
	require.Equal(t, http.StatusOK, relay.post("/alertmanager", body("Good", "resolved")).status, "and it goes on")
	cards(t, teams, "ops", 2)
}

// peakMemory is the most that a process ever had in memory, in bytes.
func peakMemory(t *testing.T, r *relay) (bytes int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0 // only Linux says it
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(status)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &bytes); err == nil {
			return bytes << 10
		}
	}
	t.Fatal("/proc does not say VmHWM")
	return 0
}
