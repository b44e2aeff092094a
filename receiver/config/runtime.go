package config

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/card"
	"github.com/teamsrelay/teamsrelay/receiver/deliver"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/workflow"
	"github.com/teamsrelay/teamsrelay/receiver/vault"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// Runtime is what the file says about destinations that are added while the
// receiver runs.
type Runtime struct {
	// Names are those that routes, fallbacks and subscriptions may use before
	// they are added.
	Names []string
	// AllowedHosts are hosts, HOST or HOST:PORT, that their webhooks may lead to
	// beside Microsoft's. They may have private addresses.
	AllowedHosts []string
}

// expected are the names of the file, made destinations for who looks whether
// one is there.
func expected(names []string) []destinationSection {
	sections := make([]destinationSection, len(names))
	for i, name := range names {
		sections[i].Name = name
	}
	return sections
}

// keys reads the keys that webhooks are sealed with.
func (d *document) keys(s *storageSection) vault.Keyring {
	const at, make = "storage.encryption_key", "make one with teamsrelay destinations key, and write it there as it is, one a line, the new one first"
	text, ok := d.secret(s.EncryptionKey, s.EncryptionKeyFile, at)
	place := at
	if d.Has(at + "_file") {
		place = at + "_file"
	}
	if !ok || text == "" {
		return vault.Keyring{}
	}
	ring, err := vault.Parse(text.Reveal())
	switch {
	case err != nil:
		d.Wrong(place, yamlfile.OneLine(err.Error()), make)
	case ring.Current() == "":
		d.Wrong(place, "there is no key in it", make)
	case s.EncryptionKeyFile != "" && othersRead(d.path(s.EncryptionKeyFile)):
		d.Warn(place, "every user of this machine can read the file "+yamlfile.Quote(s.EncryptionKeyFile), "chmod 600 it, and let it belong to the user who runs teamsrelay; change the key if somebody may have read it")
	}
	return ring
}

// othersRead says that anybody on the machine can read a file. Windows says
// nothing of it in these bits.
func othersRead(path string) bool {
	info, err := os.Stat(path)
	return err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o004 != 0
}

// allowedHost is a name or an address, with a port or without.
var allowedHost = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

// runtime checks what the file says about destinations that are added later.
func (d *document) runtime(s *runtimeSection, keys vault.Keyring, file []destinationSection) Runtime {
	const section = "runtime_destinations"
	seen := map[string]bool{}
	for i, name := range s.Names {
		at := fmt.Sprintf("%s.names[%d]", section, i)
		switch {
		case d.Faulty(at):
		case !plainName.MatchString(name):
			d.Wrong(at, "no destination can be called "+yamlfile.Quote(name), "use up to 63 letters, digits, -, _ and ., beginning with a letter or digit")
		case seen[name]:
			d.Warn(at, yamlfile.Quote(name)+" is named twice", "remove one")
		case slices.ContainsFunc(file, func(o destinationSection) bool { return o.Name == name }):
			d.Wrong(at, "the destination "+yamlfile.Quote(name)+" stands in this file already", "remove it here, or under destinations:")
		}
		seen[name] = true
	}
	if keys.Current() == "" && len(s.Names)+len(s.AllowedHosts) > 0 && !d.Faulty("storage") && !d.Has("storage.encryption_key_file") && !d.Has("storage.encryption_key") {
		d.Warn(section, "no destination can be added without a key", "add storage: {encryption_key_file: FILE}; teamsrelay destinations key makes one")
	}
	made := Runtime{Names: s.Names}
	for i, text := range s.AllowedHosts {
		at := fmt.Sprintf("%s.allowed_hosts[%d]", section, i)
		host, ok := hostPort(text)
		if !ok {
			if !d.Faulty(at) {
				d.Wrong(at, yamlfile.Quote(text)+" is no host", "write the name alone, with a port if it is not 443: relay.contoso.com, 127.0.0.1:9099")
			}
			continue
		}
		made.AllowedHosts = append(made.AllowedHosts, host)
	}
	return made
}

