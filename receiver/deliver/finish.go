package deliver

import (
	"errors"
	"log/slog"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/store"
	"github.com/teamsrelay/teamsrelay/receiver/teams"
)

// finish records what came of an attempt for one post: the post, the line in
// the log, the address. It does not change a.
func (t *turn) finish(a *attempt) error {
	if a.outcome.Kind != teams.Delivered || a.post.Missed {
		if err := t.groupsFirst(a.post); err != nil {
			return err
		}
	}
	p, err := t.tx.Post(a.post.ID)
	found := err == nil
	if err != nil && !errors.Is(err, store.ErrNotFound) { // somebody may have dropped it
		return err
	}
	log := a.answered()
	// Another replica may have found it cut off: then it decides, unless we
	// know that the message is there.
	ours := p.SentBy(a.delivery.ID)
	if !ours && t.late(a, t.d.holder) {
		return t.overtaken(a, log)
	}
	moved := found && p.Address != a.delivery.Address
	var told func(*store.Post) error // of the post, once it is saved

	switch {
	case a.outcome.Kind == teams.Delivered:
		log.State = delivered(a.address.Editable)
		t.well()
		t.mended()
		if ours = ours || a.tells(&p); found && ours {
			t.observeDelay(p.Since)
			a.delivered(&p, t.now)
			told = t.reached
		}
	case a.outcome.Kind == teams.Retry:
		log.State = store.DeliveryRetry
		reason := log.Reason
		if a.minimal { // and it stays the minimal card
			reason = a.post.Reason
		}
		if a.outcome.Gone && a.delivery.Kind != store.KindCard {
			t.well()
			if a.over && a.delivery.Kind == store.KindEdit && a.post.SendingRank == store.RankStale && p.Rank == store.RankStale {
				p.GoneUnmissed(a.rev, t.now)
			} else {
				p.Gone(reason, a.outcome.Message, t.now)
			}
			t.logRetry(log, t.now)
			break
		}
		at := t.failed(a)
		switch {
		case moved && !a.outcome.Uncertain: // what the old address asks for does not matter
			at = t.now
		case a.outcome.After == 0 && !a.outcome.Uncertain:
			at = inTime(&p, at, t.now)
		}
		p.Retry(at, reason, a.outcome.Message, t.now)
		t.logRetry(log, at)
		if !moved && tooLate(&p, a.outcome, at, t.now) {
			told = func(p *store.Post) error { return t.missed(p, a.outcome.Reason) }
		}
	case shrinkable(a.outcome.Reason) && !a.minimal:
		log.State = store.DeliveryRetry
		t.well()
		p.Retry(t.now, log.Reason, a.outcome.Message, t.now)
		t.logRetry(log, t.now)
	default:
		log.State = store.DeliveryDead
		t.well()
		t.broke(a.outcome)
		switch {
		case !ours:
		case moved && breaking(a.outcome.Reason): // that is why it was moved
			p.Retry(t.now, log.Reason, a.outcome.Message, t.now)
		default:
			t.giveUp(&p, a.outcome.Reason, a.outcome.Message)
			told = func(p *store.Post) error { return t.missed(p, a.outcome.Reason) }
		}
	}
	if found && ours {
		if err := t.tx.SavePost(&p); err != nil {
			return err
		}
		if told != nil {
			if err := told(&p); err != nil {
				return err
			}
		}
		if moved { // its new address may have found nothing to do meanwhile
			t.then(func() { t.d.Wake(p.Address) })
		}
	}
	return t.record(a, log)
}

// late says that an attempt failed whose holder has lost the address since: what
// others have found there meanwhile is newer. That a message is there is never
// late.
func (t *turn) late(a *attempt, holder string) bool {
	return a.outcome.Kind != teams.Delivered && t.row.Holder != holder
}

// overtaken records an attempt that is late.
func (t *turn) overtaken(a *attempt, log store.Delivery) error {
	log.State = store.DeliveryRetry
	t.after = append(t.after, func() {
		t.log().Warn("An attempt ended so late that another replica had taken it over; what that one finds counts",
			"destination", log.Destination, "title", log.Title, "reason", log.Reason, "took", a.took, "delivery", log.ID)
	})
	return t.record(a, log)
}

// delivered is the log's word for a success.
func delivered(editable bool) string {
	if editable {
		return store.DeliveryDelivered
	}
	return store.DeliveryAccepted
}

