package teamstest_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/bot/token"
	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// fetch gets a document over the server's Transport.
func fetch(t *testing.T, s *teamstest.Server, url string) []byte {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	require.NoError(t, err)
	a, err := s.Transport().RoundTrip(r)
	require.NoError(t, err)
	body, err := io.ReadAll(a.Body)
	require.NoError(t, err)
	require.Equal(t, 200, a.StatusCode, string(body))
	return body
}

// The keys are as jwx reads Microsoft's, and the tokens as it checks them.
func TestTokensAreSignedWithAPublishedKey(t *testing.T) {
	s := teamstest.New(teamstest.Options{})
	var document struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	require.NoError(t, json.Unmarshal(fetch(t, s, "https://login.botframework.com/v1/.well-known/openidconfiguration"), &document))
	require.Equal(t, teamstest.Issuer, document.Issuer)
	require.Equal(t, "https://login.botframework.com/v1/.well-known/keys", document.Keys)
	check := func(signed string) error {
		set, err := jwk.Parse(fetch(t, s, document.Keys))
		require.NoError(t, err)
		_, err = jws.Verify([]byte(signed), jws.WithKeySet(set, jws.WithInferAlgorithmFromKey(true)))
		return err
	}
	first := s.Sign(s.Claims())
	require.NoError(t, check(first))
	s.RotateKeys()
	require.NoError(t, check(first), "an old key stays for a while")
	second := s.Sign(s.Claims())
	require.NoError(t, check(second))
	s.RetireKeys()
	require.Error(t, check(first))
	require.NoError(t, check(second))
	s.SignUnpublished()
	require.Error(t, check(s.Sign(s.Claims())))
}

func TestTokensOfEveryKindCanBeMade(t *testing.T) {
	s := teamstest.New(teamstest.Options{})
	algorithm := func(signed string) string {
		head, err := base64.RawURLEncoding.DecodeString(strings.Split(signed, ".")[0])
		require.NoError(t, err)
		var header struct{ Alg string }
		require.NoError(t, json.Unmarshal(head, &header))
		return header.Alg
	}
	strange := teamstest.Claims{"exp": "tomorrow", "aud": []int{1}}
	require.Equal(t, jwa.RS256().String(), algorithm(s.Sign(strange)))
	require.Equal(t, "none", algorithm(s.SignUnsigned(strange)))
	require.Equal(t, "HS256", algorithm(s.SignSymmetric(strange)))
}

// The receiver's own check and this side were written apart: what one calls
// Microsoft's the other takes, and the ways to be wrong are told apart.
func TestTheReceiverTellsOurTokensApart(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*teamstest.Server)
		sign    func(*teamstest.Server) string
		reason  token.Reason
	}{
		"as Microsoft's":              {nil, nil, ""},
		"after a rotation":            {(*teamstest.Server).RotateKeys, nil, ""},
		"a key without endorsement":   {(*teamstest.Server).SignWithoutEndorsement, nil, token.Endorsement},
		"a key that is not published": {(*teamstest.Server).SignUnpublished, nil, token.UnknownKey},
		"a certificate that ran out":  {(*teamstest.Server).SignExpired, nil, token.BadKey},
		"the keys are down":           {func(s *teamstest.Server) { s.BotFault(teamstest.Keys, teamstest.Fault{Status: 503, Times: -1}) }, nil, token.Unavailable},
		"another issuer":              {nil, wrong("iss", "https://sts.windows.net/x/"), token.Issuer},
		"another bot":                 {nil, wrong("aud", "11111111-2222-3333-4444-555555555555"), token.Audience},
		"another service":             {nil, wrong("serviceurl", "https://evil.example/"), token.ServiceURL},
		"an end long ago":             {nil, wrong("exp", 1), token.Expired},
		"a beginning far away":        {nil, wrong("nbf", 1<<40), token.NotYet},
		"no signature":                {nil, func(s *teamstest.Server) string { return s.SignUnsigned(s.Claims()) }, token.Algorithm},
		"a public key as the secret":  {nil, func(s *teamstest.Server) string { return s.SignSymmetric(s.Claims()) }, token.Algorithm},
	} {
		t.Run(name, func(t *testing.T) {
			s := teamstest.New(teamstest.Options{})
			if c.prepare != nil {
				c.prepare(s)
			}
			if c.sign == nil {
				c.sign = func(s *teamstest.Server) string { return s.Sign(s.Claims()) }
			}
			v, err := token.New(token.Options{
				AppID: teamstest.DefaultAppID, Issuer: teamstest.Issuer,
				Metadata: "https://login.botframework.com/v1/.well-known/openidconfiguration", Transport: s.Transport(),
				Now: time.Now, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
			})
			require.NoError(t, err)
			got, err := v.Verify(t.Context(), http.Header{"Authorization": {"Bearer " + c.sign(s)}})
			if err == nil {
				err = got.Covers("msteams", s.ServiceURL())
			}
			if c.reason == "" {
				require.NoError(t, err)
				return
			}
			var refusal *token.Refusal
			require.ErrorAs(t, err, &refusal)
			require.Equal(t, c.reason, refusal.Reason, refusal.What)
		})
	}
}

// wrong changes one claim.
func wrong(claim string, value any) func(*teamstest.Server) string {
	return func(s *teamstest.Server) string {
		claims := s.Claims()
		claims[claim] = value
		return s.Sign(claims)
	}
}
