package card

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"
)

// ofEvent is a group of one alert that was made of an event.
func ofEvent(body string, labels map[string]string) Input {
	in := one(labels, nil)
	in.Group.Alerts[0].Event = json.RawMessage(body)
	return in
}

// says renders one text with a template.
func says(t *testing.T, template string, in Input) string {
	t.Helper()
	set, problems := New([]Source{{Name: "x.tmpl", Text: `{{ define "x" }}{"type": "AdaptiveCard", "version": "1.5", "body": [
		{"type": "CodeBlock", "codeSnippet": "` + template + `"}]}{{ end }}`}})
	require.Empty(t, problems)
	message := set.Render("x", in, WorkflowLimit)
	require.NoError(t, message.Fault)
	var card struct {
		Body []struct{ CodeSnippet string }
	}
	require.NoError(t, json.Unmarshal(message.Card, &card))
	return card.Body[0].CodeSnippet
}

func TestButlersVariablesAreFoundWhereverASourcePutsThem(t *testing.T) {
	tests := []struct {
		name, template, want string
		event                string
		labels               map[string]string
	}{
		{
			name:     "in a body of Butler's",
			template: `{{ appName }}/{{ taskName }}/{{ hostName }}`, want: "Sales/Nightly/Q1",
			event: `{"appName": "Sales", "taskName": "Nightly", "hostName": "Q1"}`,
		},
		{
			name:     "in an event of Qlik Cloud's own",
			template: `{{ appName }} {{ appId }} {{ tenantId }} {{ reloadId }}`, want: "Sales a1 t1 r1",
			event: `{"data": {"name": "Sales", "reloadId": "r1"}, "extensions": {"topLevelResourceId": "a1", "tenantId": "t1"}}`,
		},
		{
			name:     "in the tags that Butler writes to InfluxDB, one of them misspelt",
			template: `{{ appName }} {{ taskName }} {{ executionStatusText }} {{ serverName }} {{ appTags }}`, want: "Sales Nightly FinishedFail Q1 Finance, Prod",
			labels: map[string]string{"app_name": "Sales", "task_name": "Nightly", "task_exeuctionStatusText": "FinishedFail", "host": "Q1", "appTag_Finance": "true", "appTag_Prod": "true"},
		},
		{
			name:     "what Qlik Cloud says in other words: a duration in milliseconds, times, links, errors",
			template: `{{ executionDuration.seconds }} {{ executionStopTime.stopTimeLocal1 }} {{ appUrl }} {{ qmcUrl }} {{ qlikSenseHub }} {{ reloadId }} {{ executionId }}: {{ errorMessage }}`,
			want:     "17 2026-11-21 09:59:58 https://nord.eu.qlikcloud.com/sense/app/a1 https://nord.eu.qlikcloud.com/console https://nord.eu.qlikcloud.com r1 r1: Unknown statement\nStopped",
			event: `{"type": "com.qlik.v1.reload.finished", "host": "nord.eu.qlikcloud.com", "data": {"id": "r1", "appId": "a1", "duration": 17000, "endTime": "2026-11-21T09:59:58Z",
				"errors": [{"code": "E", "message": "Unknown statement"}, "Stopped"]}}`,
		},
		{
			name:     "a host that only sounds like Qlik Cloud's makes no links",
			template: `[{{ appUrl }}{{ tenantUrl }}]`, want: "[]", event: `{"host": "qlikcloud.com.attacker.example", "data": {"appId": "a1"}}`,
		},
		{
			name:     "in the small letters of Butler's GET for services",
			template: `{{ serviceDisplayName }} {{ host }}`, want: "Spooler Q1",
			event: `{"servicedisplayname": "Spooler", "host": "Q1"}`,
		},
		{
			name:     "InfluxDB's undefined is no name of an app",
			template: `[{{ appName }}]`, want: "[]", labels: map[string]string{"app_name": "undefined"},
		},
		{
			name:     "nowhere: nothing breaks, whatever is asked of it",
			template: `{{ appName }}{{ executionDuration.hours }}{{ (executionStartTime).startTimeLocal1 }}{{ range genericUrls }}x{{ end }}{{ .Event.a }}{{ event "a.b[3].c" }}{{ scriptLog }}{{ field "executionDuration" }}`,
		},
		{
			name:     "objects and lists keep their shape, and can be printed",
			template: `{{ executionDuration.minutes }}m {{ executionDuration }} {{ executionStartTime }} {{ taskTags }}{{ range genericUrls }} {{ .linkText }}{{ end }}{{ range executionDetails }} {{ .message }}{{ end }}`,
			want:     "2m 2 min 2024-10-14 13:31:22 Finance, Prod Docs Trying",
			event: `{"executionDuration": {"hours": 0, "minutes": 2, "seconds": 5}, "executionStartTime": {"startTimeLocal1": "2024-10-14 13:31:22"},
				"taskTags": ["Finance", "Prod"], "genericUrls": [{"linkText": "Docs"}], "executionDetails": [{"timestampUTC": "now", "message": "Trying"}]}`,
		},
		{
			name:     "Qlik's date of 1753 is no date",
			template: `{{ appPublishTime }} {{ taskNextExecution }} [{{ field "appPublishTime" }}]`, want: "- Never []",
			event: `{"appPublishTime": "1753-01-01T00:00:00.000Z", "taskNextExecution": "1753-01-01T00:00:00.000Z"}`,
		},
		{
			name:     "null is nothing, false and 0 are something",
			template: `[{{ appStreamName }}] {{ appPublished }} {{ taskMaxRetries }} {{ field "taskMaxRetries" }}`, want: "[] false 0 0",
			event: `{"appStreamName": null, "appPublished": false, "taskMaxRetries": 0}`,
		},
		{
			name:     "large numbers are written with their digits",
			template: `{{ appFileSize }} {{ .Event.appFileSize }} {{ usageDuration }}`, want: "1234567 1234567 1.234",
			event: `{"appFileSize": 1234567, "usageDuration": 1.234}`,
		},
		{
			name:     "the script log is head and tail, the lines of both once, Butler's escapes taken back",
			template: `{{ scriptLog }}`, want: "one\ntwo C:\\x\nthree",
			event: `{"scriptLogHead": "one\\ntwo C:\\\\x", "scriptLogTail": "two C:\\\\x\\nthree"}`,
		},
		{
			name:     "a gap in the script log is shown",
			template: `{{ scriptLog }}`, want: "one\n…\nnine",
			event: `{"scriptLogHead": "one", "scriptLogTail": "nine"}`,
		},
		{
			name:     "a raw log keeps its backslashes",
			template: `{{ scriptLog }}`, want: "a\\new\nb", event: `{"scriptLog": "a\\new\r\nb"}`,
		},
		{
			name:     "the error is the error, else the log's message",
			template: `{{ errorMessage }}`, want: "Max retries reached", event: `{"logMessage": "Max retries reached"}`,
		},
		{
			name:     "what the source calls an error wins",
			template: `{{ errorMessage }}`, want: "Reload failed", event: `{"logMessage": "long log", "errorMessage": "Reload failed"}`,
		},
		{
			name:     "without a message the error is what Qlik did last",
			template: `{{ errorMessage }}`, want: "10:00 Started, 10:01 Failed",
			event: `{"executionDetails": [{"timestampUTC": "10:00", "message": "Started"}, {"timestampUTC": "10:01", "message": "Failed"}]}`,
		},
		{
			name:     "the other names of design §6",
			template: `{{ serverName }} {{ environment }} {{ severity }} {{ qmcUrl }} {{ timestamp }}`,
			want:     "Q1 Prod tenant critical https://q/console 2024-10-14 13:31:39",
			event:    `{"hostName": "Q1", "tenantComment": "Prod tenant", "qlikSenseQMC": "https://q/console", "logTimeStamp": "2024-10-14 13:31:39"}`,
			labels:   map[string]string{"severity": "critical"},
		},
		{
			name:     "without a time in the log it began when the alert began",
			template: `{{ timestamp }}`, want: "10:02 UTC",
		},
		{
			name:     "the duration that Butler writes to InfluxDB as text",
			template: `{{ executionDuration.seconds }}`, want: "17",
			labels: map[string]string{"task_executionDuration_json": `{"hours":0,"minutes":0,"seconds":17}`},
		},
		{
			name:     "field finds names that are not Butler's",
			template: `{{ field "issue.key" }} {{ field "rack" }}`, want: "OPS-1 r1",
			event: `{"issue": {"key": "OPS-1"}}`, labels: map[string]string{"rack": "r1"},
		},
		{
			name:     "event gives values of any kind",
			template: `{{ range event "tags" }}{{ .name }} {{ end }}{{ event "tags[1].name" }} {{ event ".tags[0].n" }}`, want: "a b b 1.5",
			event: `{"tags": [{"name": "a", "n": 1.5}, {"name": "b"}]}`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := one(test.labels, nil)
			in.Group.Alerts[0].StartsAt = at(10, 2)
			if test.event != "" {
				in.Group.Alerts[0].Event = json.RawMessage(test.event)
			}
			require.Equal(t, test.want, says(t, test.template, in))
		})
	}
}

