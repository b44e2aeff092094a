package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"

	"github.com/teamsrelay/teamsrelay/receiver/app"
)

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
	file := cmd.Flag("config.file", "The configuration.").Default("teamsrelay.yml").String()
	outside := cmd.Flag("public.listen-address", "Where Teams reaches the bot (/api/messages), and where event sources that have a token, a password or a signature may also post; empty for nowhere. Open only when the configuration has a bot or such sources; put TLS in front of it.").Default(":3978").String()
	flags := kingpinflag.AddFlags(cmd, "127.0.0.1:9097")
	cmd.Action(func(*kingpin.ParseContext) error {
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
		a, err := app.New(app.Options{ConfigFile: *file, Web: flags, PublicAddress: *outside, Logger: p.logger(), Reload: reload})
		if err != nil {
			return err
		}
		return a.Run(p.ctx)
	})
}
