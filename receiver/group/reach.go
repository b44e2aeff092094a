package group

import "time"

// Step is one step of an escalation: who is told when an episode fires and
// nobody has acknowledged or silenced it for a while.
type Step struct {
	After   time.Duration `json:"a"`
	Targets []Target      `json:"t"`
	// Every repeats it for as long as that is so; 0: it is told once.
	Every time.Duration `json:"e,omitempty"`
}

// Miss says that somebody could not be told of an episode.
type Miss struct {
	Destination string `json:"d"`
	Address     string `json:"a"` // names the miss, with the destination
	// Who is the person, for people; "": the destination as a whole.
	Who string `json:"w,omitempty"`
	// Why is what a reader is to know, in a few words without a full stop:
	// "has blocked the bot".
	Why string    `json:"y"`
	At  time.Time `json:"t"`
	// Fallback is the destination that was told instead; "": there is none.
	Fallback string `json:"f,omitempty"`
}

// maxMisses is how many misses an episode names; it counts the others.
const maxMisses = 10

// Names are the destinations of a step.
func (s Step) Names() []string {
	names := make([]string, len(s.Targets))
	for i, t := range s.Targets {
		names[i] = t.Destination
	}
	return names
}
