package typed

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/teamsrelay/teamsrelay/receiver/command"
)

// FuzzParse: whatever somebody writes, it is a command within the limits or a
// problem that can be answered, and a command about matchers names some that
// Alertmanager reads.
func FuzzParse(f *testing.F) {
	for _, u := range Usages {
		f.Add(u.Example, "")
	}
	for _, text := range []string{
		"", "\x00", "<at>", "ack <at>x</at> <at>x</at>", "silence {a=~\"(\"} 1h", "create “a” 'b", "alerts a=\"\\", "silence 1h1h1h1h", "&#983040;", "\U000F0000",
		"comment fgq8 \u202e", "silence fgq8 until 2026-02-31T29:99", "alerts \"\\\"=1", "assign \U000F0001 fgq8", "«»", "alerts =\"\"", "ack fgq8,,,,,and and",
	} {
		f.Add(text, "<at>x</at>")
	}
	f.Fuzz(func(t *testing.T, text, mentioned string) {
		m := Message{Text: text, Mentions: []Mention{{ID: "29:x", Name: mentioned, Text: mentioned}, {ID: "28:bot", Text: "<at>bot</at>", Bot: true}}}
		c, err := Parse(m, now)
		if err != nil {
			var p *Problem
			if !errors.As(err, &p) || p.What == "" || !utf8.ValidString(p.What) || len(p.What) > 1000 || strings.ContainsFunc(p.What, isMark) {
				t.Fatalf("nobody can be answered with %#v", err)
			}
			if p.Example != "" {
				if _, err := Parse(Message{Text: p.Example}, now); err != nil {
					t.Fatalf("what is proposed is not understood: %q", p.Example)
				}
			}
			return
		}
		if _, known := verbOf(c.Verb); !known || len(c.IDs) > MaxIDs || len(c.Matchers) > MaxMatchers {
			t.Fatalf("not within the limits: %+v", c)
		}
		for _, id := range c.IDs {
			if id <= 0 {
				t.Fatalf("%d is no number", id)
			}
		}
		for _, said := range []string{c.Title, c.Text, c.To.Name} {
			if !utf8.ValidString(said) || utf8.RuneCountInString(said) > command.MaxText || strings.ContainsFunc(said, isMark) {
				t.Fatalf("nobody can read %q", said)
			}
		}
		if !c.Until.IsZero() && (c.Until.Sub(now) < time.Minute || c.Until.Sub(now) > command.MaxSilence) {
			t.Fatalf("no silence can last until %s", c.Until)
		}
		for _, line := range c.Matchers {
			matcher, err := parseMatcher(line, "")
			if err != nil || matcher.String() != line {
				t.Fatalf("%q is read back as %v, %v", line, matcher, err)
			}
		}
		if c.Verb == command.Silence && c.Until.IsZero() || c.Verb == command.Comment && c.Text == "" || c.Verb == Create && c.Title == "" {
			t.Fatalf("something is missing: %+v", c)
		}
	})
}

// FuzzUntil: what somebody typed into a card's field is a time within the
// limits, or none.
func FuzzUntil(f *testing.F) {
	for _, span := range []string{"1h", "tomorrow", "until 14:00", "for 2 hours", "99999999999d", "until 2026-12-31 23:59", "1h1"} {
		f.Add(span)
	}
	f.Fuzz(func(t *testing.T, span string) {
		if until, ok := Until(span, now); ok && (until.Sub(now) < time.Minute || until.Sub(now) > command.MaxSilence) {
			t.Fatalf("%s is no time", until)
		}
	})
}
