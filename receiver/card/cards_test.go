package card

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// tree of a card as a reader of JSON sees it.
func read(t *testing.T, m Message) map[string]any {
	t.Helper()
	var root map[string]any
	require.NoError(t, json.Unmarshal(m.Card, &root), "%s", m.Card)
	return root
}

// elements calls do for every object of a card.
func elements(value any, do func(map[string]any)) {
	switch v := value.(type) {
	case map[string]any:
		do(v)
		for _, name := range slices.Sorted(maps.Keys(v)) {
			elements(v[name], do)
		}
	case []any:
		for _, element := range v {
			elements(element, do)
		}
	}
}

// texts are all strings of a card.
func allTexts(value any) []string {
	var list []string
	switch v := value.(type) {
	case string:
		return []string{v}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			list = append(list, allTexts(v[name])...)
		}
	case []any:
		for _, element := range v {
			list = append(list, allTexts(element)...)
		}
	}
	return list
}

func shippedSet(t *testing.T) *Set {
	t.Helper()
	set, problems := New(nil)
	require.Empty(t, problems)
	return set
}

// payloadCard shows cards that other programs made: how those read is theirs.
const payloadCard = "payload"

// spoil puts hostile text, with a number of its own each, into everything of
// a group that comes from outside, and returns the numbers.
type spoil struct{ count int }

func (s *spoil) text() string { return s.called("value") }

// called makes a text that begins with a word: "note" for the annotations of
// rules, whose Markdown is kept.
func (s *spoil) called(word string) string {
	s.count++
	return fmt.Sprintf("%s%d: %s", word, s.count, hostile)
}

func (s *spoil) texts(word string, set map[string]string, keep ...string) map[string]string {
	spoilt := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if spoilt[name] = set[name]; !slices.Contains(keep, name) {
			spoilt[name] = s.called(word)
		}
	}
	return spoilt
}

func (s *spoil) json(value any) any {
	switch v := value.(type) {
	case string:
		return s.text()
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			v[name] = s.json(v[name])
		}
	case []any:
		for i := range v {
			v[i] = s.json(v[i])
		}
	}
	return value
}

func (s *spoil) input(t *testing.T, in Input) Input {
	in = copied(in)
	for i := range in.Group.Alerts {
		m := &in.Group.Alerts[i]
		note := "note"
		if m.Event != nil || m.Labels[eventSourceLabel] != "" {
			note = "value" // of whoever wrote the ticket
		}
		m.Labels = s.texts("value", m.Labels, eventSourceLabel)
		m.Annotations = s.texts(note, m.Annotations, alert.CardAnnotation)
		m.GeneratorURL = s.text()
		if m.Event != nil {
			var event any
			require.NoError(t, json.Unmarshal(m.Event, &event))
			text, err := json.Marshal(s.json(event))
			require.NoError(t, err)
			m.Event = text
		}
		if m.Chart != nil {
			c := *m.Chart
			c.Field = s.text()
			c.Thresholds = []alert.Threshold{{Severity: m.Labels[alert.SeverityLabel], Value: 32}}
			m.Chart = &c
		}
	}
	for i := range in.Group.History {
		h := &in.Group.History[i]
		if h.Who != "" {
			h.Who = s.text()
		}
		if h.Text != "" {
			h.Text = s.text()
		}
	}
	s.people(&in.Group)
	return in
}

// people spoils the names of people and what they and other systems wrote.
func (s *spoil) people(g *group.Group) {
	mark := func(m *group.Mark) *group.Mark {
		if m == nil {
			return nil
		}
		spoilt := *m
		spoilt.By.Name, spoilt.To.Name = s.text(), s.text()
		return &spoilt
	}
	g.Ack, g.Owner, g.Closed = mark(g.Ack), mark(g.Owner), mark(g.Closed)
	if g.Silence != nil {
		silence := *g.Silence
		silence.By.Name, silence.Comment = s.text(), s.text()
		g.Silence = &silence
	}
	g.Wishes = slices.Clone(g.Wishes)
	for i := range g.Wishes {
		w := &g.Wishes[i]
		w.By.Name, w.System, w.Reason = s.text(), s.text(), s.text()
	}
}

// takeMentions takes the mentions out of a card: what remains of <at> belongs
// to nobody. It requires that they are of people who are known.
func takeMentions(t *testing.T, root map[string]any) {
	properties, _ := root["msteams"].(map[string]any)
	entities, _ := properties["entities"].([]any)
	for _, entity := range entities {
		text := entity.(map[string]any)["text"].(string)
		id := entity.(map[string]any)["mentioned"].(map[string]any)["id"]
		require.Contains(t, []string{sampleAlice.ID, sampleBob.ID, sampleCarol.ID}, id, "it mentions a stranger")
		found := false
		elements(root["body"], func(element map[string]any) {
			if was, ok := element["text"].(string); ok && strings.Contains(was, text) {
				element["text"], found = strings.ReplaceAll(was, text, ""), true
			}
		})
		require.True(t, found, "Teams wants the same text in the card: %s", text)
	}
	delete(properties, "entities")
}

