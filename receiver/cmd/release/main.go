// Command release is `make release`: everything that people install, made from
// the commit that is checked out and from nothing else. Two machines that make
// it of one commit, with one version of Go, get the same bytes.
//
// It is a module of its own, so that what makes packages and images is no
// dependency of the programs.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	version := flag.String("version", "", "what the release is called; v1.2.3 or what git describe says")
	out := flag.String("out", "dist", "the directory for what is made; it is emptied first")
	renderer := flag.String("renderer", "", "the directory in which make page has put Microsoft's card renderer; without it the simulator's page shows cards as JSON")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *version, *out, *renderer); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// release is one commit on its way to those who run it.
type release struct {
	version string
	commit  string
	at      time.Time // of the commit; the age of every file in what is made
	source  string    // the directory with the files of the commit
	built   string    // the directory with the programs, by target
	out     string
}

// A target is a system that both programs are built for.
type target struct{ os, arch string }

func (t target) String() string { return t.os + "_" + t.arch }

var targets = []target{{"linux", "amd64"}, {"linux", "arm64"}, {"windows", "amd64"}, {"darwin", "amd64"}, {"darwin", "arm64"}}

var programs = []string{"./receiver/cmd/teamsrelay", "./plugins/outputs/teams/cmd/telegraf-output-teams"}

func run(ctx context.Context, version, out, renderer string) error {
	work, err := os.MkdirTemp("", "teamsrelay-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	r := &release{version: version, out: out, source: filepath.Join(work, "source"), built: filepath.Join(work, "built")}
	if err := r.checkOut(ctx, renderer); err != nil {
		return err
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for _, t := range targets {
		fmt.Println("building", t)
		if err := r.build(ctx, t); err != nil {
			return err
		}
		if err := r.archive(t); err != nil {
			return fmt.Errorf("archive of %s: %w", t, err)
		}
		if t.os != "linux" {
			continue
		}
		for _, format := range []string{"deb", "rpm"} {
			if err := r.pack(t, format); err != nil {
				return fmt.Errorf("%s of %s: %w", format, t, err)
			}
		}
	}
	if err := r.image(); err != nil {
		return fmt.Errorf("image: %w", err)
	}
	if err := r.billOfMaterials(); err != nil {
		return fmt.Errorf("bill of materials: %w", err)
	}
	if err := sums(out); err != nil {
		return err
	}
	fmt.Println("made", r.version, "of", r.commit, "in", out)
	return nil
}

// checkOut writes the files of the commit, and only these: what lies beside
// them on this machine must not get into a release.
func (r *release) checkOut(ctx context.Context, renderer string) error {
	commit, err := output(ctx, "git", "rev-parse", "HEAD")
	if err != nil {
		return fmt.Errorf("%w; a release is made of a commit, so it needs git and a clone", err)
	}
	r.commit = commit
	if r.version == "" {
		if r.version, err = output(ctx, "git", "describe", "--tags", "--always"); err != nil {
			return err
		}
	}
	seconds := os.Getenv("SOURCE_DATE_EPOCH")
	if seconds == "" {
		if seconds, err = output(ctx, "git", "log", "-1", "--format=%ct"); err != nil {
			return err
		}
	}
	epoch, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %q is no number of seconds since 1970", seconds)
	}
	r.at = time.Unix(epoch, 0).UTC()
	if changed, err := output(ctx, "git", "status", "--porcelain", "--untracked-files=no"); err != nil {
		return err
	} else if changed != "" {
		fmt.Println("there are changes that are not committed; the release is of the commit, without them")
	}

	top, err := output(ctx, "git", "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	archive := filepath.Join(filepath.Dir(r.source), "source.tar")
	if _, err := output(ctx, "git", "-C", top, "archive", "--format=tar", "--output="+archive, commit); err != nil {
		return err
	}
	if err := unpack(archive, r.source); err != nil {
		return err
	}
	return r.addRenderer(renderer)
}

// addRenderer adds what npm gave to the files of the commit, which has some of
// its own in the same place. Its versions and checksums are in the commit, so that
// it is the same everywhere.
func (r *release) addRenderer(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "adaptivecards.min.js")); err != nil {
		fmt.Println("without Microsoft's card renderer (no npm): the simulator's page will show cards as JSON")
		return nil
	}
	given, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	into := filepath.Join(r.source, "receiver", "teamstest", "page", "site", "vendor")
	for _, file := range given {
		to := filepath.Join(into, file.Name())
		if _, err := os.Stat(to); err == nil {
			continue // the commit's
		}
		data, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// build makes both programs for a target. What could differ from one machine
// to the next is fixed: paths, the state of the repository, features of the
// processor, and what somebody has in GOFLAGS.
func (r *release) build(ctx context.Context, t target) error {
	const stamp = "github.com/prometheus/common/version."
	flags := fmt.Sprintf("-s -w -X %[1]sVersion=%[2]s -X %[1]sRevision=%[3]s -X %[1]sBuildDate=%[4]s",
		stamp, r.version, r.commit, r.at.Format("20060102-15:04:05"))
	dir := filepath.Join(r.built, t.String())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	build := exec.CommandContext(ctx, "go", append([]string{
		"build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags", flags, "-o", dir + string(filepath.Separator),
	}, programs...)...)
	build.Dir = r.source
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+t.os, "GOARCH="+t.arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=", "GOEXPERIMENT=", "GOWORK=off")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("go build for %s: %w", t, err)
	}
	return nil
}

// built is the path of a program that has been built.
func (r *release) program(t target, name string) string {
	return filepath.Join(r.built, t.String(), name)
}

// name is what a file of the release is called.
func (r *release) name(rest string) string {
	return filepath.Join(r.out, "teamsrelay_"+r.version+"_"+rest)
}

// sums writes SHA256SUMS, as sha256sum -c reads it.
func sums(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	var list bytes.Buffer
	for _, e := range entries {
		file, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		hash := sha256.New()
		_, err = io.Copy(hash, file)
		if closed := file.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(&list, "%s  %s\n", hex.EncodeToString(hash.Sum(nil)), e.Name())
	}
	return os.WriteFile(filepath.Join(dir, "SHA256SUMS"), list.Bytes(), 0o644)
}

// output runs a program and returns what it prints, without the last newline.
func output(ctx context.Context, name string, args ...string) (string, error) {
	var problem bytes.Buffer
	command := exec.CommandContext(ctx, name, args...)
	command.Stderr = &problem
	text, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(command.Args, " "), err, strings.TrimSpace(problem.String()))
	}
	return strings.TrimSpace(string(text)), nil
}
