package yamlfile_test

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/yamlfile"
)

type item struct {
	Name  string              `yaml:"name"`
	Wait  time.Duration       `yaml:"wait"`
	Limit *int                `yaml:"limit"`
	On    bool                `yaml:"on"`
	Tags  map[string]string   `yaml:"tags"`
	Who   yamlfile.WordOrList `yaml:"who"`
}

type file struct {
	Items []item `yaml:"items"`
}

var words = yamlfile.Words{
	Later:     map[reflect.Type][]string{reflect.TypeFor[file](): {"later"}},
	Elsewhere: map[reflect.Type]map[string]string{reflect.TypeFor[item](): {"title": "name"}},
	Start:     "start from a sample",
	Lookup: func(name string) (string, bool) {
		return "value of " + name, name == "KNOWN"
	},
}

func read(text string, words yamlfile.Words) (file, *yamlfile.Document, bool) {
	d := yamlfile.New("f.yml", words)
	var f file
	ok := d.Decode([]byte(text), &f)
	return f, d, ok
}

func TestAFileIsRead(t *testing.T) {
	f, d, ok := read(`
items:
  - &first
    name: ${KNOWN} and $HOME
    wait: 1h30m
    limit: 1000
    on: true
    tags: {a: "1", b: two}
  - {<<: *first, name: second, limit: }
`, words)
	require.True(t, ok)
	require.Empty(t, d.Problems)
	limit := 1000
	first := item{"value of KNOWN and $HOME", 90 * time.Minute, &limit, true, map[string]string{"a": "1", "b": "two"}, yamlfile.WordOrList{}}
	require.Equal(t, first, f.Items[0])
	require.Equal(t, "second", f.Items[1].Name)
	require.Equal(t, first.Wait, f.Items[1].Wait, "what is merged is there")
	require.Nil(t, f.Items[1].Limit, "a key without a value is as if it was not there")
	require.Equal(t, 5, d.Line("items[0].wait"))
	require.Equal(t, 9, d.Line("items[1].name"))
	require.Equal(t, 9, d.Line("items[1].nothing"), "the nearest thing that is there")
	require.True(t, d.Has("items[0].tags.a"))
	require.False(t, d.Has("items[0].tags.c"))
}

// Templates in rule files are full of braces and dollars.
func TestWithoutAnEnvironmentNothingIsReplaced(t *testing.T) {
	f, d, _ := read("items: [{name: '${KNOWN} {{ $labels.x }}'}]", yamlfile.Words{})
	require.Empty(t, d.Problems)
	require.Equal(t, "${KNOWN} {{ $labels.x }}", f.Items[0].Name)
}

// Windows' editors write it before the first key, and show it to nobody.
func TestAByteOrderMarkIsNoText(t *testing.T) {
	f, d, ok := read("\ufeffitems:\n- name: a\n", words)
	require.True(t, ok)
	require.Empty(t, d.Problems)
	require.Equal(t, "a", f.Items[0].Name)
	require.Equal(t, 2, d.Line("items[0].name"))
	_, d, _ = read("\ufeffitems:\n  - a: 1\n b: 2\n", words)
	require.Contains(t, d.Problems.Error(), "f.yml:3: error: this is not YAML")
	_, d, _ = read("\ufeff", words)
	require.Contains(t, d.Problems.Error(), "the file is empty")
}

