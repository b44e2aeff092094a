package card

import (
	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/chart"
)

// ownPicture is a picture that we drew ourselves. Under url it stands as it
// is; the same text from anywhere else would not, because pictures in a card
// are never the data's to make. A template can get one from picture only, and
// what it makes of one is a text like others.
type ownPicture struct{ uri string }

// String is what a picture is where no picture can be.
func (p *ownPicture) String() string { return "" }

// picture draws a chart. nil, so that a template can write something else,
// when nothing was measured or pictures are left out so that the card fits.
func (r *render) picture(c *alert.Chart) (*ownPicture, error) {
	if !r.pictures {
		return nil, nil
	}
	uri := r.drawn.DataURI(c, r.wall.location)
	if uri == "" {
		return nil, nil
	}
	return &ownPicture{uri}, r.grow(len(uri))
}

// sparkline is a chart as text, "" when nothing was measured.
func sparkline(c *alert.Chart) string {
	if c == nil {
		return ""
	}
	return chart.Sparkline(c.Points)
}
