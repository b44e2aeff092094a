package teamstest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

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
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir())}
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

// evaluate runs an expression in the page; a promise is waited for.
func evaluate[T any](t *testing.T, ctx context.Context, expression string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(t, err, expression)
	return v
}

// waitFor waits until the feed shows an element of this selector that holds
// text. The browser tells; nobody asks again and again.
func waitFor(t *testing.T, ctx context.Context, selector, text string) {
	t.Helper()
	require.True(t, evaluate[bool](t, ctx, fmt.Sprintf(`new Promise((done) => {
		const feed = document.getElementById("feed");
		const seen = () => [...feed.querySelectorAll(%q)].some((e) => e.innerText.includes(%q)) && (watch.disconnect(), done(true));
		const watch = new MutationObserver(seen);
		watch.observe(feed, {childList: true, subtree: true, characterData: true});
		seen();
	})`, selector, text)))
}

// postCard posts a card with the elements to a webhook of a listening server.
func postCard(t *testing.T, url, webhook string, elements ...any) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"type": "message", "summary": "a summary", "attachments": []any{map[string]any{
		"contentType": "application/vnd.microsoft.card.adaptive",
		"content":     map[string]any{"type": "AdaptiveCard", "version": "1.5", "body": elements},
	}}})
	require.NoError(t, err)
	status, said := call(t, "POST", url+"/workflow/"+webhook, string(body))
	require.Equal(t, 202, status, said)
}

func textBlock(text string) any {
	return map[string]any{"type": "TextBlock", "text": text, "wrap": true}
}

func TestThePageShowsACardAndWhatFollowsWithoutReload(t *testing.T) {
	if !teamstest.Bundled() {
		t.Skip("the renderer is not built in; run receiver/teamstest/page/bundle.sh (make page)")
	}
	s := teamstest.New(teamstest.Options{})
	url := listen(t, s)
	postCard(t, url, "ops", textBlock("**Rack r1** is [hot](https://runbooks.example/hot)"))
	ctx := browser(t, url)
	waitFor(t, ctx, ".ac-adaptiveCard .ac-textBlock", "Rack r1 is hot")
	require.Equal(t, "Rack r1", evaluate[string](t, ctx, `document.querySelector("#feed .card strong").innerText`), "Markdown is rendered")
	require.Equal(t, "https://runbooks.example/hot noopener noreferrer", evaluate[string](t, ctx, `(({href, rel}) => href + " " + rel)(document.querySelector("#feed .card a"))`))
	require.True(t, evaluate[bool](t, ctx, `window.stillHere = true`))

	postCard(t, url, "ops", textBlock("Rack r1 is fine again: resolved"))
	waitFor(t, ctx, ".ac-adaptiveCard .ac-textBlock", "resolved")
	require.Equal(t, 2.0, evaluate[float64](t, ctx, `document.querySelectorAll("#feed .post").length`))
	require.True(t, evaluate[bool](t, ctx, `window.stillHere === true`), "the page was not loaded anew")

	s.Fault("ops", teamstest.Fault{Status: 429, Times: 2})
	for range 2 {
		call(t, "POST", url+"/workflow/ops", envelope("refused"))
	}
	waitFor(t, ctx, ".refused", "2 times")

	s.Clear()
	require.True(t, evaluate[bool](t, ctx, `new Promise((done) => {
		const feed = document.getElementById("feed");
		const gone = () => feed.children.length === 0 && done(true);
		new MutationObserver(gone).observe(feed, {childList: true});
		gone();
	})`))
	require.True(t, evaluate[bool](t, ctx, `!document.getElementById("empty").hidden`), "an empty channel says what to do")
}

func TestThePageShowsTheJSONWhereTheRendererIsMissing(t *testing.T) {
	s := teamstest.New(teamstest.Options{})
	l := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/vendor/") {
			http.NotFound(w, r)
			return
		}
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { s.Close(); l.Close() })
	postCard(t, l.URL, "ops", textBlock("hot"))
	ctx := browser(t, l.URL)
	waitFor(t, ctx, "pre.json", `"text": "hot"`)
	require.Contains(t, evaluate[string](t, ctx, `document.getElementById("unbundled").innerText`), "make page")
}

// What an alert says is what somebody else wrote; on the page it is text and
// nothing but text.
func TestHostileCardsDoNothing(t *testing.T) {
	s := teamstest.New(teamstest.Options{})
	url := listen(t, s)
	var foreign atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { foreign.Add(1) }))
	defer elsewhere.Close()
	ctx := browser(t, url)
	for _, text := range []string{
		`<img src=x onerror="window.pwned=1">`,
		`</script><script>window.pwned=1</script>`,
		`</pre></div><svg onload="window.pwned=1">`,
		`[click](javascript:window.pwned=1) [data](data:text/html,<script>window.pwned=1</script>)`,
		`<at><img src=x onerror="window.pwned=1"></at>`,
		`![picture](` + elsewhere.URL + `/markdown.png)`,
	} {
		postCard(t, url, "ops", textBlock(text), map[string]any{"type": "FactSet", "facts": []any{map[string]any{"title": text, "value": text}}})
	}
	postCard(t, url, "ops",
		map[string]any{"type": "Image", "url": elsewhere.URL + "/image.png", "altText": `<b onmouseover="window.pwned=1">`},
		map[string]any{"type": "Image", "url": `javascript:window.pwned=1`},
		map[string]any{"type": "Container", "backgroundImage": elsewhere.URL + "/background.png", "items": []any{textBlock("x")}},
		map[string]any{"type": "ActionSet", "actions": []any{map[string]any{"type": "Action.OpenUrl", "title": "go", "url": "javascript:window.pwned=1"}}},
		map[string]any{"type": "ActionSet", "actions": []any{map[string]any{"type": "Action.OpenUrl", "title": "go", "url": "https://runbooks.example/"}}},
	)
	postCard(t, url, "ops", textBlock("the last card"))
	waitFor(t, ctx, ".post", "the last card")
	evaluate[bool](t, ctx, `(window.opened = [], window.open = (url) => { window.opened.push(url); }, true)`)
	evaluate[bool](t, ctx, `[...document.querySelectorAll("#feed .card button, #feed summary")].forEach((e) => e.click()) ?? true`)
	// Two frames later whatever a card started has had its turn.
	evaluate[bool](t, ctx, `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`)

	require.False(t, evaluate[bool](t, ctx, `"pwned" in window`), "a card ran a script")
	if teamstest.Bundled() {
		require.Equal(t, []string{"https://runbooks.example/"}, evaluate[[]string](t, ctx, `window.opened`), "buttons open web pages and nothing else")
	}
	require.Zero(t, evaluate[float64](t, ctx, `document.querySelectorAll("#feed script, #feed .card svg, #feed .card img, #feed iframe").length`))
	require.Zero(t, evaluate[float64](t, ctx, `[...document.querySelectorAll("#feed a")].filter((a) => !/^(https?|mailto):/.test(a.href)).length`))
	require.Zero(t, foreign.Load(), "the page asked another server for something")
	require.Contains(t, evaluate[string](t, ctx, `document.getElementById("feed").innerText`), "<img src=x onerror=", "the text is shown as it came")
}

func TestThePageCarriesAStrictPolicy(t *testing.T) {
	for _, path := range []string{"/", "/page.js", "/no-such-file"} {
		w := httptest.NewRecorder()
		teamstest.New(teamstest.Options{}).ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		policy := w.Header().Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'")
		require.NotContains(t, policy, "unsafe")
		require.NotContains(t, policy, "http")
	}
}
