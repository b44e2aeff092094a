package card

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// told adds a telling that is nobody's deed.
func told(in Input, change group.Change, count int) Input {
	return withDeeds(in, func(d *deeds, g *group.Group) {
		d.do(change, group.Person{}, "")
		h := &g.History[len(g.History)-1]
		h.Rev, h.Here, h.Count = 0, false, count
	})
}

// remindedOf is a telling of nothing new.
func remindedOf(in Input, after time.Duration) Input {
	in = copied(in)
	in.Now, in.Reminder = in.Now.Add(after), true
	in.Group.Rev++
	in.Group.Reminded = in.Group.Rev
	return in
}

// lines are the texts that people read in a card.
func linesOf(t *testing.T, m Message) (lines []string) {
	t.Helper()
	elements(read(t, m)["body"], func(element map[string]any) {
		if element["type"] == "TextBlock" {
			lines = append(lines, element["text"].(string))
		}
	})
	return lines
}

func TestAShortMessageSaysWhatReachesSomebody(t *testing.T) {
	hot := hotRoom(now)
	refused := group.Wish{Verb: "silence", By: sampleBob, System: "Alertmanager", Until: at(12, 0), State: group.WishFailed, Reason: "bad matcher"}
	unknown := withOwner(hot)
	unknown.Group.Owner.To.ID = ""
	himself := withOwner(hot)
	himself.Group.Owner.By = himself.Group.Owner.To
	for _, test := range []struct {
		name   string
		in     Input
		called int
		want   []string
	}{
		{"whom it was assigned to", withOwner(hot), 1, []string{"Assigned to <at>Bob Nguyễn</at> by Alice Ó Briain."}},
		{"who took it knows, and the others read it", himself, 1, []string{"Assigned to <at>Bob Nguyễn</at>."}},
		{"somebody of whom only the name is known", unknown, 1, []string{"Assigned to Bob Nguyễn by Alice Ó Briain."}},
		{"that it got worse, to who cares for it", told(withAck(hot), group.SeverityRises, 1), 2, []string{"<at>Alice Ó Briain</at>: Got worse: critical now."}},
		{"its owner before who has only seen it", told(withOwner(withAck(hot)), group.SeverityRises, 1), 3, []string{"<at>Bob Nguyễn</at>: Got worse: critical now."}},
		{"nobody cares for it yet", told(hot, group.JoinsCritical, 2), 1, []string{"2 alerts joined: 1 firing now."}},
		{"who asked for what was refused", withWish(hot, refused), 1, []string{"Alertmanager did not take the silence that <at>Bob Nguyễn</at> asked for: bad matcher."}},
		{"a silence that ended", silenceEnded(hot), 2, []string{"The silence has ended, and it goes on."}},
		{"a comment, for who cares", withComment(withAck(hot)), 2, []string{"<at>Alice Ó Briain</at>", "Bob Nguyễn · 10:16", `The second \*CRAC\* unit is off. &lt;at>Carol&lt;/at> is on her way.`}},
		{"but not one's own", withDeeds(withAck(hot), func(d *deeds, _ *group.Group) { d.do(group.Commented, sampleAlice, "on it") }), 2, []string{"Alice Ó Briain · 10:16", "on it"}},
		{"that it goes on", remindedOf(withAck(hot), 4*time.Hour), 2, []string{"<at>Alice Ó Briain</at>: Still firing after 4 h 13 min."}},
		{"that it goes on, and not once more what was called before", remindedOf(told(hot, group.SeverityRises, 1), 4*time.Hour), 2, []string{"Still firing after 4 h 13 min."}},
		{"that it is over, where a route says so aloud", func() Input {
			in := over(hot)
			in.Group.Rev++
			in.Group.History[len(in.Group.History)-1].Told = in.Group.Rev
			return in
		}(), 1, []string{"Resolved after 11 min · 2 alerts."}},
		{"all that nobody was called for", told(withComment(withOwner(hot)), group.SeverityRises, 1), 1, []string{
			"Assigned to <at>Bob Nguyễn</at> by Alice Ó Briain. Got worse: critical now.", "Bob Nguyễn · 10:16", `The second \*CRAC\* unit is off. &lt;at>Carol&lt;/at> is on her way.`}},
		{"quiet changes are none", withAck(withOwner(hot)), 1, []string{"Assigned to <at>Bob Nguyễn</at> by Alice Ó Briain."}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.in.Look = ExampleLook()
			test.in.Look.Threads = true
			message := shippedSet(t).Call(test.in, test.called, BotLimit)
			require.NoError(t, message.Fault)
			require.Equal(t, test.want, linesOf(t, message))
			require.Empty(t, teamsSchema().faults(message.Card))
			require.Empty(t, presses(t, message), "who wants to do something does it on the card")
			require.Contains(t, message.Summary, "Datacenter temperature high", "a phone shows nothing but this")
			require.Equal(t, "call", message.Template)

			test.in.Look.Threads = false
			alone := shippedSet(t).Call(test.in, test.called, BotLimit)
			require.Equal(t, test.want, linesOf(t, alone)[1:])
			require.True(t, strings.HasSuffix(linesOf(t, alone)[0], " · Datacenter temperature high"), "nobody knows which card it is about")
			require.Contains(t, string(alone.Card), `"title":"Open the card","url":"https://teams.microsoft.com/l/message/`)
		})
	}
}

