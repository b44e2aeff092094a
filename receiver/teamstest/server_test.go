package teamstest_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// envelope is a request with one card that says text.
func envelope(text string) string {
	return `{"type":"message","summary":"s","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","contentUrl":null,` +
		`"content":{"type":"AdaptiveCard","version":"1.5","body":[{"type":"TextBlock","text":"` + text + `"}]}}]}`
}

// webhookURL is the URL of a webhook as Power Automate makes them.
func webhookURL(name string) string {
	return "https://prod-00.westeurope.logic.azure.com/workflow/" + name + "?sig=not-a-real-signature-but-treated-as-one"
}

// post sends body to the webhook "ops" without a socket.
func post(t *testing.T, s *teamstest.Server, body string) (*http.Response, error) {
	t.Helper()
	return postCtx(t, t.Context(), s, body)
}

func postCtx(t *testing.T, ctx context.Context, s *teamstest.Server, body string) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, webhookURL("ops"), bytes.NewBufferString(body))
	require.NoError(t, err)
	return (&http.Client{Transport: s.Transport()}).Do(r)
}

func TestWebhookJudgesAsTeamsDoes(t *testing.T) {
	card := func(content string) string {
		return `{"type":"message","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","content":` + content + `}]}`
	}
	for name, c := range map[string]struct {
		body   string
		status int
		shown  bool
		reason string
	}{
		"a good card is shown":                                  {envelope("hot"), 202, true, ""},
		"no JSON is refused":                                    {`{`, 400, false, "not the JSON"},
		"another type is refused":                               {`{"type":"note","attachments":[]}`, 400, false, `must be "message"`},
		"a text without attachments is taken and never seen":    {`{"type":"message","text":"hi"}`, 202, false, "of type 'Null'"},
		"an empty list of attachments is taken and never seen":  {`{"type":"message","attachments":[]}`, 202, false, "empty"},
		"attachments that are no list are taken and never seen": {`{"type":"message","attachments":{}}`, 202, false, "not an array"},
		"a foreign content type is taken and never seen":        {`{"type":"message","attachments":[{"contentType":"text/html","content":{}}]}`, 202, false, "contentType"},
		"a card without type is taken and never seen":           {card(`{"version":"1.5"}`), 202, false, "'type' must be 'AdaptiveCard'"},
		"a card without version is taken and never seen":        {card(`{"type":"AdaptiveCard"}`), 202, false, "version"},
		"a body that is no list is taken and never seen":        {card(`{"type":"AdaptiveCard","version":"1.5","body":{}}`), 202, false, "card.body must be an array"},
		"an element without its text is taken and never seen":   {card(`{"type":"AdaptiveCard","version":"1.5","body":[{"type":"TextBlock"}]}`), 202, false, `without "text"`},
		"a newer element alone is taken and never seen":         {card(`{"type":"AdaptiveCard","version":"1.5","body":[{"type":"Badge","text":"x"}]}`), 202, false, "no fallback"},
		"a newer element with a fallback is shown":              {card(`{"type":"AdaptiveCard","version":"1.5","body":[{"type":"Badge","text":"x","fallback":{"type":"TextBlock","text":"x"}}]}`), 202, true, ""},
		"an action among the elements is taken and never seen":  {card(`{"type":"AdaptiveCard","version":"1.5","body":[{"type":"Action.OpenUrl","url":"https://x"}]}`), 202, false, "cannot stand"},
		"a table's columns are widths and not elements":         {card(`{"type":"AdaptiveCard","version":"1.5","body":[{"type":"Table","columns":[{"width":1}],"rows":[{"type":"TableRow","cells":[{"type":"TableCell","items":[]}]}]}]}`), 202, true, ""},
		"28 KB are taken":                                       {padded(28 << 10), 202, true, ""},
		"a byte more than 28 KB is refused":                     {padded(28<<10 + 1), 413, false, "larger"},
	} {
		t.Run(name, func(t *testing.T) {
			s := teamstest.New(teamstest.Options{})
			r, err := post(t, s, c.body)
			require.NoError(t, err)
			require.Equal(t, c.status, r.StatusCode)
			body, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			require.Empty(t, body, "Teams says nothing in the body")
			got := s.Messages("ops")
			require.Len(t, got, 1, "whatever came in is listed")
			require.Equal(t, c.status, got[0].Status)
			require.Equal(t, c.shown, got[0].Shown, got[0].Reason)
			require.Contains(t, got[0].Reason, c.reason)
		})
	}
}

// padded is a good request of exactly n bytes.
func padded(n int) string {
	return envelope(strings.Repeat("x", n-len(envelope(""))))
}

