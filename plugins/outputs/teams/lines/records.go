// Package lines turns line protocol, as Telegraf writes it to a program's
// stdin, into samples.
//
// A record is one metric. Nearly always that is a line, but a string field may
// hold newlines, and Telegraf writes those as they are. So a line that ends
// within a string is joined with those that follow, until the string is closed
// and the whole can be read as a metric. When that fails, the first line alone
// is broken, and what followed it is read for itself: a broken line never
// costs its neighbours.
package lines

import "bytes"

// MaxLine is how many bytes a record may have. A longer one is counted and
// skipped. Telegraf's metrics are a few hundred bytes; an event log's message
// can be some tens of thousands.
const MaxLine = 16 << 20

// Records divides a stream into records.
type Records struct {
	// Take gets each record, without the newline at its end. The bytes are
	// valid until it returns. It reports whether they could be read; lines that
	// were joined and cannot be are taken apart again.
	Take func(record []byte, joined bool) bool
	// TooLong is called for each line that is longer than MaxLine, with its
	// first bytes.
	TooLong func(begin []byte)

	rest     []byte // what has come and is not divided yet
	scanned  int    // up to where rest has been looked at for a newline
	open     scan   // how far the record at the beginning of rest was followed
	skipping bool   // until the newline of a line that is too long
	timed    bool   // the record before had a time
}

// Write takes what the stream brings next. It keeps nothing of data.
func (r *Records) Write(data []byte) {
	if len(r.rest) == 0 {
		r.rest = append(r.rest[:0], r.divide(data)...)
		return
	}
	r.rest = append(r.rest, data...)
	left := r.divide(r.rest)
	if len(left) < len(r.rest) {
		r.rest = append(r.rest[:0], left...)
	}
	if cap(r.rest) > keep && len(r.rest) < keep/2 { // after a long line
		r.rest = append(make([]byte, 0, keep), r.rest...)
	}
}

// keep is how much room for an unfinished record is not given back.
const keep = 256 << 10

// Open reports whether a string of the last line is open: what follows it
// waits for the string's end.
func (r *Records) Open() bool { return r.open.at > 0 }

// GiveUp takes a line whose string nobody closes for broken, and goes on
// behind it.
func (r *Records) GiveUp() {
	for r.Open() {
		r.rest = append(r.rest[:0], r.divide(r.alone(r.rest))...)
	}
}

// End takes what is left when nothing is read any more; ended says that the
// stream has ended. It returns a last line that was cut off and is left out:
// 33.3 without its end is 3, and a metric all the same. Where the stream has
// ended that is only known of lines with a time, which Telegraf always writes;
// what people write may come without a newline.
func (r *Records) End(ended bool) (cut []byte) {
	last := r.rest[bytes.LastIndexByte(r.rest, '\n')+1:]
	if len(last) > 0 && (!ended || r.timed && !hasTime(trimmed(last))) {
		r.GiveUp()
		return r.rest
	}
	r.Write([]byte{'\n'})
	r.GiveUp()
	return nil
}

// hasTime says that a record ends in a time of today in nanoseconds, and so
// that nothing of it is missing.
func hasTime(record []byte) bool {
	const digits = 19
	begin := len(record) - digits
	if begin < 1 || record[begin-1] != ' ' {
		return false
	}
	for _, c := range record[begin:] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

func (r *Records) take(record []byte, joined bool) bool {
	r.timed = hasTime(record)
	return r.Take(record, joined)
}

// divide takes all whole records of data and returns what is left.
func (r *Records) divide(data []byte) (left []byte) {
	for {
		if r.skipping {
			end := bytes.IndexByte(data, '\n')
			if end < 0 {
				return nil
			}
			data, r.skipping = data[end+1:], false
		}
		if r.open.at > 0 {
			if !r.follow(&data) {
				return data
			}
			continue
		}
		end := bytes.IndexByte(data[r.scanned:], '\n')
		if end < 0 {
			if len(data) > MaxLine {
				r.tooLong(data)
				return nil
			}
			r.scanned = len(data)
			return data
		}
		end += r.scanned
		r.scanned = 0
		line := data[:end]
		switch {
		case len(line) > MaxLine:
			r.TooLong(line)
		case bytes.IndexByte(line, '"') < 0:
			r.take(trimmed(line), false)
		default:
			r.open = scan{}
			if r.open.to(data, end+1) == within {
				continue // follow goes on behind this line
			}
			r.open = scan{}
			r.take(trimmed(line), false)
		}
		data = data[end+1:]
	}
}

// follow goes on with the record at the beginning of data, whose string is
// open. It reports false when more must come before anything can be said.
func (r *Records) follow(data *[]byte) bool {
	switch r.open.to(*data, len(*data)) {
	case within, between:
		if len(*data) <= MaxLine {
			return false
		}
	case ended:
		if r.take(trimmed((*data)[:r.open.at-1]), true) {
			*data = (*data)[r.open.at:]
			r.open = scan{}
			return true
		}
	}
	*data = r.alone(*data)
	return true
}

// alone takes the first line of a record that could not be joined for itself,
// and returns what is behind it.
func (r *Records) alone(data []byte) []byte {
	r.open = scan{}
	end := bytes.IndexByte(data, '\n')
	if end < 0 {
		end = len(data)
	}
	r.take(trimmed(data[:end]), false)
	return data[min(end+1, len(data)):]
}

func (r *Records) tooLong(line []byte) {
	r.TooLong(line)
	r.skipping, r.scanned = true, 0
}

// trimmed is a line without the carriage return that Windows puts at its end.
func trimmed(line []byte) []byte {
	return bytes.TrimSuffix(line, []byte{'\r'})
}
