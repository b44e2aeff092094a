package events

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestTextFromJira(t *testing.T) {
	for name, c := range map[string]struct{ wiki, want string }{
		"plain words stay":                          {"Printer is on fire.", "Printer is on fire."},
		"lines of Windows are lines":                {"one\r\ntwo\r\n\r\n\r\nthree  ", "one\ntwo\n\nthree"},
		"emphasis goes, words stay":                 {"this is *important* and _urgent_, *really*.", "this is important and urgent, really."},
		"emphasis in emphasis":                      {"*_both_* (*one*)", "both (one)"},
		"names with underscores stay":               {"set max_open_files and my_other_name", "set max_open_files and my_other_name"},
		"arithmetic stays":                          {"2*3*4 = 24, 5 * 6 * 7", "2*3*4 = 24, 5 * 6 * 7"},
		"a heading is a line":                       {"h2. What happened\nIt broke.", "What happened\nIt broke."},
		"lists":                                     {"* one\n** two *bold*\n# three\n- four", "- one\n  - two bold\n- three\n- four"},
		"a link keeps words and address":            {"see [the runbook|https://example.com/rb] and [https://example.com]", "see the runbook (https://example.com/rb) and https://example.com"},
		"a smart link is its address":               {"[https://example.com/x|https://example.com/x|smart-link]", "https://example.com/x"},
		"square brackets of a log stay":             {"[ERROR] disk full [a|b]", "[ERROR] disk full [a|b]"},
		"a mention by account does not show the id": {"[~accountid:5b10a2844c20165700ede21g] please look", "@somebody please look"},
		"a mention by name":                         {"[~asmith] please look", "@asmith please look"},
		"a picture is named":                        {"!screenshot-1.png|thumbnail!\nWow! Great!", "[screenshot-1.png]\nWow! Great!"},
		"a quote":                                   {"{quote}\nthey said\n*so*\n{quote}\nno", "> they said\n> so\n\nno"},
		"a quote on one line":                       {"{quote}they said{quote}\nno", "> they said\n\nno"},
		"bq":                                        {"bq. they said", "> they said"},
		"code is kept as it is":                     {"before\n{code:python}\ndef f():\n    return *a*_b_ # [x|http://y]\n{code}\nafter", "before\n\ndef f():\n    return *a*_b_ # [x|http://y]\n\nafter"},
		"noformat on one line":                      {"x {noformat}*y*{noformat} z", "x y z"},
		"code that never ends":                      {"{code}\nabc *d*", "abc *d*"},
		"monospaced":                                {"run {{kubectl get pods}} *now*", "run kubectl get pods now"},
		"colour and panels leave their words":       {"{color:red}down{color}\n{panel:title=Note}\nhello\n{panel}", "down\n\nhello"},
		"curly brackets of JSON stay":               {`{"code": 1}`, `{"code": 1}`},
		"escaped marks":                             {`\*not bold\* \{x\}`, `*not bold* {x}`},
		"a path of Windows stays":                   {`C:\Users\alice\file`, `C:\Users\alice\file`},
		"a table":                                   {"||Host||State||\n|srv1|down|\n|[wiki|https://example.com]|up|", "Host | State\nsrv1 | down\nwiki (https://example.com) | up"},
		"a rule is an empty line":                   {"a\n----\nb", "a\n\nb"},
		"emoji and right-to-left text":              {"🔥 *عاجل* שלום", "🔥 عاجل שלום"},
		"Teams' own marks come through":             {"<at>everyone</at> {{DATE(2026-01-01)}} ${x}", "<at>everyone</at> DATE(2026-01-01) ${x}"},
		"nothing":                                   {" \r\n ", ""},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, jiraText(c.wiki)) })
	}
}

