// Package press signs what stands behind a button, so that a press that comes
// back is one of a card that we made, for this address, this episode and this
// verb (design D13). It needs nothing but the key.
package press

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
)

// Data stands behind a button. It is all that comes back, beside what people
// typed into the card's inputs.
type Data struct {
	Verb  string `json:"verb"`
	Group int64  `json:"group"` // the episode's number
	// Of is the mark or silence that the verb is about, as the card shows it.
	Of int64 `json:"of"`
	// For is how long, of a silence: "1h", "tomorrow".
	For       string `json:"for,omitempty"`
	Key       string `json:"key"` // the id of the key
	Signature string `json:"sig"`
}

// Key signs and checks.
type Key struct {
	ID     string
	Secret []byte // at least 32 bytes
}

// Sign makes the data of a button on a card at an address.
func (k Key) Sign(address string, d Data) Data {
	d.Key = k.ID
	d.Signature = base64.RawURLEncoding.EncodeToString(k.sum(address, d))
	return d
}

// sum covers everything, each part with its length.
func (k Key) sum(address string, d Data) []byte {
	mac := hmac.New(sha256.New, k.Secret)
	for _, part := range []string{k.ID, address, strconv.FormatInt(d.Group, 10), d.Verb, strconv.FormatInt(d.Of, 10), d.For} {
		mac.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return mac.Sum(nil)[:16]
}

// ErrForged says that no key of ours made this for this address.
var ErrForged = errors.New("the button was not made for this conversation")

// Check says whether one of the keys signed the data for the address.
func Check(keys []Key, address string, d Data) error {
	signature, err := base64.RawURLEncoding.DecodeString(d.Signature)
	if err != nil {
		return ErrForged
	}
	for _, k := range keys {
		if k.ID == d.Key && hmac.Equal(signature, k.sum(address, d)) {
			return nil
		}
	}
	return ErrForged
}

// Parse reads the data of a press: what stood behind the button, among what
// people typed. Numbers may come as strings: clients turn inputs into those.
func Parse(raw []byte) (Data, error) {
	var lenient struct {
		Verb      string      `json:"verb"`
		Group     json.Number `json:"group"`
		Of        json.Number `json:"of"`
		For       string      `json:"for"`
		Key       string      `json:"key"`
		Signature string      `json:"sig"`
	}
	if err := json.Unmarshal(raw, &lenient); err != nil {
		return Data{}, ErrForged
	}
	d := Data{Verb: lenient.Verb, For: lenient.For, Key: lenient.Key, Signature: lenient.Signature}
	var errGroup, errOf error
	d.Group, errGroup = strconv.ParseInt(lenient.Group.String(), 10, 64)
	d.Of, errOf = strconv.ParseInt(lenient.Of.String(), 10, 64)
	if errGroup != nil || errOf != nil {
		return Data{}, ErrForged
	}
	return d, nil
}
