package web

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams/botframework"
)

// otherName is a name that the browser of these tests finds on this machine,
// where a reverse proxy is. That is not what the receiver calls loopback, and
// to the browser it is plain http: it does not say where a form is from by
// Sec-Fetch-Site.
const otherName = "relay.example"

// browser opens url in a headless Chromium, or skips the test without one.
func browser(t *testing.T, url string) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("neither chromium nor google-chrome is in PATH, so nobody looks at the page")
	}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.Flag("host-resolver-rules", "MAP "+otherName+" 127.0.0.1"),
	}
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium has no sandbox for root
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute) // a busy machine is nobody's mistake
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx, chromedp.WithAllocatorOptions(options...))
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(url)))
	return ctx
}

func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	require.NoError(t, chromedp.Do(ctx, steps...))
}

func evaluate[T any](t *testing.T, ctx context.Context, expression string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(t, err, expression)
	return v
}

// keys presses keys one after the other.
func keys(text string) chromedp.Action[chromedp.Void] { return chromedp.KeyEvent(text) }

// scheme has the browser prefer light or dark.
func scheme(name string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
		})
		return err
	})
}

// withoutScripts keeps a page's scripts from running; a test can still look
// at it.
func withoutScripts() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	})
}

const focused = `(({tagName, name, textContent}) => tagName.toLowerCase() + " " + (name || textContent.trim()))(document.activeElement)`

func TestAKeyboardIsEnoughForThePage(t *testing.T) {
	s := newSite(t)
	l := httptest.NewServer(s.handler)
	t.Cleanup(l.Close)
	ctx := browser(t, l.URL+"/subscriptions")

	var order []string
	for range 16 {
		do(t, ctx, keys("\t"))
		order = append(order, evaluate[string](t, ctx, focused))
	}
	require.Equal(t, []string{
		"a Skip to the page", "a teamsrelay", "a Deliveries", "a Dead letters", "a Destinations", "a Rules", "a Watchdogs", "a Subscriptions", "a Users", "a Configuration", "a Audit",
		"a Add one", "select destination", "textarea matchers", "input who", "button Add",
	}, order)
	require.NotEqual(t, "none", evaluate[string](t, ctx, `getComputedStyle(document.activeElement).outlineStyle`), "nobody sees where they are")

	do(t, ctx, chromedp.Focus("#destination"), keys("dba"), keys("\t"), keys("team=\"dba\"\rsite=\"fra1\""), keys("\t"), keys("Alice"), keys("\t"), keys("\r"),
		chromedp.WaitVisible(".notice"))
	id := alert.ShortID(1)
	require.Equal(t, []string{`team="dba"`, `site="fra1"`}, s.subscribed()[0].Matchers)
	require.Equal(t, "Alice", s.subscribed()[0].By.Name)
	do(t, ctx, chromedp.Reload(), chromedp.WaitVisible(".notice"))
	require.Len(t, s.lines(""), 1, "loading the page again sends nothing again")

	do(t, ctx, chromedp.Focus("summary"), keys("\r"), keys("\t"))
	require.Equal(t, "input who", evaluate[string](t, ctx, focused))
	do(t, ctx, keys("Bob"), keys("\r"), chromedp.WaitNotPresent("summary"))
	require.Empty(t, s.subscribed())
	require.Contains(t, evaluate[string](t, ctx, `document.querySelector(".notice").innerText`), "Removed: "+id)
	require.Equal(t, "Bob", s.lines("")[0].Who)
}

func TestABrowserElsewhereGivesTheAdminToken(t *testing.T) {
	s := newSite(t)
	l := httptest.NewServer(s.handler)
	t.Cleanup(l.Close)
	to, err := url.Parse(l.URL)
	require.NoError(t, err)
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
		r.SetXForwarded()
	}})
	t.Cleanup(proxy.Close)
	at, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	ctx := browser(t, "http://"+otherName+":"+at.Port()+"/subscriptions")
	require.False(t, evaluate[bool](t, ctx, `isSecureContext`), "this is to be what a browser trusts least")

	do(t, ctx, chromedp.SetValue("#destination", "ops"), chromedp.SendKeys("#matchers", "team=\"a\"\nand <b>more</b>"),
		chromedp.SendKeys("#add [name=admin_token]", token), chromedp.Click("#add button"), chromedp.WaitVisible("#matchers-problem"))
	require.Contains(t, evaluate[string](t, ctx, `document.querySelector("#matchers-problem").innerText`), "is no matcher")
	require.Equal(t, "team=\"a\"\nand <b>more</b>", evaluate[string](t, ctx, `document.querySelector("#matchers").value`))
	require.Equal(t, "ops", evaluate[string](t, ctx, `document.querySelector("#destination").value`))
	require.Equal(t, "matchers", evaluate[string](t, ctx, `document.activeElement.id`), "whoever cannot see it is led there")
	require.Empty(t, evaluate[string](t, ctx, `document.querySelector("[name=admin_token]").value`))

	do(t, ctx, chromedp.SetValue("#matchers", `team="a"`), chromedp.SendKeys("#add [name=admin_token]", "another"),
		chromedp.Click("#add button"), chromedp.WaitVisible("#add > form > .problem"))
	require.Empty(t, s.subscribed())
	do(t, ctx, chromedp.SendKeys("#add [name=admin_token]", token), chromedp.Click("#add button"), chromedp.WaitVisible(".notice"))
	require.Len(t, s.subscribed(), 1)
	require.NotContains(t, evaluate[string](t, ctx, `location.href + document.cookie + document.documentElement.outerHTML`), token)

	do(t, ctx, chromedp.Click("summary"), chromedp.SendKeys("details [name=admin_token]", token), chromedp.Click(".danger"), chromedp.WaitNotPresent("summary"))
	require.Empty(t, s.subscribed())
}

