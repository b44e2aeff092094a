package canary

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/card"
)

// title stands in the delivery log too.
const title = "Canary"

// message is the card as it is sent at a time. edited: this message is edited
// from now on, so its time says when it was last seen.
func (c *Canary) message(edited bool, now time.Time) card.Message {
	type text struct {
		Type     string `json:"type"`
		Text     string `json:"text"`
		Wrap     bool   `json:"wrap"`
		Weight   string `json:"weight,omitempty"`
		Size     string `json:"size,omitempty"`
		IsSubtle bool   `json:"isSubtle,omitempty"`
	}
	what := fmt.Sprintf("teamsrelay sends this card every %s to see whether cards arrive here. There is nothing to do.", short(c.Every))
	if edited {
		what = fmt.Sprintf("teamsrelay edits this card every %s to see whether cards arrive here. There is nothing to do, unless the time above is much older than that.", short(c.Every))
	}
	data, err := json.Marshal(map[string]any{
		"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
		"body": []text{
			{Type: "TextBlock", Text: "Cards arrive here", Weight: "Bolder", Wrap: true},
			{Type: "TextBlock", Text: "Seen at " + clockTime(now), Wrap: true},
			{Type: "TextBlock", Text: what, Size: "Small", IsSubtle: true, Wrap: true},
		},
	})
	if err != nil { // nothing in it can fail to be written
		panic(err)
	}
	return card.Message{Card: data, Summary: "Cards arrive here: seen at " + clockTime(now), Template: "canary"}
}

// short is a duration without zeros at its end: 15m, not 15m0s.
func short(d time.Duration) string {
	text := d.String()
	if d >= time.Minute && d%time.Minute == 0 {
		text = text[:len(text)-len("0s")]
	}
	if d >= time.Hour && d%time.Hour == 0 {
		text = text[:len(text)-len("0m")]
	}
	return text
}
