// Package auth is who we are at Microsoft: in which of its clouds, as which
// application, and the tokens that say so. The tokens come from Microsoft's
// own library; this package keeps them, so that however much is sent at once
// only one is asked for.
package auth

import (
	"crypto"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/teamsrelay/teamsrelay/receiver/outbound"
)

// Config is the part of `microsoft:` that says who we are. Package config reads
// it: it knows where secrets come from.
type Config struct {
	// TenantID is the tenant in which the application is registered. "" is for
	// bots that were registered for all tenants, which is not offered any more.
	TenantID string
	AppID    string // of the Entra application behind the bot
	// One of these proves that we are it.
	Secret              string
	CertificateFile     string // PEM or PFX, with its key; read anew for each token
	CertificatePassword string // of a PFX
	// ManagedIdentity: the machine proves it, by the workload identity that
	// Kubernetes gives (AZURE_FEDERATED_TOKEN_FILE) or the one that Azure does.
	ManagedIdentity bool
	Cloud           string // a name in Clouds; "": public
	// Endpoints replace those of the cloud, one by one.
	Endpoints Endpoints
	// InsecureLocal: a simulated Teams on this machine takes us without tokens.
	InsecureLocal bool

	// Transport carries the requests instead of the network, in tests that
	// must not open sockets.
	Transport http.RoundTripper
}

// Problem is something wrong with a Config.
type Problem = outbound.Problem

// tenantName is what azidentity takes: an id or a domain.
var tenantName = regexp.MustCompile(`^[A-Za-z0-9.-]+$`)

// Check tells everything that is wrong with c. It reads the certificate's file
// and does not touch the network.
func (c Config) Check() []Problem {
	var problems []Problem
	bad := func(field, what, hint string) {
		problems = append(problems, Problem{Field: field, What: what, Hint: hint})
	}
	switch {
	case strings.TrimSpace(c.AppID) == "":
		bad("app_id", "there is no application", "write the Application (client) ID that the Azure portal shows for the bot")
	case !tenantName.MatchString(c.AppID):
		bad("app_id", fmt.Sprintf("%.60q is not an application's id", c.AppID), "copy the Application (client) ID from the Azure portal; it looks like 00000000-0000-0000-0000-000000000000")
	}
	if c.TenantID != "" && !tenantName.MatchString(c.TenantID) {
		bad("tenant_id", fmt.Sprintf("%.60q is not a tenant's id", c.TenantID), "copy the Directory (tenant) ID from the Azure portal; it looks like 00000000-0000-0000-0000-000000000000")
	}
	if _, ok := Clouds[c.Cloud]; !ok && c.Cloud != "" {
		bad("cloud", fmt.Sprintf("there is no cloud %.20q", c.Cloud), "write public, gcc, gcchigh, dod or china")
	}
	problems = append(problems, c.checkProof()...)
	return append(problems, c.checkEndpoints()...)
}

// checkProof looks at how we prove who we are.
func (c Config) checkProof() []Problem {
	var given []string
	if c.Secret != "" {
		given = append(given, "client_secret")
	}
	if c.CertificateFile != "" {
		given = append(given, "certificate_file")
	}
	if c.ManagedIdentity {
		given = append(given, "managed_identity")
	}
	switch {
	case c.InsecureLocal && len(given) > 0:
		return []Problem{{
			Field: given[0], Warning: true, What: "it is not used, because insecure_local does without tokens",
			Hint: "leave one of them out",
		}}
	case c.InsecureLocal:
		return nil
	case len(given) == 0:
		return []Problem{{
			Field: "client_secret", What: "nothing proves to Microsoft that we are the application",
			Hint: "put a client secret of the application into client_secret_file, or set certificate_file or managed_identity: true",
		}}
	case len(given) > 1:
		return []Problem{{
			Field: given[1], What: "there is also " + given[0],
			Hint: "keep one of them",
		}}
	}
	switch {
	case c.CertificatePassword != "" && c.CertificateFile == "":
		return []Problem{{Field: "certificate_password", What: "there is a password but no certificate_file", Hint: "add the file"}}
	case c.CertificateFile != "":
		if _, err := c.certificate(); err != nil {
			return []Problem{{Field: "certificate_file", What: err.Error(),
				Hint: "give a PEM or PFX file with the certificate and its key that this user may read; `openssl pkcs12 -in bot.pfx -out bot.pem -nodes` makes PEM of a PFX that cannot be read"}}
		}
	}
	return nil
}

// certificate reads the certificate and its key.
func (c Config) certificate() (pair, error) {
	content, err := os.ReadFile(c.CertificateFile)
	if err != nil {
		return pair{}, err
	}
	certificates, key, err := azidentity.ParseCertificates(content, []byte(c.CertificatePassword))
	if err != nil {
		return pair{}, fmt.Errorf("%s: %w", c.CertificateFile, err)
	}
	return pair{certificates, key}, nil
}

// CertificateEnds is until when the certificate is good that we sign in with. It
// reads the file. When a client secret ends nobody can know but Microsoft.
func (c Config) CertificateEnds() (time.Time, error) {
	p, err := c.certificate()
	if err != nil {
		return time.Time{}, err
	}
	if key, ok := p.key.(interface{ Public() crypto.PublicKey }); ok {
		for _, c := range p.certificates { // those who vouch for it may stand before it
			if of, ok := c.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); ok && of.Equal(key.Public()) {
				return c.NotAfter, nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("%s: no certificate in it is that of its key", c.CertificateFile)
}

func (c Config) checkEndpoints() []Problem {
	var problems []Problem
	bad := func(field, what, hint string) {
		problems = append(problems, Problem{Field: "endpoints." + field, What: what, Hint: hint})
	}
	for _, e := range []struct {
		field, url string
		whole      bool // with a path
	}{
		{"login", c.Endpoints.Login, false},
		{"graph", c.Endpoints.Graph, false},
		{"bot_openid_metadata", c.Endpoints.BotOpenIDMetadata, true},
		{"service_url", c.Endpoints.ServiceURL, true},
	} {
		if e.url == "" {
			continue
		}
		u, err := url.Parse(e.url)
		switch {
		case err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
			bad(e.field, "this is not the URL of a service", "write it like https://login.microsoftonline.com")
		case u.Scheme != "https" && !(u.Scheme == "http" && outbound.IsLoopback(u.Hostname())):
			bad(e.field, fmt.Sprintf("%s://%s could be read and changed on the way", u.Scheme, u.Host), "use https; http is only for a simulated Teams on this machine")
		case !e.whole && strings.Trim(u.Path, "/") != "":
			bad(e.field, "it has a path", fmt.Sprintf("write only %s://%s: path and version are added", u.Scheme, u.Host))
		}
	}
	for _, host := range c.Endpoints.AllowedServiceHosts {
		if _, err := parseHost(host); err != nil {
			bad("allowed_service_hosts", fmt.Sprintf("%.100q is not a host", host), "write it like smba.trafficmanager.net, *.teams.microsoft.com or 127.0.0.1:9099")
		}
	}
	if service := c.Endpoints.ServiceURL; len(problems) == 0 && service != "" && !c.Allows(service) {
		bad("service_url", "its host is not among allowed_service_hosts, so no token would go there", "add its host to endpoints.allowed_service_hosts")
	}
	return problems
}
