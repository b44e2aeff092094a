// Command relaybench is the first half of `make bench`: it starts the built
// receiver as a process of its own, is its senders and its Teams, and prints
// the numbers that the README states.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	program := flag.String("program", "bin/teamsrelay", "the built teamsrelay")
	clients := flag.Int("clients", 32, "senders at a time")
	span := flag.Duration("span", 10*time.Second, "how long each load lasts")
	active := flag.Int("active", 100_000, "active alerts for the memory reading")
	strangers := flag.Int("strangers", 1000, "people for one alert who have nothing installed")
	proxy := flag.String("proxy", "", "internal: be the proxy to compare with, at this address")
	proxyTo := flag.String("proxy-to", "", "internal: where the proxy posts")
	flag.Parse()
	if *proxy != "" {
		fmt.Fprintln(os.Stderr, runProxy(*proxy, *proxyTo))
		os.Exit(1)
	}
	b := &bench{program: *program, clients: *clients, span: *span}
	fmt.Printf("%s, %s/%s, %d cores, %d clients, state on the disk of %s\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), b.clients, os.TempDir())
	for _, step := range []func() error{
		b.webhooks, b.slowTeams, b.bigGroups, b.posted, b.latency, func() error { return b.memory(*active) },
		func() error { return b.strangers(*strangers) },
	} {
		if err := step(); err != nil {
			fmt.Fprintln(os.Stderr, "relaybench:", err)
			os.Exit(1)
		}
	}
}

type bench struct {
	program string
	clients int
	span    time.Duration
}

