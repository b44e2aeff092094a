package chart

import (
	"image"
	"image/color"
	"image/draw"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// An ink is a colour in several strengths, which smooth edges need: its
// strengths stand one after the other in the palette, the weakest first.
type ink struct {
	first     uint8 // in the palette
	strengths int
}

// The colours are of a middle lightness: on white as on Teams' dark #292929
// each has a contrast of more than 3 to 1, and the background shines through.
// Sixteen entries in all make half a byte of each pixel.
var (
	shade    = ink{1, 1} // under the line
	blue     = ink{2, 4} // the line
	grey     = ink{6, 4} // axes and words
	red      = ink{10, 3}
	amber    = ink{13, 3}
	colours  = palette()
	nothing  = uint8(0)
	hairline = uint8(6) // the weakest grey
)

func palette() color.Palette {
	list := color.Palette{color.NRGBA{}}
	add := func(r, g, b uint8, alphas ...uint8) {
		for _, a := range alphas {
			list = append(list, color.NRGBA{r, g, b, a})
		}
	}
	add(0x3d, 0x84, 0xe0, 0x24)
	add(0x3d, 0x84, 0xe0, 0x50, 0x90, 0xc8, 0xff)
	add(0x86, 0x86, 0x86, 0x48, 0x88, 0xc4, 0xff)
	add(0xe0, 0x50, 0x58, 0x60, 0xb0, 0xff)
	add(0xc0, 0x80, 0x10, 0x60, 0xb0, 0xff)
	return list
}

// canvas is a picture of few colours that shapes are painted on.
type canvas struct {
	image *image.Paletted
	shape vector.Rasterizer
	mask  image.Alpha // how much of each pixel a shape covers
	face  font.Face
	bold  font.Face
}

func newCanvas(width, height int) *canvas {
	return &canvas{image: image.NewPaletted(image.Rect(0, 0, width, height), colours), face: newFace(textSize), bold: newFace(textSize)}
}

// point is a place on the canvas, from its upper left corner.
type point struct{ x, y float32 }

// fill paints what build draws, all of which must lie inside of the box.
func (c *canvas) fill(box image.Rectangle, with ink, build func(path func(points ...point))) {
	box = box.Intersect(c.image.Rect)
	if box.Empty() {
		return
	}
	c.shape.Reset(box.Dx(), box.Dy())
	c.shape.DrawOp = draw.Src
	at := point{float32(box.Min.X), float32(box.Min.Y)}
	build(func(points ...point) {
		c.shape.MoveTo(points[0].x-at.x, points[0].y-at.y)
		for _, p := range points[1:] {
			c.shape.LineTo(p.x-at.x, p.y-at.y)
		}
		c.shape.ClosePath()
	})
	size := box.Dx() * box.Dy()
	if cap(c.mask.Pix) < size {
		c.mask.Pix = make([]uint8, size)
	}
	c.mask = image.Alpha{Pix: c.mask.Pix[:size], Stride: box.Dx(), Rect: image.Rect(0, 0, box.Dx(), box.Dy())}
	c.shape.Draw(&c.mask, c.mask.Rect, image.Opaque, image.Point{})
	c.blend(box, &c.mask, image.Point{}, with)
}

// blend puts an ink on the picture where the mask covers it. What is there
// already stays where the new ink would be weaker than half.
func (c *canvas) blend(box image.Rectangle, mask *image.Alpha, from image.Point, with ink) {
	var strengths [256]uint8 // by coverage, 0: none
	for i := range strengths {
		n := int(math.Round(float64(i) / 255 * float64(with.strengths)))
		if n > 0 {
			strengths[i] = with.first + uint8(n) - 1
		}
	}
	for y := box.Min.Y; y < box.Max.Y; y++ {
		row := c.image.Pix[c.image.PixOffset(box.Min.X, y):][:box.Dx()]
		cover := mask.Pix[mask.PixOffset(from.X, from.Y+y-box.Min.Y):][:box.Dx()]
		for x, a := range cover {
			if a == 0 {
				continue
			}
			s := strengths[a]
			if old := row[x]; s != nothing && (old == nothing || s > old && sameInk(old, s) || a >= 128 && !sameInk(old, s)) {
				row[x] = s
			}
		}
	}
}

// sameInk reports whether two entries of the palette are the same colour. The
// shade is the line's colour, so the edges of the line are smooth on it.
func sameInk(a, b uint8) bool { return inkOf(a) == inkOf(b) }

func inkOf(entry uint8) int {
	switch {
	case entry < grey.first:
		return 1
	case entry < red.first:
		return 2
	case entry < amber.first:
		return 3
	}
	return 4
}

// erase takes away what was painted in a box.
func (c *canvas) erase(box image.Rectangle) {
	box = box.Intersect(c.image.Rect)
	for y := box.Min.Y; y < box.Max.Y; y++ {
		clear(c.image.Pix[c.image.PixOffset(box.Min.X, y):][:box.Dx()])
	}
}

// row paints a straight horizontal line of one entry of the palette, so many
// pixels thick: dash pixels on, gap pixels off; gap 0 for an unbroken one.
func (c *canvas) row(x0, x1, y, thick int, entry uint8, dash, gap int) {
	for i := range thick {
		if y+i < 0 || y+i >= c.image.Rect.Dy() {
			continue
		}
		line := c.image.Pix[(y+i)*c.image.Stride:]
		for x := max(x0, 0); x < min(x1, c.image.Rect.Dx()); x++ {
			if gap == 0 || (x-x0)%(dash+gap) < dash {
				line[x] = entry
			}
		}
	}
}

// stroke paints a line through points, with round joints.
func (c *canvas) stroke(points []point, width float32, with ink) {
	r := width / 2
	c.fill(boxOf(points, r+1), with, func(path func(...point)) {
		for i, p := range points {
			if i > 0 {
				path(segment(points[i-1], p, r)...)
			}
			path(disc(p, r)...)
		}
	})
}

// dot paints a filled circle.
func (c *canvas) dot(p point, r float32, with ink) {
	c.fill(boxOf([]point{p}, r+1), with, func(path func(...point)) { path(disc(p, r)...) })
}

// boxOf is the pixels within a distance of points.
func boxOf(points []point, around float32) image.Rectangle {
	low, high := points[0], points[0]
	for _, p := range points {
		low = point{min(low.x, p.x), min(low.y, p.y)}
		high = point{max(high.x, p.x), max(high.y, p.y)}
	}
	return image.Rect(int(low.x-around), int(low.y-around), int(high.x+around)+1, int(high.y+around)+1)
}

// segment is a straight line as a shape. All shapes go round the same way, so
// that where two overlap they do not take each other out.
func segment(a, b point, r float32) []point {
	dx, dy := b.x-a.x, b.y-a.y
	length := float32(math.Hypot(float64(dx), float64(dy)))
	if length == 0 {
		return []point{a}
	}
	nx, ny := -dy/length*r, dx/length*r
	return []point{{a.x + nx, a.y + ny}, {b.x + nx, b.y + ny}, {b.x - nx, b.y - ny}, {a.x - nx, a.y - ny}}
}

const corners = 16 // of what stands for a circle

func disc(p point, r float32) []point {
	shape := make([]point, 0, corners)
	for _, at := range circle {
		shape = append(shape, point{p.x + at.x*r, p.y + at.y*r})
	}
	return shape
}

var circle = func() (shape [corners]point) {
	for i := range shape {
		sin, cos := math.Sincos(-2 * math.Pi * float64(i) / corners)
		shape[i] = point{float32(cos), float32(sin)}
	}
	return shape
}()

// write writes a text whose baseline begins at a place.
func (c *canvas) write(text string, x, y int, with ink) {
	at := fixed.P(x, y)
	before := rune(-1)
	for _, r := range text {
		if before >= 0 {
			at.X += c.face.Kern(before, r)
		}
		before = r
		box, mask, from, advance, ok := c.face.Glyph(at, r)
		if !ok {
			continue
		}
		if alpha, is := mask.(*image.Alpha); is {
			visible := box.Intersect(c.image.Rect)
			c.blend(visible, alpha, from.Add(visible.Min.Sub(box.Min)), with)
		}
		at.X += advance
	}
}

// width is how many pixels a text takes.
func (c *canvas) width(text string) int { return font.MeasureString(c.face, text).Ceil() }
