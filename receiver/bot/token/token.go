// Package token checks that a request to the bot is from Microsoft
// (teams-platform §4.1).
package token

// Verifier checks tokens.
type Verifier struct{}
