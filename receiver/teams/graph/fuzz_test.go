package graph

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// fakeToken is a token of ours with one permission.
var fakeToken = "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"roles":["User.ReadBasic.All"]}`)) + ".c2lnbmF0dXJl"

// sound is what holds of every error, whatever Graph said.
func sound(t *testing.T, e *Error) {
	t.Helper()
	require.NotContains(t, e.Message+e.Code, fakeToken, "our token would go into the log")
	require.True(t, utf8.ValidString(e.Message))
	require.LessOrEqual(t, utf8.RuneCountInString(e.Message), 1500)
	require.False(t, strings.ContainsAny(e.Message+e.Code, "\r\n"), "one line in the log")
	require.LessOrEqual(t, e.After, maxRetryAfter)
	require.NotEmpty(t, e.Reason)
	require.NotEmpty(t, e.Message)
	if e.Broken {
		require.Equal(t, teams.Retry, e.Kind)
	}
}

// Whatever answers in Graph's place, an error with our token in it must not go
// onto a page, and what is no success of Graph's must not count as one.
func FuzzNoAnswerGivesOurTokenAwayOrPassesForASuccess(f *testing.F) {
	for _, body := range []string{
		`{"id":"1"}`, `{"error":{"code":"TooManyRequests","message":"` + fakeToken + `","innerError":{"request-id":"` + fakeToken + `"}}}`,
		`{"error":{"code":403}}`, `{"error":"` + fakeToken + `"}`, `{"error":[1]}`, `<html>`, ``, `null`, `[1]`, `{"error":{"code":"` + fakeToken + `"}}`,
	} {
		for _, status := range []int{200, 201, 204, 302, 400, 401, 403, 404, 409, 429, 500, 503, 999} {
			f.Add(status, "5", []byte(body))
		}
	}
	kinds := []kind{lookingUp, installing, listing, upgrading, chatting, cataloging, grouping, tagging}
	f.Fuzz(func(t *testing.T, status int, retryAfter string, body []byte) {
		header := http.Header{"Retry-After": {retryAfter}, "Request-Id": {fakeToken}}
		for _, k := range kinds {
			a := k.judge(status, header, body, fakeToken)
			if a.err == nil {
				require.True(t, isSuccess(status))
				require.False(t, complaintIn(body).complains)
				continue
			}
			sound(t, a.err)
		}
	})
}

// The answer to a batch is taken apart and put together again; whoever made it
// must not be able to give one person's answer to another, or to stop us.
func FuzzTheAnswerToABatch(f *testing.F) {
	for _, body := range []string{
		`{"responses":[{"id":"0","status":200,"body":{"id":"1"}}]}`,
		`{"responses":[{"id":"1","status":429,"headers":{"Retry-After":"3","x":7},"body":null},{"id":"0","status":201}]}`,
		`{"responses":[{"id":"0","status":200},{"id":"0","status":403}]}`,
		`{"responses":[7,null,{},{"id":3,"status":"x"},{"id":"0","status":-1,"body":"aGVsbG8="}]}`,
		`{"responses":7}`, `{}`, `[]`, ``,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		parts, err := partsIn(body)
		if err != nil {
			sound(t, err)
			return
		}
		for _, p := range parts {
			require.NotZero(t, p.status)
			if a := installing.judge(p.status, p.header, p.body, fakeToken); a.err != nil {
				sound(t, a.err)
			}
		}
	})
}

