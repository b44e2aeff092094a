package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/teamsrelay/teamsrelay/receiver/vault"
)

// deploy is what packages, images and clusters are made with. That the packages
// install and the image runs is proven where they are made, in cmd/release.
const deploy = "../../../sample-configs/deploy"

func deployed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deploy, name))
	require.NoError(t, err)
	return string(text)
}

// TestConfigurationsOfPackagesLackTheWebhookOnly: whoever has installed a
// package learns from check-config what to do, and once that is done, it runs.
func TestConfigurationsOfPackagesLackTheWebhookOnly(t *testing.T) {
	for _, name := range []string{"package/teamsrelay.yml", "windows/teamsrelay.yml"} {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "") // short, because messages shorten long names
			require.NoError(t, err)
			t.Cleanup(func() { os.RemoveAll(dir) })
			file := filepath.Join(dir, "teamsrelay.yml")
			text := strings.ReplaceAll(deployed(t, name), "/var/lib/teamsrelay", dir)
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			var out, errOut strings.Builder
			require.Equal(t, 1, run(t.Context(), []string{"check-config", file}, strings.NewReader(""), &out, &errOut))
			said := out.String() + errOut.String()
			require.Equal(t, 1, strings.Count(said, "error:"), said)
			require.Contains(t, said, "ops.url")
			require.NoError(t, os.WriteFile(filepath.Join(dir, "ops.url"), []byte("http://127.0.0.1:9099/workflow/ops\n"), 0o600))
			require.Equal(t, 0, run(t.Context(), []string{"check-config", file}, strings.NewReader(""), &out, &errOut), out.String())
		})
	}
}

// TestTheConfigurationInKubernetesLoads where its secrets are mounted.
func TestTheConfigurationInKubernetesLoads(t *testing.T) {
	var configmap struct {
		Data map[string]string `yaml:"data"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(deployed(t, "kubernetes/configmap.yaml")), &configmap))
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "secrets"), 0o700))
	for name, secret := range map[string]string{"ops.url": "http://127.0.0.1:9099/workflow/ops", "admin.token": "let-me-in", "database.password": "password", "encryption.key": vault.NewKey()} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "secrets", name), []byte(secret+"\n"), 0o600))
	}
	file := filepath.Join(dir, "teamsrelay.yml")
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(configmap.Data["teamsrelay.yml"], "/etc/teamsrelay/secrets", dir+"/secrets")), 0o600))
	var out, errOut strings.Builder
	require.Equal(t, 0, run(t.Context(), []string{"check-config", file}, strings.NewReader(""), &out, &errOut), out.String())
}

// command is how a unit, an image or a manifest calls us.
var command = regexp.MustCompile(`(?m)^(?:ExecStart=/usr/bin/teamsrelay |CMD )(.+)$`)

// TestTheyAreCalledWithFlagsThatThereAre: a flag that was renamed would keep
// every installation from starting after the next upgrade.
func TestTheyAreCalledWithFlagsThatThereAre(t *testing.T) {
	var calls [][]string
	unit := command.FindStringSubmatch(deployed(t, "systemd/teamsrelay.service"))
	require.NotNil(t, unit)
	calls = append(calls, strings.Fields(strings.TrimSuffix(unit[1], " $TEAMSRELAY_ARGS")))
	example := regexp.MustCompile(`(?m)^# TEAMSRELAY_ARGS=(.+)$`).FindStringSubmatch(deployed(t, "systemd/teamsrelay.service"))
	require.NotNil(t, example)
	calls = append(calls, append([]string{"serve"}, strings.Fields(example[1])...))
	var args []string
	image := command.FindStringSubmatch(deployed(t, "container/Containerfile"))
	require.NotNil(t, image)
	require.NoError(t, json.Unmarshal([]byte(image[1]), &args))
	calls = append(calls, args)
	health := regexp.MustCompile(`HEALTHCHECK .* CMD \["/usr/bin/teamsrelay", (.+)\]`).FindStringSubmatch(deployed(t, "container/Containerfile"))
	require.NotNil(t, health)
	require.NoError(t, json.Unmarshal([]byte("["+health[1]+"]"), &args))
	calls = append(calls, args)
	var pods struct {
		Spec struct {
			Template struct {
				Spec struct {
					Containers []struct{ Args []string }
				}
			}
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(deployed(t, "kubernetes/deployment.yaml")), &pods))
	calls = append(calls, pods.Spec.Template.Spec.Containers[0].Args)
	for _, call := range calls {
		require.NoError(t, understood(call), call)
	}
}

// TestTheUnit holds it against systemd itself: a misspelt option is a warning
// that nobody reads, and a sandbox that is not there.
func TestTheUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd here")
	}
	dir := t.TempDir()
	unit := strings.ReplaceAll(deployed(t, "systemd/teamsrelay.service"), "/usr/bin/teamsrelay", "/bin/true") // it must exist
	file := filepath.Join(dir, "teamsrelay.service")
	require.NoError(t, os.WriteFile(file, []byte(unit), 0o600))
	out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", "--recursive-errors=no", file).CombinedOutput()
	require.NoError(t, err, string(out))
	require.NotContains(t, string(out), "teamsrelay.service", "it says nothing of a unit without mistakes")

	require.NoError(t, os.Mkdir(file+".d", 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(file+".d", "credentials.conf"), []byte(deployed(t, "systemd/credentials.conf")), 0o600))
	out, err = exec.CommandContext(t.Context(), analyze, "verify", "--man=no", "--recursive-errors=no", file).CombinedOutput()
	require.NoError(t, err, string(out))
	require.NotContains(t, string(out), "credentials.conf", string(out))

	// An exposure of 2.0 of 10; since version 250 it can be had of a file.
	out, err = exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--threshold=20", "--no-pager", file).CombinedOutput()
	if bytes.Contains(out, []byte("unrecognized option")) {
		t.Skip("this systemd cannot judge a file")
	}
	require.NoError(t, err, string(out))
	t.Log(string(out[bytes.LastIndexByte(bytes.TrimSpace(out), '\n')+1:]))
}

func TestTheScriptsOfThePackagesAreShell(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no shell here")
	}
	scripts, err := filepath.Glob(deploy + "/package/*.sh")
	require.NoError(t, err)
	require.Len(t, scripts, 4)
	for _, script := range scripts {
		out, err := exec.CommandContext(t.Context(), sh, "-n", script).CombinedOutput()
		require.NoError(t, err, string(out))
	}
}

// TestTheServiceOfWindowsIsInstalledWithWhatThereIs: that script runs on
// machines that we do not have.
func TestTheServiceOfWindowsIsInstalledWithWhatThereIs(t *testing.T) {
	script := deployed(t, "windows/install.ps1")
	for _, call := range regexp.MustCompile(`\$exe (service \w+|check-config)`).FindAllStringSubmatch(script, -1) {
		args := strings.Fields(call[1])
		if args[len(args)-1] == "install" {
			args = append(args, "--config.file=teamsrelay.yml")
		}
		require.NoError(t, understood(args), call[1])
	}
	require.Contains(t, script, serviceAccount)
	require.FileExists(t, deploy+"/windows/teamsrelay.yml")
}
