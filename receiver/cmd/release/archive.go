package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

// A file is one entry of what is made. Owner, mode and age are said here and
// never taken from this machine.
type file struct {
	name string // with slashes, without one at the start
	mode fs.FileMode
	text []byte
	uid  int // of the user and of their group
}

// archive writes what somebody unpacks who wants no package: the programs,
// and the files that they copy from.
func (r *release) archive(t target) error {
	top := filepath.Base(r.name(t.String()))
	var files []file
	for _, program := range programs {
		name := path.Base(program)
		if t.os == "windows" {
			name += ".exe"
		}
		text, err := os.ReadFile(r.program(t, name))
		if err != nil {
			return err
		}
		files = append(files, file{name: path.Join(top, name), mode: 0o755, text: text})
	}
	copied, err := r.copied()
	if err != nil {
		return err
	}
	for _, name := range copied {
		text, err := os.ReadFile(filepath.Join(r.source, name))
		if err != nil {
			return err
		}
		files = append(files, file{name: path.Join(top, filepath.ToSlash(name)), mode: 0o644, text: text})
	}
	if t.os == "windows" {
		return create(r.name(t.String()+".zip"), func(w io.Writer) error { return zipped(w, files, r.at) })
	}
	return create(r.name(t.String()+".tar.gz"), func(w io.Writer) error {
		packed := gzip.NewWriter(w)
		return errors.Join(tarred(packed, files, r.at), packed.Close())
	})
}

// copied lists the files that users read and copy from, below the source and
// in order.
func (r *release) copied() (names []string, err error) {
	for _, part := range []string{
		"LICENSE", "README.md", "CHANGELOG.md", "sample-configs", "templates",
		// Where the pages of these link to.
		"plugins/outputs/teams/README.md", "plugins/outputs/teams/sample.conf", "receiver/ingest/events/README.md", "receiver/ingest/events/presets",
	} {
		err := filepath.WalkDir(filepath.Join(r.source, part), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path.Ext(name) == ".go" {
				return err
			}
			relative, err := filepath.Rel(r.source, name)
			names = append(names, relative)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

func tarred(w io.Writer, files []file, at time.Time) error {
	archive := tar.NewWriter(w)
	for _, f := range files {
		header := &tar.Header{Name: f.name, Mode: int64(f.mode.Perm()), Size: int64(len(f.text)), ModTime: at, Uid: f.uid, Gid: f.uid, Format: tar.FormatPAX}
		if f.mode.IsDir() {
			header.Typeflag, header.Name = tar.TypeDir, f.name+"/"
		}
		if f.mode&fs.ModeSticky != 0 {
			header.Mode |= 0o1000 // tar's own way to say it
		}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(f.text); err != nil {
			return err
		}
	}
	return archive.Close()
}

func zipped(w io.Writer, files []file, at time.Time) error {
	archive := zip.NewWriter(w)
	for _, f := range files {
		header := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: at}
		header.SetMode(f.mode)
		entry, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := entry.Write(f.text); err != nil {
			return err
		}
	}
	return archive.Close()
}

// unpack writes the files of a tar archive of git's, each readable by
// everybody whatever the umask is.
func unpack(archive, dir string) error {
	opened, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer opened.Close()
	entries := tar.NewReader(opened)
	for {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			continue // directories are made for their files; git has a header of its own
		}
		name := filepath.Join(dir, filepath.FromSlash(header.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := create(name, func(w io.Writer) error { _, err := io.Copy(w, entries); return err }); err != nil {
			return err
		}
	}
}

// create writes a file, and says when the disk did not take it.
func create(name string, write func(io.Writer) error) error {
	opened, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(write(opened), opened.Close())
}