func TestWhereACardHasNoAddressAShortMessageHasNoButton(t *testing.T) {
	in := withOwner(hotRoom(now))
	require.NotContains(t, string(shippedSet(t).Call(in, 1, BotLimit).Card), "Open the card")
}

// Many things may happen while Teams throttles us; who is called reads a few
// lines and finds the rest on the card.
func TestAShortMessageIsShort(t *testing.T) {
	in := hotRoom(now)
	for range 20 {
		in = withComment(told(in, group.JoinsCritical, 7))
	}
	in.Look = ExampleLook()
	message := shippedSet(t).Call(in, 1, BotLimit)
	require.LessOrEqual(t, len(linesOf(t, message)), 2+maxNews+2*maxWords)
	require.Less(t, len(message.Card), 6000)
	require.LessOrEqual(t, len([]rune(message.Summary)), maxPreview)
}

// A thread in which a comment is missing tells another story: four who comment
// within the two seconds between two edits are all quoted.
func TestAShortMessageQuotesEverybody(t *testing.T) {
	in := withDeeds(hotRoom(now), func(d *deeds, _ *group.Group) {
		for n := range 5 {
			d.do(group.Commented, sampleBob, fmt.Sprint("comment ", n))
		}
	})
	in.Look = ExampleLook()
	lines := strings.Join(linesOf(t, shippedSet(t).Call(in, 1, BotLimit)), "\n")
	for n := range 5 {
		require.Contains(t, lines, fmt.Sprint("comment ", n))
	}
}

// A comment may have 2,000 characters, and the card shows only how it begins:
// who pressed Comment… would have written the rest for nobody.
func TestAShortMessageHasAllOfAComment(t *testing.T) {
	long := strings.Repeat("fan ", 498) + "the end"
	in := withDeeds(hotRoom(now), func(d *deeds, _ *group.Group) { d.do(group.Commented, sampleBob, long) })
	in.Look = ExampleLook()
	require.Contains(t, linesOf(t, shippedSet(t).Call(in, 1, BotLimit)), long)
}

// Whoever takes an alert is not told that they gave it to themselves.
func TestWhoTakesAnAlertIsNamedOnce(t *testing.T) {
	in := withDeeds(hotRoom(now), func(d *deeds, _ *group.Group) { d.do(group.Assigned, sampleBob, sampleBob.Name) })
	in.Look = ExampleLook()
	card := string(shippedSet(t).Render("alert", in, BotLimit).Card)
	require.Contains(t, card, "assigned to Bob Nguyễn")
	require.NotContains(t, card, "assigned to Bob Nguyễn by Bob")
}

func TestUsersMayWordShortMessagesThemselves(t *testing.T) {
	set, problems := New([]Source{{"mine.tmpl", `{{ define "call" }}` + block(`{{ range .Call.Says }}{"type": "TextBlock", "text": "NEWS {{ . }}"}{{ end }}`) + `{{ end }}`}})
	require.Empty(t, problems)
	require.Equal(t, []string{"NEWS Assigned to Bob Nguyễn by Alice Ó Briain."}, linesOf(t, set.Call(withOwner(hotRoom(now)), 1, BotLimit)))

	broken, _ := New([]Source{{"mine.tmpl", `{{ define "call" }}` + block(`{{ .Nothing.There }}`) + `{{ end }}`}})
	message := broken.Call(withOwner(hotRoom(now)), 1, BotLimit)
	require.Error(t, message.Fault)
	require.Contains(t, string(message.Card), "Assigned to Bob Nguyễn by Alice Ó Briain.", "a mistake in a template costs the call")
}

// Teams shows broken markup where the text and what stands beside it differ,
// and a name must not become Markdown, a tag or somebody else.
func TestAMentionIsTheSameTwice(t *testing.T) {
	for name, want := range map[string]string{
		"Bob Nguyễn":                    "Bob Nguyễn",
		"O'Brien, Zoë (IT)":             "O'Brien, Zoë (IT)",
		"<at>everyone</at> **B** [x]":   "ateveryone/at B x",
		`"quoted" & \{{x}} ${y}` + "\n": "quoted x y",
		"_a_ `b` ~c~":                   "a b c",
	} {
		in := withOwner(hotRoom(now))
		in.Group.Owner.To.Name = name
		message := shippedSet(t).Call(in, 1, BotLimit)
		entities := read(t, message)["msteams"].(map[string]any)["entities"].([]any)
		require.Len(t, entities, 1)
		require.Equal(t, map[string]any{"type": "mention", "text": "<at>" + want + "</at>",
			"mentioned": map[string]any{"id": sampleBob.ID, "name": want}}, entities[0])
		require.Contains(t, strings.Join(linesOf(t, message), "\n"), "<at>"+want+"</at>")
	}
	in := withOwner(hotRoom(now))
	in.Group.Owner.To.Name = "<>*_"
	require.NotContains(t, string(shippedSet(t).Call(in, 1, BotLimit).Card), "<at>", "a mention without a name")
	in.Group.Owner.To = group.Person{Name: "Bob", ID: "<x>"}
	require.NotContains(t, string(shippedSet(t).Call(in, 1, BotLimit).Card), "<at>", "what cannot be an id is none")
}
