package main

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/version"

	"github.com/teamsrelay/teamsrelay/receiver/apppackage"
	"github.com/teamsrelay/teamsrelay/receiver/config"
)

func addAppPackage(k *kingpin.Application, p *program) {
	cmd := k.Command("app-package", "Make the Teams app of the bot, which an administrator uploads to Teams.")
	cmd.HelpLong(`Example:
  teamsrelay app-package --config.file=/etc/teamsrelay/teamsrelay.yml -o teamsrelay-app.zip

The zip has a manifest and two icons. It is made from microsoft: in the
configuration: app_id, teams_app_id and app_name. It asks for no permission.
sample-configs/bot/README.md goes from an Entra application to a bot that
answers, screen by screen.

Teams takes a package as an update if its version is higher than that of the
one before. It is teamsrelay's, or what --app-version says.`)
	file := cmd.Flag("config.file", "The configuration.").Default("teamsrelay.yml").String()
	output := cmd.Flag("output", "Write the package to this file.").Short('o').Required().PlaceHolder("FILE.zip").String()
	number := cmd.Flag("app-version", "The version of the app, such as 1.2.1: for an update without a new teamsrelay.").PlaceHolder("VERSION").String()
	cmd.PreAction(endsAtOnce)
	cmd.Action(func(*kingpin.ParseContext) error {
		c, problems := config.Load(*file, config.Env{Lookup: os.LookupEnv})
		if problems.Failed() {
			return problems
		}
		o, err := appOptions(c, *file, cmp.Or(*number, apppackage.VersionOf(version.Version)))
		if err != nil {
			return err
		}
		data, err := apppackage.Make(o)
		if err != nil {
			return err
		}
		if err := os.WriteFile(*output, data, 0o644); err != nil {
			return err
		}
		fmt.Fprintf(p.err, "wrote %s: the app %q, version %s\nnow upload it: Teams admin center, Teams apps, Manage apps, Actions, Upload new app\n", *output, o.Name, o.Version)
		return nil
	})
}

// appOptions are what the app of a configuration is made from.
func appOptions(c *config.Config, file, number string) (apppackage.Options, error) {
	switch {
	case !c.Microsoft.Configured():
		return apppackage.Options{}, errors.New(file + " has no microsoft: section, so there is no bot to make an app of; sample-configs/bot/README.md begins with it")
	case c.Microsoft.TeamsAppID == "":
		return apppackage.Options{}, fmt.Errorf(`the app has no id of its own yet. By it Teams knows which app it is, so it must never change.
Here is a new one. Put it into %s and ask again:

microsoft:
  teams_app_id: %s
`, file, newGUID())
	}
	return apppackage.Options{ID: c.Microsoft.TeamsAppID, BotID: c.Microsoft.AppID, Name: c.Microsoft.AppName, Version: number}, nil
}

// newGUID is a random GUID (RFC 9562, version 4).
func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
