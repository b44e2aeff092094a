package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/teamsrelay/teamsrelay/receiver/group"
	"github.com/teamsrelay/teamsrelay/receiver/store"
)

// Updates that begin with Groups(origin) are alerts that came in, by far the
// most. Those that wait at the same time share a transaction: one statement
// locks their origins, one reads their groups, and one for each table stores
// what they have made. So an alert costs PostgreSQL a fraction of what a
// transaction of its own does.
//
// They do not see each other. What one reads is its own origin's, which no two
// of a transaction have, and what it writes waits until all have run: one that
// fails has written nothing. One that asks for anything else leaves before it
// has written, and runs again in a transaction of its own (errAlone), as all do
// when their transaction fails and was not the reason.
//
// Nobody waits there for an origin that another transaction has locked: its
// update runs alone too.

// Shared transactions.
const (
	// maxJoint is how many updates share one at most: well before it the
	// server's part of an update has become too small to see.
	maxJoint = 128
	// maxJoints is how many a replica has at the same time. The fewer, the more
	// updates each of them has.
	maxJoints = 1
	// After one that crowd updates shared the next one waits that long for those
	// who have just been answered, who mostly come again: a transaction costs
	// both sides 1 ms of CPU, and an update in it 0.1 ms. It does not wait for
	// the last of them.
	crowd  = 4
	linger = 4 * time.Millisecond
)

// errAlone says that an update needs a transaction of its own.
var errAlone = errors.New("it needs a transaction of its own")

// joints has the updates of a store share transactions.
type joints struct {
	store   *Store
	mu      sync.Mutex
	waiting []*member
	running int
	enough  int           // how many must wait for full to be told; 0: nobody listens
	full    chan struct{} // enough of them wait
}

// member is an update in a shared transaction.
type member struct {
	joint  *joint // nil while it waits for one
	origin string
	hash   int64
	locked bool
	groups []group.Group
	// revisions are those of its transaction.
	revisions store.Revisions
	asks      question
	queue     []statement // what it has written
	saved     map[place]bool
	// answers says that it can go on, or why it cannot.
	answers chan error
}

// place is where a post is.
type place struct {
	groupID int64
	address string
}

// noteSaved notes that a post has been written: it cannot be asked for, because
// what is written waits for the end.
func (m *member) noteSaved(groupID int64, address string) {
	if m.saved == nil {
		m.saved = make(map[place]bool, 1)
	}
	m.saved[place{groupID, address}] = true
}

// question is one that a member may ask after the first one: a query for rows
// that only who has its origin changes, or a number for a new row.
type question struct {
	query    statement
	sequence string
	id       int64
}

// joint is one shared transaction.
type joint struct {
	mu      sync.Mutex
	busy    int // how many of its members run
	waiting []*member
	done    []*member
	idle    chan struct{} // nobody runs
}

// enter has an update take part in the next shared transaction, and returns
// when it has its groups.
func (j *joints) enter(ctx context.Context, origin string) (*member, error) {
	m := &member{origin: origin, hash: hash("origin\x00" + origin), answers: make(chan error, 1)}
	j.mu.Lock()
	j.waiting = append(j.waiting, m)
	if j.running < maxJoints {
		j.running++
		go j.work()
	}
	if j.enough > 0 && len(j.waiting) >= j.enough {
		j.enough = 0
		j.full <- struct{}{}
	}
	j.mu.Unlock()
	patience := time.NewTimer(acquireTimeout)
	defer patience.Stop()
	var gone error
	select {
	case err := <-m.answers:
		return m, err
	case <-ctx.Done():
		gone = ctx.Err()
	case <-patience.C:
		gone = fmt.Errorf("%w: PostgreSQL does not answer in time", store.ErrUnavailable)
	}
	j.mu.Lock()
	i := slices.Index(j.waiting, m)
	if i >= 0 {
		j.waiting = slices.Delete(j.waiting, i, i+1)
	}
	j.mu.Unlock()
	if i >= 0 {
		return m, gone
	}
	return m, <-m.answers // the server has been asked
}

// work shares transactions until nobody waits.
func (j *joints) work() {
	for {
		members := j.next()
		if members == nil {
			return
		}
		j.share(members)
		if len(members) >= crowd {
			j.gather(len(members))
		}
	}
}

// gather waits, after a transaction that so many shared, until most of them and
// of those who have come since are there.
func (j *joints) gather(shared int) {
	j.mu.Lock()
	enough := min((shared+len(j.waiting))*3/4, maxJoint)
	if len(j.waiting) >= enough {
		j.mu.Unlock()
		return
	}
	j.enough = enough
	j.mu.Unlock()
	patience := time.NewTimer(linger)
	defer patience.Stop()
	select {
	case <-j.full:
		return
	case <-patience.C:
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.enough == 0 { // it was told just now
		<-j.full
	}
	j.enough = 0
}

// next takes those who wait, of each origin one.
func (j *joints) next() []*member {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.waiting) == 0 {
		j.running--
		return nil
	}
	var members, left []*member
	taken := make(map[int64]bool, len(j.waiting))
	for _, m := range j.waiting {
		if len(members) == maxJoint || taken[m.hash] {
			left = append(left, m)
			continue
		}
		taken[m.hash] = true
		members = append(members, m)
	}
	j.waiting = left
	return members
}

