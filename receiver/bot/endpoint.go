package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/bot/activity"
	"github.com/teamsrelay/teamsrelay/receiver/bot/token"
	"github.com/teamsrelay/teamsrelay/receiver/outbound"
)

const (
	// answerWithin is when an invoke is answered at the latest, counted from
	// its arrival. Teams is to have its answer within 3 s (teams-platform
	// §2.10), and the way back takes some of them.
	answerWithin = 2500 * time.Millisecond
	// keysWithin is how long a request waits for Microsoft's keys.
	keysWithin = 2 * time.Second
	// storeWithin is how long anything but an invoke waits for the store.
	// After 15 s Teams sends it again.
	storeWithin = 8 * time.Second
	// workWithin ends what is done after the answer: some requests to Teams,
	// which wait for their turn.
	workWithin = time.Minute
	// stopGrace is how long that may hold up the end of the program.
	stopGrace = 5 * time.Second

	// The most conversations that are answered at once and presses that are
	// worked at once, how many more wait for it, and how many of them in one
	// conversation. What is over that is sent again, or pressed again.
	maxTalks, maxTalksWaiting     = 32, 1000
	maxPresses, maxPressesWaiting = 64, 20_000
	maxTalksOfOne                 = 100
	// maxWaiting is what all of them may take together, in bytes. Most have a
	// few thousand, but a client can make them a hundred times as large.
	maxWaiting = 128 << 20
)

// What people read on a press that was not worked, or not yet.
const (
	lateWords    = "This takes longer than usual. It goes on, and the card will show what came of it."
	busyWords    = "Nothing was done: too much is going on at this moment. Please press again."
	failedWords  = "Something went wrong here, and the administrator can read what in the log. Please press again later."
	unknownWords = "This cannot be done here."
)

// teamsChannel is what Teams is called among the channels of the Bot
// Framework.
const teamsChannel = "msteams"

// maxRefusals is how many refusals a minute are in the log; all are counted.
// The address of the endpoint is known to the world, and who asks it for
// nonsense must not fill the disk.
const maxRefusals = 20

// refusals says which of them are logged.
type refusals struct {
	mu               sync.Mutex
	since            time.Time
	logged, unlogged int
}

// next says whether one is logged, and how many before it were not.
func (l *refusals) next(now time.Time) (unlogged int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.since) >= time.Minute {
		l.since, l.logged = now, 0
	}
	if l.logged >= maxRefusals {
		l.unlogged++
		return 0, false
	}
	l.logged++
	unlogged, l.unlogged = l.unlogged, 0
	return unlogged, true
}

// ServeHTTP takes one activity: POST /api/messages. The sender is checked
// before the body is read, and whether the token is for this body after that.
func (b *Bot) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		b.reject(w, r, http.StatusMethodNotAllowed, "method", errors.New("activities are sent with POST"))
		return
	}
	var sender token.Token
	var err error
	if b.Local {
		if err = b.local(r); err != nil {
			b.reject(w, r, http.StatusForbidden, "not_local", err)
			return
		}
	} else {
		ctx, cancel := context.WithTimeout(r.Context(), keysWithin)
		sender, err = b.Verifier.Verify(ctx, r.Header)
		cancel()
		if err != nil {
			b.unauthorized(w, r, err)
			return
		}
	}
	body, ok := b.body(w, r)
	if !ok {
		return
	}
	a, err := activity.Parse(body)
	if err != nil {
		b.reject(w, r, http.StatusBadRequest, "activity", err)
		return
	}
	if !b.Local {
		if err := sender.Covers(a.ChannelID, a.ServiceURL); err != nil {
			b.unauthorized(w, r, err)
			return
		}
		if reason, err := b.forbidden(a); err != nil {
			b.reject(w, r, http.StatusForbidden, reason, err)
			return
		}
	}
	b.dispatch(w, r, a, start)
}

// local says why a request without a token is not of this machine. The
// listener is on loopback, but a proxy or tunnel on this machine can bring the
// world there, and so can a page in somebody's browser: straight away, or by a
// name of its own that it points at loopback, which then stands in Host.
func (b *Bot) local(r *http.Request) error {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if !outbound.IsLoopback(strings.Trim(host, "[]")) {
		return errors.New("without tokens (insecure_local) only requests to localhost or a loopback address are taken")
	}
	for _, header := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip"} {
		if r.Header.Get(header) != "" {
			return errors.New("without tokens (insecure_local) nothing is taken that comes through a proxy")
		}
	}
	return b.crossOrigin.Check(r)
}

