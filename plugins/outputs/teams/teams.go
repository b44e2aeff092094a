// Package teams is a Telegraf output that evaluates alert rules over metrics
// and tells people in Microsoft Teams.
//
// It works in one of two ways. Embedded, it holds what a receiver consists of
// (store, groups, delivery) and sends cards to webhooks itself. As a relay it
// only evaluates the rules, and hands the alerts to a receiver or an
// Alertmanager. Either way nothing that was decided is lost by a restart.
package teams

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/plugins/common/tls"
	"github.com/influxdata/telegraf/plugins/outputs"

	"github.com/teamsrelay/teamsrelay/receiver/rules"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

//go:embed sample.conf
var sampleConfig string

// Teams is the output. Its options are described in sample.conf.
type Teams struct {
	RuleFiles      []string         `toml:"rule_files"`
	WebhookURL     config.Secret    `toml:"webhook_url"`
	WebhookURLFile string           `toml:"webhook_url_file"`
	ConfigFile     string           `toml:"config_file"`
	RelayURL       string           `toml:"relay_url"`
	StateFile      string           `toml:"state_file"`
	GroupBy        []string         `toml:"group_by"`
	GroupWait      *config.Duration `toml:"group_wait"`
	GroupInterval  *config.Duration `toml:"group_interval"`
	RepeatInterval *config.Duration `toml:"repeat_interval"`
	Card           string           `toml:"card"`
	TemplateFiles  []string         `toml:"template_files"`
	BearerToken    config.Secret    `toml:"bearer_token"`
	Username       config.Secret    `toml:"username"`
	Password       config.Secret    `toml:"password"`
	Timeout        *config.Duration `toml:"timeout"`
	tls.ClientConfig

	Log telegraf.Logger `toml:"-"`

	log  *slog.Logger
	mode mode // made by Init
	work *work
	// owed are metrics that were evaluated, and whose decisions the store
	// refused: Telegraf brings them again.
	owed map[telegraf.Metric]struct{}
	// samples is used again for every batch.
	samples samples
}

// mode is a way to work, made of options that were checked.
type mode interface {
	// rules is what is evaluated.
	rules() *rules.Set
	// open opens the store and what works on it.
	open(context.Context, *slog.Logger) (*work, error)
}

// closeGrace is how long Close waits for what is under way. Telegraf sends
// SIGTERM to a program of outputs.execd after five seconds, of which the program
// needs up to three before it closes. An attempt that is cut off is made again
// after the next start; what was not stored is lost, so that comes first.
const closeGrace = 2 * time.Second

// SampleConfig is the documentation of all options.
func (*Teams) SampleConfig() string { return sampleConfig }

// Init checks all options and files, and reports every mistake at once. It
// does not touch the network.
func (t *Teams) Init() error {
	t.log = slog.New(logHandler{log: t.Log})
	checked, err := t.check()
	if err != nil {
		return err
	}
	t.mode = checked
	return nil
}

// Connect opens the store and begins to work. Teams or the receiver need not
// be there yet.
func (t *Teams) Connect() error {
	work, err := t.mode.open(context.Background(), t.log)
	if err != nil {
		return err
	}
	t.work = work
	return nil
}

// Write evaluates the rules. It returns an error only when the store refuses
// what they decided; then Telegraf keeps the metrics and writes them again.
func (t *Teams) Write(metrics []telegraf.Metric) error {
	t.samples.reset()
	for _, m := range metrics {
		if _, decided := t.owed[m]; !decided && t.Wants(m.Name()) {
			t.samples.add(m)
		}
	}
	err := t.Samples(context.Background(), t.samples.all)
	if err == nil {
		t.owed = nil
		return nil
	}
	if t.owed == nil {
		t.owed = make(map[telegraf.Metric]struct{}, len(metrics))
	}
	for _, m := range metrics {
		t.owed[m] = struct{}{}
	}
	return err
}

// Wants says whether any rule looks at metrics of this name.
func (t *Teams) Wants(measurement string) bool { return t.mode.rules().Wants(measurement) }

// Samples evaluates the rules. When it returns nil, all that they decided is
// on disk. After an error the samples must not be given again: the next call,
// with or without samples, stores what this one could not.
func (t *Teams) Samples(ctx context.Context, all []sample.Sample) error {
	if err := t.work.samples(ctx, all); err != nil {
		return fmt.Errorf("what the rules decided could not be stored: %w", err)
	}
	return nil
}

// Close stores what is known, and ends. Cards and alerts that wait are told
// after the next start.
func (t *Teams) Close() error {
	if t.work == nil { // Connect has failed
		return nil
	}
	return t.work.end(closeGrace)
}

func init() {
	outputs.Add("teams", func() telegraf.Output {
		return &Teams{}
	})
}

var errClosing = errors.New("what was under way did not end in time; it is told after the next start, and one message may come twice")
