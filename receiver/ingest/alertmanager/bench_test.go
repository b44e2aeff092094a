package alertmanager

import "testing"

// benchBody is a body of one alert as Kubernetes' rules make them.
var benchBody = []byte(`{"version":"4","groupKey":"{}:{alertname=\"KubePodCrashLooping\"}","truncatedAlerts":0,"status":"firing","receiver":"teams","groupLabels":{"alertname":"KubePodCrashLooping"},"commonLabels":{"alertname":"KubePodCrashLooping","severity":"warning","cluster":"prod-eu-1","namespace":"shop","pod":"checkout-7d9f8b6c5-00001","container":"app","job":"kube-state-metrics"},"commonAnnotations":{"summary":"Pod is crash looping."},"externalURL":"http://alertmanager.example:9093","alerts":[{"status":"firing","labels":{"alertname":"KubePodCrashLooping","severity":"warning","cluster":"prod-eu-1","namespace":"shop","pod":"checkout-7d9f8b6c5-00001","container":"app","job":"kube-state-metrics"},"annotations":{"summary":"Pod is crash looping.","description":"Pod shop/checkout-7d9f8b6c5-00001 (app) is in waiting state (reason: CrashLoopBackOff).","runbook_url":"https://runbooks.prometheus-operator.dev/runbooks/kubernetes/kubepodcrashlooping"},"startsAt":"2026-11-21T10:02:00.123Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus.example:9090/graph?g0.expr=up","fingerprint":"00000000000000ff"}]}`)

func BenchmarkParseWebhook(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(benchBody)))
	for b.Loop() {
		if _, err := ParseWebhook(benchBody, now); err != nil {
			b.Fatal(err)
		}
	}
}
