package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/doctor"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// errCouldNotRun ends a command with exit code 2 after it has said why itself:
// it knows nothing, which is another thing than that something failed.
var errCouldNotRun = errors.New("could not run")

func addDoctor(k *kingpin.Application, p *program) {
	cmd := k.Command("doctor", "Examine everything that an administrator can get wrong at Microsoft: tenant, secret, permissions, catalogue, the app for one person, the bot's registration, the messaging endpoint, the clock. Says what is wrong, why it matters and where to click.")
	cmd.HelpLong(`Examples:
  teamsrelay doctor --config.file=/etc/teamsrelay/teamsrelay.yml
  teamsrelay doctor --user=alice@contoso.com
  teamsrelay doctor --user=alice@contoso.com --install
  teamsrelay doctor --public-url=https://relay.example.com/api/messages

Run it on the machine of the receiver, as its user: it reads the same files and
goes through the same proxy. It looks and changes nothing. Only --install does:
it installs the app for --user and opens the conversation with them, which is
what the first alert for them would do; nothing is written to them but the
app's greeting.

It goes from the ground up, and what needs something that failed is skipped:
mend from the top and run it again. No secret is in what it prints.

Exit code 0: all is well, perhaps with warnings. 1: something failed. 2: it
could not run, because the file cannot be read or a flag is wrong.`)
	file := cmd.Flag("config.file", "The configuration.").Default("teamsrelay.yml").PlaceHolder("FILE").String()
	user := cmd.Flag("user", "Look at this person, by user principal name, e-mail address or object id, in place of the first ones of the configuration.").PlaceHolder("NAME").String()
	install := cmd.Flag("install", "Install the app for --user, and open the conversation with them.").Bool()
	public := cmd.Flag("public-url", "The messaging endpoint as Azure Bot has it; it is asked for once without a token and once with something that is none.").PlaceHolder("https://HOST/api/messages").String()
	timeout := cmd.Flag("timeout", "How long all of it may take.").Default("3m").Duration()
	relay := addClient(cmd)
	out := addOutput(cmd)
	cmd.PreAction(endsAtOnce)
	cmd.Action(func(*kingpin.ParseContext) error {
		if *install && *user == "" {
			fmt.Fprintln(p.err, "teamsrelay: --install needs --user NAME: it is done for one person at a time")
			return errCouldNotRun
		}
		if _, err := read(*file); err != nil {
			_, problems := config.Load(*file, config.Env{}) // says why in our words
			fmt.Fprintln(p.err, problems)
			return errCouldNotRun
		}
		made, problems := config.Load(*file, config.Env{Lookup: os.LookupEnv})
		ctx, cancel := context.WithTimeout(p.ctx, *timeout)
		defer cancel()
		return report(p.out, *out.format, func(tell func(doctor.Finding)) []doctor.Finding {
			return doctor.Run(ctx, doctor.Options{
				File: *file, Config: made, Problems: problems, User: strings.ToLower(strings.TrimSpace(*user)), Install: *install, PublicURL: *public, Ready: relay.ready,
			}, tell)
		})
	})
}

// report prints an examination while it goes on, or at its end as JSON.
func report(w io.Writer, format string, examine func(tell func(doctor.Finding)) []doctor.Finding) error {
	var err error
	var found []doctor.Finding
	if format == "json" {
		found = examine(func(doctor.Finding) {})
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false) // the ways through menus are full of >
		err = encoder.Encode(map[string]any{"checks": found})
	} else {
		text := doctor.NewText(w)
		found = examine(text.Write)
		err = text.End(found)
	}
	switch {
	case err != nil:
		return err
	case doctor.Worst(found) == doctor.Failed:
		return errFailed
	}
	return nil
}

// ready asks the receiver whether it is ready. No answer at all, or one of
// somebody else, is a *doctor.NoReceiver: it may run on another machine.
func (c *client) ready(ctx context.Context) error {
	base, err := url.Parse(strings.TrimSuffix(*c.base, "/"))
	if err != nil || base.Host == "" {
		return errors.New("--relay.url must be a URL such as http://127.0.0.1:9097")
	}
	transport, err := c.transport()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, clientTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base.String()+"/-/ready", nil)
	if err != nil {
		return err
	}
	response, err := transport.Do(request)
	if err != nil {
		return &doctor.NoReceiver{Err: unreachable(base.Host, err)}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<10))
	switch {
	case err != nil:
		return err
	case response.StatusCode == http.StatusOK:
		return nil
	case response.StatusCode == http.StatusServiceUnavailable:
		return fmt.Errorf("it is not ready: %s", teams.Printable(teams.WithoutURLs(string(body)), 200))
	}
	return &doctor.NoReceiver{Err: unexpected(base.Host, response, body)}
}
