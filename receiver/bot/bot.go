// Package bot is what comes back from Teams: activities are checked, become
// commands, and are answered (design §3, "Back").
//
//	POST /api/messages → token → activity → conversation kept true → press or say → command
//
// An invoke (a pressed button) waits for its answer, and gets one within
// three seconds whatever is slow behind it. Everything else is answered as
// soon as it is stored what must be, and worked afterwards, in order for each
// conversation.
package bot

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/teamsrelay/teamsrelay/receiver/bot/token"
	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/command"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/press"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

// Options are what a bot lives with from start to stop.
type Options struct {
	Store      store.Store
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time
	// Location is where the readers are: when "tomorrow morning" is.
	Location *time.Location

	// AppID is the bot's Entra application.
	AppID string
	// Tenants are those whose people may talk to the bot.
	Tenants []string
	// Verifier checks tokens. It is nil only if Local is set.
	Verifier *token.Verifier
	// Local takes activities without tokens, from anybody, for any bot, of any
	// tenant: for trials on one machine.
	Local bool
	// Trusted says whether a service URL may be called, with our token.
	Trusted func(serviceURL string) bool

	// Client speaks as the bot.
	Client *botframework.Client

	// CheckPress says whether the data of a button was signed by us for an
	// address.
	CheckPress func(ctx context.Context, address string, d press.Data) error
	// Do carries out a command (engine.Do).
	Do func(context.Context, command.Command) (command.Result, error)
	// Rendered makes the card of an episode as it should be at an address now,
	// with its buttons.
	Rendered func(ctx context.Context, address string, g group.Group) (card.Message, error)
	// Shown makes the same card without buttons: a copy, which nobody keeps
	// true.
	Shown func(ctx context.Context, address string, g group.Group) (card.Message, error)
	// Version is what the bot says of itself.
	Version string
	// Destinations are those of the configuration.
	Destinations func() []Destination
	// Test sends a test card to an address.
	Test func(ctx context.Context, address string) error
	// Create makes an alert by hand and returns its episode.
	Create func(ctx context.Context, c command.Creation) (group.Group, error)

	// Welcome is what the bot says, in Markdown, where it was just installed;
	// nil, or "": nothing.
	Welcome func(c store.Conversation) string
	// Back is told of a conversation that can be reached again, or for the
	// first time: what is still open is to be sent there. Of a team it is told
	// of every channel, and of channels of the configuration that may be in it,
	// of which nothing but the id is known. It may be told again.
	Back func(ctx context.Context, c store.Conversation)
}

// Destination is a name for one or more addresses, and who may do something
// about the alerts that it gets.
type Destination struct {
	Name      string
	Addresses []string // their ids
	// People says that it is people, each of whom is told personally.
	People  bool
	Actions Actions
}

// Actions say who may act: the members of the conversation by default.
type Actions struct {
	None bool // nobody: alerts can only be read there
	// Users may, and nobody else, unless there are none: Entra object ids,
	// user principal names or e-mail addresses.
	Users []string
}

// Bot takes activities. It is made by New; Run ends it.
type Bot struct {
	Options
	log     *slog.Logger
	metrics metrics
	// What goes on after the answer: words and events, and presses.
	talks, presses *work
	waiting        atomic.Int64 // bytes of what waits or is worked
	crossOrigin    *http.CrossOriginProtection
	refusals       refusals // requests
	unknowns       refusals // answers about who is where, by Teams
	refused        refused  // people
	members        members  // who is known to be in which conversation
}

// New makes a bot. It can be used at once.
func New(o Options) (*Bot, error) {
	switch {
	case o.Store == nil || o.Logger == nil || o.Registerer == nil || o.Now == nil || o.Client == nil:
		return nil, errors.New("bot: Store, Logger, Registerer, Now and Client must be set")
	case o.CheckPress == nil || o.Do == nil || o.Rendered == nil || o.Shown == nil || o.Destinations == nil || o.Test == nil || o.Create == nil:
		return nil, errors.New("bot: CheckPress, Do, Rendered, Shown, Destinations, Test and Create must be set")
	case o.Local:
	case o.Verifier == nil:
		return nil, errors.New("bot: without a Verifier anybody could command it")
	case o.AppID == "":
		return nil, errors.New("bot: AppID must be set, or activities for other bots were taken")
	case len(o.Tenants) == 0 || slices.Contains(o.Tenants, ""):
		return nil, errors.New("bot: Tenants must be set, or everybody in the world could talk to it")
	}
	if o.Trusted == nil {
		o.Trusted = func(string) bool { return false }
	}
	o.Tenants = slices.Clone(o.Tenants)
	for i, t := range o.Tenants {
		o.Tenants[i] = strings.ToLower(t)
	}
	b := &Bot{
		Options: o, log: o.Logger, crossOrigin: http.NewCrossOriginProtection(),
		talks: newWork(maxTalks, maxTalksWaiting, maxTalksOfOne), presses: newWork(maxPresses, maxPressesWaiting, maxPressesWaiting),
	}
	b.metrics.init(o.Registerer)
	return b, nil
}

// Run waits for ctx to end, takes nothing more, and returns when what was
// taken is done. What takes longer than stopGrace is told to give up.
func (b *Bot) Run(ctx context.Context) {
	var running sync.WaitGroup
	if b.Verifier != nil {
		running.Go(func() { b.Verifier.Run(ctx) })
	}
	<-ctx.Done()
	for _, w := range []*work{b.talks, b.presses} {
		running.Go(func() { w.stop(stopGrace) })
	}
	running.Wait()
}
