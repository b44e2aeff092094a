package events

import (
	"encoding/json"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// echo tells the whole event in an annotation.
func echo(t testing.TB) *Source {
	return source(t, Config{Mapping: Mapping{Annotations: map[string]string{"all": "tojson"}}})
}

func TestABodyIsReadHoweverItIsWrapped(t *testing.T) {
	for _, c := range []struct{ name, contentType, body, want string }{
		{"JSON", "application/json", `{"a":1}`, `{"a":1}`},
		{"with a byte order mark", "application/json", "\uFEFF {\"a\":1}\r\n", `{"a":1}`},
		{"without a type", "", `{"a":1}`, `{"a":1}`},
		{"as text", "text/plain; charset=utf-8", `{"a":1}`, `{"a":1}`},
		{"a form", "application/x-www-form-urlencoded; charset=UTF-8", "a=1&b=x%20y+z&b=w", `{"a":"1","b":["x y z","w"]}`},
		{"JSON that curl calls a form", "application/x-www-form-urlencoded", `{"a":"1=2&b=3"}`, `{"a":"1=2&b=3"}`},
		{"JSON in a form, as GitHub sends it", "application/x-www-form-urlencoded", "payload=%7B%22a%22%3A1%7D", `{"a":1}`},
		{"a field that is only called payload", "application/x-www-form-urlencoded", "payload=7&x=1", `{"payload":"7","x":"1"}`},
		{"bytes that are no UTF-8", "application/json", "{\"a\":\"G\xf6ran\"}", `{"a":"G` + "\uFFFD" + `ran"}`},
		{"one key twice", "application/json", `{"a":1,"a":2}`, `{"a":2}`},
		{"brackets behind a quote in a text", "", `{"a":"\"` + strings.Repeat("[", 200) + `"}`, `{"a":"\"` + strings.Repeat("[", 200) + `"}`},
		{"half of a character", "application/json", `{"a":"\ud800"}`, `{"a":"` + "\uFFFD" + `"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := echo(t).Parse([]byte(c.body), http.Header{"Content-Type": {c.contentType}}, now)
			require.NoError(t, err)
			require.JSONEq(t, c.want, got[0].Alerts[0].Annotations["all"])
			require.True(t, json.Valid(got[0].Alerts[0].Event))
			require.True(t, utf8.Valid(got[0].Alerts[0].Event))
		})
	}
}

func TestWhatIsNoEventIsRefusedInWords(t *testing.T) {
	form := "application/x-www-form-urlencoded"
	for _, c := range []struct{ name, contentType, body, words string }{
		{"nothing", "", " \n", "the body is empty"},
		{"no JSON", "", "alert: yes", "the body is not JSON"},
		{"cut off", "", `{"a":{"b":1`, "the body is not JSON: unexpected end of JSON input at byte 11, line 1"},
		{"two objects", "", `{} {}`, "after top-level value"},
		{"a text", "", `"hello"`, "it is a text; an event is an object"},
		{"null", "", `null`, "it is null; an event is an object"},
		{"an array in an array", "", `[[{}]]`, "it is an array in an array"},
		{"a torn form", form, "a=%zz", "not percent-encoded"},
		{"an empty form", form, "&", "the body is empty"},
		{"a multipart form", "multipart/form-data; boundary=x", "--x\r\n", "multipart form, which is not taken"},
		{"nested without end", "", strings.Repeat(`{"a":`, 5000), "more than 100 deep"},
		{"arrays without end", "", strings.Repeat(`[`, 1<<20), "more than 100 deep"},
		{"a number with a million digits", "", `{"a":` + strings.Repeat("7", 1<<20) + `}`, "more than 400 digits"},
		{"five million values", "", `{"a":[` + strings.Repeat("0,", 5_000_000-1) + `0]}`, "more than 200000 values"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := source(t, Config{Preset: "generic"})
			_, err := s.Parse([]byte(c.body), http.Header{"Content-Type": {c.contentType}}, now)
			require.ErrorContains(t, err, c.words)
			require.Less(t, len(err.Error()), 300, "foreign text in an error is short")
		})
	}
}

func fieldList(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"l` + strconv.Itoa(i) + `":"v"`)
	}
	return b.String()
}

func TestAHostileBodyTakesLittleMemory(t *testing.T) {
	s := source(t, Config{Preset: "generic"})
	body := []byte(`{"a":[` + strings.Repeat("{},", 3_000_000) + `{}]}`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := s.Parse(body, http.Header{}, now)
	runtime.ReadMemStats(&after)
	require.Error(t, err)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20), "9 MB of brackets would become 500 MB of maps")
}

func TestAnEventIsKeptAsItWasSent(t *testing.T) {
	for sent, kept := range map[string]string{
		"{ \"z\": 1.50,\n \"a\": \"<b> & ä\" }": `{"z":1.50,"a":"<b> & ä"}`,
		`{"id":12345678901234567890123}`:        `{"id":12345678901234567890123}`,
		`{"a":"x\u0000y"}`:                      `{"a":"x` + "\uFFFD" + `y"}`,
	} {
		require.Equal(t, kept, string(one(t, echo(t), sent).Alerts[0].Event))
	}
}

func TestALargeEventIsShortenedVisiblyAndStaysJSON(t *testing.T) {
	long := strings.Repeat("ä", 40_000)
	objects := `[` + strings.TrimSuffix(strings.Repeat(`{"name":"n","text":"`+strings.Repeat("x", 500)+`"},`, 1000), ",") + `]`
	for name, c := range map[string]struct {
		sent  string
		check func(t *testing.T, kept map[string]any)
	}{
		"a long text does not cost the rest": {
			`{"log":"` + long + `","app":"Sales","n":1.50}`,
			func(t *testing.T, kept map[string]any) {
				require.Equal(t, "Sales", kept["app"])
				require.True(t, strings.HasSuffix(kept["log"].(string), "ä…"))
				require.Greater(t, len(kept["log"].(string)), 2000)
			},
		},
		"a long list says how much is missing, with an item like the others": {
			`{"items":` + objects + `}`,
			func(t *testing.T, kept map[string]any) {
				items := kept["items"].([]any)
				require.Contains(t, items[len(items)-1].(map[string]any)["…"], "and 9")
				require.Equal(t, "n", items[0].(map[string]any)["name"])
			},
		},
		"ten thousand fields": {
			`{` + strings.ReplaceAll(fieldList(10_000), `"v"`, `"a value"`) + `}`,
			func(t *testing.T, kept map[string]any) { require.Contains(t, kept["…"], "more fields") },
		},
		"deep and wide": {
			strings.Repeat(`{"a":["`+strings.Repeat("b", 2000)+`",`, 40) + `0` + strings.Repeat(`]}`, 40),
			func(t *testing.T, kept map[string]any) { require.NotEmpty(t, kept["a"]) },
		},
		"three arrays in each of three arrays": {
			`{"a":` + branches(9) + `}`,
			func(t *testing.T, kept map[string]any) { require.Len(t, kept["a"].([]any), 3) },
		},
		"long names": {
			`{"` + strings.Repeat("n", 50_000) + `":1}`,
			func(t *testing.T, kept map[string]any) { require.Len(t, kept, 2) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			event := one(t, echo(t), c.sent).Alerts[0].Event
			require.LessOrEqual(t, len(event), maxEvent)
			require.True(t, utf8.Valid(event))
			var kept map[string]any
			require.NoError(t, json.Unmarshal(event, &kept))
			require.Contains(t, kept[shortenedKey], "KiB")
			c.check(t, kept)
		})
	}
}

// branches are arrays of three, so many deep in each other.
func branches(depth int) string {
	if depth == 0 {
		return `"x"`
	}
	one := branches(depth - 1)
	return "[" + one + "," + one + "," + one + "]"
}

func TestAnEventThatCannotBeMadeSmallerIsLeftOut(t *testing.T) {
	// Arrays in arrays, six items wide at every depth: no text to cut.
	value := any("x")
	for range 7 { // 280,000 of them
		value = []any{value, value, value, value, value, value}
	}
	kept := keep(event{raw: []byte(strings.Repeat(" ", 1<<20)), value: map[string]any{"a": value}})
	require.LessOrEqual(t, len(kept), maxEvent)
	require.True(t, json.Valid(kept))
	require.Contains(t, string(kept), shortenedKey)
}
