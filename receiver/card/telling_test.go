package card

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
)

func TestATemplateCanTellAGroupInOtherWords(t *testing.T) {
	for _, test := range []struct{ name, action, want string }{
		{"the words for the states", `{{ (tell . "Firing" "stopped").Card.Status }}`, "CRITICAL · 1 stopped, 1 resolved"},
		{"the severity", `{{ (tell . "Severity" "P1").Card.Status }}`, "P1 · 1 firing, 1 resolved"},
		{"the word in a row", `{{ (index (tell . "Ended" "up").Card.Rows 1).When }}`, "up 10:12"},
		{"the others stay", `{{ (tell . "Title" "x").Card.Since }}`, "since 10:02 UTC"},
		{"the data itself stays", `{{ $x := tell . "Title" "x" }}{{ .Card.Title }}`, "Datacenter temperature high"},
		{"what is told twice counts twice", `{{ (tell (tell . "Firing" "stopped") "Severity" "").Card.Status }}`, "1 STOPPED, 1 RESOLVED"},
		{"what is read aloud follows", `{{ (tell . "Title" "Hot" "Summary" "").Card.Speak }}`, "CRITICAL, 1 firing, 1 resolved: Hot."},
		{"data is no Markdown", `{{ markdown (tell . "Where" "[a](http://b)").Card.Where }}`, `\\[a\\](http://b)`},
		{"what named made is", `{{ markdown (tell . "Where" (named "rack" "a*b" "row" "")).Card.Where }}`, `rack **a\\*b**`},
		{"facts without a value are left out", `{{ range facts "a" "1" "b" "" "c" nil "d" 4 }}{{ .Name }}={{ .Value }} {{ end }}`, "a=1 d=4 "},
		{"the facts that are not shown yet", `{{ range others . "site" }}{{ .Name }} {{ end }}`, "Team "},
		{"facts without some", `{{ range without (facts "a" "1" "b" "2") "a" }}{{ .Name }}{{ end }}`, "b"},
		{"rows by another name", `{{ range rows . "rack" }}{{ markdown .Labels }} {{ end }}`, "**r1** **r7** "},
		{"a phrase without its value is nothing", `{{ line "a" (phrase "on %s" "") (phrase "by %s" "Bob") }}`, "a by Bob"},
		{"a value with a percent sign", `{{ phrase "at %s" "7 %d" }}`, "at 7 %d"},
		{"dots and commas", `{{ dots "a" "" "b" }} {{ commas "a" nil "b" }}`, "a · b a, b"},
		{"a link that is none", `{{ range links . "Mail" "javascript:x" "Page" "https://p.example" }}{{ .Title }} {{ end }}`, "Page Runbook Dashboard Source Silence in Alertmanager "},
	} {
		t.Run(test.name, func(t *testing.T) {
			set := define(t, `{"type": "AdaptiveCard", "body": [{"type": "TextBlock", "text": "`+strings.ReplaceAll(test.action, "\n", " ")+`"}]}`)
			message := set.Render("mine", hotRoom(now), WorkflowLimit)
			require.NoError(t, message.Fault)
			require.Equal(t, `{"type":"AdaptiveCard","body":[{"type":"TextBlock","text":"`+test.want+`"}]}`, strings.ReplaceAll(string(message.Card), "CRITICAL · ", "CRITICAL · "))
		})
	}
	for _, test := range []struct{ action, fault string }{
		{`{{ tell . "Titel" "x" }}`, `a card has no "Titel"`},
		{`{{ tell . "Titel" (facts "a" "b") }}`, `a card has no "Titel"`},
		{`{{ tell . "Facts" "b" }}`, `a card has no "Facts" that is string`},
		{`{{ tell . "Title" }}`, "a name without a value"},
		{`{{ facts 1 2 }}`, "1 is no name"},
	} {
		message := define(t, `{"type": "AdaptiveCard", "body": [`+test.action+`]}`).Render("mine", hotRoom(now), WorkflowLimit)
		require.ErrorContains(t, message.Fault, test.fault, "its author looks for the mistake elsewhere")
	}
}

func TestTimesThatSourcesWroteAreOnTheReadersClock(t *testing.T) {
	r := render{wall: newWall(now, time.FixedZone("CET", 3600))}
	for _, test := range []struct{ text, moment, overdue string }{
		{"2026-11-21T08:00:00Z", "09:00 CET", "2 h 14 min"},
		{"2026-11-21T08:00:00.123Z", "09:00 CET", "2 h 13 min"},
		{"2026-11-23T08:00:00.000+0100", "23 Nov 08:00 CET", ""},
		{"2025-11-23 08:00:00", "23 Nov 2025 08:00 CET", "363 d 3 h"},
		{"2026-11-21", "21 Nov", ""}, // due today is not overdue
		{"2026-11-19", "19 Nov", "1 d 11 h"},
		{"2025-01-02", "2 Jan 2025", "687 d 11 h"},
		{"1753-01-01T00:00:00.000Z", "", ""},
		{"0001-01-01T00:00:00Z", "", ""},
		{"-", "", ""},
		{"", "", ""},
		{"next week", "next week", ""},
	} {
		require.Equal(t, test.moment, r.moment(test.text), "%q", test.text)
		require.Equal(t, test.overdue, r.overdue(test.text), "%q", test.text)
	}
	require.Empty(t, r.moment(nil))
}

func TestAPriorityIsWords(t *testing.T) {
	for text, want := range map[string]string{"1": "P1, very high", "P2": "P2, high", "high": "High", "": "", "Blocker": "Blocker", "17": "17"} {
		require.Equal(t, want, priorityWords(text))
	}
}

func TestTheErrorInAScriptLogIsFound(t *testing.T) {
	for _, test := range []struct{ name, log, want string }{
		{"Qlik Sense on Windows", "2026-11-21 04:04:17 0211  LOAD *\n2026-11-21 04:04:17      Error: Cannot open file\n2026-11-21 04:04:17      Execution Failed", "Cannot open file"},
		{"the last of several", "Error: a\nError: b\nok", "B"},
		{"Qlik Cloud", "Started loading data\n\nThe following error occurred:\nField 'x' not found\n\nThe error occurred here:\n?", "Field 'x' not found"},
		{"an error without more", "2026-11-21T04:04:17Z Error", "Error"},
		{"no error", "2026-11-21 04:04:17 0001 SET Errors = 0", ""},
		{"no log", "", ""},
	} {
		require.Equal(t, test.want, logError(test.log), test.name)
	}
}

func TestALongLogIsCutWhereItMattersLeast(t *testing.T) {
	lines := make([]string, 40)
	for i := range lines {
		lines[i] = strings.Repeat("x", 20) + string(rune('A'+i%26))
	}
	log := strings.Join(lines, "\n")
	end := strings.Split(logEnd(log), "\n")
	require.Len(t, end, maxLogLines+1)
	require.Equal(t, "…", end[0])
	require.Equal(t, lines[39], end[maxLogLines], "what went wrong stands at the end")
	start := strings.Split(logStart(log, "other"), "\n")
	require.Equal(t, lines[0], start[0])
	require.Equal(t, "…", start[maxLogLines])
	require.Empty(t, logStart("a\nb", "a\nb\nc"), "a short log would be there twice")
	require.Empty(t, logEnd(" \n "))
	huge := logEnd(strings.Repeat(strings.Repeat("y", 1000)+"\n", 20))
	require.LessOrEqual(t, len([]rune(huge)), maxLogRunes+maxLogLine)
}

func TestCommentsAreThoseThatAreNew(t *testing.T) {
	in := commented(hotRoom(now))
	in.Group.History = append(in.Group.History, group.History{At: at(10, 13), Change: group.Commented, Count: 1, Who: "Bob", Text: "Done.", Rev: 4})
	said := func(shown int) (texts []string) {
		in.Shown = shown
		for _, c := range newTeller(in).comments() {
			texts = append(texts, c.Who+" "+c.At)
		}
		return texts
	}
	require.Equal(t, []string{"Alice Ó Briain 10:12", "Bob 10:13"}, said(1), "the merged message leaves a comment out")
	require.Equal(t, []string{"Bob 10:13"}, said(3), "people read what they have read")
	require.Equal(t, []string{"Bob 10:13"}, said(4), "the card that tells of a comment is made anew without it")
	in.Group.History = append(in.Group.History, group.History{At: at(10, 14), Change: group.AllResolved})
	require.Empty(t, said(4), "the end is told with an old comment")
}

func TestAStoryNamesWhoDidWhat(t *testing.T) {
	in := commented(hotRoom(now))
	in.Group.History = append(in.Group.History[3:], group.History{At: at(10, 13), Change: group.Updated, Count: 1, Rev: 4})
	require.Equal(t, "10:10 assigned by Bob · 10:12 comment by Alice Ó Briain · 10:13 changed", newTeller(in).history())
}

