package main

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// nobody is the user that the container runs as. It has no name on the host,
// and Kubernetes' runAsNonRoot can see that it is not root.
const nobody = 65532

// image writes an OCI archive for both kinds of processor, without Docker: the
// program, certificates of authorities, a directory for state, and nothing
// else; no shell, no package manager. The time zones are in the program.
func (r *release) image() error {
	authorities, err := certificates()
	if err != nil {
		return err
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, t := range targets {
		if t.os != "linux" {
			continue
		}
		program, err := os.ReadFile(r.program(t, "teamsrelay"))
		if err != nil {
			return err
		}
		image, err := r.imageOf(t, rootOf(authorities), []file{{name: "usr/bin/teamsrelay", mode: 0o755, text: program}})
		if err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{
			Platform: &v1.Platform{OS: t.os, Architecture: t.arch},
		}})
	}
	work := filepath.Join(r.built, "image")
	path, err := layout.Write(work, empty.Index)
	if err != nil {
		return err
	}
	if err := path.AppendIndex(index, layout.WithAnnotations(map[string]string{
		"org.opencontainers.image.ref.name": r.version,
		"io.containerd.image.name":          "docker.io/teamsrelay/teamsrelay:" + r.version, // what ctr and Docker call it
	})); err != nil {
		return err
	}
	var files []file
	err = filepath.WalkDir(work, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(work, name)
		files = append(files, file{name: filepath.ToSlash(relative), mode: 0o644, text: text})
		return err
	})
	if err != nil {
		return err
	}
	return create(r.name("image.tar"), func(w io.Writer) error { return tarred(w, files, r.at) })
}

// rootOf is the file system below the program.
func rootOf(authorities []byte) []file {
	user := strconv.Itoa(nobody)
	dir := func(name string, mode fs.FileMode, uid int) file {
		return file{name: name, mode: mode | fs.ModeDir, uid: uid}
	}
	return []file{
		dir("etc", 0o755, 0),
		{name: "etc/group", mode: 0o644, text: []byte("teamsrelay:x:" + user + ":\n")},
		{name: "etc/passwd", mode: 0o644, text: []byte("teamsrelay:x:" + user + ":" + user + "::/var/lib/teamsrelay:/sbin/nologin\n")},
		dir("etc/ssl", 0o755, 0), dir("etc/ssl/certs", 0o755, 0),
		{name: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, text: authorities},
		dir("etc/teamsrelay", 0o755, 0),
		dir("tmp", 0o777|fs.ModeSticky, 0),
		dir("usr", 0o755, 0), dir("usr/bin", 0o755, 0),
		dir("var", 0o755, 0), dir("var/lib", 0o755, 0),
		dir("var/lib/teamsrelay", 0o750, nobody),
	}
}

// imageOf puts an image together: what hardly ever changes is a layer of its
// own, so that an upgrade fetches the program only.
func (r *release) imageOf(t target, layers ...[]file) (v1.Image, error) {
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	created := v1.Time{Time: r.at}
	for _, files := range layers {
		var packed bytes.Buffer
		if err := tarred(&packed, files, r.at); err != nil {
			return nil, err
		}
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(packed.Bytes())), nil
		}, tarball.WithMediaType(types.OCILayer))
		if err != nil {
			return nil, err
		}
		if image, err = mutate.Append(image, mutate.Addendum{Layer: layer, MediaType: types.OCILayer, History: v1.History{Created: created, CreatedBy: "make release"}}); err != nil {
			return nil, err
		}
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = t.os, t.arch, created
	config.Config = v1.Config{
		User:       strconv.Itoa(nobody) + ":" + strconv.Itoa(nobody),
		Entrypoint: []string{"/usr/bin/teamsrelay"},
		// A listener on loopback could not be reached from outside the container.
		Cmd:          []string{"serve", "--config.file=/etc/teamsrelay/teamsrelay.yml", "--web.listen-address=:9097"},
		WorkingDir:   "/var/lib/teamsrelay",
		ExposedPorts: map[string]struct{}{"9097/tcp": {}, "3978/tcp": {}},
		Volumes:      map[string]struct{}{"/var/lib/teamsrelay": {}},
		StopSignal:   "SIGTERM",
		Labels: map[string]string{
			"org.opencontainers.image.title":       "teamsrelay",
			"org.opencontainers.image.description": "Carries alerts between Prometheus, Alertmanager and Microsoft Teams",
			"org.opencontainers.image.source":      "https://github.com/teamsrelay/teamsrelay",
			"org.opencontainers.image.licenses":    "Apache-2.0",
			"org.opencontainers.image.version":     r.version,
			"org.opencontainers.image.revision":    r.commit,
			"org.opencontainers.image.created":     r.at.Format(time.RFC3339),
		},
	}
	return mutate.ConfigFile(image, config)
}

// certificates are Mozilla's authorities as the Go project publishes them, so
// that the image does not depend on what this machine trusts. One that Mozilla
// trusts under conditions only is left out: a file cannot say them.
func certificates() ([]byte, error) {
	var text bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue
		}
		if err := pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return nil, err
		}
	}
	if text.Len() == 0 {
		return nil, errors.New("there are no certificates")
	}
	return text.Bytes(), nil
}
