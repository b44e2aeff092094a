package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/config"
)

// FuzzParse: whatever the file holds, it is read or refused in lines that say
// where, and a secret of the environment is in none of them.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yml")
	require.NoError(f, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(text)
	}
	for _, seed := range []string{"", "{", "a: &a [*a]", "&a a: *a", "<<: {route: {}}", "route: &r {routes: [*r]}", "? a\n: b", "\xff", "- - - -", "storage: !!binary x"} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Contains(string(data), "/*") || strings.Contains(string(data), "ca") {
			return // a pattern over this machine's files, or a certificate among them, is not what is tested
		}
		made, problems := config.Parse(filepath.Join(dir, "x.yml"), data, env())
		require.Equal(t, made == nil, problems.Failed())
		lines := strings.Count(string(data), "\n") + 1
		for _, p := range problems {
			require.NotEmpty(t, p.What)
			require.NotEmpty(t, p.Do)
			require.NotContains(t, p.String(), "\n", "one problem is one line")
			require.NotContains(t, p.String(), "topsecret", "a secret is in a message")
			require.Positive(t, p.Line)
			if !strings.ContainsAny(string(data), "\r\u0085\u2028\u2029") { // YAML counts these as line ends too
				require.LessOrEqual(t, p.Line, lines)
			}
		}
	})
}

// TestHostileFiles: a file that was made to hurt costs neither time nor
// memory, and is refused with a reason.
// mostMiB is what a hostile file may make us allocate.
var mostMiB uint64 = 256

func TestHostileFiles(t *testing.T) {
	bomb := "x0: &x0 {destinations: [ops]}\n"
	for i := range 12 {
		bomb += fmt.Sprintf("x%d: &x%d {routes: [%s]}\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d, ", i), 10), ", "))
	}
	people := "storage: {url: \"sqlite:x.db\"}\nmicrosoft: {app_id: a, insecure_local: true}\nroute: {destinations: [d0]}\ndestinations:\n"
	crowd := people + "- {name: d0, users: &u [" + "a@b.c"
	for i := range 999 {
		crowd += fmt.Sprintf(", u%d@b.c", i)
	}
	crowd += "]}\n"
	for i := range 190 {
		crowd += fmt.Sprintf("- {name: d%d, users: *u, actions: none}\n", i+1)
	}
	ring := people
	for i := range 10_000 {
		ring += fmt.Sprintf("- {name: d%d, users: [a@b.c], fallback: d%d}\n", i, (i+1)%10_000)
	}
	steps := "x0: &x0 [{after: 1s, destinations: [ops]}]\nroute: {destinations: [ops], escalate: [" + strings.TrimSuffix(strings.Repeat("*x0, ", 20_000), ", ") + "]}\n"
	for _, test := range []struct{ name, text, want string }{
		{"many destinations of many people", crowd, "both tell \"a@b.c\", with one card"},
		{"fallbacks in a large circle", ring, "the fallbacks go in a circle: d0, d1, d2, d3, d4, 9995 more, d0"},
		{"escalations without end", steps, "this must be a mapping and is a list"},
		{"an escalation that contains itself", "route:\n  escalate: &e {after: 1s, destinations: [*e], every: *e}\n", "this must be text and is a mapping"},
		{"a group that contains itself", "destinations: [{name: x, group: &g {id: *g}}]\n", "this must be text and is a mapping"},
		{"larger than any configuration", strings.Repeat("# filler\n", 200_000), "larger than 1024 KiB"},
		{"aliases that multiply", bomb + "route: *x12\n", "there is too much in this file"},
		{"an alias that contains itself", "route: &r\n  routes: [*r]\n", "there is too much in this file"},
		{"a merge that contains itself", "route: &r\n  <<: [*r, *r]\n", "there is too much in this file"},
		{"lists without end", strings.Repeat("[", 5000), "this is not YAML"},
		{"routes without end", "route: " + strings.Repeat("{routes: [", 5000) + strings.Repeat("]}", 5000), ""},
		{"bytes that are no text", "storage: {url: \"\x00\xff\"}", "this is not YAML"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			made, problems := config.Parse("hostile.yml", []byte(test.text), env())
			runtime.ReadMemStats(&after)
			require.Nil(t, made)
			require.Contains(t, problems.Error(), test.want)
			// What grows with the square of the file allocates gigabytes or does
			// not end within the test; how fast the machine is does not matter.
			used := (after.TotalAlloc - before.TotalAlloc) >> 20
			t.Log(used, "MiB")
			require.Less(t, used, mostMiB, "MiB")
		})
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct{ name, path, want string }{
		{"one that is not there", filepath.Join(dir, "gone.yml"), "the file cannot be read: no such file or directory"},
		{"a directory", dir, "the file cannot be read: is a directory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			made, problems := config.Load(test.path, env())
			require.Nil(t, made)
			require.Len(t, problems, 1)
			require.Contains(t, problems.Error(), test.path+":1: error: "+test.want)
		})
	}
}

// TestLargeSecret: a log file that is named by mistake is not read into memory.
func TestLargeSecret(t *testing.T) {
	file := filepath.Join(t.TempDir(), "huge.url")
	require.NoError(t, os.WriteFile(file, []byte(strings.Repeat("x", 64<<10+1)), 0o600))
	text, err := os.ReadFile("testdata/minimal-good.yml")
	require.NoError(t, err)
	_, problems := config.Parse("x.yml", []byte(strings.Replace(string(text), `url: "http://127.0.0.1:9099/workflow/ops"`, "url_file: "+file, 1)), env())
	require.Len(t, problems, 1)
	require.Contains(t, problems.Error(), "x.yml:4: error: ")
	require.Contains(t, problems.Error(), "it is larger than 64 KiB")
}

// TestEnvironment: only ${NAME} is replaced, so that regular expressions and
// templates pass through.
func TestEnvironment(t *testing.T) {
	const file = `
storage: {url: "sqlite:x.db"}
destinations: [{name: ops, workflow: {url: "${OPS_URL}"}}]
route:
  destinations: [ops]
  routes: [{matchers: ['MATCHER'], destinations: []}]
`
	for _, test := range []struct{ name, matcher, value, id string }{
		{"a reference is replaced", `a="${OPS_URL}"`, opsURL, `{}/{a="` + opsURL + `"}`},
		{"the end of a regular expression is left alone", `a=~"b$"`, "b", `{}/{a=~"b$"}`},
		{"so is a name without braces", `a="$OPS_URL"`, "$OPS_URL", `{}/{a="$OPS_URL"}`},
		{"and what cannot be a name", `a="${1}${}"`, "${1}${}", `{}/{a="${1}${}"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			made, problems := config.Parse("x.yml", []byte(strings.Replace(file, "MATCHER", test.matcher, 1)), env())
			require.Empty(t, problems.Error())
			require.Equal(t, test.id, made.Tree.Match(map[string]string{"a": test.value})[0].ID())
		})
	}
}
