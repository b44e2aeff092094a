package doctor

import (
	"context"
	"fmt"
	"time"
)

const (
	// maxSkew is how far clocks may differ: a token that is younger or older
	// than that is refused, by us (teams-platform §4.1) as by Microsoft.
	maxSkew = 5 * time.Minute
	// doubtfulSkew is where somebody should look: no time server leaves a clock
	// so wrong.
	doubtfulSkew = time.Minute
)

// examineClock compares this machine's clock with that of Microsoft's answers.
func examineClock(_ context.Context, e *examination) {
	for _, a := range e.answers {
		if a.date.IsZero() || judgeHost(a).Result == Failed { // it may be a proxy's
			continue
		}
		e.say(judgeClock(a.name, a.asked.Sub(a.date)))
		return
	}
	e.skip("None of Microsoft's hosts told the time.")
}

// judgeClock is what it means that this machine's clock is ahead of a host's.
// The header Date has no fractions of a second, which does not matter here.
func judgeClock(host string, ahead time.Duration) Finding {
	direction := "ahead of"
	if ahead < 0 {
		direction = "behind"
	}
	f := Finding{
		What: fmt.Sprintf("This machine's clock is %s %s that of %s.", spell(ahead.Abs()), direction, host),
		Why:  "Tokens are good for a certain time. With a wrong clock Microsoft refuses ours, we refuse Microsoft's, and buttons in Teams do nothing.",
		Do:   "Let this machine take its time from a server: timedatectl set-ntp true, chronyd or w32tm /resync. On a virtual machine look at the host's clock, too.",
	}
	switch {
	case ahead.Abs() > maxSkew:
		f.Result = Failed
	case ahead.Abs() > doubtfulSkew:
		f.Result = Warning
	default:
		f = Finding{Result: OK, What: fmt.Sprintf("This machine and %s have the same time, give or take %s.", host, spell(max(ahead.Abs(), time.Second)))}
	}
	return f
}

// spell is a time in words, in the largest unit that says enough.
func spell(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return plural(int(d.Round(24*time.Hour)/(24*time.Hour)), "day")
	case d >= 2*time.Hour:
		return plural(int(d.Round(time.Hour)/time.Hour), "hour")
	case d >= 2*time.Minute:
		return plural(int(d.Round(time.Minute)/time.Minute), "minute")
	}
	return plural(int(d.Round(time.Second)/time.Second), "second")
}
