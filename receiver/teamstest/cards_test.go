package teamstest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// hostileText is what somebody may write into an alert to get into a page.
const hostileText = "</script><script>window.pwned=1</script><!--<script> </style> \u2028 ${1} {{2}} \\u003c/script>"

func aCard(t *testing.T, text string) teamstest.Card {
	t.Helper()
	card, err := json.Marshal(map[string]any{"type": "AdaptiveCard", "version": "1.5", "body": []any{textBlock(text)}})
	require.NoError(t, err)
	return card
}

// writeCards is a page of cards.
func writeCards(t *testing.T, cards ...teamstest.ShownCard) string {
	t.Helper()
	var page bytes.Buffer
	require.NoError(t, teamstest.WriteCards(&page, "A <b>title</b>", cards))
	return page.String()
}

// openFile opens a page as somebody does who was sent the file.
func openFile(t *testing.T, page string) context.Context {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cards.html")
	require.NoError(t, os.WriteFile(file, []byte(page), 0o600))
	return browser(t, "file://"+file)
}

func TestAPageOfCardsIsOneFileThatShowsThem(t *testing.T) {
	if !teamstest.Bundled() {
		t.Skip("the renderer is not built in; run receiver/teamstest/page/bundle.sh (make page)")
	}
	ctx := openFile(t, writeCards(t,
		teamstest.ShownCard{Name: "hot", Card: aCard(t, "Rack **r1** is hot"), Summary: "r1 is hot", Size: "1 KB of 24 KB"},
		teamstest.ShownCard{Name: hostileText, Card: aCard(t, hostileText), Summary: hostileText, Size: hostileText, Notes: []string{hostileText}},
	))
	require.Equal(t, "A <b>title</b>", evaluate[string](t, ctx, `document.title`))
	text := evaluate[string](t, ctx, `document.getElementById("cards").innerText`)
	for _, want := range []string{"Rack r1 is hot", "Preview: r1 is hot", "1 KB of 24 KB"} {
		require.Contains(t, text, want)
	}
	require.Equal(t, 5, strings.Count(text, "</script><script>window.pwned=1</script>"), "name, preview, card, size and note show what somebody wrote: %s", text)
	require.Equal(t, 2.0, evaluate[float64](t, ctx, `document.querySelectorAll("#cards .ac-adaptiveCard").length`))
	require.False(t, evaluate[bool](t, ctx, `"pwned" in window`), "what stands in an alert ran as a script")

	require.Equal(t, 560.0, evaluate[float64](t, ctx, `document.querySelector(".card").offsetWidth`), "as on a desktop")
	require.Equal(t, 320.0, evaluate[float64](t, ctx, `document.getElementById("phone").click() ?? document.querySelector(".card").offsetWidth`), "as on a phone")
	const ground = `getComputedStyle(document.body).backgroundColor`
	light := evaluate[string](t, ctx, ground)
	require.NotEqual(t, light, evaluate[string](t, ctx, `document.getElementById("theme").click() ?? `+ground), "dark is another ground")
}

// The page carries its own policy, so that nothing of a card is fetched, from
// this machine or from others.
func TestAPageOfCardsAsksNobodyForAnything(t *testing.T) {
	page := writeCards(t)
	require.Contains(t, page, "default-src &#39;none&#39;")
	require.NotContains(t, page, "unsafe-inline")
	for _, asks := range []string{" src=", "<link", "@import", "url("} {
		head, _, _ := strings.Cut(page, `<script type="application/json"`)
		require.NotContains(t, head, asks)
	}
	if teamstest.Bundled() {
		require.Contains(t, page, "Permission is hereby granted", "the licences travel with the renderer")
	}
}

func TestAPageOfCardsWithoutTheRendererShowsTheirJSON(t *testing.T) {
	page := writeCards(t, teamstest.ShownCard{Name: "hot", Card: aCard(t, "Rack r1 is hot")})
	before, after, ok := strings.Cut(page, "<script>") // the first script of the renderer, if it is there
	if ok {
		_, after, ok = strings.Cut(after, `<script type="module">`)
		require.True(t, ok, "the page's own script comes last")
		page = before + `<script type="module">` + after
	}
	text := evaluate[string](t, openFile(t, page), `document.body.innerText`)
	require.Contains(t, text, `"text": "Rack r1 is hot"`)
	require.Contains(t, text, "make page")
}
