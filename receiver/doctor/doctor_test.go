package doctor_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/doctor"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

func TestAllIsWell(t *testing.T) {
	w := newWorld(t)
	found, text := w.examine(w.settings(""), nil)
	require.Equal(t, doctor.OK, doctor.Worst(found), text)
	var checks []string
	for _, f := range found {
		if !slices.Contains(checks, f.Check) {
			checks = append(checks, f.Check)
		}
		require.NotEmpty(t, f.What)
		require.Empty(t, f.Do, "where nothing is wrong there is nothing to do: %s", f.What)
	}
	require.Equal(t, doctor.Checks(), checks, "each check says something, in a stable order")
	golden(t, "all-well.txt", w.steady(text))
}

func TestLookingChangesNothing(t *testing.T) {
	w := newWorld(t)
	for _, change := range []func(*doctor.Options){nil, func(o *doctor.Options) { o.User = "bob@contoso.com" }} {
		w.examine(w.settings(""), change)
	}
	require.Empty(t, w.AppVersion("Bob"), "without --install nobody gets the app")
	for _, r := range w.requests("") {
		allowed := strings.HasPrefix(r, http.MethodGet) || strings.HasPrefix(r, "POST "+signIn) || strings.HasPrefix(r, "POST "+relay) || strings.HasPrefix(r, "POST "+graphHost+"/v1.0/$batch")
		require.True(t, allowed, "whoever only looks would have changed something: %s", r)
	}
	require.Zero(t, w.GraphCalls(teamstest.Installing))
}

// wrong is one thing that an administrator can get wrong, and what they read.
type wrong struct {
	spoil  func(*world)
	change func(*doctor.Options)
	edit   func(settings string) string
	check  string
	result doctor.Result
	what   string // in What, Why or Do
	do     string // in Do
	// skipped are checks that are not made because of it.
	skipped []string
}

func replacing(old, new string) func(string) string {
	return func(settings string) string { return strings.ReplaceAll(settings, old, new) }
}

func signInFault(code string) func(*world) {
	return func(w *world) { w.BotFault(teamstest.SignIn, teamstest.Fault{Code: code, Times: -1}) }
}

func host(name string, answer func(*http.Request) (*http.Response, error)) func(*world) {
	return func(w *world) { w.hosts[name] = answer }
}

var needSignIn = []string{"graph", "permissions", "catalogue", "people", "groups", "bot"}

const page = "<!DOCTYPE html><html>Please sign in to the internet</html>"

