package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// corpus is where payloads by others are kept, beside the project.
const corpus = "../../../shared/corpus/alertmanager-payloads"

// webhookLimit is the largest message that a Workflows webhook takes, in bytes.
const webhookLimit = 28 << 10

func TestEveryPayloadOfOthersIsACardOrAClearRefusal(t *testing.T) {
	var files []string
	err := filepath.WalkDir(corpus, func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".json" {
			files = append(files, path)
		}
		return err
	})
	if os.IsNotExist(err) {
		t.Skip("the corpus of payloads is not beside the project")
	}
	require.NoError(t, err)
	require.NotEmpty(t, files)
	t.Parallel()

	// A destination for each, so that it is clear which card is whose.
	teams, url := startTeams(t, teamstest.Options{})
	entries := []string{destination("ops", url+"/workflow/ops", fast)}
	for i := range files {
		name := fmt.Sprintf("file%d", i)
		entries = append(entries, destination(name, url+"/workflow/"+name, fast))
	}
	relay := startRelay(t, configuration(entries...))
	accepted, refused := 0, 0
	for i, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			payload, err := os.ReadFile(file)
			require.NoError(t, err)
			name := fmt.Sprintf("file%d", i)
			got := relay.post("/alertmanager/"+name, payload)
			switch got.status {
			case http.StatusOK:
				accepted++
				if alerts(payload) == 0 {
					return // nothing to tell
				}
				message := cards(t, teams, name, 1)[0]
				require.LessOrEqual(t, message.Bytes, webhookLimit)
				require.NotEmpty(t, message.Summary, "the notification would be blank")
			case http.StatusBadRequest:
				refused++
				var said refusal
				require.NoError(t, json.Unmarshal([]byte(got.body), &said))
				require.NotEmpty(t, said.Error)
				require.NotEmpty(t, said.Hint)
				require.Empty(t, teams.Messages(name))
				require.Contains(t, said.Error, "version", "nothing but a version that does not exist is a reason to lose an alert")
			default:
				t.Errorf("answered %d: %s", got.status, got.body)
			}
		})
	}
	for _, m := range teams.Messages("") {
		require.True(t, m.Shown, "Teams would not show it: %s", m.Reason)
	}
	t.Logf("%d taken, %d refused", accepted, refused)
}

// alerts is how many alerts a payload has.
func alerts(payload []byte) int {
	var body struct{ Alerts []json.RawMessage }
	_ = json.Unmarshal(payload, &body) // what was taken can be read
	return len(body.Alerts)
}
