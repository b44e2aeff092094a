package card

import "strings"

const (
	handlebarsOpen  = "\x01"
	handlebarsClose = "\x02"
)

func isHandlebars(file string) bool {
	return strings.HasSuffix(file, ".handlebars") || strings.HasSuffix(file, ".hbs")
}

func translateHandlebars(file Source) (string, []Problem) { return "", nil }
