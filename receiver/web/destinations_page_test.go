package web

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// Whoever changes a webhook at night has a phone, or a keyboard.
func TestThePagesOfDestinationsFitAPhone(t *testing.T) {
	s := newSiteOf(t, fmt.Sprintf(keyed, "127.0.0.1:9"), nil)
	ctx, alice := context.Background(), group.Person{Name: "Alice " + strings.Repeat("Example", 30)}
	long := "dba-" + strings.Repeat("longname", 7) // as long as a name can be, nearly
	for _, name := range []string{"dba", long} {
		require.NoError(t, s.engine.AddDestination(ctx, name, engine.Webhook{URL: microsofts}, alice, "page 127.0.0.1"))
	}
	require.Equal(t, 200, s.ask("POST", "/alertmanager/"+long, firing).Code)
	require.NoError(t, s.engine.RotateDestination(ctx, long, engine.Webhook{URL: microsofts + "2"}, alice, "page 127.0.0.1"))
	require.NoError(t, s.engine.DisableDestination(ctx, long, alice, "page 127.0.0.1"))
	l := httptest.NewServer(s.handler)
	t.Cleanup(l.Close)
	at := browser(t, l.URL+"/destinations")
	fits(t, at, "destinations", l.URL+"/destinations")
	// Every form unfolded.
	unfold := chromedp.Evaluate[any](`document.querySelectorAll("details").forEach((d) => { d.open = true })`)
	fits(t, at, "destination", l.URL+"/destinations/"+long, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := chromedp.Run(ctx, unfold)
		return err
	}))
	fits(t, at, "destination-expected", l.URL+"/destinations/web")
}

// A webhook is added, changed and removed with the keyboard alone, and its URL
// is nowhere on the way: not in the address, not in what was typed before.
func TestAKeyboardIsEnoughForDestinations(t *testing.T) {
	s := newSiteOf(t, fmt.Sprintf(keyed, "127.0.0.1:9"), nil)
	l := httptest.NewServer(s.handler)
	t.Cleanup(l.Close)
	ctx := browser(t, l.URL+"/destinations")
	seen := func() string {
		return evaluate[string](t, ctx, `location.href + document.documentElement.outerHTML + [...document.querySelectorAll("input")].map((i) => i.value).join(" ")`)
	}
	do(t, ctx, chromedp.Focus("#add [name=name]"), keys("dba\thttps://evil.example/x?sig="+canarySecret+"\r"), chromedp.WaitVisible(".problem"))
	require.Contains(t, evaluate[string](t, ctx, `document.querySelector(".problem").innerText`), "evil.example")
	require.Equal(t, "dba", evaluate[string](t, ctx, `document.querySelector("#add [name=name]").value`), "what is no secret is not typed again")
	require.NotContains(t, seen(), canarySecret)
	do(t, ctx, chromedp.Focus("#add [name=url]"), keys(microsofts+"\r"), chromedp.WaitVisible(".notice"))
	require.NotContains(t, seen(), canarySecret)
	require.Contains(t, s.destinationsNow(), "dba")
	do(t, ctx, chromedp.Focus("details:has(form[action$=rotate]) > summary"), keys("\r"), chromedp.Focus("form[action$=rotate] [name=url]"), keys(microsofts+"2\r"),
		chromedp.WaitVisible(`//*[@class="notice"][contains(., "new URL")]`)) // the notice before it stands there until the page comes
	require.NotContains(t, seen(), canarySecret)
	do(t, ctx, chromedp.Focus("details:has(form[action$=remove]) > summary"), keys("\r"), chromedp.Focus("form[action$=remove] button"), keys("\r"),
		chromedp.WaitNotPresent("form[action$=rotate]"), chromedp.WaitVisible("#add"))
	require.NotContains(t, s.destinationsNow(), "dba")
}
