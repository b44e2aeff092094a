package apppackage

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// made is a package of the options, as it was made before.
func made(t testing.TB, o Options) Earlier {
	t.Helper()
	data, err := Make(o)
	require.NoError(t, err)
	e, err := Read(data)
	require.NoError(t, err)
	return e
}

// TestAnUpdateHasAHigherVersion: Teams refuses every other, with words that
// speak of no package of ours.
func TestAnUpdateHasAHigherVersion(t *testing.T) {
	before := made(t, options)
	for _, test := range []struct {
		name    string
		change  func(*Options)
		version string
		same    bool
	}{
		{"nothing has changed", func(*Options) {}, "1.4.0", true},
		{"a new teamsrelay makes the same app", func(o *Options) { o.Version = "1.5.0" }, "1.4.0", true},
		{"so does an old one", func(o *Options) { o.Version = "1.3.9" }, "1.4.0", true},
		{"the name has changed", func(o *Options) { o.Name = "Alerts" }, "1.4.1", false},
		{"the bot has changed", func(o *Options) { o.BotID = "3d5bd8a0-6c0d-4f5d-9c7a-1f1d7c1a0009" }, "1.4.1", false},
		{"the name has changed and teamsrelay is newer", func(o *Options) { o.Name, o.Version = "Alerts", "1.10.0" }, "1.10.0", false},
		{"and where it was built from no release", func(o *Options) { o.Name, o.Version = "Alerts", VersionOf("unknown") }, "1.4.1", false},
		{"another app begins with its own version", func(o *Options) { o.ID, o.Version = "3d5bd8a0-6c0d-4f5d-9c7a-1f1d7c1a0008", "0.1.0" }, "0.1.0", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := options
			test.change(&o)
			o = o.After(before)
			require.Equal(t, test.version, o.Version)
			require.Equal(t, test.same, o.IsIn(before))
			require.NoError(t, o.Check())
		})
	}
	o := options
	o.ID = strings.ToUpper(o.ID)
	require.True(t, o.IsIn(before), "ids are the same in both cases")
	require.Equal(t, options, options.After(Earlier{}), "the first one has the version that it was given")
	require.False(t, options.IsIn(Earlier{}))
	foreign := before
	foreign.Version = "1.4.0-beta"
	require.Equal(t, options, options.After(foreign), "of what others count nothing follows")
	last := made(t, Options{ID: options.ID, BotID: options.BotID, Name: "x", Version: "1.4.999999999"})
	require.Error(t, options.After(last).Check(), "there is no next version, which is said and not wrapped around")
}

func TestVersionsAreComparedByNumber(t *testing.T) {
	require.True(t, Higher("1.10.0", "1.9.9"))
	require.True(t, Higher("2.0.0", "1.9.9"))
	require.True(t, Higher("1.2.4", "1.2.3"))
	require.False(t, Higher("1.2.3", "1.2.3"))
	require.False(t, Higher("1.2.3", "1.10.0"))
	require.False(t, Higher("new", "1.0.0"))
	require.False(t, Higher("2.0.0", ""))
}

func zipped(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for name, text := range files {
		f, err := w.Create(name)
		require.NoError(t, err)
		_, err = f.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

// TestWhatIsNoPackageIsNotTakenForOne: it would be overwritten.
func TestWhatIsNoPackageIsNotTakenForOne(t *testing.T) {
	many := map[string]string{manifestFile: `{"id": "x", "version": "1.0.0"}`}
	for range maxFiles {
		many[strings.Repeat("x", len(many))] = ""
	}
	for name, data := range map[string][]byte{
		"nothing":                  {},
		"a text":                   []byte("storage: {}"),
		"a zip of something else":  zipped(t, map[string]string{"holiday.jpg": "x"}),
		"a manifest that is none":  zipped(t, map[string]string{manifestFile: "{"}),
		"a manifest without an id": zipped(t, map[string]string{manifestFile: `{"version": "1.0.0"}`}),
		"a file that unpacks to more than any app has": zipped(t, map[string]string{
			manifestFile: `{"id": "x", "version": "1.0.0"}`, "bomb": strings.Repeat("0", maxFile+1),
		}),
		"more files than any app has":       zipped(t, many),
		"a zip that is larger than any app": append(zipped(t, map[string]string{manifestFile: `{"id": "x"}`}), make([]byte, MaxSize)...),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(data)
			require.Error(t, err)
		})
	}
	e, err := Read(zipped(t, map[string]string{manifestFile: `{"id": "x", "version": "1.0.0", "localizationInfo": {}}`, "de.json": "{}"}))
	require.NoError(t, err)
	require.Equal(t, "x", e.ID)
	require.Equal(t, "1.0.0", e.Version, "an app that others have made is one")
}

// TestTheAppMayInstallItself: the permission that installs it for people holds
// only for the app that says it is the Entra application which asks.
func TestTheAppMayInstallItself(t *testing.T) {
	m := options.manifest()
	require.Equal(t, strings.ToLower(options.BotID), m.WebApplicationInfo.ID)
	require.Equal(t, m.Bots[0].BotID, m.WebApplicationInfo.ID, "who is asked for a token is the bot itself")
	require.Contains(t, m.Bots[0].Scopes, "personal", "it could be installed for nobody")
}

// FuzzRead: a file that lies where a package is to be written is foreign.
func FuzzRead(f *testing.F) {
	data, err := Make(options)
	require.NoError(f, err)
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add(zipped(f, map[string]string{manifestFile: `{"id": "x"}`}))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Read(data)
		require.Equal(t, err == nil, e.ID != "")
		if err == nil {
			options.After(e)
		}
	})
}
