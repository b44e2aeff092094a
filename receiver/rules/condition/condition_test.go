package condition_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/rules/condition"
	"github.com/teamsrelay/teamsrelay/receiver/sample"
)

// rack is a sample as Telegraf's agents send it, with a field without a value.
func rack() *sample.Sample {
	return &sample.Sample{
		Measurement: "temperature",
		Tags:        []sample.Tag{{Key: "rack", Value: "r1"}, {Key: "site", Value: "fra1"}, {Key: "state", Value: "the tag"}},
		Fields: []sample.Field{
			{Key: "temp_c", Value: sample.Num(28)},
			{Key: "state", Value: sample.Str("Running")},
			{Key: "online", Value: sample.Boolean(true)},
			{Key: "broken", Value: sample.Value{}},
			{Key: "mean", Value: sample.Num(30)},
			{Key: "usage-idle", Value: sample.Num(5)},
			{Key: "zero", Value: sample.Num(0)},
		},
	}
}

func compiled(t *testing.T, text string) *condition.Condition {
	t.Helper()
	c, err := condition.Compile(text, &condition.Slots{})
	require.NoError(t, err)
	return c
}

func TestWhatASampleSays(t *testing.T) {
	for text, want := range map[string]condition.Outcome{
		"temp_c > 27":      condition.True,
		"temp_c > 28":      condition.False,
		"temp_c >= 28":     condition.True,
		"temp_c < 28":      condition.False,
		"temp_c <= 28":     condition.True,
		"temp_c == 28":     condition.True,
		"temp_c != 28":     condition.False,
		"temp_c == 28.":    condition.True,
		"27 < temp_c":      condition.True,
		"27 < temp_c < 29": condition.True,
		"27 < temp_c < 28": condition.False,
		"temp_c > -5":      condition.True,
		"-temp_c < +5":     condition.True,

		"online":                          condition.True,
		"not online":                      condition.False,
		"!online":                         condition.False,
		"online == true":                  condition.True,
		"online != true":                  condition.False,
		"online and temp_c > 27":          condition.True,
		"online && temp_c > 30":           condition.False,
		"temp_c > 30 || online":           condition.True,
		"not (temp_c > 30)":               condition.True,
		"not (temp_c > 27 and online)":    condition.False,
		"not (temp_c > 30 or not online)": condition.True,
		"true":                            condition.True,

		`state == "Running"`:           condition.True,
		`state == 'Running'`:           condition.True,
		`state != "Running"`:           condition.False,
		`state < "S"`:                  condition.True,
		`state contains "unn"`:         condition.True,
		`state not contains "unn"`:     condition.False,
		`state startsWith "Run"`:       condition.True,
		`state endsWith "Run"`:         condition.False,
		`state matches "^R.*g$"`:       condition.True,
		`state not matches "^R.*g$"`:   condition.False,
		`state + "!" == "Running!"`:    condition.True,
		`site in ["fra1", "fra2"]`:     condition.True,
		`site not in ["fra1", "fra2"]`: condition.False,
		`temp_c in [27, 28]`:           condition.True,
		`temp_c in 20..28`:             condition.True,
		`temp_c in 20..27`:             condition.False,
		`temp_c / 8 in 3..4`:           condition.False, // 3.5 is no whole number
		`online in [true]`:             condition.True,
		`temp_c + 2 > 29`:              condition.True,
		`temp_c - 2 > 29`:              condition.False,
		`temp_c * 2 == 56`:             condition.True,
		`temp_c / 5 == 5.6`:            condition.True,
		`temp_c % 5 == 3`:              condition.True,
		`100 - temp_c > 70`:            condition.True,
		`temp_c > mean`:                condition.False,
		`temp_c / mean * 100 > 93`:     condition.True,
		`temp_c > 9 * 3`:               condition.True,

		// A field and a tag by the same name, and names that are none.
		`tag("state") == "the tag"`: condition.True,
		`field("usage-idle") < 10`:  condition.True,
		`mean > 29`:                 condition.True,

		// What goes through expr's machine.
		`lower(state) == "running"`:                 condition.True,
		`len(state) == 7`:                           condition.True,
		`abs(temp_c - 30) > 1`:                      condition.True,
		`temp_c | abs() > 1`:                        condition.True,
		`upper(trimPrefix(state, "Run")) == "NING"`: condition.True,
		`temp_c ** 2 > 783`:                         condition.True,
		`online ? temp_c > 27 : temp_c > 40`:        condition.True,
		`(absent ?? 5) > 4`:                         condition.True,
		`(temp_c ?? 5) > 27`:                        condition.True,
		`absent != nil ? absent > 5 : temp_c > 3`:   condition.True,
		`temp_c > 27 ? absent : true`:               condition.Unknown,

		// What is missing decides nothing,
		"absent > 5":            condition.Unknown,
		"not (absent > 5)":      condition.Unknown,
		"absent == 5":           condition.Unknown,
		"absent != 5":           condition.Unknown,
		"absent":                condition.Unknown,
		"broken > 5":            condition.Unknown,
		"absent + 1 > 0":        condition.Unknown,
		"-absent < 0":           condition.Unknown,
		`absent contains "a"`:   condition.Unknown,
		`absent matches "a"`:    condition.Unknown,
		`absent in ["a"]`:       condition.Unknown,
		`absent in 1..5`:        condition.Unknown,
		`abs(absent) > 1`:       condition.Unknown,
		`lower(absent) == ""`:   condition.Unknown,
		`tag("absent") == ""`:   condition.Unknown,
		`field("rack") == "r1"`: condition.Unknown, // a tag is no field
		// unless the rest decides,
		"absent > 5 and temp_c > 30":  condition.False,
		"temp_c > 30 and absent > 5":  condition.False,
		"absent > 5 and temp_c > 27":  condition.Unknown,
		"absent > 5 or temp_c > 27":   condition.True,
		"temp_c > 27 or absent > 5":   condition.True,
		"absent > 5 or temp_c > 30":   condition.Unknown,
		"not (absent > 5) or online":  condition.True,
		"not (absent > 5 and online)": condition.Unknown,
		// or the question is whether it is missing.
		"absent == nil":                condition.True,
		"absent != nil":                condition.False,
		"nil == broken":                condition.True,
		"rack != nil":                  condition.True,
		"not (temp_c == nil)":          condition.True,
		"absent == nil or absent > 5":  condition.True,
		"absent != nil and absent > 5": condition.False,

		// A field of another type than the condition takes it for.
		`temp_c == "28"`:        condition.Unknown,
		`temp_c != "28"`:        condition.Unknown,
		`state > 5`:             condition.Unknown,
		`state == 5`:            condition.Unknown,
		`state != 5`:            condition.Unknown,
		`online == "true"`:      condition.Unknown,
		`online > rack`:         condition.Unknown,
		`state in [1, 2]`:       condition.Unknown,
		`temp_c in ["28"]`:      condition.Unknown,
		`temp_c contains "2"`:   condition.Unknown,
		`temp_c and online`:     condition.Unknown,
		`not temp_c`:            condition.Unknown,
		`temp_c`:                condition.Unknown,
		`state + temp_c > 5`:    condition.Unknown,
		`lower(temp_c) == "28"`: condition.Unknown,
		`abs(state) > 1`:        condition.Unknown,

		// Numbers that are none.
		"temp_c / zero > 5":  condition.Unknown,
		"zero / zero == 0":   condition.Unknown,
		"temp_c % zero == 0": condition.Unknown,
	} {
		t.Run(text, func(t *testing.T) {
			c := compiled(t, text)
			require.Equal(t, text, c.String())
			for range 2 { // the second time with the machine used, and the fields' places known
				require.Equal(t, want, c.Eval(rack(), nil))
			}
		})
	}
}