func TestEveryMistakeIsReportedWithItsLine(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"empty":                            {"# nothing\n", []string{"f.yml:1: error: the file is empty; start from a sample"}},
		"null":                             {"~\n", []string{"f.yml:1: error: the file is empty"}},
		"not a mapping":                    {"- a\n", []string{"f.yml:1: error: this must be a mapping and is a list; write key: value"}},
		"two documents":                    {"items: []\n---\nitems: []\n", []string{"f.yml:2: error: a second document begins here"}},
		"no YAML":                          {"items:\n  - a: 1\n b: 2\n", []string{"f.yml:3: error: this is not YAML: "}},
		"a tab, which nobody sees":         {"items:\n\t- name: a\n", []string{"f.yml:2: error: this is not YAML: found character that cannot start any token; the line begins with a tab, which looks like spaces; indent it with spaces"}},
		"another encoding":                 {"items:\n- name: r\xe9d\n", []string{"f.yml:2: error: this is not YAML: invalid trailing UTF-8 octet; save the file as UTF-8"}},
		"a tab among spaces":               {"items:\n- name: a\n \twait: 5m\n", []string{"f.yml:3: error: this is not YAML: found a tab character that violates indentation; the line begins with a tab, which looks like spaces; indent it with spaces"}},
		"a template before a text":         {"items:\n- name: {{ $value }} is hot\n", []string{"f.yml:2: error: this is not YAML: did not find expected key; put the value in quotes: what begins with { is no text in YAML"}},
		"a comparison without its field":   {"items:\n- name: >27\n", []string{"f.yml:2: error: this is not YAML: did not find expected comment or line break; put the value in quotes: what begins with > is no text in YAML"}},
		"an apostrophe in apostrophes":     {"items:\n- name: 'it's hot'\n", []string{"f.yml:2: error: this is not YAML: did not find expected key; write '' for a ' within '…', or put the value in \"…\""}},
		"a colon in a text":                {"items:\n- name: it is hot: 28\n", []string{"f.yml:2: error: this is not YAML: mapping values are not allowed in this context; put a text with a colon in it in quotes; if there is none, indent the line like the one before"}},
		"a comma in a mapping on one line": {"items:\n- {name: mean(f, \"5m\") > 5}\n", []string{"f.yml:2: error: this is not YAML: did not find expected ',' or '}'; inside { } and [ ] put what has a comma, a bracket or a quote in it into quotes"}},
		"unknown":                          {"items:\n- colour: red\n", []string{`f.yml:2: error: there is no key "colour" here; use one of limit, name, on, tags, wait`}},
		"a slip of the pen":                {"items:\n- nmae: red\n", []string{`f.yml:2: error: there is no key "nmae" here; did you mean name?`}},
		"from elsewhere":                   {"items:\n- title: red\n", []string{`f.yml:2: error: there is no key "title" here; did you mean name?`}},
		"later":                            {"later: 5\n", []string{"f.yml:1: error: later is not available in this version yet"}},
		"twice":                            {"items: []\nitems: []\n", []string{`f.yml:2: error: the key "items" is here a second time (first on line 1)`}},
		"a key of its own":                 {"? [a]\n: 5\n", []string{"f.yml:1: error: this key must be text and is a list"}},
		"wrong kinds":                      {"items:\n- name: [a]\n  wait: {}\n  on: maybe\n  tags: x\n", []string{"f.yml:2: error: this must be text and is a list; write text here, in quotes if it begins with { or [", "f.yml:3: error: this must be a time and is a mapping", "f.yml:4: error: this must be true or false", "f.yml:5: error: this must be a mapping and is text; write key: value, each on a line of its own, further to the right"}},
		"a text for keys that we chose":    {"items: [red]\n", []string{"f.yml:1: error: this must be a mapping and is text; write key: value with one of limit, name, on, tags, wait, who, each on a line of its own, further to the right"}},
		"wrong list":                       {"items: 5\n", []string{"f.yml:1: error: this must be a list and is text"}},
		"no time":                          {"items:\n- wait: 5 minutes\n", []string{`f.yml:2: error: "5 minutes" is not a time; write a number and a unit`}},
		"a negative time":                  {"items:\n- wait: -5m\n", []string{`f.yml:2: error: "-5m" is not a time`}},
		"no whole number":                  {"items:\n- limit: 1.5\n", []string{`f.yml:2: error: "1.5" is not a whole number; write one such as 1000`}},
		"a template without quotes":        {"items:\n- name: {{ $value }}\n", []string{"f.yml:2: error: this must be text and is a mapping; write text here, in quotes if it begins with { or ["}},
		"no variable":                      {"items:\n- name: ${UNKNOWN}\n", []string{"f.yml:2: error: the environment has no variable UNKNOWN"}},
		"several at once":                  {"items:\n- nmae: a\n- wait: x\n- on: 5\n", []string{"f.yml:2: ", "f.yml:3: ", "f.yml:4: "}},
		"a URL as a key":                   {"items:\n- https://example.com/?sig=secret: 5\n", []string{"f.yml:2: error: there is no key of this name here"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, d, _ := read(c.text, words)
			require.Len(t, d.Problems, len(c.want), d.Problems.Error())
			for i, want := range c.want {
				require.Contains(t, d.Problems[i].String(), want)
			}
			require.True(t, d.Problems.Failed())
			require.NotContains(t, d.Problems.Error(), "secret")
		})
	}
}

