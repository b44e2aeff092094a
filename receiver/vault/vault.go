// Package vault seals secrets that are kept in the store, so that a copy of the
// database gives nobody a webhook to post to (design D14).
//
// A secret is sealed with AES-256-GCM under the first key of a ring and a
// random nonce, and bound to what it is for: moved to another row, it does not
// open. Keys are changed by putting a new one first: what older keys sealed
// still opens, and whoever keeps it seals it anew. Beside what is sealed stands
// the id of its key, which tells nothing of the key.
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	// keySize is that of AES-256, in bytes.
	keySize = 32
	// maxKeys keeps a wrong file from being taken for keys for minutes: each
	// change of the key leaves one behind.
	maxKeys = 100
	// version is the first byte of what is sealed.
	version = 1
	// overhead is what sealing adds to a secret, in bytes: the version, a nonce
	// and a tag.
	overhead = 1 + 12 + 16
	// maxSealed bounds what is opened, in bytes. No secret of ours is longer.
	maxSealed = 64 << 10
)

// Keyring holds keys: the first seals, all open. The zero value has none. It is
// never shown, however it is printed.
type Keyring struct{ keys []key }

type key struct {
	id   string
	aead cipher.AEAD
}

// ErrNoKey says that nothing can be sealed, or that the key of what is sealed is
// not in the ring.
var ErrNoKey = errors.New("the key is not there")

// ErrForged says that something is not what was sealed under this key for this
// purpose: it was changed, cut off, or belongs elsewhere.
var ErrForged = errors.New("it was changed after it was sealed, or belongs to another")

// Purpose is what a secret is for and whose it is. Both are needed to open it.
type Purpose struct{ What, Whose string }

// Parse reads keys: base64 of 32 bytes, one a line, the first seals. Empty lines
// and what follows a # are left out. The error names the line and quotes nothing
// of it.
func Parse(text string) (Keyring, error) {
	var ring Keyring
	number, at := 0, map[string]int{} // the line of a key, by its id
	for line := range strings.Lines(text) {
		number++
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		secret, err := decode(line)
		if err != nil {
			return Keyring{}, fmt.Errorf("line %d is no key: %w", number, err)
		}
		k, err := newKey(secret)
		if err != nil {
			return Keyring{}, err
		}
		if first, twice := at[k.id]; twice {
			return Keyring{}, fmt.Errorf("lines %d and %d have the same key", first, number)
		}
		at[k.id] = number
		if len(ring.keys) == maxKeys {
			return Keyring{}, fmt.Errorf("there are more than %d keys", maxKeys)
		}
		ring.keys = append(ring.keys, k)
	}
	return ring, nil
}

// decode is a key from its base64, in any of the ways to write that.
func decode(text string) ([]byte, error) {
	text = strings.TrimRight(text, "=")
	text = strings.NewReplacer("-", "+", "_", "/").Replace(text)
	secret, err := base64.RawStdEncoding.DecodeString(text)
	switch {
	case err != nil: // it would quote
		return nil, errors.New("it is not base64")
	case len(secret) != keySize:
		return nil, fmt.Errorf("it has %d bytes and not %d", len(secret), keySize)
	}
	same := true
	for _, b := range secret {
		same = same && b == secret[0]
	}
	if same {
		return nil, errors.New("all its bytes are the same, so anybody can guess it")
	}
	return secret, nil
}

func newKey(secret []byte) (key, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return key{}, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return key{}, err
	}
	// Under the key and not of it: who has the id cannot tell whether a key
	// that they guess is the one without having it.
	sum := hmac.New(sha256.New, secret)
	sum.Write([]byte("teamsrelay key id"))
	return key{id: hex.EncodeToString(sum.Sum(nil)[:8]), aead: aead}, nil
}

// NewKey is a line for the file of keys.
func NewKey() string {
	secret := make([]byte, keySize)
	_, _ = rand.Read(secret) // never fails: crypto/rand ends the process
	return base64.StdEncoding.EncodeToString(secret)
}

// Current is the id of the key that seals; "" when there is none.
func (r Keyring) Current() string {
	if len(r.keys) == 0 {
		return ""
	}
	return r.keys[0].id
}

// Has says whether what is sealed under a key can be opened.
func (r Keyring) Has(id string) bool {
	for _, k := range r.keys {
		if k.id == id {
			return true
		}
	}
	return false
}

// Seal seals a secret under the first key, whose id it returns. The error is
// ErrNoKey.
func (r Keyring) Seal(of Purpose, secret []byte) (id string, sealed []byte, err error) {
	if len(r.keys) == 0 {
		return "", nil, ErrNoKey
	}
	k := r.keys[0]
	sealed = make([]byte, 1+k.aead.NonceSize(), overhead+len(secret))
	sealed[0] = version
	_, _ = rand.Read(sealed[1:])
	return k.id, k.aead.Seal(sealed, sealed[1:], secret, of.bound(k.id)), nil
}

// Open is the secret that was sealed under a key. The error is ErrNoKey or
// ErrForged.
func (r Keyring) Open(of Purpose, id string, sealed []byte) ([]byte, error) {
	for _, k := range r.keys {
		if k.id != id {
			continue
		}
		if len(sealed) < overhead || len(sealed) > maxSealed || sealed[0] != version {
			return nil, ErrForged
		}
		nonce, rest := sealed[1:1+k.aead.NonceSize()], sealed[1+k.aead.NonceSize():]
		secret, err := k.aead.Open(nil, nonce, rest, of.bound(id))
		if err != nil {
			return nil, ErrForged
		}
		return secret, nil
	}
	return nil, ErrNoKey
}

// bound is what a secret is bound to. Each part has its length before it, so
// that no two purposes are written alike.
func (p Purpose) bound(id string) []byte {
	var out []byte
	for _, part := range []string{"teamsrelay", id, p.What, p.Whose} {
		out = binary.AppendUvarint(out, uint64(len(part)))
		out = append(out, part...)
	}
	return out
}

// Format keeps keys out of every verb of package fmt.
func (r Keyring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.shown()) }

// MarshalText keeps them out of JSON, YAML and logs.
func (r Keyring) MarshalText() ([]byte, error) { return []byte(r.shown()), nil }

func (r Keyring) shown() string {
	if len(r.keys) == 0 {
		return ""
	}
	return "<keys>"
}
