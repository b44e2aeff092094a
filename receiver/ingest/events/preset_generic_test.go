package events

import (
	"strings"
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

func TestWhatHasNoTitleIsCalledByItsFirstLine(t *testing.T) {
	long := strings.Repeat("ä", 200)
	for _, c := range []struct{ name, body, alertname, summary string }{
		{"one line", `{"text":"Backup finished"}`, "Backup finished", ""},
		{"several", `{"text":"\n Backup finished\nwithout errors"}`, "Backup finished", "\n Backup finished\nwithout errors"},
		{"a long one", `{"text":"` + long + `"}`, strings.Repeat("ä", 149) + "…", long},
		{"a title counts more", `{"text":"Backup finished","title":"db1"}`, "db1", "Backup finished"},
		{"what has a state keeps its name while its words change", `{"text":"Backup finished","status":"ok"}`, "generic", "Backup finished"},
		{"no words", `{"text":" \n"}`, "generic", ""},
		{"nothing", `{"x":true}`, "generic", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := one(t, presetSource(t, "generic"), c.body).Alerts[0]
			require.Equal(t, c.alertname, a.Name())
			require.Equal(t, c.summary, a.Annotations["summary"])
		})
	}
}

func TestADescriptionRepeatsNothingThatIsShownElsewhere(t *testing.T) {
	for body, want := range map[string]string{
		`{"title":"t","id":7,"key":"K","status":"down","severity":"high","version":3,"url":"https://x.example/1"}`: "",
		`{"title":"t","key":"K","done":true,"status":"limbo"}`:                                                     "done: true\nstatus: limbo", // in no list of states, and nowhere else
	} {
		require.Equal(t, want, one(t, presetSource(t, "generic"), body).Alerts[0].Annotations["description"], body)
	}
}

// To say FIRING of "the deployment is finished" would be wrong.
func TestWhatOnlyHappenedIsSaidToHaveHappened(t *testing.T) {
	for _, c := range []struct {
		preset, body string
		momentary    bool
	}{
		{"generic", `{"title":"Deployment finished"}`, true},
		{"generic", `{"title":"Deployment failed","status":"failed"}`, false},
		{"generic", `{"title":"Deployment","status":"ok"}`, false},
		{"generic", `{"@type":"MessageCard","text":"hello"}`, true},
		{"github", `{"action":"published","release":{"id":1,"tag_name":"v1"},"repository":{"full_name":"a/b"}}`, true},
		{"github", `{"action":"opened","issue":{"number":7,"title":"Broken"},"repository":{"full_name":"a/b"}}`, false},
		{"jira", `{"webhookEvent":"comment_created","comment":{"id":"1","body":"hello"},"issue":{"key":"OPS-1"}}`, false},
		{"butler", `{"event":"Qlik Sense reload failed","executionId":"7d0e7a3b"}`, true},
		{"grafana", `{"alerts":[{"labels":{"alertname":"x"}}]}`, false},
	} {
		require.Equal(t, c.momentary, one(t, presetSource(t, c.preset), c.body).Alerts[0].Momentary, c.body)
	}
}
