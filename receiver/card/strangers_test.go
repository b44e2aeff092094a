package card

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// TestNobodyBelievesTheMarkdownOfAStranger: a link under other words, in a card
// that people trust, is how one gets their passwords.
func TestNobodyBelievesTheMarkdownOfAStranger(t *testing.T) {
	const words = "[click](https://evil.example) **x**"
	const shown = `\\[click\\](https://evil.example) \\*\\*x\\*\\*` // in JSON
	annotations := map[string]string{"summary": words, "description": words + "!", "closed_by": words}
	rule := one(map[string]string{"alertname": "Import"}, annotations)
	event := story("erp", now, firing(at(10, 2), map[string]string{"alertname": "Import"}, annotations))
	event.Group.Alerts[0].Event = []byte(`{}`)
	unlabelled := rule
	unlabelled.Group.Alerts = append([]group.Member(nil), rule.Group.Alerts...)
	unlabelled.Group.Alerts[0].Event = []byte(`{}`)

	text := func(action string) string { return block(`{"type": "TextBlock", "text": "` + action + `"}`) }
	for _, action := range []string{
		`{{ .Alert.Annotations.summary }}`, `{{ .CommonAnnotations.summary }}`, `{{ index .CommonAnnotations "summary" }}`,
		`{{ range .Alerts }}{{ .Annotations.summary }}{{ end }}`, `{{ markdown .Card.Summary }}`, `{{ markdown .Card.Facts | len }}{{ .Alert.Annotations.closed_by }}`,
	} {
		t.Run(action, func(t *testing.T) {
			set := define(t, text(action))
			require.Contains(t, string(set.Render("mine", rule, WorkflowLimit).Card), words, "a rule's author loses the Markdown")
			for _, in := range []Input{event, unlabelled} {
				card := string(set.Render("mine", in, WorkflowLimit).Card)
				require.NotContains(t, card, words, "a stranger's link is believed")
				require.Contains(t, card, shown, "people do not read what was written")
			}
		})
	}
	t.Run("who trusts a source says so", func(t *testing.T) {
		set := define(t, text(`{{ markdown .CommonAnnotations.summary }}`))
		require.Contains(t, string(set.Render("mine", event, WorkflowLimit).Card), words)
	})
	t.Run("an old template", func(t *testing.T) {
		set, problems := New([]Source{{Name: "old.tmpl", Text: `{{ define "teams.card" }}{"@type": "MessageCard", "title": "x", "text": "{{ range .Alerts }}{{ .Annotations.summary }}{{ end }}"}{{ end }}`}})
		for _, p := range problems {
			require.True(t, p.Warning, "%v", p)
		}
		require.Contains(t, string(set.Render("teams.card", rule, WorkflowLimit).Card), words)
		card := string(set.Render("teams.card", event, WorkflowLimit).Card)
		require.NotContains(t, card, words)
		require.Contains(t, card, "click", "people read nothing")
	})
	t.Run("the texts that Alertmanager's users write", func(t *testing.T) {
		set, problems := New([]Source{{Name: "texts.tmpl", Text: `{{ define "msteamsv2.default.text" }}{{ range .Alerts }}{{ .Annotations.summary }}{{ end }}{{ end }}`}})
		require.Empty(t, problems)
		require.Contains(t, string(set.Render("alert", rule, WorkflowLimit).Card), words)
		notBelieved(t, set.Render("alert", event, WorkflowLimit), words)
	})
	t.Run("shipped cards, rows and the minimal card", func(t *testing.T) {
		several := event
		other := event.Group.Alerts[0]
		other.Labels = with(other.Labels, "host", "erp-2")
		other.Annotations = with(annotations, "summary", words+"2", "description", words+"3")
		several.Group.Alerts = append([]group.Member{other}, event.Group.Alerts...)
		set := shippedSet(t)
		for _, in := range []Input{event, several} {
			for _, message := range []Message{set.Render("alert", in, WorkflowLimit), set.Render("threshold", in, WorkflowLimit), Minimal(in, WorkflowLimit)} {
				require.NoError(t, message.Fault)
				root := read(t, message)
				require.Contains(t, allTexts(root), message.Summary)
				require.Contains(t, message.Summary, words, "a phone shows other words than were written")
				notBelieved(t, message, words)
			}
		}
	})
}

// notBelieved: in no place where Teams reads Markdown do the words stand as
// they were written.
func notBelieved(t *testing.T, message Message, words string) {
	t.Helper()
	elements(read(t, message), func(element map[string]any) {
		for _, name := range []string{"text", "title", "value"} {
			if text, ok := element[name].(string); ok {
				require.NotContains(t, text, words, "a stranger's link is believed")
			}
		}
	})
}
