package teamstest_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

var scope = policy.TokenRequestOptions{Scopes: []string{"https://api.botframework.com/.default"}}

// pair makes a key and its certificate.
func pair(t *testing.T) (*rsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bot"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return key, certificate
}

// over are the options of Microsoft's library for a sign-in over TLS.
func over(l *httptest.Server) azcore.ClientOptions {
	return azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: l.URL},
		Transport: l.Client(),
		Retry:     policy.RetryOptions{MaxRetries: -1},
	}
}

// Microsoft's library is what signs the bot in, and it insists on https: what
// it takes from the simulated sign-in, the simulated connector takes from it.
func TestMicrosoftsLibrarySignsInOverTLS(t *testing.T) {
	key, certificate := pair(t)
	_, other := pair(t)
	secret := func(app, secret string) func(azcore.ClientOptions) (azcore.TokenCredential, error) {
		return func(o azcore.ClientOptions) (azcore.TokenCredential, error) {
			return azidentity.NewClientSecretCredential(teamstest.DefaultTenant, app, secret, &azidentity.ClientSecretCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: true})
		}
	}
	certified := func(o azcore.ClientOptions) (azcore.TokenCredential, error) {
		return azidentity.NewClientCertificateCredential(teamstest.DefaultTenant, teamstest.DefaultAppID, []*x509.Certificate{certificate}, key,
			&azidentity.ClientCertificateCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: true})
	}
	for name, c := range map[string]struct {
		known      *x509.Certificate
		fault      *teamstest.Fault
		credential func(azcore.ClientOptions) (azcore.TokenCredential, error)
		problem    string
	}{
		"the secret":                       {nil, nil, secret(teamstest.DefaultAppID, teamstest.DefaultSecret), ""},
		"the certificate":                  {certificate, nil, certified, ""},
		"another secret":                   {nil, nil, secret(teamstest.DefaultAppID, "guess"), "AADSTS7000215"},
		"another app":                      {nil, nil, secret("11111111-2222-3333-4444-555555555555", teamstest.DefaultSecret), "AADSTS700016"},
		"another certificate":              {other, nil, certified, "AADSTS700027"},
		"a certificate, and none is known": {nil, nil, certified, "AADSTS700027"},
		"a secret that has expired":        {nil, &teamstest.Fault{Code: "AADSTS7000222", Times: -1}, secret(teamstest.DefaultAppID, teamstest.DefaultSecret), "AADSTS7000222"},
		"a sign-in that is out of order":   {nil, &teamstest.Fault{Status: 503, Times: -1}, secret(teamstest.DefaultAppID, teamstest.DefaultSecret), "503"},
	} {
		t.Run(name, func(t *testing.T) {
			s := installed(t, teamstest.Bot{Signed: true, Certificate: c.known})
			l := httptest.NewTLSServer(s)
			t.Cleanup(func() { s.Close(); l.Close() })
			if c.fault != nil {
				s.BotFault(teamstest.SignIn, *c.fault)
			}
			credential, err := c.credential(over(l))
			require.NoError(t, err)
			token, err := credential.GetToken(t.Context(), scope)
			if c.problem != "" {
				require.ErrorContains(t, err, c.problem)
				return
			}
			require.NoError(t, err)
			require.WithinDuration(t, time.Now().Add(time.Hour), token.ExpiresOn, time.Minute)
			status, answer := connector(t, s, "POST", alerts+"/activities", ackCard(), "Authorization: Bearer "+token.Token)
			require.Equal(t, 201, status, "%v", answer)
		})
	}
}

// The connector is as strict as Microsoft's: a bot that forgets its token, or
// goes on with one that was taken back, gets a 401.
func TestTheConnectorWantsATokenOfItsSignIn(t *testing.T) {
	s := installed(t, teamstest.Bot{Signed: true})
	post := func(headers ...string) int {
		status, answer := connector(t, s, "POST", alerts+"/activities", ackCard(), headers...)
		if status != 201 {
			require.Equal(t, "BotNotRegistered", code(answer))
		}
		return status
	}
	credential, err := azidentity.NewClientSecretCredential(teamstest.DefaultTenant, teamstest.DefaultAppID, teamstest.DefaultSecret,
		&azidentity.ClientSecretCredentialOptions{ClientOptions: azcore.ClientOptions{Transport: &http.Client{Transport: s.Transport()}}})
	require.NoError(t, err)
	token, err := credential.GetToken(t.Context(), scope)
	require.NoError(t, err, "with the real cloud's names, carried by Transport")
	require.Equal(t, 1, s.SignIns())

	require.Equal(t, 401, post())
	require.Equal(t, 401, post("Authorization: Basic "+token.Token))
	require.Equal(t, 401, post("Authorization: Bearer "+s.Sign(s.Claims())), "Microsoft's token for the bot is no token of the bot's")
	require.Equal(t, 201, post("Authorization: Bearer "+token.Token))
	s.RevokeTokens()
	require.Equal(t, 401, post("Authorization: Bearer "+token.Token))
}

func TestWithoutTokensTheConnectorWantsNone(t *testing.T) {
	s := installed(t, teamstest.Bot{})
	status, _ := connector(t, s, "POST", alerts+"/activities", ackCard(), "Authorization: Bearer x")
	require.Equal(t, 401, status, "a bot in its insecure local mode must not send a token to anybody")
}
