package apppackage

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
)

// What Teams asks of the two icons, in pixels (teams-platform §6.1).
const (
	colorSize   = 192 // full colour, square; Teams rounds the corners
	outlineSize = 32  // white on transparent
)

// accent is the colour of the app: the manifest wants it in words, the icon in
// numbers.
var accent = color.NRGBA{0x0f, 0x5c, 0x6e, 0xff}

// The icon is a speech bubble with a line that leaps: what was measured speaks.
// Its shapes are given by their distance from a point, in the unit square with
// y downwards, so that one drawing serves every size with smooth edges.
type point struct{ x, y float64 }

// leap is the line in the bubble, from left to right.
var leap = []point{{0.20, 0.43}, {0.35, 0.43}, {0.44, 0.21}, {0.56, 0.61}, {0.65, 0.43}, {0.80, 0.43}}

// bubble is how far a point is from the edge of the speech bubble; negative
// inside.
func bubble(p point) float64 {
	const (
		halfWidth, halfHeight, radius = 0.46, 0.36, 0.16
		middleX, middleY              = 0.5, 0.42
	)
	dx := math.Abs(p.x-middleX) - (halfWidth - radius)
	dy := math.Abs(p.y-middleY) - (halfHeight - radius)
	box := math.Hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0) - radius
	return min(box, triangle(p, point{0.20, 0.72}, point{0.20, 0.94}, point{0.46, 0.72}))
}

// triangle is how far a point is from the edge of a triangle.
func triangle(p, a, b, c point) float64 {
	edge := min(segment(p, a, b), segment(p, b, c), segment(p, c, a))
	side := func(a, b point) bool { return (b.x-a.x)*(p.y-a.y)-(b.y-a.y)*(p.x-a.x) > 0 }
	if side(a, b) == side(b, c) && side(b, c) == side(c, a) {
		return -edge
	}
	return edge
}

// segment is how far a point is from the line between two others.
func segment(p, a, b point) float64 {
	along := ((p.x-a.x)*(b.x-a.x) + (p.y-a.y)*(b.y-a.y)) / ((b.x-a.x)*(b.x-a.x) + (b.y-a.y)*(b.y-a.y))
	along = min(max(along, 0), 1)
	return math.Hypot(p.x-a.x-along*(b.x-a.x), p.y-a.y-along*(b.y-a.y))
}

// line is how far a point is from the edge of a line of a width.
func line(p point, through []point, width float64) float64 {
	nearest := math.Inf(1)
	for i := 1; i < len(through); i++ {
		nearest = min(nearest, segment(p, through[i-1], through[i]))
	}
	return nearest - width/2
}

// cover is how much of a pixel a shape covers whose edge is that far away, in
// pixels.
func cover(distance float64) float64 { return min(max(0.5-distance, 0), 1) }

// draw makes a square picture of a colour for every pixel. glyph is how much
// of the side the unit square of the shapes takes, in the middle.
func draw(size int, glyph float64, colour func(p point, pixels float64) color.NRGBA) []byte {
	picture := image.NewNRGBA(image.Rect(0, 0, size, size))
	pixels := float64(size) * glyph
	at := func(i int) float64 { return (float64(i)+0.5-float64(size)/2)/pixels + 0.5 }
	for y := range size {
		for x := range size {
			picture.SetNRGBA(x, y, colour(point{at(x), at(y)}, pixels))
		}
	}
	var out bytes.Buffer
	_ = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, picture) // a buffer takes everything
	return out.Bytes()
}

// colorIcon is the icon in full colour: a white bubble, and the line in it in
// the colour of the background. Teams wants what is drawn to keep to the inner
// half: the rest may be cut off.
func colorIcon() []byte {
	const glyph, width = 0.53, 0.085
	return draw(colorSize, glyph, func(p point, pixels float64) color.NRGBA {
		white := cover(bubble(p)*pixels) * (1 - cover(line(p, leap, width)*pixels))
		mix := func(back uint8) uint8 { return uint8(math.Round(float64(back) + (255-float64(back))*white)) }
		return color.NRGBA{mix(accent.R), mix(accent.G), mix(accent.B), 255}
	})
}

// outlineIcon is the icon in white lines on nothing.
func outlineIcon() []byte {
	const glyph, width = 0.9, 0.075
	return draw(outlineSize, glyph, func(p point, pixels float64) color.NRGBA {
		edge := math.Abs(bubble(p)+width/2) - width/2
		white := max(cover(edge*pixels), cover(line(p, leap, width)*pixels))
		return color.NRGBA{255, 255, 255, uint8(math.Round(255 * white))}
	})
}
