package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/alecthomas/kingpin/v2"
	"github.com/coreos/go-systemd/v22/daemon"
	toolkit "github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"

	"github.com/teamsrelay/teamsrelay/receiver/app"
)

// serveFlags are the flags of serve. A Windows service is installed with the
// same.
type serveFlags struct {
	file, outside *string
	web           *toolkit.FlagConfig
}

func addServeFlags(cmd *kingpin.CmdClause) serveFlags {
	return serveFlags{
		file:    cmd.Flag("config.file", "The configuration.").Default("teamsrelay.yml").String(),
		outside: cmd.Flag("public.listen-address", "Where Teams reaches the bot (/api/messages), and where event sources that have a token, a password or a signature may also post; empty for nowhere. Open only when the configuration has a bot or such sources; put TLS in front of it.").Default(":3978").String(),
		web:     kingpinflag.AddFlags(cmd, "127.0.0.1:9097"),
	}
}

func addServe(k *kingpin.Application, p *program) {
	cmd := k.Command("serve", "Take alerts and deliver them to Teams until stopped. SIGHUP reloads the configuration.")
	cmd.HelpLong(`Examples:
  teamsrelay serve --config.file=/etc/teamsrelay/teamsrelay.yml
  teamsrelay serve --web.listen-address=:9097 --web.config.file=web.yml

It takes alerts at /alertmanager, /alertmanager/DESTINATION and /api/v2/alerts,
and events at /events/SOURCE.
A configuration with mistakes is not served; at a reload the old one goes on.
SIGTERM and Ctrl-C stop it; what was taken is on disk and is told after the
next start.`)
	flags := addServeFlags(cmd)
	cmd.Action(func(*kingpin.ParseContext) error {
		if byServiceManager() {
			return serveAsService(p.logger(), flags.serve)
		}
		return flags.serve(p.ctx, p.logger(), func() {
			// Where systemd has started us, its "systemctl start" ends now.
			_, _ = daemon.SdNotify(false, daemon.SdNotifyReady)
		})
	})
}

// ballast is a part of the heap that nobody touches: it takes no memory. Go
// collects garbage whenever the heap has doubled, and of ours only a few MB live
// from one alert to the next, so in a storm that would be ten times a second,
// for a fourth of our processor time with PostgreSQL. With this in the heap
// more comes together first.
const ballast = 16 << 20

// serve runs the receiver until ctx ends; ready is called once it takes alerts.
func (f serveFlags) serve(ctx context.Context, log *slog.Logger, ready func()) error {
	heap := make([]byte, ballast)
	defer runtime.KeepAlive(heap)
	reload := make(chan struct{}, 1)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	go func() {
		for range hangups {
			select {
			case reload <- struct{}{}:
			default: // one is waiting already
			}
		}
	}()
	a, err := app.New(app.Options{
		ConfigFile: *f.file, Web: f.web, PublicAddress: *f.outside, Logger: log, Reload: reload,
		Listening: func([]net.Addr) { ready() },
	})
	if err != nil {
		return err
	}
	return a.Run(ctx)
}
