package card

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/press"
)

// presses are the buttons of a card that do something, by what stands behind
// them: "silence 1h".
func presses(t *testing.T, m Message) map[string]map[string]any {
	t.Helper()
	found := map[string]map[string]any{}
	elements(read(t, m), func(element map[string]any) {
		if element["type"] != "Action.Execute" {
			return
		}
		raw, err := json.Marshal(element["data"])
		require.NoError(t, err)
		data, err := press.Parse(raw)
		require.NoError(t, err, "a press would be refused: %s", raw)
		require.Equal(t, element["verb"], data.Verb)
		found[strings.TrimSpace(fmt.Sprintf("%s %s %v", data.Verb, data.For, element["title"]))] = element
	})
	return found
}

// titles of the buttons that one sees at once.
func primary(t *testing.T, m Message) []string {
	t.Helper()
	var titles []string
	for _, element := range read(t, m)["body"].([]any) {
		if element := element.(map[string]any); element["type"] == "ActionSet" {
			for _, action := range element["actions"].([]any) {
				titles = append(titles, action.(map[string]any)["title"].(string))
			}
		}
	}
	return titles
}

func TestWhichButtonsThereAreDependsOnWhatIsSo(t *testing.T) {
	hot := hotRoom(now)
	set := shippedSet(t)
	resolvedToo := endedBy(hot)
	for i := range resolvedToo.Group.Alerts {
		ended(&resolvedToo.Group.Alerts[i], resolvedToo.Now)
	}
	for _, test := range []struct {
		name string
		in   Input
		want []string
	}{
		{"of what fires all, and nothing to take back", hot, []string{"Acknowledge", "Silence…", "Assign…", "Comment…", "Resolve"}},
		{"an acknowledgement can be taken back, not made twice", withAck(hot), []string{"Take back acknowledgement", "Silence…", "Assign…", "Comment…", "Resolve"}},
		{"what is silenced can be heard again", withSilence(hot, 2*3600e9, ""), []string{"Acknowledge", "End silence", "Assign…", "Comment…", "Resolve"}},
		{"also while Alertmanager leaves it out", left(withSilence(hot, 2*3600e9, "")), []string{"Acknowledge", "End silence", "Assign…", "Comment…", "Resolve"}},
		{"a silence that is asked for is not asked for again", withWish(hot, group.Wish{Verb: "silence", By: sampleBob, Until: now.Add(3600e9), State: group.WishAsked}), []string{"Acknowledge", "Assign…", "Comment…", "Resolve"}},
		{"one that was refused can be", withWish(hot, group.Wish{Verb: "silence", By: sampleBob, Until: now.Add(3600e9), State: group.WishFailed}), []string{"Acknowledge", "Silence…", "Assign…", "Comment…", "Resolve"}},
		{"nor is an end that another system was asked for", withWish(hot, group.Wish{Verb: "resolve", By: sampleBob, State: group.WishAsked}), []string{"Acknowledge", "Silence…", "Assign…", "Comment…"}},
		{"who ended it by mistake opens it again", endedBy(hot), []string{"Reopen", "Comment…"}},
		{"but not when it ended by itself since", resolvedToo, []string{"Comment…"}},
		{"of what is over only comments", over(hot), []string{"Comment…"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, card := range []string{Default, thresholdCard} {
				test.in.Look = Look{}
				require.Empty(t, presses(t, set.Render(card, test.in, BotLimit)), "nobody can answer there")
				test.in.Look = ExampleLook()
				require.Equal(t, test.want, primary(t, set.Render(card, test.in, BotLimit)))
			}
		})
	}
}

