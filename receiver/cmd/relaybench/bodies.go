package main

import (
	"fmt"
	"strconv"
	"strings"
)

// webhook is a group with so many alerts, of the size that Kubernetes' rules
// have.
func webhook(alerts int) *pattern {
	var b strings.Builder
	b.WriteString(`{"version":"4","groupKey":"{}:{alertname=\"KubePodCrashLooping\",group=\"` + groupMark + `\"}","truncatedAlerts":0,"status":"firing","receiver":"teams","groupLabels":{"alertname":"KubePodCrashLooping","group":"` + groupMark + `"},"commonLabels":{"alertname":"KubePodCrashLooping","severity":"warning"},"commonAnnotations":{},"externalURL":"http://alertmanager.example:9093","alerts":[`)
	for i := range alerts {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"status":"firing",%s,"startsAt":"2026-11-21T10:02:00.123Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus.example:9090/graph?g0.expr=rate%%28kube_pod_container_status_restarts_total%%5B5m%%5D%%29","fingerprint":"%016x"}`, words(strconv.Itoa(i)), i)
	}
	b.WriteString("]}")
	return newPattern(b.String(), func(request, _ int, _ bool) int { return request })
}

// list is alerts as Prometheus posts them, 100 to a group.
func list(alerts int) *pattern {
	var b strings.Builder
	b.WriteByte('[')
	for i := range alerts {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{%s,"startsAt":"2026-11-21T10:02:00.123Z","generatorURL":"http://prometheus.example:9090/graph?g0.expr=rate%%28kube_pod_container_status_restarts_total%%5B5m%%5D%%29"}`, words(alertMark))
	}
	b.WriteByte(']')
	const marks = 3 // of each alert
	return newPattern(b.String(), func(request, mark int, group bool) int {
		n := request*alerts + mark/marks
		if group {
			return n / 100
		}
		return n
	})
}

func words(alert string) string {
	return `"labels":{"alertname":"KubePodCrashLooping","severity":"warning","cluster":"prod-eu-1","namespace":"shop","group":"` + groupMark + `","pod":"checkout-7d9f8b6c5-` + alert + `","container":"app","job":"kube-state-metrics"},"annotations":{"summary":"Pod is crash looping.","description":"Pod shop/checkout-7d9f8b6c5-` + alert + ` (app) is in waiting state (reason: CrashLoopBackOff).","runbook_url":"https://runbooks.prometheus-operator.dev/runbooks/kubernetes/kubepodcrashlooping"}`
}

// pattern is a body with numbers left out. The sender shares its cores with
// what it measures, so a body has to cost next to nothing.
type pattern struct {
	parts  []string
	groups []bool // which marks stand for a group
	number func(request, mark int, group bool) int
}

const groupMark, alertMark = "\x01", "\x02"

func newPattern(text string, number func(request, mark int, group bool) int) *pattern {
	p := &pattern{number: number}
	for {
		i := strings.IndexAny(text, groupMark+alertMark)
		if i < 0 {
			p.parts = append(p.parts, text)
			return p
		}
		p.parts = append(p.parts, text[:i])
		p.groups = append(p.groups, text[i] == groupMark[0])
		text = text[i+1:]
	}
}

// body is the body of one request, in a buffer that is used again.
func (p *pattern) body(buffer []byte, request int) []byte {
	buffer = buffer[:0]
	for i, part := range p.parts {
		buffer = append(buffer, part...)
		if i < len(p.groups) {
			buffer = strconv.AppendInt(buffer, int64(p.number(request, i, p.groups[i])), 10)
		}
	}
	return buffer
}