// A slip in a key must not be followed by complaints that the key is missing.
func TestWhatOnlyFollowsFromAMistakeCanBeToldApart(t *testing.T) {
	f, d, _ := read("items:\n- nmae: red\n- title: red\n- wait: x\n", words)
	require.Equal(t, "red", f.Items[0].Name, "read as if it was written rightly")
	require.True(t, d.Has("items[0].name"))
	require.True(t, d.Faulty("items[1].name"), "somebody tried to say it")
	require.True(t, d.Unread("items[2].wait"))
	require.True(t, d.Faulty("items[2]"))
	require.False(t, d.Faulty("items[0].wait"))
}

func TestAFileThatIsMadeToHurtCostsNothing(t *testing.T) {
	bomb := "items: &a\n- &b {tags: {x: y}}\n" + strings.Repeat("- *b\n", 100)
	for name, text := range map[string]string{
		"too large":             "items: []\n" + strings.Repeat("#", yamlfile.MaxSize),
		"an alias in itself":    "items: &a\n- tags: *a\n  name: *a\n- *a\n",
		"aliases of aliases":    "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nitems: [*c,*c]\n",
		"merged with itself":    "items: [&a {<<: *a, name: x}]\n",
		"very deep":             "items: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "\n",
		"a list of many values": bomb + strings.Repeat("- {name: a}\n", 1000),
	} {
		t.Run(name, func(t *testing.T) {
			started := time.Now()
			_, d, _ := read(text, words)
			require.Less(t, time.Since(started), 10*time.Second)
			if name != "a list of many values" {
				require.True(t, d.Problems.Failed())
			}
			require.Less(t, len(d.Problems), 200)
		})
	}
}

func TestWarningsDoNotFail(t *testing.T) {
	d := yamlfile.New("f.yml", words)
	d.Warn("x", "odd", "look")
	require.False(t, d.Problems.Failed())
	d.Wrong("x", "wrong", "mend it")
	require.True(t, d.Problems.Failed())
	require.Equal(t, "f.yml:1: warning: odd; look\nf.yml:1: error: wrong; mend it", d.Problems.Error())
}

func TestProblemsComeInTheOrderOfTheFiles(t *testing.T) {
	ps := yamlfile.Problems{{File: "b", Line: 1}, {File: "a", Line: 9}, {File: "a", Line: 2, What: "first"}, {File: "a", Line: 2, What: "second"}}
	ps.Sort()
	require.Equal(t, yamlfile.Problems{{File: "a", Line: 2, What: "first"}, {File: "a", Line: 2, What: "second"}, {File: "a", Line: 9}, {File: "b", Line: 1}}, ps)
}

func TestWhoReadsOneLineReadsWhatStopsTheProgram(t *testing.T) {
	ps := yamlfile.Problems{{Line: 1, Level: yamlfile.Warning}, {Line: 2, Level: yamlfile.Error}, {Line: 3, Level: yamlfile.Warning}, {Line: 4, Level: yamlfile.Error}}
	ps.WorstFirst()
	require.Equal(t, []int{2, 4, 1, 3}, []int{ps[0].Line, ps[1].Line, ps[2].Line, ps[3].Line})
}

func TestTheNearestWord(t *testing.T) {
	names := []string{"measurement", "when", "where", "levels"}
	for typed, want := range map[string]string{
		"mesurement": "measurement", "measurment": "measurement", "whne": "when", "were": "where",
		"level": "levels", "colour": "", "": "", "x": "",
	} {
		require.Equal(t, want, yamlfile.Nearest(typed, names), typed)
	}
}

func TestWordsForMessagesFitOnALine(t *testing.T) {
	require.Equal(t, `"a\nb"`, yamlfile.Quote("a\nb"))
	require.Equal(t, `"`+strings.Repeat("é", 60)+`…"`, yamlfile.Quote(strings.Repeat("é", 100)))
	require.Equal(t, "a b c", yamlfile.OneLine(" a\n\tb  c "))
}

// lineBreak is what YAML takes for the end of a line.
var lineBreak = regexp.MustCompile("\r\n|[\n\r\u0085\u2028\u2029]")

