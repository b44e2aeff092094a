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
	file := cmd.Flag("config.file", "The configuration.").Default("teamsrelay.yml").String()
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
		a, err := app.New(app.Options{ConfigFile: *file, Web: flags, Logger: p.logger(), Reload: reload})
		if err != nil {
			return err
		}
		return a.Run(p.ctx)
	})
}