func TestNoVariableTakesTheNameOfAFunction(t *testing.T) {
	shared := sharedFuncs()
	for name := range (&render{}).variableFuncs() {
		require.NotContains(t, shared, name, "templates that use the function would break")
		_, err := template.New("").Parse("{{ " + name + " }}")
		require.ErrorContains(t, err, "not defined", "%s is a function of Go's", name)
	}
}

func TestEveryValueOfButlersContextsHasItsVariable(t *testing.T) {
	for _, file := range corpus(t, "butler/contexts") {
		body, err := os.ReadFile(file)
		require.NoError(t, err)
		var event map[string]any
		require.NoError(t, json.Unmarshal(body, &event))
		in := ofEvent(string(body), nil)
		for name, value := range event {
			require.Contains(t, variables, name, "a template of Butler's that uses it would be refused")
			if text, ok := value.(string); ok && !strings.Contains(text, `\`) && !strings.HasPrefix(text, "1753") {
				require.Equal(t, text, says(t, "{{ "+name+" }}", in), "%s of %s", name, filepath.Base(file))
			}
		}
	}
}

func TestAPathThatIsNoneIsTheTemplatesMistake(t *testing.T) {
	for _, path := range []string{"a..b", "a[x]", "a[", "a[1]b", "a[-1]"} {
		_, err := readPath(path)
		require.ErrorContains(t, err, "write a.b[0].c", path)
	}
	require.Equal(t, map[string]any{"a": 1.0}, must(readPath(".")).in(map[string]any{"a": 1.0}), "the whole event")
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
