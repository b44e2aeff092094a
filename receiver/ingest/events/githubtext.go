package events

import "strings"

// githubText is what a person would read in the Markdown of an issue, a pull
// request or a comment: the remarks that templates and bots hide in it
// (<!-- … -->) go. null where nothing is left. It is offered to mappings as
// github_text.
func githubText(value any) any {
	text, _ := value.(string)
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "<!--")
		out.WriteString(before)
		if !found {
			break
		}
		if _, text, found = strings.Cut(rest, "-->"); !found {
			break // GitHub shows nothing of what follows either
		}
	}
	if read := strings.TrimSpace(strings.ReplaceAll(out.String(), "\r\n", "\n")); read != "" {
		return read
	}
	return nil
}