func TestAButtonNamesWhatItsPressIsAbout(t *testing.T) {
	in := withOwner(withAck(hotRoom(now)))
	in.Group.Silence = &group.Silence{ID: 23, By: sampleBob, Until: now.Add(3600e9)}
	in.Look = ExampleLook()
	of := map[string]float64{}
	for name, button := range presses(t, shippedSet(t).Render(Default, in, BotLimit)) {
		data := button["data"].(map[string]any)
		require.EqualValues(t, in.Group.ID, data["group"])
		of[name] = data["of"].(float64)
	}
	require.Equal(t, map[string]float64{
		"unack  Take back acknowledgement": float64(in.Group.Ack.ID), "expire  End silence": 23,
		"assign  To me": float64(in.Group.Owner.ID), "assign  Assign": float64(in.Group.Owner.ID), "comment  Send": 0, "resolve  Resolve": 0,
	}, of, "a press that comes late would undo what it never saw")
}

// TestEveryButtonWorksInEveryClient: an old one takes the fallback, a phone
// refuses a card in which two inputs have one id, and Teams shows six buttons.
func TestEveryButtonWorksInEveryClient(t *testing.T) {
	set := shippedSet(t)
	for _, sample := range answerable() {
		t.Run(sample.Name, func(t *testing.T) {
			message := set.RenderSample(sample, BotLimit)
			require.NoError(t, message.Fault)
			require.Empty(t, teamsSchema().faults(message.Card))
			require.NotEmpty(t, presses(t, message), "nobody can answer")
			require.LessOrEqual(t, len(primary(t, message)), 6)
			ids := map[any]bool{}
			elements(read(t, message), func(element map[string]any) {
				if id := element["id"]; id != nil && element["type"] != "mention" {
					require.False(t, ids[id], "two have the id %v", id)
					ids[id] = true
				}
				switch element["type"] {
				case "Action.Execute":
					fallback := element["fallback"].(map[string]any)
					require.Equal(t, "Action.Submit", fallback["type"])
					require.Equal(t, element["data"], fallback["data"])
					require.Equal(t, element["title"], fallback["title"])
					require.Equal(t, element["associatedInputs"], fallback["associatedInputs"])
				case "Input.Text":
					require.NotEmpty(t, element["label"], "who cannot see does not know what to write")
				}
			})
		})
	}
}

func TestToMeSendsNoName(t *testing.T) {
	in := hotRoom(now)
	in.Look = ExampleLook()
	buttons := presses(t, shippedSet(t).Render(Default, in, BotLimit))
	require.Equal(t, "none", buttons["assign  To me"]["associatedInputs"], "it would be assigned to whom stands in the form, or not be sent without a name")
	require.NotContains(t, buttons["assign  Assign"], "associatedInputs")
}

// A card that was written for a webhook says nothing of people and has no
// buttons. At a bot's address it has to.
func TestACardForWebhooksCanBeAnsweredTooWhereABotShowsIt(t *testing.T) {
	set, problems := New([]Source{{"mine.tmpl", `{{ define "mine" }}` + block(`
		{"type": "TextBlock", "text": "{{ .CommonLabels.alertname }}"}, {"type": "TextBlock", "text": "more"}`) + `{{ end }}
		{{ define "knows" }}` + block(`{"type": "TextBlock", "text": "{{ with .Post.Ack }}{{ .By }} has seen it at {{ .At }}{{ end }}"} {{ template "_buttons" . }}`) + `{{ end }}
		{{ define "bare" }}{"type": "AdaptiveCard", "actions": [{"type": "Action.OpenUrl", "title": "x", "url": "https://e.example"}]}{{ end }}`},
		{"old.tmpl", `{{ define "teams.card" }}{"@type": "MessageCard", "title": "{{ .CommonLabels.alertname }}", "sections": [{"text": "a"}]}{{ end }}`}})
	require.Len(t, problems, 1, "that teams.card is everybody's now")
	in := withAck(hotRoom(now))

	webhook := allTexts(read(t, set.Render("mine", in, WorkflowLimit))["body"])
	require.Contains(t, webhook, "Acknowledged by Alice Ó Briain, 10:15", "people read there too")
	require.Empty(t, primary(t, set.Render("mine", in, WorkflowLimit)))

	in.Look = ExampleLook()
	for _, name := range []string{"mine", "teams.card", "bare"} {
		message := set.Render(name, in, BotLimit)
		require.NoError(t, message.Fault, name)
		require.Empty(t, teamsSchema().faults(message.Card), name)
		require.Contains(t, string(message.Card), "Acknowledged by Alice Ó Briain, 10:15", name)
		require.Equal(t, []string{"Take back acknowledgement", "Silence…", "Assign…", "Comment…", "Resolve"}, primary(t, message), name)
	}
	body := read(t, set.Render("mine", in, BotLimit))["body"].([]any)
	require.Equal(t, "DatacenterTemperatureHigh", body[0].(map[string]any)["text"], "the title stays the first")
	require.Contains(t, fmt.Sprint(body[1]), "Acknowledged by")

	knows := set.Render("knows", in, BotLimit)
	require.Equal(t, []string{"Take back acknowledgement", "Silence…", "Assign…", "Comment…", "Resolve"}, primary(t, knows), "they stand there twice")
	require.Contains(t, string(knows.Card), "Alice Ó Briain has seen it at 10:15")
	require.NotContains(t, string(knows.Card), "Acknowledged by", "the template says so already")
}

