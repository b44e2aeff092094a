package apppackage

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"flag"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/bot/typed"
)

var update = flag.Bool("update", false, "write the golden file anew")

var options = Options{
	ID: "3d5bd8a0-6c0d-4f5d-9c7a-1f1d7c1a0003", BotID: "3D5BD8A0-6C0D-4F5D-9C7A-1F1D7C1A0002",
	Name: "Alerts of Contoso", Version: "1.4.0",
}

// contents opens a package as Teams does.
func contents(t *testing.T, o Options) map[string][]byte {
	t.Helper()
	data, err := Make(o)
	require.NoError(t, err)
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	files := map[string][]byte{}
	for _, file := range r.File {
		require.Equal(t, epoch, file.Modified.UTC(), "a date with a month 0 is none: some programs refuse to unpack it")
		f, err := file.Open()
		require.NoError(t, err)
		files[file.Name], err = io.ReadAll(f)
		require.NoError(t, err)
	}
	return files
}

func TestThePackageHasItsFilesAtTheRoot(t *testing.T) {
	files := contents(t, options)
	require.Len(t, files, 3, "Teams refuses a package with a folder in it")
	var m manifest
	require.NoError(t, json.Unmarshal(files["manifest.json"], &m))
	require.Contains(t, files, m.Icons.Color)
	require.Contains(t, files, m.Icons.Outline)
}

func TestTheManifest(t *testing.T) {
	const golden = "testdata/manifest.json"
	text := contents(t, options)[manifestFile]
	if *update {
		require.NoError(t, os.WriteFile(golden, text, 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), string(text), "go test ./receiver/apppackage -update writes the file anew")
}

// TestMicrosoftsSchema: what does not follow it cannot be uploaded.
func TestMicrosoftsSchema(t *testing.T) {
	file := filepath.Join("..", "..", "..", "shared", "contracts", "teams-app-manifest-1.30.schema.json")
	if _, err := os.Stat(file); err != nil {
		t.Skipf("the schema of manifests is not beside the project: %v", err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseRegexpEngine(lenient)
	schema, err := compiler.Compile(file)
	require.NoError(t, err)
	valid := func(text []byte) error {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		require.NoError(t, err)
		return schema.Validate(value)
	}
	text := contents(t, options)[manifestFile]
	require.NoError(t, valid(text))
	for _, mistake := range [][2]string{{`"tier1"`, `"tier9"`}, {options.ID, "teamsrelay"}, {`"#`, `"`}} {
		require.Error(t, valid(bytes.Replace(text, []byte(mistake[0]), []byte(mistake[1]), 1)), "the schema does not find %q", mistake[1])
	}
}

// lenient reads regular expressions as Go does. Some of Microsoft's look ahead,
// which Go's cannot; they are about things that our manifest has not.
func lenient(pattern string) (jsonschema.Regexp, error) {
	compiled, err := regexp.Compile(pattern)
	if err != nil {
		return regexp.MustCompile(""), nil
	}
	return compiled, nil
}

// TestTheManifestAsksForNothing: an administrator who looks at the app sees no
// permission over teams, chats and people, because none is needed.
func TestTheManifestAsksForNothing(t *testing.T) {
	var m map[string]any
	require.NoError(t, json.Unmarshal(contents(t, options)[manifestFile], &m))
	for _, key := range []string{"authorization", "permissions", "devicePermissions"} {
		require.NotContains(t, m, key)
	}
}

// TestTheMenuIsOfRealCommands: what Teams proposes must be understood, by its
// title alone or with what its description says.
func TestTheMenuIsOfRealCommands(t *testing.T) {
	items := commands()
	require.Len(t, items, len(menu), "a command of the menu has another name now")
	for i, item := range items {
		u := typed.Usages[slices.IndexFunc(typed.Usages, func(u typed.Usage) bool { return u.Verb == menu[i] })]
		require.True(t, strings.HasPrefix(u.Example, item.Title), "Teams writes the title into the message, and the rest is typed behind it")
		c, err := typed.Parse(typed.Message{Text: u.Example}, time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC))
		require.NoError(t, err)
		require.Equal(t, menu[i], c.Verb)
	}
}

// TestTheGuideTellsOfEveryCommand: administrators read there what people can
// write, and the manifest links to what it says about privacy.
func TestTheGuideTellsOfEveryCommand(t *testing.T) {
	text, err := os.ReadFile("../../sample-configs/bot/README.md")
	require.NoError(t, err)
	for _, u := range typed.Usages {
		require.Contains(t, string(text), "`"+u.Usage+"`")
	}
	_, heading, found := strings.Cut(privacy, "#")
	require.True(t, found)
	require.Contains(t, strings.ReplaceAll(strings.ToLower(string(text)), " ", "-"), "\n##-"+heading+"\n", "the link would lead nowhere")
}

// TestTheSameOptionsMakeTheSameBytes: who keeps packages in git or compares
// sums sees a change only where there is one.
func TestTheSameOptionsMakeTheSameBytes(t *testing.T) {
	first, err := Make(options)
	require.NoError(t, err)
	again, err := Make(options)
	require.NoError(t, err)
	require.Equal(t, first, again)
	other := options
	other.Version = "1.4.1"
	changed, err := Make(other)
	require.NoError(t, err)
	require.NotEqual(t, first, changed)
}

func TestWhatTeamsWouldNotTakeIsSaidInWords(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"an id that is no GUID", func(o *Options) { o.ID = "teamsrelay" }, `the app's id "teamsrelay" is not a GUID`},
		{"no id", func(o *Options) { o.ID = "" }, `the app's id "" is not a GUID`},
		{"the Playground's bot", func(o *Options) { o.BotID = "00000000-0000-0000-0000-00000000000011" }, "is not a GUID; it is the Application (client) ID"},
		{"a long name", func(o *Options) { o.Name = strings.Repeat("ü", 31) }, "the name has 31 characters, and Teams takes at most 30"},
		{"no name", func(o *Options) { o.Name = " " }, "the app has no name"},
		{"a version with words", func(o *Options) { o.Version = "1.2.0-beta" }, `the version "1.2.0-beta" is not three numbers`},
		{"a version of two numbers", func(o *Options) { o.Version = "1.2" }, "is not three numbers"},
		{"a version with zeros before it", func(o *Options) { o.Version = "1.02.0" }, "is not three numbers"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := options
			test.change(&o)
			_, err := Make(o)
			require.ErrorContains(t, err, test.want)
			require.Equal(t, 1, strings.Count(err.Error(), "\n")+1, "one mistake is one line")
		})
	}
	_, err := Make(Options{})
	require.Equal(t, 4, strings.Count(err.Error(), "\n")+1, "all mistakes are said at once")
	longest := options
	longest.Name = strings.Repeat("ü", 30)
	_, err = Make(longest)
	require.NoError(t, err, "characters count, not bytes")
}

