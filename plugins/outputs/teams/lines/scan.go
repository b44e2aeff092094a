package lines

// scan follows a record far enough to know which of its newlines are within a
// string. It remembers where it is, so that a record that comes in pieces is
// looked at once.
type scan struct {
	at    int // how many bytes have been looked at
	state state
}

type state uint8

const (
	head    state = iota // the measurement and the tags
	fields               // between the strings of the fields
	equals               // behind the = of a field, where a string may begin
	text                 // in a string
	closing              // behind the quote at the end of a string
)

// verdict is what a scan says of what it has seen.
type verdict uint8

const (
	between verdict = iota // in the record, in no string
	within                 // in a string
	ended                  // the newline at the end of the record was the last byte
	wrong                  // no record has such bytes
)

// to follows the record to data[:end].
func (s *scan) to(data []byte, end int) verdict {
	for s.at < end {
		c := data[s.at]
		if c == '\\' && s.at+1 == end {
			break // what it escapes has not come yet
		}
		s.at++
		switch {
		case c == '\\' && data[s.at] != '\n':
			s.at++ // whatever it is, it ends nothing
			switch s.state {
			case closing:
				return wrong
			case equals:
				s.state = fields
			}
		case s.state == text:
			if c == '"' {
				s.state = closing
			}
		case c == '\n':
			return ended
		case s.state == head:
			if isSpace(c) {
				s.state = fields
			}
		case s.state == closing:
			if c != ',' && c != '\r' && !isSpace(c) {
				return wrong
			}
			s.state = fields
		case s.state == equals && c == '"':
			s.state = text
		case c == '=':
			s.state = equals
		default:
			s.state = fields
		}
	}
	if s.state == text {
		return within
	}
	return between
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\v' || c == '\f' }
