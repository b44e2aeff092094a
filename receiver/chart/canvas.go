package chart

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// An ink is a colour in several strengths, which smooth edges need. They stand
// one after the other in the palette, the weakest first.
type ink struct {
	weakest, full uint8      // in the palette
	covering      [256]uint8 // the strength where so much of a pixel is covered
}

// The colours are of a middle lightness, because the background shines
// through: on white as on the #292929 of Teams' dark theme each has a contrast
// of more than 3 to 1. With at most sixteen in all, a pixel is half a byte.
var (
	colours = color.Palette{color.NRGBA{}}

	shade = newInk(0x3d, 0x84, 0xe0, 0x24) // under the line
	blue  = newInk(0x3d, 0x84, 0xe0, 0x60, 0xb0, 0xff)
	grey  = newInk(0x86, 0x86, 0x86, 0x48, 0xa0, 0xff)
	red   = newInk(0xe0, 0x50, 0x58, 0x80, 0xff)
	amber = newInk(0xc0, 0x80, 0x10, 0x80, 0xff)
)

const bare = uint8(0) // nothing was painted here

// newInk adds a colour to the palette, once for each of its strengths.
func newInk(r, g, b uint8, strengths ...uint8) *ink {
	i := &ink{weakest: uint8(len(colours))}
	for _, alpha := range strengths {
		colours = append(colours, color.NRGBA{r, g, b, alpha})
	}
	i.full = uint8(len(colours) - 1)
	for cover := range i.covering {
		if n := int(math.Round(float64(cover*len(strengths)) / 255)); n > 0 {
			i.covering[cover] = i.weakest + uint8(n) - 1
		}
	}
	return i
}

// has reports whether an entry of the palette is of the ink.
func (i *ink) has(entry uint8) bool { return entry >= i.weakest && entry <= i.full }

// canvas is a picture of few colours that shapes are painted on. It is kept
// and used again: making one takes as long as drawing.
type canvas struct {
	image   *image.Paletted
	shape   vector.Rasterizer
	mask    image.Alpha // how much of each pixel a shape covers
	face    font.Face
	encoder png.Encoder
}

var canvases = sync.Pool{New: func() any {
	return &canvas{
		image: image.NewPaletted(image.Rect(0, 0, Width, Height), colours), face: newFace(),
		encoder: png.Encoder{CompressionLevel: png.DefaultCompression, BufferPool: &encoderBuffer{}},
	}
}}

// encoderBuffer keeps what an encoder needs from one picture to the next.
type encoderBuffer struct{ kept *png.EncoderBuffer }

func (b *encoderBuffer) Get() *png.EncoderBuffer { return b.kept }

func (b *encoderBuffer) Put(used *png.EncoderBuffer) { b.kept = used }

// png is the picture, encoded.
func (c *canvas) png() []byte {
	var out bytes.Buffer
	if err := c.encoder.Encode(&out, c.image); err != nil {
		panic(err) // a buffer takes everything, and the picture is not empty
	}
	return out.Bytes()
}

// point is a place on the canvas, from its upper left corner.
type point struct{ x, y float32 }

// fill paints what build draws, all of which must lie inside of the box.
func (c *canvas) fill(box image.Rectangle, with *ink, build func(path func(points ...point))) {
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

// blend puts an ink on the picture where the mask covers it. A pixel has one
// colour: the new one where it is bare, only shaded, or at least half covered,
// and the stronger one where both are of one ink.
func (c *canvas) blend(box image.Rectangle, mask *image.Alpha, from image.Point, with *ink) {
	for y := box.Min.Y; y < box.Max.Y; y++ {
		row := c.image.Pix[c.image.PixOffset(box.Min.X, y):][:box.Dx()]
		cover := mask.Pix[mask.PixOffset(from.X, from.Y+y-box.Min.Y):][:box.Dx()]
		for x, a := range cover {
			if a == 0 {
				continue
			}
			entry, old := with.covering[a], row[x]
			if entry == bare {
				continue
			}
			switch {
			case old == bare, shade.has(old), with.has(old) && entry > old, !with.has(old) && a >= 128:
				row[x] = entry
			}
		}
	}
}

// erase takes away what was painted in a box, except for the shade.
func (c *canvas) erase(box image.Rectangle) {
	box = box.Intersect(c.image.Rect)
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x, entry := range c.image.Pix[c.image.PixOffset(box.Min.X, y):][:box.Dx()] {
			if !shade.has(entry) {
				c.image.Pix[c.image.PixOffset(box.Min.X+x, y)] = bare
			}
		}
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

// stroke paints a line through points, with round ends and bends.
func (c *canvas) stroke(points []point, width float32, with *ink) {
	r := width / 2
	c.fill(boxOf(points, r+1), with, func(path func(...point)) {
		for i, p := range points {
			if i > 0 {
				path(segment(points[i-1], p, r)...)
			}
			if i == 0 || i == len(points)-1 || bends(points[i-1], p, points[i+1]) {
				path(disc(p, r)...)
			}
		}
	})
}

// bends reports whether a line changes its direction so much that one sees it.
// Where it does not, a round joint would only thicken the line's edges.
func bends(a, b, c point) bool {
	x1, y1, x2, y2 := b.x-a.x, b.y-a.y, c.x-b.x, c.y-b.y
	lengths := math.Hypot(float64(x1), float64(y1)) * math.Hypot(float64(x2), float64(y2))
	return float64(x1*x2+y1*y2) < 0.98*lengths
}

// dot paints a filled circle.
func (c *canvas) dot(p point, r float32, with *ink) {
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
func (c *canvas) write(text string, x, y int, with *ink) {
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
