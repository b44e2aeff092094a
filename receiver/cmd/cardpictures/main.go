// Command cardpictures is `make cards`: it draws every shipped card in every
// state with Microsoft's renderer in a headless Chromium, light and dark, as
// wide as on a desktop and on a phone, and says what a browser finds wrong
// with them.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
)

func main() {
	dir := flag.String("o", ".cache/cards", "the folder for the pictures; a run of all cards removes the pictures that it holds of cards that there are no more")
	card := flag.String("card", "", "only this card")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *dir, *card); err != nil {
		fmt.Fprintln(os.Stderr, "cards:", err)
		os.Exit(1)
	}
}

// errFaulty ends a run whose pictures are there, but show something wrong.
var errFaulty = errors.New("not all cards are shown as they should be; what is wrong stands above")

func run(ctx context.Context, out io.Writer, dir, only string) error {
	if err := ready(); err != nil {
		return err
	}
	// The samples say hours and days, so the cards are made at one time: two
	// runs can be compared.
	pictures, err := samples(time.Date(2026, 3, 2, 10, 14, 0, 0, time.UTC), only)
	if err != nil {
		return err
	}
	page, err := write(dir, pictures)
	if err != nil {
		return err
	}
	browser, done, err := open(ctx)
	if err != nil {
		return err
	}
	defer done()
	faulty := 0
	for _, p := range pictures {
		if p.fault != nil {
			fmt.Fprintf(out, "  %s: the minimal card is shown, because: %s\n", p.shown.Name, p.fault)
			faulty++
		}
	}
	for _, look := range looks {
		if err := browser.show(page, look); err != nil {
			return err
		}
		faults, err := browser.faults()
		if err != nil {
			return err
		}
		for _, f := range faults {
			fmt.Fprintf(out, "  %s: %s\n", look.name(), f)
		}
		faulty += len(faults)
		drawn, err := browser.pictures(len(pictures))
		if err != nil {
			return err
		}
		for i, p := range pictures {
			if err := save(filepath.Join(dir, p.file(look)), drawn[i]); err != nil {
				return err
			}
		}
		fmt.Fprintf(out, "  %s: %d drawn\n", look.name(), len(pictures))
	}
	if only == "" {
		if err := tidy(dir, pictures); err != nil {
			return err
		}
	}
	sheet, overview, err := sheets(dir, pictures)
	if err != nil {
		return err
	}
	whole, err := browser.whole(overview)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "overview.png"), whole, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(out, "Open %s in a browser; all at once: %s\n", sheet, filepath.Join(dir, "overview.png"))
	if faulty > 0 {
		return errFaulty
	}
	return nil
}

// ready says what is missing on this machine, if anything is.
func ready() error {
	if !teamstest.Bundled() {
		return errors.New("Microsoft's renderer is not built in; install npm and run make page first, then make cards")
	}
	if _, err := chromium(); err != nil {
		return err
	}
	return nil
}

// write writes the page with the cards and returns where it is.
func write(dir string, pictures []picture) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	cards := make([]teamstest.ShownCard, len(pictures))
	for i, p := range pictures {
		cards[i] = p.shown
	}
	var page bytes.Buffer
	if err := teamstest.WriteCards(&page, "The cards of teamsrelay", cards); err != nil {
		return "", err
	}
	return filepath.Join(dir, "cards.html"), os.WriteFile(filepath.Join(dir, "cards.html"), page.Bytes(), 0o644)
}

// tidy removes the pictures of samples that there are no more: who looks
// through the folder takes them for cards.
func tidy(dir string, pictures []picture) error {
	keep := map[string]bool{}
	for _, p := range pictures {
		for _, l := range looks {
			keep[p.file(l)] = true
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		ours := slices.ContainsFunc(looks, func(l look) bool { return strings.HasSuffix(file.Name(), l.suffix()) })
		if !ours || keep[file.Name()] {
			continue
		}
		if err := os.Remove(filepath.Join(dir, file.Name())); err != nil {
			return err
		}
	}
	return nil
}

// save writes a picture as a PNG.
func save(name string, picture image.Image) error {
	var out bytes.Buffer
	if err := png.Encode(&out, picture); err != nil {
		return err
	}
	return os.WriteFile(name, out.Bytes(), 0o644)
}

// look is one way in which people see cards.
type look struct{ theme, width string }

var looks = []look{{"light", "desktop"}, {"dark", "desktop"}, {"light", "phone"}, {"dark", "phone"}}

func (l look) name() string { return l.theme + " on a " + l.width }

// suffix is how the files of such pictures end.
func (l look) suffix() string { return "-" + l.theme + "-" + l.width + ".png" }

// slug makes a name fit for files.
func slug(name string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, name), "-")
}
