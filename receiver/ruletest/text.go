package ruletest

import (
	"encoding/json"
	"html"
	"regexp"
	"strings"

	"github.com/teamsrelay/teamsrelay/receiver/card"
)

// textOf is what people read of a message: the preview that a phone shows,
// then the card's texts from top to bottom, each on a line of its own, without
// the signs of Markdown. A fact is "title: value".
func textOf(m card.Message) string {
	lines := []string{m.Summary}
	var root any
	if err := json.Unmarshal(m.Card, &root); err == nil { // it is: card.Set checks it
		lines = append(lines, texts(root, "")...)
	}
	var kept []string
	for _, line := range strings.Split(strings.Join(lines, "\n"), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// readable are the members of a card's elements that hold what people read or
// elements that do, in the order in which they are shown.
var readable = []string{
	"title", "label", "text", "value", "codeSnippet", "altText", "placeholder", "errorMessage",
	"inlines", "facts", "columns", "items", "rows", "cells", "images", "choices", "body", "actions", "card",
}

// texts collects what people read in a value and below it. kind is the type
// of the element around it.
func texts(value any, kind string) (lines []string) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			lines = append(lines, texts(item, kind)...)
		}
	case map[string]any:
		own, _ := value["type"].(string)
		if title, ok := value["title"].(string); ok && kind == "FactSet" {
			fact, _ := value["value"].(string)
			return []string{shown(title) + ": " + shown(fact)}
		}
		for _, name := range readable {
			switch member := value[name].(type) {
			case string:
				switch {
				case name == "value" && own != "Input.Text":
					// what a choice sends, not what it shows
				case own == "TextBlock":
					lines = append(lines, shown(member))
				default:
					lines = append(lines, plain(member))
				}
			case []any, map[string]any:
				lines = append(lines, texts(member, own)...)
			}
		}
	case string: // a run of text
		lines = append(lines, plain(value))
	}
	return lines
}

// Escaped characters are moved out of the way of everything that looks for
// Markdown, into a plane of Unicode that belongs to nobody.
const aside = 0x10F000

var (
	escaped  = regexp.MustCompile("\\\\[!-/:-@\\[-`{-~]")
	mention  = regexp.MustCompile(`</?at>`)
	link     = regexp.MustCompile(`!?\[([^\]\n]*)\]\([^)\s]*\)`)
	emphases = []*regexp.Regexp{
		regexp.MustCompile(`\*\*(\S|\S.*?\S)\*\*`),
		regexp.MustCompile(`\*(\S|\S.*?\S)\*`),
		regexp.MustCompile(`\b__(\S|\S.*?\S)__\b`), // not within a word
		regexp.MustCompile(`\b_(\S|\S.*?\S)_\b`),
	}
)

// shown is what Teams shows of Markdown.
func shown(markdown string) string {
	text := escaped.ReplaceAllStringFunc(markdown, func(found string) string { return string(rune(aside + int(found[1]))) })
	text = mention.ReplaceAllString(text, "")
	text = link.ReplaceAllString(text, "$1")
	for _, emphasis := range emphases {
		text = emphasis.ReplaceAllString(text, "$1")
	}
	return strings.Map(func(r rune) rune {
		if r >= aside && r < aside+0x80 {
			return r - aside
		}
		return r
	}, plain(html.UnescapeString(text)))
}

// plain is text without the invisible signs that keep data from becoming
// something else.
func plain(text string) string { return strings.ReplaceAll(text, "\u2060", "") }
