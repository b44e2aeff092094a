package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRenderPrintsWhatGoesOverTheWire(t *testing.T) {
	const payload = `{"version":"4","groupKey":"k","alerts":[{"status":"firing","labels":{"alertname":"DiskFull","severity":"warning"}}]}`
	broken := write(t, "broken.tmpl", "{{ define \"rack\" }}\n{ \"type\": {{ index .Alerts 7 }} }\n{{ end }}")
	config := write(t, "card.yml", good+"template_files: ["+broken+"]\n")
	for name, c := range map[string]struct {
		args     string
		in       string
		code     int
		out, err string
	}{
		"the sample":                   {"", "", 0, `{"type":"message"`, ""},
		"the sample, for reading":      {"--indent", "", 0, "{\n  \"type\": \"message\"", ""},
		"a payload on standard input":  {"--data=-", payload, 0, "Disk full", ""},
		"a payload without alerts":     {"--data=-", `{"version":"4","alerts":[]}`, 1, "", "the payload has no alerts"},
		"a payload that is no payload": {"--data=-", "{", 1, "", "JSON"},
		"a payload that is too large":  {"--data=-", strings.Repeat(" ", 11<<20), 1, "", "over 10 MiB"},
		"a template that fails":        {"--card=rack --config.file=" + config, "", 1, "", "broken.tmpl:2"},
	} {
		t.Run(name, func(t *testing.T) {
			got := sayWith(t, c.in, append([]string{"render"}, strings.Fields(c.args)...)...)
			require.Equal(t, c.code, got.code, got.err)
			require.Contains(t, got.out, c.out)
			require.Contains(t, got.err, c.err)
			if c.err == "" {
				require.Empty(t, got.err, "what is piped on must not be disturbed")
			}
		})
	}
}

// A bot takes more than a webhook: what is cut for one need not be for the
// other.
func TestRenderKeepsToTheLimitOfTheTransport(t *testing.T) {
	templates := write(t, "long.tmpl", `{{ define "long" }}{"type":"AdaptiveCard","version":"1.5","body":[
		{{ range until 50 }}{"type":"TextBlock","text":"{{ repeat 700 "w" }}"},{{ end }}]}{{ end }}`)
	config := write(t, "long.yml", good+"template_files: ["+templates+"]\n")
	webhook := say(t, "render", "--card=long", "--config.file="+config)
	bot := say(t, "render", "--card=long", "--config.file="+config, "--transport=bot")
	require.LessOrEqual(t, len(webhook.out), 24<<10)
	require.Contains(t, webhook.err, "left out: ", "who looks at a card must know that it is not all of it")
	require.Greater(t, len(bot.out), 24<<10)
	require.LessOrEqual(t, 2*len(bot.out), 80<<10, "the bot's service counts two bytes a letter")
}

// What the bot posts can be answered, what a webhook takes cannot; both are to
// be seen before anybody depends on them.
func TestRenderShowsTheButtonsOfABot(t *testing.T) {
	bot := say(t, "render", "--sample=alert acknowledged", "--transport=bot")
	require.Zero(t, bot.code, bot.err)
	require.Contains(t, bot.out, "Acknowledged by Alice")
	require.Contains(t, bot.out, `"verb":"unack"`)
	require.Contains(t, bot.out, `"type":"Action.Submit"`)
	webhook := say(t, "render", "--sample=alert acknowledged")
	require.Contains(t, webhook.out, "Acknowledged by Alice")
	require.NotContains(t, webhook.out, `"verb"`)
	require.Contains(t, say(t, "render", "--sample=call of an assignment", "--transport=bot").out, "Assigned to <at>")
}

