package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

func addSimulate(k *kingpin.Application, p *program) {
	cmd := k.Command("simulate", `A simulated Teams with a page that shows the cards. Webhooks are http://ADDRESS/workflow/NAME for any NAME; GET /messages lists what came in; POST /faults makes it behave badly. With --bot-endpoint it has channels, chats and people for a bot, too, and Microsoft Graph, by which the bot gets to people who have never installed it.`)
	cmd.HelpLong(`Examples, with curl:
  what came in        curl http://127.0.0.1:9099/messages
  three times 429     curl http://127.0.0.1:9099/faults -d '{"webhook": "ops",
                        "faults": [{"status": 429, "retry_after": "2s", "times": 3}]}'
  a deleted flow      … {"status": 404, "times": -1}     for every request
  no answer           … {"hang": true}
  a broken connection … {"cut": "before"}                or "after" the card is shown
  a slow answer       … {"latency": "10s"}
  what is to come     curl http://127.0.0.1:9099/faults
  a good day again    curl -X DELETE http://127.0.0.1:9099/faults
The bot's side, with --bot-endpoint=http://127.0.0.1:3978/api/messages:
  who is there        curl http://127.0.0.1:9099/bot
  write to the bot    curl http://127.0.0.1:9099/bot/say -d '{"as": "Alice",
                        "conversation": "19:…", "text": "help"}'
  press a button      curl http://127.0.0.1:9099/bot/press -d '{"as": "Alice",
                        "conversation": "19:…", "message": "1795…", "button": "Acknowledge"}'
  a bad day           curl http://127.0.0.1:9099/faults -d '{"conversation": "19:…",
                        "faults": [{"code": "ConversationBlockedByUser"}]}'
Microsoft Graph, for destinations with users: and group: (endpoints.graph):
  somebody in it      curl http://127.0.0.1:9099/v1.0/users/alice@contoso.com
  what holds for them curl http://127.0.0.1:9099/bot/become -d '{"as": "Bob",
                        "situation": {"policy": true}}'  or gone, disabled, foreign, no_teams,
                        held, silent, "delay": "5s", "flaky": 1; {} is a good day
  its calls as faults curl http://127.0.0.1:9099/faults -d '{"service": "graph install",
                        "faults": [{"status": 503, "times": -1}]}'`)
	address := cmd.Flag("listen-address", "Where to listen.").Default("127.0.0.1:9099").String()
	throttle := cmd.Flag("throttle", "Refuse with 429 what Teams would: more than 4 requests a second at one webhook, and more than Microsoft's limits of a bot.").Default("true").Bool()
	endpoint := cmd.Flag("bot-endpoint", "Where a bot on this machine takes activities, such as http://127.0.0.1:3978/api/messages. It is told what people do on the page; there are no tokens in either direction.").PlaceHolder("URL").String()
	cmd.Action(func(*kingpin.ParseContext) error {
		options := teamstest.Options{}
		if *throttle {
			options.Throttle = teamstest.RealThrottle
			options.Bot.Throttle = teamstest.RealBotThrottle
			options.Graph.Throttle = teamstest.RealGraphThrottle
		}
		if *endpoint != "" {
			if err := checkBotEndpoint(*endpoint); err != nil {
				return err
			}
			options.Bot.Endpoint = *endpoint
		}
		listener, err := net.Listen("tcp", *address)
		if err != nil {
			return fmt.Errorf("%w; --listen-address must be HOST:PORT on this machine, and nothing else may listen there", err)
		}
		base := "http://" + listener.Addr().String()
		options.Bot.ServiceURL = base + "/emea/"
		teams := teamstest.New(options)
		server := &http.Server{Handler: forThisMachine(listener.Addr(), teams), ReadHeaderTimeout: 10 * time.Second}
		fmt.Fprintf(p.out, "A simulated Teams is at %s/\n", base)
		fmt.Fprintf(p.out, "Its webhooks are %s/workflow/NAME, any NAME\n", base)
		done := make(chan error, 1)
		go func() { done <- server.Serve(listener) }()
		if *endpoint != "" {
			describeBot(p.out, teams, *endpoint, base, settle(teams))
			ctx, cancel := context.WithCancel(p.ctx)
			var installing sync.WaitGroup
			installing.Go(func() { installBot(ctx, p.out, teams) })
			defer installing.Wait()
			defer cancel()
		}
		select {
		case err := <-done:
			return err
		case <-p.ctx.Done():
		}
		teams.Close() // ends the pages' event streams
		grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := server.Shutdown(grace); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		return nil
	})
}

