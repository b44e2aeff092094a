package teams

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/influxdata/telegraf"
)

// logHandler writes what the receiver's packages log, which use log/slog, to
// Telegraf's logger: the message first, then key=value.
type logHandler struct {
	log    telegraf.Logger
	prefix string // of keys, with a dot at its end; "" outside of groups
	fixed  string // attributes that every line has, each with a space before it
}

// Enabled implements slog.Handler.
func (h logHandler) Enabled(_ context.Context, level slog.Level) bool {
	return h.log.Level().Includes(levelOf(level))
}

func levelOf(level slog.Level) telegraf.LogLevel {
	switch {
	case level >= slog.LevelError:
		return telegraf.Error
	case level >= slog.LevelWarn:
		return telegraf.Warn
	case level >= slog.LevelInfo:
		return telegraf.Info
	}
	return telegraf.Debug
}

// Handle implements slog.Handler.
func (h logHandler) Handle(_ context.Context, record slog.Record) error {
	var line strings.Builder
	line.WriteString(record.Message)
	line.WriteString(h.fixed)
	record.Attrs(func(a slog.Attr) bool {
		write(&line, h.prefix, a)
		return true
	})
	switch levelOf(record.Level) {
	case telegraf.Error:
		h.log.Error(line.String())
	case telegraf.Warn:
		h.log.Warn(line.String())
	case telegraf.Info:
		h.log.Info(line.String())
	default:
		h.log.Debug(line.String())
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var line strings.Builder
	line.WriteString(h.fixed)
	for _, a := range attrs {
		write(&line, h.prefix, a)
	}
	h.fixed = line.String()
	return h
}

// WithGroup implements slog.Handler.
func (h logHandler) WithGroup(name string) slog.Handler {
	if name != "" {
		h.prefix += name + "."
	}
	return h
}

func write(line *strings.Builder, prefix string, a slog.Attr) {
	value := a.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, inner := range value.Group() {
			write(line, prefix, inner)
		}
		return
	}
	text := fmt.Sprint(value.Any())
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == '"' || r == '=' || !strconv.IsPrint(r) }) {
		text = strconv.Quote(text)
	}
	fmt.Fprintf(line, " %s%s=%s", prefix, a.Key, text)
}
