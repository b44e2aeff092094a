package card

import (
	"encoding/json"

	"github.com/teamsrelay/teamsrelay/receiver/group"
)

// Post is what people did about the group, and what they can do now: the
// .Post of templates.
type Post struct {
	// Actions are the buttons of this card; none where nobody can answer.
	Actions []Action

	lines  []Line
	teller *teller
	said   bool // the template says itself what people did: it has asked for the main of it
}

// Lines are the words about what somebody did and what still holds.
func (p *Post) Lines() []Line {
	p.said = true
	return p.lines
}

// Ack is who acknowledged it; nil: nobody.
func (p *Post) Ack() *Deed {
	p.said = true
	return p.deed(p.teller.in.Group.Ack)
}

// Owner is who takes care of it (To), and who said so; nil: nobody.
func (p *Post) Owner() *Deed { return p.deed(p.teller.in.Group.Owner) }

// Closed is who ended it by hand; nil: nobody.
func (p *Post) Closed() *Deed { return p.deed(p.teller.in.Group.Closed) }

// Silence is what keeps all of it quiet; nil: nothing.
func (p *Post) Silence() *Quiet {
	p.said = true
	s, t := p.teller.in.Group.Silence, p.teller
	if !t.silenced() {
		return nil
	}
	return &Quiet{By: personOf(s.By), Until: t.wall.time(s.Until), Comment: s.Comment, Theirs: s.Theirs}
}

// Wishes are what other systems were asked to do and have not done.
func (p *Post) Wishes() []Wish {
	var wishes []Wish
	for _, w := range p.teller.wishes() {
		wishes = append(wishes, Wish{
			Verb: w.Verb, State: string(w.State), System: w.System, Reason: w.Reason,
			By: personOf(w.By), Until: p.teller.wall.time(w.Until), Count: w.Count, Text: p.teller.wishWords(w),
		})
	}
	return wishes
}

// History is what happened since the episode began, oldest first.
func (p *Post) History() []Happened {
	var list []Happened
	for _, h := range p.teller.in.Group.History {
		list = append(list, Happened{
			At: p.teller.wall.time(h.At), Change: string(h.Change), What: p.teller.changeWord(h), Who: h.Who, Count: h.Count, Text: remark(h),
		})
	}
	return list
}

func (p *Post) deed(m *group.Mark) *Deed {
	if m == nil {
		return nil
	}
	return &Deed{By: personOf(m.By), To: personOf(m.To), At: p.teller.wall.time(m.At)}
}

// Deed is something that somebody did and that still holds.
type Deed struct {
	By, To Person
	At     string // "10:04"
}

// Quiet is a silence.
type Quiet struct {
	By      Person
	Until   string // "12:00"
	Comment string
	Theirs  bool // Alertmanager keeps it
}

// Wish is what another system was asked to do.
type Wish struct {
	Verb, State, System, Reason string
	By                          Person
	Until                       string // of a silence
	Count                       int    // of alerts
	Text                        string // all of it in words
}

// Happened is a line of the story.
type Happened struct {
	At     string // "10:04"
	Change string // as the group calls it: "acknowledged"
	What   string // in words; "" of what is not worth any
	Who    string
	Count  int    // of alerts that it is about
	Text   string // what they wrote
}

// Person is somebody with a name. Where a template writes one it is the name;
// mention makes a mention of it.
type Person struct {
	Name string
	id   string // Microsoft's, "" where nobody knows it
}

func personOf(p group.Person) Person { return Person{Name: personName(p), id: p.ID} }

func (p Person) String() string { return p.Name }

// MarshalJSON writes the name.
func (p Person) MarshalJSON() ([]byte, error) { return json.Marshal(p.Name) }
