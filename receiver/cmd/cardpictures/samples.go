package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
	"github.com/teamsrelay/teamsrelay/receiver/teams/workflow"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// picture is a card in one state.
type picture struct {
	card, state string
	shown       teamstest.ShownCard
	fault       error // why it is not the card that it should be
}

// file is the name of its picture.
func (p picture) file(l look) string {
	return slug(p.card) + "-" + slug(p.state) + l.suffix()
}

// samples makes every shipped card in every state, or one of the cards.
func samples(now time.Time, only string) ([]picture, error) {
	set, problems := card.New(nil)
	if len(problems) > 0 {
		return nil, problems[0]
	}
	var pictures []picture
	var names, answered []string
	for _, example := range card.Samples(now) {
		if !slices.Contains(names, example.Card) {
			names = append(names, example.Card)
		}
		if only != "" && only != example.Card {
			continue
		}
		if example.Call {
			pictures = append(pictures, draw(example, bot, set.RenderSample(example, card.BotLimit)))
			continue
		}
		pictures = append(pictures, draw(example, webhook, set.RenderSample(example, card.WorkflowLimit)))
		if first := !slices.Contains(answered, example.Card); example.Digest == nil && (first || example.Input.Group.Facts > 0) {
			answered = append(answered, example.Card)
			example.Input.Look = card.ExampleLook()
			example.Name += " through the bot"
			pictures = append(pictures, draw(example, bot, set.RenderSample(example, card.BotLimit)))
		}
	}
	if len(pictures) == 0 {
		return nil, fmt.Errorf("there is no card %q; use one of %s", only, strings.Join(names, ", "))
	}
	return pictures, nil
}

// transport is a way into Teams and what it takes of a message, in bytes.
type transport struct {
	limit card.Limit
	size  func(card.Message) int
}

var (
	webhook = transport{card.WorkflowLimit, func(m card.Message) int { return len(workflow.Envelope(m)) }}
	bot     = transport{card.BotLimit, func(m card.Message) int {
		return 2 * len(utf16.Encode([]rune(string(botframework.Envelope(m)))))
	}}
)

func draw(e card.Sample, by transport, m card.Message) picture {
	p := picture{card: e.Card, state: strings.TrimSpace(strings.TrimPrefix(e.Name, e.Card)), fault: m.Fault}
	p.shown = teamstest.ShownCard{
		Name: e.Name, Card: m.Card, Summary: m.Summary,
		Size: fmt.Sprintf("%.1f KB of %d KB", float64(by.size(m))/1024, by.limit.Bytes>>10),
	}
	if m.Folded != "" {
		p.shown.Notes = append(p.shown.Notes, "To make it fit, left out: "+m.Folded)
	}
	if m.Fault != nil {
		p.shown.Notes = append(p.shown.Notes, "The minimal card is shown, because: "+m.Fault.Error())
	}
	for _, lost := range m.Lost {
		p.shown.Notes = append(p.shown.Notes, lost.String())
	}
	return p
}
