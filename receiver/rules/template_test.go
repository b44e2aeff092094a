package rules_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/rules"
)

func render(t *testing.T, text string, vars rules.Vars) (string, error) {
	t.Helper()
	made, problems := one(text)
	require.Empty(t, problems.Error())
	return made.Render(vars)
}

func rackVars() rules.Vars {
	return rules.Vars{
		Labels: map[string]string{"rack": "r1", "instance": "db01.example.com:9100", "empty": ""},
		Value:  1234567.891,
		Fields: map[string]any{"temp_c": 28.5, "state": "Running", "online": true},
	}
}

func TestTemplatesMeanWhatTheyMeanInPrometheus(t *testing.T) {
	for text, want := range map[string]string{
		"no template at all":                                    "no template at all",
		"{{ $labels.rack }} {{ .Labels.rack }}":                 "r1 r1",
		`{{ $value }} {{ .Value }}`:                             "1.234567891e+06 1.234567891e+06",
		`{{ printf "%.1f" $value }}`:                            "1234567.9",
		`{{ $fields.temp_c }} {{ .Fields.state }}`:              "28.5 Running",
		`{{ if $fields.online }}on{{ else }}off{{ end }}`:       "on",
		`{{ if gt $value 1000.0 }}much{{ end }}`:                "much",
		`{{ with $labels.rack }}{{ . }}{{ end }}`:               "r1",
		`{{ range $name, $v := $fields }}{{ $name }} {{ end }}`: "online state temp_c ",
		`{{ $labels }}`:                                         "map[empty: instance:db01.example.com:9100 rack:r1]",

		// What is missing is nothing.
		`[{{ $labels.absent }}]`:                      "[]",
		`[{{ $fields.absent }}]`:                      "[]",
		`[{{ $labels.absent | toUpper }}]`:            "[]",
		`{{ if $labels.empty }}x{{ else }}y{{ end }}`: "y",

		// Prometheus' own functions.
		`{{ humanize $value }}`:                                              "1.235M",
		`{{ humanize 0.0 }}`:                                                 "0",
		`{{ humanize 0.00012 }}`:                                             "120u",
		`{{ humanize -4200.0 }}`:                                             "-4.2k",
		`{{ humanize 1e30 }}`:                                                "1e+06Y",
		`{{ "1000" | humanize }}`:                                            "1k",
		`{{ humanize1024 1048576.0 }}`:                                       "1Mi",
		`{{ humanize1024 512.0 }}`:                                           "512",
		`{{ humanize1024 0.0 }}`:                                             "0",
		`{{ humanizeDuration 3725.0 }}`:                                      "1h 2m 5s",
		`{{ humanizeDuration 0.0123 }}`:                                      "12.3ms",
		`{{ humanizePercentage 0.1234 }}`:                                    "12.34%",
		`{{ humanizeTimestamp 1435065584.128 }}`:                             "2015-06-23 13:19:44.128 +0000 UTC",
		`{{ (toTime 1435065584.0).Year }}`:                                   "2015",
		`{{ parseDuration "1h30m" }}`:                                        "5400",
		`{{ title "aa bB" }}`:                                                "Aa BB",
		`{{ toUpper "aBc" }}{{ toLower "AbC" }}`:                             "ABCabc",
		`{{ match "^d.*\\.com" $labels.instance }}`:                          "true",
		`{{ reReplaceAll "(.*)\\.example\\.com:.*" "$1" $labels.instance }}`: "db01",
		`{{ stripPort $labels.instance }}`:                                   "db01.example.com",
		`{{ stripPort "[::1]:80" }}`:                                         "::1",
		`{{ stripPort "::1" }}`:                                              "::1",
		`{{ stripPort "db01" }}`:                                             "db01",
		`{{ stripDomain $labels.instance }}`:                                 "db01:9100",
		`{{ stripDomain "db01.example.com" }}`:                               "db01",
		`{{ stripDomain "192.0.2.1:80" }}`:                                   "192.0.2.1:80",
		`{{ stripDomain "192.0.2.1" }}`:                                      "192.0.2.1",
		`{{ stripDomain "[::1]:80" }}`:                                       "[::1]:80",
		`{{ urlQueryEscape "a b&c" }}`:                                       "a+b%26c",
		`{{ (args 1 "b").arg1 }}`:                                            "b",
		`{{ safeHtml "<b>" }}`:                                               "<b>",
		`{{ print "a" 1 "b" }}|{{ println "x" }}`:                            "a1b|x\n",
	} {
		got, err := render(t, text, rackVars())
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func TestNothingIsKnownAndNothingIsSaid(t *testing.T) {
	got, err := render(t, `{{ $labels.rack }}|{{ $value }}|{{ $fields.temp_c }}`, rules.Vars{})
	require.NoError(t, err)
	require.Equal(t, "||", got)
}

func TestAFunctionThatCannotUseItsValueIsAnError(t *testing.T) {
	for text, want := range map[string]string{
		`{{ humanize $fields.state }}`:                                    `parsing "Running": invalid syntax`,
		`{{ humanize $fields.absent }}`:                                   `can't convert <nil> to float`,
		`{{ humanizePercentage "x" }}`:                                    `invalid syntax`,
		`{{ humanize1024 "x" }}`:                                          `invalid syntax`,
		`{{ toTime "x" }}`:                                                `invalid syntax`,
		`{{ reReplaceAll "[" "" "x" }}`:                                   `missing closing ]`,
		`{{ match "[" "x" }}`:                                             `missing closing ]`,
		`{{ parseDuration "soon" }}`:                                      `not a valid duration`,
		`{{ printf "%100000d" 1 }}`:                                       `longer than 64 KiB`,
		`{{ reReplaceAll "" (printf "%60000d" 1) (printf "%60000d" 1) }}`: `too long to replace something in it`,
	} {
		got, err := render(t, text, rackVars())
		require.ErrorContains(t, err, want, text)
		require.Empty(t, got)
		require.NotContains(t, err.Error(), "template:", "the library's own prefix says nothing to people")
		require.NotContains(t, err.Error(), "\n")
	}
}

// A field may hold a whole log, and an annotation is for a card.
func TestLongTextIsCutOff(t *testing.T) {
	vars := rules.Vars{Fields: map[string]any{"log": strings.Repeat("é", 20_000)}}
	got, err := render(t, `x{{ $fields.log }}`, vars)
	require.NoError(t, err)
	require.LessOrEqual(t, len(got), 16<<10+len("…"))
	require.Greater(t, len(got), 16<<10-4)
	require.True(t, strings.HasSuffix(got, "é…"))
	require.True(t, utf8.ValidString(got))
}

// A text that doubles itself would take all memory there is.
func TestATextThatGrowsIsStopped(t *testing.T) {
	text := `{{ $x := "0123456789" }}` + strings.Repeat(`{{ $x = print $x $x }}`, 200) + `{{ $x }}`
	_, err := render(t, text, rules.Vars{})
	require.ErrorContains(t, err, "longer than 64 KiB")
}

// One template that counts to a hundred million would hold up every alert of
// every rule, and a number hides in many places.
func TestLoopsGoOverLabelsAndFieldsOnly(t *testing.T) {
	for text, want := range map[string]string{
		`{{ range $name, $v := .Labels }}{{ $name }} {{ end }}`:                               "empty instance rack ",
		`{{ with 1 }}{{ range $name, $v := $.Fields }}{{ $name }} {{ end }}{{ end }}`:         "online state temp_c ",
		`{{ range $labels }}{{ . }} {{ end }}{{ range .Fields }}{{ . }} {{ end }}`:            " db01.example.com:9100 r1 true Running 28.5 ",
		`{{ range $name, $v := $labels }}{{ if $v }}{{ $name }}{{ break }}{{ end }}{{ end }}`: "instance",
		`{{ $mine := $labels }}{{ $mine.rack }}`:                                              "r1",
	} {
		got, err := render(t, text, rackVars())
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}

	const other = "range goes over something else than all labels or all fields; write range $labels or range $fields"
	const nested = "a loop stands in another; put them one after another"
	for text, want := range map[string]string{
		`{{ range 100000000 }}{{ end }}`:                                                                 other,
		`{{ range (100000000) }}{{ end }}`:                                                               other,
		`{{ range $i := 100000000 }}{{ end }}`:                                                           other,
		`{{ $n := 100000000 }}{{ range $n }}{{ end }}`:                                                   other,
		`{{ with 100000000 }}{{ range . }}{{ end }}{{ end }}`:                                            other,
		`{{ with args 100000000 }}{{ range .arg0 }}{{ end }}{{ end }}`:                                   other,
		`{{ range (args 100000000).arg0 }}{{ end }}`:                                                     other,
		`{{ range 100000000 | print | len }}{{ end }}`:                                                   other,
		`{{ range (toTime 1435065584).Unix }}{{ end }}`:                                                  other,
		`{{ range $labels.rack }}{{ end }}`:                                                              other,
		`{{ range $labels }}{{ else }}{{ range 100000000 }}{{ end }}{{ end }}`:                           nested,
		`{{ range $labels }}{{ with 1 }}{{ else with 2 }}{{ range $fields }}{{ end }}{{ end }}{{ end }}`: nested,
		`{{ if false }}{{ else if true }}{{ range 100000000 }}{{ end }}{{ end }}`:                        other,
		`{{ $labels := 100000000 }}{{ range $labels }}{{ end }}`:                                         "$labels is set to something else; give it another name",
		`{{ $fields = 100000000 }}{{ range $fields }}{{ end }}`:                                          "$fields is set to something else",
		`{{ if ($labels = 100000000) }}{{ end }}{{ range $labels }}{{ end }}`:                            "$labels is set to something else",
		`{{ print ($labels = 100000000).x }}{{ range $labels }}{{ end }}`:                                "$labels is set to something else",
		`{{ range $i, $fields := $labels }}{{ end }}`:                                                    "$fields is set to something else",
	} {
		_, problems := one(text)
		require.Contains(t, problems.Error(), want, text)
	}

	// A field or a label may be called like that, and the dot be anything.
	for _, text := range []string{
		`{{ with $fields }}{{ range .Fields }}{{ end }}{{ end }}`,
		`{{ with 100000000 }}{{ range .Labels }}{{ end }}{{ end }}`,
		`{{ $ = 100000000 }}{{ range $.Labels }}{{ end }}`,
	} {
		made, problems := one(text)
		require.False(t, problems.Failed(), text)
		_, err := made.Render(rules.Vars{Fields: map[string]any{"Fields": 1e8, "Labels": 1e8}})
		require.Error(t, err, text)
	}
}

func TestAHugeTemplateIsRefused(t *testing.T) {
	_, problems := one(strings.Repeat("x", 17<<10))
	require.Contains(t, problems.Error(), "the text is longer than 16 KiB")
}

func BenchmarkRender(b *testing.B) {
	for name, text := range map[string]string{
		"constant": "https://wiki.example.com/heat",
		"template": `{{ $labels.rack }} is at {{ printf "%.1f" $value }} °C`,
	} {
		b.Run(name, func(b *testing.B) {
			made, problems := one(text)
			require.Empty(b, problems)
			vars := rackVars()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := made.Render(vars); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
