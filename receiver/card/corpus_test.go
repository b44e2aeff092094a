package card

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// corpus is the folder of real inputs beside the project.
func corpus(t *testing.T, folder string) []string {
	t.Helper()
	root := filepath.Join("..", "..", "..", "shared", "corpus", folder)
	if _, err := os.Stat(root); err != nil {
		t.Skipf("the corpus of real inputs is not beside the project: %v", err)
	}
	var files []string
	require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, path)
		}
		return err
	}))
	require.NotEmpty(t, files)
	return files
}

// payload is what Alertmanager and those who imitate it post.
type payload struct {
	Receiver    any               `json:"receiver"`
	ExternalURL string            `json:"externalURL"`
	GroupLabels map[string]string `json:"groupLabels"`
	Truncated   int               `json:"truncatedAlerts"`
	Alerts      []struct {
		Status       any            `json:"status"`
		Labels       map[string]any `json:"labels"`
		Annotations  map[string]any `json:"annotations"`
		StartsAt     string         `json:"startsAt"`
		EndsAt       string         `json:"endsAt"`
		GeneratorURL string         `json:"generatorURL"`
	} `json:"alerts"`
}

func inputOf(p payload) Input {
	g := group.Group{
		ID: 9, OpenedAt: at(10, 0), Spec: group.Spec{Source: "alertmanager", Ready: true, Labels: p.GroupLabels},
		Sender: group.SenderDetails{ExternalURL: p.ExternalURL}, Truncated: p.Truncated,
	}
	for _, a := range p.Alerts {
		m := firing(at(10, 0), textsOf(a.Labels), textsOf(a.Annotations))
		m.StartsAt, _ = time.Parse(time.RFC3339, a.StartsAt)
		m.GeneratorURL = a.GeneratorURL
		if a.Status == "resolved" {
			ends, _ := time.Parse(time.RFC3339, a.EndsAt)
			ended(&m, ends)
		}
		g.Alerts = append(g.Alerts, m)
	}
	return Input{Group: g, Now: now}
}

func textsOf(set map[string]any) map[string]string {
	out := map[string]string{}
	for name, value := range set {
		out[name] = textOf(value)
	}
	return out
}

func TestEveryPayloadOfOthersBecomesACard(t *testing.T) {
	set, _ := New(nil)
	schema := teamsSchema()
	cards := 0
	for _, file := range corpus(t, "alertmanager-payloads") {
		body, err := os.ReadFile(file)
		require.NoError(t, err)
		var p payload
		if json.Unmarshal(body, &p) != nil {
			var bodies []payload // Alertmanager's API lists groups
			if json.Unmarshal(body, &bodies) != nil || len(bodies) == 0 {
				continue
			}
			p = bodies[0]
		}
		message := set.Render("alert", inputOf(p), WorkflowLimit)
		require.NoError(t, message.Fault, "%s: people would get the minimal card", file)
		require.LessOrEqual(t, WorkflowLimit.size(message), WorkflowLimit.Bytes, file)
		require.Empty(t, schema.faults(message.Card), "%s: %s", file, message.Card)
		require.NotEmpty(t, message.Summary, "%s: the phone would show nothing", file)
		cards++
	}
	require.Greater(t, cards, 60, "the test reads almost nothing of the corpus")
}

func TestEveryAnnotationOfPublicRulesPassesThroughUnharmed(t *testing.T) {
	set, _ := New(nil)
	seen := 0
	for _, file := range corpus(t, "rules") {
		body, err := os.ReadFile(file)
		require.NoError(t, err)
		var rules struct {
			Groups []struct {
				Rules []struct {
					Alert               string
					Labels, Annotations map[string]string
				}
			}
		}
		if yaml.Unmarshal(body, &rules) != nil { // Helm templates: take the lines that look right
			for _, line := range annotationLine.FindAllStringSubmatch(string(body), -1) {
				seen += unharmed(t, set, file, "Rule", nil, map[string]string{line[1]: line[2]})
			}
			continue
		}
		for _, g := range rules.Groups {
			for _, rule := range g.Rules {
				if rule.Alert == "" {
					continue
				}
				seen += unharmed(t, set, file, rule.Alert, rule.Labels, rule.Annotations)
			}
		}
	}
	require.Greater(t, seen, 500, "the test reads almost nothing of the corpus")
}

var annotationLine = regexp.MustCompile(`(?m)^\s+(summary|description|message|runbook_url|dashboard|playbook|impact): *(\S.*)$`)

// unharmed renders an alert with annotations and looks for them on the card.
func unharmed(t *testing.T, set *Set, file, name string, labels, annotations map[string]string) (seen int) {
	t.Helper()
	all := map[string]string{"alertname": name}
	maps.Copy(all, labels)
	message := set.Render("alert", one(all, annotations), Limit{Bytes: 64 << 10})
	require.NoError(t, message.Fault, "%s: %s", file, name)
	shown := allText(t, message.Card)
	for key, text := range annotations {
		if text = normal(text); text == "" || strings.HasPrefix(key, "__") {
			continue
		}
		require.Contains(t, shown, text, "%s: %s of %s is not on the card as its author wrote it", file, key, name)
		seen++
	}
	return seen
}

// allText is all the text and all the links of a card, without what the
// documented escapes change.
func allText(t *testing.T, card []byte) string {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal(card, &v))
	var out strings.Builder
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, child := range v {
				walk(child)
			}
		case []any:
			for _, child := range v {
				walk(child)
			}
		case string:
			out.WriteString(normal(v) + "\x00")
		}
	}
	walk(v)
	return out.String()
}

// normal takes away what the escapes add: space at line breaks, and the
// backslash in "{\{" and "$\{".
func normal(text string) string {
	text = strings.NewReplacer(`{\{`, "{{", `$\{`, "${", "&lt;at", "<at", "&lt;/at", "</at").Replace(text)
	return strings.Join(strings.Fields(text), " ")
}

func TestCardsOfOthersPassTheChecker(t *testing.T) {
	// No cards, or wrong on purpose: a part of the file's name, and what is
	// said of it.
	refused := map[string]string{
		"caronc__apprise":   `type: "message", not "AdaptiveCard"`, // the message around a card
		"InvalidProperties": "body[2].items[3].items[0].columns[0].items[1].text: TextBlock needs it",
		"customInput":       `body[0].type: Teams knows no "CSharpKeywordInput"`,
		"nounicode":         `type: "", not "AdaptiveCard"`,
	}
	checked := 0
	for _, file := range corpus(t, "cards") {
		body, err := os.ReadFile(file)
		require.NoError(t, err)
		if !json.Valid(body) || !strings.HasSuffix(file, ".json") {
			continue
		}
		var a assembler
		require.NoError(t, a.assemble(body, nil), file)
		err = (&checker{tree: &a.tree}).check()
		name := filepath.Base(file)
		want := ""
		for part, words := range refused {
			if strings.Contains(name, part) {
				want = words
			}
		}
		if want == "" {
			require.NoError(t, err, file)
			checked++
			continue
		}
		require.ErrorContains(t, err, want, file)
	}
	require.Greater(t, checked, 50, "the test reads almost nothing of the corpus")
}
