package events

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/alert"
	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/ingest"
)

// How long the expressions of a mapping may take. They take milliseconds; the
// rest is for a machine that is busy with something else.
const (
	eventTime = 3 * time.Second  // for one event
	bodyTime  = 30 * time.Second // for all events of a body, with the wait for a turn
)

// turns are as many as there are processors: each event takes one while its
// expressions run. jq works on one processor without a pause, so more at the
// same time would only make all of them late, and take the memory of all.
var turns = make(chan struct{}, runtime.GOMAXPROCS(0))

// Parse reads a body: JSON, or a form. Each event gives a snapshot of its
// story, or none if the mapping does not select it. The error tells of every
// event that could not be understood; the snapshots of the others are returned
// all the same. It can never become right by sending the body again, unless
// it is late.
func (s *Source) Parse(body []byte, headers http.Header, now time.Time) ([]ingest.Snapshot, error) {
	data, err := unwrap(body, headers.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	return s.parse(context.Background(), data, headers, now)
}

// parse is Parse for JSON. It stops when ctx ends.
func (s *Source) parse(ctx context.Context, data []byte, headers http.Header, now time.Time) ([]ingest.Snapshot, error) {
	events, err := split(data, s.mapping.each != nil)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, bodyTime)
	defer cancel()
	safe := s.visible(headers)
	var snapshots []ingest.Snapshot
	var wrong []error
	for i, e := range events {
		snapshot, ok, err := s.one(ctx, e, safe, now)
		if ok {
			snapshots = append(snapshots, snapshot)
		}
		if err != nil && len(events) > 1 {
			err = fmt.Errorf("event %d: %w", i, err)
		}
		if err != nil {
			wrong = append(wrong, err)
		}
	}
	return snapshots, join(wrong)
}

