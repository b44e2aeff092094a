package events

import (
	"bufio"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

const (
	butlerWebhooks = "Butler's outgoing webhooks"
	butlerContexts = "what Butler gives its templates"
	butlerMQTT     = "Butler's MQTT messages"
	qlikEvents     = "qlik.dev/apis/event"
)

var butlerBodies = []body{
	{file: "reload_failed", from: butlerWebhooks},
	{file: "reload_failed_without_execution", from: butlerWebhooks + ", of a task that is no reload"},
	{file: "reload_failed_without_anything", from: butlerWebhooks + ", of a server that answers nothing"},
	{file: "reload_aborted", from: butlerWebhooks},
	{file: "service_stopped", from: butlerWebhooks},
	{file: "service_started", from: butlerWebhooks},
	{file: "service_stopped_get", from: butlerWebhooks + ", as query parameters"},
	{file: "service_stopped_without_more", from: butlerMQTT},
	{file: "service_paused", from: butlerWebhooks},
	{file: "service_stopping", from: butlerWebhooks},
	{file: "service_still_running", from: butlerMQTT},
	{file: "license_expires", from: butlerWebhooks},
	{file: "license_expires_soon", from: butlerWebhooks},
	{file: "license_expires_get", from: butlerWebhooks + ", as query parameters"},
	{file: "license_expired", from: butlerWebhooks},
	{file: "license_status", from: butlerWebhooks},
	{file: "license_renewed", from: butlerWebhooks},
	{file: "context_failed", from: butlerContexts},
	{file: "context_failed_no_times", from: butlerContexts},
	{file: "context_aborted", from: butlerContexts},
	{file: "context_success", from: butlerContexts},
	{file: "context_cloud", from: butlerContexts},
	{file: "mqtt_task_failure", from: butlerMQTT},
	{file: "something_new", from: "a Butler of the future"},
}

var qlikCloudBodies = []body{
	{file: "legacy_error", from: qlikEvents + ", legacy"},
	{file: "legacy_ok", from: qlikEvents + ", legacy"},
	{file: "cloudevent_error", from: qlikEvents + ", CloudEvents"},
	{file: "hybrid_error", from: qlikEvents + ", both at once"},
	{file: "sparse_error", from: "Butler's own test"},
	{file: "reload_failed", from: qlikEvents + "/reloads"},
	{file: "reload_over_its_limit", from: qlikEvents + "/reloads"},
	{file: "reload_canceled", from: qlikEvents + "/reloads"},
	{file: "reload_succeeded", from: qlikEvents + "/reloads"},
	{file: "reload_succeeded_in_short", from: qlikEvents + "/reloads"},
	{file: "butler_context", from: butlerContexts},
	{file: "app_published", from: qlikEvents},
}

func TestWhatIsToldOfButler(t *testing.T)    { tables(t, "butler", butlerBodies) }
func TestWhatIsToldOfQlikCloud(t *testing.T) { tables(t, "qlik-cloud", qlikCloudBodies) }

func TestAServiceThatStopsAndStartsIsOneStory(t *testing.T) {
	stopped := toldAs(t, "butler", body{file: "service_stopped"})
	started := toldAs(t, "butler", body{file: "service_started"})
	require.Equal(t, stopped.Origin, started.Origin)
	require.Equal(t, stopped.Alerts[0].Fingerprint, started.Alerts[0].Fingerprint)
	require.Equal(t, stopped.Alerts[0].Labels, started.Alerts[0].Labels, "routes and inhibition see one alert that ends")
	require.Equal(t, alert.Resolved, started.Alerts[0].Status)
	require.Equal(t, map[string]string{"host": "SENSE01", "service": "QlikSenseEngineService"}, stopped.GroupLabels, "lists of dead letters say which service")
	require.False(t, started.Follows, "a start is told also where the stop was missed")
	for _, other := range []string{"service_stopped_get", "service_stopped_without_more", "service_still_running"} {
		require.Equal(t, stopped.Origin, toldAs(t, "butler", body{file: other}).Origin, other)
	}
	require.True(t, toldAs(t, "butler", body{file: "service_still_running"}).Follows, "a service that runs on is no news")
}

func TestEachExecutionOfAReloadIsAStoryOfItsOwn(t *testing.T) {
	failed := toldAs(t, "butler", body{file: "reload_failed"})
	require.Equal(t, failed.Origin, toldAs(t, "butler", body{file: "reload_aborted"}).Origin, "the same execution")
	require.Equal(t, failed.Origin, toldAs(t, "butler", body{file: "mqtt_task_failure"}).Origin)
	require.NotEqual(t, failed.Origin, toldAs(t, "butler", body{file: "reload_failed_without_execution"}).Origin)
	first := toldAs(t, "qlik-cloud", body{file: "legacy_error"})
	for _, other := range []string{"cloudevent_error", "hybrid_error", "reload_failed", "butler_context"} {
		require.Equal(t, first.Origin, toldAs(t, "qlik-cloud", body{file: other}).Origin, "%s is of the same reload", other)
	}
}

// corpus is a folder of real inputs that lies beside the project.
func corpus(t testing.TB, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "..", "shared", "corpus", pattern))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("the corpus of real inputs (../shared/corpus) is not beside the project")
	}
	return files
}

