package alert

import "strings"

// SeverityLabel is the label that says how bad an alert is.
const SeverityLabel = "severity"

// Severity is the rank of a severity label: a higher one is worse. Only ranks
// are compared; the word on the card stays the one that the source wrote.
type Severity int8

// The ranks. Unknown stands between info and warning: somebody cared enough
// to make an alert of it, and nobody said that it is bad.
const (
	SeverityNone Severity = iota
	SeverityInfo
	SeverityUnknown
	SeverityWarning
	SeverityError
	SeverityCritical
)

// severities are the words that are used in public rule sets and by the
// monitoring systems whose alerts arrive through Alertmanager.
var severities = map[string]Severity{
	"none": SeverityNone, "ok": SeverityNone,
	"info": SeverityInfo, "information": SeverityInfo, "informational": SeverityInfo,
	"notice": SeverityInfo, "debug": SeverityInfo, "low": SeverityInfo,
	"p4": SeverityInfo, "p5": SeverityInfo, "sev4": SeverityInfo, "sev5": SeverityInfo,
	"warning": SeverityWarning, "warn": SeverityWarning, "minor": SeverityWarning,
	"medium": SeverityWarning, "average": SeverityWarning, "moderate": SeverityWarning,
	"p3": SeverityWarning, "sev3": SeverityWarning,
	"error": SeverityError, "err": SeverityError, "major": SeverityError, "high": SeverityError,
	"p2": SeverityError, "sev2": SeverityError,
	"critical": SeverityCritical, "crit": SeverityCritical, "fatal": SeverityCritical,
	"emergency": SeverityCritical, "emerg": SeverityCritical, "disaster": SeverityCritical,
	"page": SeverityCritical, "blocker": SeverityCritical, "alert": SeverityCritical,
	"p0": SeverityCritical, "p1": SeverityCritical, "sev0": SeverityCritical, "sev1": SeverityCritical,
}

// SeverityOf is the rank of the severity label, SeverityUnknown without one.
// Case does not matter.
func SeverityOf(labels map[string]string) Severity {
	word := labels[SeverityLabel]
	if rank, ok := severities[word]; ok {
		return rank
	}
	if rank, ok := severities[strings.ToLower(strings.TrimSpace(word))]; ok {
		return rank
	}
	return SeverityUnknown
}

// String is our word for the rank.
func (s Severity) String() string {
	switch s {
	case SeverityNone:
		return "none"
	case SeverityInfo:
		return "info"
	case SeverityWarning:
		return "warning"
	case SeverityError:
		return "error"
	case SeverityCritical:
		return "critical"
	}
	return "unknown"
}
