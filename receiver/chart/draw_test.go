package chart

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

var (
	start    = time.Date(2026, 11, 21, 9, 2, 0, 0, time.UTC)
	limits32 = []alert.Threshold{{Severity: "critical", Value: 32}, {Severity: "warning", Value: 27}}
)

// hour is a chart of an hour.
func hour(thresholds []alert.Threshold, value func(i int) float64) *alert.Chart {
	c := &alert.Chart{Field: "temp_c", From: start, Step: time.Minute, Thresholds: thresholds}
	for i := range 60 {
		c.Points = append(c.Points, value(i))
	}
	return c
}

func rising(i int) float64 { return 26 + 7.1*math.Pow(float64(i)/59, 2) }

// drawn is what the PNG of a chart shows.
func drawn(t testing.TB, c *alert.Chart) *image.Paletted {
	t.Helper()
	data := Draw(c, nil)
	require.NotNil(t, data)
	picture, err := png.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	require.Equal(t, image.Rect(0, 0, Width, Height), picture.Bounds())
	return picture.(*image.Paletted)
}

// count is how many pixels of an ink are in a box.
func count(picture *image.Paletted, box image.Rectangle, of *ink) (n int) {
	box = box.Intersect(picture.Rect)
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			if of.has(picture.ColorIndexAt(x, y)) {
				n++
			}
		}
	}
	return n
}

// columns is a part of the picture's middle: from and to are shares of the
// width, well inside of the axes.
func columns(from, to float64) image.Rectangle {
	return image.Rect(int(from*Width), 0, int(to*Width), Height-textSize-gap)
}

// dashes are the rows in which an ink begins at least 20 times: more often than
// in a row of words.
func dashes(picture *image.Paletted, of *ink) (rows []int) {
	for y := range Height {
		n := 0
		for x := 1; x < Width; x++ {
			if of.full == picture.ColorIndexAt(x, y) && of.full != picture.ColorIndexAt(x-1, y) {
				n++
			}
		}
		if n >= 20 {
			rows = append(rows, y)
		}
	}
	return rows
}

func TestTheLineGoesWhereTheValuesGo(t *testing.T) {
	picture := drawn(t, hour(limits32, rising))
	height := func(box image.Rectangle) int {
		for y := range Height {
			if count(picture, image.Rect(box.Min.X, y, box.Max.X, y+1), blue) > 0 {
				return y
			}
		}
		return Height
	}
	left, middle, right := height(columns(0.3, 0.31)), height(columns(0.55, 0.56)), height(columns(0.8, 0.81))
	require.Greater(t, left, middle)
	require.Greater(t, middle, right)
	require.Less(t, right, Height/2)
}

// TestAGapIsNotBridged would fail for who sees a steady value where nobody
// knows one.
func TestAGapIsNotBridged(t *testing.T) {
	picture := drawn(t, hour(nil, func(i int) float64 {
		if i >= 20 && i < 40 {
			return nan
		}
		return float64(30 + i%2)
	}))
	require.NotZero(t, count(picture, columns(0.2, 0.3), blue))
	require.Zero(t, count(picture, columns(0.4, 0.6), blue)+count(picture, columns(0.4, 0.6), shade))
	require.NotZero(t, count(picture, columns(0.7, 0.8), blue))
}

func TestAThresholdIsABrokenLineWithItsName(t *testing.T) {
	picture := drawn(t, hour(limits32, rising))
	critical, warning := dashes(picture, red), dashes(picture, amber)
	require.NotEmpty(t, critical)
	require.NotEmpty(t, warning)
	require.Less(t, critical[len(critical)-1], warning[0], "critical is the higher one")

	named := count(picture, picture.Rect, red)
	without := drawn(t, hour([]alert.Threshold{{Severity: "critical", Value: 32}, {Severity: "warning", Value: 27}}, func(int) float64 { return 20 }))
	require.NotZero(t, named)
	require.NotEmpty(t, dashes(without, red), "a value that is steady far below has its limit in sight")
	require.NotEmpty(t, dashes(drawn(t, hour([]alert.Threshold{{Severity: "odd", Value: 32}}, rising)), grey), "a severity that nobody knows")
}

// TestTwoThresholdsDoNotWriteOverEachOther would fail for who has a warning at
// 31.5 and a critical at 32.
func TestTwoThresholdsDoNotWriteOverEachOther(t *testing.T) {
	alone := func(limit alert.Threshold, of *ink) int {
		return count(drawn(t, hour([]alert.Threshold{limit}, rising)), image.Rect(0, 0, Width, Height), of)
	}
	near := []alert.Threshold{{Severity: "critical", Value: 32}, {Severity: "warning", Value: 31.9}}
	picture := drawn(t, hour(near, rising))
	require.Greater(t, count(picture, picture.Rect, red), alone(near[0], red)*3/4)
	require.Greater(t, count(picture, picture.Rect, amber), alone(near[1], amber)*3/4)
}

// TestAThresholdThatIsFarAwayDoesNotFlattenTheLine would fail for who has a
// latency of 20 ms and a limit of 5 s: there would be a line at the bottom.
func TestAThresholdThatIsFarAwayDoesNotFlattenTheLine(t *testing.T) {
	for _, limit := range []float64{1e6, -1e6} {
		picture := drawn(t, hour([]alert.Threshold{{Severity: "critical", Value: limit}}, rising))
		require.Empty(t, dashes(picture, red))
		require.NotZero(t, count(picture, picture.Rect, red), "it is named at the edge")
		require.Less(t, count(picture, columns(0, 1), shade)*10/(Width*Height), 6)
		top := count(picture, image.Rect(0, 0, Width, Height/3), blue)
		bottom := count(picture, image.Rect(0, 2*Height/3, Width, Height), blue)
		require.NotZero(t, top)
		require.NotZero(t, bottom)
	}
}