// webhooks is durable webhooks a second, each a group of its own with one
// alert, beside the proxy that stores nothing.
func (b *bench) webhooks() error {
	ours, err := b.load("webhooks, 1 alert each, Teams answers at once", 1, "/alertmanager", 0, webhook(1), b.receiver)
	if err != nil {
		return err
	}
	theirs, err := b.load("  the same, a proxy that stores nothing", 1, "/alertmanager", 0, webhook(1), b.proxy)
	if err == nil {
		fmt.Printf("  ours / the proxy's: %.2f\n", ours/theirs)
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
	theirs, err := b.load("  the same, a proxy that stores nothing", 1, "/alertmanager", slow, webhook(1), b.proxy)
	if err == nil {
		fmt.Printf("  ours / the proxy's: %.2f\n", ours/theirs)
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
				if err := r.post(path, body); err != nil {
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
	used := (r.cmd.ProcessState.UserTime() + r.cmd.ProcessState.SystemTime()) / time.Duration(max(1, len(all)))
	fmt.Printf("%-48s %6.0f requests/s %7.0f alerts/s  p50 %s  p99 %s  CPU %s a request  %d messages to Teams\n",
		name, rate, rate*float64(alerts), ms(at(all, 0.5)), ms(at(all, 0.99)), used.Round(time.Microsecond), teams.count.Load())
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
	fmt.Printf("%-48s p50 %s  p99 %s  max %s\n", "from our 200 to the card at an idle Teams",
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
	fmt.Printf("%-48s idle %.0f MB, with %d active alerts %.0f MB (peak %.0f MB)\n", "resident memory", idle, active, loaded, peak)
	return nil
}

// receiver is a running teamsrelay serve, or the proxy.
type receiver struct {
	cmd    *exec.Cmd
	base   string
	dir    string
	client *http.Client
	output bytes.Buffer
}

// receiver starts a receiver at the default pace.
func (b *bench) receiver(teams string) (*receiver, error) { return b.start(teams, "") }

// start starts a receiver; pace is the destination's, "" the default.
func (b *bench) start(teams, pace string) (*receiver, error) {
	if pace != "" {
		pace = "\n    pace: " + pace
	}
	config := fmt.Sprintf("storage: {url: \"sqlite:bench.db\"}\ndestinations:\n  - name: ops\n    workflow: {url: %q}%s\nroute: {destinations: [ops], group_by: [alertname, group], group_wait: 1s}\n",
		teams+"/workflow/ops", pace)
	return b.run(func(dir, address string) (*exec.Cmd, error) {
		file := filepath.Join(dir, "teamsrelay.yml")
		err := os.WriteFile(file, []byte(config), 0o600)
		return exec.Command(b.program, "serve", "--config.file="+file, "--web.listen-address="+address, "--log.level=error"), err
	})
}

// proxy starts the proxy to compare with.
func (b *bench) proxy(teams string) (*receiver, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return b.run(func(_, address string) (*exec.Cmd, error) {
		return exec.Command(self, "-proxy", address, "-proxy-to", teams+"/workflow/ops"), nil
	})
}

// run starts a process and waits until it is ready.
func (b *bench) run(command func(dir, address string) (*exec.Cmd, error)) (*receiver, error) {
	dir, err := os.MkdirTemp("", "relaybench")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	r := &receiver{
		dir: dir, base: "http://127.0.0.1:" + port,
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: b.clients}, Timeout: 30 * time.Second},
	}
	if r.cmd, err = command(dir, "127.0.0.1:"+port); err != nil {
		return nil, err
	}
	r.cmd.Stderr = &r.output
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	for range 200 {
		if _, err = r.get("/-/ready"); err == nil {
			return r, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	r.stop()
	return nil, fmt.Errorf("it does not start: %w\n%s", err, r.output.String())
}

func (r *receiver) stop() {
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	_ = r.cmd.Wait()
	_ = os.RemoveAll(r.dir)
}

func (r *receiver) post(path string, body []byte) error {
	response, err := r.client.Post(r.base+path, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, said)
	}
	return err
}

func (r *receiver) get(path string) (string, error) {
	response, err := r.client.Get(r.base + path)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	return string(body), err
}

var residentLine = regexp.MustCompile(`(?m)^process_resident_memory_bytes (\S+)$`)

// resident is the process' own reading, in MB.
func (r *receiver) resident() (float64, error) {
	metrics, err := r.get("/metrics")
	if err != nil {
		return 0, err
	}
	found := residentLine.FindStringSubmatch(metrics)
	if found == nil {
		return 0, errors.New("no process_resident_memory_bytes in /metrics")
	}
	bytes, err := strconv.ParseFloat(found[1], 64)
	return bytes / 1e6, err
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

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// webhook is a group with so many alerts, of the size that Kubernetes' rules
// have.
func webhook(alerts int) *pattern {
	var b strings.Builder
	b.WriteString(`{"version":"4","groupKey":"{}:{alertname=\"KubePodCrashLooping\",group=\"` + groupMark + `\"}","truncatedAlerts":0,"status":"firing","receiver":"teams","groupLabels":{"alertname":"KubePodCrashLooping","group":"` + groupMark + `"},"commonLabels":{"alertname":"KubePodCrashLooping","severity":"warning"},"commonAnnotations":{},"externalURL":"http://alertmanager.example:9093","alerts":[`)
	for i := range alerts {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"status":"firing",%s,"startsAt":"2026-11-21T10:02:00.123Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prometheus.example:9090/graph?g0.expr=rate%%28kube_pod_container_status_restarts_total%%5B5m%%5D%%29","fingerprint":"%016x"}`, words(strconv.Itoa(i)), i)
	}
	b.WriteString("]}")
	return newPattern(b.String(), func(request, _ int, _ bool) int { return request })
}

// list is alerts as Prometheus posts them, 100 to a group.
func list(alerts int) *pattern {
	var b strings.Builder
	b.WriteByte('[')
	for i := range alerts {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{%s,"startsAt":"2026-11-21T10:02:00.123Z","generatorURL":"http://prometheus.example:9090/graph?g0.expr=rate%%28kube_pod_container_status_restarts_total%%5B5m%%5D%%29"}`, words(alertMark))
	}
	b.WriteByte(']')
	const marks = 3 // of each alert
	return newPattern(b.String(), func(request, mark int, group bool) int {
		n := request*alerts + mark/marks
		if group {
			return n / 100
		}
		return n
	})
}

func words(alert string) string {
	return `"labels":{"alertname":"KubePodCrashLooping","severity":"warning","cluster":"prod-eu-1","namespace":"shop","group":"` + groupMark + `","pod":"checkout-7d9f8b6c5-` + alert + `","container":"app","job":"kube-state-metrics"},"annotations":{"summary":"Pod is crash looping.","description":"Pod shop/checkout-7d9f8b6c5-` + alert + ` (app) is in waiting state (reason: CrashLoopBackOff).","runbook_url":"https://runbooks.prometheus-operator.dev/runbooks/kubernetes/kubepodcrashlooping"}`
}

// pattern is a body with numbers left out. The sender shares its cores with
// what it measures, so a body has to cost next to nothing.
type pattern struct {
	parts  []string
	groups []bool // which marks stand for a group
	number func(request, mark int, group bool) int
}

const groupMark, alertMark = "\x01", "\x02"

func newPattern(text string, number func(request, mark int, group bool) int) *pattern {
	p := &pattern{number: number}
	for {
		i := strings.IndexAny(text, groupMark+alertMark)
		if i < 0 {
			p.parts = append(p.parts, text)
			return p
		}
		p.parts = append(p.parts, text[:i])
		p.groups = append(p.groups, text[i] == groupMark[0])
		text = text[i+1:]
	}
}

// body is the body of one request, in a buffer that is used again.
func (p *pattern) body(buffer []byte, request int) []byte {
	buffer = buffer[:0]
	for i, part := range p.parts {
		buffer = append(buffer, part...)
		if i < len(p.groups) {
			buffer = strconv.AppendInt(buffer, int64(p.number(request, i, p.groups[i])), 10)
		}
	}
	return buffer
}

func at(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(share*float64(len(sorted)-1))]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }
