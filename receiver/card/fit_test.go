package card

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// wire is what a message takes on the wire, counted in another way than the
// code does.
func wire(limit Limit, m Message) int {
	summary, _ := json.Marshal(m.Summary)
	summary = []byte(strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(summary)))
	if limit.UTF16 {
		return limit.Overhead + 2*len(utf16.Encode([]rune(string(m.Card)+string(summary))))
	}
	return limit.Overhead + len(m.Card) + len(summary)
}

// wild is a text of n runes of every kind, some of them no UTF-8.
func wild(r *rand.Rand, n int) string {
	alphabet := []string{"a", "Z", " ", "\n", "\t", "\"", "\\", "_", "*", "<at>", "{{", "${", "é", "漢", "🔥", "\u202e", "\xff", "\x00", "https://e.example/", "&lt;"}
	var out strings.Builder
	for range n {
		out.WriteString(alphabet[r.IntN(len(alphabet))])
	}
	return out.String()
}

func wildInput(r *rand.Rand) Input {
	in := Input{Now: now, Late: 3600e9, Reminder: r.IntN(2) == 0}
	in.Group = group.Group{ID: 1 + r.Int64N(1e6), OpenedAt: at(9, 0), Truncated: r.IntN(3)}
	in.Group.Spec.Source, in.Group.Sender.ExternalURL = wild(r, r.IntN(3)), "https://am.example"
	sizes := []int{0, 1, 10, 100, 3000}
	size := sizes[r.IntN(len(sizes))]
	for i := range []int{0, 1, 2, 20, 300}[r.IntN(5)] {
		set := func(names ...string) map[string]string {
			out := map[string]string{}
			for _, name := range names {
				out[name] = wild(r, r.IntN(size+1))
			}
			for range r.IntN(8) {
				out[wild(r, r.IntN(20))] = wild(r, r.IntN(min(size, 50)+1))
			}
			return out
		}
		m := firing(at(10, i%60), set("alertname", "severity", "site"), set("summary", "description", "runbook_url"))
		switch r.IntN(4) {
		case 0:
			ended(&m, at(10, 10))
		case 1:
			m.State = group.Unseen
		case 2:
			m.Inhibited = true
		}
		in.Group.Alerts = append(in.Group.Alerts, m)
		in.Group.History = append(in.Group.History, group.History{At: at(10, 2), Change: wildDeeds[r.IntN(len(wildDeeds))],
			Who: wild(r, r.IntN(200)), Text: wild(r, r.IntN(2000)), Rev: 1 + i/3, Here: r.IntN(2) == 0})
		in.Group.History = append(in.Group.History, group.History{At: at(10, 1), Change: group.Joins, Count: i})
	}
	wildPeople(r, &in)
	return in
}

var wildDeeds = []group.Change{group.Acknowledged, group.Assigned, group.Commented, group.Asked, group.Failed, group.Silenced, group.Reopened, group.AllResolved}

// wildPeople are people who did everything at once, with names of every kind.
func wildPeople(r *rand.Rand, in *Input) {
	who := func() group.Person {
		return group.Person{Name: wild(r, r.IntN(300)), ID: []string{"", sampleBob.ID, wild(r, 20)}[r.IntN(3)]}
	}
	mark := func() *group.Mark {
		if r.IntN(2) == 0 {
			return nil
		}
		return &group.Mark{ID: r.IntN(9), By: who(), To: who(), At: at(10, 3)}
	}
	g := &in.Group
	g.Rev, g.Facts, g.Ack, g.Owner, g.Closed = r.IntN(9), r.IntN(3), mark(), mark(), mark()
	if r.IntN(2) == 0 {
		g.Silence = &group.Silence{ID: r.Int64(), By: who(), Until: now.Add(time.Duration(r.Int64N(1e17))), Comment: wild(r, r.IntN(3000))}
	}
	for range r.IntN(6) {
		g.Wishes = append(g.Wishes, group.Wish{
			Verb: []string{"silence", "expire", "resolve", "assign", "comment", wild(r, 5)}[r.IntN(6)], By: who(), Until: now.Add(time.Hour), Count: r.IntN(3),
			System: wild(r, r.IntN(99)), Reason: wild(r, r.IntN(3000)), State: []group.WishState{group.WishAsked, group.WishGranted, group.WishFailed}[r.IntN(3)],
		})
	}
	if r.IntN(2) == 0 {
		in.Look = ExampleLook()
		in.Look.Threads, in.Look.Link = r.IntN(2) == 0, wild(r, r.IntN(30))
	}
}

func TestNoCardIsEverLargerThanItsTransportTakes(t *testing.T) {
	set, problems := New([]Source{{"mine.tmpl", `{{ define "mine" }}` + block(`{{ range .Alerts }}{"type": "Container", "items": [
		{"type": "TextBlock", "text": "{{ .Annotations.description }} {{ .Labels }}"}, {"type": "Image", "url": "https://e.example/x.png"}]}{{ end }}`) + `{{ end }}`}})
	require.Empty(t, problems)
	limits := []Limit{WorkflowLimit, {Bytes: 80_000, UTF16: true, Overhead: 300}, {Bytes: 4000}, {Bytes: 900}}
	for seed := range 40 {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		in := wildInput(r)
		for _, limit := range limits {
			for _, message := range []Message{set.Render("alert", in, limit), set.Render("mine", in, limit), Minimal(in, limit), set.Render(MinimalCard, in, limit), set.Call(in, r.IntN(9), limit)} {
				require.NoError(t, message.Fault, "seed %d", seed)
				require.LessOrEqual(t, wire(limit, message), limit.Bytes, "seed %d: refused by Teams for its size", seed)
				require.True(t, json.Valid(message.Card), "seed %d: %s", seed, message.Card)
				require.True(t, utf8.Valid(message.Card) && utf8.ValidString(message.Summary), "seed %d", seed)
				require.NotEmpty(t, message.Summary, "seed %d", seed)
			}
		}
	}
}

func TestWhatIsLeftOutIsSaid(t *testing.T) {
	set, problems := New([]Source{{"mine.tmpl", `{{ define "mine" }}` + block(`
		{"type": "TextBlock", "text": "{{ len .Alerts }} alerts"},
		{{ range .Alerts }}{"type": "TextBlock", "text": "{{ .Labels.rack }} {{ .Annotations.description }}"}{{ end }}`) + `{{ end }}
		{{ define "says" }}` + block(`{{ range .Alerts }}{"type": "TextBlock", "text": "{{ .Labels.rack }}"}{{ end }}
		{"type": "TextBlock", "text": "{{ more }}, sorry"}`) + `{{ end }}
		{{ define "pictures" }}` + block(`{"type": "Image", "url": "data:image/png;base64,{{ repeat 9000 "AAAA" }}"}, {"type": "TextBlock", "text": "kept"}`) + `{{ end }}`}})
	require.Empty(t, problems)

	message := set.Render("alert", hot(153), WorkflowLimit)
	require.Contains(t, string(message.Card), `"and 143 more"`)
	require.Empty(t, message.Folded, "ten rows are how the card is meant, nothing was lost")

	small := set.Render("alert", hot(153), Limit{Bytes: 3600})
	require.Contains(t, string(small.Card), `"and 150 more"`, "three rows and one count, not two counts")
	require.Equal(t, 1, strings.Count(string(small.Card), " more\""))

	message = set.Render("mine", hot(1000), WorkflowLimit)
	require.NoError(t, message.Fault)
	require.Contains(t, string(message.Card), `"1000 alerts"`, "a count must not lie because rows are cut")
	require.Contains(t, string(message.Card), `"and 900 more"`, "somebody would think that this is all")

	message = set.Render("says", hot(1000), WorkflowLimit)
	require.Contains(t, string(message.Card), `"and 900 more, sorry"`)
	require.Equal(t, 1, strings.Count(string(message.Card), "and 900 more"), "what the template says is not said again")

	in := hot(30)
	for i := range in.Group.Alerts {
		in.Group.Alerts[i].Annotations["description"] = strings.Repeat("very long ", 300)
	}
	message = set.Render("mine", in, WorkflowLimit)
	require.Contains(t, message.Folded, "long texts")
	require.Contains(t, string(message.Card), "…")
	require.Contains(t, string(message.Card), `"and 10 more"`)

	message = set.Render("pictures", hot(1), WorkflowLimit)
	require.Equal(t, "pictures", message.Folded)
	require.Contains(t, string(message.Card), "kept")
	require.NotContains(t, string(message.Card), "image/png")
}

func TestACutNeverSplitsACharacterOrAnEscape(t *testing.T) {
	for _, test := range []struct {
		text string
		max  int
		want string
	}{
		{"short", 10, "short"}, {"ありがとう", 3, "あり…"}, {"ありがとう", 5, "ありがとう"}, {"🔥🔥🔥", 2, "🔥…"},
		{"a b", 2, "a…"}, {"a  b", 3, "a…"}, {"x", 0, ""}, {"\xff\xff", 5, "\uFFFD"}, {"", 3, ""},
	} {
		require.Equal(t, test.want, shorten(test.text, test.max), fmt.Sprintf("%q to %d", test.text, test.max))
	}
	var a assembler
	require.NoError(t, a.assemble([]byte(`{"text": "ab\\_cd", "title": "<at>a_b@contoso.com</at>", "id": "abcdef"}`), nil))
	a.tree.shortenTexts(4)
	require.Equal(t, `{"text":"ab…","title":"<at>a_b@contoso.com</at>","id":"abcdef"}`, string(a.tree.write(nil, 0)))
}

// What a script died of stands in its last lines: whoever is called at night
// needs those, however long the log was and whatever language it is in.
func TestTheEndOfALogStaysWhenItIsCut(t *testing.T) {
	const last = `the \\server\data_2.qvd "is" gone`
	log := strings.Repeat(strings.Repeat("売", 40)+` loading \lib_*`+"\n", 80) + last
	in := hot(1)
	in.Group.Alerts[0].Annotations["log"] = log
	set := define(t, block(`{"type": "CodeBlock", "codeSnippet": "{{ .CommonAnnotations.log }}"},
		{"type": "CodeBlock", "codeSnippet": "{{ .CommonAnnotations.log }}", "fallback": {"type": "Container", "items": [
		{"type": "TextBlock", "fontType": "monospace", "text": "{{ .CommonAnnotations.log }}"}]}}`))
	for _, limit := range []Limit{WorkflowLimit, {Bytes: 5000}, {Bytes: 2500}} {
		message := set.Render("mine", in, limit)
		require.NoError(t, message.Fault)
		require.Contains(t, message.Folded, "long texts")
		var card struct {
			Body []struct{ CodeSnippet, Fallback json.RawMessage }
		}
		require.NoError(t, json.Unmarshal(message.Card, &card))
		require.Len(t, card.Body, 2)
		for _, code := range card.Body {
			var text string
			require.NoError(t, json.Unmarshal(code.CodeSnippet, &text))
			require.True(t, strings.HasPrefix(text, "…"), text)
			require.True(t, strings.HasSuffix(text, last), text)
			require.Contains(t, string(code.Fallback), `gone"`, "an old client shows this one")
		}
	}
	var a assembler
	require.NoError(t, a.assemble([]byte(`{"fontType": "Monospace", "text": "abc\\_cd", "codeSnippet": "abc\\_cd<at>"}`), nil))
	a.tree.shortenTexts(4)
	require.Equal(t, `{"fontType":"Monospace","text":"…cd","codeSnippet":"…at>"}`, string(a.tree.write(nil, 0)), "a bare _ would be a mark")
	require.NoError(t, a.assemble([]byte(`{"codeSnippet": "売売"}`), nil))
	a.tree.shortenTexts(2)
	require.Equal(t, `{"codeSnippet":"売売"}`, string(a.tree.write(nil, 0)), "this fits")
}

// A source may send a hundred links; they must not cost the words.
func TestManyButtonsDoNotCostTheCard(t *testing.T) {
	set := define(t, `{"type": "AdaptiveCard", "version": "1.5", "body": [{"type": "TextBlock", "text": "the disk is full"},
		{"type": "ActionSet", "actions": [{{ range until 100 }}{"type": "Action.OpenUrl", "title": "L{{ . }}", "url": "https://e.example/{{ repeat 300 "p" }}{{ . }}"}{{ end }}]}],
		"actions": [{"type": "Action.OpenUrl", "title": "long", "url": "https://e.example/{{ repeat 9000 "u" }}{{ repeat 9000 "u" }}"}, {"type": "Action.OpenUrl", "title": "short", "url": "https://e.example/s"}]}`)
	message := set.Render("mine", hot(1), WorkflowLimit)
	require.NoError(t, message.Fault)
	require.Contains(t, string(message.Card), "the disk is full")
	require.Contains(t, string(message.Card), `"L5"`)
	require.NotContains(t, string(message.Card), `"L6"`)
	require.Contains(t, string(message.Card), `"short"`, "only the address that is too long goes")
	require.Equal(t, "pictures, long texts, buttons", message.Folded)
}

func TestFoldedCardsOfTheBotCountUTF16(t *testing.T) {
	m := Message{Card: []byte(`"é🔥"`), Summary: "a"}
	require.Equal(t, 10+2*(5+3), Limit{UTF16: true, Overhead: 10}.size(m), "é is one unit, 🔥 two")
	require.Equal(t, 10+8+3, Limit{Overhead: 10}.size(m))
}
