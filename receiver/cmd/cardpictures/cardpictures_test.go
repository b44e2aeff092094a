package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// needsBrowser skips a test where nothing can be drawn.
func needsBrowser(t *testing.T) {
	t.Helper()
	if err := ready(); err != nil {
		t.Skip(err)
	}
}

// look opens the cards in one look and returns what is wrong with them.
func lookAt(t *testing.T, b *browser, l look, pictures []picture) []string {
	t.Helper()
	page, err := write(t.TempDir(), pictures)
	require.NoError(t, err)
	require.NoError(t, b.show(page, l))
	faults, err := b.faults()
	require.NoError(t, err)
	return faults
}

func openBrowser(t *testing.T) *browser {
	t.Helper()
	needsBrowser(t)
	b, done, err := open(t.Context())
	require.NoError(t, err)
	t.Cleanup(done)
	return b
}

// A card that is cut off on a phone is one that nobody reads there.
func TestEveryShippedCardIsShownWhole(t *testing.T) {
	b := openBrowser(t)
	pictures, err := samples(time.Date(2026, 3, 2, 10, 14, 0, 0, time.UTC), "")
	require.NoError(t, err)
	for _, p := range pictures {
		require.NoError(t, p.fault, p.shown.Name)
		require.NotEmpty(t, p.shown.Summary, "%s: a phone has nothing to show of it before it is opened", p.shown.Name)
	}
	// Colours do not change what fits: each width and each theme once.
	for _, l := range []look{{"light", "desktop"}, {"dark", "phone"}} {
		require.Empty(t, lookAt(t, b, l, pictures), l.name())
	}
}

// TestWhatIsWrongWithACardIsSeen proves that the test above can fail.
func TestWhatIsWrongWithACardIsSeen(t *testing.T) {
	b := openBrowser(t)
	text := func(words string) any { return map[string]any{"type": "TextBlock", "text": words, "wrap": true} }
	column := func(width string, items ...any) any {
		return map[string]any{"type": "Column", "width": width, "items": items}
	}
	image := func(url string) any { return map[string]any{"type": "Image", "url": url, "altText": "the trend"} }
	for name, c := range map[string]struct {
		body []any
		want string // "" nothing is wrong
	}{
		"words":   {[]any{text("A card like others, whose words go on in a second line")}, ""},
		"nothing": {nil, "the card"},
		"columns that are wider than a phone": {[]any{map[string]any{"type": "ColumnSet", "columns": []any{
			column("250px", text("left")), column("250px", text("right"))}}}, "px"},
		"a column that leaves no room": {[]any{map[string]any{"type": "ColumnSet", "columns": []any{
			column("270px", text("left")), column("stretch", text("much to say"))}}}, "much"},
		"a picture that is broken":       {[]any{text("x"), image("data:image/png;base64,AAAA")}, "cannot be read"},
		"a picture from another machine": {[]any{text("x"), image("https://pictures.example/a.png")}, ""},
		"what is wide behind a button": {[]any{text("x"), map[string]any{"type": "ColumnSet", "isVisible": false, "id": "more", "columns": []any{
			column("250px", text("left")), column("250px", text("right"))}}}, "px"},
	} {
		t.Run(name, func(t *testing.T) {
			card, err := json.Marshal(map[string]any{"type": "AdaptiveCard", "version": "1.5", "body": c.body})
			require.NoError(t, err)
			faults := lookAt(t, b, look{"light", "phone"}, []picture{{card: "x", state: "y", shown: teamstest.ShownCard{Name: name, Card: card}}})
			if c.want == "" {
				require.Empty(t, faults)
				return
			}
			require.NotEmpty(t, faults)
			require.Contains(t, faults[0], name+": ")
			require.Contains(t, faults[0], c.want)
		})
	}
}

func TestOneCardIsDrawnInAllLooks(t *testing.T) {
	needsBrowser(t)
	dir := filepath.Join(t.TempDir(), "cards")
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, dir, "minimal"))
	for _, l := range looks {
		require.Contains(t, out.String(), l.name())
		pictures, err := filepath.Glob(filepath.Join(dir, "minimal-*-"+l.theme+"-"+l.width+".png"))
		require.NoError(t, err)
		require.NotEmpty(t, pictures)
		picture, err := os.ReadFile(pictures[0])
		require.NoError(t, err)
		require.True(t, bytes.HasPrefix(picture, []byte("\x89PNG")))
	}
	sheet, err := os.ReadFile(filepath.Join(dir, "index.html"))
	require.NoError(t, err)
	require.Contains(t, string(sheet), `id="minimal"`)
	require.FileExists(t, filepath.Join(dir, "overview.png"))
}

// A picture that nobody draws any more shows a card that nobody gets.
func TestPicturesOfOldSamplesGo(t *testing.T) {
	dir := t.TempDir()
	pictures, err := samples(time.Now(), "minimal")
	require.NoError(t, err)
	for _, name := range []string{pictures[0].file(looks[0]), "alert-long-gone-dark-phone.png", "notes.png", "index.html"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	require.NoError(t, tidy(dir, pictures))
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	for i := range left {
		left[i] = filepath.Base(left[i])
	}
	require.ElementsMatch(t, []string{pictures[0].file(looks[0]), "notes.png", "index.html"}, left, "what is not ours stays")
}

func TestACardThatThereIsNotIsSaidInWords(t *testing.T) {
	_, err := samples(time.Now(), "rack")
	require.ErrorContains(t, err, `no card "rack"`)
	require.ErrorContains(t, err, "alert")
}

func TestWhatIsMissingOnTheMachineIsSaid(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var out bytes.Buffer
	err := run(t.Context(), &out, t.TempDir(), "")
	require.ErrorContains(t, err, "install")
	_, err = chromium()
	require.ErrorContains(t, err, "apt-get install chromium")
}
