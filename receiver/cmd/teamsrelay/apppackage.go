package main

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

Teams takes a package as an update only if its version is higher than that of
the one before. So keep FILE.zip: if it is there and something has changed, the
new one gets the next version; if nothing has, it is left alone. The first one
has teamsrelay's version. --app-version says another one, such as where the file
of the last time is lost (Manage apps shows which version Teams has).`)
	file := cmd.Flag("config.file", "The configuration.").Default("teamsrelay.yml").String()
	output := cmd.Flag("output", "Write the package to this file.").Short('o').Required().PlaceHolder("FILE.zip").String()
	number := cmd.Flag("app-version", "The version of the app, such as 1.2.1, in place of the next one.").PlaceHolder("VERSION").String()
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
		earlier, err := earlierPackage(*output)
		if err != nil {
			return err
		}
		if *number == "" {
			o = o.After(earlier)
		}
		data, err := apppackage.Make(o)
		if err != nil {
			return err
		}
		if o.IsIn(earlier) {
			fmt.Fprintf(p.err, "%s is what would be made: the app %q, version %s; there is nothing to upload if Teams has it\n", *output, o.Name, o.Version)
			return nil
		}
		if err := os.WriteFile(*output, data, 0o644); err != nil {
			return err
		}
		fmt.Fprintf(p.err, "wrote %s: the app %q, version %s\n%s\n", *output, o.Name, o.Version, uploading(o, earlier))
		return nil
	})
}

// earlierPackage is what was made at a path before; zero if nothing was.
// Anything else that is there is not overwritten.
func earlierPackage(path string) (apppackage.Earlier, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return apppackage.Earlier{}, nil
	}
	if err != nil {
		return apppackage.Earlier{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, apppackage.MaxSize+1))
	if err != nil || len(data) == 0 {
		return apppackage.Earlier{}, err
	}
	earlier, err := apppackage.Read(data)
	if err != nil {
		return earlier, fmt.Errorf("%s is there already, and would be lost: %w; name another file, or remove it", path, err)
	}
	return earlier, nil
}

// uploading says where a package goes that was made after an earlier one.
func uploading(o apppackage.Options, earlier apppackage.Earlier) string {
	const page = "Teams admin center, Teams apps, Manage apps"
	switch {
	case earlier.ID == "":
		return "now upload it: " + page + ", Actions, Upload new app"
	case !o.Same(earlier):
		return "the file was the app " + earlier.ID + " before, and is another one for Teams now\nupload it: " + page + ", Actions, Upload new app"
	case !apppackage.Higher(o.Version, earlier.Version):
		return "the file had version " + earlier.Version + " before; if Teams has that it takes only a higher one"
	}
	return "it was version " + earlier.Version + " before\nnow upload it: " + page + ", the app, Upload file"
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
