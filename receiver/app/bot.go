package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/version"

	"github.com/teamsrelay/teamsrelay/receiver/bot"
	"github.com/teamsrelay/teamsrelay/receiver/bot/token"
	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/outbound"
	"github.com/teamsrelay/teamsrelay/receiver/people"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
	"github.com/teamsrelay/teamsrelay/receiver/teams/graph"
)

// sendTimeout is how long an attempt of the bot may take. A request has eight
// seconds; before it, it may wait for its turn behind an answer to somebody.
const sendTimeout = 20 * time.Second

// speaker is the bot of one configuration: what it sends with, and what takes
// what comes back.
type speaker struct {
	is     config.Microsoft
	client *botframework.Client
	graph  *graph.Client // nil: there is none to ask
	bot    *bot.Bot
	people *people.Worker // makes people reachable
	stop   func()
}

// bots holds the speaker that there is now, if any.
type bots struct {
	mu  sync.RWMutex
	now *speaker
	// registered are the metrics of the speaker that there is now.
	registered *generation
}

func (b *bots) current() *speaker {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.now
}

// ServeHTTP takes what Teams sends.
func (b *bots) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := b.current()
	if s == nil || s.bot == nil {
		http.Error(w, "there is no bot here: the configuration has no microsoft section", http.StatusNotFound)
		return
	}
	s.bot.ServeHTTP(w, r)
}

// speak makes the client of a configuration; the one that there is if it is
// still the same. nil: there is no bot.
func (a *App) speak(c *config.Config) (*speaker, error) {
	if !c.Microsoft.Configured() {
		return nil, nil
	}
	if was := a.bots.current(); was != nil && reflect.DeepEqual(was.is, c.Microsoft) {
		return was, nil
	}
	if c.Microsoft.InsecureLocal && !isLoopback(a.options.PublicAddress) {
		return nil, errors.New("microsoft.insecure_local takes commands from anybody who can reach the public listener: start with --public.listen-address=127.0.0.1:3978, or remove insecure_local")
	}
	client, err := botframework.New(c.Microsoft.Auth())
	if err != nil {
		return nil, fmt.Errorf("microsoft: %w", err)
	}
	client.Share(func() float64 { return a.engine.Part() }) // which is there before anything is sent
	s := &speaker{is: c.Microsoft, client: client}
	app := graph.App{ManifestID: c.Microsoft.TeamsAppID, CatalogID: c.Microsoft.TeamsCatalogID}
	if c.Microsoft.Graph() && app != (graph.App{}) {
		if s.graph, err = graph.New(c.Microsoft.Auth(), app); err != nil {
			return nil, fmt.Errorf("microsoft: %w", err)
		}
	}
	return s, nil
}

// urged has them try at once.
func (b *bots) urged() {
	if s := b.current(); s != nil && s.people != nil {
		s.people.Urge()
	}
}

// wanted wakes who makes people reachable.
func (b *bots) wanted() {
	if s := b.current(); s != nil && s.people != nil {
		s.people.Wake()
	}
}

// isLoopback says whether a listen address can be reached from this machine
// only.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address == ""
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// relay is what the engine works with, for a configuration and its bot.
func (a *App) relay(c *config.Config, s *speaker) (engine.Config, error) {
	if s == nil {
		return c.Engine(nil)
	}
	out, err := c.Engine(func(d config.Destination) deliver.Address { return a.address(s, d) })
	out.Wanted, out.Urged, out.Tenant = a.bots.wanted, a.bots.urged, home(s)
	out.Conversation = func(id string) (engine.Destination, bool) {
		conversation, ok := strings.CutPrefix(id, botframework.AddressID(""))
		if !ok {
			return engine.Destination{}, false
		}
		d := engine.Destination{Name: botframework.DestinationOf(conversation)}
		address := a.address(s, config.Destination{Chat: conversation})
		address.Destination = d.Name
		d.Addresses = []deliver.Address{address}
		return d, true
	}
	return out, err
}

// home is the tenant whose people are told personally; "": nothing proves of
// which one somebody is, or the file names none.
func home(s *speaker) string {
	if s.is.InsecureLocal {
		return ""
	}
	return s.is.TenantID
}