func TestFaultsHappenInTheirOrderAndThenItIsAGoodDay(t *testing.T) {
	s := teamstest.New(teamstest.Options{})
	s.Fault("ops", teamstest.Fault{Status: 429, RetryAfter: 2 * time.Second, Times: 2},
		teamstest.Fault{Body: "Webhook message delivery failed"})
	s.Fault(teamstest.AnyWebhook, teamstest.Fault{Status: 503})
	for i, want := range []int{429, 429, 200, 503, 202} {
		r, err := post(t, s, envelope("hot"))
		require.NoError(t, err)
		require.Equal(t, want, r.StatusCode, "request %d", i)
		if want == 429 {
			require.Equal(t, "2", r.Header.Get("Retry-After"))
		}
	}
	require.Len(t, s.Messages(""), 5, "refused requests are listed too")
	require.Len(t, s.Shown(""), 1, "but only one card was shown")
}

func TestAnAnswerMayDenyWhatIsShown(t *testing.T) {
	var seen []teamstest.Message
	s := teamstest.New(teamstest.Options{Watch: func(m teamstest.Message) { seen = append(seen, m) }})
	s.Fault("ops", teamstest.Fault{Status: 503, Shown: true})
	r, err := post(t, s, envelope("hot"))
	require.NoError(t, err)
	require.Equal(t, 503, r.StatusCode)
	require.Len(t, s.Shown("ops"), 1, "people see it, whatever was answered")
	_, err = post(t, s, envelope("cold"))
	require.NoError(t, err)
	require.Equal(t, s.Messages("ops"), seen, "who watches sees all of it, in its order")
}

func TestFaultsWithoutAnAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		fault teamstest.Fault
		shown int
	}{
		"cut before":   {teamstest.Fault{Cut: teamstest.CutBefore}, 0},
		"cut after":    {teamstest.Fault{Cut: teamstest.CutAfter}, 1},
		"hang":         {teamstest.Fault{Hang: true}, 0},
		"a late shown": {teamstest.Fault{Latency: time.Hour}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := teamstest.New(teamstest.Options{})
				s.Fault("ops", c.fault)
				ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
				defer cancel()
				_, err := postCtx(t, ctx, s, envelope("hot"))
				require.Error(t, err)
				require.Len(t, s.Shown("ops"), c.shown)
				require.Zero(t, s.Messages("ops")[0].Status*len(c.fault.Cut), "a cut connection has no status")
			})
		})
	}
}

func TestConnectionCutsAreSeenOnARealConnectionToo(t *testing.T) {
	s := teamstest.New(teamstest.Options{})
	s.Fault("ops", teamstest.Fault{Cut: teamstest.CutAfter})
	l := httptest.NewServer(s)
	defer l.Close()
	_, err := http.Post(l.URL+"/workflow/ops", "application/json", strings.NewReader(envelope("hot")))
	require.ErrorIs(t, err, io.EOF)
	require.Len(t, s.Shown("ops"), 1)
}

func TestThrottleTakesFourASecondAndNamesTheTimeToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := teamstest.New(teamstest.Options{Throttle: teamstest.RealThrottle})
		statuses := func(n int) (got []int) {
			for range n {
				r, err := post(t, s, envelope("hot"))
				require.NoError(t, err)
				got = append(got, r.StatusCode)
				if r.StatusCode == 429 {
					require.Equal(t, "1", r.Header.Get("Retry-After"))
				}
			}
			return got
		}
		require.Equal(t, []int{202, 202, 202, 202, 429}, statuses(5))
		time.Sleep(time.Second)
		require.Equal(t, []int{202, 202, 202, 202, 429}, statuses(5), "the refused ones do not count")
		require.Len(t, s.Shown(""), 8)
	})
}

func TestWaitForEndsWhenTheCardIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := teamstest.New(teamstest.Options{})
		go func() {
			time.Sleep(time.Minute)
			_, _ = post(t, s, envelope("hot"))
		}()
		start := time.Now()
		got, err := s.WaitFor(t.Context(), 1)
		require.NoError(t, err)
		require.Len(t, got, 1)
		require.Equal(t, time.Minute, time.Since(start))

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = s.WaitFor(ctx, 2)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestOnlyTheLastMessagesAreKept(t *testing.T) {
	s := teamstest.New(teamstest.Options{Keep: 3})
	for range 10 {
		_, err := post(t, s, envelope("hot"))
		require.NoError(t, err)
	}
	got := s.Messages("")
	require.Len(t, got, 3)
	require.Equal(t, 8, got[0].ID, "the oldest went first")
	_, err := s.WaitFor(t.Context(), 10)
	require.NoError(t, err, "forgotten messages were shown all the same")
}
