package card

// EscapeMarkdown makes a text show itself where Teams reads Markdown: nothing
// in it is Markdown, a mention or a template expression. It is for the words
// that stand around cards, in messages of the bot.
func EscapeMarkdown(text string) string { return escapeMarkdown(text) }
