// Command torture is `make torture`: it gives receivers as real processes a bad
// day that it has planned, and judges whether they kept their promises. What it
// plans and how it judges is package torture's; this is what carries it out.
//
// The receivers are this program again (replica.go), so that their clocks can
// be set. Teams is simulated in this process, which therefore knows what people
// saw, and when.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/torture"
)

func main() {
	if isReplica() {
		os.Exit(replicaMain())
	}
	seeds := flag.String("seeds", "1..10", "the seeds, as 7 or 1..10")
	stores := flag.String("store", "both", "sqlite, postgres or both")
	replicas := flag.Int("replicas", 3, "how many share a PostgreSQL; SQLite has one")
	length := flag.Duration("for", time.Minute, "how long each bad day lasts; then everything has to settle")
	keep := flag.String("keep", "", "a directory for the logs of the receivers; empty: they go with the day, unless something is wrong")
	story := flag.String("story", "", "tell the story of a group even if nothing is wrong with it: NAME or NAME@PLACE")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := tortureAll(ctx, *seeds, *stores, options{replicas: *replicas, length: *length, keep: *keep, story: *story}); err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(1)
	}
}

// options are what a torture is made with, beside its seed and store.
type options struct {
	replicas int
	length   time.Duration
	keep     string
	story    string
	sure     bool   // of torture.Shape
	program  string // of the replicas; "": this one
}

// tortureAll goes through the seeds, and goes on after one that has failed. The
// stores have theirs side by side, since a day waits more than it works.
func tortureAll(ctx context.Context, seeds, stores string, o options) error {
	first, last, err := seedRange(seeds)
	if err != nil {
		return err
	}
	if o.length < 5*time.Second || o.replicas < 1 {
		return errors.New("a day lasts 5s at least, and has one replica")
	}
	names := []string{stores}
	if stores == "both" {
		names = []string{"sqlite", "postgres"}
	}
	r := report{began: time.Now(), total: len(names) * int(last-first+1)}
	errs := make([]error, len(names))
	var work sync.WaitGroup
	for i, name := range names {
		work.Go(func() {
			for seed := first; seed <= last && errs[i] == nil; seed++ {
				var story bytes.Buffer
				began := time.Now()
				verdict, err := tortureOnce(ctx, &story, name, seed, o)
				if err != nil {
					errs[i] = fmt.Errorf("seed %d on %s: %w", seed, name, err)
				}
				r.add(row{seed: seed, store: name, took: time.Since(began).Round(time.Second), verdict: verdict, err: err}, story.Bytes(), o)
			}
		})
	}
	work.Wait()
	return errors.Join(append(errs, r.table())...)
}

// report is what people read of all seeds.
type report struct {
	began time.Time
	total int

	mu   sync.Mutex
	rows []row
}

// row is a day that is over.
type row struct {
	seed    uint64
	store   string
	took    time.Duration
	verdict torture.Verdict
	err     error // it could not be judged
}

// word says how it went.
func (r row) word() string {
	switch {
	case r.err != nil:
		return "NOT JUDGED"
	case !r.verdict.Passed():
		return "FAILED"
	}
	return "passed"
}

// add tells of a day as soon as it is over.
func (r *report) add(day row, story []byte, o options) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, day)
	again := ""
	if day.word() != "passed" {
		again = fmt.Sprintf("; the same plan again: make torture SEED=%d STORE=%s REPLICAS=%d FOR=%s", day.seed, day.store, o.replicas, o.length)
	}
	fmt.Printf("%s%s== seed %d on %s %s after %s (%d of %d, %s in all)%s\n\n", story, day.verdict, day.seed, day.store, day.word(), day.took,
		len(r.rows), r.total, time.Since(r.began).Round(time.Second), again)
}

// table lists all, and returns an error if one has not passed.
func (r *report) table() error {
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "STORE\tSEED\t\tTOOK\tBODIES\tSHOWN\tTWICE\tLATE\tBROKEN")
	var bad []string
	slices.SortStableFunc(r.rows, func(a, b row) int { return strings.Compare(b.store, a.store) })
	for _, day := range r.rows {
		v := day.verdict
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%d\t%d\t%d\t%d\t%d\n", day.store, day.seed, day.word(), day.took, v.Counts["bodies taken"],
			v.Counts["cards shown"]+v.Counts["edits shown"]+v.Counts["digests shown"], v.Sum("messages twice: "),
			v.Counts["states that came back with a body that was taken late"], len(v.Problems))
		if day.word() != "passed" {
			bad = append(bad, fmt.Sprintf("%d on %s", day.seed, day.store))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(bad) > 0 {
		return errors.New("promises were broken with seed " + strings.Join(bad, ", "))
	}
	return nil
}

// seedRange reads "7" or "1..10".
func seedRange(text string) (first, last uint64, err error) {
	from, to, isRange := strings.Cut(text, "..")
	if first, err = strconv.ParseUint(from, 10, 64); err == nil {
		last = first
		if isRange {
			last, err = strconv.ParseUint(to, 10, 64)
		}
	}
	if err != nil || last < first {
		return 0, 0, fmt.Errorf("the seeds are %q; write 7, or 1..10", text)
	}
	return first, last, nil
}

// tortureOnce is one bad day and its judgement.
func tortureOnce(ctx context.Context, out io.Writer, store string, seed uint64, o options) (torture.Verdict, error) {
	d, err := newDay(out, store, seed, o)
	if err != nil {
		return torture.Verdict{}, err
	}
	defer d.close()
	world, err := d.run(ctx)
	if err != nil {
		d.keepLogs()
		return torture.Verdict{}, err
	}
	verdict := torture.Check(world)
	told := map[string]bool{}
	for _, p := range verdict.Problems {
		if key := p.Group + "@" + p.Place; !told[key] && len(told) < maxStories {
			told[key] = true
			fmt.Fprintf(out, "-- %s\n%s", p, world.Story(p.Group, p.Place))
		}
	}
	if !verdict.Passed() {
		d.keepLogs()
	}
	if o.story != "" {
		group, place, _ := strings.Cut(o.story, "@")
		fmt.Fprint(out, world.Story(group, place))
	}
	return verdict, nil
}

// maxStories is how many broken promises are told in full.
const maxStories = 5