// A list says where it goes on; our token goes along.
func FuzzAListLeadsOurTokenNowhere(f *testing.F) {
	for _, body := range []string{
		`{"value":[{"id":"1"}],"@odata.nextLink":"https://graph.microsoft.com/v1.0/groups/1/transitiveMembers?$skiptoken=x"}`,
		`{"value":[],"@odata.nextLink":"https://graph.microsoft.com@evil.example/v1.0/x"}`,
		`{"value":[],"@odata.nextLink":"https://graph.microsoft.com/v1.0/%2e%2e/x"}`,
		`{"value":[],"@odata.nextLink":"HTTPS://GRAPH.microsoft.com:443/v1.0/x?#y"}`,
		`{"value":[null,7,{"id":"c","appDefinitions":[{"version":"1.2"}]}]}`, `{"value":7}`, ``,
	} {
		f.Add([]byte(body))
	}
	c := &Client{base: "https://graph.microsoft.com/v1.0"}
	f.Fuzz(func(t *testing.T, body []byte) {
		if apps, ok := appsIn(body); ok {
			for _, a := range apps {
				require.NotEmpty(t, a.ID)
			}
		}
		p, ok := pageIn(body)
		if !ok {
			return
		}
		for _, raw := range p.entries {
			if u := userIn(raw); u.Err == nil {
				require.NotEmpty(t, u.ID)
			}
		}
		r, ours := c.next(p.next)
		if !ours {
			sound(t, elsewhere(p.next))
			return
		}
		request, err := http.NewRequest(r.method, c.base+r.path, nil)
		if err != nil {
			return // it is not made
		}
		require.Equal(t, "graph.microsoft.com", request.URL.Host)
		require.Equal(t, "https", request.URL.Scheme)
		require.Nil(t, request.URL.User)
		require.True(t, strings.HasPrefix(request.URL.EscapedPath(), "/v1.0/"), request.URL.String())
	})
}

// Names come from a file and from people's mouths; whatever they hold, they
// stay one part of a path and one text in a filter.
func FuzzANameStaysWhereItBelongs(f *testing.F) {
	for _, name := range []string{"alice@contoso.com", "a#EXT#@b", "$x", "$o'b", "a/b", "..", "", "x' or 'a' eq 'a", "a%2fb", "ä\x00"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		u, err := url.Parse("https://graph.microsoft.com/v1.0" + userPath(name))
		require.NoError(t, err)
		require.Empty(t, u.RawQuery)
		require.Empty(t, u.Fragment)
		slashes := 3 // /v1.0/users/name
		if strings.HasPrefix(name, "$") {
			slashes = 2 // /v1.0/users('name')
		}
		require.Equal(t, slashes, strings.Count(u.EscapedPath(), "/"), u.EscapedPath())
		r := get("/users", "$filter", "mail eq '"+quoted(name)+"'", "$select", "id")
		_, query, _ := strings.Cut(r.path, "?")
		values, err := url.ParseQuery(query)
		require.NoError(t, err)
		require.Len(t, values, 2)
		inner := strings.TrimSuffix(strings.TrimPrefix(values.Get("$filter"), "mail eq '"), "'")
		require.Equal(t, name, strings.ReplaceAll(inner, "''", "'"))
		require.Zero(t, strings.Count(inner, "'")%2)
	})
}

func FuzzVersions(f *testing.F) {
	f.Add("1.2.3", "1.10")
	f.Add("1.0.0-rc1", "1.0.0")
	f.Add("", "x")
	f.Fuzz(func(t *testing.T, a, b string) {
		require.False(t, Newer(a, a), "or a person's app would be upgraded for ever")
		require.False(t, Newer(a, b) && Newer(b, a))
	})
}

// What a batch costs beside the network: 1,000 new people are a hundred.
func BenchmarkTheAnswerToABatchOf20(b *testing.B) {
	var parts []string
	for i := range maxBatch {
		parts = append(parts, `{"id":"`+strconv.Itoa(i)+`","status":200,"headers":{"Content-Type":"application/json","Cache-Control":"no-cache"},"body":{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users/$entity","id":"a11ce000-0000-4000-8000-000000000001","userPrincipalName":"person@contoso.com","displayName":"A Person","mail":"person@contoso.com"}}`)
	}
	body := []byte(`{"responses":[` + strings.Join(parts, ",") + `]}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		said, err := partsIn(body)
		if err != nil || len(said) != maxBatch {
			b.Fatal("not read")
		}
		for _, p := range said {
			a := lookingUp.judge(p.status, p.header, p.body, fakeToken)
			if found := userIn(a.body); found.Err != nil {
				b.Fatal(found.Err)
			}
		}
	}
}
