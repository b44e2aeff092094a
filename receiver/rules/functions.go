package rules

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"text/template"
	"time"

	"github.com/prometheus/common/helpers/templates"
	"github.com/prometheus/common/model"
	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

// maxText is how long the texts may get that a template works with, so that
// one that doubles its text a hundred times is stopped.
const maxText = 64 << 10 // bytes

// functions are Prometheus' template functions, without those that ask the
// server.
var functions = template.FuncMap{
	"humanize":           humanize,
	"humanize1024":       humanize1024,
	"humanizeDuration":   templates.HumanizeDuration,
	"humanizePercentage": humanizePercentage,
	"humanizeTimestamp":  templates.HumanizeTimestamp,
	"toTime":             toTime,
	"parseDuration":      parseDuration,
	"title":              func(s string) string { return cases.Title(language.Und, cases.NoLower).String(s) },
	"toUpper":            strings.ToUpper,
	"toLower":            strings.ToLower,
	"match":              regexp.MatchString,
	"reReplaceAll":       reReplaceAll,
	"stripPort":          stripPort,
	"stripDomain":        stripDomain,
	"urlQueryEscape":     url.QueryEscape,
	"args":               args,
	"safeHtml":           func(s string) string { return s }, // nothing here is HTML
	"print":              func(values ...any) (string, error) { return short(fmt.Sprint(values...)) },
	"println":            func(values ...any) (string, error) { return short(fmt.Sprintln(values...)) },
	"printf":             func(format string, values ...any) (string, error) { return short(fmt.Sprintf(format, values...)) },
}

// short refuses texts that are too long.
func short(s string) (string, error) {
	if len(s) > maxText {
		return "", fmt.Errorf("the text is longer than %d KiB", maxText>>10)
	}
	return s, nil
}

// humanize writes a number with a metric prefix: 1.235M.
func humanize(value any) (string, error) {
	v, err := templates.ConvertToFloat(value)
	if err != nil {
		return "", err
	}
	prefix := ""
	switch size := math.Abs(v); {
	case v == 0 || math.IsNaN(v) || math.IsInf(v, 0):
	case size >= 1:
		v, prefix = scaled(v, 1000, []string{"k", "M", "G", "T", "P", "E", "Z", "Y"})
	default:
		for _, p := range []string{"m", "u", "n", "p", "f", "a", "z", "y"} {
			if math.Abs(v) >= 1 {
				break
			}
			v, prefix = v*1000, p
		}
	}
	return fmt.Sprintf("%.4g%s", v, prefix), nil
}

// humanize1024 writes a number of bytes or the like: 1.5Ki.
func humanize1024(value any) (string, error) {
	v, err := templates.ConvertToFloat(value)
	if err != nil {
		return "", err
	}
	prefix := ""
	if !math.IsNaN(v) && !math.IsInf(v, 0) {
		v, prefix = scaled(v, 1024, []string{"ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"})
	}
	return fmt.Sprintf("%.4g%s", v, prefix), nil
}

// scaled divides v by base until it is less, or the prefixes are used up.
func scaled(v, base float64, prefixes []string) (float64, string) {
	prefix := ""
	for _, p := range prefixes {
		if math.Abs(v) < base {
			break
		}
		v, prefix = v/base, p
	}
	return v, prefix
}

// humanizePercentage writes a ratio: 12.5%.
func humanizePercentage(value any) (string, error) {
	v, err := templates.ConvertToFloat(value)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%.4g%%", v*100), nil
}

// toTime is the time of a number of seconds since 1970.
func toTime(value any) (*time.Time, error) {
	v, err := templates.ConvertToFloat(value)
	if err != nil {
		return nil, err
	}
	return templates.FloatToTime(v)
}

// parseDuration is a time such as 1h30m in seconds.
func parseDuration(text string) (float64, error) {
	d, err := model.ParseDuration(text)
	return time.Duration(d).Seconds(), err
}

func reReplaceAll(pattern, replacement, text string) (string, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return "", err
	}
	if len(text) > maxText/16 && len(replacement) > 0 && len(text)*len(replacement) > 16*maxText {
		return "", errors.New("the text is too long to replace something in it")
	}
	return short(re.ReplaceAllString(text, replacement))
}

// args makes a map of values for a template that takes several.
func args(values ...any) map[string]any {
	made := make(map[string]any, len(values))
	for i, v := range values {
		made[fmt.Sprintf("arg%d", i)] = v
	}
	return made
}

// stripPort is the host of host:port.
func stripPort(hostPort string) string {
	host, _, ok := splitPort(hostPort)
	if !ok {
		return hostPort
	}
	return host
}

// stripDomain is the first part of a host's name; a port stays, and so does an
// address.
func stripDomain(hostPort string) string {
	host, port, _ := splitPort(hostPort)
	if _, err := netip.ParseAddr(host); err == nil {
		return hostPort
	}
	host, _, _ = strings.Cut(host, ".")
	if port != "" {
		return host + ":" + port
	}
	return host
}

// splitPort splits host:port or [address]:port.
func splitPort(hostPort string) (host, port string, ok bool) {
	i := strings.LastIndexByte(hostPort, ':')
	if i < 0 {
		return hostPort, "", false
	}
	host, port = hostPort[:i], hostPort[i+1:]
	if inner, bracketed := strings.CutPrefix(host, "["); bracketed && strings.HasSuffix(inner, "]") {
		return strings.TrimSuffix(inner, "]"), port, true
	}
	if strings.ContainsAny(host, ":[]") {
		return hostPort, "", false // an address without a port
	}
	return host, port, true
}