func TestWhereTakesWhatIsMissingForTheEmptyText(t *testing.T) {
	for text, want := range map[string]condition.Outcome{
		`site == "fra1"`:                 condition.True,
		`absent == ""`:                   condition.True,
		`absent != "cpu-total"`:          condition.True,
		`tag("absent") == ""`:            condition.True,
		`field("absent") == ""`:          condition.True,
		`broken == ""`:                   condition.True,
		`lower(absent) == ""`:            condition.True,
		`absent in ["", "a"]`:            condition.True,
		`absent == nil`:                  condition.True,
		`(absent ?? "x") == "x"`:         condition.True,
		`absent == nil and absent == ""`: condition.True,
		`absent > 5`:                     condition.Unknown,
		`absent == "" and rack == ""`:    condition.False,
	} {
		t.Run(text, func(t *testing.T) {
			c, err := condition.CompileWhere(text)
			require.NoError(t, err)
			require.Equal(t, want, c.Eval(rack(), nil))
		})
	}
}

func TestFunctionsOverTimeAreComputedElsewhere(t *testing.T) {
	slots := &condition.Slots{}
	hot, err := condition.Compile(`mean(temp_c, "5m") > 27 and changed(state)`, slots)
	require.NoError(t, err)
	cool, err := condition.Compile(`mean('temp_c', '300s') < 25 and rate(field("in-octets"), "1h30m") == 0 and previous("state") == "x"`, slots)
	require.NoError(t, err)
	require.Equal(t, []condition.Need{
		{Func: "mean", Field: "temp_c", Window: 5 * time.Minute},
		{Func: "changed", Field: "state"},
		{Func: "rate", Field: "in-octets", Window: 90 * time.Minute},
		{Func: "previous", Field: "state"},
	}, slots.Needs, "equal needs are computed once")

	values := []sample.Value{sample.Num(28), sample.Boolean(true), {}, sample.Str("x")}
	require.Equal(t, condition.True, hot.Eval(rack(), values))
	require.Equal(t, condition.False, cool.Eval(rack(), values))
	values[0] = sample.Num(20)
	require.Equal(t, condition.False, hot.Eval(rack(), values))
	require.Equal(t, condition.Unknown, cool.Eval(rack(), values), "nothing to take a rate of")
	require.Equal(t, condition.Unknown, hot.Eval(rack(), nil), "nothing is computed yet")
}

