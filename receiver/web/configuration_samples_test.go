package web

import (
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/teamsrelay/teamsrelay/receiver/config"
	"github.com/teamsrelay/teamsrelay/receiver/vault"
)

// What stands in samples for what people fill in.
var (
	commentedSecret = regexp.MustCompile(`(?m)^( *)# ((?:hmac: \{)?(?:secret|token|admin_token)_file: \S+)`)
	secretFile      = regexp.MustCompile(`(\w+_file: )([^\s}]+)`)
	ownID           = regexp.MustCompile(`00000000-0000-4000-8000-00000000(\d{4})`)
)

// TestNoSampleShowsItsSecretsOnThePage opens the page with every sample that
// people copy, with all secrets that it names, in files and in the environment.
func TestNoSampleShowsItsSecretsOnThePage(t *testing.T) {
	const webhook = "https://prod-1.westeurope.logic.azure.com:443/workflows/" + canaryOfSecrets + "/triggers/manual/paths/invoke?sig=" + canaryOfSecrets
	s := newSite(t)
	pages, planted := 0, 0
	for name, text := range sampleConfigurations(t) {
		dir := t.TempDir()
		text = commentedSecret.ReplaceAllString(text, "$1$2")
		text = ownID.ReplaceAllString(text, "3d5bd8a0-6c0d-4f5d-9c7a-1f1d7c1a$1")
		text = strings.NewReplacer("19:replace-me", "19:own", "/var/lib/teamsrelay", dir).Replace(text)
		key := vault.NewKey()
		text = secretFile.ReplaceAllStringFunc(text, func(option string) string {
			m := secretFile.FindStringSubmatch(option)
			secret, called := canaryOfSecrets+"-long-enough-for-a-token", path.Base(m[2])
			switch {
			case strings.HasPrefix(m[1], "url_"):
				secret = webhook
			case strings.HasPrefix(m[1], "encryption_key_"):
				secret = key
			}
			planted++
			require.NoError(t, os.WriteFile(filepath.Join(dir, called), []byte(secret+"\n"), 0o600))
			return m[1] + called
		})
		variables := func(string) (string, bool) { planted++; return webhook, true }
		made, problems := config.Parse(filepath.Join(dir, "teamsrelay.yml"), []byte(text), config.Env{Lookup: variables})
		require.False(t, problems.Failed(), "%s: %v\n%s", name, problems, text)

		handlers, err := New(Options{
			Engine: s.engine, Store: s.store, Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
			Path: made.PathDestination, Event: made.Event, EventPath: made.PathEvent, AdminToken: func() string { return token },
			Subscriptions: func() []config.Subscription { return made.Subscriptions }, Messages: http.NotFoundHandler(),
			Configuration: func() Configuration {
				return Configuration{Config: made, File: name, Hash: "0123456789abcdef", LoadedAt: noon}
			},
		})
		require.NoError(t, err)
		shown := httptest.NewRecorder()
		request := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:9097/configuration", nil)
		request.RemoteAddr = "127.0.0.1:50000"
		handlers.Main.ServeHTTP(shown, request)
		require.Equal(t, http.StatusOK, shown.Code, name)
		page := shown.Body.String()
		for _, d := range made.Destinations {
			require.Contains(t, page, "name: "+d.Name, "this proves nothing if the page is empty")
		}
		for _, secret := range []string{canaryOfSecrets, key, "sig="} {
			require.NotContains(t, page, secret, name)
		}
		pages++
	}
	require.GreaterOrEqual(t, pages, 9, "the samples are not found any more")
	require.GreaterOrEqual(t, planted, 24, "the places of their secrets are not found any more")
}

// sampleConfigurations are all files of sample-configs that are ours, and the one
// in Kubernetes' ConfigMap.
func sampleConfigurations(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir("../../sample-configs", func(file string, _ fs.DirEntry, err error) error {
		if ext := filepath.Ext(file); err != nil || ext != ".yml" && ext != ".yaml" {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var is struct {
			Destinations []any             `yaml:"destinations"`
			Data         map[string]string `yaml:"data"`
		}
		if yaml.Unmarshal(text, &is) != nil {
			return nil // several documents in one file: Kubernetes'
		}
		if len(is.Destinations) > 0 {
			found[file] = string(text)
		}
		if inside := is.Data["teamsrelay.yml"]; inside != "" {
			found[fmt.Sprintf("%s: data", file)] = inside
		}
		return nil
	})
	require.NoError(t, err)
	return found
}
