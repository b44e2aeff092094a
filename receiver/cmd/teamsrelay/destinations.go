package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"github.com/teamsrelay/teamsrelay/receiver/vault"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

// maxURL is how much of stdin is read for a URL, in bytes.
const maxURL = 64 << 10

func addDestinations(k *kingpin.Application, p *program) {
	cmd := k.Command("destinations", "Where a running receiver delivers to, and whether it can; webhooks that are added without a restart.")
	list := cmd.Command("list", "List destinations: ok, waiting (Teams asked for patience, or does not answer), broken (somebody has to mend something) or disabled.").Default()
	list.HelpLong(`TARGET shows host and short hash of a webhook; its URL is never shown.

ADDED says who added a destination that is not in the configuration. "old key"
beside it: it is still sealed under an older key, which must stay in
storage.encryption_key_file until the receiver has sealed it anew.

PEOPLE says of a destination with users: or group: how many have a chat with
the app already. The others get it with their first alert; who cannot be
reached, and what to do about it: teamsrelay users list --destination=NAME

FALLBACK is the destination that gets the card where this one cannot be reached.`)
	relay, format := addClient(list), addOutput(list)
	list.Action(func(*kingpin.ParseContext) error {
		var answer struct{ Destinations []web.Destination }
		if err := relay.call(p.ctx, http.MethodGet, "/api/v1/destinations", nil, &answer); err != nil {
			return err
		}
		return format.print(p.out, "destinations", answer.Destinations, "NAME\tSTATE\tWAITING\tDEAD LETTERS\tREASON\tTARGET\tADDED\tPEOPLE\tFALLBACK\tMESSAGE", func(line func(...any)) {
			for _, d := range answer.Destinations {
				message := d.Message
				if d.State == "waiting" && d.Since != nil && d.People == nil { // of people it is since when
					message = cmp.Or(message, "teamsrelay deliveries list --destination="+d.Name+" says why")
					message = "tried again at " + moment(*d.Since) + "; " + message
				}
				reached := "-"
				if d.People != nil {
					reached = fmt.Sprintf("%d of %d", d.People.Reachable, d.People.Total)
				}
				line(d.Name, d.State, d.Waiting, d.DeadLetters, orDash(d.Reason), orDash(d.Target), orDash(addedBy(d.Added)), reached, orDash(d.Fallback), orDash(message))
			}
		})
	})

	key := cmd.Command("key", "Print a new key for storage.encryption_key_file. It needs no receiver.")
	key.HelpLong(`Examples:
  teamsrelay destinations key | sudo install -m 640 -g teamsrelay /dev/stdin /etc/teamsrelay/encryption.key

To change the key, put a new line before the others and reload: what is added
is sealed with the first, the others still open. With several replicas put the
new line behind the others everywhere first, and then move it to the front.
When destinations list shows no "old key" any more, remove the old lines.`)
	key.Action(func(*kingpin.ParseContext) error {
		_, err := fmt.Fprintln(p.out, vault.NewKey())
		return err
	})

	addChange(cmd, p, "add", "Add a webhook under a name. Its URL is read from the standard input.", `Examples:
  teamsrelay destinations add dba < dba.url
  teamsrelay destinations add dba --test          and paste the URL

The URL is stored encrypted and is never shown again. Then have something go
there: teamsrelay subscriptions add dba 'team="dba"', or a route, if the
configuration names it in runtime_destinations.`, http.MethodPost, func(name string) string { return "/api/v1/destinations" }, "added")
	addChange(cmd, p, "rotate", "Give a destination that was added another URL, which is read from the standard input. What waits goes there.", `Examples:
  teamsrelay destinations rotate dba < new.url

What stands in Teams stays. Dead letters go out with teamsrelay dead-letters
replay.`, http.MethodPut, func(name string) string { return "/api/v1/destinations/" + url.PathEscape(name) + "/url" }, "has another URL")

	for _, verb := range []struct{ name, help, done string }{
		{"enable", "Send to destinations again that are disabled. What waits goes out, by a digest if it is much.", "enabled"},
		{"disable", "Send nothing to destinations, of the configuration or added, until they are enabled. What is due waits, for as long as max_age.", "disabled"},
	} {
		change := cmd.Command(verb.name, verb.help)
		relay := addClient(change)
		names := change.Arg("name", "Destinations.").Required().Strings()
		change.Action(func(*kingpin.ParseContext) error {
			return each(p, verb.done, *names, func(name string) error {
				var is web.DestinationHealth
				path := "/api/v1/destinations/" + url.PathEscape(name) + "/" + verb.name
				if err := relay.call(p.ctx, http.MethodPost, path, url.Values{"who": {whoami()}}, &is); err != nil {
					return err
				}
				if is.Disabled != nil && len(is.Disabled.StillTold) > 0 {
					fmt.Fprintf(p.err, "%s leads to places that %s lead to as well, which are enabled: what goes there is still sent\n", onLine(name), onLine(strings.Join(is.Disabled.StillTold, ", ")))
				}
				return nil
			})
		})
	}

	remove := cmd.Command("remove", "Remove destinations that were added. What waits for them becomes dead letters.")
	relayOfRemove := addClient(remove)
	force := remove.Flag("force", "Also where subscriptions or the configuration still lead there; subscriptions are removed too.").Bool()
	names := remove.Arg("name", "Destinations.").Required().Strings()
	remove.Action(func(*kingpin.ParseContext) error {
		query := url.Values{"who": {whoami()}}
		if *force {
			query.Set("force", "true")
		}
		return each(p, "removed", *names, func(name string) error {
			return relayOfRemove.call(p.ctx, http.MethodDelete, "/api/v1/destinations/"+url.PathEscape(name), query, &struct{}{})
		})
	})

	addTest(cmd.Command("test", "Send a card that says it is a test, and wait for what comes of it. The same as teamsrelay send-test."), p)
}

