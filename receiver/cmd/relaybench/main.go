// Command relaybench is `make bench`: it starts the built receiver as a process
// of its own, is its senders and its Teams, and prints a table of that and of
// what Go's benchmarks have measured before: the numbers that the README states.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	program := flag.String("program", "bin/teamsrelay", "the built teamsrelay")
	clients := flag.Int("clients", 32, "senders at a time")
	span := flag.Duration("span", 10*time.Second, "how long each load lasts")
	active := flag.Int("active", 100_000, "active alerts for the memory reading")
	strangers := flag.Int("strangers", 1000, "people for one alert who have nothing installed")
	storm := flag.Int("storm", 1000, "groups with 100 alerts each in the storm")
	proxy := flag.String("proxy", "", "internal: be the proxy to compare with, at this address")
	proxyTo := flag.String("proxy-to", "", "internal: where the proxy posts")
	benchmarks := flag.String("benchmarks", "", "a file with what go test -bench has printed, for the table")
	only := flag.String("only", "", "the one measurement to make; all when empty")
	flag.Parse()
	if *proxy != "" {
		fmt.Fprintln(os.Stderr, runProxy(*proxy, *proxyTo))
		os.Exit(1)
	}
	b := &bench{program: *program, clients: *clients, span: *span}
	load := loadNow()
	for _, step := range []struct {
		name    string
		measure func() error
	}{
		{"webhooks", b.webhooks}, {"slow", b.slowTeams}, {"big", b.bigGroups}, {"replicas", b.replicas}, {"posted", b.posted}, {"latency", b.latency},
		{"memory", func() error { return b.memory(*active) }},
		{"people", func() error { return b.strangers(*strangers) }},
		{"storm", func() error { return b.storm(*storm) }},
	} {
		if *only != "" && *only != step.name {
			continue
		}
		if err := step.measure(); err != nil {
			fail(err)
		}
	}
	if *benchmarks != "" {
		if err := b.read(*benchmarks); err != nil {
			fail(err)
		}
	}
	if err := table(os.Stdout, b.machine(load), b.rows); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "relaybench:", err)
	os.Exit(1)
}

type bench struct {
	program  string
	clients  int
	span     time.Duration
	postgres string // its version, once it has run
	rows     []row
}

// read adds what Go's benchmarks have measured.
func (b *bench) read(file string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	rows, err := readBenchmarks(in)
	b.rows = append(b.rows, rows...)
	return err
}

// webhooks is durable webhooks a second, each a group of its own with one
// alert, beside the proxy that stores nothing.
func (b *bench) webhooks() error {
	ours, err := b.load("webhooks, 1 alert each, Teams answers at once", 1, "/alertmanager", 0, webhook(1), b.receiver)
	if err != nil {
		return err
	}
	theirs, err := b.load("the same, a proxy that stores nothing", 1, "/alertmanager", 0, webhook(1), b.proxy)
	if err == nil {
		b.found("ours / the proxy's", "%.2f", ours/theirs)
	}
	return err
}

// slowTeams is the same while every send takes 200 ms.
func (b *bench) slowTeams() error {
	const slow = 200 * time.Millisecond
	ours, err := b.load("webhooks, 1 alert each, Teams takes 200 ms", 1, "/alertmanager", slow, webhook(1), b.receiver)
	if err != nil {
		return err
	}
	theirs, err := b.load("the same, a proxy that stores nothing", 1, "/alertmanager", slow, webhook(1), b.proxy)
	if err == nil {
		b.found("ours / the proxy's", "%.2f", ours/theirs)
	}
	return err
}

// bigGroups is alerts a second at 100 in a group.
func (b *bench) bigGroups() error {
	_, err := b.load("webhooks, 100 alerts each", 100, "/alertmanager", 0, webhook(100), b.receiver)
	return err
}

// posted is what a Prometheus sends, in batches of 64 (its own default).
func (b *bench) posted() error {
	_, err := b.load("POST /api/v2/alerts, 64 new alerts each", 64, "/api/v2/alerts", 0, list(64), b.receiver)
	return err
}