func TestTheValueIsTheFirstFieldThatIsThere(t *testing.T) {
	values := []sample.Value{sample.Num(7)}
	for text, want := range map[string]any{
		`temp_c > 27`:                               28.0,
		`27 < temp_c`:                               28.0,
		`site == "fra1" and temp_c > 27`:            28.0, // site is a tag
		`tag("state") == "x" and temp_c > 27`:       28.0,
		`state == "Stopped"`:                        "Running",
		`100 - field("usage-idle") > 90`:            5.0,
		`absent > 3 or temp_c > 27`:                 28.0,
		`broken > 3 or temp_c > 27`:                 28.0,
		`mean(temp_c, "5m") > 27`:                   7.0,
		`temp_c > 27 and mean(temp_c, "5m") > 27`:   28.0,
		`changed(state)`:                            "Running",
		`previous(state) == "Stopped"`:              "Running",
		`lower(state) == "stopped" and temp_c > 27`: "Running",
		`online`:      true,
		`site == "a"`: nil,
		`1 > 0`:       nil,
	} {
		t.Run(text, func(t *testing.T) {
			require.Equal(t, want, compiled(t, text).Value(rack(), values).Any())
		})
	}
	require.Nil(t, compiled(t, `mean(temp_c, "5m") > 27`).Value(rack(), nil).Any(), "nothing is computed yet")
}