// TestCommandsThatTeamsWouldCutOff: the words come from the bot, so they could
// grow without anybody thinking of the menu.
func TestCommandsThatTeamsWouldCutOff(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*commandList)
		want   string
	}{
		{"a long title", func(l *commandList) { l.Commands[0].Title = strings.Repeat("x", 33) }, "has 33 characters, and Teams takes at most 32"},
		{"a long description", func(l *commandList) { l.Commands[0].Description = strings.Repeat("x", 129) }, "has 129 characters, and Teams takes at most 128"},
		{"too many", func(l *commandList) { l.Commands = append(l.Commands, commandItem{Title: "x"}) }, "13 commands are more than the 12"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := options.manifest()
			test.change(&m.Bots[0].CommandLists[2])
			require.ErrorContains(t, m.tooLong(), test.want)
		})
	}
}

func TestVersionsOfOursBecomeThoseOfTheApp(t *testing.T) {
	for ours, want := range map[string]string{
		"v1.2.3":               "1.2.3",
		"1.2.3":                "1.2.3",
		"v1.2.3-14-g0a1b2c3":   "1.2.3",
		"v1.2.3-rc.1+build":    "1.2.3",
		"v01.02.03":            "1.2.3",
		"0a1b2c3-dirty":        "0.0.1",
		"(devel)":              "0.0.1",
		"unknown":              "0.0.1",
		"":                     "0.0.1",
		"v1.2":                 "0.0.1",
		"v9999999999999.0.0":   "0.0.1",
		"v0.0.0-2026-0a1b2c3d": "0.0.0",
	} {
		got := VersionOf(ours)
		require.Equal(t, want, got, ours)
		require.Regexp(t, version, got, "every version of ours makes a package")
	}
}

// TestTheIcons: Teams refuses icons of another size, and shows an outline that
// is not white on transparent as a grey square.
func TestTheIcons(t *testing.T) {
	files := contents(t, options)
	full := decode(t, files[colorFile])
	require.Equal(t, image.Rect(0, 0, 192, 192), full.Bounds())
	seen := map[color.NRGBA]int{}
	drawn := image.Rectangle{}
	each(full, func(x, y int, c color.NRGBA) {
		require.Equal(t, uint8(255), c.A, "Teams puts the icon on every background")
		seen[c]++
		if c != accent {
			drawn = drawn.Union(image.Rect(x, y, x+1, y+1))
		}
	})
	require.Greater(t, seen[accent], 192*192/2, "the background is the app's colour")
	require.Greater(t, seen[color.NRGBA{255, 255, 255, 255}], 192*192/10, "there is a white bubble on it")
	require.True(t, drawn.In(image.Rect(48, 48, 144, 144)), "what is drawn keeps to the inner half, and is at %v", drawn)

	outline := decode(t, files[outlineFile])
	require.Equal(t, image.Rect(0, 0, 32, 32), outline.Bounds())
	clear, solid := 0, 0
	each(outline, func(x, y int, c color.NRGBA) {
		switch c.A {
		case 0:
			clear++
			return
		case 255:
			solid++
		}
		require.Equal(t, color.NRGBA{255, 255, 255, c.A}, c)
	})
	require.Greater(t, clear, 32*32/2, "it is an outline and no square")
	require.Greater(t, solid, 80, "it can be seen")
}

func decode(t *testing.T, data []byte) image.Image {
	t.Helper()
	picture, err := png.Decode(bytes.NewReader(data))
	require.NoError(t, err)
	return picture
}

func each(picture image.Image, see func(x, y int, c color.NRGBA)) {
	for y := range picture.Bounds().Dy() {
		for x := range picture.Bounds().Dx() {
			see(x, y, color.NRGBAModel.Convert(picture.At(x, y)).(color.NRGBA))
		}
	}
}
