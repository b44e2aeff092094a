package teamstest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

// click clicks the first element of a selector whose text is this.
func click(t *testing.T, ctx context.Context, selector, text string) {
	t.Helper()
	require.True(t, evaluate[bool](t, ctx, fmt.Sprintf(
		`(() => { const found = [...document.querySelectorAll(%q)].find((e) => e.innerText.trim() === %q); found?.click(); return Boolean(found); })()`, selector, text)),
		"there is no %s %q", selector, text)
}

// What the page sends is what people's Teams would send: a press with what
// stands in the card's inputs. The answer is for who pressed, until the bot
// replaces the card; nobody has to load the page anew.
func TestOnThePageAButtonReachesTheBotAndTheAnswerIsForWhoPressed(t *testing.T) {
	if !teamstest.Bundled() {
		t.Skip("the renderer is not built in; run receiver/teamstest/page/bundle.sh (make page)")
	}
	bot := startBot(t)
	s := teamstest.New(teamstest.Options{Bot: teamstest.Bot{Endpoint: bot.endpoint}})
	require.NoError(t, s.InstallEverywhere(t.Context()))
	m := thread(t, s, teamstest.Alerts, ackCard())
	bot.answer = `{"statusCode": 200, "type": "application/vnd.microsoft.card.adaptive", "value": {"type": "AdaptiveCard", "version": "1.5", "body": [{"type": "TextBlock", "text": "acknowledged by you"}]}}`
	ctx := browser(t, listen(t, s)+"?channel=Alerts")
	waitFor(t, ctx, ".thread .ac-textBlock", "hot")

	require.NoError(t, chromedp.Do(ctx, chromedp.SendKeys(`#feed .ac-input`, "on it")))
	click(t, ctx, "#feed .ac-pushButton", "Acknowledge")
	waitFor(t, ctx, ".thread .ac-textBlock", "acknowledged by you")
	require.Equal(t, "Alice Adams", in(bot.last(t), "from", "name"))
	require.Equal(t, map[string]any{"verb": "ack", "group": 7.0, "comment": "on it"}, in(bot.last(t), "value", "action", "data"))

	evaluate[bool](t, ctx, `((as) => (as.value = [...as.options].find((o) => o.text.startsWith("Bob")).value, as.dispatchEvent(new Event("change"))))(document.getElementById("as"))`)
	waitFor(t, ctx, ".thread .ac-textBlock", "hot") // Bob still sees what all see

	status, _ := connector(t, s, "PUT", "/v3/conversations/"+m.Conversation+"/activities/"+m.MessageID, cardActivity(textBlock("acknowledged by Alice")))
	require.Equal(t, 200, status)
	waitFor(t, ctx, ".thread .ac-textBlock", "acknowledged by Alice")
	waitFor(t, ctx, ".thread .edited", "Edited")
}

func TestOnThePagePeopleTalkToTheBot(t *testing.T) {
	bot := startBot(t)
	s := teamstest.New(teamstest.Options{Bot: teamstest.Bot{Endpoint: bot.endpoint}})
	require.NoError(t, s.InstallEverywhere(t.Context()))
	ctx := browser(t, listen(t, s)+"?channel=Alerts")
	require.NoError(t, chromedp.Do(ctx, chromedp.SendKeys(`#compose input`, `status <img src=x onerror="window.pwned=1">`), chromedp.Click(`#compose button`)))
	waitFor(t, ctx, ".thread .text", "teamsrelay status <img src=x")
	said := bot.await(t, `<at>teamsrelay</at> status <img src=x onerror="window.pwned=1">`)
	status, _ := connector(t, s, "POST", "/v3/conversations/"+in(said, "conversation", "id").(string)+"/activities",
		map[string]any{"type": "message", "text": "**2** alerts <script>window.pwned=1</script> [x](javascript:window.pwned=1)"})
	require.Equal(t, 201, status)
	waitFor(t, ctx, ".thread .replies .text", "alerts <script>") // without the renderer Markdown stays as it is
	require.False(t, evaluate[bool](t, ctx, `"pwned" in window || document.querySelectorAll("#feed script, #feed img:not([src='icon.svg']), #feed a").length > 0`), "what people write is text")
}

// Teams moves nothing when a card is edited. Who loads the page gets messages
// in the order of their last change.
func TestOnThePageAnEditedCardStaysWhereItIs(t *testing.T) {
	s := teamstest.New(teamstest.Options{Bot: teamstest.Bot{Endpoint: startBot(t).endpoint}})
	require.NoError(t, s.InstallEverywhere(t.Context()))
	for _, text := range []string{"first", "second", "third"} {
		status, _ := connector(t, s, "POST", "/v3/conversations/"+teamstest.Chat+"/activities", map[string]any{"type": "message", "text": text})
		require.Equal(t, 201, status)
	}
	first := s.Posted(teamstest.Chat)[0]
	status, _ := connector(t, s, "PUT", "/v3/conversations/"+teamstest.Chat+"/activities/"+first.MessageID, map[string]any{"type": "message", "text": "first, edited"})
	require.Equal(t, 200, status)
	ctx := browser(t, listen(t, s)+"?channel=On+call")
	waitFor(t, ctx, ".text", "third")
	waitFor(t, ctx, ".text", "first, edited")
	require.Equal(t, []string{"first, edited", "second", "third"},
		evaluate[[]string](t, ctx, `[...document.querySelectorAll("#feed .text")].map((one) => one.innerText.trim())`))
}
