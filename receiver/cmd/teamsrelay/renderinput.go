package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
	"github.com/teamsrelay/teamsrelay/receiver/ingest/alertmanager"
	"github.com/teamsrelay/teamsrelay/receiver/ingest/events"
)

// inputs are what the cards are made from: a sample, or the groups that the
// payload would make if it were the first news of them.
func (r *rendering) inputs(c *config.Config, now time.Time) ([]card.Sample, error) {
	switch {
	case r.data != "" && r.sample != "":
		return nil, errors.New("--data and --sample are two things to show; leave one of them out")
	case r.data != "" && card.SampleFor(r.card, now).Digest != nil:
		return nil, fmt.Errorf("the card %s tells of many groups at once, and no payload makes it; leave --data out to see its sample", r.card)
	case r.data != "":
	case r.event != "":
		return nil, errors.New("--event says who sends a body; name a file with one in --data")
	case r.sample != "":
		return r.named(now)
	default:
		return []card.Sample{r.local(card.SampleFor(r.card, now))}, nil
	}
	body, err := r.payload()
	if err != nil {
		return nil, err
	}
	snapshots, err := r.snapshots(c, body, now)
	if err != nil {
		return nil, err
	}
	var list []card.Sample
	for i, s := range snapshots {
		list = append(list, r.first(c, s, int64(i+1), now))
	}
	return list, nil
}

// named is the sample that --sample names: by its own name, or the first of a
// card. --card shows it with another card.
func (r *rendering) named(now time.Time) ([]card.Sample, error) {
	samples := card.Samples(now)
	i := slices.IndexFunc(samples, func(e card.Sample) bool { return e.Name == r.sample })
	if i < 0 {
		i = slices.IndexFunc(samples, func(e card.Sample) bool { return e.Card == r.sample })
	}
	if i < 0 {
		return nil, fmt.Errorf("there is no sample %q; --sample=list prints those that there are", r.sample)
	}
	example := r.local(samples[i])
	if r.card != "" && example.Digest == nil {
		if card.SampleFor(r.card, now).Digest != nil {
			return nil, fmt.Errorf("the card %s tells of many groups at once, and the sample %q is one; leave --sample out", r.card, r.sample)
		}
		example.Card = r.card
	}
	return []card.Sample{example}, nil
}

// local shows an example by this machine's clock.
func (r *rendering) local(e card.Sample) card.Sample {
	e.Input.Location = time.Local
	if e.Digest != nil {
		digest := *e.Digest
		digest.Location = time.Local
		e.Digest = &digest
	}
	return e
}

// snapshots are what a body tells.
func (r *rendering) snapshots(c *config.Config, body []byte, now time.Time) ([]ingest.Snapshot, error) {
	if r.event == "" {
		snapshot, err := alertmanager.ParseWebhook(body, now)
		if err == nil && len(snapshot.Alerts) == 0 {
			err = errors.New("the payload has no alerts, so there is no card")
		}
		return []ingest.Snapshot{snapshot}, err
	}
	source, err := eventSource(c, r.event)
	if err != nil {
		return nil, err
	}
	headers := http.Header{}
	for _, header := range r.headers {
		name, value, ok := strings.Cut(header, ":")
		if !ok {
			return nil, fmt.Errorf("--header %q is not a header; write NAME:VALUE", header)
		}
		headers.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	snapshots, err := source.Parse(body, headers, now)
	if err == nil && len(snapshots) == 0 {
		err = fmt.Errorf("the event source %s takes nothing of this body for an event (when: of its mapping), so there is no card", r.event)
	}
	return snapshots, err
}

// eventSource is the configured source of this name, or else one of the preset
// of this name.
func eventSource(c *config.Config, name string) (*events.Source, error) {
	if source := c.Event(name); source != nil {
		return source, nil
	}
	if !slices.Contains(events.Presets(), name) {
		return nil, fmt.Errorf("there is no event source %q and no preset of that name; use one of the presets %s, or the name of a source under events: with --config.file",
			name, strings.Join(events.Presets(), ", "))
	}
	source, problems := events.New(events.Config{Name: name, Preset: name})
	if source == nil {
		return nil, fmt.Errorf("the preset %s cannot be used: %s", name, problems[0].What)
	}
	return source, nil
}

// first is the group that a snapshot makes if it is the first news of it.
func (r *rendering) first(c *config.Config, s ingest.Snapshot, id int64, now time.Time) card.Sample {
	name := r.card
	if name == "" {
		name = routed(c, s.Alerts[0].Labels)
	}
	g, _ := group.Receive(group.Group{Key: s.Origin, Origin: s.Origin}, group.Received{
		Spec:   group.Spec{Source: s.Source, Ready: true, Labels: s.GroupLabels},
		Alerts: s.Alerts, Snapshot: true, Truncated: s.Truncated, Sender: s.Sender, Event: s.Event,
	}, now)
	g, _ = group.Advance(g, group.Tick{}, now)
	g.ID = id
	shown := strings.TrimSpace(name + " " + filepath.Base(r.data))
	return card.Sample{Name: shown, Card: name, Input: card.Input{Group: g, Now: now, Location: time.Local}}
}

// payload reads what --data names.
func (r *rendering) payload() ([]byte, error) {
	from := r.in
	if r.data != "-" {
		f, err := os.Open(r.data)
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