func TestAStoryThatWasGivenUpSaysSo(t *testing.T) {
	in := given(story("butler", now, serviceMember(at(10, 2), serviceStopped)))
	in.Group.Spec.Expires = 24 * time.Hour
	require.Equal(t, []string{"No news since 10:02 UTC: given up after 1 d. How it ended is not known here."}, newTeller(in).notices())
}

func TestTheNumbersOfAnEventPrintAsTheyWereWritten(t *testing.T) {
	in := story("app", now, firing(at(10, 2), map[string]string{"alertname": "A"}, nil))
	in.Group.Alerts[0].Event = json.RawMessage(`{"id": 9007199254740993, "big": 12345678901234567890, "f": 1234567.5, "zero": 0, "list": [7]}`)
	set := define(t, `{"type": "AdaptiveCard", "body": [{"type": "TextBlock", "text": "{{ .Event.id }} {{ .Event.big }} {{ .Event.f }} {{ if .Event.zero }}yes{{ else }}no{{ end }} {{ index .Event.list 0 }} {{ if gt .Event.f 5.0 }}more{{ end }}"}]}`)
	message := set.Render("mine", in, WorkflowLimit)
	require.NoError(t, message.Fault)
	require.Contains(t, string(message.Card), `"9007199254740993 12345678901234567890 1234567.5 no 7 more"`)
}

func TestACardsOwnWordsAreThePreview(t *testing.T) {
	in := hotRoom(now)
	for _, test := range []struct{ name, root, want string }{
		{"its fallbackText", `"fallbackText": "{{ .CommonLabels.site }} is\n hot {{ "{{x}}" }}",`, "fra1 is hot {{x}}"},
		{"none", ``, newTeller(in).story(0).Preview},
		{"an empty one", `"fallbackText": "",`, newTeller(in).story(0).Preview},
		{"a long one", `"fallbackText": "` + strings.Repeat("x", 500) + `",`, strings.Repeat("x", 159) + "…"},
	} {
		t.Run(test.name, func(t *testing.T) {
			message := define(t, `{"type": "AdaptiveCard", `+test.root+` "body": []}`).Render("mine", in, WorkflowLimit)
			require.NoError(t, message.Fault)
			require.Equal(t, test.want, message.Summary)
		})
	}
}

func TestAnAlertsPictureAndPagesHaveTheirPlaces(t *testing.T) {
	in := one(map[string]string{"alertname": "A"}, map[string]string{
		"image_url": "https://images.example.com/a.png", "silence_url": "https://g.example.com/silence", "panel_url": "https://g.example.com/panel",
	})
	story := newTeller(in).story(0)
	require.Equal(t, "https://images.example.com/a.png", story.Picture)
	require.Equal(t, []Link{{"Panel", "https://g.example.com/panel"}, {"Source", "https://prometheus.example.com/graph?g0.expr=up"}, {"Silence", "https://g.example.com/silence"}}, story.Links)
	require.Empty(t, story.Facts)

	ended(&in.Group.Alerts[0], at(10, 5))
	for _, link := range newTeller(in).story(0).Links {
		require.NotEqual(t, "Silence", link.Title, "there is nothing left to silence")
	}
	in.Group.Alerts[0].Annotations["image_url"] = "http://images.example.com/a.png"
	story = newTeller(in).story(0)
	require.Empty(t, story.Picture, "Teams shows pictures from https only")
	require.Contains(t, story.Links, Link{"Image", "http://images.example.com/a.png"})
}

// TestTheManualsTemplatesWork: people copy them.
func TestTheManualsTemplatesWork(t *testing.T) {
	manual, err := os.ReadFile(filepath.Join("..", "..", "templates", "README.md"))
	require.NoError(t, err)
	found := 0
	for _, block := range strings.Split(string(manual), "```")[1:] {
		if !strings.HasPrefix(block, "\n{{ define") {
			continue
		}
		found++
		set, problems := New([]Source{{"README.md", block}})
		require.Empty(t, problems, block)
		for _, name := range set.Names() {
			if !shippedSet(t).Has(name) {
				require.Empty(t, set.Check(name), block)
			}
		}
	}
	require.Equal(t, 3, found, "the manual's templates were not found")
	for _, name := range shippedSet(t).Names() {
		require.Contains(t, string(manual), "`"+name+"`", "a card that nobody knows of")
	}
}
