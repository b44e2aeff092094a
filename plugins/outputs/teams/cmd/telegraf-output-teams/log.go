package main

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/influxdata/telegraf"
)

// logger writes information to one stream, and warnings and errors to another:
// outputs.execd logs what comes on stdout as information, and what comes on
// stderr as errors. It adds no time, because Telegraf does.
type logger struct {
	out, err io.Writer
	mu       sync.Mutex
}

var _ telegraf.Logger = (*logger)(nil)

// Level implements telegraf.Logger.
func (*logger) Level() telegraf.LogLevel { return telegraf.Info }

// AddAttribute implements telegraf.Logger. There is one plugin in the process,
// so there is nothing to tell apart.
func (*logger) AddAttribute(string, any) {}

// write writes a line for each line of a text, each with its level.
func (l *logger) write(level telegraf.LogLevel, text string) {
	if !l.Level().Includes(level) {
		return
	}
	to := l.out
	if level <= telegraf.Warn {
		to = l.err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		_, _ = fmt.Fprintln(to, level.Indicator(), line) // there is nobody to tell
	}
}

// These implement telegraf.Logger.
func (l *logger) Errorf(format string, args ...any) {
	l.write(telegraf.Error, fmt.Sprintf(format, args...))
}
func (l *logger) Error(args ...any) { l.write(telegraf.Error, fmt.Sprint(args...)) }
func (l *logger) Warnf(format string, args ...any) {
	l.write(telegraf.Warn, fmt.Sprintf(format, args...))
}
func (l *logger) Warn(args ...any) { l.write(telegraf.Warn, fmt.Sprint(args...)) }
func (l *logger) Infof(format string, args ...any) {
	l.write(telegraf.Info, fmt.Sprintf(format, args...))
}
func (l *logger) Info(args ...any) { l.write(telegraf.Info, fmt.Sprint(args...)) }
func (l *logger) Debugf(format string, args ...any) {
	l.write(telegraf.Debug, fmt.Sprintf(format, args...))
}
func (l *logger) Debug(args ...any) { l.write(telegraf.Debug, fmt.Sprint(args...)) }
func (l *logger) Tracef(format string, args ...any) {
	l.write(telegraf.Trace, fmt.Sprintf(format, args...))
}
func (l *logger) Trace(args ...any) { l.write(telegraf.Trace, fmt.Sprint(args...)) }