// forThisMachine refuses requests that were meant for another host: a web page
// can point a name of its own at loopback, and would then read people's alerts
// and press their buttons. Who listens for other machines wants them to come by
// whatever name it has.
func forThisMachine(at net.Addr, next http.Handler) http.Handler {
	if tcp, ok := at.(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if !outbound.IsLoopback(strings.Trim(host, "[]")) {
			http.Error(w, "the simulated Teams is for this machine: ask for localhost or 127.0.0.1; --listen-address opens it to others", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// checkBotEndpoint refuses what is not on this machine: activities without a
// token are nothing for anybody else.
func checkBotEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || !outbound.IsLoopback(u.Hostname()) {
		return fmt.Errorf("--bot-endpoint must be a URL on this machine, such as http://127.0.0.1:3978/api/messages: what is sent there carries no token")
	}
	return nil
}

// settle puts people into the simulated tenant with whom something is wrong,
// and returns the id of a group of those with whom nothing is.
func settle(teams *teamstest.Server) (group string) {
	for _, one := range []struct {
		who teamstest.User
		is  teamstest.Situation
	}{
		{teamstest.User{Name: "Dan Dixon"}, teamstest.Situation{Disabled: true}},
		{teamstest.User{Name: "Paula Price"}, teamstest.Situation{Policy: true}},
		{teamstest.User{Name: "Nora Nolan"}, teamstest.Situation{NoTeams: true}},
		{teamstest.User{Name: "Grace Green", Mail: "grace@fabrikam.com", Guest: true}, teamstest.Situation{Delay: installTakes}},
	} {
		first, _, _ := strings.Cut(strings.ToLower(one.who.Name), " ")
		if !one.who.Guest {
			one.who.UPN = first + "@contoso.com"
		}
		teams.As(teams.AddUser(one.who).ID).Become(one.is)
	}
	return teams.AddGroup("Operations on call", "Alice", "Bob", "Grace")
}

// installTakes is how long the guest's chat takes to appear, so that one can
// see somebody wait for it.
const installTakes = 5 * time.Second

// describeBot prints what a receiver's configuration needs, ready to copy.
func describeBot(out io.Writer, teams *teamstest.Server, endpoint, base, group string) {
	fmt.Fprintf(out, `The bot is at %s. A receiver that is to be it needs:

microsoft:
  tenant_id: %s
  app_id: %s
  teams_app_id: %s
  insecure_local: true
  endpoints: {service_url: "%s", graph: "%s"}
destinations:
  - name: alerts
    channel: {channel_id: "%s"}
  - name: oncall
    chat: {chat_id: "%s"}
  - name: personal
    users: [alice@contoso.com, bob@contoso.com]
  - name: team
    group: %s

Nobody has the app for themselves yet: it is installed through Microsoft Graph
when there is something to tell them. grace@fabrikam.com is a guest, and waits
%s for it. Some cannot be reached: dan@contoso.com is disabled, a policy keeps
the app from paula@contoso.com, and nora@contoso.com has never opened Teams.

`, endpoint, teamstest.DefaultTenant, teamstest.DefaultAppID, teamstest.DefaultApp.ManifestID, teams.ServiceURL(), base,
		teamstest.Alerts, teamstest.Chat, group, installTakes)
}

// installEvery is how long to wait for a bot that does not answer yet.
const installEvery = 2 * time.Second

// installBot adds the bot to the team and the group chat as soon as it answers.
// Everybody's own chat is left to Microsoft Graph, or to the page's button.
func installBot(ctx context.Context, out io.Writer, teams *teamstest.Server) {
	for {
		if err := teams.InstallTogether(ctx); err == nil {
			fmt.Fprintln(out, "The bot answers, and is in the team and in the group chat")
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(installEvery):
		}
	}
}