// share is one transaction from its beginning to its end.
func (j *joints) share(members []*member) {
	t := &tx{ctx: context.Background(), pool: j.store.writers, ids: j.store.ids, begin: "BEGIN", writable: true}
	defer t.end()
	defer func() { j.store.tooClose(t.failed) }()
	s := &joint{idle: make(chan struct{}, 1)}
	revisions, err := t.readJointly(members)
	if err != nil {
		wake(members, reason(err))
		return
	}
	var runs []*member
	for _, m := range members {
		if !m.locked {
			m.answers <- errAlone
			continue
		}
		m.joint = s
		runs = append(runs, m)
	}
	if len(runs) == 0 {
		return
	}
	s.busy = len(runs)
	for _, m := range runs {
		m.revisions = revisions
	}
	wake(runs, nil)
	for {
		<-s.idle
		s.mu.Lock()
		asked := s.waiting
		s.waiting, s.busy = nil, len(asked)
		s.mu.Unlock()
		if len(asked) == 0 {
			break
		}
		if err := t.answer(asked); err != nil {
			wake(append(asked, s.done...), reason(err))
			return
		}
		wake(asked, nil)
	}
	t.queue = merged(s.done)
	if len(t.queue) > 0 {
		if err := t.commit(); err != nil {
			wake(s.done, reason(err))
			return
		}
	}
	wake(s.done, nil)
}

func wake(members []*member, err error) {
	for _, m := range members {
		m.answers <- err
	}
}

// reason is what the members hear of what their transaction failed with: that
// PostgreSQL is not there, or to try alone, because one of them may be at fault.
func reason(err error) error {
	var e *serverError
	if errors.As(err, &e) && !e.lost || !errors.Is(err, store.ErrUnavailable) {
		return errAlone
	}
	return err
}

// ask waits for the answer to a question.
func (m *member) ask(q question) (int64, error) {
	m.asks = q
	m.joint.pause(func(s *joint) { s.waiting = append(s.waiting, m) })
	err := <-m.answers
	return m.asks.id, err
}

// finish hands over what the member has written, and waits for the commit.
func (m *member) finish(queue []statement) error {
	s := m.joint
	m.joint, m.queue = nil, queue
	s.pause(func(s *joint) { s.done = append(s.done, m) })
	return <-m.answers
}

// leave is for one that has failed. It may be called after finish.
func (m *member) leave() {
	if s := m.joint; s != nil {
		m.joint = nil
		s.pause(func(*joint) {})
	}
}

// pause notes that a member does not run, and why.
func (s *joint) pause(note func(*joint)) {
	s.mu.Lock()
	note(s)
	s.busy--
	idle := s.busy == 0
	s.mu.Unlock()
	if idle {
		select {
		case s.idle <- struct{}{}:
		default: // it is over
		}
	}
}

// readJointly begins a transaction: it locks what origins it can, and reads the
// revisions and the groups.
func (t *tx) readJointly(members []*member) (revisions store.Revisions, err error) {
	locks, hashes := make([]int64, len(members)), make([]int64, len(members))
	byLock, byOrigin := make(map[int64]*member, len(members)), make(map[string]*member, len(members))
	for i, m := range members {
		locks[i], hashes[i] = m.hash, hash(m.origin)
		byLock[m.hash], byOrigin[m.origin] = m, m
	}
	t.queue = append(t.queue, statement{
		sql: `SELECT origin, silences, subscriptions, destinations FROM teamsrelay, unnest(?::bigint[]) AS origin
			WHERE pg_try_advisory_xact_lock(origin)`, args: []any{locks},
		scan: func(rows pgx.Rows) error {
			var lock int64
			err := rows.Scan(&lock, &revisions.Silences, &revisions.Subscriptions, &revisions.Destinations)
			if m := byLock[lock]; m != nil {
				m.locked = true
			}
			return err
		},
	})
	groups, err := t.groups(`SELECT `+groupColumns+` FROM groups WHERE origin_hash = ANY (?) AND latest ORDER BY id`+forUpdate+`groups`, hashes)
	for _, g := range groups {
		if m := byOrigin[g.Origin]; m != nil {
			m.groups = append(m.groups, g)
		}
	}
	return revisions, err
}

// answer answers the questions of members.
func (t *tx) answer(members []*member) error {
	askers := map[string][]*member{}
	for _, m := range members {
		if q := &m.asks; q.sequence != "" {
			askers[q.sequence] = append(askers[q.sequence], m)
			continue
		}
		t.queue = append(t.queue, m.asks.query)
	}
	taken := map[string][]int64{}
	for sequence, those := range askers {
		t.queue = append(t.queue, taking(sequence, len(those)+min(t.ids.size(sequence), 4*len(those)), func(id int64) { taken[sequence] = append(taken[sequence], id) }))
	}
	if err := t.flush(); err != nil {
		return err
	}
	for sequence, those := range askers {
		for i, m := range those {
			m.asks.id = taken[sequence][i]
		}
		t.ids.put(sequence, taken[sequence][len(those):])
	}
	return nil
}

// merged are the statements of members, those that only insert as one for each
// kind of row.
func merged(members []*member) []statement {
	var kinds []*insertion
	rows := map[*insertion][][]any{}
	var others []statement
	for _, m := range members {
		if slices.ContainsFunc(m.queue, func(s statement) bool { return s.insertion == nil }) {
			others = append(others, m.queue...)
			continue
		}
		for _, s := range m.queue {
			if rows[s.insertion] == nil {
				kinds = append(kinds, s.insertion)
			}
			rows[s.insertion] = append(rows[s.insertion], s.args)
		}
	}
	queue := make([]statement, 0, len(kinds)+len(others))
	for _, kind := range kinds {
		queue = append(queue, kind.all(rows[kind]))
	}
	return append(queue, others...)
}