// address is how the bot sends to a conversation.
func (a *App) address(s *speaker, d config.Destination) deliver.Address {
	conversation := d.Conversation()
	find := func(ctx context.Context) (botframework.Place, error) { return a.place(ctx, conversation, d.Channel) }
	sender := s.client.At(find, func(ctx context.Context, p botframework.Place) { a.moved(ctx, conversation, p) })
	windows := make([]deliver.Window, len(botframework.SendWindows))
	for i, w := range botframework.SendWindows {
		windows[i] = deliver.Window{N: w.N, Per: w.Per}
	}
	return deliver.Address{
		ID: botframework.AddressID(conversation), Editable: true,
		Pace: windows, Limit: card.BotLimit, Timeout: sendTimeout,
		Send: sender.Send, Edit: sender.Edit, Call: sender.Call,
		Look: func(messageID string) card.Look {
			place, err := find(context.Background())
			if err != nil {
				return card.Look{Stays: true, Threads: d.Channel.ID != ""}
			}
			return card.Look{Stays: true, Link: botframework.Link(place, messageID), Threads: place.Kind == botframework.Channel}
		},
	}
}

// place is what is known of a conversation. Of a channel that has sent nothing
// yet another one of its team may say which service it is at; otherwise that is
// the cloud's own.
func (a *App) place(ctx context.Context, conversation string, channel config.Channel) (botframework.Place, error) {
	p := botframework.Place{Conversation: conversation}
	if channel.ID != "" {
		p.Kind = botframework.Channel
	}
	err := a.store.View(ctx, func(tx store.Tx) error {
		c, err := tx.Conversation(conversation)
		if err == nil && c.MovedTo != "" {
			c, err = tx.Conversation(c.MovedTo)
		}
		if errors.Is(err, store.ErrNotFound) {
			return neighbour(tx, channel, &p)
		}
		p.Conversation, p.ServiceURL, p.Kind = c.ID, c.ServiceURL, c.Kind
		p.Removed = c.Kind == store.Personal && !c.Installed
		p.Tenant, p.BotID, p.Group, p.User = c.Tenant, c.BotID, c.TeamGroup, c.UserID
		return err
	})
	return p, err
}

// neighbour fills a channel's place from another channel of its team.
func neighbour(tx store.Tx, channel config.Channel, p *botframework.Place) error {
	if channel.Team == "" {
		return nil
	}
	all, err := tx.Conversations("")
	for _, c := range all {
		if c.TeamID == channel.Team || c.TeamGroup == channel.Team {
			p.ServiceURL, p.Tenant, p.BotID, p.Group = c.ServiceURL, c.Tenant, c.BotID, c.TeamGroup
			break
		}
	}
	return err
}

// moved keeps where Teams says that a conversation is now.
func (a *App) moved(ctx context.Context, conversation string, p botframework.Place) {
	err := a.store.Update(ctx, func(tx store.Tx) error {
		c, err := tx.Conversation(conversation)
		if errors.Is(err, store.ErrNotFound) {
			return nil // an activity will say it
		}
		if err != nil {
			return err
		}
		c.ServiceURL, c.UpdatedAt = p.ServiceURL, a.engine.Now()
		if p.Conversation != "" && p.Conversation != c.ID {
			anew := c
			anew.ID, anew.MovedTo = p.Conversation, ""
			if err := tx.SaveConversation(&anew); err != nil {
				return err
			}
			c.MovedTo = anew.ID
		}
		return tx.SaveConversation(&c)
	})
	if err == nil && p.Conversation != "" && p.Conversation != conversation {
		err = a.engine.Moved(ctx, conversation, p.Conversation)
	}
	if err != nil {
		a.log.Error("Where a conversation is now could not be stored; Teams will say so again", "conversation", botframework.DestinationOf(conversation), "err", err)
	}
}

// answer makes what takes what comes back from Teams, and puts the speaker in
// the place of the one before. It is called once the engine works with it.
func (a *App) answer(s *speaker) error {
	was := a.bots.current()
	if s == was {
		a.bots.wanted() // other people may be in the file
		return nil
	}
	if was != nil {
		was.stop()
		a.bots.registered.end()
	}
	a.bots.mu.Lock()
	defer a.bots.mu.Unlock()
	a.bots.now = nil
	if s == nil {
		return nil
	}
	a.bots.registered = &generation{Registerer: a.registry}
	var err error
	if s.bot, s.stop, err = a.newBot(s, a.bots.registered); err != nil {
		a.bots.registered.end()
		return fmt.Errorf("microsoft: %w", err)
	}
	a.bots.now = s
	return nil
}

