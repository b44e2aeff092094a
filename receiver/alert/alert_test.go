package alert

import (
	"encoding/json"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
)

func TestFingerprintsAreThoseThatPrometheusShows(t *testing.T) {
	for name, labels := range map[string]map[string]string{
		"no labels":    {},
		"one":          {"alertname": "Watchdog"},
		"several":      {"alertname": "Disk", "instance": "db-1:9100", "severity": "critical", "mountpoint": "/"},
		"UTF-8":        {"alertname": "Température", "größe": "5 °C", "emoji": "🔥"},
		"empty values": {"alertname": "X", "empty": ""},
		"many": {"a": "1", "b": "2", "c": "3", "d": "4", "e": "5", "f": "6", "g": "7", "h": "8", "i": "9", "j": "10", "k": "11", "l": "12", "m": "13",
			"n": "14", "o": "15", "p": "16", "q": "17", "r": "18", "s": "19", "t": "20", "u": "21", "v": "22", "w": "23", "x": "24", "y": "25", "z": "26"},
	} {
		t.Run(name, func(t *testing.T) {
			theirs := model.LabelSet{}
			for name, value := range labels {
				theirs[model.LabelName(name)] = model.LabelValue(value)
			}
			require.Equal(t, theirs.Fingerprint().String(), FingerprintOf(labels).String())
		})
	}
}

func TestAnAlertSurvivesTheStore(t *testing.T) {
	in := Alert{Fingerprint: 0x00ff, Status: Firing, Labels: map[string]string{"a": "\x00 ✓ \""}, Values: map[string]float64{"A": 1.5}}
	text, err := json.Marshal(in)
	require.NoError(t, err)
	var out Alert
	require.NoError(t, json.Unmarshal(text, &out))
	require.Equal(t, in, out)
}

func TestSeverityWordsOfOthersAreUnderstood(t *testing.T) {
	for word, want := range map[string]Severity{
		"critical": SeverityCritical, "CRITICAL": SeverityCritical, " Critical ": SeverityCritical, "page": SeverityCritical, "disaster": SeverityCritical,
		"error": SeverityError, "high": SeverityError, "warning": SeverityWarning, "Warn": SeverityWarning, "average": SeverityWarning,
		"info": SeverityInfo, "none": SeverityNone, "": SeverityUnknown, "purple": SeverityUnknown,
	} {
		require.Equal(t, want, SeverityOf(map[string]string{"severity": word}), "%q", word)
	}
	require.Equal(t, SeverityUnknown, SeverityOf(nil), "no labels at all")
}

func TestShortIDsAreDifferentAndShortEnoughToType(t *testing.T) {
	seen := make(map[string]int64, 700_000)
	for n := int64(1); n <= 700_000; n++ { // beyond all ids of four characters
		id := ShortID(n)
		if other, taken := seen[id]; taken {
			t.Fatalf("%d and %d have the same id %s", other, n, id)
		}
		seen[id] = n
		require.GreaterOrEqual(t, len(id), 4)
	}
	require.LessOrEqual(t, len(ShortID(1e11)), 8, "design: at most 8 characters")
	require.NotEqual(t, ShortID(1)[:3], ShortID(2)[:3], "neighbours look different")
}

func TestCommonIsWhatAllAgreeOn(t *testing.T) {
	require.Equal(t, map[string]string{"site": "fra1"},
		Common(map[string]string{"site": "fra1", "rack": "r1"}, map[string]string{"site": "fra1", "rack": "r2"}, map[string]string{"site": "fra1"}))
	require.Empty(t, Common(map[string]string{"a": "1"}, nil))
	require.Empty(t, Common(nil, map[string]string{"a": "1"}))
	require.NotNil(t, Common())
}
