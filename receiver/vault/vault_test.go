package vault_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/teamsrelay/teamsrelay/receiver/vault"
)

var (
	first  = base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))
	second = base64.StdEncoding.EncodeToString([]byte("fedcba9876543210fedcba9876543210"))
	mine   = vault.Purpose{What: "destination", Whose: "ops"}
	secret = []byte("https://prod-1.westeurope.logic.azure.com/workflows/x?sig=canary")
)

func ring(t testing.TB, lines ...string) vault.Keyring {
	t.Helper()
	r, err := vault.Parse(strings.Join(lines, "\n"))
	require.NoError(t, err)
	return r
}

func TestAFileOfKeys(t *testing.T) {
	for name, text := range map[string]string{
		"one line":                          first,
		"with comments and empty lines":     "# made by Alice\n\n  " + first + "  # since November\r\n\n",
		"without padding":                   strings.TrimRight(first, "="),
		"as URLs have base64":               strings.NewReplacer("+", "-", "/", "_").Replace(first),
		"with older keys behind it":         first + "\n" + second,
		"with an older key and nothing new": first + "\n# " + second,
	} {
		r, err := vault.Parse(text)
		require.NoError(t, err, name)
		require.Equal(t, ring(t, first).Current(), r.Current(), name)
	}
	empty, err := vault.Parse("\n# nothing\n")
	require.NoError(t, err)
	require.Empty(t, empty.Current())

	short := base64.StdEncoding.EncodeToString([]byte("short"))
	for name, wrong := range map[string]struct{ text, says string }{
		"a password":           {"hunter2 is no key", "line 1 is no key: it is not base64"},
		"too short":            {"\n" + short, "line 2 is no key: it has 5 bytes and not 32"},
		"hexadecimal":          {strings.Repeat("0a1b", 16), "line 1 is no key: it has 48 bytes and not 32"},
		"zeros":                {base64.StdEncoding.EncodeToString(make([]byte, 32)), "line 1 is no key: all its bytes are the same, so anybody can guess it"},
		"one key twice":        {first + "\n" + second + "\n" + first, "lines 1 and 3 have the same key"},
		"another file's lines": {many(101), "there are more than 100 keys"},
	} {
		_, err := vault.Parse(wrong.text)
		require.EqualError(t, err, wrong.says, name)
	}
}

func many(n int) string {
	var lines []string
	for range n {
		lines = append(lines, vault.NewKey())
	}
	return strings.Join(lines, "\n")
}

func TestWhatIsSealedOpensForItsPurposeOnly(t *testing.T) {
	r := ring(t, first)
	id, sealed, err := r.Seal(mine, secret)
	require.NoError(t, err)
	require.Equal(t, r.Current(), id)
	require.NotContains(t, string(sealed), "canary")
	opened, err := r.Open(mine, id, sealed)
	require.NoError(t, err)
	require.Equal(t, secret, opened)

	for name, other := range map[string]vault.Purpose{
		"another destination's row":         {What: "destination", Whose: "dba"},
		"another kind of secret":            {What: "token", Whose: "ops"},
		"where the parts are cut otherwise": {What: "destinationo", Whose: "ps"},
		"nobody's":                          {},
	} {
		_, err := r.Open(other, id, sealed)
		require.ErrorIs(t, err, vault.ErrForged, "swapping two rows would send one channel's alerts to the other: %s", name)
	}
	for i := range sealed {
		forged := bytes.Clone(sealed)
		forged[i] ^= 1
		_, err := r.Open(mine, id, forged)
		require.ErrorIs(t, err, vault.ErrForged, "byte %d", i)
	}
	for _, n := range []int{0, 1, 12, 28, len(sealed) - 1} {
		_, err := r.Open(mine, id, sealed[:n])
		require.ErrorIs(t, err, vault.ErrForged, "%d bytes", n)
	}
	_, err = r.Open(mine, id, append(sealed, make([]byte, 1<<20)...))
	require.ErrorIs(t, err, vault.ErrForged)
}

func TestKeysAreChangedWithoutLosingWhatOlderOnesSealed(t *testing.T) {
	id, sealed, err := ring(t, first).Seal(mine, secret)
	require.NoError(t, err)

	both := ring(t, second, first)
	require.NotEqual(t, id, both.Current())
	require.True(t, both.Has(id))
	opened, err := both.Open(mine, id, sealed)
	require.NoError(t, err)
	anew, resealed, err := both.Seal(mine, opened)
	require.NoError(t, err)
	require.Equal(t, both.Current(), anew)

	after := ring(t, second)
	_, err = after.Open(mine, id, sealed)
	require.ErrorIs(t, err, vault.ErrNoKey)
	_, err = after.Open(mine, anew, sealed)
	require.ErrorIs(t, err, vault.ErrForged, "the wrong key under the right id")
	opened, err = after.Open(mine, anew, resealed)
	require.NoError(t, err)
	require.Equal(t, secret, opened)

	_, _, err = vault.Keyring{}.Seal(mine, secret)
	require.ErrorIs(t, err, vault.ErrNoKey)
}

// Two secrets under one nonce give away both, and the key of their tags.
func TestNoNonceComesTwice(t *testing.T) {
	r := ring(t, first)
	seen := map[string]bool{}
	for range 20_000 {
		_, sealed, err := r.Seal(mine, nil)
		require.NoError(t, err)
		nonce := string(sealed[1:13])
		require.False(t, seen[nonce])
		seen[nonce] = true
	}
}

func TestKeysAreNeverShown(t *testing.T) {
	r := ring(t, first, second)
	type config struct {
		Keys vault.Keyring
		Ring *vault.Keyring
	}
	c := config{r, &r}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "keys", r, "config", c)
	asJSON, err := json.Marshal(c)
	require.NoError(t, err)
	shown := fmt.Sprintf("%v %+v %#v %s %q %x %d", c, c, c, r, r, r, &r) + log.String() + string(asJSON)
	for _, key := range []string{first, second, "0123456789abcdef", "30313233", "[48 49 50"} {
		require.NotContains(t, shown, key)
	}
	require.Contains(t, shown, "<keys>")
}

func TestANewKeyIsALineForTheFile(t *testing.T) {
	one, two := vault.NewKey(), vault.NewKey()
	require.NotEqual(t, one, two)
	require.NotEqual(t, ring(t, one).Current(), ring(t, two).Current())
}

func FuzzOpen(f *testing.F) {
	r := ring(f, first, second)
	id, sealed, err := r.Seal(mine, secret)
	require.NoError(f, err)
	f.Add(id, sealed)
	f.Add(id, []byte{})
	f.Add("", bytes.Repeat([]byte{1}, 40))
	f.Fuzz(func(t *testing.T, key string, data []byte) {
		opened, err := r.Open(mine, key, data)
		if err == nil && !bytes.Equal(opened, secret) {
			t.Fatalf("something opens that nobody sealed: %x", data)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(first + "\n# x\n" + second)
	f.Add("=\n==\n-_")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := vault.Parse(text)
		if err != nil || r.Current() == "" {
			return
		}
		id, sealed, err := r.Seal(mine, secret)
		require.NoError(t, err)
		opened, err := r.Open(mine, id, sealed)
		require.NoError(t, err)
		require.Equal(t, secret, opened)
	})
}