// hostPort is HOST or HOST:PORT as the URL of a webhook is compared with it.
func hostPort(text string) (string, bool) {
	text = strings.TrimSuffix(strings.ToLower(strings.TrimSpace(text)), ".")
	if host, port, err := net.SplitHostPort(text); err == nil {
		n, err := strconv.ParseUint(port, 10, 16)
		_, bad := netip.ParseAddr(host)
		return text, err == nil && n > 0 && (bad == nil || allowedHost.MatchString(host))
	}
	if _, err := netip.ParseAddr(text); err == nil {
		return text, true
	}
	return text, allowedHost.MatchString(text)
}

// sealedFor says whose webhook is sealed.
func sealedFor(name string) vault.Purpose { return vault.Purpose{What: "destination", Whose: name} }

// settings are what is sealed of a destination.
type settings struct {
	URL  string   `json:"url"`
	Pace []string `json:"pace,omitempty"`
}

// adding is what the engine needs for destinations that are added.
func (c *Config) adding() engine.Adding {
	return engine.Adding{
		Expected: c.Runtime.Names, Key: c.Storage.Keys.Current(), Seal: c.seal, Open: c.open,
		Reseal: func(row store.Destination) (store.Destination, error) {
			plain, err := c.Storage.Keys.Open(sealedFor(row.Name), row.KeyID, row.Sealed)
			if err != nil {
				return row, err
			}
			row.KeyID, row.Sealed, err = c.Storage.Keys.Seal(sealedFor(row.Name), plain)
			return row, err
		},
	}
}

func (c *Config) webhook(url string) workflow.Config {
	return workflow.Config{URL: url, Untrusted: true, Allowed: c.Runtime.AllowedHosts}
}

// seal checks a webhook that somebody adds, and seals it. The error is an
// *engine.Refusal, which shows nothing of the URL but its host.
func (c *Config) seal(name string, w engine.Webhook) (store.Destination, error) {
	none := store.Destination{}
	if !plainName.MatchString(name) {
		return none, &engine.Refusal{What: "no destination can be called " + fmt.Sprintf("%.70q", name), Do: "use up to 63 letters, digits, -, _ and ., beginning with a letter or digit"}
	}
	if _, err := deliver.ParsePace(w.Pace); err != nil {
		return none, &engine.Refusal{What: "this is no pace", Do: "write how many messages in what time, such as 4/1s"}
	}
	raw := strings.TrimSpace(w.URL)
	for _, p := range c.webhook(raw).Check() {
		if !p.Warning {
			return none, &engine.Refusal{What: p.What, Do: p.Hint}
		}
	}
	u, err := url.Parse(raw)
	if err != nil {
		return none, &engine.Refusal{What: "this is not a URL", Do: "copy the whole webhook URL from Teams again, from https:// to the end"}
	}
	plain, err := json.Marshal(settings{URL: raw, Pace: w.Pace})
	if err != nil {
		return none, err
	}
	row := store.Destination{Name: name, Host: strings.ToLower(u.Hostname()), Hash: teams.URLHash(raw)}
	row.KeyID, row.Sealed, err = c.Storage.Keys.Seal(sealedFor(name), plain)
	return row, err
}

// open is the destination of a row.
func (c *Config) open(row *store.Destination) (engine.Destination, error) {
	made := engine.Destination{Name: row.Name, Target: row.Host + " #" + row.Hash[:min(8, len(row.Hash))]}
	plain, err := c.Storage.Keys.Open(sealedFor(row.Name), row.KeyID, row.Sealed)
	if err != nil {
		return made, err
	}
	var s settings
	if err := json.Unmarshal(plain, &s); err != nil {
		return made, vault.ErrForged // it is ours, and of no version that we know
	}
	sender, err := workflow.New(c.webhook(s.URL))
	if err != nil {
		return made, err
	}
	pace, err := deliver.ParsePace(s.Pace)
	if err != nil || len(pace) == 0 {
		pace = deliver.DefaultPace
	}
	made.Addresses = []deliver.Address{{
		ID: workflow.AddressID(s.URL), Destination: row.Name,
		Pace: pace, Limit: card.WorkflowLimit, MaxAge: deliver.DefaultMaxAge, Send: sender.Send,
	}}
	return made, nil
}