func TestAPlainComparisonIsABound(t *testing.T) {
	for text, want := range map[string]condition.Bound{
		"temp_c > 27":               {Operand: "temp_c", Field: "temp_c", Op: ">", Limit: 27},
		"27 >= temp_c":              {Operand: "temp_c", Field: "temp_c", Op: "<=", Limit: 27},
		"not (temp_c > 27)":         {Operand: "temp_c", Field: "temp_c", Op: "<=", Limit: 27},
		"temp_c != -1.5":            {Operand: "temp_c", Field: "temp_c", Op: "!=", Limit: -1.5},
		"temp_c > 9 * 3":            {Operand: "temp_c", Field: "temp_c", Op: ">", Limit: 27},
		`field("usage-idle") < 10`:  {Operand: "usage-idle", Field: "usage-idle", Op: "<", Limit: 10},
		`mean(temp_c, "300s") > 27`: {Operand: `mean(temp_c, "5m")`, Field: "temp_c", Need: condition.Need{Func: "mean", Field: "temp_c", Window: 5 * time.Minute}, Op: ">", Limit: 27},
		`rate(temp_c, "5m") > 27`:   {Operand: `rate(temp_c, "5m")`, Need: condition.Need{Func: "rate", Field: "temp_c", Window: 5 * time.Minute}, Op: ">", Limit: 27},
		`previous(temp_c) == 0`:     {Operand: `previous("temp_c")`, Field: "temp_c", Need: condition.Need{Func: "previous", Field: "temp_c"}, Op: "==", Limit: 0},
	} {
		got, ok := compiled(t, text).Bound()
		require.True(t, ok, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{
		`site == "fra1"`, "temp_c > 27 and online", "100 - temp_c > 5", "temp_c > mean", "online",
		"abs(temp_c) > 27", "1 > 0", `temp_c in 1..5`, `tag("rack") == "5"`,
	} {
		_, ok := compiled(t, text).Bound()
		require.False(t, ok, text)
	}
}

func TestNamesAreMentionedOnce(t *testing.T) {
	c := compiled(t, `temp_c > 27 and tag("rack") == "r1" and mean(temp_c, "5m") > 3 and changed(state)`)
	require.Equal(t, []string{"temp_c", "rack", "state"}, c.Names())
	require.Empty(t, compiled(t, "1 > 0").Names())
}

// TestDoubts: what is doubted, where, and which names are beyond doubt because
// something else is done with them.
func TestDoubts(t *testing.T) {
	const text = `is taken for the name of a field or tag; put it in quotes if it is a text, as in == "b", or write field("b") if it is a field`
	for _, c := range []struct {
		text    string
		doubts  []string
		certain []string
	}{
		{`a == b`, []string{`column 6: "b" ` + text}, []string{"a"}},
		{`größe > 5 and a == b`, []string{`column 20: "b" ` + text}, []string{"a", "größe"}},
		{"c > 5 and\n(a == b)", []string{`line 2, column 7: "b" ` + text}, []string{"a", "c"}},
		{`lower(a) == b`, []string{`column 13: "b" ` + text}, []string{"a"}},
		{`(c > 5 ? a == b : true)`, []string{`column 15: "b" ` + text}, []string{"a", "c"}},
		{`a == field("b")`, nil, []string{"a", "b"}},
		{`a == b and changed(b)`, []string{`column 6: "b" ` + text}, []string{"a", "b"}},
		{`a < b`, nil, []string{"a", "b"}},
		{`a * 2 == b`, nil, []string{"a", "b"}},
		{`größe-ü-3 > 5`, []string{`column 1: "größe-ü-3" is one name minus another; write field("größe-ü-3") if it is one name, or spaces around - if it is a difference`}, nil},
		{`a - b > 5`, nil, []string{"a", "b"}},
		{`a -b > 5`, nil, []string{"a", "b"}},
		{`a+b > 5`, nil, []string{"a", "b"}},
		{`mean(a, "5m") > 5`, nil, []string{"a"}},
		{`mean("a", "5m") > 5`, nil, []string{"a"}},
	} {
		made := compiled(t, c.text)
		var doubts []string
		for _, doubt := range made.Doubts() {
			doubts = append(doubts, doubt.Error.Error())
		}
		require.Equal(t, c.doubts, doubts, c.text)
		require.Equal(t, c.certain, made.Certain(), c.text)
	}
}

// TestMistakesAreExplained pairs what people write with what they read.
func TestMistakesAreExplained(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", `the condition is empty; write one such as temp_c > 27`},
		{strings.Repeat("a", 5000), `longer than 4 KiB`},
		{strings.Repeat("a>1 and ", 500) + "b>1", `too many parts; make several rules of it`},

		// Not true or false.
		{"temp_c + 1", `the condition is a number, and must be true or false; compare it, as in temp_c + 1 > 27`},
		{`"a"`, `the condition is a text`},
		{`mean(temp_c, "5m")`, `compare it, as in mean(temp_c, "5m") > 27`},
		{`lower(state)`, `compare it, as in lower(state) == "stopped"`},
		{`[temp_c > 1]`, `column 1: a list stands where a value must be; use a list with in`},
		{"nil", `column 1: nil stands alone; compare with it`},

		// Other languages.
		{"temp_c = 5", `column 8: = does not compare; write == to compare`},
		{"temp_c =~ 5", `column 8: = does not compare; write == to compare, or matches`},
		{"temp_c <> 5", `column 8: <> does not compare; write != for is not`},
		{"> 27", `column 1: the condition begins with >; write the name of the field before it, as in temp_c > 27`},
		{" <=27", `column 2: the condition begins with <=; write the name of the field before it`},
		{"temp_c => 27", `column 8: => does not compare; write >=`},
		{"temp_c =< 27", `column 8: =< does not compare; write <=`},
		{"temp_c > 27,5", `column 12: a comma stands in a number; write a point instead, as in 27.5`},
		{`site in ("fra1", "fra2")`, `column 9: a list is not in ( ); write it in [ ], as in site in ["fra1", "fra2"]`},
		{"temp_c > 5 AND online", `column 12: "AND" must be in lower case`},
		{"temp_c between 5", `column 8: "between" is no operator; compare with <=`},
		{"temp_c == null", `column 11: null has another name here; write nil, or field("null")`},
		{"online == TRUE", `column 11: TRUE has another name here; write true`},
		{"$value > 5", `column 1: "$value" is not a name; write the name of the field or tag alone`},
		{"temp_c > 27 °C", `column 13: '°' has no meaning here`},
		{"temp_c > 5m", `column 11: "5m" is not a number; write numbers without a unit`},
		{"not temp_c > 5", `"not temp_c > 5" compares true or false with a number; not belongs to the name alone here; write not (… > …)`},

		// Typing errors.
		{"temp_c >", `column 8: the condition ends where something is still missing`},
		{"(temp_c > 5", `the condition ends where something is still missing; finish it, as in temp_c > 27, close every parenthesis, and put it in quotes`},
		{"temp_c > 5)", `column 11: ")" is not expected here`},
		{"temp_c > 5 online", `column 12: "online" is not expected here; join comparisons with and or or, and put texts in quotes`},
		{"site == 'fra1", `column 14: a text is not closed`},
		{`site matches "\d"`, `a backslash stands before something that it does not go with; double it`},
		{"temp_c > 5\nand temp_c = 3", `line 2, column 12: = does not compare`},
		{"temp_c ?? 5 > 3", `column 13: ?? stands beside another operator; put it in parentheses, as in (temp_c ?? 0) > 27`},
		{"temp_c > 99999999999999999999", `this number is too large`},

		// Functions.
		{`mena(temp_c, "5m") > 3`, `column 1: there is no function "mena"; did you mean mean?`},
		{`avg(temp_c, "5m") > 3`, `there is no function "avg"; did you mean mean?`},
		{`absent(temp_c)`, `there is no function "absent"; did you mean no_data: in the rule?`},
		{`quantile(temp_c) > 3`, `there is no function "quantile"; use one of changed, count`},
		{`temp_c{site="fra1"} > 3`, `column 7: { } chooses nothing here; compare tags in where`},
		{`rate(temp_c[5m]) > 3`, `"5m" is not a number; write numbers without a unit, and times in quotes, as in mean(temp_c, "5m") > 27`},
		{`mean(temp_c) > 3`, `column 1: mean does not say over which time; write it like mean(temp_c, "5m")`},
		{`max(temp_c, other, third) > 3`, `max is given 3 values and takes 2; write it like max(temp_c, "5m")`},
		{`max(temp_c, other) > 3`, `column 13: "other" is not a time in quotes; write it like max(temp_c, "5m")`},
		{`mean(temp_c, 5m) > 3`, `column 15: "5m" is not a number; write numbers without a unit, and times in quotes, as in mean(temp_c, "5m")`},
		{`mean(temp_c, "5 minutes") > 3`, `column 14: "5 minutes" is not a time; write a number and a unit`},
		{`mean(temp_c, "0s") > 3`, `the time must be longer than 0`},
		{`mean(temp_c + 1, "5m") > 3`, `"temp_c + 1" is not the name of a field`},
		{`mean("", "5m") > 3`, `is not the name of a field`},
		{`field(temp_c) > 3`, `"temp_c" is not the name of a field; write it like field("usage-idle")`},
		{`tag("cpu") == 0`, `column 12: "tag(\"cpu\") == 0" compares a text with a number`},
		{`tag("status_code") in 500..599`, `this range takes a number, and "tag(\"status_code\")" is a text`},
		{`tag(field("x")) == ""`, `is not the name of a field; write it like tag("name")`},
		{`changed(state, "5m")`, `changed is given 2 values and takes 1; write it like changed(state)`},
		{`state.lower() == "x"`, `values have no functions of their own; write the function first`},
		{`system.load1 > 3`, `"system.load1" is not a name; write field("system.load1") or tag(…)`},
		{`abs("x") > 3`, `column 1: invalid argument for abs (type string); correct what is given`},
		{`abs() > 3`, `correct what is given to the function`},
		{`now() > 3`, `there is no function "now"`},
		{`env("HOME") == ""`, `there is no function "env"`},

		// What could take long.
		{`all(1..1000000, # > 3)`, `there is no function "all"`},
		{`filter([1], true) == 3`, `there is no function "filter"`},
		{`repeat("x", 1000000000) == ""`, `there is no function "repeat"`},
		{`replace(a, "", "xxxx") == ""`, `there is no function "replace"`},
		{`let a = "x"; a + a == ""`, `conditions have no variables`},
		{`1..1000000000 == 5`, `a range stands where a value must be; use it with in`},
		{`{"a": 1} == 1`, `is not available in conditions`},
		{`a[0:5] == "x"`, `is not available in conditions`},
		{`b"x" == "x"`, `is not available in conditions`},

		// Types that cannot be right.
		{`temp_c > "27"`, `column 8: the number 27 is in quotes, so it is a text, and texts are compared by letters; write it without quotes`},
		{`"a" == 5`, `compares a text with a number; compare numbers with numbers and texts with texts`},
		{`rate(x, "5m") == "fast"`, `compares a number with a text`},
		{`changed(x) > 5`, `compares true or false with a number`},
		{`online > true`, `true and false are not more or less than anything; use ==, != or the name alone`},
		{`temp_c > nil`, `nothing is more or less than nil; use == nil or != nil`},
		{`temp_c > 5 and temp_c == "hot"`, `column 23: "temp_c" is taken for a text here and for a number before; a field has one type`},
		{`mean(state, "5m") > 3 and state == "x"`, `"state" is taken for a text here and for a number before`},
		{`previous(state) == "x" and state > 5`, `"state" is taken for a number here and for a text before`},
		{`5 and online`, `and takes true or false, and "5" is a number`},
		{`online or "x"`, `or takes true or false`},
		{`not 5`, `not takes true or false`},
		{`-"x" > 5`, `- takes a number, and "\"x\"" is a text`},
		{`temp_c * "x" > 5`, `* takes a number`},
		{`temp_c + 1 + "x" == "y"`, `+ takes a text`},
		{`5 contains "x"`, `contains takes a text, and "5" is a number`},
		{`state contains 5`, `contains takes a text`},
		{`5 matches "x"`, `matches takes a text`},
		{`state matches other`, `matches needs a regular expression in quotes`},
		{`state matches "["`, `column 15: this is not a regular expression: missing closing ]`},
		{`state matches "((abcdefghij){30}){30}((abcdefghij){30}){30}((abcdefghij){30}){30}"`, `column 15: the regular expression is too large; repeat less in it`},
		{`temp_c / 0 > 5 / 0`, `is no number; do not divide by zero`},
		{`site in "fra1"`, `column 6: in needs a list; write one such as ["fra1", "fra2"]`},
		{`site in []`, `in needs a list`},
		{`site in ["fra1", other]`, `"other" is no constant; put only numbers and texts into the list`},
		{`site in ["fra1", 5]`, `the list has values of several kinds`},
		{`5 in ["fra1"]`, `this list takes a text, and "5" is a number`},
		{`status in a..b`, `a range goes from one whole number to another`},
		{`status in 1..2.5`, `a range goes from one whole number to another`},
		{`status in 5..1`, `nothing is in a range that ends before it begins`},
		{`"x" in 1..5`, `this range takes a number`},
	} {
		t.Run(c.text, func(t *testing.T) {
			got, err := condition.Compile(c.text, &condition.Slots{})
			require.Nil(t, got)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "\n")
			var wrong *condition.Error
			require.ErrorAs(t, err, &wrong)
			require.NotEmpty(t, wrong.Do, "a mistake without a way out")
		})
	}
}