func TestTheLastValueIsMarked(t *testing.T) {
	picture := drawn(t, hour(nil, rising))
	require.Greater(t, count(picture, image.Rect(Width-60, 0, Width, 60), blue), 50, "33.1 stands at the upper right")
	ended := drawn(t, hour(nil, func(i int) float64 {
		if i > 50 {
			return nan
		}
		return rising(i)
	}))
	require.Zero(t, count(ended, image.Rect(Width*9/10-40, Height/2, Width*9/10, Height-50), blue))
}

// TestWhatIsMarkedCanBeSeenOnBothThemes holds every colour of a line or word
// against white and against Teams' dark grey, with WCAG's ratio for what is
// not small text.
func TestWhatIsMarkedCanBeSeenOnBothThemes(t *testing.T) {
	light := func(c color.NRGBA) float64 {
		part := func(v uint8) float64 {
			s := float64(v) / 255
			if s <= 0.04045 {
				return s / 12.92
			}
			return math.Pow((s+0.055)/1.055, 2.4)
		}
		return 0.2126*part(c.R) + 0.7152*part(c.G) + 0.0722*part(c.B)
	}
	for name, of := range map[string]*ink{"line": blue, "words": grey, "critical": red, "warning": amber} {
		for theme, background := range map[string]color.NRGBA{"light": {0xff, 0xff, 0xff, 0xff}, "dark": {0x29, 0x29, 0x29, 0xff}} {
			a, b := light(colours[of.full].(color.NRGBA))+0.05, light(background)+0.05
			require.Greater(t, max(a, b)/min(a, b), 3.0, "%s on %s", name, theme)
		}
	}
}

// TestAPictureIsSmall would fail for webhooks, which take 24 KiB with all that
// a card says.
func TestAPictureIsSmall(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, c := range map[string]struct {
		chart *alert.Chart
		most  int
	}{
		"calm":         {hour(limits32, rising), 4 << 10},
		"as usual":     {hour(limits32, func(i int) float64 { return 30 + 3*math.Sin(float64(i)/7) + random.Float64() }), 11 << 9},
		"nothing else": {hour(limits32, func(int) float64 { return 20 + 15*random.Float64() }), 9 << 10},
	} {
		t.Run(name, func(t *testing.T) { require.Less(t, len(Draw(c.chart, nil)), c.most) })
	}
}

func TestTheSameChartIsTheSamePicture(t *testing.T) {
	c := hour(limits32, rising)
	first := Draw(c, nil)
	Draw(hour(nil, func(i int) float64 { return float64(i) }), nil) // leaves nothing behind
	require.Equal(t, first, Draw(c, nil))
}

func TestThereIsNoPictureOfNothing(t *testing.T) {
	require.Nil(t, Draw(nil, nil))
	require.Nil(t, Draw(&alert.Chart{Thresholds: limits32}, nil))
	require.Nil(t, Draw(hour(limits32, func(int) float64 { return nan }), nil))
	require.Nil(t, Draw(hour(limits32, func(int) float64 { return math.Inf(1) }), nil))
}

// TestEveryChartCanBeDrawn would fail for the card of an alert with strange
// numbers: it would be the minimal one, or take for ever.
func TestEveryChartCanBeDrawn(t *testing.T) {
	odd := []float64{0, math.Copysign(0, -1), 1, -1, 1e-320, 5e-324, 1e-290, 1e15, -1e15, 4e307, math.MaxFloat64, -math.MaxFloat64, math.Inf(1), math.Inf(-1), nan}
	random := rand.New(rand.NewPCG(3, 4))
	pick := func() float64 { return odd[random.IntN(len(odd))] }
	zone := time.FixedZone("\x00", 5*3600+1800)
	for range 60 {
		c := &alert.Chart{From: start.Add(time.Duration(random.Int64()) - math.MaxInt64/2), Step: time.Duration(random.Int64() >> random.IntN(63))}
		for range random.IntN(100) {
			c.Points = append(c.Points, pick())
		}
		for range random.IntN(7) {
			c.Thresholds = append(c.Thresholds, alert.Threshold{Severity: string(rune(random.IntN(0x11000))) + "\xff\n", Value: pick(), Below: random.IntN(2) == 0})
		}
		if data := Draw(c, zone); data != nil {
			_, err := png.Decode(bytes.NewReader(data))
			require.NoError(t, err)
		}
		Words(c)
		Sparkline(c.Points)
	}
	c := hour(limits32, rising)
	for range 20 {
		c.Points = append(c.Points, c.Points...)
		c.Step = 1
		if len(c.Points) > 100_000 {
			break
		}
	}
	drawn(t, c)
	c.From, c.Step = time.Time{}, 0
	drawn(t, c)
}

func BenchmarkDraw(b *testing.B) {
	c := hour(limits32, rising)
	b.ReportAllocs()
	for b.Loop() {
		if Draw(c, nil) == nil {
			b.Fatal("nothing was drawn")
		}
	}
}