func TestWhatAnAdministratorCanGetWrong(t *testing.T) {
	for name, c := range map[string]wrong{
		"an id is still the sample's": {
			edit:  replacing(teamstest.DefaultApp.ManifestID, "00000000-0000-4000-8000-000000000003"),
			check: "configuration", result: doctor.Failed, what: "Microsoft has nothing with this id",
		},
		"the file has an error": {
			edit:  replacing("route:", "rout:"),
			check: "configuration", result: doctor.Failed, what: "serve does not start",
			skipped: []string{"network", "clock", "sign-in", "graph", "permissions", "catalogue", "people", "groups", "bot"},
		},
		"this machine's clock is six minutes ahead": {
			spoil: func(w *world) { w.ahead = 6 * time.Minute },
			check: "clock", result: doctor.Failed, what: "6 minutes ahead of", do: "timedatectl",
		},
		"this machine's clock is two minutes behind": {
			spoil: func(w *world) { w.ahead = -2 * time.Minute },
			check: "clock", result: doctor.Warning, what: "2 minutes behind",
		},
		"sign-in cannot be reached": {
			spoil: host(signIn, failing(errRefused)),
			check: "network", result: doctor.Failed, what: "connection refused", do: "HTTPS_PROXY",
			skipped: append([]string{"sign-in"}, needSignIn...),
		},
		"the name server does not know Microsoft": {
			spoil: host(signIn, failing(&net.DNSError{Err: "no such host", Name: signIn, IsNotFound: true})),
			check: "network", result: doctor.Failed, what: "cannot be looked up", do: "HTTPS_PROXY",
		},
		"a proxy opens TLS, and this machine does not know it": {
			spoil: host(graphHost, failing(x509.UnknownAuthorityError{})),
			check: "network", result: doctor.Failed, what: "If a proxy of yours opens TLS", do: "without opening TLS",
		},
		"a proxy opens TLS, and this machine trusts it": {
			spoil: func(w *world) {
				w.hosts[keysHost] = func(r *http.Request) (*http.Response, error) {
					response, err := w.Transport().RoundTrip(r)
					response.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{{Subject: pkix.Name{Organization: []string{"Contoso Proxy"}}}}}}
					return response, err
				}
			},
			check: "network", result: doctor.OK, what: `Its certificate is from "Contoso Proxy": if that is a proxy of yours, it opens TLS and reads along.`,
		},
		"no answer comes": {
			spoil: host(signIn, failing(context.DeadlineExceeded)),
			check: "network", result: doctor.Failed, what: "firewall",
		},
		"a sign-in page of the network answers": {
			spoil: host(graphHost, always(200, page, "Content-Type: text/html")),
			check: "network", result: doctor.Failed, what: "A web page answers (200) instead of Microsoft Graph",
			skipped: []string{"catalogue", "people", "groups"},
		},
		"a network redirects to its sign-in page": {
			spoil: host(signIn, always(302, "", "Location: https://portal.example/?key=secret")),
			check: "network", result: doctor.Failed, what: "redirect (302)",
		},
		"the proxy wants a password": {
			spoil: host(connector, always(407, "")),
			check: "network", result: doctor.Failed, what: "name and password (407)", skipped: []string{"bot"},
		},
		"Microsoft's keys cannot be fetched": {
			spoil: host(keysHost, failing(errRefused)),
			check: "network", result: doctor.Failed, what: "no button and no command works",
		},
		"Microsoft has a bad time": {
			spoil: host(graphHost, always(503, `{"error":{}}`)),
			check: "network", result: doctor.Warning, what: "bad time (503)", do: "status.cloud.microsoft",
		},
		"the tenant is wrong": {
			edit:  replacing(teamstest.DefaultTenant, "99999999-8888-4777-8666-555555555555"),
			check: "sign-in", result: doctor.Failed, what: "AADSTS90002", do: "Overview > Tenant ID", skipped: needSignIn,
		},
		"the application is not in the tenant": {
			edit:  replacing(teamstest.DefaultAppID, "99999999-8888-4777-8666-555555555555"),
			check: "sign-in", result: doctor.Failed, what: "AADSTS700016", do: "App registrations > All applications", skipped: needSignIn,
		},
		"the secret is wrong": {
			edit:  replacing(teamstest.DefaultSecret, "another-secret-nobody-may-see"),
			check: "sign-in", result: doctor.Failed, what: "AADSTS7000215", do: "Certificates & secrets > Client secrets > New client secret", skipped: needSignIn,
		},
		"the secret has expired": {
			spoil: signInFault("AADSTS7000222"),
			check: "sign-in", result: doctor.Failed, what: "has expired", do: "Certificates & secrets > Client secrets > New client secret", skipped: needSignIn,
		},
		"the certificate is not Entra's": {
			spoil: signInFault("AADSTS700027"),
			check: "sign-in", result: doctor.Failed, what: "does not know the certificate", do: "Upload certificate",
		},
		"the federated credential does not fit": {
			spoil: signInFault("AADSTS700213"),
			check: "sign-in", result: doctor.Failed, what: "federated credential", do: "Federated credentials",
		},
		"the application is switched off": {
			spoil: signInFault("AADSTS7000112"),
			check: "sign-in", result: doctor.Failed, what: "switched off", do: "Enabled for users to sign-in",
		},
		"the application has no service principal": {
			spoil: signInFault("AADSTS7000229"),
			check: "sign-in", result: doctor.Failed, what: "not present in this tenant", do: "az ad sp create --id " + teamstest.DefaultAppID,
		},
		"Conditional Access blocks the application": {
			spoil: signInFault("AADSTS53003"),
			check: "sign-in", result: doctor.Failed, what: "Conditional Access", do: "Service principal sign-ins",
		},
		"the cloud is wrong": {
			spoil: signInFault("AADSTS500011"),
			check: "sign-in", result: doctor.Failed, what: "not present in this tenant", do: "cloud",
		},
		"sign-in refuses for a reason that nobody knows": {
			spoil: signInFault("AADSTS99999"),
			check: "sign-in", result: doctor.Failed, what: "AADSTS99999", do: "under Overview",
		},
		"the permission to find people is missing": {
			spoil: func(w *world) {
				w.Consent("TeamsAppInstallation.ReadWriteSelfForUser.All", "AppCatalog.Read.All", "GroupMember.Read.All", "TeamworkTag.Read.All")
			},
			check: "permissions", result: doctor.Failed, what: "finds people by address", do: "Grant admin consent", skipped: []string{"people"},
		},
		"nobody has consented to anything": {
			spoil: func(w *world) { w.Consent([]string{}...) },
			check: "permissions", result: doctor.Failed, what: "installs the app for people who never did", do: "Application permissions (not Delegated)",
			skipped: []string{"catalogue", "people", "groups"},
		},
		"the permission to read groups is missing": {
			spoil: func(w *world) {
				w.Consent("TeamsAppInstallation.ReadWriteSelfForUser.All", "AppCatalog.Read.All", "User.ReadBasic.All", "TeamworkTag.Read.All")
			},
			check: "permissions", result: doctor.Failed, what: "reads who is in an Entra group", do: "Grant admin consent", skipped: []string{"groups"},
		},
		"there are permissions that nobody needs": {
			spoil: func(w *world) { w.Consent(append([]string{"Mail.Send"}, teamstest.RecommendedRoles...)...) },
			check: "permissions", result: doctor.Warning, what: "Mail.Send It is not needed", do: "Remove permission",
		},
		"the catalogue's id is configured, so that the catalogue need not be asked": {
			spoil: func(w *world) {
				w.Consent("TeamsAppInstallation.ReadWriteSelfForUser.All", "User.ReadBasic.All", "GroupMember.Read.All", "TeamworkTag.Read.All")
			},
			edit:  replacing("  teams_app_id:", "  teams_catalog_id: "+teamstest.DefaultApp.CatalogID+"\n  teams_app_id:"),
			check: "permissions", result: doctor.Skipped, what: "teams_catalog_id is in the configuration",
		},
		"somebody is asked for, and there is no bot": {
			edit: func(string) string {
				return "storage: {url: sqlite:x.db}\ndestinations: [{name: web, workflow: {url: \"https://prod-01.westeurope.logic.azure.com/workflows/0123456789abcdef0123456789abcdef/triggers/manual/paths/invoke?sig=sig-of-the-webhook-nobody-may-see\"}}]\nroute: {destinations: [web]}\n"
			},
			change: func(o *doctor.Options) { o.User = "alice@contoso.com" },
			check:  "configuration", result: doctor.Failed, what: "Nobody can be looked at: the configuration has no bot", do: "tenant_id",
		},
		"a permission allows far more than is needed": {
			spoil: func(w *world) {
				w.Consent("TeamsAppInstallation.ReadWriteForUser.All", "AppCatalog.Read.All", "User.ReadBasic.All", "GroupMember.Read.All", "TeamworkTag.Read.All")
			},
			check: "permissions", result: doctor.Warning, what: "TeamsAppInstallation.ReadWriteSelfForUser.All is enough",
		},
		"the app is not in the catalogue": {
			spoil: func(w *world) { w.Unpublish() },
			check: "catalogue", result: doctor.Failed, what: "", do: "Upload new app",
		},
		"the app was uploaded for one person only": {
			spoil: func(w *world) {
				app := teamstest.DefaultApp
				app.Distribution = "sideloaded"
				w.Publish(app)
			},
			check: "catalogue", result: doctor.Failed, what: "", do: "Upload",
		},
		"the catalogue's id is another app's": {
			spoil: func(w *world) {
				w.Publish(teamstest.App{CatalogID: "c0ffee00-2222-4222-8333-444455556666", ManifestID: "99999999-7777-4888-9999-aaaabbbbcccc", Name: "Lunch", Version: "1.0.0"})
			},
			edit:  replacing("  teams_app_id:", "  teams_catalog_id: c0ffee00-2222-4222-8333-444455556666\n  teams_app_id:"),
			check: "catalogue", result: doctor.Failed, what: "People would get another app",
		},
		"the app in the catalogue is another application's": {
			spoil: notOurs,
			check: "catalogue", result: doctor.Failed, what: "The app's manifest belongs to the application 99999999", do: "teamsrelay app-package",
		},
		"there is no such person": {
			change: func(o *doctor.Options) { o.User = "nobody@contoso.com" },
			check:  "people", result: doctor.Failed, what: "", do: "Users > All users",
		},
		"the person is disabled": {
			spoil: func(w *world) {
				w.Consent(append([]string{"User.Read.All"}, teamstest.RecommendedRoles...)...)
				w.As("Alice").Become(teamstest.Situation{Disabled: true})
			},
			check: "people", result: doctor.Failed, what: "disabled", do: "Account enabled",
		},
		"the person is a guest": {
			spoil: func(w *world) {
				w.Consent(append([]string{"User.Read.All"}, teamstest.RecommendedRoles...)...)
				w.AddUser(teamstest.User{Name: "Gina Guest", Guest: true})
			},
			change: func(o *doctor.Options) { o.User = "gina.guest@fabrikam.com" },
			check:  "people", result: doctor.Warning, what: "is a guest here",
		},
		"the group is gone": {
			edit:  func(s string) string { return replaceGroup(s, "99999999-8888-4777-8666-555555555555") },
			check: "groups", result: doctor.Failed, what: "", do: "Groups > All groups",
		},
		"nobody is in the group": {
			check: "groups", result: doctor.Warning, what: "told to nobody",
		},
		"the bot is not registered": {
			spoil: func(w *world) {
				w.BotFault(teamstest.Connector, teamstest.Fault{Code: "BotNotRegistered", Times: -1})
			},
			check: "bot", result: doctor.Failed, what: "401", do: "Channels > Microsoft Teams",
		},
		"the app is not in the team": {
			spoil: func(w *world) { _, _ = w.As("Alice").Uninstall(w.t.Context(), teamstest.General) },
			check: "bot", result: doctor.Failed, what: "not in this team", do: "Add to a team",
		},
		"the app is not in the chat": {
			spoil: func(w *world) { _, _ = w.As("Alice").Uninstall(w.t.Context(), teamstest.Chat) },
			check: "bot", result: doctor.Failed, what: "not in this team or chat", do: "the chat > Apps (+)",
		},
		"the channel is gone": {
			spoil: func(w *world) {
				w.BotFault(teamstest.Alerts, teamstest.Fault{Code: "ConversationNotFound", Times: -1})
			},
			check: "bot", result: doctor.Failed, what: "no such conversation", do: "Get link to channel",
		},
		"an administrator has switched the app off": {
			spoil: func(w *world) {
				w.BotFault(teamstest.Chat, teamstest.Fault{Code: "BotDisabledByAdmin", Times: -1})
			},
			check: "bot", result: doctor.Failed, what: "switched the app off", do: "Manage apps",
		},
		"the tenant is in another cloud": {
			spoil: func(w *world) {
				w.BotFault(teamstest.Chat, teamstest.Fault{Code: "InvalidBotApiHost", Times: -1})
			},
			check: "bot", result: doctor.Failed, what: "another service", do: "microsoft.cloud",
		},
		"the receiver is not ready": {
			change: func(o *doctor.Options) {
				o.Ready = func(context.Context) error { return errors.New("it is not ready: the store cannot be written") }
			},
			check: "receiver", result: doctor.Failed, what: "the store cannot be written",
		},
		"no receiver runs here": {
			change: func(o *doctor.Options) {
				o.Ready = func(context.Context) error {
					return &doctor.NoReceiver{Err: errors.New("no receiver answers at 127.0.0.1:9097")}
				}
			},
			check: "receiver", result: doctor.Skipped, what: "No receiver answers",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			settings := w.settings("")
			if name == "nobody is in the group" {
				settings = replaceGroup(settings, w.AddGroup("Empty"))
			}
			if c.edit != nil {
				settings = c.edit(settings)
			}
			if c.spoil != nil {
				c.spoil(w)
			}
			found, text := w.examine(settings, c.change)
			said := only(found, c.check, c.result)
			require.NotEmpty(t, said, text)
			all := ""
			for _, f := range said {
				all += f.About + " " + f.What + " " + f.Why + "\n"
				if f.Result == doctor.Failed {
					require.NotEmpty(t, f.Why, "whoever reads it must know why they should mend it: %s", f.What)
					require.NotEmpty(t, f.Do, "whoever reads it must know where to click: %s", f.What)
				}
			}
			require.Contains(t, all, c.what)
			does := ""
			for _, f := range said {
				does += f.Do + "\n"
			}
			require.Contains(t, does, c.do)
			for _, check := range c.skipped {
				require.Equal(t, []doctor.Finding(nil), only(found, check, doctor.Failed), "what follows from one mistake is not told as another:\n%s", text)
				require.NotEmpty(t, only(found, check, doctor.Skipped), "%s:\n%s", check, text)
			}
			require.NotContains(t, text, "nobody-may-see")
		})
	}
}