// The newer API of Jira Cloud gives documents instead of text (Atlassian's
// page "Atlassian Document Format").
func TestTextFromADocumentOfJira(t *testing.T) {
	const body = `{"type":"doc","version":1,"content":[
		{"type":"heading","attrs":{"level":2},"content":[{"type":"text","text":"What happened"}]},
		{"type":"paragraph","content":[
			{"type":"mention","attrs":{"id":"5b10","text":"@Alice Smith"}},{"type":"text","text":" the "},
			{"type":"text","text":"disk","marks":[{"type":"strong"}]},{"type":"text","text":" is full "},
			{"type":"emoji","attrs":{"shortName":":fire:","text":"🔥"}},{"type":"hardBreak"},
			{"type":"text","text":"runbook","marks":[{"type":"link","attrs":{"href":"https://example.com/rb"}}]},{"type":"text","text":", "},
			{"type":"inlineCard","attrs":{"url":"https://example.com/card"}},{"type":"text","text":" by "},
			{"type":"date","attrs":{"timestamp":"1795046400000"}},{"type":"text","text":" "},{"type":"status","attrs":{"text":"URGENT","color":"red"}}]},
		{"type":"bulletList","content":[
			{"type":"listItem","content":[{"type":"paragraph","content":[{"type":"text","text":"one"}]},
				{"type":"orderedList","content":[{"type":"listItem","content":[{"type":"paragraph","content":[{"type":"text","text":"inner"}]}]}]}]},
			{"type":"listItem","content":[{"type":"paragraph","content":[{"type":"text","text":"two"}]}]}]},
		{"type":"taskList","content":[{"type":"taskItem","attrs":{"state":"DONE"},"content":[{"type":"text","text":"call"}]},{"type":"taskItem","attrs":{"state":"TODO"},"content":[{"type":"text","text":"fix"}]}]},
		{"type":"blockquote","content":[{"type":"paragraph","content":[{"type":"text","text":"said"}]}]},
		{"type":"codeBlock","attrs":{"language":"go"},"content":[{"type":"text","text":"if x {\n  y()\n}"}]},
		{"type":"mediaSingle","content":[{"type":"media","attrs":{"type":"file","id":"1","alt":"shot.png"}}]},
		{"type":"table","content":[{"type":"tableRow","content":[{"type":"tableHeader","content":[{"type":"paragraph","content":[{"type":"text","text":"Host"}]}]},{"type":"tableCell","content":[{"type":"paragraph","content":[{"type":"text","text":"srv1"}]}]}]}]},
		{"type":"somethingNew","content":[{"type":"paragraph","content":[{"type":"text","text":"still read"}]}]}
	]}`
	var doc any
	require.NoError(t, json.Unmarshal([]byte(body), &doc))
	require.Equal(t, strings.TrimSpace(`
What happened

@Alice Smith the disk is full 🔥
runbook (https://example.com/rb), https://example.com/card by 2026-11-19 URGENT

- one
  1. inner
- two

- ✓ call
- fix

> said

if x {
  y()
}

[shot.png]

Host | srv1

still read`), jiraText(doc))
}

func TestTextOfJiraThatIsNoText(t *testing.T) {
	for _, value := range []any{nil, 7.0, true, []any{"x"}, map[string]any{}, map[string]any{"content": "x"}, map[string]any{"content": []any{nil, 1.0, map[string]any{"type": 5.0}}}} {
		require.Empty(t, jiraText(value), "%v", value)
	}
}

// Anybody who may write a comment could otherwise keep the receiver busy.
func TestTextFromJiraIsReadInNoTime(t *testing.T) {
	deep := any(map[string]any{"type": "text", "text": "x"})
	for range 5000 {
		deep = map[string]any{"type": "blockquote", "content": []any{deep}}
	}
	began := time.Now()
	jiraText(deep)
	for _, bit := range []string{"*a ", "[", "*_", "{{", "??", "!a.b ", "{quote}", "{code}", "\\", "|", "_x", "{", "[a|http://b", "*a* "} {
		jiraText(strings.Repeat(bit, 200_000/len(bit)))
	}
	require.Less(t, time.Since(began), 10*time.Second)
}

func FuzzTextFromJira(f *testing.F) {
	for _, seed := range []string{"*a* _b_ [c|http://d] {code}e{code} {quote}f{quote}", "|a|b|\n||c||", "{{x}}\\\\ y", "!a.png!", "??x??", "h1. x\n* y\n----"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return // JSON gives no other
		}
		read := jiraText(text)
		require.True(t, utf8.ValidString(read))
		require.LessOrEqual(t, len(read), 8*len(text)+16)
	})
}
