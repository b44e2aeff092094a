package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"image"
	"image/png"
	"iter"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/chromedp/chromedp"
)

// chromium finds the browser.
func chromium() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("there is no Chromium to draw with; install it (Debian: apt-get install chromium) so that chromium or google-chrome is in PATH")
}

// browser is a Chromium with one page.
type browser struct {
	ctx context.Context
	// said is the next message of the page's console.
	said func() (chromedp.ConsoleMessage, error, bool)
}

// open starts a Chromium, which done ends.
func open(ctx context.Context) (b *browser, done func(), err error) {
	path, err := chromium()
	if err != nil {
		return nil, nil, err
	}
	profile, err := os.MkdirTemp("", "cards")
	if err != nil {
		return nil, nil, err
	}
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.UserDataDir(profile)}
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium has no sandbox for root
	}
	ctx, cancel := chromedp.NewContext(ctx, chromedp.WithAllocatorOptions(options...))
	said, quiet := iter.Pull2(chromedp.Console(ctx))
	done = func() {
		quiet()
		cancel()
		_ = os.RemoveAll(profile)
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(desk, 800)); err != nil {
		done()
		return nil, nil, fmt.Errorf("Chromium does not start: %w", err)
	}
	return &browser{ctx, said}, done, nil
}

// desk is the width of the browser's window in pixels: room for four cards.
const desk = 2400

// show opens the page of cards in one of the looks.
func (b *browser) show(page string, l look) error {
	address, err := fileURL(page)
	if err != nil {
		return err
	}
	return chromedp.Do(b.ctx, chromedp.Navigate(address+"?theme="+l.theme+"&width="+l.width))
}

// examine is what a look at the page finds wrong with it.
//
//go:embed examine.js
var examine string

// faults are what is wrong with the cards that are shown, each in a line, and
// what the browser complained of since it was asked last.
func (b *browser) faults() ([]string, error) {
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](examine, chromedp.EvalAwaitPromise))
	if err != nil {
		return nil, err
	}
	const examined = "the cards are examined"
	if err := chromedp.Do(b.ctx, chromedp.Evaluate[chromedp.Void](`console.log("`+examined+`")`)); err != nil {
		return nil, err
	}
	for {
		message, err, ok := b.said()
		switch {
		case err != nil:
			return nil, err
		case !ok:
			return nil, errors.New("Chromium has ended")
		case message.Text == examined:
			return found, nil
		case strings.HasPrefix(message.Text, "Loading the image 'http"):
			// It is on another machine, and words stand where it would be.
		case message.IsException(), message.Type == chromedp.ConsoleError, message.Type == chromedp.ConsoleWarning:
			found = append(found, "the browser says: "+message.Text)
		}
	}
}

// arrange puts cards side by side.
//
//go:embed arrange.js
var arrange string

const (
	// together is how many cards are taken with one picture of the page: one
	// for each card takes ten times as long.
	together = 12
	// margin is how much of the ground is left around a card, in pixels.
	margin = 8
)

// pictures are all cards of the page, in their order.
func (b *browser) pictures(count int) ([]image.Image, error) {
	var all []image.Image
	for from := 0; from < count; from += together {
		places, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]place](fmt.Sprintf("%s(%d, %d)", strings.TrimSpace(arrange), from, together)))
		if err != nil {
			return nil, err
		}
		height := 0.0
		for _, p := range places {
			height = max(height, p.Y+p.Height)
		}
		if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(desk, int64(height)+2*margin)); err != nil {
			return nil, err
		}
		taken, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			return nil, err
		}
		sheet, err := png.Decode(bytes.NewReader(taken))
		if err != nil {
			return nil, err
		}
		for _, p := range places {
			all = append(all, cut(sheet, p))
		}
	}
	return all, nil
}

// place is where a card is on its page, in pixels.
type place struct{ X, Y, Width, Height float64 }

// cut is the part of a picture that shows a card, with some ground around it.
func cut(sheet image.Image, p place) image.Image {
	part := image.Rect(int(p.X)-margin, int(p.Y)-margin, int(math.Ceil(p.X+p.Width))+margin, int(math.Ceil(p.Y+p.Height))+margin)
	return sheet.(interface {
		SubImage(image.Rectangle) image.Image
	}).SubImage(part.Intersect(sheet.Bounds()))
}

// whole is a page from top to bottom as a PNG.
func (b *browser) whole(page string) ([]byte, error) {
	address, err := fileURL(page)
	if err != nil {
		return nil, err
	}
	if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(overviewWidth, 1), chromedp.Navigate(address)); err != nil {
		return nil, err
	}
	return chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
}

func fileURL(path string) (string, error) {
	absolute, err := filepath.Abs(path)
	return "file://" + filepath.ToSlash(absolute), err
}