// TestHostileTextComesThroughAsItselfInEveryCard: whoever can write a label, a
// ticket's title or a line of a script could otherwise mention a whole team,
// show a link under other words, or leave people without their alert.
func TestHostileTextComesThroughAsItselfInEveryCard(t *testing.T) {
	set := shippedSet(t)
	for _, sample := range Samples(now) {
		if sample.Digest != nil || sample.Card == payloadCard {
			continue
		}
		t.Run(sample.Name, func(t *testing.T) {
			var s spoil
			sample.Input = s.input(t, sample.Input)
			limit := Limit{Bytes: 1 << 20}
			message := set.RenderSample(sample, limit)
			require.NoError(t, message.Fault, "people would get the minimal card")
			require.Empty(t, message.Folded)
			require.Empty(t, teamsSchema().faults(message.Card))
			root := read(t, message)
			takeMentions(t, root)
			elements(root, func(element map[string]any) {
				require.NotContains(t, element, "x", "a value became an element")
			})
			for _, text := range allTexts(root) {
				require.NotContains(t, text, "${", "Teams would expand it")
			}
			seen := 0
			elements(root, func(element map[string]any) {
				for name, member := range element {
					text, ok := member.(string)
					if !ok || name == "fallbackText" || name == "speak" { // they leave the marks of Markdown out
						continue
					}
					require.NotContains(t, text, "{{", "Teams would expand it")
					how := plain
					if element["type"] == "TextBlock" && name == "text" || element["type"] == nil && (name == "title" || name == "value") {
						how = markdown
						require.NotContains(t, strings.ToLower(text), "<at>", "it mentions somebody")
					}
					if name != "url" {
						seen += comesThrough(t, text, how)
					}
				}
			})
			if s.count > 0 && !sample.Call && !strings.HasSuffix(sample.Name, "says nothing") {
				require.Positive(t, seen, "none of %d values is on the card", s.count)
			}
		})
	}
}

// comesThrough counts the values in a text and requires that each is there as
// it was, up to where it was cut. Only annotations may keep their Markdown.
func comesThrough(t *testing.T, text string, how writing) int {
	t.Helper()
	back := plainBack(text)
	if how == markdown {
		back = markdownBack(text)
	}
	kept := strings.NewReplacer("&lt;", "<", `{\{`, "{{", `$\{`, "${").Replace(text)
	values, notes := valuesIn(back, "value"), valuesIn(back, "note")
	for i, note := range valuesIn(kept, "note") {
		if isWhole(note) && how == markdown {
			notes[i] = note
		}
	}
	for _, value := range append(values, notes...) {
		require.True(t, isWhole(value), "a value is not what it was: %s", text)
	}
	return len(values) + len(notes)
}

// valuesIn are the values in a text that begin with a word and a number.
func valuesIn(text, word string) (values []string) {
	for _, part := range strings.Split(squash(strings.ToLower(text)), word)[1:] {
		_, value, _ := strings.Cut(part, ":")
		values = append(values, value)
	}
	return values
}

// isWhole says whether a value begins with all of the hostile text, or with
// its beginning up to a cut.
func isWhole(value string) bool {
	want := squash(strings.ToLower(hostile))
	first := squash(strings.ToLower(firstLine(hostile))) // rows have room for one line
	before, _, cut := strings.Cut(value, "…")
	return strings.HasPrefix(value, want) || strings.TrimRight(value, "·") == first || cut && strings.HasPrefix(want, before)
}

// TestEveryCardCanBeReadByEverybody: by those who cannot see, by those who see
// no colours, on a phone, and where the card cannot be shown.
func TestEveryCardCanBeReadByEverybody(t *testing.T) {
	set := shippedSet(t)
	for _, sample := range Samples(now) {
		if sample.Card == payloadCard {
			continue
		}
		t.Run(sample.Name, func(t *testing.T) {
			message := set.RenderSample(sample, WorkflowLimit)
			require.NoError(t, message.Fault)
			root := read(t, message)
			preview, _ := root["fallbackText"].(string)
			happened := sample.Digest == nil && newTeller(sample.Input).momentary
			if !happened { // that has no state
				require.True(t, strings.HasPrefix(preview, "["), "the preview %q does not begin with the state", preview)
			}
			require.LessOrEqual(t, len([]rune(message.Summary)), maxPreview)
			require.Equal(t, plainBack(preview), message.Summary, "the phone shows something else")
			headings := 0
			elements(root, func(element map[string]any) {
				switch element["type"] {
				case "TextBlock":
					require.Equal(t, true, element["wrap"], "cut off on a phone: %v", element["text"])
					require.NotEmpty(t, element["text"], "an empty line")
					if element["style"] == "heading" {
						headings++
					}
				case "Image":
					require.NotEmpty(t, element["altText"], "a picture without words")
				case "Action.OpenUrl":
					require.NotEmpty(t, element["title"], "a button without words")
				case "FactSet":
					require.NotEmpty(t, element["facts"])
				}
			})
			if under := sample.Call && sample.Input.Look.Threads; !under { // where the card has the title
				require.Equal(t, 1, headings, "a screen reader finds no title, or several")
			}
			if sample.Digest == nil && !happened {
				g := &sample.Input.Group
				word := map[group.Phase]string{group.Over: "[RESOLVED", group.Unheard: "[NO NEWS"}[g.Phase]
				if g.Silence != nil {
					word = "["
					require.Contains(t, preview, ", silenced until ", "it would wake somebody")
				}
				require.True(t, strings.HasPrefix(preview, word), preview)
			}
		})
	}
}

