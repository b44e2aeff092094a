package graph_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// A name that reaches Graph in another form finds nobody, or somebody else.
func TestNamesReachGraphAsTheyAre(t *testing.T) {
	for name, path := range map[string]string{
		"alice@contoso.com":                             "/users/alice@contoso.com",
		"a11ce000-0000-4000-8000-000000000001":          "/users/a11ce000-0000-4000-8000-000000000001",
		"bob_fabrikam.com#ext#@contoso.onmicrosoft.com": "/users/bob_fabrikam.com%23ext%23@contoso.onmicrosoft.com",
		"$ales@contoso.com":                             "/users('$ales@contoso.com')",
		"$o'brien@contoso.com":                          "/users('$o%27%27brien@contoso.com')",
		"o'brien@contoso.com":                           "/users/o%27brien@contoso.com",
		"a/b?c=d&e@contoso.com":                         "/users/a%2Fb%3Fc=d&e@contoso.com",
		"../../me":                                      "/users/..%2F..%2Fme",
		"jürgen@contoso.com":                            "/users/j%C3%BCrgen@contoso.com",
	} {
		e := &entra{}
		found := client(t, e).Users(t.Context(), []string{name})
		require.NoError(t, found[0].Err, name)
		require.Equal(t, []string{"GET " + path}, e.requests())
	}
}

// People choose what they are called, and it gets to terminals, logs and cards;
// what they are known by becomes a path.
func TestNobodyHidesAnythingInAName(t *testing.T) {
	raw := "A\x1b]0;x\ad\u202e\u2066m\r\n" + strings.Repeat("long ", 1000)
	quoted, err := json.Marshal(raw)
	require.NoError(t, err)
	answer := says{status: 200, body: fmt.Sprintf(`{"id":"1","displayName":%s,"userPrincipalName":%[1]s,"mail":%[1]s}`, quoted)}
	e := &entra{answer: func(int, asked) says { return answer }}
	found := client(t, e).Users(t.Context(), []string{"adam@contoso.com"})[0]
	require.NoError(t, found.Err)
	for _, text := range []string{found.DisplayName, found.UPN, found.Mail} {
		require.Equal(t, teams.Printable(raw, 256), text)
		require.NotContains(t, text, "\u202e")
	}
	for _, id := range []string{"..", ".", "a\nb", "a\u202eb", strings.Repeat("a", 300)} {
		quoted, err := json.Marshal(id)
		require.NoError(t, err)
		e := &entra{answer: func(int, asked) says { return says{status: 200, body: fmt.Sprintf(`{"id":%s}`, quoted)} }}
		require.ErrorContains(t, client(t, e).Users(t.Context(), []string{"adam@contoso.com"})[0].Err, "cannot be understood", "%q", id)
	}
}

