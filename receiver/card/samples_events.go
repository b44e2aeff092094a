package card

import (
	"fmt"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// The cards for events.
const (
	serviceStopped    = "service-stopped"
	serviceStarted    = "service-started"
	reloadFailed      = "reload-failed"
	reloadAborted     = "reload-aborted"
	cloudReloadFailed = "cloud-reload-failed"
)

func serviceSamples(now time.Time) []Sample {
	stopped := story("butler", now, serviceMember(now.Add(-12*time.Minute), serviceStopped))
	started := over(stopped)
	started.Group.Alerts[0].Annotations = serviceMember(now, serviceStarted).Annotations
	started.Group.Alerts[0].Event = sampleEvent("service-started")
	unseen := copied(started) // nobody saw it stop
	unseen.Group.Alerts[0].StartsAt, unseen.Group.OpenedAt = started.Group.OverAt, started.Group.OverAt
	unseen.Group.History = unseen.Group.History[1:]
	several := servicesOfTelegraf(now)
	list := states(serviceStopped, stopped)
	list = append(list,
		sampleOf(serviceStopped, "several", several),
		sampleOf(serviceStopped, "several of which one runs again", partlyOver(several)),
		sampleOf(serviceStopped, "of a rule with words", wordedService(now)),
		sampleOf(serviceStopped, "known by its labels only", bareService(now)))
	return append(list,
		sampleOf(serviceStarted, "resolved", started),
		sampleOf(serviceStarted, "whose stop nobody saw", unseen),
		sampleOf(serviceStarted, "firing", stopped),
		sampleOf(serviceStarted, "no news", given(stopped)),
		sampleOf(serviceStarted, "late", late(started)),
		sampleOf(serviceStarted, "several", over(several)))
}

func serviceMember(starts time.Time, card string) group.Member {
	m := member(starts, map[string]string{
		"alertname": "WindowsServiceStopped", "severity": "critical", "host": "QLIKPROD01", "service": "QlikSenseEngineService",
	}, map[string]string{
		"service_display_name": "Qlik Sense Engine Service", "service_start_type": "Automatic", alert.CardAnnotation: card,
	})
	m.Event = sampleEvent(card)
	return m
}

// servicesOfTelegraf is what a rule on Telegraf's win_services makes: no event,
// and the start type as a number.
func servicesOfTelegraf(now time.Time) Input {
	in := hotRoom(now)
	in.Group.Alerts, in.Group.History, in.Group.Sender = nil, in.Group.History[:1], group.SenderDetails{}
	in.Group.Spec.Source = "telegraf"
	for i, name := range []string{"QlikSenseEngineService", "QlikSensePrintingService", "QlikSenseProxyService"} {
		m := member(now.Add(time.Duration(i-12)*time.Minute), map[string]string{
			"alertname": "WindowsServiceStopped", "severity": "critical", "host": "QLIKPROD02", "service_name": name,
			"display_name": strings.Join([]string{"Qlik Sense", []string{"Engine", "Printing", "Proxy"}[i], "Service"}, " "), "site": "göteborg",
		}, map[string]string{alert.CardAnnotation: serviceStopped})
		m.Values = map[string]float64{"state": 1, "startup_mode": 2}
		in.Group.Alerts = append(in.Group.Alerts, m)
	}
	return in
}

// wordedService is one of them whose rule says what to do.
func wordedService(now time.Time) Input {
	in := servicesOfTelegraf(now)
	in.Group.Alerts = in.Group.Alerts[:1]
	m := &in.Group.Alerts[0]
	m.Annotations = with(m.Annotations,
		"summary", "Qlik Sense Engine Service on QLIKPROD02 is stopped",
		"description", "It starts by itself with Windows. See why in the Event Viewer; start it with net start QlikSenseEngineService.",
		"runbook_url", "https://runbooks.example.com/windows/services")
	return in
}

func bareService(now time.Time) Input {
	in := servicesOfTelegraf(now)
	in.Group.Alerts = in.Group.Alerts[:1]
	m := &in.Group.Alerts[0]
	m.Labels = map[string]string{"alertname": "WindowsServiceStopped", "service": "Spooler"}
	m.Annotations, m.Values = nil, nil
	return in
}

// partlyOver is a group of which the first alert is resolved.
func partlyOver(in Input) Input {
	in = copied(in)
	ends := in.Now.Add(-time.Minute)
	ended(&in.Group.Alerts[0], ends)
	in.Group.History = append(in.Group.History, group.History{At: ends, Change: group.PartlyResolved, Count: 1})
	return in
}

func reloadSamples(now time.Time) []Sample {
	failed := reload(now, reloadFailed, "QlikReloadFailed", "critical", map[string]string{
		"app": "Försäljning EMEA 2026", "task": "Reload of Försäljning EMEA", "host": "QLIKPROD01"})
	aborted := reload(now, reloadAborted, "QlikReloadAborted", "warning", map[string]string{
		"app": "Kundenstamm DACH", "task": `Reload of Kundenstamm "DACH"`, "host": "QLIKPROD01"})
	cloud := reload(now, cloudReloadFailed, "QlikCloudReloadFailed", "critical", map[string]string{
		"app": "Previsión de demanda", "tenant": "Contoso production"})
	bare := copied(failed)
	bare.Group.Alerts[0].Labels = map[string]string{"alertname": "QlikReloadFailed", "app": "Lager"}
	bare.Group.Alerts[0].Event = sampleEvent("reload-failed-bare")
	unknown := copied(bare)
	unknown.Group.Alerts[0].Event = nil
	unknown.Group.Alerts[0].Labels = map[string]string{"alertname": "QlikReloadFailed"}
	several := copied(failed)
	for i, app := range []string{"Lager", "Inköp", "Personal"} {
		m := several.Group.Alerts[0]
		m.Labels = with(m.Labels, "app", app, "task", "Reload of "+app)
		m.Fingerprint, m.Event = alert.FingerprintOf(m.Labels), nil
		m.StartsAt = m.StartsAt.Add(time.Duration(i) * time.Second)
		several.Group.Alerts = append(several.Group.Alerts, m)
	}
	list := states(reloadFailed, failed)
	list = append(list,
		sampleOf(reloadFailed, "without a log and with dates of 1753", bare),
		sampleOf(reloadFailed, "of which nothing is known", unknown),
		sampleOf(reloadFailed, "with the longest log", longestLog(failed)),
		sampleOf(reloadFailed, "several", several))
	list = append(list, states(reloadAborted, aborted)...)
	return append(list, states(cloudReloadFailed, cloud)...)
}

func reload(now time.Time, card, name, severity string, labels map[string]string) Input {
	m := member(now.Add(-5*time.Minute), with(labels, "alertname", name, "severity", severity), map[string]string{alert.CardAnnotation: card})
	m.Event = sampleEvent(card)
	m.Momentary = true // it failed, and that is all that will ever be said of it
	source := "butler"
	if card == cloudReloadFailed {
		source = "qlik-cloud"
	}
	in := story(source, now, m)
	in.Group.Spec.Expires = 24 * time.Hour
	return in
}

// longestLog is a reload whose script log is as much as Butler sends: 15 lines
// of its head and of its tail, each long.
func longestLog(in Input) Input {
	in = copied(in)
	lines := func(part, last string) string {
		var lines []string
		for i := range 14 {
			lines = append(lines, fmt.Sprintf(`2026-11-21 04:04:%02d %04d  LOAD CustomerID, "Större kund", Region FROM [lib://Försäljning\\\\2026\\\\%s\\\\orders_%d.qvd] (qvd) WHERE Amount > 0`, i, i, part, i))
		}
		return strings.ReplaceAll(strings.Join(append(lines, last), `\\n`), `"`, `\"`)
	}
	body := string(in.Group.Alerts[0].Event)
	for name, log := range map[string]string{
		"scriptLogHead": lines("Q1", "2026-11-21 04:04:14 0014  STORE orders INTO orders.qvd"),
		"scriptLogTail": lines("Q4", "2026-11-21 04:04:17      Error: Cannot open file: 'orders_14.qvd'"),
	} {
		before, after, _ := strings.Cut(body, `"`+name+`": "`)
		_, after, _ = strings.Cut(after, "\",\n")
		body = before + `"` + name + `": "` + log + "\",\n" + after
	}
	in.Group.Alerts[0].Event = []byte(body)
	return in
}

// configSamples: a program goes on with its old configuration.
func configSamples(now time.Time) []Sample {
	prometheus := hotRoom(now)
	prometheus.Group.Alerts, prometheus.Group.History = []group.Member{member(now.Add(-12*time.Minute), map[string]string{
		"alertname": "PrometheusBadConfig", "severity": "critical", "job": "prometheus-k8s", "namespace": "monitoring",
		"instance": "10.42.3.17:9090", "pod": "prometheus-k8s-0",
	}, map[string]string{
		"summary":     "Failed Prometheus configuration reload.",
		"description": "Prometheus monitoring/prometheus-k8s-0 has failed to reload its configuration.",
		"runbook_url": "https://runbooks.example.com/prometheus/badconfig",
	})}, prometheus.Group.History[:1]
	program := func(name string, labels map[string]string, annotations map[string]string) Input {
		in := copied(prometheus)
		m := member(now.Add(-12*time.Minute), with(labels, "alertname", name, "severity", "critical"), annotations)
		in.Group.Alerts = []group.Member{m}
		return in
	}
	alertmanager := program("AlertmanagerFailedReload", map[string]string{"job": "alertmanager", "instance": "10.42.3.9:9093"},
		map[string]string{"description": "Configuration has failed to load for monitoring/alertmanager-main-0."})
	telegraf := program("TelegrafConfigReloadFailed", map[string]string{"host": "edge-7"},
		map[string]string{"error": `error loading config file /etc/telegraf/telegraf.conf: line 41: field "intervall" is unknown`})
	ourselves := program("TeamsrelayReloadFailed", map[string]string{"host": "relay-1"}, map[string]string{
		"summary":     "teamsrelay on relay-1 could not reload its configuration",
		"description": "teamsrelay.yml:12: error: there is no destination \"facilites\"; did you mean \"facilities\"?\nteamsrelay.yml:31: error: group_wait: \"10\" has no unit; write 10s",
	})
	several := copied(prometheus)
	other := several.Group.Alerts[0]
	other.Labels = with(other.Labels, "instance", "10.42.5.2:9090", "pod", "prometheus-k8s-1")
	other.Annotations = with(other.Annotations, "description", "Prometheus monitoring/prometheus-k8s-1 has failed to reload its configuration.")
	other.Fingerprint = alert.FingerprintOf(other.Labels)
	several.Group.Alerts = append(several.Group.Alerts, other)
	list := states(configCard, prometheus)
	return append(list,
		sampleOf(configCard, "of Alertmanager", alertmanager), sampleOf(configCard, "of Telegraf", telegraf),
		sampleOf(configCard, "of teamsrelay", ourselves), sampleOf(configCard, "several", several))
}

func digestSamples(now time.Time) []Sample {
	rows := []DigestRow{
		{Title: "DatacenterTemperatureHigh fra1", Severity: "critical", Rank: int(alert.SeverityCritical), Firing: 14, Since: now.Add(-41 * time.Minute), ID: "k3f9"},
		{Title: "QlikReloadFailed Försäljning EMEA", Severity: "critical", Rank: int(alert.SeverityCritical), Firing: 1, Since: now.Add(-40 * time.Minute), ID: "k3fa"},
		{Title: "DiskWillFillIn4Hours db-3", Severity: "warning", Rank: int(alert.SeverityWarning), Firing: 2, Resolved: 1, Since: now.Add(-38 * time.Minute), ID: "k3fb"},
		{Title: "InstanceDown web-2", Severity: "critical", Rank: int(alert.SeverityCritical), Resolved: 1, Episodes: 4, Since: now.Add(-36 * time.Minute), ID: "k3fc"},
	}
	storm := DigestInput{Now: now, Oldest: now.Add(-41 * time.Minute)}
	for i := range 200 {
		row := rows[i%len(rows)]
		row.Title = fmt.Sprintf("%s %d", row.Title, i)
		storm.Rows = append(storm.Rows, row)
	}
	return []Sample{
		{Name: "digest firing", Card: digestName, Digest: &DigestInput{Rows: rows, Now: now, Oldest: now.Add(-41 * time.Minute)}},
		{Name: "digest resolved", Card: digestName, Digest: &DigestInput{Rows: rows[3:], Now: now, Oldest: now.Add(-36 * time.Minute)}},
		{Name: "digest of a storm", Card: digestName, Digest: &storm},
		{Name: "digest of nothing", Card: digestName, Digest: &DigestInput{Now: now}},
	}
}
