package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/engine"
	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams/workflow"
	"github.com/teamsrelay/teamsrelay/receiver/vault"
)

// canary stands in every secret of these tests.
const canary = "cAnArY0123456789"

func adding(t *testing.T, section string) engine.Adding {
	t.Helper()
	text := "storage: {url: sqlite:x.db, " + section + `}
destinations: [{name: ops, workflow: {url: "http://127.0.0.1:9099/workflow/ops"}}]
runtime_destinations: {allowed_hosts: [relay.contoso.com]}
route: {destinations: [ops]}`
	c, problems := config.Parse("x.yml", []byte(text), env())
	require.NotNil(t, c, problems.Error())
	made, err := c.Engine(nil)
	require.NoError(t, err)
	return made.Adding
}

const (
	oneKey   = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	otherKey = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="
)

func TestAWebhookIsSealedAndOpened(t *testing.T) {
	a := adding(t, "encryption_key: "+oneKey)
	webhook := engine.Webhook{URL: "https://prod-1.logic.azure.com/workflows/x?sig=" + canary, Pace: []string{"2/1s"}}
	row, err := a.Seal("dba", webhook)
	require.NoError(t, err)
	require.Equal(t, []string{"dba", "prod-1.logic.azure.com", a.Key}, []string{row.Name, row.Host, row.KeyID})
	require.NotContains(t, fmt.Sprintf("%+v %s", row, row.Sealed), canary)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", webhook, webhook, webhook, webhook), canary)

	made, err := a.Open(&row)
	require.NoError(t, err)
	require.Len(t, made.Addresses, 1)
	is := made.Addresses[0]
	require.Equal(t, workflow.AddressID(webhook.URL), is.ID)
	require.Equal(t, engine.AddedAddress(row.Hash), is.ID, "without the key its posts would wait at another address")
	require.Equal(t, []any{"dba", 2}, []any{is.Destination, is.Pace[0].N})

	stolen := row
	stolen.Name = "sre"
	_, err = a.Open(&stolen)
	require.ErrorIs(t, err, vault.ErrForged, "who can write to the database could send the alerts of one channel to another")

	rotated := adding(t, `encryption_key: "`+otherKey+`\n`+oneKey+`"`)
	anew, err := rotated.Reseal(row)
	require.NoError(t, err)
	require.Equal(t, rotated.Key, anew.KeyID)
	_, err = adding(t, "encryption_key: "+otherKey).Open(&anew)
	require.NoError(t, err, "the old key could never be thrown away")
	_, err = a.Open(&anew)
	require.ErrorIs(t, err, vault.ErrNoKey)
}

func TestWhatCannotBeAddedSaysWhyAndShowsNothing(t *testing.T) {
	a := adding(t, "encryption_key: "+oneKey)
	fine := "https://prod-1.logic.azure.com/workflows/x?sig=" + canary
	for name, c := range map[string]struct {
		name string
		is   engine.Webhook
		says string
	}{
		"a name with a slash":     {"a/b", engine.Webhook{URL: fine}, "no destination can be called"},
		"a name that is a path":   {"../../etc", engine.Webhook{URL: fine}, "no destination can be called"},
		"no name":                 {"", engine.Webhook{URL: fine}, "no destination can be called"},
		"a long name":             {strings.Repeat("x", 64), engine.Webhook{URL: fine}, "no destination can be called"},
		"a name that is a script": {"<script>", engine.Webhook{URL: fine}, "no destination can be called"},
		"no URL":                  {"dba", engine.Webhook{}, "there is no webhook URL"},
		"a private host":          {"dba", engine.Webhook{URL: "https://10.0.0.1/?sig=" + canary}, "is not a host of Microsoft's webhooks"},
		"a broken URL":            {"dba", engine.Webhook{URL: "https://%zz/" + canary}, "this is not a URL"},
		"a control character":     {"dba", engine.Webhook{URL: "https://prod-1.logic.azure.com/\x00" + canary}, "this is not a URL"},
		"no pace":                 {"dba", engine.Webhook{URL: fine, Pace: []string{canary}}, "this is no pace"},
	} {
		_, err := a.Seal(c.name, c.is)
		var refused *engine.Refusal
		require.ErrorAs(t, err, &refused, name)
		require.Contains(t, refused.What, c.says, name)
		require.NotEmpty(t, refused.Do, name)
		require.NotContains(t, err.Error(), canary, name)
	}
	_, err := a.Seal("dba", engine.Webhook{URL: "https://relay.contoso.com/" + canary})
	require.NoError(t, err, "the file allows it")
}

func TestAHostThatTheFileNoLongerAllows(t *testing.T) {
	a := adding(t, "encryption_key: "+oneKey)
	row, err := a.Seal("dba", engine.Webhook{URL: "https://relay.contoso.com/" + canary})
	require.NoError(t, err)
	c, problems := config.Parse("x.yml", []byte(`storage: {url: sqlite:x.db, encryption_key: `+oneKey+`}
destinations: [{name: ops, workflow: {url: "http://127.0.0.1:9099/workflow/ops"}}]
route: {destinations: [ops]}`), env())
	require.NotNil(t, c, problems.Error())
	made, err := c.Engine(nil)
	require.NoError(t, err)
	_, err = made.Adding.Open(&row)
	require.ErrorContains(t, err, "runtime_destinations.allowed_hosts")
	require.NotContains(t, err.Error(), canary)
}

func TestARowWhoseSettingsNobodyKnows(t *testing.T) {
	a := adding(t, "encryption_key: "+oneKey)
	ring, err := vault.Parse(oneKey)
	require.NoError(t, err)
	id, sealed, err := ring.Seal(vault.Purpose{What: "destination", Whose: "dba"}, []byte("no JSON"))
	require.NoError(t, err)
	_, err = a.Open(&store.Destination{Name: "dba", KeyID: id, Sealed: sealed})
	require.ErrorIs(t, err, vault.ErrForged)
}

func TestKeysThatAnybodyCanReadAreAWarning(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows says nothing of it in a file's mode")
	}
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	require.NoError(t, os.WriteFile(key, []byte(oneKey+"\n"), 0o600))
	file := filepath.Join(dir, "x.yml")
	require.NoError(t, os.WriteFile(file, []byte(`storage: {url: sqlite:x.db, encryption_key_file: key}
destinations: [{name: ops, workflow: {url: "http://127.0.0.1:9099/workflow/ops"}}]
route: {destinations: [ops]}`), 0o600))
	c, problems := config.Load(file, env())
	require.Empty(t, problems)
	require.NotEmpty(t, c.Storage.Keys.Current())
	shown, err := json.Marshal(c.Storage)
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprintf("%+v %#v %s", c.Storage, *c, shown), oneKey[:10])

	require.NoError(t, os.Chmod(key, 0o644))
	c, problems = config.Load(file, env())
	require.NotNil(t, c, "Kubernetes mounts secrets so")
	require.Len(t, problems, 1)
	require.Contains(t, problems[0].String(), "every user of this machine can read")
}
