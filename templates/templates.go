// Package templates holds the cards that ship. README.md says how to write
// one's own.
package templates

import "embed"

// Files are the shipped templates.
//
//go:embed *.tmpl
var Files embed.FS