// TestEverySampleFits: what people see every day must not be cut.
func TestEverySampleFits(t *testing.T) {
	set := shippedSet(t)
	for _, sample := range Samples(now) {
		message := set.RenderSample(sample, WorkflowLimit)
		require.Empty(t, message.Folded, sample.Name)
	}
}

// The defects that Butler's users live with (issue 4): each was a message
// lost, or one that lied.
func TestAReloadWithoutALogIsToldWithoutOne(t *testing.T) {
	set := shippedSet(t)
	for _, name := range []string{"reload-failed without a log and with dates of 1753", "reload-failed of which nothing is known"} {
		message := set.RenderSample(sampleNamed(t, name), WorkflowLimit)
		require.NoError(t, message.Fault)
		require.NotContains(t, string(message.Card), "CodeBlock", "an empty block")
		require.NotContains(t, string(message.Card), "script log")
		require.NotContains(t, string(message.Card), "1753", "a date that means never")
	}
}

func TestALinkThatIsMissingLeavesNothingBehind(t *testing.T) {
	set := shippedSet(t)
	for _, test := range []struct {
		name, without string
		titles        []string
	}{
		{"a reload with all links", "", []string{"Open app", "Hub", "Management console", "Beginning of the log", "How to reload"}},
		{"without the app's", "appUrl", []string{"Hub", "Management console", "Beginning of the log", "How to reload"}},
		{"without the last one", "genericUrls", []string{"Open app", "Hub", "Management console", "Beginning of the log"}},
		{"without the console's", "qlikSenseQMC", []string{"Open app", "Hub", "Beginning of the log", "How to reload"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			sample := sampleNamed(t, "reload-failed firing")
			sample.Input = copied(sample.Input)
			var event map[string]any
			require.NoError(t, json.Unmarshal(sample.Input.Group.Alerts[0].Event, &event))
			delete(event, test.without)
			text, err := json.Marshal(event)
			require.NoError(t, err)
			sample.Input.Group.Alerts[0].Event = text
			message := set.RenderSample(sample, WorkflowLimit)
			require.NoError(t, message.Fault)
			var titles []string
			for _, action := range read(t, message)["actions"].([]any) {
				titles = append(titles, action.(map[string]any)["title"].(string))
			}
			require.Equal(t, test.titles, titles)
		})
	}
}

func TestTheLinesOfAScriptLogAreLines(t *testing.T) {
	message := shippedSet(t).RenderSample(sampleNamed(t, "reload-failed firing"), WorkflowLimit)
	found := false
	elements(read(t, message), func(element map[string]any) {
		text, _ := element["codeSnippet"].(string)
		if !strings.Contains(text, "Execution Failed") {
			return
		}
		found = true
		require.Len(t, strings.Split(text, "\n"), 5, "Butler writes two characters for each line break")
		require.NotContains(t, text, `\n`)
		require.NotContains(t, text, `\t`)
		require.Contains(t, text, `lib://Försäljning\2026\orders.qvd`, "Butler doubles the other backslashes")
	})
	require.True(t, found)
}

func sampleNamed(t *testing.T, name string) Sample {
	t.Helper()
	samples := Samples(now)
	at := slices.IndexFunc(samples, func(e Sample) bool { return e.Name == name })
	require.GreaterOrEqual(t, at, 0, "there is no sample %q", name)
	return samples[at]
}

// TestATrendIsTextWhereItsPictureDoesNotFit: pictures go first when a card is
// too large, and people must still see where the value came from.
func TestATrendIsTextWhereItsPictureDoesNotFit(t *testing.T) {
	sample := sampleNamed(t, "threshold firing")
	set := shippedSet(t)
	whole := set.RenderSample(sample, WorkflowLimit)
	require.Contains(t, string(whole.Card), "data:image/png;base64,")
	require.Contains(t, string(whole.Card), `"altText":"temp_c rose from`)
	require.NotContains(t, string(whole.Card), "▁")

	small := set.RenderSample(sample, Limit{Bytes: 5 << 10, Overhead: WorkflowLimit.Overhead})
	require.Equal(t, "pictures", small.Folded)
	require.NotContains(t, string(small.Card), "data:image")
	require.Contains(t, string(small.Card), "▁")
	require.Contains(t, string(small.Card), `"text":"temp\\_c rose from`)
}
