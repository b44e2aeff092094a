package token_test

import (
	"encoding/base64"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/bot/token"
)

// Each case is a request that somebody could send; what is taken though it
// should not be lets a stranger silence alerts, and what is refused though it
// is right makes the bot deaf.
func TestOnlyWhatMicrosoftSignedForThisBotIsTaken(t *testing.T) {
	good := claims(start)
	say := func(h, c fields) []string { return []string{"Bearer " + signed(h, c, ours())} }
	right := say(header, good)[0]
	raw := strings.TrimPrefix(right, "Bearer ")
	for name, c := range map[string]struct {
		authorization []string
		keys          []fields // nil: "one" is ours
		want          token.Reason
	}{
		"a token that is right": {authorization: []string{right}},

		"no header":                         {nil, nil, token.NoHeader},
		"an empty header":                   {[]string{""}, nil, token.NoHeader},
		"two headers, both right":           {[]string{right, right}, nil, token.ManyHeaders},
		"two headers, one of them empty":    {[]string{right, ""}, nil, token.ManyHeaders},
		"another scheme":                    {[]string{"Basic " + raw}, nil, token.Malformed},
		"the scheme in lower case":          {[]string{"bearer " + raw}, nil, token.Malformed},
		"no scheme":                         {[]string{raw}, nil, token.Malformed},
		"a scheme and nothing":              {[]string{"Bearer "}, nil, token.Malformed},
		"three parts split by spaces":       {[]string{"Bearer " + raw + " x"}, nil, token.Malformed},
		"two spaces":                        {[]string{"Bearer  " + raw}, nil, token.Malformed},
		"two tokens in one header":          {[]string{right + "," + raw}, nil, token.Malformed},
		"the word null":                     {[]string{"Bearer null"}, nil, token.Malformed},
		"what is no base64":                 {[]string{"Bearer ä.ö.ü"}, nil, token.Malformed},
		"what is no JSON":                   {[]string{"Bearer YQ.YQ.YQ"}, nil, token.Malformed},
		"two parts":                         {[]string{"Bearer " + raw[:strings.LastIndex(raw, ".")]}, nil, token.Malformed},
		"five parts, as of what is secret":  {[]string{"Bearer " + raw + ".YQ.YQ"}, nil, token.Malformed},
		"a token longer than any":           {[]string{right + strings.Repeat("A", 8<<10)}, nil, token.Malformed},
		"claims that are a list":            {[]string{"Bearer " + part(header) + "." + part([]int{1}) + ".YQ"}, nil, token.Malformed},
		"an issuer that is a number":        {say(header, good.but(fields{"iss": 7})), nil, token.Malformed},
		"no issuer":                         {say(header, good.but(fields{"iss": nil})), nil, token.Issuer},
		"Entra as the issuer, for a person": {say(header, good.but(fields{"iss": "https://sts.windows.net/d6d49420-f39b-4df7-a1dc-d59a935871db/"})), nil, token.Issuer},
		"the issuer of another cloud":       {say(header, good.but(fields{"iss": "https://api.botframework.us"})), nil, token.Issuer},
		"the issuer with a slash":           {say(header, good.but(fields{"iss": issuer + "/"})), nil, token.Issuer},
		"the issuer in other letters":       {say(header, good.but(fields{"iss": strings.ToUpper(issuer)})), nil, token.Issuer},

		"no signature, and said so":              {say(header.but(fields{"alg": "none"}), good), nil, token.Algorithm},
		"None in other letters":                  {[]string{"Bearer " + part(header.but(fields{"alg": "None"})) + "." + part(good) + "."}, nil, token.Algorithm},
		"HS256 with the public key as secret":    {say(header.but(fields{"alg": "HS256"}), good), nil, token.Algorithm},
		"RS512, which the newer SDKs refuse too": {say(header.but(fields{"alg": "RS512"}), good), nil, token.Algorithm},
		"no algorithm":                           {say(header.but(fields{"alg": nil}), good), nil, token.Algorithm},
		"an algorithm that is an object":         {say(header.but(fields{"alg": fields{}}), good), nil, token.Malformed},
		"no key id":                              {say(header.but(fields{"kid": nil}), good), nil, token.UnknownKey},
		"an unknown key id":                      {say(header.but(fields{"kid": "two"}), good), nil, token.UnknownKey},
		"a header that must be understood":       {say(header.but(fields{"crit": []string{"exp"}, "exp": 1}), good), nil, token.Signature},
		"a key of its own in the header":         {[]string{"Bearer " + signed(header.but(fields{"jwk": published("one", another())}), good, another())}, nil, token.Signature},
		"signed with another key of this id":     {[]string{"Bearer " + signed(header, good, another())}, nil, token.Signature},
		"claims changed after signing":           {[]string{"Bearer " + part(header) + "." + part(good.but(fields{"x": 1})) + raw[strings.LastIndex(raw, "."):]}, nil, token.Signature},
		"a signature cut short":                  {[]string{right[:len(right)-8]}, nil, token.Signature},
		"no signature, and not said so":          {[]string{right[:strings.LastIndex(right, ".")+1]}, nil, token.Signature},

		"a key that is not RSA":             {say(header, good), []fields{ellipticKey("one"), published("two", another())}, token.UnknownKey},
		"a key for encryption":              {say(header, good), []fields{published("one", ours()).but(fields{"use": "enc"}), published("two", another())}, token.UnknownKey},
		"a key for another algorithm":       {say(header, good), []fields{published("one", ours()).but(fields{"alg": "RS512"}), published("two", another())}, token.UnknownKey},
		"a key without use":                 {say(header, good), []fields{published("one", ours()).but(fields{"use": nil})}, ""},
		"a key that is too short":           {[]string{"Bearer " + signed(header, good, weak())}, []fields{published("one", weak()), published("two", ours())}, token.UnknownKey},
		"a key whose certificate is good":   {say(header, good), []fields{published("one", ours()).but(fields{"x5c": certificate(ours(), start.Add(-time.Hour), start.Add(time.Hour))})}, ""},
		"a key whose certificate ran out":   {say(header, good), []fields{published("one", ours()).but(fields{"x5c": certificate(ours(), start.Add(-time.Hour), start.Add(-6*time.Minute))})}, token.BadKey},
		"a key whose certificate is to be":  {say(header, good), []fields{published("one", ours()).but(fields{"x5c": certificate(ours(), start.Add(6*time.Minute), start.Add(time.Hour))})}, token.BadKey},
		"a certificate of another key":      {say(header, good), []fields{published("one", ours()).but(fields{"x5c": certificate(another(), start.Add(-time.Hour), start.Add(time.Hour))}), published("two", another())}, token.UnknownKey},
		"a certificate that is none":        {say(header, good), []fields{published("one", ours()).but(fields{"x5c": []string{"YQ=="}}), published("two", another())}, token.UnknownKey},
		"a second key with the id of ours":  {[]string{"Bearer " + signed(header, good, another())}, []fields{published("one", ours()), published("one", another())}, token.Signature},
		"a key set with one that is broken": {say(header, good), []fields{{"kty": 7}, published("one", ours())}, ""},

		"no expiry":                     {say(header, good.but(fields{"exp": nil})), nil, token.Expired},
		"an expiry that is a text":      {say(header, good.but(fields{"exp": "tomorrow"})), nil, token.Malformed},
		"expired five minutes ago":      {say(header, good.but(fields{"exp": start.Add(-5 * time.Minute).Unix()})), nil, token.Expired},
		"expired less ago":              {say(header, good.but(fields{"exp": start.Add(-5*time.Minute + time.Second).Unix()})), nil, ""},
		"expired in 1970, negatively":   {say(header, good.but(fields{"exp": -1e300})), nil, token.Expired},
		"not valid for six minutes yet": {say(header, good.but(fields{"nbf": start.Add(6 * time.Minute).Unix()})), nil, token.NotYet},
		"not valid for five minutes":    {say(header, good.but(fields{"nbf": start.Add(5 * time.Minute).Unix()})), nil, ""},
		"no beginning":                  {say(header, good.but(fields{"nbf": nil})), nil, ""},
		"seconds with a fraction":       {say(header, good.but(fields{"exp": float64(start.Unix()) + 60.5})), nil, ""},

		"no audience":                        {say(header, good.but(fields{"aud": nil})), nil, token.Audience},
		"an empty audience":                  {say(header, good.but(fields{"aud": ""})), nil, token.Audience},
		"no audience in a list":              {say(header, good.but(fields{"aud": []string{}})), nil, token.Audience},
		"another bot":                        {say(header, good.but(fields{"aud": "99999999-2222-3333-4444-555555555555"})), nil, token.Audience},
		"an audience that contains ours":     {say(header, good.but(fields{"aud": appID + "0"})), nil, token.Audience},
		"the issuer as audience":             {say(header, good.but(fields{"aud": issuer})), nil, token.Audience},
		"api:// and our id":                  {say(header, good.but(fields{"aud": "api://" + appID})), nil, ""},
		"api://botid- and our id":            {say(header, good.but(fields{"aud": "api://botid-" + appID})), nil, ""},
		"api:// of a host before our id":     {say(header, good.but(fields{"aud": "api://evil.example/" + appID})), nil, token.Audience},
		"several audiences, one of them us":  {say(header, good.but(fields{"aud": []string{"x", appID}})), nil, ""},
		"several audiences, none of them us": {say(header, good.but(fields{"aud": []string{"x", "y"}})), nil, token.Audience},
		"an audience that is an object":      {say(header, good.but(fields{"aud": fields{}})), nil, token.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			keys := c.keys
			if keys == nil {
				keys = []fields{published("one", ours())}
			}
			v := verifier(t, newMicrosoft(keys...), new(clock).Now)
			_, err := v.Verify(t.Context(), with(c.authorization...))
			require.Equal(t, c.want, reasonOf(t, err), "%v", err)
			if err != nil {
				require.NotContains(t, err.Error(), raw[:20], "nothing of a token is in the log")
			}
		})
	}
}