// watched has a page note what is wrong while it loads, because nobody can ask
// for that afterwards: what the policy forbids, what fails, and controls that
// show no focus.
const watched = `window.wrong = []; window.focused = new Set(); window.keyboard = false;
	addEventListener("keydown", () => { keyboard = true; });
	addEventListener("pointerdown", () => { keyboard = false; });
	addEventListener("securitypolicyviolation", (e) => wrong.push("forbidden by the policy: " + e.violatedDirective + " " + e.blockedURI + " " + e.sample));
	addEventListener("error", (e) => wrong.push("failed: " + (e.message || e.target.outerHTML)), true);
	addEventListener("focusin", (e) => {
		focused.add(e.target);
		const s = getComputedStyle(e.target);
		if (keyboard && e.target.id !== "main" && (s.outlineStyle === "none" || parseFloat(s.outlineWidth) < 2)) wrong.push("shows no focus: " + e.target.outerHTML);
	});`

// fits has a page be looked at on small phones, a larger one and a screen, light
// and dark, after open has done something to it on the larger phone: that it
// fits, that everybody can read it, that a finger hits what can be pressed, that
// a keyboard reaches it, that screen readers can make sense of it, and that
// nothing comes from anywhere else. It writes what it saw to $PICTURES when
// that is set.
func fits(t *testing.T, ctx context.Context, name, address string, open ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	at, err := url.Parse(address)
	require.NoError(t, err)
	watch := chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: watched})
		return err
	})
	do(t, ctx, watch)
	seen := map[string]bool{}
	for _, width := range []int64{320, 390, 1200} { // a phone of 360 is between the first two, and nothing changes there
		do(t, ctx, chromedp.EmulateViewport(width, 800), chromedp.Navigate(address))
		if width == 390 {
			do(t, ctx, open...)
		}
		where := fmt.Sprintf("%s at %d: ", name, width)
		require.LessOrEqual(t, evaluate[float64](t, ctx, `document.documentElement.scrollWidth`), float64(width), where+"nobody scrolls sideways")
		require.Empty(t, evaluate[[]string](t, ctx, tooSmall), where+"a finger hits it")
		require.Equal(t, []string{at.Scheme + "://" + at.Host}, evaluate[[]string](t, ctx, origins), where+"nothing comes from anywhere else")
		require.Empty(t, evaluate[[]string](t, ctx, senseless), where+"who cannot see it can make sense of it")
		for _, colours := range []string{"light", "dark"} {
			do(t, ctx, scheme(colours))
			require.Empty(t, evaluate[[]string](t, ctx, tooFaint), where+"everybody can read it, "+colours)
			seen[evaluate[string](t, ctx, `getComputedStyle(document.body).backgroundColor`)] = true
			if folder := os.Getenv("PICTURES"); folder != "" {
				png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join(folder, fmt.Sprintf("%s-%d-%s.png", name, width, colours)), png, 0o644))
			}
		}
		if width == 1200 {
			count := evaluate[int](t, ctx, `(document.activeElement.blur(), `+stops+`)`)
			do(t, ctx, keys(strings.Repeat("\t", count+1)))
			require.Empty(t, evaluate[[]string](t, ctx, controls+`.filter((e) => !focused.has(e)).map((e) => e.outerHTML)`), where+"a keyboard gets there")
		}
		require.Empty(t, evaluate[[]string](t, ctx, `wrong`), where)
	}
	require.Len(t, seen, 2, "light and dark")
}

// tooSmall lists what can be pressed and is too small for a finger.
const tooSmall = `[...document.querySelectorAll("button, summary, select, textarea, input:not([type=hidden], [type=checkbox], [type=radio]), label:has(> [type=checkbox], > [type=radio]), .chips a, .button")]
	.filter((e) => e.checkVisibility() && !e.disabled && !e.closest(".cv") && e.getBoundingClientRect().height < 40).map((e) => e.outerHTML)`

// origins are where the page and what it needs come from.
const origins = `[...new Set(performance.getEntriesByType("resource").map((e) => new URL(e.name)).filter((u) => u.protocol !== "data:").map((u) => u.origin))]`

// controls are what a keyboard must reach.
const controls = `[...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")].filter((e) => e.checkVisibility({visibilityProperty: true}) && !e.disabled)`

