package postgres

import (
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// ids gives new rows their numbers without asking the server for each: it takes
// as many of a sequence as were used up within keepIDs, up to maxIDs.
//
// Numbers grow with time, but for this: of two rows that two replicas make
// within keepIDs of each other the later one may have the smaller number. Where
// little happens there are no gaps.
type ids struct {
	mu   sync.Mutex
	free map[string]*stock
}

// stock are numbers of a sequence that nobody has used yet.
type stock struct {
	ids   []int64
	taken time.Time
	next  int // how many to take next
}

const (
	keepIDs = 100 * time.Millisecond
	maxIDs  = 256
)

// next returns a number of a sequence.
func (t *tx) next(sequence string) (int64, error) {
	if !t.writable {
		return 0, errReadOnly
	}
	id, take := t.ids.take(sequence)
	if take == 0 {
		return id, nil
	}
	if t.member != nil {
		id, err := t.member.ask(question{sequence: sequence})
		if err != nil {
			t.failed = err
		}
		return id, err
	}
	taken := make([]int64, 0, take)
	t.queue = append(t.queue, taking(sequence, take, func(id int64) { taken = append(taken, id) }))
	if err := t.flush(); err != nil {
		return 0, err
	}
	t.ids.put(sequence, taken[1:])
	return taken[0], nil
}

// taking is the statement that takes numbers of a sequence.
func taking(sequence string, many int, each func(int64)) statement {
	return statement{sql: `SELECT nextval(?::text::regclass) FROM generate_series(1, ?)`, args: []any{sequence, int64(many)}, scan: func(rows pgx.Rows) error {
		var id int64
		err := rows.Scan(&id)
		each(id)
		return err
	}}
}

// take returns a free number, or how many are to be taken from the sequence.
func (i *ids) take(sequence string) (id int64, take int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	s := i.free[sequence]
	if s == nil {
		s = &stock{next: 1}
		i.free[sequence] = s
	}
	fresh := time.Since(s.taken) < keepIDs
	if fresh && len(s.ids) > 0 {
		id, s.ids = s.ids[0], s.ids[1:]
		return id, 0
	}
	s.ids = nil
	if fresh {
		s.next = min(2*s.next, maxIDs)
	} else {
		s.next = max(s.next/2, 1)
	}
	return 0, s.next
}

// size is how many numbers of a sequence are taken at once for now.
func (i *ids) size(sequence string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	if s := i.free[sequence]; s != nil {
		return s.next
	}
	return 0
}

// put adds numbers that were taken from the sequence.
func (i *ids) put(sequence string, more []int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	s := i.free[sequence]
	if s == nil {
		return // forgotten meanwhile
	}
	s.taken = time.Now()
	s.ids = append(s.ids, more...)
}

// forget drops all: a server that has taken over may give them to others.
func (i *ids) forget() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.free = make(map[string]*stock)
}