func TestATokenSpeaksForOneServiceAndTheChannelsOfItsKey(t *testing.T) {
	for name, c := range map[string]struct {
		claim, service, channel string
		endorsements            any
		want                    token.Reason
	}{
		"both right":                        {service, service, "msteams", []string{"msteams"}, ""},
		"one of several endorsements":       {service, service, "msteams", []string{"webchat", "msteams"}, ""},
		"without the slash at the end":      {service, strings.TrimRight(service, "/"), "msteams", []string{"msteams"}, ""},
		"with it twice":                     {strings.TrimRight(service, "/"), service + "/", "msteams", []string{"msteams"}, ""},
		"in other letters":                  {service, strings.ToUpper(service), "msteams", []string{"msteams"}, ""},
		"another region of the same host":   {service, "https://smba.trafficmanager.test/amer/", "msteams", []string{"msteams"}, token.ServiceURL},
		"another host":                      {service, "https://evil.example/emea/", "msteams", []string{"msteams"}, token.ServiceURL},
		"a host that begins like it":        {service, service + "x", "msteams", []string{"msteams"}, token.ServiceURL},
		"no claim":                          {"", service, "msteams", []string{"msteams"}, token.ServiceURL},
		"no service in the activity":        {service, "", "msteams", []string{"msteams"}, token.ServiceURL},
		"neither":                           {"", "", "msteams", []string{"msteams"}, token.ServiceURL},
		"a key for other channels":          {service, service, "msteams", []string{"webchat", "directline"}, token.Endorsement},
		"a key for a channel like it":       {service, service, "msteams", []string{"msteams2"}, token.Endorsement},
		"a key for no channel":              {service, service, "msteams", []string{}, token.Endorsement},
		"a key without endorsements":        {service, service, "msteams", nil, token.Endorsement},
		"an activity of no channel":         {service, service, "", []string{"msteams", ""}, token.Endorsement},
		"an activity of another channel":    {service, service, "emulator", []string{"msteams"}, token.Endorsement},
		"endorsements in capitals are none": {service, service, "msteams", []string{"MSTEAMS"}, token.Endorsement},
	} {
		t.Run(name, func(t *testing.T) {
			v := verifier(t, newMicrosoft(published("one", ours()).but(fields{"endorsements": c.endorsements})), new(clock).Now)
			checked, err := v.Verify(t.Context(), with("Bearer "+signed(header, claims(start).but(fields{"serviceurl": c.claim}), ours())))
			require.NoError(t, err)
			require.Equal(t, c.want, reasonOf(t, checked.Covers(c.channel, c.service)))
		})
	}
}

