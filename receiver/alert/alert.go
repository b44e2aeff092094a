// Package alert says what an alert is: labels, annotations, times and values,
// identified by the fingerprint of its labels, as in Prometheus.
//
// It depends on the standard library only and on nothing else of this project,
// so that every other package can speak of alerts without bringing anything in.
package alert

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Status is what a source says of an alert.
type Status string

// The two things a source can say. That an alert is no longer mentioned is not
// a status: that is for package group, which calls it unseen.
const (
	Firing   Status = "firing"
	Resolved Status = "resolved"
)

// NameLabel is the label that holds an alert's name.
const NameLabel = "alertname"

// Alert is one alert. The maps are shared between copies and must not be
// changed once the alert has been handed on.
type Alert struct {
	Fingerprint Fingerprint       `json:"fp"`
	Status      Status            `json:"st"`
	Labels      map[string]string `json:"l"`
	Annotations map[string]string `json:"a,omitempty"`
	StartsAt    time.Time         `json:"s,omitzero"`
	// EndsAt is when it was resolved. While it fires it is zero, or when it
	// will end by itself, if its source said a time far off.
	EndsAt       time.Time `json:"e,omitzero"`
	GeneratorURL string    `json:"g,omitempty"`
	// Values are the numbers behind the alert, by name; nil where the source
	// has none to give.
	Values map[string]float64 `json:"v,omitempty"`
	// Chart is the recent past of one of them, and its thresholds; nil where
	// the source knows neither.
	Chart *Chart `json:"c,omitempty"`
	// Momentary: its source says that it happened, and nothing of a state that
	// goes on and ends.
	Momentary bool `json:"m,omitempty"`
	// Event is what an event source sent, as JSON, made smaller where it was
	// large; nil where the source sends no events. Templates see it as .Event.
	Event json.RawMessage `json:"ev,omitempty"`
}

// CardAnnotation is the annotation that names the card that suits an alert.
// It counts where the route names none.
const CardAnnotation = "teamsrelay_card"

// Name is the alert's name, "" when it has none.
func (a *Alert) Name() string { return a.Labels[NameLabel] }

// Severity is the rank of the alert's severity label.
func (a *Alert) Severity() Severity { return SeverityOf(a.Labels) }

// Fingerprint identifies an alert by its labels.
type Fingerprint uint64

// FNV-1a's parameters for 64 bits, as Prometheus uses them for label sets.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
	separator = 255 // cannot occur in UTF-8 text
)

// FingerprintOf hashes labels exactly as Prometheus' common/model does, so
// that what Alertmanager shows and what we show can be compared.
func FingerprintOf(labels map[string]string) Fingerprint {
	return FingerprintApart(labels, "")
}

// FingerprintApart is FingerprintOf without one of the labels: alerts that
// differ in nothing else have the same.
func FingerprintApart(labels map[string]string, label string) Fingerprint {
	var buf [24]string // alerts with more labels than this pay one allocation
	names := buf[:0]
	for name := range labels {
		if name == label && label != "" {
			continue
		}
		names = append(names, name)
	}
	slices.Sort(names)
	sum := uint64(fnvOffset)
	for _, name := range names {
		sum = hashString(sum, name)
		sum = hashString(sum, labels[name])
	}
	return Fingerprint(sum)
}

func hashString(sum uint64, s string) uint64 {
	for i := 0; i < len(s); i++ {
		sum ^= uint64(s[i])
		sum *= fnvPrime
	}
	sum ^= separator
	return sum * fnvPrime
}

// String is the fingerprint as Alertmanager prints it: 16 hexadecimal digits.
func (f Fingerprint) String() string {
	const digits = "0123456789abcdef"
	var out [16]byte
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = digits[f&15]
		f >>= 4
	}
	return string(out[:])
}

// MarshalText writes the 16 digits.
func (f Fingerprint) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (f *Fingerprint) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 16, 64)
	*f = Fingerprint(n)
	return err
}

// Common is what all the maps agree on: the names that every one of them has
// with the same value.
func Common(sets ...map[string]string) map[string]string {
	if len(sets) == 0 {
		return map[string]string{}
	}
	common := maps.Clone(sets[0])
	if common == nil {
		return map[string]string{}
	}
	for _, set := range sets[1:] {
		for name, value := range common {
			if other, ok := set[name]; !ok || other != value {
				delete(common, name)
			}
		}
	}
	return common
}
