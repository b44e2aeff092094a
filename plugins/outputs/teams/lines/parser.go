package lines

import (
	"errors"
	"time"

	"github.com/influxdata/telegraf/plugins/parsers/influx"
)

// Parser reads records with Telegraf's own state machine for line protocol and
// makes samples of them. It leaves out Telegraf's parser around it, which
// makes a metric, with some forty allocations, for everything that comes. It
// is not safe for concurrent use.
type Parser struct {
	machine interface {
		SetData([]byte)
		Next() error
	}
	builder builder
	wants   func(measurement string) bool
	wanted  map[string]bool // by the name as it is written
}

// maxNames is how many names of metrics are remembered; a text that is made up
// anew each time must not fill the memory.
const maxNames = 10_000

// NewParser makes a parser for the metrics that wants is true for. It is asked
// once a name, or a few times. now is the time of metrics that have none.
func NewParser(wants func(measurement string) bool, now func() time.Time) *Parser {
	p := &Parser{wants: wants, wanted: make(map[string]bool)}
	p.builder.init(now)
	p.machine = influx.NewMachine(&p.builder)
	return p
}

// Into says where samples go from here on.
func (p *Parser) Into(b *Batch) { p.builder.batch = b }

// Result is what became of a record.
type Result uint8

// The results.
const (
	Nothing  Result = iota // an empty line, a comment or, with an error, what is broken
	Sample                 // it is in the batch
	Unwanted               // no rule looks at its name, and nothing else of it was read
)

// Parse reads one record into the batch. Its error does not repeat the record.
func (p *Parser) Parse(record []byte) (Result, error) {
	// Most of what comes is wanted by nobody, and the name tells. A name that
	// begins behind spaces, or is escaped, is left to the parser.
	name := plainName(record)
	switch {
	case len(name) == 0:
		return p.ParseWhole(record)
	case p.isWanted(name):
		return p.parse(record, func([]byte) bool { return true })
	}
	return Unwanted, nil
}

// plainName is the name of a metric that can be seen at a glance.
func plainName(record []byte) []byte {
	for i, c := range record {
		switch {
		case c == ',' || isSpace(c):
			return record[:i]
		case c == '\\' || c == '#':
			return nil
		}
	}
	return nil
}

// ParseWhole is Parse for what must be whole, whoever wants it: lines that
// were joined to a record.
func (p *Parser) ParseWhole(record []byte) (Result, error) {
	return p.parse(record, p.isWanted)
}

func (p *Parser) parse(record []byte, wanted func(name []byte) bool) (Result, error) {
	p.builder.begin()
	p.machine.SetData(record)
	err := p.machine.Next()
	switch {
	case errors.Is(err, influx.EOF):
		return Nothing, nil
	case err == nil && p.builder.empty(): // the state machine lets m\ pass
		err = errNoFields
	}
	switch {
	case err != nil:
		p.builder.drop()
		return Nothing, err
	case !wanted(p.builder.name):
		p.builder.drop()
		return Unwanted, nil
	}
	p.builder.finish()
	return Sample, nil
}

func (p *Parser) isWanted(name []byte) bool {
	wanted, known := p.wanted[string(name)]
	if !known {
		if len(p.wanted) >= maxNames {
			clear(p.wanted)
		}
		wanted = p.wants(p.builder.names.of(name))
		p.wanted[string(name)] = wanted
	}
	return wanted
}