// late says that an event was not understood for lack of time: ours was over,
// or the sender left. The event may be right.
func late(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// join is errors.Join with no more than a few of them. Those that are late
// come first: they decide what the sender is told to do.
func join(errs []error) error {
	const most = 10
	order := func(err error) int {
		if late(err) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(errs, func(a, b error) int { return cmp.Compare(order(a), order(b)) })
	if more := len(errs) - most; more > 0 {
		errs = append(errs[:most:most], fmt.Errorf("and %d more events", more))
	}
	return errors.Join(errs...)
}

// one turns one event into a snapshot; ok is false if it tells nothing. Of a
// list of alerts both can be there, a snapshot and what is wrong with the rest.
func (s *Source) one(ctx context.Context, e event, headers map[string]any, now time.Time) (_ ingest.Snapshot, ok bool, _ error) {
	if c, is := readyCard(e.value); is {
		if c.empty {
			return ingest.Snapshot{}, false, errors.New("it is a card that shows nothing: it has neither text nor elements")
		}
		return s.notice(c, e, now), true, nil
	}
	switch e.value.(type) {
	case map[string]any:
	case []any:
		if s.mapping.each == nil {
			return ingest.Snapshot{}, false, errors.New("it is an array in an array; an event is an object")
		}
	default:
		return ingest.Snapshot{}, false, fmt.Errorf("it is %s; an event is an object", kindOf(e.value))
	}
	select {
	case turns <- struct{}{}:
		defer func() { <-turns }()
	case <-ctx.Done():
		return ingest.Snapshot{}, false, fmt.Errorf("other events took all the time: %w", ctx.Err())
	}
	in := input{at: e.value, headers: headers, event: e.value}
	own, cancel := context.WithTimeout(ctx, eventTime)
	defer cancel()
	if s.mapping.when != nil {
		selected, err := s.mapping.when.first(own, in)
		if err != nil {
			return ingest.Snapshot{}, false, err
		}
		if selected == nil || selected == false {
			return ingest.Snapshot{}, false, nil
		}
	}
	if s.mapping.each != nil {
		return s.alerts(ctx, in, now)
	}
	snapshot, err := s.story(own, e, in, now)
	return snapshot, err == nil, err
}

// story is an event about one alert.
func (s *Source) story(ctx context.Context, e event, in input, now time.Time) (ingest.Snapshot, error) {
	f, err := s.mapping.facts(ctx, in, s.name, now)
	if err != nil {
		return ingest.Snapshot{}, err
	}
	r := &reader{ctx: ctx, in: in}
	key, id := r.text(s.mapping.key), r.text(s.mapping.id)
	told := &group.Event{
		Deed: f.action.deed(),
		Who:  cut(r.text(s.mapping.who), maxWho), Text: cut(r.text(s.mapping.text), maxText),
		Expires: s.mapping.until(f.stated),
	}
	partial, follows := told.Deed != group.Nothing, r.yes(s.mapping.follows)
	if s.mapping.partial != nil {
		partial = r.yes(s.mapping.partial)
	}
	if r.err != nil {
		return ingest.Snapshot{}, r.err
	}
	switch {
	case id != "":
		told.ID = hash64([]byte(id))
	case told.Deed != group.Nothing:
		told.ID = hash64(e.raw)
	}
	switch {
	case key != "":
	case f.stated:
		key = "labels " + alert.FingerprintApart(f.alert.Labels, alert.SeverityLabel).String()
	default: // nothing will ever be said about it again
		key = s.recent.key(e.raw, now)
	}
	f.alert.Momentary = !f.stated
	f.alert.Event = keep(e)
	snapshot := s.snapshot(key, f.alert, told)
	snapshot.Partial, snapshot.Stateless, snapshot.Follows = partial, f.stateless, follows
	return snapshot, nil
}

// storyLabels say what a story is about, and stay as they are in all of it:
// with them it stands in lists, and templates have them as .GroupLabels.
var storyLabels = []string{"app", "host", "service", "ticket"}

// snapshot is the news of a story of one alert. The alert is the same whatever
// its labels say: a ticket's status is one of them, and changes.
func (s *Source) snapshot(key string, a alert.Alert, told *group.Event) ingest.Snapshot {
	a.Fingerprint = alert.FingerprintOf(map[string]string{sourceLabel: s.name, "key": key})
	about := make(map[string]string, len(storyLabels))
	for _, name := range storyLabels {
		if value := a.Labels[name]; value != "" {
			about[name] = value
		}
	}
	return ingest.Snapshot{
		Source: s.name, Origin: ingest.Origin("events", s.name, key), GroupLabels: about,
		Alerts: []alert.Alert{a}, Event: told,
		Sender: group.SenderDetails{Receiver: s.name},
	}
}

// alerts is a body that tells of several alerts of one story at once. Each of
// them has a second, and so has what is said of all.
func (s *Source) alerts(ctx context.Context, in input, now time.Time) (_ ingest.Snapshot, ok bool, _ error) {
	own, cancel := context.WithTimeout(ctx, eventTime)
	defer cancel()
	items, more, err := s.mapping.each.all(own, in, maxEvents)
	if err != nil {
		return ingest.Snapshot{}, false, err
	}
	r := &reader{ctx: own, in: in}
	key := r.text(s.mapping.key)
	if left, ok := asNumber(r.value(s.mapping.truncated)); ok && left > 0 {
		more += int(min(left, 1e6))
	}
	if r.err != nil {
		return ingest.Snapshot{}, false, r.err
	}
	snapshot := ingest.Snapshot{
		Source: s.name, Origin: ingest.Origin("events", s.name, key),
		Complete: key != "", Repeats: true, Truncated: more,
		Event:  &group.Event{Expires: s.mapping.until(true)},
		Sender: group.SenderDetails{Receiver: s.name},
	}
	var wrong []error
	place := make(map[alert.Fingerprint]int, len(items))
	for i, item := range items {
		own, cancel := context.WithTimeout(ctx, eventTime)
		f, err := s.mapping.facts(own, input{at: item, headers: in.headers, event: in.event}, s.name, now)
		cancel()
		if err != nil {
			wrong = append(wrong, fmt.Errorf("item %d of each: %w", i, err))
			snapshot.Truncated++ // it may fire, and nobody may think that it is gone
			continue
		}
		a := f.alert
		a.Event = keep(event{raw: encode(item), value: item})
		a.Fingerprint = fingerprint(a.Labels, f.left)
		if j, twice := place[a.Fingerprint]; !twice {
			place[a.Fingerprint] = len(snapshot.Alerts)
			snapshot.Alerts = append(snapshot.Alerts, a)
		} else if a.Status == alert.Firing { // what fires counts
			snapshot.Alerts[j] = a
		}
	}
	return snapshot, len(snapshot.Alerts) > 0, join(wrong)
}

// fingerprint is that of all labels that an alert was sent with, also of those
// that it is left without: two alerts that differ only there are two.
func fingerprint(labels, left map[string]string) alert.Fingerprint {
	if len(left) == 0 {
		return alert.FingerprintOf(labels)
	}
	all := maps.Clone(labels)
	maps.Copy(all, left)
	return alert.FingerprintOf(all)
}

// hash64 is never 0, which stands for no hash.
func hash64(data []byte) uint64 {
	sum := sha256.Sum256(data)
	return max(binary.BigEndian.Uint64(sum[:8]), 1)
}

func hashHex(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}

// visible are the headers that a mapping may see, by their names in small
// letters: those with credentials are not among them.
func (s *Source) visible(headers http.Header) map[string]any {
	seen := make(map[string]any, len(headers))
	for name, values := range headers {
		name = strings.ToLower(name)
		if !secretHeader(name) && name != strings.ToLower(s.check.header) {
			seen[name] = clean(strings.Join(values, ", "))
		}
	}
	return seen
}

// secretHeader says that a header holds, by its name, what proves who sends.
func secretHeader(name string) bool {
	for _, part := range []string{"authorization", "cookie", "signature", "token", "secret", "password", "api-key", "apikey", "hmac"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