// forbidden says why an activity that is from Microsoft is none for us: it is
// from another channel, for another bot, or from a tenant whose people may not
// talk to this one. The token names no tenant (teams-platform §4.1, step 11).
func (b *Bot) forbidden(a activity.Activity) (reason string, err error) {
	_, name, found := strings.Cut(a.Recipient.ID, ":")
	if !found {
		name = a.Recipient.ID
	}
	stranger := func(tenant string) bool { return !slices.Contains(b.Tenants, strings.ToLower(tenant)) }
	switch {
	case a.ChannelID != teamsChannel:
		return "channel", errors.New("the activity is not from Teams")
	case !strings.EqualFold(name, b.AppID):
		return "recipient", errors.New("the activity is for another bot; app_id says which this one is")
	case len(a.Tenants) == 0:
		return "tenant", errors.New("the activity does not say from which tenant it is")
	case slices.ContainsFunc(a.Tenants, stranger):
		return "tenant", errors.New("people of the activity's tenant may not talk to this bot; allowed_tenants says who may")
	}
	return "", nil
}

// body is the body of a request, or it answers and returns false.
func (b *Bot) body(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	tooLarge := fmt.Errorf("the activity is over %d KiB", activity.MaxBody>>10)
	if r.ContentLength > activity.MaxBody {
		b.reject(w, r, http.StatusRequestEntityTooLarge, "too_large", tooLarge)
		return nil, false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, activity.MaxBody))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		b.reject(w, r, http.StatusRequestEntityTooLarge, "too_large", tooLarge)
		return nil, false
	case err != nil: // whole it may be right
		b.again(w, r, "broken_off", errors.New("the body broke off"))
		return nil, false
	}
	return body, true
}

// dispatch works an activity that is for us.
func (b *Bot) dispatch(w http.ResponseWriter, r *http.Request, a activity.Activity, start time.Time) {
	b.metrics.taken(a.Type)
	switch a.Type {
	case activity.Invoke:
		b.invoke(w, r, a, start)
	case activity.Message, activity.InstallationUpdate, activity.ConversationUpdate, activity.MessageReaction:
		b.take(w, r, a)
	default: // new kinds can come at any time (teams-platform §2.8)
		w.WriteHeader(http.StatusOK)
	}
}

// take stores what follows from an activity for its conversation, answers, and
// does the rest afterwards. What there is no room for gets a 503: the service
// sends it again, and so does whoever typed it. Only what was stored is
// answered 200, but words that were typed are not stored: if the program is
// killed before they are worked, nobody answers them.
func (b *Bot) take(w http.ResponseWriter, r *http.Request, a activity.Activity) {
	if !b.reserve(b.talks, a.Conversation.ID, a) {
		b.again(w, r, "busy", errors.New("too many activities wait to be worked"))
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), storeWithin)
	n, err := b.keep(ctx, a)
	cancel()
	if err != nil {
		b.release(b.talks, a)
		b.log.Error("What Teams told of a conversation could not be stored; it will be sent again", "type", a.Type, "err", err)
		b.again(w, r, "store", errors.New("the activity could not be stored"))
		return
	}
	w.WriteHeader(http.StatusOK)
	if n.repeated {
		b.metrics.repeated.Inc()
		b.release(b.talks, a)
		return
	}
	b.talks.do(a.Conversation.ID, func(ctx context.Context) {
		defer b.waiting.Add(-int64(a.Size))
		ctx, cancel := context.WithTimeout(ctx, workWithin)
		defer cancel()
		b.follow(ctx, a, n)
	})
}

// reserve takes a place for an activity, and room in memory, or says that there
// is none. Both are given back by release, or when it was worked.
func (b *Bot) reserve(w *work, conversation string, a activity.Activity) bool {
	if b.waiting.Add(int64(a.Size)) > maxWaiting || !w.reserve(conversation) {
		b.waiting.Add(-int64(a.Size))
		return false
	}
	return true
}

func (b *Bot) release(w *work, a activity.Activity) {
	b.waiting.Add(-int64(a.Size))
	w.release()
}