// record writes the line in the log and counts the attempt.
func (t *turn) record(a *attempt, log store.Delivery) error {
	log.Took = a.took
	if err := t.tx.SaveDelivery(&log); err != nil {
		return err
	}
	t.after = append(t.after, func() {
		t.d.metrics.delivery(log.Destination, log.State, teams.Reason(log.Reason))
		if a.sent {
			t.d.metrics.seconds.Observe(a.took.Seconds())
		}
		if log.State == store.DeliveryDelivered || log.State == store.DeliveryAccepted {
			t.log().Info("Delivered", "destination", log.Destination, "title", log.Title, "state", log.State,
				"attempt", log.Attempt, "took", log.Took, "delivery", log.ID)
		}
	})
	if !a.sent {
		return nil
	}
	return t.recordSend(a.ended)
}

// failed makes the address wait and says when the post may be tried again.
// What Teams asks for holds for both, up to the age at which the news is not
// told any more: no answer can silence an address for longer.
func (t *turn) failed(a *attempt) time.Time {
	t.row.Failures++
	t.changed = true
	if a.outcome.Broken {
		t.broken(a.outcome, true)
	}
	if a.outcome.After > 0 {
		t.row.NotBefore = t.now.Add(min(a.outcome.After, a.address.MaxAge))
		return t.row.NotBefore
	}
	t.row.NotBefore = t.now.Add(addressBackoff(t.row.Failures, t.d.random()))
	at := t.now.Add(postBackoff(a.post.Attempts, t.d.random()))
	edit := a.delivery.Kind == store.KindEdit // repeated, it is harmless
	if again := t.notLater(a.delivery.At).Add(uncertainWait); a.outcome.Uncertain && !edit && again.After(at) {
		return again
	}
	return at
}

// well: the address answers, whatever it says.
func (t *turn) well() {
	if t.row.Failures > 0 || !t.row.NotBefore.IsZero() {
		t.row.Failures, t.row.NotBefore, t.changed = 0, time.Time{}, true
	}
}

// mended: the address takes messages.
func (t *turn) mended() {
	if t.row.Broken == "" {
		return
	}
	waited := t.row.Waits
	t.back = !waited && stopping(teams.Reason(t.row.BrokenReason))
	t.row.Mend()
	t.changed = true
	t.after = append(t.after, func() {
		switch {
		case t.address.Who != "":
			t.shared(slog.LevelInfo, "mended", "A person can be told again", "destination", t.address.Destination)
			return
		case waited:
			t.d.log.Info("The destination works again; what waited for it is on its way", "destination", t.address.Destination)
			return
		}
		t.d.log.Info("The destination works again; its dead letters can be replayed", "destination", t.address.Destination)
	})
}

// broke marks the address when the answer concerns all that is sent there.
func (t *turn) broke(o teams.Outcome) {
	if breaking(o.Reason) {
		t.broken(o, false)
	}
}

// broken marks the address. One whose posts wait keeps the time since when it
// is broken, and is complained about once.
func (t *turn) broken(o teams.Outcome, waits bool) {
	if waits && t.row.Waits && t.row.BrokenReason == string(o.Reason) {
		return
	}
	words := o.Message
	if words == "" {
		words = advice(o.Reason)
	}
	t.row.Break(string(o.Reason), words, waits, t.now)
	t.changed = true
	t.after = append(t.after, func() {
		if t.address.Who != "" { // the others of the destination are told as ever
			args := []any{"destination", t.address.Destination, "reason", string(o.Reason), "why", words}
			if waits {
				t.shared(slog.LevelWarn, "broken "+string(o.Reason), "A person cannot be told", args...)
			} else { // that is this one's own
				t.log().Warn("A person cannot be told", args...)
			}
			return
		}
		t.d.log.Error("The destination is broken", "destination", t.address.Destination, "reason", string(o.Reason), "message", o.Message)
	})
}

// giveUp makes a post a dead letter. Of a destination that is people it says
// who it is.
func (t *turn) giveUp(p *store.Post, reason teams.Reason, why string) {
	destination := t.destination(p)
	if who := t.address.Who; who != "" {
		destination = who + " of " + destination
	}
	p.GiveUp(string(reason), deadLetter(&t.address, p.Title, destination, reason, why), t.now)
	post := *p
	t.after = append(t.after, func() {
		t.d.log.Error("Given up; the post is a dead letter", "destination", destination, "title", post.Title,
			"reason", post.Reason, "message", post.Message, "post", post.ID)
	})
}

func (t *turn) observeDelay(since time.Time) {
	delay := t.now.Sub(since).Seconds()
	t.after = append(t.after, func() { t.d.metrics.delay.Observe(max(delay, 0)) })
}

func (t *turn) logRetry(log store.Delivery, at time.Time) {
	t.after = append(t.after, func() {
		t.shared(slog.LevelWarn, "retry "+log.Reason, "Not delivered; trying again", "destination", log.Destination, "title", log.Title,
			"reason", log.Reason, "status", log.Status, "message", log.Message, "attempt", log.Attempt, "next_attempt", at)
	})
}
