package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/require"
)

const project = "../../.."

// aRelease has stand-ins for the programs; teamsrelay may be a real one.
func aRelease(t *testing.T, version string, teamsrelay []byte) *release {
	t.Helper()
	r := &release{
		version: version, commit: strings.Repeat("0123456789", 4), at: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC),
		source: project, built: t.TempDir(), out: t.TempDir(),
	}
	for _, t2 := range targets {
		require.NoError(t, os.MkdirAll(filepath.Join(r.built, t2.String()), 0o755))
		for _, program := range programs {
			name, text := path.Base(program), []byte("stands for "+program)
			if name == "teamsrelay" && teamsrelay != nil {
				text = teamsrelay
			}
			if t2.os == "windows" {
				name += ".exe"
			}
			require.NoError(t, os.WriteFile(r.program(t2, name), text, 0o755))
		}
	}
	return r
}

func (r *release) make(t *testing.T) {
	t.Helper()
	for _, t2 := range targets {
		require.NoError(t, r.archive(t2))
	}
	for _, format := range []string{"deb", "rpm"} {
		require.NoError(t, r.pack(targets[0], format))
	}
	require.NoError(t, r.image())
	require.NoError(t, sums(r.out))
}

// TestAReleaseMadeAgainIsTheSame, on a machine with another umask and later:
// whoever doubts that a program is made of the source they read can make it
// themselves and compare. make release-check does it with the real programs.
func TestAReleaseMadeAgainIsTheSame(t *testing.T) {
	first := aRelease(t, "v1.2.3", nil)
	first.make(t)
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	second := aRelease(t, "v1.2.3", nil)
	second.make(t)
	a, err := os.ReadFile(filepath.Join(first.out, "SHA256SUMS"))
	require.NoError(t, err)
	b, err := os.ReadFile(filepath.Join(second.out, "SHA256SUMS"))
	require.NoError(t, err)
	require.Equal(t, string(a), string(b))
	require.Equal(t, 8, strings.Count(string(a), "\n"), "five archives, two packages and an image:\n%s", a)
}

func TestALaterCommitIsAnUpgrade(t *testing.T) {
	at := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	require.Equal(t, "v1.2.3", packageVersion("v1.2.3", "6bdc25bcafe", at))
	require.Equal(t, "v1.2.3-rc.1", packageVersion("v1.2.3-rc.1", "6bdc25bcafe", at))
	require.Equal(t, "0.0.0+20261122030000.6bdc25bc", packageVersion("6bdc25b", "6bdc25bcafe", at))
	require.Less(t, packageVersion("6bdc25b", "6bdc25bcafe", at), packageVersion("1bdc25b", "1bdc25bcafe", at.Add(time.Second)))
}

// TestTheImage: a cluster refuses an image that is not as the OCI says, and an
// auditor one that runs as root or has a shell.
func TestTheImage(t *testing.T) {
	r := aRelease(t, "v1.2.3", nil)
	require.NoError(t, r.image())
	dir := t.TempDir()
	require.NoError(t, unpack(r.name("image.tar"), dir))
	index, err := layout.ImageIndexFromPath(dir)
	require.NoError(t, err)
	require.NoError(t, validate.Index(index))
	outer, err := index.IndexManifest()
	require.NoError(t, err)
	both, err := index.ImageIndex(outer.Manifests[0].Digest)
	require.NoError(t, err)
	manifest, err := both.IndexManifest()
	require.NoError(t, err)
	var platforms []string
	for _, m := range manifest.Manifests {
		platforms = append(platforms, m.Platform.String())
		image, err := both.Image(m.Digest)
		require.NoError(t, err)
		config, err := image.ConfigFile()
		require.NoError(t, err)
		require.Equal(t, m.Platform.Architecture, config.Architecture)
		require.Equal(t, "65532:65532", config.Config.User)
		require.Equal(t, "v1.2.3", config.Config.Labels["org.opencontainers.image.version"])

		// What somebody with Docker builds must be the same to those who run it.
		containerfile, err := os.ReadFile(project + "/sample-configs/deploy/container/Containerfile")
		require.NoError(t, err)
		require.Contains(t, string(containerfile), "\nUSER "+config.Config.User+"\n")
		require.Contains(t, string(containerfile), "\nENTRYPOINT [\""+strings.Join(config.Config.Entrypoint, `", "`)+"\"]\n")
		require.Contains(t, string(containerfile), "\nCMD [\""+strings.Join(config.Config.Cmd, `", "`)+"\"]\n")
		require.Contains(t, string(containerfile), "\nWORKDIR "+config.Config.WorkingDir+"\n")

		files := map[string]*tar.Header{}
		content := mutate.Extract(image)
		entries := tar.NewReader(content)
		for {
			header, err := entries.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			files[strings.TrimSuffix(header.Name, "/")] = header
		}
		require.NoError(t, content.Close())
		require.Len(t, files, 14, "nothing but what the program needs")
		require.EqualValues(t, 0o755, files["usr/bin/teamsrelay"].Mode)
		require.Equal(t, 0, files["usr/bin/teamsrelay"].Uid, "who breaks in cannot replace the program")
		require.Equal(t, nobody, files["var/lib/teamsrelay"].Uid)
		require.EqualValues(t, 0o1777, files["tmp"].Mode)
	}
	require.Equal(t, []string{"linux/amd64", "linux/arm64"}, platforms)
}

func TestTheImageTrustsWhatMicrosoftUses(t *testing.T) {
	text, err := certificates()
	require.NoError(t, err)
	require.Greater(t, bytes.Count(text, []byte("BEGIN CERTIFICATE")), 100)
}

// built is the program as make build leaves it.
func built(t *testing.T) []byte {
	t.Helper()
	program, err := os.ReadFile(project + "/bin/teamsrelay")
	if err != nil {
		t.Skip("make build has not made bin/teamsrelay")
	}
	return program
}

// TestTheRendererJoinsTheFilesOfTheCommit: where npm is there, as on every machine
// that makes a release, both have put files into the same directory, and without
// it the simulator's page shows no cards.
func TestTheRendererJoinsTheFilesOfTheCommit(t *testing.T) {
	write := func(dir, name, text string) {
		require.NoError(t, os.MkdirAll(dir, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	r, given := &release{source: t.TempDir()}, t.TempDir()
	into := filepath.Join(r.source, "receiver", "teamstest", "page", "site", "vendor")
	write(into, "README.md", "of the commit")
	require.NoError(t, r.addRenderer(given), "without npm there is nothing to add")
	write(given, "README.md", "as somebody has changed it")
	write(given, "adaptivecards.min.js", "the renderer")
	require.NoError(t, r.addRenderer(given))
	for name, text := range map[string]string{"README.md": "of the commit", "adaptivecards.min.js": "the renderer"} {
		is, err := os.ReadFile(filepath.Join(into, name))
		require.NoError(t, err)
		require.Equal(t, text, string(is))
	}
}
