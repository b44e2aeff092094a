package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
	"github.com/teamsrelay/teamsrelay/receiver/teams/graph"
)

// soonOver is how long before its end a certificate is worth a word.
const soonOver = 30 * 24 * time.Hour

// auth is the configuration's sign-in, over the transport of the examination.
func (e *examination) auth() auth.Config {
	c := e.microsoft.Auth()
	c.Transport = e.Transport
	return c
}

// examineSignIn gets a token as the bot does.
func examineSignIn(ctx context.Context, e *examination) {
	if e.microsoft.CertificateFile != "" {
		if f, ok := judgeCertificate(certificateOf(e.microsoft), e.Now()); ok {
			f.Do = fmt.Sprintf("Make a new one, upload its public part: %s; put it with its key into certificate_file. It is used without a restart.", e.registration("Certificates & secrets", "Certificates", "Upload certificate"))
			e.say(f)
		}
	}
	source, err := auth.New(e.auth())
	if err == nil {
		_, err = source.Token(ctx, "")
	}
	if err != nil {
		e.lose(botToken)
		e.say(e.judgeSignIn(err, "Without this token the bot can say nothing: every card of its waits until the sign-in works."))
		return
	}
	e.ok("", "Microsoft takes us for the application "+e.microsoft.AppID+" and gives a token for the bot."+e.ends())
}

// ends says who knows when what proves who we are is over: Entra tells it only
// to those who may read applications, and we do not ask for that.
func (e *examination) ends() string {
	if e.microsoft.ClientSecret == "" {
		return ""
	}
	return " When its secret ends is not told to us: the column Expires of its page Certificates & secrets shows it."
}

// examineGraph gets a token for Microsoft Graph.
func examineGraph(ctx context.Context, e *examination) {
	source, err := auth.NewGraph(e.auth())
	if err == nil {
		_, err = source.Token(ctx, "")
	}
	switch {
	case err != nil && e.lost[botToken] && ofAuth(err):
		// The same words once more would look like a second mistake.
		e.lose(graphToken)
		e.skip("The sign-in as the bot comes first: both prove the same.")
	case err != nil:
		e.lose(graphToken)
		e.say(e.judgeSignIn(err, "Without this token nobody can be found, and the app cannot be installed for people."))
	default:
		e.ok("", "Microsoft gives a token for Microsoft Graph in the tenant "+e.microsoft.TenantID+".")
	}
}

// ofAuth says whether somebody has to mend something, at Microsoft or here.
func ofAuth(err error) bool {
	var failed *auth.Error
	return errors.As(err, &failed) && failed.Reason == teams.Auth
}

// client is the one that asks Microsoft Graph, or nil and why there is none.
func (e *examination) graphClient() (*graph.Client, error) {
	if e.graph != nil {
		return e.graph, nil
	}
	client, err := graph.New(e.auth(), graph.App{ManifestID: e.microsoft.TeamsAppID, CatalogID: e.microsoft.TeamsCatalogID})
	e.graph = client
	return client, err
}

var signInCode = regexp.MustCompile(`\(AADSTS(\d+)\)`)

// judgeSignIn is what an error of package auth means, which is in words, and
// where to click.
func (e *examination) judgeSignIn(err error, why string) Finding {
	f := Finding{Result: Failed, What: sentence(err.Error()), Why: why}
	code := ""
	if m := signInCode.FindStringSubmatch(err.Error()); m != nil {
		code = m[1]
	}
	var failed *auth.Error
	switch known := errors.As(err, &failed); {
	case known && failed.Reason != teams.Auth:
		f.Do = "Look at what Network says above, and try again."
	default:
		f.Do = e.whereToMend(code)
	}
	return f
}