func FuzzDecode(f *testing.F) {
	f.Add("items:\n  - &a {name: x, wait: 5m, tags: {a: b}}\n  - {<<: *a, on: true}\n")
	f.Add("items: &a [*a]\n--- \n? {}\n")
	f.Add("later: 5\nitems: !!binary x\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, d, _ := read(text, words)
		for _, p := range d.Problems {
			require.Positive(t, p.Line)
			require.LessOrEqual(t, p.Line, len(lineBreak.FindAllString(text, -1))+1)
			require.NotEmpty(t, p.Do)
			require.False(t, strings.ContainsAny(p.String(), "\n\r"), "%q", p.String())
		}
	})
}

func TestAWordOrAList(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       yamlfile.WordOrList
		problem    string
	}{
		{name: "a word", text: "all", want: yamlfile.WordOrList{Word: "all"}},
		{name: "a word of the environment", text: "'${KNOWN}'", want: yamlfile.WordOrList{Word: "value of KNOWN"}},
		{name: "a list", text: "[a, b]", want: yamlfile.WordOrList{List: []string{"a", "b"}}},
		{name: "a list of nothing is told from no list", text: "[]", want: yamlfile.WordOrList{List: []string{}}},
		{name: "nothing", text: "~", want: yamlfile.WordOrList{}},
		{name: "a mapping", text: "{a: b}", problem: "f.yml:1: error: this must be a word or a list and is a mapping"},
		{name: "a list of lists", text: "[[a]]", want: yamlfile.WordOrList{List: []string{""}}, problem: "f.yml:1: error: this must be text and is a list"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, d, _ := read("items: [{who: "+test.text+"}]", words)
			require.Equal(t, test.want, f.Items[0].Who)
			if test.problem == "" {
				require.Empty(t, d.Problems)
				return
			}
			require.Len(t, d.Problems, 1)
			require.Contains(t, d.Problems[0].String(), test.problem)
		})
	}
}

func TestTextInPlaceOfAMappingIsExplained(t *testing.T) {
	hints := words
	hints.Instead = map[reflect.Type]func(string) string{
		reflect.TypeFor[item](): func(text string) string {
			if name, ok := strings.CutPrefix(text, "name is "); ok {
				return "write {name: " + name + "}"
			}
			return ""
		},
	}
	_, d, _ := read("items: [name is bob, bob]", hints)
	require.Len(t, d.Problems, 2)
	require.Equal(t, "f.yml:1: error: this must be a mapping and is text; write {name: bob}", d.Problems[0].String())
	require.Contains(t, d.Problems[1].String(), "write key: value", "what has no hint is explained as everywhere")
	require.True(t, d.Unread("items[0]"))
}

// TestShortFormsAreReadAsTheLongOnes: what people write first, a word or one
// mapping, means what they think, and its mistakes are on their lines.
func TestShortFormsAreReadAsTheLongOnes(t *testing.T) {
	short := words
	short.Alone = map[reflect.Type]string{reflect.TypeFor[item](): "name"}
	short.Single = map[reflect.Type]bool{reflect.TypeFor[[]item](): true}
	f, d, _ := read("items: [bob, {name: alice}]", short)
	require.Empty(t, d.Problems)
	require.Equal(t, []item{{Name: "bob"}, {Name: "alice"}}, f.Items)
	f, d, _ = read("items:\n  name: bob\n  wait: 5m", short)
	require.Empty(t, d.Problems)
	require.Equal(t, []item{{Name: "bob", Wait: 5 * time.Minute}}, f.Items)
	require.Equal(t, 3, d.Line("items[0].wait"), "checks find it where the list's would be")
	f, d, _ = read("items: bob", short)
	require.Len(t, d.Problems, 1, "a word for a list of mappings is too short for anybody")
	require.Empty(t, f.Items)
	_, d, _ = read("items:\n  name: bob\n  wait: soon", short)
	require.Len(t, d.Problems, 1)
	require.Equal(t, 3, d.Problems[0].Line)
	require.True(t, d.Faulty("items[0].wait"))
	_, d, _ = read("items: [[bob]]", short)
	require.Len(t, d.Problems, 1)
	require.Contains(t, d.Problems[0].What, "this must be a mapping and is a list")
	_, d, _ = read("items: {name: bob}", words)
	require.Len(t, d.Problems, 1, "only where it was asked for")
}