// stops is at most how often a keyboard stops on its way through controls: at
// each part of a time, of which there are no more than these, and at its calendar.
const stops = controls + `.reduce((sum, e) => sum + (e.type === "datetime-local" ? 8 : 1), 0)`

// senseless lists what screen readers cannot make sense of: the part of axe's
// rules that a page without scripts can break.
const senseless = `(() => {
	const wrong = [];
	const check = (ok, what, e) => { if (!ok) wrong.push(what + (e ? ": " + e.outerHTML.slice(0, 300) : "")); };
	const name = (e) => (e.getAttribute("aria-label") || [...(e.labels || [])].map((l) => l.textContent).join(" ") || e.textContent || e.title || "").trim();
	const all = (selector) => [...document.querySelectorAll(selector)];
	check(document.documentElement.lang === "en", "the page does not say its language");
	check(document.title.trim() !== "" && !document.title.startsWith(" "), "the page has no title");
	check(all("main").length === 1, "there is not one main part");
	check(all("h1").length === 1, "there is not one h1");
	let level = 0;
	for (const h of all("h1, h2, h3, h4, h5, h6")) {
		const is = +h.tagName[1];
		check(is <= level + 1, "a heading skips a level", h);
		check(h.textContent.trim() !== "", "a heading without words", h);
		level = is;
	}
	for (const e of all("input:not([type=hidden]), select, textarea")) check(e.labels.length && name(e), "an input that does not say what it is for", e);
	for (const e of all("a[href], button:not([hidden]), summary")) check(name(e), "nobody hears where it leads", e);
	for (const e of all("img")) check(e.hasAttribute("alt"), "a picture without words", e);
	for (const e of all("table th")) check(e.scope || e.closest(".cv"), "a heading of a table that does not say of what", e);
	for (const e of all("ul > *, ol > *")) check(e.tagName === "LI", "a list holds something that is no item", e);
	for (const e of all("dl > *")) check(["DT", "DD"].includes(e.tagName), "names and values hold something else", e);
	for (const e of all("nav, section")) check(e.hasAttribute("aria-label") || e.hasAttribute("aria-labelledby"), "a part without a name", e);
	const ids = new Set();
	for (const e of all("[id]")) { check(!ids.has(e.id), "an id twice", e); ids.add(e.id); }
	for (const attribute of ["aria-labelledby", "aria-describedby", "for", "popovertarget"]) {
		for (const e of all("[" + attribute + "]")) {
			for (const id of e.getAttribute(attribute).split(/\s+/)) check(ids.has(id), attribute + " leads nowhere", e);
		}
	}
	for (const e of all("a[href^='#']")) check(ids.has(e.getAttribute("href").slice(1)), "a link within the page leads nowhere", e);
	return wrong;
})()`

// tooFaint lists texts whose contrast with what is behind them is below 4.5,
// the least that WCAG 2.2 wants of text of this size (1.4.3).
const tooFaint = `(() => {
	const luminance = (c) => {
		const [r, g, b] = c.map((v) => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
		return .2126 * r + .7152 * g + .0722 * b;
	};
	const numbers = (c) => c.match(/[\d.]+/g).map(Number);
	const behind = (e) => {
		for (; e; e = e.parentElement) {
			const c = numbers(getComputedStyle(e).backgroundColor);
			if (c.length === 3 || c[3] === 1) return c.slice(0, 3);
		}
		return [255, 255, 255];
	};
	return [...document.querySelectorAll("body *")].filter((e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())).map((e) => {
		const a = luminance(numbers(getComputedStyle(e).color).slice(0, 3)), b = luminance(behind(e));
		return [(Math.max(a, b) + .05) / (Math.min(a, b) + .05), e.outerHTML];
	}).filter(([ratio]) => ratio < 4.5).map((pair) => pair.join(" "));
})()`

func TestThePageFitsAPhone(t *testing.T) {
	s := newSite(t)
	require.NoError(t, s.store.Update(t.Context(), func(tx store.Tx) error {
		c := store.Conversation{ID: "19:sre@thread.tacv2", Kind: store.Channel, Name: "Störungen", TeamName: "Site reliability engineering of the whole company", Installed: true}
		for _, row := range []store.Subscription{
			{Address: "gone", Name: "night shift", Matchers: []string{`severity="critical"`}},
			{Address: botframework.AddressID(c.ID), Name: "Störungen", Matchers: []string{`severity=~"critical|warning"`, `team="storage"`, `instance=~"a-very-long-name-of-a-machine-that-does-not-fit-on-one-line-of-a-phone.*"`}},
			{Address: botframework.AddressID("a:bob"), Name: "Bob"},
		} {
			row.By, row.At = group.Person{Name: "Alice"}, s.engine.Now()
			if err := tx.SaveSubscription(&row); err != nil {
				return err
			}
		}
		return tx.SaveConversation(&c)
	}))
	l := httptest.NewServer(s.handler)
	t.Cleanup(l.Close)
	ctx := browser(t, l.URL+"/subscriptions")
	fits(t, ctx, "subscriptions", l.URL+"/subscriptions?removed="+alert.ShortID(9), chromedp.Click("summary"), chromedp.WaitVisible(".danger"))
}
