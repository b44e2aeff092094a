package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/ingest/alertmanager"
	"github.com/teamsrelay/teamsrelay/receiver/teams/workflow"
)

func addRender(k *kingpin.Application, p *program) {
	cmd := k.Command("render", "Print the message for an Alertmanager payload as it goes over the wire.")
	cmd.HelpLong(`Examples:
  teamsrelay render --indent
  teamsrelay render --config.file=teamsrelay.yml --card=rack --data=payload.json

payload.json is what Alertmanager posts to a webhook. The message goes to
standard output. Exit code 1 if the template fails: standard error then has
its file and line, and the message is the minimal card that would be sent.`)
	file := cmd.Flag("config.file", "Use the templates of this configuration.").String()
	name := cmd.Flag("card", "The card: a shipped one or a define of a template file.").Default(card.Default).String()
	data := cmd.Flag("data", "The payload, as Alertmanager's webhook sends it; - is standard input. A sample if not given.").String()
	cmd.Flag("transport", "The way into Teams.").Default("workflow").Enum("workflow")
	indent := cmd.Flag("indent", "Indent the JSON for reading.").Bool()
	cmd.Action(func(*kingpin.ParseContext) error {
		set, err := p.cards(*file)
		if err != nil {
			return err
		}
		if !set.Has(*name) {
			return fmt.Errorf("there is no card %q; use one of %s, or name the file that defines it under template_files: and that configuration with --config.file",
				*name, strings.Join(set.Names(), ", "))
		}
		in, err := p.cardInput(*data, time.Now())
		if err != nil {
			return err
		}
		message := set.Render(*name, in, card.WorkflowLimit)
		wire := workflow.Envelope(message)
		if *indent {
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, wire, "", "  "); err != nil {
				return err
			}
			wire = pretty.Bytes()
		}
		fmt.Fprintf(p.out, "%s\n", wire)
		if message.Folded != "" {
			fmt.Fprintln(p.err, "teamsrelay: to make the card fit:", message.Folded)
		}
		if message.Fault != nil {
			fmt.Fprintln(p.err, "teamsrelay: the minimal card is shown, because:", message.Fault)
			return errFailed
		}
		return nil
	})
}

func (p *program) cards(file string) (*card.Set, error) {
	if file == "" {
		set, _ := card.New(nil) // the shipped cards are tested
		return set, nil
	}
	c, problems := config.Load(file, config.Env{Lookup: os.LookupEnv})
	if problems.Failed() {
		return nil, problems
	}
	return c.Cards, nil
}

func (p *program) payload(name string) ([]byte, error) {
	var from io.Reader
	switch name {
	case "-":
		from = p.in
	default:
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("the payload cannot be read: %w", err)
		}
		defer f.Close()
		from = f
	}
	payload, err := io.ReadAll(io.LimitReader(from, alertmanager.MaxBody+1))
	if err == nil && len(payload) > alertmanager.MaxBody {
		err = fmt.Errorf("the payload is over %d MiB, which a receiver would refuse too", alertmanager.MaxBody>>20)
	}
	return payload, err
}

// cardInput is what a card is made from: the group that the payload would make
// if it were the first news of it, or the sample that check-config tries.
func (p *program) cardInput(name string, now time.Time) (card.Input, error) {
	if name == "" {
		in := card.Sample(now)
		in.Location = time.Local
		return in, nil
	}
	payload, err := p.payload(name)
	if err != nil {
		return card.Input{}, err
	}
	snapshot, err := alertmanager.ParseWebhook(payload, now)
	if err != nil {
		return card.Input{}, err
	}
	if len(snapshot.Alerts) == 0 {
		return card.Input{}, fmt.Errorf("the payload has no alerts, so there is no card")
	}
	g, _ := group.Receive(group.Group{Key: snapshot.Origin, Origin: snapshot.Origin}, group.Received{
		Spec:   group.Spec{Source: snapshot.Source, Ready: true, Labels: snapshot.GroupLabels},
		Alerts: snapshot.Alerts, Snapshot: true, Truncated: snapshot.Truncated, Sender: snapshot.Sender,
	}, now)
	g, _ = group.Advance(g, group.Tick{}, now)
	g.ID = 1
	return card.Input{Group: g, Now: now, Location: time.Local}, nil
}
