package doctor_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/doctor"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

func TestInstallingIsDoneForOnePersonWhoIsNamed(t *testing.T) {
	install := func(o *doctor.Options) { o.User, o.Install = "bob@contoso.com", true }
	for name, c := range map[string]struct {
		situation teamstest.Situation
		spoil     func(*world)
		result    doctor.Result
		what      string
		do        string
		asked     int // how often Teams was asked for the conversation
	}{
		"the chat is there at once":          {result: doctor.OK, what: "The conversation with them is there", asked: 1},
		"the chat is there after some time":  {situation: teamstest.Situation{Delay: 5 * time.Second}, result: doctor.OK, what: "The conversation with them is there", asked: 4},
		"the chat never comes":               {situation: teamstest.Situation{Held: true}, result: doctor.Failed, what: "after 1m0s Teams does not know of it", do: "botId"},
		"they have never opened Teams":       {situation: teamstest.Situation{NoTeams: true}, result: doctor.Failed, what: "Teams", do: "Licenses and apps"},
		"a policy keeps the app from them":   {situation: teamstest.Situation{Policy: true}, result: doctor.Failed, what: "policy", do: "App permission policy"},
		"they belong to another tenant":      {situation: teamstest.Situation{Foreign: true}, result: doctor.Failed, what: "another tenant", do: "account of this tenant"},
		"they have blocked the bot":          {spoil: func(w *world) { w.As("Bob").Block() }, result: doctor.Failed, what: "blocked", do: "Unblock"},
		"the application is not the app's":   {spoil: notOurs, result: doctor.Skipped, what: "Nothing is installed: the app in the catalogue comes first"},
		"the bot is not registered in Azure": {spoil: unregistered, result: doctor.Failed, what: "401", do: "Azure Bot"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.As("Bob").Become(c.situation)
				if c.spoil != nil {
					c.spoil(w)
				}
				found, text := w.examine(w.settings(""), install)
				said := of(found, "people")
				require.NotEmpty(t, said)
				last := said[len(said)-1]
				require.Equal(t, c.result, last.Result, text)
				require.Equal(t, "bob@contoso.com", last.About)
				require.Contains(t, last.What, c.what, text)
				require.Contains(t, last.Do, c.do, text)
				if c.asked > 0 {
					require.Len(t, w.requests("POST "+connector+"/teams/v3/conversations"), c.asked)
				}
				require.Empty(t, w.Messages(""), "nobody is written to")
			})
		})
	}
}

func notOurs(w *world) {
	app := teamstest.DefaultApp
	app.EntraID = "99999999-8888-4777-8666-555555555555"
	w.Publish(app)
}

func unregistered(w *world) {
	w.BotFault(teamstest.Connector, teamstest.Fault{Code: "BotNotRegistered", Times: -1})
}

// What a configuration has no use for is not examined, and says why.
func TestWhatIsNotNeededIsNotAsked(t *testing.T) {
	webhooks := `
storage: {url: sqlite:teamsrelay.db}
destinations:
  - name: web
    workflow: {url: "https://prod-01.westeurope.logic.azure.com/workflows/0123456789abcdef0123456789abcdef/triggers/manual/paths/invoke?sig=` + secrets[2] + `"}
route: {destinations: [web]}
`
	channels := strings.Replace(webhooks, "destinations:\n", `microsoft:
  tenant_id: `+teamstest.DefaultTenant+`
  app_id: `+teamstest.DefaultAppID+`
  client_secret: `+teamstest.DefaultSecret+`
destinations:
  - {name: ops, channel: {channel_id: "`+teamstest.Alerts+`"}}
`, 1)
	local := strings.Replace(channels, "client_secret: "+teamstest.DefaultSecret, "insecure_local: true", 1)
	for name, c := range map[string]struct {
		settings string
		user     string
		skipped  []string
		asked    []string // hosts
	}{
		"webhooks only": {
			settings: webhooks, skipped: []string{"network", "clock", "sign-in", "graph", "permissions", "catalogue", "people", "groups", "bot", "endpoint"},
		},
		"channels of the bot": {
			settings: channels, skipped: []string{"graph", "permissions", "catalogue", "people", "groups"}, asked: []string{signIn, connector, keysHost, relay},
		},
		"channels of the bot, and a person": {
			settings: strings.Replace(channels, "destinations:\n", "  teams_app_id: "+teamstest.DefaultApp.ManifestID+"\ndestinations:\n", 1), user: "alice@contoso.com",
			skipped: []string{"groups"}, asked: []string{signIn, connector, keysHost, relay, graphHost},
		},
		"a trial on this machine": {
			settings: local, skipped: []string{"sign-in", "graph", "permissions", "catalogue", "people", "groups"}, asked: []string{connector, relay},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			found, text := w.examine(c.settings, func(o *doctor.Options) {
				o.User = c.user
				if name == "webhooks only" {
					o.PublicURL = ""
				}
			})
			var skipped []string
			for _, check := range doctor.Checks() {
				if len(only(found, check, doctor.Skipped)) == len(of(found, check)) {
					skipped = append(skipped, check)
				}
			}
			require.Equal(t, c.skipped, skipped, text)
			for _, r := range w.requests("") {
				_, rest, _ := strings.Cut(r, " ")
				name, _, _ := strings.Cut(rest, "/")
				require.Contains(t, c.asked, name, "nothing is asked of whom the configuration does not need")
			}
		})
	}
}

func TestWhenTheTimeIsOverTheRestIsSkipped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	found := doctor.Run(ctx, doctor.Options{Transport: newWorld(t)}, func(doctor.Finding) {})
	require.Len(t, found, len(doctor.Checks()))
	for _, f := range found {
		require.Equal(t, doctor.Skipped, f.Result)
		require.Contains(t, f.What, "--timeout")
	}
}

