package auth

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

const (
	// maxAnswer is how much of an answer is read, in bytes. A token has about
	// two thousand.
	maxAnswer = 256 << 10
	// noClaims are claims that ask for nothing. With any claims managed
	// identities are asked for a new token instead of the one that the library
	// keeps for the whole process.
	noClaims = `{}`
)

// pair is a certificate with its key.
type pair struct {
	certificates []*x509.Certificate
	key          crypto.PrivateKey
}

// credential is what gets one token. It is made anew for each: so the library
// keeps none (a token that Teams refuses would come back), and a certificate
// that was renewed is used without a restart.
func (s *Source) credential(carrier *carrier) (azcore.TokenCredential, error) {
	c, login := s.config, s.config.Where().Login
	if c.Endpoints.Login != "" {
		u, err := url.Parse(login)
		if err != nil {
			return nil, err
		}
		carrier.login = u
		login = "https://" + u.Host
	}
	options := azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: login},
		Transport: carrier,
		// One more attempt for a hiccup; what takes longer is for whoever asks.
		Retry: policy.RetryOptions{MaxRetries: 1, RetryDelay: 500 * time.Millisecond, MaxRetryDelay: 2 * time.Second},
	}
	noDiscovery := c.Endpoints.Login != ""
	switch {
	case c.ManagedIdentity && os.Getenv("AZURE_FEDERATED_TOKEN_FILE") != "":
		return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: options, ClientID: c.AppID, TenantID: s.audience.tenant, DisableInstanceDiscovery: noDiscovery,
		})
	case c.ManagedIdentity:
		options.Transport = s.client // the library wants to change it on Service Fabric
		return azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
			ClientOptions: options, ID: azidentity.ClientID(c.AppID),
		})
	case c.CertificateFile != "":
		certificate, err := c.certificate()
		if err != nil {
			return nil, err
		}
		return azidentity.NewClientCertificateCredential(s.audience.tenant, c.AppID, certificate.certificates, certificate.key, &azidentity.ClientCertificateCredentialOptions{
			ClientOptions: options, DisableInstanceDiscovery: noDiscovery,
		})
	default:
		return azidentity.NewClientSecretCredential(s.audience.tenant, c.AppID, c.Secret, &azidentity.ClientSecretCredentialOptions{
			ClientOptions: options, DisableInstanceDiscovery: noDiscovery,
		})
	}
}

// request is what a token is asked for with.
func (s *Source) request() policy.TokenRequestOptions {
	request := policy.TokenRequestOptions{Scopes: []string{s.audience.scope}}
	if s.config.ManagedIdentity && os.Getenv("AZURE_FEDERATED_TOKEN_FILE") == "" {
		request.Claims = noClaims
	}
	return request
}

// carrier carries the library's requests.
type carrier struct {
	client *http.Client
	login  *url.URL // of the configuration; nil: the cloud's own
	// failure is the last error of the connection itself. The library makes a
	// text of it, with the URL and without what it was.
	failure error
}

// Do implements policy.Transporter. Where the login is the configuration's,
// its paths are known (teams-platform §2.1), so it need not have a document
// that tells them; and it may be http on this machine, which the library does
// not know.
func (c *carrier) Do(r *http.Request) (*http.Response, error) {
	if c.login != nil && r.URL.Host == c.login.Host {
		if tenant, ok := strings.CutSuffix(r.URL.Path, "/v2.0/.well-known/openid-configuration"); ok {
			return c.discovery(r, tenant), nil
		}
		r = r.Clone(r.Context())
		r.URL.Scheme = c.login.Scheme
	}
	answer, err := c.client.Do(r)
	if c.failure = err; err != nil {
		return nil, err
	}
	answer.Body = limited{io.LimitReader(answer.Body, maxAnswer), answer.Body}
	return answer, nil
}

func (c *carrier) discovery(r *http.Request, tenant string) *http.Response {
	base := "https://" + c.login.Host + tenant
	// A map of strings cannot fail to encode.
	body, _ := json.Marshal(map[string]string{
		"issuer":                 base + "/v2.0",
		"authorization_endpoint": base + "/oauth2/v2.0/authorize",
		"token_endpoint":         base + "/oauth2/v2.0/token",
	})
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:  http.Header{"Content-Type": {"application/json"}},
		Body:    io.NopCloser(bytes.NewReader(body)),
		Request: r,
	}
}

type limited struct {
	io.Reader
	io.Closer
}

// ask gets a new token. Its errors are ours, in words.
func (s *Source) ask(ctx context.Context) (azcore.AccessToken, *Error) {
	carrier := &carrier{client: s.client}
	credential, err := s.credential(carrier)
	if err != nil {
		return azcore.AccessToken{}, s.unusable(err)
	}
	token, err := credential.GetToken(ctx, s.request())
	switch {
	case err == nil && token.Token != "" && token.ExpiresOn.After(time.Now()):
		return token, nil
	case err == nil:
		return azcore.AccessToken{}, &Error{Reason: teams.Unavailable, Message: "Microsoft's sign-in answered without a token that is good. It is tried again; check this machine's clock."}
	case carrier.failure != nil:
		return azcore.AccessToken{}, s.unreachable(ctx, carrier.failure)
	}
	return azcore.AccessToken{}, s.refused(err)
}
