package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/teamsrelay/teamsrelay/receiver/teamstest"
	"github.com/teamsrelay/teamsrelay/receiver/torture"
	"github.com/teamsrelay/teamsrelay/receiver/web"
)

// day is one torture: a plan, what it is carried out on, and what happened.
type day struct {
	out      io.Writer // for people
	options  options
	plan     torture.Plan
	dir      string
	database database
	replicas []*replica
	teams    *microsoft
	senders  *senders
	began    atomic.Pointer[time.Time]
	chaos    sync.WaitGroup

	mu      sync.Mutex
	done    []torture.Done
	pressed []torture.Pressed
	ended   []string
	stops   []torture.Stop
}

// newDay makes all that a day needs; nothing runs yet but the database.
func newDay(out io.Writer, store string, seed uint64, o options) (_ *day, err error) {
	d := &day{out: out, options: o}
	d.begin()
	if d.dir, err = os.MkdirTemp("", "torture-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	shape := torture.Shape{For: o.length, Replicas: 1, Sure: o.sure}
	switch store {
	case "sqlite":
		d.database, err = newSQLite(d.dir)
	case "postgres":
		shape.Replicas, shape.Shared = o.replicas, true
		d.database, err = newPostgres(d.dir)
	default:
		err = fmt.Errorf("the store is %q; write sqlite, postgres or both", store)
	}
	if err != nil {
		return nil, err
	}
	// A plan does not depend on the machine: where a disk cannot be filled,
	// that is left out and said.
	shape.Disk = true
	d.plan = torture.NewPlan(seed, shape)
	d.teams = newMicrosoft(d.since, d.public)
	d.senders = newSenders(d.since, d.main)
	ca := filepath.Join(d.dir, "ca.pem")
	if err := d.teams.ca(ca); err != nil {
		return nil, err
	}
	file := filepath.Join(d.dir, "teamsrelay.yml")
	if err := os.WriteFile(file, []byte(configuration(d.database.url(), d.teams.server.URL, slowPace(o.sure))), 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(d.dir, "mark.tmpl"), []byte(torture.Template), 0o600); err != nil {
		return nil, err
	}
	d.replicas, err = newReplicas(shape.Replicas, o.program, d.dir, file, []string{"SSL_CERT_FILE=" + ca})
	return d, err
}

// slowPace is so slow that digests have to tell what waits, which takes minutes:
// too many for a day that is sure.
func slowPace(sure bool) string {
	if sure {
		return "4/1s"
	}
	return "2/1s, 3/30s"
}

// configuration is that of the replicas.
func configuration(storage, teams, slow string) string {
	host := strings.TrimPrefix(teams, "https://")
	text := fmt.Sprintf(`
storage: {url: %q}
resolve_timeout: 2m
template_files: [mark.tmpl]
destinations:
  - name: ops
    workflow: {url: "%[2]s/workflow/ops"}
    pace: [4/1s]
  - name: slow
    workflow: {url: "%[2]s/workflow/slow"}
    pace: [%[10]s]
  - name: sre
    channel: {team_id: %[3]q, channel_id: %[4]q}
  - name: duty
    chat: {chat_id: %[5]q}
microsoft:
  tenant_id: %[6]s
  app_id: %[7]s
  client_secret: %[8]s
  endpoints:
    login: %[2]s
    bot_openid_metadata: %[2]s/v1/.well-known/openidconfiguration
    service_url: %[2]s/emea
    allowed_service_hosts: [%[9]s]
events:
  - name: jobs
    mapping:
      name: .name
      key: .name
      status: 'if .done then "resolved" else "firing" end'
      labels: {instance: .instance, severity: .severity, place: .place}
      annotations: {step: .step}
route:
  destinations: [ops]
  group_by: [alertname]
  group_wait: 1s
  group_interval: 2s
  routes:
`, storage, teams, teamstest.Team, teamstest.Alerts, teamstest.Chat,
		teamstest.DefaultTenant, teamstest.DefaultAppID, teamstest.DefaultSecret, host, slow)
	for _, places := range [][]string{{"ops"}, {"slow"}, {"sre"}, {"duty"}, {"ops", "sre"}, {"slow", "duty"}} {
		text += fmt.Sprintf("    - {matchers: ['place=%q'], destinations: [%s]}\n", strings.Join(places, "-"), strings.Join(places, ", "))
	}
	return text
}

// begin begins to count the time of the day.
func (d *day) begin() {
	now := time.Now()
	d.began.Store(&now)
}

// since is the time of the day.
func (d *day) since() time.Duration { return time.Since(*d.began.Load()) }

// main is where the replicas take alerts, by number.
func (d *day) main() []string {
	all := make([]string, len(d.replicas))
	for i, r := range d.replicas {
		all[i], _ = r.at()
	}
	return all
}

// public is where those that listen take what Teams sends.
func (d *day) public() (all []string) {
	for _, r := range d.replicas {
		if _, public := r.at(); public != "" {
			all = append(all, public)
		}
	}
	return all
}

// Bounds of what has to happen when nothing fails any more.
const (
	startsWithin = 60 * time.Second
	// settlesWithin is enough at any pace. For a minute a message that may have
	// arrived is left alone, the next digest after one that may have, and an
	// address that has failed. What waits then takes two minutes at its pace, or
	// a digest tells all of it (design D4).
	settlesWithin = 5 * time.Minute
	endsWithin    = 60 * time.Second
	// quiet is for how long nothing is to wait before it counts as settled:
	// more than group_interval.
	quiet = 6 * time.Second
)

// run carries the plan out and returns what happened.
func (d *day) run(ctx context.Context) (*torture.World, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, r := range d.replicas {
		if err := r.start(); err != nil {
			return nil, err
		}
	}
	if err := d.await(ctx, startsWithin, "the replicas listen", func() bool { return len(d.public()) == len(d.replicas) }); err != nil {
		return nil, err
	}
	if err := d.await(ctx, startsWithin, "the bot is installed", func() bool { return d.teams.teams.InstallTogether(ctx) == nil }); err != nil {
		return nil, err
	}
	d.begin()
	d.senders.start(ctx, d.plan.Groups)
	d.chaos.Go(func() { d.press(ctx) })
	d.fail(ctx)
	d.until(ctx, d.plan.Shape.For)
	d.chaos.Wait()

	d.teams.calm()
	for _, r := range d.replicas {
		r.hang(false)
	}
	calm := d.since()
	close(d.senders.calm)
	if err := d.senders.ended(2 * time.Minute); err != nil {
		return nil, err
	}
	scripts := d.since()
	settled := d.settle(ctx)
	takes := d.senders.stop()
	told := d.since()
	if settled == nil {
		settled = d.replay(ctx)
	}
	fmt.Fprintf(d.out, "   the bad day was over after %s, everything was taken after %s, told after %s, replayed after %s\n",
		calm.Round(time.Second), scripts.Round(time.Second), told.Round(time.Second), d.since().Round(time.Second))
	if settled != nil {
		d.ended = append(d.ended, settled.Error())
	}
	for _, r := range d.replicas {
		d.stop(r)
		d.ended = append(d.ended, r.wrongs()...)
	}
	w := &torture.World{Plan: d.plan, Calm: calm, Takes: takes, Done: d.done, Pressed: d.pressed, Stops: d.stops, Ended: d.ended}
	slices.SortStableFunc(w.Done, func(a, b torture.Done) int { return int(a.From - b.From) })
	slices.SortStableFunc(w.Takes, func(a, b torture.Take) int { return int(a.Began - b.Began) })
	w.Sights, w.Requests = d.teams.seen()
	return w, d.collect(w)
}

// await waits for something.
func (d *day) await(ctx context.Context, within time.Duration, what string, so func() bool) error {
	for deadline := time.Now().Add(within); !so(); {
		if time.Now().After(deadline) {
			return fmt.Errorf("not within %s: %s", within, what)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// until waits for a time of the day.
func (d *day) until(ctx context.Context, at time.Duration) {
	select {
	case <-time.After(at - d.since()):
	case <-ctx.Done():
	}
}

// press has people answer cards, one after the other.
func (d *day) press(ctx context.Context) {
	for _, p := range d.plan.Presses {
		d.until(ctx, p.At)
		if ctx.Err() != nil {
			return
		}
		msg, mark, ok := d.teams.card(p.Pick, p.Verb == "unack")
		if !ok || p.Who == "Carol" && msg.Conversation == teamstest.Chat {
			continue
		}
		done := torture.Pressed{Press: p, Group: mark.Group}
		done.At = d.since()
		if p.API {
			to := d.main()
			done.Status = post(ctx, d.senders.client, "http://"+to[p.Pick%uint64(len(to))]+"/api/v1/alerts/"+mark.ID+"/"+p.Verb, web.Act{Who: p.Who, Text: p.Text})
			done.Did = done.Status == http.StatusOK
		} else {
			inputs := map[string]string{}
			if p.Text != "" {
				inputs["comment"] = p.Text
			}
			within, cancel := context.WithTimeout(ctx, answerTimeout)
			answer, err := d.teams.teams.As(p.Who).Press(within, msg, p.Verb, inputs)
			cancel()
			if err != nil && answer.Activity == nil {
				continue // the card has no such button
			}
			done.Status = answer.Status
			done.Did = answer.Status == http.StatusOK && len(answer.Card) > 0 && strings.Contains(string(answer.Card), p.Text)
		}
		d.mu.Lock()
		d.pressed = append(d.pressed, done)
		d.mu.Unlock()
	}
}

// settle waits until nothing is on its way any more.
func (d *day) settle(ctx context.Context) error {
	since := time.Now()
	return d.await(ctx, settlesWithin, "nothing is on its way any more", func() bool {
		for _, dest := range list[web.Destination](d, "destinations") {
			if dest.Waiting > 0 {
				since = time.Now()
			}
		}
		return time.Since(since) > quiet
	})
}

// replay has an operator replay what was given up, and waits until it is told.
func (d *day) replay(ctx context.Context) error {
	for _, letter := range list[web.DeadLetter](d, "dead-letters") {
		to := d.anyone()
		if status := post(ctx, d.senders.client, fmt.Sprintf("http://%s/api/v1/dead-letters/%d/replay", to, letter.ID), object{}); status != http.StatusOK {
			return fmt.Errorf("the replay of dead letter %d was answered %d", letter.ID, status)
		}
	}
	return d.settle(ctx)
}

// anyone is where a replica listens.
func (d *day) anyone() string {
	for _, at := range d.main() {
		if at != "" {
			return at
		}
	}
	return "127.0.0.1:1" // nobody
}

// list reads one of the API's lists; nothing while nobody answers.
func list[T any](d *day, name string) []T {
	answer, err := d.senders.client.Get("http://" + d.anyone() + "/api/v1/" + name + "?limit=1000")
	if err != nil {
		return nil
	}
	defer answer.Body.Close()
	var lists map[string][]T
	if json.NewDecoder(answer.Body).Decode(&lists) != nil {
		return nil
	}
	return lists[name]
}

// keepLogs leaves the logs where somebody can read them.
func (d *day) keepLogs() {
	to := d.options.keep
	if to == "" {
		to = filepath.Join(os.TempDir(), "torture-logs")
	}
	to = filepath.Join(to, fmt.Sprintf("seed-%d-%s", d.plan.Seed, d.database.name()))
	if err := os.MkdirAll(to, 0o700); err != nil {
		return
	}
	for _, r := range d.replicas {
		if text, err := os.ReadFile(r.log); err == nil {
			_ = os.WriteFile(filepath.Join(to, filepath.Base(r.log)), text, 0o600)
		}
	}
	fmt.Fprintln(d.out, "-- the logs of the replicas are in "+to)
}

// close ends everything and removes what is left of it.
func (d *day) close() {
	for _, r := range d.replicas {
		_, _ = r.end(os.Kill, endsWithin) // it has ended by itself, or is to end anyhow
	}
	if d.teams != nil {
		d.teams.close()
	}
	var err error
	if d.database != nil {
		err = d.database.close()
	}
	if err := errors.Join(err, os.RemoveAll(d.dir)); err != nil {
		fmt.Fprintln(os.Stderr, "torture: something is left behind:", err)
	}
}
