//go:build race

package config_test

// With the race detector pools forget a part of what they hold, so that each
// regular expression allocates its machine again and again.
func init() { mostMiB = 4096 }
