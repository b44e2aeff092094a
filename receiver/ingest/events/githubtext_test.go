package events

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTextFromGitHub(t *testing.T) {
	for name, c := range map[string]struct{ value, want any }{
		"Markdown stays":                        {"**Bold** `code` & <b>", "**Bold** `code` & <b>"},
		"lines of Windows are lines":            {"a\r\nb\r\n", "a\nb"},
		"remarks of a template go":              {"<!-- Thank you! -->\r\n\r\nIt is\n<!--\nmany\nlines\n-->slow", "It is\nslow"},
		"a remark that does not end":            {"It is slow <!-- and", "It is slow"},
		"nothing but a remark":                  {"<!-- bot -->\n", nil},
		"nothing":                               {"", nil},
		"null":                                  {nil, nil},
		"what is no text":                       {7.0, nil},
		"the end of a remark without beginning": {"a --> b", "a --> b"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.want, githubText(c.value)) })
	}
}