func TestPeopleAreFoundByWhateverNameTheyHave(t *testing.T) {
	notFound := failing(404, "Request_ResourceNotFound", "Resource 'x' does not exist or one of its queried reference-property objects are not present.")
	page := func(people ...string) says {
		return says{status: 200, body: `{"value":[` + strings.Join(people, ",") + `]}`}
	}
	const gina = `{"id":"A11CE000","userPrincipalName":"gina_fabrikam.com#EXT#@contoso.onmicrosoft.com","displayName":"Gina Gast","mail":"gina@fabrikam.com"}`
	for name, c := range map[string]struct {
		name    string
		answers map[string]says // by filter; "": to the lookup itself
		id      string
		reason  teams.Reason
		says    string
	}{
		"by principal name":     {"alice@contoso.com", nil, "id-alice@contoso.com", "", ""},
		"a guest by e-mail":     {"gina@fabrikam.com", map[string]says{"": notFound, "mail eq 'gina@fabrikam.com'": page(gina)}, "a11ce000", "", ""},
		"with an apostrophe":    {"o'brien@fabrikam.com", map[string]says{"": notFound, "mail eq 'o''brien@fabrikam.com'": page(gina)}, "a11ce000", "", ""},
		"by an alias":           {"g@contoso.com", map[string]says{"": notFound, "proxyAddresses/any(p:p eq 'smtp:g@contoso.com')": page(gina)}, "a11ce000", "", ""},
		"alias we may not see":  {"g@contoso.com", map[string]says{"": notFound, "proxyAddresses/any(p:p eq 'smtp:g@contoso.com')": failing(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")}, "", teams.UnknownUser, "Nobody in the tenant is called \"g@contoso.com\""},
		"nobody by name":        {"mallory@contoso.com", map[string]says{"": notFound}, "", teams.UnknownUser, "invited there as a guest"},
		"nobody by id":          {"a11ce000-0000-4000-8000-000000000009", map[string]says{"": notFound}, "", teams.UnknownUser, "object id"},
		"two of them":           {"team@contoso.com", map[string]says{"": notFound, "mail eq 'team@contoso.com'": page(gina, gina)}, "", teams.UnknownUser, "2 people in the tenant"},
		"we may not look":       {"alice@contoso.com", map[string]says{"": failing(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")}, "", teams.Consent, "User.ReadBasic.All"},
		"we may not search":     {"gina@fabrikam.com", map[string]says{"": notFound, "mail eq 'gina@fabrikam.com'": failing(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")}, "", teams.Consent, "User.ReadBasic.All"},
		"a disabled account":    {"alice@contoso.com", map[string]says{"": {status: 200, body: `{"id":"1","displayName":"Alice Adams","accountEnabled":false}`}}, "1", teams.Disabled, "Alice Adams is disabled"},
		"an enabled account":    {"alice@contoso.com", map[string]says{"": {status: 200, body: `{"id":"1","accountEnabled":true}`}}, "1", "", ""},
		"somebody without id":   {"alice@contoso.com", map[string]says{"": {status: 200, body: `{"displayName":"Alice"}`}}, "", teams.Unavailable, "cannot be understood"},
		"a list of no list":     {"gina@fabrikam.com", map[string]says{"": notFound, "mail eq 'gina@fabrikam.com'": {status: 200, body: `{"value":7}`, broken: true}}, "", teams.Unavailable, "cannot be understood"},
		"a list with a nothing": {"gina@fabrikam.com", map[string]says{"": notFound, "mail eq 'gina@fabrikam.com'": {status: 200, body: `{"value":[null]}`, broken: true}}, "", teams.Unavailable, "cannot be understood"},
	} {
		t.Run(name, func(t *testing.T) {
			e := &entra{answer: func(_ int, r asked) says { return c.answers[r.query.Get("$filter")] }}
			found := client(t, e).Users(t.Context(), []string{c.name})[0]
			require.Equal(t, c.id, found.ID)
			if c.reason == "" {
				require.NoError(t, found.Err)
				return
			}
			err := wrong(t, found.Err)
			require.Equal(t, c.reason, err.Reason)
			require.Contains(t, err.Message, c.says)
			require.Equal(t, c.reason == teams.Consent, err.Broken, err.Message)
		})
	}
}

func TestAGuestIsKnownAsOne(t *testing.T) {
	for body, guest := range map[string]bool{
		`{"id":"1","userPrincipalName":"gina_fabrikam.com#EXT#@contoso.onmicrosoft.com"}`: true,
		`{"id":"1","userPrincipalName":"x@contoso.com","userType":"Guest"}`:               true,
		`{"id":"1","userPrincipalName":"x@contoso.com","userType":"Member"}`:              false,
		`{"id":"1","userPrincipalName":"x@contoso.com"}`:                                  false,
	} {
		e := &entra{answer: func(int, asked) says { return says{status: 200, body: body} }}
		require.Equal(t, guest, client(t, e).Users(t.Context(), []string{"x"})[0].Guest, body)
	}
}

// With the least permissions some properties are refused, and with them all
// the others: nobody would ever be found.
func TestOnlyWhatWeMaySeeIsAskedFor(t *testing.T) {
	for roles, property := range map[string]bool{"User.ReadBasic.All": false, "User.Read.All": true, "Directory.Read.All": true, "": false} {
		e := &entra{roles: strings.Fields(roles + " AppCatalog.Read.All")}
		client(t, e).Users(t.Context(), []string{"alice@contoso.com"})
		require.Equal(t, property, strings.Contains(e.all[0].query.Get("$select"), "accountEnabled"), roles)
		require.Contains(t, e.all[0].query.Get("$select"), "id,userPrincipalName,displayName,mail")
	}
}

// Each of a thousand names must get its own answer, in whatever order Graph
// gives them, and whatever comes of the others.
func TestEachNameGetsItsOwnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &entra{answer: func(_ int, r asked) says {
			if strings.HasSuffix(r.path, "3@contoso.com") {
				return failing(404, "Request_ResourceNotFound", "no")
			}
			return says{}
		}}
		names := make([]string, 95)
		for i := range names {
			names[i] = fmt.Sprintf("p%d@contoso.com", i)
		}
		for i, found := range client(t, e).Users(t.Context(), names) {
			if i%10 == 3 {
				require.Equal(t, teams.UnknownUser, wrong(t, found.Err).Reason)
				require.Contains(t, found.Err.Error(), names[i])
				continue
			}
			require.NoError(t, found.Err)
			require.Equal(t, names[i], found.UPN)
		}
	})
}

func TestNobodyIsLookedUpForNothing(t *testing.T) {
	e := &entra{}
	require.Empty(t, client(t, e).Users(t.Context(), nil))
	require.Empty(t, e.requests())
}