func TestRealInputsOfButlerGetTheirCards(t *testing.T) {
	for file, want := range map[string]struct{ preset, name, card string }{
		"webhooks/reload-failed.post.json":             {"butler", "QlikReloadFailed", "reload-failed"},
		"webhooks/reload-failed.get-url.txt":           {"butler", "QlikReloadFailed", "reload-failed"},
		"webhooks/reload-aborted.put.json":             {"butler", "QlikReloadAborted", "reload-aborted"},
		"webhooks/service-monitor.post.json":           {"butler", "WindowsServiceStopped", "service-stopped"},
		"webhooks/license-expiry.post.json":            {"butler", "QlikLicenseExpires", ""},
		"contexts/reload-failed-qseow.json":            {"butler", "QlikReloadFailed", "reload-failed"},
		"contexts/reload-failed-qseow-1753-dates.json": {"butler", "QlikReloadFailed", "reload-failed"},
		"contexts/reload-aborted-qseow.json":           {"butler", "QlikReloadAborted", "reload-aborted"},
		"contexts/reload-failed-qscloud.json":          {"qlik-cloud", "QlikCloudReloadFailed", "cloud-reload-failed"},
		"contexts/service-stopped.json":                {"butler", "WindowsServiceStopped", "service-stopped"},
		"contexts/service-started.json":                {"butler", "WindowsServiceStopped", "service-started"},
	} {
		t.Run(file, func(t *testing.T) {
			data, err := os.ReadFile(corpus(t, "butler/"+file)[0])
			require.NoError(t, err)
			if strings.HasSuffix(file, ".txt") {
				u, err := url.Parse(strings.TrimSpace(string(data)))
				require.NoError(t, err)
				data, err = fields(u.Query())
				require.NoError(t, err)
			}
			got := one(t, presetSource(t, want.preset), string(data))
			a := got.Alerts[0]
			require.Equal(t, want.name, a.Name())
			require.Equal(t, want.card, a.Annotations[alert.CardAnnotation])
			require.NotEmpty(t, a.Annotations["summary"])
			require.JSONEq(t, string(data), string(a.Event), "the card reads the rest from there")
			require.NotEqual(t, 1753, a.StartsAt.Year())
			one(t, presetSource(t, "generic"), string(data)) // who chose no preset gets a card too
		})
	}
}

func TestRealMessagesOfButlerToMQTTAreUnderstood(t *testing.T) {
	file, err := os.Open(corpus(t, "butler/mqtt-messages.jsonl")[0])
	require.NoError(t, err)
	defer file.Close()
	told := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var message struct{ Topic, Payload string }
		require.NoError(t, json.Unmarshal(lines.Bytes(), &message))
		if !strings.HasPrefix(message.Payload, "{") {
			continue // a bare name, which is no event
		}
		preset := "butler"
		if strings.HasPrefix(message.Topic, "qscloud/") {
			preset = "qlik-cloud"
		}
		got := one(t, presetSource(t, preset), message.Payload)
		require.NotEmpty(t, got.Alerts[0].Annotations[alert.CardAnnotation], message.Topic)
		told++
	}
	require.Equal(t, 5, told)
}

// GET makes texts of numbers, and a Butler of the future may make objects of
// texts: what is odd about one field must not cost the event.
func TestNoOddFieldCostsAnEventOfButlerOrQlik(t *testing.T) {
	for preset, bodies := range map[string][]body{"butler": butlerBodies, "qlik-cloud": qlikCloudBodies, "generic": genericBodies} {
		t.Run(preset, func(t *testing.T) {
			t.Parallel()
			tried := 0
			for _, b := range bodies {
				var whole any
				require.NoError(t, json.Unmarshal(raw(t, preset, b.file), &whole))
				holes(whole, "", 2, func(path string, dig func(any) func()) {
					for _, odd := range []any{removed{}, 7, true, []any{1, "a"}, map[string]any{"a": 1}} {
						back := dig(odd)
						data, err := json.Marshal(whole)
						back()
						require.NoError(t, err)
						_, err = presetSource(t, preset).Parse(data, b.header(), now)
						require.NoError(t, err, "%s with %v at %s", b.file, odd, path)
						tried++
					}
				})
			}
			require.Greater(t, tried, 300)
		})
	}
}

func TestStoriesOfButler(t *testing.T) {
	for name, c := range map[string]struct{ told, files []string }{
		"a service stops and starts": {
			[]string{"fired loudly", "nothing", "resolved", "nothing", "fired loudly"},
			[]string{"service_stopped", "service_stopped", "service_started", "service_started", "service_stopped"},
		},
		"a start whose stop nobody sent": {
			[]string{"resolved"}, []string{"service_started"},
		},
		"an execution that is aborted fails too": {
			[]string{"fired loudly", "updated"}, []string{"mqtt_task_failure", "reload_aborted"},
		},
		"a licence runs out": {
			[]string{"fired loudly", "nothing", "severity_rose loudly", "severity_rose loudly", "resolved"},
			[]string{"license_expires", "license_expires", "license_expires_soon", "license_expired", "license_renewed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := play(t, "butler", butlerBodies, c.files...)
			for i := range c.files {
				require.Equal(t, c.files[i]+": "+c.told[i], got[i])
			}
		})
	}
}
