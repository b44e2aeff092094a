package card

import (
	"errors"
	"io"
	"reflect"
	"text/template"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/chart"
)

// What a template may use. A card is at most 80 KB (teams-platform §7.5), so
// one that writes more than maxOutput or needs more rounds than maxSteps can
// only be a mistake.
const (
	maxOutput  = 512 << 10        // bytes, text and values together
	maxSteps   = 200_000          // rounds of ranges, calls of templates count 20
	maxRunTime = 10 * time.Second // of one render: functions that are slow themselves; long, because a busy machine is nobody's mistake
	maxValue   = 1 << 20          // length of a variable, in bytes or elements
	maxCount   = 10_000           // for functions that make as much as a number says
)

var (
	errOutput  = errors.New("the template writes more than any card may hold")
	errSteps   = errors.New("the template does not come to an end")
	errRunTime = errors.New("the template takes too long")
	errValue   = errors.New("a variable grows beyond what a card may hold")
)

// hole is a place in a template's output where a value belongs.
type hole struct {
	offset int // in render.text
	sink   string
	value  any
}

// piece is a stretch of text that a template wrote.
type piece struct {
	offset int   // in render.text
	first  *byte // of the template's own text: tells which text it was
}

// render is one run of a template. It is the io.Writer that the template
// writes to: text and values arrive apart, because each value is handed to a
// sink, which returns "".
type render struct {
	templates *template.Template // with functions that belong to this render
	text      []byte
	holes     []hole
	pieces    []piece
	size      int // of text and values
	steps     int
	started   time.Time
	scanned   int  // how far inString has read text
	quoted    bool // a string is open there

	data      *Data
	wall      wall
	pictures  bool // the card may have pictures
	drawn     *chart.Pictures
	maxAlerts int  // how many rounds a range over alerts makes
	left      int  // how many alerts such ranges left out
	told      bool // the template says so itself
}

// newRender makes a render of the templates. Renders are kept and used again,
// because cloning the templates costs more than running one. All renders of a
// set share the pictures they draw.
func newRender(templates *template.Template, drawn *chart.Pictures) *render {
	r := &render{drawn: drawn}
	r.templates = template.Must(templates.Clone()).Funcs(r.funcs())
	return r
}

// reset makes r ready for another run.
func (r *render) reset(data *Data, wall wall, reduce reduction) {
	r.text, r.holes, r.pieces = r.text[:0], r.holes[:0], r.pieces[:0]
	r.size, r.steps, r.left, r.told = 0, 0, 0, false
	r.scanned, r.quoted = 0, false
	r.started, r.data, r.wall = time.Now(), data, wall
	r.maxAlerts, r.pictures = reduce.rows, !reduce.images
}

// run executes a template for a dot and leaves its text and values in r. data
// is what our functions read.
func (r *render) run(name string, dot any, data *Data, wall wall, reduce reduction) error {
	r.reset(data, wall, reduce)
	return r.templates.ExecuteTemplate(r, name, dot)
}

// Write takes the template's text.
func (r *render) Write(text []byte) (int, error) {
	if len(text) == 0 {
		return 0, nil
	}
	if err := r.grow(len(text)); err != nil {
		return 0, err
	}
	r.pieces = append(r.pieces, piece{len(r.text), &text[0]})
	r.text = append(r.text, text...)
	return len(text), nil
}

var _ io.Writer = (*render)(nil)

func (r *render) grow(n int) error {
	if r.size += n; r.size > maxOutput {
		return errOutput
	}
	return nil
}

// nothing is what a function of ours returns that is called for its effect.
// Half of the time of a card goes into calls of such functions, and
// text/template makes them with the fewest allocations where they take a
// reflect.Value or nothing, and return one pointer. So they panic with their
// errors, of which text/template makes errors again.
type nothing *struct{}

// sink takes the value of an action.
func (r *render) sink(kind string) func(reflect.Value) nothing {
	return func(value reflect.Value) nothing {
		h := hole{offset: len(r.text), sink: kind}
		if value.IsValid() {
			h.value = value.Interface()
		}
		if text, ok := h.value.(string); ok {
			if err := r.grow(len(text)); err != nil {
				panic(err)
			}
		}
		r.holes = append(r.holes, h)
		return nil
	}
}

// round counts the work of a round of a range.
func (r *render) round() nothing { return r.work(costOfRound) }

// call counts the work of a call of a template.
func (r *render) call() nothing { return r.work(costOfCall) }

func (r *render) work(cost int) nothing {
	if r.steps += cost; r.steps > maxSteps {
		panic(errSteps)
	}
	if time.Since(r.started) > maxRunTime {
		panic(errRunTime)
	}
	return nil
}

var (
	alertsType = reflect.TypeFor[Alerts]()
	sliceType  = reflect.TypeFor[[]Alert]()
	rowsType   = reflect.TypeFor[[]Row]()
	linesType  = reflect.TypeFor[[]DigestLine]()
)

// cut shortens what a range goes through when it is alerts, and remembers how
// many were left out. The list itself stays whole: len tells the truth.
func (r *render) cut(list reflect.Value) reflect.Value {
	if !list.IsValid() || list.Kind() != reflect.Slice || list.Len() <= r.maxAlerts {
		return list
	}
	switch list.Type() {
	case alertsType, sliceType, rowsType, linesType:
		r.left += list.Len() - r.maxAlerts
		return list.Slice(0, r.maxAlerts)
	}
	return list
}

// more says how many were left out of the ranges so far, besides those that
// the template knows to be hidden. "" when none was.
func (r *render) more(hidden ...int) string {
	r.told = true
	left := r.left
	for _, n := range hidden {
		left += n
	}
	if left <= 0 {
		return ""
	}
	return "and " + thousands(left) + " more"
}

// bound passes a variable's value on unless it is too large.
func (r *render) bound(value reflect.Value) (reflect.Value, error) {
	if !value.IsValid() {
		return value, nil
	}
	switch value.Kind() {
	case reflect.String, reflect.Slice, reflect.Map:
		if value.Len() > maxValue {
			return value, errValue
		}
	}
	return value, nil
}
