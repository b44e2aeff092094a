package events

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// Where the shapes come from: Grafana's page "Configure the webhook notifier"
// of versions 8 to 13, Zulip's fixtures (zulip/zulip,
// zerver/webhooks/grafana/fixtures), and for rules without data Grafana's
// sources (grafana/grafana, pkg/services/ngalert/schedule/compat.go).
var grafanaBodies = []body{
	{"firing", "alert_values_v11.json", nil},
	{"two_and_one_over", "alert-9-mixed.json, with values", nil},
	{"resolved", "alert-9-resolved.json, with values", nil},
	{"truncated", "Grafana's page, with the contact point's largest number of alerts", nil},
	{"no_alerts", "Grafana's page", nil},
	{"null_alerts", "Grafana's page", nil},
	{"version_9", "alert-9.json", nil},
	{"version_8", "Grafana's page of version 8", nil},
	{"values_null", "alert_new_values.json", nil},
	{"no_data", "compat.go", nil},
	{"error", "compat.go", nil},
	{"test", "the button Test of a contact point", nil},
	{"without_group_key", "alert_no_alertname_v11.json, as of something between", nil},
	{"legacy_alerting", "alert.json", nil},
	{"legacy_ok", "alert_ok.json", nil},
	{"legacy_no_data", "no_data_alert_v7.json", nil},
	{"legacy_pending", "alert_pending.json", nil},
}

func TestWhatIsToldOfGrafana(t *testing.T) {
	tables(t, "grafana", grafanaBodies)
}

// A body lists all that fires in its group: with one story for two Grafanas,
// each would end the other's alerts.
func TestTwoGrafanasKeepApart(t *testing.T) {
	for _, body := range []string{
		`{"externalURL":"https://SITE","orgId":1,"receiver":"teams","groupKey":"{}:{}","alerts":[{"status":"firing","labels":{"alertname":"x"}}]}`,
		`{"ruleUrl":"https://SITE/d/1","orgId":1,"dashboardId":1,"ruleId":1,"ruleName":"x","state":"alerting"}`,
	} {
		origins := map[string]bool{}
		for _, site := range []string{"prod.example", "stage.example", "prod.example"} {
			origins[one(t, presetSource(t, "grafana"), strings.ReplaceAll(body, "SITE", site)).Origin] = true
		}
		require.Len(t, origins, 2, body)
	}
}

func TestARuleOfGrafanaMayNameACardButIsNone(t *testing.T) {
	for named, card := range map[string]string{`"threshold"`: "threshold", `"payload"`: "", `7`: "", `null`: ""} {
		got := one(t, presetSource(t, "grafana"), `{"alerts":[{"status":"firing","labels":{},"annotations":{"teamsrelay_card":`+named+`},"type":"AdaptiveCard","body":[]}]}`)
		require.Equal(t, card, got.Alerts[0].Annotations[alert.CardAnnotation])
	}
}

func TestABodyThatIsNotGrafanasIsRefusedInWords(t *testing.T) {
	_, err := presetSource(t, "grafana").Parse([]byte(`{"title":"Disk full"}`), http.Header{}, now)
	require.ErrorContains(t, err, "not what Grafana sends", "who changed the payload would look for the card in vain")
}
