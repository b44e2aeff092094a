package deliver

import "time"

const (
	// A post that failed is tried again after about a second, then after
	// twice as long each time (design §6, small print).
	postBackoffFirst = time.Second
	postBackoffMax   = 5 * time.Minute
	// An address waits half as long as the post, so that its neighbours have
	// their turn before the one that failed has its next.
	addressBackoffFirst = postBackoffFirst / 2
	addressBackoffMax   = time.Minute
	// uncertainWait is how long a new message that may have arrived is left
	// alone (design D6).
	uncertainWait = time.Minute
)

// postBackoff is how long a post waits after its nth failed attempt (from 1).
// random is from [0, 1) and moves it by up to a fifth, so that what failed
// together does not come back together.
func postBackoff(n int, random float64) time.Duration {
	return jitter(double(postBackoffFirst, postBackoffMax, n), random)
}

// addressBackoff is how long an address is left alone after n failures in a row.
func addressBackoff(n int, random float64) time.Duration {
	return jitter(double(addressBackoffFirst, addressBackoffMax, n), random)
}

func double(first, most time.Duration, n int) time.Duration {
	d := first
	for i := 1; i < n && d < most; i++ {
		d *= 2
	}
	return min(d, most)
}

// jitter keeps to [0.8, 1.0) of d for what is at its longest anyway, so that
// the limits in the documentation are limits.
func jitter(d time.Duration, random float64) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.2*random))
}