func TestTwoConditionsOfARuleAgreeOnTypes(t *testing.T) {
	slots := &condition.Slots{}
	_, err := condition.Compile(`temp_c > 32`, slots)
	require.NoError(t, err)
	_, err = condition.Compile(`temp_c == "low"`, slots)
	require.ErrorContains(t, err, `"temp_c" is taken for a text here and for a number in "temp_c > 32"`)
}

func TestWhereHasNoFunctionsOverTime(t *testing.T) {
	_, err := condition.CompileWhere(`mean(temp_c, "5m") > 3`)
	require.ErrorContains(t, err, "where looks at one sample alone, and mean needs those before; move it to when")
	_, err = condition.CompileWhere(`changed(state)`)
	require.ErrorContains(t, err, "where looks at one sample alone")
}

func TestWhatFollowsFromWhat(t *testing.T) {
	for _, c := range []struct {
		a, b    string
		implies bool
	}{
		{"x > 32", "x > 27", true},
		{"x > 27", "x > 32", false},
		{"x > 27", "x > 27", true},
		{"x > 27", "27 < x", true},
		{"x >= 27", "x > 27", false},
		{"x > 27", "x >= 27", true},
		{"x >= 28", "x > 27", true},
		{"x > 27", "x != 27", true},
		{"x >= 27", "x != 27", false},
		{"x < 5", "x < 10", true},
		{"x <= 10", "x < 10", false},
		{"x < 10", "x <= 10", true},
		{"x <= 9", "x < 10", true},
		{"x < 10", "x != 10", true},
		{"x <= 10", "x != 10", false},
		{"x < 5", "x > 3", false},
		{"x == 5", "x > 3", true},
		{"x == 5", "x > 7", false},
		{"x == 5", "x != 7", true},
		{"x != 5", "x != 5", true},
		{"x != 5", "x > 3", false},
		{"x != 5", "x != 6", false},
		{`x == "a"`, `x != "b"`, true},
		{`x == "a"`, `x == "b"`, false},
		{"x > 32", "y > 27", false},
		{`mean(x, "5m") > 32`, `mean(x, "300s") > 27`, true},
		{`mean(x, "5m") > 32`, `mean(x, "6m") > 27`, false},
		{"x > 32 and y == 1", "x > 27", true},
		{"x > 32", "x > 27 and y == 1", false},
		{"x > 32 and y == 1", "y == 1 and x > 27", true},
		{"x > 32 or x > 40", "x > 27", true},
		{"x > 32 or y > 40", "x > 27", false},
		{"x > 32", "x > 27 or y == 1", true},
		{"not (x <= 32)", "x > 27", true},
		{"online", "online", true},
		{"online", "not online", false},
		{`x in ["a"]`, `x in ["a"]`, true},
		{`x contains "a"`, `x contains "a"`, true},
		{`x matches "a"`, `x matches "b"`, false},
		{"x == nil", "x == nil", true},
		{"x == nil", "x != nil", false},
		{"lower(x) == 'a'", "lower(x) == 'a'", true},
		{"x % 2 == 0", "x % 2 == 0", true},
		{"x in 1..5", "x in 1..5", true},
	} {
		a, b := compiled(t, c.a), compiled(t, c.b)
		require.Equal(t, c.implies, a.Implies(b), "%s implies %s", c.a, c.b)
	}
	require.True(t, compiled(t, "x > 5").Excludes(compiled(t, "x < 5")))
	require.False(t, compiled(t, "x > 5").Excludes(compiled(t, "x < 6")))
	require.True(t, compiled(t, "x > 5").Covers(compiled(t, "x <= 5")))
	require.True(t, compiled(t, "x > 5").Covers(compiled(t, "x < 7")))
	require.False(t, compiled(t, "x > 5").Covers(compiled(t, "x < 5")))
}

