package main

import (
	"bytes"
	"fmt"
	"time"
)

// seldom says something at once and then at most once in a while, with how
// often it happened meanwhile.
type seldom struct {
	every time.Duration
	now   func() time.Time
	say   func(...any)
	last  time.Time // when it was said; zero: never
	more  int       // since then
}

// line says what is wrong with a line, and the name that it begins with: enough
// to find its source, while what follows may be anything.
func (s *seldom) line(what string, line []byte) {
	if !s.due() {
		return
	}
	const most = 40 // bytes
	end := bytes.IndexAny(line, ", =\"\\")
	if end < 0 {
		end = len(line)
	}
	s.say(fmt.Sprintf("%s: it begins with %q and has %d bytes%s", what, line[:min(end, most)], len(line), s.before()))
}

// error says what an error means.
func (s *seldom) error(what string, err error) {
	if s.due() {
		s.say(fmt.Sprintf("%s: %v%s", what, err, s.before()))
	}
}

func (s *seldom) due() bool {
	now := s.now()
	if !s.last.IsZero() && now.Sub(s.last) < s.every {
		s.more++
		return false
	}
	s.last = now
	return true
}

// over forgets, so that the next time is said at once.
func (s *seldom) over() { s.last, s.more = time.Time{}, 0 }

// before tells what was left out since the last time.
func (s *seldom) before() string {
	n := s.more
	s.more = 0
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (and %d more since it was last said)", n)
}
