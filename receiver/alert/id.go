package alert

// idAlphabet has no letters that are taken for digits and no vowels that make
// words.
const idAlphabet = "23456789bcdfghjkmnpqrstvwxz"

// ShortID turns a row's number (from 1) into the id that people read on the
// card and type in the chat: at least 4 characters, at most 8 for the first
// 10^11 numbers. Different numbers give different ids, and neighbours look
// different, so that nobody acknowledges the alert next door by a slip.
func ShortID(n int64) string {
	const base = int64(len(idAlphabet))
	// Within a length the numbers are permuted by a multiplication with a
	// factor that is coprime to the size of that length.
	size, length, rest := base*base*base*base, 4, n
	for rest >= size {
		rest -= size
		size *= base
		length++
	}
	rest = int64(mulmod(uint64(rest), 334363, uint64(size))) // a prime, not 3: coprime to every power of 27
	out := make([]byte, length)
	for i := length - 1; i >= 0; i-- {
		out[i] = idAlphabet[rest%base]
		rest /= base
	}
	return string(out)
}

func mulmod(a, b, m uint64) uint64 { return a % m * b % m }