func TestWhatContradictsItself(t *testing.T) {
	for text, want := range map[string]struct{ never, always bool }{
		"x > 5 and x < 3":                        {never: true},
		"x > 5 and y == 1 and x <= 5":            {never: true},
		`x == "a" and x == "b"`:                  {never: true},
		`x == "a" and x != "a"`:                  {never: true},
		"(x > 5 and x < 3) or (y > 5 and y < 3)": {never: true},
		"not (x != 4 or x != 5)":                 {never: true},
		"x != 4 or x != 5":                       {always: true},
		"x > 3 or x < 5":                         {always: true},
		"x > 3 or y > 3 or x <= 3":               {always: true},
		"x > 3 and x < 5":                        {},
		"x != 4 and x != 5":                      {},
		"x < 3 or x > 5":                         {},
		"(x > 5 and x < 3) or y > 5":             {},
		"x > 5":                                  {},
	} {
		require.Equal(t, want.never, compiled(t, text).Never(), "%s is never true", text)
		require.Equal(t, want.always, compiled(t, text).Always(), "%s is always true", text)
	}
}

// A rule file that is made to hurt must not hold up the start.
func TestWhatFollowsIsFoundOutInTime(t *testing.T) {
	many := "(a > 1 or b > 1)" + strings.Repeat(" and (a > 1 or b > 1)", 100)
	few := "(c > 1 and d > 1)" + strings.Repeat(" or (c > 1 and d > 1)", 100)
	started := time.Now()
	require.False(t, compiled(t, many).Implies(compiled(t, few)))
	require.False(t, compiled(t, many).Never())
	require.False(t, compiled(t, few).Always())
	require.Less(t, time.Since(started), 5*time.Second)
}

func TestDeepConditionsAreNothingSpecial(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("(", 2000) + "temp_c > 27" + strings.Repeat(")", 2000),
		strings.Repeat("not ", 900) + "online",
		strings.Repeat("!", 900) + "online",
		"online" + strings.Repeat(" and online", 300),
		strings.Repeat("abs(", 700) + "temp_c" + strings.Repeat(")", 700) + " > 27",
		strings.Repeat("online ? ", 200) + "online" + strings.Repeat(" : online", 200),
	} {
		require.Equal(t, condition.True, compiled(t, text).Eval(rack(), nil), text[:20])
	}
}