// load returns requests a second.
func (b *bench) load(name string, alerts int, path string, slow time.Duration, bodies *pattern,
	start func(teams string) (*receiver, error)) (float64, error) {
	teams := newTeams(slow)
	defer teams.Close()
	r, err := start(teams.URL)
	if err != nil {
		return 0, err
	}
	stopped := false
	defer func() {
		if !stopped {
			r.stop()
		}
	}()
	var (
		sent  atomic.Int64
		took  = make([][]time.Duration, b.clients)
		work  sync.WaitGroup
		errs  = make(chan error, b.clients)
		begin = time.Now()
	)
	for i := range b.clients {
		work.Go(func() {
			var body []byte
			for time.Since(begin) < b.span {
				body = bodies.body(body, int(sent.Add(1)))
				began := time.Now()
				if err := r.replica(i).post(path, body); err != nil {
					errs <- err
					return
				}
				took[i] = append(took[i], time.Since(began))
			}
		})
	}
	work.Wait()
	elapsed := time.Since(begin)
	select {
	case err := <-errs:
		return 0, err
	default:
	}
	all := slices.Concat(took...)
	slices.Sort(all)
	rate := float64(len(all)) / elapsed.Seconds()
	stopped = true
	r.stop()
	used := r.used() / time.Duration(max(1, len(all)))
	b.found(name, "%.0f requests/s, %.0f alerts/s, p50 %s, p99 %s, CPU %s a request, %d messages to Teams",
		rate, rate*float64(alerts), ms(at(all, 0.5)), ms(at(all, 0.99)), used.Round(time.Microsecond), teams.count.Load())
	return rate, nil
}

// latency is the time from our 200 to the card's arrival at an idle Teams.
func (b *bench) latency() error {
	teams := newTeams(0)
	defer teams.Close()
	r, err := b.start(teams.URL, "[10000/1s]")
	if err != nil {
		return err
	}
	defer r.stop()
	var waited []time.Duration
	bodies := webhook(1)
	for i := range 500 {
		if err := r.post("/alertmanager", bodies.body(nil, i+1)); err != nil {
			return err
		}
		answered := time.Now()
		select {
		case arrived := <-teams.arrivals:
			waited = append(waited, max(0, arrived.Sub(answered)))
		case <-time.After(10 * time.Second):
			return errors.New("no card arrived within 10 s")
		}
		time.Sleep(5 * time.Millisecond) // idle again
	}
	slices.Sort(waited)
	b.found("from our 200 to the card at an idle Teams", "p50 %s, p99 %s, max %s",
		ms(at(waited, 0.5)), ms(at(waited, 0.99)), ms(waited[len(waited)-1]))
	return nil
}

// memory is the resident memory idle and with many active alerts.
func (b *bench) memory(active int) error {
	teams := newTeams(0)
	defer teams.Close()
	r, err := b.start(teams.URL, "")
	if err != nil {
		return err
	}
	defer r.stop()
	time.Sleep(2 * time.Second)
	idle, err := r.resident()
	if err != nil {
		return err
	}
	const batch = 500
	bodies := list(batch)
	for i := range active / batch {
		if err := r.post("/api/v2/alerts", bodies.body(nil, i)); err != nil {
			return err
		}
	}
	loaded, peak := 0.0, 0.0
	for range 20 {
		time.Sleep(500 * time.Millisecond)
		if loaded, err = r.resident(); err != nil {
			return err
		}
		peak = max(peak, loaded)
	}
	b.found("resident memory", "idle %.0f MB, with %d active alerts %.0f MB (peak %.0f MB)", idle, active, loaded, peak)
	return nil
}

// teamsSink takes cards and notes when they arrive.
type teamsSink struct {
	*httptest.Server
	count    atomic.Int64
	arrivals chan time.Time
}

func newTeams(slow time.Duration) *teamsSink {
	t := &teamsSink{arrivals: make(chan time.Time, 1024)}
	t.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived := time.Now()
		_, _ = io.Copy(io.Discard, r.Body)
		time.Sleep(slow)
		t.count.Add(1)
		select {
		case t.arrivals <- arrived:
		default:
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	return t
}

func at(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(share*float64(len(sorted)-1))]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