func TestRenderShowsSamples(t *testing.T) {
	list := say(t, "render", "--sample=list")
	require.Zero(t, list.code)
	require.Contains(t, list.out, "alert resolved\n")
	require.Contains(t, say(t, "render", "--sample=alert resolved").out, "Resolved")
	require.Contains(t, say(t, "render", "--sample=digest").out, "groups of alerts")
	require.Contains(t, say(t, "render", "--card=digest").out, "groups of alerts", "the sample of a card is one that it can show")
	for args, wrong := range map[string]string{
		"--sample=rack":                "--sample=list",
		"--sample=alert --data=x":      "--data and --sample",
		"--event=generic":              "--data",
		"--event=rack --data=-":        `no event source "rack"`,
		"--event=generic --data=/nix":  "cannot be read",
		"--card=digest --data=-":       "many groups at once",
		"--card=digest --sample=alert": "many groups at once",
	} {
		got := say(t, append([]string{"render"}, strings.Fields(args)...)...)
		require.Equal(t, 1, got.code, args)
		require.Contains(t, got.err, wrong)
		require.Empty(t, got.out, "what is wrong is no output")
	}
}

func TestRenderShowsWhatAnEventSourceMakesOfABody(t *testing.T) {
	config := write(t, "events.yml", good+`events:
- name: disks
  mapping: {when: ".full", key: .id, name: '"DiskFull"', labels: {host: .host}, annotations: {summary: .text, unit: '$headers["x-unit"]'}}
`)
	const body = `[{"id":1,"host":"db7","text":"a disk of db7 is full","full":true},{"id":2,"host":"db8","text":"well","full":false},{"id":3,"host":"db9","text":"a disk of db9 is full","full":true}]`
	got := sayWith(t, body, "render", "--config.file="+config, "--event=disks", "--data=-")
	require.Zero(t, got.code, got.err)
	messages := strings.Split(strings.TrimSpace(got.out), "\n")
	require.Len(t, messages, 2, "one message for each event that the mapping selects")
	require.Contains(t, messages[0], "a disk of db7 is full")
	require.Contains(t, messages[1], "a disk of db9 is full")

	require.Contains(t, sayWith(t, body, "render", "--config.file="+config, "--event=disks", "--data=-", "--header=X-Unit: rack 7").out, "rack 7")
	noHeader := sayWith(t, body, "render", "--config.file="+config, "--event=disks", "--data=-", "--header=rack")
	require.Equal(t, 1, noHeader.code)
	require.Contains(t, noHeader.err, "NAME:VALUE")

	none := sayWith(t, `{"id":1}`, "render", "--config.file="+config, "--event=disks", "--data=-")
	require.Equal(t, 1, none.code)
	require.Contains(t, none.err, "takes nothing of this body")

	wrong := sayWith(t, `["full"]`, "render", "--config.file="+config, "--event=disks", "--data=-")
	require.Equal(t, 1, wrong.code)
	require.Contains(t, wrong.err, "an event is an object")

	preset := sayWith(t, `{"title":"Backup of db7 failed","id":"b7"}`, "render", "--event=generic", "--data=-")
	require.Zero(t, preset.code, preset.err)
	require.Contains(t, preset.out, "Backup of db7 failed")
}

func TestRenderUsesTheCardOfTheRoute(t *testing.T) {
	templates := write(t, "own.tmpl", `{{ define "rack" }}{"type":"AdaptiveCard","version":"1.5","body":[{"type":"TextBlock","text":"a rack"}]}{{ end }}`)
	config := write(t, "route.yml", strings.Replace(good, "route: {destinations: [ops]}",
		"route: {destinations: [ops], routes: [{matchers: ['team=\"racks\"'], card: rack}]}", 1)+"template_files: ["+templates+"]\n")
	payload := func(team string) string {
		return `{"version":"4","groupKey":"k","alerts":[{"status":"firing","labels":{"alertname":"Hot","team":"` + team + `"}}]}`
	}
	require.Contains(t, sayWith(t, payload("racks"), "render", "--config.file="+config, "--data=-").out, "a rack")
	require.NotContains(t, sayWith(t, payload("disks"), "render", "--config.file="+config, "--data=-").out, "a rack")
	require.NotContains(t, sayWith(t, payload("racks"), "render", "--config.file="+config, "--data=-", "--card=alert").out, "a rack", "who names a card wants that one")
}