// follow does what an activity asks for, once it was answered.
func (b *Bot) follow(ctx context.Context, a activity.Activity, n news) {
	if len(a.Added) > 0 || len(a.Removed) > 0 {
		b.guard(func() { b.membersChanged(a.Conversation.ID, a.Team.ID) })
	}
	b.reached(ctx, n)
	switch {
	case a.Type != activity.Message || a.IsBot(a.From):
	case a.Submitted():
		b.guard(func() { b.press(ctx, a) })
	default:
		b.guard(func() { b.say(ctx, a) })
	}
}

// reached welcomes a conversation and tells of those that can be reached
// again.
func (b *Bot) reached(ctx context.Context, n news) {
	if n.welcome != nil && b.Welcome != nil {
		b.guard(func() { b.greet(ctx, *n.welcome) })
	}
	for _, c := range n.back {
		if b.Back != nil {
			b.guard(func() { b.Back(ctx, c) })
		}
	}
}

// invoke works a press and answers it in time, if need be before it is done.
func (b *Bot) invoke(w http.ResponseWriter, r *http.Request, a activity.Activity, start time.Time) {
	if a.Name != activity.ExecuteAction {
		b.respond(w, Say(unknownWords))
		return
	}
	if !b.reserve(b.presses, "", a) {
		b.metrics.refuse("busy")
		b.respond(w, Say(busyWords))
		return
	}
	answers := make(chan InvokeResponse, 1)
	b.presses.do("", func(ctx context.Context) {
		defer b.waiting.Add(-int64(a.Size))
		ctx, cancel := context.WithTimeout(ctx, workWithin)
		defer cancel()
		answer := Say(failedWords)
		b.guard(func() {
			b.refresh(ctx, a)
			answer = b.press(ctx, a)
		})
		answers <- answer
	})
	late := time.NewTimer(answerWithin - time.Since(start))
	defer late.Stop()
	select {
	case answer := <-answers:
		b.respond(w, answer)
	case <-late.C:
		b.metrics.late.Inc()
		b.respond(w, Say(lateWords))
	case <-r.Context().Done(): // nobody waits any more; the work goes on
	}
}

// guard keeps a mistake of ours, met by something that a stranger wrote, from
// ending the program that carries everybody's alerts.
func (b *Bot) guard(work func()) {
	defer func() {
		if err := recover(); err != nil {
			b.metrics.panics.Inc()
			b.log.Error("A mistake in teamsrelay kept an activity from being worked; please report this", "err", err, "stack", string(debug.Stack()))
		}
	}()
	work()
}

// respond writes the answer to an invoke.
func (b *Bot) respond(w http.ResponseWriter, answer InvokeResponse) {
	body, err := json.Marshal(answer)
	if err != nil {
		b.log.Error("A press could not be answered", "err", err)
		body, _ = json.Marshal(Say(failedWords))
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

// unauthorized answers a request whose token is not right, or cannot be
// checked now.
func (b *Bot) unauthorized(w http.ResponseWriter, r *http.Request, err error) {
	reason := token.Malformed
	var refusal *token.Refusal
	if errors.As(err, &refusal) {
		reason = refusal.Reason
	}
	if reason == token.Unavailable {
		b.again(w, r, string(reason), err)
		return
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	b.reject(w, r, http.StatusUnauthorized, string(reason), err)
}

// again is "not now": it may be right, and is to be sent again.
func (b *Bot) again(w http.ResponseWriter, r *http.Request, reason string, err error) {
	w.Header().Set("Retry-After", "5")
	b.reject(w, r, http.StatusServiceUnavailable, reason, err)
}

// reject answers with what is wrong. err holds nothing of the token.
func (b *Bot) reject(w http.ResponseWriter, r *http.Request, status int, reason string, err error) {
	b.metrics.refuse(reason)
	if unlogged, ok := b.refusals.next(time.Now()); ok {
		b.log.Warn("Refused a request to the bot", "from", r.RemoteAddr, "status", status, "reason", reason, "err", err, "unlogged", unlogged)
	}
	w.Header().Set("Content-Type", "application/json")
	if status == http.StatusRequestEntityTooLarge || status == http.StatusUnauthorized {
		w.Header().Set("Connection", "close") // the body is not read
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct {
		Error string `json:"error"`
	}{err.Error()})
}
