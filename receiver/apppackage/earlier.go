package apppackage

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Earlier is a package that was made before, and that Teams probably has.
type Earlier struct {
	ID, Version string // of its manifest
	files       map[string][]byte
}

const (
	// MaxSize is how many bytes of a file are looked at for a package; ours
	// have some ten thousand.
	MaxSize = 4 << 20
	// maxFile is how many bytes of one file in it are unpacked.
	maxFile = 1 << 20
	// maxFiles is how many files can be in it: ours have three, and whoever adds
	// languages to one has a few more.
	maxFiles = 100
)

var errNoPackage = errors.New("it is not a package of a Teams app")

// Read opens a package that was made before, by us or by others.
func Read(data []byte) (Earlier, error) {
	if len(data) > MaxSize {
		return Earlier{}, errNoPackage
	}
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil || len(r.File) > maxFiles {
		return Earlier{}, errNoPackage
	}
	e := Earlier{files: make(map[string][]byte)}
	for _, file := range r.File {
		content, err := unpack(file)
		if err != nil {
			return Earlier{}, errNoPackage
		}
		e.files[file.Name] = content
	}
	var m struct{ ID, Version string }
	if err := json.Unmarshal(e.files[manifestFile], &m); err != nil || m.ID == "" {
		return Earlier{}, errNoPackage
	}
	e.ID, e.Version = m.ID, m.Version
	return e, nil
}

func unpack(file *zip.File) ([]byte, error) {
	r, err := file.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	content, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = errNoPackage
	}
	return content, err
}

// Same says whether the options are of the app of an earlier package.
func (o Options) Same(e Earlier) bool { return strings.EqualFold(o.ID, e.ID) }

// After is o as it follows an earlier package of the same app. If nothing but
// the version would differ it has that of the package, so that what is made is
// what Teams has; otherwise one that is higher, because Teams takes no other.
func (o Options) After(e Earlier) Options {
	if !o.Same(e) || !version.MatchString(e.Version) {
		return o
	}
	as := o
	as.Version = e.Version
	switch {
	case as.IsIn(e):
		return as
	case !Higher(o.Version, e.Version):
		o.Version = raised(e.Version)
	}
	return o
}

// IsIn says whether an earlier package is what the options make.
func (o Options) IsIn(e Earlier) bool {
	files, err := o.files()
	if err != nil || len(files) != len(e.files) {
		return false
	}
	for _, file := range files {
		if content, ok := e.files[file.name]; !ok || !bytes.Equal(content, file.data) {
			return false
		}
	}
	return true
}

// Higher says whether a version is higher than another one, as Teams counts. Of
// what is no version nothing is.
func Higher(a, b string) bool {
	if !version.MatchString(a) || !version.MatchString(b) {
		return false
	}
	first, second := numbers(a), numbers(b)
	for i := range first {
		if first[i] != second[i] {
			return first[i] > second[i]
		}
	}
	return false
}

// raised is the next version after one.
func raised(v string) string {
	n := numbers(v)
	return fmt.Sprintf("%d.%d.%d", n[0], n[1], n[2]+1)
}

func numbers(v string) (n [3]int) {
	for i, text := range strings.SplitN(v, ".", 3) {
		n[i], _ = strconv.Atoi(text) // version has matched
	}
	return n
}
