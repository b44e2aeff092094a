// Package apppackage makes the Teams app of a receiver: a zip with a manifest
// and two icons, which an administrator uploads to Teams so that the bot can be
// added to teams and chats.
package apppackage

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Options are what the app of a receiver has of its own.
type Options struct {
	// ID is the manifest's id, a GUID. It has to stay the same for as long as
	// the app is to be the same one for Teams.
	ID string
	// BotID is the id of the bot's Entra application, a GUID.
	BotID string
	// Name is what people see and mention, up to 30 characters.
	Name string
	// Version is three numbers with dots. Teams takes an update only if it is
	// higher.
	Version string
}

// The files in the package. They lie at its root: Teams looks nowhere else.
const (
	manifestFile = "manifest.json"
	colorFile    = "color.png"
	outlineFile  = "outline.png"
)

var (
	guid    = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	version = regexp.MustCompile(`^(0|[1-9]\d{0,8})(\.(0|[1-9]\d{0,8})){2}$`)
)

// Check says everything that Teams would not take.
func (o Options) Check() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !guid.MatchString(o.ID) {
		wrong("the app's id %.60q is not a GUID, and Teams takes nothing else", o.ID)
	}
	if !guid.MatchString(o.BotID) {
		wrong("the bot's application %.60q is not a GUID; it is the Application (client) ID that Entra shows", o.BotID)
	}
	if strings.TrimSpace(o.Name) == "" {
		wrong("the app has no name")
	}
	if !version.MatchString(o.Version) {
		wrong("the version %.60q is not three numbers with dots, such as 1.2.0", o.Version)
	}
	m := o.manifest()
	return errors.Join(append(errs, m.tooLong())...)
}

// epoch is the first day that a zip can name. It stands in every package, so
// that it does not matter when one is made; without a time the month would be
// 0, which some programs refuse to unpack.
var epoch = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

// Make makes the package. The same options always make the same bytes.
func Make(o Options) ([]byte, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	files, err := o.files()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, file := range files {
		f, err := w.CreateHeader(&zip.FileHeader{Name: file.name, Method: zip.Deflate, Modified: epoch})
		if err != nil {
			return nil, err
		}
		if _, err := f.Write(file.data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// packed is a file in the package.
type packed struct {
	name string
	data []byte
}

func (o Options) files() ([]packed, error) {
	text, err := json.MarshalIndent(o.manifest(), "", "  ")
	if err != nil {
		return nil, err
	}
	return []packed{{manifestFile, append(text, '\n')}, {colorFile, colorIcon()}, {outlineFile, outlineIcon()}}, nil
}

// release finds the numbers at the beginning of a version such as
// v1.2.3-14-g0a1b2c3.
var release = regexp.MustCompile(`^v?(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:[-+].*)?$`)

// VersionOf is a version of ours as an app can have it; of one that was built
// from no release "0.0.1".
func VersionOf(ours string) string {
	found := release.FindStringSubmatch(ours)
	if found == nil {
		return "0.0.1"
	}
	for i, number := range found[1:] {
		n, _ := strconv.Atoi(number) // nine digits are a number
		found[1+i] = strconv.Itoa(n)
	}
	return strings.Join(found[1:], ".")
}
