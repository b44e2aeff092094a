package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/vault"
)

// A URL on the command line would stand in the shell's history and in the list
// of processes.
func TestTheURLOfADestinationIsReadFromTheStandardInput(t *testing.T) {
	for in, want := range map[string]string{
		"https://x/y?a=1&b=2\n":  "https://x/y?a=1&b=2",
		" https://x \r\nmore\n":  "https://x",
		"https://without-an-end": "https://without-an-end",
	} {
		line, err := (&program{ctx: t.Context(), in: strings.NewReader(in)}).secretLine("")
		require.NoError(t, err)
		require.Equal(t, want, line)
	}
	for name, in := range map[string]string{"nothing": "", "an empty line": "\nhttps://x", "something without an end": strings.Repeat("x", maxURL+1)} {
		_, err := (&program{ctx: t.Context(), in: strings.NewReader(in)}).secretLine("")
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "xxx", name)
	}
	file, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer file.Close()
	require.False(t, isTerminal(file), "nobody types there")
}

func TestAKeyIsPrintedWithoutAReceiver(t *testing.T) {
	var out strings.Builder
	require.Zero(t, run(t.Context(), []string{"destinations", "key"}, nil, &out, &out))
	ring, err := vault.Parse(out.String())
	require.NoError(t, err)
	require.NotEmpty(t, ring.Current())
}