func (a *App) newBot(s *speaker, registerer prometheus.Registerer) (*bot.Bot, func(), error) {
	where := s.is.Auth().Where()
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	stop := func() { cancel(); work.Wait() }
	o := bot.Options{
		Store: a.store, Logger: a.log, Registerer: registerer, Now: a.engine.Now, Location: time.Local,
		AppID: s.is.AppID, Tenants: s.is.Tenants(), Local: s.is.InsecureLocal,
		Trusted: s.is.Auth().Allows, Client: s.client,
		CheckPress: a.engine.CheckPress, Do: a.engine.Do, Rendered: a.engine.Rendered, Shown: a.engine.Shown, Version: version.Version,
		Destinations: a.actors,
		Test: func(ctx context.Context, address string) error {
			_, err := a.engine.TestAt(ctx, address)
			return err
		},
		Create: a.engine.Create,
		Welcome: func(c store.Conversation) string {
			if c.Kind == store.Personal && s.people.Expects(c.UserObjectID) {
				return ""
			}
			return bot.Greeting(c)
		},
		Back: func(ctx context.Context, c store.Conversation) {
			if err := a.engine.Met(ctx, c); err != nil {
				a.log.Error("What waits for a person could not be moved to their conversation; it is looked for again", "err", err)
			}
			if err := a.engine.Revive(ctx, botframework.AddressID(c.ID)); err != nil {
				a.log.Error("What is still open could not be sent to a conversation that is back; its dead letters can be replayed", "conversation", botframework.DestinationOf(c.ID), "err", err)
			}
		},
	}
	if !o.Local {
		transport, err := outbound.Transport("", promconfig.TLSConfig{})
		if err != nil {
			cancel()
			return nil, nil, err
		}
		verifier, err := token.New(token.Options{
			AppID: s.is.AppID, Issuer: where.BotIssuer, Metadata: where.BotOpenIDMetadata,
			Transport: transport, Now: a.engine.Now, Logger: a.log, Registerer: registerer,
		})
		if err != nil {
			cancel()
			return nil, nil, err
		}
		o.Verifier = verifier
	}
	if s.is.CertificateFile != "" {
		promauto.With(registerer).NewGaugeFunc(prometheus.GaugeOpts{
			Name: "teamsrelay_bot_certificate_end_timestamp_seconds",
			Help: "Until when the certificate is good that the bot signs in with; 0: it cannot be read.",
		}, func() float64 {
			ends, err := s.is.Auth().CertificateEnds()
			if err != nil {
				return 0
			}
			return float64(ends.Unix())
		})
	}
	made, err := bot.New(o)
	if err != nil {
		stop()
		return nil, nil, err
	}
	s.people, err = people.New(people.Options{
		Store: a.store, Logger: a.log, Registerer: registerer, Now: a.engine.Now, Holder: a.holder,
		Graph: s.graph, Bot: s.client, Tenant: home(s),
		Rosters: a.engine.Rosters, Settle: a.engine.Settle, Assemble: a.engine.Assemble,
	})
	if err != nil {
		stop()
		return nil, nil, err
	}
	work.Go(func() { made.Run(ctx) })
	work.Go(func() {
		if err := s.people.Run(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("People cannot be made reachable any more; restart teamsrelay", "err", err)
		}
	})
	return made, stop, nil
}

// actors are the destinations of the bot, and who may act there.
func (a *App) actors() []bot.Destination {
	addresses := make(map[string][]string)
	for _, d := range a.engine.Destinations() {
		for _, at := range d.Addresses {
			if !at.Held {
				addresses[d.Name] = append(addresses[d.Name], at.ID)
			}
		}
	}
	var all []bot.Destination
	for _, d := range a.live.Load().Destinations {
		if d.Conversation() != "" || d.Personal() {
			all = append(all, bot.Destination{
				Name: d.Name, Addresses: addresses[d.Name], People: d.Personal(),
				Actions: bot.Actions{None: d.Actions.Nobody(), Users: d.Actions.Users},
			})
		}
	}
	return all
}

// generation registers metrics that end with what made them.
type generation struct {
	prometheus.Registerer
	mine []prometheus.Collector
}

// Register implements prometheus.Registerer.
func (g *generation) Register(c prometheus.Collector) error {
	if err := g.Registerer.Register(c); err != nil {
		return err
	}
	g.mine = append(g.mine, c)
	return nil
}

// MustRegister implements prometheus.Registerer.
func (g *generation) MustRegister(all ...prometheus.Collector) {
	for _, c := range all {
		if err := g.Register(c); err != nil {
			panic(err)
		}
	}
}

func (g *generation) end() {
	for _, c := range g.mine {
		g.Unregister(c)
	}
}
