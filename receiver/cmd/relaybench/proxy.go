package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"text/template"
)

// The comparison: a proxy as simple as they come, which parses the webhook,
// fills a small template, posts that to Teams and answers when Teams has
// answered. It stores nothing, so what Teams does not take is lost. It is a
// stand-in that we wrote, not somebody's product; it runs in a process of its
// own, as the receiver does.

type proxyData struct {
	Status string
	Alerts []struct {
		Status              string
		Labels, Annotations map[string]string
		StartsAt            string
	}
}

var proxyCard = template.Must(template.New("card").Funcs(template.FuncMap{
	"json": func(v any) (string, error) { text, err := json.Marshal(v); return string(text), err },
}).Parse(`{"type":"message","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","content":{"type":"AdaptiveCard","version":"1.4","body":[
{"type":"TextBlock","text":{{ json .Status }}}
{{- range .Alerts }},{"type":"FactSet","facts":[{"title":"status","value":{{ json .Status }}}
{{- range $k, $v := .Labels }},{"title":{{ json $k }},"value":{{ json $v }}}{{ end }}
{{- range $k, $v := .Annotations }},{"title":{{ json $k }},"value":{{ json $v }}}{{ end }}]}{{ end }}]}}]}`))

func runProxy(address, teams string) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	handler := func(w http.ResponseWriter, r *http.Request) {
		var data proxyData
		var card bytes.Buffer
		err := json.NewDecoder(r.Body).Decode(&data)
		if err == nil {
			err = proxyCard.Execute(&card, data)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		response, err := client.Post(teams, "application/json", &card)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		w.WriteHeader(http.StatusOK)
	}
	http.HandleFunc("/alertmanager", handler)
	http.HandleFunc("/-/ready", func(http.ResponseWriter, *http.Request) {})
	return http.ListenAndServe(address, nil)
}