func replaceGroup(settings, id string) string {
	lines := strings.Split(settings, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "    group: ") && !strings.Contains(line, "team_id") {
			lines[i] = "    group: " + id
		}
	}
	return strings.Join(lines, "\n")
}

func TestAllIsWrong(t *testing.T) {
	w := newWorld(t)
	settings := w.settings("")
	settings = replaceGroup(settings, "99999999-8888-4777-8666-555555555555")
	settings = strings.ReplaceAll(settings, "bob@contoso.com", "nobody@contoso.com, bob@contoso.com")
	settings = strings.ReplaceAll(settings, teamstest.DefaultApp.ManifestID, "00000000-0000-4000-8000-000000000003")
	w.ahead = -10 * time.Minute
	w.hosts[keysHost] = failing(errRefused)
	w.Consent("User.Read.All", "TeamsAppInstallation.ReadWriteForUser.All", "GroupMember.Read.All", "Mail.Send")
	w.As("Alice").Become(teamstest.Situation{Disabled: true})
	_, _ = w.As("Alice").Uninstall(t.Context(), teamstest.General)
	w.BotFault(teamstest.Chat, teamstest.Fault{Code: "ConversationNotFound"})
	w.hosts[relay] = always(502, page, "Content-Type: text/html")
	found, text := w.examine(settings, func(o *doctor.Options) {
		o.Ready = func(context.Context) error { return errors.New("it is not ready: the store cannot be written") }
	})
	require.Equal(t, doctor.Failed, doctor.Worst(found))
	golden(t, "all-wrong.txt", w.steady(text))
}

func TestNothingIsThere(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{signIn, graphHost, connector, keysHost, relay} {
		w.hosts[name] = failing(errRefused)
	}
	_, text := w.examine(w.settings(""), func(o *doctor.Options) {
		o.Ready = func(context.Context) error {
			return &doctor.NoReceiver{Err: errors.New("no receiver answers at 127.0.0.1:9097; start one with teamsrelay serve, or name it with --relay.url")}
		}
	})
	golden(t, "nothing-there.txt", text)
}