// Servers that are not well say anything, also what they were sent.
func TestWhatServersSayIsPrintedWithoutSecrets(t *testing.T) {
	echo := func(r *http.Request) (*http.Response, error) {
		all := teamstest.DefaultSecret + " " + r.Header.Get("Authorization") + " https://x.example/?sig=" + teamstest.DefaultSecret
		return answering(http.StatusBadRequest, `{"error": "`+all+`", "error_description": "`+all+`", "errorCode": 1, "message": "`+all+`"}`, "Location: https://x.example/"+teamstest.DefaultSecret), nil
	}
	for _, name := range []string{signIn, graphHost, connector, keysHost, relay} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if name == signIn {
				w.hosts[signIn] = echo
			} else {
				w.hosts[name] = func(r *http.Request) (*http.Response, error) {
					response, err := echo(r)
					response.StatusCode = http.StatusForbidden
					return response, err
				}
			}
			// examine looks for the secrets in what is printed.
			found, text := w.examine(w.settings(""), nil)
			require.NotEmpty(t, found)
			if name != keysHost {
				require.Equal(t, doctor.Failed, doctor.Worst(found), text)
			}
		})
	}
}

func TestACertificateThatEndsIsSeenBeforeItDoes(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		from, until time.Time
		result      doctor.Result
		what        string
	}{
		"good":             {now.AddDate(0, -1, 0), now.AddDate(1, 0, 0), doctor.OK, "good until 21 November 2027"},
		"about to end":     {now.AddDate(0, -1, 0), now.AddDate(0, 0, 7), doctor.Warning, "ends on 28 November 2026"},
		"over":             {now.AddDate(0, -2, 0), now.AddDate(0, 0, -1), doctor.Failed, "has ended on 20 November 2026"},
		"not yet to begin": {now.AddDate(0, 0, 1), now.AddDate(1, 0, 0), doctor.Failed, "good only from 22 November 2026"},
	} {
		t.Run(name, func(t *testing.T) {
			template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bot"}, NotBefore: c.from, NotAfter: c.until}
			der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
			require.NoError(t, err)
			pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
			require.NoError(t, err)
			file := filepath.Join(t.TempDir(), "bot.pem")
			content := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})...)
			require.NoError(t, os.WriteFile(file, content, 0o600))

			w := newWorld(t)
			settings := strings.Replace(w.settings(""), "client_secret: "+teamstest.DefaultSecret, "certificate_file: "+file, 1)
			found, text := w.examine(settings, nil)
			said := of(found, "sign-in")
			require.NotEmpty(t, said, text)
			require.Equal(t, c.result, said[0].Result)
			require.Contains(t, said[0].What, c.what)
			if c.result != doctor.OK {
				require.Contains(t, said[0].Do, "Upload certificate")
			}
			// The simulated Entra does not know this certificate at all.
			require.Contains(t, said[1].What, "AADSTS700027")
		})
	}
}

func TestAMachineWithoutItsIdentityIsToldWhereToAssignOne(t *testing.T) {
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", "")
	w := newWorld(t)
	w.hosts["169.254.169.254"] = always(http.StatusBadRequest, `{"error":"invalid_request","error_description":"Identity not found"}`, "Content-Type: application/json")
	settings := strings.Replace(w.settings(""), "client_secret: "+teamstest.DefaultSecret, "managed_identity: true", 1)
	found, text := w.examine(settings, nil)
	failed := only(found, "sign-in", doctor.Failed)
	require.Len(t, failed, 1, text)
	require.Contains(t, failed[0].Do, "Identity > User assigned > Add")
}

func TestLinesAreShortAndWaysThroughMenusStayTogether(t *testing.T) {
	var b strings.Builder
	text := doctor.NewText(&b)
	text.Write(doctor.Finding{Check: "bot", About: "ops", Result: doctor.Failed, What: strings.Repeat("word ", 60), Do: "See Teams > " + strings.Repeat("the channel > Manage > ", 20) + "end."})
	require.NoError(t, text.End(nil))
	for _, line := range strings.Split(b.String(), "\n") {
		require.LessOrEqual(t, len(line), 90, "it is read in a terminal and quoted in mails: %s", line)
		require.False(t, strings.HasPrefix(strings.TrimSpace(line), ">"), "a mail would show it as a quotation: %s", line)
	}
}

// Somebody who waits for ten seconds at a dead host wants to see what is known
// already.
func TestEachLineIsThereAsSoonAsItIsKnown(t *testing.T) {
	w := newWorld(t)
	made, problems := config.Parse("teamsrelay.yml", []byte(w.settings("")), config.Env{})
	var told []string
	before := -1
	w.hosts[signIn] = func(*http.Request) (*http.Response, error) {
		if before < 0 {
			before = len(told)
		}
		return nil, errRefused
	}
	doctor.Run(t.Context(), doctor.Options{Config: made, Problems: problems, Transport: w}, func(f doctor.Finding) { told = append(told, f.Check) })
	require.Positive(t, before)
	require.Equal(t, "configuration", told[before-1])
	require.Greater(t, len(told), before)
}

// Fifty channels would say fifty times that the bot is not registered.
func TestWhatHoldsForEveryConversationIsSaidOnce(t *testing.T) {
	w := newWorld(t)
	unregistered(w)
	found, text := w.examine(w.settings(""), nil)
	require.Len(t, of(found, "bot"), 1, text)
	require.Empty(t, of(found, "bot")[0].About, "it is about none of them")
}
