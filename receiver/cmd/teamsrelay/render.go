package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/alecthomas/kingpin/v2"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
	"github.com/teamsrelay/teamsrelay/receiver/teams/workflow"
)

// rendering is what `render` was asked for.
type rendering struct {
	*program
	config, card, sample, event, data, transport, html string

	headers []string
	indent  bool
}

func addRender(k *kingpin.Application, p *program) {
	cmd := k.Command("render", "Print the message for a payload as it goes over the wire, or see its card in a browser.")
	cmd.HelpLong(`Examples:
  teamsrelay render --card=threshold --html=card.html
  teamsrelay render --sample="reload-failed resolved" --indent
  teamsrelay render --config.file=teamsrelay.yml --card=rack --data=payload.json
  teamsrelay render --event=jira --data=issue.json --html=card.html

payload.json is what Alertmanager posts to a webhook; with --event the body is
what that event source sends, and a body of several events gives a message a
line. The card is that of the first news. Without --data it shows a sample;
--sample=list prints their names.

Without --card it is the card that serve would choose: that of the alert's route,
or else the one that suits what happened.

The message goes to standard output. Exit code 1 if a template of the configuration
fails: standard error then has its file and line. If it is that of this card, the
message is the minimal card that would be sent.`)
	r := &rendering{program: p}
	cmd.Flag("config.file", "Use the templates and routes of this configuration.").StringVar(&r.config)
	cmd.Flag("card", "The card: a shipped one or a define of a template file.").StringVar(&r.card)
	cmd.Flag("sample", "Show this sample, or the first of this card's; list prints all names.").PlaceHolder("NAME").StringVar(&r.sample)
	cmd.Flag("event", "The body comes from this event source of the configuration, or from any of the kind of this preset.").PlaceHolder("SOURCE|PRESET").StringVar(&r.event)
	cmd.Flag("header", "A header that the event source sends with the body, such as \"X-GitHub-Event: issues\". Can be repeated.").PlaceHolder("NAME:VALUE").StringsVar(&r.headers)
	cmd.Flag("data", "The payload, as Alertmanager's webhook or the event source sends it; - is standard input.").PlaceHolder("FILE").StringVar(&r.data)
	cmd.Flag("transport", "The way into Teams: workflow takes 24 KB, bot 80 KB and cards that people can answer (the buttons here are examples).").Default("workflow").EnumVar(&r.transport, "workflow", "bot")
	cmd.Flag("html", "Write a page to this file, too: it shows the card with Microsoft's renderer, light and dark, on a desktop and on a phone.").PlaceHolder("FILE").StringVar(&r.html)
	cmd.Flag("indent", "Indent the JSON for reading.").BoolVar(&r.indent)
	cmd.PreAction(endsAtOnce)
	cmd.Action(func(*kingpin.ParseContext) error { return r.run(time.Now()) })
}

func (r *rendering) run(now time.Time) error {
	c, faults, err := r.configuration()
	if err != nil {
		return err
	}
	switch {
	case faults == nil && !c.Cards.Has(r.card): // a card with a fault may be missing; the minimal one stands for it
		return fmt.Errorf("there is no card %q; use one of %s, or name the file that defines it under template_files: and that configuration with --config.file",
			r.card, strings.Join(c.Cards.Names(), ", "))
	}
	if r.sample == "list" {
		for _, example := range card.Samples(now) {
			fmt.Fprintln(r.out, example.Name)
		}
		return nil
	}
	inputs, err := r.inputs(c, now)
	if err != nil {
		return err
	}
	way := ways[r.transport]
	for i := range inputs {
		if !inputs[i].Call {
			inputs[i].Input.Look = way.look
		}
	}
	var shown []rendered
	failed := faults != nil
	if failed {
		fmt.Fprintln(r.err, faults)
	}
	for _, in := range inputs {
		one := rendered{name: in.Name, message: c.Cards.RenderSample(in, way.limit)}
		shown = append(shown, one)
		if err := r.print(one.message, way); err != nil {
			return err
		}
		failed = failed || one.message.Fault != nil
	}
	if r.html != "" {
		if err := r.page(shown, way); err != nil {
			return err
		}
	}
	if failed {
		return errFailed
	}
	return nil
}

// rendered is a message, and for people what it was made from.
type rendered struct {
	name    string
	message card.Message
}

// print writes a message to standard output, and what is to be said of it to
// standard error.
func (r *rendering) print(m card.Message, w way) error {
	wire := w.envelope(m)
	if r.indent {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, wire, "", "  "); err != nil {
			return err
		}
		wire = pretty.Bytes()
	}
	fmt.Fprintf(r.out, "%s\n", wire)
	for _, note := range notes(m) {
		fmt.Fprintln(r.err, "teamsrelay:", note)
	}
	return nil
}

// notes are what somebody should know of a message.
func notes(m card.Message) []string {
	var list []string
	if m.Folded != "" {
		list = append(list, "to make the card fit, left out: "+m.Folded)
	}
	if m.Fault != nil {
		list = append(list, "the minimal card is shown, because: "+m.Fault.Error())
	}
	for _, lost := range m.Lost {
		list = append(list, lost.String())
	}
	return list
}

// way is a way into Teams.
type way struct {
	limit    card.Limit
	envelope func(card.Message) []byte
	// size is how much of the limit a message takes.
	size func(wire []byte) int
	// look is how cards can be answered there. Nobody takes the presses of
	// these buttons: they are signed by no key.
	look card.Look
}

var ways = map[string]way{
	"workflow": {limit: card.WorkflowLimit, envelope: workflow.Envelope, size: func(wire []byte) int { return len(wire) }},
	"bot": {
		limit: card.BotLimit, envelope: botframework.Envelope,
		size: func(wire []byte) int { return 2 * len(utf16.Encode([]rune(string(wire)))) },
		look: card.ExampleLook(),
	},
}

// configuration is the user's, or one of nothing but the shipped cards. Faults
// in templates are not in the way of the other cards.
func (r *rendering) configuration() (c *config.Config, faults config.Problems, err error) {
	if r.config == "" {
		set, _ := card.New(nil) // the shipped cards are tested
		return &config.Config{Cards: set}, nil, nil
	}
	c, problems := config.LoadCards(r.config, config.Env{Lookup: os.LookupEnv})
	switch {
	case c == nil:
		return nil, nil, problems
	case problems.Failed():
		return c, problems, nil
	}
	return c, nil, nil
}

// routed is the card that the first route for these labels names; "" if it
// leaves the choice to what the alerts are.
func routed(c *config.Config, labels map[string]string) string {
	if c.Tree == nil {
		return ""
	}
	for _, node := range c.Tree.Match(labels) {
		if targets := node.Spec("", true, nil).Targets; len(targets) > 0 {
			return targets[0].Card
		}
	}
	return ""
}
