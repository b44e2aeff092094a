package chart

import (
	"image"
	"time"
	"unicode"

	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// A card shows the picture 400 to 500 pixels wide; screens have about two
// dots for each.
const (
	Width  = 800 // pixels
	Height = 252

	textSize  = 25 // pixels from the top of an M to the bottom of a g, about
	maxWord   = 16 // characters of a severity
	maxPoints = 240
)

var typeface = func() *sfnt.Font {
	parsed, err := opentype.Parse(liberationsansregular.TTF)
	if err != nil {
		panic(err) // it is compiled in
	}
	return parsed
}()

func newFace() font.Face {
	face, err := opentype.NewFace(typeface, &opentype.FaceOptions{Size: textSize, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		panic(err) // the options are right
	}
	return face
}

// Draw draws a chart as a PNG of Width by Height pixels on a transparent
// background; times are those of the zone, nil: UTC. nil when nothing was
// measured.
func Draw(c *alert.Chart, zone *time.Location) []byte {
	if c == nil {
		return nil
	}
	points := folded(c.Points, maxPoints)
	if !rangeOf(points).known {
		return nil
	}
	if zone == nil {
		zone = time.UTC
	}
	canvas := canvases.Get().(*canvas)
	defer canvases.Put(canvas)
	clear(canvas.image.Pix)
	d := newDrawing(canvas, c, points, zone)
	d.draw()
	return canvas.png()
}

// writable is a word as far as the typeface has it: "" when a letter is
// missing, or is written from right to left.
func writable(word string) string {
	var buffer sfnt.Buffer
	for _, r := range word {
		if i, err := typeface.GlyphIndex(&buffer, r); err != nil || i == 0 || unicode.In(r, unicode.Hebrew, unicode.Arabic) {
			return ""
		}
	}
	return word
}

// drawing is one chart while it is drawn.
type drawing struct {
	canvas *canvas
	points alert.Points
	values scale
	times  span
	limits []alert.Threshold
	plot   image.Rectangle // where the line is; the axes are around it
}

const (
	gap       = 10 // between words and what they belong to
	lineWidth = 5
	dotRadius = 8
	capHeight = 18 // of textSize
)

func newDrawing(canvas *canvas, c *alert.Chart, points alert.Points, zone *time.Location) *drawing {
	d := &drawing{canvas: canvas, points: points, limits: limits(c.Thresholds)}
	d.values = scaleFor(rangeOf(points), d.limits)
	d.times = spanOf(c, zone)
	left := 0
	for _, v := range d.values.ticks {
		left = max(left, d.canvas.width(d.values.label(v)))
	}
	right := d.canvas.width(d.last()) + 2*gap
	bottom := gap
	if len(d.times.ticks) > 0 {
		bottom = textSize + gap
	}
	d.plot = image.Rect(left+gap, gap, Width-right, Height-bottom)
	return d
}

func (d *drawing) last() string { return Compact(rangeOf(d.points).last) }

func (d *drawing) draw() {
	d.axes()
	d.line()
	d.thresholds()
	d.mark()
}

// x is where a point of a number is, y where a value is.
func (d *drawing) x(i int) float32 {
	return float32(d.plot.Min.X) + (float32(i)+0.5)*float32(d.plot.Dx())/float32(len(d.points))
}

func (d *drawing) y(v float64) float32 {
	return float32(d.plot.Max.Y) - float32(d.values.share(v))*float32(d.plot.Dy())
}

func (d *drawing) axes() {
	c := d.canvas
	for _, v := range d.values.ticks {
		y := int(d.y(v))
		c.row(d.plot.Min.X, d.plot.Max.X, y, 1, grey.weakest, 1, 0)
		label := d.values.label(v)
		c.write(label, d.plot.Min.X-gap-c.width(label), y+capHeight/2, grey)
	}
	for _, tick := range d.times.ticks {
		x := d.plot.Min.X + int(tick.share*float64(d.plot.Dx()))
		for i := range 6 {
			c.row(x, x+2, d.plot.Max.Y+i, 1, grey.weakest+1, 1, 0)
		}
		width := c.width(tick.label)
		c.write(tick.label, min(max(x-width/2, d.plot.Min.X), Width-width), Height-6, grey)
	}
}

// line draws the points: each stretch between two gaps for itself.
func (d *drawing) line() {
	var stretch []point
	end := func() {
		switch len(stretch) {
		case 0:
		case 1: // no line that could be seen
			d.canvas.dot(stretch[0], lineWidth, blue)
		default:
			d.shade(stretch)
			d.canvas.stroke(stretch, lineWidth, blue)
		}
		stretch = stretch[:0]
	}
	for i, v := range d.points {
		if !measured(v) {
			end()
			continue
		}
		stretch = append(stretch, point{d.x(i), d.y(v)})
	}
	end()
}

// shade fills what is under the line.
func (d *drawing) shade(line []point) {
	floor := float32(d.plot.Max.Y)
	shape := append([]point{{line[0].x, floor}}, line...)
	shape = append(shape, point{line[len(line)-1].x, floor})
	d.canvas.fill(boxOf(shape, 1), shade, func(path func(...point)) { path(shape...) })
}

// mark shows where the last value is, and which it is.
func (d *drawing) mark() {
	for i := len(d.points) - 1; i >= 0; i-- {
		if !measured(d.points[i]) {
			continue
		}
		at := point{d.x(i), d.y(d.points[i])}
		d.canvas.dot(at, dotRadius, blue)
		y := min(max(int(at.y)+capHeight/2, capHeight), Height-1)
		x := Width - d.canvas.width(d.last())
		d.canvas.write(d.last(), x, y, blue)
		return
	}
}

// thresholds draws each as a broken line with its name.
func (d *drawing) thresholds() {
	for _, t := range d.limits {
		color := inkFor(t.Severity)
		at := d.values.share(t.Value)
		text := label(t)
		switch {
		case at > 1:
			d.place("↑ "+text, d.plot.Min.Y+capHeight+2, color)
		case at < 0:
			d.place("↓ "+text, d.plot.Max.Y-6, color)
		default:
			y := int(d.y(t.Value))
			d.canvas.row(d.plot.Min.X, d.plot.Max.X, y-1, 3, color.full, 12, 8)
			baseline := y - 8
			if baseline-capHeight < d.plot.Min.Y {
				baseline = y + capHeight + 10
			}
			d.place(text, baseline, color)
		}
	}
}

// place writes the name of a threshold on a baseline, where it covers least
// of the line.
func (d *drawing) place(text string, baseline int, with *ink) {
	width := d.canvas.width(text)
	best, least := 0, -1
	for _, x := range []int{d.plot.Min.X + gap, d.plot.Min.X + (d.plot.Dx()-width)/2, d.plot.Max.X - width - 2*dotRadius} {
		box := image.Rect(x-4, baseline-capHeight-4, x+width+4, baseline+6)
		if n := d.covered(box); least < 0 || n < least {
			best, least = x, n
		}
	}
	box := image.Rect(best-4, baseline-capHeight-3, best+width+4, baseline+5)
	d.canvas.erase(box)
	d.canvas.write(text, best, baseline, with)
}

// covered counts the pixels of the line and of other words in a box.
func (d *drawing) covered(box image.Rectangle) (n int) {
	box = box.Intersect(d.canvas.image.Rect)
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for _, entry := range d.canvas.image.Pix[d.canvas.image.PixOffset(box.Min.X, y):][:box.Dx()] {
			if entry != bare && !shade.has(entry) && entry != grey.weakest {
				n++
			}
		}
	}
	return n
}

func label(t alert.Threshold) string {
	text := Compact(t.Value)
	if t.Below {
		text = "below " + text
	}
	if word := writable(clean(t.Severity, maxWord)); word != "" {
		text = word + " " + text
	}
	return text
}

// inkFor is the colour for a severity. The word stands beside it.
func inkFor(severity string) *ink {
	switch alert.SeverityOf(map[string]string{alert.SeverityLabel: severity}) {
	case alert.SeverityCritical, alert.SeverityError:
		return red
	case alert.SeverityWarning:
		return amber
	}
	return grey
}
