package config

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/teamsrelay/teamsrelay/receiver/teams/auth"
	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

// Microsoft is who the bot is, and who may talk to it.
type Microsoft struct {
	TenantID, AppID string
	// How the bot signs in: in one of three ways; with InsecureLocal in none.
	ClientSecret        Secret
	CertificateFile     string
	CertificatePassword Secret
	ManagedIdentity     bool
	Cloud               string // "": public
	Endpoints           auth.Endpoints
	// InsecureLocal takes activities without tokens and sends none.
	InsecureLocal bool

	// TeamsAppID is the id of the app package; TeamsCatalogID is the one that
	// the organization's catalogue gave the same app. "": the file does not say.
	TeamsAppID, TeamsCatalogID string
	// AppName is what the app is called in Teams.
	AppName string
	// AllowedTenants are tenants beside TenantID whose people may talk to the
	// bot.
	AllowedTenants []string
}

// Configured says whether there is a bot.
func (m Microsoft) Configured() bool { return m.AppID != "" }

// Graph says whether there is a Microsoft Graph to ask: on a machine where
// nobody checks tokens only a simulated one.
func (m Microsoft) Graph() bool {
	return m.Configured() && (!m.InsecureLocal || m.Endpoints.Graph != "")
}

// Auth is what the sign-in is made from. It holds the secrets in the clear: do
// not print it.
func (m Microsoft) Auth() auth.Config {
	return auth.Config{
		TenantID: m.TenantID, AppID: m.AppID,
		Secret: m.ClientSecret.Reveal(), CertificateFile: m.CertificateFile,
		CertificatePassword: m.CertificatePassword.Reveal(), ManagedIdentity: m.ManagedIdentity,
		Cloud: m.Cloud, Endpoints: m.Endpoints, InsecureLocal: m.InsecureLocal,
	}
}

// Tenants are those whose people may talk to the bot.
func (m Microsoft) Tenants() []string {
	if m.TenantID == "" {
		return m.AllowedTenants
	}
	return append([]string{m.TenantID}, m.AllowedTenants...)
}

// DefaultAppName is what the app is called in Teams if the file does not say.
const DefaultAppName = "teamsrelay"

// maxAppName is how many characters the short name of an app may have
// (teams-platform §6.1).
const maxAppName = 30

// guid is how Entra writes its ids. It is only ever doubted what does not look
// like this: the Agents Playground's ids are longer.
var guid = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

// microsoft checks the part of the bot; zero if there is none.
func (d *document) microsoft(s *microsoftSection) Microsoft {
	const at = "microsoft"
	if reflect.ValueOf(*s).IsZero() && !d.Faulty(at) { // microsoft: {} promises nothing
		return Microsoft{}
	}
	secret, secretOK := d.secret(s.ClientSecret, s.ClientSecretFile, at+".client_secret")
	password, _ := d.secret(s.CertificatePassword, s.CertificatePasswordFile, at+".certificate_password")
	m := Microsoft{
		TenantID: strings.TrimSpace(s.TenantID), AppID: strings.TrimSpace(s.AppID),
		ClientSecret: secret, CertificatePassword: password, ManagedIdentity: s.ManagedIdentity,
		Cloud: s.Cloud, Endpoints: s.Endpoints, InsecureLocal: s.InsecureLocal,
		TeamsAppID: strings.TrimSpace(s.TeamsAppID), TeamsCatalogID: strings.TrimSpace(s.TeamsCatalogID),
		AppName: cmp.Or(strings.TrimSpace(s.AppName), DefaultAppName),
	}
	if s.CertificateFile != "" {
		m.CertificateFile = d.path(s.CertificateFile)
	}
	for i, tenant := range s.AllowedTenants {
		place := fmt.Sprintf("%s.allowed_tenants[%d]", at, i)
		tenant = strings.TrimSpace(tenant)
		if tenant == "" && !d.Faulty(place) {
			d.Wrong(place, "the tenant is empty", "write its Directory (tenant) ID, or remove the line")
		}
		d.doubtGUID(m, tenant, place, "a Directory (tenant) ID")
		m.AllowedTenants = append(m.AllowedTenants, tenant)
	}
	for _, p := range m.Auth().Check() {
		place := at + "." + p.Field
		if !d.Has(place) && d.Has(place+"_file") {
			place += "_file"
		}
		switch {
		case d.Faulty(place), p.Field == "client_secret" && !secretOK:
			// It only follows from what is reported already.
		case p.Warning:
			d.Warn(place, yamlfile.OneLine(p.What), p.Hint)
		case p.Field == "app_id": // without it there is no bot, which channels would complain of
			d.Broken(place, yamlfile.OneLine(p.What), p.Hint)
		default:
			d.Wrong(place, yamlfile.OneLine(p.What), p.Hint)
		}
	}
	if m.TenantID == "" && !m.InsecureLocal && len(m.AllowedTenants) == 0 && !d.Faulty(at+".tenant_id") {
		d.Wrong(at, "nothing says whose people may talk to the bot", "add tenant_id:, the Directory (tenant) ID that Entra shows for the bot's application")
	}
	d.doubt(m)
	if utf8.RuneCountInString(m.AppName) > maxAppName {
		d.Wrong(at+".app_name", fmt.Sprintf("Teams takes names of at most %d characters", maxAppName), "shorten it")
	}
	return m
}

// doubt warns of what Microsoft would take, and that is probably not meant.
func (d *document) doubt(m Microsoft) {
	const at = "microsoft"
	d.doubtGUID(m, m.TenantID, at+".tenant_id", "the Directory (tenant) ID that Entra shows for the bot's application")
	d.doubtGUID(m, m.AppID, at+".app_id", "the Application (client) ID that Entra shows for the bot's application")
	d.doubtGUID(m, m.TeamsAppID, at+".teams_app_id", "an id of your own for the Teams app; teamsrelay app-package makes one")
	d.doubtGUID(m, m.TeamsCatalogID, at+".teams_catalog_id", "the id that the organization's catalogue gave the app")
	if m.TeamsCatalogID != "" && m.TeamsCatalogID == m.TeamsAppID && !m.InsecureLocal && !d.Faulty(at+".teams_catalog_id") {
		d.Warn(at+".teams_catalog_id", "this is the id in the app package, and the organization's catalogue gives every app another one", "remove it: the catalogue's is found by teams_app_id")
	}
	if guid.MatchString(m.ClientSecret.Reveal()) && !m.InsecureLocal {
		place := at + ".client_secret"
		if !d.Has(place) {
			place += "_file"
		}
		d.Warn(place, "this looks like the secret's ID", "use what Entra shows in the column Value, once, when the secret is made")
	}
}

// doubtGUID warns of an id that Microsoft would not have made.
func (d *document) doubtGUID(m Microsoft, id, at, is string) {
	switch {
	case id == "" || m.InsecureLocal || d.Faulty(at):
	case !guid.MatchString(id):
		d.Warn(at, yamlfile.Quote(id)+" does not look like an id of Microsoft's", "write "+is)
	case isPlaceholder(id):
		d.Warn(at, placeholderWords, "write "+is)
	}
}

// isPlaceholder says whether an id is one of those that stand in
// sample-configs/bot/teamsrelay.yml until somebody puts in their own.
func isPlaceholder(id string) bool {
	return strings.HasPrefix(id, "00000000-0000-4000-8000-") || strings.HasPrefix(id, "19:replace-me")
}

const placeholderWords = "this is still the id of the sample"
