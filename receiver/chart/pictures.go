package chart

import (
	"container/list"
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
)

// maxKept is how many bytes of pictures are kept: some 500 of them.
const maxKept = 4 << 20

// Pictures draws charts and keeps what it has drawn, so that a card that is
// rendered again, for another address or because something else has changed,
// draws nothing. It is safe for concurrent use; its zero value is empty.
type Pictures struct {
	mu    sync.Mutex
	kept  map[string]*list.Element
	order list.List // of *picture, the one that was wanted last first
	size  int

	draw func(*alert.Chart, *time.Location) []byte // nil: Draw; tests count
}

// picture is a picture with the chart that it shows, in bytes.
type picture struct{ key, uri string }

func (p *picture) size() int { return len(p.key) + len(p.uri) }

// DataURI is the picture of a chart as it can stand in a card: a data URI of
// a PNG. See Draw for the zone. "" when nothing was measured.
func (p *Pictures) DataURI(c *alert.Chart, zone *time.Location) string {
	if c == nil {
		return ""
	}
	if zone == nil {
		zone = time.UTC
	}
	key := key(c, zone)
	p.mu.Lock()
	found := p.kept[string(key)]
	if found != nil {
		p.order.MoveToFront(found)
	}
	p.mu.Unlock()
	if found != nil {
		return found.Value.(*picture).uri
	}
	draw := Draw
	if p.draw != nil {
		draw = p.draw
	}
	png := draw(c, zone)
	if png == nil {
		return ""
	}
	uri := "data:image/png;base64," + base64.StdEncoding.EncodeToString(png)
	p.keep(&picture{string(key), uri})
	return uri
}

// keep remembers a picture and forgets those that nobody wanted for longest.
func (p *Pictures) keep(one *picture) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept == nil {
		p.kept = map[string]*list.Element{}
	}
	if p.kept[one.key] != nil { // somebody else drew it meanwhile
		return
	}
	p.kept[one.key] = p.order.PushFront(one)
	for p.size += one.size(); p.size > maxKept; {
		last := p.order.Remove(p.order.Back()).(*picture)
		delete(p.kept, last.key)
		p.size -= last.size()
	}
}

// key is everything that a picture depends on.
func key(c *alert.Chart, zone *time.Location) []byte {
	text := make([]byte, 0, 1024)
	number := func(n uint64) { text = binary.LittleEndian.AppendUint64(text, n) }
	word := func(s string) {
		number(uint64(len(s)))
		text = append(text, s...)
	}
	_, offset := c.From.In(zone).Zone()
	word(zone.String())
	number(uint64(offset))
	number(uint64(c.From.Unix()))
	number(uint64(c.From.Nanosecond()))
	number(uint64(c.Step))
	number(uint64(len(c.Points)))
	for _, v := range c.Points {
		number(math.Float64bits(v))
	}
	for _, t := range c.Thresholds {
		number(math.Float64bits(t.Value))
		word(t.Severity)
		text = strconv.AppendBool(text, t.Below)
	}
	return text
}
