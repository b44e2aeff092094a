package press_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/press"
)

const address = "bot:19:ops@thread.tacv2"

var (
	key   = press.Key{ID: "b", Secret: []byte(strings.Repeat("b", 32))}
	older = press.Key{ID: "a", Secret: []byte(strings.Repeat("a", 32))}
	both  = []press.Key{key, older}
	data  = press.Data{Verb: "silence", Group: 12, Of: 3, For: "1h"}
)

// Whoever changes anything that stands behind a button, or brings it from
// another conversation, has not pressed a button of ours.
func TestWhatStandsBehindAButtonCannotBeChanged(t *testing.T) {
	signed := key.Sign(address, data)
	require.NoError(t, press.Check(both, address, signed))
	require.NoError(t, press.Check(both, address, older.Sign(address, data)), "a card that was made before the key was replaced")
	for name, change := range map[string]func(d *press.Data){
		"another verb":                  func(d *press.Data) { d.Verb = "resolve" },
		"another alert":                 func(d *press.Data) { d.Group = 13 },
		"another acknowledgement":       func(d *press.Data) { d.Of = 4 },
		"a longer silence":              func(d *press.Data) { d.For = "1d" },
		"no span":                       func(d *press.Data) { d.For = "" },
		"the name of another key":       func(d *press.Data) { d.Key = older.ID },
		"a key that we do not have":     func(d *press.Data) { d.Key = "c" },
		"no signature":                  func(d *press.Data) { d.Signature = "" },
		"a part of the signature":       func(d *press.Data) { d.Signature = d.Signature[:8] },
		"what is no signature":          func(d *press.Data) { d.Signature = "ä" },
		"a digit moved across a border": func(d *press.Data) { d.Group, d.Verb = 1, "2silence" },
	} {
		t.Run(name, func(t *testing.T) {
			d := signed
			change(&d)
			require.ErrorIs(t, press.Check(both, address, d), press.ErrForged)
		})
	}
	require.ErrorIs(t, press.Check(both, "bot:19:other@thread.tacv2", signed), press.ErrForged, "another conversation")
	require.ErrorIs(t, press.Check([]press.Key{older}, address, signed), press.ErrForged, "a key that is not ours any more")
	require.ErrorIs(t, press.Check(nil, address, signed), press.ErrForged, "no key at all")
	stranger := press.Key{ID: key.ID, Secret: older.Secret}
	require.ErrorIs(t, press.Check([]press.Key{key}, address, stranger.Sign(address, data)), press.ErrForged, "somebody else's key of the same name")
}

// Clients hand data back as they like: numbers as strings, what people typed
// beside it.
func TestAPressIsReadAsClientsSendIt(t *testing.T) {
	signed := key.Sign(address, data)
	raw, err := json.Marshal(signed)
	require.NoError(t, err)
	for name, body := range map[string]string{
		"as it was written":        string(raw),
		"numbers as strings":       strings.NewReplacer(`:12,`, `:"12",`, `:3,`, `:"3",`).Replace(string(raw)),
		"with what people typed":   strings.Replace(string(raw), "{", `{"comment":"the fan","msteams":{"type":"x"},`, 1),
		"other letters in a field": strings.Replace(string(raw), `"sig"`, `"Sig"`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			d, err := press.Parse([]byte(body))
			require.NoError(t, err)
			require.Equal(t, signed, d)
			require.NoError(t, press.Check(both, address, d))
		})
	}
	for name, body := range map[string]string{
		"nothing": ``, "null": `null`, "a list": `[1]`, "a text": `"ack"`, "no number": `{"verb":"ack","of":0}`,
		"a word for a number": `{"verb":"ack","group":"x","of":0}`, "a fraction": `{"verb":"ack","group":1.5,"of":0}`,
		"more than a number holds": `{"verb":"ack","group":99999999999999999999,"of":0}`, "an object for a verb": `{"verb":{},"group":1,"of":0}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := press.Parse([]byte(body))
			require.ErrorIs(t, err, press.ErrForged)
		})
	}
}

// What comes back from a card is a stranger's: nothing of it may stop us, and
// nothing that we did not sign may pass.
func FuzzNothingPassesThatWeDidNotSign(f *testing.F) {
	signed := key.Sign(address, data)
	raw, err := json.Marshal(signed)
	require.NoError(f, err)
	f.Add(raw)
	f.Add([]byte(`{"verb":"ack","group":"1","of":"0","key":"b","sig":"AAAA"}`))
	f.Add([]byte(`{"verb":"silence","group":12,"of":3,"for":"1d","key":"b","sig":"` + signed.Signature + `"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := press.Parse(raw)
		if err != nil {
			return
		}
		if press.Check(both, address, d) == nil {
			signed.Signature, d.Signature = "", "" // base64 has several spellings of one
			require.Equal(t, signed, d)
		}
	})
}