// A Token that nobody has verified must open nothing.
func TestNoTokenCoversNothing(t *testing.T) {
	require.Error(t, token.Token{}.Covers("msteams", service))
	require.Error(t, token.Token{}.Covers("", ""))
}

func TestAVerifierIsNotMadeOfWhatWouldTakeAnything(t *testing.T) {
	whole := token.Options{
		AppID: appID, Issuer: issuer, Metadata: metadata, Transport: http.DefaultTransport, Now: time.Now,
		Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	}
	for name, c := range map[string]struct {
		change func(*token.Options)
		want   string
	}{
		"no application":               {func(o *token.Options) { o.AppID = "" }, "app_id"},
		"no issuer":                    {func(o *token.Options) { o.Issuer = "" }, "bot_issuer"},
		"no metadata":                  {func(o *token.Options) { o.Metadata = "" }, "bot_openid_metadata"},
		"metadata over http":           {func(o *token.Options) { o.Metadata = "http://login.example/x" }, "bot_openid_metadata"},
		"metadata with a password":     {func(o *token.Options) { o.Metadata = "https://a:b@login.example/x" }, "bot_openid_metadata"},
		"metadata of a file":           {func(o *token.Options) { o.Metadata = "file:///etc/passwd" }, "bot_openid_metadata"},
		"metadata over http, so near":  {func(o *token.Options) { o.Metadata = "http://127.0.0.1:9099/x" }, ""},
		"nobody to carry the requests": {func(o *token.Options) { o.Transport = nil }, "Transport"},
	} {
		t.Run(name, func(t *testing.T) {
			o := whole
			o.Registerer = prometheus.NewRegistry()
			c.change(&o)
			_, err := token.New(o)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

// The clock is Microsoft's and ours: a token is refused once it is over, with
// the keys still good.
func TestATokenIsRefusedOnceItIsOver(t *testing.T) {
	now := new(clock)
	v := verifier(t, newMicrosoft(published("one", ours())), now.Now)
	header := with("Bearer " + signed(header, claims(start), ours()))
	_, err := v.Verify(t.Context(), header)
	require.NoError(t, err)
	now.advance(65 * time.Minute)
	_, err = v.Verify(t.Context(), header)
	require.Equal(t, token.Expired, reasonOf(t, err))
}

// A certificate is bytes, the last of which can be anything: one in forty keys
// would not be found if it were read as text.
func TestACertificateMayEndLikeALine(t *testing.T) {
	var chain []string
	for i := 0; ; i++ {
		require.Less(t, i, 10_000, "no certificate ends like this, so this proves nothing")
		chain = certificate(ours(), start.Add(-time.Hour), start.Add(time.Hour+time.Duration(i)*time.Second))
		der, err := base64.StdEncoding.DecodeString(chain[0])
		require.NoError(t, err)
		if last := der[len(der)-1]; last == ' ' || last == '\n' || last == '\t' {
			break
		}
	}
	v := verifier(t, newMicrosoft(published("one", ours()).but(fields{"x5c": chain})), new(clock).Now)
	_, err := v.Verify(t.Context(), with("Bearer "+signed(header, claims(start), ours())))
	require.NoError(t, err)
}

func BenchmarkVerify(b *testing.B) {
	v := verifier(b, newMicrosoft(published("one", ours())), new(clock).Now)
	h := with("Bearer " + signed(header, claims(start), ours()))
	for b.Loop() {
		checked, err := v.Verify(b.Context(), h)
		if err != nil {
			b.Fatal(err)
		}
		if err := checked.Covers("msteams", service); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	v := verifier(f, newMicrosoft(published("one", ours())), new(clock).Now)
	right := "Bearer " + signed(header, claims(start), ours())
	for _, s := range []string{right, right[:80], "Bearer a.b.c", "Basic x", "Bearer " + part(header) + "." + part(claims(start)) + ".", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, authorization string) {
		checked, err := v.Verify(t.Context(), with(authorization))
		if err != nil {
			reasonOf(t, err)
			return
		}
		// Nobody but the holder of our key makes another one. What is signed
		// is the part before the last dot.
		require.Equal(t, right[:strings.LastIndex(right, ".")], authorization[:strings.LastIndex(authorization, ".")])
		require.NoError(t, checked.Covers("msteams", service))
	})
}