// However little room there is, texts and pages go before the buttons.
func TestButtonsStayWhenACardIsCut(t *testing.T) {
	in := withAck(hot(300))
	for i := range in.Group.Alerts {
		in.Group.Alerts[i].Annotations["description"] = strings.Repeat("long ", 2000)
		for n := range 12 {
			in.Group.Alerts[i].Annotations[fmt.Sprintf("page%d_url", n)] = fmt.Sprintf("https://e.example/%d", n)
		}
	}
	in.Look = ExampleLook()
	set, problems := New([]Source{{"mine.tmpl", `{{ define "mine" }}` + block(`{{ range .Alerts }}{"type": "TextBlock", "text": "{{ .Annotations.description }}"}{{ end }}`) + `{{ end }}`}})
	require.Empty(t, problems)
	for _, limit := range []Limit{{Bytes: 22 << 10, UTF16: true}, {Bytes: 16 << 10, UTF16: true}, {Bytes: 8 << 10}} {
		for _, card := range []string{Default, "mine"} {
			message := set.Render(card, in, limit)
			require.NoError(t, message.Fault)
			require.LessOrEqual(t, wire(limit, message), limit.Bytes)
			require.NotEmpty(t, message.Folded, "%s fits into %d", card, limit.Bytes)
			require.Contains(t, primary(t, message), "Take back acknowledgement", "%s in %d bytes: nobody can answer", card, limit.Bytes)
		}
	}
}

func TestTheMinimalCardCanBeAnsweredUnlessTeamsRefusedTheOther(t *testing.T) {
	in := withAck(hotRoom(now))
	in.Look = ExampleLook()
	set, _ := New([]Source{{"broken.tmpl", `{{ define "broken" }}{"type": "AdaptiveCard", "body": [{{ .Nothing.There }}]}{{ end }}`}})
	for _, name := range []string{MinimalCard, "broken"} {
		message := set.Render(name, in, BotLimit)
		require.Equal(t, []string{"Take back acknowledgement", "Resolve"}, primary(t, message), name)
		require.Contains(t, string(message.Card), "Acknowledged by Alice Ó Briain, 10:15", name)
		require.Empty(t, teamsSchema().faults(message.Card))
	}
	refused := Minimal(in, BotLimit)
	require.Empty(t, presses(t, refused), "what Teams refuses may be the buttons")
	require.Contains(t, string(refused.Card), "Acknowledged by Alice Ó Briain, 10:15")
	tight := set.Render(MinimalCard, in, Limit{Bytes: 700})
	require.LessOrEqual(t, len(tight.Card), 700)
}
