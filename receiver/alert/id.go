package alert

import (
	"math/bits"
	"strings"
)

// idAlphabet has no letters that are taken for digits and no vowels that make
// words.
const idAlphabet = "23456789bcdfghjkmnpqrstvwxz"

// Within a length the numbers are permuted by a multiplication with a factor
// that is coprime to the size of that length: a prime, not 3, is coprime to
// every power of 27.
const (
	idBase   = uint64(len(idAlphabet))
	idFactor = 334363
	// shortestID is the number of characters of the first ids.
	shortestID = 4
)

// ShortID turns a row's number (from 1) into the id that people read on the
// card and type in the chat: at least 4 characters, at most 8 for the first
// 10^11 numbers. Different numbers give different ids, and neighbours look
// different, so that nobody acknowledges the alert next door by a slip.
func ShortID(n int64) string {
	size, length, rest := idBase*idBase*idBase*idBase, shortestID, uint64(n)
	for rest >= size {
		rest -= size
		size *= idBase
		length++
	}
	rest = mulmod(rest, idFactor, size)
	out := make([]byte, length)
	for i := length - 1; i >= 0; i-- {
		out[i] = idAlphabet[rest%idBase]
		rest /= idBase
	}
	return string(out)
}

// longestID is the number of characters of the last ids: there are more than
// rows that a database could number.
const longestID = 13

// FromShortID is the number of an id, in any case; ok is false for a text that
// is none.
func FromShortID(id string) (n int64, ok bool) {
	id = strings.ToLower(id)
	if len(id) < shortestID || len(id) > longestID {
		return 0, false
	}
	rest, size, before := uint64(0), uint64(1), uint64(0)
	for i := range len(id) {
		digit := strings.IndexByte(idAlphabet, id[i])
		if digit < 0 {
			return 0, false
		}
		rest = rest*idBase + uint64(digit)
		if i >= shortestID {
			before += size // the ids that are shorter
		}
		size *= idBase
	}
	n = int64(before + mulmod(rest, inverse(size), size))
	return n, n > 0 && ShortID(n) == id
}

// inverse is what undoes a multiplication by idFactor modulo a power of the
// base: each round doubles the number of digits for which it does (Newton).
func inverse(size uint64) uint64 {
	x := uint64(1)
	for idFactor%idBase*x%idBase != 1 {
		x++
	}
	for digits := uint64(1); digits < longestID; digits *= 2 {
		// x*(2 - factor*x), without a number below zero
		x = mulmod(x, (2+size-mulmod(idFactor, x, size))%size, size)
	}
	return x
}

// mulmod is a*b modulo m.
func mulmod(a, b, m uint64) uint64 {
	high, low := bits.Mul64(a%m, b%m)
	return bits.Rem64(high, low, m)
}