// whereToMend is the place at which an error of the sign-in is mended, by
// Entra's code; "": it gave none.
func (e *examination) whereToMend(code string) string {
	secrets := "Certificates & secrets"
	switch code {
	case "7000222", "7000215":
		return e.registration(secrets, "Client secrets", "New client secret") + ": copy the column Value, not Secret ID, into the file of client_secret_file, then reload."
	case "700027":
		return e.registration(secrets, "Certificates", "Upload certificate") + ": the public part of what certificate_file holds. Compare the column Thumbprint."
	case "700213":
		return e.registration(secrets, "Federated credentials") + ": issuer, subject and audience must be those of this machine's identity, letter by letter."
	case "700016":
		return path(e.where.entra, "App registrations", "All applications") + ": open the bot's, and copy Application (client) ID to app_id and Directory (tenant) ID to tenant_id. If it is not there, you look at another tenant: switch at the top right, Settings, Directories."
	case "90002", "900023":
		return path(e.where.entra, "Overview", "Tenant ID") + ": copy it to tenant_id. For a tenant of a government or of China set cloud, too."
	case "700024":
		return "Set this machine's clock; see Clock above."
	case "7000112":
		return path(e.where.entra, "Enterprise applications", "All applications", "the bot", "Properties", "Enabled for users to sign-in") + ": Yes."
	case "7000229":
		return e.registration("Overview") + ": press \"Create service principal\" beside \"Managed application in local directory\", or run az ad sp create --id " + e.microsoft.AppID + "."
	case "53003":
		return path(e.where.entra, "Conditional Access", "Policies") + ": the sign-in log of the application (Enterprise applications, the bot, Sign-in logs, Service principal sign-ins) names the policy; exclude the application in it."
	case "500011":
		return path(e.where.entra, "Overview", "Tenant ID") + ": compare it with tenant_id, and see that cloud is the one that the tenant is in."
	}
	switch {
	case e.microsoft.ManagedIdentity:
		return path(e.where.azure, "the machine that teamsrelay runs on", "Security", "Identity", "User assigned", "Add") + ": the identity whose Client ID is app_id. In Kubernetes: the service account needs the annotation azure.workload.identity/client-id and the pod the label azure.workload.identity/use."
	case e.microsoft.CertificateFile != "":
		return e.registration(secrets, "Certificates") + ": compare what stands there with the file of certificate_file."
	}
	return e.registration(secrets) + ": compare what stands there, and app_id and tenant_id under Overview, with microsoft: in the configuration."
}

// certificateOf reads the certificate with which we sign in; nil if it cannot
// be read, which the sign-in then says.
func certificateOf(m config.Microsoft) *x509.Certificate {
	content, err := os.ReadFile(m.CertificateFile)
	if err != nil {
		return nil
	}
	certificates, _, err := azidentity.ParseCertificates(content, []byte(m.CertificatePassword.Reveal()))
	if err != nil || len(certificates) == 0 {
		return nil
	}
	return certificates[0]
}

// judgeCertificate is what there is to say of the certificate with which we
// sign in; false: nothing.
func judgeCertificate(c *x509.Certificate, now time.Time) (Finding, bool) {
	const why = "Without a certificate that is good there is no token, and nothing goes to Teams."
	switch {
	case c == nil:
		return Finding{}, false
	case now.Before(c.NotBefore):
		return Finding{About: "certificate_file", Result: Failed, What: fmt.Sprintf("The certificate is good only from %s on.", day(c.NotBefore)), Why: why}, true
	case now.After(c.NotAfter):
		return Finding{About: "certificate_file", Result: Failed, What: fmt.Sprintf("The certificate has ended on %s.", day(c.NotAfter)), Why: why}, true
	case now.Add(soonOver).After(c.NotAfter):
		return Finding{About: "certificate_file", Result: Warning, What: fmt.Sprintf("The certificate ends on %s.", day(c.NotAfter)), Why: why}, true
	}
	return Finding{About: "certificate_file", Result: OK, What: fmt.Sprintf("The certificate is good until %s.", day(c.NotAfter))}, true
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006") }