// addChange adds a command that reads a URL.
func addChange(cmd *kingpin.CmdClause, p *program, verb, help, long, method string, path func(name string) string, done string) {
	change := cmd.Command(verb, help)
	change.HelpLong(long)
	relay := addClient(change)
	asJSON := change.Flag("output", "text or json.").Short('o').Default("text").Enum("text", "json")
	pace := change.Flag("pace", "How much Teams takes there, such as 4/1s; may be repeated. By default 4/1s and 20/5m.").Strings()
	test := change.Flag("test", "Send a test card first, and change nothing if Teams does not take it.").Bool()
	name := change.Arg("name", "The destination's name.").Required().String()
	change.Action(func(*kingpin.ParseContext) error {
		text, err := p.secretLine("The webhook's URL (not shown): ")
		if err != nil {
			return err
		}
		asked := web.AddDestination{URL: text, Pace: *pace, Who: whoami(), Test: *test}
		if method == http.MethodPost {
			asked.Name = *name
		}
		var is web.DestinationHealth
		if err := relay.send(p.ctx, method, path(*name), nil, asked, &is); err != nil {
			return err
		}
		if *asJSON == "json" {
			return writeJSON(p.out, is)
		}
		fmt.Fprintf(p.out, "%s %s: %s\n", onLine(*name), done, onLine(is.Target))
		return nil
	})
}

// addedBy says who added a destination, and whether an old key is needed for it.
func addedBy(a *web.Added) string {
	switch {
	case a == nil:
		return ""
	case a.Hidden:
		return a.By + " (hidden by the configuration)"
	case a.OldKey:
		return a.By + " (old key)"
	}
	return a.By
}

// secretLine reads a line of the standard input. On a terminal it asks, and what
// is typed is not shown.
func (p *program) secretLine(prompt string) (string, error) {
	restore := func() {}
	if file, ok := p.in.(*os.File); ok && isTerminal(file) {
		fmt.Fprint(p.err, prompt)
		quiet, err := noEcho(file)
		if err != nil {
			return "", errors.New("this terminal would show the URL; write it into a file that only you can read, and read that: < FILE")
		}
		restore = func() { quiet(); fmt.Fprintln(p.err) }
	}
	// Whoever presses Ctrl-C wants their terminal back as it was.
	type result struct {
		line string
		err  error
	}
	read := make(chan result, 1)
	go func() {
		line, err := readLine(p.in)
		read <- result{line, err}
	}()
	var line string
	var err error
	select {
	case <-p.ctx.Done():
		err = p.ctx.Err()
	case r := <-read:
		line, err = r.line, r.err
	}
	restore()
	switch {
	case err != nil:
		return "", fmt.Errorf("the URL cannot be read from the standard input: %w", err)
	case line == "":
		return "", errors.New("there is no URL on the standard input; write < FILE, or paste it")
	}
	return line, nil
}

// readLine reads up to the end of the first line, and not beyond what a URL can
// have.
func readLine(in io.Reader) (string, error) {
	var line []byte
	one := make([]byte, 1) // what comes after it is not ours
	for len(line) <= maxURL {
		n, err := in.Read(one)
		if n == 1 {
			if one[0] == '\n' {
				break
			}
			line = append(line, one[0])
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
	}
	if len(line) > maxURL {
		return "", errors.New("it is too long for one")
	}
	return strings.TrimSpace(string(line)), nil
}

// place is a destination, and who of it.
func place(destination, who string) string {
	if who == "" {
		return destination
	}
	return destination + " (" + who + ")"
}