// Somebody who mends one card wants to see it, whatever is wrong with others.
func TestRenderShowsACardBesideBrokenOnes(t *testing.T) {
	templates := write(t, "own.tmpl", `{{ define "rack" }}{"type":"AdaptiveCard","version":"1.5","body":[{"type":"TextBlock","text":"a rack"}]}{{ end }}
{{ define "broken" }}{"type": "AdaptiveCard", {{ end }}`)
	unread := write(t, "unread.tmpl", `{{ define "unread" }}{{ if }}{{ end }}`)
	config := write(t, "broken.yml", good+"template_files: ["+templates+"]\n")
	got := say(t, "render", "--card=rack", "--config.file="+config)
	require.Equal(t, 1, got.code, "a script must not take this configuration for a good one")
	require.Contains(t, got.out, "a rack")
	require.Contains(t, got.err, "own.tmpl:2: error: ")
	require.NotContains(t, got.err, "minimal card is shown")

	got = say(t, "render", "--card=broken", "--config.file="+config)
	require.Equal(t, 1, got.code)
	require.Contains(t, got.out, `{"type":"message"`)
	require.Contains(t, got.err, "the minimal card is shown, because: ")

	config = write(t, "unread.yml", good+"template_files: ["+templates+", "+unread+"]\n")
	got = say(t, "render", "--card=unread", "--config.file="+config)
	require.Equal(t, 1, got.code)
	require.Contains(t, got.out, `{"type":"message"`, "what people would get until it can be read")
	require.Contains(t, got.err, "unread.tmpl:1: error: ")

	config = write(t, "worse.yml", good+"template_files: ["+templates+"]\nresolve_timeout: -1s\n")
	got = say(t, "render", "--card=rack", "--config.file="+config)
	require.Equal(t, 1, got.code)
	require.Empty(t, got.out, "what else is wrong may change what is shown")
	require.Contains(t, got.err, "is not a time")
}

// What an old card had and Teams does not show any more is not missed silently.
func TestRenderSaysWhatCannotBeCarriedOver(t *testing.T) {
	templates := write(t, "old.tmpl", `{{ define "old" }}{"@type":"MessageCard","title":"hot","text":"a rack","potentialAction":[{"@type":"HttpPOST","name":"Close","target":"https://x.example/"}]}{{ end }}`)
	config := write(t, "old.yml", good+"template_files: ["+templates+"]\n")
	got := say(t, "render", "--card=old", "--config.file="+config)
	require.Zero(t, got.code, got.err)
	require.Contains(t, got.out, `"AdaptiveCard"`)
	require.Contains(t, got.err, "old.tmpl:1: warning: ")
}

func TestRenderWritesAPageToLookAt(t *testing.T) {
	const payload = `{"version":"4","groupKey":"k","alerts":[{"status":"firing","labels":{"alertname":"DiskFull"},"annotations":{"summary":"</script><script>alert(1)</script>"}}]}`
	file := filepath.Join(t.TempDir(), "card.html")
	got := sayWith(t, payload, "render", "--data=-", "--html="+file)
	require.Zero(t, got.code, got.err)
	require.Contains(t, got.out, `{"type":"message"`, "the message is printed all the same")
	require.Contains(t, got.err, "open "+file)
	page, err := os.ReadFile(file)
	require.NoError(t, err)
	text := string(page)
	require.Contains(t, text, "Disk full")
	require.Contains(t, text, "bytes on the wire")
	require.NotContains(t, text, "<script>alert(1)", "what an alert says must not run")

	nowhere := sayWith(t, payload, "render", "--data=-", "--html="+filepath.Join(t.TempDir(), "missing", "card.html"))
	require.Equal(t, 1, nowhere.code)
	require.Contains(t, nowhere.err, "the page cannot be written")
}
